"""The folder of [enrolment]: made once, for its owner, and numbered on."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509

from operatord.box_authority import read_list_entries, read_list_number
from operatord.boxes import Revocation, format_record, invited
from operatord.shells.enrolment_files import EnrolmentFiles
from wire.errors import ConfigError, ShellError

NOW_S = 1_766_000_000
NOBODY = 65_534
ROOF = invited("roof", bytes(32), NOW_S, das_port=3799)
YARD = invited("yard", bytes(32), NOW_S, address="192.0.2.8", das_port=3799)


@pytest.fixture
def files(tmp_path: Path) -> EnrolmentFiles:
    return EnrolmentFiles(tmp_path / "enrolment")


def test_what_is_secret_is_for_its_owner_and_the_rest_for_the_broker(files: EnrolmentFiles) -> None:
    with files.locked():
        files.open_authority(NOW_S)
        files.open_door_key(NOW_S)
        files.make_secret("roof")
        files.keep(ROOF)
    modes = {
        str(file.relative_to(files.folder)): oct(file.stat().st_mode & 0o777)
        for file in files.folder.rglob("*")
    }
    assert modes == {
        "box": "0o700", "box/roof.json": "0o600", "box/roof.secret": "0o600", "boxes.acl": "0o644", ".lock": "0o600",
        "boxes.crl": "0o644", "boxes.key": "0o600", "boxes.pem": "0o644", "door.key": "0o600", "door.pem": "0o644",
    }  # fmt: skip
    assert len(files.secret_file("roof").read_text().strip()) == 32
    assert files.records() == [ROOF]


def test_keys_are_made_once(files: EnrolmentFiles) -> None:
    with files.locked():
        before = files.open_authority(NOW_S), files.open_door_key(NOW_S).public
        after = files.open_authority(NOW_S + 9), files.open_door_key(NOW_S + 9).public
    assert (before[0].certificate, before[1]) == (after[0].certificate, after[1])


def test_each_list_is_later_than_the_one_before(files: EnrolmentFiles) -> None:
    """The broker takes the later of two, and two may be written in one second, or with a clock set back."""
    seen: list[tuple[int, int]] = []
    with files.locked():
        authority = files.open_authority(NOW_S)
        for now_s in (NOW_S, NOW_S, NOW_S - 5):
            files.keep(replace(ROOF, revoked=(*files_revoked(files), Revocation(len(seen) + 1, NOW_S))))
            files.write_list(authority, now_s)
            seen.append(read_list_number(files.list.read_bytes()))
    assert seen == [(2, NOW_S + 1), (3, NOW_S + 2), (4, NOW_S + 3)]
    assert len(x509.load_pem_x509_crl(files.list.read_bytes())) == 3


def files_revoked(files: EnrolmentFiles) -> tuple[Revocation, ...]:
    return files.records()[0].revoked if files.records() else ()


def hurt(files: EnrolmentFiles, name: str, how: str) -> None:
    """What a disk that failed or somebody's hand leaves of a box."""
    record, secret = files.folder / "box" / f"{name}.json", files.secret_file(name)
    match how:
        case "cut off":
            record.write_bytes(record.read_bytes()[:100])
        case "empty":
            record.write_bytes(b"")
        case "unreadable":
            record.unlink()
            record.mkdir()
        case "another's":
            record.write_text(format_record(replace(YARD, name="cellar")))
        case "secret cut off":
            secret.write_text("3f2a")
        case "secret gone":
            secret.unlink()


HURTS = ("cut off", "empty", "unreadable", "another's", "secret cut off", "secret gone")


@pytest.mark.parametrize("how", HURTS)
def test_what_is_damaged_of_one_box_is_named_and_the_others_are_there(
    files: EnrolmentFiles, how: str
) -> None:
    with files.locked():
        for record in (ROOF, YARD):
            files.make_secret(record.name)
            files.keep(record)
    assert files.damaged() == []
    hurt(files, "yard", how)
    (damaged,) = files.damaged()
    assert (damaged.name, str(files.folder / "box" / "yard") in damaged.reason) == ("yard", True)
    assert "your copy" in str(damaged)
    assert ROOF in files.records()
    assert (YARD in files.records()) == how.startswith("secret"), (
        "its certificates can be revoked all the same"
    )


