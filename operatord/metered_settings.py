"""What the operator's file says of metered sessions: from TOML to tariffs. Pure; raises ConfigError.

    [metered]        address = "192.0.2.1"  port = 18574  listen = "0.0.0.0"  interval_s = 60  missed_allowed = 1
                     floor_down = "2Mbit/s"  ceil_down = "20Mbit/s"  floor_up = "500k"  ceil_up = "5Mbit/s"
                     least_deposit_ubc = 100000    who has less does not begin; without it ten increments of a box
                     attestation = "none"          or "remember", or "require" (operatord/attested.py)
    [attesters.NAME] account = "02..."  key = "03..."  pcr_digest = "64 hex digits"
    [tariffs.roof]   bssids = ["02:00:00:00:00:01"]  per_minute_ubc = 1000  per_megabyte_ubc = 0

`address` is where devices send payments, as the boxes' networks say too; the rates are promised at every box alike, the
prices are each box's own. Attesters are keys that vouch for devices' meters. Without [metered] nobody pays as he goes.
"""

import ipaddress
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ledger.section import Section, refuse_unknown
from operatord.attested import Attestation, Enrolled, Policy
from operatord.channel import Rules
from operatord.reply import INTERIM_INTERVAL_S
from wire.errors import DecodeError
from wire.ids import MacAddress, PublicKey
from wire.qos import Qos
from wire.tariff import PAYMENT_PORT, Tariff
from wire.units import parse_rate

METERED_KEYS = {
    "address", "port", "listen", "interval_s", "missed_allowed", "floor_down", "ceil_down", "floor_up", "ceil_up",
    "attestation", "least_deposit_ubc",
}  # fmt: skip
_TARIFF_KEYS = {"bssids", "per_minute_ubc", "per_megabyte_ubc"}
_ATTESTER_KEYS = {"account", "key", "pcr_digest"}
DEFAULT_INTERVAL_S = 60
LEAST_INCREMENTS = 10
"""Of each box's own tariff, if the file names no least deposit."""
PCR_DIGEST_SIZE = 32


@dataclass(frozen=True, slots=True)
class MeteredSettings:
    """`tariffs` by box and BSSID. `host` and `port` are where we listen."""

    host: str
    port: int
    rules: Rules
    qos: Qos
    tariffs: Mapping[tuple[str, MacAddress], Tariff] = field(default_factory=dict)
    attestation: Attestation = Attestation()


def parse_metered(
    page: Mapping[str, Any], boxes: Collection[str], known: Collection[str], file: Path
) -> MeteredSettings | None:
    """From the content of the whole file. Of the boxes that are `known` by name only `boxes` serve now: tariffs of the
    others, which are invited, revoked or damaged, wait.
    """
    sections = page.get("tariffs", {})
    if "metered" not in page:
        for kind in ("tariffs", "attesters"):
            for name in page.get(kind, {}):
                raise Section(page[kind], kind, file).error(name, "there is no section [metered]")
        return None
    common = Section(page["metered"], "metered", file)
    address, port, interval_s = _address(common), common.port("port", PAYMENT_PORT), _interval_s(common)
    qos, allowed = _qos(common), common.number("missed_allowed", 1)
    if not allowed:
        raise common.error("missed_allowed", "at least one payment has to be missed before a session ends")
    tariffs: dict[tuple[str, MacAddress], Tariff] = {}
    for name, values in sections.items():
        refuse_unknown({f"tariffs.{name}": values}, {f"tariffs.{name}": _TARIFF_KEYS}, file)
        section = Section(values, f"tariffs.{name}", file)
        if name not in known:
            raise section.error(
                "bssids", f"there is no section [boxes.{name}], and no enrolled box of this name"
            )
        tariff, bssids = _tariff(section, interval_s, qos, address, port), _bssids(section)
        if name in boxes:
            tariffs |= {(name, bssid): tariff for bssid in bssids}
    attestation = _attestation(common, page.get("attesters", {}))
    must = frozenset(attestation.enrolled) if attestation.policy is Policy.REQUIRE else None
    by_itself = 0 if "least_deposit_ubc" in common.values else LEAST_INCREMENTS
    rules = Rules(allowed, must, common.number("least_deposit_ubc", 0), by_itself)
    return MeteredSettings(common.text("listen", "0.0.0.0"), port, rules, qos, tariffs, attestation)


def _attestation(common: Section, sections: Mapping[str, Any]) -> Attestation:
    try:
        policy = Policy(common.text("attestation", Policy.NONE.value))
    except ValueError:
        words = ", ".join(one.value for one in Policy)
        raise common.error("attestation", f"is none of {words}") from None
    enrolled: dict[PublicKey, Enrolled] = {}
    for name, values in sections.items():
        refuse_unknown({f"attesters.{name}": values}, {f"attesters.{name}": _ATTESTER_KEYS}, common.file)
        section = Section(values, f"attesters.{name}", common.file)
        account = section.account("account")
        if account in enrolled:
            raise section.error("account", "two sections are of this account")
        pcrs = section.octets("pcr_digest", PCR_DIGEST_SIZE) if "pcr_digest" in values else b""
        enrolled[account] = Enrolled(section.account("key"), pcrs)
    if policy is Policy.REQUIRE and not enrolled:
        raise common.error("attestation", "nobody is enrolled: nobody could join; say [attesters.NAME]")
    return Attestation(policy, enrolled)


def _tariff(
    section: Section,
    interval_s: int,
    qos: Qos,
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
    port: int,
) -> Tariff:
    per_minute, per_megabyte = section.number("per_minute_ubc", 0), section.number("per_megabyte_ubc", 0)
    if per_megabyte and interval_s < INTERIM_INTERVAL_S:
        why = f"access points tell what they count every {INTERIM_INTERVAL_S} s: [metered] interval_s is less"
        raise section.error("per_megabyte_ubc", why)
    try:
        return Tariff(per_minute, per_megabyte, interval_s, qos, address, port)
    except DecodeError as error:
        raise section.error("per_minute_ubc", str(error)) from error


def _interval_s(section: Section) -> int:
    interval_s = section.number("interval_s", DEFAULT_INTERVAL_S)
    if not interval_s:
        raise section.error("interval_s", "an interval has at least a second")
    return interval_s


def _qos(section: Section) -> Qos:
    rates = []
    for key in ("floor_down", "ceil_down", "floor_up", "ceil_up"):
        try:
            rates.append(parse_rate(section.text(key)))
        except ValueError as error:
            raise section.error(key, str(error)) from error
    try:
        return Qos(rates[0], rates[1], rates[2], rates[3])
    except DecodeError as error:
        raise section.error("floor_down", str(error)) from error


def _address(section: Section) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        return ipaddress.ip_address(section.text("address"))
    except ValueError as error:
        raise section.error("address", str(error)) from error


def _bssids(section: Section) -> list[MacAddress]:
    value = section.values.get("bssids")
    if not isinstance(value, list) or not value or not all(isinstance(one, str) for one in value):
        raise section.error("bssids", "a list of BSSIDs is needed: what a device pays by names one")
    try:
        return [MacAddress.parse(one) for one in value]
    except ValueError as error:
        raise section.error("bssids", str(error)) from error
