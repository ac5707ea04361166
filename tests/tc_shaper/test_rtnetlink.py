"""Traffic-control messages, held against pyroute2's independent decoder, and answers recorded on Linux 6.18."""

import socket
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tc_shaper import rtnetlink
from tc_shaper.attributes import Message, attribute, nested
from tc_shaper.counters import QueueCounters
from tc_shaper.tree import ClassShape, Direction, Leaf, plan_class

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from pyroute2.netlink.rtnl.tcmsg import tcmsg

SHAPE = plan_class(5_000_000, 9_000_000)


def independent(message):
    """The message as pyroute2 reads it."""
    decoded = tcmsg(len(message.body + bytes(16)).to_bytes(4, "little") + bytes(12) + message.body)
    decoded.decode()
    return decoded


def options(message):
    return dict(independent(message).get_attr("TCA_OPTIONS")["attrs"])


def test_a_class_is_what_an_independent_decoder_reads():
    message = rtnetlink.set_class(7, 0x10, 1, SHAPE)
    decoded = independent(message)
    assert (decoded["index"], decoded["handle"], decoded["parent"]) == (7, 0x4147_0010, 0x4147_0001)
    assert decoded.get_attr("TCA_KIND") == "htb"
    parms = options(message)["TCA_HTB_PARMS"]
    assert (parms["rate"], parms["ceil"], parms["quantum"]) == (625_000, 1_125_000, 6_250)
    assert parms["buffer"] * 64 == 8_000_000


def test_the_root_names_its_default_class_and_its_overhead():
    message = rtnetlink.set_root(7, 2, "ip")
    assert options(message)["TCA_HTB_INIT"]["defcls"] == 2
    assert rtnetlink.read_overhead(message) == -14
    assert rtnetlink.read_overhead(rtnetlink.set_root(7, 2, "frame")) == 0
    assert rtnetlink.read_default(message) == 2
    assert rtnetlink.read_default(message._replace(body=message.body[:20])) == 0


def test_the_filter_that_reads_marks_is_one_without_options():
    decoded = independent(rtnetlink.classify_by_mark(7))
    assert (decoded["index"], decoded["handle"], decoded["parent"]) == (7, 0, 0x4147_0000)
    assert decoded["info"] == 1 << 16 | socket.htons(0x0003)
    assert [tuple(attribute) for attribute in decoded["attrs"]] == [("TCA_KIND", "fw")]


def test_each_direction_has_a_tree_of_its_own_name():
    root = rtnetlink.root_of(Direction.UP)
    assert root == rtnetlink.UPLINK_ROOT != rtnetlink.ROOT
    assert independent(rtnetlink.set_class(7, 0x10, 1, SHAPE, root))["handle"] == 0x4148_0010
    assert independent(rtnetlink.remove_root(7, root))["handle"] == 0x4148_0000
    leaf = Leaf("bfifo", 6_000)
    for message in (
        rtnetlink.add_leaf(7, 0x10, leaf, root),
        rtnetlink.change_leaf(7, 0x10, leaf, root),
        rtnetlink.remove_leaf(7, 0x10, root),
    ):
        assert rtnetlink.read_address(message) == (7, 0x10_0000, 0x4148_0010)
    assert rtnetlink.leaf_handle(0x4148, root) == 0x000F_0000


@given(st.integers(1, 10**12), st.integers(1, 10**12))
def test_a_class_comes_back_as_it_was_sent_beyond_32_bits_of_rate_too(rate_bytes_s, ceil_bytes_s):
    shape = ClassShape(rate_bytes_s, ceil_bytes_s, 8_000, 8_000, 1_514)
    message = rtnetlink.set_class(1, 16, 1, shape)
    assert rtnetlink.read_class(message) == shape


@pytest.mark.parametrize(
    "leaf", [Leaf("bfifo", 25_000), Leaf("fq_codel", 1_024, 5_120), Leaf("cake", 1_048_576)]
)
def test_a_leaf_comes_back_as_it_was_sent(leaf):
    message = rtnetlink.add_leaf(1, 16, leaf)
    assert rtnetlink.read_leaf(message) == leaf
    assert rtnetlink.read_address(message) == (1, 0x10_0000, 0x4147_0010)


