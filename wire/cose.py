"""The one signed envelope: COSE_Sign1 with ESP256 over a payload that is serialised once and kept.

    D2 84                      tag 18, array of four
       43+ A2 01 28 04 48 kid  protected header: algorithm ESP256 (-9), key id of 8 octets
       A0                      unprotected header: empty, so nothing unsigned can be changed
       58 .. payload           deterministic CBOR
       58 40 signature         r || s

The external data of the signature names the message and, where it matters, the ledger, so that an offer can never
be taken for a grant, nor a transaction of one ledger be replayed on another; that costs no byte on the wire.
Reading accepts ES256 (-7) too, which RFC 9864 deprecates. Refused: any other header, critical or not.
Reference: RFC 9052 clauses 4.2 and 4.4, RFC 9864 clause 2.1.
"""

import hashlib

from wire.cbor import Key, Value, read_cbor, write_cbor, write_head
from wire.errors import DecodeError, VerificationError
from wire.fields import format_value
from wire.frozen import dataclass
from wire.ids import KEY_ID_SIZE, PublicKey
from wire.keys import SIGNATURE_SIZE, PrivateKey, verify

ESP256 = -9
ES256 = -7
MAX_ENVELOPE_BYTES = 1_200
"""Fits one IPv6 datagram of the minimum MTU (RFC 8200: 1,280 octets) and every carriage that we know. Bulk is
larger.
"""

_TAG_SIGN1 = 0xD2
_SIGNATURE1 = b"\x84\x6aSignature1"
"""An array of four that begins with this text."""
_BYTE_STRING = 2
_ALGORITHM, _KEY_ID = 1, 4
_PROTECTED = b"\xa2\x01\x28\x04\x48"
"""What the one protected header that is written has before its key id: a map of algorithm -9 and 8 octets."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A COSE_Sign1 as read or made. Unverified until `verify` returned."""

    encoded: bytes
    protected: bytes
    payload: bytes
    key_id: bytes
    signature: bytes

    def signed_bytes(self, external: bytes) -> bytes:
        """The Sig_structure that the signature covers (RFC 9052 clause 4.4)."""
        return _write_signed(self.protected, external, self.payload)

    def digest(self, external: bytes) -> bytes:
        """SHA-256 of what was signed: a name that another valid signature of the same content does not change."""
        return hashlib.sha256(self.signed_bytes(external)).digest()

    def verify(self, key: PublicKey, external: bytes) -> None:
        """Raises VerificationError unless this is the key's signature over payload and external data."""
        if key.key_id != self.key_id:
            raise VerificationError(f"signed by key id {self.key_id.hex()}, not by {key.key_id.hex()}")
        verify(key, self.signature, self.signed_bytes(external))


@dataclass(frozen=True, slots=True)
class Unsigned:
    """A payload that waits for the signature of the key of this id, over `message`."""

    payload: bytes
    key_id: bytes
    external: bytes

    @property
    def message(self) -> bytes:
        return _write_signed(_PROTECTED + self.key_id, self.external, self.payload)

    def join(self, signature: bytes) -> Envelope:
        """Whole; whether the signature is that of `message`, nobody looks."""
        return join_envelope(self.payload, self.key_id, signature)


def draft_envelope(payload: Value, signer: PublicKey, external: bytes) -> Unsigned:
    """Serialises the payload, once."""
    return Unsigned(write_cbor(payload), signer.key_id, external)


def sign_envelope(payload: Value, key: PrivateKey, external: bytes) -> Envelope:
    """Serialises the payload, once, and signs it."""
    unsigned = draft_envelope(payload, key.public, external)
    return unsigned.join(key.sign(unsigned.message))


def join_envelope(payload: bytes, key_id: bytes, signature: bytes) -> Envelope:
    """The envelope that these are the parts of, for whoever keeps them apart. Unverified; of the one algorithm that is
    written.
    """
    protected = _PROTECTED + key_id
    encoded = bytes((_TAG_SIGN1,)) + write_cbor([protected, {}, payload, signature])
    return Envelope(encoded, protected, payload, key_id, signature)


def _write_signed(protected: bytes, external: bytes, payload: bytes) -> bytes:
    parts = (protected, external, payload)
    return _SIGNATURE1 + b"".join([write_head(_BYTE_STRING, len(part)) + part for part in parts])


def read_envelope(data: bytes, max_bytes: int = MAX_ENVELOPE_BYTES) -> Envelope:
    """The parts of a COSE_Sign1; the signature is not checked yet. Raises DecodeError."""
    if len(data) > max_bytes:
        raise DecodeError(f"envelope: {len(data)} bytes, at most {max_bytes} are accepted")
    if not data or data[0] != _TAG_SIGN1:
        raise DecodeError("envelope: does not begin with the COSE_Sign1 tag (18)")
    match read_cbor(data[1:]):
        case [bytes(protected), {**unprotected}, bytes(payload), bytes(signature)]:
            pass
        case _:
            raise DecodeError(
                "envelope: not an array of protected header, unprotected header, payload, signature"
            )
    if unprotected:
        raise DecodeError(
            f"envelope: unprotected header {format_value(next(iter(unprotected)))} is not accepted"
        )
    if len(signature) != SIGNATURE_SIZE:
        raise DecodeError(f"envelope: a signature has {SIGNATURE_SIZE} bytes, not {len(signature)}")
    return Envelope(data, protected, payload, _read_protected(protected), signature)


def _read_protected(protected: bytes) -> bytes:
    if protected[:5] == _PROTECTED and len(protected) == len(_PROTECTED) + KEY_ID_SIZE:
        return protected[5:]
    header = read_cbor(protected) if protected else {}
    if not isinstance(header, dict):
        raise DecodeError("envelope: the protected header is not a map")
    rest: dict[Key, Value] = dict(header)
    algorithm, key_id = rest.pop(_ALGORITHM, None), rest.pop(_KEY_ID, None)
    if rest:
        raise DecodeError(
            f"envelope: protected header {format_value(next(iter(rest)))} is unknown and may be critical"
        )
    if algorithm not in (ESP256, ES256) or isinstance(algorithm, bool):
        raise DecodeError(
            f"envelope: algorithm {format_value(algorithm)}; only ESP256 (-9) and ES256 (-7) are accepted"
        )
    if not isinstance(key_id, bytes) or len(key_id) != KEY_ID_SIZE:
        raise DecodeError(f"envelope: the key id has to be {KEY_ID_SIZE} octets")
    return key_id
