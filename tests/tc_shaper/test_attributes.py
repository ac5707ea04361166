"""Netlink attributes: what is written is read, and what is cut off is left out."""

from hypothesis import given
from hypothesis import strategies as st

from tc_shaper.attributes import attribute, iterate_attributes, nested, read_attributes

PAIRS = st.lists(st.tuples(st.integers(1, 0x3FFF), st.binary(max_size=40)), max_size=8)


@given(PAIRS)
def test_attributes_come_back_in_order(pairs):
    body = b"".join(attribute(kind, payload) for kind, payload in pairs)
    assert len(body) % 4 == 0
    assert list(iterate_attributes(body)) == pairs


@given(PAIRS, st.integers(0, 200))
def test_a_cut_leaves_out_the_last_ones_and_nothing_else(pairs, cut):
    body = b"".join(attribute(kind, payload) for kind, payload in pairs)
    found = list(iterate_attributes(body[:cut]))
    assert found == pairs[: len(found)]


@given(st.binary(max_size=200))
def test_garbage_is_read_without_an_exception(body):
    assert all(len(payload) <= len(body) for payload in read_attributes(body).values())


def test_a_nested_attribute_is_marked_and_read_by_its_kind():
    body = nested(2, attribute(1, b"abc"))
    assert body == bytes.fromhex("0c000280 07000100 61626300")
    assert read_attributes(read_attributes(body)[2]) == {1: b"abc"}
