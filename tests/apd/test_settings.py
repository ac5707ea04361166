"""Settings: what a value has to obey, and that each field says what it is."""

from dataclasses import replace
from ipaddress import IPv6Address
from pathlib import Path
from typing import Any

import pytest

import wire.auction_terms
from apd import settings
from apd.settings import (
    AirSettings,
    AuctionSettings,
    BoxSettings,
    LedgerLinkSettings,
    MeterSettings,
    TariffSettings,
    WebSettings,
)
from tests.apd.world import LEDGER, SETTINGS
from wire.errors import ConfigError
from wire.qos import Qos
from wire.tariff import Tariff

LINK = LedgerLinkSettings(
    host="broker",
    authority_file=Path("ca"),
    certificate_file=Path("certificate"),
    certificate_key_file=Path("key"),
    key=LEDGER.public,
    ledger_id=bytes(32),
)


def changed(name: str, value: int) -> BoxSettings:
    changes: dict[str, Any] = {name: value}
    return replace(SETTINGS, **changes)


@pytest.mark.parametrize(
    "name",
    [
        "report_interval_s",
        "anchor_interval_s",
        "offer_lifetime_s",
        "purchase_timeout_s",
        "submit_timeout_s",
    ],
)
def test_intervals_are_a_second_at_least(name):
    changed(name, 1)
    with pytest.raises(ConfigError, match=f"^{name}: has to be at least 1, not 0"):
        changed(name, 0)


@pytest.mark.parametrize(("ppm", "good"), [(0, False), (1, True), (1_000_000, True), (1_000_001, False)])
def test_no_more_is_sold_than_there_is(ppm, good):
    if good:
        replace(SETTINGS, admission_ppm=ppm)
    else:
        with pytest.raises(ConfigError, match=r"^admission_ppm: "):
            replace(SETTINGS, admission_ppm=ppm)


@pytest.mark.parametrize("name", ["idle_timeout_s", "early_join_s"])
def test_what_may_be_switched_off(name):
    changed(name, 0)
    with pytest.raises(ConfigError, match=f"^{name}: cannot be negative"):
        changed(name, -1)


@pytest.mark.parametrize("changes", [{"port": 0}, {"port": 65_536}, {"ledger_id": bytes(31)}])
def test_the_link(changes):
    with pytest.raises(ConfigError, match=f"^{next(iter(changes))}: "):
        replace(LINK, **changes)


def test_the_meter_is_one_or_the_other():
    MeterSettings(tpm="device:/dev/tpmrm0")
    MeterSettings(software_key_file=Path("x"), accept_unattested=True)
    for wrong in ({}, {"tpm": "x", "software_key_file": Path("y")}, {"software_key_file": Path("y")}):
        with pytest.raises(ConfigError):
            MeterSettings(**wrong)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"monitor": "no such name"}, "monitor: not a device name"),
        ({"hostapd_socket": None}, "hostapd_socket: name hostapd's control socket, or else"),
        ({"hostapd_ubus": "phy0-ap0"}, "hostapd_socket: name hostapd's control socket, or else"),
        ({"hostapd_socket": None, "hostapd_ubus": "a/b"}, "hostapd_ubus: not a device name"),
        ({"monitor": ""}, "monitor: not a device name"),
        ({"lobby_interface": "a/b"}, "lobby_interface: not a device name"),
        ({"monitor": "lobby0", "lobby_interface": "lobby0"}, "monitor: cannot be the lobby's interface"),
        ({"airtime_budget_ppm": 0}, "airtime_budget_ppm: 0 is outside"),
        ({"airtime_budget_ppm": 1_000_001}, "airtime_budget_ppm: 1000001 is outside"),
    ],
)
def test_the_air(changes, told):
    good = AirSettings(SETTINGS.provider, Path("/run/hostapd/wlan0"))
    with pytest.raises(ConfigError, match=f"^{told}"):
        replace(good, **changes)


def test_a_tariff_is_what_its_operator_says_too():
    made = TariffSettings("2001:db8::7", 0, 8_000, 0, 4_000, per_megabyte_ubc=4_000, port=9)
    qos = Qos(0, 8_000, 0, 4_000)
    assert made.tariff == Tariff(0, 4_000, 60, qos, IPv6Address("2001:db8::7"), 9)
    wrong: list[tuple[str, Any, str]] = [
        ("address", "nobody", "address: 'nobody' is not an IP address"),
        ("address", "ff02::1", "address: ff02::1 is nobody's"),
        ("interval_s", 59, "interval_s: 59 is below 60"),
        ("per_megabyte_ubc", 0, "per_minute_ubc: neither"),
        ("ceil_up_bps", 0, "floor_down_bps: qos: floor 0 and ceiling 0 bit/s up"),
        ("port", 65_536, "port is 65536, outside"),
    ]
    for name, value, told in wrong:
        with pytest.raises(ConfigError, match=f"^{told}"):
            replace(made, **{name: value})


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"slots": 0}, "slots: 0 is outside 1..60"),
        ({"slots": 61}, "slots: 61 is outside 1..60"),
        ({"open_s": 3}, "open_s: 3 is below 4"),
    ],
)
def test_auctions(changes, told):
    AuctionSettings(1, 4)
    AuctionSettings(60, 30)
    with pytest.raises(ConfigError, match=f"^{told}"):
        AuctionSettings(**changes)


def test_an_auction_has_as_many_slots_as_its_message_takes():
    assert settings.MAX_SLOTS == wire.auction_terms.MAX_SLOTS


@pytest.mark.parametrize(
    ("listen", "port", "reason"),
    [
        ((), 8_470, "names no address"),
        (("0.0.0.0",), 8_470, "neither a loopback nor a private"),
        (("::",), 8_470, "neither a loopback nor a private"),
        (("203.0.113.7",), 8_470, "neither a loopback nor a private"),
        (("::ffff:127.0.0.1",), 8_470, "neither a loopback nor a private"),
        (("fe80::1",), 8_470, "neither a loopback nor a private"),
        (("router.lan",), 8_470, "not an IP address"),
        (("::1", "0:0::1"), 8_470, "twice"),
        (("127.0.0.1",), 65_536, "not a port"),
    ],
)
def test_metrics_are_for_nobody_far_away(listen, port, reason):
    with pytest.raises(ConfigError, match=reason):
        WebSettings(listen, port)


def test_metrics_are_for_whoever_is_near():
    near = ("127.0.0.1", "::1", "10.0.0.1", "172.31.255.1", "192.168.1.1", "fd00::1")
    assert WebSettings(near).port == 8_470
