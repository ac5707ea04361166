"""The loop between the core and its shells: facts in, decisions, orders out.

Facts come from FreeRADIUS (HTTP), from boxes (MQTT), from the ledger (HTTP), from the control socket and from the
clock; each is given to the core at once, on one thread. Orders are carried out in their order: anchors at once, what is
to be kept together with whatever else waits for the disk, admissions before the decision is told, Disconnects by
themselves. What a shell fails to do is counted and told, and decided nowhere but here: an access point that could not
be told of an admission still gets its accept, as it throws out by itself whom it does not know.
"""

import asyncio
import contextlib
import secrets
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Protocol

from ledger.client import LedgerReader
from operatord import channels, clock
from operatord.accounting import take_accounting, take_restart
from operatord.authorising import Accepted, Decision, authorise
from operatord.budgets import Address
from operatord.cashier import Cashier
from operatord.channel import Channels, Terms
from operatord.commands import (
    Command,
    Disconnect,
    ForgetPermit,
    ForgetSessions,
    ForgetUse,
    KeepPermit,
    Note,
    PublishAdmission,
    PublishRevocation,
    RemoveAnchor,
    RevocationPublished,
    SessionOver,
    StoreCommand,
    WriteAnchor,
)
from operatord.keeping import (
    leave_boxes,
    next_deadline_s,
    pass_time,
    renew_permit,
    restore,
    revoke,
    take_permit,
    trusted_accounts,
)
from operatord.page.journal import Journal
from operatord.permit import RENEW_S, GrantPermit, channel_permit
from operatord.request import AuthoriseRequest
from operatord.sessions import AccountingRecord, BoxRestarted, Status
from operatord.settings import OperatorSettings
from operatord.shells.broker import Broker
from operatord.shells.control import ControlSocket
from operatord.shells.das import Disconnector
from operatord.shells.deposits import Deposits
from operatord.shells.ledger import Follower
from operatord.shells.payments import open_payments
from operatord.shells.store import KEEP_SESSIONS_S, Store
from operatord.shells.summaries import Chain, Publisher
from operatord.shells.trust import TrustDirectory
from operatord.state import Box, State
from operatord.status import describe
from operatord.totals import SummaryRules, count_session
from wire.admission import write_admission
from wire.cose import read_envelope
from wire.errors import DecodeError, ShellError, VerificationError
from wire.grant import read_grant
from wire.ids import GRANT_ID_SIZE, MacAddress, PublicKey
from wire.keys import PrivateKey
from wire.log_line import TOLD, format_log_line
from wire.micropayment import instance_of
from wire.revocation import read_revocation
from wire.tariff import terms_id

DISCONNECTS_AT_ONCE = 8
"""At one box, where one that is not answered holds a turn for seven seconds; other boxes do not wait for it."""
MAX_ORDERS = 1_000
"""Disconnects that wait for one box, one for each station: more than any radio has associations."""
GATHER_S = 0.1
"""What nobody waits for goes to the disk together: a commit for each question would slow down the next."""
CLEAN_S = 86_400
"""So often is forgotten what has been kept for long enough."""
_RETRY_S = 1.0
"""A revocation that the broker did not take is offered again."""
_TICK_S = 60
"""The longest time without a look at the clock, which may have been set."""


class Tell(Protocol):
    """A sentence for the operator's log, and the word to search for."""

    def __call__(self, text: str, what: str = TOLD, /) -> None: ...


