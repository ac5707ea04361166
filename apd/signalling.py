"""Purchases inside NAS: strangers that the end of NAS (an AMF, an MME) hands on before it has authenticated them.

In: its frames (apd/signalling_frames.py), keys and proofs that the shell made, answers of the lobby's part of the core.
Out: frames for it, and the same purchases that the lobby relays: `lobby.purchase` keeps the room before the ledger is
asked, promises what was paid, and answers to the `NasAddress` of the exchange, which `carry` hands to it. The exchange
is nas_tunnel/eap_box.py, options are nas_tunnel/pco_desk.py; this file is their clock, their ledger and their judge.

A stranger's names cost it nothing, so everything is bounded in all and not only for each: MAX_EXCHANGES exchanges of
some 4 kB, MAX_OPENED of them begun in a second, MAX_EXECUTES purchases in ten seconds, 256 purchases in options. Who
has paid, or whose first purchase is at the ledger, is never put out for somebody new; all others may be.
Reference: TS 24.501 clauses 5.4.1.2, 5.5.1.2.7 and 10.2 (T3510, T3560).
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from apd import joins, lobby, sessions, signalling_joins
from apd.address import Address, NasAddress
from apd.commands import Command, Note, SendLobby, SubmitTransaction, TellSignalling
from apd.outcome import Outcome
from apd.signalling_frames import (
    Admitted,
    Begin,
    EapHeard,
    Gone,
    Heard,
    NotAdmitted,
    OptionsHeard,
    Said,
    SendEap,
    SendOptions,
    Subscriber,
    read_frame,
    write_frame,
)
from apd.signalling_state import (
    Ended,
    Exchange,
    Fact,
    FrameHeard,
    LinkLost,
    MakeProof,
    MakeShare,
    ProofMade,
    SendFrame,
    ShareMade,
    SibFailed,
    SibWritten,
    Where,
)
from apd.state import State
from nas_tunnel import eap_box, pco_desk
from nas_tunnel.anqp import AirOffer
from nas_tunnel.eap import EapCode, EapPacket, read_eap, write_eap
from nas_tunnel.eap_box import Phase
from nas_tunnel.lobby import LobbyMessage, Purchase, Refused
from nas_tunnel.lobby import Outcome as PurchaseOutcome
from nas_tunnel.order_check import check_order, terms_of
from nas_tunnel.pco_desk import FORGET_NS, MAX_EXECUTES, MAX_STRANGERS, REPEAT_NS
from wire.cose import MAX_ENVELOPE_BYTES
from wire.errors import DecodeError
from wire.grant import Grant, grant_id_of
from wire.transaction import read_transaction
from wire.units import NS_PER_S, Now

K = TypeVar("K")
V = TypeVar("V")

MAX_EXCHANGES = 64
"""At once: more than register at one small cell within the seconds that an exchange takes."""
MAX_OPENED = 32
"""Begun in a second: each costs us two operations on the curve, some 0.2 ms."""
SETTLED_NS = MAX_EXCHANGES // MAX_OPENED * NS_PER_S
"""Who began so long ago, and has not paid, makes room for another: a UE answers within tenths of a second, as its
owner's policy was set before. With as many as may begin in this time there is always room for the next."""
LIFE_NS = 15 * NS_PER_S
"""From the first word to the last, whatever comes between: T3510 of a UE runs from REGISTRATION REQUEST to ACCEPT or
REJECT, and no authentication stops it. Whoever needs longer has begun anew."""
DECIDE_NS = 10 * NS_PER_S
"""After the beginning, an order is given up that the ledger has not answered: proof, security and `Placed` take their
time before T3510 is over. The purchase may run all the same, and is asked about in the next registration."""
CLOSING_NS = 5 * NS_PER_S
"""A refusal waits so long for its receipt; a purchase that ran waits to the end."""
ENDED_NS = 30 * NS_PER_S
"""A copy of the packet that ended an exchange may come for so long: T3560 of the AMF runs out five times."""
HOLD_NS = 2 * NS_PER_S
"""How long a UE waits before it is told that the ledger has not answered."""
_DECIDING = (Phase.DECIDING, Phase.JUDGING, Phase.SIGNING)


