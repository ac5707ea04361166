"""The buying end of a purchase inside EAP: hears the offer, orders, checks the answer, proves its key. Pure.

    step(state, event) -> (state, [command])

    LISTENING   nothing was offered yet
    CHOOSING    somebody decides whether to buy, and signs a transaction or takes out a grant
    ORDERED     the order is out, the answer is awaited
    SIGNING     the wallet's key signs
    PROVED      the proof is out, EAP-Success is awaited
    ENDING      the box said no, EAP-Failure is awaited
    DONE

It answers for EAP's own types too: Identity with the name that it was given, Notification, and Nak to other methods.
A grant that was paid for is given out at once (`KeepGrant`), whatever happens afterwards. EAP-Success before the proof
is out is passed over, as is every packet that is none, or that answers nothing.
"""

from dataclasses import dataclass, replace
from enum import Enum, auto

from nas_tunnel.anqp import AirOffer
from nas_tunnel.eap import (
    MAX_EAP_BYTES,
    NAK_OFFERS_EXPANDED,
    EapCode,
    EapPacket,
    EapType,
    read_eap,
    write_eap,
    write_expanded_nak,
)
from nas_tunnel.eap_link import Link, send, take
from nas_tunnel.eap_purchase import (
    Answer,
    AnswerContents,
    Closed,
    Declined,
    Hold,
    MessageType,
    Order,
    OrderContents,
    OrderKind,
    Proof,
    Secrets,
    SessionKeys,
    Shop,
    first_secrets,
    read_answer,
    read_message,
    session_keys,
    write_message,
    write_order,
    write_word,
)
from nas_tunnel.lobby import Refused
from wire.errors import DecodeError
from wire.exchange_proof import Prover, verify_exchange_proof
from wire.grant import Grant, read_grant
from wire.ids import PublicKey
from wire.keys import PrivateKey


class Phase(Enum):
    """What the buyer waits for; the table is above."""

    LISTENING = auto()
    CHOOSING = auto()
    ORDERED = auto()
    SIGNING = auto()
    PROVED = auto()
    ENDING = auto()
    DONE = auto()


# ---- Events


@dataclass(frozen=True, slots=True)
class PacketReceived:
    """EAP of the network, as NAS or another carriage had it."""

    packet: bytes


@dataclass(frozen=True, slots=True)
class Ordered:
    """To `Choose`: what is shown, for whose key, the ledger that is believed, and a fresh key for this exchange."""

    contents: OrderContents
    consumer: PublicKey
    ledger: PublicKey
    ledger_id: bytes
    share: PrivateKey


@dataclass(frozen=True, slots=True)
class NotWanted:
    """To `Choose`: no."""

    reason: str


@dataclass(frozen=True, slots=True)
class ProofSigned:
    """To `SignProof`: a wire/exchange_proof.py of the buyer."""

    proof: bytes


Event = PacketReceived | Ordered | NotWanted | ProofSigned


# ---- Commands


@dataclass(frozen=True, slots=True)
class SendPacket:
    """To the network."""

    packet: bytes


@dataclass(frozen=True, slots=True)
class Choose:
    """Buy this, show a grant, or not? Signatures in it are not checked yet."""

    air: AirOffer


@dataclass(frozen=True, slots=True)
class KeepGrant:
    """This was paid for: keep it at once. The ledger signed it for our key."""

    grant: Grant
    encoded: bytes


@dataclass(frozen=True, slots=True)
class SignProof:
    """With the key that the grant names: a wire/exchange_proof.py of the buyer over this transcript."""

    transcript: bytes


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The network is the offer's provider, and lets us in by this grant."""

    grant: Grant
    keys: SessionKeys


@dataclass(frozen=True, slots=True)
class Failed:
    """Why not. A refusal is the network's word and no more; only the ledger's receipt says that nothing was spent."""

    reason: str
    detail: str


Command = SendPacket | Choose | KeepGrant | SignProof | Succeeded | Failed


@dataclass(frozen=True, slots=True)
class BuyerExchange:
    """One exchange with one network. `dropped` counts packets that were passed over."""

    phase: Phase
    link: Link
    identity: bytes
    secrets: Secrets
    asked: int | None = None
    """The identifier of the last Request that was taken; `link.last` answers it, once there is an answer."""
    air: AirOffer | None = None
    box_share: PublicKey | None = None
    order: Ordered | None = None
    grant: Grant | None = None
    keys: SessionKeys | None = None
    failure: Failed | None = None
    dropped: int = 0


