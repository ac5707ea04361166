"""Whose turn it is to be asked: providers answer where they like, and may be slow, or many who are nobody.

So many are asked at once, of a host one at a time. Whoever was not asked yet comes before whoever has failed to answer,
and of those the one that failed less often: who stalls waits for himself. Keeps only what is under way; for one event
loop.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from wire.errors import ShellError


@dataclass(slots=True, eq=False)
class _Waiting:
    host: str
    order: tuple[int, int, int]
    called: "asyncio.Future[None]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Turns:
    """`at_once`: how many are asked at the same time."""

    def __init__(self, at_once: int) -> None:
        self._free, self._serial = at_once, 0
        self._busy: set[str] = set()
        self._waiting: list[_Waiting] = []
        self._failures: Counter[bytes] = Counter()
        self._host_failures: Counter[str] = Counter()

    @asynccontextmanager
    async def turn(self, who: bytes, url: str) -> AsyncIterator[None]:
        """Within it, `who` is asked at this URL. A ShellError within is a failure, and goes on up."""
        host = _host(url)
        self._serial += 1
        waiting = _Waiting(host, (self._failures[who], self._host_failures[host], self._serial))
        self._waiting.append(waiting)
        self._call()
        try:
            await waiting.called
            yield
        except ShellError:
            self._failures[who] += 1
            self._host_failures[host] += 1
            raise
        else:
            self._host_failures.pop(host, None)
            self.forget(who)
        finally:
            if waiting.called.done() and not waiting.called.cancelled():
                self._free += 1
                self._busy.discard(host)
            else:
                self._waiting.remove(waiting)
            self._call()

    def forget(self, who: bytes) -> None:
        """Who is not asked any more."""
        self._failures.pop(who, None)
        if not self._failures:
            self._host_failures.clear()

    def _call(self) -> None:
        for waiting in sorted(self._waiting, key=lambda one: one.order):
            if not self._free:
                return
            if waiting.host not in self._busy and not waiting.called.done():
                self._waiting.remove(waiting)
                self._free -= 1
                self._busy.add(waiting.host)
                waiting.called.set_result(None)


def _host(url: str) -> str:
    try:
        return urlsplit(url).netloc.lower()
    except ValueError:
        return url
