"""The door for merchants where what is behind it fails, and where one host asks for all that there is."""

import select
import socket
import threading
import urllib.error
import urllib.request
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest

from lab.serving import running, served
from ledger.http import serve
from operatord.payplace.crowds import OF_ONE
from operatord.payplace.http import STREAMS_OF_ONE, create_app
from operatord.payplace.office import HttpOffice
from operatord.payplace.watching import BusyError
from wire.errors import ShellError


class Broken:
    """An office whose disk fails."""

    def __getattr__(self, name: str) -> object:
        def fail(*_: object) -> None:
            raise ShellError("payouts", "/secret/place: no space left")

        return fail


def test_a_disk_that_fails_is_told_to_the_operator():
    told: list[str] = []
    with served(create_app(Broken(), told.append)) as url:  # type: ignore[arg-type]
        for path in ("announcement", "kept", f"blocks/{bytes(32).hex()}"):
            with pytest.raises(urllib.error.HTTPError) as caught:
                urllib.request.urlopen(f"{url}/v1/payplace/{path}")
            with caught.value as error:
                assert (error.code, error.read()) == (503, b"try again later")
        with pytest.raises(BusyError, match="try again later"):
            HttpOffice(url).announcement()
    assert told == ["payouts: /secret/place: no space left"] * 4


def test_one_host_that_fills_its_places_keeps_nobody_from_the_announcement():
    """Who asks for leaves by all places of its own waits; the announcement comes all the same."""

    class Stuck:
        def __init__(self) -> None:
            self.go = threading.Event()

        def kept(self):
            assert self.go.wait(30)
            return {}

        def announcement(self):
            return bytes(165)

    office = Stuck()
    with served(create_app(office, print)) as url, ExitStack() as stack:  # type: ignore[arg-type]
        stack.callback(office.go.set)
        asking = [ask(stack, url, "kept") for _ in range(OF_ONE + 1)]
        answered, _, _ = select.select(asking, [], [], 30)
        assert [one.recv(12) for one in answered] == [b"HTTP/1.1 503"]
        with urllib.request.urlopen(f"{url}/v1/payplace/announcement") as shown:
            assert shown.read() == bytes(165)


class Endless:
    """A block without end."""

    def block(self, _):
        while True:
            yield bytes(1 << 16)


def test_who_reads_slowly_has_a_few_streams_and_loses_them(eventually):
    with served(create_app(Endless(), print, write_s=60)) as url, ExitStack() as stack:  # type: ignore[arg-type]
        for _ in range(STREAMS_OF_ONE):
            assert ask(stack, url, BLOCK).recv(12) == b"HTTP/1.1 200"
        assert ask(stack, url, BLOCK).recv(12) == b"HTTP/1.1 503"
    with served(create_app(Endless(), print, write_s=0.1)) as url, ExitStack() as stack:  # type: ignore[arg-type]
        for _ in range(STREAMS_OF_ONE):
            assert ask(stack, url, BLOCK).recv(12) == b"HTTP/1.1 200"
        eventually(
            lambda: ask(stack, url, BLOCK).recv(12) == b"HTTP/1.1 200", "who reads nothing is left", 30
        )


def test_a_server_has_so_many_connections_and_tells_the_rest():
    """Those who are silent count as well."""
    app = create_app(Endless(), print)  # type: ignore[arg-type]
    with running(lambda listening: serve(app, listening, most=3)) as url, ExitStack() as stack:
        assert ask(stack, url, BLOCK).recv(12) == b"HTTP/1.1 200"
        assert ask(stack, url, BLOCK).recv(12) == b"HTTP/1.1 200"
        assert ask(stack, url, BLOCK).recv(12) == b"HTTP/1.1 503"


BLOCK = f"blocks/{bytes(32).hex()}"


def ask(stack: ExitStack, url: str, path: str) -> socket.socket:
    """A question whose answer nobody reads."""
    place = urlsplit(url)
    assert place.port is not None
    asking = stack.enter_context(socket.create_connection((place.hostname, place.port)))
    asking.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    asking.sendall(f"GET /v1/payplace/{path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return asking
