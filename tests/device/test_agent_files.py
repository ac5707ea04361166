"""The agent's files: kept whole, refused by name when damaged, and one agent at a time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from device.agent_files import keep_book, load_book, log_path, look_around, note, only_agent, read_lines
from device.agent_pages import Evidence, Kept
from device.keeping import kept_folder, write_kept
from tests.device.test_agent_pages import KEPT
from wire.errors import ConfigError, ShellError
from wire.units import U63_MAX


@pytest.fixture
def wallet(tmp_path: Path) -> Path:
    return tmp_path / "w.pem"


def test_the_book_is_kept_and_nobody_else_reads_it(wallet: Path) -> None:
    assert load_book(wallet) == Kept()
    keep_book(wallet, KEPT)
    assert load_book(wallet) == KEPT
    (path,) = kept_folder(wallet).iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text("{")
    with pytest.raises(ConfigError, match=r"agent\.json: .*take it away"):
        load_book(wallet)
    path.unlink()
    path.mkdir()
    with pytest.raises(ShellError):
        load_book(wallet)


def test_one_agent_at_a_time(wallet: Path) -> None:
    with only_agent(wallet), pytest.raises(ShellError, match="another agent works"), only_agent(wallet):
        pass
    with only_agent(wallet):
        pass


def test_what_is_beside_the_wallet(wallet: Path) -> None:
    assert look_around(wallet) == Evidence()
    folder = kept_folder(wallet)
    write_kept(folder / "c1.channel", json.dumps({"paid_ubc": 5}).encode())
    for damaged in ("c2", "c3", "c4"):
        write_kept(
            folder / f"{damaged}.channel", {"c2": b"{", "c3": b"[]", "c4": b'{"paid_ubc": -1}'}[damaged]
        )
    write_kept(folder / "a1.grant", b"")
    write_kept(folder / "b1.purchase", b"")
    seen = look_around(wallet)
    assert seen.purses_ubc == {"c1": 5, "c2": U63_MAX, "c3": U63_MAX, "c4": U63_MAX}
    assert (set(seen.grants), set(seen.purchases)) == ({"a1"}, {"b1"})


def test_lines_of_this_cycle_and_the_one_before(wallet: Path) -> None:
    assert read_lines(wallet, 7) == []
    kept_folder(wallet).mkdir()
    for cycle in (-2, 6, 7, 7, 8):
        note(wallet, cycle, {"cycle": cycle})
    assert read_lines(wallet, 7) == [b'{"cycle": 7}'] * 2
    assert [log_path(wallet, cycle).exists() for cycle in (-2, 6, 7, 8)] == [False, False, True, True]
    assert log_path(wallet, 8).stat().st_mode & 0o777 == 0o600


def test_after_a_line_that_was_cut_off_the_next_one_is_whole(wallet: Path) -> None:
    """As a power failure leaves it: only what was cut off is lost."""
    kept_folder(wallet).mkdir()
    for number in (1, 2):
        note(wallet, 7, {"number": number})
    path = log_path(wallet, 7)
    path.write_bytes(path.read_bytes()[:-3])
    note(wallet, 7, {"number": 3})
    note(wallet, 7, {"number": 4})
    assert read_lines(wallet, 7) == [b'{"number": 1}', b'{"number": ', b'{"number": 3}', b'{"number": 4}']
