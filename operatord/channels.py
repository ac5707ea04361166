"""Metered sessions at the operator: what a channel has paid and used, and whether its session goes on. Pure.

In: channels as the ledger tells them, payments whose signatures hold, what boxes count, and the time. Out: the word on
a payment, and orders: to keep, to credit a box, to disconnect. The arithmetic is market/metered.py's.

    channel   what a consumer deposited for this operator, the highest micropayment, and what was used of it, for ever
    session   one station of a channel at one box, by that box's tariff; a channel has one at a time

A session is told to end when `missed_allowed` intervals in a row are not paid, when the box has counted more than was
paid, or when the device's count is below the box's. What was used and not paid by then is *unpaid*: a channel is borne
one increment for each payment that may be missed, and a hundredth of what it paid, over all of its sessions; beyond it
nobody joins by it until that is paid. Nobody joins by a channel that has not paid an increment yet, whose key may be
fresh, with less than the least deposit, as keys cost nothing and deposits do.
*Crowded out* is a session of which nothing was paid while more came in its name than anybody looked at: that may be
somebody else's flood, so that it owes nothing, and it may be its own, so that a channel is pardoned `PARDONS` times in
`PARDON_INTERVALS` and has to wait then. All money of a channel counts, whatever becomes of a payment's session: a
higher micropayment is never sent back.
Reference: Datanet 5.5.3 (continuous authorisation), 5.5.4; docs/decisions/0034.
"""

import hashlib
import heapq
from dataclasses import dataclass, replace

from market.metered import (
    MISSED_AT,
    cost_ubc,
    deadline_ms,
    due_ubc,
    goodwill_ubc,
    increment_ubc,
    least_agreed_bytes,
    part_cost_ubc,
)
from operatord.channel import Channel, Channels, MeteredSession
from operatord.commands import (
    Command,
    Disconnect,
    Earn,
    ForgetMetered,
    KeepChannel,
    KeepMetered,
    Note,
    SessionOver,
)
from operatord.state import Use
from wire.ids import GRANT_ID_SIZE, PublicKey
from wire.meter_statement import MeterStatement
from wire.metered_pass import PASS_MARK
from wire.micropayment import Micropayment
from wire.payment import PaymentWord, Word
from wire.tariff import Tariff

MAX_NAMES = 64
"""Sessions on one cumulative value, whose datagrams could be sent again; beyond, the oldest is forgotten."""
PARDONS, PARDON_INTERVALS = 3, 30
"""Of three quarters of an increment each, at most: what it may cost to lock nobody out in whose name others flood."""
_PERMIT_DOMAIN = b"airgrant channel permit 1"


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a payment: the word, and the device's own highest micropayment where it has to be shown it."""

    word: PaymentWord
    shown: bytes = b""


def permit_id_of(instance: bytes, consumer: PublicKey) -> bytes:
    """16 octets that name a channel where grants have their id."""
    return (PASS_MARK + hashlib.sha256(_PERMIT_DOMAIN + instance + consumer.octets).digest())[:GRANT_ID_SIZE]


# ---- The ledger's word


def hear_channel(book: Channels, consumer: PublicKey, number: int, limit_ubc: int) -> list[Command]:
    """`limit_ubc`: what was deposited for this operator, less what is being shifted away; it may fall."""
    known = book.channels.get(consumer)
    if known is not None and (known.number, known.limit_ubc) == (number, limit_ubc):
        return []
    channel = known or Channel(consumer, number, limit_ubc)
    commands: list[Command] = [_put(book, replace(channel, number=number, limit_ubc=limit_ubc))]
    if limit_ubc < channel.paid_ubc:
        spent = f"channel {number} paid {channel.paid_ubc} ubc here, and {limit_ubc} would be left: contest the shift"
        commands.append(Note("spent_funds_are_shifted", spent))
    return commands


def restore(book: Channels, channels: list[Channel], sessions: list[MeteredSession], now_ms: int) -> None:
    """What was kept before a restart. Nobody could be paid meanwhile, so that the next interval begins now."""
    for channel in channels:
        _put(book, channel)
    for session in sessions:
        passed_ms = (session.paid_interval + 1) * session.tariff.interval_s * 1_000
        _watch(book, replace(session, opened_ms=now_ms - passed_ms))


# ---- Who may join


