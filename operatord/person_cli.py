"""`operatord person`: who may see the operator's page, and with which keys.

A shell: argv, stdout, the file of people, which the running page has open too: what is said here holds from its next
request on. Nobody registers a key but by a link from here, so whoever rules this machine rules the page. Typed by root
it goes on as operatord's user.
"""

import argparse
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ledger.running import OK
from operatord.page.origin import Origin
from operatord.page.people import HANDLE_SIZE, LINK_S, TOKEN_SIZE, Key, Person, Role, hash_token, parse_role
from operatord.page.people_store import PEOPLE_FILE, Entry, PeopleStore
from operatord.settings import OperatorSettings
from wire.errors import ConfigError, DecodeError
from wire.units import format_duration, format_instant

ReadSettings = Callable[[Path], OperatorSettings]
_EXAMPLES = """examples:
  operatord person add operatord.toml anna --role operator  a link to register the first key
  operatord person link operatord.toml anna                 a link for one more key
  operatord person list operatord.toml
  operatord person role operatord.toml anna viewer          from now on; logs her out everywhere
  operatord person remove operatord.toml anna --key 3f2a..  a lost key; without --key: the person
"""


@dataclass(frozen=True, slots=True)
class _Office:
    """What one command works with."""

    store: PeopleStore
    origin: Origin
    now_s: int
    as_json: bool

    def say(self, page: dict[str, Any], *lines: str) -> int:
        """One or the other, and that it is done."""
        print(json.dumps(page, indent=2) if self.as_json else "\n".join(lines))
        return OK


Run = Callable[[_Office, argparse.Namespace], int]


def add_person_commands(parser: argparse.ArgumentParser, read_settings: ReadSettings) -> None:
    """`operatord person ...` under a parser that is there already."""
    parser.description = "Who may see the operator's page, and with which keys."
    parser.epilog, parser.formatter_class = _EXAMPLES, argparse.RawDescriptionHelpFormatter
    below = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, run: Run, text: str, *, named: bool = True) -> argparse.ArgumentParser:
        command: argparse.ArgumentParser = below.add_parser(name, help=text, description=text)
        command.add_argument("config", type=Path, metavar="CONFIG", help="operatord.toml")
        if named:
            command.add_argument("name", metavar="NAME", help="as logs and other people read it")
        command.add_argument("--json", action="store_true", help="one JSON value on standard output")
        command.set_defaults(run=lambda arguments: _carry_out(run, arguments, read_settings))
        return command

    roles = [str(role) for role in Role]
    command = add("add", _add, "somebody new; prints a link to register a key")
    command.add_argument("--role", required=True, choices=roles, help="what he may do")
    add("link", _link, "a link to register one more key")
    add("list", _list, "everybody, with keys and logins", named=False)
    command = add("role", _role, "change what somebody may do; logs him out everywhere")
    command.add_argument("role", choices=roles, metavar="ROLE", help=", ".join(roles))
    command = add("remove", _remove, "somebody, with keys and logins; or one key")
    command.add_argument(
        "--key", metavar="ID", help="only this key, by the start of its id, as `list` shows it"
    )


def _carry_out(run: Run, arguments: argparse.Namespace, read_settings: ReadSettings) -> int:
    """Raises ConfigError where there is no page to log in to."""
    settings = read_settings(arguments.config)
    if settings.page is None:
        raise ConfigError(f"{arguments.config}: page: there is no such section, so nobody logs in")
    _become_owner_of(settings.state.absolute())
    if not settings.state.exists():
        settings.state.mkdir(parents=True)
        settings.state.chmod(0o711)  # FreeRADIUS, as another user, goes through it to the trust directory
    store = PeopleStore(settings.state / PEOPLE_FILE)
    try:
        return run(_Office(store, settings.page.origin, int(time.time()), arguments.json), arguments)
    finally:
        store.close()


def _become_owner_of(folder: Path) -> None:
    """Root goes on as whom the folder, or where it will be, belongs to: what that one put there root would follow."""
    there = next(one for one in (folder, *folder.parents) if one.exists())
    owner = there.stat()
    if os.geteuid() == 0 and owner.st_uid:
        os.setgroups([])
        os.setgid(owner.st_gid)
        os.setuid(owner.st_uid)


