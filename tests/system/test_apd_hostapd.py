"""The control socket of the real hostapd, without a radio (`driver=none`), and its fake: the same conversation with
both, so that what is tried against the fake holds for the real one.
"""

import asyncio
import signal
import socket
import subprocess
import time
from contextlib import asynccontextmanager, contextmanager

import pytest

from apd.events import HostapdConnected, HostapdLost, HostapdRefused
from apd.hostapd_text import MAX_COMMAND_BYTES, format_element
from apd.shells.fake_hostapd import FakeHostapd
from apd.shells.hostapd import LOOK_S, Hostapd
from apd.shells.reload_watch import MARK, WATCH_S
from nas_tunnel.anqp import MAX_ELEMENT_BYTES, VENDOR
from wire.ids import MacAddress

pytestmark = pytest.mark.system

SSID = b'air"grant'
STATION = MacAddress.parse("02:00:00:00:01:00")


@contextmanager
def real(folder):
    """A hostapd process; its control socket."""
    (folder / "hostapd.conf").write_text(
        f"interface=none0\ndriver=none\nctrl_interface={folder}/ctrl\nssid={SSID.decode()}\ninterworking=1\n"
    )
    with (folder / "hostapd.log").open("w") as log:
        process = subprocess.Popen(["hostapd", folder / "hostapd.conf"], stdout=log, stderr=log)
        try:
            yield folder / "ctrl" / "none0", process.terminate, lambda: process.send_signal(signal.SIGHUP)
        finally:
            process.kill()
            process.wait()


@contextmanager
def faked(folder):
    fake = FakeHostapd(folder / "none0", SSID)
    fake.start()
    try:
        yield fake.path, fake.stop, fake.reload
    finally:
        fake.kill()


@pytest.fixture(params=[real, faked], ids=["real", "fake"])
def hostapd(request, needs):
    """How to start one: `with hostapd(folder) as (socket, stop, reload)`, in a running loop."""
    needs("hostapd")
    return request.param


@asynccontextmanager
async def conversation(hostapd, folder, look_s=LOOK_S):
    events: asyncio.Queue = asyncio.Queue()
    with hostapd(folder) as (path, stop, _):
        shell = Hostapd(path, folder / "run", look_s)
        shell.start(events.put_nowait)
        try:
            yield shell, events, path, stop
        finally:
            shell.close()


async def next_of(events, kind):
    async with asyncio.timeout(10):
        while not isinstance(event := await events.get(), kind):
            pass
    return event


async def ask(path, folder, *commands: str) -> list[str]:
    """Replies, by a socket of our own."""

    def talk() -> list[str]:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
            client.bind(str(folder / "asker"))
            client.connect(str(path))
            client.settimeout(5)
            replies = []
            for command in commands:
                client.send(command.encode())
                replies.append(client.recv(8_192).decode())
        (folder / "asker").unlink()
        return replies

    return await asyncio.to_thread(talk)


def test_it_is_found_and_says_which_network_it_is(hostapd, tmp_path, run_async):
    async def run():
        async with conversation(hostapd, tmp_path) as (_, events, _, _):
            return await next_of(events, HostapdConnected)

    assert run_async(run()) == HostapdConnected(SSID, MacAddress(bytes(6)))


def test_elements_up_to_our_limit_are_taken_at_once(hostapd, tmp_path, run_async):
    async def run():
        async with conversation(hostapd, tmp_path) as (shell, events, _, _):
            await next_of(events, HostapdConnected)
            began = time.perf_counter()
            for info_id in (VENDOR, 278, *range(280, 300)):
                shell.set_element(info_id, bytes(MAX_ELEMENT_BYTES))
            shell.set_element(280, b"")
            shell.set_beacon_element(b"\xdd\x04\x02AG\x04")
            shell.deauthenticate(STATION)
            shell.set_element(282, bytes(2_040))  # the only one that is refused
            refused = await next_of(events, HostapdRefused)
            assert "anqp_elem 282:" in refused.what
            assert time.perf_counter() - began < 0.5, "twenty times what one may take, for 22 of them"

    run_async(run())


