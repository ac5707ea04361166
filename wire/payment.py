"""How paying as you go travels: one UDP datagram from the device to its operator for each interval, and one back.

    [1, micropayment, statement]                                   device -> operator: a payment
    [2, word]                                                      operator -> device: what became of it
    [2, word, micropayment]                                        the same, with the device's own highest micropayment
    [3, statement, evidence]                                       device -> operator: what attests a statement

A payment is a CBOR array in a datagram to the address and port of the tariff (wire/tariff.py): 295 bytes. It is sent
again, unchanged, until its word comes; twice is once, as everything inside counts up. The word is signed by the
operator, so that an access point on the way, which could drop it, cannot invent it; it is never longer than what it
answers. Nothing is encrypted: who overhears learns accounts, amounts and counts, and can do nothing with them.
Reference: Datanet 5.5.3, step 8.   Promise: a value or DecodeError, whatever the bytes.
"""

from enum import IntEnum

from wire.cbor import Value, read_cbor, write_cbor
from wire.cose import Unsigned, join_envelope, read_envelope
from wire.errors import DecodeError
from wire.fields import check_range
from wire.frozen import dataclass
from wire.ids import PublicKey
from wire.keys import PrivateKey
from wire.meter_statement import METER_STATEMENT_BYTES, SESSION_SIZE
from wire.micropayment import MICROPAYMENT_BYTES
from wire.units import U32_MAX, U63_MAX

EXTERNAL = b"airgrant/payment-word"
PAYMENT_BYTES = 295
MAX_DATAGRAM_BYTES = 1_200
MAX_EVIDENCE_BYTES = 1_000
MAX_WORD_BYTES = 140

_PAYMENT, _TAKEN, _ATTESTED = 1, 2, 3
_WORD_PAYLOAD_BYTES = SESSION_SIZE + 4 + 1 + 8 + 8 + 8


class Word(IntEnum):
    """What an operator says to a payment of a channel that it knows; to strangers it says nothing."""

    SERVED = 0
    """It counts, and the session goes on."""
    SHORT = 1
    """It counts, and is less than what this interval costs: the interval is not paid."""
    BEHIND = 2
    """No more than what was paid before: the device has forgotten, and is shown its own highest micropayment."""
    OVER_DEPOSIT = 3
    """More than the channel's deposit: nothing of it counts."""
    NO_SESSION = 4
    """It counts, but nobody with this key is in at one of the operator's access points."""
    OTHER_TERMS = 5
    """It counts, but the access point sells by other terms than the statement names: the interval is not paid."""
    METERS_DIFFER = 6
    """It counts, but the device's count is below the access point's by more than the tolerance: the session is over."""
    ENDED = 7
    """It counts, but its session is over: payments were missed, or the device has begun another."""


@dataclass(frozen=True, slots=True)
class Payment:
    """A micropayment (wire/micropayment.py) and the statement (wire/meter_statement.py) that says for what."""

    micropayment: bytes
    statement: bytes


@dataclass(frozen=True, slots=True)
class PaymentWord:
    """What became of the payment for `interval` of `session`. `taken_ubc` has the operator in all from this channel, on
    disk, and `due_ubc` is what it wants to have for this interval; `counted_bytes` is the access point's count of the
    session, both directions, as late as it is known.
    """

    session: bytes
    interval: int
    word: Word
    taken_ubc: int
    due_ubc: int
    counted_bytes: int

    def __post_init__(self) -> None:
        if len(self.session) != SESSION_SIZE:
            raise DecodeError(f"payment word: session has {len(self.session)} bytes, not {SESSION_SIZE}")
        check_range("payment word", "interval", self.interval, 0, U32_MAX)
        for name in ("taken_ubc", "due_ubc", "counted_bytes"):
            check_range("payment word", name, getattr(self, name), 0, U63_MAX)


