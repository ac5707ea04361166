"""The table of carriages, held against the codecs and against what the stacks say of themselves."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nas_tunnel import lte_sib, nr_sib
from nas_tunnel.carriage import CARRIAGES, SI_PERIODS_MS, Carriage, Form
from nas_tunnel.cb_data import MAX_CONTENT_BYTES
from nas_tunnel.segments import plan_broadcast
from nas_tunnel.system_information import MAX_NAME_BYTES
from nas_tunnel.warning_sib import WarningSegment

ROWS = [row for row in CARRIAGES.values() if row.form is not Form.NAME]
WRITERS: dict[str, Callable[[WarningSegment], bytes]] = {
    "lte-sib11": lambda segment: lte_sib.write_lte_system_information([lte_sib.Sib11(segment)]),
    "lte-sib12": lambda segment: lte_sib.write_lte_system_information([lte_sib.Sib12(segment)]),
    "nr-sib7": lambda segment: nr_sib.write_nr_system_information([nr_sib.Sib7(segment)]),
    "nr-sib8": lambda segment: nr_sib.write_nr_system_information([nr_sib.Sib8(segment)]),
}
LIMITS = {"lte-sib11": 277, "lte-sib12": 277, "lte-sib12-dci-1c": 217, "nr-sib7": 372, "nr-sib8": 372}


def message_bytes(carriage: Carriage, size: int) -> int:
    """A first segment of this size on the air, with everything around it."""
    row = Carriage(carriage.name, Form.OCTETS, size, 64, "")
    segment = plan_broadcast(bytes(size * 2), row).segment(0)
    return len(WRITERS["-".join(carriage.name.split("-")[:2])](segment))


def test_the_names() -> None:
    assert all(name == row.name for name, row in CARRIAGES.items())
    assert {row.name: row.segment_bytes for row in CARRIAGES.values()} == {
        "lte-sib9": 48,
        "lte-sib11": 267,
        "lte-sib12": 263,
        "lte-sib12-dci-1c": 203,
        "lte-sib12-srsran-4g": 100,
        "nr-sib7": 362,
        "nr-sib8": 361,
        "nr-sib8-ocudu": 150,
        "nr-sib8-srsran": 84,
        "nr-sib10": 48,
    }


@pytest.mark.parametrize(("name", "limit"), LIMITS.items())
def test_the_largest_segment_fills_a_message(name: str, limit: int) -> None:
    row = CARRIAGES[name]
    assert message_bytes(row, row.segment_bytes) == limit
    if limit == 217:
        assert message_bytes(row, row.segment_bytes + 1) == limit + 1
    else:
        with pytest.raises(AssertionError, match=f"a message of {limit + 1} bytes"):
            message_bytes(row, row.segment_bytes + 1)


def test_names_are_as_long_as_the_codecs_take() -> None:
    names = [row for row in CARRIAGES.values() if row.form is Form.NAME]
    assert [(row.segment_bytes, row.segments) for row in names] == [
        (MAX_NAME_BYTES, 1),
        (MAX_NAME_BYTES, nr_sib.MAX_NAMES),
    ]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_largest_content_fits_everywhere(row: Carriage) -> None:
    broadcast = plan_broadcast(bytes(MAX_CONTENT_BYTES), row)
    assert len(broadcast.pieces) <= row.segments == 64


def test_periods_double_from_eight_frames() -> None:
    assert tuple(80 << n for n in range(7)) == SI_PERIODS_MS
