"""Independent counts: what the kernel says passed an interface, and what another computer saw of an address.

Neither count shares anything with the meter under test: the first is read at the station's own interface, the
second in another namespace by address. Both are given as IP bytes: an interface counts Ethernet frames, so 14
bytes for each packet are taken off (the lab's cables carry single frames, see
`lab.namespaces.forbid_offloads`).

Reference: /proc/net/dev in proc(5), nftables sets with counters in nft(8).   Units: bytes, seconds
(monotonic).
"""

import json
import os
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from lab.namespaces import Namespace
from wire.errors import ShellError

ETHERNET_HEADER_BYTES = 14
PROC_NET_DEV_BYTES = 65_536
"""More than 500 interfaces' worth; a station has two."""


@dataclass(frozen=True, slots=True)
class Reading:
    """An interface's counters at one moment of CLOCK_MONOTONIC, which all processes of a machine share."""

    t_s: float
    rx_ip_bytes: int
    rx_packets: int
    tx_ip_bytes: int
    tx_packets: int


@dataclass(slots=True)
class ByteCounter:
    """The counters of one interface in one namespace, read without starting a process (about 20
    microseconds).
    """

    namespace: Namespace
    interface: str
    _descriptor: int = field(default=-1, init=False)

    def __enter__(self) -> Self:
        self._descriptor = self.namespace.call(lambda: os.open("/proc/thread-self/net/dev", os.O_RDONLY))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)

    def read(self) -> Reading:
        """The counters now; ShellError if the interface is gone."""
        text = os.pread(self._descriptor, PROC_NET_DEV_BYTES, 0).decode()
        reading = parse_net_dev(text, self.interface, time.monotonic())
        if reading is None:
            raise ShellError(f"{self.namespace.name}/{self.interface}", "no such interface")
        return reading


@dataclass(frozen=True, slots=True)
class Seen:
    """IP bytes and packets that a computer saw from one address and to one address."""

    from_bytes: int = 0
    from_packets: int = 0
    to_bytes: int = 0
    to_packets: int = 0


@dataclass(frozen=True, slots=True)
class Witness:
    """Counts, in a namespace that others' packets pass or reach, the IP bytes from and to every address.

    As a context manager it lays a table of its own and takes it away again. It decides nothing: every packet
    goes on, unless `drops_port` names a UDP port that nobody reads (then packets to it are counted and
    dropped here, which spares the machine a process that throws them away).
    """

    namespace: Namespace
    drops_port: int | None = None

    @property
    def table(self) -> str:
        return "witness" if self.drops_port is None else f"witness_{self.drops_port}"

    def __enter__(self) -> Self:
        self.namespace.run(["nft", "-f", "-"], given=self.rules())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.namespace.run(["nft", "delete", "table", "inet", self.table])

    def rules(self) -> str:
        """The nftables text: two dynamic sets for each family, filled before routing; the drop comes last."""
        only = "" if self.drops_port is None else f"udp dport {self.drops_port} "
        sets = "".join(
            f"  set {way}{version} {{ type ipv{version}_addr; size 65536; flags dynamic; counter; }}\n"
            for way in ("from", "to")
            for version in (4, 6)
        )
        counts = "".join(
            f"    {only}add @{way}{version} {{ {family} {side} }}\n"
            for way, side in (("from", "saddr"), ("to", "daddr"))
            for version, family in ((4, "ip"), (6, "ip6"))
        )
        drop = "" if self.drops_port is None else f"    {only}drop\n"
        chain = f"  chain passing {{\n    type filter hook prerouting priority raw;\n{counts}{drop}  }}\n"
        return f"table inet {self.table} {{\n{sets}{chain}}}\n"

    def read(self) -> dict[str, Seen]:
        """What was seen so far, by address (text as the kernel writes it)."""
        listing = self.namespace.run(["nft", "-j", "list", "table", "inet", self.table])
        return parse_sets(listing)


def parse_net_dev(text: str, interface: str, t_s: float) -> Reading | None:
    """One interface's line of /proc/net/dev (columns: proc(5)), or None if it has none."""
    for line in text.splitlines():
        name, colon, columns = line.partition(":")
        if colon and name.strip() == interface:
            number = [int(word) for word in columns.split()]
            header = ETHERNET_HEADER_BYTES
            return Reading(
                t_s, number[0] - header * number[1], number[1], number[8] - header * number[9], number[9]
            )
    return None


def parse_sets(listing: str) -> dict[str, Seen]:
    """The counters in `nft -j list table`, joined over the sets from4, from6, to4 and to6."""
    seen: dict[str, Seen] = {}
    sets = [entry["set"] for entry in json.loads(listing)["nftables"] if "set" in entry]
    for each in sets:
        for element in each.get("elem", []):
            address, counter = element["elem"]["val"], element["elem"]["counter"]
            before = seen.get(address, Seen())
            if each["name"].startswith("from"):
                seen[address] = Seen(counter["bytes"], counter["packets"], before.to_bytes, before.to_packets)
            else:
                seen[address] = Seen(
                    before.from_bytes, before.from_packets, counter["bytes"], counter["packets"]
                )
    return seen
