"""The trust directory: a file for each account that FreeRADIUS may trust, where OpenSSL looks for it.

`<hash>.N`, N from 0 without a gap, because OpenSSL stops looking at the first number that is missing. Each change is
one rename, so that a reader never meets half a file; taking one away from the middle moves the last one into its place.
Starts from whatever it finds: what is not ours is removed, what is missing is written.

FreeRADIUS keeps what it has loaded until it restarts. What is removed here ends trust for certain only there; until
then `authorise` says no.
Reference: OpenSSL, X509_LOOKUP_hash_dir(3).
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID

from wire.account_certificate import format_pem, subject_hash, write_anchor
from wire.errors import ShellError, VerificationError
from wire.ids import PublicKey
from wire.keys import load_public_key

_FILE = re.compile(r"([0-9a-f]{8})\.(\d{1,6})")
_NEW = ".new"


class TrustDirectory:
    """Who is trusted, on disk. Every method raises ShellError only."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._by_hash: dict[str, list[PublicKey]] = {}
        """Accounts in the order of their N."""

    def settle(self, accounts: Iterable[PublicKey]) -> int:
        """Makes the directory what it should be, whatever it was; returns how many files had to be changed."""
        wanted = set(accounts)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._folder.chmod(0o755)  # whatever our umask is: FreeRADIUS reads here as a user of its own
            found, changed = self._look()
            for name in sorted(found):
                self._by_hash[name] = []
                changed += self._settle_hash(name, found[name], wanted)
        except OSError as error:
            raise ShellError("trust directory", f"{self._folder}: {error.strerror}") from error
        present = {account for accounts in self._by_hash.values() for account in accounts}
        missing = sorted(wanted - present)
        for account in missing:
            self.write(account)
        return changed + len(missing)

    def write(self, account: PublicKey) -> None:
        """Trusts an account; nothing happens if it is trusted already, or if its key is no point on the curve."""
        name = subject_hash(account)
        accounts = self._by_hash.setdefault(name, [])
        if account in accounts:
            return
        try:
            pem = format_pem(write_anchor(account))
        except VerificationError:
            return
        try:
            fresh = self._folder / _NEW
            fresh.write_text(pem)
            fresh.chmod(0o644)
            fresh.rename(self._folder / f"{name}.{len(accounts)}")
        except OSError as error:
            raise ShellError("trust directory", f"{self._folder}: {error.strerror}") from error
        accounts.append(account)

    def remove(self, account: PublicKey) -> None:
        """Trusts it no longer."""
        name = subject_hash(account)
        accounts = self._by_hash.get(name, [])
        if account not in accounts:
            return
        at, last = accounts.index(account), len(accounts) - 1
        try:
            if at == last:
                (self._folder / f"{name}.{last}").unlink(missing_ok=True)
            else:
                (self._folder / f"{name}.{last}").rename(self._folder / f"{name}.{at}")
        except OSError as error:
            raise ShellError("trust directory", f"{self._folder}: {error.strerror}") from error
        accounts[at] = accounts[last]
        accounts.pop()

    def _look(self) -> tuple[dict[str, dict[int, Path]], int]:
        """(files by hash and N, how many of other names were removed)"""
        found: dict[str, dict[int, Path]] = {}
        removed = 0
        with os.scandir(self._folder) as entries:
            names = [entry.name for entry in entries]
        for name in names:
            match = _FILE.fullmatch(name)
            if match is None:
                (self._folder / name).unlink()
                removed += 1
            else:
                found.setdefault(match[1], {})[int(match[2])] = self._folder / name
        return found, removed

    def _settle_hash(self, name: str, files: dict[int, Path], wanted: set[PublicKey]) -> int:
        """Keeps what is wanted of one hash's files, without gaps."""
        accounts, changed = self._by_hash[name], 0
        for number in sorted(files):
            account = _read_account(files[number].read_bytes())
            place = self._folder / f"{name}.{len(accounts)}"
            if (
                account is None
                or account not in wanted
                or account in accounts
                or subject_hash(account) != name
            ):
                files[number].unlink()
                changed += 1
                continue
            if files[number] != place:
                files[number].rename(place)
                changed += 1
            accounts.append(account)
        return changed


def _read_account(pem: bytes) -> PublicKey | None:
    """Whose anchor a file is; None if it is none of ours."""
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        (name,) = certificate.subject.get_attributes_for_oid(NameOID.USER_ID)
        account = PublicKey.parse(str(name.value))
        if certificate.public_key() == load_public_key(account):
            return account
    except ValueError:  # garbage, another name, a key that is none
        pass
    return None
