"""Slots that share one count, what a session adds to it, and how far it may go."""

from __future__ import annotations

from market.ubid.chains import chain


def test_uniform_bids_are_one_chain_whatever_the_forecast_is() -> None:
    chains = chain([(3, 3, 3), (3, 3), (2,)], (7, 4, 5))
    assert (chains.sizes, chains.weights, chains.limits) == ((7,), ((3,), (3,), (2,)), ((4,), (4,), (7,)))


def test_a_slot_with_room_for_everybody_is_in_no_chain() -> None:
    chains = chain([(3, 3, 3), (3,)], (5, 3, 9))
    assert chains.limits == ((5 // 3,), (5 // 3,))
    assert chain([(3, 3)], (3, 3)).sizes == (0,)


def test_what_all_ask_for_is_counted_in_common_parts_and_capacity_rounded_down() -> None:
    chains = chain([(4,), (6,)], (9,))
    assert (chains.sizes, chains.weights, chains.limits) == ((4,), ((2,), (3,)), ((4,), (4,)))


def test_bundles_that_switch_make_one_chain_for_each_level() -> None:
    chains = chain([(5, 3, 5), (5, 3), (1, 1)], (8, 4, 9))
    assert len(chains.sizes) == 2
    assert chains.weights == ((5, 3), (5, 3), (1, 1))
    assert chains.cells == 9 * 5


def test_no_bids_are_one_empty_chain() -> None:
    assert chain([], (5,)).cells == 1
