"""What sender and receiver write into datagrams and files, so that both and who measures agree.

A datagram begins with flow, number in the flow and when it was sent; the receiver's file has an entry of fixed length
for each that came, with when the kernel took it in. Standard library only: sender and receiver start in milliseconds.
Units: nanoseconds of the wall clock (it is what the kernel stamps received packets with).
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

HEADER = struct.Struct("!IIQ")
"""Flow, number, sent."""
ENTRY = struct.Struct("<IIQQ")
"""Flow, number, sent, taken in."""
IP_UDP_BYTES = 28
PORT = 5_300


@dataclass(frozen=True, slots=True)
class Flow:
    """Packets at equal distances to one address, from `begin_s` on; seconds count from the start of the run."""

    number: int
    address: str
    begin_s: float
    packets: int
    gap_s: float
    ip_bytes: int

    @property
    def end_s(self) -> float:
        return self.begin_s + self.packets * self.gap_s


@dataclass(frozen=True, slots=True)
class SenderReport:
    """How well the sender kept time: how much later than due packets left, in milliseconds; and what it cost."""

    sent: Mapping[int, int]
    late_p50_ms: float
    late_p99_ms: float
    late_most_ms: float
    refused: int
    """Datagrams that the kernel did not take."""
    processor_s: float
    clock_moved_ms: float
    """How far the wall clock went astray of the steady one meanwhile."""
    real_time: bool
    """Whether it ran before ordinary processes."""


@dataclass(frozen=True, slots=True)
class ReceiverReport:
    """Entries written, and datagrams for which the socket had no room."""

    entries: int
    overflowed: int
    processor_s: float


def write_flows(flows: Sequence[Flow]) -> str:
    """The sender's plan."""
    return json.dumps([asdict(flow) for flow in flows])


def read_flows(text: str) -> list[Flow]:
    """The reverse."""
    return [Flow(**flow) for flow in json.loads(text)]


def read_sender_report(text: str) -> SenderReport:
    """From the JSON that the sender leaves."""
    report = json.loads(text)
    report["sent"] = {int(flow): count for flow, count in report["sent"].items()}
    return SenderReport(**report)


def read_receiver_report(text: str) -> ReceiverReport:
    """From the JSON that the receiver leaves."""
    return ReceiverReport(**json.loads(text))
