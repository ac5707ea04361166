"""Who may have a datagram verified: shares of the processor for those who pay, so that nobody takes another's. Pure.

A signature costs a hundred microseconds to refuse, a source address costs nothing to invent, and every consumer's key
is public on the ledger. So datagrams are counted by the second before anything in them is verified, by where they come
from and in whose name:

    an address and port           `per_address`, whatever they bring
    a consumer's own address      that from which his session last went on: a fair part of what strangers leave
    his own host, another port    `of_host`: an address translation that began anew
    another, his session runs     `strange` of each consumer, of it `of_host` from one host: how a session begins
    another, no session runs      `idle` of each consumer, and `idle_per_s` of all of them
    all that are at no home       `strange_per_s`, of it `strange_of_host` from one host

A host is an IPv4 address, or the 64 bits of a network of IPv6. Of a name's share, and of a host's in it, the first do
not get it all: where more came in the second before than the share, half of it is given by lot, so that to be early, or
to know when a second begins, wins nothing. Who floods in a consumer's name from few hosts thus keeps nobody out; who
invents addresses takes what is left for strangers of that name, and not what its own address has; one who floods in
everybody's name takes the share of strangers, in which sessions begin, and ends none that stays where it is.
An address is learned from a payment that moved a session on: whoever repeats one from elsewhere does not get it. It is
remembered here alone, and not over a restart.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from ipaddress import IPv6Address

from wire.ids import PublicKey

Address = tuple[str, int]
LEAST_AT_HOME = 6
"""A second: a device that nobody answers sends three payments, and as many statements that are attested."""
_TICKETS = 1 << 64


@dataclass(frozen=True, slots=True)
class Shares:
    """Datagrams a second. `per_address`: a device sends two or three in an interval, and three a second if nobody
    answers. `all_per_s`: half of what one core verifies.
    """

    all_per_s: int = 3_000
    strange_per_s: int = 1_500
    strange_of_host: int = 150
    idle_per_s: int = 300
    per_address: int = 20
    strange: int = 20
    idle: int = 4
    of_host: int = 6


@dataclass(frozen=True, slots=True)
class Sender:
    """In whose name a datagram comes, by its own word, and whether a session of his runs."""

    consumer: PublicKey
    in_session: bool


@dataclass(slots=True)
class _Second:
    """What was admitted in one second, and what wanted to be."""

    number: int = -1
    addresses: Counter[Address] = field(default_factory=Counter)
    hosts: Counter[str] = field(default_factory=Counter)
    """Of strangers."""
    homes: Counter[PublicKey] = field(default_factory=Counter)
    tried: Counter[tuple[PublicKey, str]] = field(default_factory=Counter)
    """By strangers in a consumer's name from one host; from all of them ("") those for whom that host had room."""
    drawn: Counter[tuple[PublicKey, str]] = field(default_factory=Counter)
    """How many of these were let through."""
    everybody: int = 0
    strange: int = 0
    idle: int = 0


class Budgets:
    """Of one door. `salt`: so that nobody foresees who wins."""

    def __init__(self, shares: Shares, salt: bytes = b"") -> None:
        self._shares = shares
        self._salt = salt
        self._homes: dict[PublicKey, Address] = {}
        self._at_home: Counter[str] = Counter()
        """How many consumers are at a host."""
        self._now = _Second()
        self._before = _Second()

    def settle(self, consumer: PublicKey, address: Address) -> None:
        """A payment from there moved the consumer's session on."""
        before = self._homes.get(consumer)
        if before == address:
            return
        if before is not None:
            host = _host(before)
            self._at_home[host] -= 1
            if not self._at_home[host]:
                del self._at_home[host]
        self._homes[consumer] = address
        self._at_home[_host(address)] += 1

    def is_full(self, address: Address, now_ms: int) -> bool:
        """Whether nothing from there is looked at any more in this second, whatever it is: costs next to nothing.
        Milliseconds of a clock that nobody sets.
        """
        now, shares = self._second(now_ms), self._shares
        if now.addresses[address] >= shares.per_address or now.everybody >= shares.all_per_s:
            return True
        return now.strange >= shares.strange_per_s and _host(address) not in self._at_home

    def is_crowded(self, now_ms: int) -> bool:
        """Whether strangers are refused whom nobody has looked at, so that nobody knows who they are."""
        now, shares = self._second(now_ms), self._shares
        return now.strange >= shares.strange_per_s or now.everybody >= shares.all_per_s

    def admit(self, sender: Sender, address: Address, now_ms: int) -> bool:
        """Whether one more is looked at, of what `is_full` let pass."""
        now = self._second(now_ms)
        home = self._homes.get(sender.consumer) if sender.in_session else None
        if home == address:
            if now.homes[sender.consumer] >= self._fair():
                return False
            now.homes[sender.consumer] += 1
        elif home is None or _host(home) != _host(address):
            if not self._has_room(sender, address):
                return False
            now.hosts[_host(address)] += 1
            now.strange += 1
            now.idle += not sender.in_session
        elif not self._draw(
            (sender.consumer, _host(address)), self._shares.of_host, self._ticket(sender, address)[0]
        ):
            return False
        now.addresses[address] += 1
        now.everybody += 1
        return True

    def _second(self, now_ms: int) -> _Second:
        number = now_ms // 1_000
        if number != self._now.number:
            self._before = self._now if self._now.number == number - 1 else _Second()
            self._now = _Second(number)
        return self._now

    def _fair(self) -> int:
        """For each consumer at home, of what strangers cannot have."""
        shares = self._shares
        each = (shares.all_per_s - shares.strange_per_s) // (len(self._before.homes) + 1)
        return max(LEAST_AT_HOME, min(shares.per_address, each))

    def _has_room(self, sender: Sender, address: Address) -> bool:
        """For a stranger in this consumer's name."""
        now, shares, host = self._now, self._shares, _host(address)
        mine, taken, of_all = shares.strange, now.strange, shares.strange_per_s
        if not sender.in_session:
            mine, taken, of_all = shares.idle, now.idle, shares.idle_per_s
        if (
            now.strange >= shares.strange_per_s
            or taken >= of_all
            or now.hosts[host] >= shares.strange_of_host
        ):
            return False
        first, second = self._ticket(sender, address)
        of_host = min(shares.of_host, (mine + 1) // 2)
        return self._draw((sender.consumer, host), of_host, first) and self._draw(
            (sender.consumer, ""), mine, second
        )

    def _draw(self, key: tuple[PublicKey, str], share: int, ticket: int) -> bool:
        """One of at most `share`: whoever comes first, or half of them by lot, if there were too many just now."""
        self._now.tried[key] += 1
        wanted = self._before.tried[key]
        if self._now.drawn[key] >= share:
            return False
        if wanted > share and ticket * wanted >= (share + 1) // 2 * _TICKETS:
            return False
        self._now.drawn[key] += 1
        return True

    def _ticket(self, sender: Sender, address: Address) -> tuple[int, int]:
        """Two numbers below 2^64, other ones for each datagram."""
        number = self._now.tried[sender.consumer, _host(address)]
        text = f"{self._now.number} {number} {address[1]} {address[0]} ".encode() + sender.consumer.octets
        drawn = hashlib.blake2b(text, digest_size=16, key=self._salt).digest()
        return int.from_bytes(drawn[:8], "big"), int.from_bytes(drawn[8:], "big")


def _host(address: Address) -> str:
    """What one machine has for itself."""
    if ":" not in address[0]:
        return address[0]
    parsed = IPv6Address(address[0])
    return str(parsed.ipv4_mapped or parsed.packed[:8].hex())
