"""The conversation with one gNB: what it was told, what it has answered, what it has to be told again.

In: connections that come and go, its messages, the ratios wanted. Out: texts to send, and what became of them. One
request at a time, as answers carry no number; each sets all slices that are to have one pair of ratios, 16 at most.
A gNB that restarts has forgotten everything and one that only lost the connection has not, and they look alike: after
each connection everything is said again, which changes nothing where it is so already. Only slices that stand in its
file may be wanted: it would say yes to any other. Its yes is no proof; `doubt` has a slice told again.
    wanted -> told (its answer came) -> seen (ran_slicing/confirmation.py finds it in the metrics)
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from ran_slicing.messages import (
    MAX_SLICES_PER_REQUEST,
    POLICY,
    SUBSCRIBE,
    Refusal,
    Reply,
    write_policy,
    write_subscribe,
)
from ran_slicing.share import Ratio
from ran_slicing.snssai import Snssai
from wire.units import NS_PER_S

REPLY_NS = 2 * NS_PER_S
"""The gNB answers within a millisecond or two; one that does not within this is stuck, or the order is lost."""
PING_NS = 30 * NS_PER_S
"""It closes a connection on which it heard nothing for 120 s."""
SILENCE_NS = 10 * NS_PER_S
"""Metrics come every period, of a cell without UEs too; without any for so long, the subscription is lost."""
RETRY_NS = 5 * NS_PER_S
"""A refused request is not repeated before."""


class SendText(NamedTuple):
    """To be sent as one text frame."""

    text: bytes


@dataclass(frozen=True, slots=True)
class SendPing:
    """To be sent as a ping: the gNB counts it as a sign of life."""


class Reconnect(NamedTuple):
    """The connection is of no use any more; `detail` says why. For the session it is lost already."""

    detail: str


class RatioTaken(NamedTuple):
    """The gNB answered that these slices have this pair, `took_ns` after it was asked."""

    slices: tuple[Snssai, ...]
    ratio: Ratio
    took_ns: int


class RequestRefused(NamedTuple):
    """It answered with an error."""

    command: str
    error: str


Command = SendText | SendPing | Reconnect | RatioTaken | RequestRefused


class Request(NamedTuple):
    """What is on its way. A subscription has no slices."""

    command: str
    slices: tuple[Snssai, ...]
    ratio: Ratio | None
    sent_ns: int


@dataclass(frozen=True, slots=True)
class Session:
    """`told` is what it has answered on this connection; `slices` are those of its file. `overtaken` is a request whose
    answer comes before that of the one that waits, and says nothing any more.
    """

    plmn: str
    slices: frozenset[Snssai]
    wanted: Mapping[Snssai, Ratio] = field(default_factory=dict)
    told: Mapping[Snssai, Ratio] = field(default_factory=dict)
    connected: bool = False
    subscribed: bool = False
    no_metrics: bool = False
    waiting: Request | None = None
    overtaken: Request | None = None
    ping_ns: int = 0
    heard_ns: int = 0
    retry_ns: int | None = None

    @property
    def is_settled(self) -> bool:
        """Whether the gNB has answered to everything that is wanted."""
        return self.connected and self.waiting is None and dict(self.told) == dict(self.wanted)


Outcome = tuple[Session, list[Command]]


def connected(session: Session, now_ns: int) -> Outcome:
    """A new connection: whatever was said on another one counts no more."""
    session = replace(
        session,
        told={},
        connected=True,
        subscribed=False,
        no_metrics=False,
        waiting=None,
        overtaken=None,
        ping_ns=now_ns + PING_NS,
        heard_ns=now_ns,
        retry_ns=None,
    )
    return _next(session, now_ns)


def lost(session: Session) -> Session:
    """There is no connection."""
    return replace(
        session, connected=False, subscribed=False, waiting=None, overtaken=None, told={}, retry_ns=None
    )


def want(session: Session, ratios: Mapping[Snssai, Ratio], now_ns: int) -> Outcome:
    """These slices are to have these ratios; others stay as they are wanted."""
    unknown = sorted(set(ratios) - session.slices)
    assert not unknown, (
        f"slices that are not in the gNB's file, to which it would say yes all the same: {unknown}"
    )
    return _next(replace(session, wanted={**session.wanted, **ratios}), now_ns)


def doubt(session: Session, slices: Iterable[Snssai], now_ns: int) -> Outcome:
    """What these were told has no effect: they are told again."""
    doubtful = set(slices)
    told = {snssai: ratio for snssai, ratio in session.told.items() if snssai not in doubtful}
    return _next(replace(session, told=told), now_ns)


def overtake(session: Session, snssai: Snssai, ratio: Ratio, now_ns: int) -> Outcome:
    """The slice is to have this at once, though the gNB has not answered to what it was told before: it does one after
    the other. Nothing where nothing waits, as `want` says it then, or where something was overtaken already.
    """
    request = session.waiting
    if (
        request is None
        or request.ratio is None
        or snssai not in request.slices
        or session.overtaken is not None
    ):
        return session, []
    told = {known: value for known, value in session.told.items() if known not in request.slices}
    next_one = Request(POLICY, (snssai,), ratio, now_ns)
    session = replace(session, waiting=next_one, overtaken=request, told=told)
    return session, [SendText(write_policy(session.plmn, (snssai,), ratio))]


def answered(session: Session, answer: Reply | Refusal, now_ns: int) -> Outcome:
    """An answer: to the request that waits, or the order is lost."""
    request = session.waiting
    if request is None or answer.command not in {None, request.command}:
        return lost(session), [Reconnect(f"an answer to {answer.command} that was not asked for")]
    if session.overtaken is not None:
        return replace(session, overtaken=None), []
    session = replace(session, waiting=None)
    if isinstance(answer, Refusal):
        session, commands = _refused(session, request, answer.error, now_ns)
    elif request.ratio is None:
        session, commands = replace(session, subscribed=True, heard_ns=now_ns), []
    else:
        told = {**session.told, **dict.fromkeys(request.slices, request.ratio)}
        taken = RatioTaken(request.slices, request.ratio, now_ns - request.sent_ns)
        session, commands = replace(session, told=told), [taken]
    session, more = _next(session, now_ns)
    return session, [*commands, *more]


def heard(session: Session, now_ns: int) -> Session:
    """Metrics came."""
    return replace(session, heard_ns=now_ns)


def pass_time(session: Session, now_ns: int) -> Outcome:
    """What is due by now."""
    if not session.connected:
        return session, []
    if session.waiting is not None and now_ns >= session.waiting.sent_ns + REPLY_NS:
        return lost(session), [Reconnect(f"no answer to {session.waiting.command}")]
    if session.subscribed and now_ns >= session.heard_ns + SILENCE_NS:
        return lost(session), [Reconnect("no metrics")]
    commands: list[Command] = []
    if now_ns >= session.ping_ns:
        session = replace(session, ping_ns=now_ns + PING_NS)
        commands.append(SendPing())
    if session.retry_ns is not None and now_ns >= session.retry_ns:
        session = replace(session, retry_ns=None)
    session, more = _next(session, now_ns)
    return session, [*commands, *more]


def deadline_ns(session: Session) -> int | None:
    """When `pass_time` is wanted next."""
    if not session.connected:
        return None
    due = [session.ping_ns]
    if session.waiting is not None:
        due.append(session.waiting.sent_ns + REPLY_NS)
    if session.subscribed:
        due.append(session.heard_ns + SILENCE_NS)
    if session.retry_ns is not None:
        due.append(session.retry_ns)
    return min(due)


def _refused(session: Session, request: Request, error: str, now_ns: int) -> Outcome:
    """A gNB without `metrics.enable_json` has no such command: it is served blindly. Anything else is tried again."""
    if request.command == SUBSCRIBE:
        session = replace(session, no_metrics=True)
    else:
        session = replace(session, retry_ns=now_ns + RETRY_NS)
    return session, [RequestRefused(request.command, error)]


def _next(session: Session, now_ns: int) -> Outcome:
    """The next request, if nothing is on its way: first what slices are to have, as they are paid for."""
    if not session.connected or session.waiting is not None:
        return session, []
    pending = [snssai for snssai, ratio in session.wanted.items() if session.told.get(snssai) != ratio]
    if pending and session.retry_ns is None:
        ratio = session.wanted[pending[0]]
        alike = tuple(snssai for snssai in pending if session.wanted[snssai] == ratio)[
            :MAX_SLICES_PER_REQUEST
        ]
        request = Request(POLICY, alike, ratio, now_ns)
        return replace(session, waiting=request), [SendText(write_policy(session.plmn, alike, ratio))]
    if not session.subscribed and not session.no_metrics:
        return replace(session, waiting=Request(SUBSCRIBE, (), None, now_ns)), [SendText(write_subscribe())]
    return session, []
