"""The table of steps: what an operator does next, from the chain and its disk alone."""

import pytest

from ledger.payplace.entries import PayMerchant, PayOperator, Status
from ledger.payplace.payout_block import BlockHead
from operatord.payplace.chain import Standing
from operatord.payplace.steps import GiveUp, MakeBlock, MarkThese, NotariseNow, Settle, Wait, next_step

ROOT, OTHER = bytes([1]) * 32, bytes([2]) * 32
A, B, C, GONE = (bytes([number]) * 32 for number in range(4))
START_S, PERIOD_S, WINDOW_S, COLLECT_S = 5_000, 1_000, 100, 50
BLOCK = BlockHead(bytes(32), 3, 8_001, OTHER, 3, ROOT)
RECORDS = {
    A: PayMerchant(b"", b"", 0),
    B: PayMerchant(b"", b"", 0),
    C: PayMerchant(b"", b"", 0, status=Status.MISSING, at=1),
    GONE: PayMerchant(b"", b"", 0, status=Status.EXITED, at=1),
}


def standing(now_s, root=OTHER, window=2):
    operator = PayOperator(
        b"", b"", START_S, PERIOD_S, WINDOW_S, 10, 2_000, b"", b"", height=2, window=window, root=root
    )
    return Standing(now_s, operator, RECORDS)


@pytest.mark.parametrize(
    ("what", "now_s", "root", "window", "block", "signed", "step"),
    [
        ("before the window", 7_999, OTHER, 2, None, {}, Wait(8_000)),
        ("the window begins", 8_000, OTHER, 2, None, {}, MakeBlock(3)),
        ("nobody has signed", 8_001, OTHER, 2, BLOCK, {}, Wait(8_050)),
        ("one has signed", 8_049, OTHER, 2, BLOCK, {A}, Wait(8_050)),
        ("time is up", 8_050, OTHER, 2, BLOCK, {A}, MarkThese((B,))),
        ("everybody has signed", 8_010, OTHER, 2, BLOCK, {A, B}, NotariseNow((A, B), ())),
        ("one returns", 8_010, OTHER, 2, BLOCK, {A, B, C}, NotariseNow((A, B, C), (C,))),
        ("who left does not count", 8_010, OTHER, 2, BLOCK, {A, B, GONE}, NotariseNow((A, B), ())),
        ("the window's last second", 8_100, OTHER, 2, BLOCK, {A}, MarkThese((B,))),
        ("notarised", 8_060, ROOT, 3, BLOCK, {A}, Settle()),
        ("notarised, heard of late", 8_500, ROOT, 3, BLOCK, {A}, Settle()),
        ("settled", 8_060, ROOT, 3, None, {}, Wait(9_000)),
        ("the window is over", 8_101, OTHER, 2, BLOCK, {A}, GiveUp("its window is over")),
        ("a period later", 9_001, OTHER, 2, BLOCK, {A}, GiveUp("its window is over")),
        ("another is the head", 8_060, bytes(32), 3, BLOCK, {A}, GiveUp("another block is the head")),
        ("as the last, but not notarised", 8_010, ROOT, 2, None, {}, MakeBlock(3)),
    ],
)
def test_the_table(what, now_s, root, window, block, signed, step):
    assert next_step(standing(now_s, root, window), block, frozenset(signed), COLLECT_S) == step, what


def test_a_block_in_which_nobody_earned_anything_is_notarised_all_the_same():
    """It has the root of the last one; what was missing returns by it, and W and B are emptied."""
    same = BlockHead(bytes(32), 3, 8_001, ROOT, 3, ROOT)
    step = next_step(standing(8_010, ROOT, 2), same, frozenset({A, B, C}), COLLECT_S)
    assert step == NotariseNow((A, B, C), (C,))
    assert next_step(standing(8_020, ROOT, 3), same, frozenset(), COLLECT_S) == Settle()
