"""Who is in a crowd: an index of the consumers of a purchase for very many, small enough to be written with its block.

A row for each consumer would touch as many places of a growing index as there are consumers. Here a purchase has at
most 128 rows whatever its size: 30 bits of each key's x, cut into buckets by the first 7. A row says "perhaps"; whoever
looks somebody up compares the whole key in the purchase itself. Pure.
"""

from array import array
from bisect import bisect_left

from wire.ids import PUBLIC_KEY_SIZE

CROWD = 1_000
"""A purchase for more consumers than this is indexed as a crowd."""
BUCKETS = 128
_BITS = 30
"""Python sorts integers of so few bits twice as fast as longer ones."""
_WIDTH = (1 << _BITS) // BUCKETS
_MARK_SIZE = 4
_FIRST_OCTET = bytes(octet & 0x3F for octet in range(256))
_TURNED = array("I", (1,)).tobytes()[0] == 1
"""This machine writes integers the other way round than the network."""

Row = tuple[int, int, bytes]
"""Bucket, number of the item, marks in rising order."""


def crowd_rows(consumer_keys: bytes, number: int) -> list[Row]:
    """Of the consumers of item `number`, their keys one after the other."""
    marks, rows, at = _marks(consumer_keys), list[Row](), 0
    for bucket in range(BUCKETS):
        end = bisect_left(marks, (bucket + 1) * _WIDTH, at)
        if end > at:
            rows.append((bucket, number, _write(marks[at:end])))
        at = end
    return rows


def bucket_of(account: bytes) -> int:
    return _mark(account) // _WIDTH


def may_hold(marks: bytes, account: bytes) -> bool:
    """Whether a row of the account's bucket has its mark."""
    known, wanted = _read(marks), _mark(account)
    at = bisect_left(known, wanted)
    return at < len(known) and known[at] == wanted


def _mark(account: bytes) -> int:
    return int.from_bytes(account[1 : 1 + _MARK_SIZE], "big") & ((1 << _BITS) - 1)


def _marks(consumer_keys: bytes) -> "array[int]":
    """Sorted. Column by column, as a loop over 50,000 keys would cost more than sorting them."""
    count = len(consumer_keys) // PUBLIC_KEY_SIZE
    octets = bytearray(_MARK_SIZE * count)
    for at in range(_MARK_SIZE):
        column = consumer_keys[1 + at :: PUBLIC_KEY_SIZE]
        octets[at::_MARK_SIZE] = column.translate(_FIRST_OCTET) if at == 0 else column
    return array("I", sorted(_read(bytes(octets))))


def _read(octets: bytes) -> "array[int]":
    """Of integers in the order of the network."""
    marks = array("I")
    assert marks.itemsize == _MARK_SIZE, "an unsigned int has four octets wherever CPython runs"
    marks.frombytes(octets)
    if _TURNED:
        marks.byteswap()
    return marks


def _write(marks: "array[int]") -> bytes:
    if _TURNED:
        marks.byteswap()
    return marks.tobytes()
