"""The metrics of a gNB: what differs between releases is taken, what cannot be is refused."""

import pytest

from ran_slicing.metrics import MAX_UES, UeEvent, read_cells
from tests.ran_slicing.metrics_examples import report, ue_entry
from wire.errors import DecodeError


def test_a_report_of_ocudu():
    document = report(ue_entry(), events=[{"slot": 17, "rnti": 0x4601, "event_type": "ue_create"}])
    (cell,) = read_cells(document).cells
    (ue,) = cell.ues
    assert (ue.rnti, ue.ue, ue.cqi, ue.dl_mcs, ue.dl_layers_ppm) == (0x4601, 0, 12, 20, 1_000_000)
    assert (ue.dl_bps, ue.dl_ok, ue.dl_lost, ue.dl_waiting_bytes) == (2_052_000, 130, 11, 18_230)
    assert (ue.ul_bps, ue.ul_waiting_bytes) == (51_000, 312)
    assert (ue.ul_mcs, ue.ul_layers_ppm, ue.ul_ok, ue.ul_lost) == (24, 1_000_000, 40, 1)
    assert cell.events == (UeEvent(0x4601, "ue_create"),)
    assert cell.pci == 1
    assert cell.dl_prbs[1] == 51


def test_a_report_of_srsran_which_leaves_out_what_it_does_not_know():
    entry = ue_entry()
    for missing in ("ue", "cqi"):
        del entry[missing]
    document = report(entry)
    del document["cells"][0]["cell_metrics"]["pci"]
    del document["cells"][0]["cell_metrics"]["pdsch_prbs_used_per_tdd_slot_idx"]
    (cell,) = read_cells(document).cells
    assert (cell.ues[0].ue, cell.ues[0].cqi, cell.pci, cell.dl_prbs) == (None, None, 1, ())


def test_a_cqi_of_minus_one_is_unknown():
    assert read_cells(report(ue_entry(cqi=-1))).cells[0].ues[0].cqi is None


def test_a_cell_without_ues():
    assert read_cells(report()).cells[0].ues == ()


def test_a_rate_of_null_is_none():
    assert read_cells(report(ue_entry(dl_brate=None))).cells[0].ues[0].dl_bps == 0


def test_rank_is_a_mean():
    assert read_cells(report(ue_entry(dl_ri=1.5))).cells[0].ues[0].dl_layers_ppm == 1_500_000


@pytest.mark.parametrize(
    "changes",
    [
        {"rnti": 65_536},
        {"rnti": "0x4601"},
        {"dl_brate": "fast"},
        {"dl_brate": -2},
        {"dl_brate": 1e300},
        {"dl_nof_ok": True},
        {"dl_bs": []},
        {"dl_mcs": {}},
        {"dl_ri": "one"},
    ],
)
def test_what_a_ue_cannot_be(changes):
    with pytest.raises(DecodeError, match="metrics: "):
        read_cells(report(ue_entry(**changes)))


@pytest.mark.parametrize(
    "missing", ["rnti", "dl_brate", "dl_nof_ok", "dl_nof_nok", "dl_bs", "ul_brate", "bsr"]
)
def test_what_is_needed_is_not_guessed(missing):
    entry = ue_entry()
    del entry[missing]
    with pytest.raises(DecodeError, match=f"{missing} is missing"):
        read_cells(report(entry))


@pytest.mark.parametrize(
    "document",
    [
        {"cells": []},
        {"timestamp": "t", "cells": {}},
        {"timestamp": "t", "cells": [1]},
        {"timestamp": "t", "cells": [{"cell_metrics": 5}]},
        {"timestamp": "t", "cells": [{"ue_list": 5}]},
        {"timestamp": "t", "cells": [{"ue_list": [ue_entry()] * (MAX_UES + 1)}]},
        {"timestamp": "t", "cells": [{"event_list": [{"rnti": 1, "event_type": 2}]}]},
        {"timestamp": "t", "cells": [{"cell_metrics": {"pdsch_prbs_used_per_tdd_slot_idx": [-1]}}]},
        {"timestamp": "t", "cells": [{"cell_metrics": {"pdsch_prbs_used_per_tdd_slot_idx": 7}}]},
        {"timestamp": ["t"], "cells": []},
    ],
)
def test_what_is_no_report(document):
    with pytest.raises(DecodeError, match="metrics: "):
        read_cells(document)
