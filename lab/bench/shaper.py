"""The shaper on the real kernel: is a sold rate delivered, capped, quick, metered; what a session and a packet cost.

Everything runs in namespaces (`shaper_rig`); traffic is UDP that the kernel cuts into frames (`blast`), counted by a
witness behind the shaper. Alternatives run in the same minute on the same machine: one `tc` and one `nft` process per
session, pyroute2, the kernel's default queue, linear filters.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import socket
import statistics
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lab.bench.blast import open_sender, send
from lab.bench.box import box_figures
from lab.bench.result import Against, Figure
from lab.bench.shaper_rig import GBIT, Rig, rig, settings, shape, station_address, station_mac
from lab.percentile import percentile
from tc_shaper.counters import SlotCounters
from tc_shaper.kernel import Shaper
from tc_shaper.settings import ShaperSettings
from tc_shaper.tree import FIRST_SLOT
from wire.errors import ShellError

MBIT = 1_000_000
PAYLOAD_BYTES = 1_472
RATES_MBIT = (1, 5, 20, 50, 100, 200)
OVERLOAD = 8
UPLINK_MBIT = 20
"""Python sends raw frames for this one: ten times as many bits would need a core of their own."""
BLAST = Path(__file__).with_name("blast.py")
SESSIONS = 10_000
"""Beside ten, for the cost of a packet."""
SPREAD = 1_000
BATCH = 20
"""Packets in one call of the sender; they are cut apart before the first cable."""

Progress = Callable[[str], None]


def run(progress: Progress) -> list[Figure]:
    """All figures, in the order of the goals."""
    return [
        *rates_under_overload(progress),
        *ceilings(progress),
        *latency(progress),
        *metering(progress),
        *session_cost(progress),
        *packet_cost(progress),
        *resynchronisation(progress),
        *box_figures(progress),
    ]


# --- 1: the floor


def rates_under_overload(progress: Progress) -> Iterator[Figure]:
    """Floors fill the link; everybody sends eight times his own. What does the largest get?"""
    with rig("rate", range(1, 7), swallow=True) as made, shaping(made, settings()) as shaper:
        made.air.ip(f"neigh replace 10.100.0.1 lladdr {mac_of(made, 'air0')} dev sta0 nud permanent")
        for mbit in RATES_MBIT:
            progress(f"{mbit} Mbit/s guaranteed under {OVERLOAD}-fold overload")
            yield off_floor(f"{mbit} Mbit/s", downlink_share(made, shaper, mbit * MBIT))
        progress(f"{UPLINK_MBIT} Mbit/s of uplink guaranteed under {OVERLOAD}-fold overload")
        yield off_floor(f"{UPLINK_MBIT} Mbit/s of uplink", uplink_share(made, shaper, UPLINK_MBIT * MBIT))


def off_floor(what: str, share: float) -> Figure:
    """98 to 102 % of the floor is a distance of 2 %."""
    text = f"{what} guaranteed, {OVERLOAD}-fold overload: delivered {100 * share:.1f} % of the floor, off by"
    return Figure(text, round(100 * abs(share - 1), 2), "%", 2.0, "lower")


def contest(made: Rig, shaper: Shaper, floor_bps: int) -> list[int]:
    """One session with this floor, five with a twentieth each, on a link of exactly the sum; the floors."""
    floors = [floor_bps] + [floor_bps // 20] * 5
    link_bps = sum(floors) + 8_000
    restart(made, shaper, settings(link_bps))
    shaper.resynchronise([shape(number, floor, link_bps) for number, floor in enumerate(floors, 1)])
    return floors


def downlink_share(made: Rig, shaper: Shaper, floor_bps: int) -> float:
    """What the first session gets of its floor, at the station's end of the cable."""
    floors = contest(made, shaper, floor_bps)
    demand = {station_address(number): OVERLOAD * floor for number, floor in enumerate(floors, 1)}
    with blasting(made, demand, 6.0):
        return rate_of(lambda: made.arrived()[station_mac(1)].bytes) / floor_bps


