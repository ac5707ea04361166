"""The metrics of a cell as the gNB's JSON: everything it says, and nothing that it does not say.

There is no S-NSSAI and no subscriber in it; a UE is its index and its RNTI. Two layers make two kinds of frame, as on
the real socket: the scheduler's (`cells`), and the DU's (`du`), which a reader has to skip.
Reference: srsRAN Project 25.10 and OCUDU 26.04, apps/helpers/metrics/json_generators/du_high/scheduler.cpp.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lab.ran.cell_model import Cell, Tally, Ue

PCI = 1
UE_CREATE, UE_REMOVE = "ue_create", "ue_rem"


@dataclass(frozen=True, slots=True)
class UeEvent:
    """A UE came or went."""

    slot: int
    rnti: int
    event_type: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Counters of a cell when the last report was made."""

    slot: int
    tallies: Mapping[int, Tally]
    prbs_by_pattern_slot: tuple[int, ...]


def snapshot(cell: Cell) -> Snapshot:
    tallies = {rnti: ue.tally.copy() for rnti, ue in cell.ues.items()}
    return Snapshot(cell.slot, tallies, tuple(cell.prbs_used_by_pattern_slot))


def scheduler_report(cell: Cell, before: Snapshot, timestamp: str, events: Sequence[UeEvent] = ()) -> str:
    """The frame of the scheduler, of what happened since `before`."""
    seconds = max((cell.slot - before.slot) * cell.carrier.slot_s, cell.carrier.slot_s)
    page: dict[str, Any] = {"cell_metrics": _cell(cell, before)}
    ues = [
        _ue(index, ue, ue.tally.since(before.tallies.get(ue.rnti, Tally())), seconds)
        for index, ue in enumerate(cell.ues.values())
    ]
    if ues:
        page["ue_list"] = ues
    if events:
        page["event_list"] = [
            {"slot": _slot_text(each.slot), "rnti": each.rnti, "event_type": each.event_type}
            for each in events
        ]
    return json.dumps({"timestamp": timestamp, "cells": [page]}, separators=(",", ":"))


def du_report(timestamp: str) -> str:
    """The frame of the MAC layer, which comes on the same socket."""
    mac = {"dl": [{"pci": PCI, "average_latency_us": 10.1, "min_latency_us": 4, "max_latency_us": 73}]}
    return json.dumps({"timestamp": timestamp, "du": {"du_high": {"mac": mac}}}, separators=(",", ":"))


def _slot_text(slot: int) -> str:
    return f"{slot // 20 % 1024}.{slot % 20}"


def _cell(cell: Cell, before: Snapshot) -> dict[str, Any]:
    periods = max(1, (cell.slot - before.slot) // len(cell.carrier.pattern))
    used = [
        (now - then) // periods
        for now, then in zip(cell.prbs_used_by_pattern_slot, before.prbs_by_pattern_slot, strict=True)
    ]
    return {
        "pci": PCI,
        "error_indication_count": 0,
        "average_latency": 14,
        "max_latency": 96,
        "failed_dl_pdcch": 0,
        "failed_ul_pdcch": 0,
        "nof_failed_uci_allocs": 0,
        "latency_histogram": [cell.slot - before.slot, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        "msg3_nof_ok": 0,
        "msg3_nof_nok": 0,
        "avg_prach_delay": 0.0,
        "late_dl_harqs": 0,
        "late_ul_harqs": 0,
        "pucch_tot_rb_usage_avg": 2.0,
        "pusch_prbs_used_per_tdd_slot_idx": [0] * len(used),
        "pdsch_prbs_used_per_tdd_slot_idx": used,
    }


def _ue(index: int, ue: Ue, seen: Tally, seconds: float) -> dict[str, Any]:
    blocks = seen.ok + seen.lost
    return {
        "ue": index,
        "pci": PCI,
        "rnti": ue.rnti,
        "cqi": round(seen.cqi / seen.cqi_reports) if seen.cqi_reports else -1,
        "dl_ri": 1.0,
        "ul_ri": 1.0,
        "dl_mcs": round(seen.mcs / blocks) if blocks else 0,
        "dl_brate": round(seen.sent_bits / seconds / 1_000) * 1e3,
        "dl_nof_ok": seen.ok,
        "dl_nof_nok": seen.lost,
        "dl_bs": ue.backlog_bits // 8,
        "pusch_snr_db": 24.5,
        "pusch_rsrp_db": -31.2,
        "pucch_snr_db": 27.1,
        "ta_ns": 0.0,
        "pusch_ta_ns": 0.0,
        "pucch_ta_ns": 0.0,
        "srs_ta_ns": 0.0,
        "ul_mcs": 0,
        "ul_brate": 0.0,
        "ul_nof_ok": 0,
        "ul_nof_nok": 0,
        "last_phr": 40,
        "bsr": 0,
        "nof_pucch_f0f1_invalid_harqs": 0,
        "nof_pucch_f2f3f4_invalid_harqs": 0,
        "nof_pucch_f2f3f4_invalid_csis": 0,
        "nof_pusch_invalid_harqs": 0,
        "nof_pusch_invalid_csis": 0,
        "avg_ce_delay": 1.0,
        "max_ce_delay": 1.5,
        "avg_crc_delay": 1.0,
        "max_crc_delay": 1.5,
        "avg_pusch_harq_delay": 0.0,
        "max_pusch_harq_delay": 0.0,
        "avg_pucch_harq_delay": 2.0,
        "max_pucch_harq_delay": 2.5,
    }
