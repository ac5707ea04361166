"""How often the door answers and how many it lets stand there: so many from one host, and so many in all.

Pure: time comes in. A token has 256 bits of chance and is guessed by nobody; what is spared is the work of reading
requests and signatures, and the log. A host is an IPv4 address, or a /64 of IPv6. Who floods from many hosts can keep
a box from enrolling for as long as he floods; the invitation outlasts him, as it is good for days.
"""

import ipaddress
from collections import Counter
from dataclasses import dataclass, field

WINDOW_S = 60
HOST_QUESTIONS = 10
"""A box asks once, and again when an answer was lost."""
ALL_QUESTIONS = 300


HOST_CONNECTIONS = 4
ALL_CONNECTIONS = 64
"""Handshakes and silence cost strangers nothing, and us a descriptor each."""


@dataclass(slots=True)
class DoorRoom:
    """Of connections, from when they are accepted."""

    _by_host: Counter[str] = field(default_factory=Counter)

    def enters(self, address: str) -> bool:
        """Whether there is room; if so it is taken until this address `leaves` again."""
        host = host_of(address)
        if self._by_host.total() >= ALL_CONNECTIONS or self._by_host[host] >= HOST_CONNECTIONS:
            return False
        self._by_host[host] += 1
        return True

    def leaves(self, address: str) -> None:
        host = host_of(address)
        self._by_host[host] -= 1
        if not self._by_host[host]:
            del self._by_host[host]


@dataclass(slots=True)
class DoorBudget:
    """Of the present minute."""

    _minute: int = -1
    _all: int = 0
    _by_host: Counter[str] = field(default_factory=Counter)

    def admits(self, address: str, now_s: int) -> bool:
        """Whether this question is looked at; if so it counts."""
        minute = now_s // WINDOW_S
        if minute != self._minute:
            self._minute, self._all, self._by_host = minute, 0, Counter()
        host = host_of(address)
        if self._all >= ALL_QUESTIONS or self._by_host[host] >= HOST_QUESTIONS:
            return False
        self._all += 1
        self._by_host[host] += 1
        return True


def host_of(address: str) -> str:
    """Whoever has one address of a /64 has all of them."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
