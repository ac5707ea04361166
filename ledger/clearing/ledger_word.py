"""What a ledger says to an auditor of a clearing house: from its whole log, or from its pages.

A log, of a file or a PostgreSQL database, is applied again from the genesis, signatures and all; nobody has to be
believed, and it says what every account had as of every block. The pages say what was executed, which is the word of
who shows them, and not what accounts had: their proofs are of the state as it is now.
Raises ShellError, VerificationError if the log does not hold.
"""

from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence

from ledger.block import ItemKind
from ledger.clearing.audit import Anchor, Funds
from ledger.client import LedgerReader
from ledger.genesis import read_genesis
from ledger.opening import replay
from ledger.pages import TransactionPage
from ledger.state import State, read_account
from ledger.store import Store
from wire.block_header import Header
from wire.errors import VerificationError
from wire.ids import PublicKey
from wire.post_offer import PostOffer
from wire.transaction import read_transaction


class ReplayedLedger:
    """A `LedgerWord` of a whole log. `wanted`: height -> accounts whose balances are going to be asked for."""

    def __init__(self, store: Store, ledger_id: bytes, wanted: Mapping[int, Collection[PublicKey]]) -> None:
        genesis = store.genesis()
        if genesis is None or read_genesis(genesis).ledger_id != ledger_id:
            raise VerificationError(f"{store.name}: is another ledger than the house's")
        self._store, self._ledger_id, self._wanted = store, ledger_id, wanted
        self._heights: list[int] = []
        self._times: list[int] = []
        self._balances: dict[int, dict[PublicKey, int]] = {}
        self.head = replay(store, self._see)

    def ran(self, transaction_id: bytes) -> bool | None:
        return self._store.item_by_id(transaction_id) is not None

    def funds(self, height: int, accounts: Collection[PublicKey]) -> Funds | None:
        """None as of a block that this log does not have."""
        if height not in self._balances:
            return None
        after = bisect_right(self._heights, height)
        next_s = self._times[after] if after < len(self._times) else None
        found = self._balances[height]
        return Funds({key: found[key] for key in accounts if key in found}, self._times[after - 1], next_s)

    def anchors(self, house: PublicKey, providers: Collection[PublicKey]) -> Sequence[Anchor] | None:
        keys = {provider.key_id: provider for provider in providers}
        found: list[Anchor] = []
        for item in self._store.items():
            if item.kind == ItemKind.TRANSACTION and house.octets in item.encoded:
                signed = read_transaction(item.encoded, self._ledger_id)
                action, provider = signed.transaction.action, keys.get(signed.issuer_key_id)
                if (
                    isinstance(action, PostOffer)
                    and action.ruling is not None
                    and action.ruling.house == house
                ):
                    auction_id = b"" if provider is None else action.auction_id(provider)
                    found.append(Anchor(item.id, action.ruling.head, auction_id))
        return found

    def _see(self, header: Header, state: State) -> None:
        self._heights.append(header.height)
        self._times.append(header.time_s)
        if header.height in self._wanted:
            accounts = [(key, read_account(state, key)) for key in self._wanted[header.height]]
            self._balances[header.height] = {
                key: account.balance_ubc for key, account in accounts if account is not None
            }


class AskedLedger:
    """A `LedgerWord` of a ledger's pages."""

    def __init__(self, reader: LedgerReader) -> None:
        self._reader = reader
        self._known: dict[bytes, bool] = {}

    def ran(self, transaction_id: bytes) -> bool | None:
        if transaction_id not in self._known:
            try:
                self._reader.read(TransactionPage, f"transactions/{transaction_id.hex()}")
                self._known[transaction_id] = True
            except LookupError:
                self._known[transaction_id] = False
        return self._known[transaction_id]

    def funds(self, height: int, accounts: Collection[PublicKey]) -> Funds | None:  # noqa: ARG002 nobody can be asked
        return None

    def anchors(
        self,
        house: PublicKey,  # noqa: ARG002 nobody can be asked
        providers: Collection[PublicKey],  # noqa: ARG002
    ) -> Sequence[Anchor] | None:
        return None
