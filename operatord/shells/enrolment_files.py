"""The folder of [enrolment]: the authority of boxes, what the broker reads, a record and a secret for each box.

    boxes.key  boxes.pem      the authority of boxes, made at the first need; for the operator's own user alone
    boxes.crl  boxes.acl      whose certificate counts no more, and what a box may do: the broker reads both
    door.key   door.pem       of the door; the invitations pin its key
    box/NAME.json  NAME.secret

The daemon and the command both write here, one at a time: whoever changes something holds `.lock`, and while root
holds it he is whom the folder's parent belongs to, as that one could put links here that root would follow. Every file
is made beside and moved into its place. Decides nothing.
"""

import contextlib
import fcntl
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

from operatord.box_authority import (
    CLOCK_SLACK,
    BoxAuthority,
    make_authority,
    make_door_certificate,
    read_authority,
    read_list_entries,
    read_list_number,
    write_list,
)
from operatord.boxes import BoxRecord, Damaged, Standing, format_record, read_record, revocations
from wire.errors import ConfigError, ShellError
from wire.keys import PrivateKey

RULES = """\
# Written by operatord: what a box may do at the broker, by the name in its certificate. Nobody else comes this way.
pattern write airgrant/v1/up/%u/#
pattern read airgrant/v1/down/%u/#
pattern read airgrant/v1/offer/#
"""
_SECRET, _SHOWN, _FOLDER = 0o600, 0o644, 0o711
SECRET_OCTETS = 16
_SECRET_TEXT = re.compile(rb"[0-9A-Za-z]{16,}\n?")
"""What FreeRADIUS is given (operatord/freeradius.py): ours have twice as many."""
LIST_SLACK_S = int(CLOCK_SLACK.total_seconds())
"""A list says that it is so much older than it is, so that a broker whose clock is behind takes it."""