def hear(state: State, fact: Fact, now: Now) -> Outcome:
    """One fact; garbage of the end of NAS is counted and not answered."""
    match fact:
        case FrameHeard(link, data):
            try:
                frame = read_frame(data)
            except DecodeError:
                return state.with_refusal("nas_garbage"), []
            if not isinstance(frame, Heard):
                return state.with_refusal("nas_not_for_us"), []
            return _take(state, link, frame, now)
        case ShareMade():
            return _open(state, fact, now)
        case ProofMade(about, proof):
            return _feed(state, about, eap_box.ProofSigned(proof), now)
        case LinkLost(link):
            kept = {where: one for where, one in state.on_signalling.exchanges.items() if where[0] != link}
            ended = {where: one for where, one in state.on_signalling.ended.items() if where[0] != link}
            note = Note("nas_lost", "the end of NAS hung up; purchases under way go on at the ledger")
            return signalling_joins.forget_link(_with(state, exchanges=kept, ended=ended), link), [note]
        case SibWritten(epoch):
            text = f"offer {epoch} is in the gNB's file: restart the gNB to broadcast it"
            return state, [Note("sib_written", text)]
        case SibFailed(error):
            due_ns = now.mono_ns + 60 * NS_PER_S
            return _with(state, broadcast_due_ns=due_ns), [
                Note("sib_failed", f"{error}; tried again in 60 s")
            ]


def _take(state: State, link: int, frame: Heard, now: Now) -> Outcome:
    match frame:
        case Begin():
            return _begin(state, link, frame, now)
        case EapHeard(ue, packet):
            return _hear_packet(state, link, ue, packet, now)
        case Gone(ue):
            return signalling_joins.forget_ue(_without(state, (link, ue)), link, ue), []
        case Subscriber(ue, supi):
            state = _with(state, ended=_except(state.on_signalling.ended, (link, ue)))
            return signalling_joins.bind(state, link, ue, supi, now)
        case OptionsHeard(ue, container):
            return _hear_options(state, link, ue, container, now)


# ---- Exchanges


def _begin(state: State, link: int, begin: Begin, now: Now) -> Outcome:
    """A UE that begins anew has forgotten what it began before; the ledger has not."""
    opened_ns = state.on_signalling.opened_ns
    is_flood = len(opened_ns) >= MAX_OPENED and now.mono_ns - opened_ns[0] < NS_PER_S
    state, commands = _without(state, (link, begin.ue)), list[Command]()
    if not is_flood:
        state, commands = _make_room(state, now)
    here = state.on_signalling
    if is_flood or len(here.exchanges) >= MAX_EXCHANGES:
        refused = _not_admitted(begin.ue, begin.identifier, "busy", "too many UEs begin here at once")
        return state.with_refusal("nas_busy"), [*commands, _say(link, refused)]
    state = _with(state, opened_ns=(*here.opened_ns[1 - MAX_OPENED :], now.mono_ns))
    return state, [*commands, TellSignalling(MakeShare(link, begin))]


def _make_room(state: State, now: Now) -> Outcome:
    """Of those who have not paid, the oldest goes: who has shown nothing before who has shown a grant, or asks."""
    exchanges = state.on_signalling.exchanges
    if len(exchanges) < MAX_EXCHANGES:
        return state, []
    may_go = [
        (one.box.phase not in (Phase.OFFERED, Phase.CLOSING), one.begun_ns, where)
        for where, one in exchanges.items()
        if one.begun_ns + SETTLED_NS <= now.mono_ns and not _may_have_paid(state, one)
    ]
    return _end(state, min(may_go)[2]) if may_go else (state, [])


def _may_have_paid(state: State, exchange: Exchange) -> bool:
    """The ledger has sold, or is asked for the first time: so often only as the pace allows."""
    if _has_paid(exchange):
        return True
    is_deciding = exchange.box.phase in _DECIDING and bool(exchange.subject)
    return is_deciding and (exchange.is_first or grant_id_of(exchange.subject) in state.on_cell.bought)


def _has_paid(exchange: Exchange) -> bool:
    return exchange.box.outcome is not None and bool(exchange.box.outcome.grant)


