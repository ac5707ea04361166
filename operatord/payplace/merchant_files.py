"""A merchant's disk: its key, what it signed for, and the blocks that it holds others to.

A promise is everything that a withdrawal needs: the leaf, the way up to the root, and its consumers' micropayments.
It is on disk before the signature leaves, and is kept for ever: which of them was notarised, the chain says. Of blocks
the last two are kept. Raises ShellError for a disk that fails, DecodeError for a file that is none of ours.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ledger.payplace.bls import SecretKey
from ledger.payplace.payout_block import HEAD_SIZE, BlockHead, read_block_head
from ledger.payplace.payout_leaf import leaf_hash_of
from wire.cbor import Key, Value, read_cbor, write_cbor
from wire.errors import DecodeError, ShellError

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Promise:
    """What a merchant signed for. `announcement`: the block's head with the operator's signature."""

    announcement: bytes
    leaf: bytes
    place: int
    path: tuple[bytes, ...]
    micropayments: Mapping[int, bytes]

    @property
    def head(self) -> BlockHead:
        return read_block_head(self.announcement[:HEAD_SIZE])


class MerchantFiles:
    """An open folder, which is made if it is not there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._blocks, self._promises = folder / "blocks", folder / "promises"
        with _disk(folder):
            for one in (self._blocks, self._promises):
                one.mkdir(parents=True, exist_ok=True, mode=0o700)

    def key(self, seed: bytes) -> SecretKey:
        """The merchant's key; the first time it is made of `seed`, 32 octets of chance."""
        path = self._folder / "merchant.key"
        with _disk(path):
            if not path.exists():
                _write(path, SecretKey.generate(seed).octets.hex().encode() + b"\n")
            text = path.read_text(encoding="ascii")
        try:
            return SecretKey.of_octets(bytes.fromhex(text.strip()))
        except ValueError as error:
            raise DecodeError(f"{path}: {error}") from None

    # ---- Promises

    def promise(self, announcement: bytes, promise: Promise) -> None:
        """On disk, under its period, when this returns."""
        micropayments: dict[Key, Value] = dict(sorted(promise.micropayments.items()))
        fields: list[Value] = [announcement, promise.leaf, promise.place, list(promise.path), micropayments]
        path = self._promises / f"{promise.head.period:020d}-{promise.head.root.hex()}"
        with _disk(path):
            _write(path, write_cbor(fields))

    def promises(self) -> Iterator[Promise]:
        """The latest first."""
        return self._named("*-*")

    def _named(self, pattern: str) -> Iterator[Promise]:
        with _disk(self._promises):
            paths = sorted(self._promises.glob(pattern), reverse=True)
        for path in paths:
            with _disk(path):
                octets = path.read_bytes()
            yield _read_promise(octets, str(path))

    def latest_promise(self) -> Promise | None:
        return next(self.promises(), None)

    def promise_of_period(self, period: int) -> Promise | None:
        return next(self._named(f"{period:020d}-*"), None)

    def promise_of_root(self, root: bytes) -> Promise | None:
        return next(self._named(f"*-{root.hex()}"), None)

    def promise_of_leaf(self, leaf_hash: bytes) -> Promise | None:
        return next((one for one in self.promises() if leaf_hash_of(one.leaf) == leaf_hash), None)

    def accuse(self, period: int, announcements: Iterable[bytes]) -> None:
        """Two announcements of one period: evidence that anybody can check."""
        path = self._folder / f"two-blocks-{period}"
        with _disk(path):
            _write(path, b"".join(announcements))

    # ---- Blocks

    def has_block(self, root: bytes) -> bool:
        return self._path(root).exists()

    def save_block(self, root: bytes, chunks: Iterable[bytes], max_bytes: int) -> None:
        """As it comes; whether it is that root's, whoever reads it finds out. Raises DecodeError if it goes on."""
        unfinished, size = self._blocks / "unfinished", 0
        with _disk(unfinished), unfinished.open("wb") as file:
            for chunk in chunks:
                size += len(chunk)
                if size > max_bytes:
                    raise DecodeError(f"payout block: more than {max_bytes} octets, which no such block has")
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        with _disk(unfinished):
            unfinished.replace(self._path(root))

    def chunks(self, root: bytes) -> Iterator[bytes]:
        path = self._path(root)
        with _disk(path), path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk

    def forget_blocks(self, wanted: Iterable[bytes]) -> None:
        """All but those of these roots."""
        names = {self._path(root).name for root in wanted}
        with _disk(self._blocks):
            for path in self._blocks.glob("*.block"):
                if path.name not in names:
                    path.unlink()

    def forget_block(self, root: bytes) -> None:
        """It was not what it should be."""
        with _disk(self._blocks):
            self._path(root).unlink(missing_ok=True)

    def _path(self, root: bytes) -> Path:
        return self._blocks / f"{root.hex()}.block"


class _disk:  # noqa: N801 - read as a word: with _disk(path)
    """Errors of the system about a file become ShellError."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, OSError):
            raise ShellError("merchant", f"{self._path}: {error.strerror}") from error


def _write(path: Path, octets: bytes) -> None:
    """Whole or not at all, and readable for its owner only."""
    unfinished = path.with_name(f".{path.name}")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(octets)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _read_promise(octets: bytes, origin: str) -> Promise:
    match read_cbor(octets):
        case [bytes(announcement), bytes(leaf), int(place), list(path), dict(micropayments)]:
            nodes = tuple([node for node in path if isinstance(node, bytes)])
            payments = {c: p for c, p in micropayments.items() if isinstance(c, int) and isinstance(p, bytes)}
            return Promise(announcement, leaf, place, nodes, payments)
    raise DecodeError(f"{origin}: not what a merchant signed for")
