"""Every event and every command of the device's state machine. Events are past facts, commands imperatives."""

from dataclasses import dataclass
from enum import Enum

from device.choice import Candidate, PinnedLedger, Unsuitable
from nas_tunnel.lobby import LobbyMessage
from wire.allocate import Allocate
from wire.ids import MacAddress
from wire.join_request import JoinPurpose


class Source(Enum):
    """Who says no."""

    LEDGER = "ledger"
    """Signed: certain."""
    ACCESS_POINT = "access point"
    DEVICE = "device"
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
class LeaveWanted:
    """The user has had enough."""


@dataclass(frozen=True, slots=True)
class DeadlineReached:
    """The one timer went off."""


Event = (
    Started | DatagramReceived | SendFailed | PurchaseSigned | RequestSigned | LeaveWanted | DeadlineReached
)


@dataclass(frozen=True, slots=True)
class Send:
    """To one access point, or to the lobby's multicast group if `address` is None."""

    message: LobbyMessage
    address: str | None


@dataclass(frozen=True, slots=True)
class SignPurchase:
    """Sign this with the wallet's key and a fresh nonce."""

    allocate: Allocate
    valid_until_s: int
    ledger_id: bytes


@dataclass(frozen=True, slots=True)
class SignRequest:
    """Sign a join or leave request with the wallet's key."""

    purpose: JoinPurpose
    grant_id: bytes
    station: MacAddress
    bssid: MacAddress
    challenge: bytes


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


Command = Send | SignPurchase | SignRequest | PinLedger | ShowOffer | Tell
