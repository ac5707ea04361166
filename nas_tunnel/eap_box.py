"""The selling end of a purchase inside EAP: shows the offer, has the order executed, demands the proof. Pure.

    step(state, event) -> (state, [command])

    OFFERED    the shop is open, an order is awaited
    DECIDING   the ledger executes the transaction
    JUDGING    somebody else looks whether the grant is good here and now
    SIGNING    the provider's key signs
    PROVING    the answer is out, the buyer's proof is awaited
    CLOSING    a refusal is out, EAP-Failure follows its receipt
    DONE

It signs nothing itself, asks no ledger and has no clock: the caller says when the buyer has waited long enough for a
word (`TookLong`) or for a packet (`NothingCame`). A packet that is none, or not the answer to the last one, is passed
over, as RFC 3748 wants it; a message of ours that is wrong ends the exchange with EAP-Failure while nothing is ordered,
and is passed over afterwards, as anybody may have sent it. What the ledger signed always goes to the buyer, whether or
not it lets him in here; if he is gone, the caller gets it back (`LateOutcome`).
"""

from dataclasses import replace
from enum import Enum, auto

from nas_tunnel.anqp import AirOffer
from nas_tunnel.eap import MAX_EAP_BYTES, EapCode, EapPacket, read_eap, write_eap
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
    OrderKind,
    Proof,
    Secrets,
    SessionKeys,
    Shop,
    first_secrets,
    read_message,
    read_order,
    session_keys,
    write_answer,
    write_message,
    write_word,
)
from nas_tunnel.lobby import MAX_PURCHASE_BYTES, Outcome, Refused
from wire.allocate import Allocate
from wire.errors import DecodeError
from wire.exchange_proof import Prover, verify_exchange_proof
from wire.frozen import dataclass
from wire.grant import Grant
from wire.grant_proof import read_shown_grant
from wire.ids import PublicKey
from wire.keys import PrivateKey
from wire.transaction import read_transaction


class Phase(Enum):
    """What the box waits for; the table is above."""

    OFFERED = auto()
    DECIDING = auto()
    JUDGING = auto()
    SIGNING = auto()
    PROVING = auto()
    CLOSING = auto()
    DONE = auto()


# ---- Events


@dataclass(frozen=True, slots=True)
class PacketReceived:
    """EAP of the stranger, as NAS or another carriage had it."""

    packet: bytes


@dataclass(frozen=True, slots=True)
class Answered:
    """To `ExecuteTransaction` the ledger's signed outcome, or why there is none; to `JudgeGrant` only the latter: not
    its time, used up, or revoked.
    """

    message: Outcome | Refused


@dataclass(frozen=True, slots=True)
class GrantAccepted:
    """To `JudgeGrant`: it runs, and would be served here. Only its consumer can prove its key, and so take it from an
    exchange before; whoever proves it last has it.
    """


@dataclass(frozen=True, slots=True)
class ProofSigned:
    """To `SignProof`: a wire/exchange_proof.py of the box."""

    proof: bytes


@dataclass(frozen=True, slots=True)
class TookLong:
    """No answer yet; the buyer should be told, before it gives up."""


@dataclass(frozen=True, slots=True)
class NothingCame:
    """The last packet, or its answer, may be lost."""


Event = PacketReceived | Answered | GrantAccepted | ProofSigned | TookLong | NothingCame


# ---- Commands


@dataclass(frozen=True, slots=True)
class SendPacket:
    """To the stranger."""

    packet: bytes


@dataclass(frozen=True, slots=True)
class ExecuteTransaction:
    """Carry this to the ledger: a purchase from this provider for one consumer. Whether it is of the present offer
    (nas_tunnel/order_check.py), and how often a stranger may ask, is for the caller, who has a clock. Sent once in an
    exchange; the ledger executes it once in any case, and answers a copy with the grant of the first run.
    """

    transaction: bytes


@dataclass(frozen=True, slots=True)
class JudgeGrant:
    """The ledger signed this grant for this provider, now or long ago; whether it is its time, and good here, is not
    for this machine. Whoever accepts it judges it once more at `Succeeded`, as the proof takes its time.
    """

    grant: Grant
    encoded: bytes