def _open(state: State, made: ShareMade, now: Now) -> Outcome:
    begin, number = made.begin, state.on_signalling.begun + 1
    box, said = eap_box.open_exchange(
        _air_offer(state, now), made.share, begin.identifier, begin.identity, begin.max_packet_bytes
    )
    exchange = Exchange(number, box, now.mono_ns, now.mono_ns)
    state = _with_exchange(_with(state, begun=number), (made.link, begin.ue), exchange)
    return _obey(state, NasAddress(made.link, begin.ue, number), said, now)


def _air_offer(state: State, now: Now) -> AirOffer | None:
    """What the lobby announces. Shown also while nothing new is sold: who has bought before needs the exchange."""
    settings, here = state.settings, state.lobby
    if not here.offer or here.offer_expires_s <= now.utc_s:
        return None
    return AirOffer(here.offer, settings.provider, settings.ledger, settings.ledger_id, b"", now.utc_s)


def _closed(state: State, now: Now) -> str:
    """Why nothing is sold now, empty if something is: who pays here pays in order to be let in, so that it has to be
    possible to let him in, to count what he gets, and to find out that he came.
    """
    here = state.on_cell
    if not state.lobby.offer or state.lobby.offer_expires_s <= now.utc_s:
        return "this cell has no current offer"
    if not here.ran.session.connected:
        return "the cell's gNB does not answer: come again later"
    if here.core_failing:
        return "the cell's core does not answer: come again later"
    if state.disk.failing_ns is not None:
        return "this cell cannot account for anything now: come again later"
    return ""


def _hear_packet(state: State, link: int, ue: bytes, packet: bytes, now: Now) -> Outcome:
    exchange = state.on_signalling.exchanges.get((link, ue))
    if exchange is None:
        return _hear_late(state, link, ue, packet, now)
    before = exchange.box.dropped
    state, commands = _feed(state, NasAddress(link, ue, exchange.number), eap_box.PacketReceived(packet), now)
    after = state.on_signalling.exchanges.get((link, ue))
    if after is None:
        return _with_end(state, (link, ue), packet, commands, now), commands
    return state.with_refusal("nas_dropped", int(after.box.dropped > before)), commands


def _hear_late(state: State, link: int, ue: bytes, packet: bytes, now: Now) -> Outcome:
    """Its AMF or its radio repeats a packet; or there was no beginning."""
    ended = state.on_signalling.ended.get((link, ue))
    if ended is not None and now.mono_ns < ended.until_ns:
        state = state.with_refusal("nas_dropped")
        return state, [TellSignalling(SendFrame(link, ended.frame))] if packet == ended.packet else []
    if any((one.link, one.ue) == (link, ue) for one in state.on_signalling.proven.values()):
        return state.with_refusal("nas_dropped"), []
    try:
        identifier = read_eap(packet).identifier
    except DecodeError:
        return state.with_refusal("nas_garbage"), []
    return state, [_say(link, _not_admitted(ue, identifier, "no_exchange", "register again"))]


def _with_end(state: State, where: Where, packet: bytes, said: Iterable[Command], now: Now) -> State:
    """This packet ended it, and that was said."""
    frames = [
        command.what.data
        for command in said
        if isinstance(command, TellSignalling) and isinstance(command.what, SendFrame)
    ]
    ended = Ended(packet, frames[-1], now.mono_ns + ENDED_NS)
    return _with(
        state, ended=_newest({**_except(state.on_signalling.ended, where), where: ended}, MAX_EXCHANGES)
    )


def _feed(state: State, about: NasAddress, event: eap_box.Event, now: Now) -> Outcome:
    """One event for an exchange, if it is still that one."""
    where = (about.link, about.ue)
    exchange = state.on_signalling.exchanges.get(where)
    if exchange is None or exchange.number != about.exchange:
        return state, []
    box, said = eap_box.step(exchange.box, event)
    state = _with_exchange(state, where, exchange._replace(box=box))
    return _obey(state, about, said, now)


def _obey(state: State, about: NasAddress, said: Iterable[eap_box.Command], now: Now) -> Outcome:
    commands: list[Command] = []
    for command in said:
        state, more = _obey_one(state, about, command, now)
        commands += more
    return state, commands


