"""What the core remembers: permits by account, who uses which permit where, and the sessions behind it.

The values are frozen. The tables are changed in place by the core's own functions, because a copy of 10,000 rows for
each request would cost more than the decision; nobody else writes to them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from operatord.channel import Channels
from operatord.permit import Permit
from operatord.sessions import Session, SessionKey
from wire.ids import MacAddress, PublicKey

DEFAULT_SILENT_AFTER_S = 130
"""Two interim updates (60 s each) missed, and ten seconds for their delivery."""


@dataclass(frozen=True, slots=True)
class Box:
    """An access point by its NAS-Identifier, which is its name at the broker, and whose permits it takes."""

    name: str
    provider: PublicKey
    address: str
    """IP address from which it asks: FreeRADIUS knows its secret by that, and nobody else may use its name."""
    honours: frozenset[bytes]
    """Provider ids: its own, and those of its partners."""
    up_overhead_bytes: int = 0
    down_overhead_bytes: int = 0
    """What its driver counts for each packet beyond the IP bytes (operatord/sessions.py)."""


@dataclass(frozen=True, slots=True)
class Use:
    """Who uses a permit: one station at one access point at a time."""

    permit_id: bytes
    box: str
    bssid: MacAddress
    station: MacAddress
    accepted_s: int
    heard_s: int
    """When this session was last heard of (UTC): accepted, or accounted for."""
    session_id: str = ""
    """Acct-Session-Id, once accounting has told it."""


@dataclass(frozen=True, slots=True)
class Revoked:
    """A permit that ends before its time. Kept until it would have ended."""

    permit_id: bytes
    reason: str


@dataclass(slots=True)
class State:
    """Everything that a decision depends on. `secret` makes pseudonyms (operatord/reply.py)."""

    boxes: Mapping[str, Box]
    secret: bytes
    silent_after_s: int = DEFAULT_SILENT_AFTER_S
    permits: dict[bytes, Permit] = field(default_factory=dict)
    by_account: dict[PublicKey, dict[bytes, Permit]] = field(default_factory=dict)
    revoked: dict[bytes, Revoked] = field(default_factory=dict)
    uses: dict[bytes, Use] = field(default_factory=dict)
    sessions: dict[bytes, dict[SessionKey, Session]] = field(default_factory=dict)
    """By permit; of the permits above only."""
    ended: set[bytes] = field(default_factory=set)
    """Permits whose time is over, and which are kept for what accounting has still to say of them."""
    due: list[tuple[int, bytes]] = field(default_factory=list)
    """A heap of (UTC seconds, permit id): what ends, or is forgotten, next is first."""

    metered: Channels | None = None
    """Channels of those who pay as they go; None where nobody may."""

    clocks: tuple[int, int] | None = None
    """(UTC, seconds of a clock that nobody sets) when time last passed."""
    clock_wrong: str = ""
    """Why our clock is not to be believed (operatord/clock.py); empty while it is."""
    right_s: int = 0
    """UTC: when it was last found right, as far as that was kept."""
    ledger_offset_s: int | None = None
    """What the ledger's clock is ahead of a clock that nobody sets; None until the ledger was heard."""
    held_until_s: int = 0
    """UTC: the clock was set forward, and until then nothing is ended, in case that it is set back."""

    def box(self, name: str, address: str) -> Box | None:
        """The access point of this name, if it is the one at this address."""
        box = self.boxes.get(name)
        return box if box is not None and box.address == address else None

    def is_live(self, use: Use, now_s: int) -> bool:
        """Whether a use still keeps others out: its station may have left without a word."""
        return now_s - use.heard_s < self.silent_after_s

    def used_bytes(self, permit_id: bytes, except_at: str = "") -> int:
        """IP bytes of all sessions of a permit, but for those at one box, as far as accounting has told."""
        sessions = self.sessions.get(permit_id, {})
        return sum(session.ip_bytes for (box, _), session in sessions.items() if box != except_at)


def with_partners(boxes: Mapping[str, Box], groups: Mapping[str, frozenset[PublicKey]]) -> dict[str, Box]:
    """Boxes that honour the permits of every group that their provider is in."""

    def honours(box: Box) -> frozenset[bytes]:
        partners = {key for group in groups.values() if box.provider in group for key in group}
        return frozenset(key.provider_id for key in partners | {box.provider})

    return {name: replace(box, honours=honours(box)) for name, box in boxes.items()}
