"""The daemon: feeds events to the core, hands each command to the one shell that obeys it, arms one timer.

It decides nothing. Kernel and disk are quick and run in the loop; the TPM may take half a second and has a worker
thread of its own, one command at a time. What a shell cannot do becomes an event, and the core decides what follows.
"""

import asyncio
import json
import secrets
import sys
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar, assert_never

from apd import core
from apd.commands import (
    Command,
    DropUnsigned,
    Enrol,
    ForgetRecord,
    ForgetSession,
    InstallSession,
    Note,
    ReadAnchorCounter,
    ReadCounters,
    RemoveSession,
    SendLobby,
    SignOffer,
    SignRecord,
    StoreRecord,
    StoreSession,
    SubmitRecord,
    SubmitTransaction,
)
from apd.config import Config
from apd.events import (
    AnchorCounterFailed,
    AnchorCounterRead,
    CountersFailed,
    CountersRead,
    DeadlineReached,
    Enrolled,
    Event,
    InstallFailed,
    LedgerReplied,
    LobbyDatagramReceived,
    OfferSigned,
    RecordSigned,
    RemoveFailed,
    SessionInstalled,
    SessionRemoved,
    SigningFailed,
)
from apd.session import EndReason, Phase, Session, Usage, shape_of
from apd.shells.clock import read_clock
from apd.shells.control import ControlSocket
from apd.shells.lobby_socket import LobbySocket
from apd.shells.meter import Meter
from apd.shells.mqtt import LedgerLink
from apd.shells.store import Store, StoredSession
from apd.state import State
from apd.status import describe
from apd.version import VERSION
from nas_tunnel.lobby import write_lobby
from tc_shaper.counters import SlotCounters
from tc_shaper.tree import Capabilities, SessionShape
from wire.attestation_result import read_attestation_result
from wire.cose import read_envelope
from wire.enrolment import (
    EnrolmentAnswer,
    EnrolmentRequest,
    read_enrolment_reply,
    write_enrolment_answer,
    write_enrolment_request,
)
from wire.errors import DecodeError, ShellError
from wire.evidence import Evidence
from wire.grant import parse_grant
from wire.ids import MacAddress
from wire.meter_record import MeterRecord
from wire.offer import write_offer
from wire.receipt import read_receipt
from wire.units import NS_PER_S, Now

_ENROLMENT = b"e"
_ENROLMENT_RETRY_S = 60
T = TypeVar("T")


class KernelShaper(Protocol):
    """What the daemon needs of the shaper; tc_shaper has the real one and its fake."""

    def set_up(self) -> Capabilities: ...
    def sessions(self) -> dict[int, MacAddress]: ...
    def resynchronise(self, shapes: Sequence[SessionShape]) -> Any: ...
    def install(self, shape: SessionShape) -> None: ...
    def remove(self, slot: int, station: MacAddress) -> SlotCounters: ...
    def read_counters(self) -> list[SlotCounters]: ...
    def tear_down(self) -> None: ...
    def close(self) -> None: ...


