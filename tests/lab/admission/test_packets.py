"""What sender and receiver agree on."""

from __future__ import annotations

import json

from lab.admission.packets import (
    ENTRY,
    HEADER,
    Flow,
    read_flows,
    read_receiver_report,
    read_sender_report,
    write_flows,
)


def test_a_plan_comes_back_as_it_was_written() -> None:
    flows = [Flow(0, "10.100.1.1", 0.25, 10, 0.01, 1_250), Flow(1, "10.100.1.2", 0.5, 0, 0.01, 625)]
    assert read_flows(write_flows(flows)) == flows
    assert flows[0].end_s == 0.35


def test_reports_have_numbers_for_keys_again() -> None:
    report = {"sent": {"3": 7}, "late_p50_ms": 0.1, "late_p99_ms": 1.0, "late_most_ms": 2.0, "refused": 0,
              "processor_s": 0.5, "clock_moved_ms": 0.0, "real_time": False}  # fmt: skip
    assert read_sender_report(json.dumps(report)).sent == {3: 7}
    assert read_receiver_report('{"entries": 1, "overflowed": 2, "processor_s": 0.1}').overflowed == 2


def test_an_entry_holds_what_a_datagram_says() -> None:
    assert ENTRY.unpack(ENTRY.pack(*HEADER.unpack(HEADER.pack(1, 2, 3)), 4)) == (1, 2, 3, 4)
