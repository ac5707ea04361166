"""`operatord box add|list|replace|revoke`: everything that an operator does for a box, in one command.

A shell: argv, the folder of [enrolment], the programs that have to hear of it (broker, FreeRADIUS, the running
operatord). What was invited is on disk first, and then told; where telling fails the command says what is left, ends
with status 3, and may be typed again. Only the invitation goes to standard output.
"""

import argparse
import json
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ledger.running import OK, WORLD
from operatord.box_authority import BoxAuthority, pin_of
from operatord.boxes import (
    DEFAULT_LIFETIME_S,
    MAX_LIFETIME_S,
    BoxRecord,
    Standing,
    check_name,
    ended,
    invited,
    invited_again,
)
from operatord.enrolment_settings import EnrolmentSettings
from operatord.settings import DAS_PORT, OperatorSettings
from operatord.shells.enrolment_files import EnrolmentFiles
from wire.errors import ConfigError, ShellError
from wire.invitation import SECRET_SIZE, Invitation, format_invitation
from wire.units import parse_duration

_PROGRAM_WAIT_S = 60
ReadSettings = Callable[[Path], OperatorSettings]
WriteRadius = Callable[[OperatorSettings, Path, str | None], str]
_EXAMPLES = """examples:
  operatord box add operatord.toml roof --address 192.0.2.7 > roof.invitation
  operatord box list operatord.toml
  operatord box replace operatord.toml roof     the box broke: the same name and account, a new machine
  operatord box revoke operatord.toml roof      the box was stolen
"""


@dataclass(slots=True)
class _Office:
    """What one command works with; `left` are sentences about what is still to be done."""

    config: Path
    read: ReadSettings
    write_radius: WriteRadius
    settings: OperatorSettings
    enrolment: EnrolmentSettings
    files: EnrolmentFiles
    now_s: int
    left: list[str] = field(default_factory=list)


def add_box_commands(parser: argparse.ArgumentParser, read: ReadSettings, write_radius: WriteRadius) -> None:
    """The subcommands. `read` gives the settings of a file, `write_radius` writes FreeRADIUS's configuration."""
    parser.epilog, parser.formatter_class = _EXAMPLES, argparse.RawDescriptionHelpFormatter
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(
        name: str, run: Callable[[_Office, argparse.Namespace], int], text: str
    ) -> argparse.ArgumentParser:
        command: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
        command.add_argument("config", type=Path, metavar="CONFIG", help="operatord.toml")
        command.set_defaults(
            run=lambda arguments: run(_open(arguments.config, read, write_radius), arguments)
        )
        return command

    adding = add(
        "add", _add, "invite a new box; prints the invitation, one line for `apd setup --invitation`"
    )
    adding.add_argument("name", metavar="NAME", help="its NAS-Identifier, and its name at the broker")
    adding.add_argument(
        "--address", default="", help="its IP address; without it the box has no radio that FreeRADIUS knows"
    )
    adding.add_argument("--das-port", type=int, default=DAS_PORT, metavar="PORT", help="default 3799")
    listing = add("list", _list, "every box that enrolled itself or was invited to")
    listing.add_argument("--json", action="store_true", help="one JSON value on standard output")
    replacing = add("replace", _replace, "shut a broken box out, and invite another in its place")
    replacing.add_argument("name", metavar="NAME")
    for command in (adding, replacing):
        command.add_argument(
            "--for",
            dest="lifetime",
            default=f"{DEFAULT_LIFETIME_S}s",
            help="how long it is good (default 3d)",
        )
    revoking = add("revoke", _revoke, "shut a stolen box out of everything, for good")
    revoking.add_argument("name", metavar="NAME")


def _open(config: Path, read: ReadSettings, write_radius: WriteRadius) -> _Office:
    settings = read(config)
    if settings.enrolment is None:
        raise ConfigError(f"{config}: enrolment: there is no such section: see docs/enrolment.md")
    files = EnrolmentFiles(settings.enrolment.folder)
    for one in settings.damaged:
        _say(str(one))
    return _Office(config, read, write_radius, settings, settings.enrolment, files, int(time.time()))


# ---- The commands


def _add(office: _Office, arguments: argparse.Namespace) -> int:
    name, lifetime_s = arguments.name, _lifetime_s(arguments.lifetime)
    check_name(name)
    address = _address(arguments.address)
    with office.files.locked():
        known = _find(office, name)
        if known is not None and (known.standing is not Standing.INVITED or known.account or known.revoked):
            raise ConfigError(
                f"box {name}: is {known.standing.value} already; `replace` gives it a new machine"
            )
        if name in office.settings.boxes and known is None:
            raise ConfigError(
                f"{office.config}: boxes.{name}: is there by hand: remove it, or choose another name"
            )
        _refuse_shared_address(office, name, address)
        office.files.open_authority(office.now_s)
        token, until_s = secrets.token_bytes(SECRET_SIZE), office.now_s + lifetime_s
        if address:
            office.files.make_secret(name)
        office.files.keep(invited(name, token, until_s, address=address, das_port=arguments.das_port))
        line = _invitation(office, name, token, until_s)
    if address:
        _tell_radius(office)
    _tell_daemon(office)
    return _end(office, line)


