"""How what one operator spends is divided among the others: whole tokens, none lost and none made.

    others' share = spent // (n - 1); the odd tokens, spent mod (n - 1), go one each to the next operators in the order
    of the club's list, beginning after the one who had the last odd token, and passing over the spender

So nobody is favoured by its place in the list: of a row of spendings by one operator, what two others have got differs
by at most one. The ledger's contract keeps the balances and the place (`turn`). Pure; integers.
Reference: token sharing (002), II D, step 3, which divides real numbers.
"""

from __future__ import annotations

from collections.abc import Sequence


def shared(balances: Sequence[int], spender: int, spent: int, turn: int) -> tuple[list[int], int]:
    """Balances and turn after operator `spender` spent so many of its tokens. At least two operators (T2)."""
    count = len(balances)
    assert count >= 2, "there is nobody to share with (T2)"
    assert 0 < spent <= balances[spender], f"{spent} of {balances[spender]} tokens"
    each, odd = divmod(spent, count - 1)
    after = [balance + each for balance in balances]
    after[spender] = balances[spender] - spent
    while odd:
        if turn != spender:
            after[turn] += 1
            odd -= 1
        turn = (turn + 1) % count
    return after, turn
