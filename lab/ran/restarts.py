"""A gNB that forgets everything, again and again: how long until all stands again as it was sold.

The cell is the product's, over a real socket (`cell_loop`).   Units: seconds, bit/s of IP.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lab.ran.cell_loop import CellLoop, running_cell
from lab.ran.cell_model import Cell
from lab.ran.gnb_simulator import GnbSettings, GnbSimulator, running_gnb
from ran_slicing.cell import State
from ran_slicing.cell_commands import GrantSlot
from ran_slicing.cell_events import SliceSold
from ran_slicing.snssai import Snssai

RESTARTED_S = 20.0


@dataclass(frozen=True, slots=True)
class Restart:
    """`forgotten`: its slices stood as in the file when it came back. `back_s`: until all stood as they were sold."""

    away_s: float
    forgotten: bool
    back_s: float


def restarts(
    state: State,
    new_cell: Callable[[], Cell],
    sales: Sequence[tuple[Snssai, int, int]],
    away_s: Sequence[float],
) -> list[Restart]:
    """Sell floors, (slot, RNTI, bit/s), and restart the gNB once for each time that it is to stay away."""
    return asyncio.run(_restarts(state, new_cell, sales, away_s))


async def _restarts(
    state: State,
    new_cell: Callable[[], Cell],
    sales: Sequence[tuple[Snssai, int, int]],
    away_s: Sequence[float],
) -> list[Restart]:
    settings = GnbSettings(du_report_period_ms=100)
    async with running_gnb(new_cell, settings) as gnb, running_cell(state, settings.host, gnb.port) as cell:
        for index, (snssai, rnti, floor_bps) in enumerate(sales):
            grant_id = bytes([index]) * 16
            said = cell.tell(SliceSold(grant_id, floor_bps, floor_bps, snssai, rnti=rnti))
            assert GrantSlot(grant_id, snssai) in said, said
        await cell.until(lambda: _stands(gnb, sales))
        return [await _restart(gnb, cell, sales, each) for each in away_s]


async def _restart(
    gnb: GnbSimulator, cell: CellLoop, sales: Sequence[tuple[Snssai, int, int]], away_s: float
) -> Restart:
    """What stands is looked up in the gNB itself: its answers prove nothing."""
    await gnb.restart(away_s)
    began_s = time.monotonic()
    forgotten = not _stands(gnb, sales)
    await cell.until(lambda: _stands(gnb, sales), RESTARTED_S)
    return Restart(away_s, forgotten, time.monotonic() - began_s)


def _stands(gnb: GnbSimulator, sales: Sequence[tuple[Snssai, int, int]]) -> bool:
    found = [gnb.cell.find_slice((snssai.sst, snssai.sd)) for snssai, _, _ in sales]
    return all(each is not None and each.min_prb > 0 for each in found)
