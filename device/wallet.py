"""The wallet: the account's private key and the ledger that it trusts. A shell: it reads and writes files.

    wallet.pem          P-256, PKCS #8, unencrypted, mode 0600; refused if others may read it
    wallet.ledger.json  {"ledger": 66 hex digits, "ledger_id": 64 hex digits}; absent until one is pinned

A wallet is the file that its path leads to: what is kept beside it, locked and counted is the same by every symbolic
link. A key is never overwritten. Without a pinned ledger the first access point's word is taken (trust on first use),
said aloud, and kept: whoever wants to be sure from the start pins the ledger when he makes the key.
"""

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path

from device.choice import PinnedLedger
from wire.errors import ConfigError
from wire.ids import LEDGER_ID_SIZE, PublicKey
from wire.keys import PrivateKey

OTHERS = 0o077


@dataclass(frozen=True, slots=True)
class Wallet:
    """Where the key is, the key, and whom it trusts."""

    path: Path
    key: PrivateKey
    pinned: PinnedLedger | None = None

    @property
    def account(self) -> PublicKey:
        return self.key.public


def create_wallet(path: Path, pinned: PinnedLedger | None = None) -> Wallet:
    """A new key. Raises ConfigError if there is a file already, OSError if it cannot be written."""
    key = PrivateKey.generate()
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ConfigError(f"{path}: exists; a key is never overwritten, choose another name") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(key.to_pem())
    wallet = Wallet(real_path(path), key)
    return pin_ledger(wallet, pinned) if pinned else wallet


def load_wallet(path: Path) -> Wallet:
    """Raises ConfigError that names the file and what is wrong with it, as it was called."""
    real = real_path(path)
    try:
        mode = path.stat().st_mode
        if mode & OTHERS:
            raise ConfigError(
                f"{path}: mode {mode & 0o777:04o} lets others read the key; run: chmod 600 {path}"
            )
        key = PrivateKey.from_pem(path.read_bytes(), str(path))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; `airgrant keygen --out {path}` makes a key") from None
    except ValueError as error:
        raise ConfigError(str(error)) from None
    return Wallet(real, key, _load_pinned(ledger_path(real)))


def pin_ledger(wallet: Wallet, ledger: PinnedLedger) -> Wallet:
    """Trusts this ledger from now on; all of the file or nothing of it is replaced. Raises OSError."""
    path = ledger_path(wallet.path)
    text = json.dumps({"ledger": str(ledger.key), "ledger_id": ledger.ledger_id.hex()}, indent=1)
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(text + "\n")
    temporary.replace(path)
    return replace(wallet, pinned=ledger)


def parse_pinned(ledger: str, ledger_id: str) -> PinnedLedger:
    """From hexadecimal digits. Raises ValueError."""
    try:
        octets = bytes.fromhex(ledger_id)
    except ValueError:
        octets = b""
    if len(octets) != LEDGER_ID_SIZE:
        raise ValueError(f"{ledger_id!r} is not a ledger id: want {2 * LEDGER_ID_SIZE} hexadecimal digits")
    return PinnedLedger(PublicKey.parse(ledger), octets)


def real_path(path: Path) -> Path:
    """Where symbolic links lead. Those that go in a circle are left: whoever opens them is told."""
    return Path(os.path.realpath(path))


def ledger_path(wallet: Path) -> Path:
    """Where the pinned ledger of this wallet is kept: beside it."""
    return wallet.with_suffix(".ledger.json")


def _load_pinned(path: Path) -> PinnedLedger | None:
    try:
        text = path.read_text()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from None
    try:
        match json.loads(text):
            case {"ledger": str(ledger), "ledger_id": str(ledger_id), **rest} if not rest:
                return parse_pinned(ledger, ledger_id)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: {error}") from None
    raise ConfigError(
        f'{path}: want {{"ledger": ..., "ledger_id": ...}} in hexadecimal digits, and nothing else'
    )
