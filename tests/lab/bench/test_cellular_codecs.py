"""Late joiners wait on every carriage as its segments let them. The codecs of broadcasts: test_contest.py."""

from __future__ import annotations

from lab.bench.cellular_codecs import SHARES, acquisitions, late_joiner_figures
from nas_tunnel.carriage import CARRIAGES


def test_every_carriage_has_its_distribution() -> None:
    found = acquisitions()
    assert [each.carriage for each in found] == list(CARRIAGES)
    assert {each.carriage: each.segments for each in found if each.segments == 1} == dict.fromkeys(
        ("lte-sib9", "lte-sib11", "lte-sib12", "nr-sib7", "nr-sib8", "nr-sib10"), 1
    )
    figures = late_joiner_figures()
    assert len(figures) == len(SHARES) * len(found)
    assert [figure.value for figure in figures[:2]] == sorted(figure.value for figure in figures[:2])
