"""A purchase inside EAP: the messages of our method, and the secrets that both ends draw from them.

    box    Shop     the offer and what a stranger needs to trust it; the box's fresh share
    buyer  Order    the buyer's fresh share; sealed: a signed transaction, or a grant that it already has
    box    Hold     the ledger has not answered yet; the buyer says "go on", and this may repeat
    box    Answer   sealed: the ledger's receipt and grant, with the box's proof; or a refusal, without one
    buyer  Proof    sealed: the proof that it has the key which the grant names
    box    (EAP-Success; both have a master session key)

Each message is one CBOR array and has one form. What is proved (docs/wire/cellular-nas.md has it in full): the box has
the provider's key, the buyer the key of the grant, both in this exchange and over these messages, and nobody else has
the session key, even if one of those keys is lost later. Who only listens learns neither account nor grant. Who plays a
box with a copied offer learns them, and can have the order executed for whoever signed it, at the true box; it has no
proof and no key, and what it may not have is the last word: the buyer keeps its order until the ledger signs something.
Reference: RFC 3748 clause 7.10 and RFC 5247 clause 1.4 (MSK, EMSK, Session-Id); the proofs cover both shares and all
messages, as in SIGMA (Krawczyk, CRYPTO 2003).
"""

import hashlib
from dataclasses import field
from enum import IntEnum
from typing import assert_never

from nas_tunnel.anqp import AirOffer, read_air_offer, write_air_offer
from nas_tunnel.eap import PURCHASE_METHOD, VENDOR, EapType
from nas_tunnel.eap_fragments import MAX_MESSAGE_BYTES
from nas_tunnel.items import ItemReader
from nas_tunnel.lobby import (
    MAX_DETAIL_CHARACTERS,
    MAX_LOBBY_BYTES,
    MAX_PURCHASE_BYTES,
    MAX_REASON_CHARACTERS,
    Outcome,
    Refused,
    read_lobby,
    write_lobby,
)
from wire.cbor import write_cbor
from wire.exchange_proof import MAX_EXCHANGE_PROOF_BYTES
from wire.frozen import dataclass
from wire.grant_proof import MAX_GRANT_PROOF_BYTES
from wire.ids import PublicKey
from wire.key_agreement import SEAL_KEY_SIZE, agree, expand, extract, seal, unseal
from wire.keys import PrivateKey

SESSION_KEY_SIZE = 64
"""Octets of an MSK and of an EMSK (RFC 3748 clause 7.10)."""
TYPE_CODE = bytes((EapType.EXPANDED,)) + VENDOR.to_bytes(3, "big") + PURCHASE_METHOD.to_bytes(4, "big")

_LABEL = b"airgrant/eap/1"
MAX_HOLDS = 8
"""Sixteen seconds where one leaves every 2 s: a registration lasts 15 (T3510 of TS 24.501 clause 10.2). They do not
count among the packets of an exchange (MAX_ROUNDS)."""


class MessageType(IntEnum):
    """The first item."""

    SHOP = 1
    ORDER = 2
    HOLD = 3
    ANSWER = 4
    PROOF = 5
    CLOSED = 6
    DECLINED = 7


class OrderKind(IntEnum):
    """What an order shows."""

    TRANSACTION = 1
    GRANT = 2


@dataclass(frozen=True, slots=True)
class Shop:
    """What is for sale, and the box's share."""

    air: AirOffer
    share: PublicKey


@dataclass(frozen=True, slots=True)
class Order:
    """The buyer's share, and a sealed OrderContents."""

    share: PublicKey
    sealed: bytes


@dataclass(frozen=True, slots=True)
class Hold:
    """Not yet."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A sealed AnswerContents."""

    sealed: bytes


@dataclass(frozen=True, slots=True)
class Proof:
    """A sealed wire/exchange_proof.py."""

    sealed: bytes


@dataclass(frozen=True, slots=True)
class Closed:
    """Nothing is for sale: the box's word, before there is a secret."""

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Declined:
    """The buyer does not want it."""

    reason: str


Message = Shop | Order | Hold | Answer | Proof | Closed | Declined


@dataclass(frozen=True, slots=True)
class OrderContents:
    """`encoded` is a signed transaction (wire/transaction.py) or a grant (wire/grant.py)."""

    kind: OrderKind
    encoded: bytes


@dataclass(frozen=True, slots=True)
class AnswerContents:
    """`message` is None where a grant was shown and is accepted. `proof` is empty where the box lets nobody in: with a
    refusal, and with the ledger's word if that has no grant by which this box would.
    """

    message: Outcome | Refused | None
    proof: bytes


def write_message(message: Message) -> bytes:
    match message:
        case Shop(air, share):
            return write_cbor([MessageType.SHOP.value, write_air_offer(air), share.octets])
        case Order(share, sealed):
            return write_cbor([MessageType.ORDER.value, share.octets, sealed])
        case Hold():
            return write_cbor([MessageType.HOLD.value])
        case Answer(sealed):
            return write_cbor([MessageType.ANSWER.value, sealed])
        case Proof(sealed):
            return write_cbor([MessageType.PROOF.value, sealed])
        case Closed(reason, detail):
            items = [reason[:MAX_REASON_CHARACTERS], detail[:MAX_DETAIL_CHARACTERS]]
            return write_cbor([MessageType.CLOSED.value, *items])
        case Declined(reason):
            return write_cbor([MessageType.DECLINED.value, reason[:MAX_REASON_CHARACTERS]])
        case _:
            assert_never(message)


