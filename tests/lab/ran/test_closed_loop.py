"""The product's cell over the model, in the gNB's own words."""

from __future__ import annotations

import pytest

from lab.ran.cell_model import Carrier, Cell
from lab.ran.closed_loop import ClosedLoop, new_loop, shape_of, supi_of
from lab.ran.fading import STATIC
from lab.ran.sources import full_buffer, steady
from ran_slicing.share import CellShape
from ran_slicing.snssai import Snssai


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
    assert loop.sell(1, 2_000_000, 2_000_000) == ""
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
    assert "35 are free" in refused
    assert loop.sell(2, 1_000_000) == ""


def test_an_end_and_a_slot_that_is_free_again() -> None:
    loop = busy_loop(1)
    loop.sell(1, 2_000_000, 2_000_000)
    assert loop.cell.slices[1].max_prb > 0
    loop.end(1)
    assert loop.cell.slices[1].max_prb == 0
    loop.cell.add_ue(2, (1, 1), 18.0, STATIC)
    assert loop.sell(2, 1_000_000) == ""


def test_who_connects_is_listed_by_the_core_some_seconds_later_and_found_then() -> None:
    loop = busy_loop(1)
    for _ in range(60):
        loop.step(0.1)
    loop.cell.add_ue(7, (1, 1), 18.0, STATIC)
    loop.connect(5, 7)
    assert not loop.lists(5)
    for _ in range(52):
        loop.step(0.1)
    assert loop.lists(5)
    assert dict(loop.state.arrived.rnti_of) == {supi_of(5): 7}
    loop.disconnect(5)
    assert not loop.lists(5)
    assert 7 not in loop.cell.ues


def test_a_loop_that_is_told_knows_at_once() -> None:
    loop = busy_loop(1)
    loop.told = True
    loop.sell(1, 2_000_000, 2_000_000)
    loop.step(0.1)
    loop.step(0.1)
    assert loop.state.joined.slot_of == {1: Snssai(1, 1)}


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
