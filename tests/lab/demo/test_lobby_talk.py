"""Overheard datagrams: the first of a kind, whatever noise is around it."""

import pytest

from lab.demo.lobby_talk import first_of
from nas_tunnel.lobby import Discover, Join, Purchase, write_lobby
from wire.errors import ShellError

PURCHASE = write_lobby(Purchase(b"a transaction"))
JOIN = write_lobby(Join(b"a grant", b"a request"))


def test_finds_the_first_of_a_kind_among_noise() -> None:
    heard = [
        b"",
        b"\xff" * 40,
        write_lobby(Discover()),
        PURCHASE,
        JOIN,
        write_lobby(Join(b"later", b"later")),
    ]
    assert first_of(Join, heard) == JOIN
    assert first_of(Purchase, heard) == PURCHASE


def test_says_what_was_not_heard() -> None:
    with pytest.raises(ShellError, match="no Join among 1 datagrams"):
        first_of(Join, [PURCHASE])
