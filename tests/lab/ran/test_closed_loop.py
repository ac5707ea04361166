"""The product's loop over the model, in the gNB's own words."""

from __future__ import annotations

import pytest

from lab.ran.cell_model import Carrier, Cell
from lab.ran.closed_loop import new_loop, shape_of
from lab.ran.fading import STATIC
from lab.ran.sources import full_buffer, steady
from ran_slicing.controller import CellFull, ControllerSettings
from ran_slicing.share import CellShape


def busy_cell(buyers: int) -> Cell:
    cell = Cell(Carrier(), 1)
    for rnti in range(1, buyers + 1):
        cell.add_slice((1, rnti), 0, 51)
        cell.add_ue(rnti, (1, rnti), 18.0, STATIC, steady(2.6e6, rnti))
    cell.add_ue(99, None, 18.0, STATIC, full_buffer())
    return cell


def test_a_floor_is_kept_and_the_gnb_was_told_in_its_own_words() -> None:
    cell = busy_cell(2)
    loop = new_loop(cell)
    loop.step(0.1)
    assert loop.sell(1, 2_000_000, 2_000_000) is None
    assert loop.requests == 1
    assert cell.slices[1].min_prb > 0
    assert cell.slices[2].min_prb == 0, "nobody bought that one"
    before = cell.ues[1].tally.delivered_bits
    for _ in range(30):
        loop.step(0.1)
    assert (cell.ues[1].tally.delivered_bits - before) / 3 >= 0.95 * 2_000_000


def test_a_still_cell_is_left_alone() -> None:
    loop = new_loop(busy_cell(1))
    loop.step(0.1)
    loop.sell(1, 2_000_000, 2_000_000)
    for _ in range(30):
        loop.step(0.1)
    asked = loop.requests
    for _ in range(20):
        loop.step(0.1)
    assert loop.requests - asked <= 2


def test_slices_that_are_to_have_the_same_are_asked_for_in_one_request() -> None:
    loop = new_loop(busy_cell(3), ControllerSettings(sell_ratio=80))
    for rnti in (1, 2, 3):
        loop.sell(rnti, 2_000_000)
    loop.in_force = {}
    asked = loop.requests
    loop._ask()
    assert loop.requests == asked + 1


def test_a_full_cell_says_what_is_free() -> None:
    loop = new_loop(busy_cell(2))
    full = loop.sell(1, 50_000_000)
    assert isinstance(full, CellFull)
    assert full.needed_prb > full.free_prb == 35
    assert loop.sell(2, 1_000_000) is None


def test_a_frozen_loop_changes_nothing() -> None:
    loop = new_loop(busy_cell(1))
    loop.step(0.1)
    loop.sell(1, 2_000_000, 2_000_000)
    loop.frozen, asked = True, loop.requests
    loop.cell.ues[1].channel.mean_snr_db -= 10
    for _ in range(10):
        loop.step(0.1)
    assert loop.requests == asked


def test_the_shape_of_a_cell() -> None:
    assert shape_of(busy_cell(1)) == CellShape(51, 1_400)
    with pytest.raises(AssertionError):
        new_loop(busy_cell(1)).sell(99, 1_000_000)
