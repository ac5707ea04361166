"""Sessions in the cell model: what admission is worth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def test_admission_wastes_no_more_than_its_absence(quick: Mapping[str, Any]) -> None:
    waste = [y for _, y in quick["003/figure-4.1"]["plots"][0]["series"][0]["points"]]
    assert waste[1] <= waste[0], "proportional fair, by bit rates and not"
    assert quick["003/figure-4.1"]["seeds"] == 1, "and a quick run says how little it is"
    assert quick["003/figure-4.4"]["verdict"] == "cannot be reproduced"
