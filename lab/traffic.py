"""Real traffic between the stations and the world: iperf3 streams, UDP floods, a latency probe.

What comes in is who sends to whom, how and how fast; what comes out are typed rows. iperf3 reports payload
bits (TCP goodput, UDP payload); rates at the IP layer, which is what an offer sells, are read from interface
counters (`lab.counters`). Nothing here judges a rate.

Reference: iperf3(1), tried with 3.12.   Units: bits per second, seconds (monotonic), milliseconds.
"""

import json
import re
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lab.namespaces import Namespace
from lab.processes import Child, Household
from wire.errors import ShellError

FIRST_PORT = 5201
"""iperf3's own; each server serves one test at a time, so each stream has its own server and port."""

UDP_PAYLOAD_BYTES = 1_400
"""Fits one frame in both families."""

INTERVAL_S = 0.5
"""Rows of iperf3."""

STREAM_SLACK_S = 15.0
"""iperf3's handshakes at both ends, on a crowded air."""

TCP_LISTEN = "0A"
"""State of a listening socket in /proc/net/tcp (include/net/tcp_states.h)."""

HERE = Path(__file__).parent

Direction = Literal["down", "up"]
Protocol = Literal["tcp", "udp"]


@dataclass(frozen=True, slots=True)
class Stream:
    """What is to flow: `down` is from the server to the client (the station). `rate_bps` None: as fast as it
    goes.
    """

    name: str
    direction: Direction
    protocol: Protocol
    duration_s: float
    rate_bps: int | None = None
    connections: int = 1


@dataclass(frozen=True, slots=True)
class IntervalRow:
    """One interval as the receiving side saw it, where iperf3 tells (TCP uplink rows are the sender's).

    `t_s` is its beginning; the last three are None where the protocol or the side has none.
    """

    t_s: float
    duration_s: float
    payload_bps: float
    jitter_ms: float | None
    lost_packets: int | None
    packets: int | None


@dataclass(frozen=True, slots=True)
class StreamReport:
    """What a stream came to. `cut` holds iperf3's complaint when the stream did not end by itself, else ""."""

    stream: Stream
    rows: tuple[IntervalRow, ...]
    received_payload_bytes: int
    cut: str

    @property
    def payload_bps(self) -> float:
        """The average over the rows, 0 without rows."""
        lasted_s = sum(row.duration_s for row in self.rows)
        return sum(row.payload_bps * row.duration_s for row in self.rows) / lasted_s if lasted_s else 0.0


@dataclass(frozen=True, slots=True)
class RunningStream:
    """A stream between its start and its report."""

    stream: Stream
    client: Child
    server: Child
    started_s: float

    def finish(self) -> StreamReport:
        """Wait for iperf3 to end by itself and read its report; ShellError if it hangs or says nothing
        usable.
        """
        self.client.wait(self.stream.duration_s + STREAM_SLACK_S)
        report = self._report()  # a server that nobody reached would wait for ever
        self.server.wait(STREAM_SLACK_S)
        return report

    def cut(self) -> StreamReport:
        """End the stream now; the rows so far."""
        self.client.stop()
        return self._report()

    def _report(self) -> StreamReport:
        return parse_iperf(self.client.said, self.stream, self.started_s)


@dataclass(frozen=True, slots=True)
class LatencySample:
    """One answered echo request: when it left, and how long until its answer reached the kernel."""

    t_s: float
    rtt_ms: float


@dataclass(frozen=True, slots=True)
class LatencyReport:
    """Every answer of a probe, and how many requests had none."""

    samples: tuple[LatencySample, ...]
    lost: int


@dataclass(slots=True)
class TrafficServers:
    """iperf3 servers in one namespace, one for each stream that is started against them."""

    household: Household
    namespace: Namespace
    address: str
    next_port: int = FIRST_PORT

    def start_stream(self, station: Namespace, stream: Stream) -> RunningStream:
        """Start a server, then the client in `station`; returns at once, with the traffic about to flow."""
        port, self.next_port = self.next_port, self.next_port + 1
        server = self.household.start(
            f"iperf3-server-{port}",
            ["iperf3", "--server", "--one-off", "--port", str(port), "--json", "--interval", str(INTERVAL_S)],
            namespace=self.namespace,
        )
        server.wait_for(lambda: is_listening(self.namespace, port), f"a listener on port {port}")
        client = self.household.start(
            f"iperf3-{stream.name}", client_argv(stream, self.address, port), namespace=station
        )
        return RunningStream(stream, client, server, time.monotonic())


def client_argv(stream: Stream, address: str, port: int) -> list[str]:
    """The iperf3 command line of the station's end."""
    words = ["iperf3", "--client", address, "--port", str(port), "--json", "--interval", str(INTERVAL_S)]
    words += ["--time", f"{stream.duration_s:g}", "--parallel", str(stream.connections)]
    words += ["--connect-timeout", "3000"]
    if stream.direction == "down":
        words.append("--reverse")
    if stream.protocol == "udp":
        words += ["--udp", "--length", str(UDP_PAYLOAD_BYTES), "--bitrate", str(stream.rate_bps or 0)]
        if stream.direction == "up":
            words.append("--get-server-output")
    elif stream.rate_bps is not None:
        words += ["--bitrate", str(stream.rate_bps)]
    return words


