"""The cell's end of purchases in configuration options: puts pieces together, and hands answers out in parts. Pure.

    hear(desk, stranger, container, now) -> (desk, [command])

A stranger is whatever octets the network tells attempts apart by: a temporary identity, better than an address of a
moment. Each has one purchase at a time beside those that may have run, the whole desk MAX_STRANGERS of them, and each
is forgotten FORGET_NS after it was last heard: what strangers can make us keep is bounded by MAX_STRANGERS times
2.4 kB. Where there are too many, who has paid goes last. Whoever calls himself as another hears the other's answer, and
takes none away. Pieces are taken in order. A purchase that is whole is what its tag said, or is thrown away.

What goes to the ledger is a purchase of what is on offer (nas_tunnel/order_check.py), one of a stranger in REPEAT_NS
and MAX_EXECUTES of all in that time. Nothing is lost by a lost command: while there is no answer, whoever asks has it
carried again, and the ledger runs a transaction once. What the ledger signed is kept; a refusal of ours is handed out
once, as it may have passed when the stranger comes back. Piece and Ask get a reply, garbage gets none.
"""

from collections.abc import Mapping
from dataclasses import field, replace

from nas_tunnel.lobby import Outcome, Refused, write_lobby
from nas_tunnel.order_check import Terms, check_order
from nas_tunnel.pco_purchase import (
    MAX_CONTENTS_BYTES,
    Ask,
    Container,
    Have,
    Part,
    Piece,
    read_container,
    tag_of,
    write_container,
)
from wire.errors import DecodeError
from wire.frozen import dataclass
from wire.units import NS_PER_S, Now

MAX_STRANGERS = 256
"""More than attach at one small cell within FORGET_NS."""
FORGET_NS = 900 * NS_PER_S
"""After a reject with cause 19 a phone may count its attempts as used up, and comes back after 12 minutes (T3402), not
after 10 s (T3411); five attempts of the quick kind fit in too (TS 24.301 clauses 5.5.1.2.6 and 10.2)."""
REPEAT_NS = 10 * NS_PER_S
"""A stranger's purchases go to the ledger at most once in this time: no phone is back sooner (T3411)."""
MAX_EXECUTES = 16
"""Of all strangers, in REPEAT_NS: names cost a liar nothing, and so they cannot be all that counts."""


@dataclass(frozen=True, slots=True)
class Counter:
    """One stranger's purchase: what has come, whether it went to the ledger, and what there is to hand out.

    `passing` says of the answer that the ledger did not sign it, `paid` that there is a grant in it. `executed_ns` is
    also of the stranger's purchases before this one.
    """

    tag: bytes
    total: int
    heard_ns: int
    received: bytes = b""
    answer: bytes = b""
    passing: bool = False
    relayed: bool = False
    paid: bool = False
    executed_ns: int | None = None

    @property
    def is_whole(self) -> bool:
        return len(self.received) == self.total

    @property
    def worth(self) -> int:
        """What is lost if it is put out: a few octets, a purchase, one that may have run, one that was paid."""
        return 3 if self.paid else 2 if self.relayed else int(self.is_whole)


@dataclass(frozen=True, slots=True)
class Desk:
    """`terms` is what is on offer, if anything is; `counters` by stranger and tag, least recently heard first;
    `executed_ns` when the last MAX_EXECUTES purchases went to the ledger; `dropped` counts containers that were none.
    """

    terms: Terms | None = None
    counters: Mapping[tuple[bytes, bytes], Counter] = field(default_factory=dict)
    executed_ns: tuple[int, ...] = ()
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class Execute:
    """Carry this to the ledger, and say what it said by `answer`."""

    stranger: bytes
    tag: bytes
    transaction: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """A container for the reject, or whatever else goes to this stranger now."""

    stranger: bytes
    container: bytes


Command = Execute | Reply


def hear(desk: Desk, stranger: bytes, data: bytes, now: Now) -> tuple[Desk, list[Command]]:
    """One container of an ATTACH REQUEST. Garbage is counted and not answered."""
    try:
        container = read_container(data)
    except DecodeError:
        return replace(desk, dropped=desk.dropped + 1), []
    match container:
        case Piece():
            return _take_piece(desk, stranger, container, now)
        case Ask():
            return _take_question(desk, stranger, container, now)
        case _:
            return replace(desk, dropped=desk.dropped + 1), []


def answer(desk: Desk, stranger: bytes, tag: bytes, message: Outcome | Refused) -> Desk:
    """The ledger has answered, or the box has refused: for whenever the stranger comes back. A refusal takes no place
    of what the ledger signed.
    """
    counter, passing = desk.counters.get((stranger, tag)), isinstance(message, Refused)
    if counter is None or (passing and counter.answer and not counter.passing):
        return desk
    paid = isinstance(message, Outcome) and bool(message.grant)
    return _keep(desk, stranger, replace(counter, answer=write_lobby(message), passing=passing, paid=paid))


