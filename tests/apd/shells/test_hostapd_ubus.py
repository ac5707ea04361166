"""hostapd by ubus: stations come and go, it restarts, forgets and refuses. Against its fake, which is read from the
sources; a real one needs a router (docs/field-test.md).
"""

import asyncio
from contextlib import asynccontextmanager

import pytest

from apd.events import (
    BEACON,
    AirtimeWeightFailed,
    AirtimeWeightsMissed,
    HostapdConnected,
    HostapdLost,
    HostapdRefused,
    StationAssociated,
    StationLeft,
    StationsMeasured,
)
from apd.shells.fake_ubus import FakeHostapd, FakeUbusd
from apd.shells.hostapd_ubus import LOOK_S, HostapdUbus
from tests.apd.shells.test_hostapd import Ear, until
from tests.apd.world import BSSID, OTHER_STATION, STATION

ELEMENT = bytes.fromhex("dd04aabbcc01")


@asynccontextmanager
async def conversation(tmp_path, *, look_s=LOOK_S, prepare=None):
    bus = FakeUbusd(tmp_path / "ubus.sock")
    hostapd = FakeHostapd(bus, "phy0-ap0", "airgrant", BSSID)
    faults: list[dict] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
    await bus.start()
    hostapd.start()
    if prepare is not None:
        prepare(hostapd)
    ear, shell = Ear(), HostapdUbus(bus.path, "phy0-ap0", look_s)
    shell.start(ear)
    try:
        await ear.wait_for(HostapdConnected)
        yield hostapd, shell, ear
    finally:
        shell.close()
        bus.stop()
    assert not faults, "a fault in a callback ends the daemon"


def told(ear):
    return [event for event in ear.events if isinstance(event, StationAssociated | StationLeft)]


def test_it_says_which_network_it_is_and_who_is_there(tmp_path, run_async):
    async def run():
        def prepare(hostapd):
            hostapd.stations = {STATION: True, OTHER_STATION: False}

        async with conversation(tmp_path, prepare=prepare) as (_, _, ear):
            return ear.events

    assert run_async(run()) == [HostapdConnected(b"airgrant", BSSID, (StationAssociated(STATION, None),))]


def test_stations_come_and_go(tmp_path, run_async):
    async def run():
        async with conversation(tmp_path) as (hostapd, _, ear):
            hostapd.let_in(STATION)
            await ear.wait_for(StationAssociated)
            hostapd.leave(STATION)
            await ear.wait_for(StationLeft)
            return told(ear)

    assert run_async(run()) == [StationAssociated(STATION, None), StationLeft(STATION)]


def test_who_passes_by_costs_hostapd_nothing(tmp_path, run_async):
    async def run():
        async with conversation(tmp_path) as (hostapd, shell, ear):
            for _ in range(3):
                hostapd.notify("probe", OTHER_STATION)
                shell.measure_stations()
                await ear.wait_for(StationsMeasured, 1)
                ear.events.clear()
            return [method for method, _ in hostapd.said].count("get_clients")

    assert run_async(run()) == 1 + 3, "when it began, and to measure"


def test_who_left_and_came_back_between_two_questions_is_told_so(tmp_path, run_async):
    async def run():
        async with conversation(tmp_path) as (hostapd, _, ear):
            hostapd.let_in(STATION)
            await ear.wait_for(StationAssociated)
            hostapd.leave(STATION)
            hostapd.let_in(STATION)
            await ear.wait_for(StationAssociated, 2)
            return told(ear)

    came = StationAssociated(STATION, None)
    assert run_async(run()) == [came, StationLeft(STATION), came]


def test_a_notification_that_was_lost_is_made_up_for_at_the_next_look(tmp_path, run_async):
    async def run():
        async with conversation(tmp_path, look_s=0.02) as (hostapd, _, ear):
            hostapd.stations[STATION] = True
            await ear.wait_for(StationAssociated)
            del hostapd.stations[STATION]
            await ear.wait_for(StationLeft)
            return told(ear)

    assert run_async(run()) == [StationAssociated(STATION, None), StationLeft(STATION)]


def test_it_throws_out_and_tells_that_the_station_is_gone(tmp_path, run_async):
    async def run():
        async with conversation(tmp_path) as (hostapd, shell, ear):
            hostapd.let_in(STATION)
            await ear.wait_for(StationAssociated)
            shell.deauthenticate(STATION)
            await ear.wait_for(StationLeft)
            return [table for method, table in hostapd.said if method == "del_client"]

    assert run_async(run()) == [{"addr": str(STATION), "reason": 2, "deauth": True, "ban_time": 0}]


def test_the_beacons_element_is_set_and_taken_away(tmp_path, run_async):
    async def run():
        async with conversation(tmp_path) as (hostapd, shell, ear):
            shell.set_beacon_element(ELEMENT)
            await until(lambda: hostapd.on_air == ELEMENT.hex())
            shell.set_beacon_element(b"")
            await until(lambda: any(method == "update_beacon" for method, _ in hostapd.said))
            return hostapd.vendor_elements, hostapd.on_air, ear.events[1:]

    assert run_async(run()) == ("", "", [])


