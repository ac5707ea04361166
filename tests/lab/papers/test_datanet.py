"""What of Datanet can be measured without phones and maps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def test_a_payment_is_below_the_bar_and_others_data_are_not_here(quick: Mapping[str, Any]) -> None:
    sizes = {row[0]: row[2] for row in quick["003/figure-5.11"]["tables"][0]["rows"]}
    assert int(sizes["a payment with the meter's reading"]) < 500
    assert quick["003/figure-5.11"]["verdict"] == "shape reproduced"
    assert {quick[f"003/figure-5.{n}"]["verdict"] for n in range(2, 9)} == {"cannot be reproduced"}
    assert all("not built" not in quick[f"003/figure-5.{n}"]["reason"] for n in range(1, 13))