def refuse(book: Channels, permit_id: bytes, box: str, bssid: bytes) -> str:
    """Why nobody may join by this channel here, in a sentence; empty if it is a channel's permit and one may."""
    consumer = book.consumers.get(permit_id)
    if consumer is None:
        return ""
    channel, terms = book.channels[consumer], book.terms.get((box, bssid))
    if terms is None:
        return f"{box} sells no metered sessions at that BSSID"
    if book.rules.enrolled is not None and consumer not in book.rules.enrolled:
        return "nobody is enrolled who would attest its meter"
    increment = increment_ubc(terms.tariff)
    is_fresh = channel.paid_ubc < increment
    least_ubc = max(book.rules.least_deposit_ubc, book.rules.least_increments * increment)
    if is_fresh and channel.limit_ubc < least_ubc:
        return f"{channel.limit_ubc} ubc are deposited, and nobody joins with less than {least_ubc} who has not paid"
    borne_ubc = goodwill_ubc(terms.tariff, book.rules.missed_allowed, channel.paid_ubc)
    if channel.unpaid_ubc > borne_ubc and channel.paid_ubc < channel.used_ubc + channel.unpaid_ubc:
        return f"the channel has used {channel.unpaid_ubc} ubc that it did not pay"
    if len(book.pardons.get(consumer, ())) >= PARDONS:
        return f"payments did not come through, which was borne {PARDONS} times: not now"
    if channel.limit_ubc < channel.used_ubc + increment:
        left_ubc = channel.limit_ubc - channel.used_ubc
        return f"{left_ubc} ubc are left in the channel, and an interval may cost {increment}"
    return ""


def begin(book: Channels, use: Use, counted_bytes: int, now_ms: int) -> list[Command]:
    """A station was accepted by a channel's permit: a session begins, also where one of it ran. Nothing for other
    permits.

    `counted_bytes`: what the box has counted for the permit before.
    """
    consumer = book.consumers.get(use.permit_id)
    terms = book.terms.get((use.box, use.bssid.octets))
    if consumer is None or terms is None:
        return []
    commands = end(book, consumer, now_ms)
    book.crowded.discard(consumer)
    channel = book.channels[consumer]
    owed_ubc = channel.used_ubc + channel.unpaid_ubc
    if channel.unpaid_ubc and channel.paid_ubc >= owed_ubc:  # it has made that good
        channel = replace(channel, used_ubc=owed_ubc, unpaid_ubc=0)
        commands.append(_put(book, channel))
    session = MeteredSession(
        consumer=consumer,
        permit_id=use.permit_id,
        box=use.box,
        bssid=use.bssid,
        station=use.station,
        tariff=terms.tariff,
        terms_id=terms.terms_id,
        payee=terms.payee,
        opened_ms=now_ms,
        base_ubc=channel.used_ubc,
        counted_from_bytes=counted_bytes,
        counted_bytes=counted_bytes,
    )
    return [*commands, _watch(book, session)]


# ---- Payments


def crowd(book: Channels, consumer: PublicKey) -> None:
    """A datagram in this consumer's name was dropped, as too many came: perhaps it was the one that pays."""
    session = book.sessions.get(consumer)
    if session is not None and session.paid_interval < 0:
        book.crowded.add(consumer)


def crowd_all(book: Channels, now_ms: int) -> None:
    """One was dropped of which nobody knows in whose name it came."""
    book.crowded_ms = now_ms


def take_payment(
    book: Channels, paid: Micropayment, money: bytes, said: MeterStatement, statement: bytes, now_ms: int
) -> tuple[Taken, list[Command]]:
    """A payment of a channel that is known, whose signatures hold. It may be told when the orders are on disk."""
    channel, commands = book.channels[paid.consumer], list[Command]()
    before_ubc = channel.paid_ubc
    if paid.cumulative_ubc > channel.limit_ubc:
        return _tell(book, channel, said, Word.OVER_DEPOSIT), []
    if paid.cumulative_ubc > before_ubc:
        # whatever was said with less cannot be taken for a session any more, but the datagram at hand can be
        names = (channel.sessions[-1:]) + ((said.session,) if said.session in channel.sessions[:-1] else ())
        channel = replace(channel, paid_ubc=paid.cumulative_ubc, micropayment=money, sessions=names)
        commands.append(_put(book, channel))
    session = book.sessions.get(paid.consumer)
    if session is None:
        return _tell(book, channel, said, Word.NO_SESSION), commands
    if session.session != said.session:
        if session.session or said.session in channel.sessions:
            return _tell(book, channel, said, Word.ENDED), commands  # replayed, or of a session before
        if paid.cumulative_ubc < before_ubc:  # replayed too, or the device has forgotten what it paid
            return replace(_tell(book, channel, said, Word.BEHIND), shown=channel.micropayment), commands
        names = (*channel.sessions, said.session)[-MAX_NAMES:]
        commands.append(_put(book, replace(channel, sessions=names)))
        session = replace(session, session=said.session)
        commands.append(_watch(book, session))
    word, more = _take_for(book, session, said, statement, now_ms)
    shown = channel.micropayment if word is Word.SHORT and paid.cumulative_ubc < before_ubc else b""
    taken = _tell(book, book.channels[paid.consumer], said, Word.BEHIND if shown else word)
    return replace(taken, shown=shown), commands + more