Step = tuple[BuyerExchange, list[Command]]


def await_offer(
    identity: bytes = b"anonymous@airgrant.invalid", max_packet_bytes: int = MAX_EAP_BYTES
) -> BuyerExchange:
    """Before anything came. `identity` is a network access identifier (RFC 7542) that should name nobody."""
    return BuyerExchange(
        Phase.LISTENING, Link(EapCode.RESPONSE, 0, max_packet_bytes), identity, first_secrets(b"")
    )


def step(state: BuyerExchange, event: Event) -> Step:
    match event:
        case PacketReceived(packet):
            return _receive(state, packet)
        case Ordered():
            return _order(state, event)
        case NotWanted(reason):
            return _decline(state, reason)
        case ProofSigned(proof):
            return _prove(state, proof)


# ---- Packets


def _receive(state: BuyerExchange, data: bytes) -> Step:
    try:
        packet = read_eap(data)
    except DecodeError:
        return _drop(state)
    if packet.code is EapCode.SUCCESS or packet.code is EapCode.FAILURE:
        return _end(state, packet)
    if packet.code is not EapCode.REQUEST or state.phase is Phase.DONE:
        return _drop(state)
    if packet.identifier == state.asked:  # a copy: the same answer, if there is one yet
        return state, [SendPacket(state.link.last)] if state.link.last else []
    if not packet.is_ours:
        return _answer_for_eap(state, packet)
    try:
        return _take(replace(state, asked=packet.identifier, link=replace(state.link, last=b"")), packet)
    except DecodeError as error:
        return _break_off(state, packet.identifier, str(error))


def _answer_for_eap(state: BuyerExchange, packet: EapPacket) -> Step:
    match packet.type:
        case EapType.IDENTITY if state.phase is Phase.LISTENING:
            state = replace(state, secrets=first_secrets(state.identity))
            answer = write_eap(
                EapPacket(EapCode.RESPONSE, packet.identifier, EapType.IDENTITY, state.identity)
            )
        case EapType.NOTIFICATION:
            answer = write_eap(EapPacket(EapCode.RESPONSE, packet.identifier, EapType.NOTIFICATION))
        case EapType.EXPANDED if state.phase is Phase.LISTENING:
            answer = write_expanded_nak(packet.identifier)
        case kind if state.phase is Phase.LISTENING and kind > EapType.NAK:
            answer = write_eap(
                EapPacket(EapCode.RESPONSE, packet.identifier, EapType.NAK, NAK_OFFERS_EXPANDED)
            )
        case _:
            return _drop(state)
    return replace(state, asked=packet.identifier, link=replace(state.link, last=answer)), [
        SendPacket(answer)
    ]


def _take(state: BuyerExchange, packet: EapPacket) -> Step:
    taken = take(state.link, packet)
    state = replace(state, link=taken.link)
    if taken.message is None:
        return state, [SendPacket(taken.packet)]
    message = read_message(taken.message)
    match message:
        case Shop(air) if state.phase is Phase.LISTENING:
            state = replace(state, phase=Phase.CHOOSING, air=air, secrets=state.secrets.heard(taken.message))
            return replace(state, box_share=message.share), [Choose(air)]
        case Closed(reason, detail) if state.phase is Phase.LISTENING:
            return _send(replace(state, phase=Phase.ENDING, failure=Failed(reason, detail)), b"")
        case Hold() if state.phase is Phase.ORDERED:
            return _send(state, b"")
        case Answer(sealed) if state.phase is Phase.ORDERED:
            contents = read_answer(state.secrets.unseal(MessageType.ANSWER, sealed))
            return _take_answer(state, contents, taken.message)
        case _:
            raise DecodeError(
                f"eap purchase: {type(message).__name__} in the phase {state.phase.name.lower()}"
            )


