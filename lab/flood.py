"""A program: send UDP datagrams to an address at a rate, whatever comes back, until told to stop.

    python lab/flood.py ADDRESS PORT BITS_PER_SECOND [PAYLOAD_BYTES]

The rate is of IP packets (payload + 8 + 20 or 40). iperf3 needs a control connection before it sends;
somebody who is not let in does not have one, and keeps sending all the same. Standard library only: it starts
in milliseconds.
"""

import contextlib
import ipaddress
import select
import socket
import sys
import time

TICK_S = 0.002
"""Datagrams go out in bursts of this length, short against any queue in the lab."""

BACKLOG_TICKS = 50
"""After a pause longer than this the sender does not make up for what it could not send."""

PAYLOAD_BYTES = 1_200


def main(arguments: list[str]) -> int:
    """Send until a signal ends the process; 2 for wrong arguments."""
    if len(arguments) not in (3, 4):
        sys.stderr.write(f"{__doc__}\n")
        return 2
    payload_bytes = int(arguments[3]) if len(arguments) == 4 else PAYLOAD_BYTES
    flood(arguments[0], int(arguments[1]), int(arguments[2]), payload_bytes)
    return 0


def flood(address: str, port: int, rate_bps: int, payload_bytes: int) -> None:
    """Send at the rate for ever; refusals of the kernel (no route, full queue, ICMP errors) do not stop it."""
    version = ipaddress.ip_address(address).version
    family, headers = (socket.AF_INET, 28) if version == 4 else (socket.AF_INET6, 48)
    datagram_s = (payload_bytes + headers) * 8 / rate_bps
    datagram = bytes(payload_bytes)
    with socket.socket(family, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        print("sending", flush=True)
        due = time.monotonic()
        while True:
            now = time.monotonic()
            due = max(due, now - BACKLOG_TICKS * TICK_S)
            while due <= now:
                with contextlib.suppress(OSError):
                    sender.sendto(datagram, (address, port))
                due += datagram_s
            select.select([], [], [], max(TICK_S, due - time.monotonic()))


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main(sys.argv[1:]))
