"""What metered sessions earned, as PayPlace's operator reads it (operatord/payplace/income.py): out of the database."""

from operatord.payplace.income import Earning
from operatord.shells.store import Store
from wire.ids import PublicKey


class StoredIncome:
    """An `Income` over the operator's store. Every method raises ShellError only."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def earnings_since(self, seq: int, limit: int) -> list[Earning]:
        return [Earning(*row) for row in self._store.earned_since(seq, limit)]

    def micropayment_of(self, consumer: PublicKey) -> bytes | None:
        return self._store.micropayment_of(consumer)
