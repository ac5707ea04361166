"""The conversation with hostapd: stations come and go, it restarts, hangs and refuses. Against its fake;
tests/system/test_apd_hostapd.py has the real one.
"""

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from apd.events import (
    HostapdConnected,
    HostapdLost,
    HostapdRefused,
    StationAssociated,
    StationLeft,
    StationsMeasured,
)
from apd.shells.fake_hostapd import FakeHostapd
from apd.shells.hostapd import LOOK_S, REPLY_S, Hostapd
from apd.shells.reload_watch import WATCH_S
from apd.station_walk import MAX_REPLIES
from tests.apd.world import BSSID, CONSUMER, OTHER_STATION, STATION, STRANGER
from wire.ids import MacAddress

PATIENCE_S = 0.5
"""What a test waits for a reply that does not come; far more than one that comes takes on a busy machine."""


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
async def conversation(
    tmp_path, *, started: bool = True, look_s: float = LOOK_S, reply_s: float = REPLY_S, prepare=None
):
    fake, ear = FakeHostapd(tmp_path / "wlan0", b'air"grant', BSSID), Ear()
    shell = Hostapd(tmp_path / "wlan0", tmp_path / "run", look_s, reply_s)
    faults: list[dict] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
    if prepare is not None:
        prepare(fake)
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
    assert not faults, "a fault in a callback ends the daemon"


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


ANSWERING = """
import os, socket, sys
hostapd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
hostapd.bind(sys.argv[1])
os.chown(sys.argv[1], 101, 101)
os.setgroups([])
os.setgid(101)
os.setuid(101)
print("up", flush=True)
question, where = hostapd.recvfrom(64)
hostapd.sendto(b"OK\\n", where)
print(question.decode(), flush=True)
"""
"""A hostapd of another user, as OpenWrt's `network`: it takes one question and answers it."""


