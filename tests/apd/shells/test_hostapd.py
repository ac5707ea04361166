"""The conversation with hostapd: stations come and go, it restarts, hangs and refuses. Against its fake;
tests/system/test_apd_hostapd.py has the real one.
"""

import asyncio
import time
from contextlib import asynccontextmanager

from apd.events import (
    HostapdConnected,
    HostapdLost,
    HostapdRefused,
    StationAssociated,
    StationLeft,
    StationsMeasured,
)
from apd.shells.fake_hostapd import FakeHostapd
from apd.shells.hostapd import Hostapd
from tests.apd.world import BSSID, CONSUMER, OTHER_STATION, STATION


class Ear:
    """What the shell reported; `wait_for` waits for the next of a kind."""

    def __init__(self) -> None:
        self.events: list = []
        self._news = asyncio.Event()

    def __call__(self, event) -> None:
        self.events.append(event)
        self._news.set()

    async def wait_for(self, kind, count: int = 1):
        async with asyncio.timeout(10):
            while len(found := [event for event in self.events if isinstance(event, kind)]) < count:
                self._news.clear()
                await self._news.wait()
        return found[count - 1]


@asynccontextmanager
async def conversation(tmp_path, *, started: bool = True):
    fake, ear = FakeHostapd(tmp_path / "wlan0", b'air"grant', BSSID), Ear()
    shell = Hostapd(tmp_path / "wlan0", tmp_path / "run")
    if started:
        fake.start()
    shell.start(ear)
    try:
        if started:
            await ear.wait_for(HostapdConnected)
        yield fake, shell, ear
    finally:
        shell.close()
        fake.kill()
    assert not list((tmp_path / "run").iterdir()), "our socket stays behind"


async def until(fact) -> None:
    async with asyncio.timeout(10):
        while not fact():  # noqa: ASYNC110 - as a real hostapd, the fake has no event for what it was told
            await asyncio.sleep(0)


def test_it_says_which_network_it_is_and_who_is_there(tmp_path, run_async):
    async def run():
        fake = FakeHostapd(tmp_path / "wlan0", b'air"grant', BSSID)
        fake.start()
        fake.stations = {STATION: str(CONSUMER.public), OTHER_STATION: "anonymous"}
        ear, shell = Ear(), Hostapd(tmp_path / "wlan0", tmp_path / "run")
        shell.start(ear)
        try:
            return await ear.wait_for(HostapdConnected)
        finally:
            shell.close()
            fake.kill()

    assert run_async(run()) == HostapdConnected(
        b'air"grant',
        BSSID,
        (StationAssociated(STATION, CONSUMER.public), StationAssociated(OTHER_STATION, None)),
    )


def test_stations_come_with_their_account_and_go(tmp_path, run_async):
    async def run():
        async with conversation(tmp_path) as (fake, _, ear):
            fake.let_in(STATION, str(CONSUMER.public))
            assert await ear.wait_for(StationAssociated) == StationAssociated(STATION, CONSUMER.public)
            fake.leave(STATION)
            assert await ear.wait_for(StationLeft) == StationLeft(STATION)

    run_async(run())


def test_one_that_is_gone_before_we_asked_who_it_is_never_came(tmp_path, run_async):
    async def run():
        async with conversation(tmp_path) as (fake, _, ear):
            fake.let_in(STATION, str(CONSUMER.public))
            fake.leave(STATION)
            await ear.wait_for(StationLeft)
            await until(lambda: f"STA {STATION}" in fake.said)
            fake.let_in(OTHER_STATION, str(CONSUMER.public))
            await ear.wait_for(StationAssociated)
            assert [event.station for event in ear.events if isinstance(event, StationAssociated)] == [
                OTHER_STATION
            ]

    run_async(run())


def test_elements_and_beacons_are_set_at_once(tmp_path, run_async):
    async def run():
        async with conversation(tmp_path) as (fake, shell, _):
            began = time.perf_counter()
            shell.set_element(56797, b"offer" * 400)
            shell.set_beacon_element(b"\xdd\x04\x02AG\x04")
            await until(lambda: fake.beacons)
            took_s = time.perf_counter() - began
            assert (fake.elements, fake.vendor_elements) == ({56797: b"offer" * 400}, b"\xdd\x04\x02AG\x04")
            assert took_s < 0.05

    run_async(run())


def test_what_it_will_not_do_is_told(tmp_path, run_async):
    async def run():
        async with conversation(tmp_path) as (_, shell, ear):
            shell.set_element(282, bytes(2_040))
            refused = await ear.wait_for(HostapdRefused)
            assert refused.what.startswith("SET anqp_elem 282:")
            assert refused.what.endswith("FAIL")

    run_async(run())


def test_who_is_thrown_out_comes_back_by_radius_only(tmp_path, run_async):
    async def run():
        async with conversation(tmp_path) as (fake, shell, ear):
            fake.let_in(STATION, str(CONSUMER.public))
            await ear.wait_for(StationAssociated)
            shell.deauthenticate(STATION)
            await ear.wait_for(StationLeft)
            assert fake.said.index("PMKSA_FLUSH") < fake.said.index(f"DEAUTHENTICATE {STATION}")

    run_async(run())


def test_stations_are_measured(tmp_path, run_async):
    async def run():
        async with conversation(tmp_path) as (fake, shell, ear):
            fake.stations = {STATION: "a", OTHER_STATION: "b"}
            shell.measure_stations()
            shell.measure_stations()
            measured = await ear.wait_for(StationsMeasured)
            assert [one.station for one in measured.stations] == [STATION, OTHER_STATION]
            assert measured.stations[0].tx_rate_bps == 54_000_000
            assert fake.said.count("STA-FIRST") == 2, "once to connect, once to measure"

    run_async(run())


def test_a_restart_is_noticed_and_everything_is_said_again(tmp_path, run_async):
    async def run():
        for end in ("stop", "kill"):
            async with conversation(tmp_path) as (fake, shell, ear):
                getattr(fake, end)()
                shell.set_element(280, b"")
                await ear.wait_for(HostapdLost)
                shell.set_element(281, b"")
                fake.start()
                await ear.wait_for(HostapdConnected, 2)
                assert len([event for event in ear.events if isinstance(event, HostapdLost)]) == 1
                assert fake.elements == {}, "what the core said to one that was not there is not said late"

    run_async(run())


def test_one_that_begins_anew_without_a_restart_is_looked_at_again(tmp_path, run_async):
    async def run():
        async with conversation(tmp_path) as (fake, _, ear):
            fake.ssid = b"other"
            fake._tell("AP-ENABLED")
            assert (await ear.wait_for(HostapdConnected, 2)).ssid == b"other"

    run_async(run())


def test_one_that_hangs_is_gone(tmp_path, run_async):
    async def run():
        async with conversation(tmp_path) as (fake, shell, ear):
            fake.answers = False
            shell.set_element(280, b"")
            lost = await ear.wait_for(HostapdLost)
            assert "no answer to SET anqp_elem 280" in lost.detail
            fake.answers = True
            await ear.wait_for(HostapdConnected, 2)

    run_async(run())


def test_one_that_is_not_there_yet_is_waited_for(tmp_path, run_async):
    async def run():
        async with conversation(tmp_path, started=False) as (fake, _, ear):
            await ear.wait_for(HostapdLost)
            fake.start()
            await ear.wait_for(HostapdConnected)

    run_async(run())
