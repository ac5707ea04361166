"""What can be set, and what is refused with file, section and key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ledger.exchange.rates import Rate
from ledger.exchange.settings import parse_settings
from wire.errors import ConfigError

FILE = Path("/etc/airgrant/exchange.toml")


def page(**sections: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {
        "exchange": {"key": "exchange.key", "table": "exchange.db"},
        "ledger": {"url": "http://127.0.0.1:8573", "ledger_id": "ab" * 32},
        "broker": {"host": "127.0.0.1", "authority": "a.pem", "certificate": "e.pem", "key": "e.key"},
        "rates": {"EUR": {"ubc": 10_000}, "JPY": {"decimals": 0, "ubc": 20_000, "per_minor": 3}},
    }
    return whole | sections


def test_what_is_set():
    settings = parse_settings(
        page(
            braintree={"public_key": "p", "private_key": "b.secret", "merchant_accounts": ["coins"]},
            saleor={"jwks": "jwks.json", "packs": ["BANDCOINS-100"], "max_age_s": 60},
            bank={"url": "https://bank.example/pay", "secret": "bank.secret"},
        ),
        FILE,
    )
    assert settings.table == FILE.parent / "exchange.db"
    assert settings.rules.rates == {"EUR": Rate("EUR", 2, 10_000), "JPY": Rate("JPY", 0, 20_000, 3)}
    assert settings.rules.max_ubc == 10_000 * 10**6
    assert (settings.rules.hold_s, settings.rules.day_ubc) == (7 * 86_400, 50_000 * 10**6)
    assert settings.merchant_accounts == {"coins"}
    assert settings.rules.max_age_s == {"braintree": 172_800, "saleor": 60}
    assert settings.http_host == "127.0.0.1"
    assert settings.bank_secret == FILE.parent / "bank.secret"
    assert settings.saleor_secret is None
    assert settings.saleor_packs == {"BANDCOINS-100"}


def test_what_is_left_out_is_not_there():
    settings = parse_settings(page(), FILE)
    assert (settings.braintree_public_key, settings.saleor_jwks, settings.bank_url) == (None, None, None)


@pytest.mark.parametrize(
    "http", [{"host": "::1"}, {"host": "localhost"}, {"host": "10.0.0.2", "private_network": True}]
)
def test_it_has_no_tls_and_listens_where_only_a_proxy_is(http: dict[str, Any]):
    assert parse_settings(page(http=http), FILE).http_host == http["host"]


@pytest.mark.parametrize("day", [10_000, 20_000])
def test_a_day_is_at_least_one_payout(day: int):
    exchange = {"key": "k", "table": "t", "max_bandcoins_a_day": day, "hold_s": 0}
    rules = parse_settings(page(exchange=exchange), FILE).rules
    assert (rules.day_ubc, rules.hold_s) == (day * 10**6, 0)


@pytest.mark.parametrize(
    ("sections", "why"),
    [
        ({"exchange": {"key": "k"}}, "exchange.table: a text is needed"),
        ({"exchange": {"key": "k", "table": "t", "fee": 1}}, "exchange.fee: there is no such setting"),
        ({"ledger": {"url": "x", "ledger_id": "ab"}}, "ledger.ledger_id"),
        ({"rates": {}}, "there is no rate"),
        ({"rates": {"euro": {"ubc": 1}}}, "rates.euro: is not a currency"),
        ({"rates": {"EUR": {"ubc": 0}}}, "rates.EUR: rate of EUR"),
        ({"rates": {"EUR": {"ubc": 1.5}}}, "rates.EUR.ubc: 1.5 is not a number"),
        ({"rates": {"EUR": {"ubc": 1, "fee": 1}}}, "rates.EUR: has decimals"),
        ({"saleor": {}}, "saleor.jwks: either"),
        ({"saleor": {"jwks": "a", "secret": "b"}}, "saleor.jwks: either"),
        ({"saleor": {"jwks": "a"}}, "saleor.packs: lists the SKUs"),
        ({"saleor": {"jwks": "a", "packs": []}}, "saleor.packs: lists the SKUs"),
        ({"saleor": {"jwks": "a", "packs": [""]}}, "saleor.packs: lists the SKUs"),
        ({"saleor": {"jwks": "a", "packs": "BANDCOINS-100"}}, "saleor.packs: lists the SKUs"),
        ({"bank": {"url": "http://bank.example/", "secret": "s"}}, "bank.url: has to be https"),
        ({"bank": {"url": "https://bank.example/"}}, "bank.secret: a text is needed"),
        ({"braintree": {"public_key": "p"}}, "braintree.private_key: a text is needed"),
        (
            {"braintree": {"public_key": "p", "private_key": "k"}},
            "merchant_accounts: lists the merchant accounts",
        ),
        ({"exchange": {"key": "k", "table": "t", "hold_s": -1}}, "exchange.hold_s"),
        (
            {"exchange": {"key": "k", "table": "t", "max_bandcoins_a_day": 9_999}},
            "max_bandcoins_a_day: is less than one payout may be, 10000",
        ),
        ({"http": {"host": "0.0.0.0"}}, "http.host: is no loopback address"),
        ({"http": {"host": "pay.example"}}, "http.host: is no loopback address"),
        ({"paypal": {}}, "paypal: there is no such section"),
    ],
)
def test_what_is_refused(sections: dict[str, Any], why: str):
    with pytest.raises(ConfigError, match=str(FILE)) as error:
        parse_settings(page(**sections), FILE)
    assert why in str(error.value)
