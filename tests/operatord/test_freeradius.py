"""The configuration that FreeRADIUS gets: what is in it, and what is not. That it works: tests/system."""

from __future__ import annotations

from pathlib import Path

import pytest

from operatord.freeradius import RunsAs, render_freeradius
from tests.operatord.test_settings import TEXT, parse
from wire.errors import ConfigError

SECRET = "0123456789abcdef"
YARD = TEXT[TEXT.index("[boxes.roof]") :].replace("roof", "yard")


def rendered(text: str = TEXT, **secrets: str) -> dict[str, str]:
    runs_as = RunsAs("freerad", "radius")
    return render_freeradius(parse(text), secrets or {"roof": SECRET}, Path("/etc/radius"), runs_as)


def test_nothing_but_eap_tls_is_there() -> None:
    main = rendered()["radiusd.conf"]
    assert "virtual_server = check-eap-tls" in main
    assert 'tls_min_version = "1.2"' in main
    assert "ca_path = /var/lib/operatord/trust" in main
    assert 'connect_uri = "http://127.0.0.1:8574"' in main
    for absent in ("md5", "peap", "ttls", "mschap", "pap", "ca_file", "$INCLUDE", "proxy", "sql"):
        assert absent not in main.lower(), absent


def test_it_serves_as_the_user_whom_its_files_belong_to() -> None:
    assert "\tuser = freerad\n\tgroup = radius\n" in rendered()["radiusd.conf"]


def test_a_client_is_an_address_with_its_secret() -> None:
    main = rendered()["radiusd.conf"]
    assert f'client roof {{\n\tipaddr = 192.0.2.7\n\tsecret = "{SECRET}"' in main
    assert "require_message_authenticator = yes" in main
    assert main.count("client ") == 1


def test_boxes_behind_one_address_share_its_secret() -> None:
    assert rendered(TEXT + YARD, roof=SECRET, yard=SECRET)["radiusd.conf"].count("ipaddr = 192.0.2.7") == 1
    with pytest.raises(ConfigError, match=r"boxes\.yard\.secret: 192\.0\.2\.7 is roof's too"):
        rendered(TEXT + YARD, roof=SECRET, yard="f" * 16)


@pytest.mark.parametrize(
    "secret", ["", "short", 'quoted"and-long-enough', "with space in it 1", "umlaut" + "ä" * 12]
)
def test_a_secret_that_is_weak_or_breaks_the_file_is_refused(secret: str) -> None:
    with pytest.raises(ConfigError, match=r"boxes\.roof\.secret"):
        rendered(roof=secret)


def test_both_questions_say_where_a_packet_came_from_and_no_time_depends_on_the_host() -> None:
    main = rendered()["radiusd.conf"]
    assert main.count("%{jsonquote:%{%{Packet-Src-IP-Address}:-%{Packet-Src-IPv6-Address}}}") == 2
    assert '\\"Event-Timestamp\\":\\"%{jsonquote:%{integer:Event-Timestamp}}\\"' in main


def test_the_alliance_s_attributes_have_names() -> None:
    dictionary = rendered()["dictionary"]
    assert "WBA-Linear-Volume-Rate\t\t\t15\toctets" in dictionary
    assert "WBA-Custom-SLA\t\t\t\t17\toctets" in dictionary
