"""The lobby's words carried over the air: by ANQP queries, before the station has associated. Pure.

    Send(Discover)   a scan, or what one just found, then one offer query to each basic service set whose beacon shows
                     our element
    Send(Purchase)   a purchase query, then the element of its answer, asked for with back-off until it names us
    Associate        silence: nobody asks while the radio joins

In: what the core orders (device/agent.py), and what wpa_supplicant found and heard. Out: orders for it, and events for
the core. One query is under way at a time, the loudest beacon first. A beacon without our element is never asked: it
would cost two seconds for each stranger in the street. What a stranger answers is taken only if it was asked for, is
short enough, and names our transaction; all else is dropped with a count. Nothing here is signed or judged: the core
verifies, and makes no second purchase without the ledger's signed word.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TypeAlias

from device.events import MarketHeard, MessageHeard, OfferHeard, Send, SendFailed
from device.retry import Backoff, Retry, again, begin
from nas_tunnel.anqp import (
    NO_OFFER,
    VENDOR,
    answer_id,
    find_beacon_element,
    read_air_offer,
    read_answers,
    read_elements,
    write_offer_query,
    write_purchase_query,
)
from nas_tunnel.lobby import Announcement, Discover, Outcome, Purchase, Refused
from wire.errors import DecodeError
from wire.ids import MacAddress
from wire.join_request import CHALLENGE_SIZE
from wire.units import NS_PER_S, Now

MAX_ASKED = 32
"""Basic service sets asked in one round, the loudest: who beacons invented ones by the thousand costs 32 queries."""
MAX_RESPONSE_BYTES = 8_192
"""Four times the largest element: nothing that was asked for has more."""
QUERY_TRIES = 3
"""A query may be lost three times, of two seconds each, before the core hears of it."""
POLL = Backoff(first_ms=30, longest_ms=600, tries=14)
"""When the answer is asked for: after 30, 60, 120 ms ... then every 600 ms, for seven seconds after each purchase."""
FRESH_S = 15
"""What was heard so short ago may still be there: the slowest scan takes ten seconds. What went away wpa_supplicant
remembers for minutes. As long as it finds nothing to join it scans all the time, so another scan is often not needed.
"""
SCAN_LIMIT_NS = 20 * NS_PER_S
"""All channels of three bands, some of them listened to only, take less than ten seconds."""
QUERY_LIMIT_NS = 6 * NS_PER_S
"""wpa_supplicant gives up after two seconds, and may have to wait for the radio before."""
_NOTHING = Refused(b"", "nothing_on_offer", "this access point has no current offer")
NO_CHALLENGE = bytes(CHALLENGE_SIZE)
"""In announcements from the air: nobody joins there by a lobby's request."""


class Aim(Enum):
    """What a query is for."""

    OFFER = "offer"
    PURCHASE = "purchase"
    ANSWER = "answer"


