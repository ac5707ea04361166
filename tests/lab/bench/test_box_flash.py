"""What a day writes, in small: half an hour of it, on the disk of this machine."""

import pytest

from lab.bench.box_flash import DAY_S, written_in


@pytest.mark.parametrize(("sessions", "at_most_mb"), [(0, 20), (3, 25)])
def test_a_day_is_some_megabytes(tmp_path_factory, sessions, at_most_mb):
    """It was 63 and 78 when records, evidence and receipts were written apart."""
    folder = tmp_path_factory.mktemp("flash")
    written = written_in(folder, sessions, seconds=1_800)
    if not written.octets:
        pytest.skip(f"this machine lacks a disk under {folder}: nothing that is written there is counted")
    assert written.records == 30 + 2, "a report each minute, an anchor each quarter of an hour"
    assert written.octets / 1e6 * DAY_S / 1_800 < at_most_mb
    assert not list(folder.glob("*-wal")), "closed in order"
