"""Channels of the ledger as they are heard: new ones at once, known ones again, and what is away later."""

from __future__ import annotations

import asyncio
from typing import TypeVar

from pydantic import BaseModel

from ledger.payplace.pages import PayChannelPage, PayOperatorPage
from operatord.shells.deposits import Deposits
from tests.operatord.world import ALICE, BOB, OPERATOR
from wire.errors import ShellError
from wire.ids import PublicKey

P = TypeVar("P", bound=BaseModel)


class Pages:
    """A ledger that shows what it is told to."""

    def __init__(self) -> None:
        self.channels: list[tuple[PublicKey, int, int]] = []
        self.away = False

    def read(self, page: type[P], path: str, **query: str | int | None) -> P:
        assert not query
        if self.away:
            raise ShellError("ledger", "is away")
        base, _, number = path.partition("/channels/")
        assert base == f"payplace/{OPERATOR.public}"
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
            consumer, deposited, shifting = self.channels[int(number)]
            shown = PayChannelPage(
                number=int(number), consumer=str(consumer), deposited_ubc=deposited, withdrawn_ubc=0,
                shifting_ubc=shifting, entry="",
            )  # fmt: skip
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
