"""The contest is fair: both sides write the same, and a figure is told for each."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.bench.cellular_codecs import SHARES, acquisitions, codec_figures, contests, late_joiner_figures
from nas_tunnel.carriage import CARRIAGES


def test_both_sides_write_and_read_the_same_messages() -> None:
    for row in contests():
        message = row.encode()
        assert message == row.encode_theirs()
        assert row.decode(message)
        assert row.decode_theirs(message)


def test_a_figure_for_each_way_of_each_message() -> None:
    rows = contests()
    figures = codec_figures(rows[:1], rounds=1)
    assert [figure.what for figure in figures] == [f"{rows[0].name}: encoded", f"{rows[0].name}: decoded"]
    assert all(figure.against is not None and figure.unit == "us" for figure in figures)


def test_a_contest_about_different_messages_is_none() -> None:
    row = replace(contests()[0], encode_theirs=lambda: b"else")
    with pytest.raises(AssertionError, match="is not what pycrate writes"):
        codec_figures([row], rounds=1)


def test_every_carriage_has_its_distribution() -> None:
    found = acquisitions()
    assert [each.carriage for each in found] == list(CARRIAGES)
    assert {each.carriage: each.segments for each in found if each.segments == 1} == dict.fromkeys(
        ("lte-sib9", "lte-sib11", "lte-sib12", "nr-sib7", "nr-sib8", "nr-sib10"), 1
    )
    figures = late_joiner_figures()
    assert len(figures) == len(SHARES) * len(found)
    assert [figure.value for figure in figures[:2]] == sorted(figure.value for figure in figures[:2])
