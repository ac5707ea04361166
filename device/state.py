"""What the device knows, the phases of a purchase, and which phase may follow which. Pure.

    idle -> discovering -> buying -> joining -> joined -> leaving -> ended      where a Join in the lobby lets in
                 ^            |  |
                 +------------+  +-> associating -> associated -> ended         where EAP-TLS does
    discovering, buying, joining and associating may end in `failed`

Nothing here decides; the handlers of device/agent.py do.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TypeAlias

from device.choice import Candidate, PinnedLedger, Unsuitable, Wish
from device.events import Command, Failure, Send, Tell
from device.reputation import Reputation
from device.retry import Backoff, Retry
from nas_tunnel.lobby import LobbyMessage
from wire.allocate import Allocate
from wire.grant import Grant
from wire.ids import MacAddress, PublicKey, Station
from wire.offer import Offer


class Phase(Enum):
    """Where a purchase stands."""

    IDLE = "idle"
    DISCOVERING = "discovering"
    BUYING = "buying"
    JOINING = "joining"
    JOINED = "joined"
    ASSOCIATING = "associating"
    ASSOCIATED = "associated"
    LEAVING = "leaving"
    ENDED = "ended"
    FAILED = "failed"


SUCCESSORS: Mapping[Phase, frozenset[Phase]] = {
    Phase.IDLE: frozenset({Phase.DISCOVERING}),
    Phase.DISCOVERING: frozenset({Phase.BUYING, Phase.JOINING, Phase.ASSOCIATING, Phase.FAILED, Phase.ENDED}),
    Phase.BUYING: frozenset({Phase.DISCOVERING, Phase.JOINING, Phase.ASSOCIATING, Phase.FAILED, Phase.ENDED}),
    Phase.JOINING: frozenset({Phase.JOINED, Phase.FAILED, Phase.LEAVING}),
    Phase.JOINED: frozenset({Phase.LEAVING, Phase.ENDED}),
    Phase.ASSOCIATING: frozenset({Phase.ASSOCIATED, Phase.FAILED, Phase.ENDED}),
    Phase.ASSOCIATED: frozenset({Phase.ENDED}),
    Phase.LEAVING: frozenset({Phase.ENDED}),
    Phase.ENDED: frozenset(),
    Phase.FAILED: frozenset(),
}


COME_BACK = "The grant is paid for and kept: `airgrant buy` comes back with it, as long as its time lasts"
"""What to do next, whoever has paid and is not in."""
_DISCOVER = Backoff(first_ms=250, longest_ms=2_000, tries=6)
_PURCHASE = Backoff(first_ms=1_000, longest_ms=4_000, tries=12)
_JOIN = Backoff(first_ms=400, longest_ms=3_000, tries=14)
_LEAVE = Backoff(first_ms=300, longest_ms=1_000, tries=3)
_ASSOCIATE = Backoff(first_ms=300, longest_ms=4_000, tries=6)


@dataclass(frozen=True, slots=True)
class Settings:
    """Patience. Discovery gives up after about 8 s, a purchase when its transaction has expired, joining after 36 s.

    Joining has to outlast a challenge of the access point (30 s): the grant is paid for.
    """

    discover: Backoff = _DISCOVER
    purchase: Backoff = _PURCHASE
    join: Backoff = _JOIN
    leave: Backoff = _LEAVE
    associate: Backoff = _ASSOCIATE
    """The pauses after attempts that failed. The operator may hear of a grant a little later than its buyer does."""
    attempt_ms: int = 15_000
    """An attempt of which nothing is heard is over after this; a scan of all channels alone may take five seconds."""
    strange_servers: int = 3
    """Attempts that met a server of somebody else, until the user is told."""
    absence_ms: int = 20_000
    """How long a lost association may take to come back by itself, or elsewhere, until the session is over."""
    return_ms: int = 4_000
    """Within an absence: so long wpa_supplicant looks by itself, then each ordered attempt has as long."""
    market_tries: int = 3
    """After so many questions those who answered are the market; if none of them suits, asking on is no use."""
    market_pause_ms: int = 1_000
    """Between hearing that nobody answered and the next question."""
    collect_ms: int = 100
    """After the first suitable offer, so long do dearer neighbours of it have a chance to be undercut."""
    purchase_valid_s: int = 40
    purchases: int = 3
    """Purchases until the user is told, each after the signed rejection of the one before."""
    challenges: int = 4
    """Fresh challenges asked for in one joining or leaving."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A purchase under way, and the offer that it took."""

    transaction: bytes
    transaction_id: bytes
    valid_until_s: int
    allocate: Allocate
    offer: Offer

    @property
    def matters_until_s(self) -> int:
        """What it may have bought is over by then."""
        return self.valid_until_s + self.offer.allocation_duration_s


