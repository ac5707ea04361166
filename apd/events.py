"""Every event: a fact that a shell reports to the core. Past tense; what the core does about it is in apd/core.py."""

from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING, NamedTuple

from apd.address import UdpAddress
from apd.airtime import StationMeasurement
from apd.commands import StoreCommand
from apd.session import Queued, Usage
from wire.errors import ShellError
from wire.frozen import dataclass
from wire.ids import MacAddress, PublicKey

if TYPE_CHECKING:  # a box without [cell] does without
    from apd.signalling_state import Fact
    from ran_slicing.bson import Document
    from ran_slicing.cell_events import GnbConnected, GnbLost, GnbSaid
    from ran_slicing.core_plan import CoreReport


@dataclass(frozen=True, slots=True)
class LobbyDatagramReceived:
    """Bytes of a stranger, and where an answer goes."""

    source: UdpAddress
    data: bytes


@dataclass(frozen=True, slots=True)
class BrokerConnected:
    """Messages to the ledger can be sent again."""


@dataclass(frozen=True, slots=True)
class BrokerLost:
    """The broker is gone; the shell goes on trying."""

    detail: str


@dataclass(frozen=True, slots=True)
class OfferStateReceived:
    """The ledger's word on our offer, unverified."""

    data: bytes


@dataclass(frozen=True, slots=True)
class LedgerReplied:
    """The ledger's reply to what was sent with this correlation, unverified."""

    correlation: bytes
    data: bytes


@dataclass(frozen=True, slots=True)
class ProviderCommanded:
    """Bytes on the box's command topic, unverified."""

    data: bytes


class OwnerRevoked(NamedTuple):
    """Whoever may, on the box itself, ends a grant here."""

    grant_id: bytes


@dataclass(frozen=True, slots=True)
class OfferSigned:
    """The advertisement that `SignOffer` asked for."""

    offer: bytes
    expires_s: int


class AuctionSigned(NamedTuple):
    """The auction that `SignAuction` asked for."""

    auction_id: bytes
    encoded: bytes


class AuctionOfferSigned(NamedTuple):
    """The offer that `SignAuctionOffer` asked for."""

    auction_id: bytes
    offer: bytes


@dataclass(frozen=True, slots=True)
class SessionInstalled:
    """The kernel shapes this session now."""

    grant_id: bytes


@dataclass(frozen=True, slots=True)
class SessionRemoved:
    """The kernel forgot this session; these were its last counters."""

    grant_id: bytes
    counters: Usage


@dataclass(frozen=True, slots=True)
class InstallFailed:
    """The kernel could not be made to shape this session; it has nothing of it."""

    grant_id: bytes
    error: ShellError


@dataclass(frozen=True, slots=True)
class RemoveFailed:
    """The kernel could not be made to forget this session."""

    grant_id: bytes
    error: ShellError


@dataclass(frozen=True, slots=True)
class CountersRead:
    """The counters of installed sessions by slot, since each was installed, and in which queues packets wait;
    `report` as it was asked for.
    """

    counters: dict[int, Usage]
    report: bool = False
    queued: Mapping[int, Queued] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CountersFailed:
    """The counters could not be read. A report that was to follow is made of what is known: the rest comes in the
    next.
    """

    error: ShellError
    report: bool = False


@dataclass(frozen=True, slots=True)
class StationLeft:
    """The link layer says that this station is gone."""

    station: MacAddress


@dataclass(frozen=True, slots=True)
class PurchaseHeard:
    """A station sent a transaction over the air (GAS), unverified."""

    station: MacAddress
    transaction: bytes


@dataclass(frozen=True, slots=True)
class MonitorCounted:
    """Since the last time: frames on the air that were not what they began as, and frames that the kernel dropped
    because we were too slow.
    """

    garbage: int
    dropped: int


@dataclass(frozen=True, slots=True)
class MonitorLost:
    """Purchases are not heard; the shell goes on trying."""

    detail: str


@dataclass(frozen=True, slots=True)
class MonitorListens:
    """Purchases are heard."""


@dataclass(frozen=True, slots=True)
class StationAssociated:
    """hostapd let this station in, and the operator's RADIUS server said that it is `account`; None: hostapd has no
    account for it.
    """

    station: MacAddress
    account: PublicKey | None


@dataclass(frozen=True, slots=True)
class HostapdConnected:
    """hostapd answers, and has nothing of what we told an earlier one; `stations` are those that it serves."""

    ssid: bytes
    bssid: MacAddress
    stations: tuple[StationAssociated, ...] = ()


@dataclass(frozen=True, slots=True)
class HostapdLost:
    """hostapd does not answer; the shell goes on trying."""

    detail: str


BEACON = -1
"""In place of an info id."""


@dataclass(frozen=True, slots=True)
class HostapdRefused:
    """hostapd would not do what it was told; `what` names it, `info_id` is the element that it would not show, BEACON
    for the one of its beacons.
    """

    what: str
    info_id: int | None = None


@dataclass(frozen=True, slots=True)
class NetworkSigned:
    """The word on how to join that `SignNetwork` asked for."""

    network: bytes


@dataclass(frozen=True, slots=True)
class AdmissionReceived:
    """The operator's word on whose station comes with which grant, unverified."""

    data: bytes


