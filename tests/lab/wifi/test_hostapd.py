"""The settings of a radio as hostapd.conf(5) wants them; that hostapd takes them is tried in tests/guest."""

from __future__ import annotations

from pathlib import Path

from lab.wifi.hostapd import LobbyBss, PaidBss, PskBss, RadiusServer, format_settings, radius_lines

RADIUS = RadiusServer("10.0.0.1", "0123456789abcdef")


def test_each_bss_has_its_own_part_after_the_radios() -> None:
    text = format_settings(
        [
            ("wlan0", PaidBss("paid", radius_lines(RADIUS, "roof"), bridge="br0")),
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


def test_the_lines_of_the_operator_are_taken_as_they_are() -> None:
    lines = PaidBss("paid", ("nas_identifier=roof", "ieee8021x=1")).lines
    assert {"nas_identifier=roof", "ieee8021x=1", "interworking=1", "ap_isolate=1"} <= set(lines)
    assert not [line for line in lines if line.startswith("bridge=")]
