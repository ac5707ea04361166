"""The two contracts, Python and Solidity, answer the same: every rule's row, and a random adversary's every step."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import cast

import pytest

from ledger.evm.node import Node, run_node
from ledger.rejection import Reason
from tests.ledger.payplace.test_acting import ROWS, Row, Town
from tests.ledger_world import GENESIS
from tests.payplace_adversary import ACCOUNTS, LEAGUE, Adversary
from tests.payplace_contract import PythonContract
from tests.payplace_evm import EvmContract, NamingContract, PartingContract, Stopping
from tests.payplace_twins import play_both

LEDGER_ONLY = {Reason.UNKNOWN_ACCOUNT, Reason.SUMMARY_OVERLAPS, Reason.SUMMARY_IN_FUTURE}
"""Summaries are published to the ledger, and an EVM has no accounts to be unknown."""
SHARED_ROWS = [row for row in ROWS if row.reason not in LEDGER_ONLY]
TWIN_ROUNDS, ROUNDS = 18, 25
WHOLE_SEED, PARTS_SEED, NAMED_SEED, STOPPING_SEED = 1, 15, 1, 3
"""Lives in which what is asserted below happens."""


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


def test_an_adversary_meets_the_same_answers_and_leaves_the_same_state(node: Node) -> None:
    steps, adversary = play_both(EvmContract(node, ACCOUNTS), WHOLE_SEED, TWIN_ROUNDS)
    assert len(steps) > 2 * TWIN_ROUNDS
    assert adversary.done["honest_period"], adversary.done


def test_the_same_where_each_withdrawal_is_made_of_one_entry_at_a_time(node: Node) -> None:
    contract = PartingContract(node, ACCOUNTS)
    _, adversary = play_both(contract, PARTS_SEED, TWIN_ROUNDS)
    happened = ("honest_period", "honest_withdrawal", "collude_withdraw", "guard")
    assert all(adversary.done[deed] for deed in happened), adversary.done
    assert contract.parts, "somebody had more than one entry"
    assert_tried_in_vain(adversary)


def assert_tried_in_vain(adversary: Adversary) -> None:
    """The contract was asked, and said no."""
    for deed in ("steal_leaf", "rogue_key", "join_again", "replay_notarisation"):
        assert adversary.tried[deed], (deed, adversary.tried)
        assert not adversary.done[deed], (deed, adversary.done)


def test_the_adversary_takes_nothing_either_where_the_missing_are_only_named(node: Node) -> None:
    """Its own assertions, without the Python contract, which has no absences: nobody honest is paid less."""
    contract = NamingContract(node, ACCOUNTS)
    adversary = Adversary(contract, random.Random(NAMED_SEED))
    for _ in range(ROUNDS):
        adversary.round()
    assert contract.settled, "somebody had to be settled"
    assert adversary.done["honest_withdrawal"], adversary.done


def test_who_stops_half_way_keeps_nobody_from_signing(node: Node) -> None:
    """Nor takes anything, whether it is named, pushed out, or takes the rest; merchants decide by their program."""
    stopping = Stopping(LEAGUE, random.Random(STOPPING_SEED))
    contract = NamingContract(node, ACCOUNTS, stopping=stopping)
    adversary = Adversary(contract, random.Random(STOPPING_SEED), by_program=True)
    for _ in range(TWIN_ROUNDS):
        adversary.round()
    assert stopping.parts, "a rest was left"
    assert adversary.done["beside a part"], "an honest block while it was: everybody online signed"
    assert contract.settled, "somebody had to be settled"
    assert_tried_in_vain(adversary)
