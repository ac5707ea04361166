"""What a currency is worth in micro-bandcoins: integer fractions, and three named roundings.

    deposit   ubc   = floor(minor * ubc / per_minor)          a payer never gets more than was paid for
    payout    minor = floor(amount_ubc * per_minor / ubc)     nor does a payee
    reversal  ubc   = floor(deposit_ubc * reversed / paid)    of the *total* reversed so far: the whole gives the whole

A minor unit is the smallest of the currency: a cent of EUR (`decimals` 2), a yen of JPY (0), a fils of KWD (3).
"""

from dataclasses import dataclass

from wire.errors import DecodeError
from wire.units import U63_MAX

MAX_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class Rate:
    """`ubc` micro-bandcoins for every `per_minor` minor units of the currency."""

    currency: str
    decimals: int
    ubc: int
    per_minor: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.decimals <= MAX_DECIMALS or self.ubc < 1 or self.per_minor < 1:
            raise ValueError(
                f"rate of {self.currency}: decimals 0 to {MAX_DECIMALS}, ubc and per_minor at least 1"
            )


def parse_minor(amount: str, decimals: int) -> int:
    """Minor units of decimal text. Raises DecodeError if it has a fraction of one: nothing is rounded here."""
    whole, _, fraction = amount.partition(".")
    kept, beyond = fraction[:decimals], fraction[decimals:]
    if not (whole + kept).isascii() or not (whole + kept).isdigit() or beyond.strip("0"):
        raise DecodeError(f"amount {amount[:40]!r} has more than {decimals} decimals")
    return int(whole + kept.ljust(decimals, "0"))


def format_minor(minor: int, decimals: int) -> str:
    if not decimals:
        return str(minor)
    digits = str(minor).rjust(decimals + 1, "0")
    return f"{digits[:-decimals]}.{digits[-decimals:]}"


def deposit_ubc(rate: Rate, minor: int) -> int:
    """Rounded down. Raises DecodeError beyond what an account can hold."""
    return _within(minor * rate.ubc // rate.per_minor)


def payout_minor(rate: Rate, amount_ubc: int) -> int:
    """Rounded down."""
    return _within(amount_ubc * rate.per_minor // rate.ubc)


def reversed_ubc(whole_ubc: int, paid_minor: int, reversed_minor: int) -> int:
    """Of a deposit of `whole_ubc`, what falls to `reversed_minor` of what was paid. Rounded down."""
    assert paid_minor > 0, "nothing was paid"
    return whole_ubc * min(reversed_minor, paid_minor) // paid_minor


def _within(value: int) -> int:
    if value > U63_MAX:
        raise DecodeError(f"{value} is more than an account can hold")
    return value
