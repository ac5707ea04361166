"""Asks a ledger what publishers said of sellers, and believes what is proved to the pinned ledger. A shell: HTTP.

GET /v1/proofs/summaries/SELLER/PUBLISHER (ledger/payplace/summary_pages.py): whoever answers can withhold, not forge.
An answer is whole within the deadline, however slowly it drips, and has an end; a proof is at most a week old. All
questions together take `ALL_S`: the rest, or everything where there is no network, goes without.
Reference: Datanet 5.5.5; RFC 1945 (HTTP/1.0, which ends an answer by closing).
"""

import base64
import json
import socket
import ssl
import time
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from device.choice import PinnedLedger
from device.reputation import MAX_TOLD_AGE_S, Reputation, hear
from wire.errors import ConfigError, DecodeError, ShellError
from wire.ids import PublicKey
from wire.usage_totals import UsageTotals, read_proved_totals

ALL_S = 4.0
ONE_S = 2.0
MAX_ANSWER_BYTES = 64 * 1024
"""A proof has 1.3 kB. Who fills the seller's leaf of the state makes it longer; beyond 400 entries it is not read."""
MAX_QUESTIONS = 64


@dataclass(frozen=True, slots=True)
class Asked:
    """What is known afterwards, and why not all of it could be had; empty if it could."""

    known: Reputation
    trouble: str = ""


def ask_around(
    url: str,
    pinned: PinnedLedger,
    pairs: Iterable[tuple[PublicKey, PublicKey]],
    known: Reputation,
    now_s: int,
) -> Asked:
    """Of (seller, publisher) pairs. Raises ConfigError for what is no URL; all else goes without."""
    parts, ends_s, trouble = _parts(url), time.monotonic() + ALL_S, ""
    for seller, publisher in list(pairs)[:MAX_QUESTIONS]:
        left_s = min(ONE_S, ends_s - time.monotonic())
        if left_s <= 0:
            return Asked(known, trouble or f"{url}: is too slow to say all")
        try:
            totals = _ask(parts, seller, publisher, pinned, now_s, left_s)
        except ShellError as error:  # nobody there: nor for the next question
            return Asked(known, str(error))
        except DecodeError as error:
            trouble = f"{url}: {error}"
            continue
        known = hear(known, seller, publisher, totals, now_s)
    return Asked(known, trouble)


def _ask(
    parts: SplitResult,
    seller: PublicKey,
    publisher: PublicKey,
    pinned: PinnedLedger,
    now_s: int,
    most_s: float,
) -> UsageTotals:
    content = _get(parts, f"/v1/proofs/summaries/{seller}/{publisher}", most_s)
    try:
        match json.loads(content):
            case {"entry": str() | None as entry, "proof": str(proof), "header": str(header)}:
                octets = None if entry is None else base64.b64decode(entry, validate=True)
                path, head = (base64.b64decode(text, validate=True) for text in (proof, header))
            case _:
                raise DecodeError("no proof of a summary")
    except (ValueError, RecursionError) as error:
        raise DecodeError(f"no proof of a summary: {error}") from None
    totals, time_s = read_proved_totals(seller, publisher, octets, path, head, pinned.key, pinned.ledger_id)
    if now_s - time_s > MAX_TOLD_AGE_S:
        raise DecodeError(f"a proof of {now_s - time_s} s ago")
    return totals


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        if parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0:
            return parts
    except ValueError:
        pass
    raise ConfigError(f"{url!r} is not a ledger such as http://127.0.0.1:8573")


def _get(parts: SplitResult, path: str, most_s: float) -> bytes:
    """The content of a page. Raises ShellError if nobody answers in time, DecodeError for what is no such page."""
    where, ends_s = parts.geturl(), time.monotonic() + most_s
    assert parts.hostname is not None
    port = parts.port or (443 if parts.scheme == "https" else 80)
    question = f"GET {parts.path.rstrip('/')}{path} HTTP/1.0\r\nHost: {parts.hostname}\r\n\r\n"
    try:
        with socket.create_connection((parts.hostname, port), most_s) as plain, _wrap(plain, parts) as opened:
            opened.sendall(question.encode())
            answer = _read_all(opened, ends_s)
    except (OSError, ValueError) as error:
        raise ShellError(where, str(error) or type(error).__name__) from None
    head, found, content = answer.partition(b"\r\n\r\n")
    status = head.split(b" ", 2)[1:2]
    if not found or status != [b"200"]:
        raise DecodeError(f"answers {head[:40]!r}")
    return content


def _wrap(plain: socket.socket, parts: SplitResult) -> socket.socket:
    if parts.scheme == "http":
        return plain
    return ssl.create_default_context().wrap_socket(plain, server_hostname=parts.hostname)


def _read_all(opened: socket.socket, ends_s: float) -> bytes:
    """Until the other side closes. Raises TimeoutError, ValueError if it is too much."""
    answer = bytearray()
    while (left_s := ends_s - time.monotonic()) > 0:
        opened.settimeout(left_s)
        piece = opened.recv(16 * 1024)
        if not piece:
            return bytes(answer)
        answer += piece
        if len(answer) > MAX_ANSWER_BYTES:
            raise ValueError(f"an answer of more than {MAX_ANSWER_BYTES} bytes")
    raise TimeoutError("timed out")
