"""Metered sessions: whoever cheats, vanishes or crashes, and whenever, the other loses one increment at most."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from market.metered import due_ubc, goodwill_ubc, increment_ubc
from operatord import channels
from operatord.channel import Channels, Rules
from operatord.commands import Command, Disconnect, Earn, Note
from tests.operatord.metered_world import (
    BY_BOTH,
    BY_TIME,
    BY_VOLUME,
    DEPOSIT_UBC,
    INSTANCE,
    PERMIT,
    STEP_MS,
    TERMS_ID,
    Plan,
    World,
    new_book,
    play,
    use,
)
from tests.operatord.world import ALICE, BOB, BSSIDS, PARTNER, PROVIDER
from wire.keys import PrivateKey
from wire.meter_statement import MeterStatement
from wire.micropayment import Micropayment
from wire.payment import Word
from wire.tariff import Tariff

TARIFFS = st.sampled_from([BY_TIME, BY_VOLUME, BY_BOTH])
MOMENTS = st.integers(0, 1_000).map(lambda steps: steps * STEP_MS)
RATES = st.integers(0, 1_000_000)
"""At most what the ceilings let through."""
SEEDS = st.integers(0, 2**32)
RUNS = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
ROUNDING_UBC = 3


def one_increment(world: World) -> int:
    """And what the tolerances of the meters and of the step of this simulation come to."""
    tariff = world.plan.tariff
    tolerated = world.had_ubc * 31_000 // 1_000_000 + tariff.per_megabyte_ubc * 20_000 // 1_000_000
    return (
        world.increment_ubc * world.plan.missed_allowed + tolerated + world.increment_ubc // 20 + ROUNDING_UBC
    )


# ---- Whoever cheats


@given(TARIFFS, RATES, st.booleans(), SEEDS)
@RUNS
def test_honest_sides_go_on_and_owe_each_other_less_than_an_increment(
    tariff: Tariff, rate: int, lossy: bool, seed: int
) -> None:
    world = play(Plan(tariff, rate_bytes_per_s=rate, loss_ppm=100_000 if lossy else 0), seed)
    assert world.reasons == []
    assert -world.increment_ubc - ROUNDING_UBC <= world.operator_lost_ubc <= 0
    assert 0 <= world.device_lost_ubc <= world.increment_ubc + ROUNDING_UBC


@given(TARIFFS, RATES, MOMENTS, st.integers(1, 3), SEEDS)
@example(BY_TIME, 1_000_000, 0, 1, 1)
@example(BY_VOLUME, 1_000_000, 0, 1, 1)
@RUNS
def test_a_device_that_stops_paying(tariff: Tariff, rate: int, at_ms: int, allowed: int, seed: int) -> None:
    world = play(Plan(tariff, allowed, rate, ends_ms=at_ms + 400_000, stops_paying_ms=at_ms), seed)
    assert world.out
    assert world.operator_lost_ubc <= one_increment(world)


@given(TARIFFS, RATES, st.integers(0, 1_000_000), MOMENTS, SEEDS)
@example(BY_VOLUME, 1_000_000, 1_000_000, 250_000, 1)
@RUNS
def test_a_device_that_says_it_had_less(
    tariff: Tariff, rate: int, less_ppm: int, at_ms: int, seed: int
) -> None:
    """And stops paying at the moment that suits it."""
    plan = Plan(tariff, 1, rate, understates_ppm=less_ppm, stops_paying_ms=at_ms, ends_ms=at_ms + 200_000)
    world = play(plan, seed)
    assert world.operator_lost_ubc <= one_increment(world)


@given(TARIFFS, RATES, MOMENTS, st.booleans(), st.integers(0, 1_000), SEEDS)
@example(BY_TIME, 1_000_000, 102_250, False, 0, 1)
@RUNS
def test_an_operator_that_stops_serving(
    tariff: Tariff, rate: int, at_ms: int, silent: bool, more_ubc: int, seed: int
) -> None:
    """With words on payments or without, asking for more or not."""
    kind: dict[str, Any] = {"goes_silent_ms": at_ms} if silent else {"stops_serving_ms": at_ms}
    world = play(Plan(tariff, 1, rate, at_ms + 200_000, asks_for_more_ubc=more_ubc, **kind), seed)
    assert world.left
    assert world.reasons[-1] == "not_served"
    assert world.device_lost_ubc <= world.increment_ubc * 21 // 20 + ROUNDING_UBC


@given(TARIFFS, RATES, MOMENTS, MOMENTS, SEEDS)
@RUNS
def test_a_crash_of_either_side_between_keeping_and_sending(
    tariff: Tariff, rate: int, device_ms: int, operator_ms: int, seed: int
) -> None:
    plan = Plan(tariff, 1, rate, crashes_ms=device_ms, restarts_ms=operator_ms, loss_ppm=50_000)
    world = play(plan, seed)
    assert world.operator_lost_ubc <= one_increment(world)
    assert (
        world.device_lost_ubc <= 2 * world.increment_ubc + ROUNDING_UBC
    )  # what is ahead, and an interval that was cut
    assert world.book.channels[ALICE.public].paid_ubc <= world.kept.paid_ubc


@given(TARIFFS, RATES, SEEDS)
@RUNS
def test_replayed_payments_change_nothing(tariff: Tariff, rate: int, seed: int) -> None:
    quiet, noisy = play(Plan(tariff, 1, rate), seed), play(Plan(tariff, 1, rate, replays=True), seed)
    assert noisy.reasons == []
    assert noisy.book.channels == quiet.book.channels
    assert noisy.earned_ubc == quiet.earned_ubc


@given(TARIFFS, st.integers(0, 900))
@settings(RUNS, max_examples=25)
@example(BY_BOTH, 900)
def test_clocks_may_differ_by_a_thousandth(tariff: Tariff, slow_ppm: int) -> None:
    world = play(Plan(tariff, slow_clock_ppm=slow_ppm, ends_ms=1_200_000))
    assert world.reasons == []
    assert world.operator_lost_ubc <= world.had_ubc // 1_000


def test_a_clock_that_is_slower_than_that_does_not_live_on_it() -> None:
    world = play(Plan(BY_TIME, slow_clock_ppm=50_000, ends_ms=1_200_000))
    assert world.out
    assert world.operator_lost_ubc <= world.increment_ubc


def test_nobody_lives_on_first_increments() -> None:
    """Joins, uses what is not paid, is thrown out, and joins again."""
    book, had_ubc, now_ms = new_book(BY_TIME), 0, 0
    for _ in range(20):
        if channels.refuse(book, PERMIT, "roof", BSSIDS["roof"].octets):
            break
        channels.begin(book, use(), 0, now_ms)
        began_ms = now_ms
        while not any(isinstance(one, Disconnect) for one in channels.pass_time(book, now_ms)):
            now_ms += STEP_MS
        had_ubc += BY_TIME.per_minute_ubc * (now_ms - began_ms) // 60_000
    borne_ubc = goodwill_ubc(BY_TIME, 1, 0)
    assert borne_ubc < had_ubc <= 2 * borne_ubc
    assert "did not pay" in channels.refuse(book, PERMIT, "roof", BSSIDS["roof"].octets)


# ---- Rule by rule


def joined(tariff: Tariff = BY_TIME, **changes: int) -> Channels:
    book = new_book(tariff, **changes)
    channels.begin(book, use(), 0, 0)
    return book


def pay(
    book: Channels,
    cumulative_ubc: int,
    interval: int = 0,
    had: int = 0,
    *,
    session: bytes = b"s" * 16,
    terms_id: bytes = TERMS_ID,
    now_ms: int = 100,
) -> tuple[channels.Taken, list[Command]]:
    said = MeterStatement(session, terms_id, interval, 0, had)
    paid = Micropayment(INSTANCE, ALICE.public, cumulative_ubc)
    return channels.take_payment(book, paid, b"money %d" % cumulative_ubc, said, b"said", now_ms)


def word(book: Channels, cumulative_ubc: int, interval: int = 0, had: int = 0, **names: Any) -> str:
    return pay(book, cumulative_ubc, interval, had, **names)[0].word.word.name


def test_what_is_due_is_served_and_earned() -> None:
    book = joined()
    taken, commands = pay(book, 1_000)
    assert (taken.word.word, taken.word.taken_ubc, taken.word.due_ubc) == (Word.SERVED, 1_000, 1_000)
    assert [one for one in commands if isinstance(one, Earn)] == [Earn(PROVIDER.public, ALICE.public, 1_000)]
    assert book.channels[ALICE.public].micropayment == b"money 1000"


def test_an_older_micropayment_takes_nothing_back() -> None:
    book = joined()
    assert word(book, 2_000) == "SERVED"
    assert word(book, 1_000) == "SERVED"
    assert book.channels[ALICE.public].paid_ubc == 2_000
    assert book.channels[ALICE.public].micropayment == b"money 2000"


def test_a_device_that_forgot_is_shown_its_own_word() -> None:
    """Two devices with one key, or one that lost its disk."""
    book = joined()
    pay(book, 5_000, 4)
    channels.end(book, ALICE.public, 50_000)
    channels.begin(book, use("yard"), 0, 60_000)
    taken, _ = pay(book, 1_000, session=b"t" * 16)
    assert (taken.word.word, taken.shown) == (Word.BEHIND, b"money 5000")
    assert book.sessions[ALICE.public].session == b""  # it may be a replay
    book.channels[ALICE.public] = replace(book.channels[ALICE.public], used_ubc=5_000)
    assert word(book, 6_000, session=b"t" * 16) == "SERVED"
    taken, _ = pay(book, 1_500, 3, session=b"t" * 16)
    assert (taken.word.word, taken.shown) == (Word.BEHIND, b"money 6000")


def test_a_second_device_with_the_same_channel_gets_no_session_beside_the_first() -> None:
    book = joined()
    pay(book, 1_000)
    assert word(book, 2_000, session=b"t" * 16) == "ENDED"
    assert word(book, 2_000, 1) == "SERVED"
    assert len(book.sessions) == 1


def test_too_little_counts_and_serves_nothing() -> None:
    book = joined()
    taken, _ = pay(book, 400)
    assert (taken.word.word, taken.word.taken_ubc, taken.word.due_ubc) == (Word.SHORT, 400, 1_000)
    assert book.sessions[ALICE.public].paid_interval == -1


def test_nothing_counts_beyond_the_deposit() -> None:
    book = joined(limit_ubc=1_500)
    assert word(book, 1_501) == "OVER_DEPOSIT"
    assert book.channels[ALICE.public].paid_ubc == 0
    assert word(book, 1_500) == "SERVED"


def test_money_counts_without_a_session_and_for_other_terms() -> None:
    book = new_book(BY_TIME)
    assert word(book, 500) == "NO_SESSION"
    channels.begin(book, use(), 0, 0)
    assert word(book, 1_000, terms_id=b"another.") == "OTHER_TERMS"
    assert book.channels[ALICE.public].paid_ubc == 1_000
    assert book.sessions[ALICE.public].paid_interval == -1


def test_a_session_before_is_not_paid_into_again() -> None:
    book = joined()
    pay(book, 1_000)
    channels.end(book, ALICE.public, 5_000)
    channels.begin(book, use(), 0, 6_000)
    assert word(book, 2_000) == "ENDED"
    assert word(book, 2_000, session=b"t" * 16) == "SERVED"


def test_a_statement_below_the_access_points_count_ends_it_at_once() -> None:
    book = joined(BY_VOLUME)
    increment = increment_ubc(BY_VOLUME)
    pay(book, increment)
    channels.count(book, PERMIT, 10_000_000, 60_000)
    taken, commands = pay(book, 2 * increment, 1, 9_679_999)
    assert taken.word.word is Word.METERS_DIFFER
    assert [one.box for one in commands if isinstance(one, Disconnect)] == ["roof"]
    assert ALICE.public not in book.sessions


def test_three_per_cent_below_is_the_price() -> None:
    book = joined(BY_VOLUME)
    pay(book, increment_ubc(BY_VOLUME))
    channels.count(book, PERMIT, 10_000_000, 60_000)
    due = due_ubc(BY_VOLUME, 1, 9_680_000)
    assert word(book, due, 1, 9_680_000) == "SERVED"


def test_who_pays_by_the_minute_may_count_as_he_likes() -> None:
    book = joined()
    channels.count(book, PERMIT, 10_000_000, 5_000)
    assert word(book, 1_000) == "SERVED"


def test_use_by_the_access_points_count_that_was_not_paid_ends_it() -> None:
    book = joined(BY_VOLUME)
    pay(book, increment_ubc(BY_VOLUME))
    assert channels.count(book, PERMIT, 80_000_000, 60_000) == []
    commands = channels.count(book, PERMIT, 200_000_000, 90_000)
    assert [one.box for one in commands if isinstance(one, Disconnect)] == ["roof"]
    assert book.channels[ALICE.public].unpaid_ubc > 0


def test_what_a_box_counted_before_is_of_the_session_before() -> None:
    book = new_book(BY_VOLUME)
    channels.begin(book, use(), 1_000_000, 0)
    channels.count(book, PERMIT, 9_000_000, 1_000)  # the Stop of the session before came late
    channels.count_from(book, PERMIT, 9_000_000)
    assert word(book, increment_ubc(BY_VOLUME)) == "SERVED"
    assert book.sessions[ALICE.public].counted == 0


def test_roaming_begins_a_session_there_and_ends_the_one_here() -> None:
    book = joined()
    pay(book, 3_000, 2)
    commands = channels.begin(book, use("yard"), 0, 12_000)
    session = book.sessions[ALICE.public]
    assert (session.box, session.base_ubc, session.paid_interval) == ("yard", 2_000, -1)
    assert not any(isinstance(one, Disconnect) for one in commands)
    assert word(book, 3_000, session=b"t" * 16) == "SERVED"  # an interval was paid and not begun


def test_who_earned_what_is_never_more_than_was_paid() -> None:
    book = joined()
    pay(book, 2_000, 1)
    channels.begin(book, use("yard"), 0, 15_000)
    _, commands = pay(book, 3_000, session=b"t" * 16, now_ms=15_100)
    assert [one for one in commands if isinstance(one, Earn)] == [Earn(PARTNER.public, ALICE.public, 1_000)]
    assert book.channels[ALICE.public].earned_ubc == 3_000


def earned_by(commands: list[Command]) -> dict[str, int]:
    """By box."""
    total = {"roof": 0, "yard": 0}
    for one in commands:
        if isinstance(one, Earn):
            total["roof" if one.payee == PROVIDER.public else "yard"] += one.amount_ubc
    return total


def test_what_is_paid_ahead_is_earned_where_it_is_used() -> None:
    """A device pays 900 intervals at an accomplice's box, and has them at an honest owner's."""
    book = joined()
    commands = pay(book, 900_000, 899)[1]
    commands += channels.begin(book, use("yard"), 0, 500)
    for interval in range(899):
        now_ms = 500 + interval * 10_000 + 2_500
        commands += channels.pass_time(book, now_ms)
        taken, more = pay(book, 900_000, interval, session=b"t" * 16, now_ms=now_ms)
        assert taken.word.word is Word.SERVED
        commands += more
    commands += channels.end(book, ALICE.public, 500 + 899 * 10_000)
    assert earned_by(commands) == {"roof": 1_000, "yard": 899_000}


STAYS = st.lists(
    st.tuples(st.sampled_from(["roof", "yard"]), st.integers(1, 30), st.integers(1, 200_000)), max_size=12
)


@given(STAYS)
@example([("roof", 30, 1), ("yard", 1, 200_000)])
def test_a_box_earns_what_was_used_at_it_within_one_increment_for_each_stay(
    stays: list[tuple[str, int, int]],
) -> None:
    """Whoever pays ahead, as far as he likes, and wherever he goes then."""
    book, commands, now_ms, paid_ubc = new_book(BY_TIME), list[Command](), 0, 0
    used = {"roof": 0, "yard": 0}
    for number, (box, ahead, stay_ms) in enumerate(stays):
        commands += channels.begin(book, use(box), 0, now_ms)
        paid_ubc += ahead * 1_000
        commands += pay(book, paid_ubc, ahead - 1, session=number.to_bytes(16, "big"), now_ms=now_ms)[1]
        had_ms = min(stay_ms, ahead * 10_000)
        used[box] += -(-had_ms // 10)
        now_ms += had_ms
    commands += channels.end(book, ALICE.public, now_ms)
    for box, earned_ubc in earned_by(commands).items():
        visits = sum(one[0] == box for one in stays)
        assert used[box] - 1 <= earned_ubc <= used[box] + 1_000 * visits
    channel = book.channels[ALICE.public]
    assert channel.earned_ubc == channel.used_ubc


def test_a_datagram_of_any_session_on_the_same_micropayment_begins_none() -> None:
    """Three sessions live on one increment; somebody on the way repeats what the first one sent."""
    book = joined(BY_VOLUME)
    increment = increment_ubc(BY_VOLUME)
    for number in range(3):
        assert word(book, increment, session=bytes([number]) * 16) == "SERVED"
        channels.end(book, ALICE.public, 2_000 + number)
        channels.begin(book, use(), 0, 3_000 + number)
    for number in range(3):
        assert word(book, increment, session=bytes([number]) * 16) == "ENDED"
    assert word(book, increment, session=b"3" * 16) == "SERVED"
    assert word(book, 2 * increment, 1, session=b"3" * 16) == "SERVED"
    assert book.channels[ALICE.public].sessions == (b"3" * 16,), "what was said with less is told by that"
    channels.begin(book, use(), 0, 9_000)
    assert word(book, increment, session=b"0" * 16) == "BEHIND"


def test_who_has_too_little_left_does_not_join() -> None:
    book = new_book(BY_TIME, limit_ubc=999)
    assert "999 ubc are left" in channels.refuse(book, PERMIT, "roof", BSSIDS["roof"].octets)
    channels.hear_channel(book, ALICE.public, 0, 1_000)
    assert channels.refuse(book, PERMIT, "roof", BSSIDS["roof"].octets) == ""


def test_not_every_box_sells_by_the_minute_and_grants_are_no_channels() -> None:
    book = new_book(BY_TIME)
    assert "sells no metered" in channels.refuse(book, PERMIT, "inn", BSSIDS["inn"].octets)
    book.rules = Rules(enrolled=frozenset({BOB.public}))
    assert "nobody is enrolled" in channels.refuse(book, PERMIT, "roof", BSSIDS["roof"].octets)
    book.rules = Rules(enrolled=frozenset({ALICE.public}))
    assert channels.refuse(book, PERMIT, "roof", BSSIDS["roof"].octets) == ""
    assert channels.refuse(book, b"g" * 16, "inn", BSSIDS["inn"].octets) == ""
    assert channels.begin(book, replace(use(), permit_id=b"g" * 16), 0, 0) == []
    assert channels.count(book, b"g" * 16, 1, 0) == []
    assert channels.count_from(book, b"g" * 16, 1) == []
    assert channels.end(book, BOB.public, 0) == []


def test_what_is_made_good_is_forgotten() -> None:
    book = joined()
    while book.sessions:
        channels.pass_time(book, channels.next_look_ms(book) or 0)
    unpaid = book.channels[ALICE.public].unpaid_ubc
    assert unpaid == 750
    assert word(book, unpaid) == "NO_SESSION"
    channels.begin(book, use(), 0, 100_000)
    channel = book.channels[ALICE.public]
    assert (channel.used_ubc, channel.unpaid_ubc) == (750, 0)


def test_after_a_restart_the_next_interval_begins_now() -> None:
    book = joined()
    pay(book, 3_000, 2)
    again = new_book(BY_TIME)
    channels.restore(again, list(book.channels.values()), list(book.sessions.values()), 1_000_000)
    assert channels.pass_time(again, 1_007_000) == []
    assert word(again, 4_000, 3) == "SERVED"
    assert (
        channels.next_look_ms(again) == 1_007_530
    )  # interval 3 began now; of the one before there is an entry


def test_free_first_increments_with_fresh_keys_tie_up_a_least_deposit_each() -> None:
    """Who deposits, uses the first interval up to its deadline, as often as he is let in, and shifts it all away comes
    again with a new key."""
    book = new_book(BY_TIME)
    book.rules = Rules(least_increments=10)
    place, tied_ubc, free_ubc = ("roof", BSSIDS["roof"].octets), 0, 0
    for number in range(20):
        key = PrivateKey.from_secret(5_000 + number).public
        permit = channels.permit_id_of(INSTANCE, key)
        channels.hear_channel(book, key, 1 + number, 9_999)
        assert "nobody joins with less than 10000" in channels.refuse(book, permit, *place)
        channels.hear_channel(book, key, 1 + number, 10_000)
        assert channels.refuse(book, permit, *place) == ""
        at_ms = number * 100_000
        while not channels.refuse(book, permit, *place):
            channels.begin(book, replace(use(), permit_id=permit), 0, at_ms)
            at_ms += 7_500
            assert any(isinstance(one, Disconnect) for one in channels.pass_time(book, at_ms))
        assert "did not pay" in channels.refuse(book, permit, *place)
        tied_ubc, free_ubc = tied_ubc + 10_000, free_ubc + book.channels[key].unpaid_ubc
        channels.hear_channel(book, key, 1 + number, 0)  # all of it is on its way to another operator
        assert "nobody joins" in channels.refuse(book, permit, *place)
    assert (free_ubc, tied_ubc) == (20 * 1_500, 20 * 10_000), (
        "an increment is 1,000: twice three quarters of one for ten"
    )


def test_the_least_deposit_is_of_the_box_and_of_keys_that_have_not_paid() -> None:
    book = new_book(BY_TIME, limit_ubc=10_000)
    book.rules = Rules(least_increments=10)
    dear = ("yard", BSSIDS["yard"].octets)
    terms = dict(book.terms)
    terms[dear] = replace(terms[dear], tariff=replace(BY_TIME, per_minute_ubc=6_006))
    book.terms = terms
    assert channels.refuse(book, PERMIT, "roof", BSSIDS["roof"].octets) == "", "whatever the yard asks"
    assert "with less than 10010 who has not paid" in channels.refuse(book, PERMIT, *dear)
    book.rules = Rules(least_deposit_ubc=10_001)
    assert "with less than 10001" in channels.refuse(book, PERMIT, "roof", BSSIDS["roof"].octets)
    channels.begin(book, use(), 0, 0)
    pay(book, 999)
    assert "with less than 10001" in channels.refuse(book, PERMIT, "roof", BSSIDS["roof"].octets)
    assert word(book, 1_000) == "SERVED"
    channels.hear_channel(book, ALICE.public, 0, 3_000)
    assert channels.refuse(book, PERMIT, "roof", BSSIDS["roof"].octets) == "", "its key is not fresh"


def join_and_be_crowded_out(book: Channels, at_ms: int) -> int:
    """Half an interval, in which nothing that the device sends is looked at; then it gives up. When that is."""
    assert channels.refuse(book, PERMIT, "roof", BSSIDS["roof"].octets) == ""
    channels.begin(book, use(), 0, at_ms)
    channels.crowd(book, ALICE.public)
    commands = channels.end(book, ALICE.public, at_ms + 5_000)
    assert [one.kind for one in commands if isinstance(one, Note)] == ["payments_crowded_out"]
    return at_ms + 5_000


def test_whose_payments_were_crowded_out_owes_nothing() -> None:
    book = new_book(BY_TIME)
    at_ms = join_and_be_crowded_out(book, 0)
    channels.begin(book, use(), 0, at_ms)
    channels.crowd_all(book, at_ms)
    assert any(isinstance(one, Disconnect) for one in channels.pass_time(book, at_ms + 7_500))
    assert book.channels[ALICE.public].unpaid_ubc == 0
    assert channels.refuse(book, PERMIT, "roof", BSSIDS["roof"].octets) == ""


def test_crowding_pardons_no_other_session() -> None:
    book = new_book(BY_TIME)
    channels.crowd(book, ALICE.public)  # none runs
    channels.crowd_all(book, 0)
    channels.begin(book, use(), 0, 1)
    channels.end(book, ALICE.public, 5_001)
    assert book.channels[ALICE.public].unpaid_ubc == 500
    book = joined()
    channels.crowd(book, ALICE.public)
    pay(book, 1_000)
    channels.pass_time(book, 100_000)
    assert book.sessions == {}
    assert book.channels[ALICE.public].unpaid_ubc > 0, "one that was paid once has its own share"


def test_who_floods_in_his_own_name_does_not_live_on_pardons() -> None:
    """Three in thirty intervals: seven and a half per cent of the time at most."""
    book, now_ms, had_ms = new_book(BY_TIME), 0, 0
    while now_ms < 3_000_000:  # 300 intervals
        if channels.refuse(book, PERMIT, "roof", BSSIDS["roof"].octets):
            due_ms = channels.next_look_ms(book)
            assert due_ms is not None, "nobody is locked out for good"
            now_ms = due_ms
            channels.pass_time(book, now_ms)
        else:
            channels.begin(book, use(), 0, now_ms)
            channels.crowd(book, ALICE.public)
            now_ms, had_ms = now_ms + 7_500, had_ms + 7_500
            channels.pass_time(book, now_ms)
    assert 0 < had_ms * 1_000 <= now_ms * 82, "and what the first three had before"
    assert book.channels[ALICE.public].unpaid_ubc == 0


def test_a_channel_that_is_heard_of_again_changes_nothing_but_its_limit() -> None:
    book = joined()
    pay(book, 1_000)
    assert channels.hear_channel(book, ALICE.public, 0, DEPOSIT_UBC) == []
    commands = channels.hear_channel(book, ALICE.public, 0, 900)  # what was spent here is being shifted away
    assert [one.kind for one in commands if isinstance(one, Note)] == ["spent_funds_are_shifted"]
    channel = book.channels[ALICE.public]
    assert (channel.paid_ubc, channel.limit_ubc) == (1_000, 900)
    assert word(book, 2_000, 1) == "OVER_DEPOSIT"
