"""What a buyer owes for use beyond what a grant included, and what the ledger has of it being paid.

In: the grant, whose qos has the terms; the audits of its provider's meters; the transactions that its provider took
part in. Out: a transfer to sign, or the word that says why there is none. Pure, and the same for buyer, provider and
whoever looks on, so that all come to the same amount; nothing is owed on the word of a meter that does not verify. One
thing depends on when one asks: while a box's clock is more than five minutes ahead of the ledger's, its last record
tells of time that had not come, and the whole meter is `unverified` until that time has.

The words, in the order in which they are asked: the first one that holds is the answer.

    no_terms            the grant was sold without usage terms: no use of it costs anything more
    not_ended           the grant still runs, or its box may still report of it
    unverified          no meter of the provider names the grant, one that does does not verify or is not shown to its
                        end, or together they say more than the grant could carry
    within_included     meters name it, and no byte was used beyond what is included
    paid                all that is owed was transferred
    owed                the rest is to be transferred, under the nonce of this grant

Reference: Bandcoin 6.3; docs/decisions/0029.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

from ledger.bundle import Audit, Usage
from ledger.evidence_totals import most_bytes
from ledger.pages import TransactionPage
from wire.errors import VerificationError
from wire.grant import TRANSACTION_REFERENCE_SIZE, Grant
from wire.ids import PublicKey
from wire.keys import PrivateKey
from wire.money_actions import Transfer
from wire.transaction import SignedTransaction, Transaction, sign_transaction
from wire.usage_bill import UsageBill
from wire.usage_charge import charge_nonce, charge_ubc

REPORTS_AFTER_S = 120
"""So long after its end a box may still send what it counted."""
VALIDITY_STEP_S = 6 * 86_400
"""Payments of a grant are signed in steps, counted from when its last report is due: each is valid to the end of its
step, so that in one step there is one transaction, whoever signs it and how often.
"""
SETTLING_S = 300
"""At the beginning of a step nothing is signed: a clock may be behind, and the payment of the step before still run."""


class Word(Enum):
    """Why there is something to pay, or why not; in the order in which it is asked."""

    NO_TERMS = "no_terms"
    NOT_ENDED = "not_ended"
    UNVERIFIED = "unverified"
    WITHIN_INCLUDED = "within_included"
    PAID = "paid"
    OWED = "owed"


@dataclass(frozen=True, slots=True)
class Metered:
    """What the meters of a grant's own provider say of it. `verified`: by attestation key id, each chain once, those
    that hold and are shown to their end; `unverified`: the key ids of the others that name it.
    """

    verified: Mapping[str, Usage] = field(default_factory=dict)
    unverified: tuple[str, ...] = ()

    @property
    def used_bytes(self) -> int:
        return sum(use.down_bytes + use.up_bytes for use in self.verified.values())


@dataclass(frozen=True, slots=True)
class Charge:
    """`owed_ubc` in all for `used_bytes`, of which `paid_ubc` were transferred; `transfer` is the rest, if there is one
    to make.
    """

    word: Word
    used_bytes: int = 0
    owed_ubc: int = 0
    paid_ubc: int = 0
    transfer: Transfer | None = None


def meters_of(grant: Grant, audits: Iterable[Audit]) -> Metered:
    """Of these audits, what counts. A box that another provider enrolled does not: it could raise anybody's bill."""
    verified: dict[str, Usage] = {}
    unverified: list[str] = []
    for audit in audits:
        use, key_id = audit.usage.get(grant.grant_id), audit.enrolment.attestation_key.key_id.hex()
        if use is None or audit.enrolment.provider.provider_id != grant.provider_id:
            continue
        if not audit.ok:
            unverified.append(key_id)
        elif key_id not in verified:
            verified[key_id] = use
    return Metered(verified, tuple(unverified))


def plan_usage_charge(
    grant: Grant,
    payer_key_id: str,
    provider: PublicKey,
    metered: Metered,
    transactions: Iterable[TransactionPage],
    now_s: int,
) -> Charge:
    """`payer_key_id` (hexadecimal) signed the purchase; `transactions` are those that the provider took part in."""
    assert grant.provider_id == provider.provider_id, "the provider is the grant's"
    qos = grant.total_qos
    if qos.usage is None:
        return Charge(Word.NO_TERMS)
    if now_s < grant.ends_s + REPORTS_AFTER_S:
        return Charge(Word.NOT_ENDED)
    used_bytes = metered.used_bytes
    if metered.unverified or not metered.verified or used_bytes > most_bytes(grant):
        return Charge(Word.UNVERIFIED)
    # A box lets some bytes through before it notices that the cap is reached: those are its provider's.
    charged_bytes = min(used_bytes, qos.data_cap_bytes) if qos.data_cap_bytes else used_bytes
    owed_ubc = charge_ubc(qos.usage, charged_bytes)
    if not owed_ubc:
        return Charge(Word.WITHIN_INCLUDED, used_bytes)
    paid_ubc = _paid_ubc(grant, payer_key_id, provider, transactions)
    if paid_ubc >= owed_ubc:
        return Charge(Word.PAID, used_bytes, owed_ubc, paid_ubc)
    return Charge(Word.OWED, used_bytes, owed_ubc, paid_ubc, Transfer(provider, owed_ubc - paid_ubc))


