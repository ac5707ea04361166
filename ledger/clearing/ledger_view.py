"""What a clearing house asks of the ledger beside it: accounts, balances, offers, and what has been executed.

Reads the committed state, whoever orders the blocks; changes nothing.
"""

from collections.abc import Iterable

from ledger.application import Application
from ledger.clearing.door import Standing
from ledger.state import read_account, read_account_by_id, read_offer
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
            state = self._application.state
            account, offer = read_account(state, key), read_offer(state, key)
        if account is None:
            return Standing(has_account=False)
        licensees = self._application.genesis.licensees
        licensed = licensees is None or key in licensees
        return Standing(True, account.balance_ubc, 0 if offer is None else offer.epoch, licensed)

    def find(self, key_id: bytes) -> PublicKey | None:
        """The account whose key has this id."""
        with self._application.lock:
            account = read_account_by_id(self._application.state, key_id)
        return None if account is None else PublicKey(account.key)

    def balances(self, accounts: Iterable[PublicKey]) -> dict[PublicKey, int]:
        """All as of one block; of an account that is not there, nothing."""
        with self._application.lock:
            found = [(key, read_account(self._application.state, key)) for key in accounts]
        return {key: account.balance_ubc for key, account in found if account is not None}

    def has(self, transaction_id: bytes) -> bool:
        """Whether a transaction has ever been executed: the state forgets those that have run out, the log does not."""
        with self._application.lock:
            return self._application.has_item(transaction_id)
