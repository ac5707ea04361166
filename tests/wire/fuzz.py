"""Fuzzing every reader of `wire`: `python -m tests.wire.fuzz [SECONDS] [SEED]`.

The promise that is tried: whatever the bytes, a reader returns a value or raises DecodeError, and never another
exception; and a value that it returns has these bytes as its one form (signatures, which carry chance, apart). Input is
cut, garbled and spliced from the golden vectors, and what is inside an envelope is signed again, so that faults are
reached that a bad signature would hide.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from typing import Any

from tests.fuzzing import GoOn, Trial, keep_trying, main
from tests.wire.examples import ENVELOPES, MESSAGES, Message, sign_raw
from wire.cbor import read_cbor_with_booleans, write_cbor
from wire.cose import read_envelope
from wire.enrolment import EnrolmentAnswer, EnrolmentRequest
from wire.errors import DecodeError

INTERESTING = bytes.fromhex("00011718191a1b1c1f203840585f607f809fa0bfc0d2f4f5f6f7f9fafbff")
"""First bytes of CBOR items: every kind, every length of argument, indefinite and reserved ones."""


def check(message: Message, data: bytes) -> bool:
    """Keeps the promise for one input; whether it was a value. Raises AssertionError, or what leaked."""
    try:
        value = message.read(data)
    except DecodeError:
        return False
    if isinstance(value, (EnrolmentAnswer, EnrolmentRequest)):  # one reader for both that a box sends
        kind = "request" if isinstance(value, EnrolmentRequest) else "answer"
        message = MESSAGES[f"enrolment_{kind}"]
    if is_legal_variant(message, data):
        return True
    written = message.write(value)
    end = -64 if message.signer else None
    assert written[:end] == data[:end], f"{message.name}: {value} has two forms"
    return True


def is_legal_variant(message: Message, data: bytes) -> bool:
    """What is accepted when reading and never written: an extension (a negative label), and ES256 instead of ESP256."""
    protected = b""
    if message.offset:
        carrier = read_cbor_with_booleans(data)
        assert isinstance(carrier, list)
        assert isinstance(carrier[1], bytes)
        data = carrier[1]
    if message.signer is not None:
        envelope = read_envelope(data, 1 << 21)
        protected, data = envelope.protected, envelope.payload
    fields = read_cbor_with_booleans(data)
    labels = [label for label in fields if isinstance(label, int)] if isinstance(fields, dict) else []
    return min(labels, default=0) < 0 or protected.startswith(b"\xa2\x01\x26")


def mutate(data: bytes, other: bytes, chance: random.Random) -> bytes:
    """One to four cuts, garbled bytes, insertions, doublings or splices."""
    out = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(out) + 1)
        match chance.randrange(7):
            case 0:
                del out[at:]
            case 1 | 2 if at < len(out):
                out[at] = chance.choice(INTERESTING) if chance.random() < 0.5 else chance.randrange(256)
            case 3:
                out[at:at] = bytes((chance.choice(INTERESTING),))
            case 4:
                out[at : at + chance.randint(1, 9)] = b""
            case 5:
                out[at:] = other[chance.randrange(len(other) + 1) :]
            case _:
                end = min(len(out), at + chance.randint(1, 40))
                out[at:at] = out[at:end]
    return bytes(out)


def mutate_value(value: object, chance: random.Random) -> object:
    """A decoded value with one part replaced by something of another kind or size."""
    if isinstance(value, dict) and value and chance.random() < 0.9:
        key = chance.choice(list(value))
        changed = dict(value)
        match chance.randrange(4):
            case 0:
                del changed[key]
            case 1:
                changed[chance.choice([-1, 0, 13, 99, "x", b"x", 2**64 - 1])] = strange(chance)
            case _:
                changed[key] = mutate_value(value[key], chance)
        return changed
    if isinstance(value, list) and value and chance.random() < 0.9:
        items = list(value)
        at = chance.randrange(len(items))
        match chance.randrange(4):
            case 0:
                del items[at]
            case 1:
                items.insert(at, strange(chance))
            case _:
                items[at] = mutate_value(items[at], chance)
        return items
    return strange(chance)


def with_true(value: Any) -> Iterator[Any]:
    """A decoded value with each of its integers once replaced by True, which to Python is 1."""
    if not isinstance(value, (list, dict)):
        return
    for key, item in list(enumerate(value)) if isinstance(value, list) else list(value.items()):
        for bent in [True] if type(item) is int else with_true(item):
            changed = value.copy()
            changed[key] = bent
            yield changed


def strange(chance: random.Random) -> object:
    return chance.choice([
        None, True, False, 0, 1, 2, -1, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1, -(2**64), b"", b"x", bytes(16),
        bytes(33), b"\x02" * 33, bytes(64), "", "text", "x" * 600, [], [0] * 4, [1] * 8, {}, {0: 0}, [[[[[]]]]],
    ])  # fmt: skip


def attack(message: Message, other: Message, chance: random.Random) -> bytes:
    """One input for this reader."""
    data = message.golden
    if message.signer is not None and chance.random() < 0.75:
        payload = read_envelope(data[message.offset :], 1 << 21).payload
        if chance.random() < 0.5:
            payload = mutate(payload, read_payload(other), chance)
        else:
            payload = write_cbor(mutate_value(read_cbor_with_booleans(payload), chance))  # type: ignore[arg-type]
        envelope = sign_raw(payload, message.signer, message.external)
        return envelope if message.offset == 0 else write_cbor([1, envelope])
    if message.signer is None and chance.random() < 0.5:
        return write_cbor(mutate_value(read_cbor_with_booleans(data), chance))  # type: ignore[arg-type]
    return mutate(data, other.golden, chance)


def read_payload(message: Message) -> bytes:
    return read_envelope(message.golden, 1 << 21).payload if message.name in ENVELOPES else message.golden


def run(seed: int, go_on: GoOn) -> tuple[int, int]:
    """(inputs, of which values); raises at the first broken promise, with the input in hexadecimal digits."""
    messages = list(MESSAGES.values())

    def draw(chance: random.Random, _: int) -> Trial:
        message = chance.choice(messages)
        data = attack(message, chance.choice(messages), chance)
        return Trial(f"{message.name}.read(bytes.fromhex('{data.hex()}'))", lambda: check(message, data))

    return keep_trying(seed, go_on, draw)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], run))
