"""The frames of metrics: the shape of the real ones, numbers of the cell."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lab.ran.cell_model import Carrier, Cell
from lab.ran.fading import STATIC
from lab.ran.gnb_metrics import UeEvent, du_report, scheduler_report, snapshot
from lab.ran.sources import full_buffer, steady
from lab.ran.transport_block import block_bits

STAMP = "2026-01-01T00:00:00.000"


def report(cell: Cell, seconds: float) -> dict[str, Any]:
    before = snapshot(cell)
    cell.run(seconds)
    page: dict[str, Any] = json.loads(scheduler_report(cell, before, STAMP))
    return page


def test_a_ue_is_an_index_and_a_number_of_the_radio_network_and_nothing_else() -> None:
    cell = Cell(Carrier(), 1)
    cell.add_slice((1, 1), 10, 51)
    cell.add_ue(0x4601, (1, 1), 40.0, STATIC, full_buffer())
    text = scheduler_report(cell, snapshot(cell), STAMP)
    (ue,) = json.loads(text)["cells"][0]["ue_list"]
    assert (ue["ue"], ue["rnti"], ue["pci"]) == (0, 0x4601, 1)
    for word in ("imsi", "supi", "sst", "sd", "nssai", "slice"):
        assert f'"{word}' not in text.lower()


def test_the_bit_rate_is_in_bits_and_a_whole_number_of_thousands() -> None:
    cell = Cell(Carrier(ssb_prbs=0), 1)
    cell.add_ue(1, None, 40.0, STATIC, full_buffer())
    (ue,) = report(cell, 0.5)["cells"][0]["ue_list"]
    assert ue["dl_brate"] == pytest.approx(block_bits(28, 51) * 1_400, abs=1_000)
    assert ue["dl_brate"] % 1_000 == 0
    assert (ue["dl_mcs"], ue["cqi"], ue["dl_nof_ok"], ue["dl_nof_nok"]) == (28, 15, 700, 0)
    assert ue["dl_bs"] > 0


def test_an_idle_ue_has_no_modulation_and_still_a_quality() -> None:
    cell = Cell(Carrier(), 1)
    cell.add_ue(1, None, 10.0, STATIC)
    (ue,) = report(cell, 0.2)["cells"][0]["ue_list"]
    assert (ue["dl_mcs"], ue["dl_brate"], ue["dl_bs"]) == (0, 0, 0)
    assert 5 <= ue["cqi"] <= 10


def test_resource_blocks_are_told_by_slot_of_the_pattern() -> None:
    cell = Cell(Carrier(ssb_prbs=0), 1)
    cell.add_ue(1, None, 40.0, STATIC, full_buffer())
    cells = report(cell, 0.1)["cells"]
    assert cells[0]["cell_metrics"]["pdsch_prbs_used_per_tdd_slot_idx"] == [51] * 7 + [0] * 3


def test_each_report_tells_of_its_own_time() -> None:
    cell = Cell(Carrier(), 1)
    cell.add_ue(1, None, 25.0, STATIC, steady(3e6, 1))
    rates = [report(cell, 0.5)["cells"][0]["ue_list"][0]["dl_brate"] for _ in range(4)]
    assert all(rate == pytest.approx(3e6 * 1.02, rel=0.05) for rate in rates)


def test_an_empty_cell_has_no_list_and_events_only_where_there_were_some() -> None:
    cell = Cell(Carrier(), 1)
    page = report(cell, 0.1)["cells"][0]
    assert "ue_list" not in page
    assert "event_list" not in page
    text = scheduler_report(cell, snapshot(cell), STAMP, [UeEvent(205, 17, "ue_create")])
    assert json.loads(text)["cells"][0]["event_list"] == [
        {"slot": "10.5", "rnti": 17, "event_type": "ue_create"}
    ]


def test_the_other_layers_frame_has_no_cells() -> None:
    assert "cells" not in json.loads(du_report(STAMP))
