"""The core's lists over HTTP/1: whole, in pages, and every way not to get them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import pytest

from lab.ran.core_lists import HOST, InfoServer, Listed
from lab.ran.pcf_simulator import Flow, PduSession
from ran_slicing.core_info import MAX_PAGES, PDU_PATH, UE_PATH, read_radios, read_stays
from ran_slicing.http_message import MAX_BODY_BYTES
from ran_slicing.info_page import InfoFailed, InfoPages


def run(story: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(20):
            await story()

    asyncio.run(bounded())


def cell(count: int) -> list[Listed]:
    return [
        Listed(
            PduSession(
                f"imsi-00101{number:010}",
                1,
                "00000a",
                "internet",
                f"10.45.{number // 250}.{number % 250 + 1}",
            ),
            [Flow(9)],
            number if number % 2 else None,
        )
        for number in range(count)
    ]


@pytest.mark.parametrize("count", [0, 1, 100, 101, 250])
def test_every_page_of_both_lists(count: int) -> None:
    async def story() -> None:
        async with InfoServer(lambda: cell(count)) as server:
            lists = InfoPages(HOST, server.port)
            (pdus, all_pdus), (ues, all_ues) = await lists.items(PDU_PATH), await lists.items(UE_PATH)
            assert all_pdus
            assert all_ues
            assert len(read_stays(pdus)) == count
            assert len(read_radios(ues)) == count // 2
            assert len(server.asked) == 2 * max(1, -(-count // 100))

    run(story)


def test_no_such_list() -> None:
    async def story() -> None:
        async with InfoServer(list) as server:
            with pytest.raises(InfoFailed, match="404 Not Found"):
                await InfoPages(HOST, server.port).items("/nothing")

    run(story)


def test_nobody_listens(free_port: Callable[[], int]) -> None:
    async def story() -> None:
        with pytest.raises(InfoFailed, match=r"http://127\.0\.0\.1:\d+/pdu-info"):
            await InfoPages(HOST, free_port()).items(PDU_PATH)

    run(story)


async def told(answer: bytes) -> tuple[int, bool]:
    """How many items a server gives that says this to everything and hangs up, and whether all."""

    serving = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.current_task())
        with contextlib.suppress(OSError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            if not answer:
                await reader.read()  # until the other side has enough
            writer.close()
            await writer.wait_closed()

    server = await asyncio.start_server(serve, HOST, 0)
    try:
        items, complete = await InfoPages(HOST, server.sockets[0].getsockname()[1], 0.5).items(PDU_PATH)
    finally:
        await asyncio.gather(*(task for task in serving if task))
        server.close()
        await server.wait_closed()
    return len(items), complete


OK = b"HTTP/1.1 200 OK\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"", "no answer within"),
        (b"HTTP/1.1 200 OK\r\n", "0 bytes read|bytes read on a total"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}", "2 bytes of 100"),
        (b"HTTP/1.1 500 Oops\r\n\r\n", "500 Oops"),
        (b"\0" * 5 + b"\r\n\r\n", "http: "),
        (b"x" * 100_000, "a head of more than"),
        (OK + b"x" * (MAX_BODY_BYTES + 1), "a body of more than"),
        (OK + b'{"items": [{"supi": ', "no JSON"),
    ],
)
def test_answers_that_are_refused(answer: bytes, why: str) -> None:
    async def story() -> None:
        with pytest.raises(InfoFailed, match=why):
            await told(answer)

    run(story)


def test_what_was_left_out_is_told() -> None:
    async def story() -> None:
        assert await told(OK + b'{"items": [{}], "pager": {"truncated": true}}') == (1, False)
        assert await told(OK + b'{"items": [{}], "pager": {"next": "for ever"}}') == (MAX_PAGES, False)

    run(story)
