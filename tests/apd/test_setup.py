"""From answers and an operator's file to settings, and every way in which such a file can be wrong."""

import tomllib

import pytest

from apd.setup import (
    MAX_OPERATOR_FILE_BYTES,
    Answers,
    default_routes,
    format_settings,
    parse_capacity,
    read_operator_file,
)
from tests.apd.world import LEDGER, LEDGER_ID
from wire.errors import ConfigError

CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
KEY = "-----BEGIN PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----\n"
GOOD = f'''[ledger]
host = "ledger.example"
key = "{LEDGER.public}"
ledger_id = "{LEDGER_ID.hex()}"
authority = """
{CERTIFICATE}"""
certificate = """
{CERTIFICATE}"""
certificate_key = """
{KEY}"""
'''


def test_an_operators_file() -> None:
    read = read_operator_file(GOOD.encode(), "roof.toml")
    assert (read.host, read.port, read.key, read.ledger_id) == (
        "ledger.example",
        8883,
        LEDGER.public,
        LEDGER_ID,
    )
    assert (read.authority, read.certificate_key) == (CERTIFICATE, KEY)


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ("[ledger]", "[ledgers]", "roof.toml: has to have one section"),
        ("[ledger]", "[box]\nx = 1\n[ledger]", "roof.toml: has to have one section"),
        ('host = "ledger.example"\n', "", "ledger.host: is missing"),
        ('host = "ledger.example"', "host = 5", "ledger.host: has to be a text"),
        ('host = "ledger.example"', 'host = "a"\nport = true', "ledger.port: has to be a number"),
        ('host = "ledger.example"', 'host = "a"\nhots = "a"', "ledger.hots: unknown key"),
        (f'key = "{LEDGER.public}"', 'key = "02"', "ledger.key: "),
        (LEDGER_ID.hex(), LEDGER_ID.hex()[2:], "ledger.ledger_id: want 64"),
        ("MIIB\n-----END CERTIFICATE-----", "MIIB", "ledger.authority: is no PEM of a certificate"),
        (KEY, CERTIFICATE, "ledger.certificate_key: is no PEM of a private key"),
        ("[ledger]", "[ledger", "roof.toml: "),
    ],
)
def test_a_wrong_one_is_named(before, after, reason) -> None:
    with pytest.raises(ConfigError, match=r"roof\.toml: ") as refused:
        read_operator_file(GOOD.replace(before, after).encode(), "roof.toml")
    assert reason in str(refused.value)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"#" * (MAX_OPERATOR_FILE_BYTES + 1)])
def test_a_file_that_is_none(content) -> None:
    with pytest.raises(ConfigError, match=r"roof\.toml"):
        read_operator_file(content, "roof.toml")


@pytest.mark.parametrize(
    ("text", "rates"),
    [
        ("30M/15M", (30_000_000, 15_000_000)),
        ("1Gbit/s", (10**9, 10**9)),
        ("30Mbit/s/15Mbit/s", (30_000_000, 15_000_000)),
        ("30M / 5M", (30_000_000, 5_000_000)),
    ],
)
def test_capacities(text, rates) -> None:
    assert parse_capacity(text) == rates


@pytest.mark.parametrize("text", ["", "fast", "30M/", "/5M", "30M/0", "1M/2M/3M"])
def test_no_capacities(text) -> None:
    with pytest.raises(ValueError, match=r"rate|less than"):
        parse_capacity(text)


IPV4 = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth1\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
tun0\t00000000\t00000000\t0001\t0\t0\t0\t00000080\t0\t0\t0
*\t00000000\t00000000\t0200\t0\t0\t0\t00000000\t0\t0\t0
"""
ZERO = "0" * 32
IPV6 = f"""\
fe80{ZERO[4:]} 40 {ZERO} 00 {ZERO} 00000100 00000002 00000000 00000001     eth1
{ZERO} 00 {ZERO} 00 fd{ZERO[3:]}1 00000400 00000003 00000000 00000003    wwan0
{ZERO} 00 {ZERO} 00 {ZERO} ffffffff 00000001 00000000 00200200       lo
"""
"""Both as Linux 6.1 writes them."""


def test_default_routes_are_those_of_both_protocols() -> None:
    assert default_routes(IPV4, IPV6) == {"eth0", "wwan0"}
    assert default_routes("", "") == set()


@pytest.mark.parametrize("tpm", ["", "device:/dev/tpmrm0", 'odd"\\\x7f'])
def test_settings_have_the_answers_and_nothing_that_radiates(tpm) -> None:
    operator = read_operator_file(GOOD.encode(), "roof.toml")
    document = tomllib.loads(format_settings(Answers("wlan0", 30_000_000, 15_000_000, tpm), operator))
    assert set(document) == {"shaper", "ledger", "meter", "files"}, "no [air]"
    assert document["shaper"] == {
        "interface": "wlan0",
        "downlink_capacity_bps": 30_000_000,
        "uplink_capacity_bps": 15_000_000,
    }
    assert document["meter"].get("tpm", "") == tpm
    assert document["meter"].get("accept_unattested", False) is (not tpm)