def _add(office: _Office, arguments: argparse.Namespace) -> int:
    person = Person(arguments.name, parse_role(arguments.role))
    if not office.store.add(person, secrets.token_bytes(HANDLE_SIZE), office.now_s):
        raise DecodeError(f"there is somebody called {person.name} already; `person link` gives another link")
    return _give_link(office, person)


def _link(office: _Office, arguments: argparse.Namespace) -> int:
    return _give_link(office, _find(office.store, arguments.name).person)


def _give_link(office: _Office, person: Person) -> int:
    token, until_s = secrets.token_urlsafe(TOKEN_SIZE), office.now_s + LINK_S
    if not office.store.put_link(person.name, hash_token(token), until_s):
        raise _nobody(person.name)
    link = f"{office.origin.text}/register#{token}"
    words = f"{person.name} ({person.role}) registers a key by this link, once and within {format_duration(LINK_S)}:"
    page = {"name": person.name, "role": str(person.role), "link": link, "until_s": until_s}
    return office.say(page, words, link)


def _list(office: _Office, _arguments: argparse.Namespace) -> int:
    entries = office.store.people()
    page = {"people": [_describe(entry, office.now_s) for entry in entries]}
    lines = [line for entry in entries for line in _lines(entry, office.now_s)]
    return office.say(page, *(lines or ["nobody; `operatord person add` adds somebody"]))


def _describe(entry: Entry, now_s: int) -> dict[str, Any]:
    keys = [
        {"id": key.key_id.hex(), "added_s": key.added_s, "used_s": key.used_s, "sign_count": key.sign_count}
        for key in entry.keys
    ]
    return {
        "name": entry.person.name,
        "role": str(entry.person.role),
        "added_s": entry.added_s,
        "keys": keys,
        "sessions": entry.session_count,
        "link_until_s": entry.link_until_s if _has_link(entry, now_s) else None,
    }


def _lines(entry: Entry, now_s: int) -> Iterator[str]:
    link = "; a link is open" if _has_link(entry, now_s) else ""
    yield f"{entry.person.name}  {entry.person.role}  since {format_instant(entry.added_s)}{link}"
    for key in entry.keys:
        used = "never used" if key.used_s is None else f"last login {format_instant(key.used_s)}"
        yield f"    key {key.short_id}  registered {format_instant(key.added_s)}  {used}"


def _has_link(entry: Entry, now_s: int) -> bool:
    return entry.link_until_s is not None and now_s < entry.link_until_s


def _role(office: _Office, arguments: argparse.Namespace) -> int:
    name, role = arguments.name, parse_role(arguments.role)
    if not office.store.set_role(name, role):
        raise _nobody(name)
    return office.say({"name": name, "role": str(role)}, f"{name} is {role} now, and logged out everywhere")


def _remove(office: _Office, arguments: argparse.Namespace) -> int:
    name = arguments.name
    if arguments.key is None:
        if not office.store.remove(name):
            raise _nobody(name)
        return office.say({"removed": name}, f"{name} is removed, and logged out everywhere")
    key = _find_key(_find(office.store, name), arguments.key)
    if not office.store.remove_key(name, key.key_id):
        raise DecodeError(f"key {key.short_id} of {name} was removed meanwhile")
    page = {"name": name, "removed_key": key.key_id.hex()}
    return office.say(page, f"key {key.short_id} of {name} is removed, and its logins are over")


def _find_key(entry: Entry, start: str) -> Key:
    """Raises DecodeError."""
    found = [key for key in entry.keys if start and key.key_id.hex().startswith(start.lower())]
    if len(found) != 1:
        many = len(found) or "no"
        raise DecodeError(
            f"{entry.person.name} has {many} keys whose id begins with {start!r}; see `person list`"
        )
    return found[0]


def _find(store: PeopleStore, name: str) -> Entry:
    try:
        return store.entry(name)
    except LookupError:
        raise _nobody(name) from None


def _nobody(name: str) -> DecodeError:
    return DecodeError(f"nobody is called {name!r} here")