class Daemon:
    """One box. `run` returns when `stop` is called."""

    def __init__(
        self,
        config: Config,
        shaper: KernelShaper,
        meter: Meter,
        store: Store,
        link: LedgerLink,
        lobby: LobbySocket,
        control: ControlSocket,
    ) -> None:
        self._config = config
        self._shaper = shaper
        self._meter = meter
        self._store = store
        self._link = link
        self._lobby = lobby
        self._control = control
        self._events: deque[Event] = deque()
        self._worker = ThreadPoolExecutor(1, "tpm")
        self._timer: asyncio.TimerHandle | None = None
        self._stopping = asyncio.Event()
        self._stepping = False

    async def run(self) -> None:
        """Starts everything, then lets events drive it. Raises ShellError when the box cannot start."""
        self._loop = asyncio.get_running_loop()
        self.capabilities = self._shaper.set_up()
        for sentence in self.capabilities.spoken:
            self._note(Note("capability", sentence))
        self._state, commands = self._start(read_clock())
        self._lobby.listen(lambda source, data: self.take(LobbyDatagramReceived(source, data)))
        await self._control.serve(lambda: describe(self._state, read_clock()))
        self._obey(commands)
        self._link.start(self._take_from_link)
        self.take(DeadlineReached())
        self._note(
            Note("ready", f"selling on {self._config.box.shaper.interface} as {self._config.box.provider}")
        )
        await self._stopping.wait()
        self._close()

    def stop(self) -> None:
        """Ends `run`. Sessions stay in the kernel and go on: the next run adopts them."""
        self._stopping.set()

    def take(self, event: Event) -> None:
        """One fact: the core decides, the shells obey, and facts that follow are taken in turn."""
        self._events.append(event)
        if self._stepping:
            return
        self._stepping = True
        try:
            while self._events:
                self._state, commands = core.step(self._state, self._events.popleft(), read_clock())
                self._obey(commands)
        finally:
            self._stepping = False
        self._arm()

    def _start(self, now: Now) -> tuple[State, list[Command]]:
        stored = self._store.sessions()
        before = set(self._shaper.sessions().values())
        sessions = [_restore(session, now, kept=session.station in before) for session in stored]
        self._shaper.resynchronise(
            [shape_of(session) for session in sessions if session.phase is Phase.ACTIVE]
        )
        return core.start(
            self._config.box,
            sessions,
            self._store.chain(),
            self._meter.found(),
            kernel_kept=bool(before) or not any(session.phase is Phase.ACTIVE for session in sessions),
            enrolled=self._is_enrolled(),
            secret=secrets.token_bytes(32),
            software=f"airgrant-apd {VERSION}",
            now=now,
        )

    def _obey(self, commands: Sequence[Command]) -> None:
        for command in commands:
            self._obey_one(command)

    def _obey_one(self, command: Command) -> None:  # noqa: C901, PLR0912 - one branch per command
        match command:
            case SendLobby(to, message):
                self._lobby.send(to, write_lobby(message))
            case InstallSession(grant_id, shape):
                self._install(grant_id, shape)
            case RemoveSession(grant_id, slot, station):
                self._remove(grant_id, slot, station)
            case ReadCounters(report):
                self._read_counters(report=report)
            case SubmitTransaction(correlation, data):
                self._link.publish("transaction", data, correlation)
            case SubmitRecord(correlation, sequence):
                self._link.publish("report", self._store.evidence(sequence), correlation)
            case SignOffer(offer):
                self._events.append(
                    OfferSigned(write_offer(offer, self._config.provider_key), offer.expires_s)
                )
            case StoreSession(session):
                self._store.save_session(session)
            case ForgetSession(grant_id):
                self._store.forget_session(grant_id)
            case StoreRecord(record, encoded, sessions):
                self._store.save_record(record, encoded, sessions)
            case DropUnsigned():
                self._store.drop_unsigned()
            case ForgetRecord(sequence):
                self._store.forget_record(sequence)
            case SignRecord(record, encoded, extended_before):
                self._sign(record, encoded, extended_before=extended_before)
            case ReadAnchorCounter():
                self._ask_meter(
                    self._meter.anchor_counter,
                    then=lambda value: self.take(AnchorCounterRead(value)),
                    failed=lambda error: self.take(AnchorCounterFailed(error)),
                )
            case Enrol():
                self._enrol()
            case Note():
                self._note(command)
            case _:
                assert_never(command)

    def _install(self, grant_id: bytes, shape: SessionShape) -> None:
        try:
            self._shaper.install(shape)
            self._events.append(SessionInstalled(grant_id))
        except ShellError as error:
            self._events.append(InstallFailed(grant_id, error))

    def _remove(self, grant_id: bytes, slot: int, station: MacAddress) -> None:
        try:
            self._events.append(SessionRemoved(grant_id, _usage(self._shaper.remove(slot, station))))
        except ShellError as error:
            self._events.append(RemoveFailed(grant_id, error))

    def _read_counters(self, *, report: bool) -> None:
        try:
            counters = {counted.slot: _usage(counted) for counted in self._shaper.read_counters()}
            self._events.append(CountersRead(counters, report))
        except ShellError as error:
            self._events.append(CountersFailed(error, report))

    def _ask_meter(
        self, work: Callable[[], T], then: Callable[[T], None], failed: Callable[[ShellError], None]
    ) -> None:
        """Runs `work` in the worker, and in the loop what follows from its value or from its failure."""

        def done(future: "asyncio.Future[T]") -> None:
            if future.cancelled():
                return
            error = future.exception()
            if error is None:
                then(future.result())
            elif isinstance(error, ShellError):
                failed(error)
            else:
                raise error

        self._loop.run_in_executor(self._worker, work).add_done_callback(done)

    def _sign(self, record: MeterRecord, encoded: bytes, *, extended_before: bool) -> None:
        def keep(signed: tuple[Evidence, bytes]) -> None:
            self._store.save_evidence(record.sequence, *signed)
            self.take(RecordSigned(record.sequence))

        self._ask_meter(
            lambda: self._meter.sign(record, encoded, extended_before=extended_before),
            then=keep,
            failed=lambda error: self.take(SigningFailed(error)),
        )

    def _enrol(self) -> None:
        def send(request: EnrolmentRequest) -> None:
            data = write_enrolment_request(request, self._config.provider_key, self._config.box.ledger_id)
            self._link.publish("enrolment", data, _ENROLMENT)

        provider = self._config.box.provider
        self._ask_meter(lambda: self._meter.enrolment_request(provider), send, self._enrolment_failed)

    def _enrolment_failed(self, error: ShellError) -> None:
        self._retry_enrolment(str(error))

    def _retry_enrolment(self, detail: str) -> None:
        self._note(Note("enrolment_failed", f"{detail}; tried again in {_ENROLMENT_RETRY_S} s"))
        self._loop.call_later(_ENROLMENT_RETRY_S, self._enrol)

    def _take_from_link(self, event: Event) -> None:
        """Enrolment is between the TPM and the ledger, and its own small conversation; the rest is the core's."""
        if isinstance(event, LedgerReplied) and event.correlation == _ENROLMENT:
            self._take_enrolment(event.data)
        else:
            self.take(event)

    def _take_enrolment(self, data: bytes) -> None:
        box = self._config.box
        try:
            reply = read_enrolment_reply(data)
            if reply.receipt:
                refusal = read_receipt(reply.receipt, box.ledger, box.ledger_id)
                self._retry_enrolment(f"{refusal.reason}: {refusal.detail}")
            elif reply.challenge is not None:
                challenge = reply.challenge
                self._ask_meter(
                    lambda: self._meter.activate(challenge), self._answer_enrolment, self._enrolment_failed
                )
            else:
                self._check_attestation(reply.attestation_result)
                self._store.save_attestation(reply.attestation_result)
                self.take(Enrolled())
        except DecodeError as error:
            self._note(Note("enrolment_invalid", str(error)))

    def _answer_enrolment(self, secret: bytes) -> None:
        answer = EnrolmentAnswer(self._meter.public_key.key_id, secret)
        self._link.publish("enrolment", write_enrolment_answer(answer), _ENROLMENT)

    def _is_enrolled(self) -> bool:
        """Whether the stored attestation result is for the key that signs now: a cleared TPM has another."""
        stored = self._store.attestation()
        if not stored:
            return False
        try:
            self._check_attestation(stored)
        except DecodeError as error:
            self._note(Note("enrolment_stale", str(error)))
            return False
        return True

    def _check_attestation(self, data: bytes) -> None:
        box = self._config.box
        result = read_attestation_result(data, box.ledger, box.ledger_id)
        if (result.attestation_key, result.provider) != (self._meter.public_key, box.provider):
            raise DecodeError("attestation result: of another key or provider")

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        now = read_clock()
        wait_s = max(0, core.next_deadline_ns(self._state, now) - now.mono_ns) / NS_PER_S
        self._timer = self._loop.call_later(wait_s, self.take, DeadlineReached())

    def _note(self, note: Note) -> None:
        """One line of JSON for each decision, on standard error, where a supervisor collects it."""
        line = {"utc_ms": read_clock().utc_ms, "what": note.what, "text": note.text}
        sys.stderr.write(json.dumps(line) + "\n")
        sys.stderr.flush()

    def _close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._link.close()
        self._control.close()
        self._lobby.close()
        self._worker.shutdown()
        self._store.close()
        self._shaper.close()


