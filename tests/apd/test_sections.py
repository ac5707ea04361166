"""The table of sections: each of its settings says in a sentence what it is."""

from dataclasses import fields

import pytest

from apd.sections import ALWAYS, SECTIONS
from lab.box_page import read_sentences


@pytest.mark.parametrize("section", SECTIONS)
def test_every_field_says_in_a_sentence_what_it_is(section: str) -> None:
    told = read_sentences(SECTIONS[section]())
    assert {item.name for item in fields(SECTIONS[section]())} == set(told)
    assert "" not in told.values()


def test_no_two_sections_are_one_and_who_cannot_be_switched_off_is_there() -> None:
    assert len({load() for load in SECTIONS.values()}) == len(SECTIONS)
    assert set(ALWAYS) < set(SECTIONS)
