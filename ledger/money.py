"""The four actions that only move money: create, deposit, withdraw, transfer.

Each function asks its rules in the order of ledger/rejection.py, and writes into the draft only when all of
them hold. The sum of all that was ever deposited stays below 2^63 ubc, so no balance can overflow.
Reference: Bandcoin 5.1.1, 5.1.3.
"""

from ledger.entries import MONEY_KEY, Account, Money, account_key
from ledger.rejection import Reason, Rejected
from ledger.state import Draft, read_account, read_account_by_id, read_money
from wire.create import Create
from wire.ids import PublicKey
from wire.money_actions import Deposit, Transfer, Withdraw
from wire.units import U63_MAX


def create(draft: Draft, issuer: PublicKey, action: Create) -> Rejected | None:
    if action.account != issuer:
        return Rejected(Reason.NOT_YOUR_ACCOUNT, f"signed by {issuer}, which is not {action.account}")
    there = read_account_by_id(draft, issuer.key_id)
    if there is not None and there.key == issuer.octets:
        return Rejected(Reason.ACCOUNT_EXISTS, f"account {issuer} exists")
    if there is not None:
        return Rejected(
            Reason.KEY_ID_TAKEN, f"key id {issuer.key_id.hex()} belongs to another key: make a new one"
        )
    draft.put(account_key(issuer.key_id), Account(issuer.octets, 0))
    return None


def deposit(draft: Draft, issuer: PublicKey, action: Deposit) -> Rejected | None:
    rejected = _check_exchange(draft, issuer) or _check_target(draft, action.provider, action.price_ubc)
    if rejected is not None:
        return rejected
    money = read_money(draft)
    if money.deposited_ubc + action.price_ubc > U63_MAX:
        return Rejected(Reason.AMOUNT_OVERFLOW, f"deposits so far and {action.price_ubc} ubc exceed 2^63 - 1")
    draft.put(MONEY_KEY, Money(money.deposited_ubc + action.price_ubc, money.withdrawn_ubc))
    add_to_balance(draft, action.provider, action.price_ubc)
    return None


def withdraw(draft: Draft, issuer: PublicKey, action: Withdraw) -> Rejected | None:
    rejected = (
        _check_exchange(draft, issuer)
        or _check_target(draft, action.provider, action.price_ubc)
        or check_funds(draft, action.provider, action.price_ubc)
    )
    if rejected is not None:
        return rejected
    money = read_money(draft)
    draft.put(MONEY_KEY, Money(money.deposited_ubc, money.withdrawn_ubc + action.price_ubc))
    add_to_balance(draft, action.provider, -action.price_ubc)
    return None


def transfer(draft: Draft, issuer: PublicKey, action: Transfer) -> Rejected | None:
    rejected = _check_target(draft, action.provider, action.price_ubc) or check_funds(
        draft, issuer, action.price_ubc
    )
    if rejected is not None:
        return rejected
    pay(draft, issuer, action.provider, action.price_ubc)
    return None


def pay(draft: Draft, source: PublicKey, target: PublicKey, amount_ubc: int) -> None:
    """Move an amount that the source has. Source and target may be the same."""
    add_to_balance(draft, source, -amount_ubc)
    add_to_balance(draft, target, amount_ubc)


def add_to_balance(draft: Draft, key: PublicKey, amount_ubc: int) -> None:
    account = read_account(draft, key)
    assert account is not None, f"no account {key}"
    balance_ubc = account.balance_ubc + amount_ubc
    assert 0 <= balance_ubc <= U63_MAX, f"balance of {key} would be {balance_ubc}"
    draft.put(account_key(key.key_id), Account(account.key, balance_ubc))


def check_funds(draft: Draft, key: PublicKey, amount_ubc: int) -> Rejected | None:
    account = read_account(draft, key)
    assert account is not None, f"no account {key}"
    if account.balance_ubc < amount_ubc:
        return Rejected(
            Reason.INSUFFICIENT_FUNDS, f"balance {account.balance_ubc} ubc, {amount_ubc} ubc needed"
        )
    return None


def _check_exchange(draft: Draft, issuer: PublicKey) -> Rejected | None:
    if issuer != draft.genesis.exchange:
        return Rejected(Reason.NOT_THE_EXCHANGE, f"only the exchange {draft.genesis.exchange} may do this")
    return None


def _check_target(draft: Draft, target: PublicKey, amount_ubc: int) -> Rejected | None:
    if read_account(draft, target) is None:
        return Rejected(Reason.UNKNOWN_ACCOUNT, f"no account {target}")
    if amount_ubc < 1:
        return Rejected(Reason.AMOUNT_NOT_POSITIVE, f"{amount_ubc} ubc: at least 1 is moved")
    return None
