"""ledger/evm/settlement_costs.py: the thesis's own numbers, and the crossings that follow from measured ones."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ledger.evm.settlement_costs import (
    Measured,
    Publishing,
    Rollup,
    compare,
    missing_at_par,
    off_chain_payplace,
    off_chain_rollup,
    omitted_by_paper,
    paper_payplace,
    paper_rollup,
    payplace_gas,
    rollup_gas,
)

MEASURED = Measured(notarisation=175_000, newly_missing=87_000, named=11_000, marking=33_000, naming=15_000)


@pytest.mark.parametrize(
    ("missing", "newly", "gas"),
    [(0, 0, 143_100), (100, 0, 271_100), (900, 0, 391_100), (100, 10, 800_340), (900, 10, 920_340),
     (100, 100, 4_852_500), (900, 100, 4_972_500)],
)  # fmt: skip
def test_figure_6_9_a(missing: int, newly: int, gas: int) -> None:
    assert paper_payplace(1_000, missing, newly) == gas


@pytest.mark.parametrize(
    ("payments", "gas"), [(100, 374_000), (3_000, 1_070_000), (100_000, 34_250_000), (1_000_000, 340_250_000)]
)
def test_figure_6_9_b(payments: int, gas: int) -> None:
    assert paper_rollup(payments) == gas


def test_what_the_figure_leaves_out_of_a_newly_missing_merchant() -> None:
    """P8: with 100 consumers, 166,400 gas of calldata beside the roughly 45,000 that were counted, and storage."""
    counted = paper_payplace(1_000, 100, 11) - paper_payplace(1_000, 100, 10)
    assert 44_000 < counted < 46_000
    assert omitted_by_paper(100, slot_gas=0) == 166_400
    assert omitted_by_paper(100) > 40 * counted


def test_off_chain_all_merchants_are_counted() -> None:
    """P9: 50 n of a roll-up beside 2 pr + 2 n, that is 25 times at most; and dearer with few payments."""
    registered, each = 1_000, 1_000
    payments = registered * each
    ratio = off_chain_rollup(payments) / off_chain_payplace(registered, each)
    assert 24 < ratio < 25.1
    assert off_chain_rollup(100) < off_chain_payplace(1_000_000, 0)


def test_payments_cost_payplace_nothing_and_a_rollup_its_data() -> None:
    small, large = (compare(MEASURED, payments, 1_000, 0) for payments in (10**3, 10**9))
    assert small.payplace == large.payplace == MEASURED.notarisation
    assert large.rollup_payments > 1_000 * small.rollup_payments
    assert large.rollup_payouts == small.rollup_payouts


def test_a_rollup_of_payouts_is_as_the_reference_reckons() -> None:
    """251,000 fixed and 8 blobs for 100,000 payouts: about 317,000; a payment of 12 octets 0.77 gas."""
    payouts = Rollup(publishing=Publishing.PAYOUTS)
    assert rollup_gas(payouts, 10**9, 100_000) == 251_000 + 8 * 8_192
    published = rollup_gas(Rollup(), 10**9, 100_000) - 251_000
    assert 770_000_000 < published < 780_000_000
    single = Rollup(payments_per_proof=3_000)
    assert rollup_gas(single, 3_001, 1) == 2 * 251_000 + 8_192


def test_payplace_is_cheaper_only_while_few_are_newly_missing() -> None:
    at_par = missing_at_par(MEASURED, 10**6, 100_000)
    assert at_par == 1
    assert missing_at_par(MEASURED, 10**6, 100_000, named=True) == 11
    cheap, dear = (payplace_gas(MEASURED, number) for number in (at_par, at_par + 1))
    rollup = rollup_gas(Rollup(publishing=Publishing.PAYOUTS), 10**6, 100_000)
    assert cheap <= rollup < dear
    assert missing_at_par(Measured(400_000, 1, 1, 1, 1), 1, 1) == 0


def test_the_first_that_is_missing_costs_more_than_any_other() -> None:
    assert payplace_gas(MEASURED, 0) == 175_000
    assert payplace_gas(MEASURED, 1) == 175_000 + 33_000 + 87_000
    assert payplace_gas(MEASURED, 10, named=True) == 175_000 + 15_000 + 110_000
    assert missing_at_par(replace(MEASURED, naming=150_000), 10**6, 100_000, named=True) == 0
