"""An operator's office over HTTP, as a merchant asks it. What comes is not believed: whoever asked looks at it.

Reference: the list in `http.py`. Raises ShellError if nobody answers in time, DecodeError if the operator says no or
what it says cannot be read. No answer is longer than it may be.
"""

import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any

from ledger.payplace import bls
from wire.cbor import read_cbor
from wire.errors import DecodeError, ShellError
from wire.ids import PublicKey

TIMEOUT_S = 30.0
MAX_ANSWER_BYTES = 256 * 1024 * 1024
_CHUNK = 1 << 20
_ASKED_AT_ONCE = 100_000


class HttpOffice:
    """The office at `url`, such as http://operator.example:8580."""

    def __init__(self, url: str, timeout_s: float = TIMEOUT_S) -> None:
        if urllib.parse.urlsplit(url).scheme not in {"http", "https"}:
            raise ValueError(f"{url!r} is not an operator such as http://127.0.0.1:8580")
        self._url = url.rstrip("/") + "/v1/payplace/"
        self._timeout_s = timeout_s

    def announcement(self) -> bytes | None:
        return self._ask("announcement") or None

    def block(self, root: bytes) -> Iterator[bytes]:
        with self._open(f"blocks/{root.hex()}", None) as answer:
            while chunk := self._read(answer, _CHUNK):
                yield chunk

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
        with self._open(path, body) as answer:
            octets = self._read(answer, MAX_ANSWER_BYTES + 1)
        if len(octets) > MAX_ANSWER_BYTES:
            raise DecodeError(f"operator: {path} is longer than {MAX_ANSWER_BYTES} octets")
        return octets

    def _open(self, path: str, body: bytes | None) -> Any:
        request = urllib.request.Request(self._url + path, body)  # noqa: S310 the scheme is checked
        try:
            return urllib.request.urlopen(request, timeout=self._timeout_s)  # noqa: S310 the scheme is checked
        except urllib.error.HTTPError as error:
            with error:
                said = error.read(1_000).decode(errors="replace")
            if error.code >= HTTPStatus.INTERNAL_SERVER_ERROR:
                raise ShellError(self._url, said) from None
            raise DecodeError(f"operator: {path}: {said}") from None
        except OSError as error:
            raise ShellError(self._url, str(getattr(error, "reason", error))) from error

    def _read(self, answer: Any, size: int) -> bytes:
        try:
            return bytes(answer.read(size))
        except (OSError, ValueError) as error:
            raise ShellError(self._url, str(error)) from error

    def _map(self, octets: bytes) -> dict[Any, Any]:
        value = read_cbor(octets)
        if not isinstance(value, dict):
            raise DecodeError("operator: not a map")
        return dict(value)
