"""The trust directory: collisions, gaps, leftovers of others, and ten thousand accounts."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from operatord.shells.trust import TrustDirectory
from wire.account_certificate import Purpose, format_pem, issue, subject_hash, write_anchor
from wire.errors import ShellError
from wire.ids import PublicKey
from wire.keys import PrivateKey

ALICE, BOB, CAROL = (PrivateKey.from_secret(number).public for number in (4, 5, 6))


def names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


def files_of(*accounts: PublicKey) -> set[str]:
    return {f"{subject_hash(account)}.0" for account in accounts}


def test_openssl_finds_who_is_trusted_and_nobody_else(tmp_path: Path, needs) -> None:
    needs("openssl")
    key, now_s = PrivateKey.from_secret(4), int(time.time())
    leaf = issue(key, Purpose.STATION, not_before_s=now_s - 9, not_after_s=now_s + 99, serial=1)
    (tmp_path / "leaf.pem").write_text(format_pem(leaf))

    def verifies() -> bool:
        argv: list[str | Path] = [
            "openssl",
            "verify",
            "-CApath",
            tmp_path / "trust",
            "-no-CAfile",
            "-no-CAstore",
            tmp_path / "leaf.pem",
        ]
        return subprocess.run(argv, capture_output=True, timeout=30, check=False).returncode == 0

    trust = TrustDirectory(tmp_path / "trust")
    trust.settle([])
    assert not verifies()
    trust.write(key.public)
    assert verifies()
    trust.remove(key.public)
    assert not verifies()


def test_writing_twice_and_removing_twice_is_once(tmp_path: Path) -> None:
    trust = TrustDirectory(tmp_path)
    trust.settle([])
    for _ in range(2):
        trust.write(ALICE)
    assert names(tmp_path) == files_of(ALICE)
    for _ in range(2):
        trust.remove(ALICE)
    assert names(tmp_path) == set()


def two_of_one_hash() -> tuple[PublicKey, PublicKey]:
    """Two accounts whose names have the same 32-bit hash; found among the keys of the secrets 20,000 to 187,850."""
    return (
        PublicKey.parse("0351e403bbdc1cddf3ff93017cbd9bc2902b685742b3f7514a1ced340a2c123d34"),
        PublicKey.parse("029311fa229c797d7a063162acbbc2bced9c18e5ed94a9b99a15914ff76f86b4e6"),
    )


def test_accounts_of_one_hash_have_numbers_without_a_gap(tmp_path: Path) -> None:
    first, second = two_of_one_hash()
    name = subject_hash(first)
    assert subject_hash(second) == name
    trust = TrustDirectory(tmp_path)
    trust.settle([])
    for account in (first, second):
        trust.write(account)
    assert names(tmp_path) == {f"{name}.0", f"{name}.1"}
    kept = (tmp_path / f"{name}.1").read_bytes()
    trust.remove(first)
    assert names(tmp_path) == {f"{name}.0"}
    assert (tmp_path / f"{name}.0").read_bytes() == kept, "the last one moved into the gap"
    trust.write(first)
    assert TrustDirectory(tmp_path).settle([first, second]) == 0, "as a restart finds it"
    again = TrustDirectory(tmp_path)
    assert again.settle([first]) == 2, "one removed, one moved"
    again.remove(first)
    assert names(tmp_path) == set()


def test_whatever_lies_there_is_put_right(tmp_path: Path) -> None:
    trust = TrustDirectory(tmp_path)
    trust.settle([ALICE, BOB])
    alice, bob = (f"{subject_hash(account)}.0" for account in (ALICE, BOB))
    (tmp_path / alice).rename(tmp_path / alice.replace(".0", ".3"))
    (tmp_path / bob).write_text("half a fi")
    (tmp_path / "00000000.0").write_text(format_pem(write_anchor(CAROL)))
    (tmp_path / ".new").write_text("")
    (tmp_path / "readme").write_text("")
    foreign = tmp_path / f"{subject_hash(CAROL)}.0"
    wrong_key = write_anchor(ALICE)
    foreign.write_text(format_pem(wrong_key))
    assert TrustDirectory(tmp_path).settle([ALICE, BOB]) == 7
    assert names(tmp_path) == {alice, bob}
    assert TrustDirectory(tmp_path).settle([ALICE, BOB]) == 0


def test_a_key_that_is_no_point_is_nobody_to_trust(tmp_path: Path) -> None:
    trust = TrustDirectory(tmp_path)
    trust.settle([])
    trust.write(PublicKey(b"\x02" + b"\xff" * 32))
    assert names(tmp_path) == set()


def test_a_folder_that_cannot_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ShellError, match="trust directory"):
        TrustDirectory(tmp_path / "file" / "trust").settle([])


def test_a_thousand_accounts_are_settled_in_bounded_time(tmp_path: Path) -> None:
    """A second or so to make them all, a fraction to find them there. Ten thousand: `make bench NAME=operatord`."""
    accounts = [PrivateKey.from_secret(number).public for number in range(1_000, 2_000)]
    started = time.monotonic()
    assert TrustDirectory(tmp_path).settle(accounts) == 1_000
    made_s = time.monotonic() - started
    started = time.monotonic()
    trust = TrustDirectory(tmp_path)
    assert trust.settle(accounts) == 0
    found_s = time.monotonic() - started
    started = time.monotonic()
    trust.remove(accounts[0])
    trust.write(accounts[0])
    assert (made_s < 10, found_s < 5, time.monotonic() - started < 1) == (True, True, True)


def test_freeradius_reads_it_whatever_our_umask_is(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        TrustDirectory(tmp_path / "trust").settle([ALICE])
    finally:
        os.umask(before)
    (anchor,) = (tmp_path / "trust").iterdir()
    assert (anchor.stat().st_mode & 0o777, anchor.parent.stat().st_mode & 0o777) == (0o644, 0o755)
