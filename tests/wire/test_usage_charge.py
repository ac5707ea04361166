"""What use costs: nothing within what is included, each begun step beyond, and never more than was said."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.refund import refund_nonce
from wire.units import U63_MAX
from wire.usage_charge import charge_nonce, charge_ubc
from wire.usage_terms import UsageTerms

TERMS = UsageTerms(1_000, 100, 7, 50)


@pytest.mark.parametrize(
    ("units", "used_bytes", "owed_ubc"),
    [(1, 0, 0), (1, 1_000, 0), (1, 1_001, 7), (1, 1_100, 7), (1, 1_101, 14), (1, 1_800, 50), (1, U63_MAX, 50),
     (2, 2_000, 0), (2, 2_001, 7), (2, U63_MAX, 100)],
)  # fmt: skip
def test_by_hand(units: int, used_bytes: int, owed_ubc: int) -> None:
    assert charge_ubc(TERMS.times(units), used_bytes) == owed_ubc


@given(st.integers(1, 9), st.lists(st.integers(0, 20_000), min_size=2, max_size=9))
def test_more_use_never_costs_less_and_the_bound_holds(units: int, uses: list[int]) -> None:
    charges = [charge_ubc(TERMS.times(units), used) for used in sorted(uses)]
    assert all(one <= other for one, other in pairwise(charges))
    assert charges[-1] <= units * TERMS.most_ubc


def test_a_payment_is_no_refund_and_belongs_to_one_grant() -> None:
    grants = [bytes(24), b"\1" * 24]
    assert len({charge_nonce(one) for one in grants} | {refund_nonce(one) for one in grants}) == 4
