"""Reading what arrives at the ledger's door: a topic and bytes in, a request out; or DecodeError.

Topics are airgrant/v1/up/IDENTITY/KIND. The identity says where an answer goes and nothing else: whoever may
send for whom is decided by signatures alone, as transactions may be relayed. Answers go only below the
sender's own airgrant/v1/down/IDENTITY/, so that nobody can make the ledger speak to somebody else.
"""

import re
from dataclasses import dataclass

from ledger.submission import Record
from wire.auction_request import AuctionRequest, read_auction_request
from wire.cbor import Value, read_cbor, write_cbor
from wire.enrolment import EnrolmentAnswer, EnrolmentRequest, read_enrolment
from wire.errors import DecodeError
from wire.evidence import read_evidence
from wire.grant_price import MAX_QUESTION_BYTES, read_price_question
from wire.ids import PUBLIC_KEY_SIZE, TRANSACTION_ID_SIZE, PublicKey
from wire.meter_record import read_meter_record
from wire.registration import read_registration_question
from wire.transaction import SignedTransaction, read_transaction

SUBSCRIPTION = "airgrant/v1/up/+/+"
FOR_OTHERS = ("grant",)
"""Kinds that boxes publish for somebody else, the operator's daemon: no concern of the ledger, and no bad input."""
KINDS = ("transaction", "report", "enrolment", "query", "auction")
MAX_CORRELATION_BYTES = 64
MAX_REPLY_TOPIC_CHARACTERS = 250
"""A name has 80 at most; whoever waits for answers is remembered, by gateways many thousands at once."""
MAX_QUERY_BYTES = 100

_ARRAY_OF_ONE = b"\x81"
_PROOF = 1
"""The third item of a query: what is wanted is the proof, and no receipt."""
_TOPIC = re.compile(r"airgrant/v1/up/([^/+#]{1,80})/([^/+#]{1,40})")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a message came from and where its answer goes."""

    identity: str
    kind: str
    reply_topic: str
    correlation: bytes | None


@dataclass(frozen=True, slots=True)
class Query:
    """What became of a transaction; with a consumer, also that consumer's grant."""

    transaction_id: bytes
    consumer: bytes = b""


@dataclass(frozen=True, slots=True)
class ProofQuery:
    """The proof of what a transaction bought for a consumer."""

    transaction_id: bytes
    consumer: bytes


@dataclass(frozen=True, slots=True)
class PriceQuery:
    """What a grant cost, and who paid."""

    grant_id: bytes


@dataclass(frozen=True, slots=True)
class RegistrationQuery:
    """Whether there is such an account."""

    account: PublicKey


Questions = Query | ProofQuery | PriceQuery | RegistrationQuery
Request = SignedTransaction | Record | EnrolmentRequest | EnrolmentAnswer | Questions | AuctionRequest


def is_for_others(topic: str) -> bool:
    """Whether a message is to be passed over."""
    match = _TOPIC.fullmatch(topic)
    return match is not None and match[2] in FOR_OTHERS


def read_address(topic: str, response_topic: str | None, correlation: bytes | None) -> Address:
    """Raises DecodeError."""
    match = _TOPIC.fullmatch(topic)
    if match is None or match[2] not in KINDS:
        raise DecodeError(f"topic: {topic[:100]!r} is none of ours")
    own = f"airgrant/v1/down/{match[1]}/"
    reply_topic = response_topic or own + "reply"
    if not reply_topic.startswith(own) or set(reply_topic) & set("+#"):
        raise DecodeError(f"response topic: {reply_topic[:100]!r} is not below {own}")
    if len(reply_topic) > MAX_REPLY_TOPIC_CHARACTERS:
        raise DecodeError(
            f"response topic: {len(reply_topic)} characters, at most {MAX_REPLY_TOPIC_CHARACTERS} are accepted"
        )
    if correlation is not None and len(correlation) > MAX_CORRELATION_BYTES:
        raise DecodeError(
            f"correlation: {len(correlation)} bytes, at most {MAX_CORRELATION_BYTES} are accepted"
        )
    return Address(match[1], match[2], reply_topic, correlation)


def read_request(kind: str, payload: bytes, ledger_id: bytes) -> Request:
    """What a payload asks for. Raises DecodeError."""
    match kind:
        case "transaction":
            return read_transaction(payload, ledger_id)
        case "report":
            read_meter_record(read_evidence(payload).record)
            return Record(payload)
        case "enrolment":
            return read_enrolment(payload, ledger_id)
        case "auction":
            return read_auction_request(payload)
        case _:
            return read_query(payload)


def write_query(query: Query | ProofQuery) -> bytes:
    wanted: list[Value] = [_PROOF] if isinstance(query, ProofQuery) else []
    return write_cbor([query.transaction_id, query.consumer, *wanted])


def read_query(data: bytes) -> Questions:
    """Of one or another kind, which size and number of items tell apart. Raises DecodeError."""
    if len(data) <= MAX_QUESTION_BYTES:
        return PriceQuery(read_price_question(data))
    if len(data) > MAX_QUERY_BYTES:
        raise DecodeError(f"query: {len(data)} bytes, at most {MAX_QUERY_BYTES} are accepted")
    if data[:1] == _ARRAY_OF_ONE:
        return RegistrationQuery(read_registration_question(data))
    match read_cbor(data):
        case [bytes(transaction_id), bytes(consumer)]:
            if len(transaction_id) == TRANSACTION_ID_SIZE and len(consumer) in (0, PUBLIC_KEY_SIZE):
                return Query(transaction_id, consumer)
        case [bytes(transaction_id), bytes(consumer), 1]:
            if len(transaction_id) == TRANSACTION_ID_SIZE and len(consumer) == PUBLIC_KEY_SIZE:
                return ProofQuery(transaction_id, consumer)
    raise DecodeError(
        "query: not [transaction id, consumer key or nothing], nor [transaction id, consumer key, 1]"
    )
