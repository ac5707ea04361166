"""What an operator owes, from what is public and what it earned: for a folder that is lost, or older than the chain.

    owed to a payee of a channel = its part of all that was earned
                                 - what the last block gives its merchants, less what they withdrew since
                                 - all that they ever withdrew

Earnings are operatord's, the block is any merchant's copy, and withdrawals are on the chain, as are the leaves to which
members of M are held. A payee's merchants count together, those that have left too. Exact while the commission was
always what it is; a payee is never credited what it has had. Pure.   Units: micro-bandcoin (ubc).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ledger.payplace.entries import PayMerchant, Status
from ledger.payplace.payout_leaf import MERCHANT_ID_SIZE, leaf_hash_of, read_leaf
from operatord.payplace.income import Row
from wire.payplace_actions import PayplaceAction
from wire.payplace_notarisation import MarkMissing
from wire.payplace_withdrawal import ForceExit, WithdrawPayout

Amounts = dict[tuple[bytes, int], int]
"""(Merchant id or payee, channel) -> ubc."""


@dataclass(slots=True)
class Past:
    """What the executed transactions of an operator leave behind."""

    withdrawn: Amounts = field(default_factory=dict)
    """By merchant id: what it claimed, which is what its leaf lost."""
    claimed: dict[bytes, bytes] = field(default_factory=dict)
    """By merchant id: the leaf by which it withdrew last."""
    marked: dict[bytes, list[bytes]] = field(default_factory=dict)
    """By merchant id: leaves by which it was marked missing."""

    def kept(self, missing: Mapping[bytes, PayMerchant]) -> dict[bytes, bytes]:
        """Of each member of M the leaf to which it is held, if it was marked by one."""
        return {
            one: leaf
            for one, record in missing.items()
            for leaf in self.marked.get(one, [])
            if leaf_hash_of(leaf) == record.leaf
        }


def read_past(actions: Iterable[PayplaceAction]) -> Past:
    """`actions`: executed, of one operator."""
    past = Past()
    for action in actions:
        match action:
            case MarkMissing(rows=rows):
                for row in rows:
                    past.marked.setdefault(row.leaf[:MERCHANT_ID_SIZE], []).append(row.leaf)
            case WithdrawPayout(claim=claim) | ForceExit(claim=claim):
                leaf = read_leaf(claim.proof.leaf)
                past.claimed[leaf.merchant_id] = claim.proof.leaf
                _add(past.withdrawn, ((leaf.merchant_id, c, ubc) for c, ubc in leaf.amounts.items()))
            case _:
                pass
    return past


def owed(
    earned: Iterable[Row], in_block: Iterable[Row], past: Past, merchants: Mapping[bytes, PayMerchant]
) -> Iterator[Row]:
    """What goes into the next block, for merchants that are there; below 0 where a payee has had more than its part.

    `in_block`: what the next block says even with no new income, of merchants that have not left.
    """
    total, had = Amounts(), Amounts()
    _add(total, ((merchants[m].payout, c, ubc) for m, c, ubc in earned))
    _add(had, ((merchants[m].payout, c, ubc) for m, c, ubc in in_block))
    _add(had, ((merchants[m].payout, c, ubc) for (m, c), ubc in past.withdrawn.items() if m in merchants))
    present = {record.payout: one for one, record in merchants.items() if record.status != Status.EXITED}
    for payee, channel in sorted(total.keys() | had.keys()):
        rest_ubc = total.get((payee, channel), 0) - had.get((payee, channel), 0)
        if rest_ubc and payee in present:
            yield present[payee], channel, rest_ubc


def _add(amounts: Amounts, rows: Iterable[Row]) -> None:
    for owner, channel, ubc in rows:
        amounts[owner, channel] = amounts.get((owner, channel), 0) + ubc
