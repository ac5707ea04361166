"""The daemon: feeds events to the core, hands each command to the one shell that obeys it, arms one timer.

It decides nothing. Kernel and disk are quick and run in the loop; the TPM may take half a second and has a worker
thread of its own, one command at a time. What a shell cannot do becomes an event, and the core decides what follows.
All that a moment orders of the disk is one transaction. A mistake of our own ends the daemon, so that its supervisor
starts it anew from what is on disk and in the kernel.
"""

import asyncio
import gc
import secrets
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, assert_never

from apd import core, owner
from apd.address import NasAddress, UdpAddress
from apd.adoption import adopt
from apd.airtime import StationMeasurement
from apd.commands import (
    AirCommand,
    AskHouse,
    AskPrice,
    AskRegistration,
    ChangeSubscriber,
    Command,
    ConfineUes,
    CountUe,
    Deauthenticate,
    Enrol,
    FindSubscriber,
    FindSubscribersIn,
    GiveUp,
    InstallSession,
    MeasureStations,
    Note,
    PublishGrant,
    ReadAnchorCounter,
    ReadCounters,
    RemoveSession,
    SendLobby,
    SetAirtimeWeight,
    SetBeaconElement,
    SetElement,
    SignAuction,
    SignAuctionOffer,
    SignNetwork,
    SignOffer,
    SignRecord,
    SignTransfer,
    StoreAuctionOffer,
    StoreCommand,
    StoreRecord,
    StoreRefund,
    SubmitRecord,
    SubmitTransaction,
    TellGnb,
    TellSignalling,
    UncountUe,
    WantFlows,
)
from apd.config import Config
from apd.events import (
    AirtimeWeightFailed,
    AirtimeWeightsMissed,
    AnchorCounterFailed,
    AnchorCounterRead,
    AuctionOfferSigned,
    AuctionSigned,
    CountersFailed,
    CountersRead,
    DeadlineReached,
    Enrolled,
    EnrolmentFailed,
    Event,
    InstallFailed,
    LedgerReplied,
    LobbyDatagramReceived,
    MeasuringFailed,
    NetworkSigned,
    OfferSigned,
    RecordSigned,
    RemoveFailed,
    Saved,
    SaveFailed,
    SessionInstalled,
    SessionRemoved,
    SigningFailed,
    StationsMeasured,
    TransferSigned,
)
from apd.session import Queued, usage_of
from apd.shells.clock import read_clock
from apd.shells.control import ControlSocket
from apd.shells.meter import Meter
from apd.shells.mqtt import LedgerLink
from apd.shells.store import Store
from apd.state import State
from apd.version import VERSION
from nas_tunnel.lobby import write_lobby
from tc_shaper.counters import SlotCounters
from tc_shaper.tree import Capabilities, SessionShape
from wire.attestation_result import read_attestation_result
from wire.enrolment import (
    EnrolmentAnswer,
    EnrolmentRequest,
    read_enrolment_reply,
    write_enrolment_answer,
    write_enrolment_request,
)
from wire.errors import DecodeError, ShellError
from wire.evidence import Evidence
from wire.frozen import dataclass
from wire.grant_price import write_price_question
from wire.ids import MacAddress
from wire.log_line import format_log_line
from wire.meter_record import MeterRecord
from wire.network import write_network
from wire.offer import write_offer
from wire.receipt import read_receipt
from wire.registration import write_registration_question
from wire.transaction import Transaction, sign_transaction
from wire.units import NS_PER_S, Now

if TYPE_CHECKING:  # a box without [cell] does without
    from apd.shells.cell import CellShells
    from apd.shells.signalling import SignallingShell
    from apd.shells.ubus_object import UbusObject  # likewise without [ubus]
    from apd.shells.web import Web  # likewise without [web]

_ENROLMENT = b"e"
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


class Lobby(Protocol):
    """What it needs of the lobby; apd/shells/lobby_socket.py has it, on one interface or several."""

    def listen(self, receive: Callable[[UdpAddress, bytes], None]) -> None: ...
    def send(self, to: UdpAddress, data: bytes) -> None: ...
    def check(self) -> None: ...
    def close(self) -> None: ...


