"""What of Datanet can be measured without phones and maps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lab.papers.datanet import traffic_verdict


def test_a_payment_is_below_the_bar_and_others_data_are_not_here(quick: Mapping[str, Any]) -> None:
    sizes = {row[0]: row[2] for row in quick["003/figure-5.11"]["tables"][0]["rows"]}
    assert int(sizes["a payment with the meter's reading"]) < 500
    assert quick["003/figure-5.11"]["verdict"] == "cannot be reproduced", "half of it is battery"
    assert {quick[f"003/figure-5.{n}"]["verdict"] for n in range(2, 9)} == {"cannot be reproduced"}
    assert all("not built" not in quick[f"003/figure-5.{n}"]["reason"] for n in range(1, 13))


def test_a_payment_that_is_too_large_would_be_said() -> None:
    assert not any("500 B" in each for each in traffic_verdict(499)[1])
    assert any("500 B" in each for each in traffic_verdict(500)[1])
