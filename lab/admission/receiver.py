"""A program: take in every datagram that comes to the crowd's port, and write down which it was and when it came.

    python -m lab.admission.receiver ENTRIES REPORT

When is the kernel's own stamp, so that a receiver that is late costs no accuracy; what its socket had no room for
is counted. SIGTERM ends it, once the socket is empty. Standard library only.
"""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import struct
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import FrameType

from lab.admission.packets import ENTRY, HEADER, PORT, ReceiverReport
from lab.admission.real_time import go_first

SO_TIMESTAMPNS = 35
SO_RCVBUFFORCE = 33
SO_RXQ_OVFL = 40
STAMP = struct.Struct("@ll")
COUNT = struct.Struct("@I")
BUFFER_BYTES = 16 << 20
CONTROL_BYTES = socket.CMSG_SPACE(STAMP.size) + socket.CMSG_SPACE(COUNT.size)
LOOK_S = 0.1
"""How often it looks whether it was asked to end."""


class _Ending:
    """Whether somebody asked us to end."""

    asked = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.asked = True


def main(arguments: Sequence[str]) -> int:
    """Receive until a signal; 2 for wrong arguments."""
    if len(arguments) != 2:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    ending = _Ending()
    signal.signal(signal.SIGTERM, ending)
    go_first()
    entries, overflowed = bytearray(), 0
    with open_socket() as receiver:
        print("ready", flush=True)
        while True:
            try:
                datagram, control, _, _ = receiver.recvmsg(2_048, CONTROL_BYTES)
            except TimeoutError:
                if ending.asked:
                    break
                continue
            stamp_ns, dropped = read_control(control)
            overflowed = max(overflowed, dropped)
            if len(datagram) >= HEADER.size:
                entries += ENTRY.pack(*HEADER.unpack_from(datagram), stamp_ns)
    Path(arguments[0]).write_bytes(entries)
    report = ReceiverReport(len(entries) // ENTRY.size, overflowed, round(time.process_time(), 3))
    Path(arguments[1]).write_text(json.dumps(asdict(report)), encoding="utf-8")
    return 0


def open_socket() -> socket.socket:
    """The crowd's port on every address, with stamps, room for a second and a count of what found none."""
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    receiver.setsockopt(socket.SOL_SOCKET, SO_RXQ_OVFL, 1)
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
    with contextlib.suppress(OSError):
        receiver.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES)
    receiver.settimeout(LOOK_S)
    receiver.bind(("", PORT))
    return receiver


def read_control(control: Sequence[tuple[int, int, bytes]]) -> tuple[int, int]:
    """When the kernel took the datagram in, and how many it had thrown away by then."""
    stamp_ns, dropped = time.time_ns(), 0
    for _, kind, data in control:
        if kind == SO_TIMESTAMPNS:
            seconds, nanoseconds = STAMP.unpack(data)
            stamp_ns = seconds * 1_000_000_000 + nanoseconds
        elif kind == SO_RXQ_OVFL:
            (dropped,) = COUNT.unpack(data)
    return stamp_ns, dropped


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