class HostapdControl(Protocol):
    """What the daemon needs of hostapd; apd/shells/hostapd.py has it."""

    def start(self, report: Callable[[Event], None]) -> None: ...
    def set_element(self, info_id: int, payload: bytes) -> None: ...
    def set_beacon_element(self, element: bytes) -> None: ...
    def deauthenticate(self, station: MacAddress) -> None: ...
    def measure_stations(self) -> None: ...
    def close(self) -> None: ...


class AirMonitor(Protocol):
    """What it needs of a monitor interface; apd/shells/monitor.py has it."""

    def start(self, report: Callable[[Event], None]) -> None: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class AirShells:
    """The shells of a box with [air]."""

    hostapd: HostapdControl
    monitor: AirMonitor | None
    """None: where hostapd cannot show answers, purchases on the air are not heard."""
    weigh: Callable[[str, MacAddress, int], bool]
    """Gives a station of an interface its airtime weight (apd/shells/nl80211.py); False: this driver has none."""
    measure: Callable[[str], tuple[StationMeasurement, ...]]
    """What the kernel knows of the stations of an interface (the same)."""


class Daemon:
    """One box. `run` returns when `stop` is called."""

    def __init__(
        self,
        config: Config,
        shaper: KernelShaper | None,
        meter: Meter,
        store: Store,
        link: LedgerLink,
        lobby: Lobby,
        control: ControlSocket,
        air: AirShells | None = None,
        cell: "CellShells | None" = None,
        signalling: "SignallingShell | None" = None,
        web: "Web | None" = None,
        ubus: "UbusObject | None" = None,
    ) -> None:
        assert (shaper is None) is (cell is not None), "a cell shapes by itself"
        self._config = config
        self._kernel = shaper
        self._cell = cell
        self._signalling = signalling
        self._meter = meter
        self._store = store
        self._link = link
        self._lobby = lobby
        self._control = control
        self._air = air
        self._web = web
        self._ubus = ubus
        self._events: deque[Event] = deque()
        self._worker = ThreadPoolExecutor(1, "tpm")
        self._timer: asyncio.TimerHandle | None = None
        self._stopping = asyncio.Event()
        self._stepping = False
        self._closed = False
        self._unsaved: list[StoreCommand] = []
        self._enrolment = secrets.randbits(31)  # replies to an earlier run may be waiting at the broker
        self._fault: BaseException | None = None

    @property
    def _shaper(self) -> KernelShaper:
        assert self._kernel is not None, "a cell has none"
        return self._kernel

    async def run(self) -> None:
        """Starts everything, then lets events drive it. Raises ShellError when the box cannot start."""
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(self._fail)
        try:
            await self._begin()
            await self._stopping.wait()
            if self._cell is not None:
                from apd.cell import last_words  # others do without

                self._obey(last_words(self._state, read_clock()))
        finally:
            self._close()
            if self._cell is not None:
                await self._cell.close()
        if self._fault is not None:
            raise self._fault

    async def _begin(self) -> None:
        gc.collect()  # what imports and set-up left behind
        gc.freeze()
        if self._cell is not None:
            self._cell.set_up()
        else:
            for sentence in self._shaper.set_up().spoken:
                self._note(Note("capability", sentence))
        self._state, commands = self._start(read_clock())
        self._lobby.listen(lambda source, data: self.take(LobbyDatagramReceived(source, data)))
        await self._control.serve(self._answer)
        if self._ubus is not None:
            self._ubus.start(self._answer, self._note)
        if self._web is not None:
            await self._web.serve(lambda: self._state, self._note)
        self._obey(commands)
        self._link.start(self._take_from_link)
        if self._air is not None:
            self._air.hostapd.start(self.take)
            if self._air.monitor is not None:
                self._air.monitor.start(self.take)
        if self._cell is not None:
            from apd.cell import flow_names  # others do without

            self._cell.start(self.take, flow_names(self._state))
        if self._signalling is not None:
            await self._signalling.start(self.take)
        self.take(DeadlineReached())
        self._note(
            Note("ready", f"selling on {self._config.box.shaper.interface} as {self._config.box.provider}")
        )

    def _answer(self, method: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """To the owner, whose order is obeyed before he is answered. Raises DecodeError."""
        told, event = owner.answer(self._state, read_clock(), method, arguments)
        if event is not None:
            self.take(event)
        return told

    def stop(self) -> None:
        """Ends `run`. Sessions stay in the kernel and go on: the next run adopts them."""
        self._stopping.set()

    def take(self, event: Event) -> None:
        """One fact: the core decides, the shells obey, and facts that follow are taken in turn."""
        self._events.append(event)
        if self._stepping or self._closed:
            return
        self._stepping = True
        try:
            while self._events:
                event = self._with_unsaved(self._events.popleft())
                self._state, commands = core.step(self._state, event, read_clock())
                self._obey(commands)
                if not self._events:
                    self._save()
        finally:
            self._stepping = False
        self._arm()

    def _start(self, now: Now) -> tuple[State, list[Command]]:
        chain = self._store.chain()
        enforced = self._shaper if self._cell is None else self._cell
        adopted = adopt(self._store.sessions(), enforced.sessions(), now, chain.reported_utc_ms)
        if self._cell is None:
            self._shaper.resynchronise(adopted.shapes)
        else:
            self._cell.resynchronise(adopted.ues)
        return core.start(
            self._config.box,
            adopted.sessions,
            chain,
            self._meter.found(),
            revoked=self._store.revoked(),
            offer_state=self._store.offer_state(),
            known_grants=self._store.known_grants() if self._air else (),
            owed=self._store.refunds(),
            registered=self._store.registration() if self._air else b"",
            cell=self._cell.begins if self._cell else None,
            signalling=self._signalling.begins if self._signalling else None,
            sold=self._store.sold() if self._config.box.auction else {},
            kernel_kept=adopted.kernel_kept,
            enrolled=self._is_enrolled(),
            secret=secrets.token_bytes(32),
            software=f"airgrant-apd {VERSION}",
            now=now,
        )

    def _obey(self, commands: Sequence[Command]) -> None:
        for command in commands:
            if self._web is not None:
                self._web.watch(command)
            self._obey_one(command)

    def _obey_one(self, command: Command) -> None:  # noqa: C901, PLR0912 - one branch per command
        if isinstance(command, StoreCommand):
            self._unsaved.append(command)
            return
        match command:
            case SendLobby(to, message):
                assert not isinstance(to, MacAddress | NasAddress), "elements and exchanges carry these"
                self._save()  # before any answer; a disk that fails is in the core's hands
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
                self._submit(correlation, sequence)
            case AskPrice(correlation, grant_id):
                self._link.publish("query", write_price_question(grant_id), correlation)
            case SignTransfer(grant_id, transaction):
                self._sign_transfer(grant_id, transaction)
            case SignOffer(offer):
                self._events.append(
                    OfferSigned(write_offer(offer, self._config.provider_key), offer.expires_s)
                )
            case SignRecord(record, encoded, extended_before):
                self._sign(record, encoded, extended_before=extended_before)
            case AskHouse(correlation, request):
                self._save()  # what an offer sells is on disk before the house has it
                self._link.publish("auction", request, correlation)
            case SignAuction() | SignAuctionOffer():
                self._sign_auction(command)
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
            case GiveUp(error):
                self._end_with(error)
            case TellSignalling(what):
                assert self._signalling is not None, f"{what} without [cell.signalling]"
                self._save()  # before any answer
                self._events += self._signalling.obey(what)
            case (
                CountUe()
                | UncountUe()
                | TellGnb()
                | WantFlows()
                | ConfineUes()
                | FindSubscribersIn()
                | FindSubscriber()
                | ChangeSubscriber()
            ):
                assert self._cell is not None, f"{command} without [cell]"
                self._events += self._cell.obey(command)
            case _:
                assert self._air is not None, f"{command} without [air]"
                self._obey_on_air(command, self._air)

    def _obey_on_air(self, command: AirCommand, air: AirShells) -> None:
        """What only a box with [air] does."""
        from nas_tunnel.anqp import is_answer_id  # a wired box does without it

        match command:
            case SignNetwork(network):
                self._events.append(NetworkSigned(write_network(network, self._config.provider_key)))
            case SetElement(info_id, payload):
                if is_answer_id(info_id):
                    self._save()  # before any answer; an offer promises nothing that a restart could forget
                air.hostapd.set_element(info_id, payload)
            case SetBeaconElement(element):
                air.hostapd.set_beacon_element(element)
            case Deauthenticate(station):
                air.hostapd.deauthenticate(station)
            case MeasureStations(by_hostapd):
                self._measure_stations(air, by_hostapd=by_hostapd)
            case SetAirtimeWeight(station, weight):
                self._set_airtime_weight(air, station, weight)
            case PublishGrant(grant):
                self._link.publish("grant", grant, b"")
            case AskRegistration(correlation, account):
                self._link.publish("query", write_registration_question(account), correlation)
            case _:
                assert_never(command)

    def _save(self) -> None:
        """Everything that was ordered of the disk since the last time, in one transaction.

        Unless the core has yet to hear that the disk failed: what is ordered until then waits behind what was not kept.
        """
        if any(isinstance(event, SaveFailed) and event.commands for event in self._events):
            return
        commands, self._unsaved = tuple(self._unsaved), []
        if not commands:
            return
        try:
            self._store.save(commands)
            records = (command.record.sequence for command in commands if isinstance(command, StoreRecord))
            stored = (command.refund for command in commands if isinstance(command, StoreRefund))
            transfers = (refund.transaction_id for refund in stored if refund.transfer)
            auctions = (command.auction_id for command in commands if isinstance(command, StoreAuctionOffer))
            self._events.append(Saved(tuple(records), tuple(transfers), tuple(auctions)))
        except ShellError as error:
            self._events.append(SaveFailed(error, commands))

    def _with_unsaved(self, event: Event) -> Event:
        """A failure of the disk with what was ordered since; what is ordered later the core holds back itself."""
        if not isinstance(event, SaveFailed) or not event.commands:
            return event
        later, self._unsaved = tuple(self._unsaved), []
        return SaveFailed(event.error, (*event.commands, *later))

    def _submit(self, correlation: bytes, sequence: int) -> None:
        try:
            self._link.publish("report", self._store.evidence(sequence), correlation)
        except ShellError as error:
            self._events.append(SaveFailed(error))

    def _sign_transfer(self, grant_id: bytes, transaction: Transaction) -> None:
        signed = sign_transaction(transaction, self._config.provider_key, self._config.box.ledger_id)
        self._events.append(TransferSigned(grant_id, signed.transaction_id, signed.envelope.encoded))

    def _sign_auction(self, command: SignAuction | SignAuctionOffer) -> None:
        key, ledger_id = self._config.provider_key, self._config.box.ledger_id
        if isinstance(command, SignAuctionOffer):
            signed = sign_transaction(command.transaction, key, ledger_id)
            self._events.append(AuctionOfferSigned(command.auction_id, signed.envelope.encoded))
            return
        from wire.auction import write_auction  # others do without

        encoded = write_auction(command.auction, key, ledger_id)
        self._events.append(AuctionSigned(command.auction.auction_id, encoded))

    def _measure_stations(self, air: AirShells, *, by_hostapd: bool) -> None:
        if by_hostapd:
            air.hostapd.measure_stations()
            return
        try:
            self._events.append(StationsMeasured(air.measure(self._config.box.shaper.interface)))
        except ShellError as error:
            self._events.append(MeasuringFailed(error))

    def _set_airtime_weight(self, air: AirShells, station: MacAddress, weight: int) -> None:
        try:
            interface = self._config.box.shaper.interface
            if not air.weigh(interface, station, weight):
                self._events.append(AirtimeWeightsMissed())
        except ShellError as error:
            self._events.append(AirtimeWeightFailed(error, station))

    def _install(self, grant_id: bytes, shape: SessionShape) -> None:
        try:
            self._shaper.install(shape)
            self._events.append(SessionInstalled(grant_id))
        except ShellError as error:
            self._events.append(InstallFailed(grant_id, error))

    def _remove(self, grant_id: bytes, slot: int, station: MacAddress) -> None:
        try:
            self._events.append(SessionRemoved(grant_id, usage_of(self._shaper.remove(slot, station))))
        except ShellError as error:
            self._events.append(RemoveFailed(grant_id, error))

    def _read_counters(self, *, report: bool) -> None:
        try:
            self._lobby.check()  # the queues of a device that is gone would be read as empty
            enforced = self._shaper if self._cell is None else self._cell
            found = enforced.read_counters()
            counters = {counted.slot: usage_of(counted) for counted in found}
            queued = {counted.slot: _queued(counted) for counted in found}
            self._events.append(CountersRead(counters, report, queued))
        except ShellError as error:
            self._events.append(CountersFailed(error, report))

    def _ask_meter(
        self, work: Callable[[], T], then: Callable[[T], None], failed: Callable[[ShellError], None]
    ) -> None:
        """Runs `work` in the worker, and in the loop what follows from its value or from its failure."""

        def done(future: "asyncio.Future[T]") -> None:
            if future.cancelled():
                return
            try:
                then(future.result())
            except ShellError as error:
                failed(error)

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
        """Begins a conversation with the ledger; replies to an earlier one count no more."""
        self._enrolment = (self._enrolment + 1) % 2**32
        box, correlation = self._config.box, self._enrolment_correlation()

        def send(request: EnrolmentRequest) -> None:
            data = write_enrolment_request(request, self._config.provider_key, box.ledger_id)
            self._link.publish("enrolment", data, correlation)

        self._ask_meter(lambda: self._meter.enrolment_request(box.provider), send, self._enrolment_failed)

    def _enrolment_correlation(self) -> bytes:
        return _ENROLMENT + self._enrolment.to_bytes(4, "big")

    def _enrolment_failed(self, error: Exception) -> None:
        self.take(EnrolmentFailed(str(error)))

    def _take_from_link(self, event: Event) -> None:
        """Enrolment is between the TPM and the ledger, and its own small conversation; the rest is the core's."""
        if isinstance(event, LedgerReplied) and event.correlation == self._enrolment_correlation():
            self._take_enrolment(event.data)
        else:
            self.take(event)

    def _take_enrolment(self, data: bytes) -> None:
        box = self._config.box
        try:
            reply = read_enrolment_reply(data)
            if reply.receipt:
                refusal = read_receipt(reply.receipt, box.ledger, box.ledger_id)
                self.take(EnrolmentFailed(f"{refusal.reason}: {refusal.detail}"))
            elif reply.challenge is not None:
                challenge = reply.challenge
                self._ask_meter(
                    lambda: self._meter.activate(challenge), self._answer_enrolment, self._enrolment_failed
                )
            else:
                self._check_attestation(reply.attestation_result)
                self._store.save_attestation(reply.attestation_result)
                self.take(Enrolled())
        except (DecodeError, ShellError) as error:
            self._enrolment_failed(error)

    def _answer_enrolment(self, secret: bytes) -> None:
        answer = EnrolmentAnswer(self._meter.public_key.key_id, secret)
        self._link.publish("enrolment", write_enrolment_answer(answer), self._enrolment_correlation())

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
        sys.stderr.write(format_log_line(read_clock().utc_ms, note.what, note.text))
        sys.stderr.flush()

    def _fail(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Something went wrong that no shell foresaw: tell, and end `run` with it."""
        error = context.get("exception")
        self._note(Note("fault", f"{context.get('message')}: {error!r}"))
        self._end_with(error or RuntimeError(str(context.get("message"))))

    def _end_with(self, error: BaseException) -> None:
        """`run` raises this."""
        self._fault = self._fault or error
        self._stopping.set()

    def _close(self) -> None:
        """What a shell still says after this, a TPM that took its time say, the next run finds out for itself."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        self._link.close()
        if self._air is not None:
            self._air.hostapd.close()
            if self._air.monitor is not None:
                self._air.monitor.close()
        if self._signalling is not None:
            self._signalling.close()
        self._control.close()
        if self._ubus is not None:
            self._ubus.close()
        if self._web is not None:
            self._web.close()
        self._lobby.close()
        self._worker.shutdown()
        self._store.close()
        if self._kernel is not None:
            self._kernel.close()


def _queued(counted: SlotCounters) -> Queued:
    return Queued(bool(counted.down.waiting_packets), bool(counted.up.waiting_packets))
