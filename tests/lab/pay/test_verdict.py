"""The account of the lab of payments: the figures of a real run, and one planted fault for each promise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from lab.pay.cast import INCREMENT_UBC
from lab.pay.verdict import Books, ChannelSeen, MeterSeen, VisitSeen, account, judge, share_ubc


def _visit(
    device: str, point: str, had_s: float, paid: int, said: str = "left", box: str = "left"
) -> VisitSeen:
    had_ms = round(had_s * 1_000)
    return VisitSeen(device, point, had_ms, 10_000, paid, paid // INCREMENT_UBC, said, box, 0)


BOOKS = Books(
    visits=(
        _visit("ada", "roof", 10.7, 4_000),
        _visit("bea", "roof", 14.3, 4_000, "stops_paying", "disconnected"),
        _visit("cem", "yard", 43.2, 15_000, "not_served", "not_served"),
        _visit("ada", "yard", 32.7, 11_000, "not_served", "not_served"),
        _visit("ada", "roof", 4.5, 2_000),
        _visit("cem", "roof", 4.7, 2_000),
    ),
    channels=(
        ChannelSeen("ada", "north", 50_000, 6_000, 6_000),
        ChannelSeen("bea", "north", 50_000, 4_000, 4_000),
        ChannelSeen("cem", "north", 50_000, 2_000, 2_000),
        ChannelSeen("ada", "south", 50_000, 11_000, 11_000),
        ChannelSeen("bea", "south", 50_000, 0, 0),
        ChannelSeen("cem", "south", 50_000, 15_000, 15_000),
    ),
    earned=(
        ("roof", "ada", 6_000),
        ("roof", "bea", 4_000),
        ("roof", "cem", 2_000),
        ("yard", "ada", 11_000),
        ("yard", "cem", 15_000),
    ),
    balances={"ada": 0, "bea": 0, "cem": 0, "ann": 11_400, "ben": 16_150, "north": 600, "south": 9_850},
    issued_ubc=300_000,
    confirmed={"ann": 11_400, "ben": 16_150, "north": 600},
    last_period_ubc={"ann": 0, "ben": 9_000},
    refused={"ben": ("payout_fell", "double_spend")},
    missing=("ben",),
    metered=(MeterSeen("bea", "roof", 280_000, 256_000), MeterSeen("cem", "yard", 788_000, 788_196)),
    disconnected=("bea",),
)


def _broken(books: Books) -> list[str]:
    return [one.promise for one in judge(books, account(books)) if not one.ok]


def test_a_run_that_went_as_it_should() -> None:
    assert _broken(BOOKS) == []


def test_who_lost_what() -> None:
    lost = {one.name: (one.lost_ubc, one.bound_ubc) for one in account(BOOKS)}
    assert lost["ada"] == (433 + 100 + 500, 3_000)
    assert lost["bea"] == (0, 1_000)
    assert lost["roof"] == (767, 4_000)
    assert lost["yard"] == (0, 2_000)
    assert lost["ann"] == (0, 0)
    assert lost["ben"] == (8_550, 8_550)
    assert lost["north"] == (0, 0)
    assert share_ubc(BOOKS, "yard") == (24_700, 1_300)


def _with_visit(number: int, **changes: object) -> Books:
    visits = list(BOOKS.visits)
    visits[number] = replace(visits[number], **changes)  # type: ignore[arg-type]
    return replace(BOOKS, visits=tuple(visits))


def _with_balance(name: str, ubc: int) -> Books:
    return replace(BOOKS, balances={**BOOKS.balances, name: ubc})


FAULTS: dict[str, tuple[Callable[[], Books], str]] = {
    "a device paid two increments for nothing": (
        lambda: _with_visit(2, had_ms=41_900),
        "no visit costs",
    ),
    "a box served two increments for nothing": (lambda: _with_visit(1, had_ms=15_100), "no visit costs"),
    "nothing was served": (lambda: _with_visit(0, had_bytes=0), "no visit costs"),
    "nobody was disconnected": (lambda: replace(BOOKS, disconnected=()), "who stops paying"),
    "a door that was not shut": (lambda: _with_visit(1, after_bytes=100_000), "who stops paying"),
    "whoever was not served went on": (lambda: replace(BOOKS, visits=BOOKS.visits[:5]), "who is not served"),
    "an operator that credits less": (lambda: replace(BOOKS, earned=BOOKS.earned[1:]), "operators credit"),
    "an operator that takes more": (
        lambda: replace(
            BOOKS, channels=(replace(BOOKS.channels[0], withdrawn_ubc=6_001), *BOOKS.channels[1:])
        ),
        "nothing is taken",
    ),
    "a merchant that signs a lie": (
        lambda: replace(BOOKS, refused={"ben": ("payout_fell",)}),
        "an operator that lies",
    ),
    "nobody marked": (lambda: replace(BOOKS, missing=()), "an operator that lies"),
    "ben got less than he signed for": (lambda: _with_balance("ben", 16_149), "what a merchant signed"),
    "ann got less than she earned": (lambda: _with_balance("ann", 11_399), "nobody lost more"),
    "ben lost more than a period": (
        lambda: replace(BOOKS, last_period_ubc={"ann": 0, "ben": 8_990}),
        "nobody lost more",
    ),
    "a meter that signs more than there was": (
        lambda: replace(BOOKS, metered=(MeterSeen("bea", "roof", 300_000, 256_000),)),
        "what the boxes' meters",
    ),
    "a meter that signs less than there was": (
        lambda: replace(BOOKS, metered=(MeterSeen("bea", "roof", 220_000, 256_000),)),
        "what the boxes' meters",
    ),
    "a meter that signs nothing": (lambda: replace(BOOKS, metered=()), "what the boxes' meters"),
    "money from nowhere": (lambda: _with_balance("south", 9_851), "money is conserved"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_breaks_its_promise(name: str) -> None:
    make, promise = FAULTS[name]
    assert any(one.startswith(promise) for one in _broken(make())), _broken(make())
