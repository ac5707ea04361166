"""The cell held against what is known in closed form, and against what the gNB's scheduler was read to do."""

from __future__ import annotations

import math

import pytest

from lab.ran.cell_model import FDD, Carrier, Cell, loss
from lab.ran.fading import STATIC, FadingSettings
from lab.ran.sources import full_buffer, random_packets, steady
from lab.ran.transport_block import block_bits, mcs_at

SMALL = Carrier(prbs=51, ssb_prbs=0)
HIGH_DB = 40.0
"""Far above what the best MCS needs: nothing is lost."""


def cell_with(*slices: tuple[int, int, int], carrier: Carrier = SMALL, seed: int = 1) -> Cell:
    cell = Cell(carrier, seed)
    for sd, low, high in slices:
        cell.add_slice((1, sd), low, high)
    return cell


def rates_bps(cell: Cell, seconds: float) -> dict[int, float]:
    before = {rnti: ue.tally.copy() for rnti, ue in cell.ues.items()}
    cell.run(seconds)
    return {rnti: ue.tally.since(before[rnti]).sent_bits / seconds for rnti, ue in cell.ues.items()}


def test_capacity_at_a_fixed_quality_is_block_size_times_slots() -> None:
    cell = cell_with()
    cell.add_ue(1, None, HIGH_DB, STATIC, full_buffer())
    cell.run(0.5)
    expected = block_bits(28, 51) * SMALL.downlink_slots_per_s
    assert rates_bps(cell, 1.0)[1] == pytest.approx(expected, rel=1e-9)
    assert SMALL.downlink_slots_per_s == 1_400
    assert FDD.downlink_slots_per_s == 1_000


def test_the_synchronisation_block_takes_its_part() -> None:
    cell = cell_with(carrier=Carrier(prbs=51, ssb_prbs=20, ssb_period_slots=40))
    cell.add_ue(1, None, HIGH_DB, STATIC, full_buffer())
    cell.run(1.0)
    lost = 50 * (block_bits(28, 51) - block_bits(28, 31))
    assert cell.ues[1].tally.sent_bits == block_bits(28, 51) * 1_400 - lost
    assert cell.used_prbs == cell.offered_prbs == 51 * 1_400 - 20 * 50


def test_equal_ues_get_equal_shares() -> None:
    cell = cell_with()
    for rnti in range(1, 9):
        cell.add_ue(rnti, None, 15.0, FadingSettings(), full_buffer())
    rates = rates_bps(cell, 8.0).values()
    mean = sum(rates) / len(rates)
    airtime = [ue.tally.prbs for ue in cell.ues.values()]
    assert max(airtime) / min(airtime) < 1.25
    assert all(abs(rate - mean) < 0.25 * mean for rate in rates)


@pytest.mark.parametrize(("fairness", "exponent"), [(1.0, 0.0), (2.0, -0.5)])
def test_unequal_links_share_time_as_the_fairness_coefficient_says(fairness: float, exponent: float) -> None:
    """In balance r/(x r)^c is equal for all, hence x is in proportion to r^((1-c)/c): equal time for c = 1."""
    carrier = Carrier(prbs=51, ssb_prbs=0, fairness=fairness)
    cell = cell_with(carrier=carrier)
    cell.add_ue(1, None, 6.0, STATIC, full_buffer())
    cell.add_ue(2, None, HIGH_DB, STATIC, full_buffer())
    cell.run(4.0)
    before = cell.ues[1].tally.copy(), cell.ues[2].tally.copy()
    cell.run(8.0)
    slow, fast = (cell.ues[rnti].tally.since(before[rnti - 1]) for rnti in (1, 2))
    ratio = block_bits(28, 51) / block_bits(round(slow.mcs / (slow.ok + slow.lost)), 51)
    assert ratio > 3
    assert fast.prbs / slow.prbs == pytest.approx(ratio**exponent, rel=0.08)