def _obey_one(state: State, about: NasAddress, command: eap_box.Command, now: Now) -> Outcome:
    match command:
        case eap_box.SendPacket(packet):
            exchange = state.on_signalling.exchanges[about.link, about.ue]._replace(told_ns=now.mono_ns)
            state = _with_exchange(state, (about.link, about.ue), exchange)
            return state, [_say(about.link, SendEap(about.ue, packet))]
        case eap_box.ExecuteTransaction(transaction):
            return _order(state, about, transaction, now)
        case eap_box.JudgeGrant(grant):
            return _feed(state, about, _judgement(state, grant, now), now)
        case eap_box.SignProof(transcript):
            return state, [TellSignalling(MakeProof(about, transcript))]
        case eap_box.Succeeded():
            return _succeed(state, about, command, now)
        case eap_box.Failed(reason, detail, packet):
            state = _without(state, (about.link, about.ue)).with_refusal("nas_failed")
            return state, [_say(about.link, NotAdmitted(about.ue, packet, reason, detail))]
        case eap_box.LateOutcome():  # its room is kept (apd/cell.py); whoever asks again is answered by the ledger
            return state.with_refusal("nas_late"), []


def _order(state: State, about: NasAddress, transaction: bytes, now: Now) -> Outcome:
    """To the ledger, by the lobby's own way; or a refusal. What was relayed before may have run: it is asked about
    again whatever the pace of others, as often as the lobby lets the same octets go, and is not counted. What the
    lobby refuses costs a UE its own pace, and nobody else's.
    """
    where, here, subject = (about.link, about.ue), state.on_signalling, _subject(state, transaction)
    is_known = subject in state.lobby.relayed
    refusal = (
        None if is_known else _check_order(state, transaction, now) or _check_pace(state, where, subject, now)
    )
    if refusal is not None:
        state = state.with_refusal(refusal.reason)
        return _feed(state, about, eap_box.Answered(refusal), now)
    exchange = here.exchanges[where]._replace(told_ns=now.mono_ns, subject=subject, is_first=not is_known)
    state = _with_buyer(_with_exchange(state, where, exchange), subject, about)
    if not is_known:
        mine = _newest({**_except(here.ordered_by, where), where: now.mono_ns}, MAX_STRANGERS)
        state = _with(state, ordered_by=mine)
    state, commands = lobby.purchase(state, about, Purchase(transaction), now)
    if not is_known and any(isinstance(command, SubmitTransaction) for command in commands):
        state = _with(state, ordered_ns=(*here.ordered_ns[1 - MAX_EXECUTES :], now.mono_ns))
    return state, commands


def _check_pace(state: State, where: Where, subject: bytes, now: Now) -> Refused | None:
    """Of this UE, and of all."""
    here = state.on_signalling
    own_ns = here.ordered_by.get(where)
    if own_ns is not None and now.mono_ns - own_ns < REPEAT_NS:
        return _busy(subject, "one purchase of a UE in ten seconds")
    if len(here.ordered_ns) >= MAX_EXECUTES and now.mono_ns - here.ordered_ns[0] < REPEAT_NS:
        return _busy(subject, "too many purchases at once")
    return None


def _with_buyer(state: State, subject: bytes, about: NasAddress) -> State:
    """Whoever waits for this purchase in an exchange that is over leaves the place to who asks now."""
    pending = state.lobby.pending.get(subject)
    if pending is None:
        return state
    waiting = tuple(buyer for buyer in pending.buyers if not _is_over(state, buyer))
    pending = replace(pending, buyers=(*waiting, about)[: lobby.MAX_BUYERS])
    return replace(state, lobby=replace(state.lobby, pending={**state.lobby.pending, subject: pending}))


def _is_over(state: State, buyer: Address) -> bool:
    if not isinstance(buyer, NasAddress) or not buyer.exchange:
        return False
    exchange = state.on_signalling.exchanges.get((buyer.link, buyer.ue))
    return exchange is None or exchange.number != buyer.exchange


def _subject(state: State, transaction: bytes) -> bytes:
    """Empty if it is none."""
    try:
        return read_transaction(transaction, state.settings.ledger_id, MAX_ENVELOPE_BYTES).transaction_id
    except DecodeError:
        return b""


