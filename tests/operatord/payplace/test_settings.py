"""Settings of payouts and of a merchant: what they mean, and what is refused by name."""

from pathlib import Path

import pytest

from operatord.payplace.settings import parse_merchant, parse_payouts
from operatord.payplace.steps import Consent
from wire.errors import ConfigError
from wire.keys import PrivateKey

FILE = Path("/etc/airgrant/payouts.toml")
OPERATOR = PrivateKey.from_secret(1).public
CHAIN = {
    "ledger": {"url": "http://127.0.0.1:8573", "ledger_id": "00" * 32},
    "broker": {"host": "b", "port": 8883, "authority": "ca.pem", "certificate": "c.pem", "key": "k.pem"},
}
PAYOUTS = {"folder": "payouts", "key": "operator.key", "earnings": "state/operatord.db"}
MERCHANT = {"folder": "m", "key": "account.pem", "operator": str(OPERATOR), "url": "http://operator"}


def test_an_operators():
    settings = parse_payouts({"payouts": PAYOUTS | {"commission_ppm": 50_000, "port": 0}, **CHAIN}, FILE)
    assert settings.folder == Path("/etc/airgrant/payouts")
    assert (settings.rules.commission_ppm, settings.rules.collect_s) == (50_000, 300)
    assert (settings.times.period_s, settings.times.window_s, settings.times.challenge_s) == (
        3_600,
        600,
        7_200,
    )
    assert (settings.host, settings.port) == ("127.0.0.1", 0)
    assert settings.chain.ledger_id == bytes(32)


def test_who_may_register_is_nobody_but_who_earned_and_whom_it_names():
    rules = [
        parse_payouts({"payouts": PAYOUTS | one, **CHAIN}, FILE).rules
        for one in ({}, {"merchants": [str(OPERATOR)]}, {"merchants": "anybody"})
    ]
    assert [(one.consent, one.accounts) for one in rules] == [
        (Consent.OWNERS, frozenset()),
        (Consent.OWNERS, frozenset({OPERATOR})),
        (Consent.ANYBODY, frozenset()),
    ]


def test_a_merchants():
    settings = parse_merchant({"merchant": MERCHANT, **CHAIN}, FILE)
    assert settings.operator == OPERATOR
    assert settings.chain.broker.port == 8883


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"commission_ppm": 1_000_001}, "payouts.commission_ppm"),
        ({"collect_s": 600}, "payouts.collect_s"),
        ({"collect_s": 0}, "payouts.collect_s"),
        ({"period_s": -1}, "payouts.period_s"),
        ({"period_s": 2**40}, "period_s"),
        ({"folder": 7}, "payouts.folder"),
        ({"merchants": "somebody"}, "payouts.merchants"),
        ({"merchants": ["somebody"]}, "payouts.merchants"),
        ({"colour": "red"}, "payouts.colour"),
    ],
)
def test_what_is_refused_is_named(change, words):
    with pytest.raises(ConfigError, match=words):
        parse_payouts({"payouts": PAYOUTS | change, **CHAIN}, FILE)


def test_a_merchants_operator_is_an_account():
    with pytest.raises(ConfigError, match=r"merchant\.operator"):
        parse_merchant({"merchant": MERCHANT | {"operator": "somebody"}, **CHAIN}, FILE)
    with pytest.raises(ConfigError, match=r"ledger\.ledger_id"):
        parse_merchant({"merchant": MERCHANT, **CHAIN, "ledger": {"url": "x", "ledger_id": "00"}}, FILE)
