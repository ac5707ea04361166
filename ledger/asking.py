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
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from wire.errors import ShellError


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
    parts = _parts(url)
    late = f"timed out: nothing whole within {deadline_s:g} s"
    ends_s = time.monotonic() + deadline_s
    try:
        with socket.create_connection(_address(parts), deadline_s) as endpoint, endpoint.dup() as held:
            over = _Deadline(held, ends_s)
            over.start()
            try:
                answer = _ask(endpoint, parts, content, headers, maximum_bytes)
            finally:
                over.cancel()
                over.join()
            if over.is_late:  # an end that we made ourselves may look like the end of an answer
                raise ShellError(url, late)
            return answer
    except (OSError, http.client.HTTPException, ValueError) as error:
        why = late if time.monotonic() >= ends_s else str(error) or type(error).__name__
        raise ShellError(url, why) from error


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
    host, port = _address(parts)
    connection = http.client.HTTPConnection(host, port)
    if parts.scheme == "https":
        endpoint = ssl.create_default_context().wrap_socket(endpoint, server_hostname=host)
    connection.sock = endpoint
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
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
