"""A process that does nothing but verify signatures: `python -m ledger.verifier`, for ledger/verifying.py.

    question: size (4), then of each signature: key (33), signature (64), size of the message (4), message
    answer: one octet for each, 1 if the signature is that key's over that message

Knows no ledger and decides nothing; ends with its input.
"""

import struct
import sys
from collections.abc import Iterable, Iterator

from wire.errors import VerificationError
from wire.ids import PUBLIC_KEY_SIZE, PublicKey
from wire.keys import SIGNATURE_SIZE, verify

Signed = tuple[bytes, bytes, bytes]
"""Key, signature, message."""

SIZE = struct.Struct(">I")
_HEAD_SIZE = PUBLIC_KEY_SIZE + SIGNATURE_SIZE + SIZE.size


def main() -> int:
    """Until the input ends."""
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while head := source.read(SIZE.size):
        sink.write(answer(source.read(SIZE.unpack(head)[0])))
        sink.flush()
    return 0


def write_question(signed: Iterable[Signed]) -> bytes:
    parts = [key + signature + SIZE.pack(len(message)) + message for key, signature, message in signed]
    body = b"".join(parts)
    return SIZE.pack(len(body)) + body


def read_question(body: bytes) -> Iterator[Signed]:
    """What follows the size."""
    at = 0
    while at < len(body):
        end = at + _HEAD_SIZE
        key, signature = body[at : at + PUBLIC_KEY_SIZE], body[at + PUBLIC_KEY_SIZE : end - SIZE.size]
        at = end + SIZE.unpack_from(body, end - SIZE.size)[0]
        yield key, signature, body[end:at]


def answer(body: bytes) -> bytes:
    return bytes(_holds(*signed) for signed in read_question(body))


def _holds(key: bytes, signature: bytes, message: bytes) -> bool:
    try:
        verify(PublicKey(key), signature, message)
    except (VerificationError, ValueError):
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
