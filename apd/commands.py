"""Every command: an order of the core to a shell. Imperatives; apd/daemon.py hands each to the one shell that obeys
it.
"""

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, NamedTuple

from apd.address import Address
from apd.refund import Refund
from apd.session import Session
from nas_tunnel.lobby import LobbyMessage
from tc_shaper.tree import SessionShape
from wire.errors import ShellError
from wire.frozen import dataclass
from wire.ids import MacAddress, PublicKey
from wire.meter_record import MeterRecord
from wire.network import Network
from wire.offer import Offer
from wire.transaction import Transaction

if TYPE_CHECKING:  # a box without [cell], or [auction], does without
    from apd.auction_state import SoldShare
    from apd.signalling_state import TellOrder
    from ran_slicing.gnb import Reconnect, SendPing, SendText
    from ran_slicing.n5 import AppSession
    from ran_slicing.snssai import Snssai
    from ran_slicing.subscriber import SubscriberChange
    from wire.auction import Auction


@dataclass(frozen=True, slots=True)
class SendLobby:
    """Answer a stranger."""

    to: Address
    message: LobbyMessage


@dataclass(frozen=True, slots=True)
class SubmitTransaction:
    """Relay a buyer's signed transaction to the ledger."""

    correlation: bytes
    data: bytes


@dataclass(frozen=True, slots=True)
class SubmitRecord:
    """Send the stored evidence of this sequence to the ledger."""

    correlation: bytes
    sequence: int


@dataclass(frozen=True, slots=True)
class Enrol:
    """Have the ledger certify our attestation key."""


@dataclass(frozen=True, slots=True)
class SignOffer:
    """Sign the advertisement with the provider's key."""

    offer: Offer


@dataclass(frozen=True, slots=True)
class SignNetwork:
    """Sign with the provider's key how buyers join by Wi-Fi."""

    network: Network


@dataclass(frozen=True, slots=True)
class SetElement:
    """Have hostapd answer queries for this ANQP element with this payload, from the next one on."""

    info_id: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class SetBeaconElement:
    """Have hostapd's beacons carry this vendor element, whole."""

    element: bytes


@dataclass(frozen=True, slots=True)
class Deauthenticate:
    """Have hostapd throw this station out, so that it comes back by RADIUS or not at all."""

    station: MacAddress


@dataclass(frozen=True, slots=True)
class PublishGrant:
    """Tell the operator of a grant that was bought here."""

    grant: bytes


@dataclass(frozen=True, slots=True)
class MeasureStations:
    """Have the kernel say what it knows of each station; or hostapd, which knows less."""

    by_hostapd: bool = False


@dataclass(frozen=True, slots=True)
class SetAirtimeWeight:
    """Have the driver give this station so much weight when it shares out the air; 256 is everybody's."""

    station: MacAddress
    weight: int


@dataclass(frozen=True, slots=True)
class AskPrice:
    """Ask the ledger what this grant cost, and who paid."""

    correlation: bytes
    grant_id: bytes


class AskHouse(NamedTuple):
    """Send the clearing house a request (wire/auction_request.py), once all that was ordered of the disk is on it."""

    correlation: bytes
    request: bytes


class SignAuction(NamedTuple):
    """Sign an auction with the provider's key."""

    auction: "Auction"


class SignAuctionOffer(NamedTuple):
    """Sign with the provider's key the offer that settles an auction."""

    auction_id: bytes
    transaction: Transaction


class StoreAuctionOffer(NamedTuple):
    """Put on disk what an auction sells, before the offer that settles it goes out."""

    auction_id: bytes
    shares: "tuple[SoldShare, ...]"


class ForgetAuctionOffer(NamedTuple):
    """It sold nothing, or all of its slots are over."""

    auction_id: bytes


@dataclass(frozen=True, slots=True)
class AskRegistration:
    """Ask the ledger whether it knows this account."""

    correlation: bytes
    account: PublicKey


@dataclass(frozen=True, slots=True)
class StoreRegistration:
    """Put the ledger's word on the operator on disk: a box that starts while the ledger is away can show its offer."""

    data: bytes


@dataclass(frozen=True, slots=True)
class SignTransfer:
    """Sign with the provider's key the transaction that pays back what is owed for this grant."""

    grant_id: bytes
    transaction: Transaction


@dataclass(frozen=True, slots=True)
class InstallSession:
    """Have the kernel shape and let through this session."""

    grant_id: bytes
    shape: SessionShape


@dataclass(frozen=True, slots=True)
class RemoveSession:
    """Have the kernel forget this session, and report its last counters."""

    grant_id: bytes
    slot: int
    station: MacAddress


@dataclass(frozen=True, slots=True)
class CountUe:
    """Have the kernel count the packets of a UE on the user plane, from zero."""

    grant_id: bytes
    slot: int
    ue: IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class UncountUe:
    """Have the kernel count them no more, and report its last counters."""

    grant_id: bytes
    slot: int
    ue: IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class TellGnb:
    """Say this on the gNB's remote control, or connect to it anew."""

    what: "SendText | SendPing | Reconnect"


class TellSignalling(NamedTuple):
    """What purchases in NAS need of the outside (apd/signalling_state.py)."""

    what: "TellOrder"


