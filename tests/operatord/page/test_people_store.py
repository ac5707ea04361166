"""The file of people: what is kept, what goes with what, and what happens once."""

from __future__ import annotations

import sqlite3
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from operatord.page.people import MAX_SESSIONS, Key, Person, Role, Session
from operatord.page.people_store import PeopleStore
from wire.errors import ShellError

NOW_S = 1_800_000_000
ANNA, BERT = Person("anna", Role.OPERATOR), Person("bert", Role.VIEWER)
KEY = Key(b"k" * 16, "anna", b"cose", 1, NOW_S)
LINK, TOKEN = b"l" * 32, b"t" * 32


@pytest.fixture
def store(tmp_path: Path) -> PeopleStore:
    """Anna with a key and a login, Bert with nothing."""
    made = PeopleStore(tmp_path / "people.db")
    assert made.add(ANNA, b"a" * 16, NOW_S)
    assert made.add(BERT, b"b" * 16, NOW_S)
    assert made.put_link("anna", LINK, NOW_S + 900)
    assert made.register(LINK, KEY, NOW_S)
    assert made.begin_session(TOKEN, KEY, 2, NOW_S, NOW_S)
    return made


def test_what_was_kept_is_there_at_the_next_start(store: PeopleStore, tmp_path: Path):
    before = store.people()
    store.close()
    again = PeopleStore(tmp_path / "people.db")
    assert again.people() == before
    anna, bert = before
    assert (anna.person, anna.handle, anna.session_count) == (ANNA, b"a" * 16, 1)
    assert anna.keys == (replace(KEY, sign_count=2, used_s=NOW_S),)
    assert (bert.person, bert.keys, bert.session_count, bert.link_until_s) == (BERT, (), 0, None)
    assert again.session(TOKEN) == Session(TOKEN, ANNA, KEY.key_id, NOW_S, NOW_S)


def test_two_have_it_open_and_see_each_other_s_changes(store: PeopleStore, tmp_path: Path):
    other = PeopleStore(tmp_path / "people.db")
    assert other.set_role("bert", Role.OPERATOR)
    assert store.entry("bert").person.role is Role.OPERATOR


def test_the_file_is_its_owner_s_alone_and_nothing_lies_beside_it(store: PeopleStore, tmp_path: Path):
    assert [file.name for file in tmp_path.iterdir()] == ["people.db"]
    assert stat.S_IMODE((tmp_path / "people.db").stat().st_mode) == 0o600
    (tmp_path / "people.db").chmod(0o644)
    PeopleStore(tmp_path / "people.db")
    assert stat.S_IMODE((tmp_path / "people.db").stat().st_mode) == 0o600


def test_a_name_and_a_handle_are_one_person_s(store: PeopleStore):
    assert not store.add(Person("anna", Role.VIEWER), b"c" * 16, NOW_S)
    assert not store.add(Person("carl", Role.VIEWER), b"a" * 16, NOW_S)
    assert store.entry("anna").person == ANNA


def test_nobody_is_told_of_a_name_that_is_not_there(store: PeopleStore):
    assert not store.remove("carl")
    assert not store.set_role("carl", Role.OPERATOR)
    assert not store.put_link("carl", b"m" * 32, NOW_S + 900)
    with pytest.raises(LookupError, match="'carl'"):
        store.entry("carl")


# ---- Links


def test_a_link_is_used_once(store: PeopleStore):
    assert store.link_of(LINK, NOW_S) is None
    assert not store.register(LINK, replace(KEY, key_id=b"m" * 16), NOW_S)
    assert len(store.entry("anna").keys) == 1


def test_a_link_is_over_when_its_time_is(store: PeopleStore):
    store.put_link("bert", LINK, NOW_S + 900)
    assert store.link_of(LINK, NOW_S + 899) == "bert"
    assert store.link_of(LINK, NOW_S + 900) is None
    assert not store.register(LINK, Key(b"m" * 16, "bert", b"", 0, NOW_S), NOW_S + 900)


def test_a_new_link_takes_the_place_of_the_old_one(store: PeopleStore):
    store.put_link("bert", LINK, NOW_S + 900)
    store.put_link("bert", b"m" * 32, NOW_S + 900)
    assert store.link_of(LINK, NOW_S) is None
    assert store.link_of(b"m" * 32, NOW_S) == "bert"


def test_a_link_of_one_registers_no_key_of_another(store: PeopleStore):
    store.put_link("bert", LINK, NOW_S + 900)
    assert not store.register(LINK, replace(KEY, key_id=b"m" * 16), NOW_S)
    assert store.link_of(LINK, NOW_S) == "bert"


def test_a_key_that_is_known_uses_no_link_up(store: PeopleStore):
    store.put_link("bert", LINK, NOW_S + 900)
    with pytest.raises(LookupError, match="is registered"):
        store.register(LINK, replace(KEY, person="bert"), NOW_S)
    assert store.link_of(LINK, NOW_S) == "bert"
    key = store.key(KEY.key_id)
    assert key is not None
    assert key.person == "anna"


