"""The shaper's settings: one interface with stations on it, and how much it may carry.

Nothing is read here; whoever reads the configuration file builds this value and reports what it refuses.
"""

import re

from wire.frozen import dataclass

MAX_SLOTS = 65_535 - 16
"""Classes that one HTB tree can name, minors being 16 bits, once the first sixteen are kept for ourselves."""


@dataclass(frozen=True, slots=True)
class ShaperSettings:
    """Every field with its unit; ValueError names the field that cannot be."""

    interface: str
    """The device whose far side is the stations: `wlan0`, or a veth in the lab. Never a bridge, but its port."""
    downlink_capacity_bps: int
    """What the air carries towards the stations, bits per second at the rate layer; keep it below the true rate."""
    uplink_capacity_bps: int
    """What the air carries from the stations, bits per second at the rate layer."""
    wan_interface: str | None = None
    """The device towards the world, if this box has one of its own: only its receive aggregation is touched."""
    lobby_bps: int = 500_000
    """The most that stations which have not paid get from the box, all together, bits per second."""
    lobby_port: int = 18_573
    """UDP port of the lobby, the only one that an unpaid station reaches."""
    lobby_packets_per_s: int = 100
    """Frames per second that one unpaid station may send to the box, where the kernel can limit by address."""
    pool_size: int = 256
    """Classes made ahead of time in each direction; sessions only change them."""
    pool_chunk: int = 256
    """Classes added at once when the pool is used up."""
    fifo_ms: int = 40
    """Longest time that a packet waits in a session's queue at its floor rate, milliseconds, where there is
    no AQM.
    """
    grace_s: int = 60
    """How long after its lifetime the kernel itself ends a session that nobody removed, seconds."""
    leaf: str = "auto"
    """Queue of a session: `auto` (best that the kernel has), `fq_codel`, `cake` or `bfifo`."""
    rate_layer: str = "ip"
    """What a rate counts: `ip` (IP packets) or `frame` (with the 14 octets of Ethernet header)."""
    table: str = "airgrant"
    """Name of the nftables table; give each shaper on one box its own."""
    ifb: str = "airgrant0"
    """Name of the intermediate device that shapes the uplink; give each shaper on one box its own."""
    closed: bool = False
    """Stations that have not paid reach nothing on `interface`, not even the lobby: they were let in by a key."""
    lobby_interface: str | None = None
    """Another device, whose stations reach the lobby and nothing else; never in a bridge."""

    def __post_init__(self) -> None:
        named = [name for name in ("wan_interface", "lobby_interface") if getattr(self, name) is not None]
        for name in ("interface", "ifb", *named):
            _require(
                re.fullmatch(r"[A-Za-z0-9_.\-]{1,15}", getattr(self, name)) is not None,
                name,
                "not a device name",
            )
        _require(
            re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,30}", self.table) is not None, "table", "not a table name"
        )
        _require(len({self.interface, self.ifb, self.wan_interface}) == 3, "ifb", "device names must differ")
        if self.lobby_interface is not None:
            others = (self.interface, self.ifb, self.wan_interface)
            _require(self.lobby_interface not in others, "lobby_interface", "device names must differ")
        for name in ("downlink_capacity_bps", "uplink_capacity_bps", "lobby_bps"):
            _require(1_000 <= getattr(self, name) <= 1_000_000_000_000, name, "must be 1 kbit/s to 1 Tbit/s")
        _require(
            self.lobby_bps <= self.downlink_capacity_bps, "lobby_bps", "larger than downlink_capacity_bps"
        )
        _require(0 < self.lobby_port < 65_536, "lobby_port", "not a port")
        _require(0 < self.lobby_packets_per_s <= 100_000, "lobby_packets_per_s", "must be 1 to 100,000")
        _require(0 < self.pool_size <= MAX_SLOTS, "pool_size", f"must be 1 to {MAX_SLOTS:,}")
        _require(0 < self.pool_chunk <= MAX_SLOTS, "pool_chunk", f"must be 1 to {MAX_SLOTS:,}")
        _require(1 <= self.grace_s <= 86_400, "grace_s", "must be 1 s to a day")
        _require(1 <= self.fifo_ms <= 10_000, "fifo_ms", "must be 1 ms to 10 s")
        _require(
            self.leaf in ("auto", "fq_codel", "cake", "bfifo"),
            "leaf",
            "must be auto, fq_codel, cake or bfifo",
        )
        _require(self.rate_layer in ("ip", "frame"), "rate_layer", "must be ip or frame")


def _require(holds: bool, field: str, why: str) -> None:  # noqa: FBT001 - an assertion in the operator's words
    if not holds:
        raise ValueError(f"{field}: {why}")
