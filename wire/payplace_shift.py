"""`shift`, `challenge_shift` and `finish_shift`: a consumer moves unspent funds from one operator to another.

For the challenge period anybody may show a micropayment of the consumer that says that they are spent.
Reference: PayPlace 6.7.   Units: micro-bandcoin (ubc).
"""

from wire.cbor import Key, Value
from wire.create import read_public_key
from wire.fields import FieldReader, check_range
from wire.frozen import dataclass
from wire.ids import PublicKey
from wire.keys import SIGNATURE_SIZE
from wire.payplace_registration import check_size
from wire.units import U63_MAX

_OPERATOR, _OTHER, _AMOUNT, _SIGNATURE = 3, 4, 5, 6


@dataclass(frozen=True, slots=True)
class Shift:
    """The issuer, a consumer, moves so much of its deposit with `source` to `target`."""

    source: PublicKey
    target: PublicKey
    amount_ubc: int

    def __post_init__(self) -> None:
        check_range("shift", "amount_ubc", self.amount_ubc)


@dataclass(frozen=True, slots=True)
class ChallengeShift:
    """The micropayment of `consumer` to `operator` over `cumulative_ubc`, by its signature."""

    operator: PublicKey
    consumer: PublicKey
    cumulative_ubc: int
    signature: bytes

    def __post_init__(self) -> None:
        check_range("challenge_shift", "cumulative_ubc", self.cumulative_ubc, 1, U63_MAX)
        check_size("challenge_shift", "signature", self.signature, SIGNATURE_SIZE)


@dataclass(frozen=True, slots=True)
class FinishShift:
    """Whoever wants it: the challenge period of this channel's shift is over."""

    operator: PublicKey
    consumer: PublicKey


def write_shift(action: Shift) -> dict[Key, Value]:
    return {_OPERATOR: action.source.octets, _OTHER: action.target.octets, _AMOUNT: action.amount_ubc}


def read_shift(fields: FieldReader) -> Shift:
    source = read_public_key(fields, _OPERATOR, "source")
    return Shift(source, read_public_key(fields, _OTHER, "target"), fields.integer(_AMOUNT, "amount_ubc"))


def write_challenge_shift(action: ChallengeShift) -> dict[Key, Value]:
    return {
        _OPERATOR: action.operator.octets,
        _OTHER: action.consumer.octets,
        _AMOUNT: action.cumulative_ubc,
        _SIGNATURE: action.signature,
    }


def read_challenge_shift(fields: FieldReader) -> ChallengeShift:
    return ChallengeShift(
        read_public_key(fields, _OPERATOR, "operator"),
        read_public_key(fields, _OTHER, "consumer"),
        fields.integer(_AMOUNT, "cumulative_ubc", 1),
        fields.octets(_SIGNATURE, "signature", SIGNATURE_SIZE),
    )


def write_finish_shift(action: FinishShift) -> dict[Key, Value]:
    return {_OPERATOR: action.operator.octets, _OTHER: action.consumer.octets}


def read_finish_shift(fields: FieldReader) -> FinishShift:
    operator = read_public_key(fields, _OPERATOR, "operator")
    return FinishShift(operator, read_public_key(fields, _OTHER, "consumer"))
