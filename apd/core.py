"""The core: the one place where "grant accepted" becomes "set this class".

    step(state, event, now) -> (state, [command])      no await, no clock, no I/O, no randomness
    next_deadline_ns(state, now) -> monotonic ns       the daemon arms one timer

Each event goes to the part that knows about it: lobby (strangers), sessions (admission and life), metering (the chain),
ledger_link (the outbox), disk (what could not be kept). Those parts return states and commands, never act.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from apd import disk, joins, ledger_link, lobby, metering, refunds, sessions
from apd.commands import Command, Note, StoreSession
from apd.events import (
    AdmissionReceived,
    AirEvent,
    AirtimeWeightFailed,
    AirtimeWeightsMissed,
    AnchorCounterFailed,
    AnchorCounterRead,
    AuctionEvent,
    AuctionOfferSigned,
    AuctionSigned,
    BrokerConnected,
    BrokerLost,
    CellEvent,
    ConfineFailed,
    CoreReported,
    CountersFailed,
    CountersRead,
    DeadlineReached,
    Enrolled,
    EnrolmentFailed,
    Event,
    GnbHeard,
    HostapdConnected,
    HostapdLost,
    HostapdRefused,
    InstallFailed,
    LedgerReplied,
    LobbyDatagramReceived,
    MeasuringFailed,
    MonitorCounted,
    MonitorListens,
    MonitorLost,
    NetworkSigned,
    OfferSigned,
    OfferStateReceived,
    OwnerRevoked,
    ProviderCommanded,
    PurchaseHeard,
    RecordSigned,
    RemoveFailed,
    Saved,
    SaveFailed,
    SessionInstalled,
    SessionRemoved,
    SignallingHeard,
    SigningFailed,
    StationAssociated,
    StationLeft,
    StationsMeasured,
    SubscriberChanged,
    SubscriberFailed,
    SubscriberFound,
    SubscribersFound,
    SubscribersUnknown,
    TransferSigned,
)
from apd.metering import StoredChain, TpmFound
from apd.outcome import Outcome
from apd.refund import Refund
from apd.sales import Sales
from apd.session import EndReason, Queued, Session, Usage
from apd.settings import BoxSettings
from apd.state import CellState, KnownGrant, LinkState, LobbyState, MeterState, State
from tc_shaper.pool import new_pool
from wire.errors import DecodeError
from wire.ids import MacAddress
from wire.meter_record import MeterRecord, UsageReport
from wire.revocation import read_revocation
from wire.units import NS_PER_S, Now

if TYPE_CHECKING:  # a box without [cell.signalling], or [auction], does without
    from apd.auction_state import SoldShare
    from apd.signalling_state import SignallingState


def step(state: State, event: Event, now: Now) -> Outcome:
    """What one fact changes, and what is to be done about it."""
    before = state
    state, commands = _decide(state, event, now)
    state, answers = joins.answer_waiting(state)
    commands += answers
    if state.auctions is not None:
        state = _on_auction(before, state, now)
    if state.air is not None:
        state, commands = _on_air(before, state, commands, now)
    if state.signalling is not None:
        state, commands = _on_signalling(before, state, commands, now)
    elif state.cell is not None:
        state, commands = _on_cell(before, state, commands, now)
    return disk.hold_back(state, commands)


def next_deadline_ns(state: State, now: Now) -> int:
    """The monotonic instant at which `DeadlineReached` is wanted next; there is always a next report."""
    due = [*metering.deadlines_ns(state), *ledger_link.deadlines_ns(state), *disk.deadlines_ns(state)]
    due += sessions.deadlines_ns(state) + lobby.deadlines_ns(state, now) + refunds.deadlines_ns(state)
    if state.air is not None:
        from apd import air, associations, budget, registration

        due += registration.deadlines_ns(state)
        due += air.deadlines_ns(state) + associations.deadlines_ns(state) + budget.deadlines_ns(state)
    if state.auctions is not None:
        from apd import auctions, bids

        due += auctions.deadlines_ns(state) + bids.deadlines_ns(state)
    if state.cell is not None:
        from apd import cell, cell_places

        due += cell.deadlines_ns(state) + cell_places.deadlines_ns(state)
    if state.signalling is not None:
        from apd import sib, signalling

        due += signalling.deadlines_ns(state) + sib.deadlines_ns(state, now)
    return min(due)


def start(
    settings: BoxSettings,
    stored_sessions: Iterable[Session],
    stored_chain: StoredChain,
    tpm: TpmFound | None,
    *,
    revoked: Iterable[bytes] = (),
    offer_state: bytes = b"",
    known_grants: Iterable[KnownGrant] = (),
    owed: Iterable[Refund] = (),
    registered: bytes = b"",
    cell: CellState | None = None,
    signalling: "SignallingState | None" = None,
    sold: "Mapping[bytes, tuple[SoldShare, ...]] | None" = None,
    kernel_kept: bool,
    enrolled: bool,
    secret: bytes,
    software: str,
    now: Now,
) -> Outcome:
    """The state of a daemon that begins: sessions on disk go on, the chain gets its boot record.

    `stored_sessions` have been adopted by the shaper already: active ones are in the kernel. `kernel_kept` says that
    the kernel counted on while nobody looked; if not, or if the TPM was reset, the time since the last report was not
    metered.
    """
    meter = MeterState(
        attested=tpm is not None,
        report_due_ns=now.mono_ns + settings.report_interval_s * NS_PER_S,
        anchor_due_ns=now.mono_ns if tpm else None,
    )
    chain = metering.start_chain(meter, stored_chain, tpm, software, now, kernel_kept=kernel_kept)
    known = {session.grant_id: session for session in stored_sessions}
    anew = _reported_anew(known, chain.dropped)
    state = State(
        settings=settings,
        lobby=LobbyState(secret=secret, sales=Sales(now.utc_ms)),
        meter=chain.meter,
        pool=new_pool(settings.shaper, [s.slot for s in known.values() if s.holds_slot]),
        link=LinkState(enrolled=enrolled),
        revoked=dict.fromkeys(revoked),
        refunds=refunds.resume(owed, now),
    ).with_sessions((known | anew).values())
    forgetting: list[Command] = []
    if settings.air is not None:
        from apd import air, budget, registration

        state, forgetting = air.start(state, known_grants, now)
        state = budget.start(state, now)
        state = registration.start(state, registered, now)
    if cell is not None:
        from apd import cell as selling

        state, forgetting = selling.start(state, cell, now)
        state = replace(state, signalling=signalling)
    state, resuming = sessions.resume(state)
    changed = [s for s in state.sessions.values() if s.grant_id in anew or (s.holds_slot and not kernel_kept)]
    storing = [StoreSession(session) for session in changed]  # their baselines, too, are not what is on disk
    if offer_state:
        state, signing = lobby.take_offer_state(state, offer_state, now)
        resuming = [*resuming, *signing]
    if settings.auction is not None:
        from apd import auctions

        state, more = auctions.start(state, sold or {}, now)
        resuming = [*resuming, *more]
    return sessions.plan_counting(state, now), [*storing, *chain.commands, *forgetting, *resuming]


def _decide(state: State, event: Event, now: Now) -> Outcome:  # noqa: C901, PLR0912 - one branch per event
    match event:
        case LobbyDatagramReceived(source, data):
            return lobby.receive(state, source, data, now)
        case BrokerConnected():
            return _broker_connected(state, now)
        case BrokerLost(detail):
            return ledger_link.lost(state, detail)
        case OfferStateReceived(data):
            return lobby.take_offer_state(state, data, now)
        case LedgerReplied(correlation, data):
            return ledger_link.take_reply(state, correlation, data, now)
        case ProviderCommanded(data):
            return _revoke(state, data)
        case OwnerRevoked(grant_id):
            return sessions.revoke(state, grant_id)
        case OfferSigned(offer, expires_s):
            return lobby.take_signed_offer(state, offer, expires_s), []
        case SessionInstalled(grant_id):
            return _installed(state, grant_id, now)
        case InstallFailed(grant_id, error):
            return sessions.install_failed(state, grant_id, error)
        case SessionRemoved(grant_id, counters):
            return sessions.removed(state, grant_id, counters, now)
        case RemoveFailed(grant_id, error):
            return sessions.remove_failed(state, grant_id, error, now)
        case CountersRead(counters, report, queued):
            return _counted(_count(state, counters, queued, now), now, report=report)
        case CountersFailed(error, report):
            return _counted(sessions.count_failed(state, error, now), now, report=report)
        case StationLeft(station):
            return _station_left(state, station)
        case AnchorCounterRead(value):
            return metering.anchor(state, value, now)
        case RecordSigned(sequence):
            return _signed(state, sequence, now)
        case AnchorCounterFailed(error):
            return metering.anchor_failed(state, error, now)
        case SigningFailed(error):
            return metering.signing_failed(state, error, now)
        case Saved():
            return _saved(state, event, now)
        case AuctionSigned() | AuctionOfferSigned():
            return _auction_signed(state, event, now)
        case TransferSigned(grant_id, transaction_id, transfer):
            return refunds.transfer_signed(state, grant_id, transaction_id, transfer)
        case SaveFailed():
            return disk.failed(state, event, now)
        case Enrolled():
            return ledger_link.enrolled(state, now)
        case EnrolmentFailed(detail):
            return ledger_link.enrolment_failed(state, detail, now)
        case DeadlineReached():
            return _pass_time(state, now)
        case GnbHeard() | CoreReported() | SubscriberFound() | SubscriberChanged() | SubscriberFailed():
            return _decide_on_cell(state, event, now)
        case SubscribersFound() | SubscribersUnknown() | ConfineFailed():
            return _decide_on_cell(state, event, now)
        case SignallingHeard(what):
            from apd import signalling  # others do without

            return signalling.hear(state, what, now)
        case _:
            return _decide_on_air(state, event, now)


def _decide_on_cell(state: State, event: CellEvent, now: Now) -> Outcome:
    """What only a box with [cell] hears of."""
    from apd import cell, cell_places  # others do without

    match event:
        case GnbHeard(what):
            return cell.hear(state, what, now)
        case CoreReported(report):
            return cell_places.take_report(state, report, now)
        case SubscriberFound(supi, document):
            return cell_places.found(state, supi, document, now)
        case SubscriberChanged(supi):
            return cell_places.changed(state, supi)
        case SubscriberFailed(supi, error):
            return cell_places.store_failed(state, supi, error, now)
        case SubscribersFound(documents, whole):
            return cell_places.found_in_slots(state, documents, now, whole=whole)
        case SubscribersUnknown(error):
            return cell_places.slots_unknown(state, error, now)
        case ConfineFailed(error):
            return cell_places.confine_failed(state, error, now)
        case _:
            assert_never(event)


def _on_cell(before: State, state: State, commands: list[Command], now: Now) -> Outcome:
    """After each event: slots follow sessions, sessions follow what gNB and kernel said, subscribers and flows follow
    both; and who waits is told.
    """
    from apd import cell, cell_places

    state, settling = cell.settle(state, now)
    state, answers = joins.answer_waiting(state)
    state, moving = cell_places.settle(before, state)
    return state, [*commands, *settling, *moving, *answers]


def _on_signalling(before: State, state: State, commands: list[Command], now: Now) -> Outcome:
    """The same with purchases in NAS: who proved a key there is joined to a session that is there by now, and what is
    said to strangers goes into their exchanges. The gNB's file follows the offer.
    """
    from apd import sib, signalling, signalling_joins

    state, joining = signalling_joins.settle(before, state, now)
    state, commands = _on_cell(before, state, [*commands, *joining], now)
    state, writing = sib.settle(state, now)
    return signalling.carry(state, [*commands, *writing], now)


def _installed(state: State, grant_id: bytes, now: Now) -> Outcome:
    """The kernel does its part; on a cell the gNB has to do the other."""
    if state.cell is None:
        return sessions.installed(state, grant_id, now)
    from apd import cell

    return cell.counted(state, grant_id, now)


def _count(state: State, counters: dict[int, Usage], queued: Mapping[int, Queued], now: Now) -> Outcome:
    if state.cell is None:
        return sessions.count(state, counters, now, queued)
    from apd import cell

    state, commands = sessions.count(state, counters, now, cell.queued(state))
    state, telling = cell.take_counters(state, now)
    return state, [*commands, *telling]


def _decide_on_air(state: State, event: AirEvent, now: Now) -> Outcome:  # noqa: C901, PLR0912 - as above
    """What only a box with [air] hears of."""
    from apd import air, associations, budget, known_grants  # a wired box does without them

    match event:
        case PurchaseHeard(station, transaction):
            return air.hear(state, station, transaction, now)
        case MonitorCounted(garbage, dropped):
            return state.with_refusal("air_garbage", garbage).with_refusal("air_dropped", dropped), []
        case MonitorLost(detail):
            return state, [Note("monitor_lost", detail)]
        case MonitorListens():
            return state, [Note("monitor_listens", "purchases on the air are heard")]
        case StationAssociated(station, account):
            return associations.associated(budget.associated_anew(state, station), station, account, now)
        case HostapdConnected():
            return air.hostapd_connected(budget.hostapd_anew(state), event, now)
        case HostapdLost(detail):
            return air.hostapd_lost(state, detail)
        case HostapdRefused(what, info_id):
            return air.refused(state, what, info_id, now)
        case NetworkSigned(network):
            return air.network_signed(state, network), []
        case AdmissionReceived(data):
            return known_grants.take_admission(state, data, now)
        case StationsMeasured(stations):
            return budget.measured(state, stations, now)
        case MeasuringFailed(error):
            return budget.measuring_failed(state, error)
        case AirtimeWeightsMissed():
            return budget.weightless(state)
        case AirtimeWeightFailed(error, station):
            return budget.weight_failed(state, error, station, now)
        case _:
            assert_never(event)


def _on_air(before: State, state: State, commands: list[Command], now: Now) -> Outcome:
    """After each event: stations are let in and thrown out, and what hostapd is to show follows."""
    from apd import air, associations, budget

    state, settling = associations.settle(before, state, now)
    state, weighing = budget.plan(before, state, now)
    return air.carry(before, state, [*commands, *settling, *weighing], now)


def _station_left(state: State, station: MacAddress) -> Outcome:
    if state.air is None:
        return sessions.leave(state, station, EndReason.STATION_LEFT)
    from apd import associations

    return associations.left(state, station)


def _counted(outcome: Outcome, now: Now, *, report: bool) -> Outcome:
    state, commands = outcome
    if not report:
        return state, commands
    state, reporting = metering.report(state, now)
    return state, [*commands, *reporting]


def _signed(state: State, sequence: int, now: Now) -> Outcome:
    state, commands = metering.signed(state, sequence)
    state, submitting = ledger_link.submit(state, now)
    return state, [*commands, *submitting]


def _pass_time(state: State, now: Now) -> Outcome:
    commands: list[Command] = []
    parts = [disk.pass_time, sessions.pass_time, lobby.pass_time, metering.pass_time, ledger_link.pass_time]
    parts.append(refunds.submit)
    if state.air is not None:
        from apd import air, associations, budget, registration

        parts += [air.pass_time, associations.pass_time, budget.pass_time, registration.pass_time]
    if state.auctions is not None:
        from apd import auctions, bids

        parts += [auctions.pass_time, bids.pass_time]
    if state.cell is not None:
        from apd import cell, cell_places

        parts += [cell.pass_time, cell_places.pass_time]
    if state.signalling is not None:
        from apd import signalling

        parts.append(signalling.pass_time)
    for part in parts:
        state, more = part(state, now)
        commands += more
    return state, commands


def _saved(state: State, event: Saved, now: Now) -> Outcome:
    state, commands = disk.saved(state, event.records)
    state, sending = refunds.saved(state, event.transfers, now)
    if state.auctions is None:
        return state, [*commands, *sending]
    from apd import auctions

    state, answering = auctions.saved(state, event.auctions, now)
    return state, [*commands, *sending, *answering]


def _auction_signed(state: State, event: AuctionEvent, now: Now) -> Outcome:
    from apd import auctions  # others do without

    match event:
        case AuctionSigned(auction_id, encoded):
            return auctions.signed(state, auction_id, encoded, now)
        case AuctionOfferSigned(auction_id, offer):
            return auctions.offer_signed(state, auction_id, offer, now)


def _on_auction(before: State, state: State, now: Now) -> State:
    """After each event: auctions go by the offer."""
    from apd import auctions

    return auctions.settle(before, state, now)


def _broker_connected(state: State, now: Now) -> Outcome:
    state, commands = ledger_link.connected(state, now)
    state, asking = refunds.connected(state, now)
    commands = [*commands, *asking]
    if state.air is None:
        return state, commands
    from apd import known_grants, registration

    state, registering = registration.connected(state, now)
    return state, [*commands, *registering, *known_grants.publish_all(state)]


def _revoke(state: State, data: bytes) -> Outcome:
    """The provider ends a grant on its own box; signed by it, or nobody listens."""
    try:
        revocation = read_revocation(data, state.settings.provider)
    except DecodeError as error:
        return state.with_refusal("command_invalid"), [Note("command_invalid", str(error))]
    return sessions.revoke(state, revocation.grant_id)


def _reported_anew(known: Mapping[bytes, Session], dropped: Iterable[MeterRecord]) -> dict[bytes, Session]:
    """The sessions in records that never got their quote, with that usage put back to what is to be reported."""
    anew: dict[bytes, Session] = {}
    for record in dropped:
        for row in record.rows if isinstance(record, UsageReport) else ():
            session = anew.get(row.grant_id, known.get(row.grant_id))
            if session is not None:
                usage = Usage(
                    row.down_bytes,
                    row.up_bytes,
                    row.down_offered_bytes,
                    row.up_offered_bytes,
                    row.down_shortfall_bytes,
                    row.up_shortfall_bytes,
                )
                anew[row.grant_id] = replace(session, unreported=session.unreported.plus(usage))
    return anew
