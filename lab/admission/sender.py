"""A program: send all flows of a plan, each packet when it is due, from one process and one socket.

    python -m lab.admission.sender PLAN REPORT

It says when it starts, a moment of CLOCK_MONOTONIC, and starts then. It never skips a packet: what is late is sent
late, and the report says how late. Standard library only.
"""

from __future__ import annotations

import heapq
import json
import select
import socket
import sys
import time
from array import array
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from lab.admission.packets import HEADER, IP_UDP_BYTES, PORT, Flow, SenderReport, read_flows
from lab.admission.real_time import go_first

TICK_S = 0.001
"""Packets go out together that are due within this; short against every queue."""
SEND_BUFFER_BYTES = 4 << 20
AHEAD_S = 0.5
"""Between saying when it starts and starting."""


def main(arguments: Sequence[str]) -> int:
    """Send to the end of the plan; 2 for wrong arguments."""
    if len(arguments) != 2:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    flows = read_flows(Path(arguments[0]).read_text(encoding="utf-8"))
    first = go_first()
    start_ns = time.monotonic_ns() + round(AHEAD_S * 1e9)
    print("start", start_ns, flush=True)
    report = send(flows, start_ns, first=first)
    Path(arguments[1]).write_text(json.dumps(asdict(report)), encoding="utf-8")
    return 0


def send(flows: Sequence[Flow], start_ns: int, *, first: bool = False) -> SenderReport:
    """Send all packets of all flows; `first` is only passed on."""
    late_us, refused = array("l"), 0
    sent = [0] * len(flows)
    gaps = [round(flow.gap_s * 1e9) for flow in flows]
    begins = [start_ns + round(flow.begin_s * 1e9) for flow in flows]
    datagrams = [bytearray(flow.ip_bytes - IP_UDP_BYTES) for flow in flows]
    addresses = [(flow.address, PORT) for flow in flows]
    due = [(begins[index], index) for index, flow in enumerate(flows) if flow.packets]
    heapq.heapify(due)
    astray_ns = time.time_ns() - time.monotonic_ns()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        sender.setblocking(False)
        while due:
            at_ns, index = due[0]
            now_ns = time.monotonic_ns()
            if at_ns > now_ns:
                select.select([], [], [], max(TICK_S, (at_ns - now_ns) / 1e9))
                continue
            flow, number, datagram = flows[index], sent[index], datagrams[index]
            late_us.append((now_ns - at_ns) // 1_000)
            HEADER.pack_into(datagram, 0, flow.number, number, time.time_ns())
            try:
                sender.sendto(datagram, addresses[index])
            except OSError:
                refused += 1
            sent[index] = number + 1
            if number + 1 < flow.packets:
                heapq.heapreplace(due, (begins[index] + (number + 1) * gaps[index], index))
            else:
                heapq.heappop(due)
    late = sorted(late_us) or [0]
    return SenderReport(
        sent={flow.number: sent[index] for index, flow in enumerate(flows)},
        late_p50_ms=late[len(late) // 2] / 1_000,
        late_p99_ms=late[len(late) * 99 // 100] / 1_000,
        late_most_ms=late[-1] / 1_000,
        refused=refused,
        processor_s=round(time.process_time(), 3),
        clock_moved_ms=abs(time.time_ns() - time.monotonic_ns() - astray_ns) / 1e6,
        real_time=first,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
