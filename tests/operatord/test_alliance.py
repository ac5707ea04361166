"""An offer in the Alliance's words: what fits, and what is said as the most that fits."""

from __future__ import annotations

import pytest

from operatord.alliance import write_custom_sla, write_linear_volume_rate, write_vendor_attributes

CAP_BYTES = 1_024_000_000


def test_the_floor_is_a_sustained_rate() -> None:
    assert write_custom_sla(2_000_000, 99) == bytes([99, 0x1E, 0x84, 0x80])
    for bps in (2**24 - 1, 2**24, 10**9):
        assert write_custom_sla(bps, 100) == bytes([100, 255, 255, 255])


@pytest.mark.parametrize("percent", [-1, 101])
def test_a_share_of_the_time_is_a_share(percent: int) -> None:
    with pytest.raises(ValueError, match="no share"):
        write_custom_sla(1, percent)


def test_a_price_for_a_volume_is_a_price_for_a_kilobyte() -> None:
    """500,000 ubc at 0.001 EUR each thousand (1,000 nanos a ubc) buy 1,000,000 KB: 500 nanos a KB."""
    assert write_linear_volume_rate(CAP_BYTES, 500_000, "EUR", 1_000) == b"EUR\0" + (500).to_bytes(4, "big")
    assert write_linear_volume_rate(CAP_BYTES, 500_001, "EUR", 1_000)[-4:] == (501).to_bytes(4, "big"), (
        "rounded up"
    )
    assert write_linear_volume_rate(CAP_BYTES, 0, "EUR", 1_000)[-4:] == bytes(4)


def test_what_the_attribute_cannot_say_is_left_out() -> None:
    assert write_linear_volume_rate(0, 500, "EUR", 1_000) == b"", "no volume"
    assert write_linear_volume_rate(CAP_BYTES, 2**62, "EUR", 1_000) == b"", "beyond 32 bits"
    with pytest.raises(ValueError, match="not a currency"):
        write_linear_volume_rate(CAP_BYTES, 1, "Bandcoin", 1)


def test_a_vendor_attribute_has_its_vendor_number_and_length() -> None:
    assert write_vendor_attributes([(17, bytes(4)), (15, b"")]) == [bytes.fromhex("0000372a 1106 00000000")]
