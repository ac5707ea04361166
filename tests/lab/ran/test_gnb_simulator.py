"""The socket of the simulator, asked by a client that is not ours."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from lab.ran.cell_model import Carrier, Cell
from lab.ran.fading import STATIC
from lab.ran.gnb_simulator import GnbSettings, GnbSimulator, running_gnb
from lab.ran.sources import steady

QUIET = GnbSettings(speed=0)
FAST = GnbSettings(speed=5.0, du_report_period_ms=50)
Scene = Callable[[GnbSimulator, ClientConnection], Awaitable[None]]


def new_cell() -> Cell:
    cell = Cell(Carrier(), 1)
    for sd in (1, 2):
        cell.add_slice((1, sd), 0, 51)
    cell.add_ue(0x4601, (1, 1), 20.0, STATIC, steady(1e6, 1))
    return cell


def play(scene: Scene, settings: GnbSettings) -> None:
    async def whole() -> None:
        async with (
            running_gnb(new_cell, settings) as gnb,
            connect(gnb.url, compression=None, ping_interval=None) as client,
        ):
            await scene(gnb, client)

    asyncio.run(asyncio.wait_for(whole(), 20))


async def ask(client: ClientConnection, frame: object) -> dict[str, Any]:
    await client.send(json.dumps(frame))
    page: dict[str, Any] = json.loads(await client.recv())
    return page


def ratio(low: int, high: int) -> dict[str, Any]:
    member = {"plmn": "00101", "sst": 1, "sd": 1}
    wanted = {"resourceType": "PRB", "rRMPolicyMemberList": [member]}
    return {
        "cmd": "rrm_policy_ratio_set",
        "policies": wanted | {"min_prb_policy_ratio": low, "max_prb_policy_ratio": high},
    }


def test_a_change_is_in_force_when_it_is_answered() -> None:
    async def scene(gnb: GnbSimulator, client: ClientConnection) -> None:
        assert (await ask(client, ratio(20, 40)))["cmd"] == "rrm_policy_ratio_set"
        assert (gnb.cell.slices[1].min_prb, gnb.cell.slices[1].max_prb) == (10, 20)

    play(scene, QUIET)


def test_a_restart_forgets_what_was_set_and_ends_connections_without_a_word() -> None:
    async def scene(gnb: GnbSimulator, client: ClientConnection) -> None:
        await ask(client, ratio(20, 40))
        port, before = gnb.port, {rnti: ue.slice_name for rnti, ue in gnb.cell.ues.items()}
        await gnb.restart()
        after = {rnti: ue.slice_name for rnti, ue in gnb.cell.ues.items()}
        assert after.keys() == before.keys()
        assert after != before or len(set(before.values())) == 1, "an RNTI is somebody else's now"
        with pytest.raises(ConnectionClosed):
            await client.recv()
        assert client.close_code == 1006
        assert gnb.port == port
        assert (gnb.cell.slices[1].min_prb, gnb.cell.slices[1].max_prb) == (0, 51)
        async with connect(gnb.url) as again:
            assert "timestamp" in await ask(again, ratio(20, 40))
        assert gnb.cell.slices[1].min_prb == 10

    play(scene, QUIET)


def test_a_frame_above_sixteen_kibibytes_ends_the_connection() -> None:
    async def scene(gnb: GnbSimulator, client: ClientConnection) -> None:
        whole = json.dumps({"cmd": "reboot", "x": ""})
        fits = whole.replace('""', '"' + "x" * (16 * 1024 - len(whole)) + '"')
        assert len(fits) == 16 * 1024
        await client.send(fits)
        assert "Unknown command" in str(await client.recv())
        await client.send(fits + " ")
        with pytest.raises(ConnectionClosed):
            await client.recv()
        assert client.close_code == 1009

    play(scene, QUIET)


def test_only_text_is_understood() -> None:
    async def scene(gnb: GnbSimulator, client: ClientConnection) -> None:
        await client.send(b"\x00")
        assert "only supports opcode TEXT" in json.loads(await client.recv())["error"]
        assert gnb.received == []

    play(scene, QUIET)


def test_a_silent_connection_is_closed() -> None:
    async def scene(gnb: GnbSimulator, client: ClientConnection) -> None:
        await ask(client, ratio(20, 40))
        with pytest.raises(ConnectionClosed):
            await client.recv()
        assert gnb.clients == 0
        assert gnb.cell.slices[1].min_prb == 10, "the cell keeps what it was told"

    play(scene, GnbSettings(speed=0, idle_timeout_s=0.2))


def test_a_ping_puts_off_the_end() -> None:
    async def scene(gnb: GnbSimulator, client: ClientConnection) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + 1.2
        while loop.time() < until:
            await (await client.ping())
            waiter = asyncio.ensure_future(client.wait_closed())
            await asyncio.wait({waiter}, timeout=0.1)
            waiter.cancel()
        assert "timestamp" in await ask(client, ratio(20, 40))

    play(scene, GnbSettings(speed=0, idle_timeout_s=0.5))


def test_metrics_come_to_those_who_ask_from_both_layers() -> None:
    async def scene(gnb: GnbSimulator, client: ClientConnection) -> None:
        assert "error" not in await ask(client, {"cmd": "metrics_subscribe"})
        async with connect(gnb.url) as other:
            frames = [json.loads(await client.recv()) for _ in range(4)]
            assert [("cells" in page, "du" in page) for page in frames] == [(True, False), (False, True)] * 2
            assert frames[0]["cells"][0]["ue_list"][0]["rnti"] == 0x4601
            # The first frame that the other client gets is the answer to its own question.
            assert "cmd" in await ask(other, {"cmd": "metrics_unsubscribe"})

    play(scene, FAST)


def test_ues_that_come_and_go_are_events() -> None:
    async def scene(gnb: GnbSimulator, client: ClientConnection) -> None:
        await ask(client, {"cmd": "metrics_subscribe"})
        gnb.cell.add_ue(0x4602, (1, 2), 20.0, STATIC)
        seen = await next_events(client)
        assert ("ue_create", 0x4602) in seen
        gnb.cell.remove_ue(0x4602)
        assert ("ue_rem", 0x4602) in await next_events(client)

    play(scene, FAST)


async def next_events(client: ClientConnection) -> list[tuple[str, int]]:
    while True:
        page = json.loads(await client.recv())
        events = page.get("cells", [{}])[0].get("event_list", [])
        if events:
            return [(each["event_type"], each["rnti"]) for each in events]


def test_without_json_metrics_there_is_nothing_to_subscribe_to() -> None:
    async def scene(gnb: GnbSimulator, client: ClientConnection) -> None:
        assert "Unknown command type" in (await ask(client, {"cmd": "metrics_subscribe"}))["error"]

    play(scene, GnbSettings(speed=0, enable_json=False))


def test_quit_ends_the_gnb() -> None:
    async def scene(gnb: GnbSimulator, client: ClientConnection) -> None:
        await ask(client, {"cmd": "quit"})
        with pytest.raises(ConnectionClosed):
            await client.recv()
        assert gnb.has_quit
        with pytest.raises(OSError, match="Connect"):
            await connect(gnb.url)

    play(scene, QUIET)


def test_log_lines_stay_in_the_gnb() -> None:
    async def scene(gnb: GnbSimulator, client: ClientConnection) -> None:
        wanted = ratio(20, 40)
        wanted["policies"]["rRMPolicyMemberList"][0]["sd"] = 77
        assert set(await ask(client, wanted)) == {"cmd", "timestamp"}
        assert len(gnb.log) == 1

    play(scene, QUIET)


def test_an_answer_may_be_slow() -> None:
    async def scene(gnb: GnbSimulator, client: ClientConnection) -> None:
        began = asyncio.get_running_loop().time()
        await ask(client, ratio(20, 40))
        assert asyncio.get_running_loop().time() - began >= 0.2

    play(scene, GnbSettings(speed=0, reply_delay_s=0.2))
