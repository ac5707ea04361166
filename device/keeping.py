"""What was paid for, and what may have been, on disk beside the wallet. A shell: it reads and writes files.

    wallet.kept/                            mode 0700
    wallet.kept/<grant id>.grant            the ledger's bytes, as `airgrant buy --grant` takes them; mode 0600
    wallet.kept/<transaction id>.purchase   {"transaction": hex, "offer": hex, "provider": hex}; mode 0600

A purchase is written before it is sent, a grant before anything else is done with it; each is there whole or not at
all, also after a power failure. A grant goes a day after its end, a purchase when the ledger has signed what became of
it, or a day after what it may have bought is over. What cannot be read, or is of another account or ledger, stays.
"""

import contextlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from device.state import HeldGrant, Signed
from device.wallet import Wallet, real_path
from wire.allocate import Allocate
from wire.errors import DecodeError, ShellError
from wire.grant import read_grant
from wire.ids import PublicKey
from wire.offer import read_offer
from wire.transaction import read_transaction

LONGER_S = 24 * 3_600
"""What is over is kept for a day more: this device's clock may be ahead."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Kept:
    """All that is beside a wallet; the grants that last longest come first."""

    grants: tuple[HeldGrant, ...] = ()
    purchases: tuple[Signed, ...] = ()
    unreadable: tuple[Path, ...] = ()


def kept_folder(wallet: Path) -> Path:
    """Where a wallet's grants and purchases are: beside it, by whatever link it is called."""
    return real_path(wallet).with_suffix(".kept")


def grant_path(wallet: Path, grant_id: bytes) -> Path:
    return kept_folder(wallet) / f"{grant_id.hex()}.grant"


def find_grant(wallet: Path, encoded: bytes) -> Path | None:
    """Where these bytes are kept, if they are."""
    with contextlib.suppress(OSError):
        for path in kept_folder(wallet).glob("*.grant"):
            if path.read_bytes() == encoded:
                return path
    return None


def keep_grant(wallet: Path, grant_id: bytes, encoded: bytes) -> Path:
    """Raises ShellError."""
    return write_kept(grant_path(wallet, grant_id), encoded)


def keep_purchase(
    wallet: Path, transaction_id: bytes, transaction: bytes, offer: bytes, provider: PublicKey
) -> Path:
    """A signed purchase, and the signed offer that it takes. Raises ShellError."""
    text = json.dumps({"transaction": transaction.hex(), "offer": offer.hex(), "provider": str(provider)})
    return write_kept(_purchase_path(wallet, transaction_id), text.encode())


def forget_purchase(wallet: Path, transaction_id: bytes) -> None:
    """Raises ShellError."""
    _remove(_purchase_path(wallet, transaction_id))


def load_kept(wallet: Wallet, utc_s: int) -> Kept:
    """What is there, without what was over more than a day ago, which is forgotten. Raises ShellError."""
    folder = kept_folder(wallet.path)
    try:
        paths = sorted(folder.iterdir()) if folder.is_dir() else []
    except OSError as error:
        raise ShellError(str(folder), error.strerror or str(error)) from None
    grants, bad = _load(wallet, [path for path in paths if path.suffix == ".grant"], _read_grant)
    purchases, worse = _load(wallet, [path for path in paths if path.suffix == ".purchase"], _read_purchase)
    for path in [path for path, held in grants.items() if held.grant.ends_s + LONGER_S < utc_s]:
        _remove(path)
        del grants[path]
    for path in [path for path, signed in purchases.items() if signed.matters_until_s + LONGER_S < utc_s]:
        _remove(path)
        del purchases[path]
    longest = sorted(grants.values(), key=lambda held: -held.grant.ends_s)
    return Kept(tuple(longest), tuple(purchases.values()), (*bad, *worse))


def _load(
    wallet: Wallet, paths: list[Path], read: Callable[[Wallet, bytes], T]
) -> tuple[dict[Path, T], list[Path]]:
    found: dict[Path, T] = {}
    bad: list[Path] = []
    for path in paths:
        try:
            found[path] = read(wallet, path.read_bytes())
        except (OSError, ValueError):  # DecodeError is one
            bad.append(path)
    return found, bad


def _read_grant(wallet: Wallet, data: bytes) -> HeldGrant:
    if wallet.pinned is None:
        raise DecodeError("no ledger is pinned")
    grant = read_grant(data, wallet.pinned.key, wallet.pinned.ledger_id)
    if grant.consumer != wallet.account:
        raise DecodeError(f"the grant is for {grant.consumer}")
    return HeldGrant(grant, data)


def _read_purchase(wallet: Wallet, data: bytes) -> Signed:
    if wallet.pinned is None:
        raise DecodeError("no ledger is pinned")
    match json.loads(data):
        case {"transaction": str(transaction), "offer": str(offer), "provider": str(provider)}:
            signed = read_transaction(bytes.fromhex(transaction), wallet.pinned.ledger_id)
            signed.verify(wallet.account)
            action, taken = (
                signed.transaction.action,
                read_offer(bytes.fromhex(offer), PublicKey.parse(provider)),
            )
        case _:
            raise DecodeError("not a purchase")
    if not isinstance(action, Allocate):
        raise DecodeError("not a purchase")
    return Signed(
        signed.envelope.encoded, signed.transaction_id, signed.transaction.valid_until_s, action, taken
    )


def _purchase_path(wallet: Path, transaction_id: bytes) -> Path:
    return kept_folder(wallet) / f"{transaction_id.hex()}.purchase"


def write_kept(path: Path, data: bytes) -> Path:
    """Whole or not at all, also after a power failure. Raises ShellError."""
    temporary = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise ShellError(str(path), error.strerror or str(error)) from None
    return path


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise ShellError(str(path), error.strerror or str(error)) from None
