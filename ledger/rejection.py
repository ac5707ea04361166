"""The rules that can say no to a transaction, in the order in which they are asked.

A transaction that breaks several rules is rejected for the first one in this list. A rejection changes
nothing, and is a value, not an error: the ledger signs it in a receipt. The name of a member in lower case is
what travels.
"""

from dataclasses import dataclass
from enum import IntEnum, auto


class Reason(IntEnum):
    """Ordered by precedence: a smaller number is found first."""

    # The envelope, whatever the action.
    EXPIRED = auto()
    VALIDITY_TOO_LONG = auto()
    UNKNOWN_ISSUER = auto()
    BAD_SIGNATURE = auto()
    REPLAYED = auto()
    # create
    NOT_YOUR_ACCOUNT = auto()
    ACCOUNT_EXISTS = auto()
    KEY_ID_TAKEN = auto()
    # deposit, withdraw, transfer
    NOT_THE_EXCHANGE = auto()
    UNKNOWN_ACCOUNT = auto()
    AMOUNT_NOT_POSITIVE = auto()
    AMOUNT_OVERFLOW = auto()
    # offer
    NOT_LICENSED = auto()
    ACCOUNT_ENDED = auto()
    DURATION_TOO_LONG = auto()
    TOO_MANY_BANDS = auto()
    SHARES_EXCEED_OFFER = auto()
    AUCTION_OPEN = auto()
    AUCTION_SETTLED = auto()
    NOT_CLEARED = auto()
    # allocate
    UNKNOWN_PROVIDER = auto()
    NO_OFFER = auto()
    AUCTION_DIFFERS = auto()
    EPOCH_MOVED = auto()
    SELLING_IS_OFF = auto()
    BAND_DIFFERS = auto()
    DUPLICATE_CONSUMER = auto()
    NOT_A_WINNER = auto()
    ALREADY_ALLOCATED = auto()
    SHARE_TOO_SMALL = auto()
    SHARE_TOO_LARGE = auto()
    PERIOD_NOT_AHEAD = auto()
    PERIOD_TOO_FAR = auto()
    NOT_ON_OFFER = auto()
    TOO_MANY_UNITS = auto()
    RATE_TOO_HIGH = auto()
    SOLD_OUT = auto()
    PRICE_DIFFERS = auto()
    # PayPlace's registrations and windows
    NO_SUCH_OPERATOR = auto()
    OPERATOR_EXISTS = auto()
    TIMES_REFUSED = auto()
    FROZEN = auto()
    OUTSIDE_WINDOW = auto()
    TAU_OUTSIDE_WINDOW = auto()
    ALREADY_NOTARISED = auto()
    VOUCHER_STALE = auto()
    KEY_REFUSED = auto()
    ALREADY_REGISTERED = auto()
    BAD_VOUCHER = auto()
    BAD_POSSESSION = auto()
    # PayPlace's leaves and signatures
    LEAF_MALFORMED = auto()
    NOT_REGISTERED = auto()
    NOT_THE_PAYEE = auto()
    ALREADY_MISSING = auto()
    NOT_MISSING = auto()
    NOTHING_CONFIRMED = auto()
    LEAF_DIFFERS = auto()
    NOT_IN_ROOT = auto()
    UNKNOWN_CHANNEL = auto()
    TOO_MANY_COHORTS = auto()
    NO_SIGNERS = auto()
    BAD_AGGREGATE = auto()
    SOURCE_NOT_IN_LEAF = auto()
    BAD_SOURCE = auto()
    SOURCE_MISSING = auto()
    NOT_FULLY_COVERED = auto()
    # PayPlace: deposits, shifts, summaries
    DUPLICATE_OPERATOR = auto()
    SAME_OPERATOR = auto()
    SHIFT_PENDING = auto()
    NO_SHIFT = auto()
    SHIFT_TOO_LARGE = auto()
    CHALLENGE_TOO_LOW = auto()
    CHALLENGE_RUNS = auto()
    SUMMARY_OVERLAPS = auto()
    SUMMARY_IN_FUTURE = auto()
    # clubs that share a band by tokens
    CLUB_EXISTS = auto()
    CLUB_TOO_SMALL = auto()
    DUPLICATE_MEMBER = auto()
    NO_SUCH_CLUB = auto()
    NOT_A_MEMBER = auto()
    TOO_FEW_TOKENS = auto()
    # whoever pays
    INSUFFICIENT_FUNDS = auto()

    @property
    def text(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Rejected:
    """`detail` says, for people, what was expected and what was found."""

    reason: Reason
    detail: str