@dataclass(frozen=True, slots=True)
class HeldGrant:
    """A verified grant, and its bytes."""

    grant: Grant
    encoded: bytes

    def serves(self, wish: Wish, utc_s: int) -> bool:
        """Whether it was bought for such a wish, its use costs no more than is agreed to, and its time is not over."""
        qos = self.grant.total_qos
        if qos.usage is not None and qos.usage.most_ubc > wish.max_use_ubc:
            return False
        fast = qos.floor_down_bps >= wish.floor_down_bps and qos.floor_up_bps >= wish.floor_up_bps
        return fast and self.grant.duration_s >= wish.min_duration_s and self.grant.ends_s > utc_s


@dataclass(frozen=True, slots=True)
class State:
    """Everything the device knows. `dropped` counts what was heard and not obeyed, by reason."""

    consumer: PublicKey
    station: Station
    wish: Wish | None
    pinned: PinnedLedger | None
    settings: Settings = field(default_factory=Settings)
    held: tuple[HeldGrant, ...] = ()
    """Paid for before, to be used instead of buying where they serve the wish."""
    unanswered: tuple[Signed, ...] = ()
    """Sent before, and nobody signed what became of them: asked for before anything is bought."""
    known: Reputation = field(default_factory=Reputation)
    """Of sellers: a price is divided by how far one keeps its word."""
    operators: tuple[PublicKey, ...] = ()
    """With whom something is deposited: their word on others counts."""
    phase: Phase = Phase.IDLE
    retry: Retry | None = None
    choose_ns: int | None = None
    candidates: tuple[Candidate, ...] = ()
    unsuitable: Mapping[str, Unsuitable] = field(default_factory=dict)
    spent_offers: frozenset[tuple[PublicKey, int]] = frozenset()
    rejection: Failure | None = None
    chosen: Candidate | None = None
    allocate: Allocate | None = None
    purchases: int = 0
    purchase: Signed | None = None
    patience_until_s: int = 0
    """UTC until which the outcome of the purchase is asked for."""
    grant: Grant | None = None
    grant_bytes: bytes = b""
    request: bytes = b""
    challenges: int = 0
    bssid: MacAddress | None = None
    """Where the station is associated now."""
    strange_servers: int = 0
    absent_until_ns: int | None = None
    ends_s: int = 0
    failure: Failure | None = None
    setback: str = ""
    dropped: Mapping[str, int] = field(default_factory=dict)


Step: TypeAlias = "tuple[State, list[Command]]"


def end(state: State, text: str) -> Step:
    return replace(enter(state, Phase.ENDED), retry=None, choose_ns=None), [Tell(text)]


def fail(state: State, failure: Failure) -> State:
    return replace(enter(state, Phase.FAILED), retry=None, choose_ns=None, failure=failure)


def enter(state: State, phase: Phase) -> State:
    assert phase in SUCCESSORS[state.phase], f"{state.phase} is not followed by {phase}"
    return replace(state, phase=phase)


def drop(state: State, reason: str) -> State:
    return replace(state, dropped={**state.dropped, reason: state.dropped.get(reason, 0) + 1})


def to_chosen(state: State, message: LobbyMessage, subject: bytes = b"") -> Send:
    assert state.chosen is not None
    return Send(message, state.chosen.address, subject)


def from_chosen(state: State, address: str) -> bool:
    return state.chosen is not None and state.chosen.address == address


def on_the_air(state: State) -> bool:
    """Whether the chosen one answers by ANQP: nothing that it says is authentic, unless it is signed."""
    return state.chosen is not None and state.chosen.address == str(state.chosen.offer.bssid)