def is_listening(namespace: Namespace, port: int) -> bool:
    """Whether somebody in the namespace accepts TCP connections on the port, on any address."""
    tables = namespace.call(
        lambda: [Path(f"/proc/thread-self/net/{table}").read_text() for table in ("tcp", "tcp6")]
    )
    sockets = [line.split() for table in tables for line in table.splitlines()[1:]]
    return any(words[1].endswith(f":{port:04X}") and words[3] == TCP_LISTEN for words in sockets)


def start_flood(
    household: Household, name: str, sender: Namespace, address: str, port: int, rate_bps: int
) -> Child:
    """UDP at a rate of IP bits, needing nobody's consent; stop the child to end it."""
    program = [sys.executable, HERE / "flood.py", address, port, rate_bps]
    child = household.start(f"flood-{name}", [str(word) for word in program], namespace=sender)
    child.wait_for_line("^sending")
    return child


def start_latency_probe(
    household: Household, name: str, sender: Namespace, address: str, *, interval_ms: int = 20
) -> Child:
    """Echo requests at a steady pace; stop the child, then give it to `latency`."""
    program = [sys.executable, str(HERE / "ping.py"), address, str(interval_ms)]
    return household.start(f"ping-{name}", program, namespace=sender)


def latency(probe: Child) -> LatencyReport:
    """The answers that a probe has had so far."""
    return parse_ping(probe.said)


def ping_once(sender: Namespace, address: str, *, deadline_s: float = 2.0) -> float:
    """One echo: the round trip in milliseconds; ShellError ("no answer") if none came in time."""
    tries = max(1, round(deadline_s / 0.1))
    program = [sys.executable, str(HERE / "ping.py"), address, "100", str(tries)]
    with sender.popen(program) as process:
        assert process.stdout is not None
        first = process.stdout.readline().decode()
        process.terminate()
        _, complaint = process.communicate()
    samples = parse_ping(first).samples
    if not samples:
        why = complaint.decode(errors="replace").strip() or f"no answer to {tries} requests"
        raise ShellError(f"ping {address} from {sender.name}", why)
    return samples[0].rtt_ms


def parse_ping(text: str) -> LatencyReport:
    """The output of lab/ping.py, complete or still growing; an unfinished last line is passed over."""
    answers = [line.split() for line in text.splitlines(keepends=True) if re.match(r"\d+ \S+ \S+\n", line)]
    samples = tuple(LatencySample(float(t_s), float(rtt_ms)) for _, t_s, rtt_ms in answers)
    sent = re.search(r"^sent (\d+)$", text, re.MULTILINE)
    asked = int(sent[1]) if sent else max((int(sequence) for sequence, _, _ in answers), default=0)
    return LatencyReport(samples, asked - len(samples))


def parse_iperf(text: str, stream: Stream, started_s: float) -> StreamReport:
    """The JSON of an iperf3 client; ShellError if it is not JSON, or holds a complaint and no interval."""
    start = max(0, text.find("{"))  # some versions complain about their own threads first
    try:
        document: Mapping[str, Any] = json.loads(text[start:])
    except json.JSONDecodeError as fault:
        raise ShellError(f"iperf3 {stream.name}", f"no JSON but {text.strip()[:200]!r}") from fault
    cut = str(document.get("error", ""))
    intervals = _receivers(document).get("intervals", [])
    rows = tuple(_row(interval["sum"], started_s) for interval in intervals if "sum" in interval)
    if cut and not rows:
        raise ShellError(f"iperf3 {stream.name}", cut)
    return StreamReport(stream, rows, _received_bytes(document, rows), cut)


def _receivers(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """The side that counted what arrived: the server's own report for UDP uplink, if it came."""
    server = document.get("server_output_json")
    return server if isinstance(server, dict) and server.get("intervals") else document


def _received_bytes(document: Mapping[str, Any], rows: tuple[IntervalRow, ...]) -> int:
    """What the receiver had at the end, or the sum of the rows when the stream was cut."""
    total = document.get("end", {}).get("sum_received", {}).get("bytes", 0)
    return int(total) or round(sum(row.payload_bps * row.duration_s for row in rows) / 8)


def _row(total: Mapping[str, Any], started_s: float) -> IntervalRow:
    return IntervalRow(
        t_s=started_s + float(total["start"]),
        duration_s=float(total["seconds"]),
        payload_bps=float(total["bits_per_second"]),
        jitter_ms=total.get("jitter_ms"),
        lost_packets=total.get("lost_packets"),
        packets=total.get("packets"),
    )
