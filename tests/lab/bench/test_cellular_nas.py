"""The contest is fair: both sides write the same, and a figure is told for each; the exchange is one that succeeds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.bench.cellular_nas import codec_figures, contests, exchange, exchange_figures
from nas_tunnel.eap import EapCode, read_eap


def test_both_sides_write_and_read_the_same_messages() -> None:
    for row in contests():
        message = row.encode()
        assert message.hex() == row.encode_theirs().hex()
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


def test_a_purchase_takes_five_packets() -> None:
    packets = exchange()
    assert len(packets) == 5
    assert read_eap(packets[-1]).code is EapCode.SUCCESS
    assert [figure.unit for figure in exchange_figures(rounds=1)] == ["ms", "packets", "bytes"]
