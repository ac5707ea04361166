"""The operator's disk: everything comes back as it was, all of a moment or nothing."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from operatord.commands import (
    ForgetPermit,
    ForgetUse,
    KeepPermit,
    KeepPlace,
    KeepRevoked,
    KeepSession,
    KeepUse,
)  # fmt: skip
from operatord.sessions import Counters, Session
from operatord.shells.store import Store
from operatord.state import Revoked, Use
from tests.operatord.world import BSSIDS, NOW_S, OTHER_PHONE, PHONE, grant
from wire.errors import ShellError

PERMIT, OTHER = grant(), grant(number=2)
USE = Use(PERMIT.permit_id, "roof", BSSIDS["roof"], PHONE, NOW_S, NOW_S + 5, "5F00")
SESSION = Session(
    "roof", "5F00", PERMIT.permit_id, PHONE, BSSIDS["roof"], NOW_S, NOW_S + 60, 60, Counters(1, 2, 3, 4),
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
    store.forget_sessions_before(SESSION.event_s + 1)
    assert store.sessions() == []
    store.close()


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
