"""Usage terms: what use beyond the bytes that a unit includes costs, paid afterwards. A part of `qos`.

An offer with these terms does not end a session at what is included: it goes on, and each begun step beyond is owed.
They are the last four items of `qos`, so that whatever carries what is bought carries what may be owed for it: the
offer on the ledger and in the air, before anybody buys; the state by which the ledger sells; the grant, and the leaf
that its block commits to. Nobody can choose terms after a sale. `most_ubc` is all that use can ever cost.
Reference: Bandcoin 6.3 (post-payments based on usage, in the well-known qos dictionary, settled by `transfer`).
"""

from wire.errors import DecodeError
from wire.fields import check_range
from wire.frozen import dataclass

USAGE_ITEMS = 4


@dataclass(frozen=True, slots=True)
class UsageTerms:
    """Of one unit: `included_bytes`, both directions, cost nothing more; each begun `step_bytes` beyond costs
    `price_ubc`; all of it at most `most_ubc`.
    """

    included_bytes: int
    step_bytes: int
    price_ubc: int
    most_ubc: int

    def __post_init__(self) -> None:
        check_range("usage terms", "included_bytes", self.included_bytes)
        check_range("usage terms", "step_bytes", self.step_bytes, 1)
        check_range("usage terms", "price_ubc", self.price_ubc, 1)
        check_range("usage terms", "most_ubc", self.most_ubc, 1)

    def times(self, units: int) -> "UsageTerms":
        """Of `units` units together: they include more and may cost more, a step costs the same. Raises DecodeError."""
        return UsageTerms(self.included_bytes * units, self.step_bytes, self.price_ubc, self.most_ubc * units)


def write_usage_terms(terms: UsageTerms) -> list[int]:
    return [terms.included_bytes, terms.step_bytes, terms.price_ubc, terms.most_ubc]


def usage_terms_of(items: list[int]) -> UsageTerms:
    """From the four items. Raises DecodeError."""
    if len(items) != USAGE_ITEMS:
        raise DecodeError(f"usage terms: {len(items)} items, not {USAGE_ITEMS}")
    return UsageTerms(*items)
