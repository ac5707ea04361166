"""What the core remembers of purchases in NAS; the facts that it hears of them, and the orders that it gives.

Frozen values. Loaded only where there is a section [cell.signalling]. Everything that a stranger can fill is bounded
in apd/signalling.py.
"""

from collections.abc import Mapping
from dataclasses import field
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from apd.address import NasAddress
from apd.session import Phase
from apd.signalling_frames import Begin
from apd.signalling_settings import SignallingSettings
from nas_tunnel.eap_box import BoxExchange
from nas_tunnel.pco_desk import Desk
from ran_slicing.snssai import Snssai
from wire.errors import ShellError
from wire.frozen import dataclass
from wire.grant import Grant
from wire.keys import PrivateKey
from wire.offer import Offer
from wire.offer_state import OfferState

Where = tuple[int, bytes]
"""A connection of the end of NAS, and the name of a UE on it."""


class Exchange(NamedTuple):
    """One EAP exchange. `number` is never used again; `told_ns` is when its UE was last told anything. `subject` is the
    transaction of its order, as soon as it went to the ledger, and `is_first` that none with this id did before.
    """

    number: int
    box: BoxExchange
    begun_ns: int
    told_ns: int
    subject: bytes = b""
    is_first: bool = False


class Ended(NamedTuple):
    """How an exchange ended: its UE's last packet, and the frame that answered it, good until then. That of an admitted
    one has keys in it, and is forgotten as soon as the end of NAS has used them.
    """

    packet: bytes
    frame: bytes
    until_ns: int


class Tried(NamedTuple):
    """Where the core had the subscriber when its join was tried, and what its session was then."""

    snssai: Snssai
    address: IPv4Address | IPv6Address
    phase: Phase | None


class Proven(NamedTuple):
    """A grant whose key was proved inside EAP, and whose session has not begun. `supi` is whose key it is, as the end
    of NAS says; `tried` what was seen when it was tried last, `again_ns` when it is tried again, `told` the reason that
    the end of NAS heard last, or `Joined`, which `served` says as well. Until `doubted_until_ns` a session that the
    core shows may be of the registration before. `placed` is said where its slot is, if anywhere, by `place_by_ns` at
    the latest.
    """

    link: int
    ue: bytes
    grant: Grant
    encoded: bytes
    supi: str = ""
    tried: Tried | None = None
    again_ns: int | None = None
    told: str = ""
    served: bool = False
    doubted_until_ns: int | None = None
    placed: bool = False
    place_by_ns: int = 0


class Broadcast(NamedTuple):
    """What the gNB's file has, or was to have: terms, and when (UTC) it is written anew."""

    terms: OfferState
    renew_s: int


@dataclass(frozen=True, slots=True)
class SignallingState:
    """Towards the end of NAS."""

    settings: SignallingSettings
    exchanges: Mapping[Where, Exchange] = field(default_factory=dict)
    ended: Mapping[Where, Ended] = field(default_factory=dict)
    """Of those that ended by a packet, a moment ago."""
    begun: int = 0
    """Exchanges so far."""
    opened_ns: tuple[int, ...] = ()
    """When the last of them were begun."""
    ordered_ns: tuple[int, ...] = ()
    """When the last purchases went to the ledger, of all strangers."""
    ordered_by: Mapping[Where, int] = field(default_factory=dict)
    """And of each."""
    proven: Mapping[bytes, Proven] = field(default_factory=dict)
    """By grant."""
    desk: Desk = Desk()
    """Purchases in configuration options."""
    desk_offer: bytes = b""
    """The offer of whose terms the desk knows."""
    broadcast: Broadcast | None = None
    broadcast_due_ns: int | None = None
    """The disk refused it: when it is tried again."""


# ---- Facts


class FrameHeard(NamedTuple):
    """Bytes of the end of NAS, without their length."""

    link: int
    data: bytes


class LinkLost(NamedTuple):
    """It hung up."""

    link: int


class ShareMade(NamedTuple):
    """To `MakeShare`."""

    link: int
    begin: Begin
    share: PrivateKey


class ProofMade(NamedTuple):
    """To `MakeProof`."""

    about: NasAddress
    proof: bytes


class SibWritten(NamedTuple):
    """The gNB's file has the offer of this number."""

    epoch: int


class SibFailed(NamedTuple):
    """It has what it had."""

    error: ShellError


Fact = FrameHeard | LinkLost | ShareMade | ProofMade | SibWritten | SibFailed


# ---- Orders


class SendFrame(NamedTuple):
    """To the end of NAS, with its length in front."""

    link: int
    data: bytes


class MakeShare(NamedTuple):
    """A fresh key for one exchange."""

    link: int
    begin: Begin


class MakeProof(NamedTuple):
    """With the provider's key: a wire/exchange_proof.py of the box."""

    about: NasAddress
    transcript: bytes


class WriteSib(NamedTuple):
    """Sign this offer, and put the lines of apd/sib.py into the gNB's file."""

    offer: Offer


TellOrder = SendFrame | MakeShare | MakeProof | WriteSib
