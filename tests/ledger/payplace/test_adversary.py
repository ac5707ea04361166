"""A randomised adversary runs operators, merchants and consumers against the contract; nobody honest loses anything."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from tests.payplace_adversary import ACCOUNTS, Adversary
from tests.payplace_contract import PythonContract

LIVES, ROUNDS = 6, 150
"""More of them: `python -m tests.payplace_long_run` (docs/testing.md)."""


@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("by_program", [False, True], ids=["short rule", "merchant's program"])
def test_nobody_honest_loses_anything_to_it(by_program: bool) -> None:
    """Safety of consumers and merchants, certain income, data at hand, money conserved, after every step."""
    done, tried = Counter[str](), Counter[str]()
    for life in range(LIVES):
        adversary = Adversary(PythonContract(ACCOUNTS), random.Random(life + 1_000 * by_program), by_program)
        for _ in range(ROUNDS):
            adversary.round()
        done.update(adversary.done)
        tried.update(adversary.tried)
    busy = (
        "honest_period",
        "honest_withdrawal",
        "collude_withdraw",
        "deposit_more",
        "mark_anybody",
        "overspend",
        "shift_spent_funds",
    )
    assert done["guard"], "a merchant's program contested something"
    assert all(done[deed] >= LIVES for deed in busy), done
    harmless = (
        "rogue_key",
        "join_in_freeze",
        "withdraw_in_freeze",
        "notarise_late",
        "steal_leaf",
        "join_again",
    )
    assert all(tried[deed] >= LIVES for deed in harmless), tried
    assert not any(done[deed] for deed in harmless), done
