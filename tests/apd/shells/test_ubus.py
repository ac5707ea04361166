"""One connection to ubusd: requests in parallel, a bus that is silent, talks nonsense or hangs up."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from apd.shells.fake_ubus import FakeUbusd
from apd.shells.ubus import Ubus, word
from apd.ubus_message import Attribute, Kind, Status, text
from tests.apd.shells.test_hostapd import until


@asynccontextmanager
async def connected(tmp_path, reply_s=10.0):
    told: list[str] = []
    bus = FakeUbusd(tmp_path / "ubus.sock")
    await bus.start()
    mine = Ubus(lambda: told.append("ready"), told.append, lambda message: told.append(str(message)), reply_s)
    mine.connect(bus.path)
    try:
        await until(lambda: told)
        yield bus, mine, told
    finally:
        mine.close()
        bus.stop()


def look_up(mine, path, answers):
    mine.request(
        Kind.LOOKUP,
        {Attribute.OBJECT_PATH: text(path)},
        lambda status, found: answers.append((status, found)),
    )


def test_each_request_gets_its_own_reply(tmp_path, run_async):
    async def run():
        async with connected(tmp_path) as (bus, mine, _):
            first, second = (bus.publish(path, lambda _method, table: (0, table)) for path in ("a", "b"))
            answers: list = []
            for path in ("b", "none", "a"):
                look_up(mine, path, answers)
            mine.call(second, "echo", {"n": 7}, lambda status, found: answers.append((status, found)))
            await until(lambda: len(answers) == 4)
            ids = [[one.number(Attribute.OBJECT_ID) for one in found] for _, found in answers[:3]]
            echoed = answers[3][1][0].table(Attribute.DATA)
            return [status for status, _ in answers], ids == [[second], [], [first]], echoed

    assert run_async(run()) == ([Status.OK, Status.NOT_FOUND, Status.OK, Status.OK], True, {"n": 7})


def test_a_bus_that_does_not_answer_is_gone(tmp_path, run_async):
    async def run():
        async with connected(tmp_path, reply_s=0.02) as (bus, mine, told):
            bus.silent = True
            look_up(mine, "a", told)
            look_up(mine, "b", told)
            await until(lambda: len(told) == 2)
            return told

    assert run_async(run()) == ["ready", "no answer to LOOKUP"]


@pytest.mark.parametrize(
    ("octets", "said"),
    [
        (b"HTTP/1.1 400 Bad Request", "ubus: version 72"),
        (bytes.fromhex("0001 0001 00000000 00000004"), "ubus: STATUS is missing, or not a number of 32 bits"),
    ],
)
def test_nonsense_ends_it(tmp_path, run_async, octets, said):
    async def run():
        async with connected(tmp_path) as (bus, mine, told):
            bus.silent = True
            look_up(mine, "a", told)
            bus.clients[0].say_octets(octets)
            await until(lambda: len(told) == 2)
            return told

    assert run_async(run()) == ["ready", said]


def test_after_it_is_closed_nothing_is_called(tmp_path, run_async):
    async def run():
        async with connected(tmp_path) as (bus, mine, told):
            look_up(mine, "a", told)
            mine.close()
            look_up(mine, "a", told)
            bus.stop()
            await asyncio.sleep(0)
            return told

    assert run_async(run()) == ["ready"]


def test_a_status_is_a_word():
    assert [word(4), word(6), word(99)] == ["not found", "permission denied", "status 99"]
