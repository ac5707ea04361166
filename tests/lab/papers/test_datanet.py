"""What of Datanet can be measured without phones and maps."""

from __future__ import annotations

from lab.papers.datanet import findings
from lab.papers.exhibit import QUICK, Verdict


def test_a_payment_is_below_the_bar_and_others_data_are_not_here() -> None:
    found = findings(QUICK)
    sizes = {row[0]: row[2] for row in found["003/figure-5.11"].tables[0].rows}
    assert int(str(sizes["a payment with the meter's reading"])) < 500
    assert found["003/figure-5.11"].verdict is Verdict.SHAPE
    assert all(found[f"003/figure-5.{n}"].verdict is Verdict.CANNOT for n in range(2, 9))
