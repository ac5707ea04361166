"""What a shortfall was worth, and what the ledger has of it being paid back.

In: what signed reports say was missing of a grant, what the grant cost, the provider's transfers. Out: what is owed and
what was paid. A refund is a transfer of the provider's whose nonce is the beginning of the hash of the grant's id
(wire/refund.py). Price and transfers are the ledger's word, not proved.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from ledger.pages import TransactionPage
from wire.grant import Grant
from wire.ids import KEY_ID_SIZE
from wire.refund import refund_nonce, refund_ubc


@dataclass(frozen=True, slots=True)
class Repayment:
    """Of one grant. `owed_ubc` is None if the ledger does not say what it cost."""

    grant_id: bytes
    owed_ubc: int | None
    paid_ubc: int

    @property
    def ok(self) -> bool:
        """All that is owed was paid back."""
        return self.owed_ubc is not None and self.paid_ubc >= self.owed_ubc


@dataclass(frozen=True, slots=True)
class Missing:
    """Bytes that floors promised, that were wanted, and that did not arrive."""

    down_bytes: int = 0
    up_bytes: int = 0

    def plus(self, down_bytes: int, up_bytes: int) -> "Missing":
        return Missing(self.down_bytes + down_bytes, self.up_bytes + up_bytes)


def plan_partner_refund(
    grant: Grant,
    price_ubc: int,
    own: Missing,
    elsewhere: Missing,
    transactions: Iterable[TransactionPage],
) -> tuple[int, str]:
    """(what the seller still owes for what its partners' boxes did not deliver, why nothing, if so).

    The seller's own boxes pay their part by themselves (apd/refunds.py), under the same nonce; what they have not paid
    yet they may be paying now, so that it comes first. Price and shortfall are the ledger's signed word.
    """
    mine = match_repayment(grant, own.down_bytes, own.up_bytes, price_ubc, transactions)
    assert mine.owed_ubc is not None, "there is a price"
    if not mine.ok:
        return (
            0,
            f"its own box has paid {mine.paid_ubc} of {mine.owed_ubc} ubc: that comes first, and by itself",
        )
    both = elsewhere.plus(own.down_bytes, own.up_bytes)
    owed_ubc = refund_ubc(price_ubc, grant.total_qos, grant.duration_s, both.down_bytes, both.up_bytes)
    if owed_ubc <= mine.paid_ubc:
        return 0, f"{owed_ubc} ubc are owed, and {mine.paid_ubc} were paid"
    return owed_ubc - mine.paid_ubc, ""


def match_repayment(
    grant: Grant,
    down_bytes: int,
    up_bytes: int,
    price_ubc: int | None,
    transactions: Iterable[TransactionPage],
) -> Repayment:
    """For these missing bytes; `transactions` are those that the provider took part in."""
    issuer, nonce = grant.provider_id[:KEY_ID_SIZE].hex(), refund_nonce(grant.grant_id).hex()
    paid_ubc = sum(
        one.price_ubc or 0
        for one in transactions
        if (one.action, one.issuer_key_id, one.nonce) == ("transfer", issuer, nonce)
    )
    owed_ubc = None
    if price_ubc is not None:
        owed_ubc = refund_ubc(price_ubc, grant.total_qos, grant.duration_s, down_bytes, up_bytes)
    return Repayment(grant.grant_id, owed_ubc, paid_ubc)
