"""A ledger's log as lines of JSON, for whoever keeps it without our database, or reads it without our program.

    {"genesis": base64, "ledger_id": hex}
    {"block": height, "time_s": ..., "app_hash": hex, "header": base64}                       then its items:
    {"item": number, "kind": "transaction", "id": hex, "encoded": base64}
    {"end": height of the last block, "app_hash": hex, "items": how many in all}

`encoded` is what was signed, octet for octet: docs/wire says how to read it. Every header has the app hash of the one
before and a root over its items, so the last line's app hash vouches for the whole file. Without its last line a file
is not whole. Pure: rows come in and lines go out, or the other way round. Raises DecodeError, VerificationError.
"""

import base64
import binascii
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from ledger.block import Item, ItemKind
from ledger.genesis import Genesis, read_genesis, write_genesis
from wire.block_header import Header, read_header
from wire.errors import DecodeError, VerificationError

MAX_LINE_BYTES = 16 * 1024 * 1024
"""A purchase for 50,000 consumers has 2.3 MB in base64."""


class LoggedItem(NamedTuple):
    """One item of a file. That `id` is its id is known once the item has been applied."""

    kind: ItemKind
    id: str
    encoded: bytes


@dataclass(frozen=True, slots=True)
class LoggedBlock:
    """One block of a file: its header as it was written, and its items in their order."""

    header: Header
    items: list[LoggedItem]


def write_log(genesis: Genesis, headers: Iterable[bytes], items: Iterable[Item]) -> Iterator[str]:
    """Lines without their ends. `headers` and `items` are the whole log's, each in its order."""
    yield _line(genesis=_text(write_genesis(genesis)), ledger_id=genesis.ledger_id.hex())
    rows, number, head = iter(items), 0, None
    row = next(rows, None)
    for encoded in headers:
        head = read_header(encoded)
        yield _line(
            block=head.height, time_s=head.time_s, app_hash=head.app_hash.hex(), header=_text(encoded)
        )
        while row is not None and row.height == head.height:
            number += 1
            kind = ItemKind(row.kind).name.lower()
            yield _line(item=number, kind=kind, id=row.id.hex(), encoded=_text(row.encoded))
            row = next(rows, None)
    if head is None or row is not None:
        raise VerificationError("the log has items of no block")
    yield _line(end=head.height, app_hash=head.app_hash.hex(), items=number)


def read_genesis_line(line: str) -> Genesis:
    """The first line of a file. Raises DecodeError."""
    fields = _fields(1, line)
    genesis = read_genesis(_octets(1, fields, "genesis"))
    _compare(1, fields, ledger_id=genesis.ledger_id.hex())
    return genesis


def read_log(lines: Iterable[str]) -> Iterator[LoggedBlock]:
    """The blocks of a file whose first line was taken already; that of the genesis, which has no items, included."""
    block: LoggedBlock | None = None
    items, ended = 0, False
    for number, line in enumerate(lines, 2):
        fields = _fields(number, line)
        if ended:
            raise DecodeError(f"line {number}: after the last one")
        if "item" in fields:
            if block is None:
                raise DecodeError(f"line {number}: an item before any block")
            items += 1
            _compare(number, fields, item=items)
            encoded = _octets(number, fields, "encoded")
            block.items.append(LoggedItem(_kind(number, fields), str(fields.get("id")), encoded))
            continue
        if block is not None:
            yield block
        if "end" in fields:
            _check_end(number, fields, block, items)
            ended = True
        else:
            header = read_header(_octets(number, fields, "header"))
            app_hash = header.app_hash.hex()
            _compare(number, fields, block=header.height, time_s=header.time_s, app_hash=app_hash)
            block = LoggedBlock(header, [])
    if not ended:
        raise DecodeError("the file is not whole: it has no line that ends it")


def _check_end(number: int, fields: dict[str, Any], block: LoggedBlock | None, items: int) -> None:
    if block is None:
        raise DecodeError(f"line {number}: the end of no block")
    header = block.header
    _compare(number, fields, end=header.height, app_hash=header.app_hash.hex(), items=items)


def _compare(number: int, fields: dict[str, Any], **right: int | str) -> None:
    """What people read in a line is what its octets say."""
    for name, value in right.items():
        if type(fields.get(name)) is not type(value) or fields[name] != value:
            raise VerificationError(f"line {number}: {name} is {fields.get(name)!r} and has to be {value!r}")


def _line(**fields: object) -> str:
    return json.dumps(fields)


def _fields(number: int, line: str) -> dict[str, Any]:
    if len(line) > MAX_LINE_BYTES:
        raise DecodeError(f"line {number}: {len(line)} bytes, at most {MAX_LINE_BYTES} are accepted")
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DecodeError(f"line {number}: is no JSON: {error}") from None
    if not isinstance(fields, dict):
        raise DecodeError(f"line {number}: is no JSON object")
    return fields


def _kind(number: int, fields: dict[str, Any]) -> ItemKind:
    name = fields.get("kind")
    for kind in ItemKind:
        if kind.name.lower() == name:
            return kind
    raise DecodeError(f"line {number}: no kind of item {name!r}")


def _octets(number: int, fields: dict[str, Any], name: str) -> bytes:
    text = fields.get(name)
    try:
        return base64.b64decode(text if isinstance(text, str) else "?", validate=True)
    except (binascii.Error, ValueError):
        raise DecodeError(f"line {number}: {name} is no base64") from None


def _text(octets: bytes) -> str:
    return base64.b64encode(octets).decode()