def _busy(subject: bytes, detail: str) -> Refused:
    return Refused(subject, "busy", f"{detail}: ask for this one again later")


def _check_order(state: State, transaction: bytes, now: Now) -> Refused | None:
    if closed := _closed(state, now):
        return Refused(b"", "nothing_on_offer", closed)
    terms = terms_of(state.lobby.offer, state.settings.provider, state.settings.ledger_id)
    checked = check_order(transaction, terms, now.utc_s)
    return checked if isinstance(checked, Refused) else None


def _judgement(state: State, grant: Grant, now: Now) -> eap_box.Event:
    """By the lobby's rules. Nobody else can prove its key, so that no other exchange has to be kept from it: whoever
    proves it last has it.
    """
    refusal = joins.check_grant(state, grant, sessions.believed(state, now))
    if refusal is None:
        return eap_box.GrantAccepted()
    return eap_box.Answered(Refused(grant.grant_id, *refusal))


def _succeed(state: State, about: NasAddress, won: eap_box.Succeeded, now: Now) -> Outcome:
    """Judged once more, as the proof took its time."""
    state, grant = _without(state, (about.link, about.ue)), won.grant
    refusal = joins.check_grant(state, grant, sessions.believed(state, now))
    if refusal is not None:
        refused = _not_admitted(about.ue, read_eap(won.packet).identifier, *refusal)
        return state.with_refusal(refusal[0]), [_say(about.link, refused)]
    state = signalling_joins.prove(state, about, grant, won.encoded)
    keys = won.keys
    admitted = Admitted(about.ue, won.packet, keys.msk, keys.emsk, won.peer_id, grant.grant_id, grant.ends_s)
    note = Note("nas_admitted", f"{won.peer_id} proved the key of grant {grant.grant_id.hex()}")
    return state, [_say(about.link, admitted), note]


def _end(state: State, where: Where) -> Outcome:
    """What its purchase comes to is kept all the same; a refusal whose receipt did not come is said once more."""
    box = state.on_signalling.exchanges[where].box
    reason, detail = "silent", "nothing more came of this UE: it may register again"
    if box.phase is Phase.CLOSING and box.refusal is not None:
        reason, detail = box.refusal.reason, box.refusal.detail
    refused = _not_admitted(where[1], box.link.identifier, reason, detail)
    return _without(state, where).with_refusal("nas_failed"), [_say(where[0], refused)]


# ---- Configuration options


def _hear_options(state: State, link: int, ue: bytes, container: bytes, now: Now) -> Outcome:
    """A stranger is known by its name alone: it comes back on another connection, after minutes."""
    state = _with_terms(state, now)
    desk, said = pco_desk.hear(state.on_signalling.desk, ue, container, now)
    dropped = desk.dropped - state.on_signalling.desk.dropped
    state = _with(state.with_refusal("nas_garbage", dropped), desk=desk)
    commands: list[Command] = []
    for one in said:
        match one:
            case pco_desk.Execute(stranger, tag, transaction):
                about = NasAddress(link, stranger, tag=tag)
                state, more = lobby.purchase(state, about, Purchase(transaction), now)
                commands += more
            case pco_desk.Reply(stranger, reply):
                commands.append(_say(link, SendOptions(stranger, reply)))
    return state, commands


def _with_terms(state: State, now: Now) -> State:
    here, offer = state.on_signalling, b"" if _closed(state, now) else state.lobby.offer
    if offer == here.desk_offer:
        return state
    settings = state.settings
    terms = terms_of(offer, settings.provider, settings.ledger_id) if offer else None
    return _with(state, desk=replace(here.desk, terms=terms), desk_offer=offer)


# ---- Answers


def carry(state: State, commands: Iterable[Command], now: Now) -> Outcome:
    """After each event: what the lobby's part has to say to strangers in NAS goes into their exchanges."""
    carried, waiting = list[Command](), deque(commands)
    while waiting:
        command = waiting.popleft()
        if isinstance(command, SendLobby) and isinstance(command.to, NasAddress):
            state, more = _answer(state, command.to, command.message, now)
            waiting.extendleft(reversed(more))
        else:
            carried.append(command)
    return state, carried


