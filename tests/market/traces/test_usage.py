"""A trace is whole and bounded, says what it is, and has one hash on every machine."""

from __future__ import annotations

import numpy as np
import pytest

from market.traces.usage import MOST_BYTES, Usage, digest


def _usage(values: object, users: tuple[str, ...] = ("anna",), *, synthetic: bool = True) -> Usage:
    return Usage(users, np.array(values, dtype=np.int64), "somewhere", synthetic)


def test_the_last_cycle_is_the_one_looked_at() -> None:
    usage = _usage([[[1, 2]], [[3, 4]], [[5, 6]]])
    assert usage.history_bytes.tolist() == [[[1, 2]], [[3, 4]]]
    assert usage.cycle_bytes.tolist() == [[5, 6]]


def test_a_synthetic_trace_says_so() -> None:
    assert _usage([[[1]], [[2]]]).label == "somewhere (synthetic)"
    assert _usage([[[1]], [[2]]], synthetic=False).label == "somewhere"


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ([[1, 2]], "cycles, users, hours"),
        ([[[1]]], "a history"),
        ([[[1], [1]], [[1], [1]]], "a name for each"),
        ([[[]], [[]]], "has hours"),
        ([[[-1]], [[1]]], "less than nothing"),
        ([[[1]], [[MOST_BYTES + 1]]], "of a radio"),
    ],
)
def test_what_cannot_be_a_trace(values: object, why: str) -> None:
    with pytest.raises(AssertionError, match=why):
        _usage(values)


def test_a_hash_is_of_values_and_shapes() -> None:
    flat, tall = np.arange(6), np.arange(6).reshape(2, 3)
    assert digest(flat) == digest(flat.astype(np.int32)) == digest(flat.astype(">i8"))
    assert len({digest(flat), digest(tall), digest(flat, flat), digest(flat + 1)}) == 4
    with pytest.raises(AssertionError, match="hash integers"):
        digest(flat / 2)
