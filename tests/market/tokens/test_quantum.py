"""What a token buys: charges are rounded up, and the presets are the two readings of the paper."""

from __future__ import annotations

import pytest

from market.tokens.quantum import CARRIER, PAPER_BAND_KHZ, PAPER_TOKENS, PRESETS, RESOURCE_BLOCK, Quantum


def test_charges_are_rounded_up() -> None:
    assert CARRIER.charge(18_000, 1_000) == 1
    assert CARRIER.charge(18_000, 1_001) == 2
    assert CARRIER.charge(1, 1) == 1
    assert CARRIER.charge(0, 1_000) == CARRIER.charge(18_000, 0) == 0
    assert RESOURCE_BLOCK.charge(20_000, 10_000) == 1_112
    assert Quantum(1).charge(7, 3_000) == 21


def test_the_presets() -> None:
    assert PRESETS == {"carrier": CARRIER, "rb": RESOURCE_BLOCK}
    assert CARRIER.lasts_ms(PAPER_TOKENS, PAPER_BAND_KHZ) == 60_000
    assert RESOURCE_BLOCK.lasts_ms(PAPER_TOKENS, PAPER_BAND_KHZ) == 600
    assert CARRIER.charge(PAPER_BAND_KHZ, 60_000) == PAPER_TOKENS
    assert RESOURCE_BLOCK.charge(PAPER_BAND_KHZ, 600) == PAPER_TOKENS


def test_what_is_no_token() -> None:
    with pytest.raises(AssertionError, match="a token of 0"):
        Quantum(0)
    with pytest.raises(AssertionError, match="-1 kHz"):
        CARRIER.charge(-1, 1)
    with pytest.raises(AssertionError, match="-1 ms"):
        CARRIER.charge(1, -1)
