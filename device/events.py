"""Every event and every command of the device's state machine. Events are past facts, commands imperatives."""

from dataclasses import dataclass
from enum import Enum

from device.choice import Candidate, PinnedLedger, Unsuitable
from nas_tunnel.lobby import Announcement, LobbyMessage
from wire.allocate import Allocate
from wire.ids import MacAddress, Station
from wire.join_request import JoinPurpose
from wire.network import Network


class Source(Enum):
    """Who says no."""

    LEDGER = "ledger"
    """Signed: certain."""
    ACCESS_POINT = "access point"
    OPERATOR = "operator"
    DEVICE = "device"
    MACHINE = "this machine"
    NETWORK = "network"
    """Nobody answered, or nothing could be sent."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why it did not come to a session. `reason` is a fixed word, `detail` a sentence for people."""

    reason: str
    detail: str
    source: Source


@dataclass(frozen=True, slots=True)
class Started:
    """The user wants it now."""


@dataclass(frozen=True, slots=True)
class DatagramReceived:
    """Bytes of a stranger, and where an answer goes."""

    address: str
    data: bytes


@dataclass(frozen=True, slots=True)
class OfferHeard:
    """A basic service set answered over the air with what it sells; how loud its beacon is here breaks ties."""

    bssid: MacAddress
    announcement: Announcement
    signal_dbm: int


@dataclass(frozen=True, slots=True)
class MarketHeard:
    """Everybody on the air who shows an offer was asked, and has answered or would not."""


@dataclass(frozen=True, slots=True)
class MessageHeard:
    """What a datagram of the lobby would have said, carried otherwise."""

    address: str
    message: LobbyMessage


@dataclass(frozen=True, slots=True)
class SendFailed:
    """The kernel did not take a datagram: no address yet, no carrier, a full queue."""

    detail: str


@dataclass(frozen=True, slots=True)
class PurchaseSigned:
    """The signed transaction that `SignPurchase` asked for."""

    transaction: bytes
    transaction_id: bytes


@dataclass(frozen=True, slots=True)
class RequestSigned:
    """The signed request that `SignRequest` asked for."""

    request: bytes


@dataclass(frozen=True, slots=True)
class Associated:
    """The radio is in: EAP and the keys of the link are done, at `bssid`, which may change as the station roams."""

    bssid: MacAddress


class Obstacle(Enum):
    """Why an attempt to associate failed."""

    UNKNOWN_AUTHORITY = "unknown_authority"
    """The server's certificate is not the operator's whom the provider named."""
    REJECTED = "rejected"
    """The operator's server heard us, and said no."""
    REFUSED = "refused"
    """The access point did not even let us ask."""
    NOT_FOUND = "not_found"
    NO_SUPPLICANT = "no_supplicant"
    """Nobody here to do it: no control socket, not permitted, or wpa_supplicant said FAIL."""


@dataclass(frozen=True, slots=True)
class AssociationFailed:
    """One attempt did not succeed; `detail` is for people."""

    obstacle: Obstacle
    detail: str


@dataclass(frozen=True, slots=True)
class Disassociated:
    """The radio is out again, whoever wanted it."""

    detail: str


@dataclass(frozen=True, slots=True)
class LeaveWanted:
    """The user has had enough."""


@dataclass(frozen=True, slots=True)
class DeadlineReached:
    """The one timer went off."""


Event = (
    Started
    | DatagramReceived
    | OfferHeard
    | MarketHeard
    | MessageHeard
    | SendFailed
    | PurchaseSigned
    | RequestSigned
    | Associated
    | AssociationFailed
    | Disassociated
    | LeaveWanted
    | DeadlineReached
)


@dataclass(frozen=True, slots=True)
class Send:
    """To one access point, or to all of them if `address` is None. An answer will name `subject`, if there is one."""

    message: LobbyMessage
    address: str | None
    subject: bytes = b""


@dataclass(frozen=True, slots=True)
class SignPurchase:
    """Sign this with the wallet's key and a fresh nonce, and keep it, and the chosen offer, before it is sent."""

    allocate: Allocate
    valid_until_s: int
    ledger_id: bytes


@dataclass(frozen=True, slots=True)
class KeepGrant:
    """This was paid for: keep it at once, whatever happens next. The purchase that it answers need not be kept."""

    grant_id: bytes
    encoded: bytes
    transaction_id: bytes


@dataclass(frozen=True, slots=True)
class ForgetPurchase:
    """The ledger has signed that this one was not executed."""

    transaction_id: bytes


@dataclass(frozen=True, slots=True)
class SignRequest:
    """Sign a join or leave request with the wallet's key."""

    purpose: JoinPurpose
    grant_id: bytes
    station: Station
    bssid: MacAddress
    challenge: bytes


@dataclass(frozen=True, slots=True)
class Associate:
    """Join this network by EAP-TLS with a certificate that the wallet's key issues for these times (UTC). Said again,
    it means: try again now. `pinned`: at the signed BSSID and nowhere else, until the radio is in.
    """

    network: Network
    not_before_s: int
    not_after_s: int
    pinned: bool


@dataclass(frozen=True, slots=True)
class Disassociate:
    """Leave the network that was joined, and put back what was there before."""


@dataclass(frozen=True, slots=True)
class PinLedger:
    """Trust on first use: from now on this is the wallet's ledger."""

    ledger: PinnedLedger


@dataclass(frozen=True, slots=True)
class ShowOffer:
    """An offer was read, for the first time: tell the user, with the reason if it is not one to buy."""

    seen: Candidate | Unsuitable
    address: str


@dataclass(frozen=True, slots=True)
class Tell:
    """A sentence for the user, who waits."""

    text: str


Command = (
    Send
    | SignPurchase
    | KeepGrant
    | ForgetPurchase
    | SignRequest
    | Associate
    | Disassociate
    | PinLedger
    | ShowOffer
    | Tell
)
