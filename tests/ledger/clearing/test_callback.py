"""Asking a provider and a keeper over HTTP: answers, refusals, redirects, floods, silence."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from ledger.clearing.callback import ask_keeper, ask_provider
from wire.errors import ShellError


class Peer(BaseHTTPRequestHandler):
    """Answers by path."""

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["Content-Length"]))[::-1])

    def do_GET(self) -> None:
        self._answer(b"secret")

    def _answer(self, content: bytes) -> None:
        status = {"/no": 409, "/moved": 302}.get(self.path, 200)
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/offer")
        if self.path == "/flood/v1/time-secrets/5":
            content = bytes(2_000)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Not in the tests."""


@contextmanager
def peer() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Peer)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_what_is_asked_and_answered() -> None:
    with peer() as url:
        assert ask_provider(f"{url}/offer", b"question") == b"noitseuq"
        assert ask_keeper(url, 5) == b"secret"


@pytest.mark.parametrize(("path", "why"), [("/no", "answers 409$"), ("/moved", "answers 302$")])
def test_what_is_no_answer(path: str, why: str) -> None:
    with peer() as url, pytest.raises(ShellError, match=why):
        ask_provider(f"{url}{path}", b"question")


def test_too_much() -> None:
    with peer() as url, pytest.raises(ShellError, match="more than 1024 bytes"):
        ask_keeper(f"{url}/flood", 5)


def test_nobody_is_there() -> None:
    with peer() as url:
        pass
    with pytest.raises(ShellError, match="refused"):
        ask_provider(f"{url}/offer", b"question")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://x", "roof.example"])
def test_only_the_web_is_asked(url: str) -> None:
    with pytest.raises(ShellError, match="no http or https URL"):
        ask_provider(url, b"question")
    with pytest.raises(ShellError, match="no http or https URL"):
        ask_keeper(url, 5)


def test_silence_ends() -> None:
    """A listening socket that nobody accepts from."""
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(ShellError, match="timed out"):
        ask_provider(f"http://127.0.0.1:{silent.getsockname()[1]}/", b"question", timeout_s=0.05)