@dataclass(frozen=True, slots=True)
class SignProof:
    """With the provider's key: a wire/exchange_proof.py of the box over this transcript."""

    transcript: bytes


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The stranger holds the key of this grant. `packet` is EAP-Success, for the caller to send with its own word.

    `peer_id` and `server_id` are who was authenticated (RFC 5247 clause 1.4): the grant's consumer, and the provider.
    Nobody else was: whoever needs a subscriber's identity makes it of `peer_id` or looks it up there, and refuses what
    else the stranger calls itself, in NAS or in EAP-Identity.
    """

    grant: Grant
    encoded: bytes
    peer_id: PublicKey
    server_id: PublicKey
    keys: SessionKeys
    packet: bytes


@dataclass(frozen=True, slots=True)
class Failed:
    """It did not come to it, and why. `packet` is EAP-Failure, for the caller to send with its own word."""

    reason: str
    detail: str
    packet: bytes


@dataclass(frozen=True, slots=True)
class LateOutcome:
    """The ledger signed this, and the buyer is gone: keep it for when he asks again."""

    outcome: Outcome


Command = SendPacket | ExecuteTransaction | JudgeGrant | SignProof | Succeeded | Failed | LateOutcome


@dataclass(frozen=True, slots=True)
class BoxExchange:
    """One exchange with one stranger. `dropped` counts packets that were passed over."""

    phase: Phase
    link: Link
    air: AirOffer | None
    share: PrivateKey | None
    """Forgotten as soon as it has agreed."""
    secrets: Secrets
    waiting: bool = False
    """A Request is out, and its Response is to come."""
    answer: AnswerContents | None = None
    grant: Grant | None = None
    grant_bytes: bytes = b""
    outcome: Outcome | None = None
    """The ledger's word, as soon as it is there."""
    refusal: Refused | Closed | None = None
    dropped: int = 0
    held: bool = False
    """A Hold is out: the answer has to wait for its receipt."""
    holds: int = 0


Step = tuple[BoxExchange, list[Command]]


def open_exchange(
    air: AirOffer | None,
    share: PrivateKey,
    identifier: int,
    identity: bytes = b"",
    max_packet_bytes: int = MAX_EAP_BYTES,
) -> Step:
    """Begins with what is for sale, or says that nothing is. `share` is a fresh key for this exchange,
    `identifier` that of the last Request sent to the stranger, whoever sent it, else a random octet; `identity` what
    the stranger said if somebody asked it for EAP-Identity.
    """
    state = BoxExchange(
        Phase.OFFERED,
        Link(EapCode.REQUEST, identifier, max_packet_bytes),
        air,
        share,
        first_secrets(identity),
    )
    if air is None:
        return _close(state, Closed("no_offer", "nothing is for sale here"))
    message = write_message(Shop(air, share.public))
    return _send(replace(state, secrets=state.secrets.heard(message)), message)


def step(state: BoxExchange, event: Event) -> Step:
    match event:
        case PacketReceived(packet):
            return _receive(state, packet)
        case Answered(message):
            return _answered(state, message)
        case GrantAccepted():
            return _accepted(state)
        case ProofSigned(proof):
            return _signed(state, proof)
        case TookLong():
            return _hold(state)
        case NothingCame():
            return state, [SendPacket(state.link.last)] if state.waiting else []


# ---- Packets


def _receive(state: BoxExchange, data: bytes) -> Step:
    try:
        packet = read_eap(data)
    except DecodeError:
        return _drop(state)
    if packet.code is not EapCode.RESPONSE or packet.identifier != state.link.identifier or not state.waiting:
        return _drop(state)
    if packet.is_nak and state.phase is Phase.OFFERED:  # only to the first Request: RFC 3748 clause 5.3.1
        return _fail(state, "not_supported", "the stranger does not know this method")
    if not packet.is_ours:
        return _drop(state)
    try:
        return _take(state, packet)
    except DecodeError as error:
        if state.phase is Phase.OFFERED:
            return _fail(state, "malformed", str(error))
        return _drop(state)


