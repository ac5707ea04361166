"""The process prints its port, answers there, and ends with its standard input."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from websockets.sync.client import connect

from lab.ran.gnb_process import FIRST_RNTI, new_cell

ROOT = Path(__file__).parents[3]


def test_each_slot_has_a_ue_and_others_have_none() -> None:
    cell = new_cell(3, 2)
    assert [each.name for each in cell.slices] == [None, (1, 1), (1, 2), (1, 3)]
    assert [ue.slice_name for ue in cell.ues.values()] == [(1, 1), (1, 2), (1, 3), None, None]
    assert min(cell.ues) == FIRST_RNTI


def test_a_gnb_of_its_own() -> None:
    words = [
        sys.executable,
        "-m",
        "lab.ran.gnb_process",
        "--slots",
        "2",
        "--others",
        "0",
        "--period-ms",
        "50",
    ]
    with subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as gnb:
        try:
            assert gnb.stdin is not None
            assert gnb.stdout is not None
            port = int(gnb.stdout.readline())
            with connect(f"ws://127.0.0.1:{port}") as client:
                client.send('{"cmd":"metrics_subscribe"}')
                assert json.loads(client.recv(10))["cmd"] == "metrics_subscribe"
                assert len(json.loads(client.recv(10))["cells"][0]["ue_list"]) == 2
            gnb.stdin.close()
            assert gnb.wait(20) == 0
        finally:
            gnb.kill()
