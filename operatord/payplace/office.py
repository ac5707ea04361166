"""An operator's office over HTTP, as a merchant asks it. What comes is not believed: whoever asked looks at it.

Reference: the list in `http.py`. Raises ShellError if nobody answers in time, BusyError at 503, DecodeError if the
operator says no or what it says cannot be read. No answer is longer than it may be, or slower: of a block each megabyte
has its deadline.
"""

from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from ledger.asking import ask, ask_long
from ledger.payplace import bls
from ledger.payplace.payout_leaf import MAX_ENTRIES
from operatord.payplace.watching import BusyError
from wire.cbor import read_cbor
from wire.errors import DecodeError, ShellError
from wire.ids import PublicKey

TIMEOUT_S = 30.0
MAX_ANSWER_BYTES = 256 * 1024 * 1024
_CHUNK = 1 << 20
_ASKED_AT_ONCE = MAX_ENTRIES
"""Channels: as many as a leaf names (http.py)."""
_SAID_BYTES = 1_000
"""Of what an operator says when it says no."""


class HttpOffice:
    """The office at `url`, such as http://operator.example:8580."""

    def __init__(self, url: str, timeout_s: float = TIMEOUT_S) -> None:
        if urlsplit(url).scheme not in {"http", "https"}:
            raise ValueError(f"{url!r} is not an operator such as http://127.0.0.1:8580")
        self._url = url.rstrip("/") + "/v1/payplace/"
        self._timeout_s = timeout_s

    def announcement(self) -> bytes | None:
        return self._ask("announcement") or None

    def block(self, root: bytes) -> Iterator[bytes]:
        path = f"blocks/{root.hex()}"
        with ask_long(self._url + path, _CHUNK, self._timeout_s) as answer:
            if answer.status != HTTPStatus.OK:
                self._refuse(path, answer.status, next(answer.pieces, b""))
            yield from answer.pieces

    def kept(self) -> Mapping[bytes, bytes]:
        shown = self._map(self._ask("kept"))
        return {
            key: value for key, value in shown.items() if isinstance(key, bytes) and isinstance(value, bytes)
        }

    def micropayments(self, channels: Iterable[int]) -> Mapping[int, bytes]:
        wanted, found = list(channels), dict[int, bytes]()
        for at in range(0, len(wanted), _ASKED_AT_ONCE):
            body = b"".join(number.to_bytes(4, "big") for number in wanted[at : at + _ASKED_AT_ONCE])
            for key, value in self._map(self._ask("micropayments", body)).items():
                if isinstance(key, int) and isinstance(value, bytes):
                    found[key] = value
        return found

    def take_signature(self, merchant: bytes, period: int, octets: bytes) -> None:
        self._ask("signatures", merchant + period.to_bytes(8, "big") + octets)

    def vouch(
        self, key: bls.PublicKey, possession: bls.Signature, payout: PublicKey
    ) -> tuple[int, bls.Signature]:
        answer = self._ask("vouchers", key.compressed + possession.compressed + payout.octets)
        return int.from_bytes(answer[:8], "big"), bls.Signature.of_compressed(answer[8:])

    def _ask(self, path: str, body: bytes | None = None) -> bytes:
        answer = ask(self._url + path, body, {}, MAX_ANSWER_BYTES, self._timeout_s)
        if answer.status not in {HTTPStatus.OK, HTTPStatus.NO_CONTENT}:
            self._refuse(path, answer.status, answer.content)
        return answer.content

    def _refuse(self, path: str, status: int, content: bytes) -> None:
        """Raises what it means that the operator said this."""
        said = content[:_SAID_BYTES].decode(errors="replace")
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            raise BusyError(self._url, said)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise ShellError(self._url, said)
        raise DecodeError(f"operator: {path}: {said}")

    def _map(self, octets: bytes) -> dict[Any, Any]:
        value = read_cbor(octets)
        if not isinstance(value, dict):
            raise DecodeError("operator: not a map")
        return dict(value)
