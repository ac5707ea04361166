"""What a payment gateway can tell the exchange, in our own words, whichever gateway it was.

An adapter (braintree.py, saleor.py) makes one of these of a verified notification. Amounts are still decimal text in
the gateway's currency: what they are worth, and whether they are sold at all, is for ledger/exchange/judging.py.
`key` is the idempotency key: the same thing told twice, by whichever notification, has the same one.
"""

import re
from dataclasses import dataclass

from wire.errors import DecodeError
from wire.ids import PublicKey

MAX_ID_CHARACTERS = 100
_ID = re.compile(r"[!-~]{1,100}")
_AMOUNT = re.compile(r"[0-9]{1,15}(\.[0-9]{1,6})?")
_CURRENCY = re.compile(r"[A-Z]{3}")


@dataclass(frozen=True, slots=True)
class Cash:
    """`amount` is decimal text such as 25.00, `currency` an ISO 4217 code."""

    amount: str
    currency: str

    def __post_init__(self) -> None:
        if not _AMOUNT.fullmatch(self.amount):
            raise DecodeError(f"amount {self.amount[:40]!r} is not decimal digits such as 25.00")
        if not _CURRENCY.fullmatch(self.currency):
            raise DecodeError(f"currency {self.currency[:40]!r} is not three capital letters")


@dataclass(frozen=True, slots=True)
class Payment:
    """Somebody paid for bandcoins on an account; the gateway has the money. `time_s` is when it was told."""

    gateway: str
    payment_id: str
    account: PublicKey
    cash: Cash
    time_s: int

    def __post_init__(self) -> None:
        check_id("payment id", self.payment_id)

    @property
    def key(self) -> str:
        return payment_key(self.gateway, self.payment_id)


@dataclass(frozen=True, slots=True)
class Reversal:
    """The gateway gave so much of a payment back: a refund, a lost dispute, a settlement declined after all."""

    gateway: str
    reversal_id: str
    payment_id: str
    cash: Cash
    time_s: int

    def __post_init__(self) -> None:
        check_id("payment id", self.payment_id)
        check_id("reversal id", self.reversal_id)

    @property
    def key(self) -> str:
        return f"{self.gateway}:reversal:{self.reversal_id}"


@dataclass(frozen=True, slots=True)
class RefundTotal:
    """So much of a payment has been given back *so far*; a larger total replaces a smaller one."""

    gateway: str
    payment_id: str
    cash: Cash
    time_s: int

    def __post_init__(self) -> None:
        check_id("payment id", self.payment_id)

    @property
    def key(self) -> str:
        return f"{self.gateway}:refunded:{self.payment_id}:{self.cash.amount}"


@dataclass(frozen=True, slots=True)
class Notice:
    """Genuine, and no money moves for it."""

    gateway: str
    kind: str
    notice_id: str
    time_s: int

    @property
    def key(self) -> str:
        return f"{self.gateway}:notice:{self.kind}:{self.notice_id}"


@dataclass(frozen=True, slots=True)
class Puzzle:
    """Genuine, about money, and nothing that we may decide: a person has to look. `reason` says why."""

    gateway: str
    kind: str
    puzzle_id: str
    reason: str
    time_s: int

    @property
    def key(self) -> str:
        return f"{self.gateway}:puzzle:{self.kind}:{self.puzzle_id}"


Event = Payment | Reversal | RefundTotal | Notice | Puzzle


def payment_key(gateway: str, payment_id: str) -> str:
    return f"{gateway}:payment:{payment_id}"


def check_id(what: str, text: str) -> None:
    """A gateway's name for something: printable ASCII without spaces. Raises DecodeError."""
    if not _ID.fullmatch(text):
        raise DecodeError(f"{what} {text[:40]!r} is not 1 to {MAX_ID_CHARACTERS} printable characters")
