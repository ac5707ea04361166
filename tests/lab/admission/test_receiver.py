"""The receiver as a program, and what the kernel says beside a datagram."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab.admission.packets import ENTRY, HEADER, PORT, read_receiver_report
from lab.admission.receiver import COUNT, SO_RXQ_OVFL, SO_TIMESTAMPNS, STAMP, main, read_control

ROOT = Path(__file__).parents[3]


def test_it_writes_what_came_and_when(tmp_path: Path) -> None:
    entries, report = tmp_path / "entries", tmp_path / "report"
    words = [sys.executable, "-m", "lab.admission.receiver", str(entries), str(report)]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
        before_ns = time.time_ns()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for number in range(3):
                sender.sendto(HEADER.pack(7, number, before_ns) + bytes(20), ("127.0.0.1", PORT))
            sender.sendto(b"short", ("127.0.0.1", PORT))
        program.send_signal(signal.SIGTERM)
        assert program.wait(30) == 0
    came = list(ENTRY.iter_unpack(entries.read_bytes()))
    assert [(flow, number, sent) for flow, number, sent, _ in came] == [(7, n, before_ns) for n in range(3)]
    assert all(before_ns <= taken <= time.time_ns() for *_, taken in came)
    assert read_receiver_report(report.read_text()).entries == 3


def test_stamp_and_overflow_are_read_from_what_the_kernel_says() -> None:
    control = [
        (socket.SOL_SOCKET, SO_TIMESTAMPNS, STAMP.pack(5, 7)),
        (socket.SOL_SOCKET, SO_RXQ_OVFL, COUNT.pack(3)),
    ]
    assert read_control(control) == (5_000_000_007, 3)


def test_wrong_arguments_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["one"]) == 2
    assert "ENTRIES REPORT" in capsys.readouterr().err
