"""A club's entry in bytes: it comes back as it was, under its key, and nothing else is read."""

from __future__ import annotations

import pytest

from ledger.clubs.entries import Club, club_key
from ledger.entries import read_entry, write_entry
from wire.cbor import write_cbor
from wire.errors import DecodeError

ID, ONE, TWO = bytes(range(8)), b"\x02" + bytes(32), b"\x03" + bytes(32)
CLUB = Club(ONE, 18_000, 900, ONE + TWO, (5, 1_794), (1, 0))


def test_it_comes_back() -> None:
    assert read_entry(club_key(ID, 255), write_entry(CLUB)) == CLUB
    assert CLUB.member_keys == [ONE, TWO]
    assert club_key(ID, 7) == b"u" + ID + b"\x07"


def test_the_octets_are_those_of_yesterday() -> None:
    """The app hash covers them."""
    assert write_entry(CLUB).hex() == (
        "865821" + ONE.hex() + "194650" + "190384" + "5842" + ONE.hex() + TWO.hex() + "8205190702" + "820100"
    )


@pytest.mark.parametrize(
    "items",
    [
        [],
        [ONE, 18_000, 900, ONE + TWO, [5], [1, 0]],
        [ONE, 18_000, 900, ONE + TWO, [5, b""], [1, 0]],
        [ONE, 18_000, 900, ONE + TWO, 7, [1, 0]],
        [ONE, b"", 900, ONE + TWO, [5, 6], [1, 0]],
        [7, 18_000, 900, ONE + TWO, [5, 6], [1, 0]],
        [ONE, 18_000, 900, ONE + TWO, [5, 6], 1],
        [ONE, 18_000, 900, ONE + TWO, [5, 6], [1]],
        [ONE, 18_000, 900, ONE + TWO, [5, 6], [1, b""]],
        [ONE, 18_000, 900, ONE + TWO, [5, 6]],
    ],
)
def test_nonsense_is_refused(items: list[object]) -> None:
    with pytest.raises(DecodeError):
        read_entry(club_key(ID, 1), write_cbor(items))  # type: ignore[arg-type]
    for octets in (b"\xff", b"\x00"):
        with pytest.raises(DecodeError):
            read_entry(club_key(ID, 1), octets)