@dataclass(frozen=True, slots=True)
class Found:
    """A basic service set in range, and the elements of its beacon or probe response."""

    bssid: MacAddress
    signal_dbm: int
    elements: bytes
    age_s: int = 0
    """Since it was last heard."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """These were in range lately."""

    found: tuple[Found, ...]


@dataclass(frozen=True, slots=True)
class ScanFinished:
    """These are in range."""

    found: tuple[Found, ...]


@dataclass(frozen=True, slots=True)
class ScanFailed:
    """No scan this time."""

    detail: str


@dataclass(frozen=True, slots=True)
class QueryAnswered:
    """The whole response, however many fragments it came in."""

    bssid: MacAddress
    response: bytes


@dataclass(frozen=True, slots=True)
class QueryFailed:
    """No response, or one that nobody would want."""

    bssid: MacAddress
    detail: str


AirEvent = Remembered | ScanFinished | ScanFailed | QueryAnswered | QueryFailed


@dataclass(frozen=True, slots=True)
class Look:
    """At what wpa_supplicant remembers."""


@dataclass(frozen=True, slots=True)
class Scan:
    """Look around on all channels."""


@dataclass(frozen=True, slots=True)
class Query:
    """Ask this basic service set."""

    bssid: MacAddress
    query: bytes


Answer: TypeAlias = OfferHeard | MarketHeard | MessageHeard | SendFailed
Order: TypeAlias = Look | Scan | Query


@dataclass(frozen=True, slots=True)
class Ask:
    """One query, until it is answered."""

    aim: Aim
    bssid: MacAddress
    query: bytes
    signal_dbm: int = 0
    tries: int = 1


@dataclass(frozen=True, slots=True)
class Poll:
    """An answer that is waited for."""

    bssid: MacAddress
    transaction_id: bytes
    retry: Retry


@dataclass(frozen=True, slots=True)
class Carriage:
    """What is under way. `dropped` counts what was heard and not taken, by reason."""

    scanning: bool = False
    looked: bool = False
    """What was remembered has been used: next time a scan."""
    asked: Ask | None = None
    limit_ns: int | None = None
    """When the scan or the query under way is given up."""
    queue: tuple[Ask, ...] = ()
    poll: Poll | None = None
    dropped: Mapping[str, int] = field(default_factory=dict)


Step: TypeAlias = "tuple[Carriage, list[Order | Answer]]"


def carry(carriage: Carriage, send: Send, now: Now) -> Step:
    """What the core wants said. Said again while it is under way, it changes nothing."""
    match send.message:
        case Discover():
            return _discover(carriage, now)
        case Purchase(transaction) if send.address is not None:
            ask = Ask(Aim.PURCHASE, MacAddress.parse(send.address), write_purchase_query(transaction))
            return _purchase(carriage, ask, send.subject, now)
        case _:
            return carriage, [SendFailed(f"{type(send.message).__name__} does not travel over the air")]


def hear(carriage: Carriage, event: AirEvent, now: Now) -> Step:
    """What wpa_supplicant found and heard."""
    match event:
        case Remembered(found):
            known = any(_sells(one) for one in found)
            return _begin_round(carriage, found, now) if known else (carriage, [Scan()])
        case ScanFinished(found):
            return _begin_round(carriage, found, now)
        case ScanFailed(detail):
            carriage = replace(carriage, scanning=False, limit_ns=None)
            return carriage, [SendFailed(f"scanning failed: {detail}")]
        case QueryAnswered(bssid, response):
            return _take_answer(carriage, bssid, response, now)
        case QueryFailed(bssid, detail):
            return _ask_again(carriage, bssid, detail, now)


def wake(carriage: Carriage, now: Now) -> Step:
    """The time of `next_due` has come."""
    if carriage.limit_ns is not None and now.mono_ns >= carriage.limit_ns:
        if carriage.asked is not None:
            return _ask_again(carriage, carriage.asked.bssid, "wpa_supplicant says nothing", now)
        return hear(carriage, ScanFailed("wpa_supplicant says nothing"), now)
    poll = carriage.poll
    if poll is None or now.mono_ns < poll.retry.due_ns or _is_asking(carriage, Aim.ANSWER):
        return carriage, []
    if poll.retry.exhausted(POLL):  # the core sends the purchase again, or gives up
        return replace(carriage, poll=None), []
    ask = Ask(Aim.ANSWER, poll.bssid, write_offer_query([answer_id(poll.transaction_id)]))
    return _next(replace(carriage, queue=(ask, *carriage.queue)), now)


def next_due(carriage: Carriage) -> int | None:
    """Monotonic nanoseconds, or None if only the world can go on."""
    poll = None if _is_asking(carriage, Aim.ANSWER) else carriage.poll
    waits = [carriage.limit_ns, poll.retry.due_ns if poll else None]
    return min((wait for wait in waits if wait is not None), default=None)


def fall_silent(carriage: Carriage) -> Carriage:
    """Nothing more is asked; what is under way may end."""
    return replace(carriage, queue=(), poll=None)


# ---- Discovering


def _discover(carriage: Carriage, now: Now) -> Step:
    if carriage.scanning or _is_asking(carriage, Aim.OFFER):
        return carriage, []
    order = Scan() if carriage.looked else Look()
    carriage = replace(carriage, looked=True, asked=None, queue=(), poll=None)
    return replace(carriage, scanning=True, limit_ns=now.mono_ns + SCAN_LIMIT_NS), [order]


def _sells(one: Found) -> bool:
    """Heard lately, with our element."""
    try:
        return one.age_s <= FRESH_S and find_beacon_element(one.elements) is not None
    except DecodeError:
        return False


def _begin_round(carriage: Carriage, found: tuple[Found, ...], now: Now) -> Step:
    if not carriage.scanning:  # somebody else's scan
        return carriage, []
    sellers = sorted(filter(_sells, found), key=lambda one: (-one.signal_dbm, one.bssid))
    asks = [Ask(Aim.OFFER, one.bssid, write_offer_query(), one.signal_dbm) for one in sellers[:MAX_ASKED]]
    carriage = replace(carriage, scanning=False, limit_ns=None, queue=tuple(asks))
    return _next(carriage, now) if asks else (carriage, [MarketHeard()])


def _take_offer(carriage: Carriage, ask: Ask, response: bytes) -> tuple[Carriage, list[Answer]]:
    try:
        payload = read_elements(response).get(VENDOR)
        if payload == NO_OFFER:
            return carriage, [MessageHeard(str(ask.bssid), _NOTHING)]
        air = read_air_offer(payload) if payload else None
    except DecodeError:
        return _drop(carriage, "garbled_offer"), []
    if air is None:
        return _drop(carriage, "no_offer"), []
    announcement = Announcement(
        air.offer, air.provider, air.ledger, air.ledger_id, NO_CHALLENGE, air.utc_s, air.network
    )
    return carriage, [OfferHeard(ask.bssid, announcement, ask.signal_dbm)]


# ---- Buying


def _purchase(carriage: Carriage, ask: Ask, transaction_id: bytes, now: Now) -> Step:
    poll = Poll(ask.bssid, transaction_id, begin(POLL, now.mono_ns))
    carriage = replace(carriage, poll=poll)
    under_way = carriage.asked, *carriage.queue
    if any(other is not None and (other.aim, other.query) == (ask.aim, ask.query) for other in under_way):
        return carriage, []
    return _next(replace(carriage, queue=(ask, *carriage.queue)), now)


def _take_messages(carriage: Carriage, ask: Ask, response: bytes, now: Now) -> tuple[Carriage, list[Answer]]:
    poll = carriage.poll
    if poll is None:
        return carriage, []
    carriage = replace(carriage, poll=replace(poll, retry=again(poll.retry, POLL, now.mono_ns)))
    try:
        payload = read_elements(response).get(answer_id(poll.transaction_id), b"")
        messages = read_answers(payload)
    except DecodeError:
        return _drop(carriage, "garbled_answer"), []
    ours = [message for message in messages if _subject(message) == poll.transaction_id]
    ours.sort(key=lambda message: not isinstance(message, Outcome))  # what is signed comes first
    return carriage, [MessageHeard(str(ask.bssid), message) for message in ours]


def _subject(message: object) -> bytes:
    return message.transaction_id if isinstance(message, Outcome) else getattr(message, "subject", b"")


# ---- One query at a time


def _next(carriage: Carriage, now: Now) -> Step:
    if carriage.asked is not None or carriage.scanning or not carriage.queue:
        return carriage, []
    ask, *rest = carriage.queue
    carriage = replace(carriage, asked=ask, queue=tuple(rest), limit_ns=now.mono_ns + QUERY_LIMIT_NS)
    return carriage, [Query(ask.bssid, ask.query)]


def _take_answer(carriage: Carriage, bssid: MacAddress, response: bytes, now: Now) -> Step:
    ask = carriage.asked
    if ask is None or ask.bssid != bssid:
        return _drop(carriage, "unasked"), []
    if len(response) > MAX_RESPONSE_BYTES:
        return _ask_again(carriage, bssid, f"a response of {len(response)} bytes", now)
    carriage = replace(carriage, asked=None, limit_ns=None)
    answers: list[Answer] = []
    match ask.aim:
        case Aim.OFFER:
            carriage, answers = _take_offer(carriage, ask, response)
        case Aim.ANSWER:
            carriage, answers = _take_messages(carriage, ask, response, now)
        case Aim.PURCHASE:  # the answer is only hostapd's; the box may have heard
            carriage = _poll_soon(carriage, now)
    return _go_on(carriage, ask, answers, now)


def _ask_again(carriage: Carriage, bssid: MacAddress, detail: str, now: Now) -> Step:
    ask = carriage.asked
    if ask is None or ask.bssid != bssid:
        return _drop(carriage, "unasked"), []
    carriage = _drop(replace(carriage, asked=None, limit_ns=None), "query_failed")
    if ask.aim is Aim.ANSWER:
        poll = carriage.poll
        later = replace(poll, retry=again(poll.retry, POLL, now.mono_ns)) if poll else None
        return _go_on(replace(carriage, poll=later), ask, [], now)
    if ask.tries < QUERY_TRIES:
        more = replace(ask, tries=ask.tries + 1)
        queue = (*carriage.queue, more) if ask.aim is Aim.OFFER else (more, *carriage.queue)
        return _next(replace(carriage, queue=queue), now)
    failed = SendFailed(f"{bssid} does not answer: {detail}")
    return _go_on(carriage, ask, [failed], now)


def _go_on(carriage: Carriage, ask: Ask, answers: list[Answer], now: Now) -> Step:
    """The next query; after the last offer the core need not wait for more."""
    last = ask.aim is Aim.OFFER and not any(other.aim is Aim.OFFER for other in carriage.queue)
    carriage, orders = _next(carriage, now)
    return carriage, [*answers, *([MarketHeard()] if last else []), *orders]


def _poll_soon(carriage: Carriage, now: Now) -> Carriage:
    poll = carriage.poll
    return replace(carriage, poll=replace(poll, retry=begin(POLL, now.mono_ns))) if poll else carriage


def _is_asking(carriage: Carriage, aim: Aim) -> bool:
    return any(ask is not None and ask.aim is aim for ask in (carriage.asked, *carriage.queue))


def _drop(carriage: Carriage, reason: str) -> Carriage:
    return replace(carriage, dropped={**carriage.dropped, reason: carriage.dropped.get(reason, 0) + 1})