def _replace(office: _Office, arguments: argparse.Namespace) -> int:
    name, lifetime_s = arguments.name, _lifetime_s(arguments.lifetime)
    with office.files.locked():
        before = _known(office, name)
        token, until_s = secrets.token_bytes(SECRET_SIZE), office.now_s + lifetime_s
        record = invited_again(before, token, until_s, office.now_s)
        authority = office.files.open_authority(office.now_s)
        office.files.keep(record)
        _write_list(office, authority)
        line = _invitation(office, name, token, until_s)
    _tell_broker(office, authority, name)
    thrown_out = _tell_daemon(office)  # while it still has the secret of the box that was
    if record.address:
        with office.files.locked():
            office.files.make_secret(name)
        _tell_radius(office)
    _say(f"{name}: its old certificate counts no more; {thrown_out}.")
    if record.account:
        _say(
            f"The new box sells for the same account, {record.account}: its owner puts his copy of provider.pem into "
            "/etc/airgrant before `apd setup`. With its first start the ledger retires the old box's meter; what that "
            "had not reported is an unmetered interval."
        )
    return _end(office, line)


def _revoke(office: _Office, arguments: argparse.Namespace) -> int:
    name = arguments.name
    with office.files.locked():
        before = _known(office, name)
        record = ended(before, office.now_s)
        authority = office.files.open_authority(office.now_s)
        office.files.keep(record)
        _write_list(office, authority)
    _tell_broker(office, authority, name)
    thrown_out = _tell_daemon(office)
    if record.address:
        with office.files.locked():
            office.files.forget_secret(name)
        _tell_radius(office)
    if not office.left:
        _say(
            f"{name}: shut out. Its certificate counts no more at the broker, FreeRADIUS does not know it, its "
            f"invitation is dead; {thrown_out}."
        )
    if record.account:
        _say(_words_on_money(record.account))
    return _end(office, "")


def _list(office: _Office, arguments: argparse.Namespace) -> int:
    """What is sound is listed, whatever is damaged."""
    damaged = {one.name: one.reason for one in office.settings.damaged}
    rows: list[dict[str, Any]] = [
        {
            "name": one.name,
            "standing": one.standing.value,
            "account": one.account,
            "address": one.address,
            "invited_until_s": one.until_s if one.standing is Standing.INVITED else 0,
            "certificates_revoked": len(one.revoked),
            "damaged": damaged.pop(one.name, ""),
        }
        for one in office.files.records()
    ]
    unknown = {
        "standing": "unknown",
        "account": "",
        "address": "",
        "invited_until_s": 0,
        "certificates_revoked": 0,
    }
    rows += [{"name": name, **unknown, "damaged": reason} for name, reason in damaged.items()]
    status = WORLD if office.settings.damaged else OK
    if arguments.json:
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
        return status
    for row in rows:
        until = f"  invited until {_utc(row['invited_until_s'])}" if row["invited_until_s"] else ""
        more = until + ("  damaged" if row["damaged"] else "")
        sys.stdout.write(
            f"{row['name']:20}  {row['standing']:8}  {row['address'] or '-':15}  {row['account'] or '-'}{more}\n"
        )
    return status


def _words_on_money(account: str) -> str:
    return f"""\
The key of account {account} was on the box: whoever has it can spend what is there, and sign as its owner, on every way
to the ledger. Its owner, with the copy of provider.pem that `apd setup` told him to keep, does now:
  airgrant keygen --out new.key                         an account that the thief has not
  airgrant account create --key new.key ...
  airgrant account transfer NEW_ACCOUNT AMOUNT --key provider.pem ...     all that `airgrant account show` says
  airgrant account retire --for-good --key provider.pem ...               it meters and sells nothing any more
Whatever the thief was faster with is gone. Grants that customers had bought there are refunded from the old account
while it has money, or not at all."""


# ---- What is kept


def _find(office: _Office, name: str) -> BoxRecord | None:
    """Raises ConfigError where nobody knows what is kept of it."""
    if name in {one.name for one in office.files.damaged()} - {one.name for one in office.files.records()}:
        raise ConfigError(
            f"box {name}: its record is damaged, so that nothing is done with it until it is mended"
        )
    return next((one for one in office.files.records() if one.name == name), None)


