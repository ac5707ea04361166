"""FreeRADIUS's detail files: accounting as it was received, a block of attributes for each packet.

    Sun Nov 22 17:00:00 2026
            Acct-Status-Type = Interim-Update
            Acct-Session-Id = "5F3A..."
            Class = 0x0f3e...
            Event-Timestamp = "Nov 22 2026 16:59:58 UTC"
            Timestamp = 1795366800

In: a file's octets. Out: sessions, folded by the rules that operatord has for what it hears itself
(operatord/accounting.py, operatord/sessions.py). What names no grant is counted and left out. A line ends at a
line feed and nowhere else: stations choose names, and FreeRADIUS writes what Unicode takes for the end of a line as it
comes. It is read line by line; memory grows with the sessions.
Reference: FreeRADIUS 3.2 rlm_detail.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import BinaryIO

from operatord.accounting import read_accounting
from operatord.sessions import BoxRestarted, Session, SessionKey, follow, interrupt, open_session
from wire.errors import DecodeError

MAX_LINE_BYTES = 8_192
MAX_BLOCK_LINES = 200
STATUS_NUMBERS = {"Start": 1, "Stop": 2, "Interim-Update": 3, "Accounting-On": 7, "Accounting-Off": 8}
"""As dictionary.rfc2866 names them."""
_SPACE = " \t\r"
_LINE = re.compile(r"[ \t]+([A-Za-z0-9.-]+)[ \t]*(?:\+|:)?=[ \t]*(.*)", re.DOTALL)


@dataclass(slots=True)
class Told:
    """What files say. `left_out` are packets that name no grant or cannot be read; the first with its reason."""

    sessions: dict[SessionKey, Session] = field(default_factory=dict)
    packets: int = 0
    left_out: int = 0
    first_left_out: str = ""


def read_detail(
    file: BinaryIO, name: str, told: Told, up_overhead_bytes: int, down_overhead_bytes: int
) -> None:
    """Adds to `told` what the file `name` says, which came after those before it. Raises DecodeError with file and
    line for one that is no detail file, OSError.
    """
    try:
        _add(file, name, told, up_overhead_bytes, down_overhead_bytes)
    except DecodeError as error:
        raise DecodeError(f"{name}: {error}") from None


def _add(file: BinaryIO, name: str, told: Told, up_overhead_bytes: int, down_overhead_bytes: int) -> None:
    for number, block in _blocks(_lines(file)):
        told.packets += 1
        try:
            _take(told, block, up_overhead_bytes, down_overhead_bytes)
        except DecodeError as error:
            told.left_out += 1
            told.first_left_out = told.first_left_out or f"{name}: line {number}: {error}"


def _take(told: Told, block: dict[str, str], up_overhead_bytes: int, down_overhead_bytes: int) -> None:
    record = read_accounting(_page(block), _arrived_s(block))
    sessions = told.sessions
    if isinstance(record, BoxRestarted):
        for key, session in sessions.items():
            if session.box == record.box and session.event_s < record.event_s and not session.stopped:
                sessions[key] = interrupt(session)
        return
    before = sessions.get(record.key)
    if before is None:
        sessions[record.key] = open_session(record, up_overhead_bytes, down_overhead_bytes, record.identity)
    elif before.permit_id == record.permit_id:
        sessions[record.key] = follow(before, record)
    else:
        raise DecodeError(f"session {record.session_id!r} of {record.box!r} is of two grants")


def _page(block: dict[str, str]) -> dict[str, str]:
    """As operatord's own configuration has FreeRADIUS tell it (operatord/freeradius.py)."""
    named = block.get("Acct-Status-Type", "")
    address = block.get("Packet-Src-IP-Address") or block.get("NAS-IP-Address") or "0.0.0.0"
    return {
        **block,
        "Acct-Status-Type": str(STATUS_NUMBERS.get(named, named)),
        "Packet-Src-IP-Address": address,
        "Event-Timestamp": _instant(block.get("Event-Timestamp", "")),
    }


def _instant(text: str) -> str:
    """Seconds UTC; "0", which is not told, for a zone that only a server's own settings could explain."""
    if text.isdecimal():
        return text
    if not text.endswith((" UTC", " GMT")):
        return "0"
    try:
        return str(int(datetime.strptime(text[:-4], "%b %d %Y %H:%M:%S").replace(tzinfo=UTC).timestamp()))
    except (ValueError, OverflowError):
        return "0"


def _arrived_s(block: dict[str, str]) -> int:
    text = block.get("Timestamp", "")
    if not (text.isascii() and text.isdecimal() and len(text) <= 10):
        raise DecodeError("has no Timestamp, which the detail module adds")
    return int(text)


def _lines(file: BinaryIO) -> Iterator[str]:
    """Without their ends. Raises DecodeError, OSError."""
    for number, line in enumerate(iter(lambda: file.readline(MAX_LINE_BYTES + 1), b""), 1):
        if len(line) > MAX_LINE_BYTES:
            raise DecodeError(f"line {number}: more than {MAX_LINE_BYTES} octets")
        try:
            yield line.decode().removesuffix("\n")
        except UnicodeDecodeError as error:
            raise DecodeError(f"line {number}: is no text: {error}") from None


def _blocks(lines: Iterable[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """(number of its first line, attributes); several values of one attribute with commas between them."""
    block: dict[str, str] = {}
    began, size = 0, 0
    for number, line in enumerate(lines, 1):
        if not line.strip(_SPACE):
            continue
        if line[0] not in _SPACE:  # the time that begins a packet
            if block:
                yield began, block
            block, began, size = {}, number, 0
            continue
        found = _LINE.fullmatch(line.rstrip("\r"))
        size += 1
        if found is None or not began or size > MAX_BLOCK_LINES:
            raise DecodeError(f"line {number}: is no line of a detail file")
        value = found[2].strip(_SPACE)
        if len(value) >= 2 and value[0] == value[-1] == '"':
            value = value[1:-1]
        block[found[1]] = f"{block[found[1]]},{value}" if found[1] in block else value
    if block:
        yield began, block
