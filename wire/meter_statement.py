"""The meter statement: a device's signed count of what it got in a metered session, up to the beginning of an interval.

Sent with each payment (wire/payment.py), kept by the operator, never shown to a chain: a micropayment says how much,
this says for what. Counts are IP bytes since the session began, so that a lost statement is made good by the next one.
`terms_id` names the tariff that the device pays by (wire/tariff.py). A COSE_Sign1 by the consumer with a payload of
fixed layout, as wire/micropayment.py, and of one form:

    version u8 = 1 | session 16 | terms_id 8 | interval u32 | up_bytes u64 | down_bytes u64      45 octets

Always 130 octets. Reference: Datanet 5.5.4 (the application reports the data usage with every micropayment).
"""

import hashlib

from wire.cose import Unsigned, join_envelope
from wire.errors import DecodeError
from wire.fields import check_range
from wire.frozen import dataclass
from wire.ids import KEY_ID_SIZE, PublicKey
from wire.keys import SIGNATURE_SIZE, PrivateKey, verify
from wire.units import U32_MAX, U63_MAX

EXTERNAL = b"airgrant/meter-statement"
VERSION = 1
SESSION_SIZE = 16
TERMS_ID_SIZE = 8
METER_STATEMENT_PAYLOAD_BYTES = 1 + SESSION_SIZE + TERMS_ID_SIZE + 4 + 8 + 8
METER_STATEMENT_BYTES = 130

_HEAD = b"\xd2\x84\x4d\xa2\x01\x28\x04\x48"
_MIDDLE = b"\xa0\x58\x2d"
_TAIL = b"\x58\x40"
_KEY_ID_AT = len(_HEAD)
_PAYLOAD_AT = _KEY_ID_AT + KEY_ID_SIZE + len(_MIDDLE)
_SIGNATURE_AT = _PAYLOAD_AT + METER_STATEMENT_PAYLOAD_BYTES + len(_TAIL)


@dataclass(frozen=True, slots=True)
class MeterStatement:
    """Interval number `interval` (from 0) of `session` begins; up to now the device sent `up_bytes` and got
    `down_bytes`.
    """

    session: bytes
    terms_id: bytes
    interval: int
    up_bytes: int
    down_bytes: int

    def __post_init__(self) -> None:
        if len(self.session) != SESSION_SIZE:
            raise DecodeError(f"meter statement: session has {len(self.session)} bytes, not {SESSION_SIZE}")
        if len(self.terms_id) != TERMS_ID_SIZE:
            raise DecodeError(
                f"meter statement: terms_id has {len(self.terms_id)} bytes, not {TERMS_ID_SIZE}"
            )
        check_range("meter statement", "interval", self.interval, 0, U32_MAX)
        check_range("meter statement", "up_bytes", self.up_bytes, 0, U63_MAX)
        check_range("meter statement", "down_bytes", self.down_bytes, 0, U63_MAX)


def write_meter_statement(statement: MeterStatement, consumer: PrivateKey) -> bytes:
    payload = _payload(statement)
    message = Unsigned(payload, consumer.public.key_id, EXTERNAL).message
    return join_envelope(payload, consumer.public.key_id, consumer.sign(message)).encoded


def parse_meter_statement(data: bytes) -> MeterStatement:
    """What it says; whose it is, nobody looks yet. Raises DecodeError."""
    if len(data) != METER_STATEMENT_BYTES:
        raise DecodeError(f"meter statement: {len(data)} bytes, not {METER_STATEMENT_BYTES}")
    payload = data[_PAYLOAD_AT : _PAYLOAD_AT + METER_STATEMENT_PAYLOAD_BYTES]
    key_id = data[_KEY_ID_AT : _KEY_ID_AT + KEY_ID_SIZE]
    if data[:_SIGNATURE_AT] != _HEAD + key_id + _MIDDLE + payload + _TAIL:
        raise DecodeError("meter statement: not the one form of its envelope")
    if payload[0] != VERSION:
        raise DecodeError(f"meter statement: version {payload[0]}, not {VERSION}")
    numbers = payload[1 + SESSION_SIZE + TERMS_ID_SIZE :]
    return MeterStatement(
        session=payload[1 : 1 + SESSION_SIZE],
        terms_id=payload[1 + SESSION_SIZE : 1 + SESSION_SIZE + TERMS_ID_SIZE],
        interval=int.from_bytes(numbers[:4], "big"),
        up_bytes=int.from_bytes(numbers[4:12], "big"),
        down_bytes=int.from_bytes(numbers[12:], "big"),
    )


def read_meter_statement(data: bytes, consumer: PublicKey) -> MeterStatement:
    """A statement that the consumer signed. Raises DecodeError, VerificationError."""
    statement = parse_meter_statement(data)
    if data[_KEY_ID_AT : _KEY_ID_AT + KEY_ID_SIZE] != consumer.key_id:
        raise DecodeError("meter statement: of another key")
    message = Unsigned(_payload(statement), consumer.key_id, EXTERNAL).message
    verify(consumer, data[_SIGNATURE_AT : _SIGNATURE_AT + SIGNATURE_SIZE], message)
    return statement


def statement_digest(data: bytes) -> bytes:
    """32 octets by which a device's attestation names this statement, whoever signed it how."""
    return hashlib.sha256(EXTERNAL + data[:_SIGNATURE_AT]).digest()


def _payload(statement: MeterStatement) -> bytes:
    return b"".join((
        bytes((VERSION,)), statement.session, statement.terms_id, statement.interval.to_bytes(4, "big"),
        statement.up_bytes.to_bytes(8, "big"), statement.down_bytes.to_bytes(8, "big"),
    ))  # fmt: skip
