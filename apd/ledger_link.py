"""The core's side of the link to the ledger: the outbox is emptied in order, and only receipts empty it.

In: connection, replies, time. Out: submissions. Nothing is lost while the ledger is away: records queue on disk,
sessions already bought go on, and the same record submitted twice is recorded once.
"""

from dataclasses import replace

from apd import lobby, refunds
from apd.commands import Command, Enrol, ForgetRecord, Note, SubmitRecord
from apd.outcome import Outcome
from apd.state import OutboxEntry, State
from wire.errors import DecodeError
from wire.ledger_reply import read_ledger_reply
from wire.receipt import Receipt, read_receipt
from wire.units import NS_PER_S, Now

WINDOW = 16
"""Records in flight at once: after ten minutes without a ledger a box catches up in a few round trips."""
HOLD_NS = 60 * NS_PER_S
"""A ledger that refused a record is left alone for this long."""
ENROL_AGAIN_NS = 60 * NS_PER_S
"""An enrolment that nobody answered, or that failed, begins anew after this."""
NOT_ENROLLED = "not_enrolled"
"""The ledger's reason for a record whose key it does not know."""
NEVER_TAKEN = frozenset({"forged", "retired_key"})
"""The ledger's reasons that no time mends: nobody vouches for the record, or another key was enrolled since."""
_RECORD = b"r"


def connected(state: State, now: Now) -> Outcome:
    """The broker is there: enrol if need be, and submit what waits."""
    state = replace(state, link=replace(state.link, connected=True, in_flight={}, hold_ns=now.mono_ns))
    if not state.link.enrolled:
        state, commands = _enrol(state, now)
        return state, [Note("broker_connected", "not enrolled yet"), *commands]
    state, commands = submit(state, now)
    return state, [Note("broker_connected", f"{len(state.meter.outbox)} records to submit"), *commands]


def enrolled(state: State, now: Now) -> Outcome:
    """The ledger certified our key: records make sense to it from now on."""
    state, commands = submit(replace(state, link=replace(state.link, enrolled=True)), now)
    return state, [Note("enrolled", "the ledger knows this box's attestation key"), *commands]


def enrolment_failed(state: State, detail: str, now: Now) -> Outcome:
    """The ledger is asked again later; until then records queue."""
    link = replace(state.link, enrol_ns=now.mono_ns + ENROL_AGAIN_NS)
    note = Note("enrolment_failed", f"{detail}; tried again in {ENROL_AGAIN_NS // NS_PER_S} s")
    return replace(state, link=link), [note]


def pass_time(state: State, now: Now) -> Outcome:
    """Asks again who did not answer."""
    if state.link.connected and not state.link.enrolled and state.link.enrol_ns <= now.mono_ns:
        return _enrol(state, now)
    return submit(state, now)


def lost(state: State, detail: str) -> Outcome:
    return replace(state, link=replace(state.link, connected=False, in_flight={})), [
        Note("broker_lost", detail)
    ]


def submit(state: State, now: Now) -> Outcome:
    """Fills the window with the oldest records of the outbox."""
    link = state.link
    if not link.connected or not link.enrolled or now.mono_ns < link.hold_ns:
        return state, []
    in_flight, commands = dict(link.in_flight), list[Command]()
    for entry in state.meter.outbox[:WINDOW]:
        if in_flight.get(entry.sequence, 0) <= now.mono_ns:
            in_flight[entry.sequence] = now.mono_ns + state.settings.submit_timeout_s * NS_PER_S
            commands.append(SubmitRecord(_RECORD + entry.sequence.to_bytes(8, "big"), entry.sequence))
    return replace(state, link=replace(link, in_flight=in_flight)), commands


def take_reply(state: State, correlation: bytes, data: bytes, now: Now) -> Outcome:
    """A reply of the ledger: to a record's submission, to a question of ours, or to a purchase."""
    if correlation[:1] == _RECORD and len(correlation) == 9:
        return _take_receipt(state, int.from_bytes(correlation[1:], "big"), data, now)
    if refunds.is_ours(correlation):
        return refunds.take_reply(state, correlation, data, now)
    if state.auctions is not None:
        from apd import auctions, bids  # others do without
        from apd.auction_state import OF_AUCTIONS, OF_BIDS, is_of

        if is_of(OF_AUCTIONS, correlation):
            return auctions.take_reply(state, correlation, data, now)
        if is_of(OF_BIDS, correlation):
            return bids.take_reply(state, correlation, data)
    if state.air is not None:
        from apd import registration  # a wired box does without

        if registration.is_ours(correlation):
            return registration.take_reply(state, data, now)
    return lobby.take_outcome(state, correlation, data, now)


def deadlines_ns(state: State) -> list[int]:
    """When the next submission is due."""
    link, waiting = state.link, state.meter.outbox[:WINDOW]
    if link.connected and not link.enrolled:
        return [link.enrol_ns]
    if not link.connected or not waiting:
        return []
    return [max(link.hold_ns, min(link.in_flight.get(entry.sequence, 0) for entry in waiting))]


def _take_receipt(state: State, sequence: int, data: bytes, now: Now) -> Outcome:
    entry = next((entry for entry in state.meter.outbox if entry.sequence == sequence), None)
    if entry is None:
        return state, []
    settings = state.settings
    try:
        receipt = read_receipt(read_ledger_reply(data).receipt, settings.ledger, settings.ledger_id)
    except DecodeError as error:
        return state, [Note("receipt_invalid", str(error))]
    if receipt.subject != entry.record_hash:
        return state, [Note("receipt_invalid", f"record {sequence}: the receipt is for something else")]
    if receipt.executed:
        state, commands = _without(state, entry, now)
        return state, [ForgetRecord(entry.sequence), *commands]
    return _refused(state, entry, receipt, now)


def _refused(state: State, entry: OutboxEntry, receipt: Receipt, now: Now) -> Outcome:
    """A record that will never be taken keeps no other from being sent. Else the ledger is left alone for a while, and
    one that does not know our key is told again who we are.
    """
    why = f"record {entry.sequence}: {receipt.reason}: {receipt.detail}"
    if receipt.reason in NEVER_TAKEN:
        state, commands = _without(state, entry, now)
        return state, [Note("record_refused", f"{why}; it stays on disk"), *commands]
    state = replace(state, link=replace(state.link, in_flight={}, hold_ns=now.mono_ns + HOLD_NS))
    if receipt.reason != NOT_ENROLLED or not state.link.enrolled:
        return state, [Note("record_refused", why)]
    state, commands = _enrol(replace(state, link=replace(state.link, enrolled=False)), now)
    return state, [Note("record_refused", why), *commands]


def _enrol(state: State, now: Now) -> Outcome:
    return replace(state, link=replace(state.link, enrol_ns=now.mono_ns + ENROL_AGAIN_NS)), [Enrol()]


def _without(state: State, entry: OutboxEntry, now: Now) -> Outcome:
    """One less in the outbox, and room for the next."""
    outbox = tuple(other for other in state.meter.outbox if other != entry)
    in_flight = {at: due_ns for at, due_ns in state.link.in_flight.items() if at != entry.sequence}
    meter, link = replace(state.meter, outbox=outbox), replace(state.link, in_flight=in_flight)
    return submit(replace(state, meter=meter, link=link), now)
