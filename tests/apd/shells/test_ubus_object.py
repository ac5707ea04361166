"""The box's object on ubus: it answers, refuses wrong questions, and is there again after ubusd was gone."""

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import replace

from apd.daemon import AirShells, Daemon
from apd.events import AdmissionReceived
from apd.owner import METHODS as ALL_METHODS
from apd.shells.control import ControlSocket
from apd.shells.fake_ubus import FakeHostapd, FakeUbusd
from apd.shells.hostapd_ubus import HostapdUbus
from apd.shells.meter import SoftwareMeter
from apd.shells.software_key import SoftwareKey
from apd.shells.ubus_object import UbusObject
from apd.ubus_message import Kind, Status, read_table
from tests.apd.air_world import AIR, OPERATOR
from tests.apd.shells.test_hostapd import until
from tests.apd.test_daemon import Place
from tests.apd.world import BSSID, SETTINGS, STATION, signed_grant
from wire.admission import Admission, write_admission
from wire.errors import DecodeError
from wire.keys import PrivateKey

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
    shell.start(ask, lambda note: told.append(note.what))
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
        shell.start(ask, lambda note: told.append((note.what, note.text)))
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
        shell.start(ask, lambda _: None)
        await until(lambda: bus.requests)
        shell.close()
        await asyncio.sleep(0)
        bus.stop()
        return bus.requests

    assert run_async(run()) == [Kind.ADD_OBJECT]


class UbusPlace(Place):
    """A whole daemon on a router without a control socket of hostapd's."""

    settings = replace(SETTINGS, air=replace(AIR, hostapd_socket=None, hostapd_ubus="phy0-ap0"))

    def make(self) -> None:
        super().make()
        self.bus = FakeUbusd(self.folder / "ubus.sock")
        self.hostapd = FakeHostapd(self.bus, "phy0-ap0", "airgrant", BSSID)
        shell = HostapdUbus(self.bus.path, "phy0-ap0")
        self.daemon = Daemon(
            config=self._config(),
            shaper=self.shaper,
            meter=SoftwareMeter(SoftwareKey(PrivateKey.from_secret(13))),
            store=self.store,
            link=self.link,
            lobby=self.lobby,
            control=ControlSocket(self.folder / "apd.sock"),
            air=AirShells(shell, None, shell.weigh, lambda _: ()),
            ubus=UbusObject(self.bus.path, "airgrant", ALL_METHODS),
        )


def test_a_whole_box_by_ubus(tmp_path, run_async):
    """A station that the operator named is served and weighed; its owner ends it by ubus, and hostapd throws it out."""

    async def run():
        place = UbusPlace(tmp_path)
        await place.bus.start()
        place.hostapd.start()
        await place.begin()
        await place.until(lambda: place.hostapd.on_air, "the beacon's element")
        made = place.grant()
        word = Admission(signed_grant(made), STATION, BSSID, 0, int(time.time()) + 30)
        place.link.report(AdmissionReceived(write_admission(word, OPERATOR)))
        place.hostapd.let_in(STATION)
        await place.until(lambda: place.hostapd.weights, "the slice and its weight")
        _, told = await place.bus.call("airgrant", "sessions", {})
        assert told is not None
        revoked = await place.bus.call("airgrant", "revoke", {"grant": made.grant_id.hex()})
        await place.until(lambda: STATION not in place.hostapd.stations, "the end")
        _, after = await place.bus.call("airgrant", "sessions", {})
        assert after is not None
        await place.end()
        place.bus.stop()
        return told["sessions"], revoked, after["sessions"], made.grant_id.hex()

    (before,), revoked, (after,), grant_id = run_async(run())
    assert (before["grant"], before["phase"], before["station"]) == (grant_id, "active", str(STATION))
    assert revoked == (Status.OK, {"grant": grant_id, "had_session": True})
    assert (after["phase"], after["reason"]) == ("closed", "revoked")
