"""What was signed and sent, and not answered yet: the same bytes again, so that nothing is paid twice.

A shell over one file beside the signer's key for each thing that was asked for. The file is written before the bytes
are sent, and gone once the ledger's answer says what became of them. Whoever asks for the same thing meanwhile sends
the same transaction, which the ledger runs once. It knows nothing of what was asked with another copy of the key.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto
from pathlib import Path

from ledger.genesis import Genesis
from wire.errors import ConfigError, ShellError
from wire.ledger_reply import LedgerReply
from wire.receipt import Receipt, read_receipt
from wire.transaction import MAX_TRANSACTION_BYTES, SignedTransaction, read_transaction

NAME_DIGITS = 16
EXPIRY_MARGIN_S = 300
"""How far past its last second a gateway has to be before a transaction has expired for good: another gateway's clock
may be behind.
"""


class Fate(Enum):
    """What the ledger's answer means for the bytes."""

    RAN = auto()
    REFUSED = auto()
    MAY_RUN = auto()
    """Refused, and an earlier sending of the same bytes may still run."""
    EXPIRED = auto()
    """It never ran, and never will."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """`again`: an earlier command had signed it."""

    signed: SignedTransaction
    receipt: Receipt
    fate: Fate
    again: bool


class Unanswered:
    """The file, open and locked."""

    def __init__(self, file: Path, descriptor: int) -> None:
        self._file = file
        self._descriptor = descriptor

    @property
    def earlier(self) -> bytes:
        """What an earlier command sent; nothing if all was answered."""
        return os.pread(self._descriptor, MAX_TRANSACTION_BYTES + 1, 0)

    def keep(self, encoded: bytes) -> None:
        """On disk when this returns. Raises ShellError."""
        try:
            written = os.pwrite(self._descriptor, encoded, 0)
            os.fsync(self._descriptor)
        except OSError as error:
            self.forget()
            raise ShellError(str(self._file), str(error.strerror)) from error
        if written != len(encoded):
            self.forget()
            raise ShellError(str(self._file), "the disk is full")

    def forget(self) -> None:
        os.ftruncate(self._descriptor, 0)


@contextmanager
def unanswered(key_file: Path, meaning: bytes) -> Iterator[Unanswered]:
    """The file for what is asked for, by one command at a time; gone again if it is empty. Raises ConfigError where
    nothing can be kept, ShellError while another command asks for the same.
    """
    file = key_file.with_name(f"{key_file.name}.{meaning.hex()[:NAME_DIGITS]}.unanswered")
    descriptor = _open(file)
    try:
        yield Unanswered(file, descriptor)
    finally:
        if not os.fstat(descriptor).st_size:
            with suppress(FileNotFoundError):
                file.unlink()
        os.close(descriptor)


def deliver(
    kept: Unanswered,
    sign: Callable[[], SignedTransaction],
    submit: Callable[[bytes], LedgerReply],
    has_run: Callable[[str], bool],
    genesis: Genesis,
) -> Delivery:
    """Sends what an earlier command was not told about, else what `sign` makes, and reads the ledger's answer.

    `has_run`: whether the ledger's log has that id. Raises ShellError where nobody answers, with what to do next, and
    DecodeError for an answer that is not the ledger's: then the bytes are kept.
    """
    earlier = kept.earlier
    signed = read_transaction(earlier, genesis.ledger_id) if earlier else sign()
    if not earlier:
        kept.keep(signed.envelope.encoded)
    try:
        reply = submit(signed.envelope.encoded)
    except ShellError as error:
        raise ShellError(error.what, f"{error.detail}; {_advice(signed)}") from error
    receipt = read_receipt(reply.receipt, genesis.signer(reply.receipt), genesis.ledger_id)
    if receipt.subject != signed.transaction_id:
        raise ShellError("ledger", f"the receipt is for another transaction; {_advice(signed)}")
    fate = _read_fate(signed, receipt, again=bool(earlier), has_run=has_run)
    if fate is not Fate.MAY_RUN:
        kept.forget()
    return Delivery(signed, receipt, fate, again=bool(earlier))


def _read_fate(
    signed: SignedTransaction, receipt: Receipt, *, again: bool, has_run: Callable[[str], bool]
) -> Fate:
    if receipt.executed or receipt.reason == "replayed":
        return Fate.RAN
    if not again:
        return Fate.REFUSED
    if receipt.reason != "expired":
        return Fate.MAY_RUN
    if has_run(signed.transaction_id.hex()):
        return Fate.RAN
    is_over = receipt.utc_s > signed.transaction.valid_until_s + EXPIRY_MARGIN_S
    return Fate.EXPIRED if is_over else Fate.MAY_RUN


def _advice(signed: SignedTransaction) -> str:
    until = datetime.fromtimestamp(signed.transaction.valid_until_s, UTC)
    return (
        f"transaction {signed.transaction_id.hex()} is signed and may still run until {until:%Y-%m-%d %H:%M:%S} UTC. "
        "The same command sends the same bytes again, and it runs once"
    )


def _open(file: Path) -> int:
    """Its descriptor, locked. Between opening and locking another command may have removed it."""
    while True:
        try:
            descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigError(
                f"{file}: {error.strerror}: what is signed is kept beside its key until it is answered"
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise ShellError(str(file), "another command is sending the same") from None
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), file.stat()):
                return descriptor
        os.close(descriptor)
