"""The world, a box with our shaper, the air and a crowd behind it, in namespaces of the sandbox.

    world ---- box ==== air (a bridge; towards the crowd a rate and one queue) ==== crowd

The crowd is one namespace that answers to every station's address. The air's rate and queue are there in every
scenario; without a tree in the box they are all that orders packets, as on an access point as it comes.
Downlink only: an access point alone on its channel. Uplink, collisions and distances are not played.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lab.admission.plan import POOL, Plan, Scenario, Scheduler
from lab.bench.shaper_rig import BOX_AIR, BOX_WAN, WORLD, station_address, station_mac
from lab.namespaces import Namespace, Port, namespaces, plug
from tc_shaper.kernel import Shaper
from tc_shaper.settings import ShaperSettings

AIR_BURST_BYTES = 12_640
"""Ten frames: what a radio sends in one go."""


@dataclass(frozen=True, slots=True)
class Stage:
    """The four computers, and the shaper of the box, if the scenario has one."""

    world: Namespace
    box: Namespace
    crowd: Namespace
    shaper: Shaper | None


@contextmanager
def set_stage(plan: Plan) -> Iterator[Stage]:
    """Lay cables, tell the box who has which address, set the air's rate, set up the shaper. Raises ShellError,
    ConfigError.
    """
    with namespaces() as create:
        world, box, air, crowd = (create(f"adm-{name}") for name in ("world", "box", "air", "crowd"))
        plug(Port(world, "w0", addresses=(WORLD,)), Port(box, "wan0", addresses=(BOX_WAN,)))
        plug(Port(box, "air0", addresses=(BOX_AIR,)), Port(air, "up0"))
        plug(Port(air, "down0"), Port(crowd, "sta0"))
        box.set_kernel("ipv4/ip_forward", 1)
        world.ip(f"route add {BOX_AIR.network} via {BOX_WAN.ip}")
        box.ip(
            *(
                f"neigh replace {lane.flow.address} lladdr {station_mac(lane.station)} dev air0 nud permanent"
                for lane in plan.lanes
            )
        )
        _lay_air(air, plan.scenario)
        _answer_to_everybody(crowd)
        shaper = None if plan.scenario.scheduler is Scheduler.FIFO else _shaper(box, plan)
        try:
            yield Stage(world, box, crowd, shaper)
        finally:
            if shaper is not None:
                shaper.close()


def _lay_air(air: Namespace, scenario: Scenario) -> None:
    air.ip(
        "link add channel type bridge",
        "link set up0 master channel",
        "link set down0 master channel",
        "link set channel up",
    )
    rate = f"{round(scenario.air_mbps * 1e6)}bit"
    handles = ("tc", "qdisc", "add", "dev", "down0")
    air.run(
        [
            *handles,
            "root",
            "handle",
            "1:",
            "tbf",
            "rate",
            rate,
            "burst",
            str(AIR_BURST_BYTES),
            "latency",
            "10ms",
        ]
    )
    air.run([*handles, "parent", "1:1", "handle", "2:", "pfifo", "limit", str(scenario.queue_packets)])


def _answer_to_everybody(crowd: Namespace) -> None:
    """Frames for any station are taken for this computer's own, and so are their addresses."""
    crowd.run(
        ["nft", "-f", "-"],
        given="table netdev crowd { chain take { type filter hook ingress device sta0 priority 0; "
        "meta protocol ip meta pkttype set host; }; }\n",
    )
    crowd.ip(
        f"addr add {station_address(60_000)}/16 dev sta0",
        f"route add local {BOX_AIR.network} dev lo",
    )


def _shaper(box: Namespace, plan: Plan) -> Shaper:
    capacity_bps = round(plan.scenario.capacity_mbps * 1e6)
    shaper = Shaper(
        ShaperSettings(
            interface="air0",
            wan_interface="wan0",
            downlink_capacity_bps=capacity_bps,
            uplink_capacity_bps=capacity_bps,
            lobby_bps=8_000,
            pool_size=POOL,
        )
    )
    box.call(shaper.set_up)
    return shaper