def _take_for(
    book: Channels, session: MeteredSession, said: MeterStatement, statement: bytes, now_ms: int
) -> tuple[Word, list[Command]]:
    """For the session that is named."""
    channel = book.channels[session.consumer]
    if said.terms_id != session.terms_id:
        return Word.OTHER_TERMS, []
    if said.interval <= session.paid_interval:
        return Word.SERVED, []
    said_bytes = max(session.said_bytes, said.up_bytes + said.down_bytes)
    if session.tariff.per_megabyte_ubc and said_bytes < least_agreed_bytes(session.counted):
        why = f"its meter says {said_bytes} bytes, the access point's {session.counted}"
        return Word.METERS_DIFFER, _throw_out(book, session, why, now_ms)
    if channel.paid_ubc < session.base_ubc + due_ubc(session.tariff, said.interval, said_bytes):
        return Word.SHORT, []
    session = replace(session, paid_interval=said.interval, said_bytes=said_bytes, statement=statement)
    return Word.SERVED, [_watch(book, session), *_credit(book, session, now_ms)]


def _tell(book: Channels, channel: Channel, said: MeterStatement, word: Word) -> Taken:
    session = book.sessions.get(channel.consumer)
    if session is None:
        wanted_ubc, counted = channel.used_ubc + channel.unpaid_ubc, 0
    else:
        had_bytes = max(session.said_bytes, said.up_bytes + said.down_bytes)
        wanted_ubc = session.base_ubc + due_ubc(session.tariff, said.interval, had_bytes)
        counted = session.counted
    return Taken(PaymentWord(said.session, said.interval, word, channel.paid_ubc, wanted_ubc, counted))


# ---- What boxes count, and time


def count_from(book: Channels, permit_id: bytes, counted_bytes: int) -> list[Command]:
    """The box said that its session begins: what it had counted for the permit by then is of those before."""
    consumer = book.consumers.get(permit_id)
    session = book.sessions.get(consumer) if consumer is not None else None
    if session is None:
        return []
    session = replace(session, counted_from_bytes=counted_bytes, counted_bytes=counted_bytes)
    book.sessions[session.consumer] = session
    return [KeepMetered(session)]


def count(book: Channels, permit_id: bytes, counted_bytes: int, now_ms: int) -> list[Command]:
    """A box's count of IP bytes for a permit, all sessions at it together, has come so far."""
    consumer = book.consumers.get(permit_id)
    session = book.sessions.get(consumer) if consumer is not None else None
    if session is None or counted_bytes <= session.counted_bytes:
        return []
    session = replace(session, counted_bytes=counted_bytes)
    book.sessions[session.consumer] = session
    had_ubc = cost_ubc(session.tariff, session.paid_interval + 1, least_agreed_bytes(session.counted))
    unpaid_ubc = session.base_ubc + had_ubc - book.channels[session.consumer].paid_ubc
    if unpaid_ubc <= _missed_ubc(book, session.tariff):
        return []
    return _throw_out(book, session, f"the access point counted {unpaid_ubc} ubc more than was paid", now_ms)


def _missed_ubc(book: Channels, tariff: Tariff) -> int:
    """What may be unpaid for a moment: all payments but the last that may be missed, and one that is still awaited."""
    increment = increment_ubc(tariff)
    return (book.rules.missed_allowed - 1) * increment + increment * MISSED_AT // 8


def pass_time(book: Channels, now_ms: int) -> list[Command]:
    """Ends the sessions whose payments were missed."""
    commands: list[Command] = []
    while book.due and book.due[0][0] <= now_ms:
        _, octets = heapq.heappop(book.due)
        _forget_pardons(book, PublicKey(octets), now_ms)
        session = book.sessions.get(PublicKey(octets))
        if session is None or _due_ms(book, session) > now_ms:  # it is over, or has been paid since
            continue
        why = (
            f"{book.rules.missed_allowed} payment(s) for interval {session.paid_interval + 1} on were missed"
        )
        commands += _throw_out(book, session, why, now_ms)
    return commands


def next_look_ms(book: Channels) -> int | None:
    """When `pass_time` may have something to do."""
    return book.due[0][0] if book.due else None