@dataclass(frozen=True, slots=True)
class PaymentTaken:
    """A signed `PaymentWord`, and the device's own highest micropayment where it seems to have forgotten it."""

    word: bytes
    micropayment: bytes = b""


@dataclass(frozen=True, slots=True)
class AttestedStatement:
    """A statement, and what a device's attester says for it (device/attesting.py)."""

    statement: bytes
    evidence: bytes


Datagram = Payment | PaymentTaken | AttestedStatement


def write_datagram(datagram: Datagram) -> bytes:
    match datagram:
        case Payment(micropayment, statement):
            return write_cbor([_PAYMENT, micropayment, statement])
        case PaymentTaken(word, micropayment):
            return write_cbor([_TAKEN, word, *([micropayment] if micropayment else [])])
        case AttestedStatement(statement, evidence):
            return write_cbor([_ATTESTED, statement, evidence])


def read_datagram(data: bytes) -> Datagram:
    """What fills the datagram; signatures inside are not checked. Raises DecodeError."""
    if len(data) > MAX_DATAGRAM_BYTES:
        raise DecodeError(f"payment: {len(data)} bytes, at most {MAX_DATAGRAM_BYTES} are accepted")
    match read_cbor(data):
        case [int(kind), bytes(first), *rest]:
            return _read(kind, first, rest)
        case _:
            raise DecodeError("payment: not an array of a type and octets")


def _read(kind: int, first: bytes, rest: list[Value]) -> Datagram:
    match kind, rest:
        case 1, [bytes(statement)]:
            _check_size("micropayment", first, MICROPAYMENT_BYTES)
            _check_size("statement", statement, METER_STATEMENT_BYTES)
            return Payment(first, statement)
        case 2, []:
            return PaymentTaken(first)
        case 2, [bytes(micropayment)]:
            _check_size("micropayment", micropayment, MICROPAYMENT_BYTES)
            return PaymentTaken(first, micropayment)
        case 3, [bytes(evidence)] if 1 <= len(evidence) <= MAX_EVIDENCE_BYTES:
            _check_size("statement", first, METER_STATEMENT_BYTES)
            return AttestedStatement(first, evidence)
        case _:
            raise DecodeError(f"payment: type {kind} with {len(rest)} more items is unknown")


def _check_size(name: str, octets: bytes, size: int) -> None:
    if len(octets) != size:
        raise DecodeError(f"payment: {name} has {len(octets)} bytes, not {size}")


def write_word(word: PaymentWord, operator: PrivateKey) -> bytes:
    payload = b"".join((
        word.session, word.interval.to_bytes(4, "big"), bytes((word.word,)),
        word.taken_ubc.to_bytes(8, "big"), word.due_ubc.to_bytes(8, "big"), word.counted_bytes.to_bytes(8, "big"),
    ))  # fmt: skip
    message = Unsigned(payload, operator.public.key_id, EXTERNAL).message
    return join_envelope(payload, operator.public.key_id, operator.sign(message)).encoded


def read_word(data: bytes, operator: PublicKey) -> PaymentWord:
    """What the operator signed. Raises DecodeError, VerificationError."""
    envelope = read_envelope(data, MAX_WORD_BYTES)
    envelope.verify(operator, EXTERNAL)
    payload = envelope.payload
    if len(payload) != _WORD_PAYLOAD_BYTES:
        raise DecodeError(f"payment word: {len(payload)} bytes, not {_WORD_PAYLOAD_BYTES}")
    session, rest = payload[:SESSION_SIZE], payload[SESSION_SIZE:]
    try:
        said = Word(rest[4])
    except ValueError:
        raise DecodeError(f"payment word: {rest[4]} is no word") from None
    taken_ubc, due_ubc, counted_bytes = (int.from_bytes(rest[at : at + 8], "big") for at in (5, 13, 21))
    return PaymentWord(session, int.from_bytes(rest[:4], "big"), said, taken_ubc, due_ubc, counted_bytes)
