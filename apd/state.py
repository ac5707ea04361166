"""What the core remembers: frozen values, replaced and never changed."""

from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING

from apd.address import Address
from apd.airtime import StationAir
from apd.commands import StoreCommand
from apd.refund import Refund
from apd.sales import Sales
from apd.session import Session
from apd.settings import BoxSettings
from nas_tunnel.lobby import Join, Outcome, Refused
from tc_shaper.pool import Pool
from wire.frozen import dataclass
from wire.grant import Grant
from wire.ids import MacAddress, PublicKey, Station
from wire.meter_record import FIRST_PREVIOUS, MeterRecord
from wire.offer_state import OfferState
from wire.qos import Qos

if TYPE_CHECKING:  # a box without [cell], or [auction], does without
    from apd.auction_state import AuctionState
    from apd.signalling_state import SignallingState
    from ran_slicing import cell as ran
    from ran_slicing.core_info import Stay
    from ran_slicing.core_settings import CoreSettings
    from ran_slicing.n5 import AppSession
    from ran_slicing.snssai import Snssai


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
    wants: Qos | None = None
    """What a spot purchase will want at once; None where that is not known, or one of its copies was forged."""
    asked_late: bool = False
    """It cannot run any more, as its validity is over, and was not relayed here: its sender asks whether it ran."""
    price_ubc: int | None = None
    """What is paid if it runs; None of a bid, of what was asked late and of a new account."""


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
    sales: Sales = Sales()


@dataclass(frozen=True, slots=True)
class KnownGrant:
    """A grant of the ledger's whose holder may associate here, with what other access points delivered on it."""

    grant: Grant
    encoded: bytes
    used_bytes: int = 0
    station: MacAddress | None = None
    """Which station the operator's last admission named: that one is served on this grant, and no other."""
    bought: bool = False
    """The purchase was relayed here."""
    metered: bool = False
    """It is a metered pass (wire/metered_pass.py): its holder pays the operator as it goes."""
    learnt_ns: int = field(default=0, compare=False)
    ends_ns: int = field(default=0, compare=False)
    """Both on the monotonic clock, as the wall clock stood when it was learnt."""


@dataclass(frozen=True, slots=True)
class Association:
    """A station that hostapd serves, and what we make of it.

    Served while `grant_id` names its session; else thrown out at `patience_ns`; with neither it was thrown out, and
    hostapd has yet to say that it is gone.
    """

    account: PublicKey | None
    grant_id: bytes = b""
    patience_ns: int | None = None
    reason: str = ""
    """Why it is not served."""


@dataclass(frozen=True, slots=True)
class AirAnswer:
    """What a buyer on the air was told, while it stands in its ANQP element."""

    info_id: int
    subject: bytes
    message: Outcome | Refused
    first_ns: int
    expires_ns: int


@dataclass(frozen=True, slots=True)
class HeldBack:
    """An element that hostapd refused: tried again at `due_ns` (None: it was, and there is no new refusal)."""

    wait_ns: int
    due_ns: int | None


@dataclass(frozen=True, slots=True)
class AirState:
    """Towards hostapd and stations that are not associated yet. Everything that a stranger fills is bounded."""

    connected: bool = False
    """hostapd answers."""
    ssid: bytes = b""
    network: bytes = b""
    """The signed word on how to join."""
    registration: bytes = b""
    """The ledger's word that it knows the operator; empty where there is none yet, or none is needed."""
    registered_s: int = 0
    """When it was said (UTC)."""
    registration_due_ns: int = 0
    """When it is asked for (monotonic ns)."""
    registration_refused: str = ""
    """Why the ledger would not say it; the operator knows."""
    signing: bool = False
    """A newer one is being signed: the offer waits for it, so that both change at once."""
    elements: Mapping[int, bytes] = field(default_factory=dict)
    """What hostapd was told, by info id."""
    beacon: bytes = b""
    held_back: Mapping[int, HeldBack] = field(default_factory=dict)
    """What hostapd refused, by info id or BEACON."""
    answers: tuple[AirAnswer, ...] = ()
    """The oldest first."""
    heard: Mapping[bytes, int] = field(default_factory=dict)
    """Transactions heard lately, by the SHA-256 of their octets, and when (monotonic ns)."""
    busy_until_ns: Mapping[MacAddress, int] = field(default_factory=dict)
    """Per station, up to when the purchases heard from it use up its rate; the longest silent first."""
    all_busy_until_ns: int = 0
    """The same for all stations together."""
    hopeless_until_ns: int = 0
    """The same for answers to what cannot be sold here."""
    purchases: int = 0
    """Heard and taken up."""
    grants: Mapping[bytes, KnownGrant] = field(default_factory=dict)
    associations: Mapping[MacAddress, Association] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AirtimeState:
    """The radio's time (apd/budget.py)."""

    stations: Mapping[Station, StationAir] = field(default_factory=dict)
    """As measured last."""
    measure_due_ns: int | None = None
    """None while nobody is served."""
    exceeded: bool = False
    """More is promised than there is, and the operator knows."""
    weights: Mapping[Station, int] = field(default_factory=dict)
    """What the driver was told."""
    weights_held_ns: Mapping[Station, int] = field(default_factory=dict)
    """Until when (monotonic) a station is not weighed whose weight the driver refused."""
    weightless: bool = False
    """It has no weights."""
    by_hostapd: bool = False
    """The kernel does not say what it knows of stations: hostapd is asked."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a grant is served: which subscriber's UE, and in which slot."""

    supi: str = ""
    dnn: str = ""
    snssai: "Snssai | None" = None
    waits_until_ns: int | None = None
    """A slot is kept until then for a UE that has to come into it; None: it is there."""
    moved: bool = False
    """The subscriber's document says so."""
    flow: str = ""
    """By which name the core knows its guaranteed flow."""


