"""A contest is fair: both sides write the same, and a figure is told for each way of each message."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.bench import cellular_codecs, cellular_nas
from lab.bench.contest import GOAL_US, codec_figures

every_list = pytest.mark.parametrize(
    "contests", [cellular_codecs.contests, cellular_nas.contests], ids=["broadcasts", "nas"]
)


@every_list
def test_both_sides_write_and_read_the_same_messages(contests) -> None:
    for row in contests():
        message = row.encode()
        assert message.hex() == row.encode_theirs().hex()
        assert row.decode(message)
        assert row.decode_theirs(message)


@every_list
def test_a_figure_for_each_way_of_each_message(contests) -> None:
    rows = contests()
    figures = codec_figures(rows[:1], rounds=1)
    assert [figure.what for figure in figures] == [f"{rows[0].name}: encoded", f"{rows[0].name}: decoded"]
    assert all(figure.against is not None and figure.unit == "us" for figure in figures)
    assert all(figure.goal == GOAL_US for figure in figures)


@every_list
def test_a_contest_about_different_messages_is_none(contests) -> None:
    row = replace(contests()[0], encode_theirs=lambda: b"else")
    with pytest.raises(AssertionError, match="is not what pycrate writes"):
        codec_figures([row], rounds=1)
