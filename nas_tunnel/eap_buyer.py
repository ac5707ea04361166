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
EAP-Success before the proof is out is passed over, as is every packet that is none, or that answers nothing.

Nobody signs a no. From the order on, until the ledger's word is here, a message that does not unseal is passed over,
and an EAP-Failure is a `Setback` that ends nothing, since the answer may come all the same; the caller, who has the
clock, says when it is enough (`GivenUp`). The ledger's word goes out (`KeepOutcome`) before anything else is looked at,
and `Failed` says whether money is gone. While nobody knows, it carries the transaction: that, and no other, is to be
ordered the next time, until the ledger's receipt is here or its time is over (`await_offer`).
"""

from dataclasses import replace
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
from nas_tunnel.eap_fragments import NOTHING
from nas_tunnel.eap_link import Link, send, take
from nas_tunnel.eap_purchase import (
    MAX_HOLDS,
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
from nas_tunnel.lobby import MAX_PURCHASE_BYTES, Outcome, Refused
from wire.errors import DecodeError
from wire.exchange_proof import Prover, verify_exchange_proof
from wire.frozen import dataclass
from wire.grant import TRANSACTION_REFERENCE_SIZE, Grant, read_grant
from wire.grant_proof import read_shown_grant
from wire.ids import PublicKey
from wire.keys import PrivateKey
from wire.receipt import Receipt, read_receipt
from wire.transaction import read_transaction


class Charged(Enum):
    """Whether money is gone."""

    NO = auto()
    YES = auto()
    """The ledger signed that it ran."""
    UNKNOWN = auto()
    """The order is out, and the ledger has signed nothing."""


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


@dataclass(frozen=True, slots=True)
class GivenUp:
    """Nothing came for too long, or the layer below is gone."""


Event = PacketReceived | Ordered | NotWanted | ProofSigned | GivenUp


# ---- Commands


@dataclass(frozen=True, slots=True)
class SendPacket:
    """To the network."""

    packet: bytes


@dataclass(frozen=True, slots=True)
class Choose:
    """Buy this, show a grant, or not? Signatures in it are not checked yet. An `unanswered` transaction has to be asked
    for before another one is signed.
    """

    air: AirOffer
    unanswered: bytes = b""


@dataclass(frozen=True, slots=True)
class KeepOutcome:
    """What came as the ledger's word on our order: keep it at once. Nothing in it is checked yet."""

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class KeepGrant:
    """This was paid for: keep it at once. The ledger signed it for our key, and for this order."""

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
class Setback:
    """Somebody said no while the order is out, and nobody signed it. Nothing has ended."""

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Failed:
    """Why not. A refusal is the network's word and no more; only the ledger's receipt says that nothing was spent, and
    then `charged` does. `unanswered` is the transaction of which nobody knows.
    """

    reason: str
    detail: str
    charged: Charged = Charged.NO
    unanswered: bytes = b""


Command = SendPacket | Choose | KeepOutcome | KeepGrant | SignProof | Succeeded | Setback | Failed


@dataclass(frozen=True, slots=True)
class Expected:
    """What was ordered, and whose word is believed. `transaction_id` is empty where a grant is shown."""

    contents: OrderContents
    transaction_id: bytes
    consumer: PublicKey
    ledger: PublicKey
    ledger_id: bytes


@dataclass(frozen=True, slots=True)
class BuyerExchange:
    """One exchange with one network. `dropped` counts packets that were passed over."""

    phase: Phase
    link: Link
    identity: bytes
    secrets: Secrets
    asked: int | None = None
    """The identifier of the last Request that was taken."""
    heard: bytes = b""
    """The octets of that Request; `link.last` answers them, once there is an answer."""
    notified: int | None = None
    """The identifier of the last Notification: it stands outside of the exchange."""
    unanswered: bytes = b""
    """The transaction of which nobody knows, of an exchange before or of this one."""
    air: AirOffer | None = None
    box_share: PublicKey | None = None
    order: Expected | None = None
    charged: Charged = Charged.NO
    holds: int = 0
    grant: Grant | None = None
    keys: SessionKeys | None = None
    failure: tuple[str, str] | None = None
    """Reason and detail, once somebody said no."""
    dropped: int = 0


