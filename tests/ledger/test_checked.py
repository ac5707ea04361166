"""Submissions that were checked wait for their block: weighed, and forgotten with it."""

from __future__ import annotations

from ledger.checked import KEPT, KEPT_BYTES, LARGEST_BYTES, Checked
from ledger.submission import Batch

EMPTY = Batch(())


def test_what_is_kept_is_found_until_it_is_forgotten() -> None:
    checked = Checked()
    checked.keep(b"one", EMPTY)
    checked.keep(b"one", EMPTY)
    checked.keep(b"other", EMPTY)
    assert (checked.get(b"one"), checked.octets) == (EMPTY, 8)
    checked.forget([b"one", b"never seen"])
    assert (checked.get(b"one"), checked.get(b"other"), checked.octets) == (None, EMPTY, 5)


def test_whatever_their_sizes_they_weigh_no_more_than_so_much() -> None:
    """The oldest go first, one by one and not all at once."""
    checked, size = Checked(), LARGEST_BYTES
    many = [number.to_bytes(4, "big") + bytes(size - 4) for number in range(KEPT_BYTES // size + 3)]
    for one in many:
        checked.keep(one, EMPTY)
    assert checked.octets == KEPT_BYTES
    assert [checked.get(one) is None for one in many[:4]] == [True, True, True, False]
    checked.keep(bytes(LARGEST_BYTES + 1), EMPTY)
    assert checked.get(bytes(LARGEST_BYTES + 1)) is None


def test_there_are_no_more_than_so_many() -> None:
    checked = Checked()
    for number in range(KEPT + 1):
        checked.keep(number.to_bytes(4, "big"), EMPTY)
    assert (checked.get(bytes(4)), checked.octets) == (None, 4 * KEPT)


def test_a_large_one_is_kept_for_the_many_signatures_in_it() -> None:
    checked, large = Checked(), bytes(3 * LARGEST_BYTES)
    checked.keep(large, EMPTY, 2)
    assert checked.get(large) is None
    checked.keep(large, EMPTY, 3)
    assert checked.get(large) is EMPTY
    checked.keep(bytes(KEPT_BYTES + 1), EMPTY, 10**6)
    assert checked.octets == len(large)
