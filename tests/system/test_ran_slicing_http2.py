"""N5 requests over HTTP/2 to a server of Go's, which reads them with free5GC's models: every word is understood."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

import pytest

from lab.ran.n5_oracle import HOST, n5_oracle
from ran_slicing.http2 import Http2
from ran_slicing.http_message import Request, Response
from ran_slicing.n5 import (
    COLLECTION,
    AppSession,
    Quality,
    Rates,
    Refusal,
    Refused,
    read_consent,
    read_creation,
    write_creation,
    write_deletion,
    write_update,
)
from ran_slicing.snssai import Snssai

pytestmark = pytest.mark.system

NOTIFY = "http://127.0.0.1:18574/n5"
RATES = Rates(5_000_000, 0, 20_000_000, 10_000_000)
SESSIONS = [
    AppSession(IPv4Address("10.45.0.2"), "imsi-001010000000001", Snssai(1, 1), "internet", RATES),
    AppSession(
        IPv6Address("2001:db8::7"),
        "imsi-001010000000001",
        Snssai(1),
        "ims",
        RATES,
        Quality(4, reference="gold"),
    ),
]


@pytest.fixture(scope="module")
def port(go_program: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    go_program("n5-oracle")
    with n5_oracle(tmp_path_factory.mktemp("n5-oracle")) as port:
        yield port


def ask(port: int, *requests: Request) -> list[Response]:
    async def story() -> list[Response]:
        client = Http2(HOST, port)
        try:
            return [await client.ask(request) for request in requests]
        finally:
            client.close()

    return asyncio.run(asyncio.wait_for(story(), 20))


def within(said: Any, understood: Any) -> bool:
    """Whether everything that was said came back; Go leaves out a number that is zero and adds nothing of its own."""
    if isinstance(said, dict):
        return all(name in understood and within(value, understood[name]) for name, value in said.items())
    return bool(said == understood)


@pytest.mark.parametrize("session", SESSIONS)
def test_free5gc_understands_every_word(port: int, session: AppSession) -> None:
    creation, update = write_creation(session, NOTIFY), write_update("oracle-1", session)
    made, changed, gone = ask(port, creation, update, write_deletion("oracle-1"))
    assert read_creation(made) == "oracle-1", made.body
    assert read_consent(changed) is None, changed.body
    assert read_consent(gone) is None
    assert within(json.loads(creation.body), json.loads(made.body))
    assert within(json.loads(update.body), json.loads(changed.body))


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        (b'"medCompN"', b'"medCompNumber"', 'unknown field "medCompNumber"'),
        (b"permit out ip from any to", b"permit out ip to", "permit out ip to"),
    ],
)
def test_it_would_tell(port: int, before: bytes, after: bytes, why: str) -> None:
    creation = write_creation(SESSIONS[0], NOTIFY)
    assert before in creation.body
    (refused,) = ask(
        port, Request("POST", COLLECTION, creation.headers, creation.body.replace(before, after))
    )
    answer = read_creation(refused)
    assert isinstance(answer, Refused)
    assert answer.refusal is Refusal.WRONG
    assert why in answer.detail


def test_many_requests_on_one_connection(port: int) -> None:
    async def story() -> None:
        client = Http2(HOST, port)
        try:
            creations = [client.ask(write_creation(SESSIONS[0], NOTIFY)) for _ in range(200)]
            assert {read_creation(made) for made in await asyncio.gather(*creations)} == {"oracle-1"}
        finally:
            client.close()

    asyncio.run(asyncio.wait_for(story(), 30))