def uplink_share(made: Rig, shaper: Shaper, floor_bps: int) -> float:
    """What the world gets of the first session's floor, while six stations send raw frames from one cable."""
    floors = contest(made, shaper, floor_bps)
    box = bytes.fromhex(mac_of(made, "air0").replace(":", ""))
    frames = [box + station_mac(number).octets + b"\x08\0" + datagram(number) for number in range(1, 7)]
    demand_bps = [OVERLOAD * floor for floor in floors]
    with made.air.call(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW)) as mouth:
        mouth.bind(("sta0", 0))
        stop = threading.Event()
        sender = threading.Thread(target=send_frames, args=(mouth, frames, demand_bps, stop))
        sender.start()
        try:
            return rate_of(lambda: made.arrived_at_world().bytes) / floor_bps
        finally:
            stop.set()
            sender.join()


def datagram(number: int) -> bytes:
    """A UDP datagram of 1,500 bytes from a station to the world, without checksum but for the header's."""
    source, target = socket.inet_aton(station_address(number)), socket.inet_aton("10.99.0.2")
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 1_500, 0, 0, 64, 17, 0, source, target)
    total = sum(struct.unpack("!10H", header))
    total = (total & 0xFFFF) + (total >> 16)
    checksum = 0xFFFF - (total & 0xFFFF) - (total >> 16)
    return (
        header[:10]
        + struct.pack("!H", checksum)
        + header[12:]
        + struct.pack("!HHHH", 9, 9, 1_480, 0)
        + bytes(1_472)
    )


def send_frames(
    mouth: socket.socket, frames: Sequence[bytes], rates_bps: Sequence[int], stop: threading.Event
) -> None:
    """Each frame at its rate, until told to stop."""
    dues = [time.monotonic()] * len(frames)
    while not stop.wait(0.002):
        now = time.monotonic()
        for index, (frame, rate_bps) in enumerate(zip(frames, rates_bps, strict=True)):
            count = int((now - dues[index]) * rate_bps / 12_000)
            dues[index] += count * 12_000 / rate_bps
            for _ in range(count):
                with contextlib.suppress(OSError):
                    mouth.send(frame)


def rate_of(read_bytes: Callable[[], int]) -> float:
    """Bits per second over four seconds, after the first."""
    time.sleep(1.0)
    first, began = read_bytes(), time.monotonic()
    time.sleep(4.0)
    last, ended = read_bytes(), time.monotonic()
    return (last - first) * 8 / (ended - began)


# --- 2: the ceiling


