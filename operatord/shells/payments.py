"""The door for payments: a UDP socket that strangers reach, and one handler behind it. Decides nothing.

What does not concern us by its form and its names is dropped before it is counted, so that rubbish takes no share.
What arrives while too much waits is dropped: a device sends again. So is what one address sends too often, so that
whoever floods us with payments that are not signed has the processor for a fraction of each second, and no more.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import cast

from wire.errors import ShellError
from wire.payment import MAX_DATAGRAM_BYTES

Handle = Callable[[bytes], Awaitable[bytes]]
Concerns = Callable[[bytes], bool]
"""Whether somebody is to look at a datagram: takes microseconds, verifies nothing, never raises."""
Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Limits:
    """`waiting`: payments that wait for the disk, those of all devices of an operator within a second or two.
    `per_s`: of one address and port, where a device sends two or three in an interval, and three a second if nobody
    answers. `all_per_s`: half of what one core verifies.
    """

    waiting: int = 2_000
    per_s: int = 20
    all_per_s: int = 3_000


class PaymentSocket(asyncio.DatagramProtocol):
    """Open from `open_payments` until `close`."""

    def __init__(
        self, handle: Handle, dropped: Callable[[str], None], limits: Limits, concerns: Concerns
    ) -> None:
        self._handle = handle
        self._concerns = concerns
        self._limits = limits
        self._dropped = dropped
        self._transport: asyncio.DatagramTransport | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._second = 0
        self._heard: Counter[Address] = Counter()
        self._closed = asyncio.Event()

    @property
    def port(self) -> int:
        assert self._transport is not None
        port: int = self._transport.get_extra_info("sockname")[1]
        return port

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(
            "asyncio.DatagramTransport", transport
        )  # CPython 3.11's is none by inheritance

    def datagram_received(self, data: bytes, address: Address) -> None:
        address = (address[0], address[1])
        if len(data) > MAX_DATAGRAM_BYTES or not self._concerns(data):
            self._dropped("payment: not for us")
        elif not self._may(address):
            self._dropped("payment: too often")
        elif len(self._tasks) >= self._limits.waiting:
            self._dropped("payment: too many wait")
        else:
            task = asyncio.get_running_loop().create_task(self._answer(data, address))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def connection_lost(self, _error: Exception | None) -> None:
        self._closed.set()

    def error_received(self, error: Exception) -> None:
        """An answer to somebody who is not there any more."""

    def _may(self, address: Address) -> bool:
        second = int(asyncio.get_running_loop().time())
        if second != self._second:
            self._second = second
            self._heard.clear()
        if self._heard[address] >= self._limits.per_s or self._heard.total() >= self._limits.all_per_s:
            return False
        self._heard[address] += 1
        return True

    async def _answer(self, data: bytes, address: Address) -> None:
        try:
            answer = await self._handle(data)
        except ShellError:
            return  # the disk fails: the daemon ends by itself, and nothing was taken
        if answer and self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(answer, address)

    async def close(self) -> None:
        """What waits for the disk is not answered any more."""
        if self._transport is not None:
            self._transport.close()
            await self._closed.wait()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


DEFAULT_LIMITS = Limits()


def everything(_: bytes) -> bool:
    return True


async def open_payments(
    host: str,
    port: int,
    handle: Handle,
    dropped: Callable[[str], None],
    limits: Limits = DEFAULT_LIMITS,
    concerns: Concerns = everything,
) -> PaymentSocket:
    """Raises ShellError if the address cannot be had."""
    try:
        _, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: PaymentSocket(handle, dropped, limits, concerns), (host, port)
        )
    except OSError as error:
        raise ShellError("payments", f"{host}:{port}: {error.strerror or error}") from error
    return protocol
