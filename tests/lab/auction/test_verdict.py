"""The verdict of the lab of auctions: the figures of a run as it should be, and one planted fault for each promise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from lab.auction.cast import DEPOSITS_UBC, FORECASTS, ROUNDS, STATIONS
from lab.auction.verdict import (
    AuctionSeen,
    BidSeen,
    Books,
    MeterSeen,
    Quiet,
    Served,
    SlotSeen,
    floor_of,
    judge,
)

SLOT_S = 20
FIRST_S = 1_700_000_000
ADA, BEN, CEM = ROUNDS[0]
BEN_AGAIN, CEM_AGAIN, EVE = ROUNDS[1]
(BEN_LATE,) = ROUNDS[2]


def _clearing(number: int) -> int:
    return FIRST_S + number * SLOT_S


def _served(name: str, number: int, slots: int, units: int) -> Served:
    return Served(
        name,
        number,
        units * 1_000_000,
        units * 500_000,
        1.5,
        slots * SLOT_S - 3.0,
        units * 1_010_000,
        units * 505_000,
        slots,
    )


BOOKS = Books(
    slot_s=SLOT_S,
    auctions=(
        AuctionSeen(_clearing(0), FORECASTS[0], 3, "", ""),
        AuctionSeen(_clearing(1), FORECASTS[1], 3, "", ""),
        AuctionSeen(_clearing(2), FORECASTS[2], 0, "no_bids", ""),
    ),
    bids=(
        BidSeen(ADA, 0, _clearing(0), won=True, reason="", detail="", paid_ubc=40_000),
        BidSeen(BEN, 0, _clearing(0), won=True, reason="", detail="", paid_ubc=40_000),
        BidSeen(CEM, 0, _clearing(0), False, "outbid", "more than 0.05 BC would have won", "outbid", 50_000),
        BidSeen(BEN_AGAIN, 1, _clearing(1), False, "outbid", "", "outbid", 51_000),
        BidSeen(CEM_AGAIN, 1, _clearing(1), won=True, reason="", detail="", paid_ubc=50_000),
        BidSeen(EVE, 1, _clearing(1), False, "insufficient_funds", "", "insufficient_funds"),
        BidSeen(BEN_LATE, 2, 0, won=False, reason="nothing_left", detail="free are 3, 6, 6, 6"),
    ),
    served=(_served("ada", 0, 3, 3), _served("ben", 0, 1, 2), _served("cem", 1, 1, 3)),
    away=replace(_served("ada", 0, 3, 3), measured_s=2.5),
    quiet=tuple(Quiet(name, "never paid", 30.0, 5_000_000, 0, 9_000) for name in STATIONS),
    slots=(
        SlotSeen(_clearing(0), 5),
        SlotSeen(_clearing(1), 6),
        SlotSeen(_clearing(2), 3),
        SlotSeen(_clearing(3), 0),
    ),
    balances={"ada": 160_000, "ben": 160_000, "cem": 150_000, "eve": 100_000, "owner": 130_000},
    issued_ubc=sum(DEPOSITS_UBC.values()),
    meter=MeterSeen(30, (), 25_000_000),
)


def _broken(books: Books) -> list[str]:
    return [one.promise for one in judge(books) if not one.ok]


def _bid(books: Books, place: int, **changes: object) -> Books:
    bids = list(books.bids)
    bids[place] = replace(bids[place], **changes)  # type: ignore[arg-type]  # a test names real fields
    return replace(books, bids=tuple(bids))


def _auction(books: Books, place: int, **changes: object) -> Books:
    auctions = list(books.auctions)
    auctions[place] = replace(auctions[place], **changes)  # type: ignore[arg-type]
    return replace(books, auctions=tuple(auctions))


def _first_served(books: Books, **changes: object) -> Books:
    first, *rest = books.served
    return replace(books, served=(replace(first, **changes), *rest))  # type: ignore[arg-type]


def _first_quiet(books: Books, **changes: object) -> Books:
    first, *rest = books.quiet
    return replace(books, quiet=(replace(first, **changes), *rest))  # type: ignore[arg-type]


def test_a_run_that_went_as_it_should() -> None:
    assert _broken(BOOKS) == []
    assert len(judge(BOOKS)) == 12
    assert all(one.seen for one in judge(BOOKS))
    assert len({one.promise for one in judge(BOOKS)}) == 12


FAULTS: dict[str, tuple[str, Callable[[Books], Books]]] = {
    "a winner pays another price": ("who wins and what", lambda books: _bid(books, 0, paid_ubc=40_001)),
    "a loser wins": ("who wins and what", lambda books: _bid(books, 2, won=True)),
    "other bids than the story's": (
        "who wins and what",
        lambda books: _bid(books, 2, bid=replace(CEM, worth_ubc=39_000)),
    ),
    "nobody bids": ("who wins and what", lambda books: replace(books, bids=())),
    "a loser is told too little": ("who is outbid", lambda books: _bid(books, 2, wins_above_ubc=49_999)),
    "a loser has no signed word": (
        "who is outbid",
        lambda books: _bid(books, 2, word="", wins_above_ubc=None),
    ),
    "who believes it loses again": ("who believes", lambda books: _bid(books, 4, won=False)),
    "a bid without money is only outbid": ("who has not got", lambda books: _bid(books, 5, word="outbid")),
    "a bid without money sets the price": (
        "who wins and what",
        lambda books: _bid(books, 4, paid_ubc=51_000),
    ),
    "a hopeless bid was signed": ("who wants what", lambda books: _bid(books, 6, clearing_s=_clearing(2))),
    "a hopeless bid has another reason": ("who wants what", lambda books: _bid(books, 6, reason="outbid")),
    "an auction without bids is no void": ("who wants what", lambda books: _auction(books, 2, reason="")),
    "a floor is not kept": ("every winner gets", lambda books: _first_served(books, down_bps=2_849_999)),
    "an uplink floor is not kept": (
        "every winner gets",
        lambda books: _first_served(books, up_bps=1_400_000),
    ),
    "a winner was never served": ("every winner gets", lambda books: replace(books, served=books.served[1:])),
    "a winner is cut off with the box's program": (
        "who won keeps",
        lambda books: replace(books, away=replace(books.served[0], down_bps=2_000_000)),
    ),
    "nobody looked at the restart": ("who won keeps", lambda books: replace(books, away=None)),
    "something comes through": ("who lost, whose", lambda books: _first_quiet(books, through_bytes=1)),
    "something is sent to who has nothing": (
        "who lost, whose",
        lambda books: _first_quiet(books, down_bps=50_000),
    ),
    "who has nothing tried nothing": ("who lost, whose", lambda books: _first_quiet(books, pushed_bytes=0)),
    "the freeloader was not watched": (
        "who lost, whose",
        lambda books: replace(books, quiet=books.quiet[:-1]),
    ),
    "a forecast is not what was free": (
        "every forecast",
        lambda books: replace(books, slots=(SlotSeen(_clearing(1), 5), *books.slots[2:])),
    ),
    "a forecast is not the story's": (
        "every forecast",
        lambda books: _auction(books, 0, forecast=(6, 6, 6, 5)),
    ),
    "no slot was looked at": ("every forecast", lambda books: replace(books, slots=())),
    "the log does not hold": (
        "`airgrant ledger auction",
        lambda books: _auction(books, 1, wrong="moved price"),
    ),
    "an auction is missing in the log": (
        "`airgrant ledger auction",
        lambda books: replace(books, auctions=books.auctions[:2]),
    ),
    "money is lost": ("money is", lambda books: replace(books, balances={**books.balances, "eve": 99_999})),
    "the owner has less": (
        "money is",
        lambda books: replace(books, balances={**books.balances, "owner": 129_999, "eve": 100_001}),
    ),
    "a record does not verify": (
        "the chain",
        lambda books: replace(books, meter=replace(books.meter, wrong=("signature",))),
    ),
    "nothing was metered": (
        "the chain",
        lambda books: replace(books, meter=replace(books.meter, metered_bytes=0)),
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_breaks_its_promise(fault: str) -> None:
    promise, plant = FAULTS[fault]
    broken = _broken(plant(BOOKS))
    assert any(one.startswith(promise) for one in broken), broken


def test_every_promise_has_a_fault_planted() -> None:
    planted = {promise for promise, _ in FAULTS.values()}
    assert all(any(one.promise.startswith(start) for start in planted) for one in judge(BOOKS))


def test_a_forecast_leaves_out_what_ends_before() -> None:
    """Ben's first share is over when the second auction is cleared."""
    assert floor_of(BEN) == (2_000_000, 1_000_000)
    assert BOOKS.auctions[1].forecast[0] == 3
