"""The contract: what a signed transaction does to the state, or which rule says no. Bandcoin here, others beside it.

    apply(view, signed_transaction, block_time_s) -> Applied(changes, sale) | Rejected(reason, detail)
    apply_batch(view, signed_transactions, block_time_s) -> [Applied] | (index, Rejected)   all or none

Pure functions of their arguments: no clock, no I/O, no randomness, no float. The view is never changed; an
Applied says what becomes of which entries, a Rejected changes nothing. Whoever orders transactions calls
`ledger.passing.pass_time` first in every block. The rules and their order are the enumeration in
ledger/rejection.py, one test vector for each.
Reference: Bandcoin 5.1.3.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ledger.buying import Sale, allocate
from ledger.clubs.acting import act_in_club
from ledger.money import create, deposit, transfer, withdraw
from ledger.payplace.acting import act
from ledger.posting import post_offer
from ledger.rejection import Reason, Rejected
from ledger.state import Changes, Draft, View, read_account_by_id
from wire.allocate import Allocate
from wire.club_actions import FoundClub, SpendTokens
from wire.create import Create
from wire.errors import VerificationError
from wire.ids import PublicKey
from wire.money_actions import Deposit, Transfer, Withdraw
from wire.post_offer import PostOffer
from wire.transaction import Action, SignedTransaction

MAX_VALIDITY_S = 7 * 86_400
"""How far ahead a transaction's last valid second may lie, which is also how long whoever signed it may have to wait
until he knows that it will never run.
"""


@dataclass(frozen=True, slots=True)
class Applied:
    """The entries that change, and what was sold if it was an `allocate`."""

    issuer: PublicKey
    changes: Changes
    sale: Sale | None = None


def apply(view: View, signed: SignedTransaction, block_time_s: int) -> Applied | Rejected:
    issuer = _check_envelope(view, signed, block_time_s)
    if isinstance(issuer, Rejected):
        return issuer
    draft = Draft(view)
    outcome = _act(draft, issuer, signed.transaction.action, block_time_s)
    if isinstance(outcome, Rejected):
        return outcome
    return Applied(issuer, draft.changes, outcome)


def apply_batch(
    view: View, batch: Sequence[SignedTransaction], block_time_s: int
) -> list[Applied] | tuple[int, Rejected]:
    """One after the other; if any is rejected, its index and the rejection, and none has happened."""
    draft, done = Draft(view), list[Applied]()
    for index, signed in enumerate(batch):
        outcome = apply(draft, signed, block_time_s)
        if isinstance(outcome, Rejected):
            return index, outcome
        draft.absorb(outcome.changes, [signed.transaction_id])
        done.append(outcome)
    return done


def _check_envelope(view: View, signed: SignedTransaction, now_s: int) -> PublicKey | Rejected:
    """The issuer, if the transaction is its own, in time and new."""
    valid_until_s = signed.transaction.valid_until_s
    if valid_until_s < now_s:
        return Rejected(Reason.EXPIRED, f"was valid until {valid_until_s}, it is {now_s}")
    if valid_until_s > now_s + MAX_VALIDITY_S:
        return Rejected(
            Reason.VALIDITY_TOO_LONG, f"{valid_until_s - now_s} s ahead, at most {MAX_VALIDITY_S} s"
        )
    issuer = _find_issuer(view, signed)
    if issuer is None:
        return Rejected(
            Reason.UNKNOWN_ISSUER, f"no account has key id {signed.issuer_key_id.hex()}: create one"
        )
    try:
        signed.verify(issuer)
    except VerificationError as error:
        return Rejected(Reason.BAD_SIGNATURE, str(error))
    if view.was_executed(signed.transaction_id):
        return Rejected(Reason.REPLAYED, f"{signed.transaction_id.hex()} has been executed")
    return issuer


def _find_issuer(view: View, signed: SignedTransaction) -> PublicKey | None:
    """By the envelope's key id, except that a `create` brings its issuer's key itself."""
    action = signed.transaction.action
    if isinstance(action, Create) and action.account.key_id == signed.issuer_key_id:
        return action.account
    account = read_account_by_id(view, signed.issuer_key_id)
    return None if account is None else PublicKey(account.key)


def _act(draft: Draft, issuer: PublicKey, action: Action, now_s: int) -> Sale | Rejected | None:
    match action:
        case Allocate():
            return allocate(draft, issuer, action, now_s)
        case Transfer():
            return transfer(draft, issuer, action)
        case PostOffer():
            return post_offer(draft, issuer, action, now_s)
        case Create():
            return create(draft, issuer, action)
        case Deposit():
            return deposit(draft, issuer, action)
        case Withdraw():
            return withdraw(draft, issuer, action)
        case FoundClub() | SpendTokens():
            return act_in_club(draft, issuer, action)
        case _:
            return act(draft, issuer, action, now_s)