@pytest.mark.parametrize(
    ("secret", "is_sound"),
    [("a" * 16, True), ("{" * 32, False), ("a" * 15, False), ("a" * 16 + "\n\n", False)],
)
def test_a_secret_is_sound_if_freeradius_takes_it(files: EnrolmentFiles, secret: str, is_sound: bool) -> None:
    with files.locked():
        files.make_secret(YARD.name)
        files.keep(YARD)
    files.secret_file(YARD.name).write_text(secret)
    assert (files.damaged() == []) == is_sound


@pytest.mark.parametrize("how", HURTS[:4])
def test_no_certificate_comes_back_by_a_damaged_record(files: EnrolmentFiles, how: str) -> None:
    """Nor by one whose file is gone; and a list that is gone too is not made again without it."""
    with files.locked():
        authority = files.open_authority(NOW_S)
        files.keep(replace(YARD, revoked=(Revocation(7, NOW_S),)))
        files.write_list(authority, NOW_S)
        hurt(files, "yard", how)
        files.keep(replace(ROOF, revoked=(Revocation(3, NOW_S),)))
        files.write_list(authority, NOW_S + 1)
        assert [one.serial for one in read_list_entries(files.list.read_bytes())] == [3, 7]
        files.list.unlink()
        with pytest.raises(ConfigError, match=r"boxes\.crl: is gone, .* box yard: "):
            files.open_authority(NOW_S)
        assert not files.list.exists()


def test_two_do_not_write_at_once(files: EnrolmentFiles) -> None:
    with files.locked():
        words = ["flock", "--nonblock", str(files.folder / ".lock"), "true"]
        assert subprocess.run(words, check=False).returncode == 1
    assert subprocess.run(words, check=False).returncode == 0


def test_files_that_are_none_of_ours(files: EnrolmentFiles) -> None:
    with files.locked():
        authority = files.open_authority(NOW_S)
        files.list.write_text("x")
        with pytest.raises(ConfigError, match=r"boxes\.crl"):
            files.write_list(authority, NOW_S)
        (files.folder / "boxes.key").write_text("x")
        with pytest.raises(ConfigError, match=r"boxes\.key"):
            files.open_authority(NOW_S)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(ShellError, match="enrolment"),
        EnrolmentFiles(tmp_path / "file" / "enrolment").locked(),
    ):
        raise AssertionError("nobody holds it")


def test_a_list_of_the_future_is_followed_by_one_of_now(files: EnrolmentFiles) -> None:
    """A broker takes no box by a list that is not good yet, however often it is written again."""
    with files.locked():
        authority = files.open_authority(NOW_S + 86_400)
        assert not files.write_list(authority, NOW_S)
        assert read_list_number(files.list.read_bytes()) == (2, NOW_S)
        assert files.write_list(authority, NOW_S), "it is in order again"


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that everybody reaches, with `srv` of operatord's user in it."""
    if os.geteuid() != 0:
        pytest.skip("wants root, who can be another")
    with tempfile.TemporaryDirectory() as made:
        place = Path(made)
        place.chmod(0o711)
        (place / "srv").mkdir()
        try:
            os.chown(place / "srv", NOBODY, NOBODY)
        except OSError:
            pytest.skip("root of this machine is nobody else")
        yield place


def test_root_gives_nobody_a_file_by_a_link(place: Path) -> None:
    victim = place / "of-root"
    victim.write_text("secret")
    files = EnrolmentFiles(place / "srv" / "enrolment")
    with files.locked():
        files.open_authority(NOW_S)
        files.keep(ROOF)
    assert {file.stat().st_uid for file in files.folder.rglob("*")} == {NOBODY}, "operatord can go on"
    assert os.geteuid() == 0
    lock = files.folder / ".lock"
    lock.unlink()
    lock.symlink_to(victim)
    with pytest.raises(ShellError, match="enrolment"), files.locked():
        raise AssertionError("it was opened")
    lock.unlink()
    shutil.rmtree(files.folder / "box")
    (place / "away").mkdir()
    (files.folder / "box").symlink_to(place / "away")
    with pytest.raises(ShellError, match="Permission denied"), files.locked():
        files.keep(ROOF)
    assert victim.stat().st_uid == 0
    assert not list((place / "away").iterdir())
    assert os.geteuid() == 0
