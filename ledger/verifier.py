"""A process that does nothing but signatures: `python -m ledger.verifier`, for ledger/verifying.py.

    question: kind (1), size of the rest (4), the rest            answer
    v         of each: key (33), signature (64), message          one octet for each, 1 if it holds
    k         a private key, PKCS #8 in PEM                       none
    s         messages                                            64 octets for each: that key's signature
    message: size (4), octets

Knows no ledger and decides nothing; ends with its input.
"""

import struct
import sys
from collections.abc import Iterable, Iterator

from wire.errors import VerificationError
from wire.ids import PUBLIC_KEY_SIZE, PublicKey
from wire.keys import SIGNATURE_SIZE, PrivateKey, verify

Signed = tuple[bytes, bytes, bytes]
"""Key, signature, message."""

HEAD = struct.Struct(">cI")
VERIFY, KEY, SIGN = b"v", b"k", b"s"
_SIZE = struct.Struct(">I")
_SIGNER_SIZE = PUBLIC_KEY_SIZE + SIGNATURE_SIZE


def main() -> int:
    """Until the input ends."""
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    key: PrivateKey | None = None
    while head := source.read(HEAD.size):
        kind, size = HEAD.unpack(head)
        body = source.read(size)
        if kind == KEY:
            key = PrivateKey.from_pem(body)
            continue
        assert key is not None or kind == VERIFY, "nobody signs without a key"
        sink.write(answer(body) if key is None or kind == VERIFY else sign(key, body))
        sink.flush()
    return 0


def ask_to_verify(signed: Iterable[Signed]) -> bytes:
    return _question(VERIFY, b"".join([key + signature + _write(text) for key, signature, text in signed]))


def ask_to_sign(messages: Iterable[bytes]) -> bytes:
    return _question(SIGN, b"".join(map(_write, messages)))


def give_key(key: PrivateKey) -> bytes:
    return _question(KEY, key.to_pem())


def answer(body: bytes) -> bytes:
    """To a question of kind v."""
    return bytes(_holds(*signed) for signed in read_signed(body))


def sign(key: PrivateKey, body: bytes) -> bytes:
    """To a question of kind s."""
    signatures, at = [], 0
    while at < len(body):
        message, at = _read(body, at)
        signatures.append(key.sign(message))
    return b"".join(signatures)


def read_signed(body: bytes) -> Iterator[Signed]:
    """What a question of kind v is about."""
    at = 0
    while at < len(body):
        key, signature = body[at : at + PUBLIC_KEY_SIZE], body[at + PUBLIC_KEY_SIZE : at + _SIGNER_SIZE]
        message, at = _read(body, at + _SIGNER_SIZE)
        yield key, signature, message


def _question(kind: bytes, body: bytes) -> bytes:
    return HEAD.pack(kind, len(body)) + body


def _write(message: bytes) -> bytes:
    return _SIZE.pack(len(message)) + message


def _read(body: bytes, at: int) -> tuple[bytes, int]:
    begin = at + _SIZE.size
    end = begin + _SIZE.unpack_from(body, at)[0]
    return body[begin:end], end


def _holds(key: bytes, signature: bytes, message: bytes) -> bool:
    try:
        verify(PublicKey(key), signature, message)
    except (VerificationError, ValueError):
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
