"""Follows the ledger's channels with this operator: what each consumer has deposited, less what is being shifted away.

GET /v1/payplace/OPERATOR and .../channels?numbers=, every two seconds: new channels at once, known ones in turn, so
that a new deposit, and a shift, which has a challenge period, are seen. A page is believed as far as the ledger that is
asked is. A ledger that is away, or has no such operator yet, is asked again. Decides nothing.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol, TypeVar

from pydantic import BaseModel

from ledger.payplace.pages import MAX_NUMBERS, PayChannelListPage, PayChannelPage, PayOperatorPage
from wire.errors import DecodeError, ShellError
from wire.ids import PublicKey

POLL_S = 2.0
AGAIN = 4 * MAX_NUMBERS
"""Known channels that are read again each time: a million within 17 minutes, a challenge period is two hours."""
P = TypeVar("P", bound=BaseModel)


class Reader(Protocol):
    """A ledger's pages (ledger/client.py). Raises ShellError, LookupError."""

    def read(self, page: type[P], path: str, **query: str | int | None) -> P: ...


class Deposits:
    """Of one operator; `hear(consumer, number, limit_ubc)` is told of each channel, also of one that did not change."""

    def __init__(
        self,
        reader: Reader,
        operator: PublicKey,
        hear: Callable[[PublicKey, int, int], None],
        tell: Callable[[str], None],
    ) -> None:
        self._reader = reader
        self._operator = operator
        self._hear = hear
        self._tell = tell
        self._known = 0
        """Channels are numbered from 0, without a gap."""
        self._turn = 0
        self._said = ""

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(POLL_S)

    async def look(self) -> None:
        """Once; what cannot be had is said once, and asked for the next time."""
        try:
            for page in await asyncio.to_thread(self._read):
                self._hear(
                    PublicKey.parse(page.consumer), page.number, page.deposited_ubc - page.shifting_ubc
                )
            self._said = ""
        except (ShellError, LookupError, ValueError) as error:  # DecodeError too
            if str(error) != self._said:
                self._said = str(error)
                self._tell(f"channels are not known: {error}")

    def _read(self) -> list[PayChannelPage]:
        path = f"payplace/{self._operator}"
        count = self._reader.read(PayOperatorPage, path).channels
        again = [(self._turn + step) % self._known for step in range(min(AGAIN, self._known))]
        numbers = dict.fromkeys([*range(self._known, count), *again])
        found = self._channels(path, list(numbers))
        self._turn = (self._turn + len(again)) % max(1, self._known)
        self._known = max(self._known, count)
        return found

    def _channels(self, path: str, numbers: list[int]) -> list[PayChannelPage]:
        found = list[PayChannelPage]()
        for at in range(0, len(numbers), MAX_NUMBERS):
            wanted = sorted(numbers[at : at + MAX_NUMBERS])
            asked = ",".join(str(number) for number in wanted)
            pages = self._reader.read(PayChannelListPage, f"{path}/channels", numbers=asked).channels
            if [page.number for page in pages] != wanted:
                raise DecodeError(f"channels {wanted[0]} to {wanted[-1]}: not those that were asked for")
            found += pages
        for page in found:
            if not 0 <= page.shifting_ubc <= page.deposited_ubc:
                raise DecodeError(f"channel {page.number}: what is shown of it is none")
        return found
