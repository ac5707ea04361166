"""The service's settings: defaults, and what is refused with the file, the section and the key."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from ledger.settings import (
    DEFAULT_ACCOUNTS_PER_MINUTE,
    DEFAULT_HTTP_PORT,
    DEFAULT_MQTT_PORT,
    DEFAULT_RPC,
    ConsensusSettings,
    LedgerSettings,
    parse_settings,
)
from wire.errors import ConfigError

FILE = Path("/etc/ledger.toml")
TEXT = """
[ledger]
key = "ledger.key"
genesis = "genesis.cbor"
database = "/var/lib/ledger.db"
[broker]
host = "broker"
authority = "ca.pem"
certificate = "ledger.pem"
key = "ledger.key"
"""


def parse(text: str) -> LedgerSettings:
    return parse_settings(tomllib.loads(text), FILE)


def test_paths_are_relative_to_the_file_and_the_rest_has_defaults() -> None:
    settings = parse(TEXT)
    assert settings.key == Path("/etc/ledger.key")
    assert settings.store == Path("/var/lib/ledger.db")
    assert (settings.broker.port, settings.http_host, settings.http_port) == (
        DEFAULT_MQTT_PORT,
        "127.0.0.1",
        DEFAULT_HTTP_PORT,
    )
    assert (settings.accept_software_keys, settings.tpm_vendors) == (False, None)
    assert settings.max_accounts_per_minute == DEFAULT_ACCOUNTS_PER_MINUTE


def test_everything_can_be_set() -> None:
    text = TEXT.replace(
        "[broker]",
        'accept_software_keys = true\ntpm_vendors = "v.pem"\nmax_accounts_per_minute = 0\n[broker]\nport = 1883',
    )
    settings = parse(text + '[http]\nhost = "::"\nport = 0\n')
    assert (settings.accept_software_keys, settings.tpm_vendors) == (True, Path("/etc/v.pem"))
    assert settings.max_accounts_per_minute == 0
    assert (settings.broker.port, settings.http_host, settings.http_port) == (1883, "::", 0)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "ledger.key: a text is needed"),
        (TEXT.replace('host = "broker"', ""), "broker.host: a text is needed"),
        (TEXT.replace('"broker"', "7"), "broker.host: a text is needed"),
        (TEXT + "port = 65536", "broker.port: 65536 is not a port"),
        (TEXT + "port = true", "broker.port: True is not a port"),
        (TEXT + "[http]\nport = -1", "http.port: -1 is not a port"),
        (TEXT + "user = 1", "broker.user: there is no such setting"),
        (TEXT + "[htp]\n", "htp: there is no such section"),
        ("ledger = 3", "ledger: is not a section"),
        (
            TEXT.replace("[broker]", 'accept_software_keys = "yes"\n[broker]'),
            "accept_software_keys: 'yes' is neither",
        ),
        (
            TEXT.replace("[broker]", "max_accounts_per_minute = -1\n[broker]"),
            "max_accounts_per_minute: -1 is not a number of at least 0",
        ),
    ],
)
def test_what_is_wrong_is_named(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse(text)
    assert str(error.value).startswith("/etc/ledger.toml: ")
    assert complaint in str(error.value)


def test_the_log_is_in_a_file_or_in_postgresql() -> None:
    address = "postgresql://ledger@/bandcoin"
    named = TEXT.replace('database = "/var/lib/ledger.db"', f'store = "{address}"')
    assert parse(named).store == address
    with pytest.raises(ConfigError, match=r"ledger\.store: .* remove one"):
        parse(TEXT.replace("[broker]", f'store = "{address}"\n[broker]'))
    with pytest.raises(ConfigError, match=r"ledger\.store: does not begin with"):
        parse(named.replace("postgresql://", "mysql://"))
    with pytest.raises(ConfigError, match=r"ledger\.database: a text is needed"):
        parse(TEXT.replace('database = "/var/lib/ledger.db"', ""))


def test_a_ledger_that_is_shared() -> None:
    assert parse(TEXT).consensus is None
    shared = parse(TEXT + '[consensus]\nsocket = "comet/a.sock"\nnetwork = "network.toml"\n').consensus
    assert shared == ConsensusSettings(Path("/etc/comet/a.sock"), DEFAULT_RPC, Path("/etc/network.toml"))
    other = TEXT + '[consensus]\nsocket = "a"\nnetwork = "n"\nrpc = "http://[::1]:1"\n'
    assert parse(other).consensus == ConsensusSettings(Path("/etc/a"), "http://[::1]:1", Path("/etc/n"))


@pytest.mark.parametrize("line", ['network = "n"', 'socket = "a"', 'socket = "a"\nnetwork = "n"\nother = 1'])
def test_a_shared_ledger_without_its_places_is_refused(line: str) -> None:
    with pytest.raises(ConfigError, match=r"/etc/ledger\.toml: consensus\."):
        parse(f"{TEXT}[consensus]\n{line}\n")
