"""What wpa_supplicant says, as it really said it (version 2.10), and what strangers make it say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.wpa_text import (
    NOBODY,
    CertificateRefused,
    Connected,
    Disconnected,
    EapFailed,
    GasResponse,
    KeyUnusable,
    KnownNetwork,
    NotFound,
    Refused,
    ScanAborted,
    ScanResults,
    Terminating,
    WpaEvent,
    parse_event,
    parse_fields,
    parse_mac,
    parse_networks,
    parse_number,
    parse_octets,
    parse_status,
)
from wire.errors import DecodeError
from wire.ids import MacAddress

AP = MacAddress.parse("02:00:00:00:00:00")


@pytest.mark.parametrize(
    ("text", "event"),
    [
        ("<3>CTRL-EVENT-SCAN-RESULTS ", ScanResults()),
        ("<3>CTRL-EVENT-SCAN-FAILED ret=-16 retry=1", ScanAborted("ret=-16")),
        (
            "<3>GAS-RESPONSE-INFO addr=02:00:00:00:00:00 dialog_token=45 status_code=0 resp_len=13",
            GasResponse(AP, 45, 0, 13),
        ),
        (
            "<3>GAS-RESPONSE-INFO addr=02:00:00:00:00:00 dialog_token=45 status_code=0 resp_len=-1",
            GasResponse(AP, 45, 0, -1),
        ),
        (
            "<3>CTRL-EVENT-CONNECTED - Connection to 02:00:00:00:00:00 completed [id=0 id_str=]",
            Connected(AP, 0),
        ),
        (
            "<3>CTRL-EVENT-CONNECTED - Connection to 02:00:00:00:00:00 completed [id=7 id_str=airgrant/0,3]",
            Connected(AP, 7),
        ),
        ("<3>CTRL-EVENT-DISCONNECTED bssid=02:00:00:00:00:00 reason=2", Disconnected(AP, 2)),
        (
            "<3>CTRL-EVENT-DISCONNECTED bssid=02:00:00:00:00:00 reason=3 locally_generated=1",
            Disconnected(AP, 3),
        ),
        (
            "<3>CTRL-EVENT-EAP-TLS-CERT-ERROR reason=1 depth=0 subject='/CN=x' err='unable to get issuer'",
            CertificateRefused("unable to get issuer"),
        ),
        ("<3>CTRL-EVENT-EAP-FAILURE EAP authentication failed", EapFailed()),
        ("<3>CTRL-REQ-PASSPHRASE-0:Private key passphrase needed for SSID airgrant", KeyUnusable()),
        ("<3>CTRL-EVENT-ASSOC-REJECT bssid=02:00:00:00:00:00 status_code=17", Refused("status_code=17")),
        (
            "<3>CTRL-EVENT-AUTH-REJECT 02:00:00:00:00:00 auth_type=0 auth_transaction=2 status_code=82",
            Refused("status_code=82"),
        ),
        ("<3>CTRL-EVENT-NETWORK-NOT-FOUND ", NotFound()),
        ("<2>CTRL-EVENT-TERMINATING ", Terminating()),
    ],
)
def test_events_that_concern_us(text: str, event: WpaEvent) -> None:
    assert parse_event(text) == event


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<3>",
        "OK",
        "<3>CTRL-EVENT-BSS-ADDED 0 02:00:00:00:00:00",
        "<3>GAS-QUERY-DONE addr=02:00:00:00:00:00 dialog_token=45 freq=2412 status_code=0 result=SUCCESS",
        "<3>GAS-RESPONSE-INFO addr=nobody dialog_token=45 status_code=0 resp_len=13",
        "<3>CTRL-EVENT-SSID-TEMP-DISABLED id=0 ssid='x' auth_failures=1 duration=10 reason=AUTH_FAILED",
        "<3>Trying to associate with 02:00:00:00:00:00 (SSID='CTRL-EVENT-TERMINATING ' freq=2412 MHz)",
        "<3>CTRL-EVENT-EAP-PEER-CERT depth=0 subject='/CN=CTRL-EVENT-EAP-FAILURE' hash=00",
    ],
)
def test_what_does_not_concern_us(text: str) -> None:
    assert parse_event(text) is None


def test_a_stranger_s_name_is_not_taken_for_the_reason() -> None:
    text = "<3>CTRL-EVENT-EAP-TLS-CERT-ERROR reason=1 depth=0 subject='/CN=x' err='all is well' err='self signed'"
    assert parse_event(text) == CertificateRefused("self signed")


@given(st.text(max_size=300))
def test_any_text_is_an_event_or_none(text: str) -> None:
    for prefix in ("", "<3>CTRL-EVENT-", "<3>GAS-RESPONSE-INFO addr=", "<3>CTRL-EVENT-CONNECTED - "):
        parse_event(prefix + text)


def test_fields() -> None:
    fields = parse_fields("id=3\nbssid=02:00:00:00:00:00\nlevel=-30\nssid=a=b\nid=9\nnonsense")
    assert (parse_number(fields, "id"), parse_number(fields, "level")) == (3, -30)
    assert parse_mac(fields, "bssid") == AP
    assert fields["ssid"] == "a=b"


@pytest.mark.parametrize("text", ["", "x", "1.5", "٣", "99999999999", "- 1"])
def test_what_is_not_a_number(text: str) -> None:
    with pytest.raises(DecodeError, match="level is"):
        parse_number({"level": text}, "level")


def test_what_is_not_an_address_or_octets() -> None:
    with pytest.raises(DecodeError, match="bssid"):
        parse_mac({}, "bssid")
    with pytest.raises(DecodeError, match="ie is"):
        parse_octets("0", "ie")
    assert parse_octets("0a0B\n", "ie") == b"\x0a\x0b"


@pytest.mark.parametrize(
    ("fields", "event"),
    [
        ({"wpa_state": "COMPLETED", "bssid": str(AP), "id": "3"}, Connected(AP, 3)),
        ({"wpa_state": "COMPLETED", "bssid": "?", "id": "3"}, None),
        ({"wpa_state": "SCANNING"}, Disconnected(NOBODY, 0)),
        ({"wpa_state": "DISCONNECTED"}, Disconnected(NOBODY, 0)),
        ({"wpa_state": "4WAY_HANDSHAKE", "bssid": str(AP)}, None),
        ({}, None),
    ],
)
def test_a_status_is_an_event_that_may_have_been_lost(fields, event) -> None:
    assert parse_status(fields) == event


def test_networks() -> None:
    reply = (
        "network id / ssid / bssid / flags\n0\thome\tany\t\n3\t\tany\t[DISABLED]\n"
        "4\tx\\t\tany\t[CURRENT]\n5\ty\tany\t[TEMP-DISABLED]\nbroken\tz\n"
    )
    assert parse_networks(reply) == (
        KnownNetwork(0, enabled=True),
        KnownNetwork(3, enabled=False),
        KnownNetwork(4, enabled=True),
        KnownNetwork(5, enabled=True),
    )