def end(book: Channels, consumer: PublicKey, now_ms: int, *, kept: bool = True) -> list[Command]:
    """The session is over, whoever ended it: what it used stands, and what of that is not paid is remembered.

    `kept`: whether nobody was thrown out, as the totals will have it.
    """
    session = book.sessions.pop(consumer, None)
    if session is None:
        return []
    channel, tariff = book.channels[consumer], session.tariff
    elapsed_ms, paid_intervals = max(0, now_ms - session.opened_ms), session.paid_interval + 1
    had_bytes = max(session.said_bytes, least_agreed_bytes(session.counted))
    used_ubc = _used_ubc(session, now_ms)
    late_ms = max(0, elapsed_ms - paid_intervals * tariff.interval_s * 1_000)
    unpaid_ubc = part_cost_ubc(tariff, late_ms, 0) + max(0, used_ubc - channel.paid_ubc)
    commands = _credit(book, session, now_ms)
    if unpaid_ubc and _is_crowded_out(book, session):
        commands += _pardon(book, session, unpaid_ubc, now_ms)
        unpaid_ubc = 0
    book.crowded.discard(consumer)
    channel = replace(
        book.channels[consumer],
        used_ubc=min(used_ubc, channel.paid_ubc),
        unpaid_ubc=channel.unpaid_ubc + unpaid_ubc,
    )
    served_s = min(elapsed_ms // 1_000, paid_intervals * tariff.interval_s)
    over = SessionOver(session.payee, consumer, kept, paid_intervals > 0, served_s, had_bytes)
    return [*commands, _put(book, channel), ForgetMetered(consumer), over]


def _is_crowded_out(book: Channels, session: MeteredSession) -> bool:
    """Whether it may be that it wanted to pay, and was not looked at."""
    flooded = session.consumer in book.crowded or book.crowded_ms >= session.opened_ms
    return session.paid_interval < 0 and flooded


def _pardon(book: Channels, session: MeteredSession, unpaid_ubc: int, now_ms: int) -> list[Command]:
    until_ms = now_ms + PARDON_INTERVALS * session.tariff.interval_s * 1_000
    book.pardons.setdefault(session.consumer, []).append(until_ms)
    heapq.heappush(book.due, (until_ms, session.consumer.octets))
    said = f"{session.station} at {session.box}: {unpaid_ubc} ubc are not asked for, as too much came in its name"
    return [Note("payments_crowded_out", said)]


def _forget_pardons(book: Channels, consumer: PublicKey, now_ms: int) -> None:
    left = [until_ms for until_ms in book.pardons.pop(consumer, ()) if until_ms > now_ms]
    if left:
        book.pardons[consumer] = left


def throw_out(book: Channels, consumer: PublicKey, why: str, now_ms: int) -> list[Command]:
    """Ends the session of this consumer, if one runs, and has the box disconnect it."""
    session = book.sessions.get(consumer)
    return [] if session is None else _throw_out(book, session, why, now_ms)


def _throw_out(book: Channels, session: MeteredSession, why: str, now_ms: int) -> list[Command]:
    order = Disconnect(session.box, session.permit_id, session.station, "", why)
    note = Note("metered_session_ended", f"{session.station} at {session.box}: {why}")
    return [*end(book, session.consumer, now_ms, kept=False), order, note]


def _used_ubc(session: MeteredSession, now_ms: int) -> int:
    """By the sessions of the channel so far: an interval that is paid ahead is used once it has begun."""
    elapsed_ms = max(0, now_ms - session.opened_ms)
    intervals = min(elapsed_ms // (session.tariff.interval_s * 1_000), session.paid_interval) + 1
    had_bytes = max(session.said_bytes, least_agreed_bytes(session.counted))
    return session.base_ubc + cost_ubc(session.tariff, intervals, had_bytes)


def _credit(book: Channels, session: MeteredSession, now_ms: int) -> list[Command]:
    """Of what is paid, what was used at this box is its own; what is paid ahead may yet be used at another."""
    channel = book.channels[session.consumer]
    earned_ubc = min(_used_ubc(session, now_ms), channel.paid_ubc)
    if earned_ubc <= channel.earned_ubc:
        return []
    more_ubc = earned_ubc - channel.earned_ubc
    kept = _put(book, replace(channel, earned_ubc=earned_ubc))
    return [Earn(session.payee, channel.consumer, more_ubc), kept]


def _put(book: Channels, channel: Channel) -> KeepChannel:
    book.channels[channel.consumer] = channel
    book.consumers.setdefault(permit_id_of(book.instance, channel.consumer), channel.consumer)
    return KeepChannel(channel)


def _watch(book: Channels, session: MeteredSession) -> KeepMetered:
    book.sessions[session.consumer] = session
    heapq.heappush(book.due, (_due_ms(book, session), session.consumer.octets))
    return KeepMetered(session)


def _due_ms(book: Channels, session: MeteredSession) -> int:
    """When the last payment that may be missed is."""
    interval = session.paid_interval + book.rules.missed_allowed
    return session.opened_ms + deadline_ms(session.tariff, interval)
