"""A program: ICMP echo at a steady pace, one line for each answer; what ping(8) does, where ping(8) is not
installed.

    python lab/ping.py ADDRESS INTERVAL_MS [COUNT]

Each answer prints `sequence t_s rtt_ms`: t_s is when the request left (CLOCK_MONOTONIC, the same in all
processes of a machine), rtt_ms ends with the kernel's own receive timestamp, so a busy machine that reads
late does not lengthen it. The answers come from the other kernel: no server takes part. The last line is
`sent N`. Without COUNT it runs until SIGTERM. Standard library only.

Reference: RFC 792, RFC 4443, SO_TIMESTAMPNS in socket(7).
"""

import ipaddress
import os
import select
import signal
import socket
import struct
import sys
import time
from types import FrameType

ECHO_V4, ECHO_REPLY_V4 = 8, 0
ECHO_V6, ECHO_REPLY_V6 = 128, 129
HEADER = struct.Struct("!BBHHH")
PAYLOAD_BYTES = 56
"""As ping(8)."""

LAST_ANSWER_S = 1.0
"""How long the last request is given."""

SO_TIMESTAMPNS = 35
"""socket(7); Python 3.11 does not name it."""

TIMESPEC = struct.Struct("@qq")


class Pinger:
    """One raw socket, one target."""

    def __init__(self, address: str) -> None:
        self.v6 = ipaddress.ip_address(address.partition("%")[0]).version == 6
        family, protocol = (
            (socket.AF_INET6, socket.IPPROTO_ICMPV6) if self.v6 else (socket.AF_INET, socket.IPPROTO_ICMP)
        )
        self.socket = socket.socket(family, socket.SOCK_RAW, protocol)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.target = socket.getaddrinfo(address, None, family, socket.SOCK_RAW)[0][4]
        self.identifier = os.getpid() & 0xFFFF
        self.left: dict[int, tuple[float, int]] = {}
        self.sent = 0

    def ask(self) -> None:
        """Send the next request; a kernel that will not send is a lost request."""
        self.sent += 1
        packet = echo_request(v6=self.v6, identifier=self.identifier, sequence=self.sent & 0xFFFF)
        self.left[self.sent & 0xFFFF] = (time.monotonic(), time.time_ns())
        try:
            self.socket.sendto(packet, self.target)
        except OSError:
            del self.left[self.sent & 0xFFFF]

    def hear(self) -> tuple[int, float, float] | None:
        """Read one packet: (sequence, t_s, rtt_ms) if it answers one of our requests."""
        packet, ancillary, _, _ = self.socket.recvmsg(2048, 256)
        sequence = answered(packet, v6=self.v6, identifier=self.identifier)
        if sequence is None or sequence not in self.left:
            return None
        t_s, left_ns = self.left.pop(sequence)
        return sequence, t_s, (_arrival_ns(ancillary) - left_ns) / 1e6


def echo_request(*, v6: bool, identifier: int, sequence: int) -> bytes:
    """An echo request; ICMPv6 checksums are the kernel's business, ICMPv4 ones are ours."""
    kind = ECHO_V6 if v6 else ECHO_V4
    body = bytes(PAYLOAD_BYTES)
    draft = HEADER.pack(kind, 0, 0, identifier, sequence) + body
    checksum = 0 if v6 else internet_checksum(draft)
    return HEADER.pack(kind, 0, checksum, identifier, sequence) + body


def internet_checksum(data: bytes) -> int:
    """RFC 1071, for an even number of bytes."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def answered(packet: bytes, *, v6: bool, identifier: int) -> int | None:
    """The sequence number if these bytes (with an IPv4 header, without an IPv6 one) are a reply to us."""
    start = 0 if v6 else (packet[0] & 0x0F) * 4 if packet else 0
    if len(packet) < start + HEADER.size:
        return None
    kind, _, _, whose, sequence = HEADER.unpack_from(packet, start)
    reply = ECHO_REPLY_V6 if v6 else ECHO_REPLY_V4
    return int(sequence) if kind == reply and whose == identifier else None


def ping(address: str, interval_s: float, count: int | None) -> None:
    """Ask at the pace and print answers, until `count` requests are answered or given up, or SIGTERM comes."""
    pinger = Pinger(address)
    due = time.monotonic()
    try:
        while not (pinger.sent == count and (not pinger.left or time.monotonic() > due + LAST_ANSWER_S)):
            if pinger.sent != count and time.monotonic() >= due:
                pinger.ask()
                due += interval_s
            wake = due if pinger.sent != count else due + LAST_ANSWER_S
            wait_s = max(0.0, wake - time.monotonic())
            if select.select([pinger.socket], [], [], wait_s)[0] and (answer := pinger.hear()) is not None:
                print("{} {:.6f} {:.3f}".format(*answer), flush=True)
    finally:
        print(f"sent {pinger.sent}", flush=True)


def main(arguments: list[str]) -> int:
    """Run; 2 for wrong arguments."""
    if len(arguments) not in (2, 3):
        sys.stderr.write(f"{__doc__}\n")
        return 2
    signal.signal(signal.SIGTERM, _end)
    ping(arguments[0], float(arguments[1]) / 1000, int(arguments[2]) if len(arguments) == 3 else None)
    return 0


def _arrival_ns(ancillary: list[tuple[int, int, bytes]]) -> int:
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
            seconds, nanoseconds = TIMESPEC.unpack(data[: TIMESPEC.size])
            return int(seconds) * 1_000_000_000 + int(nanoseconds)
    return time.time_ns()


def _end(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