class Daemon:
    """One operator. `run` serves until cancelled; `tell` writes the operator's log."""

    def __init__(
        self,
        settings: OperatorSettings,
        key: PrivateKey,
        store: Store,
        disconnector: Disconnector,
        tell: Tell,
    ) -> None:
        self.counters: Counter[str] = Counter()
        self._settings = settings
        self._key = key
        self._store = store
        self._disconnector = disconnector
        self._tell = tell
        self._trust = TrustDirectory(settings.trust)
        self._book = open_book(settings, key)
        boxes = settings.boxes if self._book is None else with_channels(settings.boxes, self._book, key)
        self._state = State(boxes, store.secret(), settings.silent_after_s, metered=self._book)
        metered = settings.metered
        self._cashier = (
            None
            if self._book is None or metered is None
            else Cashier(self._book, key, metered.attestation, salt=secrets.token_bytes(16))
        )
        self._paid = asyncio.Event()
        self.broker = Broker(settings.broker, f"operator-{key.public.key_id.hex()}", self._hear_grant, tell)
        self._control = ControlSocket(settings.control_socket)
        self._to_keep: list[StoreCommand] = []
        self._kept: list[asyncio.Future[None]] = []
        self._something_to_keep = asyncio.Event()
        self._somebody_waits = asyncio.Event()
        self._followed = set(settings.providers)
        self.reread_boxes: Callable[[], int] | None = None
        """Reads the settings of boxes again, and has `take_boxes` take them; None where boxes do not enrol."""
        self._to_disconnect: dict[str, dict[MacAddress, tuple[Disconnect, int]]] = {}
        """Orders by box and station, in the order in which they came, and when (UTC seconds)."""
        self._disconnecting: Counter[str] = Counter()
        self._new_order = asyncio.Event()
        self._to_publish = {(one.box, one.permit_id): one for one in store.untold()}
        self._new_revocation = asyncio.Event()
        self._failed: asyncio.Future[None] | None = None
        self.payments_port = 0
        self._journal = None if settings.page is None else Journal(secrets.token_hex(8))
        self._clean_s = 0
        self._woken = asyncio.Event()
        self.caught_up = asyncio.Event()

    # ---- Start and end

    def open(self) -> None:
        """What was kept, and a trust directory that says the same. Raises ShellError."""
        store, now_s = self._store, int(time.time())
        restore(self._state, store.permits(), store.revoked(), store.uses(), store.open_sessions(), now_s)
        if self._book is not None:
            channels.restore(self._book, store.channels(), store.metered(), monotonic_ms())
        commands = clock.start(self._state, store.meta(clock.PLACE), now_s)
        commands += leave_boxes(self._state)
        commands += pass_time(self._state, now_s, int(time.monotonic()))
        changed = self._trust.settle(trusted_accounts(self._state))
        self._tell(
            f"{len(self._state.permits)} grants kept; {changed} files changed in {self._settings.trust}"
        )
        self._do(commands)
        for channel in list(self._book.channels.values()) if self._book is not None else []:
            self.hear_channel(channel.consumer, channel.number, channel.limit_ubc)
        if self._journal is not None:
            self._journal.note_all(self._state.permits)

    async def run(self) -> None:
        """Until cancelled, or until the disk fails."""
        self._failed = asyncio.get_running_loop().create_future()
        await self._control.open(self._answer)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.broker.run())
                tasks.create_task(self._keep())
                tasks.create_task(self._watch_clock())
                tasks.create_task(self._follow_ledger())
                tasks.create_task(self._publish_revocations())
                tasks.create_task(self._disconnect(tasks))
                if self._cashier is not None:
                    tasks.create_task(self._take_payments())
                    tasks.create_task(self._watch_payments())
                    tasks.create_task(self._follow_deposits())
                if self._settings.summaries is not None:
                    tasks.create_task(self._publish_summaries(self._settings.summaries))
                await self._failed
        finally:
            self._control.close()
            self._disconnector.close()
            self._store.save(self._to_keep)

    # ---- Facts

    async def authorise(self, request: AuthoriseRequest) -> Decision:
        """For FreeRADIUS, while the station waits."""
        self._do(clock.look(self._state, int(time.time()), int(time.monotonic())))
        decision, commands = authorise(self._state, request, int(time.time()))
        self.counters["accepted" if isinstance(decision, Accepted) else f"rejected: {decision.reason}"] += 1
        self._do(commands)
        for command in commands:
            if isinstance(command, PublishAdmission):
                await self._publish_admission(command)
        if isinstance(decision, Accepted):
            permit_id = decision.permit.permit_id.hex()
            self._tell(f"{request.station} at {request.box}, grant {permit_id}", "accepted")
            self._begin_metered(decision.permit.permit_id)
        return decision

    async def account(self, record: AccountingRecord | BoxRestarted) -> None:
        """Returns when the record is on disk."""
        if isinstance(record, BoxRestarted):
            self.counters["accounting: a box began anew"] += 1
            self._do(take_restart(self._state, record))
        else:
            self.counters[f"accounting: {record.status.value}"] += 1
            commands = take_accounting(self._state, record, int(time.time()))
            self._do(commands)
            for command in commands:
                if isinstance(command, PublishAdmission):
                    await self._publish_admission(command)
            self._count_metered(record)
        await self._on_disk()

    async def pay(self, datagram: bytes, address: Address | None = None) -> bytes:
        """A payment, or what a stranger takes for one; the answer is for after it is on disk."""
        assert self._cashier is not None
        answered = self._cashier.take(datagram, monotonic_ms(), address)
        self.counters[answered.kind] += 1
        if answered.commands:
            self._do(self._name(answered.commands))
            self._paid.set()
            await self._on_disk()
        return answered.datagram

    def hear_channel(self, consumer: PublicKey, number: int, limit_ubc: int) -> None:
        """The ledger knows a channel with us; `limit_ubc` is its deposit, less what is being shifted away."""
        assert self._book is not None
        assert self._settings.metered is not None
        self._do(channels.hear_channel(self._book, consumer, number, limit_ubc))
        permit_id, now_s = channels.permit_id_of(self._book.instance, consumer), int(time.time())
        known = self._state.permits.get(permit_id)
        if known is None or known.ends_s < now_s + RENEW_S:
            qos, ledger_id = self._settings.metered.qos, self._settings.ledger.ledger_id
            permit = channel_permit(permit_id, consumer, qos, self._key, ledger_id, now_s)
            take = (
                take_permit(self._state, permit, now_s)
                if known is None
                else renew_permit(self._state, permit)
            )
            self._do(take)

    def take_boxes(self, settings: OperatorSettings) -> int:
        """Boxes came or went, and nothing else of the settings changed. How many sessions are thrown out, at boxes that
        are gone.
        """
        boxes = settings.boxes if self._book is None else with_channels(settings.boxes, self._book, self._key)
        self._settings, self._state.boxes = settings, boxes
        self._followed.clear()
        self._followed.update(settings.providers)
        orders = leave_boxes(self._state)
        self._do(self._name(orders))
        return sum(isinstance(one, Disconnect) for one in orders)

    def status(self) -> dict[str, Any]:
        """For an owner."""
        return describe(
            self._state, self.counters, int(time.time()), connected=self.broker.connected.is_set()
        )

    def note(self, kind: str, text: str) -> None:
        """Something that could not be read, counted and said."""
        self._do([Note(kind, text)])

    def _hear_grant(self, encoded: bytes) -> bool:
        """From a box or from the ledger: the signature says whether it is a grant."""
        link = self._settings.ledger
        try:
            grant = read_grant(encoded, link.key, link.ledger_id)
        except DecodeError as error:
            self.counters[f"grant: {type(error).__name__}"] += 1
            return False
        self._do(take_permit(self._state, GrantPermit(grant, encoded), int(time.time())))
        return True

    async def _answer(self, question: dict[str, Any]) -> dict[str, Any]:
        """For the control socket; what it orders is on disk before the answer."""
        match question:
            case {"ask": "status"}:
                return self.status()
            case {"ask": "changes", "run": str(run), "since": int(since)}:
                return self._say_changes(run, since)
            case {
                "ask": "channel",
                "consumer": str(consumer),
                "number": int(number),
                "limit_ubc": int(limit_ubc),
            }:
                if self._book is None:
                    raise DecodeError("there is no section [metered]: nobody pays as he goes")
                self.hear_channel(PublicKey.parse(consumer), number, limit_ubc)
                answer = {"channel": number, "limit_ubc": limit_ubc}
            case {"ask": "revoke", "revocation": str(signed), "ahead": bool(ahead)}:
                answer = self._revoke_signed(bytes.fromhex(signed), ahead=ahead)
            case {"ask": "revoke", "grant": str(grant), "reason": str(reason), "ahead": bool(ahead)}:
                permit_id = bytes.fromhex(grant)
                if len(permit_id) != GRANT_ID_SIZE:
                    raise DecodeError(f"a grant's id has {2 * GRANT_ID_SIZE} hexadecimal digits")
                answer = self._revoke(permit_id, reason, b"", ahead=ahead)
            case {"ask": "boxes"} if self.reread_boxes is not None:
                return {"disconnected": self.reread_boxes(), "boxes": sorted(self._state.boxes)}
            case _:
                raise DecodeError("ask for status, or for revoke with a revocation, or with grant and reason")
        await self._on_disk()
        return answer

    def _say_changes(self, run: str, since: int) -> dict[str, Any]:
        """For the operator's page."""
        if self._journal is None:
            raise DecodeError("there is no section [page]")
        answer = self._journal.answer(self._state, run, since, int(time.time()))
        damaged = [str(one) for one in self._settings.damaged]
        return {**answer, "broker_connected": self.broker.connected.is_set(), "damaged": damaged}

    def _revoke_signed(self, signed: bytes, *, ahead: bool) -> dict[str, Any]:
        """The grant's own provider has to have signed it, and be one of ours."""
        key_id = read_envelope(signed).key_id
        providers = {box.provider for box in self._settings.boxes.values()}
        provider = next((known for known in providers if known.key_id == key_id), None)
        if provider is None:
            raise VerificationError(f"revocation: key id {key_id.hex()} is no provider of our boxes")
        revocation = read_revocation(signed, provider)
        permit = self._state.permits.get(revocation.grant_id)
        if permit is not None and permit.provider_id != provider.provider_id:
            raise VerificationError(f"revocation: grant {revocation.grant_id.hex()} is another provider's")
        return self._revoke(revocation.grant_id, revocation.reason, signed, ahead=ahead)

    def _revoke(self, permit_id: bytes, reason: str, signed: bytes, *, ahead: bool) -> dict[str, Any]:
        """`ahead`: a grant that nobody has told us of is meant. Raises DecodeError."""
        known = permit_id in self._state.permits
        if not known and not ahead:
            raise DecodeError(
                f"grant {permit_id.hex()} is not known; --ahead revokes one that is still to come"
            )
        commands = revoke(self._state, permit_id, reason, signed)
        self._do(commands)
        boxes = [command.box for command in commands if isinstance(command, PublishRevocation)]
        return {"revoked": permit_id.hex(), "known": known, "sent_to": boxes}

    # ---- Orders

    def _do(self, commands: Iterable[Command]) -> None:
        """Raises ShellError if the trust directory fails, which ends the daemon, whoever asked."""
        commands = list(commands)
        if self._journal is not None:
            self._journal.note(commands, self._state)
        try:
            self._carry_out(commands)
        except ShellError as error:
            if self._failed is not None and not self._failed.done():
                self._failed.set_exception(error)
            raise

    def _carry_out(self, commands: Iterable[Command]) -> None:
        for command in commands:
            match command:
                case WriteAnchor(account=account):
                    self._trust.write(account)
                case RemoveAnchor(account=account):
                    self._trust.remove(account)
                case Disconnect():
                    self._order(command)
                case Note(kind=kind, text=text):
                    self.counters[kind] += 1
                    self._tell(text, kind)
                case SessionOver():
                    self._count_session(command)
                case PublishAdmission():
                    pass  # by whoever tells the decision, who has to wait for it
                case _:
                    self._to_keep.append(command)
                    self._something_to_keep.set()
                    if isinstance(command, KeepPermit):
                        self._woken.set()
                    if isinstance(command, ForgetPermit):
                        self._forget_revocations(command.permit_id)
                    if isinstance(command, ForgetUse):
                        self._end_metered(command.permit_id)
                    if isinstance(command, PublishRevocation):
                        self._to_publish[command.box, command.permit_id] = command
                        self._new_revocation.set()

    def _forget_revocations(self, permit_id: bytes) -> None:
        for key in [key for key in self._to_publish if key[1] == permit_id]:
            del self._to_publish[key]

    async def _publish_admission(self, command: PublishAdmission) -> None:
        signed = write_admission(command.admission, self._key)
        await self._publish(command.box, "admission", signed)

    async def _publish_revocations(self) -> None:
        """Each until the broker has it, which keeps it for a box that is away; at a restart, too."""
        while True:
            self._new_revocation.clear()
            for key, command in list(self._to_publish.items()):
                await self.broker.connected.wait()
                if not await self._publish(command.box, "command", command.revocation):
                    await asyncio.sleep(_RETRY_S)
                elif self._to_publish.get(key) is command:
                    del self._to_publish[key]
                    self._do([RevocationPublished(*key)])
            if not self._to_publish:
                await self._new_revocation.wait()

    async def _publish(self, box: str, kind: str, payload: bytes) -> bool:
        """Whether the broker has it."""
        try:
            await self.broker.publish(box, kind, payload)
        except ShellError as error:
            self.counters[f"{kind}s not published"] += 1
            self._tell(str(error))
            return False
        return True

    def _order(self, order: Disconnect) -> None:
        """The last order for a station stands for all of them."""
        waiting = self._to_disconnect.setdefault(order.box, {})
        if order.station not in waiting and len(waiting) >= MAX_ORDERS:
            self.counters["disconnect: too many at once"] += 1
            return
        waiting[order.station] = order, int(time.time())
        self._new_order.set()

    async def _disconnect(self, tasks: asyncio.TaskGroup) -> None:
        """Boxes do not wait for each other."""
        while True:
            await self._new_order.wait()
            self._new_order.clear()
            for box, waiting in list(self._to_disconnect.items()):
                while waiting and self._disconnecting[box] < DISCONNECTS_AT_ONCE:
                    self._disconnecting[box] += 1
                    tasks.create_task(self._disconnect_one(*waiting.pop(next(iter(waiting)))))

    async def _disconnect_one(self, order: Disconnect, ordered_s: int) -> None:
        try:
            answer = await self._disconnector.disconnect(order, lambda: not self._came_back(order, ordered_s))
            said = answer.text
            text = f"{order.station} at {order.box}, as {order.why}: {said}, grant {order.permit_id.hex()}"
            self._tell(text, "disconnected")
        except ShellError as error:
            said = "could not be sent"
            self._tell(str(error))
        finally:
            self._disconnecting[order.box] -= 1
            self._new_order.set()
        self.counters[f"disconnect: {said}"] += 1

    def _came_back(self, order: Disconnect, ordered_s: int) -> bool:
        """Whether the station was accepted at that box since: a Disconnect would hit whatever session it has there."""
        return any(
            use.accepted_s >= ordered_s
            for use in self._state.uses.values()
            if (use.box, use.station) == (order.box, order.station)
        )

    async def _keep(self) -> None:
        """Everything that waits for the disk, in one commit after the other."""
        while True:
            await self._something_to_keep.wait()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GATHER_S):
                    await self._somebody_waits.wait()
            self._something_to_keep.clear()
            self._somebody_waits.clear()
            commands, self._to_keep = self._to_keep, []
            waiting, self._kept = self._kept, []
            try:
                await self._save(commands)
            except ShellError as error:
                for future in waiting:
                    if not future.done():
                        future.set_exception(error)
                raise
            for future in waiting:
                if not future.done():
                    future.set_result(None)

    async def _save(self, commands: list[StoreCommand]) -> None:
        """On a thread; whoever cancels us waits for it, as nobody else may write meanwhile. Raises ShellError."""
        saving = asyncio.create_task(asyncio.to_thread(self._store.save, commands))
        try:
            await asyncio.shield(saving)
        except asyncio.CancelledError:
            await asyncio.wait([saving])
            if saving.exception() is not None:
                self._to_keep = commands + self._to_keep
            raise

    async def _on_disk(self) -> None:
        """Until everything ordered so far is kept. Raises ShellError."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._kept.append(future)
        self._something_to_keep.set()
        self._somebody_waits.set()
        await future

    # ---- Whoever pays as he goes

    def _begin_metered(self, permit_id: bytes) -> None:
        use = self._state.uses.get(permit_id)
        if self._book is not None and use is not None:
            self._do(channels.begin(self._book, use, self._counted(permit_id, use.box), monotonic_ms()))
            self._paid.set()

    def _count_metered(self, record: AccountingRecord) -> None:
        """What its box counts; a Start says that what was counted before is of sessions before."""
        book = self._book
        consumer = book.consumers.get(record.permit_id) if book is not None else None
        if book is None or consumer is None:
            return
        session = book.sessions.get(consumer)
        if session is None or (session.box, session.station) != (record.box, record.station):
            if record.status is Status.INTERIM:  # an order to disconnect it was lost
                self._do([_not_paid(record)])
            return
        counted = self._counted(record.permit_id, record.box)
        if record.status is Status.START:
            self._do(channels.count_from(book, record.permit_id, counted))
        else:
            self._do(self._name(channels.count(book, record.permit_id, counted, monotonic_ms())))

    def _counted(self, permit_id: bytes, box: str) -> int:
        sessions = self._state.sessions.get(permit_id, {})
        return sum(session.ip_bytes for (at, _), session in sessions.items() if at == box)

    def _end_metered(self, permit_id: bytes) -> None:
        """Nobody uses the permit any more."""
        if self._book is not None and permit_id in self._book.consumers:
            self._do(channels.end(self._book, self._book.consumers[permit_id], monotonic_ms()))

    def _count_session(self, over: SessionOver) -> None:
        if self._settings.summaries is not None:
            self._to_keep += count_session(over, self._settings.summaries, int(time.time()))
            self._something_to_keep.set()

    def _name(self, commands: Iterable[Command]) -> list[Command]:
        """With the session's id in each Disconnect, where accounting has told it."""
        return [self._name_session(one) if isinstance(one, Disconnect) else one for one in commands]

    def _name_session(self, order: Disconnect) -> Disconnect:
        use = self._state.uses.get(order.permit_id)
        known = use is not None and (use.box, use.station) == (order.box, order.station)
        return replace(order, session_id=use.session_id) if known and use is not None else order

    async def _take_payments(self) -> None:
        """Until cancelled."""
        metered = self._settings.metered
        assert metered is not None
        assert self._cashier is not None
        opened = await open_payments(
            metered.host, metered.port, self.pay, self._count_drop, self._admit_payment
        )
        self.payments_port = opened.port
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            await opened.close()

    def _admit_payment(self, datagram: bytes, address: Address) -> str:
        assert self._cashier is not None
        return self._cashier.admit(datagram, address, monotonic_ms())

    def _count_drop(self, kind: str) -> None:
        self.counters[kind] += 1

    async def _follow_deposits(self) -> None:
        reader = LedgerReader(self._settings.ledger.url)
        await Deposits(reader, self._key.public, self.hear_channel, self._tell).run()

    async def _publish_summaries(self, rules: SummaryRules) -> None:
        connect = summary_chain(self._settings, self._key)
        await Publisher(self._store, rules, connect, self._tell).run()

    async def _watch_payments(self) -> None:
        """Ends the sessions whose payments were missed, when they are."""
        assert self._book is not None
        while True:
            self._paid.clear()
            self._do(self._name(channels.pass_time(self._book, monotonic_ms())))
            due_ms = channels.next_look_ms(self._book)
            wait_s = _TICK_S if due_ms is None else max(due_ms - monotonic_ms(), 0) / 1_000
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(wait_s, _TICK_S)):
                    await self._paid.wait()

    async def _watch_clock(self) -> None:
        while True:
            self._clean(int(time.time()))
            self._woken.clear()
            deadline_s = next_deadline_s(self._state)
            now = time.time()
            wait_s = _TICK_S if deadline_s is None else min(max(deadline_s - now, 0.0), _TICK_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):  # wait_for of CPython 3.11 may swallow a cancellation
                    await self._woken.wait()
            self._do(clock.look(self._state, int(time.time()), int(time.monotonic())))
            self._do(pass_time(self._state, int(time.time()), int(time.monotonic())))

    def _clean(self, now_s: int) -> None:
        if now_s >= self._clean_s:
            self._clean_s = now_s + CLEAN_S
            self._do([ForgetSessions(now_s - KEEP_SESSIONS_S)])

    def _hear_ledger_time(self, ledger_s: int) -> None:
        held = self._state.held_until_s
        self._do(clock.hear_ledger(self._state, ledger_s, int(time.time()), int(time.monotonic())))
        if self._state.held_until_s != held:
            self._woken.set()

    async def _follow_ledger(self) -> None:
        """Catches up, then looks again every second or two, for ever."""
        link = self._settings.ledger
        follower = Follower(
            link,
            self._store,
            self._hear_grant,
            lambda place: self._do([place]),
            self._hear_ledger_time,
            self._tell,
        )
        await follower.run(self._followed, self.caught_up)