@dataclass(frozen=True, slots=True)
class AnchorCounterRead:
    """The TPM's NV counter as it stands."""

    value: int


@dataclass(frozen=True, slots=True)
class AnchorCounterFailed:
    """The TPM would not say its counter."""

    error: ShellError


@dataclass(frozen=True, slots=True)
class RecordSigned:
    """The record of this sequence has its evidence, which is on disk."""

    sequence: int


@dataclass(frozen=True, slots=True)
class SigningFailed:
    """The TPM could not sign the record that it was given."""

    error: ShellError


@dataclass(frozen=True, slots=True)
class Saved:
    """Everything that was ordered of the disk is on it; `records` are the sequences of the records among it,
    `transfers` the transaction ids of the refunds, and `auctions` the ids of the auctions whose shares are kept now.
    """

    records: tuple[int, ...] = ()
    transfers: tuple[bytes, ...] = ()
    auctions: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class TransferSigned:
    """The transaction that `SignTransfer` asked for, with its id."""

    grant_id: bytes
    transaction_id: bytes
    transfer: bytes


@dataclass(frozen=True, slots=True)
class SaveFailed:
    """The disk kept none of these orders."""

    error: ShellError
    commands: "tuple[StoreCommand, ...]" = ()


@dataclass(frozen=True, slots=True)
class EnrolmentFailed:
    """The TPM, the ledger or the disk would not have the enrolment that was begun."""

    detail: str


@dataclass(frozen=True, slots=True)
class Enrolled:
    """The ledger's attestation result for our key, verified and stored."""


@dataclass(frozen=True, slots=True)
class DeadlineReached:
    """The one timer went off."""


@dataclass(frozen=True, slots=True)
class StationsMeasured:
    """What kernel or hostapd know of each station."""

    stations: tuple[StationMeasurement, ...]


@dataclass(frozen=True, slots=True)
class MeasuringFailed:
    """The kernel would not say what it knows of stations."""

    error: ShellError


@dataclass(frozen=True, slots=True)
class AirtimeWeightsMissed:
    """The radio's driver shares the air by no weights."""


@dataclass(frozen=True, slots=True)
class AirtimeWeightFailed:
    """The kernel would not weigh a station, which may be gone."""

    error: ShellError
    station: MacAddress


@dataclass(frozen=True, slots=True)
class GnbHeard:
    """The gNB's remote control came, went, or said something."""

    what: "GnbConnected | GnbLost | GnbSaid"


@dataclass(frozen=True, slots=True)
class CoreReported:
    """Who is in the core, and how each wanted flow stands; it was another before."""

    report: "CoreReport"


@dataclass(frozen=True, slots=True)
class SubscriberFound:
    """A subscriber's document; None if the store has none."""

    supi: str
    document: "Document | None"


@dataclass(frozen=True, slots=True)
class SubscriberChanged:
    """Whether the change was made: it is not where the document was another by then."""

    supi: str
    done: bool


@dataclass(frozen=True, slots=True)
class SubscriberFailed:
    """The store would not."""

    supi: str
    error: ShellError


AirEvent = (
    StationAssociated
    | PurchaseHeard
    | MonitorCounted
    | MonitorLost
    | MonitorListens
    | HostapdConnected
    | HostapdLost
    | HostapdRefused
    | NetworkSigned
    | AdmissionReceived
    | StationsMeasured
    | MeasuringFailed
    | AirtimeWeightsMissed
    | AirtimeWeightFailed
)
"""What only a box with [air] hears of."""


@dataclass(frozen=True, slots=True)
class SubscribersFound:
    """The documents of all who were asked for; `whole` if these are all."""

    documents: "tuple[Document, ...]"
    whole: bool


@dataclass(frozen=True, slots=True)
class SubscribersUnknown:
    """The store would not say them."""

    error: ShellError


@dataclass(frozen=True, slots=True)
class ConfineFailed:
    """The kernel would not; whom it lets pass is as it was."""

    error: ShellError


class SignallingHeard(NamedTuple):
    """Of purchases in NAS (apd/signalling_state.py)."""

    what: "Fact"


CellEvent = (
    GnbHeard
    | CoreReported
    | SubscriberFound
    | SubscriberChanged
    | SubscriberFailed
    | SubscribersFound
    | SubscribersUnknown
    | ConfineFailed
)
"""What only a box with [cell] hears of."""

AuctionEvent = AuctionSigned | AuctionOfferSigned
"""What only a box with [auction] hears of."""

Event = (
    LobbyDatagramReceived
    | BrokerConnected
    | BrokerLost
    | OfferStateReceived
    | LedgerReplied
    | ProviderCommanded
    | OwnerRevoked
    | OfferSigned
    | SessionInstalled
    | SessionRemoved
    | InstallFailed
    | RemoveFailed
    | CountersRead
    | CountersFailed
    | StationLeft
    | AirEvent
    | CellEvent
    | AuctionEvent
    | SignallingHeard
    | TransferSigned
    | AnchorCounterRead
    | AnchorCounterFailed
    | RecordSigned
    | SigningFailed
    | Saved
    | SaveFailed
    | EnrolmentFailed
    | Enrolled
    | DeadlineReached
)
