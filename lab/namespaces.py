"""Named network namespaces and the veth cables between them.

A namespace here is a small computer with its own interfaces, routes and sockets; a cable joins two of them.
What comes in are names and addresses, what goes out is a kernel that has them. This file knows nothing of
access points or stations: `air.py` says which computers there are and how they hang together.

Run it only inside the lab's sandbox (`lab/sandbox.sh`), whose private /run keeps the names away from the
machine and whose end takes every namespace with it.

Reference: ip-netns(8), setns(2), veth(4).
"""

import ctypes
import ipaddress
import os
import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from wire.errors import ShellError

NETNS_FOLDER = Path("/run/netns")
"""Where ip-netns(8) keeps the names."""

CLONE_NEWNET = 0x40000000
"""setns(2): the descriptor must be a network namespace."""

COMMAND_DEADLINE_S = 30.0
"""No ip, tc or nft command of the lab takes longer; ten times what a loaded two-core machine needed."""

INTERFACE_NAME_BYTES = 15
"""IFNAMSIZ - 1."""

SEGMENTATION_OFFLOADS = ("tso", "gso", "gro", "lro", "tx-udp-segmentation", "rx-udp-gro-forwarding")
"""What lets one kernel hand another a "packet" of 64 KiB. A radio cannot, and a meter should not see it."""

Address = ipaddress.IPv4Interface | ipaddress.IPv6Interface
T = TypeVar("T")

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Namespace:
    """One named network namespace; the value is only the name, the kernel holds the rest."""

    name: str

    def argv(self, argv: Sequence[str]) -> list[str]:
        """The command line that runs `argv` inside; the process that starts is `argv` itself, not a wrapper."""
        return ["ip", "netns", "exec", self.name, *argv]

    def run(self, argv: Sequence[str], *, given: str = "", deadline_s: float = COMMAND_DEADLINE_S) -> str:
        """Run a command to its end and return what it printed; ShellError with its complaint if it failed."""
        return run(self.argv(argv), given=given, deadline_s=deadline_s)

    def popen(self, argv: Sequence[str]) -> subprocess.Popen[bytes]:
        """Start a command and talk to it through pipes; `lab.processes` starts one with a log and an end."""
        pipe = subprocess.PIPE
        return subprocess.Popen(self.argv(argv), stdin=pipe, stdout=pipe, stderr=pipe)

    def call(self, function: Callable[[], T]) -> T:
        """Run a Python function whose sockets, files in /proc/net and settings in /proc/sys/net are this
        one's.

        It runs in a thread of its own (a namespace belongs to a thread, setns(2)), so sockets that it returns
        stay in this namespace wherever they are used afterwards. Exceptions come back to the caller.
        """

        def inside() -> T:
            _enter(NETNS_FOLDER / self.name)
            return function()

        with ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"in-{self.name}") as thread:
            return thread.submit(inside).result()

    def set_kernel(self, setting: str, value: int) -> None:
        """Write one setting below /proc/sys/net, named with slashes: "ipv6/conf/all/forwarding"."""
        self.call(lambda: Path("/proc/sys/net", setting).write_text(f"{value}\n"))

    def ip(self, *lines: str) -> None:
        """Run lines of ip -batch, as "addr add 10.0.0.1/24 dev lo"; ShellError for the first that fails."""
        run(["ip", "-n", self.name, "-batch", "-"], given="\n".join(lines) + "\n")


@dataclass(frozen=True, slots=True)
class Port:
    """One end of a cable: which namespace, the interface's name, its MAC (None: the kernel invents one),
    addresses.
    """

    namespace: Namespace
    interface: str
    mac: str | None = None
    addresses: tuple[Address, ...] = field(default=())

    def __post_init__(self) -> None:
        if not 0 < len(self.interface.encode()) <= INTERFACE_NAME_BYTES:
            raise ValueError(f"interface name {self.interface!r} must have 1 to {INTERFACE_NAME_BYTES} bytes")


