"""The box's object on ubus: it answers, refuses wrong questions, and is there again after ubusd was gone."""

import asyncio
from contextlib import asynccontextmanager

from apd.shells.fake_ubus import FakeUbusd
from apd.shells.ubus_object import UbusObject
from apd.ubus_message import Kind, Status, read_table
from tests.apd.shells.test_hostapd import until
from wire.errors import DecodeError

METHODS: dict[str, dict[str, type]] = {"sessions": {}, "revoke": {"grant": str}}


def ask(method, arguments):
    if method == "revoke" and arguments != {"grant": "00"}:
        raise DecodeError("no such grant")
    return {"method": method, "paid_ubc": 5_000_000_000, "nothing": None}


@asynccontextmanager
async def published(tmp_path):
    bus, told = FakeUbusd(tmp_path / "ubus.sock"), []
    await bus.start()
    shell = UbusObject(bus.path, "airgrant", METHODS)
    shell.start(ask, lambda word, _: told.append(word))
    try:
        await until(lambda: "ubus_published" in told)
        yield bus, shell, told
    finally:
        shell.close()
        bus.stop()


def test_it_answers(tmp_path, run_async):
    async def run():
        async with published(tmp_path) as (bus, _, _told):
            return await bus.call("airgrant", "sessions", {}), await bus.call(
                "airgrant", "revoke", {"grant": "00"}
            )

    (status, answer), (_, revoked) = run_async(run())
    assert (status, answer) == (Status.OK, {"method": "sessions", "paid_ubc": 5_000_000_000})
    assert revoked["method"] == "revoke"


def test_it_says_what_methods_it_has(tmp_path, run_async):
    async def run():
        async with published(tmp_path) as (bus, _, _told):
            (made,) = bus.objects.values()
            return made.path, read_table(made.signature)

    assert run_async(run()) == ("airgrant", {"sessions": {}, "revoke": {"grant": 3}})


def test_a_wrong_question(tmp_path, run_async):
    async def run():
        async with published(tmp_path) as (bus, _, _told):
            return [
                await bus.call("airgrant", "sell", {}),
                await bus.call("airgrant", "revoke", {"grant": "1"}),
            ]

    assert run_async(run()) == [(Status.METHOD_NOT_FOUND, None), (Status.INVALID_ARGUMENT, None)]


def test_it_is_there_again_after_the_bus_was_gone(tmp_path, run_async):
    async def run():
        async with published(tmp_path) as (bus, _, told):
            bus.stop()
            await until(lambda: "ubus_lost" in told)
            await bus.start()
            await until(lambda: told.count("ubus_published") == 2)
            return told, (await bus.call("airgrant", "sessions", {}))[0]

    assert run_async(run()) == (["ubus_published", "ubus_lost", "ubus_published"], Status.OK)


def test_a_name_that_is_taken_is_told_and_asked_for_again(tmp_path, run_async):
    async def run():
        bus, told = FakeUbusd(tmp_path / "ubus.sock"), []
        await bus.start()
        taken = bus.publish("airgrant", lambda _method, _table: (0, None))
        shell = UbusObject(bus.path, "airgrant", METHODS)
        shell.start(ask, lambda word, text: told.append((word, text)))
        await until(lambda: told)
        bus.withdraw(taken)
        await until(lambda: len(told) == 2)
        shell.close()
        bus.stop()
        return told

    first, second = run_async(run())
    assert first == ("ubus_lost", "object airgrant: invalid argument")
    assert second[0] == "ubus_published"


def test_a_bus_that_says_nothing_is_left_alone_when_it_closes(tmp_path, run_async):
    async def run():
        bus = FakeUbusd(tmp_path / "ubus.sock")
        bus.silent = True
        await bus.start()
        shell = UbusObject(bus.path, "airgrant", METHODS)
        shell.start(ask, lambda _word, _text: None)
        await until(lambda: bus.requests)
        shell.close()
        await asyncio.sleep(0)
        bus.stop()
        return bus.requests

    assert run_async(run()) == [Kind.ADD_OBJECT]
