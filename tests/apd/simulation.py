"""A box in a world that one seed drives: kernel, disk, TPM, broker and ledger that answer late, fail, die and forget.

Everything outside of the core is a few dictionaries here. Each shell answers each order once and in order, as the real
ones do, but when and how is drawn. `check` holds the core against what the world knows.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from apd import core
from apd.adoption import adopt
from apd.commands import (
    AskPrice,
    AskRegistration,
    Command,
    DropUnsigned,
    Enrol,
    ForgetGrant,
    ForgetRecord,
    ForgetRefund,
    ForgetSession,
    GiveUp,
    InstallSession,
    ReadAnchorCounter,
    ReadCounters,
    RemoveSession,
    SignOffer,
    SignRecord,
    SignTransfer,
    StoreCommand,
    StoreGrant,
    StoreOfferState,
    StoreRecord,
    StoreRefund,
    StoreRegistration,
    StoreRevocation,
    StoreSession,
    SubmitRecord,
    SubmitTransaction,
)
from apd.events import (
    AnchorCounterFailed,
    AnchorCounterRead,
    BrokerConnected,
    BrokerLost,
    CountersFailed,
    CountersRead,
    DeadlineReached,
    Enrolled,
    Event,
    InstallFailed,
    LedgerReplied,
    LobbyDatagramReceived,
    OfferSigned,
    OfferStateReceived,
    ProviderCommanded,
    RecordSigned,
    RemoveFailed,
    Saved,
    SaveFailed,
    SessionInstalled,
    SessionRemoved,
    SigningFailed,
    StationLeft,
    TransferSigned,
)
from apd.metering import StoredChain, TpmFound
from apd.refund import Refund
from apd.session import Phase, Session, StoredSession, Usage
from apd.state import KnownGrant, OutboxEntry
from nas_tunnel.lobby import Discover, Purchase
from tests.apd.playbook import heard, join, leave, registration_of, settings, start_box
from tests.apd.world import (
    CONSUMER,
    LEDGER,
    LEDGER_ID,
    OTHER_CONSUMER,
    PROVIDER,
    grant,
    purchase,
    reply,
    revocation,
    signed_grant,
    signed_state,
)
from wire.cose import read_envelope
from wire.errors import ShellError
from wire.grant import Grant, parse_grant
from wire.grant_price import GrantPrice, write_grant_price
from wire.ids import MacAddress
from wire.meter_record import FIRST_PREVIOUS, MeterRecord, UsageReport, record_hash
from wire.money_actions import Transfer
from wire.offer import write_offer
from wire.qos import Qos
from wire.refund import refund_nonce, refund_ubc
from wire.transaction import read_transaction, sign_transaction
from wire.units import NS_PER_S, Now

BROKEN = ShellError("world", "is broken")
OWED_BEFORE, SHORT_BEFORE = 6, (40_000, 5_000)
PRICE_UBC = 10**9
"""Of every grant: so much that a shortfall of a few bytes is worth something."""
KEYS = (CONSUMER, OTHER_CONSUMER)
STATIONS = tuple(MacAddress(b"\x02\0\0\0\0" + bytes((number,))) for number in range(1, 6))
SETTINGS = settings(
    report_interval_s=20,
    anchor_interval_s=45,
    idle_timeout_s=90,
    purchase_timeout_s=5,
    submit_timeout_s=10,
    shaper_pool_size=3,
    shaper_pool_chunk=1,
    shaper_downlink_capacity_bps=5_000_000,
)


@dataclass
class Disk:
    """What survives a crash."""

    sessions: dict[bytes, Session] = field(default_factory=dict)
    records: dict[int, tuple[MeterRecord, bytes]] = field(default_factory=dict)
    signed: set[int] = field(default_factory=set)
    acknowledged: set[int] = field(default_factory=set)
    revoked: dict[bytes, None] = field(default_factory=dict)
    offer_state: bytes = b""
    registration: bytes = b""
    refunds: dict[bytes, Refund] = field(default_factory=dict)
    known_grants: dict[bytes, KnownGrant] = field(default_factory=dict)
    pcr: bytes = b""
    reported_utc_ms: int = 0

    def keep(self, command: StoreCommand) -> None:  # noqa: C901 - one branch per command
        match command:
            case StoreSession(session):
                self.sessions[session.grant_id] = session
            case ForgetSession(grant_id):
                del self.sessions[grant_id]
            case StoreRecord(record, encoded, sessions, reported_utc_ms):
                self.records[record.sequence] = (record, encoded)
                self.sessions |= {session.grant_id: session for session in sessions}
                self.reported_utc_ms = reported_utc_ms
            case DropUnsigned():
                self.records = {at: self.records[at] for at in self.signed}
            case ForgetRecord(sequence):
                self.acknowledged.add(sequence)
            case StoreRevocation(grant_id):
                self.revoked[grant_id] = None
            case StoreOfferState(data):
                self.offer_state = data
            case StoreRegistration(data):
                self.registration = data
            case StoreGrant(grant_id, encoded, used_bytes, station, bought):
                kept = parse_grant(read_envelope(encoded))
                self.known_grants[grant_id] = KnownGrant(kept, encoded, used_bytes, station, bought)
            case ForgetGrant(grant_id):
                self.known_grants.pop(grant_id, None)
            case StoreRefund(refund):
                self.refunds[refund.grant_id] = replace(
                    refund, stored=bool(refund.transfer), refused="", due_ns=0
                )
            case ForgetRefund(grant_id):
                del self.refunds[grant_id]

    def chain(self) -> StoredChain:
        last = max(self.signed, default=0)
        return StoredChain(
            sequence=last,
            head=record_hash(self.records[last][1]) if last else FIRST_PREVIOUS,
            meter_pcr=self.pcr,
            reported_utc_ms=self.reported_utc_ms,
            unsigned=tuple(self.records[at][1] for at in sorted(self.records) if at not in self.signed),
            outbox=tuple(
                OutboxEntry(at, record_hash(self.records[at][1]))
                for at in sorted(self.signed - self.acknowledged)
            ),
        )


@dataclass
class Slot:
    """A session in the kernel, since it was installed."""

    grant_id: bytes
    station: MacAddress
    usage: Usage = Usage()


class World:
    """One run. `play` takes as many turns as it is told."""

    settings = SETTINGS

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.disk = Disk()
        self.kernel: dict[int, Slot] = {}
        self.delivered: Counter[bytes] = Counter()
        self.pcr = bytes(32)
        self.anchor_counter = 0
        self.connected = False
        self.ledger: dict[int, bytes] = {}
        self.received: list[int] = []
        self.paid: dict[bytes, tuple[bytes, int]] = {}
        """Transfers that ran: nonce and amount by transaction id."""
        self.may_have_lost: set[bytes] = set()
        self.grants: dict[bytes, Grant] = {}
        self.refused: set[str] = set()
        self.ordered: set[str] = set()
        self.now = Now(10**12, 1_700_000_000_000)
        for number in range(50, 50 + OWED_BEFORE):  # sessions before this run, whose grants are over
            made = grant(number)
            self.grants[made.grant_id] = made
            self.disk.refunds[made.grant_id] = Refund(made, signed_grant(made), *SHORT_BEFORE)
        self._start()

    # ---- turns

    def play(self, turns: int) -> None:
        acts = (
            [self.wait] * 4 + [self.carry] * 4 + [self.shell] * 12 + [self.ask_to_join] * 4 + [self.ask_to_leave]
            + [self.fall_short] * 2
            + [self.buy, self.discover, self.garbage, self.repeat, self.leave_air, self.revoke, self.broker, self.sell]
        )  # fmt: skip
        acts += self.acts_on_air()
        for _ in range(turns):
            if self.gave_up or self.random.random() < 0.01:
                self.crash()
            self.random.choice(acts)()
            self.check()

    def acts_on_air(self) -> list[Callable[[], None]]:
        """None of a wired box."""
        return []

    def settle(self) -> None:
        """Everything works, nothing new happens, until nothing is left to do; and the last report is signed."""
        self.calm = True
        if not self.connected:
            self.connected = True
            self.feed(BrokerConnected())
        for _ in range(5_000):
            if any(self.orders.values()):
                self.shell()
            elif self._is_busy():
                self.wait()
            else:
                return
            self.check()
        raise AssertionError(f"never settles: {self.box.state}")

    def _is_busy(self) -> bool:
        state = self.box.state
        unreported = any(session.unreported != Usage() for session in state.sessions.values())
        held = unreported or state.meter.signing or state.meter.outbox or state.disk.unsaved
        return bool(held or state.refunds or self._owed())

    def _owed(self) -> list[Session]:
        """Sessions that will be paid back for, once their grants are over."""
        sessions = self.box.state.sessions.values()
        return [one for one in sessions if one.used.down_shortfall_bytes or one.used.up_shortfall_bytes]

    def wait(self) -> None:
        """Time goes by, at most to the next deadline, and sometimes far beyond it."""
        due_ns = core.next_deadline_ns(self.box.state, self.now) - self.now.mono_ns
        part = self.random.choice((0.3, 1.0, 1.0, 1.001))
        ns = self.random.randrange(200 * NS_PER_S) if self.random.random() < 0.02 else int(due_ns * part) + 1
        self.box.now = self.now = Now(self.now.mono_ns + ns, self.now.utc_ms + ns // 1_000_000)
        if ns >= due_ns:
            self.feed(DeadlineReached())
            assert core.next_deadline_ns(self.box.state, self.now) > self.now.mono_ns, "a busy loop"

    def carry(self) -> None:
        """Traffic passes through a session."""
        if self.kernel:
            slot = self.random.choice(list(self.kernel.values()))
            down, up = self.random.randrange(400_000), self.random.randrange(100_000)
            slot.usage = slot.usage.plus(Usage(down, up, down + 100, up + 10))
            self.delivered[slot.grant_id] += down + up

    def fall_short(self) -> None:
        """What was promised does not arrive, as the air would have it (tests/apd/test_budget.py has how that is
        found).
        """
        sessions = [one for one in self.box.state.sessions.values() if one.phase is Phase.ACTIVE]
        if sessions:
            session = self.random.choice(sessions)
            missing = Usage(0, 0, 0, 0, self.random.randrange(50_000), self.random.randrange(9_000))
            session = replace(
                session, used=session.used.plus(missing), unreported=session.unreported.plus(missing)
            )
            self.box.state = self.box.state.with_session(session)

    def shell(self) -> None:
        """One shell that was told to do something does it, or fails."""
        busy = [name for name, orders in self.orders.items() if orders]
        if busy:
            getattr(self, f"_{self.random.choice(busy)}")()

    def ask_to_join(self) -> None:
        number = self.random.randrange(1, 8)
        key = KEYS[number % 2]
        cap = self.random.choice((0, 0, 1_500_000))
        qos = Qos(2_000_000, 4_000_000, 500_000, 1_000_000, cap if number == 3 else 0)
        starts_s = 1_700_000_000 + 60 * number
        made = grant(number, consumer=key.public, qos=qos, starts_s=starts_s, duration_s=100 * number)
        self.grants[made.grant_id] = made
        signer = key if self.random.random() < 0.9 else KEYS[(number + 1) % 2]
        self._say(join(self.box, made, self.random.choice(STATIONS), signer))

    def ask_to_leave(self) -> None:
        if self.box.state.sessions:
            session = self.random.choice(list(self.box.state.sessions.values()))
            key = next(key for key in KEYS if key.public == session.grant.consumer)
            self._say(leave(self.box, session.grant, session.station, key))

    def buy(self) -> None:
        self._say(heard(Purchase(purchase(self.random.randrange(20)).envelope.encoded)))

    def discover(self) -> None:
        self._say(heard(Discover()))

    def garbage(self) -> None:
        """On every way in; and what was said before, again."""
        noise = self.random.randbytes(self.random.randrange(60))
        events: list[Event] = [
            LobbyDatagramReceived(("fe80::9", 1, 0, 2), noise),
            LedgerReplied(noise[:32], noise),
            LedgerReplied(b"r" + self.random.randrange(20).to_bytes(8, "big"), noise),
            ProviderCommanded(noise),
            OfferStateReceived(noise),
        ]
        self.feed(self.random.choice(events))

    def repeat(self) -> None:
        """What was overheard lately is said again."""
        if self.said:
            self.feed(self.random.choice(self.said[-10:]))

    def leave_air(self) -> None:
        self.feed(StationLeft(self.random.choice(STATIONS)))

    def revoke(self) -> None:
        if self.random.random() < 0.2:
            self.feed(ProviderCommanded(revocation(grant(self.random.randrange(1, 8)).grant_id)))

    def broker(self) -> None:
        self.connected = not self.connected
        if not self.connected:
            self.orders["ledger"].clear()
        self.feed(BrokerConnected() if self.connected else BrokerLost("gone"))

    def sell(self) -> None:
        height = self.random.randrange(50)
        self.feed(OfferStateReceived(signed_state(height=height, epoch=1 + height // 10)))

    def crash(self) -> None:
        """SIGKILL; now and then the power fails too."""
        for grant_id, session in self.box.state.sessions.items():
            kept = self.disk.sessions.get(grant_id)
            in_kernel = any(slot.grant_id == grant_id for slot in self.kernel.values())
            if not in_kernel and (kept is None or kept.used != session.used):
                self.may_have_lost.add(grant_id)  # removed a moment ago, and not yet on disk
        power = self.random.random()
        if power < 0.2:
            self.may_have_lost |= {slot.grant_id for slot in self.kernel.values()}
            self.kernel.clear()
        if power < 0.3:
            self.pcr = bytes(32)
        self.refused |= set(self.box.state.refused)
        self.ordered |= {type(command).__name__ for command in self.box.ordered}
        self.connected = False
        self.now = Now(self.now.mono_ns + NS_PER_S, self.now.utc_ms + 1_000)
        self._start()

    # ---- the daemon

    def feed(self, event: Event) -> None:
        self._take(self.box.feed(event))

    def _take(self, commands: list[Command]) -> None:
        for command in commands:
            match command:
                case InstallSession() | RemoveSession() | ReadCounters():
                    self.orders["kernel"].append(command)
                case SignRecord() | ReadAnchorCounter():
                    self.orders["tpm"].append(command)
                case SubmitRecord() | SubmitTransaction() | Enrol() | AskPrice() | AskRegistration():
                    self.orders["ledger"].append(command)
                case SignOffer() | SignTransfer():
                    self.orders["signer"].append(command)
                case GiveUp():
                    self.gave_up = True
                case _ if isinstance(command, StoreCommand):
                    self.orders["disk"].append(command)

    def _start(self) -> None:
        self.orders: dict[str, deque[Command]] = {
            name: deque() for name in ("kernel", "disk", "tpm", "ledger", "signer")
        }
        self.calm = self.gave_up = False
        self.said: list[Event] = []
        stored = self.disk.sessions
        for slot, held in list(self.kernel.items()):
            known = stored.get(held.grant_id)
            if known is None or known.slot != slot or known.phase not in (Phase.ACTIVE, Phase.EXPIRING):
                self.may_have_lost.add(held.grant_id)  # let in a moment ago, and not yet on disk
                del self.kernel[slot]
        in_kernel = {slot: held.station for slot, held in self.kernel.items()}
        found = adopt(map(_stored, stored.values()), in_kernel, self.now, self.disk.reported_utc_ms)
        of_station = {session.station: session.grant_id for session in found.sessions if session.holds_slot}
        for shape in found.shapes:
            self.kernel.setdefault(shape.slot, Slot(of_station[shape.station], shape.station))
        self.box = start_box(
            self.settings,
            found.sessions,
            self.disk.chain(),
            TpmFound(bytes(320), self.pcr),
            revoked=self.disk.revoked,
            offer_state=self.disk.offer_state,
            known_grants=self.disk.known_grants.values(),
            owed=self.disk.refunds.values(),
            registered=self.disk.registration,
            kernel_kept=found.kernel_kept,
            enrolled=self.random.random() < 0.8,
            now=self.now,
        )
        self._take(self.box.ordered)
        self._save_all()  # the real daemon does, before it hears of anybody

    def _say(self, event: Event) -> None:
        self.said.append(event)
        self.feed(event)

    # ---- the shells

    def _works(self) -> bool:
        return self.calm or self.random.random() < 0.85

    def _kernel(self) -> None:
        command = self.orders["kernel"].popleft()
        works = self._works()
        match command:
            case InstallSession(grant_id, shape):
                assert shape.slot not in self.kernel, "a slot is used twice"
                assert shape.station not in [slot.station for slot in self.kernel.values()]
                if works:
                    self.kernel[shape.slot] = Slot(grant_id, shape.station)
                self.feed(SessionInstalled(grant_id) if works else InstallFailed(grant_id, BROKEN))
            case RemoveSession(grant_id, slot, _):
                if not works:
                    self.feed(RemoveFailed(grant_id, BROKEN))
                    return
                held = self.kernel.pop(slot, Slot(grant_id, STATIONS[0]))
                assert held.grant_id == grant_id, "somebody else's session is removed"
                self.feed(SessionRemoved(grant_id, held.usage))
            case ReadCounters(report):
                counters = {slot: held.usage for slot, held in self.kernel.items()}
                self.feed(CountersRead(counters, report) if works else CountersFailed(BROKEN, report))

    def _disk(self) -> None:
        commands = tuple(self.orders["disk"])
        if self._works():
            self._save_all()
        else:
            self.orders["disk"].clear()
            self.feed(SaveFailed(BROKEN, commands))  # type: ignore[arg-type]  # they are all for the disk

    def _save_all(self) -> None:
        commands = list(self.orders["disk"])
        self.orders["disk"].clear()
        for command in commands:
            assert isinstance(command, StoreCommand)
            self.disk.keep(command)
        records = tuple(c.record.sequence for c in commands if isinstance(c, StoreRecord))
        refunds = [c.refund for c in commands if isinstance(c, StoreRefund)]
        self.feed(Saved(records, tuple(refund.transaction_id for refund in refunds if refund.transfer)))

    def _tpm(self) -> None:
        command = self.orders["tpm"].popleft()
        if isinstance(command, ReadAnchorCounter):
            self.feed(
                AnchorCounterRead(self.anchor_counter) if self._works() else AnchorCounterFailed(BROKEN)
            )
            return
        assert isinstance(command, SignRecord)
        assert not [c for c in self.orders["tpm"] if isinstance(c, SignRecord)], "two at a time"
        sequence, digest = command.record.sequence, record_hash(command.encoded)
        assert self.disk.records[sequence][1] == command.encoded, "the TPM hears of what is not on disk"
        extended = hashlib.sha256(self.disk_pcr(command) + digest).digest()
        if self.pcr != extended:
            assert not command.extended_before
            self.pcr = extended
        if not self._works():
            self.feed(SigningFailed(BROKEN))  # extended, and not quoted
            return
        self.disk.signed.add(sequence)
        self.disk.pcr = extended
        self.feed(RecordSigned(sequence))

    def disk_pcr(self, command: SignRecord) -> bytes:
        """PCR 14 before this record: as the last signed one left it, or as its boot record found it."""
        found = getattr(command.record, "meter_pcr", b"")
        return found or self.disk.pcr

    def _signer(self) -> None:
        command = self.orders["signer"].popleft()
        if isinstance(command, SignTransfer):
            made = sign_transaction(command.transaction, PROVIDER, LEDGER_ID)
            self.feed(TransferSigned(command.grant_id, made.transaction_id, made.envelope.encoded))
            return
        assert isinstance(command, SignOffer)
        self.feed(OfferSigned(write_offer(command.offer, PROVIDER), command.offer.expires_s))

    def _ledger(self) -> None:
        command = self.orders["ledger"].popleft()
        match command:
            case Enrol():
                self.feed(Enrolled())
            case AskPrice(correlation, grant_id):
                if self._works():
                    price = GrantPrice(grant_id, CONSUMER.public, PRICE_UBC)
                    self.feed(LedgerReplied(correlation, write_grant_price(price, LEDGER, LEDGER_ID)))
            case AskRegistration(correlation, account):
                known = reply(hashlib.sha256(account.octets).digest(), reason="unknown_account")
                if self._works():
                    known = registration_of(account, self.now.utc_s)
                self.feed(LedgerReplied(correlation, known))
            case SubmitTransaction(correlation, data) if correlation[:1] == b"t" and len(correlation) == 17:
                self._pay(correlation, data)
            case SubmitTransaction(correlation, _):
                self.feed(LedgerReplied(correlation, reply(correlation)))
            case SubmitRecord(correlation, sequence):
                if not self._works():
                    return  # lost on the way, or the answer was
                assert sequence in self.disk.signed, "not signed"
                digest = record_hash(self.disk.records[sequence][1])
                assert self.ledger.get(sequence, digest) == digest, "two records of one number"
                if sequence not in self.ledger:
                    self.ledger[sequence] = digest
                    self.received.append(sequence)
                reason = "sequence_gap" if self.random.random() < 0.02 else ""
                self.feed(LedgerReplied(correlation, reply(digest, reason=reason)))

    def _pay(self, correlation: bytes, data: bytes) -> None:
        """A transfer runs once; before it runs it may be refused, and any answer may be lost."""
        signed = read_transaction(data, LEDGER_ID)
        signed.verify(PROVIDER.public)
        action, known = signed.transaction.action, self.disk.refunds.get(correlation[1:])
        assert isinstance(action, Transfer)
        assert known is None or known.transfer == data, "the ledger hears of what is not on disk"
        if not self._works():
            return
        reason = "replayed" if signed.transaction_id in self.paid else ""
        if not reason and not self._works():
            reason = "insufficient_funds"
        if not reason:
            self.paid[signed.transaction_id] = (signed.transaction.nonce, action.price_ubc)
        if self._works():
            self.feed(LedgerReplied(correlation, reply(signed.transaction_id, reason=reason)))

    # ---- what has to hold

    def check(self) -> None:
        state = self.box.state
        held = [session for session in state.sessions.values() if session.holds_slot]
        slots = [session.slot for session in held]
        assert len(set(slots)) == len(slots), "a slot is held twice"
        assert sorted([*slots, *state.pool.free]) == list(range(16, 16 + state.pool.length)), "slots leak"
        assert state.stations == {session.station: session.grant_id for session in held}
        assert state.promised.down_bps == sum(session.qos.floor_down_bps for session in held)
        assert state.promised.down_bps <= SETTINGS.shaper.downlink_capacity_bps
        assert state.promised.up_bps == sum(session.qos.floor_up_bps for session in held)
        assert all(
            state.sessions[grant_id].phase in (Phase.ADMITTED, Phase.EXPIRING)
            for grant_id in state.lobby.waiting
        ), "somebody waits for nothing"
        dues = [session.due_ns for session in state.sessions.values() if session.due_ns is not None]
        assert not dues or (state.session_due_ns is not None and state.session_due_ns <= min(dues))

    def check_books(self) -> None:
        """After `settle`: what was delivered is what was reported, and the chain is one."""
        reported: Counter[bytes] = Counter()
        missing: Counter[tuple[bytes, str]] = Counter()
        for number in range(50, 50 + OWED_BEFORE):
            missing[grant(number).grant_id, "down"], missing[grant(number).grant_id, "up"] = SHORT_BEFORE
        previous = FIRST_PREVIOUS
        for sequence in sorted(self.disk.records):
            record, encoded = self.disk.records[sequence]
            assert record.previous == previous, f"record {sequence} does not follow"
            previous = record_hash(encoded)
            if isinstance(record, UsageReport):
                assert record.to_utc_ms >= record.from_utc_ms
                for row in record.rows:
                    reported[row.grant_id] += row.down_bytes + row.up_bytes
                    missing[row.grant_id, "down"] += row.down_shortfall_bytes
                    missing[row.grant_id, "up"] += row.up_shortfall_bytes
        assert sorted(self.disk.records) == list(range(1, len(self.disk.records) + 1)), "a number is missing"
        assert set(self.ledger) == set(self.disk.records) == self.disk.acknowledged, "records are lost"
        unread = Counter(
            {
                slot.grant_id: slot.usage.delivered_bytes
                - self.box.state.sessions[slot.grant_id].baseline.delivered_bytes
                for slot in self.kernel.values()
            }
        )
        for grant_id, delivered in self.delivered.items():
            known = reported[grant_id] + unread[grant_id]
            assert known <= delivered, "usage is reported twice"
            if grant_id not in self.may_have_lost:
                assert known == delivered, "usage is lost"
        self._check_refunds(missing)

    def _check_refunds(self, missing: Counter[tuple[bytes, str]]) -> None:
        """What reports say was missing is paid back, each grant's once, and nothing else."""
        paid = Counter(nonce for nonce, _ in self.paid.values())
        assert all(times == 1 for times in paid.values()), "a refund was paid twice"
        amounts, owed = dict(self.paid.values()), {one.grant_id for one in self._owed()}
        for made in (self.grants[grant_id] for grant_id, _ in missing if grant_id not in owed):
            short = (missing[made.grant_id, "down"], missing[made.grant_id, "up"])
            wanted = refund_ubc(PRICE_UBC, made.total_qos, made.duration_s, *short)
            assert amounts.get(refund_nonce(made.grant_id), 0) == wanted, "what was paid is not what was owed"


def _stored(session: Session) -> StoredSession:
    """As it lies on disk."""
    return StoredSession(
        session.grant,
        session.encoded_grant,
        session.qos,
        session.station,
        session.slot,
        session.phase,
        session.reason,
        session.baseline,
        session.used,
        session.unreported,
    )