def _known(office: _Office, name: str) -> BoxRecord:
    record = _find(office, name)
    if record is None:
        raise ConfigError(
            f"box {name}: no box of this name was ever invited; `operatord box list` has them all"
        )
    return record


def _refuse_shared_address(office: _Office, name: str, address: str) -> None:
    """FreeRADIUS knows a client by its address, so that boxes behind one would share a secret."""
    for other, at in office.settings.addresses.items():
        if address and at.address == address and other != name:
            raise ConfigError(f"--address: {address} is box {other}'s")


def _write_list(office: _Office, authority: BoxAuthority) -> None:
    if not office.files.write_list(authority, office.now_s):
        office.left.append(
            "the list of certificates before this one was of the future: a clock was wrong, or this one is behind. See "
            "that it is right, and then RESTART the broker, which reads an earlier list at no reload"
        )


def _invitation(office: _Office, name: str, token: bytes, until_s: int) -> str:
    pin = pin_of(office.files.open_door_key(office.now_s))
    where = office.enrolment.address, office.enrolment.port
    return format_invitation(Invitation(*where, name, until_s, pin, token))


def _lifetime_s(text: str) -> int:
    lifetime_s = parse_duration(text)
    if not 60 <= lifetime_s <= MAX_LIFETIME_S:
        raise ConfigError("--for: an invitation is good for a minute at least, and 30 days at most")
    return lifetime_s


def _address(text: str) -> str:
    import ipaddress

    if "%" in text:
        raise ConfigError(
            f"--address: {text!r} has a scope; FreeRADIUS knows a box by an address without one"
        )
    try:
        return str(ipaddress.ip_address(text)) if text else ""
    except ValueError as error:
        raise ConfigError(f"--address: {error}") from None


# ---- Who has to hear of it


@contextmanager
def _or_left(office: _Office, what: str) -> Iterator[None]:
    """One that cannot be told does not keep the others from hearing."""
    try:
        yield
    except (ShellError, ConfigError) as error:
        office.left.append(f"{what}: {error}")


def _tell_broker(office: _Office, authority: BoxAuthority, name: str) -> None:
    """It reads the list again, and then nobody is connected as this box."""
    from operatord.shells.broker_takeover import take_over

    enrolment, broker = office.enrolment, office.settings.broker
    with _or_left(office, "the broker has not read the list of certificates again"):
        _run(
            enrolment.reload_broker,
            "enrolment.reload_broker is not set: make the broker read boxes.crl again",
        )
    with _or_left(office, "the box may still be connected to the broker"):
        take_over(authority, name, broker.host, enrolment.broker_port, broker.authority)


def _tell_radius(office: _Office) -> None:
    enrolment = office.enrolment
    with _or_left(office, "FreeRADIUS does not know of it"):
        if enrolment.radius_folder is None:
            raise ConfigError(
                "enrolment.radius_folder is not set: run `operatord freeradius` and restart FreeRADIUS"
            )
        folder = enrolment.radius_folder.absolute()
        office.write_radius(office.read(office.config), folder, enrolment.radius_user)
        _run(enrolment.restart_radius, "enrolment.restart_radius is not set: restart FreeRADIUS")


def _tell_daemon(office: _Office) -> str:
    """What becomes of the sessions of a box that is gone. One that does not run reads the boxes when it starts."""
    from operatord.shells.control import ask

    answer: dict[str, Any] = {}
    if not office.settings.control_socket.exists():
        return "operatord does not run: sessions there were told to end by nobody"
    with _or_left(office, "the running operatord does not know of it, restart it"):
        try:
            answer = ask(office.settings.control_socket, {"ask": "boxes"})
        except ValueError as error:
            raise ShellError("operatord", str(error)) from error
    return f"{int(answer.get('disconnected', 0))} sessions there were told to end"


def _run(words: tuple[str, ...], unset: str) -> None:
    """Raises ConfigError where there is nothing to run, ShellError where it fails."""
    if not words:
        raise ConfigError(unset)
    try:
        done = subprocess.run(
            words,
            capture_output=True,
            text=True,
            timeout=_PROGRAM_WAIT_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ShellError(words[0], str(error)) from error
    if done.returncode:
        raise ShellError(" ".join(words), f"status {done.returncode}: {done.stderr.strip()[-300:]}")


def _end(office: _Office, line: str) -> int:
    if line:
        sys.stdout.write(line + "\n")
    if office.left:
        raise ShellError(
            "left to do", "; ".join(office.left) + ". What was written stays; type it again when mended"
        )
    return OK


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


def _utc(seconds: Any) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(int(seconds)))
