"""The Wi-Fi lab itself: radios, stock hostapd, wpa_supplicant and FreeRADIUS, three ways to join, both IP versions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.certificates import Authority, Identity, new_key
from lab.processes import Household
from lab.traffic import ping_once
from lab.wifi.air import OPERATOR_V4, WifiAir, wifi_air
from lab.wifi.hostapd import (
    Bss,
    Hostapd,
    LobbyBss,
    PaidBss,
    PskBss,
    RadiusServer,
    radius_lines,
    start_hostapd,
)
from lab.wifi.radius import start_freeradius, write_comparison
from lab.wifi.supplicant import Supplicant, eap_tls, eap_ttls, join, leave, psk, scan, start_supplicant
from lab.world import WORLD_V4, WORLD_V6
from wire.errors import ShellError

SECRET = "0123456789abcdef"
PASSPHRASE = "everybody knows it"


@dataclass
class Site:
    air: WifiAir
    hostapd: Hostapd
    supplicant: Supplicant
    mine: Identity
    stranger: Identity


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder: Path = tmp_path_factory.mktemp("joins")
    with wifi_air(1, 1) as air, Household(folder / "logs") as household:
        authority = Authority.create(folder / "pki")
        server = authority.issue_server("radius", ["radius"])
        address = str(OPERATOR_V4.ip)
        write_comparison(folder / "radius", address, SECRET, server, [("bob", "builder")])
        start_freeradius(household, air.operator, folder / "radius")
        paid = PaidBss("paid", radius_lines(RadiusServer(address, SECRET), "box1"), bridge="br0")
        bsses: list[tuple[str, Bss]] = [
            ("wlan0", paid),
            ("psk0", PskBss("known", PASSPHRASE, bridge="br0")),
            ("lobby0", LobbyBss("lobby")),
        ]
        yield Site(
            air=air,
            hostapd=start_hostapd(household, air.box(1).namespace, folder, bsses),
            supplicant=start_supplicant(household, air.station(1).namespace, folder, "sta1"),
            mine=authority.issue_client("me", new_key()),
            stranger=Authority.create(folder / "strange").issue_client("stranger", new_key()),
        )


def test_a_passphrase_lets_in_and_the_world_answers_in_both_families(site: Site) -> None:
    station = site.air.station(1)
    with site.supplicant.control() as control:
        scan(control, "known")
        join(control, psk("known", PASSPHRASE))
        station.take_addresses()
        assert ping_once(station.namespace, str(WORLD_V4.ip)) > 0
        assert ping_once(station.namespace, str(WORLD_V6.ip)) > 0
        leave(control)


def test_a_certificate_lets_in(site: Site) -> None:
    with site.supplicant.control() as control, site.hostapd.control("wlan0") as access_point:
        assert scan(control, "paid") == site.air.box(1).bssid
        mine = site.mine
        join(control, eap_tls("paid", mine.certificate, mine.key, mine.authority))
        assert "[MFP]" in access_point.ask(f"STA {site.air.station(1).mac}")
        leave(control)


def test_a_password_in_a_tunnel_lets_in(site: Site) -> None:
    with site.supplicant.control() as control:
        scan(control, "paid")
        join(control, eap_ttls("paid", "bob", "builder", site.mine.authority))
        leave(control)


def test_a_strange_certificate_does_not(site: Site) -> None:
    with site.supplicant.control() as control:
        scan(control, "paid")
        stranger = site.stranger
        with pytest.raises(ShellError, match=r"CTRL-EVENT-EAP-FAILURE|no event like"):
            join(control, eap_tls("paid", stranger.certificate, stranger.key, site.mine.authority), 5.0)
        assert "CTRL-EVENT-EAP-FAILURE" in " ".join(said.text for said in control.heard)
        control.order("REMOVE_NETWORK all")


def test_who_is_in_the_lobby_reaches_nobody_beyond_it(site: Site) -> None:
    station = site.air.station(1)
    with site.supplicant.control() as control:
        scan(control, "lobby")
        join(control, {"ssid": '"lobby"', "key_mgmt": "NONE"})
        station.take_addresses()
        with pytest.raises(ShellError, match="no answer"):
            ping_once(station.namespace, str(WORLD_V4.ip), deadline_s=1.0)
        leave(control)
