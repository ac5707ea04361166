"""The file of the simulated gNB says what its cell is."""

from __future__ import annotations

from lab.ran.closed_loop import shape_of
from lab.ran.gnb_file import format_gnb_file, new_state, slots_of
from lab.ran.gnb_process import new_cell
from ran_slicing.gnb_config import read_gnb_files
from ran_slicing.snssai import Snssai


def test_nothing_is_to_be_said_about_it_and_it_fits_the_cell() -> None:
    config, findings = read_gnb_files([("gnb.yml", format_gnb_file(slots_of(3), port=9_001, period_ms=50))])
    assert findings == ()
    assert config.shape is not None
    cell = shape_of(new_cell(3, 0))
    assert (config.shape.prbs, config.shape.downlink_slots_per_s) == (cell.prbs, cell.downlink_slots_per_s)
    assert [each.snssai for each in config.slices] == [Snssai(1, 1), Snssai(1, 2), Snssai(1, 3)]
    assert (config.port, config.period_ms, config.radiates) == (9_001, 50, False)


def test_the_product_starts_with_it() -> None:
    assert new_state(slots_of(20)).session.plmn == "00101"
