"""A program: send UDP datagrams of equal size to many addresses, each at its own rate, for a while.

    python lab/bench/blast.py SECONDS PAYLOAD_BYTES ADDRESS=BITS_PER_SECOND...

Rates are of IPv4 packets (payload + 28). Datagrams are handed to the kernel many at a time (UDP_SEGMENT) and cut into
frames before they leave, so one core offers gigabits. At the end it prints how many went to each address, as JSON.
Standard library only: it starts in milliseconds.
"""

import contextlib
import json
import socket
import sys
import time
from collections.abc import Mapping

UDP_SEGMENT = 103
"""Linux include/uapi/linux/udp.h, since 4.18."""
TICK_S = 0.002
"""Datagrams go out in bursts of this length, short against any queue that is measured."""
MOST_BYTES = 60_000
"""Of one call: below the longest IP packet."""
BEHIND_S = 0.05
"""After a longer pause the sender does not make up for what it could not send."""
HEADERS_BYTES = 28
PORT = 9


def main(arguments: list[str]) -> int:
    """Send; 2 for wrong arguments."""
    if len(arguments) < 3:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    rates = {name: int(rate) for name, _, rate in (argument.partition("=") for argument in arguments[2:])}
    print("sending", flush=True)
    print(json.dumps(blast(rates, int(arguments[1]), float(arguments[0]))), flush=True)
    return 0


def blast(rates_bps: Mapping[str, int], payload_bytes: int, seconds: float) -> dict[str, int]:
    """Send to each address at its rate; how many datagrams the kernel took for each."""
    sent = dict.fromkeys(rates_bps, 0)
    start = time.monotonic()
    dues = dict.fromkeys(rates_bps, start)
    with open_sender(payload_bytes) as sender:
        while (now := time.monotonic()) < start + seconds:
            for address, rate_bps in rates_bps.items():
                interval_s = (payload_bytes + HEADERS_BYTES) * 8 / rate_bps
                due = max(dues[address], now - BEHIND_S)
                count = int((now - due) / interval_s)
                dues[address] = due + count * interval_s
                sent[address] += send(sender, address, payload_bytes, count)
            time.sleep(max(0.0, now + TICK_S - time.monotonic()))
    return sent


def open_sender(payload_bytes: int) -> socket.socket:
    """A UDP socket that cuts what it is given into datagrams of this payload."""
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, payload_bytes)
    return sender


def send(sender: socket.socket, address: str, payload_bytes: int, count: int, port: int = PORT) -> int:
    """Send `count` datagrams in as few calls as can be; how many the kernel took."""
    most = MOST_BYTES // payload_bytes
    taken = 0
    while count > 0:
        now = min(count, most)
        with contextlib.suppress(OSError):
            sender.sendto(bytes(payload_bytes * now), (address, port))
            taken += now
        count -= now
    return taken


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main(sys.argv[1:]))
