"""What a clearing house asks of the ledger beside it: accounts, balances, offers, and what has been executed.

Reads the committed state, whoever orders the blocks; changes nothing. Balances are those of the last block before a
time, which is the same for everybody who has the ledger's log, however late it is asked for.
"""

from collections.abc import Iterable

from ledger.application import Application
from ledger.capacity import (
    MAX_PERIODS_AHEAD,
    looks_of_share,
    most_outstanding_ahead,
    most_outstanding_from,
)
from ledger.clearing.balance_history import BalanceHistory
from ledger.clearing.door import Seller, Standing, longest_s
from ledger.entries import Account, StandingOffer, account_key, overlaps, span_of
from ledger.proposal_limits import MAX_BATCH_LOOKS
from ledger.state import Changes, View, read_account, read_account_by_id, read_offer
from wire.auction import Auction
from wire.auction_terms import AuctionKind
from wire.block_header import Header
from wire.ids import PublicKey


class LedgerView:
    """Over the application of this process, of which there is one view. May be asked by any thread."""

    def __init__(self, application: Application) -> None:
        self._application = application
        with application.lock:
            self._history = BalanceHistory(application.head.height, application.head.time_s)
            application.tell_change = self._see

    def _see(self, header: Header, changes: Changes) -> None:
        """What accounts had before this block. With the application's lock."""
        accounts = [key for key in changes if key.startswith(_ACCOUNTS)]
        before = {key: _balance(self._application.state, key) for key in accounts}
        self._history.note(header.height, header.time_s, before)

    @property
    def ledger_id(self) -> bytes:
        return self._application.ledger_id

    def standing_of(self, key: PublicKey) -> Standing:
        with self._application.lock:
            account = read_account(self._application.state, key)
        return Standing(account is not None, 0 if account is None else account.balance_ubc)

    def seller_of(self, auction: Auction) -> Seller:
        """Whoever opens it."""
        with self._application.lock:
            return seller_of(self._application.state, auction, self._application.head.time_s)

    def find(self, key_id: bytes) -> PublicKey | None:
        """The account whose key has this id."""
        with self._application.lock:
            account = read_account_by_id(self._application.state, key_id)
        return None if account is None else PublicKey(account.key)

    def is_past(self, time_s: int) -> bool:
        """Whether no block of a time before this one comes any more: the last one, of which several operators decided,
        is of this time or later. One that this machine makes alone is of its own clock; whoever asks sees to that.
        """
        with self._application.lock:
            return not self._application.shared or self._application.time_s >= time_s

    def balances_before(
        self, time_s: int, accounts: Iterable[PublicKey]
    ) -> tuple[int, dict[PublicKey, int]] | None:
        """The height of the last block before a time, and all as of it; of an account that is not there, nothing. None
        if that block is not remembered: it was before this view began, and others came since.
        """
        with self._application.lock:
            then = self._history.last_before(time_s)
            if then is None:
                return None
            keys = {account: account_key(account.key_id) for account in accounts}
            state, differ = self._application.state, then.differ_ubc
            return then.height, {
                account: differ[key] if key in differ else _balance(state, key)
                for account, key in keys.items()
            }

    def has(self, transaction_id: bytes) -> bool:
        """Whether a transaction has ever been executed: the state forgets those that have run out, the log does not."""
        with self._application.lock:
            return self._application.has_item(transaction_id)


_ACCOUNTS = account_key(b"")


def _balance(state: View, key: bytes) -> int:
    account = state.get(key)
    return account.balance_ubc if isinstance(account, Account) else 0


def seller_of(state: View, auction: Auction, now_s: int) -> Seller:
    """What a state says of whoever opens this auction."""
    terms = auction.terms
    offer = read_offer(state, terms.provider)
    licensees = state.genesis.licensees
    return Seller(
        read_account(state, terms.provider) is not None,
        licensees is None or terms.provider in licensees,
        0 if offer is None else offer.epoch,
        offer is not None and _is_selling(offer, auction),
        0 if offer is None else offer.settled_s,
        _taken(state, auction, now_s),
        MAX_BATCH_LOOKS // looks_of_share(state.genesis, longest_s(terms)),
    )


def _is_selling(offer: StandingOffer, auction: Auction) -> bool:
    """What is left of an auction that was settled can be bought by nobody."""
    return (
        offer.max_allocations > 0
        and not offer.cleared
        and overlaps(span_of(offer.band), span_of(auction.terms.band))
    )


def _taken(state: View, auction: Auction, now_s: int) -> int:
    """The most units that are sold for the beginning of a period which every grant of the auction would cover, whenever
    within its time it is settled. Of a session auction, whose grants all run from its clearing to the end of the first
    slot: for any instant of that one, as the ledger will count them in the block of the clearing.
    """
    terms = auction.terms
    if terms.mark.kind is AuctionKind.SESSION:
        clearing_s, slot_s = terms.mark.clearing_s, terms.allocation_duration_s
        until_s = clearing_s + slot_s
        span = span_of(terms.band)
        return most_outstanding_from(state, terms.provider.key_id, span, now_s, clearing_s, until_s)
    first = state.genesis.period_at(auction.settle_by_s) + 1
    last = state.genesis.period_at(terms.mark.clearing_s + terms.allocation_duration_s - 1)
    periods = range(first, min(last, state.genesis.period_at(now_s) + MAX_PERIODS_AHEAD) + 1)
    return (
        most_outstanding_ahead(state, terms.provider.key_id, span_of(terms.band), now_s, periods)
        if periods
        else 0
    )