Step = tuple[BuyerExchange, list[Command]]


def await_offer(
    identity: bytes = b"anonymous@airgrant.invalid",
    max_packet_bytes: int = MAX_EAP_BYTES,
    unanswered: bytes = b"",
) -> BuyerExchange:
    """Before anything came. `identity` is a network access identifier (RFC 7542) that should name nobody, `unanswered`
    the transaction of a `Failed` at this provider: no other one is then sent.
    """
    link = Link(EapCode.RESPONSE, 0, max_packet_bytes)
    charged = Charged.UNKNOWN if unanswered else Charged.NO
    start = first_secrets(b"")
    return BuyerExchange(Phase.LISTENING, link, identity, start, unanswered=unanswered, charged=charged)


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
        case GivenUp():
            return _give_up(state)


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
    if data == state.heard:  # a copy: the same answer, if there is one yet
        return state, [SendPacket(state.link.last)] if state.link.last else []
    if not packet.is_ours:
        return _answer_for_eap(state, packet, data)
    if state.phase in (Phase.LISTENING, Phase.CHOOSING):
        try:
            return _take(state, packet, data)
        except DecodeError as error:
            state = replace(state, asked=packet.identifier)
            return _break_off(state, "malformed", str(error))
    for link in (state.link, replace(state.link, inbox=NOTHING)):  # a fragment of somebody may be in the way
        try:
            return _take(replace(state, link=link), packet, data)
        except DecodeError:
            continue
    return _drop(state)


def _answer_for_eap(state: BuyerExchange, packet: EapPacket, data: bytes) -> Step:
    match packet.type:
        case EapType.IDENTITY if state.phase is Phase.LISTENING:
            state = replace(state, secrets=first_secrets(state.identity))
            answer = write_eap(
                EapPacket(EapCode.RESPONSE, packet.identifier, EapType.IDENTITY, state.identity)
            )
        case EapType.NOTIFICATION:
            answer = write_eap(EapPacket(EapCode.RESPONSE, packet.identifier, EapType.NOTIFICATION))
            return replace(state, notified=packet.identifier), [SendPacket(answer)]
        case EapType.EXPANDED if state.phase is Phase.LISTENING:
            answer = write_expanded_nak(packet.identifier)
        case kind if state.phase is Phase.LISTENING and kind > EapType.NAK:
            answer = write_eap(
                EapPacket(EapCode.RESPONSE, packet.identifier, EapType.NAK, NAK_OFFERS_EXPANDED)
            )
        case _:
            return _drop(state)
    link = replace(state.link, last=answer)
    return replace(state, asked=packet.identifier, heard=data, link=link), [SendPacket(answer)]


def _take(state: BuyerExchange, packet: EapPacket, data: bytes) -> Step:
    """The next packet of our method. Raises DecodeError if it is none that the other end would send now."""
    taken = take(replace(state.link, last=b""), packet)
    state = replace(state, asked=packet.identifier, heard=data, link=taken.link)
    if taken.message is None:
        return state, [SendPacket(taken.packet)]
    message = read_message(taken.message)
    match message:
        case Shop(air) if state.phase is Phase.LISTENING:
            state = replace(state, phase=Phase.CHOOSING, air=air, secrets=state.secrets.heard(taken.message))
            return replace(state, box_share=message.share), [Choose(air, state.unanswered)]
        case Closed(reason, detail) if state.phase is Phase.LISTENING:
            return _await_failure(state, reason, detail)
        case Hold() if state.phase is Phase.ORDERED and state.holds < MAX_HOLDS:
            held, said = _send(replace(state, holds=state.holds + 1), b"")
            return replace(held, link=replace(held.link, rounds=state.link.rounds)), said
        case Answer(sealed) if state.phase is Phase.ORDERED:
            contents = read_answer(state.secrets.unseal(MessageType.ANSWER, sealed))
            return _take_answer(state, contents, taken.message)
        case _:
            raise DecodeError(
                f"eap purchase: {type(message).__name__} in the phase {state.phase.name.lower()}"
            )