def test_the_scheduler_gains_from_fading_that_ues_do_not_share() -> None:
    """Multi-user diversity: the sum of rates of eight fading UEs is above that of one alone."""
    carrier = Carrier(prbs=51, ssb_prbs=0, fairness=1.0, fairness_memory_slots=20_000)
    alone, many = cell_with(carrier=carrier), cell_with(carrier=carrier)
    alone.add_ue(1, None, 12.0, FadingSettings(paths=1, shadow_db=0.0, coherence_s=0.2), full_buffer())
    for rnti in range(1, 9):
        many.add_ue(rnti, None, 12.0, FadingSettings(paths=1, shadow_db=0.0, coherence_s=0.2), full_buffer())
    assert sum(rates_bps(many, 8.0).values()) > 1.15 * sum(rates_bps(alone, 30.0).values())


def test_less_than_capacity_is_delivered_whole() -> None:
    cell = cell_with()
    for rnti in (1, 2, 3):
        cell.add_ue(rnti, None, 20.0, FadingSettings(), random_packets(2e6, rnti))
    cell.run(10.0)
    for ue in cell.ues.values():
        assert ue.tally.delivered_bits == pytest.approx(2e7, rel=0.1)
        assert ue.dropped_bits == 0
        assert ue.backlog_bits < 200_000


@pytest.mark.parametrize(("most", "least_prb", "most_prb"), [(10, 10, 10), (51, 25, 26)])
def test_a_minimum_is_kept_and_what_is_above_is_shared_slice_by_slice(
    most: int, least_prb: int, most_prb: int
) -> None:
    """Beyond minima slices take turns until their averages are equal: a slice with one UE takes as much of the cell as
    the default slice with six, unless its maximum says no.
    """
    cell = cell_with((1, 10, most))
    cell.add_ue(1, (1, 1), HIGH_DB, STATIC, full_buffer())
    for rnti in range(2, 8):
        cell.add_ue(rnti, None, HIGH_DB, STATIC, full_buffer())
    rates = rates_bps(cell, 1.0)
    low, high = (block_bits(28, prb) * 1_400 for prb in (least_prb, most_prb))
    assert 0.99 * low <= rates[1] <= 1.01 * high


def test_a_maximum_binds_in_an_empty_cell() -> None:
    cell = cell_with((1, 0, 12))
    cell.add_ue(1, (1, 1), HIGH_DB, STATIC, full_buffer())
    assert rates_bps(cell, 1.0)[1] == pytest.approx(block_bits(28, 12) * 1_400, rel=0.01)


def test_a_lone_ue_gets_its_minimum_and_no_more_even_in_an_empty_cell() -> None:
    """One block in a slot, and the default slice waits longest: it stands between the slice's two candidates."""
    cell = cell_with((1, 10, 51))
    cell.add_ue(1, (1, 1), HIGH_DB, STATIC, full_buffer())
    assert rates_bps(cell, 1.0)[1] == pytest.approx(block_bits(28, 10) * 1_400, rel=0.01)


def test_two_ues_in_a_slice_pass_its_minimum_in_an_empty_cell() -> None:
    cell = cell_with((1, 10, 51))
    for rnti in (1, 2):
        cell.add_ue(rnti, (1, 1), HIGH_DB, STATIC, full_buffer())
    assert sum(rates_bps(cell, 1.0).values()) > 2 * block_bits(28, 10) * 1_400


def test_a_maximum_of_nothing_blocks_the_slice() -> None:
    cell = cell_with((1, 0, 0))
    cell.add_ue(1, (1, 1), HIGH_DB, STATIC, full_buffer())
    assert rates_bps(cell, 0.5)[1] == 0


def test_priority_goes_first_among_slices_without_a_minimum() -> None:
    cell = Cell(SMALL, 1)
    cell.add_slice((1, 1), 0, 51, priority=10)
    cell.add_slice((1, 2), 0, 51)
    for rnti in (1, 2):
        cell.add_ue(rnti, (1, rnti), HIGH_DB, STATIC, full_buffer())
    rates = rates_bps(cell, 0.5)
    assert rates[2] == 0
    assert rates[1] == pytest.approx(block_bits(28, 51) * 1_400, rel=0.01)


