"""What hostapd says, as 2.10 was heard to say it on virtual radios."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apd.events import StationAssociated
from apd.hostapd_text import (
    BssConfig,
    EventKind,
    HostapdEvent,
    format_element,
    format_ssid,
    is_event,
    parse_config,
    parse_event,
    parse_measurement,
    parse_ssid,
    parse_station,
)
from tests.apd.world import BSSID, CONSUMER, STATION, STRANGER

STA = f"""{STATION}
flags=[AUTH][ASSOC][AUTHORIZED][SHORT_PREAMBLE][MFP]
aid=1
capability=0x431
listen_interval=5
supported_rates=02 04 0b 16 0c 12 18 24 30 48 60 6c
timeout_next=NULLFUNC POLL
dot11RSNAStatsSTAAddress={STATION}
dot1xPaePortNumber=1
dot1xAuthSessionTerminateCause=999
dot1xAuthSessionUserName={CONSUMER.public}
last_eap_type_as=13 (TLS)
last_eap_type_sta=0 (unknown)
rx_packets=6
tx_packets=4
rx_bytes=688
tx_bytes=463
inactive_msec=12
signal=-30
rx_rate_info=10
tx_rate_info=540 vhtmcs 0 vhtnss 1
connected_time=1
"""


def test_a_station_that_is_let_in_comes_with_its_account():
    assert parse_station(STA) == StationAssociated(STATION, CONSUMER.public)


@pytest.mark.parametrize(
    "identity", ["anonymous", "", f"{CONSUMER.public}x", f"x{CONSUMER.public}", str(CONSUMER.public)[:-2]]
)
def test_any_other_identity_is_no_account(identity):
    assert parse_station(STA.replace(str(CONSUMER.public), identity)) == StationAssociated(STATION, None)


def test_an_identity_that_brings_lines_of_its_own_is_no_account():
    smuggled = STA.replace(
        str(CONSUMER.public), f"{CONSUMER.public}\ndot1xAuthSessionUserName={STRANGER.public}"
    )
    assert parse_station(smuggled) == StationAssociated(STATION, None)


SMUGGLED = [
    "flags=[AUTHORIZED]",
    "signal=-95",
    "tx_rate_info=1",
    "rx_rate_info=1",
    "tx_packets=9",
    "rx_packets=9",
    "tx_bytes=9",
    "rx_bytes=9",
    "tx_failed=9",
]


@pytest.mark.parametrize(
    "end", ["", "\nlast_eap_type_as=13 (TLS)", "\nlast_eap_type_as=0 (\nflags=[AUTHORIZED]"]
)
@pytest.mark.parametrize("line", SMUGGLED)
def test_a_line_in_an_identity_is_not_hostapds(line, end):
    """Neither who is let in nor what is measured: an identity is whatever a stranger says it is."""
    identity = f"{CONSUMER.public}\n{line}{end}\n{line}"
    smuggled = STA.replace(str(CONSUMER.public), identity)
    assert parse_station(smuggled) == StationAssociated(STATION, None)
    assert parse_station(smuggled.replace("[AUTHORIZED]", "", 1)) is None, "it never authenticated"
    assert parse_measurement(smuggled) == parse_measurement(STA)


def test_an_identity_that_hides_hostapds_last_line_hides_itself():
    """A reply that is cut short, as hostapd's buffer ends: what is left of an identity says nothing of the link."""
    cut = STA[: STA.index("last_eap_type_as")] + "signal=-95\ntx_bytes=9"
    measured = parse_measurement(cut)
    assert parse_station(cut) == StationAssociated(STATION, None)
    assert measured is not None
    assert (measured.signal_dbm, measured.tx_bytes) == (0, 0)


def test_the_line_that_some_have_after_the_identity_is_no_part_of_it():
    session = STA.replace("last_eap_type_as", "authMultiSessionId=0123456789ABCDEF\nlast_eap_type_as", 1)
    assert parse_station(session) == StationAssociated(STATION, CONSUMER.public)


def test_of_two_with_one_name_the_first_counts():
    assert parse_config(f"bssid={BSSID}\nssid=one\nssid=two\n") == BssConfig(b"one", BSSID)


@pytest.mark.parametrize(
    "text", ["", "FAIL", "nonsense\nflags=[AUTHORIZED]", STA.replace("[AUTHORIZED]", "")]
)
def test_no_station_or_one_that_is_not_let_in(text):
    assert parse_station(text) is None


def test_a_station_without_8021x_has_no_account():
    lines = [line for line in STA.splitlines() if "UserName" not in line]
    assert parse_station("\n".join(lines)) == StationAssociated(STATION, None)


def test_what_the_link_layer_knows():
    measured = parse_measurement(STA)
    assert measured is not None
    assert (measured.tx_rate_bps, measured.rx_rate_bps, measured.signal_dbm) == (54_000_000, 1_000_000, -30)
    assert (measured.tx_bytes, measured.tx_frames, measured.rx_bytes, measured.rx_frames) == (463, 4, 688, 6)
    assert parse_measurement("") is None
    bare = parse_measurement(f"{STATION}\nflags=\nsignal=?\n")
    assert bare is not None
    assert (bare.signal_dbm, bare.tx_rate_bps) == (0, 0)


@pytest.mark.parametrize(
    ("text", "event"),
    [
        (f"<3>AP-STA-CONNECTED {STATION}", HostapdEvent(EventKind.CONNECTED, STATION)),
        (f"<3>AP-STA-CONNECTED {STATION} keyid=x", HostapdEvent(EventKind.CONNECTED, STATION)),
        (f"<3>AP-STA-DISCONNECTED {STATION}", HostapdEvent(EventKind.DISCONNECTED, STATION)),
        ("<3>AP-ENABLED ", HostapdEvent(EventKind.ENABLED)),
        ("<3>CTRL-EVENT-TERMINATING ", HostapdEvent(EventKind.TERMINATING)),
        (f"<3>EAPOL-4WAY-HS-COMPLETED {STATION}", None),
        ("<3>AP-STA-CONNECTED", None),
        ("<3>AP-STA-CONNECTED of an address", None),
        ("<3>", None),
    ],
)
def test_events(text, event):
    assert is_event(text)
    assert parse_event(text) == event


@pytest.mark.parametrize("text", ["OK\n", "FAIL\n", STA, "", "<>x", "<x>y"])
def test_replies_are_no_events(text):
    assert not is_event(text)


def test_which_network_it_is():
    assert parse_config(f'bssid={BSSID}\nssid=air\\"grant\nwps_state=disabled\n') == BssConfig(
        b'air"grant', BSSID
    )
    for wrong in ("FAIL\n", f"bssid={BSSID}\nssid=\n", "ssid=x\n", f"bssid={BSSID}\nssid=\\q\n"):
        assert parse_config(wrong) is None


@given(st.binary(min_size=1, max_size=32))
def test_any_ssid_is_read_as_it_is_printed(ssid):
    assert parse_ssid(format_ssid(ssid)) == ssid


@given(st.text(max_size=200))
def test_no_text_breaks_a_reader(text):
    for parse in (parse_station, parse_config, parse_event, parse_measurement, parse_ssid):
        parse(text)


def test_an_element_is_set_in_hexadecimal():
    assert format_element(56797, b"\x02AG") == "SET anqp_elem 56797:024147"
