"""`deposit`, `withdraw` and `transfer`: an amount and the account that it concerns.

Deposit and withdraw are the exchange's alone; the source of a transfer is its issuer. The paper calls the account
`provider` and the amount `price` in all of them, and so do we. Reference: Bandcoin 5.1.1, 5.1.2.
"""

from wire.cbor import Key, Value
from wire.create import read_public_key
from wire.fields import FieldReader, check_range
from wire.frozen import dataclass
from wire.ids import PublicKey

_PROVIDER, _PRICE = 3, 4


@dataclass(frozen=True, slots=True)
class Deposit:
    """The exchange puts `price_ubc` into the account of `provider`."""

    provider: PublicKey
    price_ubc: int

    def __post_init__(self) -> None:
        check_range("deposit", "price_ubc", self.price_ubc)


@dataclass(frozen=True, slots=True)
class Withdraw:
    """The exchange takes `price_ubc` out of the account of `provider`, having paid it in another currency."""

    provider: PublicKey
    price_ubc: int

    def __post_init__(self) -> None:
        check_range("withdraw", "price_ubc", self.price_ubc)


@dataclass(frozen=True, slots=True)
class Transfer:
    """The issuer gives `price_ubc` to `provider`."""

    provider: PublicKey
    price_ubc: int

    def __post_init__(self) -> None:
        check_range("transfer", "price_ubc", self.price_ubc)


def write_money_action(action: Deposit | Withdraw | Transfer) -> dict[Key, Value]:
    return {_PROVIDER: action.provider.octets, _PRICE: action.price_ubc}


def read_deposit(fields: FieldReader) -> Deposit:
    return Deposit(*_read(fields))


def read_withdraw(fields: FieldReader) -> Withdraw:
    return Withdraw(*_read(fields))


def read_transfer(fields: FieldReader) -> Transfer:
    return Transfer(*_read(fields))


def _read(fields: FieldReader) -> tuple[PublicKey, int]:
    return read_public_key(fields, _PROVIDER, "provider"), fields.integer(_PRICE, "price_ubc")
