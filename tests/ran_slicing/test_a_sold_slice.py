"""Everything of a cell together: our file, our socket, our loop, against a gNB that is not ours to the last byte."""

import asyncio
import contextlib
from pathlib import Path

from lab.ran.cell_loop import running_cell
from lab.ran.cell_model import Carrier, Cell
from lab.ran.fading import STATIC
from lab.ran.gnb_simulator import GnbSettings, running_gnb
from lab.ran.sources import full_buffer, steady
from ran_slicing.cell import start
from ran_slicing.cell_commands import GrantSlot, Note
from ran_slicing.cell_events import GrantsCounted, SliceEnded, SliceSold
from ran_slicing.gnb_config import read_gnb_files, refuse_fatal
from ran_slicing.settings import CellSettings
from ran_slicing.snssai import Snssai
from tests.ran_slicing.gnb_files import SOUND

A, B = Snssai(1, 0xA600), Snssai(1, 0xA601)
ONE = b"grant one"
FLOOR = 3_000_000


def new_cell():
    """UE 1 in the slot that will be sold, asking for more than its floor; three others take all they get."""
    cell = Cell(Carrier(), seed=3)
    for snssai in (A, B):
        cell.add_slice((snssai.sst, snssai.sd), 0, cell.carrier.prbs)
    cell.add_ue(1, (A.sst, A.sd), 14.0, STATIC, steady(FLOOR * 1.05, 1))
    for rnti in (2, 3, 4):
        cell.add_ue(rnti, None, 18.0, STATIC, full_buffer())
    return cell


def new_state():
    config, findings = read_gnb_files([("gnb.yml", SOUND)])
    refuse_fatal(findings)
    return start(CellSettings((Path("gnb.yml"),), (str(A), str(B))), config)


@contextlib.asynccontextmanager
async def box_and_gnb(**settings):
    async with (
        running_gnb(new_cell, GnbSettings(du_report_period_ms=50, **settings)) as gnb,
        running_cell(new_state(), "127.0.0.1", gnb.port) as box,
    ):
        yield box, gnb


def slot(gnb):
    found = gnb.cell.find_slice((A.sst, A.sd))
    assert found is not None
    return found


def test_a_slot_from_blocked_to_sold_to_blocked():
    async def story():
        async with box_and_gnb() as (box, gnb):
            await box.until(lambda: slot(gnb).max_prb == 0)
            box.tell(SliceSold(ONE, FLOOR, snssai=A))
            assert box.said[-1] == GrantSlot(ONE, A)
            await box.until(lambda: slot(gnb).min_prb > 0)
            box.tell(SliceEnded(ONE))
            await box.until(lambda: slot(gnb).max_prb == 0)
            await box.until(lambda: box.state.session.is_settled)
            assert gnb.log == []

    asyncio.run(story())


def test_a_gnb_that_restarts_has_it_all_again():
    async def story():
        async with box_and_gnb() as (box, gnb):
            box.tell(SliceSold(ONE, FLOOR, snssai=A))
            await box.until(lambda: slot(gnb).min_prb > 0)
            had = (slot(gnb).min_prb, slot(gnb).max_prb)
            await gnb.restart()
            assert slot(gnb).min_prb == 0
            await box.until(lambda: (slot(gnb).min_prb, slot(gnb).max_prb) == had)

    asyncio.run(story())


def test_a_ue_is_found_by_its_bytes_and_its_floor_is_kept():
    """Nobody says which RNTI it is: what the box sent to the grant is what one UE was sent."""

    async def story():
        async with box_and_gnb() as (box, gnb):
            box.tell(SliceSold(ONE, FLOOR, snssai=A))
            counted = asyncio.create_task(count(box, gnb))
            await box.until(lambda: box.state.joined.slot_of == {1: A})
            counted.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await counted
            before, began = gnb.cell.ues[1].tally.delivered_bits, gnb.cell.now_s
            await box.until(lambda: gnb.cell.now_s >= began + 1)
            assert gnb.cell.ues[1].tally.delivered_bits - before >= 0.95 * FLOOR * (gnb.cell.now_s - began)
            assert not [
                note for note in box.said if isinstance(note, Note) and note.kind == "slice_not_applied"
            ]

    async def count(box, gnb):
        """The box's meter, twice a second."""
        while True:
            ue = gnb.cell.ues[1]
            octets = (ue.tally.delivered_bits + ue.backlog_bits) // 8
            box.tell(GrantsCounted(((ONE, octets),)))
            due_s = gnb.cell.now_s + 0.5
            await box.until(lambda due_s=due_s: gnb.cell.now_s >= due_s)

    asyncio.run(story())


def test_a_gnb_without_metrics_is_served_blindly():
    async def story():
        async with box_and_gnb(enable_json=False) as (box, gnb):
            box.tell(SliceSold(ONE, FLOOR, snssai=A))
            await box.until(lambda: slot(gnb).min_prb > 0 and box.state.session.no_metrics)
            assert any(isinstance(said, Note) and said.kind == "gnb_refused" for said in box.said)

    asyncio.run(story())
