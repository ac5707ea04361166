"""A block in the making: what it will write, and what the ledger will know once it is written.

Collects; decides nothing. Until the engine has it on disk it is a draft that can be dropped.
"""

from copy import copy
from dataclasses import dataclass, field, replace

from ledger.block import BlockRows, Item, ItemKind, item_leaf
from ledger.chain_state import ChainState
from ledger.contract import Applied
from ledger.crowd import CROWD, crowd_rows
from ledger.granting import make_purchase, write_sale
from ledger.state import Draft
from wire.allocate import Allocate
from wire.attestation_result import AttestationResult
from wire.grant import TRANSACTION_REFERENCE_SIZE, Grant
from wire.ledger_reply import MAX_GRANTS
from wire.money_actions import Deposit, Transfer, Withdraw
from wire.sale_leaf import SaleLeaf
from wire.transaction import SignedTransaction


@dataclass(slots=True)
class FormingBlock:
    """`draft` is the state after what was taken so far; `rows` what goes to disk."""

    height: int
    time_s: int
    draft: Draft
    next_number: int
    rows: BlockRows
    leaves: list[bytes] = field(default_factory=list)
    chains: dict[bytes, ChainState] = field(default_factory=dict)
    enrolments: dict[bytes, AttestationResult] = field(default_factory=dict)
    grants: dict[bytes, Grant] = field(default_factory=dict)
    item_ids: set[bytes] = field(default_factory=set)
    sales: list[SaleLeaf] = field(default_factory=list)
    references: set[bytes] = field(default_factory=set)
    """Beginnings of the ids of purchases, by which grants are found."""

    def fork(self) -> "FormingBlock":
        """A copy that can be dropped. Its draft lies over this one's, so its `changes` are what it adds."""
        rows = copy(self.rows)
        for name in ("items", "parties", "crowds", "records", "enrolments"):
            setattr(rows, name, list(getattr(rows, name)))
        return replace(
            self, draft=Draft(self.draft), rows=rows, leaves=list(self.leaves), chains=dict(self.chains),
            enrolments=dict(self.enrolments), grants=dict(self.grants), item_ids=set(self.item_ids),
            sales=list(self.sales), references=set(self.references),
        )  # fmt: skip

    def join(self, other: "FormingBlock") -> "FormingBlock":
        """`other`, a fork of this, as a block of its own; this one is used up."""
        self.draft.absorb(other.draft.changes, other.draft.executed.items())
        return replace(other, draft=self.draft)

    def add(
        self, kind: ItemKind, item_id: bytes, encoded: bytes, result: bytes = b"", valid_until_s: int = 0
    ) -> int:
        """The number that the item gets in the log."""
        number = self.next_number
        self.next_number += 1
        self.rows.items.append(Item(number, self.height, kind, item_id, valid_until_s, encoded, result))
        self.leaves.append(item_leaf(kind, encoded))
        self.item_ids.add(item_id)
        return number

    def add_transaction(self, signed: SignedTransaction, applied: Applied) -> tuple[Grant, ...]:
        """The grants that it made; none if they are more than one reply carries."""
        valid_until_s, subject = signed.transaction.valid_until_s, signed.transaction_id
        self.draft.absorb(applied.changes, ((subject, valid_until_s),))
        result = b"" if applied.sale is None else write_sale(applied.sale)
        number = self.add(ItemKind.TRANSACTION, subject, signed.envelope.encoded, result, valid_until_s)
        self.rows.parties.append((applied.issuer.octets, number))
        match signed.transaction.action:
            case Allocate() as action:
                self.rows.parties.append((action.provider.octets, number))
                return self._add_grants(signed, action, applied, number)
            case Deposit() | Withdraw() | Transfer() as action:
                self.rows.parties.append((action.provider.octets, number))
            case _:
                pass
        return ()

    def _add_grants(
        self, signed: SignedTransaction, action: Allocate, applied: Applied, number: int
    ) -> tuple[Grant, ...]:
        assert applied.sale is not None, "an allocate that was executed sold something"
        purchase = make_purchase(signed.transaction_id, action, applied.sale)
        self.sales.append(purchase.leaf())
        self.references.add(signed.transaction_id[:TRANSACTION_REFERENCE_SIZE])
        if purchase.count > CROWD:
            self.rows.crowds += crowd_rows(action.consumer_keys, number)
        else:
            self.rows.parties += [(consumer, number) for consumer in action.consumers]
        grants = tuple(purchase.grants(MAX_GRANTS))
        self.grants.update((grant.grant_id, grant) for grant in grants)
        return grants