def test_what_a_reload_lost_is_set_again(tmp_path, run_async):
    async def run():
        async with conversation(tmp_path, look_s=0.02) as (hostapd, shell, _):
            shell.set_beacon_element(ELEMENT)
            await until(lambda: hostapd.on_air == ELEMENT.hex())
            hostapd.reload()
            await until(lambda: hostapd.on_air == ELEMENT.hex())

    run_async(run())


def test_what_it_refuses_is_told(tmp_path, run_async):
    async def run():
        def prepare(hostapd):
            hostapd.missing = frozenset({"set_vendor_elements"})

        async with conversation(tmp_path, prepare=prepare) as (_, shell, ear):
            shell.set_beacon_element(ELEMENT)
            return await ear.wait_for(HostapdRefused)

    refused = run_async(run())
    assert (refused.info_id, refused.what) == (
        BEACON,
        "hostapd.phy0-ap0: set_vendor_elements: method not found",
    )


@pytest.mark.parametrize("how", ["stop", "gone"])
def test_it_restarts(tmp_path, run_async, how):
    async def run():
        async with conversation(tmp_path) as (hostapd, _, ear):
            if how == "stop":
                hostapd.stop()
            else:
                hostapd.bus.stop()
            lost = await ear.wait_for(HostapdLost)
            hostapd.stations = {OTHER_STATION: True}
            if how == "stop":
                hostapd.start()
            else:
                await hostapd.bus.start()
            again = await ear.wait_for(HostapdConnected, 2)
            return lost.detail, again.stations

    detail, stations = run_async(run())
    assert detail in ("hostapd.phy0-ap0: hostapd took its object away", "ubusd hung up")
    assert stations == (StationAssociated(OTHER_STATION, None),)


def test_a_network_with_another_name_is_another_one(tmp_path, run_async):
    async def run():
        async with conversation(tmp_path, look_s=0.02) as (hostapd, _, ear):
            hostapd.ssid = "other"
            return (await ear.wait_for(HostapdConnected, 2)).ssid

    assert run_async(run()) == b"other"


@pytest.mark.parametrize(
    ("wrong", "told_so"),
    [
        (lambda hostapd: hostapd.stop(), "hostapd.phy0-ap0: lookup: not found"),
        (lambda hostapd: setattr(hostapd, "status", "DFS"), "hostapd.phy0-ap0: the network is not up"),
        (
            lambda hostapd: setattr(hostapd, "missing", frozenset({"get_status"})),
            "hostapd.phy0-ap0: get_status: method not found",
        ),
    ],
)
def test_without_it_nothing_is_said_but_that(tmp_path, run_async, wrong, told_so):
    async def run():
        bus = FakeUbusd(tmp_path / "ubus.sock")
        hostapd = FakeHostapd(bus, "phy0-ap0", "airgrant", BSSID)
        await bus.start()
        hostapd.start()
        wrong(hostapd)
        ear, shell = Ear(), HostapdUbus(bus.path, "phy0-ap0")
        shell.start(ear)
        lost = await ear.wait_for(HostapdLost)
        shell.deauthenticate(STATION)
        shell.measure_stations()
        shell.close()
        bus.stop()
        return lost.detail, len(ear.events)

    assert run_async(run()) == (told_so, 1)


def test_no_socket(tmp_path, run_async):
    async def run():
        ear, shell = Ear(), HostapdUbus(tmp_path / "none", "phy0-ap0")
        shell.start(ear)
        lost = await ear.wait_for(HostapdLost)
        shell.close()
        return lost.detail

    assert run_async(run()).endswith("none: No such file or directory")


def test_links_are_measured(tmp_path, run_async):
    async def run():
        async with conversation(tmp_path) as (hostapd, shell, ear):
            hostapd.let_in(STATION)
            await ear.wait_for(StationAssociated)
            shell.measure_stations()
            return (await ear.wait_for(StationsMeasured)).stations

    (one,) = run_async(run())
    assert (one.station, one.tx_rate_bps, one.rx_rate_bps, one.signal_dbm) == (
        STATION,
        54_000_000,
        1_000_000,
        -30,
    )
    assert (one.tx_bytes, one.tx_frames, one.rx_bytes, one.rx_frames) == (463, 4, 688, 6)


def test_stations_are_weighed(tmp_path, run_async):
    async def run():
        async with conversation(tmp_path) as (hostapd, shell, ear):
            hostapd.let_in(STATION)
            await ear.wait_for(StationAssociated)
            assert shell.weigh("phy0-ap0", STATION, 512)
            await until(lambda: hostapd.weights)
            shell.weigh("phy0-ap0", OTHER_STATION, 1)  # it is gone: nobody cares
            hostapd.missing = frozenset({"update_airtime"})
            shell.weigh("phy0-ap0", STATION, 1)
            await ear.wait_for(AirtimeWeightsMissed)
            return hostapd.weights, [event for event in ear.events if isinstance(event, AirtimeWeightFailed)]

    assert run_async(run()) == ({str(STATION): 512}, [])
