"""A block in the making: what it will write, and what the ledger will know once it is written.

Collects; decides nothing. Until the engine has it on disk it is a draft that can be dropped.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ledger.block import BlockRows, Item, ItemKind, item_leaf
from ledger.chain_state import ChainState
from ledger.clubs.acting import club_parties
from ledger.contract import Applied
from ledger.crowd import CROWD, crowd_rows
from ledger.granting import make_purchase, write_sale
from ledger.payplace.acting import parties_of
from ledger.state import Draft
from wire.allocate import Allocate
from wire.attestation_result import AttestationResult
from wire.club_actions import FoundClub, SpendTokens
from wire.create import Create
from wire.grant import TRANSACTION_REFERENCE_SIZE, Grant
from wire.ledger_reply import MAX_GRANTS
from wire.money_actions import Deposit, Transfer, Withdraw
from wire.post_offer import PostOffer
from wire.sale_leaf import SaleLeaf
from wire.transaction import SignedTransaction


class Mark(NamedTuple):
    """How far a block had come."""

    draft: Draft
    next_number: int
    sizes: list[int]
    chains: dict[bytes, ChainState]


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
    item_ids: dict[bytes, None] = field(default_factory=dict)
    sales: list[SaleLeaf] = field(default_factory=list)
    references: dict[bytes, None] = field(default_factory=dict)
    """Beginnings of the ids of purchases, by which grants are found."""

    def mark(self) -> "Mark":
        """Where it is now; what comes is put into a draft of its own, until `keep` or `undo`."""
        mark = Mark(self.draft, self.next_number, [len(one) for one in self._growing()], dict(self.chains))
        self.draft = Draft(self.draft)
        return mark

    def keep(self, mark: "Mark") -> None:
        """What came since is of the block."""
        mark.draft.absorb(self.draft.changes, self.draft.executed)
        self.draft = mark.draft

    def undo(self, mark: "Mark") -> None:
        """Nothing came since, whatever was in the middle of coming."""
        self.draft, self.next_number, self.chains = mark.draft, mark.next_number, mark.chains
        for growing, size in zip(self._growing(), mark.sizes, strict=True):
            if isinstance(growing, dict):
                while len(growing) > size:
                    growing.popitem()
            else:
                del growing[size:]

    def _growing(self) -> tuple[list[Any] | dict[bytes, Any], ...]:
        """Everything to which something is added, always at its end."""
        rows = self.rows
        return (
            *(rows.items, rows.parties, rows.crowds, rows.records, rows.enrolments, self.leaves, self.sales),
            *(self.enrolments, self.grants, self.item_ids, self.references),
        )

    def add(
        self, kind: ItemKind, item_id: bytes, encoded: bytes, result: bytes = b"", valid_until_s: int = 0
    ) -> int:
        """The number that the item gets in the log."""
        number = self.next_number
        self.next_number += 1
        self.rows.items.append(Item(number, self.height, kind, item_id, valid_until_s, encoded, result))
        self.leaves.append(item_leaf(kind, encoded))
        self.item_ids[item_id] = None
        return number

    def add_transaction(self, signed: SignedTransaction, applied: Applied) -> tuple[Grant, ...]:
        """The grants that it made; none if they are more than one reply carries."""
        valid_until_s, subject = signed.transaction.valid_until_s, signed.transaction_id
        self.draft.absorb(applied.changes, (subject,))
        result = b"" if applied.sale is None else write_sale(applied.sale)
        number = self.add(ItemKind.TRANSACTION, subject, signed.envelope.encoded, result, valid_until_s)
        self.rows.parties.append((applied.issuer.octets, number))
        match signed.transaction.action:
            case Allocate() as action:
                self.rows.parties.append((action.provider.octets, number))
                return self._add_grants(signed, action, applied, number)
            case Deposit() | Withdraw() | Transfer() as action:
                self.rows.parties.append((action.provider.octets, number))
            case Create() | PostOffer():
                pass
            case FoundClub() | SpendTokens() as action:
                self.rows.parties += [(party.octets, number) for party in club_parties(action)]
            case action:
                self.rows.parties += [(party.octets, number) for party in parties_of(action)]
        return ()

    def _add_grants(
        self, signed: SignedTransaction, action: Allocate, applied: Applied, number: int
    ) -> tuple[Grant, ...]:
        assert applied.sale is not None, "an allocate that was executed sold something"
        purchase = make_purchase(signed.transaction_id, action, applied.sale)
        self.sales.append(purchase.leaf())
        self.references[signed.transaction_id[:TRANSACTION_REFERENCE_SIZE]] = None
        if purchase.count > CROWD:
            self.rows.crowds += crowd_rows(action.consumer_keys, number)
        else:
            self.rows.parties += [(consumer, number) for consumer in action.consumers]
        grants = tuple(purchase.grants(MAX_GRANTS))
        self.grants.update((grant.grant_id, grant) for grant in grants)
        return grants
