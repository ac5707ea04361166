"""What the core remembers: frozen values, replaced and never changed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from apd.events import Address
from apd.session import Session
from apd.settings import BoxSettings
from tc_shaper.pool import Pool
from wire.ids import MacAddress
from wire.meter_record import FIRST_PREVIOUS, MeterRecord
from wire.offer_state import OfferState

NOTHING: Mapping[bytes, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class PendingPurchase:
    """A session in phase offered: a transaction was relayed, and `buyer` waits for its outcome."""

    buyer: Address
    deadline_ns: int


@dataclass(frozen=True, slots=True)
class LobbyState:
    """Towards strangers. `secret` makes challenges that need no memory; the rest is bounded."""

    secret: bytes
    offer_state: OfferState | None = None
    offer: bytes = b""
    offer_expires_s: int = 0
    pending: Mapping[bytes, PendingPurchase] = field(default_factory=dict)
    seen_requests: Mapping[bytes, int] = NOTHING
    """Join and leave requests acted on, by hash, until their challenge is stale (monotonic ns)."""
    waiting: Mapping[bytes, Address] = field(default_factory=dict)
    """Who is told when the session of this grant is installed or removed."""


@dataclass(frozen=True, slots=True)
class UnsignedRecord:
    """A link of the chain that the TPM has not quoted yet; it is on disk."""

    record: MeterRecord
    encoded: bytes
    extended_before: bool = False


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """A signed record that the ledger has not acknowledged."""

    sequence: int
    record_hash: bytes


@dataclass(frozen=True, slots=True)
class MeterState:
    """The chain: its last link, what is being signed, and what waits for a receipt."""

    attested: bool
    sequence: int = 0
    head: bytes = FIRST_PREVIOUS
    signing: tuple[UnsignedRecord, ...] = ()
    """The first is with the TPM."""
    retry_ns: int | None = None
    """Set when the TPM failed: when it is asked again."""
    report_due_ns: int = 0
    reported_utc_ms: int = 0
    anchor_due_ns: int | None = None
    """None while an anchor is being made, or without a TPM."""
    outbox: tuple[OutboxEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class LinkState:
    """Towards the ledger."""

    connected: bool = False
    enrolled: bool = False
    in_flight: Mapping[int, int] = field(default_factory=dict)
    """Submitted records by sequence, with the monotonic instant at which they are submitted again."""
    hold_ns: int = 0
    """Nothing is submitted before this instant: the ledger refused a record."""


@dataclass(frozen=True, slots=True)
class State:
    """Everything."""

    settings: BoxSettings
    lobby: LobbyState
    meter: MeterState
    pool: Pool
    link: LinkState = LinkState()
    sessions: Mapping[bytes, Session] = field(default_factory=dict)
    counting_due_ns: int | None = None
    """When counters are read next for data caps and idle stations; None while nobody has either."""
    refused: Mapping[str, int] = field(default_factory=dict)
    """Bad input and refusals, by reason: shown by `apd status`."""

    def session_of(self, station: MacAddress) -> Session | None:
        """The session that holds a slot for this station."""
        for session in self.sessions.values():
            if session.station == station and session.holds_slot:
                return session
        return None
