"""The two contracts, Python and Solidity, answer the same: every rule's row, and a random adversary's every step."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from ledger.evm.node import Node, run_node
from ledger.rejection import Reason
from tests.ledger.payplace.test_acting import ROWS, Row, Town
from tests.ledger_world import GENESIS
from tests.payplace_adversary import ACCOUNTS, OPERATORS, Adversary
from tests.payplace_contract import Contract, PythonContract
from tests.payplace_evm import EvmContract, NamingContract

LEDGER_ONLY = {Reason.UNKNOWN_ACCOUNT, Reason.SUMMARY_OVERLAPS, Reason.SUMMARY_IN_FUTURE}
"""Summaries are published to the ledger, and an EVM has no accounts to be unknown."""
SHARED_ROWS = [row for row in ROWS if row.reason not in LEDGER_ONLY]
ROUNDS, SEEDS = 25, (1, 2)


@pytest.fixture(scope="module")
def early_node(evm_contracts: None) -> Iterator[Node]:
    """At the time of the Python contract's genesis, so that both live through the same seconds."""
    with run_node(start_s=GENESIS.time_s - 1_000) as node:
        yield node


@pytest.fixture
def node(early_node: Node) -> Iterator[Node]:
    before = early_node.snapshot()
    yield early_node
    early_node.revert(before)


# ---- One row for each rule


@pytest.mark.parametrize("row", SHARED_ROWS, ids=lambda row: f"{row.reason.text} {row.note}")
def test_a_broken_rule_has_the_same_name_on_an_evm(node: Node, row: Row) -> None:
    town = Town(cast("PythonContract", EvmContract(node, ACCOUNTS)))
    total = town.contract.total()
    assert row.deed(town) == row.reason.name
    assert town.contract.total() == total


# ---- An adversary, step by step

ACTIONS = {
    "register_operator", "deposit", "register_merchant", "mark_missing", "notarise", "withdraw", "would_pay",
    "force_exit", "shift", "challenge", "finish_shift",
}  # fmt: skip


@dataclass
class Watched:
    """A contract of which every step is remembered: what was asked, what came of it, and the state after it."""

    contract: Contract
    steps: list[tuple[object, ...]] = field(default_factory=list)
    _merchants: dict[int, set[bytes]] = field(default_factory=dict)

    @property
    def now_s(self) -> int:
        return self.contract.now_s

    @now_s.setter
    def now_s(self, value: int) -> None:
        self.contract.now_s = value

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.contract, name)
        return self._watch(name, found) if name in ACTIONS else found

    def _watch(self, name: str, action: Callable[..., str | int]) -> Callable[..., str | int]:
        def watched(*words: Any, **more: Any) -> str | int:
            outcome = action(*words, **more)
            self.steps.append((name, self.now_s, outcome, *self._state()))
            return outcome

        return watched

    def merchant(self, operator: int, merchant_id: bytes) -> object:
        self._merchants.setdefault(operator, set()).add(merchant_id)
        return self.contract.merchant(operator, merchant_id)

    def _state(self) -> Iterator[object]:
        """All that both have, in the same words: addresses as account numbers."""
        yield tuple(self.contract.balance(number) for number in range(ACCOUNTS))
        for operator in OPERATORS:
            if operator not in self._merchants:
                continue
            found = self.contract.operator(operator)
            yield replace(found, key=b"", apk=b"", tau_s=0, apka=found.apka if any(found.apka) else b"")
            for merchant_id in sorted(self._merchants[operator]):
                record = self.contract.merchant(operator, merchant_id)
                yield record and replace(record, key=b"", payout=self._number(record.payout))
            for number in range(found.channels):
                channel = self.contract.channel(operator, number)
                shift = channel.shift and replace(channel.shift, target=self._number(channel.shift.target))
                yield replace(channel, shift=shift)

    def _number(self, account: bytes) -> bytes:
        accounts = [self.contract.account(number) for number in range(ACCOUNTS)]
        return bytes([accounts.index(account)])


def play(
    contract: Contract, seed: int, rounds: int = ROUNDS
) -> tuple[list[tuple[object, ...]], dict[str, int]]:
    watched = Watched(contract)
    adversary = Adversary(cast("Contract", watched), random.Random(seed))
    for _ in range(rounds):
        adversary.round()
    return watched.steps, adversary.done


@pytest.mark.parametrize("seed", SEEDS)
def test_an_adversary_meets_the_same_answers_and_leaves_the_same_state(node: Node, seed: int) -> None:
    steps, done = play(PythonContract(ACCOUNTS), seed)
    twin, _ = play(EvmContract(node, ACCOUNTS), seed)
    for number, (one, other) in enumerate(zip(steps, twin, strict=False)):
        assert one == other, f"step {number}: {one[:3]} and {other[:3]}"
    assert len(steps) == len(twin) > 2 * ROUNDS
    assert any(done.values()), done


@pytest.mark.parametrize("seed", SEEDS)
def test_the_adversary_takes_nothing_either_where_the_missing_are_only_named(node: Node, seed: int) -> None:
    """Its own assertions, without the Python contract, which has no absences: nobody honest is paid less."""
    contract = NamingContract(node, ACCOUNTS)
    adversary = Adversary(contract, random.Random(seed))
    for _ in range(ROUNDS):
        adversary.round()
    assert contract.settled, "somebody had to be settled"
    assert adversary.done["honest_withdrawal"], adversary.done