@dataclass(frozen=True, slots=True)
class Move:
    """A subscriber whose document is to name this slice; tried again when it is due, or under way (None)."""

    to: "Snssai"
    leaves: "Snssai | None" = None
    """The slot that its document names until then: its UE may come into it."""
    due_ns: int | None = None
    told: bool = False
    """The operator knows that the store fails."""


@dataclass(frozen=True, slots=True)
class WaitingJoin:
    """A join whose UE is being looked up: it is read again when the core has answered."""

    source: Address
    message: Join
    grant_id: bytes
    asked_ns: int


@dataclass(frozen=True, slots=True)
class CellState:
    """Towards gNB and core (apd/cell.py)."""

    ran: "ran.State"
    core: "CoreSettings"
    lobby_slice: "Snssai | None" = None
    stays: "tuple[Stay, ...]" = ()
    """Who was in the core when it was asked last."""
    core_failing: str = "not asked yet"
    """Why that is not known; the operator knows."""
    joins: Mapping[Station, WaitingJoin] = field(default_factory=dict)
    places: Mapping[bytes, Place] = field(default_factory=dict)
    """Of each grant that has a slot, or is to have one."""
    counted: frozenset[bytes] = frozenset()
    """Grants whose packets the kernel counts."""
    confirmed: frozenset[bytes] = frozenset()
    """Grants of whose share the gNB said that it has it."""
    patience_ns: Mapping[bytes, int] = field(default_factory=dict)
    """Until when the gNB may take for its word, by grant."""
    gone_ns: Mapping[bytes, int] = field(default_factory=dict)
    """Since when a grant's UE is not in the core."""
    bought: Mapping[bytes, Grant] = field(default_factory=dict)
    """Sold here, until they end. The room of those who have not joined is kept for a while (apd/promises.py)."""
    count_due_ns: int | None = None
    judge_due_ns: int | None = None
    """When bytes are counted, and floors judged, next; None while nobody is served."""
    moves: "Mapping[str, Move]" = field(default_factory=dict)
    """Subscribers whose documents are to name another slice, by SUPI."""
    homecoming_due_ns: int | None = 0
    """When the store is asked who is in a slot by an earlier run; None: it has told, or is being asked."""
    homecoming_told: bool = False
    """The operator knows that it does not say."""
    is_swept: bool = False
    """It has told: whoever has no grant goes home, and nobody is moved before."""
    confined: "frozenset[IPv4Address | IPv6Address] | None" = None
    """Who was to reach the lobby only; None: nothing was said yet."""
    confine_due_ns: int | None = None
    """When that is said again, as the kernel refused it."""
    flows: "Mapping[bytes, AppSession] | None" = None
    """What the core was told to guarantee; None: nothing was said yet."""
    noted: Mapping[bytes, str] = field(default_factory=dict)
    """What the operator was told of a grant's guaranteed flow."""


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
    stations: Mapping[Station, bytes] = field(default_factory=dict)
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
    air: AirState | None = None
    """None where nothing is sold over 802.11 itself."""
    cell: CellState | None = None
    """None where there is no small cell."""
    signalling: "SignallingState | None" = None
    """None where nothing is sold in NAS, and nothing broadcast."""
    auctions: "AuctionState | None" = None
    """None where nothing is auctioned."""
    airtime: AirtimeState = AirtimeState()
    refunds: Mapping[bytes, Refund] = field(default_factory=dict)
    """What is owed, by grant, until the ledger has moved it."""

    @property
    def on_air(self) -> AirState:
        """The same, for whoever is only called where there is one."""
        assert self.air is not None, "no [air] in the settings"
        return self.air

    @property
    def on_cell(self) -> CellState:
        """The same of [cell]."""
        assert self.cell is not None, "no [cell] in the settings"
        return self.cell

    @property
    def on_signalling(self) -> "SignallingState":
        """The same of [cell.signalling]."""
        assert self.signalling is not None, "no [cell.signalling] in the settings"
        return self.signalling

    @property
    def on_auction(self) -> "AuctionState":
        """The same of [auction]."""
        assert self.auctions is not None, "no [auction] in the settings"
        return self.auctions

    def with_refusal(self, reason: str, times: int = 1) -> "State":
        """The state with one more bad input or refusal of this kind."""
        if not times:
            return self
        return replace(self, refused={**self.refused, reason: self.refused.get(reason, 0) + times})

    def session_of(self, station: Station) -> Session | None:
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
