"""The cell's end of purchases in configuration options: puts pieces together, and hands answers out in parts. Pure.

    hear(desk, stranger, container, now_ns) -> (desk, [command])

A stranger is whatever octets the network tells attempts apart by: a temporary identity, better than an address of a
moment. Each has one purchase at a time, the whole desk MAX_STRANGERS of them, and each is forgotten FORGET_NS after it
was last heard: what strangers can make us keep is bounded by MAX_STRANGERS times 2.4 kB. Pieces are taken in order. A
purchase that is whole is what its tag said, or is thrown away. Every container that can be read gets a reply.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from nas_tunnel.lobby import Outcome, Refused, write_lobby
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

MAX_STRANGERS = 256
"""More than attach at one small cell within FORGET_NS."""
FORGET_NS = 120 * 10**9
"""An attach attempt follows a reject after 10 s (timer T3411) or some, and there are up to ten of them."""


@dataclass(frozen=True, slots=True)
class Counter:
    """One stranger's purchase: what has come, and the answer once there is one."""

    tag: bytes
    total: int
    heard_ns: int
    received: bytes = b""
    answer: bytes = b""


@dataclass(frozen=True, slots=True)
class Desk:
    """`counters` by stranger, least recently heard first; `dropped` counts containers that were none."""

    counters: Mapping[bytes, Counter] = field(default_factory=dict)
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


def hear(desk: Desk, stranger: bytes, data: bytes, now_ns: int) -> tuple[Desk, list[Command]]:
    """One container of an ATTACH REQUEST. Garbage is counted and not answered."""
    try:
        container = read_container(data)
    except DecodeError:
        return replace(desk, dropped=desk.dropped + 1), []
    match container:
        case Piece():
            return _take_piece(desk, stranger, container, now_ns)
        case Ask():
            return _give_part(desk, stranger, container, now_ns)
        case _:
            return replace(desk, dropped=desk.dropped + 1), []


def answer(desk: Desk, stranger: bytes, tag: bytes, message: Outcome | Refused) -> Desk:
    """The ledger has answered, or the box has refused: for whenever the stranger comes back."""
    counter = desk.counters.get(stranger)
    if counter is None or counter.tag != tag:
        return desk
    return _keep(desk, stranger, replace(counter, answer=write_lobby(message)))


def forget(desk: Desk, now_ns: int) -> Desk:
    """Without those who were not heard for FORGET_NS."""
    kept = {who: counter for who, counter in desk.counters.items() if now_ns - counter.heard_ns < FORGET_NS}
    return desk if len(kept) == len(desk.counters) else replace(desk, counters=kept)


def _take_piece(desk: Desk, stranger: bytes, piece: Piece, now_ns: int) -> tuple[Desk, list[Command]]:
    counter = desk.counters.get(stranger)
    if counter is None or (counter.tag, counter.total) != (piece.tag, piece.total):
        counter = Counter(piece.tag, piece.total, now_ns)
    counter = replace(counter, heard_ns=now_ns)
    if counter.answer:
        return _keep(desk, stranger, counter), [_reply(stranger, _part(counter, 0))]
    had = len(counter.received)
    if piece.at > had or piece.at + len(piece.contents) <= had:
        return _keep(desk, stranger, counter), [_reply(stranger, Have(counter.tag, had))]
    received = counter.received[: piece.at] + piece.contents
    if len(received) == piece.total and tag_of(received) != piece.tag:
        received = b""  # pieces of two purchases, or of a liar
    desk = _keep(desk, stranger, replace(counter, received=received))
    reply = _reply(stranger, Have(piece.tag, len(received)))
    if len(received) < piece.total:
        return desk, [reply]
    return desk, [Execute(stranger, piece.tag, received), reply]


def _give_part(desk: Desk, stranger: bytes, ask: Ask, now_ns: int) -> tuple[Desk, list[Command]]:
    counter = desk.counters.get(stranger)
    if counter is None or counter.tag != ask.tag:
        return desk, [_reply(stranger, Have(ask.tag, 0))]  # forgotten: from the beginning, please
    counter = replace(counter, heard_ns=now_ns)
    said: Container = Have(counter.tag, len(counter.received))
    if counter.answer:
        said = _part(counter, ask.at if ask.at < len(counter.answer) else 0)
    return _keep(desk, stranger, counter), [_reply(stranger, said)]


def _part(counter: Counter, at: int) -> Part:
    contents = counter.answer[at : at + MAX_CONTENTS_BYTES]
    return Part(counter.tag, len(counter.answer), at, contents)


def _reply(stranger: bytes, container: Container) -> Reply:
    return Reply(stranger, write_container(container))


def _keep(desk: Desk, stranger: bytes, counter: Counter) -> Desk:
    """With this one last; the least recently heard make room."""
    others = [(who, kept) for who, kept in desk.counters.items() if who != stranger]
    return replace(desk, counters=dict([*others[1 - MAX_STRANGERS :], (stranger, counter)]))