def _take(state: BoxExchange, packet: EapPacket) -> Step:
    taken = take(state.link, packet)
    state = replace(state, link=taken.link)
    if taken.message is None:
        return state, [SendPacket(taken.packet)]
    state = replace(state, waiting=False)
    match state.phase:
        case Phase.OFFERED:
            return _take_order(state, taken.message)
        case Phase.PROVING:
            return _take_proof(state, taken.message)
        case Phase.CLOSING:
            assert state.refusal is not None
            return _fail(state, state.refusal.reason, state.refusal.detail)
        case _:
            return _take_patience(state, taken.message)


def _take_order(state: BoxExchange, data: bytes) -> Step:
    message = read_message(data)
    if isinstance(message, Declined):
        return _fail(state, "declined", message.reason)
    if not isinstance(message, Order):
        raise DecodeError(f"eap purchase: {type(message).__name__} is no order")
    assert state.share is not None
    secrets = state.secrets.agreed(state.share, message.share, message.share)
    contents = read_order(secrets.unseal(MessageType.ORDER, message.sealed))
    state = replace(state, phase=Phase.DECIDING, share=None, secrets=secrets.heard(data))
    if contents.kind is OrderKind.GRANT:
        return _judge(state, _read_grant(state, contents.encoded), contents.encoded)
    if refusal := _refusal_of(state, contents.encoded):
        return _refuse(state, refusal, refusal)
    return state, [ExecuteTransaction(contents.encoded)]


def _refusal_of(state: BoxExchange, transaction: bytes) -> Refused | None:
    """Why this is none for the ledger: we are nobody's open relay, and what comes of it has to fit this answer."""
    assert state.air is not None
    signed = read_transaction(transaction, state.air.ledger_id, MAX_PURCHASE_BYTES)
    subject, action = signed.transaction_id, signed.transaction.action
    if not isinstance(action, Allocate):
        return Refused(subject, "not_relayed", "only allocate is relayed here")
    if action.provider != state.air.provider:
        return Refused(subject, "foreign_provider", "this purchase is another provider's")
    if len(action.consumers) > 1:
        return Refused(subject, "many_consumers", "one grant goes back: buy for one, or at the ledger")
    return None


def _take_patience(state: BoxExchange, message: bytes) -> Step:
    """The buyer has heard that it has to wait; what came meanwhile may go out now."""
    if message:
        raise DecodeError("eap purchase: a message where patience was asked for")
    state = replace(state, held=False)
    return _send_answer(state) if state.answer is not None and state.phase is Phase.SIGNING else (state, [])


def _take_proof(state: BoxExchange, data: bytes) -> Step:
    message = read_message(data)
    if isinstance(message, Declined):
        return _fail(state, "declined", message.reason)
    if not isinstance(message, Proof):
        raise DecodeError(f"eap purchase: {type(message).__name__} is no proof")
    assert state.grant is not None
    assert state.air is not None
    proof = state.secrets.unseal(MessageType.PROOF, message.sealed)
    try:
        verify_exchange_proof(proof, Prover.BUYER, state.secrets.transcript, state.grant.consumer)
    except DecodeError as error:  # sealed by the other end itself
        return _fail(state, "not_the_consumer", str(error))
    keys = session_keys(state.secrets.heard(data))
    packet = write_eap(EapPacket(EapCode.SUCCESS, state.link.identifier))
    ends = (state.grant.consumer, state.air.provider)
    return _done(state), [Succeeded(state.grant, state.grant_bytes, *ends, keys, packet)]


# ---- Decisions of others


def _answered(state: BoxExchange, message: Outcome | Refused) -> Step:
    if isinstance(message, Outcome):
        return _executed(state, message)
    if state.phase not in (Phase.DECIDING, Phase.JUDGING):
        return state, []
    said = state.outcome or message  # what the ledger signed goes to who paid for it, whoever says no
    return _refuse(state, said, message)


