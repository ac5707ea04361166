"""The door for payments: a UDP socket that strangers reach, and one handler behind it. Decides nothing.

Each datagram is shown to whoever admits it, who takes microseconds and verifies nothing (operatord/cashier.py), and
only then handled. What arrives while too much waits is dropped: a device sends again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import cast

from operatord.budgets import Address
from wire.errors import ShellError
from wire.payment import MAX_DATAGRAM_BYTES

Handle = Callable[[bytes, Address], Awaitable[bytes]]
Admit = Callable[[bytes, Address], str]
"""Empty if somebody is to look at a datagram, else as what it is counted; never raises."""
WAITING = 2_000
"""Payments that wait for the disk: those of all devices of an operator within a second or two."""


class PaymentSocket(asyncio.DatagramProtocol):
    """Open from `open_payments` until `close`."""

    def __init__(self, handle: Handle, dropped: Callable[[str], None], admit: Admit, waiting: int) -> None:
        self._handle = handle
        self._admit = admit
        self._waiting = waiting
        self._dropped = dropped
        self._transport: asyncio.DatagramTransport | None = None
        self._tasks: set[asyncio.Task[None]] = set()
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
        refused = "payment: not for us" if len(data) > MAX_DATAGRAM_BYTES else self._admit(data, address)
        if refused:
            self._dropped(refused)
        elif len(self._tasks) >= self._waiting:
            self._dropped("payment: too many wait")
        else:
            task = asyncio.get_running_loop().create_task(self._answer(data, address))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def connection_lost(self, _error: Exception | None) -> None:
        self._closed.set()

    def error_received(self, error: Exception) -> None:
        """An answer to somebody who is not there any more."""

    async def _answer(self, data: bytes, address: Address) -> None:
        try:
            answer = await self._handle(data, address)
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


def everything(_data: bytes, _address: Address) -> str:
    return ""


async def open_payments(
    host: str,
    port: int,
    handle: Handle,
    dropped: Callable[[str], None],
    admit: Admit = everything,
    waiting: int = WAITING,
) -> PaymentSocket:
    """Raises ShellError if the address cannot be had."""
    try:
        _, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: PaymentSocket(handle, dropped, admit, waiting), (host, port)
        )
    except OSError as error:
        raise ShellError("payments", f"{host}:{port}: {error.strerror or error}") from error
    return protocol
