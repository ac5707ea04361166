"""What a buyer owes for use beyond what a grant included, and what the ledger has of it being paid.

In: the grant, its price and payer, the provider's signed terms, what verified reports say of the grant, the payer's
transfers. Out: a transfer to sign, or the word that says why there is none. Pure, and the same for buyer and provider,
so that both come to the same amount; nothing is owed on the word of a meter that does not verify.

The words, in the order in which they are asked: the first one that holds is the answer.

    not_ended           the grant still runs, or its box may still report of it
    other_terms         the terms are another provider's, or of another epoch than the grant
    unverified          a meter that names the grant does not verify, or is not shown to its end
    within_included     no byte was used beyond what is included
    paid                all that is owed was transferred
    owed                the rest is to be transferred, under the nonce of this grant

Reference: Bandcoin 6.3.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from ledger.bundle import Usage
from ledger.pages import TransactionPage
from wire.grant import Grant
from wire.grant_price import GrantPrice
from wire.ids import PublicKey
from wire.money_actions import Transfer
from wire.units import U63_MAX
from wire.usage_charge import charge_nonce, charge_ubc
from wire.usage_terms import UsageTerms

REPORTS_AFTER_S = 120
"""So long after its end a box may still send what it counted."""


class Word(Enum):
    """Why there is something to pay, or why not; in the order in which it is asked."""

    NOT_ENDED = "not_ended"
    OTHER_TERMS = "other_terms"
    UNVERIFIED = "unverified"
    WITHIN_INCLUDED = "within_included"
    PAID = "paid"
    OWED = "owed"


@dataclass(frozen=True, slots=True)
class Reported:
    """What one box's chain says of a grant; `ok`: all of the chain verifies, and it is shown to its end."""

    usage: Usage
    ok: bool


@dataclass(frozen=True, slots=True)
class Charge:
    """`owed_ubc` in all, of which `paid_ubc` were transferred; `transfer` is the rest, if there is one to make."""

    word: Word
    owed_ubc: int = 0
    paid_ubc: int = 0
    transfer: Transfer | None = None


def plan_usage_charge(
    grant: Grant,
    price: GrantPrice,
    provider: PublicKey,
    terms: UsageTerms,
    reported: Iterable[Reported],
    transactions: Iterable[TransactionPage],
    now_s: int,
) -> Charge:
    """`transactions` are those that the payer took part in; boxes of several providers may have served a grant."""
    assert grant.provider_id == provider.provider_id, "the provider is the grant's"
    if now_s < grant.ends_s + REPORTS_AFTER_S:
        return Charge(Word.NOT_ENDED)
    if (terms.provider_id, terms.epoch) != (grant.provider_id, grant.epoch):
        return Charge(Word.OTHER_TERMS)
    chains = list(reported)
    if not all(chain.ok for chain in chains):
        return Charge(Word.UNVERIFIED)
    used_bytes = min(U63_MAX, sum(one.usage.down_bytes + one.usage.up_bytes for one in chains))
    owed_ubc = charge_ubc(terms, grant.allocations, used_bytes)
    if not owed_ubc:
        return Charge(Word.WITHIN_INCLUDED)
    paid_ubc = _paid_ubc(grant, price.payer, provider, transactions)
    if paid_ubc >= owed_ubc:
        return Charge(Word.PAID, owed_ubc, paid_ubc)
    return Charge(Word.OWED, owed_ubc, paid_ubc, Transfer(provider, owed_ubc - paid_ubc))


def _paid_ubc(
    grant: Grant, payer: PublicKey, provider: PublicKey, transactions: Iterable[TransactionPage]
) -> int:
    """By this payer, to this provider and under this grant's nonce: nobody pays himself."""
    wanted = "transfer", payer.key_id.hex(), str(provider), charge_nonce(grant.grant_id).hex()
    return sum(
        one.price_ubc or 0
        for one in transactions
        if (one.action, one.issuer_key_id, one.provider, one.nonce) == wanted
    )
