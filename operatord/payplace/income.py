"""How a consumer's payment becomes merchants' income: the operator keeps its commission, and nothing is lost.

What comes in is what metered sessions earned (operatord/channels.py): of which box's owner, of which consumer, how
much; each only of what a micropayment covers. The commission is a merchant's income like any other, the operator's own.
Reference: thesis 6.4, T_omega.   Units: micro-bandcoin (ubc), parts per million.
"""

from dataclasses import dataclass
from typing import Protocol

from wire.ids import PublicKey
from wire.units import PPM

Row = tuple[bytes, int, int]
"""Merchant id, channel, ubc."""


@dataclass(frozen=True, slots=True)
class Earning:
    """`payee`: the account that owns the box, to which its merchant is paid out. `seq` ascends, from 1."""

    seq: int
    payee: PublicKey
    consumer: PublicKey
    amount_ubc: int


class Income(Protocol):
    """Where earnings and micropayments come from; what was shown once stays."""

    def earnings_since(self, seq: int, limit: int) -> list[Earning]:
        """In order, those after `seq`."""
        ...

    def micropayment_of(self, consumer: PublicKey) -> bytes | None:
        """The highest, as it came: 159 octets."""
        ...

    def has_earned(self, payee: PublicKey) -> bool:
        """Whether a box of this owner ever earned anything here."""
        ...

    def overdrawn(self) -> list[PublicKey]:
        """Consumers who paid more than would be left with this operator: they shift away what they have spent."""
        ...


def split(amount_ubc: int, commission_ppm: int) -> tuple[int, int]:
    """(the merchant's, the operator's): the commission is rounded down, and both make up the amount."""
    assert 0 <= commission_ppm <= PPM, "a commission is a part"
    commission_ubc = amount_ubc * commission_ppm // PPM
    return amount_ubc - commission_ubc, commission_ubc
