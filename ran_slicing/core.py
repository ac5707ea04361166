"""The 5G core, kept at what is sold: plans, asks, absorbs, and looks at the lists again.

In: which flows are wanted. Out: who is there, and how each wanted flow stands. Every decision is core_plan's; here
are the loop, the clock and the three worlds that are asked: PCF, store and lists. Steps are done one after the other,
each once. What a world fails in becomes an answer to the plan.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping

from ran_slicing.core_info import PDU_PATH, UE_PATH, Listed, read_located, read_radios, read_stays
from ran_slicing.core_plan import (
    Answer,
    ChangeSubscriber,
    CoreReport,
    CoreState,
    ReadSubscriber,
    Step,
    Unanswered,
    absorb,
    next_try_ns,
    plan_core,
    resume,
    served,
    session_names,
    take_stays,
    write_step,
)
from ran_slicing.core_settings import CoreSettings
from ran_slicing.http2 import Http2, RequestFailed
from ran_slicing.info_page import InfoFailed, InfoPages
from ran_slicing.mongo import Mongo, StoreLost
from ran_slicing.n5 import AppSession
from ran_slicing.subscriber import COLLECTION, subscriber_query
from wire.errors import DecodeError, ShellError

_MOST_ROUNDS = 10
"""Of plan and answers without a pause: a document that somebody else changes takes two."""


class Core:
    """A conversation with one core, from `start` to `close`."""

    def __init__(self, settings: CoreSettings) -> None:
        self._settings = settings
        self._pcf = Http2(settings.pcf_host, settings.pcf_port)
        self._store = Mongo(settings.store)
        self._smf = InfoPages(settings.smf_host, settings.smf_metrics_port)
        self._amf = InfoPages(settings.amf_host, settings.amf_metrics_port) if settings.amf_host else None
        self._wanted: Mapping[bytes, AppSession] = {}
        self._is_told = False
        self._state = CoreState()
        self._lists_failed = ""
        self._listed: Listed | None = None
        self._listed_ns = 0
        self._reported: CoreReport | None = None
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self, report: Callable[[CoreReport], None], names: Mapping[bytes, str] | None = None) -> None:
        """Reports from the running loop, whenever something is another than it was. `names` are those of the last
        report before this daemon began: of sessions that nobody wants any more, none is ended before `want` was called.
        """
        self._report = report
        self._state = resume(names or {})
        self._task = asyncio.get_running_loop().create_task(self._run())
        self._task.add_done_callback(_end_aloud)

    def want(self, wanted: Mapping[bytes, AppSession]) -> None:
        """From now on these flows, and no others."""
        self._wanted, self._is_told = dict(wanted), True
        self._changed.set()

    async def close(self) -> None:
        """What is granted stays as it is, for the daemon that comes back."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._pcf.close()
        await self._store.close()

    # ---- the loop

    async def _run(self) -> None:
        look_ns = 0
        while True:
            self._changed.clear()
            if self._now_ns() >= look_ns:
                await self._look()
                look_ns = self._now_ns() + self._settings.look_s * 1_000_000_000
            if self._is_told:
                await self._settle()
            self._tell()
            now_ns = self._now_ns()
            until_ns = min(look_ns, next_try_ns(self._state, self._wanted, now_ns) or look_ns)
            try:
                async with asyncio.timeout(max(until_ns - now_ns, 0) / 1e9):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def _look(self) -> None:
        """Both lists. Nobody is kept out because the AMF's cannot be had."""
        try:
            pdus, complete = await self._smf.items(PDU_PATH)
            stays = read_stays(pdus)
        except (InfoFailed, DecodeError) as error:
            self._lists_failed = str(error)
            return
        self._listed = None
        if self._amf is not None:
            with contextlib.suppress(InfoFailed, DecodeError):
                self._listed = await self._list_ues(self._amf)
        self._lists_failed = ""
        conclusive = complete and self._is_told  # nobody knows yet whose flows are looked for
        self._state = take_stays(self._state, self._wanted, stays, self._now_ns(), complete=conclusive)

    async def _list_ues(self, amf: InfoPages) -> Listed | None:
        """The AMF's stamps are of its own clock, which is taken to be right, as it mostly is this machine's."""
        began_ns = self._now_ns()
        ues, whole = await amf.items(UE_PATH)
        if not whole:
            return None
        by_ns, ahead_ns = self._now_ns(), time.time_ns() - self._now_ns()
        located_ns = {supi: stamp_ns - ahead_ns for supi, stamp_ns in read_located(ues).items()}
        listed = Listed(read_radios(ues), self._listed_ns, by_ns, located_ns)
        self._listed_ns = began_ns
        return listed

    async def _settle(self) -> None:
        for _ in range(_MOST_ROUNDS):
            steps = plan_core(self._state, self._wanted, self._settings.priority, self._now_ns())
            if not steps:
                return
            for step in steps:
                answer = await self._do(step)
                self._state = absorb(self._state, step, answer, self._now_ns())
                if isinstance(answer, Unanswered):
                    break  # the others would wait for the same silence

    async def _do(self, step: Step) -> Answer:
        try:
            if isinstance(step, ReadSubscriber):
                return await self._store.find_one(COLLECTION, subscriber_query(step.wanted.supi))
            if isinstance(step, ChangeSubscriber):
                return await self._store.change_one(COLLECTION, step.change.query, step.change.update)
            return await self._pcf.ask(write_step(step, self._settings.notification_uri))
        except RequestFailed as error:
            return Unanswered(error.may_have_been_done, str(error))
        except ShellError as error:
            return Unanswered(isinstance(error, StoreLost), str(error))
        except ValueError as error:  # a subscriber that has no IMSI
            return Unanswered(may_have_been_done=False, detail=str(error))

    def _tell(self) -> None:
        report = CoreReport(
            self._state.stays,
            served(self._state, self._wanted),
            session_names(self._state),
            self._lists_failed,
            self._listed,
        )
        if report != self._reported:
            self._reported = report
            self._report(report)

    def _now_ns(self) -> int:
        return int(asyncio.get_running_loop().time() * 1e9)


def _end_aloud(task: asyncio.Task[None]) -> None:
    """What nobody foresaw goes to the loop's handler, which ends the daemon: a core that nobody looks at any more would
    be believed for ever.
    """
    if not task.cancelled():
        task.result()
