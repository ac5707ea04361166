"""What a clearing house asks of the ledger beside it: accounts, balances, offers, and what has been executed.

Reads the committed state, whoever orders the blocks; changes nothing.
"""

from collections.abc import Iterable

from ledger.application import Application
from ledger.capacity import MAX_PERIODS_AHEAD, looks_of_share, most_outstanding_ahead
from ledger.clearing.door import Seller, Standing, settle_by_s
from ledger.entries import StandingOffer, overlaps, span_of
from ledger.proposal_limits import MAX_BATCH_LOOKS
from ledger.state import View, read_account, read_account_by_id, read_offer
from wire.auction import Auction
from wire.ids import PublicKey


class LedgerView:
    """Over the application of this process. May be asked by any thread."""

    def __init__(self, application: Application) -> None:
        self._application = application

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

    def balances(self, accounts: Iterable[PublicKey]) -> tuple[int, dict[PublicKey, int]]:
        """The height of a block, and all as of it; of an account that is not there, nothing."""
        with self._application.lock:
            height = self._application.head.height
            found = [(key, read_account(self._application.state, key)) for key in accounts]
        return height, {key: account.balance_ubc for key, account in found if account is not None}

    def has(self, transaction_id: bytes) -> bool:
        """Whether a transaction has ever been executed: the state forgets those that have run out, the log does not."""
        with self._application.lock:
            return self._application.has_item(transaction_id)


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
        MAX_BATCH_LOOKS // looks_of_share(state.genesis, terms.allocation_duration_s),
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
    within its time it is settled.
    """
    terms = auction.terms
    first = state.genesis.period_at(settle_by_s(auction)) + 1
    last = state.genesis.period_at(terms.mark.clearing_s + terms.allocation_duration_s - 1)
    periods = range(first, min(last, state.genesis.period_at(now_s) + MAX_PERIODS_AHEAD) + 1)
    return (
        most_outstanding_ahead(state, terms.provider.key_id, span_of(terms.band), now_s, periods)
        if periods
        else 0
    )
