"""The operator's disk: everything comes back as it was, all of a moment or nothing."""

from __future__ import annotations

import os
import sqlite3
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from operatord.commands import (
    ForgetPermit,
    ForgetSession,
    ForgetSessions,
    ForgetUse,
    KeepPermit,
    KeepPlace,
    KeepRevoked,
    KeepSession,
    KeepUse,
    PublishRevocation,
    RevocationPublished,
)  # fmt: skip
from operatord.sessions import Counters, Session
from operatord.shells.store import Store
from operatord.state import Revoked, Use
from tests.operatord.world import BSSIDS, NOW_S, OTHER_PHONE, PHONE, grant
from wire.errors import ShellError

PERMIT, OTHER = grant(), grant(number=2)
USE = Use(PERMIT.permit_id, "roof", BSSIDS["roof"], PHONE, NOW_S, NOW_S + 5, "5F00")
SESSION = Session(
    "roof", "5F00", PERMIT.permit_id, PHONE, BSSIDS["roof"], NOW_S, NOW_S + 60, NOW_S + 65, 60, Counters(1, 2, 3, 4),
    Counters(5, 6, 7, 8), 9, 50, 34, "User-Request", True, True, True, 2,
)  # fmt: skip


def stored(tmp_path: Path, *commands: object) -> Store:
    store = Store(tmp_path / "operatord.db")
    store.save(commands)  # type: ignore[arg-type]
    store.close()
    return Store(tmp_path / "operatord.db")


def test_everything_comes_back_as_it_was(tmp_path: Path) -> None:
    revoked = Revoked(OTHER.permit_id, "ünd")
    store = stored(
        tmp_path, KeepPermit(PERMIT), KeepPermit(OTHER), KeepRevoked(revoked), KeepUse(USE), KeepSession(SESSION),
        KeepPlace("followed 02", "7.0"),
    )  # fmt: skip
    assert sorted(one.permit_id for one in store.permits()) == sorted([PERMIT.permit_id, OTHER.permit_id])
    assert PERMIT in store.permits()
    assert (store.revoked(), store.uses(), store.sessions(), store.open_sessions()) == (
        [revoked], [USE], [SESSION], [SESSION],
    )  # fmt: skip
    assert (store.meta("followed 02"), store.meta("followed 03")) == (b"7.0", None)
    store.close()


def test_what_is_forgotten_is_gone_but_for_its_sessions(tmp_path: Path) -> None:
    kept = (
        KeepPermit(PERMIT),
        KeepUse(USE),
        KeepRevoked(Revoked(PERMIT.permit_id, "")),
        KeepSession(SESSION),
    )
    store = stored(tmp_path, *kept, ForgetPermit(PERMIT.permit_id))
    assert (store.permits(), store.revoked(), store.uses(), store.open_sessions()) == ([], [], [], [])
    assert store.sessions() == [SESSION], "for the reconciliation"
    store.save([ForgetSessions(SESSION.event_s)])
    assert store.sessions() == [SESSION]
    store.save([ForgetSessions(SESSION.event_s + 1)])
    assert store.sessions() == []
    store.close()


def test_two_grants_with_one_session_id_are_two_sessions(tmp_path: Path) -> None:
    """hostapd gives a station that comes back its old Acct-Session-Id, and its owner has bought again meanwhile."""
    later = replace(SESSION, permit_id=OTHER.permit_id, started_s=NOW_S + 1)
    store = stored(tmp_path, KeepPermit(PERMIT), KeepPermit(OTHER), KeepSession(SESSION), KeepSession(later))
    assert store.sessions() == [SESSION, later]
    assert {one.permit_id: one for one in store.open_sessions()} == {
        one.permit_id: one for one in (SESSION, later)
    }
    store.save([ForgetSession(SESSION)])
    assert store.sessions() == [later]
    store.close()


def test_a_file_from_before_keeps_its_sessions(tmp_path: Path) -> None:
    stored(tmp_path, KeepSession(SESSION)).close()
    with sqlite3.connect(tmp_path / "operatord.db", isolation_level=None) as database:
        (columns,) = database.execute("SELECT sql FROM sqlite_master WHERE name = 'session'").fetchone()
        before = columns.replace("clock_s INTEGER NOT NULL, ", "").replace(", permit_id)", ")")
        database.executescript(
            f"DROP TABLE session; {before}; CREATE INDEX session_by_permit ON session (permit_id)"
        )
        names = [row[1] for row in database.execute("PRAGMA table_info(session)")]
        values = [1 if name.endswith("_s") else b"x" * 6 for name in names]
        database.execute(f"INSERT INTO session VALUES ({', '.join('?' * len(values))})", values)
    database.close()
    for _ in range(2):
        store = Store(tmp_path / "operatord.db")
        (kept,) = store.sessions()
        store.save([KeepSession(replace(kept, permit_id=OTHER.permit_id))])
        assert (kept.station.octets, kept.event_s, kept.clock_s, len(store.sessions())) == (b"x" * 6, 1, 1, 2)
        store.save([ForgetSession(replace(kept, permit_id=OTHER.permit_id))])
        store.close()


