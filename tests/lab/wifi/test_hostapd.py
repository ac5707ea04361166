"""The settings of a radio as hostapd.conf(5) wants them; that hostapd takes them is tried in tests/guest."""

from __future__ import annotations

from pathlib import Path

from lab.wifi.hostapd import LobbyBss, PaidBss, PskBss, RadiusServer, format_settings

RADIUS = RadiusServer("10.0.0.1", "0123456789abcdef")


def test_each_bss_has_its_own_part_after_the_radios() -> None:
    text = format_settings(
        [
            ("wlan0", PaidBss("paid", RADIUS, "roof", bridge="br0")),
            ("lobby0", LobbyBss("lobby")),
            ("psk0", PskBss("known", "a passphrase")),
        ],
        Path("/run/hostapd"),
        channel=6,
    )
    radio, lobby, psk = text.split("bss=")
    assert radio.startswith("interface=wlan0\n")
    assert {"channel=6", "ssid=paid", "bridge=br0", "ap_isolate=1"} <= set(radio.splitlines())
    assert lobby.splitlines()[0] == "lobby0"
    assert "wpa=" not in lobby
    assert "wpa_passphrase=a passphrase" in psk
    assert text.count("ctrl_interface=/run/hostapd") == 3


def test_who_pays_joins_with_protected_management_frames_and_can_be_thrown_out() -> None:
    lines = set(PaidBss("paid", RADIUS, "roof").lines)
    assert {
        "ieee80211w=1",
        "wpa_key_mgmt=WPA-EAP WPA-EAP-SHA256",
        "interworking=1",
        "nas_identifier=roof",
    } <= lines
    assert {"radius_das_require_event_timestamp=1", "radius_das_require_message_authenticator=1"} <= lines
    assert not [line for line in lines if line.startswith("bridge=")]
