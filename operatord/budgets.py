"""Who may have a datagram verified: shares of the processor for those who pay, so that nobody takes another's. Pure.

A signature costs a hundred microseconds to refuse, a source address costs nothing to invent, and every consumer's key
is public on the ledger. So datagrams are counted by the second before anything in them is verified, by where they come
from and in whose name:

    an address and port           `per_address`, whatever they bring
    a consumer's own address      that from which his session last went on: bounded by nothing else but `all_per_s`
    another, his session runs     `strange` of each consumer, and `strange_per_s` of all: how a session begins
    another, no session runs      `idle` of each consumer, and `idle_per_s` of all of them, a part of `strange_per_s`

Whoever floods in a consumer's name thus takes what is left for strangers of that name, and not what its own address
has; one who floods in everybody's name takes the share of strangers, in which sessions begin, and ends none that runs.
An address is learned from a payment that moved a session on: whoever repeats one from elsewhere does not get it.
"""

from collections import Counter
from dataclasses import dataclass, field

from wire.ids import PublicKey

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Shares:
    """Datagrams a second. `per_address`: a device sends two or three in an interval, and three a second if nobody
    answers. `all_per_s`: half of what one core verifies.
    """

    all_per_s: int = 3_000
    strange_per_s: int = 1_500
    idle_per_s: int = 300
    per_address: int = 20
    strange: int = 10
    idle: int = 2


@dataclass(frozen=True, slots=True)
class Sender:
    """In whose name a datagram comes, by its own word, and whether a session of his runs."""

    consumer: PublicKey
    in_session: bool


@dataclass(slots=True)
class _Second:
    """What was admitted in one second."""

    number: int = -1
    addresses: Counter[Address] = field(default_factory=Counter)
    consumers: Counter[PublicKey] = field(default_factory=Counter)
    """By strangers."""
    everybody: int = 0
    strange: int = 0
    idle: int = 0


class Budgets:
    """Of one door."""

    def __init__(self, shares: Shares) -> None:
        self._shares = shares
        self._homes: dict[PublicKey, Address] = {}
        self._at_home: Counter[Address] = Counter()
        """How many consumers are at an address."""
        self._now = _Second()

    def settle(self, consumer: PublicKey, address: Address) -> None:
        """A payment from there moved the consumer's session on."""
        before = self._homes.get(consumer)
        if before == address:
            return
        if before is not None:
            self._at_home[before] -= 1
            if not self._at_home[before]:
                del self._at_home[before]
        self._homes[consumer] = address
        self._at_home[address] += 1

    def is_full(self, address: Address, now_ms: int) -> bool:
        """Whether nothing from there is looked at any more in this second, whatever it is: costs next to nothing."""
        now, shares = self._second(now_ms), self._shares
        if now.addresses[address] >= shares.per_address or now.everybody >= shares.all_per_s:
            return True
        return now.strange >= shares.strange_per_s and address not in self._at_home

    def admit(self, sender: Sender, address: Address, now_ms: int) -> bool:
        """Whether one more is looked at. Milliseconds of a clock that nobody sets."""
        if self.is_full(address, now_ms):
            return False
        now = self._now
        if self._homes.get(sender.consumer) != address or not sender.in_session:
            if not self._has_room(sender):
                return False
            now.consumers[sender.consumer] += 1
            now.strange += 1
            now.idle += not sender.in_session
        now.addresses[address] += 1
        now.everybody += 1
        return True

    def _second(self, now_ms: int) -> _Second:
        if now_ms // 1_000 != self._now.number:
            self._now = _Second(now_ms // 1_000)
        return self._now

    def _has_room(self, sender: Sender) -> bool:
        """For a stranger in this consumer's name."""
        now, shares = self._now, self._shares
        mine, all_idle = shares.strange, shares.strange_per_s
        if not sender.in_session:
            mine, all_idle = shares.idle, shares.idle_per_s
        taken = now.strange if sender.in_session else now.idle
        return (
            now.strange < shares.strange_per_s and taken < all_idle and now.consumers[sender.consumer] < mine
        )
