"""Our network's settings, what is remembered in it, and what wpa_supplicant's events mean."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.events import Associated, AssociationFailed, Disassociated, Obstacle
from device.membership import Membership, format_before, hear, parse_before, plan_network
from device.wpa_text import (
    CertificateRefused,
    Connected,
    Disconnected,
    EapFailed,
    KeyUnusable,
    NotFound,
    Refused,
    ScanResults,
    Terminating,
)
from wire.ids import MacAddress
from wire.keys import PrivateKey
from wire.network import Network

AP = MacAddress(b"\x02\0\0\0\0\x01")
OURS = Membership(3)


def test_the_settings_leave_no_room_for_strangers() -> None:
    ssid = b'evil"\nca_cert="/etc'
    plan = dict(plan_network(Network(AP, ssid, PrivateKey.from_secret(5).public, 10), (0, 2)))
    assert plan["ssid"] == ssid.hex()
    assert plan["id_str"] == '"airgrant/0,2"'
    assert (plan["eap"], plan["ca_cert"], plan["proto"]) == ("TLS", '"blob://airgrant-anchor"', "RSN")
    assert "bssid" not in plan
    assert all("\n" not in value for value in plan.values())


@given(st.lists(st.integers(0, 999_999_999), max_size=20))
def test_what_was_enabled_is_remembered(enabled: list[int]) -> None:
    assert parse_before(format_before(tuple(enabled))) == tuple(enabled)
    assert parse_before(f'"{format_before(tuple(enabled))}"') == tuple(enabled)


@pytest.mark.parametrize(
    "text", ["", "home", '"airgrant"', "airgrant/x", "airgrant/1,", "airgrant/1/on", "airgrant/٣"]
)
def test_what_is_not_ours(text: str) -> None:
    assert parse_before(text) is None


@pytest.mark.parametrize(
    ("event", "meaning"),
    [
        (Connected(AP, 3), Associated(AP)),
        (Connected(AP, 0), Disassociated("wpa_supplicant joined another network")),
        (Disconnected(AP, 2), Disassociated("reason code 2")),
        (
            Refused("status_code=17"),
            AssociationFailed(Obstacle.REFUSED, "refused by the access point, status_code=17"),
        ),
        (NotFound(), AssociationFailed(Obstacle.NOT_FOUND, "the network is not in range")),
        (Terminating(), AssociationFailed(Obstacle.NO_SUPPLICANT, "wpa_supplicant has ended")),
    ],
)
def test_meanings(event, meaning) -> None:
    assert hear(OURS, event) == (OURS, [meaning])


def test_what_means_nothing() -> None:
    assert hear(OURS, ScanResults()) == (OURS, [])


def test_a_failure_is_the_server_s_no_or_ours() -> None:
    state, said = hear(OURS, EapFailed())
    assert isinstance(said[0], AssociationFailed)
    assert said[0].obstacle is Obstacle.REJECTED
    state, said = hear(OURS, CertificateRefused("unable to get local issuer certificate"))
    assert said == []
    state, said = hear(state, EapFailed())
    assert isinstance(said[0], AssociationFailed)
    assert said[0].obstacle is Obstacle.UNKNOWN_AUTHORITY
    assert "unable to get local issuer certificate" in said[0].detail
    assert state == OURS  # the next failure is judged anew


def test_a_key_that_cannot_be_read_is_this_machine_s_fault() -> None:
    _, said = hear(OURS, KeyUnusable())
    assert isinstance(said[0], AssociationFailed)
    assert said[0].obstacle is Obstacle.NO_SUPPLICANT