def ceilings(progress: Progress) -> Iterator[Figure]:
    """Four buyers alone on a wide link, each sending twice his ceiling; every window of a second after the first."""
    progress("ceilings")
    ceils = [1 * MBIT, 5 * MBIT, 20 * MBIT, 200 * MBIT]
    with rig("ceil", range(1, 5), swallow=True) as made, shaping(made, settings(GBIT)) as shaper:
        shaper.resynchronise([shape(number, ceil // 2, ceil) for number, ceil in enumerate(ceils, 1)])
        with blasting(made, {station_address(n): 2 * ceil for n, ceil in enumerate(ceils, 1)}, 7.0):
            time.sleep(1.0)
            samples = sample(made, 5.0)
    worst = 0.0
    for number, ceil in enumerate(ceils, 1):
        series = [(when, found[number] * 8) for when, found in samples]
        worst = max(worst, fastest_window(series, 1.0) / ceil)
    yield Figure(
        "most that a buyer got in any second, over his ceiling",
        round(100 * (worst - 1), 2),
        "%",
        2.0,
        "lower",
    )


def sample(made: Rig, seconds: float) -> list[tuple[float, dict[int, int]]]:
    """Bytes of each station every 20 ms; a reading that took long is not in it, its time would be uncertain."""
    found: list[tuple[float, dict[int, int]]] = []
    stop = time.monotonic() + seconds
    while (before := time.monotonic()) < stop:
        arrived = made.arrived()
        after = time.monotonic()
        if after - before < 0.001:
            numbered = {int.from_bytes(mac.octets[4:]): counters.bytes for mac, counters in arrived.items()}
            found.append(((before + after) / 2, numbered))
        time.sleep(0.02)
    return found


def fastest_window(series: Sequence[tuple[float, int]], window_s: float) -> float:
    """The highest rate between any reading and the first one that is at least a window later."""
    best, end = 0.0, 0
    for start, (begin_s, begin) in enumerate(series):
        end = max(end, start)
        while end < len(series) and series[end][0] < begin_s + window_s:
            end += 1
        if end == len(series):
            break
        best = max(best, (series[end][1] - begin) / (series[end][0] - begin_s))
    return best


# --- 3: latency


def latency(progress: Progress) -> Iterator[Figure]:
    """A session of 5 Mbit/s that sends twice that: how long each packet takes that arrives."""
    with rig("late", [1], swallow=False) as made, shaping(made, settings(100 * MBIT)) as shaper:
        shaper.install(shape(1, 5 * MBIT, 5 * MBIT))
        progress(f"latency of 5 Mbit/s with {shaper.capabilities.leaf}")
        ours = percentile(one_way_ms(made, 10 * MBIT, 5.0), 0.99)
        leaf = ["dev", "air0", "parent", "4147:10", "handle", f"{FIRST_SLOT:x}:"]
        made.box.run(["tc", "qdisc", "del", *leaf])
        progress("latency of 5 Mbit/s with the kernel's default queue")
        theirs = percentile(one_way_ms(made, 10 * MBIT, 4.0), 0.99)
    yield Figure(
        f"latency of a 5 Mbit/s session under twice its rate, {shaper.capabilities.leaf}, p99",
        round(ours, 1),
        "ms",
        60.0,
        "lower",
        Against("the kernel's default queue", round(theirs, 1)),
    )


def one_way_ms(made: Rig, rate_bps: int, seconds: float) -> list[float]:
    """Each datagram carries the time at which it was sent; both ends read the same clock."""
    ear = made.air.call(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    mouth = made.world.call(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    taken: list[float] = []

    def listen() -> None:
        try:
            while True:
                data = ear.recv(2_048)
                taken.append((time.monotonic_ns() - int.from_bytes(data[:8])) / 1e6)
        except TimeoutError:
            return

    with ear, mouth:
        ear.bind((station_address(1), 9_001))
        ear.settimeout(1.0)
        listener = threading.Thread(target=listen)
        listener.start()
        interval_s = (PAYLOAD_BYTES + 28) * 8 / rate_bps
        start = time.monotonic()
        for number in range(int(seconds / interval_s)):
            time.sleep(max(0.0, start + number * interval_s - time.monotonic()))
            mouth.sendto(
                time.monotonic_ns().to_bytes(8) + bytes(PAYLOAD_BYTES - 8), (station_address(1), 9_001)
            )
        listener.join()
    return taken


# --- 4: the meter


def metering(progress: Progress) -> Iterator[Figure]:
    """UDP of three sizes and TCP, both ways, more than fits: the shaper's counters beside the witness's."""
    progress("metered against counted")
    with rig("meter", [1], swallow=False) as made, shaping(made, settings(100 * MBIT)) as shaper:
        made.air.ip(f"neigh replace 10.100.0.1 lladdr {mac_of(made, 'air0')} dev sta0 nud permanent")
        shaper.install(shape(1, 20 * MBIT, 20 * MBIT))
        for payload_bytes in (60, 700, PAYLOAD_BYTES):
            with open_in(made, payload_bytes) as (down, up):
                for _ in range(200):
                    send(down, station_address(1), payload_bytes, 20)
                    send(up, "10.99.0.2", payload_bytes, 20)
                    time.sleep(0.005)
        tcp(made, 3 * MBIT)
        time.sleep(0.3)
        (metered,) = shaper.read_counters()
        counted = (made.arrived()[station_mac(1)].bytes, made.arrived_at_world().bytes)
    assert metered.down.dropped_packets > 0, "the meter was to be tried with drops"
    off = max(
        abs(metered.down.delivered_bytes / counted[0] - 1),
        abs(metered.up.delivered_bytes / counted[1] - 1),
    )
    yield Figure("metered against bytes on the wire, worse direction", round(100 * off, 4), "%", 0.1, "lower")


def mac_of(made: Rig, interface: str) -> str:
    return made.box.run(["cat", f"/sys/class/net/{interface}/address"]).strip()


@contextmanager
def open_in(made: Rig, payload_bytes: int) -> Iterator[tuple[socket.socket, socket.socket]]:
    """A sender in the world and one at the station."""
    down = made.world.call(lambda: open_sender(payload_bytes))
    up = made.air.call(lambda: open_sender(payload_bytes))
    with down, up:
        yield down, up


def tcp(made: Rig, size_bytes: int) -> None:
    """One connection: that many bytes to the station, and as many back."""
    with made.air.call(lambda: socket.create_server((station_address(1), 9_002))) as server:
        client = made.world.call(lambda: socket.create_connection((station_address(1), 9_002), timeout=10))
        peer, _ = server.accept()
        with client, peer:
            for source, sink in ((client, peer), (peer, client)):
                sender = threading.Thread(target=source.sendall, args=(bytes(size_bytes),))
                sender.start()
                left = size_bytes
                while left:
                    left -= len(sink.recv(min(left, 65_536)))
                sender.join()


# --- 5: a session


def session_cost(progress: Progress) -> Iterator[Figure]:
    """Install and end a session beside others; then the same work by other means."""
    progress("installing and ending sessions")
    with rig("hot", [1], swallow=True) as made, shaping(made, settings(pool_size=512)) as shaper:
        shaper.resynchronise([shape(number, MBIT, 2 * MBIT) for number in range(2, 302)])
        sold = replace(shape(1, MBIT, 2 * MBIT), lifetime_s=3_600)
        ours = times(500, lambda: shaper.install(sold), lambda: end(shaper))
        by_processes = made.in_box(lambda: [one_by_processes(number) for number in range(30)])
        by_pyroute2 = made.in_box(lambda: times_of_pyroute2(100))
    for name, values, theirs, plain in zip(
        ("install", "end"), ours, zip(*by_processes, strict=True), by_pyroute2, strict=True
    ):
        p50, p99 = (percentile(values, share) * 1e6 for share in (0.5, 0.99))
        process_us, plain_us = (statistics.median(other) * 1e6 for other in (theirs, plain))
        rival = Against("a tc and an nft process", round(process_us))
        yield Figure(f"{name} a session, p50", round(p50), "us", 300.0, "lower", rival)
        yield Figure(f"{name} a session, p99", round(p99), "us", 2_000.0, "lower", rival)
        yield Figure(
            f"{name} a session, p50, beside pyroute2 for the tc half alone",
            round(p50),
            "us",
            None,
            "lower",
            Against("pyroute2, tc only", round(plain_us)),
        )


def end(shaper: Shaper) -> SlotCounters:
    return shaper.remove(FIRST_SLOT, station_mac(1))


def times(count: int, *calls: Callable[[], object]) -> list[list[float]]:
    """Seconds of each call, in turn, `count` times."""
    taken: list[list[float]] = [[] for _ in calls]
    for _ in range(count):
        for call, values in zip(calls, taken, strict=True):
            start = time.perf_counter()
            call()
            values.append(time.perf_counter() - start)
    return taken


def one_by_processes(number: int) -> list[float]:
    """Seconds to install and to end one session with one `tc -batch` and one `nft` for both directions."""
    slot, station = f"{400 + number:x}", station_mac(5_000 + number)
    trees = (("air0", "4147"), ("airgrant0", "4148"))
    rates = "htb rate 1mbit ceil 2mbit burst 2k cburst 2k quantum 1514"
    install = "".join(
        f"class change dev {device} parent {tree}:1 classid {tree}:{slot} {rates}\n"
        f"qdisc add dev {device} parent {tree}:{slot} handle {slot}: bfifo limit 6000\n"
        for device, tree in trees
    )
    remove = "".join(f"qdisc del dev {device} parent {tree}:{slot}\n" for device, tree in trees)
    table, maps = "element netdev airgrant", (("down", "4147"), ("up", "4148"))
    add = "".join(f"add {table} {name} {{ {station} : {tree}:{slot} }}\n" for name, tree in maps)
    delete = "".join(f"delete {table} {name} {{ {station} : {tree}:{slot} }}\n" for name, tree in maps)
    taken = times(1, lambda: processes(install, add), lambda: processes(remove, delete))
    return [values[0] for values in taken]


def processes(tc: str, nft: str) -> None:
    """Run both programs on their commands."""
    for argv, text in ((["tc", "-batch", "-"], tc), (["nft", "-f", "-"], nft)):
        done = subprocess.run(argv, input=text, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ShellError(argv[0], done.stderr.strip())


def times_of_pyroute2(count: int) -> list[list[float]]:
    """Seconds to install and to end the tc half of a session through pyroute2, which knows pfifo but not bfifo."""
    pyroute2: Any = importlib.import_module("pyroute2")
    slot = 450
    with pyroute2.IPRoute() as route:
        devices = [route.link_lookup(ifname=name)[0] for name in ("air0", "airgrant0")]
        trees = list(zip(devices, (0x4147_0000, 0x4148_0000), strict=True))

        def install() -> None:
            for index, root in trees:
                route.tc(
                    "change-class",
                    "htb",
                    index,
                    root | slot,
                    parent=root | 1,
                    rate=125_000,
                    ceil=250_000,
                )
                route.tc("add", "pfifo", index, slot << 16, parent=root | slot, limit=20)

        def remove() -> None:
            for index, root in trees:
                route.tc("del", "pfifo", index, slot << 16, parent=root | slot)

        return times(count, install, remove)


# --- 6: a packet


def packet_cost(progress: Progress) -> Iterator[Figure]:
    """Time to forward a packet to one of ten stations, with ten sessions, with ten thousand, with linear filters."""
    few, spread = range(1, 11), range(1, SPREAD + 1)
    with ExitStack() as stack:
        progress(f"forwarding with ten and with {SESSIONS:,} sessions: making them")
        rigs = [stack.enter_context(rig(name, spread, swallow=True)) for name in ("few", "many", "lin")]
        for made, count in zip(rigs, (10, SESSIONS), strict=False):
            shaper = stack.enter_context(shaping(made, settings(pool_size=count)))
            shaper.resynchronise([shape(number, MBIT, 10 * GBIT) for number in range(1, count + 1)])
        linear(rigs[2], SESSIONS)
        progress(f"forwarding with ten and with {SESSIONS:,} sessions")
        jobs = [Job(made, few, packets) for made, packets in zip(rigs, (20_000, 20_000, 4_000), strict=True)]
        costs = cost_of_packets([*jobs, Job(rigs[1], spread, 20_000)])
    ten, many, filters, spread_out = (cost * 1e6 for cost in costs)
    yield Figure(
        f"forwarding a packet with {SESSIONS:,} sessions, over the same with 10",
        round(many / ten, 3),
        "x",
        1.1,
        "lower",
        Against(f"{SESSIONS:,} linear filters", round(filters / ten, 2)),
    )
    yield Figure(
        f"forwarding a packet with {SESSIONS:,} sessions, all of the way through one core",
        round(many, 2),
        "us",
        None,
        "lower",
        Against(f"{SESSIONS:,} linear filters", round(filters, 2)),
    )
    yield Figure(
        f"the same, to {SPREAD:,} of the stations in turn instead of ten (finding their neighbour entries included)",
        round(spread_out, 2),
        "us",
        None,
        "lower",
    )


@dataclass(frozen=True, slots=True)
class Job:
    """Packets of one round, to these stations in turn."""

    made: Rig
    stations: range
    packets: int


def linear(made: Rig, count: int) -> None:
    """What a shaper without a map does: one u32 filter per station; our ten are spread evenly among them."""
    lines = [
        "qdisc add dev air0 root handle 1: htb default 2",
        "class add dev air0 parent 1: classid 1:1 htb rate 10gbit quantum 60000",
        "class add dev air0 parent 1:1 classid 1:2 htb rate 10gbit quantum 60000",
    ]
    for number in range(count):
        ours, rest = divmod(number, count // 10)
        address = station_address(1 + ours) if rest == count // 20 else station_address(100 + number)
        lines.append(
            f"filter add dev air0 parent 1: protocol ip prio 1 u32 match ip dst {address}/32 flowid 1:2"
        )
    made.box.run(["tc", "-batch", "-"], given="\n".join(lines) + "\n")


def cost_of_packets(jobs: Sequence[Job], rounds: int = 9) -> list[float]:
    """Seconds per packet of each job: the best round of several that take turns, so that others' load cancels."""
    best = [float("inf")] * len(jobs)
    for _ in range(rounds):
        for index, job in enumerate(jobs):
            best[index] = min(best[index], cost_of_round(job))
    if float("inf") in best:
        raise ShellError("forwarding cost", "in no round did every packet arrive: this machine is too busy")
    return best


def cost_of_round(job: Job) -> float:
    """Seconds per packet of one round; infinite if a busy core's backlog overflowed, which would look too cheap."""
    addresses = [station_address(number) for number in job.stations]
    with job.made.world.call(lambda: open_sender(PAYLOAD_BYTES)) as sender:
        before = sum(counters.packets for counters in job.made.arrived().values())
        start = time.perf_counter()
        for number in range(job.packets // BATCH):
            send(sender, addresses[number % len(addresses)], PAYLOAD_BYTES, BATCH)
        took = time.perf_counter() - start
        arrived = sum(counters.packets for counters in job.made.arrived().values()) - before
    return took / job.packets if arrived >= 0.999 * job.packets else float("inf")


# --- 7: resynchronisation


def resynchronisation(progress: Progress) -> Iterator[Figure]:
    """A thousand sessions into an empty kernel; then 999 of them come and go beside one that never stops."""
    progress("resynchronising 1,000 sessions")
    shapes = [shape(number, MBIT, 50 * MBIT) for number in range(1, 1_001)]
    with rig("sync", [1], swallow=True) as made:
        cold: list[float] = []
        for _ in range(3):
            with shaping(made, settings(pool_size=16)) as shaper:
                cold += times(1, lambda: shaper.resynchronise(shapes))[0]
        with shaping(made, settings(pool_size=1_000)) as shaper:
            shaper.resynchronise(shapes)
            before = made.arrived()[station_mac(1)].packets
            with blasting(made, {station_address(1): 20 * MBIT}, 3.0) as sent:
                time.sleep(0.3)
                warm: list[float] = []
                for _ in range(4):
                    warm += times(1, lambda: shaper.resynchronise(shapes[:1]))[0]
                    warm += times(1, lambda: shaper.resynchronise(shapes))[0]
            lost = sum(sent.values()) - (made.arrived()[station_mac(1)].packets - before)
    yield Figure("cold resynchronisation of 1,000 sessions", round(min(cold), 3), "s", 1.0, "lower")
    yield Figure(
        "packets that an unchanged session lost while 999 others came and went eight times",
        lost,
        "",
        0,
        "lower",
    )
    yield Figure(
        "resynchronisation that changes 999 of 1,000 sessions", round(statistics.median(warm), 3), "s"
    )


# --- common


@contextmanager
def shaping(made: Rig, wanted: ShaperSettings) -> Iterator[Shaper]:
    """A shaper in the rig's box, taken down at the end."""
    shaper = Shaper(wanted)
    made.in_box(shaper.set_up)
    try:
        yield shaper
    finally:
        made.in_box(shaper.tear_down)


def restart(made: Rig, shaper: Shaper, wanted: ShaperSettings) -> None:
    """Take the shaper up again with other settings."""
    shaper.close()
    shaper.settings = wanted
    made.in_box(shaper.set_up)


@contextmanager
def blasting(made: Rig, rates_bps: dict[str, int], seconds: float) -> Iterator[dict[str, int]]:
    """`blast` in a process of its own; what it sent is in the dictionary when the block ends."""
    sent: dict[str, int] = {}
    arguments = [f"{address}={rate}" for address, rate in rates_bps.items()]
    child = made.world.popen([sys.executable, str(BLAST), str(seconds), str(PAYLOAD_BYTES), *arguments])
    try:
        assert child.stdout is not None
        if child.stdout.readline() != b"sending\n":
            raise ShellError("blast", child.communicate()[1].decode(errors="replace"))
        yield sent
        said, _ = child.communicate(timeout=seconds + 30)
        sent.update(json.loads(said))
        time.sleep(0.1)
    finally:
        child.kill()
        child.communicate()
