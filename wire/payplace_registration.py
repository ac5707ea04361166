"""`register_operator` and `register_merchant`: who takes micropayments, and who is paid out of them.

The issuer of the first becomes an operator under its account, and that of the second is the account that a merchant is
paid to. Keys and signatures are BLS12-381 points as EIP-2537 writes them; whether they are good, the contract says.
Reference: PayPlace 6.5.2, Algorithm 3.   Units: seconds.
"""

from wire.cbor import Key, Value
from wire.create import read_public_key
from wire.errors import DecodeError
from wire.fields import FieldReader, check_range
from wire.frozen import dataclass
from wire.ids import PublicKey
from wire.units import U32_MAX

BLS_KEY_SIZE, BLS_SIGNATURE_SIZE = 256, 128

_PERIOD, _WINDOW, _FINALITY, _CHALLENGE = 5, 6, 7, 8
_OPERATOR, _KEY, _POSSESSION, _VOUCHER, _TAU = 3, 4, 9, 10, 11


@dataclass(frozen=True, slots=True)
class Times:
    """beta, gamma and delta of the paper, and how long a shift of funds may be challenged."""

    period_s: int
    window_s: int
    finality_s: int
    challenge_s: int

    def __post_init__(self) -> None:
        for name in ("period_s", "window_s", "finality_s", "challenge_s"):
            check_range("register_operator", name, getattr(self, name), 0, U32_MAX)


@dataclass(frozen=True, slots=True)
class RegisterOperator:
    """`possession` proves that the issuer has the key's secret."""

    times: Times
    key: bytes
    possession: bytes

    def __post_init__(self) -> None:
        check_size("register_operator", "key", self.key, BLS_KEY_SIZE)
        check_size("register_operator", "possession", self.possession, BLS_SIGNATURE_SIZE)


@dataclass(frozen=True, slots=True)
class RegisterMerchant:
    """`voucher`: the operator's BLS signature, made at `tau_s`, that it takes this key of this account."""

    operator: PublicKey
    key: bytes
    possession: bytes
    voucher: bytes
    tau_s: int

    def __post_init__(self) -> None:
        check_size("register_merchant", "key", self.key, BLS_KEY_SIZE)
        check_size("register_merchant", "possession", self.possession, BLS_SIGNATURE_SIZE)
        check_size("register_merchant", "voucher", self.voucher, BLS_SIGNATURE_SIZE)
        check_range("register_merchant", "tau_s", self.tau_s)


def check_size(message: str, name: str, octets: bytes, *sizes: int) -> None:
    """For constructors. Raises DecodeError."""
    if len(octets) not in sizes:
        wanted = " or ".join(map(str, sizes))
        raise DecodeError(f"{message}: {name} has {len(octets)} bytes, not {wanted}")


def write_register_operator(action: RegisterOperator) -> dict[Key, Value]:
    return {
        _KEY: action.key,
        _PERIOD: action.times.period_s,
        _WINDOW: action.times.window_s,
        _FINALITY: action.times.finality_s,
        _CHALLENGE: action.times.challenge_s,
        _POSSESSION: action.possession,
    }


def read_register_operator(fields: FieldReader) -> RegisterOperator:
    times = Times(
        fields.integer(_PERIOD, "period_s", 0, U32_MAX),
        fields.integer(_WINDOW, "window_s", 0, U32_MAX),
        fields.integer(_FINALITY, "finality_s", 0, U32_MAX),
        fields.integer(_CHALLENGE, "challenge_s", 0, U32_MAX),
    )
    key = fields.octets(_KEY, "key", BLS_KEY_SIZE)
    return RegisterOperator(times, key, fields.octets(_POSSESSION, "possession", BLS_SIGNATURE_SIZE))


def write_register_merchant(action: RegisterMerchant) -> dict[Key, Value]:
    return {
        _OPERATOR: action.operator.octets,
        _KEY: action.key,
        _POSSESSION: action.possession,
        _VOUCHER: action.voucher,
        _TAU: action.tau_s,
    }


def read_register_merchant(fields: FieldReader) -> RegisterMerchant:
    return RegisterMerchant(
        read_public_key(fields, _OPERATOR, "operator"),
        fields.octets(_KEY, "key", BLS_KEY_SIZE),
        fields.octets(_POSSESSION, "possession", BLS_SIGNATURE_SIZE),
        fields.octets(_VOUCHER, "voucher", BLS_SIGNATURE_SIZE),
        fields.integer(_TAU, "tau_s"),
    )