def _not_paid(record: AccountingRecord) -> Disconnect:
    why = "nobody pays for it"
    return Disconnect(record.box, record.permit_id, record.station, record.session_id, why)


def open_book(settings: OperatorSettings, key: PrivateKey) -> Channels | None:
    """An empty one, with the tariffs of the settings; None where nobody pays as he goes."""
    if settings.metered is None:
        return None
    instance = instance_of(settings.ledger.ledger_id, key.public.octets)
    terms = {
        (box, bssid.octets): Terms(tariff, terms_id(tariff, instance, bssid), settings.boxes[box].provider)
        for (box, bssid), tariff in settings.metered.tariffs.items()
    }
    return Channels(instance, settings.metered.rules, terms)


def with_channels(boxes: Mapping[str, Box], book: Channels, key: PrivateKey) -> dict[str, Box]:
    """Boxes that have a tariff honour the operator's own passes."""
    selling = {box for box, _ in book.terms}
    own = frozenset({key.public.provider_id})
    return {
        name: replace(box, honours=box.honours | own) if name in selling else box
        for name, box in boxes.items()
    }


def summary_chain(settings: OperatorSettings, key: PrivateKey) -> Callable[[], Chain]:
    """Opens the ledger where summaries are published; what that needs is loaded by who publishes some."""
    link = settings.ledger

    def connect() -> Chain:
        from operatord.payplace.opening import open_chain
        from operatord.payplace.settings import ChainLink

        return open_chain(ChainLink(link.url, link.ledger_id, settings.broker), key.public, key)

    return connect


def monotonic_ms() -> int:
    """Of a clock that nobody sets."""
    return time.monotonic_ns() // 1_000_000


def tell(text: str, what: str = TOLD) -> None:
    """A line for whoever keeps our log."""
    sys.stderr.write(format_log_line(time.time_ns() // 1_000_000, what, text))
    sys.stderr.flush()
