"""Offloads that would carry packets past the shaper: found in what the kernel reports, refused in words.

A flowtable hands established flows from device to device, in hardware without any queue of ours; `hw-tc-offload` lets
the network chip run traffic control itself. With either one a sold rate would not hold and the meter would read low.
Pure: the text of `nft list flowtables` and the feature names of ethtool come in.
"""

import re
from collections.abc import Collection, Mapping

from wire.errors import ConfigError
from wire.frozen import dataclass

AGGREGATION = ("rx-gro", "rx-gro-hw", "rx-gro-list", "rx-lro", "rx-udp-gro-forwarding")
"""Receive features that glue packets together; switched off: a super-packet is neither shaped nor metered well."""


_FLOWTABLE = r"^table (?P<table>\S+ \S+) \{|flowtable (?P<name>\S+) \{(?P<body>.*?)\n\t\}"


@dataclass(frozen=True, slots=True)
class Flowtable:
    """One flowtable: where it is and which devices it takes flows from."""

    table: str
    name: str
    devices: tuple[str, ...]
    hardware: bool


def parse_flowtables(text: str) -> list[Flowtable]:
    """From the output of `nft list flowtables`."""
    found: list[Flowtable] = []
    table = ""
    for block in re.finditer(_FLOWTABLE, text, re.MULTILINE | re.DOTALL):
        if block["table"]:
            table = block["table"]
            continue
        devices = re.search(r"devices = \{([^}]*)\}", block["body"])
        names = tuple(name.strip().strip('"') for name in devices[1].split(",")) if devices else ()
        hardware = re.search(r"flags[^\n]*\boffload\b", block["body"]) is not None
        found.append(Flowtable(table, block["name"], names, hardware))
    return found


def refuse_offload(
    interfaces: Collection[str], flowtables: Collection[Flowtable], features: Mapping[str, Mapping[str, bool]]
) -> None:
    """Raise ConfigError with what to do, if any of our interfaces is offloaded. `features` by interface, true is on."""
    for flowtable in flowtables:
        for device in flowtable.devices:
            if device in interfaces:
                kind = "hardware" if flowtable.hardware else "software"
                where = f"flowtable {flowtable.name} in table {flowtable.table}"
                raise ConfigError(
                    f"{device}: {kind} flow offload ({where}) would carry packets past the shaper; switch it off: "
                    f"on OpenWrt `uci set firewall.@defaults[0].flow_offloading=0`, "
                    f"elsewhere `nft delete flowtable {flowtable.table} {flowtable.name}`"
                )
    for interface in interfaces:
        if features.get(interface, {}).get("hw-tc-offload", False):
            raise ConfigError(
                f"{interface}: hw-tc-offload is on, the network chip would bypass the shaper; "
                f"switch it off: `ethtool -K {interface} hw-tc-offload off`"
            )