def _executed(state: BoxExchange, outcome: Outcome) -> Step:
    if state.phase is Phase.OFFERED or state.outcome is not None:
        return state, []
    decides = state.phase is Phase.DECIDING
    state = replace(state, outcome=outcome)
    if not decides:
        return state, [LateOutcome(outcome)]
    if not outcome.grant:
        refusal = Refused(outcome.transaction_id, "no_grant", "the ledger's receipt says why")
        return _refuse(state, outcome, refusal)
    try:
        grant = _read_grant(state, outcome.grant)
    except DecodeError as error:
        return _refuse(state, outcome, Refused(outcome.transaction_id, "foreign_grant", str(error)))
    return _judge(state, grant, outcome.grant)


def _judge(state: BoxExchange, grant: Grant, encoded: bytes) -> Step:
    state = replace(state, phase=Phase.JUDGING, grant=grant, grant_bytes=encoded)
    return state, [JudgeGrant(grant, encoded)]


def _accepted(state: BoxExchange) -> Step:
    if state.phase is not Phase.JUDGING:
        return state, []
    return _sign(state, AnswerContents(state.outcome, b""))


def _sign(state: BoxExchange, answer: AnswerContents) -> Step:
    transcript = state.secrets.heard(write_word(answer.message)).transcript
    return replace(state, phase=Phase.SIGNING, answer=answer), [SignProof(transcript)]


def _signed(state: BoxExchange, proof: bytes) -> Step:
    if state.phase is not Phase.SIGNING or state.answer is None or state.answer.proof or state.refusal:
        return state, []
    state = replace(state, answer=replace(state.answer, proof=proof))
    return (state, []) if state.held else _send_answer(state)


def _refuse(state: BoxExchange, said: Outcome | Refused, refusal: Refused) -> Step:
    state = replace(state, phase=Phase.SIGNING, answer=AnswerContents(said, b""), refusal=refusal)
    return (state, []) if state.held else _send_answer(state)


def _hold(state: BoxExchange) -> Step:
    may_hold = state.phase in (Phase.DECIDING, Phase.JUDGING, Phase.SIGNING) and state.holds < MAX_HOLDS
    if state.waiting or not may_hold:
        return state, []
    held, said = _send(replace(state, held=True, holds=state.holds + 1), write_message(Hold()))
    return replace(held, link=replace(held.link, rounds=state.link.rounds)), said


# ---- Sending


def _send_answer(state: BoxExchange) -> Step:
    assert state.answer is not None
    if not state.answer.proof and state.refusal is None:
        return state, []  # not signed yet
    sealed = state.secrets.seal(MessageType.ANSWER, write_answer(state.answer))
    message = write_message(Answer(sealed))
    phase = Phase.PROVING if state.refusal is None else Phase.CLOSING
    return _send(replace(state, phase=phase, secrets=state.secrets.heard(message)), message)


def _close(state: BoxExchange, closed: Closed) -> Step:
    return _send(replace(state, phase=Phase.CLOSING, refusal=closed), write_message(closed))


def _send(state: BoxExchange, message: bytes) -> Step:
    link, packet = send(state.link, message)
    return replace(state, link=link, waiting=True), [SendPacket(packet)]


def _fail(state: BoxExchange, reason: str, detail: str) -> Step:
    packet = write_eap(EapPacket(EapCode.FAILURE, state.link.identifier))
    return _done(state), [Failed(reason, detail, packet)]


def _done(state: BoxExchange) -> BoxExchange:
    """What could compute a key of this exchange is gone."""
    secrets = state.secrets.forgotten()
    return replace(state, phase=Phase.DONE, waiting=False, share=None, secrets=secrets)


def _drop(state: BoxExchange) -> Step:
    return replace(state, dropped=state.dropped + 1), []


def _read_grant(state: BoxExchange, encoded: bytes) -> Grant:
    assert state.air is not None
    grant = read_shown_grant(encoded, state.air.ledger, state.air.ledger_id)
    if grant.provider_id != state.air.provider.provider_id:
        raise DecodeError("eap purchase: the grant is another provider's")
    return grant
