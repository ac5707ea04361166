"""Views, drafts and what falls due."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.entries import Account, Money, SpotEnding, account_key, reservation_key, spot_ending_key
from ledger.state import (
    CHANGE_LOOKS,
    Draft,
    State,
    TooMuchWorkError,
    due_s,
    read_account,
    read_money,
    read_offer,
    read_offer_by_id,
)
from tests.ledger_world import ALICE, GENESIS, PERIOD_S, PROVIDER, World, offer

KEY_ID = PROVIDER.public.key_id


def ending(second: int) -> bytes:
    return spot_ending_key(KEY_ID, second, (1, 2))


def test_a_draft_shows_its_changes_and_leaves_its_base_alone() -> None:
    state = State(GENESIS)
    state.merge({b"m": Money(1, 0)}, (), 0)
    draft = Draft(state)
    draft.put(b"m", None)
    upper = Draft(draft)
    upper.put(b"m", Money(2, 0))
    assert (read_money(upper), draft.get(b"m"), read_money(state)) == (Money(2, 0), None, Money(1, 0))
    draft.absorb(upper.changes, [b"id"])
    assert read_money(draft) == Money(2, 0)
    assert draft.was_executed(b"id")
    assert not state.was_executed(b"id")


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.lists(st.tuples(st.sampled_from(b"oqm"), st.binary(max_size=2), st.booleans()), max_size=50))
)
def test_keys_that_are_asked_for_in_order_are_kept_in_order(
    blocks: list[list[tuple[int, bytes, bool]]],
) -> None:
    state = State(GENESIS)
    for block in blocks:
        state.merge(
            {bytes((kind,)) + rest: Money(1, 0) if there else None for kind, rest, there in block}, (), 0
        )
        for prefix in (b"o", b"q", b"q\x00", b"o\xff"):
            wanted = sorted(key for key in state.entries if key.startswith(prefix) and key > prefix)
            assert state.keys_listed(prefix) == wanted
            if wanted:
                after = wanted[len(wanted) // 2][len(prefix) :]
                assert (
                    state.keys_listed(prefix, after, 3) == [key for key in wanted if key > prefix + after][:3]
                )


def test_what_is_merged_replaces_and_removes() -> None:
    state = State(GENESIS)
    state.merge({b"m": Money(1, 0), ending(5): SpotEnding(1)}, (), 0)
    state.merge({b"m": Money(2, 0), ending(5): None, ending(6): None}, (), 0)
    assert state.entries == {b"m": Money(2, 0)}


@given(st.lists(st.integers(1, 50), max_size=30), st.integers(0, 60))
def test_exactly_what_is_due_is_found_once_and_in_order(seconds: list[int], now_s: int) -> None:
    state = State(GENESIS)
    for second in seconds:
        state.merge({ending(second): SpotEnding(1)}, (), 0)
    assert list(state.keys_due(now_s)) == [
        ending(second) for second in sorted(set(seconds)) if second <= now_s
    ]


def test_an_entry_that_comes_back_is_due_once() -> None:
    state = State(GENESIS)
    for entry in (SpotEnding(1), None, SpotEnding(2)):
        state.merge({ending(5): entry}, (), 0)
    assert list(state.keys_due(5)) == [ending(5)]


def test_what_was_executed_is_asked_of_whoever_keeps_it() -> None:
    known = {b"a"}
    state = State(GENESIS, known)
    assert (state.was_executed(b"a"), state.was_executed(b"b")) == (True, False)
    state.merge({}, [b"b"], 10)
    assert state.was_executed(b"b")
    assert known == {b"a", b"b"}


def test_times_of_keys() -> None:
    assert due_s(GENESIS, ending(77)) == 77
    assert due_s(GENESIS, reservation_key(PROVIDER.public, 10)) == 10 * PERIOD_S
    assert due_s(GENESIS, b"c" + (10).to_bytes(8, "big") + bytes(16)) == 11 * PERIOD_S


def test_an_account_is_only_that_of_its_whole_key() -> None:
    state = State(GENESIS)
    state.merge({account_key(ALICE.public.key_id): Account(PROVIDER.public.octets, 5)}, (), 0)
    assert read_account(state, ALICE.public) is None


def test_an_offer_is_found_by_key_and_by_key_id() -> None:
    world = World()
    assert read_offer(world.state, PROVIDER.public) is None
    world.must(offer(), PROVIDER)
    assert read_offer(world.state, PROVIDER.public) == read_offer_by_id(world.state, KEY_ID) is not None


def test_drafts_over_each_other_tally_what_was_looked_at_once() -> None:
    """However many lie between, so that whoever works with more care counts the same."""
    state = State(GENESIS)
    draft = Draft(state)
    upper = Draft(Draft(draft))
    assert upper.get(b"k") is None
    upper.put(b"k", Money(1, 0))
    assert upper.get(b"k") == Money(1, 0)
    assert draft.get(b"k") is None
    assert draft.tally.looks == upper.tally.looks == 3 + CHANGE_LOOKS
    draft.absorb(upper.changes)
    draft.tally.limit = draft.tally.looks - 1
    with pytest.raises(TooMuchWorkError):
        draft.absorb({})
