"""Reading a ledger's pages: whole within the deadline or not at all, from where it was asked and nowhere else."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from ledger.clearing.house_client import HouseClient
from ledger.client import LedgerAway, LedgerReader
from wire.errors import ShellError
from wire.keys import PrivateKey

Speak = Callable[[socket.socket], None]


@contextmanager
def ledger_that(speak: Speak) -> Iterator[str]:
    """Speaks to one connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            endpoint, _ = listening.accept()
            with endpoint, suppress(OSError):
                endpoint.recv(4_096)
                speak(endpoint)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            thread.join(10)
            assert not thread.is_alive()


def says(status: str, body: bytes, header: str = "X-Is: nothing") -> Speak:
    head = f"HTTP/1.1 {status}\r\n{header}\r\nContent-Length: {len(body)}\r\n\r\n"
    return lambda endpoint: endpoint.sendall(head.encode() + body)


def drips(endpoint: socket.socket) -> None:
    """A byte each 50 ms, so that no read ever waits long."""
    endpoint.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n")
    endpoint.settimeout(0.05)
    for _ in range(100):
        endpoint.sendall(b" ")
        with suppress(TimeoutError):
            if not endpoint.recv(1):
                return


def test_a_page_is_its_json() -> None:
    with ledger_that(says("200 OK", b'{"height": 7}')) as url:
        assert LedgerReader(url).get("ledger") == {"height": 7}


@pytest.mark.parametrize(
    ("header", "said_s"),
    [("Date: Sun, 22 Nov 2026 09:00:00 GMT", 1_795_338_000), ("Date: noon", None), ("X-Is: nothing", None)],
)
def test_what_time_it_is_there_is_kept(header: str, said_s: int | None) -> None:
    with ledger_that(says("200 OK", b"{}", header)) as url:
        reader = LedgerReader(url)
        reader.get("ledger")
    assert reader.said_s == said_s


def test_its_refusals_are_its_own_words() -> None:
    words = b'{"error": "unknown_account", "detail": "nobody"}'
    with (
        ledger_that(says("404 Not Found", words)) as url,
        pytest.raises(LookupError, match="account: nobody"),
    ):
        LedgerReader(url).get("accounts/02")
    with (
        ledger_that(says("422 Unprocessable", words)) as url,
        pytest.raises(ShellError, match="account: nobody"),
    ):
        LedgerReader(url).get("accounts/02")
    with ledger_that(says("500 Oh", b"<html>")) as url, pytest.raises(ShellError, match="answers 500"):
        LedgerReader(url).get("ledger")


NOWHERE = b'{"error": "no_such_page", "detail": "there is no /v1/such"}'


def test_who_has_no_such_page_says_nothing_of_what_was_asked_for() -> None:
    """Of a transaction, say: that it never ran is the word of a ledger, and not of a program that has no such page."""
    with ledger_that(says("404 Not Found", NOWHERE)) as url, pytest.raises(ShellError, match="there is no"):
        LedgerReader(url).get("transactions/ab")
    key = PrivateKey.generate().public
    with (
        ledger_that(says("404 Not Found", NOWHERE)) as url,
        pytest.raises(ShellError, match="runs no clearing house"),
    ):
        HouseClient(url, key, bytes(32)).page("auctions")


def test_whoever_drips_has_not_answered() -> None:
    began = time.monotonic()
    with ledger_that(drips) as url, pytest.raises(LedgerAway, match="nothing whole within"):
        LedgerReader(url, 0.3).get("ledger")
    assert time.monotonic() - began < 2


def test_nobody_is_sent_elsewhere() -> None:
    """A page that a redirect leads to is not the ledger's, whatever it says."""
    with ledger_that(says("200 OK", b'{"height": 9}')) as lure:
        with (
            ledger_that(says("302 Found", b"", f"Location: {lure}/v1/ledger")) as url,
            pytest.raises(ShellError, match="answers 302"),
        ):
            LedgerReader(url).get("ledger")
        house = HouseClient(lure, PrivateKey.generate().public, bytes(32))
        assert house.page("auctions") == {"height": 9}  # nobody had been there


def test_a_house_is_asked_in_the_same_way() -> None:
    key = PrivateKey.generate().public
    away = says("302 Found", b"", "Location: http://127.0.0.1:1/")
    with ledger_that(away) as url, pytest.raises(ShellError, match="answers 302"):
        HouseClient(url, key, bytes(32)).page("auctions")
    with ledger_that(lambda _endpoint: None) as url, pytest.raises(ShellError):
        HouseClient(url, key, bytes(32)).page("auctions")
    refusal = b'{"error": "too_early", "detail": "later"}'
    with (
        ledger_that(says("404 Not Found", refusal)) as url,
        pytest.raises(LookupError, match="too_early: later"),
    ):
        HouseClient(url, key, bytes(32)).time_key(9)
