"""How what one operator spends is divided among the others: whole tokens, none lost and none made.

    owed[k] += spent;  each, owed[k] = divmod(owed[k], n - 1);  every other operator gets `each`

What does not divide stays owed by its spender, less than n - 1 tokens, until its next spending. So what the others have
got of an operator depends on nothing but the sum that it spent: not on the sizes of its spendings, not on whose came
between, and on nobody's place in the list. They always get the same. Balances and what is owed together stay the same.

Each has to begin with at least n - 1 tokens: else there may come a time when all tokens are owed, and nobody has any.
The ledger's contract keeps the balances and what is owed. Pure; integers.
Reference: token sharing (002), II D, step 3, which divides real numbers.
"""

from __future__ import annotations

from collections.abc import Sequence


def shared(
    balances: Sequence[int], owed: Sequence[int], spender: int, spent: int
) -> tuple[list[int], list[int]]:
    """Balances and what is owed after operator `spender` spent so many tokens. At least two operators (T2)."""
    others = len(balances) - 1
    assert others >= 1, "there is nobody to share with (T2)"
    assert 0 < spent <= balances[spender], f"{spent} of {balances[spender]} tokens"
    each, rest = divmod(owed[spender] + spent, others)
    after, still = [balance + each for balance in balances], list(owed)
    after[spender], still[spender] = balances[spender] - spent, rest
    return after, still
