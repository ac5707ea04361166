"""The two contracts, Python and Solidity, answer the same: every rule's row, and a random adversary's every step."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import cast

import pytest

from ledger.evm.node import Node, run_node
from ledger.rejection import Reason
from tests.ledger.payplace.test_acting import ROWS, Row, Town
from tests.ledger_world import GENESIS
from tests.payplace_adversary import ACCOUNTS, Adversary
from tests.payplace_contract import PythonContract
from tests.payplace_evm import EvmContract, NamingContract, PartingContract
from tests.payplace_twins import play_both

LEDGER_ONLY = {Reason.UNKNOWN_ACCOUNT, Reason.SUMMARY_OVERLAPS, Reason.SUMMARY_IN_FUTURE}
"""Summaries are published to the ledger, and an EVM has no accounts to be unknown."""
SHARED_ROWS = [row for row in ROWS if row.reason not in LEDGER_ONLY]
TWIN_ROUNDS, ROUNDS, SEEDS = 18, 25, (1, 2)


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


@pytest.mark.parametrize(
    ("seed", "twin"), list(zip(SEEDS, (EvmContract, PartingContract), strict=True)), ids=["whole", "in parts"]
)
def test_an_adversary_meets_the_same_answers_and_leaves_the_same_state(
    node: Node, seed: int, twin: Callable[[Node, int], EvmContract]
) -> None:
    """Also where each withdrawal is made of one entry at a time."""
    steps, done = play_both(node, seed, TWIN_ROUNDS, twin)
    assert len(steps) > 2 * TWIN_ROUNDS
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
