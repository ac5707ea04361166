"""The demo's acts, in order, on a stage that is set (lab/demo/stage.py): who does what when, and what was kept of it.

The freeloader pushes from the beginning to the end. Two buyers buy and use what they bought as hard as they can.
The cheat tries everything while they do, then buys, lends his address unwillingly to eve, and goes on after his time.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from lab.air import Station
from lab.counters import Witness
from lab.demo import attacks
from lab.demo.attacks import Cheat
from lab.demo.cast import (
    ADA,
    BEN,
    BUYERS,
    CAST,
    DURATION_S,
    EVE,
    FINN,
    FLOOD_BPS,
    MALLORY,
    Role,
)
from lab.demo.lobby_talk import overhear
from lab.demo.stage import Stage
from lab.demo.watch import Sample, Watch
from lab.processes import Child, wait_until
from lab.result import Attack
from lab.traffic import LatencyReport, Stream, TrafficServers, latency, start_flood, start_latency_probe
from lab.world import WORLD_V4
from wire.errors import ShellError
from wire.units import format_rate

FLOOD_PORT = 9_000
CROWDED_AFTER_S = 3.0
"""TCP has found its rate by then."""
CROWDED_UNTIL_S = 6.0
"""The crowded time ends so long before the sessions do."""
PROBES_UNTIL_S = 1.0
"""An echo that is asked for in the last second of a session may find it over."""
AFTER_TIME_S = 3.0
"""How long the cheat goes on after his time."""
QUEUES_EMPTY_S = 0.5
BUY_DEADLINE_S = 20.0
STREAM_SLACK_S = 4.0
PUSH_DOWN_BPS = 40_000_000
PUSH_UP_BPS = 20_000_000
"""What ben pushes by UDP: more than his ceilings, which are what holds him."""


@dataclass(frozen=True, slots=True)
class Bought:
    """What `airgrant buy --json` said, and when the station was in."""

    role: Role
    grant: str
    starts_s: float
    ends_s: float
    charged_ubc: int
    floor_down_bps: int
    ceil_down_bps: int
    floor_up_bps: int
    ceil_up_bps: int
    lasted_s: float
    """From the start of the command to the session, its own start-up included."""


@dataclass(slots=True)
class Kept:
    """What the acts leave for the findings."""

    bought: dict[str, Bought] = field(default_factory=dict)
    before: dict[str, dict[str, Sample]] = field(default_factory=dict)
    """Samples by moment: `sessions` when each buyer joined, `crowd` and `crowd_end` around the crowded time, `over`."""
    latency: dict[str, LatencyReport] = field(default_factory=dict)
    attacks: list[Attack] = field(default_factory=list)


def play(stage: Stage, watch: Watch, witness: Witness, refresh: Callable[[], None]) -> Kept:
    """All acts. Raises ShellError if a part of the stage fails."""
    kept = Kept()
    _freeload(stage, watch)
    with overhear(stage.network.air, f"sta{ADA.number}") as overheard:
        for role in BUYERS:
            kept.before[f"before {role.name}"] = watch.sample()
            kept.bought[role.name] = _buy(stage, watch, role)
            refresh()
        heard = list(overheard.messages())
    probes = _use(stage, watch, kept)
    refresh()
    crowd_from = watch.now_s() + CROWDED_AFTER_S
    cheat = Cheat(_station(stage, MALLORY), stage.wallet(MALLORY).key, heard, witness, stage.nonce)
    _cheat(stage, watch, kept, cheat, refresh, crowd_from)
    _overstay(stage, watch, kept, cheat, probes, refresh)
    kept.before["over"] = watch.sample()
    return kept


def _freeload(stage: Stage, watch: Watch) -> None:
    station, household = _station(stage, FINN), stage.household
    station.pin_box()
    start_flood(household, "finn-up", station.namespace, str(WORLD_V4.ip), FLOOD_PORT, FLOOD_BPS)
    start_flood(household, "finn-down", stage.network.world, str(station.v4.ip), FLOOD_PORT, FLOOD_BPS)
    watch.tell(FINN.name, f"pushes {format_rate(FLOOD_BPS)} in both directions and pays nothing")


def _buy(stage: Stage, watch: Watch, role: Role) -> Bought:
    """As the user would: with the command."""
    station = _station(stage, role)
    words: list[str | Path] = [
        stage.python,
        "-m",
        "airgrant",
        "buy",
        "--json",
        "--wallet",
        stage.wallet(role).path,
    ]
    words += [
        "--interface",
        station.interface,
        "--down",
        str(role.wish_down_bps),
        "--up",
        str(role.wish_up_bps),
    ]
    began = time.monotonic()
    child = stage.household.start(f"buy-{role.name}", words, namespace=station.namespace)
    status = child.wait(BUY_DEADLINE_S)
    lasted_s = time.monotonic() - began
    if status:
        raise ShellError(f"{role.name}'s purchase", child.tail())
    said = json.loads(child.said[child.said.index("{") :])
    bought = Bought(
        role=role,
        grant=said["grant"],
        starts_s=watch.now_s(),
        ends_s=watch.now_s() + said["ends_s"] - time.time(),
        charged_ubc=said["charged_ubc"],
        floor_down_bps=said["floor_down_bps"],
        ceil_down_bps=said["ceil_down_bps"],
        floor_up_bps=said["floor_up_bps"],
        ceil_up_bps=said["ceil_up_bps"],
        lasted_s=lasted_s,
    )
    rates = f"{format_rate(bought.floor_down_bps)} down, {format_rate(bought.floor_up_bps)} up"
    watch.tell(
        role.name, f"read the signed offer, bought {rates} for {DURATION_S} s, is in after {lasted_s:.1f} s"
    )
    return bought


def _use(stage: Stage, watch: Watch, kept: Kept) -> dict[str, Child]:
    """Both buyers use what they bought as hard as they can, until it ends: ada by TCP, ben by UDP.

    UDP is pushed without iperf3: that asks before it sends, once, and never again if its own other stream crowds the
    question out.
    """
    servers = TrafficServers(stage.household, stage.network.world, str(WORLD_V4.ip))
    left_s = min(bought.ends_s for bought in kept.bought.values()) - watch.now_s()
    lasting_s = float(int(left_s + STREAM_SLACK_S))
    for direction in ("down", "up"):
        servers.start_stream(
            _station(stage, ADA).namespace, Stream(f"ada-{direction}", direction, "tcp", lasting_s)
        )
    ben, world = _station(stage, BEN), stage.network.world
    start_flood(stage.household, "ben-up", ben.namespace, str(WORLD_V4.ip), FLOOD_PORT, PUSH_UP_BPS)
    start_flood(stage.household, "ben-down", world, str(ben.v4.ip), FLOOD_PORT, PUSH_DOWN_BPS)
    watch.tell("ada, ben", "use it as hard as they can, TCP and UDP, in both directions")
    return {
        role.name: start_latency_probe(
            stage.household, role.name, _station(stage, role).namespace, str(WORLD_V4.ip), interval_ms=50
        )
        for role in BUYERS
    }


def _cheat(
    stage: Stage, watch: Watch, kept: Kept, cheat: Cheat, refresh: Callable[[], None], crowd_from: float
) -> None:
    """Everything that can be tried without paying; then he pays, and eve borrows his address."""
    tries = (
        attacks.alter_price,
        attacks.replay_purchase,
        attacks.present_foreign_grant,
        attacks.alter_grant,
        attacks.replay_join,
        attacks.leave_lobby_unpaid,
    )
    for attempt in tries:
        if "crowd" not in kept.before and watch.now_s() >= crowd_from:
            kept.before["crowd"] = watch.sample()
        attack = cheat.station.namespace.call(lambda attempt=attempt: attempt(cheat))  # type: ignore[misc]
        _found(watch, kept, attack, MALLORY.name)
        refresh()
    if "crowd" not in kept.before:
        _wait_until(watch, crowd_from, refresh)
        kept.before["crowd"] = watch.sample()
    kept.bought[MALLORY.name] = _buy(stage, watch, MALLORY)
    eve = Cheat(_station(stage, EVE), cheat.key, [], cheat.witness, stage.nonce)
    attack = eve.station.namespace.call(lambda: attacks.borrow_mac(eve, cheat.station))
    _found(watch, kept, attack, EVE.name)
    eve.station.borrow_mac(eve.station.mac)
    refresh()


def _overstay(
    stage: Stage,
    watch: Watch,
    kept: Kept,
    cheat: Cheat,
    probes: dict[str, Child],
    refresh: Callable[[], None],
) -> None:
    """The sessions end; the cheat's stream does not."""
    ends = [kept.bought[role.name].ends_s for role in BUYERS]
    _wait_until(watch, min(ends) - CROWDED_UNTIL_S, refresh)
    kept.before["crowd_end"] = watch.sample()
    before = _through(watch, cheat)
    start_flood(stage.household, "mallory", cheat.station.namespace, str(WORLD_V4.ip), FLOOD_PORT, 2_000_000)
    _wait_until(watch, min(ends) - PROBES_UNTIL_S, refresh)
    for name, probe in probes.items():
        probe.stop()
        kept.latency[name] = latency(probe)
    _wait_until(watch, max(ends) + QUEUES_EMPTY_S, refresh)
    for role in BUYERS:
        watch.tell(role.name, "the time is up, the class is gone")
    kept.before["sessions_end"] = watch.sample()
    over = kept.bought[MALLORY.name].ends_s
    _wait_until(watch, over + QUEUES_EMPTY_S, refresh)
    at_end = _through(watch, cheat)
    _wait_until(watch, over + QUEUES_EMPTY_S + AFTER_TIME_S, refresh)
    _found(
        watch, kept, attacks.go_on_after_time(at_end - before, _through(watch, cheat) - at_end), MALLORY.name
    )


def _through(watch: Watch, cheat: Cheat) -> int:
    """Bytes of the cheat's that reached the world so far."""
    return watch.sample()[cheat.station.name].through_bytes


def _found(watch: Watch, kept: Kept, attack: Attack, who: str) -> None:
    kept.attacks.append(attack)
    watch.tell(
        who,
        f"{attack.name}: stopped by {attack.by}"
        if attack.stopped
        else f"{attack.name}: NOT stopped: {attack.by}",
    )


def _wait_until(watch: Watch, at_s: float, refresh: Callable[[], None]) -> None:
    """The demo's own time is the fact that is waited for; the view goes on meanwhile."""

    def reached() -> bool:
        refresh()
        return watch.now_s() >= at_s

    wait_until(reached, f"second {at_s:.1f} of the demo", max(1.0, at_s - watch.now_s() + 5))


def _station(stage: Stage, role: Role) -> Station:
    return stage.network.station(role.number)


assert {role.number for role in CAST} == set(range(1, len(CAST) + 1)), "stations are numbered from 1"
