"""Sizes of transport blocks against published examples, and tables against the formula that made them."""

from __future__ import annotations

import math

import pytest

from lab.ran.transport_block import (
    CQI_EFFICIENCY,
    CQI_SNR_DB,
    MCS,
    MCS_SNR_DB,
    block_bits,
    block_table,
    cqi_at,
    efficiency,
    mcs_at,
    transport_block_bits,
)


@pytest.mark.parametrize(
    ("order", "rate", "prbs", "elements", "layers", "bits"),
    [
        # The example of MATLAB's nrTBS: 16QAM, four layers, 52 PRBs, 120 elements, rate 0.48.
        (4, 0.48 * 1024, 52, 120, 4, 48_168),
        # A capture of a commercial gNB explained at github.com/dustinchen26/TBS: 273 PRBs, 256QAM table, MCS 9.
        (4, 616, 273, 132, 4, 344_376),
        # By hand: 132 x 2 x 120/1024 = 30.9 -> 24; 132 x 6 x 948/1024 = 733.2 -> 728 -> 736.
        (2, 120, 1, 132, 1, 24),
        (6, 948, 1, 132, 1, 736),
        # More elements than 156 do not count.
        (2, 120, 10, 168, 1, 368),
        # A rate of a quarter or less has a smaller code block: 6,859.4 -> 6,784, in two of 3,408 with their check sums.
        (2, 251, 106, 132, 1, 6_792),
    ],
)
def test_sizes(order: int, rate: float, prbs: int, elements: int, layers: int, bits: int) -> None:
    assert transport_block_bits(order, rate, prbs, elements, layers) == bits


def test_no_resource_block_carries_nothing() -> None:
    assert block_bits(10, 0) == 0


def test_a_block_holds_what_its_elements_hold_within_the_rounding_of_the_standard() -> None:
    for mcs in range(len(MCS)):
        for prbs in range(4, 107):
            bits = block_bits(mcs, prbs)
            ideal = 132 * prbs * efficiency(mcs)
            assert bits % 8 == 0
            assert abs(bits - ideal) <= max(48, 0.05 * ideal), (mcs, prbs)


def test_more_resource_blocks_never_carry_less() -> None:
    for row in block_table(106):
        assert list(row) == sorted(row)


def test_the_table_of_channel_quality_is_order_times_rate() -> None:
    printed = [(2, rate) for rate in (78, 120, 193, 308, 449, 602)]
    printed += [(4, rate) for rate in (378, 490, 616)]
    printed += [(6, rate) for rate in (466, 567, 666, 772, 873, 948)]
    assert [round(order * rate / 1024, 4) for order, rate in printed] == pytest.approx(
        CQI_EFFICIENCY[1:], abs=1e-4
    )


def test_links() -> None:
    assert cqi_at(-30) == 0
    assert cqi_at(40) == 15
    assert mcs_at(-30) == 0
    assert mcs_at(40) == 28
    for index, needed in enumerate(MCS_SNR_DB):
        assert mcs_at(needed) >= index
    assert list(CQI_SNR_DB) == sorted(CQI_SNR_DB)
    assert not math.isfinite(CQI_SNR_DB[0])
