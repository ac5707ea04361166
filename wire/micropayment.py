"""The micropayment: a consumer's signed word on all that it has paid an operator so far. A channel is one such number.

Sent by a device to its operator each interval, kept by both, shown to merchants and to the contract. It is cumulative:
the highest one is the channel, and whoever replays an older one changes nothing. `instance` names chain, contract and
operator, so that it counts nowhere else. A COSE_Sign1 like every signed thing here, but with a payload and a head of
fixed layout, so that a contract rebuilds what was signed by concatenation; there is one form, and nothing else is read.

    D2 84 4D A2 01 28 04 48 kid 8    COSE_Sign1, algorithm ESP256, key id of the consumer
    A0 58 4A                         no unprotected header; a payload of 74 octets:
       version u8 = 1 | instance 32 | consumer 33 | cumulative_ubc u64
    58 40 signature 64               r || s

Always 159 octets. Another valid signature over the same payload, (r, n - s), is the same micropayment.
Reference: PayPlace 6.3 (micropayments), Datanet 5.5.3; RFC 9052 clause 4.4; EIP-7951 verifies the signature.
"""

import hashlib

from wire.cose import Unsigned, join_envelope
from wire.errors import DecodeError, VerificationError
from wire.fields import check_range
from wire.frozen import dataclass
from wire.ids import KEY_ID_SIZE, LEDGER_ID_SIZE, PUBLIC_KEY_SIZE, PublicKey
from wire.keys import SIGNATURE_SIZE, PrivateKey, verify
from wire.units import U63_MAX

EXTERNAL = b"airgrant/micropayment"
VERSION = 1
INSTANCE_SIZE = 32
CHAIN_SIZE = LEDGER_ID_SIZE
MICROPAYMENT_PAYLOAD_BYTES = 1 + INSTANCE_SIZE + PUBLIC_KEY_SIZE + 8
MICROPAYMENT_BYTES = 159

_INSTANCE_DOMAIN = b"airgrant payplace 1"
_HEAD = b"\xd2\x84\x4d\xa2\x01\x28\x04\x48"
_MIDDLE = b"\xa0\x58\x4a"
_TAIL = b"\x58\x40"
_PAYLOAD_AT = len(_HEAD) + KEY_ID_SIZE + len(_MIDDLE)
_SIGNATURE_AT = _PAYLOAD_AT + MICROPAYMENT_PAYLOAD_BYTES + len(_TAIL)


@dataclass(frozen=True, slots=True)
class Micropayment:
    """`consumer` has paid `cumulative_ubc` in all to the operator of `instance`."""

    instance: bytes
    consumer: PublicKey
    cumulative_ubc: int

    def __post_init__(self) -> None:
        if len(self.instance) != INSTANCE_SIZE:
            raise DecodeError(f"micropayment: instance has {len(self.instance)} bytes, not {INSTANCE_SIZE}")
        check_range("micropayment", "cumulative_ubc", self.cumulative_ubc, 1, U63_MAX)


def instance_of(chain: bytes, operator: bytes) -> bytes:
    """The 32 octets that name one operator on one chain. `chain`: the ledger id, or on an EVM SHA-256 of chain id
    (u256) and contract address; `operator`: its account, 33 octets, or its EVM address, 20.
    """
    assert len(chain) == CHAIN_SIZE, "a chain has 32 octets"
    return hashlib.sha256(_INSTANCE_DOMAIN + chain + operator).digest()


def micropayment_payload(payment: Micropayment) -> bytes:
    """The 74 octets that are signed."""
    return b"".join((
        bytes((VERSION,)), payment.instance, payment.consumer.octets, payment.cumulative_ubc.to_bytes(8, "big")
    ))  # fmt: skip


def signed_message(payment: Micropayment) -> bytes:
    """The Sig_structure, of which a contract takes SHA-256 (RFC 9052 clause 4.4)."""
    return Unsigned(micropayment_payload(payment), payment.consumer.key_id, EXTERNAL).message


def write_micropayment(payment: Micropayment, consumer: PrivateKey) -> bytes:
    """Signed by the consumer that it names."""
    assert consumer.public == payment.consumer, "nobody else signs for a consumer"
    signature = consumer.sign(signed_message(payment))
    return join_envelope(micropayment_payload(payment), payment.consumer.key_id, signature).encoded


def parse_micropayment(data: bytes) -> Micropayment:
    """What it says; the signature is not checked yet, which costs nothing: a look at it before the work. Raises
    DecodeError.
    """
    if len(data) != MICROPAYMENT_BYTES:
        raise DecodeError(f"micropayment: {len(data)} bytes, not {MICROPAYMENT_BYTES}")
    payload = data[_PAYLOAD_AT : _PAYLOAD_AT + MICROPAYMENT_PAYLOAD_BYTES]
    at = 1 + INSTANCE_SIZE
    if payload[0] != VERSION:
        raise DecodeError(f"micropayment: version {payload[0]}, not {VERSION}")
    try:
        consumer = PublicKey(payload[at : at + PUBLIC_KEY_SIZE])
    except ValueError as error:
        raise DecodeError(f"micropayment: consumer: {error}") from None
    frame = _HEAD + consumer.key_id + _MIDDLE + payload + _TAIL
    if data[:_SIGNATURE_AT] != frame:
        raise DecodeError("micropayment: not the one form of an envelope with the consumer's key id")
    cumulative_ubc = int.from_bytes(payload[at + PUBLIC_KEY_SIZE :], "big")
    return Micropayment(payload[1:at], consumer, cumulative_ubc)


def signature_of(data: bytes) -> bytes:
    """The r || s of a micropayment that was parsed."""
    return data[_SIGNATURE_AT : _SIGNATURE_AT + SIGNATURE_SIZE]


def verify_micropayment(data: bytes, payment: Micropayment) -> None:
    """Raises VerificationError unless the consumer signed what `parse_micropayment` read out of these octets."""
    verify(payment.consumer, signature_of(data), signed_message(payment))


def read_micropayment(data: bytes, instance: bytes) -> Micropayment:
    """A micropayment to this instance that its consumer signed. Raises DecodeError, VerificationError."""
    payment = parse_micropayment(data)
    if payment.instance != instance:
        raise VerificationError(f"micropayment: for instance {payment.instance.hex()}, not {instance.hex()}")
    verify_micropayment(data, payment)
    return payment
