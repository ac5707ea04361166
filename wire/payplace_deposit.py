"""`payplace_deposit`: the issuer puts money behind a consumer's channels with operators of its choice.

Money that was deposited does not come back; it is spent by micropayments, or shifted to another operator.
Reference: PayPlace 6.4 (Consumers), 6.7 (the split between operators).   Units: micro-bandcoin (ubc).
"""

from wire.cbor import Key, Value
from wire.create import read_public_key
from wire.errors import DecodeError
from wire.fields import FieldReader, check_range
from wire.frozen import dataclass
from wire.ids import PublicKey

MAX_SPLITS = 100

_CONSUMER, _SPLITS = 3, 4


@dataclass(frozen=True, slots=True)
class Split:
    """So much for the channel with this operator."""

    operator: PublicKey
    amount_ubc: int

    def __post_init__(self) -> None:
        check_range("payplace_deposit", "amount_ubc", self.amount_ubc)


@dataclass(frozen=True, slots=True)
class PayplaceDeposit:
    """`consumer` is the key that will sign micropayments; whoever pays."""

    consumer: PublicKey
    splits: tuple[Split, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.splits) <= MAX_SPLITS:
            raise DecodeError(f"payplace_deposit: {len(self.splits)} splits, outside 1..{MAX_SPLITS}")


def write_payplace_deposit(action: PayplaceDeposit) -> dict[Key, Value]:
    splits: list[Value] = [[split.operator.octets, split.amount_ubc] for split in action.splits]
    return {_CONSUMER: action.consumer.octets, _SPLITS: splits}


def read_payplace_deposit(fields: FieldReader) -> PayplaceDeposit:
    consumer = read_public_key(fields, _CONSUMER, "consumer")
    value = fields.value(_SPLITS, "splits")
    if not isinstance(value, list):
        raise fields.error("splits is not an array")
    return PayplaceDeposit(consumer, tuple([_read_split(fields, item) for item in value]))


def _read_split(fields: FieldReader, item: Value) -> Split:
    match item:
        case [bytes(operator), int(amount_ubc)]:
            try:
                return Split(PublicKey(operator), amount_ubc)
            except ValueError as error:
                raise fields.error(f"splits: {error}") from None
    raise fields.error("a split is not an array of operator and amount")
