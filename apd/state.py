"""What the core remembers: frozen values, replaced and never changed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from apd.address import Address
from apd.commands import StoreCommand
from apd.session import Session
from apd.settings import BoxSettings
from tc_shaper.pool import Pool
from wire.ids import MacAddress
from wire.meter_record import FIRST_PREVIOUS, MeterRecord
from wire.offer_state import OfferState


@dataclass(frozen=True, slots=True)
class PendingPurchase:
    """A session in phase offered: a transaction was relayed, and `buyers` wait for its outcome.

    More than one, as whoever overhears a purchase can send it too: the first keeps its place.
    """

    buyers: tuple[Address, ...]
    deadline_ns: int
    copies: Mapping[bytes, int]
    """When each copy was last sent to the ledger (monotonic ns), by the SHA-256 of its octets: copies differ in their
    signature, which cannot be checked here.
    """


@dataclass(frozen=True, slots=True)
class Waiter:
    """Who is told what becomes of a session, and whether it asked to be let in or out."""

    address: Address
    joins: bool


@dataclass(frozen=True, slots=True)
class LobbyState:
    """Towards strangers. `secret` makes challenges that need no memory; the rest is bounded."""

    secret: bytes
    challenges: int = 0
    """How many were given out: no two are the same."""
    offer_state: OfferState | None = None
    offer: bytes = b""
    offer_expires_s: int = 0
    pending: Mapping[bytes, PendingPurchase] = field(default_factory=dict)
    create_due_ns: int = 0
    """When the next new account is relayed: they cost their makers nothing."""
    relayed: Mapping[bytes, int] = field(default_factory=dict)
    """Purchases relayed lately, by transaction id, until they are forgotten (monotonic ns)."""
    seen_requests: Mapping[bytes, int] = field(default_factory=dict)
    """Join and leave requests acted on, by hash, until their challenge is stale (monotonic ns)."""
    waiting: Mapping[bytes, Waiter] = field(default_factory=dict)
    """By grant, until its session is active or closed."""


@dataclass(frozen=True, slots=True)
class UnsignedRecord:
    """A link of the chain that the TPM has not quoted yet."""

    record: MeterRecord
    encoded: bytes
    extended_before: bool = False
    stored: bool = False
    """It is on disk, so that the TPM may hear of it."""


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
    """The first is with the TPM, once it is stored."""
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
    enrol_ns: int = 0
    """While not enrolled: when the ledger is asked again."""


@dataclass(frozen=True, slots=True)
class DiskState:
    """Towards the disk: what it did not keep, in order, and since when."""

    unsaved: tuple[StoreCommand, ...] = ()
    failing_ns: int | None = None
    """Since when; None while it works."""
    retry_ns: int | None = None
    gave_up: bool = False
    """Sessions were ended, as nothing that they use could be kept."""


@dataclass(frozen=True, slots=True)
class Promised:
    """The floors of all sessions that hold a slot."""

    down_bps: int = 0
    up_bps: int = 0


@dataclass(frozen=True, slots=True)
class State:
    """Everything."""

    settings: BoxSettings
    lobby: LobbyState
    meter: MeterState
    pool: Pool
    link: LinkState = LinkState()
    disk: DiskState = DiskState()
    sessions: Mapping[bytes, Session] = field(default_factory=dict)
    stations: Mapping[MacAddress, bytes] = field(default_factory=dict)
    """Which grant's session holds a slot for this station. Kept by `with_session`, as is `promised`."""
    promised: Promised = Promised()
    session_due_ns: int | None = None
    """No session is due before this; a lower bound that `with_session` keeps, and each passing of time renews."""
    failed_readings: int = 0
    """How often in a row the kernel would not say its counters."""
    revoked: Mapping[bytes, None] = field(default_factory=dict)
    """Grants that the provider revoked, the oldest first."""
    counting_due_ns: int | None = None
    """When counters are read next for data caps and idle stations; None while nobody has either."""
    refused: Mapping[str, int] = field(default_factory=dict)
    """Bad input and refusals, by reason: shown by `apd status`."""

    def session_of(self, station: MacAddress) -> Session | None:
        """The session that holds a slot for this station."""
        grant_id = self.stations.get(station)
        return None if grant_id is None else self.sessions[grant_id]

    def with_session(self, session: Session) -> "State":
        """The state with this session in place of the one of the same grant."""
        grant_id = session.grant_id
        before = self.sessions.get(grant_id)
        sessions = {**self.sessions, grant_id: session}
        due_ns = earliest(self.session_due_ns, session.due_ns)
        held = before if before is not None and before.holds_slot else None
        holds = session if session.holds_slot else None
        if (held is None) == (holds is None):
            return replace(self, sessions=sessions, session_due_ns=due_ns)
        stations, promised = dict(self.stations), self.promised
        if held is not None:
            del stations[held.station]
            qos, sign = held.qos, -1
        else:
            stations[session.station] = grant_id
            qos, sign = session.qos, 1
        promised = Promised(
            promised.down_bps + sign * qos.floor_down_bps, promised.up_bps + sign * qos.floor_up_bps
        )
        return replace(self, sessions=sessions, stations=stations, promised=promised, session_due_ns=due_ns)

    def with_sessions(self, sessions: Iterable[Session]) -> "State":
        """The state with all of these."""
        state = self
        for session in sessions:
            state = state.with_session(session)
        return state


def earliest(*instants_ns: int | None) -> int | None:
    """The first of those that there are."""
    return min((instant_ns for instant_ns in instants_ns if instant_ns is not None), default=None)
