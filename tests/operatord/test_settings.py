"""The operator's settings: defaults, and what is refused with the file, the section and the key."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from operatord.settings import OperatorSettings, parse_settings
from operatord.totals import SummaryRules
from tests.operatord.world import PARTNER, PROVIDER, STRANGER
from wire.errors import ConfigError

FILE = Path("/etc/operatord.toml")
TEXT = f"""
[operator]
key = "operator.key"
state = "/var/lib/operatord"
[ledger]
url = "http://127.0.0.1:8573"
key = "{PROVIDER.public}"
ledger_id = "{"ab" * 32}"
[broker]
host = "broker"
authority = "ca.pem"
certificate = "operator.pem"
key = "operator.key"
[radius]
certificate = "server.pem"
key = "server.key"
[boxes.roof]
provider = "{PROVIDER.public}"
address = "192.0.2.7"
secret = "roof.secret"
"""


def parse(text: str) -> OperatorSettings:
    return parse_settings(tomllib.loads(text), FILE)


METERED = """
[metered]
address = "192.0.2.1"
floor_down = "1Mbit/s"
ceil_down = "2Mbit/s"
floor_up = "0"
ceil_up = "2Mbit/s"
"""


@pytest.mark.parametrize(
    ("added", "said"),
    [
        ("[page]\nport = 8574\n", "page.port: section [http] listens on port 8574"),
        ('[page]\n[enrolment]\naddress = "192.0.2.1"\nport = 8575\n', "enrolment.port: section [page]"),
        ("[http]\nport = 18574\n" + METERED, "metered.port: section [http]"),
    ],
)
def test_two_sections_do_not_listen_on_one_port(added: str, said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        parse(TEXT + added)


def test_the_page_and_the_door_have_ports_of_their_own() -> None:
    settings = parse(TEXT + '[page]\n[enrolment]\naddress = "192.0.2.1"\n' + METERED)
    assert settings.page is not None
    assert settings.enrolment is not None
    assert settings.page.port != settings.enrolment.port


def test_paths_are_relative_to_the_file_and_the_rest_has_defaults() -> None:
    settings = parse(TEXT)
    assert (settings.key, settings.trust) == (Path("/etc/operator.key"), Path("/var/lib/operatord/trust"))
    assert (settings.http_host, settings.http_port, settings.silent_after_s) == ("127.0.0.1", 8574, 130)
    radius = settings.radius
    assert (radius.address, radius.authentication_port, radius.accounting_port) == ("0.0.0.0", 1812, 1813)
    assert radius.operator_name == ""
    for name in ("1example.net", "4EXAMPLE:AT"):
        text = TEXT.replace("[radius]", f'[radius]\noperator_name = "{name}"')
        assert parse(text).radius.operator_name == name
    roof, address = settings.boxes["roof"], settings.addresses["roof"]
    assert (roof.provider, roof.up_overhead_bytes, roof.down_overhead_bytes) == (PROVIDER.public, 50, 34)
    assert (address.address, address.das_port, address.secret) == (
        "192.0.2.7",
        3799,
        Path("/etc/roof.secret"),
    )
    assert settings.providers == {PROVIDER.public}


def test_partners_are_followed_and_honoured_strangers_are_not() -> None:
    groups = f'[groups]\nalley = ["{PROVIDER.public}", "{PARTNER.public}"]\nothers = ["{STRANGER.public}"]\n'
    settings = parse(TEXT + groups)
    assert settings.providers == {PROVIDER.public, PARTNER.public}
    assert settings.boxes["roof"].honours == {key.provider_id for key in settings.providers}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "operator.key: a text is needed"),
        (TEXT + "port = 1", "boxes.roof.port: there is no such setting"),
        (TEXT + "[boxes.yard]\n", "boxes.yard.provider: a text is needed"),
        (TEXT.replace("boxes.roof", 'boxes."ro/of"'), "boxes.ro/of: a name has"),
        (TEXT.replace("192.0.2.7", "roof.example"), "boxes.roof.address: 'roof.example' does not appear"),
        (TEXT.replace("[ledger]", "[ledgr]"), "ledgr: there is no such section"),
        (TEXT.replace('"' + "ab" * 32, '"ab'), "ledger.ledger_id: 'ab' is not 64 hexadecimal digits"),
        (TEXT + '[http]\nhost = "0.0.0.0"', "http.host: '0.0.0.0' is no loopback address of IPv4"),
        (TEXT + '[http]\nhost = "::1"', "http.host: '::1' is no loopback address of IPv4"),
        (TEXT + '[http]\nhost = "localhost"', "http.host: 'localhost' is no loopback address of IPv4"),
        (TEXT + "[groups]\nalley = 3", "groups.alley: is not a list of accounts"),
        (TEXT + '[groups]\nalley = ["me"]', "groups.alley: 'me' is not an account"),
        (TEXT + "das_port = 65536", "boxes.roof.das_port: 65536 is not a port"),
        *(
            (TEXT.replace("[radius]", f'[radius]\noperator_name = "{name}"'), "radius.operator_name: ")
            for name in ("example.net", "5EXAMPLE:AT", "4EXAMPLE", "1exa mple", "1x\\nbss=y", "1")
        ),
        ("boxes = 3", "boxes: is not a section"),
        (
            TEXT.replace("[boxes.roof]", "[boxes]\nroof = 3\n[http]").split("provider")[0],
            "boxes.roof: is not a section",
        ),
    ],
)
def test_what_is_wrong_is_named(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse(text)
    assert str(error.value).startswith("/etc/operatord.toml: ")
    assert complaint in str(error.value)


def test_summaries_are_published_by_who_says_so() -> None:
    metered = METERED
    assert parse(TEXT + metered).summaries is None
    assert parse(TEXT + metered + "[summaries]").summaries == SummaryRules(86_400, 10)
    assert parse(
        TEXT + metered + "[summaries]\nperiod_s = 3600\nleast_sessions = 3"
    ).summaries == SummaryRules(3_600, 3)
    for text, complaint in (
        ("[summaries]", r"summaries.period_s: there is no section \[metered\]"),
        (metered + "[summaries]\nperiod_s = 0", "a period has a second"),
        (metered + "[summaries]\npublish = 1", "summaries.publish: there is no such setting"),
    ):
        with pytest.raises(ConfigError, match=complaint):
            parse(TEXT + text)
