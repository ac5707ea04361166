"""Raw counters as IP packets, on both rate layers and past 32 bits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tc_shaper.counters import ElementCounters, Flow, QueueCounters, plan_flow, widen_queue
from tc_shaper.tree import Direction

WRAP = 1 << 32


@pytest.mark.parametrize(
    ("direction", "layer", "queue_bytes", "element_bytes"),
    [
        (Direction.DOWN, "ip", 15_000, 15_140),
        (Direction.UP, "ip", 15_000, 15_000),
        (Direction.DOWN, "frame", 15_140, 15_140),
        (Direction.UP, "frame", 15_140, 15_000),
    ],
)
def test_ten_packets_of_1500_bytes_are_15000_bytes_wherever_they_were_counted(
    direction, layer, queue_bytes, element_bytes
):
    queue = QueueCounters(queue_bytes, 10, 2, waiting_packets=3)
    flow = plan_flow(direction, layer, queue, ElementCounters(element_bytes, 10))
    assert flow == Flow(15_000, 10, 15_000, 10, 2, 3)


def test_more_packets_out_than_in_betray_super_packets():
    assert plan_flow(
        Direction.UP, "ip", QueueCounters(58_000, 40), ElementCounters(58_000, 1)
    ).saw_super_packets
    assert not plan_flow(
        Direction.UP, "ip", QueueCounters(1_500, 1), ElementCounters(3_000, 2)
    ).saw_super_packets


def test_a_counter_that_reads_lower_has_wrapped():
    last = QueueCounters(bytes=5 * WRAP, packets=WRAP - 10, drops=WRAP - 1, waiting_packets=9)
    widened = widen_queue(last, QueueCounters(6 * WRAP, 5, 3, 2))
    assert widened == QueueCounters(6 * WRAP, WRAP + 5, WRAP + 3, 2), "a length is no counter"


@given(st.lists(st.integers(0, WRAP - 1), max_size=30), st.integers(0, WRAP - 1))
def test_a_32_bit_counter_that_is_read_often_enough_is_followed_for_ever(increments, start):
    true = start
    last = QueueCounters(packets=true)
    for increment in increments:
        true += increment
        last = widen_queue(last, QueueCounters(packets=true % WRAP))
        assert last.packets == true


@given(st.lists(st.integers(0, 1 << 40), max_size=10))
def test_a_64_bit_counter_is_left_alone(increments):
    true, last = 0, QueueCounters()
    for increment in increments:
        true += increment
        last = widen_queue(last, QueueCounters(packets=true, bytes=true))
        assert last == QueueCounters(packets=true, bytes=true)