def verify_bill(bill: UsageBill, grant: Grant, charge: Charge) -> None:
    """Returns if this bill, whose signature somebody checked, says what the meters come to and is still to be paid.
    Raises VerificationError.
    """
    usage = grant.total_qos.usage
    if usage is None:
        raise VerificationError("usage bill: the grant was sold without usage terms")
    if bill.provider_id != grant.provider_id:
        raise VerificationError(
            f"usage bill: of provider {bill.provider_id.hex()}, who did not sell the grant"
        )
    if bill.grant_id != grant.grant_id:
        raise VerificationError(f"usage bill: for grant {bill.grant_id.hex()}, not {grant.grant_id.hex()}")
    if bill.epoch != grant.epoch:
        raise VerificationError(f"usage bill: for epoch {bill.epoch}, and {grant.epoch} was bought")
    if bill.owed_ubc > usage.most_ubc:
        raise VerificationError(
            f"usage bill: {bill.owed_ubc} ubc, and the terms allow {usage.most_ubc} at most"
        )
    if charge.word not in (Word.OWED, Word.PAID):
        raise VerificationError(f"usage bill: nothing is owed: {charge.word.value}")
    if (bill.used_bytes, bill.owed_ubc) != (charge.used_bytes, charge.owed_ubc):
        raise VerificationError(
            f"usage bill: {bill.owed_ubc} ubc for {bill.used_bytes} bytes, and verified meters come to "
            f"{charge.owed_ubc} ubc for {charge.used_bytes}"
        )
    if charge.word is Word.PAID:
        raise VerificationError(f"usage bill: paid already, {charge.paid_ubc} ubc")


def sign_payment(
    grant: Grant, transfer: Transfer, key: PrivateKey, ledger_id: bytes, now_s: int
) -> SignedTransaction:
    """The transfer under the grant's nonce. However often and by however many programs it is signed within a step, it
    is one transaction, which the ledger executes once. Raises LookupError between two steps, for SETTLING_S: what was
    signed in the first may still run, and is on the ledger when the second begins.
    """
    due_s = grant.ends_s + REPORTS_AFTER_S
    step, within_s = divmod(now_s - due_s, VALIDITY_STEP_S)
    if step > 0 and within_s < SETTLING_S:
        raise LookupError(
            f"grant {grant.grant_id.hex()}: an earlier payment may still run: try again in {SETTLING_S - within_s} s"
        )
    until_s = due_s + (step + 1) * VALIDITY_STEP_S
    return sign_transaction(Transaction(transfer, charge_nonce(grant.grant_id), until_s), key, ledger_id)


def find_payer(grant: Grant, transactions: Iterable[TransactionPage]) -> str:
    """The key id of whoever signed the purchase. Raises LookupError where it is not among these transactions."""
    for one in transactions:
        if one.action == "allocate" and one.id.startswith(grant.transaction.hex()):
            return one.issuer_key_id
    raise LookupError(f"grant {grant.grant_id.hex()}: its purchase is not on the ledger")


def charged_grants(
    audits: Iterable[Audit], transactions: Iterable[TransactionPage]
) -> Iterator[tuple[Grant, str]]:
    """Every grant with usage terms that meters name and whose purchase is among the transactions, with who paid; each
    once. A grant that no meter names owes nothing.
    """
    buyers = {
        one.id[: 2 * TRANSACTION_REFERENCE_SIZE]: one.issuer_key_id
        for one in transactions
        if one.action == "allocate"
    }
    seen: set[bytes] = set()
    for grant in (grant for audit in audits for grant in audit.grants.values()):
        payer = buyers.get(grant.transaction.hex())
        if grant.qos.usage is None or payer is None or grant.grant_id in seen:
            continue
        seen.add(grant.grant_id)
        yield grant, payer


def _paid_ubc(
    grant: Grant, payer_key_id: str, provider: PublicKey, transactions: Iterable[TransactionPage]
) -> int:
    """By this payer, to this provider and under this grant's nonce: nobody pays himself."""
    wanted = "transfer", payer_key_id, str(provider), charge_nonce(grant.grant_id).hex()
    return sum(
        one.price_ubc or 0
        for one in transactions
        if (one.action, one.issuer_key_id, one.provider, one.nonce) == wanted
    )
