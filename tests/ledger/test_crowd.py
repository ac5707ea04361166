"""The index of a crowd: everybody is found, hardly anybody else, and rows are few."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from ledger.crowd import BUCKETS, bucket_of, crowd_rows, may_hold

CHANCE = random.Random(5)


def key(chance: random.Random) -> bytes:
    return bytes([chance.choice((2, 3))]) + chance.randbytes(32)


def test_everybody_is_found_and_hardly_anybody_else() -> None:
    crowd = [key(CHANCE) for _ in range(20_000)]
    rows = {bucket: marks for bucket, number, marks in crowd_rows(b"".join(crowd), 7) if number == 7}
    assert len(rows) == BUCKETS
    assert sum(len(marks) for marks in rows.values()) == 4 * len(crowd)
    assert all(may_hold(rows[bucket_of(one)], one) for one in crowd)
    strangers = [key(CHANCE) for _ in range(20_000)]
    assert sum(may_hold(rows[bucket_of(one)], one) for one in strangers) < 20, "some 0.4 are expected"


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=60))
def test_in_small_and_lopsided_crowds_too(points: list[bytes]) -> None:
    crowd = [b"\x02" + point for point in points]
    rows = crowd_rows(b"".join(crowd), 1)
    assert [bucket for bucket, _, _ in rows] == sorted({bucket_of(one) for one in crowd})
    assert all(may_hold(marks, one) for bucket, _, marks in rows for one in crowd if bucket_of(one) == bucket)


def test_the_rows_are_the_same_on_every_machine() -> None:
    """Big endian, whatever the processor: by hand, of two keys in the last bucket and one in the first."""
    crowd = b"".join(b"\x02" + bytes.fromhex(x) + bytes(28) for x in ("ffffffff", "3f000000", "c0000001"))
    assert crowd_rows(crowd, 9) == [
        (0, 9, bytes.fromhex("00000001")),
        (126, 9, bytes.fromhex("3f000000")),
        (127, 9, bytes.fromhex("3fffffff")),
    ]


def test_nobody_is_in_an_empty_row() -> None:
    assert not may_hold(b"", b"\x02" * 33)
