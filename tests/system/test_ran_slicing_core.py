"""A sold slice reaches the core: our loop, a real document store, a PCF on h2, and lists over HTTP/1."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient

from lab.ran.core_lists import HOST, InfoServer, Listed
from lab.ran.http2_server import Fault, Http2Server
from lab.ran.pcf_simulator import PcfSimulator, PduSession, Subscriber
from lab.ran.subscriber_store import SubscriberStore
from ran_slicing.bson import read_document
from ran_slicing.core import Core
from ran_slicing.core_plan import CoreReport, Service
from ran_slicing.core_settings import CoreSettings
from ran_slicing.n5 import AppSession, Rates
from ran_slicing.snssai import Snssai

pytestmark = pytest.mark.system

SUPI = "imsi-001010000000001"
UE = PduSession(SUPI, 1, "000001", "internet", "10.45.0.2")
SESSION = AppSession(
    IPv4Address("10.45.0.2"),
    SUPI,
    Snssai(1, 1),
    "internet",
    Rates(5_000_000, 1_000_000, 20_000_000, 5_000_000),
)
GRANT = b"grant"


@dataclass(slots=True)
class House:
    """Everything that one test has."""

    pcf: PcfSimulator
    server: Http2Server
    core: Core
    settings: CoreSettings
    reports: asyncio.Queue[CoreReport]

    async def until(self, fact: Callable[[CoreReport], bool]) -> CoreReport:
        while not fact(report := await self.reports.get()):
            pass
        return report

    def stands(self, service: Service) -> Awaitable[CoreReport]:
        return self.until(lambda report: GRANT in report.served and report.served[GRANT].service is service)


@pytest.fixture(scope="module")
def store(
    go_program: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SubscriberStore]:
    go_program("ferretdb")
    with SubscriberStore(tmp_path_factory.mktemp("store")) as running:
        yield running


@contextlib.asynccontextmanager
async def house(store: SubscriberStore) -> AsyncIterator[House]:
    uri = f"mongodb://{store.address.host}:{store.address.port}/"
    with MongoClient[RawBSONDocument](
        uri, document_class=RawBSONDocument
    ) as client:  # as the PCF has its own driver
        collection = client["open5gs"]["subscribers"]
        collection.delete_many({})
        document = {
            "imsi": SUPI[5:],
            "slice": [{"sst": 1, "sd": "000001", "session": [{"name": "internet"}]}],
        }
        collection.insert_one(document)  # type: ignore[arg-type]

        def subscriber(imsi: str) -> Subscriber | None:
            found = collection.find_one({"imsi": imsi})
            return None if found is None else read_document(bytes(found.raw))

        pcf = PcfSimulator(subscriber, behind_scp=True)
        pcf.sessions.append(UE)
        server = Http2Server(pcf.answer)
        lists = InfoServer(lambda: [Listed(session, pcf.flows(session), 7) for session in pcf.sessions])
        async with server, lists:
            settings = CoreSettings(
                pcf_host=HOST,
                pcf_port=server.port,
                smf_host=HOST,
                smf_metrics_port=lists.port,
                amf_host=HOST,
                amf_metrics_port=lists.port,
                store_uri=f"{uri}open5gs",
                look_s=1,
            )
            reports: asyncio.Queue[CoreReport] = asyncio.Queue()
            core = Core(settings)
            core.start(reports.put_nowait)
            try:
                yield House(pcf, server, core, settings, reports)
            finally:
                await core.close()


def run(store: SubscriberStore, story: Callable[[House], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with asyncio.timeout(60), house(store) as everything:
            await story(everything)

    asyncio.run(whole())


def test_a_sale_from_nothing_to_a_flow_and_back(store: SubscriberStore) -> None:
    async def story(house: House) -> None:
        there = await house.until(lambda report: bool(report.stays))
        (stay,) = there.stays
        assert stay.has_address(SESSION.ue)
        assert there.listed is not None
        assert there.listed.radios[SUPI].ran_ue_ngap_id == 7
        house.core.want({GRANT: SESSION})
        await house.stands(Service.CONFIRMED)
        assert house.pcf.flows(UE)[1].gbr_down_bps == 5_000_000
        house.core.want({})
        await house.until(lambda report: not report.served)
        assert house.pcf.flows(UE)[1:] == []

    run(store, story)


def test_the_pcf_restarts(store: SubscriberStore) -> None:
    async def story(house: House) -> None:
        house.core.want({GRANT: SESSION})
        await house.stands(Service.CONFIRMED)
        await house.server.stop()
        house.pcf.restart()
        house.pcf.sessions.append(UE)
        await house.stands(Service.NOT_SERVED)
        await house.server.start()
        await house.stands(Service.CONFIRMED)
        assert house.pcf.app_sessions == 1

    run(store, story)


def test_the_daemon_restarts(store: SubscriberStore) -> None:
    async def story(house: House) -> None:
        house.core.want({GRANT: SESSION})
        report = await house.stands(Service.CONFIRMED)
        await house.core.close()
        second = Core(house.settings)
        second.start(house.reports.put_nowait, report.names)
        second.want({GRANT: SESSION})
        await house.stands(Service.CONFIRMED)
        assert house.pcf.app_sessions == 1
        second.want({})
        await house.until(lambda report: not report.served)
        assert house.pcf.app_sessions == 0
        await second.close()

    run(store, story)


@pytest.mark.parametrize(
    "fault", [Fault.HANG_UP, Fault.RESET, Fault.GO_AWAY_WITHOUT_RESPONSE, Fault.GO_AWAY_BEFORE]
)
def test_a_creation_whose_answer_is_lost_is_one_flow(store: SubscriberStore, fault: Fault) -> None:
    async def story(house: House) -> None:
        await house.until(lambda report: bool(report.stays))
        house.server.faults.append(fault)
        house.core.want({GRANT: SESSION})
        await house.stands(Service.CONFIRMED)
        assert house.pcf.app_sessions == 1

    run(store, story)


def test_nobody_is_there(free_port: Callable[[], int]) -> None:
    async def story() -> None:
        port = free_port()
        uri = f"mongodb://{HOST}:{port}/open5gs"
        core = Core(
            CoreSettings(pcf_host=HOST, pcf_port=port, smf_host=HOST, smf_metrics_port=port, store_uri=uri)
        )
        reports: asyncio.Queue[CoreReport] = asyncio.Queue()
        core.start(reports.put_nowait)
        core.want({GRANT: SESSION})
        report = await reports.get()
        assert report.lists_failed
        assert report.served[GRANT].service is Service.NOT_SERVED
        await core.close()

    asyncio.run(asyncio.wait_for(story(), 20))


def test_what_nobody_foresaw_is_said_aloud() -> None:
    """A daemon ends by it: lists that are looked at no more would be believed for ever."""

    async def story() -> None:
        said: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().set_exception_handler(
            lambda _loop, context: said.set_result(context["exception"])
        )

        def report(_word: CoreReport) -> None:
            raise AssertionError("unforeseen")

        async with InfoServer(list) as lists:
            core = Core(CoreSettings(pcf_host=HOST, smf_host=HOST, smf_metrics_port=lists.port))
            core.start(report)
            async with asyncio.timeout(20):
                assert str(await said) == "unforeseen"
            await core.close()

    asyncio.run(story())


def test_a_list_of_the_amf_that_cannot_be_had_keeps_nobody_out() -> None:
    async def story() -> None:
        async with InfoServer(lambda: [Listed(UE, (), 7)]) as lists:
            core = Core(
                CoreSettings(
                    pcf_host=HOST,
                    smf_host=HOST,
                    smf_metrics_port=lists.port,
                    amf_host=HOST,
                    amf_metrics_port=1,
                )
            )
            reports: asyncio.Queue[CoreReport] = asyncio.Queue()
            core.start(reports.put_nowait)
            async with asyncio.timeout(20):
                report = await reports.get()
            await core.close()
            assert report.lists_failed == ""
            assert [stay.supi for stay in report.stays] == [SUPI]
            assert report.listed is None

    asyncio.run(story())
