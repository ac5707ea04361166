"""Subscriber documents over MongoDB's real wire protocol, in FerretDB: change, race, restart."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from lab.ran.subscriber_store import SubscriberStore
from ran_slicing.bson import Document, Int64, Opaque, read_document, write_document
from ran_slicing.mongo import Mongo, StoreLost, StoreRefused, StoreUnreachable
from ran_slicing.snssai import Snssai
from ran_slicing.subscriber import (
    COLLECTION,
    RuleInPlace,
    SubscriberChange,
    WantedRule,
    plan_rule,
    subscriber_query,
)

pytestmark = pytest.mark.system

SUPI = "imsi-001010000000001"
WANTED = WantedRule(SUPI, Snssai(1, 1), "internet", 2)
SUBSCRIBER: Document = {
    "_id": Opaque(7, bytes(range(12))),
    "imsi": "001010000000001",
    "msisdn": [],
    "security": {"k": "00" * 16, "op": None, "opc": "11" * 16, "amf": "8000", "sqn": Int64(97)},
    "ambr": {"downlink": {"value": 1, "unit": 3}, "uplink": {"value": 1, "unit": 3}},
    "slice": [
        {
            "sst": 1,
            "sd": "000001",
            "default_indicator": True,
            "session": [
                {
                    "name": "internet",
                    "type": 3,
                    "qos": {"index": 9, "arp": {"priority_level": 8}},
                    "pcc_rule": [
                        {"flow": [], "qos": {"index": 1, "gbr": {"downlink": {"value": 1, "unit": 2}}}}
                    ],
                },
                {"name": "ims", "type": 3},
            ],
        }
    ],
    "subscribed_rau_tau_timer": 12,
    "unknown": {
        "time": Opaque(9, (1_700_000_000_000).to_bytes(8, "little")),
        "wide": Int64(1 << 40),
        "none": None,
    },
}


@pytest.fixture(scope="module")
def running(
    go_program: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SubscriberStore]:
    go_program("ferretdb")
    with SubscriberStore(tmp_path_factory.mktemp("store")) as store:
        yield store


def with_store(running: SubscriberStore, story: Callable[[Mongo], Awaitable[None]]) -> None:
    async def whole() -> None:
        client = Mongo(running.address, deadline_s=10.0)
        try:
            await client.run({"delete": COLLECTION, "deletes": [{"q": {}, "limit": 0}]})
            await client.run({"insert": COLLECTION, "documents": [SUBSCRIBER]})
            await story(client)
        finally:
            await client.close()

    asyncio.run(asyncio.wait_for(whole(), 60))


async def find(client: Mongo) -> Document:
    found = await client.find_one(COLLECTION, subscriber_query(SUPI))
    assert found is not None
    return found


async def apply(client: Mongo, change: object) -> bool:
    assert isinstance(change, SubscriberChange)
    return await client.change_one(COLLECTION, change.query, change.update)


def test_a_rule_comes_and_nothing_else_changes(running: SubscriberStore) -> None:
    async def story(client: Mongo) -> None:
        before = await find(client)
        assert write_document(before) == write_document(SUBSCRIBER)
        assert await apply(client, plan_rule(before, WANTED))
        between = await find(client)
        assert plan_rule(between, WANTED) == RuleInPlace(ours=True)
        theirs = {"$pop": {"slice.0.session.0.pcc_rule": 1}}
        assert await client.change_one(COLLECTION, subscriber_query(SUPI), theirs)
        assert write_document(await find(client)) == write_document(SUBSCRIBER)

    with_store(running, story)


def test_a_session_without_rules_gets_an_array_of_one(running: SubscriberStore) -> None:
    async def story(client: Mongo) -> None:
        wanted = WantedRule(SUPI, Snssai(1, 1), "ims", 2)
        assert await apply(client, plan_rule(await find(client), wanted))
        after = await find(client)
        assert plan_rule(after, wanted) == RuleInPlace(ours=True)
        assert read_document(write_document(after)) == after

    with_store(running, story)


def test_a_change_planned_on_an_old_document_does_nothing(running: SubscriberStore) -> None:
    async def story(client: Mongo) -> None:
        planned = plan_rule(await find(client), WANTED)
        somebody = {"$push": {"slice.0.session.0.pcc_rule": {"qos": {"index": 7}}}}
        assert await client.change_one(COLLECTION, subscriber_query(SUPI), somebody)
        meanwhile = await find(client)
        assert not await apply(client, planned)
        assert await find(client) == meanwhile
        assert await apply(client, plan_rule(meanwhile, WANTED))

    with_store(running, story)


def test_nobody_of_that_name(running: SubscriberStore) -> None:
    async def story(client: Mongo) -> None:
        assert await client.find_one(COLLECTION, subscriber_query("imsi-999990000000001")) is None

    with_store(running, story)


def test_the_store_refuses_what_is_no_command(running: SubscriberStore) -> None:
    async def story(client: Mongo) -> None:
        with pytest.raises(StoreRefused, match="no such command") as raised:
            await client.run({"nonsense": 1})
        assert raised.value.code == 59  # CommandNotFound

    with_store(running, story)


def test_the_store_restarts(go_program: Callable[[str], Path], tmp_path: Path) -> None:
    go_program("ferretdb")

    async def story(client: Mongo) -> None:
        store.stop()
        with pytest.raises(StoreLost):
            await find(client)
        with pytest.raises(StoreUnreachable):
            await find(client)
        store.start()
        assert write_document(await find(client)) == write_document(SUBSCRIBER)

    with SubscriberStore(tmp_path) as store:
        with_store(store, story)