def forget(desk: Desk, now_ns: int) -> Desk:
    """Without those who were not heard for FORGET_NS."""
    kept = {key: counter for key, counter in desk.counters.items() if now_ns - counter.heard_ns < FORGET_NS}
    return desk if len(kept) == len(desk.counters) else replace(desk, counters=kept)


def _take_piece(desk: Desk, stranger: bytes, piece: Piece, now: Now) -> tuple[Desk, list[Command]]:
    counter = desk.counters.get((stranger, piece.tag))
    if counter is None or (counter.total != piece.total and not counter.relayed):
        executed_ns = _executed_ns(desk, stranger)
        counter = Counter(piece.tag, piece.total, now.mono_ns, executed_ns=executed_ns)
    if not counter.is_whole:
        counter = _with_piece(counter, piece)
    return _respond(desk, stranger, counter, 0, now)


def _with_piece(counter: Counter, piece: Piece) -> Counter:
    had = len(counter.received)
    if piece.at > had or piece.at + len(piece.contents) <= had:
        return counter
    received = counter.received[: piece.at] + piece.contents
    if len(received) == piece.total and tag_of(received) != piece.tag:
        received = b""  # pieces of two purchases, or of a liar
    return replace(counter, received=received)


def _take_question(desk: Desk, stranger: bytes, ask: Ask, now: Now) -> tuple[Desk, list[Command]]:
    counter = desk.counters.get((stranger, ask.tag))
    if counter is None:
        return desk, [_reply(stranger, Have(ask.tag, 0))]  # forgotten: from the beginning, please
    return _respond(desk, stranger, counter, ask.at, now)


def _respond(desk: Desk, stranger: bytes, counter: Counter, at: int, now: Now) -> tuple[Desk, list[Command]]:
    """Has the purchase carried, if it is time for that, and says what there is to say from octet `at` on."""
    counter, orders = replace(counter, heard_ns=now.mono_ns), list[Command]()
    if counter.is_whole and not counter.answer:
        counter = _judged(desk.terms, counter, now)
        if not counter.answer and _may_execute(desk, counter, now):
            if not counter.relayed:
                desk = replace(desk, executed_ns=(*desk.executed_ns[1 - MAX_EXECUTES :], now.mono_ns))
            counter = replace(counter, relayed=True, executed_ns=now.mono_ns)
            orders.append(Execute(stranger, counter.tag, counter.received))
    counter, said = _say(counter, at)
    return _keep(desk, stranger, counter), [*orders, _reply(stranger, said)]


def _judged(terms: Terms | None, counter: Counter, now: Now) -> Counter:
    """With the refusal, if the ledger is not to be asked. What was relayed may have run, whatever is on offer now."""
    if counter.relayed:
        return counter
    told = Refused(b"", "nothing_on_offer", "this cell has no current offer")
    if terms is not None:
        checked = check_order(counter.received, terms, now.utc_s)
        if not isinstance(checked, Refused):
            return counter
        told = checked
    return replace(counter, answer=write_lobby(told), passing=True)


def _executed_ns(desk: Desk, stranger: bytes) -> int | None:
    """When one of this stranger's purchases went to the ledger last."""
    moments = [one.executed_ns for (who, _), one in desk.counters.items() if who == stranger]
    return max((moment for moment in moments if moment is not None), default=None)


def _may_execute(desk: Desk, counter: Counter, now: Now) -> bool:
    if counter.executed_ns is not None and now.mono_ns - counter.executed_ns < REPEAT_NS:
        return False
    if counter.relayed:  # it may have run, and waits for no stranger
        return True
    return len(desk.executed_ns) < MAX_EXECUTES or now.mono_ns - desk.executed_ns[0] >= REPEAT_NS


def _say(counter: Counter, at: int) -> tuple[Counter, Have | Part]:
    """A refusal is forgotten with its last part."""
    size = len(counter.answer)
    if not size:
        return counter, Have(counter.tag, len(counter.received))
    at = at if at < size else 0
    part = Part(counter.tag, size, at, counter.answer[at : at + MAX_CONTENTS_BYTES])
    if counter.passing and at + len(part.contents) == size:
        counter = replace(counter, answer=b"", passing=False)
    return counter, part


def _reply(stranger: bytes, container: Container) -> Reply:
    return Reply(stranger, write_container(container))


def _keep(desk: Desk, stranger: bytes, counter: Counter) -> Desk:
    """With this one last. Of a stranger's other purchases those stay that may have run; where there are too many, the
    one of least worth makes room, and of these the least recently heard.
    """
    key = stranger, counter.tag
    others = {
        known: kept
        for known, kept in desk.counters.items()
        if known != key and (known[0] != stranger or kept.relayed)
    }
    while len(others) >= MAX_STRANGERS:
        del others[min(others, key=lambda known: others[known].worth)]
    return replace(desk, counters={**others, key: counter})
