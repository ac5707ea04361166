"""What keeps a crowd at the merchants' door from the others: places by client address, signatures fairly by name.

A `Turnstile` has few places at once and some to wait in, and of these a few for each address. `Gathering` takes
signatures: what comes while others are verified is verified together with them. Nobody is known before his signature is
verified, so a name may be forged, and a queue that is full has no order: who comes then takes the place of a random one
of the address that waits there most, in that name or, if all places are taken, in any. One host, however many
connections it has, takes nobody's place but its own; hosts by the dozen leave a chance at each try, and who asks
again is heard. Decides nothing about signatures: the desk does.
"""

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Protocol

from operatord.payplace.settling import Brought
from wire.errors import ShellError

AT_ONCE, WAITING, OF_ONE = 2, 200, 8
"""Of one kind of question: threads that work at it, who waits for them, and how many of both have one address."""
MAX_SIGNATURES, MAX_OF_NAME = 2_000, 8
"""That wait while others are verified, and of these in one merchant's name."""
_HOST_BITS = 64


class TooManyError(Exception):
    """Ask again later."""


class Desk(Protocol):
    """Who verifies signatures by the hundred."""

    def take_signatures(self, brought: Sequence[Brought]) -> list[str]: ...


def host_of(address: str) -> str:
    """What one host has: an IPv4 address, or a network of 64 bits. What is neither is a host by itself."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv6Address) and found.ipv4_mapped is None:
        return f"{int(found) >> _HOST_BITS:x}::"
    return str(found.ipv4_mapped if isinstance(found, IPv6Address) else found)


class Turnstile:
    """Few at once, some who wait, of each host no more than `of_one`, and nobody more. Raises TooManyError."""

    def __init__(self, at_once: int = AT_ONCE, waiting: int = WAITING, of_one: int = OF_ONE) -> None:
        self._room = asyncio.Semaphore(at_once)
        self._most = at_once + waiting
        self._of_one = of_one
        self._inside: Counter[str] = Counter()

    @asynccontextmanager
    async def turn(self, host: str) -> AsyncIterator[None]:
        if self._inside.total() >= self._most or self._inside[host] >= self._of_one:
            raise TooManyError
        self._inside[host] += 1
        try:
            async with self._room:
                yield
        finally:
            self._inside[host] -= 1
            if not self._inside[host]:
                del self._inside[host]


@dataclass(slots=True, eq=False)
class _Waiting:
    brought: Brought
    host: str
    answer: asyncio.Future[str]


class Gathering:
    """Signatures on their way to the desk: one batch after the other, each of all that came meanwhile. `choose` gives
    a number from 0 to below its argument.
    """

    def __init__(self, desk: Desk, choose: Callable[[int], int] = secrets.randbelow) -> None:
        self._desk = desk
        self._choose = choose
        self._waiting: dict[bytes, list[_Waiting]] = {}
        """By merchant."""
        self._count = 0
        self._working = asyncio.Lock()

    async def take(self, brought: Brought, host: str) -> str:
        """Why it is not taken; empty once it is on disk. Raises TooManyError, ShellError."""
        one = _Waiting(brought, host, asyncio.get_running_loop().create_future())
        self._admit(one)
        async with self._working:
            if not one.answer.done():
                await self._work()
        return await one.answer

    def _admit(self, one: _Waiting) -> None:
        named = self._waiting.get(one.brought[0], [])
        if len(named) >= MAX_OF_NAME:
            self._send_away(self._pick(named, one.host))
        elif self._count >= MAX_SIGNATURES:
            self._send_away(self._pick(self._all(), one.host))
        self._waiting.setdefault(one.brought[0], []).append(one)
        self._count += 1

    def _pick(self, waiting: Sequence[_Waiting], host: str) -> _Waiting:
        """A random one of the host that would have most of them, if one more of `host` came."""
        places = Counter(one.host for one in waiting)
        places[host] += 1
        most = max(places.values())
        crowd = [one for one in waiting if places[one.host] == most]
        return crowd[self._choose(len(crowd))]

    def _send_away(self, one: _Waiting) -> None:
        named = self._waiting[one.brought[0]]
        named.remove(one)
        if not named:
            del self._waiting[one.brought[0]]
        self._count -= 1
        _fail([one], TooManyError())

    def _all(self) -> list[_Waiting]:
        return [one for named in self._waiting.values() for one in named]

    async def _work(self) -> None:
        """At all that waits."""
        batch = self._all()
        self._waiting.clear()
        self._count = 0
        fault: Exception = TooManyError()  # if somebody ends us meanwhile
        try:
            said = await asyncio.to_thread(self._desk.take_signatures, [one.brought for one in batch])
            for one, why in zip(batch, said, strict=True):
                if not one.answer.done():
                    one.answer.set_result(why)
        except ShellError as error:
            fault = error
        finally:
            _fail(batch, fault)


def _fail(waiting: Iterable[_Waiting], fault: Exception) -> None:
    for one in waiting:
        if not one.answer.done():
            one.answer.set_exception(fault)
            one.answer.exception()  # whoever has gone does not ask for it
