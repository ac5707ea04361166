"""The lists that SMF and AMF show beside their metrics: all pages of one, over HTTP/1.

In: which list. Out: its items, whether all of them, or InfoFailed. It decides nothing and tries nothing twice. Each
page is a connection of its own that ends with the answer: so an answer ends where the connection does, and nothing
about lengths has to be believed.
Reference: RFC 9112; HTTP/1.0, as its answers are never in chunks.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

from ran_slicing.core_info import MAX_PAGES, page_path, read_page
from ran_slicing.http_message import MAX_BODY_BYTES
from wire.errors import DecodeError, ShellError

DEADLINE_S = 2.0
"""For one page, from the same host or the one beside it."""
_MAX_HEAD_BYTES = 8 * 1024


class InfoFailed(ShellError):
    """A list cannot be had, or not be read."""


class InfoPages:
    """The lists of the network function whose metrics are at `host`:`port`."""

    def __init__(self, host: str, port: int, deadline_s: float = DEADLINE_S) -> None:
        self._host, self._port, self._deadline_s = host, port, deadline_s
        self._authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    async def items(self, path: str) -> tuple[list[Mapping[str, Any]], bool]:
        """All items of a list, and whether nothing was left out. Raises InfoFailed."""
        items: list[Mapping[str, Any]] = []
        complete = True
        what = f"http://{self._authority}{path}"
        for number in range(MAX_PAGES):
            try:
                async with asyncio.timeout(self._deadline_s):
                    page = read_page(await self._get(page_path(path, number)))
            except TimeoutError as error:
                raise InfoFailed(what, f"no answer within {self._deadline_s:g} s") from error
            except (OSError, EOFError, DecodeError) as error:
                raise InfoFailed(what, str(error) or type(error).__name__) from error
            items += page.items
            complete = complete and not page.truncated
            if not page.has_next:
                return items, complete
        return items, False

    async def _get(self, target: str) -> bytes:
        reader, writer = await asyncio.open_connection(self._host, self._port, limit=_MAX_HEAD_BYTES)
        try:
            writer.write(f"GET {target} HTTP/1.0\r\nHost: {self._authority}\r\n\r\n".encode())
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.LimitOverrunError as error:
                raise DecodeError(f"http: a head of more than {_MAX_HEAD_BYTES} bytes") from error
            status = head.split(b"\r\n", 1)[0]
            if status.split(b" ")[1:2] != [b"200"]:
                raise DecodeError(f"http: {status[:60].decode(errors='replace')!r}")
            body = await _read_to_end(reader)
            expected = _content_length(head)
            if expected is not None and expected != len(body):
                raise DecodeError(f"http: {len(body)} bytes of {expected}")
            return body
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def _read_to_end(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while chunk := await reader.read(64 * 1024):
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise DecodeError(f"http: a body of more than {MAX_BODY_BYTES} bytes")
    return bytes(body)


def _content_length(head: bytes) -> int | None:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length" and value.strip().isdigit():
            return int(value)
    return None
