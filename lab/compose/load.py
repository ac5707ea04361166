"""Downlink traffic in the compose labs: a source that sends while somebody asks for it, a sink that tells what came.

The source stands where the data network is, the sink in the UE; both are told and asked by datagrams of JSON over the
lab's own network, never through the cell. An order holds for `LEASE_S`: a test that dies leaves no flood behind.
Units: bytes of UDP payload, bit/s of it, seconds (monotonic).
"""

import contextlib
import json
import socket
import time
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

Address = tuple[str, int]

SINK_PORT = 9_000
UE_NETWORK = IPv4Network("10.45.0.0/16")
"""Nothing is sent anywhere else, whatever an order says."""
PAYLOAD_BYTES = 1_200
MAX_RATE_BPS = 200_000_000
LEASE_S = 2.0
TELL_EVERY_S = 0.1
_BURST_S = 0.005
"""How far it may fall behind before it forgets what it owes."""
_MAX_ORDER_BYTES = 512


@dataclass(frozen=True, slots=True)
class Order:
    """Send this much to a UE's address."""

    to: str
    rate_bps: int


def write_order(order: Order) -> bytes:
    return json.dumps({"to": order.to, "rate_bps": order.rate_bps}).encode()


def read_order(octets: bytes) -> Order | None:
    """The order, or None if it is none that this source would follow."""
    try:
        fields = json.loads(octets)
        to, rate_bps = IPv4Address(fields["to"]), fields["rate_bps"]
    except (ValueError, TypeError, KeyError):
        return None
    if to not in UE_NETWORK or not isinstance(rate_bps, int) or not 0 < rate_bps <= MAX_RATE_BPS:
        return None
    return Order(str(to), rate_bps)


def write_count(received_bytes: int) -> bytes:
    return json.dumps({"received_bytes": received_bytes}).encode()


def read_count(octets: bytes) -> int | None:
    """What the sink has received since it started, or None if this is not such a message."""
    try:
        count = json.loads(octets)["received_bytes"]
    except (ValueError, TypeError, KeyError):
        return None
    return count if isinstance(count, int) and count >= 0 else None


@dataclass(slots=True)
class Pace:
    """How many datagrams are due: of the last order that is still in force."""

    order: Order | None = None
    until_s: float = 0.0
    next_s: float = 0.0

    def take(self, order: Order, now_s: float) -> None:
        if order != self.order:
            self.next_s = now_s
        self.order, self.until_s = order, now_s + LEASE_S

    def due(self, now_s: float) -> int:
        """The datagrams to send now."""
        if self.order is None or now_s >= self.until_s:
            self.order = None
            return 0
        gap_s = 8 * PAYLOAD_BYTES / self.order.rate_bps
        self.next_s = max(self.next_s, now_s - max(_BURST_S, gap_s))
        count = max(0, int((now_s - self.next_s) / gap_s) + 1) if now_s >= self.next_s else 0
        self.next_s += count * gap_s
        return count

    def wait_s(self, now_s: float) -> float:
        """Until the next is due, or for an order."""
        return 0.5 if self.order is None else max(0.0, self.next_s - now_s)


def run_source(listen: Address) -> None:
    """Send what is ordered at `listen`, until killed."""
    pace, payload = Pace(), bytes(PAYLOAD_BYTES)
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as orders,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out,
    ):
        orders.bind(listen)
        while True:
            orders.settimeout(max(0.0005, pace.wait_s(time.monotonic())))
            try:
                order = read_order(orders.recv(_MAX_ORDER_BYTES))
            except TimeoutError:
                order = None
            now_s = time.monotonic()
            if order is not None:
                pace.take(order, now_s)
            for _ in range(pace.due(now_s)):
                assert pace.order is not None, "nothing is due without an order"
                out.sendto(payload, (pace.order.to, SINK_PORT))


def run_sink(listen: Address, tell: Address) -> None:
    """Count what arrives at `listen` and say it to `tell`, until killed."""
    received_bytes, next_s = 0, time.monotonic()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind(listen)
        ear.settimeout(TELL_EVERY_S)
        while True:
            with contextlib.suppress(TimeoutError):
                received_bytes += len(ear.recv(65_535))
            if time.monotonic() >= next_s:
                next_s = time.monotonic() + TELL_EVERY_S
                ear.sendto(write_count(received_bytes), tell)
