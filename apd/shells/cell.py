"""The shells of a box with [cell]: the gNB's socket, the kernel's counters on the user plane, the core, its store.

In: what the core of the daemon orders. Out: what became of it, as events. It decides nothing: each order goes to the
one shell in ran_slicing or tc_shaper that owns that world. The kernel answers at once, the rest when it does.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address

from apd.commands import (
    CellCommand,
    ChangeSubscriber,
    ConfineUes,
    CountUe,
    FindSubscriber,
    FindSubscribersIn,
    TellGnb,
    UncountUe,
    WantFlows,
)
from apd.config import CellConfig
from apd.events import (
    ConfineFailed,
    CoreReported,
    Event,
    GnbHeard,
    InstallFailed,
    RemoveFailed,
    SessionInstalled,
    SessionRemoved,
    SubscriberChanged,
    SubscriberFailed,
    SubscriberFound,
    SubscribersFound,
    SubscribersUnknown,
)
from apd.session import usage_of
from apd.state import CellState
from ran_slicing.bson import Document
from ran_slicing.core import Core
from ran_slicing.gnb import Reconnect, SendPing, SendText
from ran_slicing.mongo import Mongo
from ran_slicing.snssai import Snssai, format_sd
from ran_slicing.subscriber import COLLECTION, subscriber_query
from ran_slicing.websocket import RemoteControl
from tc_shaper.counters import SlotCounters
from tc_shaper.ue_elements import CountedUe
from tc_shaper.ue_meter import UeMeter
from wire.errors import ShellError

MOST_FOUND = 100
"""Documents in one reply; a subscriber's has one to two thousand octets."""


class CellShells:
    """One cell. `set_up` first, then `start` in the running loop, `close` at the end."""

    def __init__(self, config: CellConfig, user_plane: str, lobby_port: int) -> None:
        self.begins = CellState(config.begins, config.core, config.lobby_slice)
        self._meter = UeMeter(user_plane, lobby_port)
        self._gnb = RemoteControl(config.host, config.port)
        self._core = Core(config.core)
        self._store = Mongo(config.core.store)
        self._asked: set[asyncio.Task[None]] = set()

    def set_up(self) -> None:
        """Have the kernel count, or go on counting. Raises ShellError."""
        self._meter.set_up()

    def sessions(self) -> Mapping[int, IPv4Address | IPv6Address]:
        """Whose packets the kernel counts, by slot."""
        return self._meter.ues()

    def resynchronise(self, ues: Mapping[int, IPv4Address | IPv6Address]) -> None:
        """Raises ShellError."""
        self._meter.resynchronise(CountedUe(slot, ue) for slot, ue in ues.items())

    def read_counters(self) -> Sequence[SlotCounters]:
        """Raises ShellError."""
        return self._meter.read_counters()

    def start(self, report: Callable[[Event], None], flow_names: Mapping[bytes, str]) -> None:
        """Connects, and reports what happens from the running loop. `flow_names` are those of an earlier run."""
        self._report = report
        self._gnb.start(lambda fact: report(GnbHeard(fact)))
        self._core.start(lambda word: report(CoreReported(word)), flow_names)

    async def close(self) -> None:
        """The kernel counts on, and the gNB keeps what it was told, which is no pause (apd/cell.py: last_words)."""
        for task in self._asked:
            task.cancel()
        await asyncio.gather(*self._asked, return_exceptions=True)
        await self._gnb.close()
        await self._core.close()
        await self._store.close()
        self._meter.close()

    def obey(self, command: CellCommand) -> list[Event]:
        """One order; what is known of it at once."""
        match command:
            case CountUe(grant_id, slot, ue):
                return [self._count(grant_id, CountedUe(slot, ue))]
            case UncountUe(grant_id, slot, ue):
                return [self._uncount(grant_id, CountedUe(slot, ue))]
            case TellGnb(SendText(text)):
                self._gnb.send_text(text)
            case TellGnb(SendPing()):
                self._gnb.send_ping()
            case TellGnb(Reconnect(detail)):
                self._gnb.reconnect(detail)
            case WantFlows(flows):
                self._core.want(flows)
            case ConfineUes(ues):
                return self._confine(ues)
            case FindSubscribersIn(slices):
                self._ask(self._find_in(slices))
            case FindSubscriber() | ChangeSubscriber():
                self._ask(self._ask_store(command))
            case _:
                raise AssertionError(f"{command} is not for a cell")
        return []

    def _count(self, grant_id: bytes, ue: CountedUe) -> Event:
        try:
            self._meter.add(ue)
        except ShellError as error:
            return InstallFailed(grant_id, error)
        return SessionInstalled(grant_id)

    def _uncount(self, grant_id: bytes, ue: CountedUe) -> Event:
        try:
            return SessionRemoved(grant_id, usage_of(self._meter.remove(ue)))
        except ShellError as error:
            return RemoveFailed(grant_id, error)

    def _confine(self, ues: frozenset[IPv4Address | IPv6Address]) -> list[Event]:
        try:
            self._meter.confine(ues)
        except ShellError as error:
            # Somebody flushed the ruleset, or the kernel lacks a part: made anew before it is ordered again.
            self._ask(asyncio.to_thread(self._meter.load_gate))
            return [ConfineFailed(error)]
        return []

    def _ask(self, question: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(question)
        self._asked.add(task)
        task.add_done_callback(self._asked.discard)

    async def _find_in(self, slices: Sequence[Snssai]) -> None:
        """MOST_FOUND of them, as a reply has a largest size."""
        names = [name for one in slices for name in (format_sd(one.sd), format_sd(one.sd).upper())]
        question: Document = {
            "find": COLLECTION,
            "filter": {"slice.sd": {"$in": names}},
            "projection": {"imsi": 1, "slice": 1},
            "limit": MOST_FOUND,
            "batchSize": MOST_FOUND,
            "singleBatch": True,
        }
        try:
            reply = await self._store.run(question)
        except ShellError as error:
            self._report(SubscribersUnknown(error))
            return
        cursor = reply.get("cursor")
        batch = cursor.get("firstBatch") if isinstance(cursor, Mapping) else None
        if not isinstance(batch, list):
            self._report(SubscribersUnknown(ShellError("mongodb", "a reply to find without a first batch")))
            return
        documents = tuple(one for one in batch if isinstance(one, dict))
        self._report(SubscribersFound(documents, whole=len(batch) < MOST_FOUND))

    async def _ask_store(self, command: FindSubscriber | ChangeSubscriber) -> None:
        supi = command.supi if isinstance(command, FindSubscriber) else command.change.supi
        try:
            if isinstance(command, FindSubscriber):
                found = await self._store.find_one(COLLECTION, subscriber_query(supi))
                self._report(SubscriberFound(supi, found))
            else:
                change = command.change
                done = await self._store.change_one(COLLECTION, change.query, change.update)
                self._report(SubscriberChanged(supi, done))
        except ValueError as error:  # a subscriber that has no IMSI
            self._report(SubscriberFailed(supi, ShellError("subscriber", str(error))))
        except ShellError as error:
            self._report(SubscriberFailed(supi, error))
