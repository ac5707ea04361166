"""The RADIUS lines of a box's hostapd.conf. That hostapd takes them: tests/system/test_operatord_hostapd.py."""

from __future__ import annotations

from operatord.hostapd import render_hostapd
from tests.operatord.test_settings import TEXT, parse


def test_a_box_is_told_where_to_ask_and_who_may_throw_out() -> None:
    lines = render_hostapd(parse(TEXT), "roof", "0123456789abcdef", "192.0.2.1", [b"\x01\x02"]).splitlines()
    for line in (
        "nas_identifier=roof",
        "own_ip_addr=192.0.2.7",
        "auth_server_addr=192.0.2.1",
        "acct_server_shared_secret=0123456789abcdef",
        "radius_das_client=192.0.2.1 0123456789abcdef",
        "radius_das_time_window=30",
        "radius_das_require_message_authenticator=1",
        "radius_auth_req_attr=26:x:0102",
        "disable_pmksa_caching=1",
        "eap_reauth_period=0",
    ):
        assert line in lines
    assert not [line for line in lines if "126" in line]


def test_the_operator_s_name_goes_with_every_request() -> None:
    text = TEXT.replace("[radius]", '[radius]\noperator_name = "4EXAMPLE:AT"')
    lines = render_hostapd(parse(text), "roof", "0123456789abcdef", "192.0.2.1").splitlines()
    assert lines[-2:] == ["radius_auth_req_attr=126:s:4EXAMPLE:AT", "radius_acct_req_attr=126:s:4EXAMPLE:AT"]