def test_the_same_question_has_the_same_answer(hostapd, tmp_path, run_async):
    """What the fake says is what the real one was heard to say."""
    most = (MAX_COMMAND_BYTES - len(format_element(282, b""))) // 2
    told = {
        "PING": "PONG\n",
        "ATTACH": "OK\n",
        "GET_CONFIG": 'bssid=00:00:00:00:00:00\nssid=air\\"grant\nwps_state=disabled\n',
        "STA-FIRST": "",
        f"STA {STATION}": "FAIL\n",
        f"STA-NEXT {STATION}": "FAIL\n",
        format_element(282, bytes(most)): "OK\n",
        format_element(282, bytes(most + 1)): "FAIL\n",
        "SET anqp_elem zz": "FAIL\n",
        "SET anqp_elem 280:0": "FAIL\n",
        "SET anqp_elem 0:00": "OK\n",
        "SET anqp_elem 65535:00": "OK\n",
        "SET anqp_elem 65536:00": "OK\n",
        "SET vendor_elements dd04024147ff": "OK\n",
        "SET vendor_elements xx": "FAIL\n",
        "UPDATE_BEACON": "OK\n",
        f"DENY_ACL ADD_MAC {MARK}": "OK\n",
        "DENY_ACL SHOW": f"{MARK} VLAN_ID=0\n",
        "PMKSA_FLUSH": "OK\n",
        f"DEAUTHENTICATE {STATION}": "OK\n",
        "DEAUTHENTICATE nobody": "FAIL\n",
        "SET nonsense 1": "FAIL\n",
        "NONSENSE": "UNKNOWN COMMAND\n",
    }

    async def run():
        async with conversation(hostapd, tmp_path) as (_, events, path, _):
            await next_of(events, HostapdConnected)
            return await ask(path, tmp_path, *told)

    assert dict(zip(told, run_async(run()), strict=True)) == told


def test_who_was_not_attached_is_told_so_and_attaches_as_often_as_it_likes(hostapd, tmp_path, run_async):
    """By which one that was dropped unawares may DETACH and ATTACH, and hears each event once."""
    commands = ["DETACH", "ATTACH", "ATTACH", "DETACH", "ATTACH"]

    async def run():
        async with conversation(hostapd, tmp_path) as (_, events, path, _):
            await next_of(events, HostapdConnected)
            return await ask(path, tmp_path, *commands)

    assert run_async(run()) == ["FAIL\n", "OK\n", "OK\n", "OK\n", "OK\n"]


def test_one_that_was_dropped_as_a_listener_attaches_again_and_tells_nothing_new(
    hostapd, tmp_path, run_async
):
    async def looks(shell, count: int) -> None:
        for _ in range(count):
            timer = shell._look_timer
            while shell._look_timer is timer or shell._waiting:  # noqa: ASYNC110 - a look tells nothing
                await asyncio.sleep(0)

    async def run():
        async with conversation(hostapd, tmp_path, look_s=0.02) as (shell, events, _, stop):
            await next_of(events, HostapdConnected)
            await looks(shell, 2)
            shell._ask("DETACH", lambda _: None)
            await looks(shell, 2)
            assert events.empty()
            stop()
            return await next_of(events, HostapdLost)

    assert run_async(run()).detail == "it was stopped", "which only a listener hears"


def test_one_that_is_stopped_says_so(hostapd, tmp_path, run_async):
    async def run():
        async with conversation(hostapd, tmp_path) as (_, events, _, stop):
            await next_of(events, HostapdConnected)
            stop()
            return await next_of(events, HostapdLost)

    assert run_async(run()).detail == "it was stopped"


def test_that_it_has_read_its_configuration_again_is_noticed(hostapd, tmp_path, run_async):
    """It says nothing of it, and what it was set is gone: whoever hears that it is there sets all again."""

    async def run():
        events: asyncio.Queue = asyncio.Queue()
        with hostapd(tmp_path) as (path, _, reload):
            shell = Hostapd(path, tmp_path / "run")
            shell.start(events.put_nowait)
            await next_of(events, HostapdConnected)
            while not (await ask(path, tmp_path, "DENY_ACL SHOW"))[0]:  # noqa: ASYNC110 the mark is being put
                await asyncio.sleep(0)
            for _ in range(2):
                reload()
                began = time.monotonic()
                await next_of(events, HostapdConnected)
                assert time.monotonic() - began < 3 * WATCH_S
                while not (await ask(path, tmp_path, "DENY_ACL SHOW"))[0]:  # noqa: ASYNC110
                    await asyncio.sleep(0)
            shell.close()
            assert events.empty()

    run_async(run())
