"""The product's cell, its own socket, a gNB with every trap: a floor is kept, a restart survived, silence too."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from lab.ran.cell_loop import CellLoop, running_cell
from lab.ran.cell_model import Cell
from lab.ran.gnb_file import new_state, slots_of
from lab.ran.gnb_process import FIRST_RNTI, new_cell
from lab.ran.gnb_simulator import GnbSettings, GnbSimulator, running_gnb
from ran_slicing.cell_commands import GrantSlot, RefuseSlot
from ran_slicing.cell_events import SliceEnded, SliceSold
from ran_slicing.snssai import Snssai

ONE, TWO = b"grant one", b"grant two"
A, B = Snssai(1, 1), Snssai(1, 2)
SETTINGS = GnbSettings(du_report_period_ms=100)
Scene = Callable[[GnbSimulator, CellLoop], Awaitable[None]]


def still_cell() -> Cell:
    return new_cell(20, 2, still=True)


def play(scene: Scene, settings: GnbSettings = SETTINGS, make: Callable[[], Cell] = still_cell) -> None:
    async def whole() -> None:
        async with (
            running_gnb(make, settings) as gnb,
            running_cell(new_state(slots_of(20)), settings.host, gnb.port) as cell,
        ):
            await scene(gnb, cell)

    asyncio.run(asyncio.wait_for(whole(), 40))


def sell(
    cell: CellLoop, grant_id: bytes, floor_bps: int, ceil_bps: int, snssai: Snssai, rnti: int
) -> GrantSlot | RefuseSlot:
    """A floor for the UE in that slot, which somebody knows."""
    said = cell.tell(SliceSold(grant_id, floor_bps, ceil_bps, snssai, rnti=rnti))
    (answer,) = (word for word in said if isinstance(word, GrantSlot | RefuseSlot))
    return answer


def shares(gnb: GnbSimulator, snssai: Snssai) -> tuple[int, int]:
    found = gnb.cell.find_slice((snssai.sst, snssai.sd))
    assert found is not None
    return found.min_prb, found.max_prb


def test_slots_that_nobody_bought_are_blocked_in_batches_of_sixteen() -> None:
    async def scene(gnb: GnbSimulator, cell: CellLoop) -> None:
        await cell.until(lambda: cell.state.session.is_settled)
        assert {shares(gnb, each) for each in slots_of(20)} == {(0, 0)}
        assert all("list is full" in line for line in gnb.log), "said of the sixteenth already"
        assert sum("rrm_policy_ratio_set" in text for text in gnb.received) == 2

    play(scene)


def test_a_floor_is_sold_kept_and_ended() -> None:
    async def scene(gnb: GnbSimulator, cell: CellLoop) -> None:
        await cell.until(lambda: cell.state.session.is_settled)
        assert isinstance(sell(cell, ONE, 2_000_000, 2_000_000, A, FIRST_RNTI), GrantSlot)
        assert isinstance(sell(cell, TWO, 90_000_000, 0, B, FIRST_RNTI + 1), RefuseSlot)
        await cell.until(lambda: bool(cell.taken))
        assert shares(gnb, A)[0] > 0
        ue = gnb.cell.ues[FIRST_RNTI]
        reports = len(cell.state.deliveries)
        await cell.until(lambda: cell.state.deliveries.keys() == {ONE} and reports == 0)
        began_bits, began_s = ue.tally.delivered_bits, gnb.cell.now_s
        await cell.until(lambda: gnb.cell.now_s - began_s > 1.5)
        assert (ue.tally.delivered_bits - began_bits) / (gnb.cell.now_s - began_s) > 0.95 * 2_000_000
        cell.tell(SliceEnded(ONE))
        await cell.until(lambda: cell.state.session.is_settled)
        assert shares(gnb, A) == (0, 0)
        assert [note.kind for note in cell.notes] == ["gnb_connected"]

    play(scene)


def test_a_gnb_that_closes_silent_connections_is_connected_to_again() -> None:
    """Stopped time: no metrics, no requests, and so nothing but silence until the gNB hangs up."""

    async def scene(gnb: GnbSimulator, cell: CellLoop) -> None:
        await cell.until(lambda: cell.state.session.is_settled)
        await cell.until(lambda: [note.kind for note in cell.notes].count("gnb_connected") == 2)
        assert "gnb_lost" in [note.kind for note in cell.notes]

    play(scene, GnbSettings(speed=0, idle_timeout_s=0.4))


def test_without_metrics_it_is_served_blindly_and_said() -> None:
    async def scene(gnb: GnbSimulator, cell: CellLoop) -> None:
        await cell.until(lambda: cell.state.session.no_metrics)
        assert isinstance(sell(cell, ONE, 2_000_000, 2_000_000, A, FIRST_RNTI), GrantSlot)
        await cell.until(lambda: bool(cell.taken))
        assert shares(gnb, A)[0] > 0
        assert "gnb_refused" in [note.kind for note in cell.notes]

    play(scene, GnbSettings(enable_json=False))
