"""One line of the audit table: what happened to which case, chained to the line before by its hash.

A *case* is one thing that the exchange deals with: a payment, a reversal, a payout. Its `key` is its idempotency key.
Lines are only ever added. The hash of a line covers the hash of the one before, so that a line that is changed,
removed or put in later shows, whoever had the file. Shape of the fields by step: ledger/exchange/book.py.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from wire.errors import DecodeError, VerificationError

Fields = Mapping[str, str | int]
FIRST = bytes(32)
"""The hash before the first line."""


class Step(Enum):
    """What a line says, always before it is acted upon, and again of how that went."""

    EVENT = "event"
    """A genuine notification or request arrived; `kind` says which, and the rest is all that is needed of it."""
    REFUSED = "refused"
    """A rule of the exchange says no (`reason`, `detail`): nothing moves until a person releases it."""
    RELEASED = "released"
    """A person let it go on all the same (`by`)."""
    SIGNED = "signed"
    """A transaction of ours exists (`purpose`, `id`, `bytes`, `ubc`, `valid_until_s`); it is sent only after this."""
    REJECTED = "rejected"
    """The ledger says no for now (`id`, `reason`, `detail`); until it has expired it may still run."""
    EXPIRED = "expired"
    """The ledger's signed word that `id` never ran and never will: only now may another be signed."""
    EXECUTED = "executed"
    """The ledger's signed word that `id` ran, in block `height`."""
    PAYING = "paying"
    """The bank is asked from here on, under `idempotency_key` and no other."""
    PAID = "paid"
    """The bank's word that it paid (`reference`)."""
    UNPAID = "unpaid"
    """The bank's word that it never will (`reason`): the bandcoins go back."""
    CLOSED = "closed"
    """Nothing is left to do (`why`); `shortfall_ubc` of a reversal is what the account did not have."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Line `number`, written at `time_s` (UTC)."""

    number: int
    time_s: int
    key: str
    step: Step
    fields: Fields
    hash: bytes

    def text(self, name: str) -> str:
        return str(self.fields.get(name, ""))

    def count(self, name: str) -> int:
        value = self.fields.get(name, 0)
        assert isinstance(value, int), f"{self.key}: {self.step.value}.{name} is {value!r}"
        return value


def make_entry(previous: bytes, number: int, time_s: int, key: str, step: Step, fields: Fields) -> Entry:
    digest = hashlib.sha256(
        previous
        + write_fields({"number": number, "time_s": time_s, "key": key, "step": step.value})
        + write_fields(fields)
    )
    return Entry(number, time_s, key, step, fields, digest.digest())


def write_fields(fields: Fields) -> bytes:
    return json.dumps(dict(fields), sort_keys=True, separators=(",", ":")).encode()


def read_fields(data: bytes) -> Fields:
    """Raises DecodeError."""
    try:
        fields = json.loads(data)
    except ValueError as error:
        raise DecodeError(f"audit line: {error}") from error
    if not isinstance(fields, dict) or not all(type(value) in (str, int) for value in fields.values()):
        raise DecodeError("audit line: fields are not texts and integers")
    return fields


def verify_entry(previous: bytes, entry: Entry) -> None:
    """Raises VerificationError unless the line continues the one whose hash is `previous`."""
    made = make_entry(previous, entry.number, entry.time_s, entry.key, entry.step, entry.fields)
    if made.hash != entry.hash:
        raise VerificationError(
            f"audit line {entry.number} ({entry.key} {entry.step.value}) is not what was written"
        )
