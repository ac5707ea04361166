"""The product's cell over the model, in the gNB's own words."""

from __future__ import annotations

import pytest

from lab.ran.cell_model import Carrier, Cell
from lab.ran.closed_loop import ClosedLoop, new_loop, shape_of
from lab.ran.fading import STATIC
from lab.ran.sources import full_buffer, steady
from ran_slicing.share import CellShape


def busy_loop(buyers: int) -> ClosedLoop:
    cell = Cell(Carrier(), 1)
    for rnti in range(1, buyers + 1):
        cell.add_slice((1, rnti), 0, 51)
        cell.add_ue(rnti, (1, rnti), 18.0, STATIC, steady(2.6e6, rnti))
    cell.add_ue(99, None, 18.0, STATIC, full_buffer())
    loop = new_loop(cell)
    loop.step(0.1)
    return loop


def test_slots_are_blocked_until_they_are_sold() -> None:
    loop = busy_loop(2)
    assert [(each.min_prb, each.max_prb) for each in loop.cell.slices[1:]] == [(0, 0), (0, 0)]
    assert loop.requests == 2, "one that blocks all, one that subscribes"
    assert loop.cell.ues[1].tally.delivered_bits == 0


def test_a_floor_is_kept_and_the_gnb_was_told_in_its_own_words() -> None:
    loop = busy_loop(2)
    assert loop.sell(1, 2_000_000, 2_000_000) is None
    assert loop.requests == 3
    assert loop.cell.slices[1].min_prb > 0
    before = loop.cell.ues[1].tally.delivered_bits
    for _ in range(30):
        loop.step(0.1)
    assert (loop.cell.ues[1].tally.delivered_bits - before) / 3 >= 0.95 * 2_000_000
    assert loop.cell.ues[2].tally.delivered_bits == 0, "nobody bought that one"
    assert [note.kind for note in loop.notes] == ["gnb_connected"]


def test_a_still_cell_is_left_alone() -> None:
    loop = busy_loop(1)
    loop.sell(1, 2_000_000, 2_000_000)
    for _ in range(30):
        loop.step(0.1)
    asked = loop.requests
    for _ in range(20):
        loop.step(0.1)
    assert loop.requests - asked <= 2


def test_a_full_cell_says_what_is_free() -> None:
    loop = busy_loop(2)
    refused = loop.sell(1, 50_000_000)
    assert refused is not None
    assert "35 are free" in refused.reason
    assert loop.sell(2, 1_000_000) is None


def test_a_pause_an_end_and_a_slot_that_is_free_again() -> None:
    loop = busy_loop(1)
    loop.sell(1, 2_000_000, 2_000_000)
    loop.pause(1)
    assert loop.cell.slices[1].max_prb == 0
    loop.resume(1)
    assert loop.cell.slices[1].max_prb > 0
    loop.end(1)
    assert loop.cell.slices[1].max_prb == 0
    loop.cell.add_ue(2, (1, 1), 18.0, STATIC)
    assert loop.sell(2, 1_000_000) is None


def test_a_frozen_loop_changes_nothing() -> None:
    loop = busy_loop(1)
    loop.sell(1, 2_000_000, 2_000_000)
    loop.frozen, asked = True, loop.requests
    loop.cell.ues[1].channel.mean_snr_db -= 10
    for _ in range(10):
        loop.step(0.1)
    assert loop.requests == asked


def test_the_shape_of_a_cell() -> None:
    loop = busy_loop(1)
    assert shape_of(loop.cell) == loop.state.controller.shape == CellShape(51, 1_400)
    with pytest.raises(AssertionError):
        loop.sell(99, 1_000_000)