@dataclass(frozen=True, slots=True)
class WantFlows:
    """Have the core guarantee these flows, by grant, and no others."""

    flows: "Mapping[bytes, AppSession]"


@dataclass(frozen=True, slots=True)
class ConfineUes:
    """Have the kernel let these UEs reach the lobby and nothing else, and all others whatever they like."""

    ues: frozenset[IPv4Address | IPv6Address]


@dataclass(frozen=True, slots=True)
class FindSubscribersIn:
    """Read the documents of all subscribers who are in one of these slices."""

    slices: "tuple[Snssai, ...]"


@dataclass(frozen=True, slots=True)
class FindSubscriber:
    """Read a subscriber's document in the core's store."""

    supi: str


@dataclass(frozen=True, slots=True)
class ChangeSubscriber:
    """Make one change to a subscriber's document, if it is still as it was read."""

    change: "SubscriberChange"


@dataclass(frozen=True, slots=True)
class ReadCounters:
    """Read the counters of all installed sessions; `report` when a usage report is to follow."""

    report: bool = False


@dataclass(frozen=True, slots=True)
class ReadAnchorCounter:
    """Read the TPM's NV counter."""


@dataclass(frozen=True, slots=True)
class StoreRecord:
    """Put an unsigned record on disk, together with the sessions whose usage it reports: before the TPM hears of it."""

    record: MeterRecord
    encoded: bytes
    sessions: tuple[Session, ...]
    reported_utc_ms: int
    """Up to when usage is in records: where the next report begins, also after a restart."""


@dataclass(frozen=True, slots=True)
class DropUnsigned:
    """Take unsigned records off the disk: the TPM was reset before it was given them, their usage is reported anew."""


@dataclass(frozen=True, slots=True)
class SignRecord:
    """Have the TPM extend and quote this record (only quote it, if a run before us extended it) and store the
    evidence.
    """

    record: MeterRecord
    encoded: bytes
    extended_before: bool = False


@dataclass(frozen=True, slots=True)
class ForgetRecord:
    """The ledger has this record: take it out of the outbox."""

    sequence: int


@dataclass(frozen=True, slots=True)
class StoreSession:
    """Put a session as it is now on disk."""

    session: Session


@dataclass(frozen=True, slots=True)
class ForgetSession:
    """Its grant is over and its usage reported."""

    grant_id: bytes


@dataclass(frozen=True, slots=True)
class StoreRevocation:
    """Put on disk that this grant opens no session, also after a restart."""

    grant_id: bytes


@dataclass(frozen=True, slots=True)
class StoreGrant:
    """Put on disk a grant whose holder may come by EAP-TLS, what was delivered on it elsewhere, which station the
    operator's admission names, and whether it was bought here.
    """

    grant_id: bytes
    grant: bytes
    used_bytes: int
    station: MacAddress | None = None
    bought: bool = False


@dataclass(frozen=True, slots=True)
class ForgetGrant:
    """It is over, or too many are known."""

    grant_id: bytes


@dataclass(frozen=True, slots=True)
class StoreOfferState:
    """Put the ledger's word on our offer on disk: after a restart without a broker, who bought still gets in."""

    data: bytes


@dataclass(frozen=True, slots=True)
class GiveUp:
    """End the daemon with this error: whoever starts it again sets the kernel up anew, which mends what we cannot."""

    error: ShellError


@dataclass(frozen=True, slots=True)
class Note:
    """Tell the operator of a decision: `what` is a fixed word to search for, `text` a sentence."""

    what: str
    text: str


@dataclass(frozen=True, slots=True)
class StoreRefund:
    """Put a refund as it is now on disk: what is owed, or the transfer that pays it back."""

    refund: Refund


@dataclass(frozen=True, slots=True)
class ForgetRefund:
    """It is paid."""

    grant_id: bytes


StoreCommand = (
    StoreSession
    | ForgetSession
    | StoreRecord
    | DropUnsigned
    | ForgetRecord
    | StoreRevocation
    | StoreOfferState
    | StoreRegistration
    | StoreGrant
    | ForgetGrant
    | StoreRefund
    | ForgetRefund
    | StoreAuctionOffer
    | ForgetAuctionOffer
)
"""Orders to the disk. They are kept in the order given, all of a moment in one transaction; `Saved` answers."""

AirCommand = (
    SignNetwork
    | SetElement
    | SetBeaconElement
    | Deauthenticate
    | PublishGrant
    | MeasureStations
    | SetAirtimeWeight
    | AskRegistration
)
"""What only a box with [air] does."""

AuctionCommand = AskHouse | SignAuction | SignAuctionOffer
"""What only a box with [auction] does."""

CellCommand = (
    CountUe
    | UncountUe
    | TellGnb
    | WantFlows
    | ConfineUes
    | FindSubscribersIn
    | FindSubscriber
    | ChangeSubscriber
)
"""What only a box with [cell] does."""

Command = (
    SendLobby
    | SubmitTransaction
    | SubmitRecord
    | Enrol
    | SignOffer
    | AirCommand
    | CellCommand
    | AuctionCommand
    | TellSignalling
    | AskPrice
    | SignTransfer
    | InstallSession
    | RemoveSession
    | ReadCounters
    | ReadAnchorCounter
    | SignRecord
    | StoreCommand
    | Note
    | GiveUp
)
