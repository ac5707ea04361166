"""The store's shell against servers that fail in every way; tests/system has the real protocol."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from ran_slicing.bson import Document, read_document, write_document
from ran_slicing.mongo import Mongo, StoreLost, StoreRefused, StoreTimedOut, StoreUnreachable
from ran_slicing.store_address import StoreAddress
from wire.errors import ShellError

Answer = Callable[[int], bytes | None]
"""The bytes that answer a request; None hangs up, an empty answer says nothing for ever."""


def frame(response_to: int, document: Document, opcode: int = 2013) -> bytes:
    body = bytes(5) + write_document(document)
    return struct.pack("<IIII", 16 + len(body), 1, response_to, opcode) + body


def saying(document: Document) -> Answer:
    return lambda request_id: frame(request_id, document)


@contextlib.asynccontextmanager
async def store(*answers: Answer) -> AsyncIterator[tuple[Mongo, list[Document]]]:
    """A client, and what the server heard; each connection gets the next answers in turn."""
    heard: list[Document] = []
    turns = iter(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(EOFError, ConnectionError):
            while True:
                size, request_id, _, _ = struct.unpack("<IIII", await reader.readexactly(16))
                heard.append(read_document((await reader.readexactly(size - 16))[5:]))
                answer = next(turns)(request_id)
                if answer is None:
                    break
                writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    address = StoreAddress("127.0.0.1", server.sockets[0].getsockname()[1], "open5gs")
    client = Mongo(address, deadline_s=0.2)
    try:
        yield client, heard
    finally:
        await client.close()
        server.close()
        await server.wait_closed()


def run(story: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(story(), 10))


def test_a_document_is_found_and_changed() -> None:
    async def story() -> None:
        found: Document = {"cursor": {"firstBatch": [{"imsi": "1"}], "id": 0}, "ok": 1.0}
        none: Document = {"cursor": {"firstBatch": [], "id": 0}, "ok": 1.0}
        async with store(
            saying(found), saying(none), saying({"n": 1, "ok": 1.0}), saying({"n": 0, "ok": 1.0})
        ) as (client, heard):
            assert await client.find_one("subscribers", {"imsi": "1"}) == {"imsi": "1"}
            assert await client.find_one("subscribers", {"imsi": "2"}) is None
            assert await client.change_one("subscribers", {"imsi": "1"}, {"$set": {"a": 1}})
            assert not await client.change_one("subscribers", {"imsi": "1"}, {"$set": {"a": 1}})
        assert heard[0] == {
            "find": "subscribers",
            "filter": {"imsi": "1"},
            "limit": 1,
            "singleBatch": True,
            "$db": "open5gs",
        }
        assert heard[2] == {
            "update": "subscribers",
            "updates": [{"q": {"imsi": "1"}, "u": {"$set": {"a": 1}}}],
            "$db": "open5gs",
        }

    run(story)


def test_nobody_listens(free_port: Callable[[], int]) -> None:
    async def story() -> None:
        with pytest.raises(StoreUnreachable, match=r"mongodb 127\.0\.0\.1"):
            await Mongo(StoreAddress("127.0.0.1", free_port(), "open5gs")).run({"ping": 1})

    run(story)


@pytest.mark.parametrize(
    ("answer", "error", "why"),
    [
        (lambda _: None, StoreLost, "0 bytes read"),
        (lambda _: b"", StoreTimedOut, r"no answer within 0\.2 s"),
        (
            lambda request_id: frame(request_id + 1, {"ok": 1.0}),
            StoreLost,
            "an answer to request 2, not 1",
        ),
        (lambda request_id: frame(request_id, {"ok": 1.0}, opcode=1), StoreLost, "opcode 1"),
        (lambda _: b"HTTP/1.1 400 Bad Request\r\n\r\n", StoreLost, "opcode"),
        (saying({"ok": 0.0, "errmsg": "no", "code": 13}), StoreRefused, "no"),
        (saying({"ok": 1.0, "n": 0, "writeErrors": [{"code": 2, "errmsg": "bad"}]}), StoreRefused, "bad"),
    ],
    ids=[
        "hangs up",
        "says nothing",
        "answers another",
        "an old opcode",
        "another protocol",
        "refuses",
        "writes not",
    ],
)
def test_what_goes_wrong_has_a_type(answer: Answer, error: type[ShellError], why: str) -> None:
    async def story() -> None:
        async with store(answer, saying({"ok": 1.0})) as (client, _):
            with pytest.raises(error, match=why) as raised:
                await client.run({"ping": 1})
            if isinstance(raised.value, StoreRefused):
                assert raised.value.code in {13, 2}
            assert await client.run({"ping": 1}) == {
                "ok": 1.0
            }  # by a new connection, if the old one is no good

    run(story)


@pytest.mark.parametrize(
    ("reply", "why"),
    [({"ok": 1.0}, "without a first batch"), ({"ok": 1.0, "cursor": {"firstBatch": [1]}}, "found int")],
)
def test_a_reply_that_finds_nothing_sensible(reply: Document, why: str) -> None:
    async def story() -> None:
        async with store(saying(reply)) as (client, _):
            with pytest.raises(StoreLost, match=why):
                await client.find_one("subscribers", {})

    run(story)


def test_a_question_that_is_given_up_answers_no_other() -> None:
    async def story() -> None:
        heard = asyncio.Event()

        def say_nothing(_: int) -> bytes:
            heard.set()
            return b""

        async with store(say_nothing, saying({"ok": 1.0})) as (client, _):
            asking = asyncio.create_task(client.run({"ping": 1}))
            await heard.wait()
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            assert await client.run({"ping": 2}) == {"ok": 1.0}

    run(story)
