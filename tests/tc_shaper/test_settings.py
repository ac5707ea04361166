"""What an operator may write, and which field is named when he may not."""

from typing import Any

import pytest

from tc_shaper.settings import MAX_SLOTS, ShaperSettings

GOOD: dict[str, Any] = {
    "interface": "wlan0",
    "downlink_capacity_bps": 50_000_000,
    "uplink_capacity_bps": 20_000_000,
}


def test_three_fields_suffice():
    settings = ShaperSettings(**GOOD)
    assert (settings.fifo_ms, settings.rate_layer, settings.lobby_port) == (40, "ip", 18_573)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("interface", ""),
        ("interface", 'wlan0" ; drop'),
        ("interface", "a-name-of-sixteen"),
        ("wan_interface", "wlan0"),
        ("wan_interface", ""),
        ("lobby_interface", "wlan0"),
        ("lobby_interface", "a b"),
        ("ifb", "wlan0"),
        ("table", "9lives"),
        ("table", "a b"),
        ("downlink_capacity_bps", 0),
        ("uplink_capacity_bps", -1),
        ("lobby_bps", 60_000_000),
        ("lobby_port", 65_536),
        ("lobby_packets_per_s", 0),
        ("pool_size", 0),
        ("pool_size", MAX_SLOTS + 1),
        ("pool_chunk", 0),
        ("fifo_ms", 0),
        ("grace_s", 0),
        ("leaf", "sfq"),
        ("rate_layer", "atm"),
    ],
)
def test_a_field_that_cannot_be_is_named(field, value):
    with pytest.raises(ValueError, match="^(ifb|" + field + "): "):
        ShaperSettings(**{**GOOD, field: value})