def _take_answer(state: BuyerExchange, contents: AnswerContents, data: bytes) -> Step:
    assert state.air is not None
    assert state.order is not None
    if isinstance(contents.message, Refused):
        failure = Failed(contents.message.reason, contents.message.detail)
        return _send(replace(state, phase=Phase.ENDING, failure=failure), b"")
    encoded = state.order.contents.encoded
    if contents.message is not None:
        encoded = contents.message.grant
    elif state.order.contents.kind is not OrderKind.GRANT:
        raise DecodeError("eap purchase: an answer without an outcome")
    if not encoded:
        failure = Failed("no_grant", "the ledger's receipt says why")
        return _send(replace(state, phase=Phase.ENDING, failure=failure), b"")
    grant = read_grant(encoded, state.order.ledger, state.order.ledger_id)
    if grant.consumer != state.order.consumer:
        raise DecodeError("eap purchase: the grant is another consumer's")
    kept: list[Command] = [KeepGrant(grant, encoded)] if contents.message is not None else []
    try:
        _verify_box(state.air, grant, contents, state.secrets)
    except DecodeError as error:
        assert state.asked is not None
        state, broken = _break_off(state, state.asked, str(error))
        return state, [*kept, *broken]
    secrets = state.secrets.heard(data)
    state = replace(state, phase=Phase.SIGNING, grant=grant, secrets=secrets)
    return state, [*kept, SignProof(secrets.transcript)]


def _verify_box(air: AirOffer, grant: Grant, contents: AnswerContents, secrets: Secrets) -> None:
    if grant.provider_id != air.provider.provider_id:
        raise DecodeError("eap purchase: the grant is another provider's")
    transcript = secrets.heard(write_word(contents.message)).transcript
    verify_exchange_proof(contents.proof, Prover.BOX, transcript, air.provider)


def _end(state: BuyerExchange, packet: EapPacket) -> Step:
    if packet.code is EapCode.FAILURE and state.phase is not Phase.DONE:
        failure = state.failure or Failed("rejected", f"EAP-Failure in the phase {state.phase.name.lower()}")
        return replace(state, phase=Phase.DONE), [failure]
    if state.phase is not Phase.PROVED or packet.identifier != state.asked:
        return _drop(state)
    assert state.grant is not None
    assert state.keys is not None
    return replace(state, phase=Phase.DONE), [Succeeded(state.grant, state.keys)]


# ---- Decisions of others


def _order(state: BuyerExchange, order: Ordered) -> Step:
    if state.phase is not Phase.CHOOSING or state.box_share is None:
        return state, []
    share = order.share
    try:
        secrets = state.secrets.agreed(share, state.box_share, share.public)
    except DecodeError as error:
        assert state.asked is not None
        return _break_off(state, state.asked, str(error))
    sealed = secrets.seal(MessageType.ORDER, write_order(order.contents))
    message = write_message(Order(share.public, sealed))
    return _send(replace(state, phase=Phase.ORDERED, order=order, secrets=secrets.heard(message)), message)


def _decline(state: BuyerExchange, reason: str) -> Step:
    if state.phase is not Phase.CHOOSING:
        return state, []
    failure = Failed("declined", reason)
    return _send(replace(state, phase=Phase.ENDING, failure=failure), write_message(Declined(reason)))


def _prove(state: BuyerExchange, proof: bytes) -> Step:
    if state.phase is not Phase.SIGNING:
        return state, []
    message = write_message(Proof(state.secrets.seal(MessageType.PROOF, proof)))
    keys = session_keys(state.secrets.heard(message))
    return _send(replace(state, phase=Phase.PROVED, keys=keys), message)


# ---- Sending


def _send(state: BuyerExchange, message: bytes) -> Step:
    link, packet = send(state.link, message)
    return replace(state, link=link), [SendPacket(packet)]


def _break_off(state: BuyerExchange, identifier: int, why: str) -> Step:
    """The other end is not what it should be: say so in our method, and do not wait for EAP-Failure."""
    link = Link(EapCode.RESPONSE, identifier, state.link.max_packet_bytes, rounds=state.link.rounds)
    state = replace(state, phase=Phase.DONE, asked=identifier, link=link)
    state, sent = _send(state, write_message(Declined("malformed")))
    return state, [*sent, Failed("malformed", why)]


def _drop(state: BuyerExchange) -> Step:
    return replace(state, dropped=state.dropped + 1), []