class EnrolmentFiles:
    """One folder. Raises ShellError where the disk fails, ConfigError for a file that is none of ours."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.list, self.rules = folder / "boxes.crl", folder / "boxes.acl"
        self.authority, self.door = folder / "boxes.pem", folder / "door.pem"
        self.door_key = folder / "door.key"
        self._boxes = folder / "box"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else changes anything meanwhile."""
        with _as_owner_of(self.folder.absolute().parent):
            try:
                _make_folder(self.folder, _FOLDER)
                _make_folder(self._boxes, 0o700)
                descriptor = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, _SECRET)
            except OSError as error:
                raise ShellError("enrolment", f"{self.folder}: {error.strerror}") from error
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                yield
            finally:
                os.close(descriptor)

    def records(self) -> list[BoxRecord]:
        """Of every box that was ever invited, by name; without those that cannot be read, which `damaged` has."""
        return [one for one in self._read().values() if isinstance(one, BoxRecord)]

    def damaged(self) -> list[Damaged]:
        """Boxes whose record or secret cannot be read: a disk that failed, or somebody's hand."""
        kept = self._read()
        found = [one if isinstance(one, Damaged) else self._look_at_secret(one) for one in kept.values()]
        return [one for one in found if one is not None]

    def _read(self) -> dict[str, BoxRecord | Damaged]:
        try:
            files = [file for file in sorted(self._boxes.iterdir()) if file.match("[!.]*.json")]
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise ShellError("enrolment", f"{self._boxes}: {error.strerror}") from error
        return {file.stem: _read_one(file) for file in files}

    def _look_at_secret(self, record: BoxRecord) -> Damaged | None:
        file = self.secret_file(record.name)
        if not record.address or record.standing is Standing.REVOKED:
            return None
        try:
            is_whole = _SECRET_TEXT.fullmatch(file.read_bytes())
        except OSError as error:
            return Damaged(record.name, _say(file, error))
        return None if is_whole else Damaged(record.name, f"{file}: is no secret of a box")

    def keep(self, record: BoxRecord) -> None:
        self._write(self._boxes / f"{record.name}.json", format_record(record), _SECRET)

    def secret_file(self, name: str) -> Path:
        """Of the secret shared with this box's access point."""
        return self._boxes / f"{name}.secret"

    def make_secret(self, name: str) -> None:
        self._write(self.secret_file(name), secrets.token_hex(SECRET_OCTETS) + "\n", _SECRET)

    def forget_secret(self, name: str) -> None:
        self.secret_file(name).unlink(missing_ok=True)

    def open_authority(self, now_s: int) -> BoxAuthority:
        """With everything beside it that the broker reads; made where it is not there yet. Only while `locked`."""
        key, certificate = self.folder / "boxes.key", self.authority
        if not key.exists():
            made = make_authority(PrivateKey.generate(), now_s, new_serial())
            self._write(certificate, made.pem, _SHOWN)
            self._write(key, made.key.to_pem().decode(), _SECRET)
        try:
            authority = read_authority(key.read_bytes(), certificate.read_bytes(), str(key))
        except (OSError, ValueError) as error:
            raise ConfigError(f"{key}, {certificate}: {error}") from error
        if not self.rules.exists():
            self._write(self.rules, RULES, _SHOWN)
        if not self.list.exists():
            self.write_list(authority, now_s)
        return authority

    def write_list(self, authority: BoxAuthority, now_s: int) -> bool:
        """What the records say and what the list before had, as a record may be damaged; numbered on. False if the list
        before was of the future, as a clock was wrong: a broker that has read it lets no box in, and takes this one
        only when it is started again.
        """
        number, before_s, revoked = 0, 0, {one.serial: one for one in revocations(self.records())}
        if self.list.exists():
            content = self.list.read_bytes()
            try:
                number, before_s = read_list_number(content)
                revoked = {one.serial: one for one in read_list_entries(content)} | revoked
            except ValueError as error:
                raise ConfigError(f"{self.list}: {error}") from error
        else:
            self._refuse_to_forget()
        in_order = before_s <= now_s + LIST_SLACK_S
        at_s = max(now_s, before_s + 1) if in_order else now_s
        in_sequence = [revoked[serial] for serial in sorted(revoked)]
        self._write(self.list, write_list(authority, in_sequence, number + 1, at_s), _SHOWN)
        return in_order

    def _refuse_to_forget(self) -> None:
        """A first list has everything from the records. Raises ConfigError where one of them cannot be read."""
        for one in self._read().values():
            if isinstance(one, Damaged):
                raise ConfigError(
                    f"{self.list}: is gone, and cannot be made again without every record: {one}"
                )

    def open_door_key(self, now_s: int) -> PrivateKey:
        """And a certificate of today for it. Only while `locked`."""
        if not self.door_key.exists():
            self._write(self.door_key, PrivateKey.generate().to_pem().decode(), _SECRET)
        key = PrivateKey.from_pem(self.door_key.read_bytes(), str(self.door_key))
        self._write(self.door, make_door_certificate(key, now_s, new_serial()), _SHOWN)
        return key

    def _write(self, file: Path, text: str, mode: int) -> None:
        draft = file.with_name(f".{file.name}.new")
        try:
            draft.unlink(missing_ok=True)
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            with os.fdopen(descriptor, "w") as opened:
                opened.write(text)
                opened.flush()
                os.fchmod(descriptor, mode)
                os.fsync(descriptor)
            draft.replace(file)
            _sync(file.parent)
        except OSError as error:
            raise ShellError("enrolment", f"{file}: {error.strerror}") from error


def _read_one(file: Path) -> BoxRecord | Damaged:
    try:
        return read_record(file.read_bytes(), file.stem, str(file))
    except ConfigError as error:
        return Damaged(file.stem, str(error))
    except OSError as error:
        return Damaged(file.stem, _say(file, error))


def _say(file: Path, error: OSError) -> str:
    """A file that root put back is whole, and not for us."""
    if isinstance(error, PermissionError):
        return f"{file}: this user may not read it (chown --reference={file.parent} {file})"
    return f"{file}: {error.strerror}"


@contextlib.contextmanager
def _as_owner_of(folder: Path) -> Iterator[None]:
    """Root is for a while whoever has the folder, or the nearest one that is there."""
    there = next(one for one in (folder, *folder.parents) if one.exists())
    owner = there.stat()
    if os.geteuid() != 0 or owner.st_uid == 0:
        yield
        return
    groups, group = os.getgroups(), os.getegid()
    os.setgroups([owner.st_gid])
    os.setegid(owner.st_gid)
    os.seteuid(owner.st_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)


def _make_folder(folder: Path, mode: int) -> None:
    if not folder.exists():
        folder.mkdir(parents=True)
        folder.chmod(mode)


def new_serial() -> int:
    """Of a certificate: 159 bits of chance (RFC 5280 clause 4.1.2.2)."""
    return secrets.randbelow(2**159 - 1) + 1


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