def read_message(data: bytes) -> Message:
    """What is sealed stays sealed; signatures inside are not checked. Raises DecodeError."""
    items = ItemReader(data, "eap purchase")
    kind = items.integer("message type", 255)
    message: Message
    match kind:
        case MessageType.SHOP:
            message = Shop(
                read_air_offer(items.octets("offer", 1, MAX_MESSAGE_BYTES)), items.public_key("share")
            )
        case MessageType.ORDER:
            message = Order(items.public_key("share"), items.octets("order", 1, MAX_MESSAGE_BYTES))
        case MessageType.HOLD:
            message = Hold()
        case MessageType.ANSWER:
            message = Answer(items.octets("answer", 1, MAX_MESSAGE_BYTES))
        case MessageType.PROOF:
            message = Proof(items.octets("proof", 1, MAX_MESSAGE_BYTES))
        case MessageType.CLOSED:
            reason = items.text("reason", 1, MAX_REASON_CHARACTERS)
            message = Closed(reason, items.text("detail", 0, MAX_DETAIL_CHARACTERS))
        case MessageType.DECLINED:
            message = Declined(items.text("reason", 1, MAX_REASON_CHARACTERS))
        case _:
            raise items.error(f"message type {kind} is unknown")
    items.finish()
    return message


def write_order(contents: OrderContents) -> bytes:
    return write_cbor([contents.kind.value, contents.encoded])


def read_order(data: bytes) -> OrderContents:
    """What a buyer had sealed. Raises DecodeError."""
    items = ItemReader(data, "order")
    match items.integer("kind", 255):
        case OrderKind.TRANSACTION:
            contents = OrderContents(
                OrderKind.TRANSACTION, items.octets("transaction", 1, MAX_PURCHASE_BYTES)
            )
        case OrderKind.GRANT:
            contents = OrderContents(OrderKind.GRANT, items.octets("grant", 1, MAX_GRANT_PROOF_BYTES))
        case kind:
            raise items.error(f"kind {kind} is unknown")
    items.finish()
    return contents


def write_answer(contents: AnswerContents) -> bytes:
    return write_cbor([write_word(contents.message), contents.proof])


def write_word(message: Outcome | Refused | None) -> bytes:
    """The box's or the ledger's word in an answer: a message of the lobby, or nothing."""
    return b"" if message is None else write_lobby(message)


def read_answer(data: bytes) -> AnswerContents:
    """What a box had sealed. Raises DecodeError."""
    items = ItemReader(data, "answer")
    encoded = items.octets("message", 0, MAX_LOBBY_BYTES)
    proof = items.octets("proof", 0, MAX_EXCHANGE_PROOF_BYTES)
    items.finish()
    message = read_lobby(encoded) if encoded else None
    if not isinstance(message, Outcome | Refused | None):
        raise items.error(f"{type(message).__name__} is no answer")
    return AnswerContents(message, proof)


# ---- Secrets


@dataclass(frozen=True, slots=True)
class Secrets:
    """What both ends know after the same messages: a hash over them, and after both shares a root of keys."""

    transcript: bytes
    root: bytes = field(default=b"", repr=False)

    def forgotten(self) -> "Secrets":
        """Without the root: nobody can compute a key of this exchange any more."""
        return Secrets(self.transcript)

    def heard(self, message: bytes) -> "Secrets":
        """After one more message, whoever sent it."""
        return Secrets(_hash(self.transcript, message), self.root)

    def agreed(self, own: PrivateKey, other: PublicKey, buyers_share: PublicKey) -> "Secrets":
        """With a root of keys. Raises VerificationError if the other share is not on the curve."""
        salt = _hash(self.transcript, buyers_share.octets)
        return Secrets(self.transcript, extract(salt, agree(own, other)))

    def seal(self, use: MessageType, plaintext: bytes) -> bytes:
        """What only the other end can read, in this place of this exchange."""
        return seal(self._key(use), plaintext, self.transcript)

    def unseal(self, use: MessageType, sealed: bytes) -> bytes:
        """Raises VerificationError."""
        return unseal(self._key(use), sealed, self.transcript)

    def _key(self, use: MessageType) -> bytes:
        return expand(self.root, _LABEL + b"/seal" + bytes((use,)) + self.transcript, SEAL_KEY_SIZE)


@dataclass(frozen=True, slots=True)
class SessionKeys:
    """What EAP exports: two keys of 64 octets, and the session's name, which is no secret (RFC 5247 clause 1.4)."""

    msk: bytes = field(repr=False)
    emsk: bytes = field(repr=False)
    session_id: bytes


def first_secrets(identity: bytes) -> Secrets:
    """Before any message; `identity` is what the buyer gave as EAP-Identity, empty if nobody asked."""
    return Secrets(_hash(hashlib.sha256(_LABEL).digest(), identity))


def session_keys(secrets: Secrets) -> SessionKeys:
    """After the last message."""
    keys = expand(secrets.root, _LABEL + b"/session" + secrets.transcript, 2 * SESSION_KEY_SIZE)
    return SessionKeys(keys[:SESSION_KEY_SIZE], keys[SESSION_KEY_SIZE:], TYPE_CODE + secrets.transcript)


def _hash(transcript: bytes, message: bytes) -> bytes:
    return hashlib.sha256(transcript + len(message).to_bytes(4, "big") + message).digest()
