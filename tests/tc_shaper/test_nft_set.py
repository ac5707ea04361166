"""Elements of sets: the octets of one, and answers in the form of the request. That kernels take them: tests/system."""

from __future__ import annotations

import pytest

from tc_shaper import nft_set
from tc_shaper.attributes import NLM_F_ECHO, NLM_F_EXCL, attribute, nested
from tc_shaper.nft_set import ELEM_DATA, ELEM_KEY, ELEM_TIMEOUT, FAMILY_INET, FAMILY_NETDEV, NftSet

IDLE = NftSet(FAMILY_INET, "gate", "idle4")
KEY = bytes((10, 45, 0, 2))


def test_a_message_names_family_table_and_set() -> None:
    assert nft_set.dump(IDLE).body == bytes((1, 0, 0, 0)) + attribute(1, b"gate\0") + attribute(2, b"idle4\0")
    assert nft_set.dump(IDLE._replace(family=FAMILY_NETDEV)).body[0] == 5
    assert [nft_set.dump(IDLE).kind, nft_set.empty(IDLE).kind] == [0x0A0D, 0x0A0E]


def test_an_element_comes_back_as_it_was_added() -> None:
    element = nft_set.element(KEY, nft_set.value(ELEM_DATA, b"down"), attribute(ELEM_TIMEOUT, bytes(8)))
    (message,) = nft_set.add(IDLE, [element, nft_set.element(bytes(4))])
    assert nft_set.is_element(message)
    name, (first, second) = nft_set.read_elements(message)
    assert name == "idle4"
    assert [nft_set.read_value(first, kind) for kind in (ELEM_KEY, ELEM_DATA)] == [KEY, b"down"]
    assert first[ELEM_TIMEOUT] == bytes(8)
    assert nft_set.read_value(second, ELEM_DATA) == b""


def test_an_answer_that_is_no_element_is_told_apart() -> None:
    (message,) = nft_set.add(IDLE, [nft_set.element(KEY)])
    assert not nft_set.is_element(message._replace(kind=0x0A0F))
    assert not nft_set.is_element(message._replace(kind=0x090C))
    assert nft_set.read_elements(nft_set.dump(IDLE)) == ("idle4", [])


def test_whoever_adds_says_whether_it_may_be_there_already() -> None:
    for exclusively in (True, False):
        (message,) = nft_set.add(IDLE, [nft_set.element(KEY)], exclusively=exclusively)
        assert bool(message.flags & NLM_F_EXCL) is exclusively
    (gone,) = nft_set.remove(IDLE, [nft_set.element(KEY)])
    assert gone.flags & NLM_F_ECHO
    assert not nft_set.empty(IDLE).flags & NLM_F_ECHO


@pytest.mark.parametrize(("count", "messages"), [(0, 0), (1, 1), (500, 1), (501, 2), (1_700, 4)])
def test_a_list_is_cut_where_its_length_would_not_fit(count: int, messages: int) -> None:
    element = nft_set.element(
        bytes(16), nft_set.value(ELEM_DATA, bytes(4)), attribute(ELEM_TIMEOUT, bytes(8))
    )
    assert len(nested(3, *[element] * 500)) < 1 << 16
    made = list(nft_set.add(IDLE, [element] * count))
    assert len(made) == messages
    assert sum(len(nft_set.read_elements(message)[1]) for message in made) == count
