"""Checkpoints on a disk: the same after a restart, nothing of another ledger, and no trust in a damaged file."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.chain_state import ChainState, GrantUsage
from operatord.meters import Checkpoint
from operatord.shells.checkpoints import KEEP_TALLIES_MS, Checkpoints
from operatord.tally import Tally
from wire.errors import ShellError

LEDGER_ID = bytes(range(32))
ONE, OTHER = bytes(16), b"\x01" * 16
TALLY = Tally(1, 2, 3, 4, 5, 6, 7, 8, 9, 2**62)
REACHED = Checkpoint(
    ChainState(sequence=7, head=b"\x07" * 32, usage={ONE: GrantUsage(3, 4, 5)}),
    reported_ms=9_000,
    before_hole=True,
    complaints=("record 3: 'what'", "record 4: ä"),
    more_complaints=2,
    tallies={ONE: TALLY, OTHER: replace(TALLY, last_to_ms=1)},
)


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    kept = Checkpoints(tmp_path / "meters.db", LEDGER_ID)
    assert kept.load("00ff") is None
    kept.save("00ff", REACHED, REACHED.tallies.keys())
    kept.close()
    kept = Checkpoints(tmp_path / "meters.db", LEDGER_ID)
    assert kept.load("00ff") == REACHED
    assert kept.load("00fe") is None
    kept.save("00ff", replace(REACHED, tallies={ONE: Tally(), OTHER: Tally()}), [ONE])
    found = kept.load("00ff")
    assert found is not None
    assert found.tallies == {ONE: Tally(), OTHER: REACHED.tallies[OTHER]}, "only what changed is written"
    kept.forget("00ff")
    assert kept.load("00ff") is None
    kept.close()


def test_nobody_else_reads_it(tmp_path: Path) -> None:
    Checkpoints(tmp_path / "meters.db", LEDGER_ID).close()
    assert (tmp_path / "meters.db").stat().st_mode & 0o777 == 0o600


def test_what_is_compared_with_nothing_any_more_is_forgotten(tmp_path: Path) -> None:
    kept = Checkpoints(tmp_path / "meters.db", LEDGER_ID)
    kept.save("00ff", REACHED, REACHED.tallies.keys())
    kept.forget_old(KEEP_TALLIES_MS + 2)
    found = kept.load("00ff")
    kept.close()
    assert found == replace(REACHED, tallies={ONE: TALLY})


@pytest.mark.parametrize(
    "change", ["UPDATE made_by SET form = form - 1", "UPDATE made_by SET ledger_id = X'00'"]
)
def test_what_was_verified_otherwise_or_elsewhere_counts_for_nothing(tmp_path: Path, change: str) -> None:
    kept = Checkpoints(tmp_path / "meters.db", LEDGER_ID)
    kept.save("00ff", REACHED, REACHED.tallies.keys())
    kept.close()
    with sqlite3.connect(tmp_path / "meters.db") as db:
        db.execute(change)
    db.close()
    kept = Checkpoints(tmp_path / "meters.db", LEDGER_ID)
    assert kept.load("00ff") is None
    kept.save("00ff", REACHED, REACHED.tallies.keys())
    kept.close()
    kept = Checkpoints(tmp_path / "meters.db", LEDGER_ID)
    assert kept.load("00ff") == REACHED
    kept.close()


def test_a_damaged_file_is_said(tmp_path: Path) -> None:
    kept = Checkpoints(tmp_path / "meters.db", LEDGER_ID)
    kept.save("00ff", REACHED, ())
    kept.close()
    with sqlite3.connect(tmp_path / "meters.db") as db:
        db.execute("UPDATE chain SET state = X'80'")
    db.close()
    kept = Checkpoints(tmp_path / "meters.db", LEDGER_ID)
    with pytest.raises(ShellError, match="take it away"):
        kept.load("00ff")
    kept.close()
    (tmp_path / "meters.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(ShellError):
        Checkpoints(tmp_path / "meters.db", LEDGER_ID)
