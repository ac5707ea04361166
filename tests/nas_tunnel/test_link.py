"""What is found below our messages, in frames that Scapy made: each link type, and what is passed over."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.dot11 import Dot11, Dot11QoS, RadioTap
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import LLC, SNAP, CookedLinux, CookedLinuxV2, Dot1Q, Ether
from scapy.packet import Packet, Padding, Raw

from nas_tunnel.gas_frame import GasRequest
from nas_tunnel.link import (
    BARE_80211,
    COOKED,
    COOKED_2,
    ETHERNET,
    LINK_TYPES,
    RADIOTAP,
    Datagram,
    Elements,
    find_packet,
    hear,
)
from nas_tunnel.lobby import PORT
from tests.nas_tunnel.air import BEACON_ELEMENT, beacon, story
from wire.ids import MacAddress

STATION, BSSID = MacAddress.parse("02:00:00:00:00:01"), MacAddress.parse("02:00:00:00:00:fe")
NOBODY = MacAddress(bytes(6))
TO_DS, FROM_DS = 1, 2
ASKED, ANSWERED = Datagram(STATION, True, b"payload"), Datagram(STATION, False, b"payload")


def ipv6(sport: int = 40_000, dport: int = PORT, payload: bytes = b"payload") -> Packet:
    return IPv6(src="fe80::1", dst="fe80::2") / UDP(sport=sport, dport=dport) / Raw(payload)


def ether(source: MacAddress = STATION, destination: MacAddress = BSSID) -> Packet:
    return Ether(src=str(source), dst=str(destination))


def snap() -> Packet:
    return LLC(dsap=0xAA, ssap=0xAA, ctrl=3) / SNAP(OUI=0, code=0x86DD)


def data(flags: int, *addresses: MacAddress, qos: bool = False) -> Packet:
    one, two, three = map(str, addresses)
    header = Dot11(type=2, subtype=8 if qos else 0, FCfield=flags, addr1=one, addr2=two, addr3=three)
    return header / Dot11QoS() if qos else header


# ---- Datagrams


@pytest.mark.parametrize(
    ("link_type", "frame", "heard"),
    [
        (ETHERNET, ether() / ipv6(), ASKED),
        (ETHERNET, ether(BSSID, STATION) / ipv6(PORT, 40_000), ANSWERED),
        (ETHERNET, ether() / Dot1Q(vlan=7) / ipv6(), ASKED),
        (ETHERNET, ether() / Dot1Q(vlan=7) / Dot1Q(vlan=8) / ipv6(), ASKED),
        (ETHERNET, ether() / ipv6(payload=b"") / Padding(bytes(20)), Datagram(STATION, True, b"")),
        (COOKED, CookedLinux(pkttype=0, lladdrlen=6, src=STATION.octets, proto=0x86DD) / ipv6(), ASKED),
        (
            COOKED,
            CookedLinux(src=BSSID.octets, proto=0x86DD) / ipv6(PORT, 40_000),
            Datagram(NOBODY, False, b"payload"),
        ),
        (COOKED, CookedLinux(lladdrlen=0, proto=0x86DD) / ipv6(), Datagram(NOBODY, True, b"payload")),
        (COOKED_2, CookedLinuxV2(proto=0x86DD, src=STATION.octets, lladdrlen=6) / ipv6(), ASKED),
        (BARE_80211, data(TO_DS, BSSID, STATION, BSSID) / snap() / ipv6(), ASKED),
        (BARE_80211, data(FROM_DS, STATION, BSSID, BSSID) / snap() / ipv6(PORT, 40_000), ANSWERED),
        (BARE_80211, data(TO_DS, BSSID, STATION, BSSID, qos=True) / snap() / ipv6(), ASKED),
        (RADIOTAP, RadioTap() / data(TO_DS, BSSID, STATION, BSSID) / snap() / ipv6(), ASKED),
    ],
)
def test_a_datagram_is_heard(link_type: int, frame: Packet, heard: Datagram) -> None:
    assert hear(link_type, bytes(frame)) == heard


@pytest.mark.parametrize(
    ("link_type", "frame"),
    [
        (ETHERNET, ether() / IP(dst="192.0.2.1") / UDP(sport=1, dport=PORT) / Raw(b"payload")),
        (ETHERNET, ether() / ipv6(1, 2)),
        (ETHERNET, ether() / IPv6() / TCP(dport=PORT)),
        (BARE_80211, data(TO_DS | 0x40, BSSID, STATION, BSSID) / snap() / ipv6()),
        (BARE_80211, data(TO_DS | FROM_DS, BSSID, STATION, BSSID) / snap() / ipv6()),
        (BARE_80211, data(0, BSSID, STATION, BSSID) / snap() / ipv6()),
        (BARE_80211, data(TO_DS, BSSID, STATION, BSSID) / ipv6()),
        (9, ether() / ipv6()),
    ],
)
def test_what_is_not_ours_is_passed_over(link_type: int, frame: Packet) -> None:
    assert hear(link_type, bytes(frame)) is None


# ---- Management frames


def test_gas_and_beacons_are_heard_with_and_without_radiotap() -> None:
    for frame in story():
        assert hear(RADIOTAP, frame) == hear(BARE_80211, frame[8:]) is not None
    assert isinstance(hear(RADIOTAP, story()[1]), GasRequest)
    heard = hear(RADIOTAP, beacon(BEACON_ELEMENT))
    assert isinstance(heard, Elements)
    assert heard.bssid == BSSID
    assert heard.octets.endswith(BEACON_ELEMENT)


def test_a_probe_response_is_heard_as_a_beacon() -> None:
    frame = bytearray(beacon(BEACON_ELEMENT))
    frame[8] = 0x50
    assert hear(RADIOTAP, bytes(frame)) == hear(RADIOTAP, beacon(BEACON_ELEMENT))


def test_other_management_frames_and_other_radiotaps_are_passed_over() -> None:
    frame = bytearray(beacon(BEACON_ELEMENT))
    frame[8] = 0x40  # probe request
    assert hear(RADIOTAP, bytes(frame)) is None
    assert hear(RADIOTAP, b"\x01" + beacon(BEACON_ELEMENT)[1:]) is None


# ---- Whatever the bytes


@given(st.sampled_from(sorted(LINK_TYPES)), st.binary(max_size=200))
def test_garbage_is_heard_or_passed_over(link_type: int, frame: bytes) -> None:
    hear(link_type, frame)


@given(
    st.sampled_from([bytes(ether() / ipv6()), story()[2], story()[0]]),
    st.sampled_from(sorted(LINK_TYPES)),
    st.data(),
)
def test_a_frame_cut_short_or_garbled_is_heard_or_passed_over(
    frame: bytes, link_type: int, data: st.DataObject
) -> None:
    garbled = bytearray(frame[: data.draw(st.integers(0, len(frame)))])
    if garbled:
        garbled[data.draw(st.integers(0, len(garbled) - 1))] = data.draw(st.integers(0, 255))
    hear(link_type, bytes(garbled))


def test_where_a_packet_begins() -> None:
    """Behind Ethernet with and without a tag, and behind both forms of Linux cooked."""
    packet = b"\x45rest"
    assert find_packet(ETHERNET, bytes(12) + b"\x08\0" + packet) == (0x0800, 14)
    assert find_packet(ETHERNET, bytes(12) + b"\x81\0\0\x64\x08\0" + packet) == (0x0800, 18)
    assert find_packet(COOKED, bytes(14) + b"\x86\xdd" + packet) == (0x86DD, 16)
    assert find_packet(COOKED_2, b"\x08\0" + bytes(18) + packet) == (0x0800, 20)
    for link_type, size in ((ETHERNET, 13), (COOKED, 15), (COOKED_2, 19), (RADIOTAP, 99), (BARE_80211, 99)):
        assert find_packet(link_type, bytes(size)) is None
