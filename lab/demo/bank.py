"""The operator's side of the demo: accounts, deposits, the offer, and what the ledger says of money.

By the ledger's own client: transactions over MQTT with mutual TLS, signed by whoever they concern; balances over
HTTP.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from device.wallet import Wallet
from lab.certificates import Identity
from lab.demo.cast import BAND, DEPOSIT_UBC, DURATION_S, MAX_ALLOCATIONS, UNIT, UNIT_PRICE_UBC, Role
from lab.namespaces import Namespace
from ledger.client import LedgerClient, LedgerReader
from wire.create import Create
from wire.errors import ShellError
from wire.ids import PublicKey
from wire.keys import PrivateKey
from wire.money_actions import Deposit
from wire.post_offer import PostOffer
from wire.receipt import read_receipt
from wire.transaction import NONCE_SIZE, Action, Transaction, sign_transaction

VALID_FOR_S = 600
OFFER = PostOffer(
    price_ubc=UNIT_PRICE_UBC,
    band=BAND,
    max_allocations=MAX_ALLOCATIONS,
    allocation_duration_s=DURATION_S,
    qos=UNIT,
)
EXCHANGE = "exchange"
"""The common name of the exchange's certificate."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LedgerState:
    """The ledger's own sums, and whether they agree with the balances of everybody in the demo."""

    conserved: bool
    app_hash: str
    height: int
    transactions: int


@dataclass(slots=True)
class Bank:
    """Speaks for the exchange and the provider; lives in the operator's namespace."""

    namespace: Namespace
    broker: tuple[str, int]
    url: str
    identity: Identity
    keys: Mapping[str, PrivateKey]
    ledger_id: bytes
    everybody: list[PublicKey]

    def open_accounts(self, wallets: Mapping[str, Wallet]) -> None:
        """An account for each, opened by its own key, and a deposit by the exchange."""
        keys = [wallet.key for wallet in wallets.values()]
        opening: list[tuple[Action, PrivateKey]] = [(Create(key.public), key) for key in keys]
        opening += [
            (Deposit(wallet.account, DEPOSIT_UBC), self.keys["exchange"]) for wallet in wallets.values()
        ]
        self.submit(opening)
        self.everybody += [key.public for key in keys]

    def post_offer(self) -> None:
        """The provider's account, and what its access point sells."""
        provider = self.keys["provider"]
        self.everybody.append(provider.public)
        self.submit([(Create(provider.public), provider), (OFFER, provider)])

    def balances(self, wallets: Mapping[str, Wallet], roles: Sequence[Role]) -> dict[str, int]:
        """Balances of the provider and of these roles, by name."""
        accounts = {"provider": self.keys["provider"].public}
        accounts |= {role.name: wallets[role.name].account for role in roles}
        return {name: self._balance(account) for name, account in accounts.items()}

    def state(self) -> LedgerState:
        """Height, app hash, and whether deposits less withdrawals are where they should be."""
        page = self.read(lambda reader: reader.get("ledger"))
        held_ubc = sum(self._balance(account) for account in self.everybody)
        transactions = self.read(lambda reader: sum(1 for _ in reader.pages("transactions", "transactions")))
        return LedgerState(
            conserved=held_ubc == page["deposited_ubc"] - page["withdrawn_ubc"],
            app_hash=page["app_hash"],
            height=page["height"],
            transactions=transactions,
        )

    def read(self, ask: Callable[[LedgerReader], T]) -> T:
        """Asks the ledger's HTTP pages."""
        return self.namespace.call(lambda: ask(LedgerReader(self.url)))

    def _balance(self, account: PublicKey) -> int:
        page: dict[str, Any] = self.read(lambda reader: reader.get(f"accounts/{account}"))
        return int(page["balance_ubc"])

    def submit(self, actions: Sequence[tuple[Action, PrivateKey]]) -> None:
        """Signs and submits; ShellError if the ledger rejects any."""
        until_s = int(time.time()) + VALID_FOR_S
        signed = [
            sign_transaction(
                Transaction(action, os.urandom(NONCE_SIZE), until_s), key, self.ledger_id
            ).envelope.encoded
            for action, key in actions
        ]

        def submit() -> list[bytes]:
            host, port = self.broker
            tls = self.identity.client_context()
            with LedgerClient(host, port, EXCHANGE, tls) as client:
                return [client.submit(transaction).receipt for transaction in signed]

        for receipt in self.namespace.call(submit):
            said = read_receipt(receipt, self.keys["ledger"].public, self.ledger_id)
            if not said.executed:
                raise ShellError("ledger", f"{said.reason}: {said.detail}")
