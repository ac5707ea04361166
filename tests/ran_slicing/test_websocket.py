"""The socket to a gNB: against the simulator, whose server is not ours, and against servers that misbehave."""

import asyncio
import contextlib

import pytest
from websockets.http11 import Request
from websockets.server import ServerProtocol

from lab.ran.cell_model import FDD, Cell
from lab.ran.gnb_simulator import GnbSettings, running_gnb
from ran_slicing.cell_events import GnbConnected, GnbLost, GnbSaid
from ran_slicing.frames import Opcode
from ran_slicing.messages import MAX_MESSAGE_BYTES, Reply, read_message, write_policy, write_subscribe
from ran_slicing.share import Ratio
from ran_slicing.snssai import Snssai
from ran_slicing.websocket import RemoteControl
from tests.ran_slicing.test_frames import theirs

DEADLINE_S = 20.0


def new_cell():
    cell = Cell(FDD, seed=1)
    cell.add_slice((1, 1), 0, FDD.prbs)
    return cell


@contextlib.asynccontextmanager
async def control_of(port, host="127.0.0.1"):
    """A started remote control, and the queue of what it reports."""
    control = RemoteControl(host, port)
    heard: asyncio.Queue[GnbConnected | GnbLost | GnbSaid] = asyncio.Queue()
    control.start(heard.put_nowait)
    try:
        async with asyncio.timeout(DEADLINE_S):
            yield control, heard
    finally:
        await control.close()


@contextlib.asynccontextmanager
async def server_that(serve):
    """A server of our own on a free port: `serve(reader, writer)` per connection, each at its end before this one."""
    serving: set[asyncio.Task[None]] = set()

    async def one(reader, writer):
        try:
            await serve(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def begin(reader, writer):
        serving.add(asyncio.create_task(one(reader, writer)))

    server = await asyncio.start_server(begin, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()
        await asyncio.gather(*serving, return_exceptions=True)


async def shake_hands(reader, writer):
    """The server's half, by the library."""
    protocol = ServerProtocol()
    protocol.receive_data(await reader.readuntil(b"\r\n\r\n"))
    (request,) = protocol.events_received()
    assert isinstance(request, Request)
    protocol.send_response(protocol.accept(request))
    writer.write(b"".join(protocol.data_to_send()))


def test_a_request_and_its_answer():
    async def story():
        async with (
            running_gnb(new_cell, GnbSettings(speed=0)) as gnb,
            control_of(gnb.port) as (control, heard),
        ):
            assert await heard.get() == GnbConnected()
            control.send_text(write_policy("00101", [Snssai(1, 1)], Ratio(30, 60)))
            said = await heard.get()
            assert read_message(said.text) == Reply("rrm_policy_ratio_set")
            slot = gnb.cell.find_slice((1, 1))
            assert slot is not None
            assert slot.min_prb == 30 * FDD.prbs // 100

    asyncio.run(story())


def test_metrics_come_once_they_are_asked_for():
    async def story():
        settings = GnbSettings(du_report_period_ms=20)
        async with running_gnb(new_cell, settings) as gnb, control_of(gnb.port) as (control, heard):
            assert await heard.get() == GnbConnected()
            control.send_text(write_subscribe())
            kinds = {type(read_message((await heard.get()).text)).__name__ for _ in range(5)}
            assert kinds == {"Reply", "CellReport", "OtherReport"}

    asyncio.run(story())


def test_a_gnb_that_restarts_is_found_again_and_both_are_told():
    async def story():
        async with running_gnb(new_cell, GnbSettings(speed=0)) as gnb, control_of(gnb.port) as (_, heard):
            assert await heard.get() == GnbConnected()
            await gnb.restart()
            assert isinstance(await heard.get(), GnbLost)
            assert await heard.get() == GnbConnected()

    asyncio.run(story())


def test_a_gnb_that_is_not_there_is_lost_once_and_found_when_it_comes():
    async def story():
        async with running_gnb(new_cell, GnbSettings(speed=0)) as gnb:
            await gnb.close()
            async with control_of(gnb.port) as (_, heard):
                assert isinstance(await heard.get(), GnbLost)
                await gnb.open()
                assert await heard.get() == GnbConnected()

    asyncio.run(story())


def test_pings_keep_an_idle_connection():
    """The gNB closes after a silence; the same silence with pings in it is none."""

    async def story():
        settings = GnbSettings(speed=0, idle_timeout_s=0.5)
        async with running_gnb(new_cell, settings) as gnb, control_of(gnb.port) as (control, heard):
            assert await heard.get() == GnbConnected()
            began = asyncio.get_running_loop().time()
            assert isinstance(await heard.get(), GnbLost)
            assert asyncio.get_running_loop().time() - began < 2
            assert await heard.get() == GnbConnected()
            for _ in range(15):
                control.send_ping()
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.1):
                        await heard.get()

    asyncio.run(story())


def test_their_ping_is_answered_and_a_close_is_a_loss():
    answers = []

    async def serve(reader, writer):
        await shake_hands(reader, writer)
        writer.write(theirs(Opcode.PING, b"there?") + theirs(Opcode.CLOSE, b"\x03\xe8"))
        answers.append(await reader.readexactly(2 + 4 + 6))

    async def story():
        async with server_that(serve) as port, control_of(port) as (_, heard):
            assert await heard.get() == GnbConnected()
            lost = await heard.get()
            assert "the gNB closed the connection" in lost.detail

    asyncio.run(story())
    assert answers[0][:2] == bytes((0x80 | Opcode.PONG, 0x80 | 6))


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "answered"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "answered"),
        (b"", "hung up"),
    ],
)
def test_something_else_at_that_port(said, why):
    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)

    async def story():
        async with server_that(serve) as port, control_of(port) as (_, heard):
            lost = await heard.get()
            assert why in lost.detail

    asyncio.run(story())