def test_aqm_leaves_are_what_an_independent_decoder_reads():
    codel = options(rtnetlink.add_leaf(1, 16, Leaf("fq_codel", 1_024, 5_120)))
    assert (codel["TCA_FQ_CODEL_TARGET"], codel["TCA_FQ_CODEL_LIMIT"]) == (5_120, 1_024)
    assert (codel["TCA_FQ_CODEL_FLOWS"], codel["TCA_FQ_CODEL_INTERVAL"]) == (128, 105_120)
    cake = options(rtnetlink.add_leaf(1, 16, Leaf("cake", 1_048_576)))
    assert (cake["TCA_CAKE_BASE_RATE64"], cake["TCA_CAKE_MEMORY"]) == (0, 1_048_576)


def test_a_foreign_kind_of_leaf_is_named_and_equals_none_of_ours():
    body = rtnetlink.add_leaf(1, 16, Leaf("bfifo", 1)).body.replace(b"bfifo\0", b"pfifo\0")
    assert rtnetlink.read_leaf(Message(36, 0, body)) == Leaf("pfifo", 0)


@given(st.integers(1, 65_534), st.integers(1, 65_534))
def test_no_two_queues_and_no_queue_and_the_tree_share_a_handle(one, other):
    assert rtnetlink.leaf_handle(one) != rtnetlink.ROOT
    if {one, other}.isdisjoint(range(3, 16)):  # numbers that are neither the lobby nor a slot
        assert (rtnetlink.leaf_handle(one) == rtnetlink.leaf_handle(other)) == (one == other)


def test_the_slot_with_the_number_of_the_tree_has_a_handle_of_its_own():
    assert rtnetlink.leaf_handle(rtnetlink.MAJORS[Direction.DOWN]) == 0x000F_0000


# RTM_NEWQDISC of `qdisc bfifo 10: dev s0 parent 4147:10 limit 6000b`, recorded on Linux 6.18 behind a
# class of 400 kbit/s to which nine UDP packets of 1,500 bytes were sent at once.
RECORDED = bytes.fromhex(
    "00000000 02000000 00001000 10004741 01000000 0a000100 62666966 6f000000 08000200 70170000 05000c00 00000000"
    "30000700 14000100 4c1d0000 00000000 05000000 00000000 18000300 00000000 00000000 04000000 00000000 00000000"
    "2c000300 4c1d0000 00000000 05000000 04000000 00000000 00000000 00000000 00000000 00000000 00000000"
)


def test_a_recorded_queue_is_read_whole():
    message = Message(rtnetlink.RTM_NEWQDISC, 2, RECORDED)
    assert rtnetlink.read_address(message) == (2, 0x10_0000, 0x4147_0010)
    assert rtnetlink.read_leaf(message) == Leaf("bfifo", 6_000)
    assert rtnetlink.read_counters(message) == QueueCounters(bytes=7_500, packets=5, drops=4)


def test_what_waits_in_a_queue_is_read():
    basic = attribute(1, (7_500).to_bytes(8, "little") + (5).to_bytes(4, "little"))
    queue = attribute(3, b"".join(number.to_bytes(4, "little") for number in (7, 10_500, 4, 0, 9)))
    counters = rtnetlink.read_counters(Message(36, 0, bytes(20) + nested(7, basic, queue)))
    assert (counters.waiting_packets, counters.drops) == (7, 4)


def test_64_bits_of_packets_are_used_where_the_kernel_has_them():
    basic = attribute(1, (7_500).to_bytes(8, "little") + (5).to_bytes(4, "little"))
    stats2 = nested(7, basic, attribute(8, (2**32 + 5).to_bytes(8, "little")))
    assert rtnetlink.read_counters(Message(36, 0, bytes(20) + stats2)).packets == 2**32 + 5