def _usage(counted: SlotCounters) -> Usage:
    return Usage(
        counted.down.delivered_bytes,
        counted.up.delivered_bytes,
        counted.down.offered_bytes,
        counted.up.offered_bytes,
    )


def _restore(stored: StoredSession, now: Now, *, kept: bool) -> Session:
    """A session as it goes on after a restart; `kept` says that the kernel still had it, with its counters.

    One that was being removed when the daemon died is removed again; one whose kernel state is gone counts from zero.
    """
    grant = parse_grant(read_envelope(stored.encoded_grant))
    phase = Phase.ACTIVE if stored.phase is Phase.EXPIRING else stored.phase
    return Session(
        grant=grant,
        encoded_grant=stored.encoded_grant,
        station=stored.station,
        slot=stored.slot,
        phase=phase,
        starts_ns=now.mono_ns + (grant.starts_s * 1_000 - now.utc_ms) * 1_000_000,
        ends_ns=now.mono_ns + (grant.ends_s * 1_000 - now.utc_ms) * 1_000_000,
        reason=stored.reason if phase is Phase.CLOSED else EndReason.NONE,
        baseline=stored.baseline if kept else Usage(),
        used=stored.used,
        unreported=stored.unreported,
        last_heard_ns=now.mono_ns,
    )