def _answer(state: State, to: NasAddress, message: LobbyMessage, now: Now) -> Outcome:
    if to.station is not None:
        return signalling_joins.answered(state, to, message)
    assert isinstance(message, PurchaseOutcome | Refused), f"{type(message).__name__} answers no purchase"
    if to.tag:
        return _with(state, desk=pco_desk.answer(state.on_signalling.desk, to.ue, to.tag, message)), []
    return _feed(state, to, eap_box.Answered(message), now)


def _say(link: int, frame: Said) -> Command:
    return TellSignalling(SendFrame(link, write_frame(frame)))


def _not_admitted(ue: bytes, identifier: int, reason: str, detail: str) -> NotAdmitted:
    return NotAdmitted(ue, write_eap(EapPacket(EapCode.FAILURE, identifier)), reason, detail)


# ---- Time


def pass_time(state: State, now: Now) -> Outcome:
    """Who waits is told so, who is silent goes, and what the ledger did not answer is given up."""
    commands: list[Command] = []
    for where, exchange in list(state.on_signalling.exchanges.items()):
        if _due_ns(exchange) <= now.mono_ns:
            state, more = _pass_time_of(state, where, exchange, now)
            commands += more
    here = state.on_signalling
    ended = {where: one for where, one in here.ended.items() if now.mono_ns < one.until_ns}
    state = _with(state, desk=pco_desk.forget(here.desk, now.mono_ns), ended=ended)
    return signalling_joins.forget(state, now), commands


def _pass_time_of(state: State, where: Where, exchange: Exchange, now: Now) -> Outcome:
    about = NasAddress(*where, exchange.number)
    if _ends_ns(exchange) <= now.mono_ns:
        return _end(state, where)
    state = _with_exchange(state, where, exchange._replace(told_ns=now.mono_ns))
    if exchange.begun_ns + DECIDE_NS <= now.mono_ns and exchange.box.phase is Phase.DECIDING:
        refusal = Refused(b"", "ledger_unreachable", "no reply in time: ask for this purchase again")
        return _feed(state, about, eap_box.Answered(refusal), now)
    return _feed(state, about, eap_box.TookLong(), now)


def _ends_ns(exchange: Exchange) -> int:
    ends_ns = exchange.begun_ns + LIFE_NS
    if exchange.box.phase is Phase.CLOSING and not _has_paid(exchange):
        return min(ends_ns, exchange.told_ns + CLOSING_NS)
    return ends_ns


def _due_ns(exchange: Exchange) -> int:
    """A UE that owes us a packet is waited for; one that we owe an answer is told to wait."""
    due = [_ends_ns(exchange)]
    if exchange.box.phase in _DECIDING and not exchange.box.waiting:
        due.append(exchange.told_ns + HOLD_NS)
    if exchange.box.phase is Phase.DECIDING:
        due.append(exchange.begun_ns + DECIDE_NS)
    return min(due)


def deadlines_ns(state: State) -> list[int]:
    """When something of the above is due."""
    here = state.on_signalling
    due = [_due_ns(exchange) for exchange in here.exchanges.values()]
    due += signalling_joins.deadlines_ns(state)
    due += [one.until_ns for one in list(here.ended.values())[:1]]
    due += [counter.heard_ns + FORGET_NS for counter in list(here.desk.counters.values())[:1]]
    return due


# ---- State


def _with_exchange(state: State, where: Where, exchange: Exchange) -> State:
    return _with(state, exchanges={**state.on_signalling.exchanges, where: exchange})


def _without(state: State, where: Where) -> State:
    here = state.on_signalling
    return _with(state, exchanges=_except(here.exchanges, where), ended=_except(here.ended, where))


def _except(items: Mapping[K, V], key: K) -> dict[K, V]:
    return {known: value for known, value in items.items() if known != key}


def _newest(items: dict[K, V], most: int) -> dict[K, V]:
    while len(items) > most:
        del items[next(iter(items))]
    return items


def _with(state: State, **changes: object) -> State:
    return replace(state, signalling=replace(state.on_signalling, **changes))  # type: ignore[arg-type]  # real fields
