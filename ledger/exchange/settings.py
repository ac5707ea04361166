"""What an operator can set of the exchange, and what is refused.

Pure: a mapping as TOML gives it comes in, settings come out, or ConfigError that names the file and the key.

    [exchange]   key = "exchange.key"  table = "exchange.db"  max_bandcoins = 10000
                 hold_s = 604800  max_bandcoins_a_day = 50000      of payouts
    [ledger]     url = "http://127.0.0.1:8573"  ledger_id = "..."
    [broker]     host, port, authority, certificate, key          as the ledger's own (ledger/settings.py)
    [http]       host = "127.0.0.1"  port = 8577  private_network = false
    [rates.EUR]  decimals = 2  ubc = 10000  per_minor = 1         a cent is 10,000 ubc: a euro is a bandcoin
    [braintree]  public_key = "..."  private_key = "braintree.secret"  max_age_s = 172800
                 merchant_accounts = ["bandcoins"]                 through which nothing else is sold
    [saleor]     jwks = "jwks.json"  or  secret = "saleor.secret"      max_age_s = 1209600
                 packs = ["BANDCOINS-100"]      the SKUs that are sold for bandcoins
    [bank]       url = "https://..."  secret = "bank.secret"           without it a person pays out

Paths are relative to the folder of the file. Keys and secrets are files.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from ledger.exchange import braintree, saleor
from ledger.exchange.judging import Rules
from ledger.exchange.rates import Rate
from ledger.section import Section, refuse_unknown
from ledger.settings import BROKER_KEYS, BrokerSettings, parse_broker
from wire.units import UBC_PER_BANDCOIN

DEFAULT_HTTP_PORT = 8577
DEFAULT_MAX_BANDCOINS = 10_000
DEFAULT_MAX_BANDCOINS_A_DAY = 50_000
DEFAULT_HOLD_S = 7 * 86_400
"""Most stolen cards are missed within a week. Disputes may come for months: what is beyond is the exchange's loss."""
BRAINTREE_MAX_AGE_S = 2 * 86_400
"""It tries for a day."""
SALEOR_MAX_AGE_S = 14 * 86_400
"""Its deliveries can be tried again by hand for as long."""

_KEYS = {
    "exchange": {"key", "table", "max_bandcoins", "max_bandcoins_a_day", "hold_s"},
    "ledger": {"url", "ledger_id"},
    "broker": BROKER_KEYS,
    "http": {"host", "port", "private_network"},
    "rates": None,
    "braintree": {"public_key", "private_key", "merchant_accounts", "max_age_s"},
    "saleor": {"jwks", "secret", "packs", "max_age_s"},
    "bank": {"url", "secret"},
}
_URL = re.compile(r"https://[^/\s]+(/\S*)?|http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?(/\S*)?")


@dataclass(frozen=True, slots=True)
class ExchangeSettings:
    """Files are not read yet. None: that gateway, or the bank, is not there."""

    key: Path
    table: Path
    ledger_url: str
    ledger_id: bytes
    broker: BrokerSettings
    rules: Rules
    http_host: str
    http_port: int
    braintree_public_key: str | None
    braintree_private_key: Path | None
    merchant_accounts: frozenset[str]
    saleor_jwks: Path | None
    saleor_secret: Path | None
    saleor_packs: frozenset[str]
    bank_url: str | None
    bank_secret: Path | None


def parse_settings(page: Mapping[str, Any], file: Path) -> ExchangeSettings:
    """From the content of a TOML file. Raises ConfigError."""
    refuse_unknown(page, _KEYS, file)
    sections = {name: Section(page.get(name, {}), name, file) for name in _KEYS}
    exchange, ledger, http = sections["exchange"], sections["ledger"], sections["http"]
    braintree_there, saleor_there, bank_there = ("braintree" in page, "saleor" in page, "bank" in page)
    saleor_section, bank = sections["saleor"], sections["bank"]
    if saleor_there and ("jwks" in saleor_section.values) == ("secret" in saleor_section.values):
        raise saleor_section.error("jwks", "either jwks or secret is needed, and not both")
    if bank_there and not _URL.fullmatch(bank.text("url")):
        raise bank.error("url", "has to be https, or http on this machine")
    ages = {
        braintree.GATEWAY: sections["braintree"].number("max_age_s", BRAINTREE_MAX_AGE_S),
        saleor.GATEWAY: saleor_section.number("max_age_s", SALEOR_MAX_AGE_S),
    }
    host = http.text("host", "127.0.0.1")
    if not _is_loopback(host) and http.values.get("private_network") is not True:
        raise http.error(
            "host", "is no loopback address: it has no TLS; private_network = true if only a proxy is there"
        )
    max_bandcoins = exchange.number("max_bandcoins", DEFAULT_MAX_BANDCOINS)
    day = exchange.number("max_bandcoins_a_day", max(max_bandcoins, DEFAULT_MAX_BANDCOINS_A_DAY))
    if day < max_bandcoins:
        raise exchange.error("max_bandcoins_a_day", f"is less than one payout may be, {max_bandcoins}")
    return ExchangeSettings(
        key=exchange.path("key"),
        table=exchange.path("table"),
        ledger_url=ledger.text("url"),
        ledger_id=ledger.octets("ledger_id", 32),
        broker=parse_broker(sections["broker"]),
        rules=Rules(
            _parse_rates(sections["rates"]),
            max_bandcoins * UBC_PER_BANDCOIN,
            ages,
            exchange.number("hold_s", DEFAULT_HOLD_S),
            day * UBC_PER_BANDCOIN,
        ),
        http_host=host,
        http_port=http.port("port", DEFAULT_HTTP_PORT),
        braintree_public_key=sections["braintree"].text("public_key") if braintree_there else None,
        braintree_private_key=sections["braintree"].path("private_key") if braintree_there else None,
        merchant_accounts=_names(
            sections["braintree"],
            "merchant_accounts",
            "the merchant accounts through which bandcoins are sold",
        )
        if braintree_there
        else frozenset(),
        saleor_jwks=saleor_section.path("jwks") if "jwks" in saleor_section.values else None,
        saleor_secret=saleor_section.path("secret") if "secret" in saleor_section.values else None,
        saleor_packs=_names(saleor_section, "packs", "the SKUs that are sold for bandcoins")
        if saleor_there
        else frozenset(),
        bank_url=bank.text("url") if bank_there else None,
        bank_secret=bank.path("secret") if bank_there else None,
    )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _names(section: Section, key: str, what: str) -> frozenset[str]:
    names = section.values.get(key)
    if not isinstance(names, list) or not names or not all(isinstance(one, str) and one for one in names):
        raise section.error(key, f"lists {what}, one or more")
    return frozenset(names)


def _parse_rates(section: Section) -> dict[str, Rate]:
    rates = dict[str, Rate]()
    for currency, values in section.values.items():
        if not re.fullmatch("[A-Z]{3}", currency):
            raise section.error(currency, "is not a currency such as EUR")
        if not isinstance(values, dict) or set(values) - {"decimals", "ubc", "per_minor"}:
            raise section.error(currency, "has decimals, ubc and per_minor, and nothing else")
        one = Section(values, f"rates.{currency}", section.file)
        try:
            rates[currency] = Rate(
                currency, one.number("decimals", 2), one.number("ubc", 0), one.number("per_minor", 1)
            )
        except ValueError as error:
            raise section.error(currency, str(error)) from error
    if not rates:
        raise section.error("EUR", "there is no rate: nothing could be sold")
    return rates