@pytest.mark.parametrize("said", [b"\xff\xff", b"\x81\x7f" + (MAX_MESSAGE_BYTES + 1).to_bytes(8, "big")])
def test_garbage_ends_the_connection(said):
    async def serve(reader, writer):
        await shake_hands(reader, writer)
        writer.write(said)
        await reader.read()

    async def story():
        async with server_that(serve) as port, control_of(port) as (_, heard):
            assert await heard.get() == GnbConnected()
            assert "websocket" in (await heard.get()).detail

    asyncio.run(story())


def test_an_order_to_connect_again():
    async def story():
        async with (
            running_gnb(new_cell, GnbSettings(speed=0)) as gnb,
            control_of(gnb.port) as (control, heard),
        ):
            assert await heard.get() == GnbConnected()
            control.reconnect("no answer")
            assert "no answer" in (await heard.get()).detail
            control.send_ping()  # nobody is there: nothing happens
            assert await heard.get() == GnbConnected()

    asyncio.run(story())


def test_closing_while_it_connects():
    async def serve(reader, writer):
        await reader.read()

    async def story():
        async with server_that(serve) as port:
            control = RemoteControl("127.0.0.1", port)
            control.start(lambda event: pytest.fail(f"{event}"))
            await asyncio.sleep(0)
            await control.close()

    asyncio.run(story())


def test_what_nobody_foresaw_is_said_aloud():
    """A daemon ends by it; a socket that silently connects no more would not be missed."""

    async def story():
        said: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().set_exception_handler(
            lambda _loop, context: None if said.done() else said.set_result(context["exception"])
        )
        control = RemoteControl("127.0.0.1", 1)

        def report(_event):
            raise AssertionError("unforeseen")

        control.start(report)
        async with asyncio.timeout(DEADLINE_S):
            assert str(await said) == "unforeseen"
        with contextlib.suppress(AssertionError):
            await control.close()

    asyncio.run(story())
