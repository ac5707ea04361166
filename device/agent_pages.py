"""What the user's agent keeps, as text: its book of envelopes, and a line for each decision and what it led to. Pure.

    {"latest_s": .., "next": .., "seen": {application: [costs of a minute, or null]},
     "open": [[number, application, at_s, most_ubc, {"purses": {instance: ubc}, "grants": [..], "purchases": [..]}]],
     "settled": [[number, application, at_s, paid_ubc]]}

    {"number": .., "at_s": .., "application": .., "choice": .., "why": .., "taken": .., "worth_ubc": .., "plan_ubc": ..,
     "waiting_ubc": .., "alternatives": [{"seller": .., "place": .., "terms": .., "expected_ubc": .., "worst_ubc": ..,
     "switching_ubc": .., "doubt_ubc": .., "gain_ubc": .., "served_ppm": .., "refused": ..}]}
    {"number": .., "over": {"paid_ubc": .., "seconds": .., "bytes": .., "reason": ..}}

`terms` are ["posted", price_ubc, duration_s, bounded] or ["metered", tariff in hexadecimal CBOR, left_ubc].
A line that is damaged, as the last one may be after a power failure, is passed over and counted; a damaged book is
refused, as nobody knows what it had reserved. Raises DecodeError.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from market.agent.choosing import Choice, Decision, Weighed
from market.agent.envelopes import Book, Reservation, Settled
from market.agent.quotes import Metered, Need, PostedPrice, Terms
from market.agent.receipt import Alternative, Had
from wire.cbor import read_cbor, write_cbor
from wire.errors import DecodeError
from wire.tariff import tariff_of, write_tariff

MAX_SEEN = 50
"""Looks that are remembered for each application: what prices are like around here."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was beside the wallet before something was signed: what was paid by channel, and names of grants and
    purchases. By it, after a crash, one can tell what was spent.
    """

    purses_ubc: Mapping[str, int] = field(default_factory=dict)
    grants: frozenset[str] = frozenset()
    purchases: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Kept:
    """The book, the evidence for what is open in it, and what earlier looks saw."""

    book: Book = field(default_factory=Book)
    before: Mapping[int, Evidence] = field(default_factory=dict)
    seen: Mapping[str, tuple[int | None, ...]] = field(default_factory=dict)


def spent_since_ubc(before: Evidence, now: Evidence, most_ubc: int) -> int | None:
    """Of what was reserved, after a crash: what channels paid since, and all of it if there is a new grant, or a
    channel says less than before; None while a purchase waits for an answer. Never more than was reserved: nothing
    else could be signed for it.
    """
    if now.purchases - before.purchases:
        return None
    grown_ubc = {name: ubc - before.purses_ubc.get(name, 0) for name, ubc in now.purses_ubc.items()}
    lost = any(name not in grown_ubc for name in before.purses_ubc)
    if lost or now.grants - before.grants or min(grown_ubc.values(), default=0) < 0:
        return most_ubc
    return min(sum(grown_ubc.values()), most_ubc)


# ---- The book


def write_kept_book(kept: Kept) -> bytes:
    book = kept.book
    page = {
        "latest_s": book.latest_s,
        "next": book.next_number,
        "seen": {name: list(costs) for name, costs in kept.seen.items()},
        "open": [
            [
                one.number,
                one.application,
                one.at_s,
                one.most_ubc,
                _write_evidence(kept.before.get(one.number)),
            ]
            for one in book.open
        ],
        "settled": [[one.number, one.application, one.at_s, one.paid_ubc] for one in book.settled],
    }
    return json.dumps(page).encode()


def read_kept_book(data: bytes) -> Kept:
    try:
        page = json.loads(data)
        match page:
            case {
                "latest_s": latest,
                "next": following,
                "seen": dict(seen),
                "open": list(opened),
                "settled": list(settled),
            }:
                reservations = [_read_reservation(row) for row in opened]
                book = Book(
                    _whole(latest),
                    _whole(following),
                    tuple(one for one, _ in reservations),
                    tuple(_read_settled(row) for row in settled),
                )
                costs = {name: tuple(_cost(cost) for cost in row) for name, row in seen.items()}
                return Kept(book, {one.number: evidence for one, evidence in reservations}, costs)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise DecodeError(f"the agent's book: {error}") from None
    raise DecodeError("the agent's book: not what is kept there")


def _write_evidence(evidence: Evidence | None) -> dict[str, object]:
    one = evidence or Evidence()
    return {"purses": dict(one.purses_ubc), "grants": sorted(one.grants), "purchases": sorted(one.purchases)}


def _read_reservation(row: Any) -> tuple[Reservation, Evidence]:
    number, application, at_s, most_ubc, page = row
    evidence = Evidence(
        {str(name): _whole(ubc) for name, ubc in page["purses"].items()},
        frozenset(map(str, page["grants"])),
        frozenset(map(str, page["purchases"])),
    )
    return Reservation(_whole(number), str(application), _whole(at_s), _whole(most_ubc)), evidence


def _read_settled(row: Any) -> Settled:
    number, application, at_s, paid_ubc = row
    return Settled(_whole(number), str(application), _whole(at_s), _whole(paid_ubc))


def _cost(value: Any) -> int | None:
    return None if value is None else _whole(value)


def _whole(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r} is not an integer of at least 0")
    return value


# ---- Decisions


def describe_decision(number: int, at_s: int, need: Need, decision: Decision) -> dict[str, object]:
    """`number` of the reservation; 0 if nothing was reserved."""
    taken = decision.taken
    return {
        "number": number,
        "at_s": at_s,
        "application": need.application,
        "choice": decision.choice.value,
        "why": decision.why,
        "worth_ubc": need.worth_ubc,
        "plan_ubc": decision.plan_ubc,
        "waiting_ubc": decision.waiting_ubc,
        "taken": None if taken is None else decision.alternatives.index(taken),
        "alternatives": [_describe_weighed(one) for one in decision.alternatives],
    }


def describe_end(number: int, paid_ubc: int, seconds: int, ip_bytes: int, reason: str) -> dict[str, object]:
    over = {"paid_ubc": paid_ubc, "seconds": seconds, "bytes": ip_bytes, "reason": reason}
    return {"number": number, "over": over}


def _describe_weighed(one: Weighed) -> dict[str, object]:
    return {
        "seller": one.quote.seller,
        "place": one.quote.place,
        "terms": write_terms(one.quote.terms),
        "valid_until_s": one.quote.valid_until_s,
        "served_ppm": one.quote.served_ppm,
        "expected_ubc": one.expected_ubc,
        "worst_ubc": one.worst_ubc,
        "switching_ubc": one.switching_ubc,
        "doubt_ubc": one.doubt_ubc,
        "gain_ubc": one.gain_ubc,
        "refused": one.refused,
    }


def write_terms(terms: Terms) -> list[object]:
    match terms:
        case PostedPrice(price_ubc, duration_s, bounded):
            return ["posted", price_ubc, duration_s, bounded]
        case Metered(tariff, left_ubc):
            return ["metered", write_cbor(write_tariff(tariff)).hex(), left_ubc]


def read_terms(value: Any) -> Terms:
    """Raises ValueError."""
    match value:
        case ["posted", price_ubc, duration_s, bool(bounded)] if _whole(duration_s):
            return PostedPrice(_whole(price_ubc), duration_s, bounded)
        case ["metered", str(tariff), left_ubc]:
            return Metered(tariff_of(read_cbor(bytes.fromhex(tariff))), _whole(left_ubc))
    raise ValueError(f"{value!r} are no terms")


def read_log(lines: Iterable[bytes]) -> tuple[list[Had], int]:
    """The decisions that led to something and are over, and how many lines are damaged."""
    begun: dict[int, dict[str, Any]] = {}
    had: list[Had] = []
    damaged = 0
    for line in lines:
        try:
            page = json.loads(line)
            match page:
                case {"number": int(number), "over": dict(over)} if number in begun:
                    had.append(_read_had(number, begun.pop(number), over))
                case {"number": int(number), "choice": str()} if number:
                    begun[number] = page
                case {"number": int(), "choice": str()} | {"number": int(), "over": dict()}:
                    pass
                case _:
                    damaged += 1
        except (ValueError, TypeError, KeyError, IndexError, RecursionError):
            damaged += 1
    return had, damaged


def _read_had(number: int, page: dict[str, Any], over: dict[str, Any]) -> Had:
    alternatives = page["alternatives"]
    taken = alternatives[_whole(page["taken"])]
    manner = "grant" if page["choice"] == Choice.BUY.value else "metered"
    return Had(
        number,
        _whole(page["at_s"]),
        str(page["application"]),
        str(taken["seller"]),
        manner,
        _whole(over["paid_ubc"]),
        _whole(taken["expected_ubc"]),
        _whole(taken["worst_ubc"]),
        _whole(over["seconds"]),
        _whole(over["bytes"]),
        str(over["reason"]),
        tuple(
            Alternative(str(one["seller"]), read_terms(one["terms"]), str(one["refused"]))
            for one in alternatives
        ),
    )
