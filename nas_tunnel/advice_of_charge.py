"""The Advice of Charge ANQP element (278): an offer in words, for devices that know the standard and not us.

    element    one charge after the other
    charge     length (2), type (1), encoding of the realm (1), length of the realm (1), realm, plans
    plan       length (2), language (3), currency (3), plan information: a small XML document

Nothing in it is signed: it is a courtesy, and nobody may buy by it. Bandcoin has no ISO 4217 code, so the currency is
XXX ("no currency") and the text names the unit.
Reference: IEEE 802.11-2020 clause 9.4.5.22 (IEEE 802.11-15/0761r2); plan information in the namespace of Hotspot 2.0.
Held against the layout that a vendor's firmware writes (MediaTek wapp), as Wireshark shows the element's octets only.
Promise: `read_advice_of_charge` returns a value or raises DecodeError, whatever the bytes, in time linear in their
number.
"""

from collections.abc import Iterator, Sequence
from enum import IntEnum

from wire.errors import DecodeError
from wire.frozen import dataclass
from wire.offer import Offer
from wire.qos import RateLayer
from wire.units import format_duration, format_money, format_rate, format_size

MAX_ADVICE_BYTES = 2_035
"""As any element that goes through hostapd's control socket (nas_tunnel/anqp.py)."""
NO_CURRENCY = "XXX"
ENGLISH = "eng"
"""ISO 639-2."""
_UTF_8 = 1
"""Encoding of a realm: 0 as RFC 4282 says, 1 UTF-8."""
_CODE_SIZE = 3
# The sentence inside has digits, letters and commas only, so nothing needs to be escaped.
_XML = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<Plan xmlns="http://www.wi-fi.org/specifications/hotspot2dot0/v1.0/aocpi">'
    "<Description>{}</Description></Plan>"
)


class ChargeType(IntEnum):
    """What is charged for (IEEE 802.11-2020 table 9-353)."""

    TIME = 0
    VOLUME = 1
    TIME_AND_VOLUME = 2
    UNLIMITED = 3


@dataclass(frozen=True, slots=True)
class Plan:
    """`language` and `currency` have three letters; `information` is the XML document."""

    language: str
    currency: str
    information: str


@dataclass(frozen=True, slots=True)
class Charge:
    """Plans for whoever authenticates in `realm`; an empty realm is any."""

    kind: ChargeType
    realm: str
    plans: tuple[Plan, ...]


def charge_of(offer: Offer) -> Charge:
    """The offer in a sentence for people."""
    kind = ChargeType.TIME_AND_VOLUME if offer.qos.data_cap_bytes or offer.qos.usage else ChargeType.TIME
    return Charge(kind, "", (Plan(ENGLISH, NO_CURRENCY, _XML.format(format_offer(offer))),))


def format_offer(offer: Offer) -> str:
    """`1.5 BC (bandcoin) for 20 min: at least 5 Mbit/s down and 1 Mbit/s up, at most 20 and 5 Mbit/s, 2 GB in all`"""
    qos = offer.qos
    layer = ", counted as Ethernet frames" if qos.rate_layer is RateLayer.ETHERNET else ""
    cap = f", {format_size(qos.data_cap_bytes)} in all" if qos.data_cap_bytes else ""
    use = ""
    if qos.usage is not None:
        use = (
            f", beyond {format_size(qos.usage.included_bytes)} {format_money(qos.usage.price_ubc)} for each begun "
            f"{format_size(qos.usage.step_bytes)}, at most {format_money(qos.usage.most_ubc)} more"
        )
    return (
        f"{format_money(offer.price_ubc)} (bandcoin) for {format_duration(offer.allocation_duration_s)}: "
        f"at least {format_rate(qos.floor_down_bps)} down and {format_rate(qos.floor_up_bps)} up, "
        f"at most {format_rate(qos.ceil_down_bps)} and {format_rate(qos.ceil_up_bps)}{layer}{cap}{use}"
    )


def write_advice_of_charge(charges: Sequence[Charge]) -> bytes:
    """The payload of element 278, as hostapd's `anqp_elem` wants it. More than fits is the caller's mistake."""
    payload = b"".join(_sized(_write_charge(charge)) for charge in charges)
    assert len(payload) <= MAX_ADVICE_BYTES, f"an advice of charge of {len(payload)} bytes"
    return payload


def read_advice_of_charge(payload: bytes) -> tuple[Charge, ...]:
    """From the payload of element 278. Raises DecodeError."""
    if len(payload) > MAX_ADVICE_BYTES:
        raise DecodeError(f"advice of charge: {len(payload)} bytes, at most {MAX_ADVICE_BYTES} are accepted")
    return tuple(_read_charge(charge) for charge in _iterate_sized(payload, "charge"))


def _write_charge(charge: Charge) -> bytes:
    realm = charge.realm.encode()
    assert len(realm) <= 255, f"a realm of {len(realm)} bytes"
    plans = b"".join(_sized(_write_plan(plan)) for plan in charge.plans)
    return bytes((charge.kind, _UTF_8, len(realm))) + realm + plans


def _write_plan(plan: Plan) -> bytes:
    codes = plan.language.encode() + plan.currency.encode()
    assert len(codes) == 2 * _CODE_SIZE, f"language and currency are {codes!r}"
    return codes + plan.information.encode()


def _read_charge(charge: bytes) -> Charge:
    if len(charge) < 3 or len(charge) < 3 + charge[2]:
        raise DecodeError(f"advice of charge: a charge of {len(charge)} bytes ends inside its realm")
    if charge[0] > ChargeType.UNLIMITED:
        raise DecodeError(f"advice of charge: type {charge[0]} is reserved")
    plans_at = 3 + charge[2]
    plans = tuple(_read_plan(plan) for plan in _iterate_sized(charge[plans_at:], "plan"))
    return Charge(ChargeType(charge[0]), _text(charge[3:plans_at]), plans)


def _read_plan(plan: bytes) -> Plan:
    if len(plan) < 2 * _CODE_SIZE:
        raise DecodeError(f"advice of charge: a plan of {len(plan)} bytes ends inside language or currency")
    codes = plan[: 2 * _CODE_SIZE]
    if not codes.isascii():
        raise DecodeError(f"advice of charge: language and currency {codes.hex()} are not letters")
    return Plan(codes[:_CODE_SIZE].decode(), codes[_CODE_SIZE:].decode(), _text(plan[2 * _CODE_SIZE :]))


def _sized(octets: bytes) -> bytes:
    return len(octets).to_bytes(2, "little") + octets


def _iterate_sized(data: bytes, name: str) -> Iterator[bytes]:
    at, end = 0, len(data)
    while at < end:
        start = at + 2
        after = start + int.from_bytes(data[at:start], "little")
        if start > end or after > end:
            raise DecodeError(f"advice of charge: the {name} at byte {at} does not fit into {end} bytes")
        yield data[start:after]
        at = after


def _text(octets: bytes) -> str:
    try:
        return octets.decode()
    except UnicodeDecodeError as error:
        raise DecodeError(f"advice of charge: a text is not UTF-8: {error.reason}") from None
