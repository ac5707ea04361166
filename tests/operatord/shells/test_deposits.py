"""Channels of the ledger as they are heard: new ones at once, known ones again, and what is away later."""

from __future__ import annotations

import asyncio
from typing import TypeVar

from pydantic import BaseModel

from ledger.payplace.pages import MAX_NUMBERS, PayChannelListPage, PayChannelPage, PayOperatorPage
from operatord.shells.deposits import AGAIN, Deposits
from tests.operatord.world import ALICE, BOB, OPERATOR
from wire.errors import ShellError
from wire.ids import PublicKey

P = TypeVar("P", bound=BaseModel)


class Pages:
    """A ledger that shows what it is told to."""

    def __init__(self) -> None:
        self.channels: list[tuple[PublicKey, int, int]] = []
        self.away = False
        self.asked = 0

    def _show(self, number: int) -> PayChannelPage:
        consumer, deposited, shifting = self.channels[number]
        return PayChannelPage(
            number=number, consumer=str(consumer), deposited_ubc=deposited, withdrawn_ubc=0, shifting_ubc=shifting,
            entry="",
        )  # fmt: skip

    def read(self, page: type[P], path: str, **query: str | int | None) -> P:
        if self.away:
            raise ShellError("ledger", "is away")
        assert path.removesuffix("/channels") == f"payplace/{OPERATOR.public}"
        shown: BaseModel
        if page is PayOperatorPage:
            shown = PayOperatorPage(
                operator=str(OPERATOR.public),
                now_s=0,
                height=0,
                root="",
                channels=len(self.channels),
                entry="",
            )
        else:
            numbers = [int(number) for number in str(query["numbers"]).split(",")]
            assert len(numbers) <= MAX_NUMBERS
            assert sorted(set(numbers)) == numbers
            self.asked += 1
            shown = PayChannelListPage(channels=[self._show(one) for one in numbers])
        return page.model_validate(shown.model_dump())


def test_new_channels_known_ones_again_and_shifts() -> None:
    pages, heard, told = Pages(), list[tuple[PublicKey, int, int]](), list[str]()
    deposits = Deposits(pages, OPERATOR.public, lambda *one: heard.append(one), told.append)
    pages.channels = [(ALICE.public, 500, 0)]
    asyncio.run(deposits.look())
    assert heard == [(ALICE.public, 0, 500)]
    pages.channels = [(ALICE.public, 900, 200), (BOB.public, 7, 0)]
    asyncio.run(deposits.look())
    assert sorted(heard[1:], key=lambda one: one[1]) == [(ALICE.public, 0, 700), (BOB.public, 1, 7)]
    assert told == []


def test_a_ledger_that_is_away_is_said_once_and_asked_again() -> None:
    pages, heard, told = Pages(), list[tuple[PublicKey, int, int]](), list[str]()
    deposits = Deposits(pages, OPERATOR.public, lambda *one: heard.append(one), told.append)
    pages.away, pages.channels = True, [(ALICE.public, 500, 0)]
    for _ in range(2):
        asyncio.run(deposits.look())
    assert len(told) == 1
    pages.away = False
    asyncio.run(deposits.look())
    assert heard == [(ALICE.public, 0, 500)]


def test_what_is_no_channel_is_not_heard() -> None:
    pages, heard, told = Pages(), list[tuple[PublicKey, int, int]](), list[str]()
    deposits = Deposits(pages, OPERATOR.public, lambda *one: heard.append(one), told.append)
    pages.channels = [(ALICE.public, 5, 6)]
    asyncio.run(deposits.look())
    assert (heard, len(told)) == ([], 1)


def test_a_shift_is_heard_in_time_among_very_many_channels() -> None:
    pages, heard, told = Pages(), list[tuple[PublicKey, int, int]](), list[str]()
    deposits = Deposits(pages, OPERATOR.public, lambda *one: heard.append(one), told.append)
    pages.channels = [(ALICE.public, 500, 0)] * (3 * AGAIN)
    asyncio.run(deposits.look())
    assert len(heard) == 3 * AGAIN
    heard.clear()
    pages.asked, pages.channels[-1] = 0, (ALICE.public, 500, 500)
    for _ in range(3):
        asyncio.run(deposits.look())
    assert (ALICE.public, 3 * AGAIN - 1, 0) in heard
    assert pages.asked == 3 * AGAIN // MAX_NUMBERS
    assert told == []