def run(argv: Sequence[str], *, given: str = "", deadline_s: float = COMMAND_DEADLINE_S) -> str:
    """Run a command here, to its end; its output as text, or ShellError with what it wrote to stderr."""
    try:
        done = subprocess.run(
            argv, check=False, input=given, capture_output=True, text=True, timeout=deadline_s
        )
    except FileNotFoundError as fault:
        raise ShellError(argv[0], "is not installed") from fault
    except subprocess.TimeoutExpired as fault:
        raise ShellError(" ".join(argv), f"did not end within {deadline_s} s") from fault
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip() or "no message"
        raise ShellError(" ".join(argv), f"exit {done.returncode}: {said}")
    return done.stdout


def create(name: str) -> Namespace:
    """A new namespace whose loopback is up; ShellError if the name exists or the kernel refuses."""
    run(["ip", "netns", "add", name])
    namespace = Namespace(name)
    # Addresses are usable at once: nobody else in the lab can hold the same one.
    for family in ("all", "default"):
        namespace.set_kernel(f"ipv6/conf/{family}/accept_dad", 0)
        namespace.set_kernel(f"ipv6/conf/{family}/accept_ra", 0)
    namespace.ip("link set lo up")
    return namespace


def delete(namespace: Namespace) -> None:
    """Remove the name; the kernel takes the interfaces with it once the last process inside has ended."""
    run(["ip", "netns", "del", namespace.name])


@contextmanager
def namespaces() -> Iterator[Callable[[str], Namespace]]:
    """Gives `create` for the length of a block; what it made is gone afterwards, however far it came."""
    made: list[Namespace] = []

    def make(name: str) -> Namespace:
        made.append(create(name))
        return made[-1]

    try:
        yield make
    finally:
        for namespace in made:
            delete(namespace)


def plug(one: Port, other: Port) -> None:
    """Join two ports with a veth cable, both up, with addresses, and with frames no longer than the MTU."""
    run(
        [
            *("ip", "link", "add", one.interface, "netns", one.namespace.name, *_mac(one), "type", "veth"),
            *("peer", "name", other.interface, "netns", other.namespace.name, *_mac(other)),
        ]
    )
    for port in (one, other):
        forbid_offloads(port.namespace, port.interface)
        addresses = (
            f"addr add {address} dev {port.interface}{_nodad(address)}" for address in port.addresses
        )
        port.namespace.ip(f"link set {port.interface} up", *addresses)


def forbid_offloads(namespace: Namespace, interface: str) -> None:
    """Turn segmentation offloads off, so that what travels are frames as a radio would carry them.

    Settings that a kernel does not know are passed over; those it knows and keeps on raise ShellError.
    """
    known = _features(namespace, interface)
    wanted = [name for name in SEGMENTATION_OFFLOADS if name in known]
    namespace.run(["ethtool", "-K", interface, *(word for name in wanted for word in (name, "off"))])
    still_on = [name for name in wanted if _features(namespace, interface)[name].startswith("on")]
    if still_on:
        raise ShellError(f"{namespace.name}/{interface}", f"offloads stay on: {', '.join(still_on)}")


_SHORT_NAMES = {
    "tcp-segmentation-offload": "tso",
    "generic-segmentation-offload": "gso",
    "generic-receive-offload": "gro",
    "large-receive-offload": "lro",
}


def _features(namespace: Namespace, interface: str) -> dict[str, str]:
    """What ethtool -k lists, under the names that ethtool -K takes: {"tso": "off", "lro": "off [fixed]",
    ...}.
    """
    lines = namespace.run(["ethtool", "-k", interface]).splitlines()[1:]
    pairs = (line.strip().partition(": ") for line in lines)
    return {_SHORT_NAMES.get(name, name): value for name, _, value in pairs}


def _enter(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _libc.setns(descriptor, CLONE_NEWNET) != 0:
            raise ShellError(f"setns {path}", os.strerror(ctypes.get_errno()))
    finally:
        os.close(descriptor)


def _mac(port: Port) -> Iterable[str]:
    return () if port.mac is None else ("address", port.mac)


def _nodad(address: Address) -> str:
    return " nodad" if address.version == 6 else ""
