"""The bank: whoever pays real money out, asked over HTTP, the same question as often as it takes.

    POST url   {"idempotency_key", "minor", "currency", "destination"}       JSON, at most 10 s
    headers    Idempotency-Key: "KEY"      Airgrant-Signature: t=UTC,v1=HMAC-SHA256 of "UTC.body" in hex
    answers    {"status": "paid", "reference": ...} | {"status": "refused", "reason": ...} | {"status": "pending"}

The bank's side pays once for an idempotency key, however often it is asked, and gives its first answer again. Only an
answer of these three with an HTTP status of 200 to 299 or 422 means anything; everything else, silence included, is
asked again. A connector of some twenty lines puts it before an API that pays (docs/exchange.md). No `Bank` at all: a
person pays, and says so. Reference: IETF draft-ietf-httpapi-idempotency-key-header.
"""

import hashlib
import hmac
import json
from dataclasses import dataclass

from ledger.asking import ask
from ledger.exchange.planning import Pay
from wire.errors import ShellError

TIMEOUT_S = 10.0
MAX_ANSWER_BYTES = 16 * 1024
MAX_TEXT_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Paid:
    """It was paid, under the bank's own `reference`."""

    reference: str


@dataclass(frozen=True, slots=True)
class Never:
    """It was not, and never will be."""

    reason: str


@dataclass(frozen=True, slots=True)
class Pending:
    """Ask again."""


class Bank:
    """At `url`, which is https, or on loopback (ledger/exchange/settings.py). `secret` signs the questions."""

    def __init__(self, url: str, secret: bytes, timeout_s: float = TIMEOUT_S) -> None:
        self._url = url
        self._secret = secret
        self._timeout_s = timeout_s

    def pay(self, deed: Pay, now_s: int) -> Paid | Never | Pending:
        """Raises ShellError where the bank said nothing that counts."""
        question = {
            "idempotency_key": deed.key,
            "minor": deed.minor,
            "currency": deed.currency,
            "destination": deed.destination,
        }
        body = json.dumps(question, sort_keys=True).encode()
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": f'"{deed.key}"',
            "Airgrant-Signature": sign_question(body, self._secret, now_s),
        }
        answer = ask(self._url, body, headers, MAX_ANSWER_BYTES, self._timeout_s)
        if 200 <= answer.status < 300 or answer.status == 422:
            return self._read(answer.content)
        raise ShellError(self._url, f"HTTP {answer.status}")

    def _read(self, answer: bytes) -> Paid | Never | Pending:
        try:
            page = json.loads(answer)
        except ValueError as error:
            raise ShellError(self._url, f"answers no JSON: {error}") from error
        match page:
            case {"status": "paid", "reference": str(reference)} if reference:
                return Paid(reference[:MAX_TEXT_CHARACTERS])
            case {"status": "refused", "reason": str(reason)} if reason:
                return Never(reason[:MAX_TEXT_CHARACTERS])
            case {"status": "pending"}:
                return Pending()
        raise ShellError(
            self._url, "answers neither paid with a reference, nor refused with a reason, nor pending"
        )


def sign_question(body: bytes, secret: bytes, now_s: int) -> str:
    digest = hmac.new(secret, str(now_s).encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"t={now_s},v1={digest}"