# ---- Logins


def test_a_role_that_changes_logs_out_everywhere(store: PeopleStore):
    store.set_role("anna", Role.VIEWER)
    assert store.session(TOKEN) is None


def test_with_a_person_go_keys_links_and_logins(store: PeopleStore):
    store.put_link("anna", LINK, NOW_S + 900)
    assert store.remove("anna")
    assert store.session(TOKEN) is None
    assert store.key(KEY.key_id) is None
    assert store.link_of(LINK, NOW_S) is None
    assert [entry.person for entry in store.people()] == [BERT]


def test_with_a_key_go_its_logins(store: PeopleStore):
    assert not store.remove_key("bert", KEY.key_id)
    assert store.session(TOKEN) is not None
    assert store.remove_key("anna", KEY.key_id)
    assert store.session(TOKEN) is None


def test_of_two_answers_with_the_same_count_one_logs_in(store: PeopleStore):
    known = store.key(KEY.key_id)
    assert known is not None
    assert store.begin_session(b"u" * 32, known, 3, NOW_S, NOW_S)
    assert not store.begin_session(b"v" * 32, known, 3, NOW_S, NOW_S)
    assert store.session(b"v" * 32) is None


def test_no_login_by_a_key_that_was_removed_meanwhile(store: PeopleStore):
    known = store.key(KEY.key_id)
    assert known is not None
    store.remove_key("anna", KEY.key_id)
    assert not store.begin_session(b"u" * 32, known, 3, NOW_S, NOW_S)


def test_the_oldest_login_goes_when_there_are_too_many(store: PeopleStore):
    for number in range(1, MAX_SESSIONS + 1):
        known = store.key(KEY.key_id)
        assert known is not None
        assert store.begin_session(bytes([number]) * 32, known, 2 + number, NOW_S + number, NOW_S)
    assert store.entry("anna").session_count == MAX_SESSIONS
    assert store.session(TOKEN) is None
    assert store.session(b"\1" * 32) is not None


def test_logins_that_are_over_are_forgotten(store: PeopleStore):
    known = store.key(KEY.key_id)
    assert known is not None
    store.begin_session(b"u" * 32, known, 3, NOW_S + 4_000, over_s=NOW_S + 400)
    assert store.session(TOKEN) is None


def test_a_login_is_seen_and_ended(store: PeopleStore):
    store.see_session(TOKEN, NOW_S + 60)
    seen = store.session(TOKEN)
    assert seen is not None
    assert (seen.began_s, seen.seen_s) == (NOW_S, NOW_S + 60)
    store.end_session(TOKEN)
    assert store.session(TOKEN) is None


# ---- The disk


def test_a_file_that_is_none_of_ours_is_refused(tmp_path: Path):
    (tmp_path / "people.db").write_bytes(b"something else" * 100)
    with pytest.raises(ShellError, match=r"people\.db"):
        PeopleStore(tmp_path / "people.db")


def test_a_file_of_a_later_program_is_left_alone(store: PeopleStore, tmp_path: Path):
    store.close()
    file = sqlite3.connect(tmp_path / "people.db")
    file.execute("PRAGMA user_version = 3")
    file.close()
    with pytest.raises(ShellError, match="is of version 3, and this program knows 2"):
        PeopleStore(tmp_path / "people.db")


def test_a_folder_that_is_not_there_is_an_error_of_the_disk(tmp_path: Path):
    with pytest.raises(ShellError, match="No such file"):
        PeopleStore(tmp_path / "none" / "people.db")


def test_a_closed_file_says_so(store: PeopleStore):
    store.close()
    with pytest.raises(ShellError, match="closed"):
        store.people()


def test_whoever_was_an_owner_is_an_operator_and_stays_logged_in(tmp_path: Path, store: PeopleStore) -> None:
    """A file of the version before, which had a third role."""
    store.close()
    file = sqlite3.connect(tmp_path / "people.db")
    file.execute("PRAGMA writable_schema = ON")
    file.execute("UPDATE sqlite_schema SET sql = replace(sql, 'BETWEEN 1 AND 2', 'BETWEEN 1 AND 3')")
    file.commit()
    file.close()
    file = sqlite3.connect(tmp_path / "people.db")
    file.execute("UPDATE person SET role = 3 WHERE name = 'anna'")
    file.execute("PRAGMA user_version = 1")
    file.commit()
    file.close()
    for _ in range(2):
        later = PeopleStore(tmp_path / "people.db")
        session = later.session(TOKEN)
        assert session is not None
        assert session.person == Person("anna", Role.OPERATOR)
        assert [one.person.role for one in later.people()] == [Role.OPERATOR, Role.VIEWER]
        later.close()