def _take_answer(state: BuyerExchange, contents: AnswerContents, data: bytes) -> Step:
    """It was sealed by the other end, so what is wrong with it ends the exchange."""
    order = state.order
    assert order is not None
    match contents.message:
        case Refused(_, reason, detail):
            return _await_failure(state, reason, detail)
        case Outcome() as outcome if order.transaction_id:
            state, said = _take_outcome(state, outcome, contents, data)
            return state, [KeepOutcome(outcome), *said]
        case None if not order.transaction_id:
            grant = read_shown_grant(order.contents.encoded, order.ledger, order.ledger_id)
            return _check_box(state, grant, contents, data)
        case _:
            return _break_off(state, "malformed", "the answer is not to this order")


def _take_outcome(state: BuyerExchange, outcome: Outcome, contents: AnswerContents, data: bytes) -> Step:
    assert state.order is not None
    order = state.order
    try:
        receipt = _read_receipt(order, outcome)
    except DecodeError as error:
        return _break_off(state, "bad_outcome", str(error))
    state = replace(state, charged=Charged.YES, unanswered=b"")
    if not receipt.executed and receipt.reason != "replayed":
        return _await_failure(replace(state, charged=Charged.NO), receipt.reason, receipt.detail)
    if not outcome.grant:
        return _await_failure(state, "no_grant", "it ran, and its grant is missing: the ledger has it")
    try:
        grant = read_grant(outcome.grant, order.ledger, order.ledger_id)
    except DecodeError as error:
        return _break_off(state, "bad_outcome", str(error))
    if grant.consumer != order.consumer:
        return _break_off(state, "grant_differs", "the grant is another consumer's")
    if grant.transaction != order.transaction_id[:TRANSACTION_REFERENCE_SIZE]:
        return _break_off(state, "grant_differs", "the grant is another purchase's")
    state, said = _check_box(state, grant, contents, data)
    return state, [KeepGrant(grant, outcome.grant), *said]


def _read_receipt(order: Expected, outcome: Outcome) -> Receipt:
    receipt = read_receipt(outcome.receipt, order.ledger, order.ledger_id)
    if outcome.transaction_id != order.transaction_id or receipt.subject != order.transaction_id:
        raise DecodeError("eap purchase: the outcome is another purchase's")
    return receipt


def _check_box(state: BuyerExchange, grant: Grant, contents: AnswerContents, data: bytes) -> Step:
    """Whether the other end is the provider that the offer names."""
    assert state.air is not None
    if not contents.proof:
        return _await_failure(state, "not_admitted", "the box lets nobody in by this grant")
    try:
        _verify_box(state.air, grant, contents, state.secrets)
    except DecodeError as error:
        return _break_off(state, "malformed", str(error))
    secrets = state.secrets.heard(data)
    state = replace(state, phase=Phase.SIGNING, grant=grant, secrets=secrets)
    return state, [SignProof(secrets.transcript)]


def _verify_box(air: AirOffer, grant: Grant, contents: AnswerContents, secrets: Secrets) -> None:
    if grant.provider_id != air.provider.provider_id:
        raise DecodeError("eap purchase: the grant is another provider's")
    transcript = secrets.heard(write_word(contents.message)).transcript
    verify_exchange_proof(contents.proof, Prover.BOX, transcript, air.provider)


def _end(state: BuyerExchange, packet: EapPacket) -> Step:
    """Success or Failure: either has the identifier of what it answers (RFC 3748 clause 4.2)."""
    if packet.identifier not in (state.asked, state.notified) or state.phase is Phase.DONE:
        return _drop(state)
    if packet.code is EapCode.FAILURE:
        detail = f"EAP-Failure in the phase {state.phase.name.lower()}"
        if state.phase is Phase.ORDERED:
            return state, [Setback("rejected", detail)]
        return _fail(state, state.failure or ("rejected", detail))
    if state.phase is not Phase.PROVED:
        return _drop(state)
    assert state.grant is not None
    assert state.keys is not None
    return _done(state), [Succeeded(state.grant, state.keys)]


