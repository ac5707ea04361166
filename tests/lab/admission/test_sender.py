"""The sender against a socket of ours."""

from __future__ import annotations

import socket
import time

import pytest

from lab.admission.packets import HEADER, IP_UDP_BYTES, PORT, Flow
from lab.admission.sender import main, send


def test_every_packet_of_every_flow_leaves_in_order_and_not_before_it_is_due() -> None:
    flows = [Flow(4, "127.0.0.1", 0.0, 5, 0.004, 300), Flow(9, "127.0.0.1", 0.002, 3, 0.001, 100)]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", PORT))
        receiver.settimeout(10)
        start_ns = time.monotonic_ns()
        report = send(flows, start_ns)
        assert time.monotonic_ns() - start_ns >= 16_000_000, "the last is due 16 ms after the start"
        came = [receiver.recv(2_048) for _ in range(8)]
    headers = [HEADER.unpack_from(datagram) for datagram in came]
    assert [number for flow, number, _ in headers if flow == 4] == [0, 1, 2, 3, 4]
    assert [number for flow, number, _ in headers if flow == 9] == [0, 1, 2]
    assert {len(datagram) + IP_UDP_BYTES for datagram in came} == {300, 100}
    assert dict(report.sent) == {4: 5, 9: 3}
    assert 0 <= report.late_p50_ms <= report.late_p99_ms <= report.late_most_ms


def test_who_starts_late_says_how_late() -> None:
    report = send([Flow(0, "127.0.0.1", 0.0, 2, 0.001, 100)], time.monotonic_ns() - 500_000_000)
    assert report.late_p50_ms >= 498
    assert report.sent == {0: 2}, "nothing is skipped"


def test_wrong_arguments_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "PLAN REPORT" in capsys.readouterr().err