def test_slices_alike_share_alike() -> None:
    cell = cell_with((1, 0, 51), (2, 0, 51), (3, 0, 51))
    for rnti in (1, 2, 3):
        cell.add_ue(rnti, (1, rnti), HIGH_DB, STATIC, full_buffer())
    rates = rates_bps(cell, 1.0).values()
    assert max(rates) - min(rates) < 0.02 * max(rates)


def test_minima_that_do_not_fit_together_leave_nobody_with_nothing() -> None:
    cell = cell_with((1, 40, 51), (2, 40, 51))
    for rnti in (1, 2):
        cell.add_ue(rnti, (1, rnti), HIGH_DB, STATIC, full_buffer())
    rates = rates_bps(cell, 1.0)
    assert min(rates.values()) > 0.3 * max(rates.values())


def test_a_ue_of_an_unknown_slice_is_in_the_default_one() -> None:
    cell = cell_with((1, 0, 0))
    cell.add_ue(1, (1, 99), HIGH_DB, STATIC, full_buffer())
    assert rates_bps(cell, 0.1)[1] > 0


def test_a_tenth_of_the_blocks_is_lost_on_a_fading_link() -> None:
    cell = cell_with()
    cell.add_ue(1, None, 15.0, FadingSettings(), full_buffer())
    cell.run(20.0)
    tally = cell.ues[1].tally
    assert tally.lost / (tally.ok + tally.lost) == pytest.approx(0.1, abs=0.02)


def test_what_arrives_is_delivered_waits_or_was_dropped() -> None:
    cell = cell_with()
    ue = cell.add_ue(1, None, -2.0, FadingSettings(), steady(5e6, 1))
    cell.run(4.0)
    arrived = ue.tally.delivered_bits + ue.backlog_bits + ue.dropped_bits
    assert arrived == pytest.approx(2e7, abs=2 * 11_200)
    assert ue.dropped_bits > 0
    assert ue.backlog_bits <= ue.queue_bits + 11_200 or ue.mcs == 0


def test_a_ue_that_left_gets_nothing_and_takes_nothing() -> None:
    cell = cell_with((1, 5, 51))
    cell.add_ue(1, (1, 1), HIGH_DB, STATIC, steady(1e6, 1))
    cell.add_ue(2, None, HIGH_DB, STATIC, full_buffer())
    cell.run(0.5)
    cell.remove_ue(1)
    assert rates_bps(cell, 0.5) == {2: pytest.approx(block_bits(28, 51) * 1_400, rel=0.01)}


def test_cells_made_alike_are_alike() -> None:
    def run(seed: int) -> list[int]:
        cell = cell_with((1, 5, 20), seed=seed)
        for rnti in range(1, 6):
            name = (1, 1) if rnti < 3 else None
            cell.add_ue(rnti, name, 12.0, FadingSettings(), random_packets(3e6, rnti))
        cell.run(2.0)
        return [ue.tally.delivered_bits for ue in cell.ues.values()]

    assert run(4) == run(4)
    assert run(4) != run(5)


def test_six_db_less_carry_less() -> None:
    """The model's link: three quarters of Shannon's bound, in steps of the MCS table, a tenth lost."""
    cell = cell_with()
    ue = cell.add_ue(1, None, 20.0, STATIC, full_buffer())
    cell.run(1.0)
    high = rates_bps(cell, 4.0)[1]
    ue.channel.mean_snr_db -= 6
    cell.run(1.0)
    low = rates_bps(cell, 4.0)[1]
    bound = math.log2(1 + 10**1.4) / math.log2(1 + 10**2.0)
    assert low / high == pytest.approx(bound, abs=0.05)
    assert mcs_at(14.0) < mcs_at(20.0)


def test_a_decoder_loses_a_tenth_at_its_threshold() -> None:
    assert loss(0.0) == pytest.approx(0.1)
    assert loss(3.0) < 0.001
    assert loss(-3.0) > 0.99
