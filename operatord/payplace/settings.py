"""What an operator can set of its payouts, and a merchant of its signing; and what is refused.

Pure: a mapping as TOML gives it comes in, settings come out, or ConfigError that names the file and the key.

    [payouts]   folder, key = the operator's account, earnings = operatord's database, commission_ppm, collect_s,
                leaf_consumers: at most in a leaf; merchants: accounts that may register before they have earned
                anything here, or "anybody"; host, port: where merchants ask;
                period_s, window_s, finality_s, challenge_s: for its registration
    [merchant]  folder, key = the account to be paid to, operator = its account, url = where it serves its blocks
    [ledger]    url, ledger_id
    [broker]    host, port, authority, certificate, key     (ledger/settings.py)

A file has [payouts] or [merchant].
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ledger.payplace.payout_leaf import MAX_ENTRIES
from ledger.section import Section, refuse_unknown
from ledger.settings import BROKER_KEYS, BrokerSettings, parse_broker
from operatord.payplace.steps import Consent, Rules
from wire.errors import ConfigError, DecodeError
from wire.ids import LEDGER_ID_SIZE, PublicKey
from wire.payplace_registration import Times
from wire.units import PPM

DEFAULT_PORT = 8580
_TIMES = {"period_s", "window_s", "finality_s", "challenge_s"}
_PAYOUTS = {
    "folder",
    "key",
    "earnings",
    "commission_ppm",
    "collect_s",
    "leaf_consumers",
    "merchants",
    "host",
    "port",
} | _TIMES
_LEDGER = {"url", "ledger_id"}


@dataclass(frozen=True, slots=True)
class ChainLink:
    """Where the ledger is read, and where transactions are handed in."""

    url: str
    ledger_id: bytes
    broker: BrokerSettings


@dataclass(frozen=True, slots=True)
class PayoutSettings:
    """An operator's. `earnings`: the database of its `operatord`, which is only read."""

    folder: Path
    key: Path
    earnings: Path
    rules: Rules
    times: Times
    host: str
    port: int
    chain: ChainLink


@dataclass(frozen=True, slots=True)
class MerchantSettings:
    """A merchant's."""

    folder: Path
    key: Path
    operator: PublicKey
    url: str
    chain: ChainLink


def parse_payouts(page: Mapping[str, Any], file: Path) -> PayoutSettings:
    """Raises ConfigError."""
    refuse_unknown(page, {"payouts": _PAYOUTS, "ledger": _LEDGER, "broker": BROKER_KEYS}, file)
    section = Section(page.get("payouts", {}), "payouts", file)
    times = _parse_times(section)
    rules = Rules(
        section.number("commission_ppm", 0),
        section.number("collect_s", times.window_s // 2),
        section.number("leaf_consumers", MAX_ENTRIES),
        *_parse_merchants(section),
    )
    if not 1 <= rules.leaf_consumers <= MAX_ENTRIES:
        raise section.error("leaf_consumers", f"{rules.leaf_consumers}, outside 1..{MAX_ENTRIES}")
    if rules.commission_ppm > PPM:
        raise section.error("commission_ppm", f"{rules.commission_ppm} parts of a million")
    if not 0 < rules.collect_s < times.window_s:
        raise section.error("collect_s", f"signatures are waited for within the window of {times.window_s} s")
    return PayoutSettings(
        folder=section.path("folder"),
        key=section.path("key"),
        earnings=section.path("earnings"),
        rules=rules,
        times=times,
        host=section.text("host", "127.0.0.1"),
        port=section.port("port", DEFAULT_PORT),
        chain=_parse_chain(page, file),
    )


def _parse_merchants(section: Section) -> tuple[Consent, frozenset[PublicKey]]:
    named = section.values.get("merchants", [])
    if named == Consent.ANYBODY.value:
        return Consent.ANYBODY, frozenset()
    if not isinstance(named, list) or not all(isinstance(one, str) for one in named):
        raise section.error("merchants", f'a list of accounts is needed, or "{Consent.ANYBODY.value}"')
    try:
        return Consent.OWNERS, frozenset(PublicKey.parse(one) for one in named)
    except ValueError as error:
        raise section.error("merchants", str(error)) from error


def parse_merchant(page: Mapping[str, Any], file: Path) -> MerchantSettings:
    """Raises ConfigError."""
    known = {"merchant": {"folder", "key", "operator", "url"}, "ledger": _LEDGER, "broker": BROKER_KEYS}
    refuse_unknown(page, known, file)
    section = Section(page.get("merchant", {}), "merchant", file)
    return MerchantSettings(
        folder=section.path("folder"),
        key=section.path("key"),
        operator=section.account("operator"),
        url=section.text("url"),
        chain=_parse_chain(page, file),
    )


def _parse_times(section: Section) -> Times:
    try:
        return Times(
            section.number("period_s", 3_600),
            section.number("window_s", 600),
            section.number("finality_s", 30),
            section.number("challenge_s", 7_200),
        )
    except DecodeError as error:
        raise ConfigError(f"{section.file}: {section.name}: {error}") from None


def _parse_chain(page: Mapping[str, Any], file: Path) -> ChainLink:
    ledger, broker = (Section(page.get(name, {}), name, file) for name in ("ledger", "broker"))
    return ChainLink(ledger.text("url"), ledger.octets("ledger_id", LEDGER_ID_SIZE), parse_broker(broker))
