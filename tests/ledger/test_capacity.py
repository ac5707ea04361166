"""Nothing is sold twice: every sale against a naive record of all grants, instant by instant.

The naive record keeps every grant with its beginning and end; the ledger keeps sums. A sale has to be refused
exactly when the record says that some instant would be oversold. First for random stories, then for every
story of a small world.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ledger.buying import Sale, allocate
from ledger.capacity import (
    MAX_BANDS,
    MAX_PERIODS_AHEAD,
    MAX_SECONDS,
    allocations_left,
    has_room_for_band,
    looks_of_share,
    most_outstanding,
    most_outstanding_from,
)
from ledger.contract import Applied, apply
from ledger.entries import Account, BandBooks, PeriodBook, SpotEnding, span_of
from ledger.passing import pass_time
from ledger.posting import post_offer
from ledger.rejection import Reason, Rejected
from ledger.state import CHANGE_LOOKS, Draft, State, read_offer, read_reservation
from tests.ledger_world import ALICE, BAND, OTHER_BAND, PROVIDER, START_S, World, buy, offer
from wire.band import Band
from wire.post_offer import Reservation
from wire.transaction import Action

PERIOD_S = 60
OVERLAPPING_BAND = Band(5_160_000, 5_180_000, 20_000)
BANDS = (BAND, OTHER_BAND, OVERLAPPING_BAND)


@dataclass(frozen=True)
class Sold:
    """Units of a band in [starts_s, ends_s)."""

    starts_s: int
    ends_s: int
    units: int
    band: Band


def most_sold(record: list[Sold], band: Band, starts_s: int, ends_s: int) -> int:
    """The naive answer: the most units at any second of [starts_s, ends_s) in overlapping bands."""
    near = [
        sold
        for sold in record
        if sold.band.from_frequency_khz < band.to_frequency_khz
        and band.from_frequency_khz < sold.band.to_frequency_khz
    ]
    instants = {starts_s} | {sold.starts_s for sold in near if starts_s <= sold.starts_s < ends_s}
    return max(sum(sold.units for sold in near if sold.starts_s <= at < sold.ends_s) for at in instants)


class Shop(RuleBasedStateMachine):
    """Offers, purchases and waiting, with the naive record beside the ledger."""

    @initialize()
    def open(self) -> None:
        self.world = World()
        self.record: list[Sold] = []
        self.epoch = 0

    @rule(
        maximum=st.integers(1, 6),
        duration=st.sampled_from([1, 7, 60, 61, 150]),
        band=st.sampled_from(BANDS),
        ahead=st.dictionaries(st.integers(1, 4), st.integers(1, 6), max_size=4),
    )
    def post(self, maximum: int, duration: int, band: Band, ahead: dict[int, int]) -> None:
        period = self.world.now_s // PERIOD_S
        reservations = {period + at: Reservation(0, capacity) for at, capacity in ahead.items()}
        self.world.must(
            offer(
                price_ubc=0,
                max_allocations=maximum,
                allocation_duration_s=duration,
                band=band,
                reservations=reservations,
            ),
            PROVIDER,
        )
        self.epoch += 1

    @rule(units=st.integers(1, 4))
    def buy_on_the_spot(self, units: int) -> None:
        standing = read_offer(self.world.state, PROVIDER.public)
        if standing is None:
            return
        now_s, ends_s = self.world.now_s, self.world.now_s + standing.allocation_duration_s
        fits = most_sold(self.record, standing.band, now_s, ends_s) + units <= standing.max_allocations
        left = allocations_left(self.world.draft(), PROVIDER.public.key_id, standing, now_s)
        assert (units <= left) == fits
        reason = self.world.do(buy(0, self.epoch, band=standing.band, allocations=units), ALICE)
        assert reason is (None if fits else Reason.SOLD_OUT)
        if fits:
            self.record.append(Sold(now_s, ends_s, units, standing.band))

    @rule(units=st.integers(1, 4), first=st.integers(1, 4), count=st.integers(1, 3))
    def buy_ahead(self, units: int, first: int, count: int) -> None:
        standing = read_offer(self.world.state, PROVIDER.public)
        if standing is None:
            return
        start = self.world.now_s // PERIOD_S + first
        reason = self.world.do(
            buy(
                0,
                self.epoch,
                band=standing.band,
                allocations=units,
                period=start,
                period_to=start + count - 1,
            ),
            ALICE,
        )
        starts_s, ends_s = start * PERIOD_S, (start + count) * PERIOD_S
        fits = most_sold(self.record, standing.band, starts_s, ends_s) + units <= standing.max_allocations
        if reason is None:
            assert fits
            self.record.append(Sold(starts_s, ends_s, units, standing.band))
        elif reason is Reason.SOLD_OUT:
            on_offer = [
                read_reservation(self.world.state, PROVIDER.public, start + at) for at in range(count)
            ]
            assert not fits or min(one.capacity for one in on_offer if one is not None) < units
        else:
            assert reason is Reason.NOT_ON_OFFER

    @rule(
        seconds=st.sampled_from([-1, 0, 1, 7, 60, 61, 110, 240]),
        lasts_s=st.sampled_from([1, 20, 60, 61, 180]),
        band=st.sampled_from(BANDS),
    )
    def look_ahead(self, seconds: int, lasts_s: int, band: Band) -> None:
        """What will be taken, if nothing is sold meanwhile."""
        now_s, view = self.world.now_s, self.world.draft()
        from_s, until_s = now_s + max(0, seconds), now_s + seconds + lasts_s
        if until_s <= from_s:
            return
        provider = PROVIDER.public.key_id
        found = most_outstanding_from(view, provider, span_of(band), now_s, now_s + seconds, until_s)
        assert found == most_sold(self.record, band, from_s, until_s)

    @rule(seconds=st.sampled_from([1, 6, 7, 53, 60, 200]))
    def wait(self, seconds: int) -> None:
        self.world.wait(seconds)

    @invariant()
    def nothing_is_kept_that_is_over(self) -> None:
        if not hasattr(self, "world"):
            return
        draft = self.world.draft()
        kept = [key for key in self.world.state.entries if draft.get(key) is not None]
        live = [sold for sold in self.record if sold.ends_s > self.world.now_s]
        assert len([key for key in kept if key[:1] == b"s"]) <= len(live)
        assert any(key[:1] == b"b" for key in kept) == bool(live)


Shop.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestShop = Shop.TestCase


def test_every_story_of_a_small_world_sells_each_unit_once() -> None:
    """All orders of up to five of: two offers, a spot purchase, two reservations, some waiting. One band, at
    most two units.
    """
    seen: set[tuple[object, ...]] = set()
    waiting = [(State(World().genesis), START_S, (), 5)]
    waiting[0][0].merge(World().state.entries, {}, START_S)
    stories = 0
    while waiting:
        state, now_s, record, depth = waiting.pop()
        name = (frozenset(state.entries.items()), now_s, record, depth)
        if name in seen or depth == 0:
            continue
        seen.add(name)
        for after in _next_steps(state, now_s, list(record)):
            stories += 1
            waiting.append((*after, depth - 1))
    assert stories > 1_000


def _next_steps(state: State, now_s: int, record: list[Sold]):
    period = now_s // PERIOD_S
    standing = read_offer(state, PROVIDER.public)
    for maximum, capacity in ((1, 2), (2, 1)):
        ahead = {period + 1: Reservation(1, capacity), period + 2: Reservation(1, 1)}
        draft = pass_time(state, now_s)
        action = offer(max_allocations=maximum, allocation_duration_s=70, reservations=ahead)
        assert post_offer(draft, PROVIDER.public, action, now_s) is None
        yield _merged(state, draft, now_s), now_s, tuple(record)
    for seconds in (35, 60):
        yield state, now_s + seconds, tuple(record)
    if standing is None:
        return
    actions = [buy(100, standing.epoch)]
    actions += [buy(1, standing.epoch, period=period + 1, period_to=period + 1)]
    actions += [buy(2, standing.epoch, period=period + 1, period_to=period + 2)]
    for purchase in actions:
        draft = pass_time(state, now_s)
        sale = allocate(draft, ALICE.public, purchase, now_s)
        if isinstance(sale, Rejected):
            assert sale.reason in (Reason.SOLD_OUT, Reason.NOT_ON_OFFER)
            continue
        grown = [*record, _sold(sale)]
        oversold = most_sold(record, BAND, sale.starts_s, sale.starts_s + sale.duration_s)
        assert oversold + 1 <= standing.max_allocations
        yield _merged(state, draft, now_s), now_s, tuple(grown)


def _sold(sale: Sale) -> Sold:
    return Sold(sale.starts_s, sale.starts_s + sale.duration_s, sale.allocations, sale.band)


def _merged(state: State, draft: Draft, now_s: int) -> State:
    copy = State(state.genesis)
    copy.merge(state.entries, {}, 0)
    copy.merge(draft.changes, {}, now_s)
    assert all(entry.balance_ubc >= 0 for entry in copy.entries.values() if isinstance(entry, Account))
    return copy


def test_bands_that_only_touch_do_not_share_air() -> None:
    world = World()
    world.must(offer(max_allocations=1), PROVIDER)
    world.must(buy(), ALICE)
    beside = Band(BAND.to_frequency_khz, BAND.to_frequency_khz + 20_000, 20_000)
    world.must(offer(max_allocations=1, band=beside), PROVIDER)
    world.must(buy(epoch=2, band=beside), ALICE)
    world.must(offer(max_allocations=1, band=OVERLAPPING_BAND), PROVIDER)
    assert world.do(buy(epoch=3, band=OVERLAPPING_BAND), ALICE) is Reason.SOLD_OUT


def test_the_books_are_sums_not_grants() -> None:
    """A hundred purchases within a second leave three entries behind, and none when they are over."""
    world = World()
    world.must(offer(price_ubc=0, max_allocations=100), PROVIDER)
    for _ in range(100):
        world.must(buy(0), ALICE)
    books = [
        entry
        for entry in world.state.entries.values()
        if isinstance(entry, BandBooks | PeriodBook | SpotEnding)
    ]
    assert len(books) == 3
    end_s = world.now_s + 10
    assert most_outstanding(world.state, PROVIDER.public.key_id, span_of(BAND), world.now_s, end_s) == 100
    world.wait(10)
    assert (
        most_outstanding(world.draft(), PROVIDER.public.key_id, span_of(BAND), world.now_s, end_s + 10) == 0
    )


@pytest.mark.parametrize(
    ("until_s", "ahead_s", "taken"),
    [(600, 599, 3), (600, 600, 0), (5_000, 4_999, 0), (5_000, 3_600, 3), (9_000, 4_999, 0)],
)
def test_a_question_looks_at_no_more_than_an_hour_second_by_second(
    until_s: int, ahead_s: int, taken: int
) -> None:
    """In a day that is one period: what ends in it is taken for over where it would be too many looks to know."""
    world = World(genesis=replace(World().genesis, period_s=86_400))
    world.now_s = START_S - START_S % 86_400 + 86_400
    world.must(offer(price_ubc=0, allocation_duration_s=until_s), PROVIDER)
    world.must(buy(0, allocations=3), ALICE)
    view, from_s = world.draft(), world.now_s + ahead_s
    view.tally.looks = 0
    provider = PROVIDER.public.key_id
    found = most_outstanding_from(view, provider, span_of(BAND), world.now_s, from_s, from_s + 60)
    assert found == taken
    assert view.tally.looks <= MAX_SECONDS + 10


@pytest.mark.parametrize("far_s", [MAX_PERIODS_AHEAD * PERIOD_S + PERIOD_S, 2**62])
def test_nothing_that_is_sold_reaches_further_than_periods_can_be_reserved(far_s: int) -> None:
    world = World()
    world.must(offer(price_ubc=0), PROVIDER)
    world.must(buy(0), ALICE)
    view, now_s = world.draft(), world.now_s
    view.tally.looks = 0
    provider = PROVIDER.public.key_id
    assert most_outstanding_from(view, provider, span_of(BAND), now_s, now_s + far_s, now_s + far_s + 9) == 0
    assert view.tally.looks < 10
    assert most_outstanding_from(view, provider, span_of(BAND), now_s, now_s, now_s + far_s) == 1


def test_a_ninth_band_waits_for_one_of_eight() -> None:
    world = World()
    for number in range(MAX_BANDS):
        band = Band(1_000_000 + 2_000 * number, 1_001_000 + 2_000 * number, 1_000)
        world.must(offer(price_ubc=0, band=band), PROVIDER)
        world.must(buy(0, number + 1, band=band), ALICE)
    assert not has_room_for_band(world.state, PROVIDER.public.key_id, span_of(BAND))
    assert has_room_for_band(world.state, PROVIDER.public.key_id, (1_000_000, 1_001_000))
    assert has_room_for_band(world.wait(10).draft(), PROVIDER.public.key_id, span_of(BAND))


# ---- What a purchase may cost


def test_no_purchase_looks_at_more_than_a_bounded_number_of_entries() -> None:
    """The worst that a provider can prepare: every band in use and overlapping, the longest grant, every period."""
    world, period = World(), START_S // PERIOD_S
    ahead = {period + at: Reservation(0, 99) for at in range(1, MAX_PERIODS_AHEAD + 1)}
    longest_s = (MAX_PERIODS_AHEAD - 1) * PERIOD_S
    last, band = period + MAX_PERIODS_AHEAD - 1, BAND
    for number in range(MAX_BANDS):
        band = Band(5_150_000 + number, 5_170_000 + number, 20_000)
        world.must(
            offer(price_ubc=0, band=band, allocation_duration_s=longest_s, reservations=ahead), PROVIDER
        )
        world.must(buy(0, number + 1, band=band, period=last, period_to=last), ALICE)
    spot = buy(0, MAX_BANDS, band=band)
    assert _looks_of(world, spot) <= looks_of_share(world.genesis, longest_s)
    series = buy(0, MAX_BANDS, band=band, period=period + 1, period_to=period + MAX_PERIODS_AHEAD)
    for action in (spot, series):
        draft = Draft(world.draft())
        draft.tally.looks = 0
        outcome = apply(draft, world.sign(action, ALICE), world.now_s)
        assert isinstance(outcome, Applied), outcome
        reads = draft.tally.looks - CHANGE_LOOKS * len(outcome.changes)
        assert MAX_PERIODS_AHEAD * MAX_BANDS <= reads <= MAX_PERIODS_AHEAD * (MAX_BANDS + 4) + 150
        assert len(outcome.changes) <= 2 * MAX_PERIODS_AHEAD + 10


def _looks_of(world: World, action: Action) -> int:
    """What one purchase adds to a block's tally."""
    draft = Draft(world.draft())
    draft.tally.looks = 0
    assert isinstance(apply(draft, world.sign(action, ALICE), world.now_s), Applied)
    return draft.tally.looks


@pytest.mark.parametrize("periods", [0, 1, 10, 400])
def test_a_share_looks_at_no_more_than_is_said_when_an_auction_is_opened(periods: int) -> None:
    world, now = World(), START_S // PERIOD_S
    duration_s, band = periods * PERIOD_S + 10, BAND
    for number in range(MAX_BANDS):
        band = Band(5_150_000 + number, 5_170_000 + number, 20_000)
        ahead = {now + 1 + periods: Reservation(0, 99)}
        world.must(
            offer(price_ubc=0, band=band, allocation_duration_s=duration_s, reservations=ahead), PROVIDER
        )
        last = now + 1 + periods
        world.must(buy(0, number + 1, band=band, period=last, period_to=last), ALICE)
    looks = _looks_of(world, buy(0, MAX_BANDS, band=band))
    assert periods * MAX_BANDS <= looks <= looks_of_share(world.genesis, duration_s)
