"""One question over HTTP, to servers that answer, that are not there, that drip, that flood and that speak nonsense."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from ledger.asking import Answer, ask, ask_long
from wire.errors import ShellError

DEADLINE_S = 0.3


@contextmanager
def peer(speak: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server for one connection: `speak` gets it, and may find it ended."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            endpoint, _ = listening.accept()
            with endpoint, suppress(OSError):
                speak(endpoint)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/way?x=1"
        finally:
            thread.join(10)
            assert not thread.is_alive()


def say(text: bytes) -> Callable[[socket.socket], None]:
    """When all of the question is there: who hangs up before resets the connection, and the answer is lost."""

    def speak(endpoint: socket.socket) -> None:
        heard = endpoint.recv(4_096)
        while not heard.endswith(b"question" if heard.startswith(b"POST") else b"\r\n\r\n"):
            heard += endpoint.recv(4_096)
        endpoint.sendall(text)

    return speak


def drip(before: bytes) -> Callable[[socket.socket], None]:
    """A byte each 50 ms for three seconds, so that no read ever waits long."""

    def speak(endpoint: socket.socket) -> None:
        endpoint.recv(4_096)
        endpoint.sendall(before)
        endpoint.settimeout(0.05)
        for _ in range(60):
            endpoint.sendall(b"x")
            with suppress(TimeoutError):
                if not endpoint.recv(1):
                    return

    return speak


def test_what_is_asked_and_answered() -> None:
    heard: list[bytes] = []

    def speak(endpoint: socket.socket) -> None:
        while not heard or not heard[-1].endswith(b"question"):
            heard.append(endpoint.recv(4_096))
        endpoint.sendall(b"HTTP/1.1 422 No\r\nContent-Length: 2\r\n\r\nno")

    with peer(speak) as url:
        assert ask(url, b"question", {"X-Word": "1"}, 10, 5) == Answer(422, b"no")
    assert b"".join(heard).startswith(b"POST /way?x=1 HTTP/1.1\r\n")
    assert b"X-Word: 1\r\n" in b"".join(heard)


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    with peer(say(b"HTTP/1.1 302 Over there\r\nLocation: http://x/\r\nContent-Length: 0\r\n\r\n")) as url:
        assert ask(url, None, {}, 10, 5) == Answer(302, b"")


@pytest.mark.parametrize(
    "before",
    [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"],
    ids=["status", "headers", "content"],
)
def test_who_drips_is_left_at_the_deadline(before: bytes) -> None:
    started_s = time.monotonic()
    with peer(drip(before)) as url:
        with pytest.raises(ShellError, match="timed out"):
            ask(url, b"question", {}, 10_000, DEADLINE_S)
        assert time.monotonic() - started_s < DEADLINE_S + 1


def test_who_drips_instead_of_tls_is_left_too() -> None:
    """A TLS record that says 16,000 octets follow, one by one."""
    with peer(drip(b"\x16\x03\x03\x3e\x80")) as url, pytest.raises(ShellError, match="timed out"):
        ask(url.replace("http:", "https:"), b"question", {}, 10_000, DEADLINE_S)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n" + bytes(11), "more than 10 bytes"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", "more expected|IncompleteRead"),
        (b"220 mail here\r\n", "220 mail"),
        (b"", "without response|reset by peer"),
    ],
)
def test_what_is_no_answer(text: bytes, why: str) -> None:
    with peer(say(text)) as url, pytest.raises(ShellError, match=why):
        ask(url, b"question", {}, 10, 5)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://x", "roof.example", "http://", "http://x:99999"]
)
def test_only_the_web_is_asked(url: str) -> None:
    with pytest.raises(ShellError, match="URL"):
        ask(url, b"question", {}, 10, 5)


def test_what_is_long_comes_in_pieces() -> None:
    content = bytes(range(256)) * 40
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content)
    with peer(say(head + content)) as url, ask_long(url, 4_096, 5) as answer:
        pieces = list(answer.pieces)
    assert answer.status == 200
    assert b"".join(pieces) == content
    assert [len(piece) for piece in pieces] == [4_096, 4_096, 2_048]


@pytest.mark.parametrize("before", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"])
def test_who_drips_what_is_long_is_left_too(before: bytes) -> None:
    with (
        peer(drip(before)) as url,
        pytest.raises(ShellError, match="timed out"),
        ask_long(url, 4_096, DEADLINE_S) as answer,
    ):
        list(answer.pieces)


def test_what_is_long_and_ends_early_is_nothing() -> None:
    text = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"
    with (
        peer(say(text)) as url,
        pytest.raises(ShellError, match="IncompleteRead"),
        ask_long(url, 4_096, 5) as answer,
    ):
        list(answer.pieces)


def test_nobody_is_there_for_what_is_long() -> None:
    with pytest.raises(ShellError), ask_long("http://127.0.0.1:1/", 4_096, 5):
        raise AssertionError("nobody is there")
