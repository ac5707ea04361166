"""Reports in the shape of json_generators/du_high/scheduler.cpp, written by hand from its source (no capture)."""

from typing import Any


def ue_entry(rnti: int = 0x4601, **changes: Any) -> dict[str, Any]:
    """One element of `ue_list` as OCUDU 26.04 writes it."""
    entry: dict[str, Any] = {
        "ue": 0, "pci": 1, "rnti": rnti, "cqi": 12, "dl_ri": 1.0, "ul_ri": 1.0, "dl_mcs": 20,
        "dl_brate": 2052000.0, "dl_nof_ok": 130, "dl_nof_nok": 11, "dl_bs": 18230, "pusch_snr_db": 21.3,
        "pusch_rsrp_db": -12.1, "pucch_snr_db": 19.9, "ta_ns": 0.0, "pusch_ta_ns": None, "pucch_ta_ns": None,
        "srs_ta_ns": None, "ul_mcs": 24, "ul_brate": 51000.0, "ul_nof_ok": 40, "ul_nof_nok": 1, "last_phr": None,
        "max_pusch_distance": None, "max_pdsch_distance": None, "bsr": 312, "nof_pucch_f0f1_invalid_harqs": 0,
        "nof_pucch_f2f3f4_invalid_harqs": 0, "nof_pucch_f2f3f4_invalid_csis": 0, "nof_pusch_invalid_harqs": 0,
        "nof_pusch_invalid_csis": 0, "avg_ce_delay": None, "max_ce_delay": None, "avg_crc_delay": 1.2,
        "max_crc_delay": 2.0, "avg_pusch_harq_delay": None, "max_pusch_harq_delay": None, "avg_pucch_harq_delay": 3.5,
        "max_pucch_harq_delay": 4.5,
    }  # fmt: skip
    return entry | changes


def report(*ues: dict[str, Any], events: list[dict[str, Any]] | None = None, **about: Any) -> dict[str, Any]:
    """A whole report of one cell."""
    metrics: dict[str, Any] = {
        "pci": 1, "error_indication_count": 0, "average_latency": 12, "max_latency": 60, "nof_failed_uci_allocs": 0,
        "latency_histogram": [0, 980, 20, 0, 0, 0, 0, 0, 0, 0], "msg3_nof_ok": 0, "msg3_nof_nok": 0,
        "avg_prach_delay": None, "late_dl_harqs": 0, "late_ul_harqs": 0, "pucch_tot_rb_usage_avg": 1.5,
        "pdsch_prbs_used_per_tdd_slot_idx": [0, 51, 51, 50, 51, 51, 22, 0, 0, 0],
    }  # fmt: skip
    cell: dict[str, Any] = {"cell_metrics": metrics | about}
    if ues:
        cell["ue_list"] = list(ues)
    if events:
        cell["event_list"] = events
    return {"timestamp": "2026-11-22T01:00:00.000", "cells": [cell]}
