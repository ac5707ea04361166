"""`operatord person`: what it prints, what it keeps, and with which status it ends."""

from __future__ import annotations

import json
import os
import re
import shlex
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from operatord.__main__ import main
from operatord.page.people import LINK_S, Key, Role, hash_token
from operatord.page.people_store import PeopleStore
from tests.docs.markdown import block
from tests.operatord.test_settings import TEXT

PAGE = '[page]\norigin = "https://page.example.net"\n'


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "operatord.toml"
    file.write_text(TEXT.replace("/var/lib/operatord", "state") + PAGE)
    return file


def person(config: Path, command: str, *more: str) -> int:
    return main(["person", command, str(config), *more])


def store_of(config: Path) -> PeopleStore:
    return PeopleStore(config.parent / "state" / "people.db")


def give_key(config: Path, name: str, key_id: bytes) -> None:
    """As the page does when somebody opens his link."""
    store = store_of(config)
    assert store.put_link(name, b"l" * 32, int(time.time()) + LINK_S)
    assert store.register(b"l" * 32, Key(key_id, name, b"cose", 0, 1_800_000_000), int(time.time()))
    store.close()


def told(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_somebody_new_gets_a_link_of_which_the_hash_is_kept(config: Path, capsys: pytest.CaptureFixture[str]):
    assert person(config, "add", "anna", "--role", "operator") == 0
    words, link = capsys.readouterr().out.splitlines()
    assert words == "anna (operator) registers a key by this link, once and within 15 min:"
    page, _, token = link.partition("#")
    assert page == "https://page.example.net/register"
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", token)
    store, now_s = store_of(config), int(time.time())
    assert store.link_of(hash_token(token), now_s) == "anna"
    assert store.link_of(hash_token(token), now_s + LINK_S + 1) is None
    assert token.encode() not in (config.parent / "state" / "people.db").read_bytes()
    assert store.entry("anna").person.role is Role.OPERATOR


def test_the_folder_is_made_as_operatord_makes_it(config: Path):
    person(config, "add", "anna", "--role", "operator")
    state = config.parent / "state"
    assert stat.S_IMODE(state.stat().st_mode) == 0o711
    assert stat.S_IMODE((state / "people.db").stat().st_mode) == 0o600


@pytest.mark.parametrize("made", [True, False], ids=["state is there", "only its place is"])
def test_root_goes_on_as_whom_the_folder_belongs_to(config: Path, made: bool):
    if os.geteuid():
        pytest.skip("only root becomes somebody else")
    folder, target = config.parent, config.parent / "target"
    (folder / "state").mkdir() if made else None
    for path in (folder, *folder.iterdir()):
        os.chown(path, 1, 1)
    if made:
        (folder / "state" / "people.db").symlink_to(target)
        target.write_text("of root")
        target.chmod(0o600)
    for parent in list(folder.parents)[:-1]:
        if not parent.stat().st_mode & 0o001:
            parent.chmod(parent.stat().st_mode | 0o011)
    words = ["person", "add", str(config), "anna", "--role", "operator"]
    done = subprocess.run(
        [sys.executable, "-m", "operatord", *words], capture_output=True, text=True, timeout=60, check=False
    )
    if made:
        assert done.returncode == 3, done.stderr
        assert target.read_text() == "of root"
        assert target.stat().st_uid == 0
    else:
        assert done.returncode == 0, done.stderr
        assert {path.stat().st_uid for path in (folder / "state", folder / "state" / "people.db")} == {1}


def test_a_new_link_ends_the_old_one(config: Path, capsys: pytest.CaptureFixture[str]):
    person(config, "add", "anna", "--role", "operator", "--json")
    first = told(capsys)
    assert person(config, "link", "anna", "--json") == 0
    second = told(capsys)
    assert set(first) == {"name", "role", "link", "until_s"}
    store, now_s = store_of(config), int(time.time())
    tokens = [page["link"].partition("#")[2] for page in (first, second)]
    assert [store.link_of(hash_token(token), now_s) for token in tokens] == [None, "anna"]


def test_the_list_tells_of_people_keys_and_links(config: Path, capsys: pytest.CaptureFixture[str]):
    assert person(config, "list") == 0
    assert capsys.readouterr().out == "nobody; `operatord person add` adds somebody\n"
    person(config, "add", "anna", "--role", "operator")
    give_key(config, "anna", bytes(range(16)))
    person(config, "add", "bert", "--role", "viewer")
    capsys.readouterr()
    assert person(config, "list") == 0
    anna, key, bert = capsys.readouterr().out.splitlines()
    assert anna.startswith("anna  operator  since 20")
    assert key == "    key 00010203  registered 2027-01-15 08:00:00 UTC  never used"
    assert bert.endswith("; a link is open")
    assert person(config, "list", "--json") == 0
    page = told(capsys)["people"]
    assert [(one["name"], one["role"], len(one["keys"])) for one in page] == [
        ("anna", "operator", 1),
        ("bert", "viewer", 0),
    ]
    assert page[0]["link_until_s"] is None
    assert page[1]["link_until_s"] > time.time()


def test_a_role_is_changed_and_somebody_removed(config: Path, capsys: pytest.CaptureFixture[str]):
    person(config, "add", "anna", "--role", "operator")
    give_key(config, "anna", b"k" * 16)
    capsys.readouterr()
    assert person(config, "role", "anna", "viewer") == 0
    assert capsys.readouterr().out == "anna is viewer now, and logged out everywhere\n"
    assert store_of(config).entry("anna").person.role is Role.VIEWER
    assert person(config, "remove", "anna") == 0
    assert capsys.readouterr().out == "anna is removed, and logged out everywhere\n"
    assert store_of(config).people() == []


def test_a_lost_key_is_removed_by_the_start_of_its_id(config: Path, capsys: pytest.CaptureFixture[str]):
    person(config, "add", "anna", "--role", "operator")
    for key_id in (b"\xaa\x01" + bytes(14), b"\xaa\x02" + bytes(14)):
        give_key(config, "anna", key_id)
    for start, wrong in (("aa", "has 2 keys"), ("bb", "has no keys"), ("", "has no keys")):
        assert person(config, "remove", "anna", "--key", start) == 1
        assert wrong in capsys.readouterr().err
    assert person(config, "remove", "anna", "--key", "AA01") == 0
    assert [key.key_id[:2] for key in store_of(config).entry("anna").keys] == [b"\xaa\x02"]


@pytest.mark.parametrize("command", [["link", "carl"], ["role", "carl", "operator"], ["remove", "carl"]])
def test_nobody_of_that_name_is_a_no(config: Path, command: list[str], capsys: pytest.CaptureFixture[str]):
    assert person(config, *command, "--json") == 1
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {"ok": False, "error": "nobody is called 'carl' here"}
    assert printed.err == "operatord: nobody is called 'carl' here\n"


def test_a_name_is_given_once(config: Path, capsys: pytest.CaptureFixture[str]):
    person(config, "add", "anna", "--role", "operator")
    assert person(config, "add", "anna", "--role", "viewer") == 1
    assert "there is somebody called anna already" in capsys.readouterr().err
    assert store_of(config).entry("anna").person.role is Role.OPERATOR


def test_what_is_no_name_or_no_role_is_a_wrong_command_line(config: Path, capsys: pytest.CaptureFixture[str]):
    assert person(config, "add", "an\nna", "--role", "operator") == 2
    assert "a name has 1 to 64" in capsys.readouterr().err
    for wrong in (["add", "anna", "--role", "admin"], ["role", "anna", "admin"], ["add", "anna"]):
        with pytest.raises(SystemExit, match="2"):
            person(config, *wrong)


def test_without_a_page_nobody_logs_in(config: Path, capsys: pytest.CaptureFixture[str]):
    config.write_text(config.read_text().replace(PAGE, ""))
    assert person(config, "add", "anna", "--role", "operator") == 2
    assert f"{config}: page: there is no such section" in capsys.readouterr().err
    assert not (config.parent / "state").exists()


def test_the_page_s_own_commands_do_what_they_say(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(config.parent)
    lines = [shlex.split(line, comments=True) for line in block("docs/page.md", "page-people").splitlines()]
    commands = [words[1:] for words in lines if words]
    assert [main(words) for words in commands] == [0] * 5
    said = capsys.readouterr().out
    assert said.count("/register#") == 2
    assert "anna is viewer now" in said
    assert store_of(config).people() == []


def test_a_disk_that_fails_is_the_world_s_fault(config: Path, capsys: pytest.CaptureFixture[str]):
    person(config, "add", "anna", "--role", "operator")
    (config.parent / "state" / "people.db").write_bytes(b"something else" * 100)
    assert person(config, "list") == 3
    assert "people.db" in capsys.readouterr().err
