"""The shortfall: tables of intervals, and what the link layer's counters say of what arrived."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apd.shortfall import (
    Demanded,
    Flow,
    LinkCounters,
    Missing,
    Watch,
    judge,
    link_bytes,
    missing_bytes,
)
from wire.qos import LatencyClass, Qos, RateLayer
from wire.units import NS_PER_S

FIVE_S = 5 * NS_PER_S
QOS = Qos(2_000_000, 8_000_000, 1_000_000, 4_000_000)
"""Floors of 1,250,000 bytes down and 625,000 up in five seconds."""


@pytest.mark.parametrize(
    ("offered", "delivered", "queued", "missing", "why"),
    [
        (0, 0, True, 0, "no traffic, no shortfall"),
        (1_249_999, 0, True, 0, "less than the floor was wanted"),
        (1_250_000, 1_250_000, True, 0, "all came"),
        (9_000_000, 1_225_000, True, 0, "two per cent are within what can be measured"),
        (9_000_000, 1_224_999, True, 25_001, "beyond it all that is missing counts"),
        (1_250_000, 0, True, 1_250_000, "nothing came"),
        (9_000_000, 5_000_000, True, 0, "more than the floor came"),
        (
            9_000_000,
            50_000,
            False,
            0,
            "a burst that no queue can hold, or demand that began or ended meanwhile",
        ),
        (
            9_000_000,
            1_224_999,
            False,
            0,
            "nobody waited at the ends, and less than the floor was let through",
        ),
    ],
)
def test_an_interval(offered, delivered, queued, missing, why):
    before, after = Flow(0, 0, queued), Flow(offered, delivered, queued)
    assert judge(Watch(0, before), QOS, after, Flow(), None, FIVE_S)[1] == Missing(missing, 0), why


def test_packets_have_to_wait_at_both_ends():
    for before, after in ((True, False), (False, True)):
        watch = Watch(0, Flow(0, 0, before))
        assert judge(watch, QOS, Flow(9_000_000, 0, after), Flow(), None, FIVE_S)[1] == Missing()


def test_without_a_floor_nothing_is_missing():
    flow = Flow(10**9, 0, queued=True)
    watch, missing = judge(Watch(0, flow, flow), Qos(0, 8, 0, 8), flow, flow, None, FIVE_S)
    assert missing == Missing()
    assert watch.demanded_down == watch.demanded_up == Demanded()


WAITING = Flow(queued=True)


def test_each_direction_for_itself():
    short, kept = Flow(2_000_000, 250_000, queued=True), Flow(700_000, 640_000, queued=True)
    _, missing = judge(Watch(0, WAITING, WAITING), QOS, short, kept, None, FIVE_S)
    assert missing == Missing(1_000_000, 0)
    fine, less = Flow(2_000_000, 2_000_000, queued=True), Flow(700_000, 125_000, queued=True)
    _, missing = judge(Watch(0, WAITING, WAITING), QOS, fine, less, None, FIVE_S)
    assert missing == Missing(0, 500_000)


def test_the_next_interval_begins_where_this_one_ends():
    first = Flow(2_000_000, 250_000, queued=True)
    watch, _ = judge(Watch(0, WAITING), QOS, first, Flow(), None, FIVE_S)
    assert (watch.began_ns, watch.down) == (FIVE_S, first)
    watch, missing = judge(watch, QOS, Flow(2_000_000, 260_000), Flow(), None, 2 * FIVE_S)
    assert missing == Missing(), "nothing was wanted any more"


def test_the_first_one_has_no_beginning():
    watch, missing = judge(Watch(), QOS, Flow(10**9, 0, queued=True), Flow(), None, FIVE_S)
    assert missing == Missing()
    assert watch.began_ns == FIVE_S


def test_floors_of_frames_are_not_judged():
    qos = Qos(2_000_000, 8_000_000, 0, 1, 0, LatencyClass.BEST_EFFORT, RateLayer.ETHERNET)
    assert judge(Watch(0, WAITING), qos, Flow(10**9, 0, queued=True), Flow(), None, FIVE_S)[1] == Missing()


def test_the_rate_while_demanded_leaves_out_the_times_without_demand():
    watch, _ = judge(Watch(0), QOS, Flow(2_000_000, 1_500_000), Flow(), None, FIVE_S)
    watch, _ = judge(watch, QOS, Flow(2_000_100, 1_500_100, queued=True), Flow(), None, 20 * FIVE_S)
    watch, _ = judge(watch, QOS, Flow(6_000_000, 2_500_100, queued=True), Flow(), None, 21 * FIVE_S)
    assert watch.demanded_down.time_ns == 2 * FIVE_S
    assert watch.demanded_down.delivered_bps == 2_000_000
    assert watch.demanded_up.delivered_bps is None


@pytest.mark.parametrize(
    ("delivered", "missing"),
    [(1_250_000, 0), (1_225_000, 0), (1_224_999, 25_001), (0, 1_250_000), (10**9, 0)],
)
def test_what_is_missing_below_a_floor(delivered, missing):
    assert missing_bytes(2_000_000, delivered, FIVE_S) == missing


class TestLink:
    def test_less_left_the_air_than_left_the_shaper(self):
        """The driver took 1,250,000 bytes and sent half of them."""
        before, after = LinkCounters(1_000, 10), LinkCounters(1_000 + 500 * 1_282, 510)
        watch, missing = judge(Watch(0, link=before), QOS, Flow(2_000_000, 1_250_000), Flow(), after, FIVE_S)
        assert missing == Missing(1_250_000 - 500 * 1_250, 0)
        assert watch.demanded_down.delivered_bytes == 500 * 1_250
        assert watch.link == after

    def test_more_on_the_air_is_somebody_elses(self):
        """Group frames, EAPOL and retries are no delivery of ours."""
        after = LinkCounters(10**9, 10**6)
        watch = Watch(0, WAITING, link=LinkCounters(0, 0))
        _, missing = judge(watch, QOS, Flow(2_000_000, 10**6, queued=True), Flow(), after, FIVE_S)
        assert missing == Missing(250_000, 0)

    @pytest.mark.parametrize(
        ("after", "missing"),
        [
            (LinkCounters(600_000, 400, 400, 7), Missing()),  # all given up, and not a frame from it
            (LinkCounters(0, 0, 0, 7), Missing()),
            (LinkCounters(600_000, 400, 400, 8), Missing(1_250_000)),  # it is there
            (LinkCounters(600_000, 400, 399, 7), Missing(1_250_000 - 1_468)),  # and so is who acknowledges
        ],
    )
    def test_who_is_not_there_misses_nothing(self, after, missing):
        """Five minutes of a sender at the floor, to a station that walked away, are no reason to pay."""
        watch = Watch(0, WAITING, link=LinkCounters(0, 0, 0, 7))
        judged, found = judge(watch, QOS, Flow(2_000_000, 1_250_000, queued=True), Flow(), after, FIVE_S)
        assert found == missing
        assert (judged.demanded_down.time_ns == 0) is (missing == Missing())
        assert judged.link == after

    def test_without_a_count_at_both_ends_the_shaper_is_believed(self):
        for before, after in ((None, LinkCounters(0, 0)), (LinkCounters(0, 0), None)):
            _, missing = judge(Watch(0, link=before), QOS, Flow(2_000_000, 1_250_000), Flow(), after, FIVE_S)
            assert missing == Missing()

    @pytest.mark.parametrize(
        ("before", "after", "arrived"),
        [
            (LinkCounters(0, 0), LinkCounters(0, 0), 0),
            (LinkCounters(0, 0), LinkCounters(1_532, 1), 1_500),
            (LinkCounters(0, 0), LinkCounters(10 * 1_532, 10, 3), 7 * 1_500),
            (LinkCounters(0, 0), LinkCounters(1_532, 1, 9), 0),
            (LinkCounters(0, 0), LinkCounters(20, 1), 0),
            (LinkCounters(9_000, 5), LinkCounters(100, 1), None),
            (LinkCounters(0, 0, 5), LinkCounters(9_000, 10, 0), None),
        ],
    )
    def test_what_it_says_of_ip_bytes(self, before, after, arrived):
        assert link_bytes(before, after) == arrived

    counts = st.builds(LinkCounters, st.integers(0, 2**64), st.integers(0, 2**40), st.integers(0, 2**40))

    @given(counts, counts)
    def test_it_is_never_more_than_was_sent(self, before, after):
        arrived = link_bytes(before, after)
        assert arrived is None or 0 <= arrived <= after.tx_bytes - before.tx_bytes


steps = st.lists(
    st.tuples(st.integers(1, 10 * NS_PER_S), st.integers(0, 10**7), st.integers(0, 10**7)), max_size=30
)


@given(steps, st.integers(0, 10**8))
def test_never_more_is_missing_than_was_promised(intervals, floor_bps):
    qos = Qos(floor_bps, floor_bps + 1, 0, 1)
    watch, now_ns, offered, delivered, missing = Watch(0, WAITING), 0, 0, 0, 0
    for elapsed_ns, more_offered, more_delivered in intervals:
        now_ns, offered = now_ns + elapsed_ns, offered + more_offered
        delivered += min(more_offered, more_delivered)
        watch, found = judge(watch, qos, Flow(offered, delivered, queued=True), Flow(), None, now_ns)
        assert type(found.down_bytes) is int
        missing += found.down_bytes
    assert missing * 8 * NS_PER_S <= floor_bps * now_ns + len(intervals) * 8 * NS_PER_S