# ---- Decisions of others


def _order(state: BuyerExchange, order: Ordered) -> Step:
    if state.phase is not Phase.CHOOSING or state.box_share is None:
        return state, []
    contents, share = order.contents, order.share
    is_new = contents.kind is OrderKind.TRANSACTION and contents.encoded != state.unanswered
    if state.unanswered and is_new:
        return _break_off(state, "unanswered", "another purchase may have run: ask for that one first")
    try:
        expected = _expect(order)
        secrets = state.secrets.agreed(share, state.box_share, share.public)
    except DecodeError as error:
        return _break_off(state, "malformed", str(error))
    sealed = secrets.seal(MessageType.ORDER, write_order(contents))
    message = write_message(Order(share.public, sealed))
    if expected.transaction_id:
        state = replace(state, charged=Charged.UNKNOWN, unanswered=contents.encoded)
    state = replace(state, phase=Phase.ORDERED, order=expected)
    return _send(replace(state, secrets=secrets.heard(message)), message)


def _expect(order: Ordered) -> Expected:
    """Raises DecodeError if it is no transaction, or the grant is not the ledger's or is another's."""
    contents, transaction_id = order.contents, b""
    if contents.kind is OrderKind.TRANSACTION:
        transaction_id = read_transaction(
            contents.encoded, order.ledger_id, MAX_PURCHASE_BYTES
        ).transaction_id
    elif read_shown_grant(contents.encoded, order.ledger, order.ledger_id).consumer != order.consumer:
        raise DecodeError("eap purchase: the grant is another consumer's")
    return Expected(contents, transaction_id, order.consumer, order.ledger, order.ledger_id)


def _decline(state: BuyerExchange, reason: str) -> Step:
    if state.phase is not Phase.CHOOSING:
        return state, []
    state = replace(state, phase=Phase.ENDING, failure=("declined", reason))
    return _send(state, write_message(Declined(reason)))


def _prove(state: BuyerExchange, proof: bytes) -> Step:
    if state.phase is not Phase.SIGNING:
        return state, []
    message = write_message(Proof(state.secrets.seal(MessageType.PROOF, proof)))
    keys = session_keys(state.secrets.heard(message))
    return _send(replace(state, phase=Phase.PROVED, keys=keys), message)


def _give_up(state: BuyerExchange) -> Step:
    if state.phase is Phase.DONE:
        return state, []
    unknown = "nobody signed what became of the order"
    detail = unknown if state.charged is Charged.UNKNOWN else "nothing more came"
    return _fail(state, state.failure or ("given_up", detail))


# ---- Sending


def _send(state: BuyerExchange, message: bytes) -> Step:
    link, packet = send(state.link, message)
    return replace(state, link=link), [SendPacket(packet)]


def _await_failure(state: BuyerExchange, reason: str, detail: str) -> Step:
    """The other end said no, and closes the exchange as soon as it knows that this was heard."""
    return _send(replace(state, phase=Phase.ENDING, failure=(reason, detail)), b"")


def _break_off(state: BuyerExchange, reason: str, why: str) -> Step:
    """The other end is not what it should be: say so in our method, and do not wait for EAP-Failure."""
    assert state.asked is not None
    link = Link(EapCode.RESPONSE, state.asked, state.link.max_packet_bytes, rounds=state.link.rounds)
    state, sent = _send(replace(state, link=link), write_message(Declined(reason)))
    state, failed = _fail(state, (reason, why))
    return state, [*sent, *failed]


def _fail(state: BuyerExchange, why: tuple[str, str]) -> Step:
    return _done(state), [Failed(*why, state.charged, state.unanswered)]


def _done(state: BuyerExchange) -> BuyerExchange:
    """What could compute a key of this exchange is gone."""
    return replace(state, phase=Phase.DONE, secrets=state.secrets.forgotten(), keys=None, box_share=None)


def _drop(state: BuyerExchange) -> Step:
    return replace(state, dropped=state.dropped + 1), []