def test_a_hostapd_of_another_user_can_answer(run_async):
    if os.geteuid():
        pytest.skip("another user's process takes root")
    with tempfile.TemporaryDirectory() as folder:  # pytest's own is root's alone
        place = Path(folder)
        place.chmod(0o711)
        (place / "run").mkdir()
        (place / "run").chmod(0o711)  # as the service has it
        command = [sys.executable, "-I", "-c", ANSWERING, str(place / "wlan0")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as hostapd:
            assert hostapd.stdout is not None
            if hostapd.stdout.readline() != "up\n":
                pytest.skip("no other user here")

            async def run() -> None:
                shell = Hostapd(place / "wlan0", place / "run")
                shell.start(Ear())
                try:
                    await asyncio.to_thread(hostapd.wait, 10)
                finally:
                    shell.close()

            try:
                run_async(run())
            finally:
                hostapd.kill()
            told = hostapd.communicate()
            assert (told[0], hostapd.returncode) == ("ATTACH\n", 0), told[1]


def test_nobody_but_hostapd_can_tell_it_anything(tmp_path, run_async):
    async def run():
        async with conversation(tmp_path) as (_, _, _):
            (ours,) = (tmp_path / "run").iterdir()
            assert ours.stat().st_mode & 0o777 == 0o666
            with (
                socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as forger,
                pytest.raises(PermissionError),
            ):
                forger.sendto(b"<3>AP-STA-DISCONNECTED 02:00:00:00:00:01", str(ours))

    run_async(run())


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
            assert refused.info_id == 282
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
            async with conversation(tmp_path, reply_s=PATIENCE_S) as (fake, shell, ear):
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


def test_one_that_reads_its_configuration_again_is_told_all_again(tmp_path, run_async):
    """It says nothing of that itself, and its stations are gone, too."""

    async def run():
        async with conversation(tmp_path) as (fake, shell, ear):
            fake.let_in(STATION, str(CONSUMER.public))
            await until(lambda: fake.denied)
            shell.set_element(300, b"at first")
            await until(lambda: fake.elements)
            began = time.monotonic()
            fake.reload()
            assert (await ear.wait_for(HostapdConnected, 2)).stations == ()
            assert time.monotonic() - began < 3 * WATCH_S
            assert StationLeft(STATION) in ear.events
            shell.set_element(300, b"again")
            await until(lambda: fake.elements == {300: b"again"})
            assert not [event for event in ear.events if isinstance(event, HostapdLost)]

    run_async(run())


def test_one_that_hangs_is_gone(tmp_path, run_async):
    async def run():
        async with conversation(tmp_path, reply_s=PATIENCE_S) as (fake, shell, ear):
            await until(lambda: fake.said[-1] == "DENY_ACL SHOW")
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


# ---- Who comes and goes meanwhile


def strangers(count: int) -> list[MacAddress]:
    return [MacAddress(b"\x06\0\0" + number.to_bytes(3, "big")) for number in range(count)]


def test_strangers_that_go_without_a_word_hide_nobody(tmp_path, run_async):
    def prepare(fake):
        fake.stations = {STATION: str(CONSUMER.public), OTHER_STATION: "anonymous"}
        fake.strangers, fake.fleeting = strangers(3), True

    async def run():
        async with conversation(tmp_path, prepare=prepare) as (fake, shell, ear):
            found = (await ear.wait_for(HostapdConnected)).stations
            assert [one.station for one in found] == [STATION, OTHER_STATION]
            fake.strangers = strangers(3)
            shell.measure_stations()
            measured = await ear.wait_for(StationsMeasured)
            assert {STATION, OTHER_STATION} <= {one.station for one in measured.stations}

    run_async(run())


def test_more_strangers_than_can_be_listed_are_no_end_of_the_list(tmp_path, run_async):
    """Sessions of stations that were not listed would end: it is gone, until they can be."""

    def prepare(fake):
        fake.start()
        fake.stations, fake.fleeting = {STATION: str(CONSUMER.public)}, True
        fake.strangers = strangers(MAX_REPLIES // 2 + 10)

    async def run():
        async with conversation(tmp_path, started=False, prepare=prepare) as (_, _, ear):
            assert (await ear.wait_for(HostapdLost)).detail == "STA-NEXT: no end of stations"
            connected = await ear.wait_for(HostapdConnected)
            assert [one.station for one in connected.stations] == [STATION]

    run_async(run())


# ---- What was missed


def happened(ear: Ear) -> list:
    return [event for event in ear.events if isinstance(event, StationAssociated | StationLeft)]


def test_an_event_that_was_lost_is_told_at_the_next_look(tmp_path, run_async):
    async def run():
        async with conversation(tmp_path, look_s=0.02) as (fake, _, ear):
            fake.events_lost = True
            fake.let_in(STATION, str(CONSUMER.public))
            assert await ear.wait_for(StationAssociated) == StationAssociated(STATION, CONSUMER.public)
            fake.leave(STATION)
            assert await ear.wait_for(StationLeft) == StationLeft(STATION)

    run_async(run())


def test_a_listener_that_was_dropped_attaches_again(tmp_path, run_async):
    async def run():
        async with conversation(tmp_path, look_s=0.02) as (fake, _, ear):
            fake.drop_listeners()
            await until(lambda: fake._listeners)
            fake.let_in(STATION, str(CONSUMER.public))
            await ear.wait_for(StationAssociated)
            assert f"STA {STATION}" in fake.said, "it was the event that told"

    run_async(run())


def test_looking_again_tells_nothing_that_is_known(tmp_path, run_async):
    """Sessions go on untouched: no event, no second `HostapdConnected`."""

    def prepare(fake):
        fake.stations, fake.strangers = {STATION: str(CONSUMER.public)}, strangers(2)

    async def run():
        async with conversation(tmp_path, look_s=0.01, prepare=prepare) as (fake, shell, ear):
            fake.let_in(OTHER_STATION, "anonymous")
            await ear.wait_for(StationAssociated)
            looks = fake.said.count("DETACH")
            await until(lambda: fake.said.count("DETACH") >= looks + 5)
            shell.set_element(280, b"x")
            await until(lambda: fake.elements)
            assert len(ear.events) == 2, ear.events

    run_async(run())


def test_who_calls_itself_something_else_for_a_moment_is_who_it_was(tmp_path, run_async):
    """As while it proves its key again; one that stays another is told."""

    async def run():
        async with conversation(tmp_path, look_s=0.02) as (fake, _, ear):
            fake.let_in(STATION, str(CONSUMER.public))
            await ear.wait_for(StationAssociated)
            looks = fake.said.count("STA-FIRST")
            fake.stations[STATION] = "anonymous"
            await until(lambda: fake.said.count("STA-FIRST") == looks + 1)
            fake.stations[STATION] = str(CONSUMER.public)
            await until(lambda: fake.said.count("STA-FIRST") >= looks + 3)
            assert len(happened(ear)) == 1
            fake.stations[STATION] = str(STRANGER.public)
            assert await ear.wait_for(StationAssociated, 2) == StationAssociated(STATION, STRANGER.public)

    run_async(run())


# ---- Ends at bad moments


def test_one_that_dies_between_two_requests_is_lost_and_nothing_else(tmp_path, run_async):
    """The reply to the first came; the second cannot be sent."""

    async def run():
        async with conversation(tmp_path) as (fake, shell, ear):
            fake.stations = {STATION: str(CONSUMER.public)}
            fake.dies_after = "STA-FIRST"
            shell.measure_stations()
            shell.set_element(280, b"")
            await ear.wait_for(HostapdLost)
            fake.start()
            await ear.wait_for(HostapdConnected, 2)

    run_async(run())


@pytest.mark.parametrize("command", ["ATTACH", "GET_CONFIG", "STA-FIRST", f"STA-NEXT {STATION}"])
def test_one_that_dies_while_it_is_asked_who_is_there(command, tmp_path, run_async):
    def prepare(fake):
        fake.stations, fake.dies_after = {STATION: str(CONSUMER.public)}, command

    async def run():
        async with conversation(tmp_path, started=False, prepare=prepare) as (fake, _, ear):
            fake.start()
            await until(lambda: not fake.dies_after)
            fake.start()
            await ear.wait_for(HostapdConnected)

    run_async(run())


def test_a_late_reply_is_no_answer_to_a_later_question(tmp_path, run_async):
    async def run():
        async with conversation(tmp_path, reply_s=PATIENCE_S) as (fake, shell, ear):
            fake.answers = False
            shell.set_element(280, b"")
            await ear.wait_for(HostapdLost)
            await until(lambda: fake.said.count("ATTACH") == 2)
            fake.catch_up()
            await ear.wait_for(HostapdConnected, 2)
            assert fake.said.count("ATTACH") == 2, "it had to begin a third time"

    run_async(run())
