"""One question over HTTP to somebody who may be anybody: a provider, a keeper of secrets, a bank's connector.

Whatever the other side does, it is over at the deadline, drips of an answer included, and no more is read than an
answer can have. No redirect is followed, no proxy used, nothing kept open. Blocks: to be called in a thread. What the
status means, and whether to ask again, is for the caller.
"""

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import SplitResult, urlsplit

from wire.errors import ShellError

NO_SUCH_PAGE = "no_such_page"
"""What our servers say where nothing answers at an address at all: the one who was asked is another program, or of
another version. That is not the word that the thing asked for does not exist.
"""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP status and its content, unread beyond that; `date` is the header of that name, if there is one."""

    status: int
    content: bytes
    date: str | None = None


def ask(
    url: str, content: bytes | None, headers: Mapping[str, str], maximum_bytes: int, deadline_s: float
) -> Answer:
    """POST of `content`, or GET without one. Raises ShellError: no such URL, nobody there, too late, too much."""
    parts, ends_s = _parts(url), time.monotonic() + deadline_s
    with _reached(url, parts, deadline_s) as (endpoint, held):
        return _in_time(
            url, held, deadline_s, ends_s, lambda: _ask(endpoint, parts, content, headers, maximum_bytes)
        )


@dataclass(frozen=True, slots=True)
class LongAnswer:
    """An HTTP status, and content that comes in pieces; each of them raises ShellError if it is late."""

    status: int
    pieces: Iterator[bytes]


@contextmanager
def ask_long(url: str, piece_bytes: int, deadline_s: float) -> Iterator[LongAnswer]:
    """GET of what may be longer than memory. The deadline is of the head, and of each piece of so many bytes anew, so
    that who drips is left as well. Raises ShellError.
    """
    parts = _parts(url)
    with _reached(url, parts, deadline_s) as (endpoint, held):
        connection, path = _in_time(
            url, held, deadline_s, _after(deadline_s), lambda: _connection(endpoint, parts)
        )
        with closing(connection):

            def begin() -> http.client.HTTPResponse:
                connection.request("GET", path)
                return connection.getresponse()

            def pieces() -> Iterator[bytes]:
                while piece := _in_time(url, held, deadline_s, _after(deadline_s), read_piece):
                    yield piece

            def read_piece() -> bytes:
                piece = response.read(piece_bytes)
                if not piece and response.length:
                    raise http.client.IncompleteRead(piece, response.length)
                return piece

            with _in_time(url, held, deadline_s, _after(deadline_s), begin) as response:
                yield LongAnswer(response.status, pieces())


def _after(deadline_s: float) -> float:
    return time.monotonic() + deadline_s


@contextmanager
def _reached(
    url: str, parts: SplitResult, deadline_s: float
) -> Iterator[tuple[socket.socket, socket.socket]]:
    """A connection, and another hold of it by which it is ended. Raises ShellError."""
    try:
        endpoint = socket.create_connection(_address(parts), deadline_s)
    except OSError as error:
        raise ShellError(url, str(error) or type(error).__name__) from error
    with endpoint, endpoint.dup() as held:
        yield endpoint, held


def _in_time(url: str, held: socket.socket, deadline_s: float, ends_s: float, act: Callable[[], T]) -> T:
    """What `act` gives, if it is done by then. Raises ShellError."""
    late = f"timed out: nothing whole within {deadline_s:g} s"
    over = _Deadline(held, ends_s)
    over.start()
    try:
        answer = act()
    except (OSError, http.client.HTTPException, ValueError) as error:
        why = late if time.monotonic() >= ends_s else str(error) or type(error).__name__
        raise ShellError(url, why) from error
    finally:
        over.cancel()
        over.join()
    if over.is_late:  # an end that we made ourselves may look like the end of an answer
        raise ShellError(url, late)
    return answer


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return parts
    except ValueError as error:
        raise ShellError(url, f"is no URL: {error}") from None
    raise ShellError(url, "is no http or https URL")


def _address(parts: SplitResult) -> tuple[str, int]:
    assert parts.hostname is not None
    return parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)


def _ask(
    endpoint: socket.socket,
    parts: SplitResult,
    content: bytes | None,
    headers: Mapping[str, str],
    maximum_bytes: int,
) -> Answer:
    connection, path = _connection(endpoint, parts)
    try:
        connection.request("GET" if content is None else "POST", path, content, dict(headers))
        with connection.getresponse() as response:
            told = response.read(maximum_bytes + 1)
            if len(told) > maximum_bytes:
                raise ValueError(f"an answer of more than {maximum_bytes} bytes")
            if response.length:
                raise http.client.IncompleteRead(told, response.length)
            return Answer(response.status, told, response.getheader("Date"))
    finally:
        connection.close()


def _connection(endpoint: socket.socket, parts: SplitResult) -> tuple[http.client.HTTPConnection, str]:
    """Over that socket, with what is asked for. May wait for TLS."""
    host, port = _address(parts)
    connection = http.client.HTTPConnection(host, port)
    if parts.scheme == "https":
        endpoint = ssl.create_default_context().wrap_socket(endpoint, server_hostname=host)
    connection.sock = endpoint
    return connection, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


class _Deadline(threading.Timer):
    """Ends a socket at an instant of the monotonic clock: whoever reads or writes it then hears that it ended."""

    def __init__(self, endpoint: socket.socket, ends_s: float) -> None:
        super().__init__(max(ends_s - time.monotonic(), 0), self._end)
        self.is_late = False
        self._endpoint = endpoint

    def _end(self) -> None:
        self.is_late = True
        with suppress(OSError):  # it ended by itself
            self._endpoint.shutdown(socket.SHUT_RDWR)