def test_nobody_else_reads_it(tmp_path: Path) -> None:
    mask = os.umask(0)
    try:
        (tmp_path / "operatord.db").touch(0o666)
        store = stored(tmp_path, KeepPermit(PERMIT))
        files = sorted(tmp_path.iterdir())
        assert len(files) == 3, "with SQLite's own"
        assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
        store.close()
    finally:
        os.umask(mask)


def test_what_sqlite_cannot_write_leaves_nothing_half_done(tmp_path: Path) -> None:
    store = Store(tmp_path / "operatord.db")
    with pytest.raises(UnicodeEncodeError):
        store.save([KeepPermit(PERMIT), KeepSession(replace(SESSION, cause="\udc80"))])
    store.save([KeepPermit(OTHER)])
    assert store.permits() == [OTHER]
    store.close()


def test_it_is_closed_only_after_what_is_being_written(tmp_path: Path, eventually) -> None:
    """Closing beneath a commit that runs crashed the process."""
    store = Store(tmp_path / "operatord.db")
    with sqlite3.connect(tmp_path / "operatord.db", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        writing = threading.Thread(target=store.save, args=([KeepPermit(PERMIT)],))
        writing.start()
        eventually(store._lock.locked, "it writes")
        closing = threading.Thread(target=store.close)
        closing.start()
        other.execute("COMMIT")
        writing.join(30)
        closing.join(30)
    other.close()
    assert not writing.is_alive()
    again = Store(tmp_path / "operatord.db")
    assert again.permits() == [PERMIT]
    again.close()


def test_later_replaces_earlier(tmp_path: Path) -> None:
    later = Use(PERMIT.permit_id, "yard", BSSIDS["yard"], OTHER_PHONE, NOW_S, NOW_S)
    store = stored(tmp_path, KeepUse(USE), KeepUse(later))
    assert store.uses() == [later]
    store.save([ForgetUse(PERMIT.permit_id)])
    assert store.uses() == []
    store.close()


def test_the_secret_of_pseudonyms_is_made_once(tmp_path: Path) -> None:
    first = stored(tmp_path)
    secret = first.secret()
    first.close()
    again = Store(tmp_path / "operatord.db")
    assert (again.secret(), len(secret)) == (secret, 32)
    again.close()


def test_a_moment_is_kept_whole_or_not_at_all(tmp_path: Path) -> None:
    store = Store(tmp_path / "operatord.db")
    with sqlite3.connect(tmp_path / "operatord.db", isolation_level=None) as database:
        database.execute(
            "CREATE TRIGGER full BEFORE INSERT ON used BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        )
    database.close()
    with pytest.raises(ShellError, match="disk full"):
        store.save([KeepPermit(PERMIT), KeepUse(USE)])
    assert store.permits() == []
    store.save([KeepPermit(PERMIT)])
    assert store.permits() == [PERMIT]
    store.close()


def test_a_damaged_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "operatord.db").write_bytes(b"not a database at all" * 100)
    with pytest.raises(ShellError, match=r"operatord\.db"):
        Store(tmp_path / "operatord.db")
    store = Store(tmp_path / "other.db")
    store.save([KeepPermit(PERMIT)])
    with sqlite3.connect(tmp_path / "other.db", isolation_level=None) as database:
        database.execute("UPDATE permit SET encoded = x'00'")
    database.close()
    with pytest.raises(ShellError, match="is damaged"):
        store.permits()
    store.close()


def test_what_a_box_has_still_to_be_told_is_kept_until_it_is_or_the_grant_is_over(tmp_path: Path) -> None:
    orders = [PublishRevocation(box, PERMIT.permit_id, b"signed") for box in ("roof", "yard")]
    store = stored(tmp_path, KeepPermit(PERMIT), *orders)
    assert store.untold() == orders
    store.save([RevocationPublished("roof", PERMIT.permit_id)])
    assert store.untold() == orders[1:]
    store.save([ForgetPermit(PERMIT.permit_id)])
    assert store.untold() == []
    store.close()
