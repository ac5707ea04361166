"""What the core wants done: orders, in the order in which they are to be carried out. Plain values."""

from dataclasses import dataclass

from operatord.channel import Channel, MeteredSession
from operatord.permit import Permit
from operatord.sessions import Session
from operatord.state import Revoked, Use
from wire.admission import Admission
from wire.ids import MacAddress, PublicKey
from wire.payplace_summary import PublishSummary


@dataclass(frozen=True, slots=True)
class WriteAnchor:
    """FreeRADIUS is to trust certificates that this account's key issued."""

    account: PublicKey


@dataclass(frozen=True, slots=True)
class RemoveAnchor:
    """And no longer."""

    account: PublicKey


@dataclass(frozen=True, slots=True)
class PublishAdmission:
    """The box is told who comes, before the station is accepted."""

    box: str
    admission: Admission


@dataclass(frozen=True, slots=True)
class PublishRevocation:
    """The box is given its provider's word that a grant ends now. Kept until the broker has it."""

    box: str
    permit_id: bytes
    revocation: bytes


@dataclass(frozen=True, slots=True)
class RevocationPublished:
    """The broker has it: it keeps it for a box that is away."""

    box: str
    permit_id: bytes


@dataclass(frozen=True, slots=True)
class Disconnect:
    """RFC 5176: the box is to throw this session out. `session_id` is empty where it is not known."""

    box: str
    permit_id: bytes
    station: MacAddress
    session_id: str
    why: str


@dataclass(frozen=True, slots=True)
class KeepPermit:
    """It may be asked for after a restart."""

    permit: Permit


@dataclass(frozen=True, slots=True)
class ForgetPermit:
    """With everything that is kept about it but its sessions, which the reconciliation reads."""

    permit_id: bytes


@dataclass(frozen=True, slots=True)
class KeepRevoked:
    """And it stays revoked."""

    revoked: Revoked


@dataclass(frozen=True, slots=True)
class KeepUse:
    """And it stays in use."""

    use: Use


@dataclass(frozen=True, slots=True)
class ForgetUse:
    """Nobody uses it."""

    permit_id: bytes


@dataclass(frozen=True, slots=True)
class KeepSession:
    """As it is now, instead of as it was."""

    session: Session


@dataclass(frozen=True, slots=True)
class ForgetSession:
    """What it carried is in another."""

    session: Session


@dataclass(frozen=True, slots=True)
class ForgetSessions:
    """Of which nothing was heard since (UTC)."""

    before_s: int


@dataclass(frozen=True, slots=True)
class KeepPlace:
    """How far the ledger was followed for a provider: kept after the permits that were found before it."""

    name: str
    place: str


@dataclass(frozen=True, slots=True)
class KeepChannel:
    """A channel as it is now: before its payment is answered."""

    channel: Channel


@dataclass(frozen=True, slots=True)
class KeepMetered:
    """A metered session as it is now."""

    session: MeteredSession


@dataclass(frozen=True, slots=True)
class ForgetMetered:
    """The session of this consumer's channel is over."""

    consumer: PublicKey


@dataclass(frozen=True, slots=True)
class Earn:
    """Of what a consumer has paid, so much more is this payee's, who owns a box: the next block assigns it."""

    payee: PublicKey
    consumer: PublicKey
    amount_ubc: int


@dataclass(frozen=True, slots=True)
class SessionOver:
    """A metered session is over: it counts for the owner of its box and for its consumer (operatord/totals.py)."""

    seller: PublicKey
    consumer: PublicKey
    kept: bool
    """Nobody had to be thrown out: it was paid as long as it was had."""
    paid: bool
    """One interval or more."""
    served_s: int
    served_bytes: int


@dataclass(frozen=True, slots=True)
class KeepTotal:
    """One session more of a subject, in the time that began at `from_s` (UTC)."""

    from_s: int
    subject: PublicKey
    kept: bool
    served_s: int
    served_bytes: int


@dataclass(frozen=True, slots=True)
class TellSummary:
    """What is about to be published: in place of the totals that it is made of, so that it is said once."""

    summary: PublishSummary


@dataclass(frozen=True, slots=True)
class SummaryTold:
    """It is on the ledger, or will never be."""

    subject: PublicKey


@dataclass(frozen=True, slots=True)
class Note:
    """Something that an operator may want to know; counted by its kind."""

    kind: str
    text: str


StoreCommand = (
    KeepPermit | ForgetPermit | KeepRevoked | PublishRevocation | RevocationPublished
    | KeepUse | ForgetUse | KeepSession | ForgetSession | ForgetSessions | KeepPlace
    | KeepChannel | KeepMetered | ForgetMetered | Earn | KeepTotal | TellSummary | SummaryTold
)  # fmt: skip
Command = StoreCommand | WriteAnchor | RemoveAnchor | PublishAdmission | Disconnect | SessionOver | Note
