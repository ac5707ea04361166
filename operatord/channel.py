"""A channel, a metered session and the book of both, as values; operatord/channels.py has what happens to them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from wire.ids import MacAddress, PublicKey
from wire.tariff import Tariff


@dataclass(frozen=True, slots=True)
class Channel:
    """What one consumer has deposited for this operator, paid and used, in all and for ever. Micro-bandcoin."""

    consumer: PublicKey
    number: int
    """Its channel number on the ledger."""
    limit_ubc: int
    """Deposited, less what is being shifted to another operator: no micropayment counts beyond it."""
    paid_ubc: int = 0
    micropayment: bytes = b""
    """The highest one, as it came."""
    used_ubc: int = 0
    """By sessions that are over; never more than was paid."""
    unpaid_ubc: int = 0
    """Used by them, and not paid."""
    earned_ubc: int = 0
    """Of what was paid, credited to boxes."""
    sessions: tuple[bytes, ...] = ()
    """What the device called its latest session, and those that lived on the same micropayment: none is called so
    again, or a datagram of theirs would begin one."""


@dataclass(frozen=True, slots=True)
class MeteredSession:
    """One station of a channel at one box. Milliseconds are of a clock that nobody sets."""

    consumer: PublicKey
    permit_id: bytes
    box: str
    bssid: MacAddress
    station: MacAddress
    tariff: Tariff
    terms_id: bytes
    payee: PublicKey
    opened_ms: int
    base_ubc: int
    """What sessions before had used of the channel."""
    session: bytes = b""
    """What the device calls it; empty until it has paid."""
    paid_interval: int = -1
    """The latest interval that is paid; -1: none is."""
    said_bytes: int = 0
    """By the device's meter, with its latest payment."""
    statement: bytes = b""
    """The device's word on that."""
    counted_from_bytes: int = 0
    counted_bytes: int = 0
    """What the box has counted for the permit, when this session began and now."""

    @property
    def counted(self) -> int:
        """IP bytes of this session, by the box."""
        return self.counted_bytes - self.counted_from_bytes


@dataclass(frozen=True, slots=True)
class Terms:
    """What one box asks, and the name by which devices pay for it."""

    tariff: Tariff
    terms_id: bytes
    payee: PublicKey
    """The account of the box's owner, to whom it is credited what is used there."""


@dataclass(frozen=True, slots=True)
class Rules:
    """`missed_allowed` payments in a row, 1 or more, end a session; more is credit that the operator gives. `enrolled`:
    only these accounts may join, as their meters are attested; None: everybody. Nobody who has not paid yet joins with
    less than `least_deposit_ubc`, nor with less than `least_increments` by the tariff of the box.
    """

    missed_allowed: int = 1
    enrolled: frozenset[PublicKey] | None = None
    least_deposit_ubc: int = 0
    least_increments: int = 0


@dataclass(slots=True)
class Channels:
    """Everything about metered sessions, for one instance. Changed in place by the functions below only."""

    instance: bytes
    rules: Rules
    terms: Mapping[tuple[str, bytes], Terms]
    """By box and BSSID octets; a box that is not here sells no metered sessions."""
    channels: dict[PublicKey, Channel] = field(default_factory=dict)
    sessions: dict[PublicKey, MeteredSession] = field(default_factory=dict)
    consumers: dict[bytes, PublicKey] = field(default_factory=dict)
    """By permit id."""
    due: list[tuple[int, bytes]] = field(default_factory=list)
    """A heap of (milliseconds, consumer): when a session is to be looked at, or a pardon to be forgotten."""
    crowded: set[PublicKey] = field(default_factory=set)
    """In whose name more came than was looked at, while a session ran of which nothing was paid yet."""
    crowded_ms: int = -1
    """When datagrams were dropped last of which nobody knows whose they were."""
    pardons: dict[PublicKey, list[int]] = field(default_factory=dict)
    """Until when (milliseconds) each session counts of which nothing was paid, and nothing is asked, for that."""
