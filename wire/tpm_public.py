"""The public area of a TPM's attestation key and of its anchor counter: bytes, names, and what we demand of them.

A name is the hash of a public area, so whoever pins a name has pinned the attributes too. The attestation key is a
P-256 key that signs ECDSA-SHA256 only, restricted (only what the TPM itself made), never leaves the TPM, and sits
directly below the owner hierarchy: TPM2_Clear destroys it, and the qualified name in each attest proves where it sits.
The anchor is an NV counter which is written through at each increment (not orderly, hence no jumps after a crash).
Both are exempt from the dictionary-attack lockout: otherwise three power cuts lock the meter out.
Reference: TPM 2.0 Library part 2, clauses 8.3 (TPMA_OBJECT), 12.2.4 (TPMT_PUBLIC), 13.4 (TPMA_NV), 13.5
(TPMS_NV_PUBLIC); part 1, clause 16 (names).
"""

from hashlib import sha256

from wire.errors import VerificationError
from wire.frozen import dataclass
from wire.ids import PublicKey
from wire.tpm_attest import ALGORITHM_SHA256
from wire.tpm_buffer import TpmReader, write_sized, write_u16, write_u32

HIERARCHY_OWNER = 0x4000_0001
HIERARCHY_ENDORSEMENT = 0x4000_000B

FIXED_TPM = 1 << 1
FIXED_PARENT = 1 << 4
SENSITIVE_DATA_ORIGIN = 1 << 5
USER_WITH_AUTH = 1 << 6
NO_DA = 1 << 10
RESTRICTED = 1 << 16
DECRYPT = 1 << 17
SIGN = 1 << 18
_WANTED_ATTRIBUTES = {
    "fixedTPM": FIXED_TPM,
    "fixedParent": FIXED_PARENT,
    "sensitiveDataOrigin": SENSITIVE_DATA_ORIGIN,
    "userWithAuth": USER_WITH_AUTH,
    "noDA": NO_DA,
    "restricted": RESTRICTED,
    "sign": SIGN,
}
ATTESTATION_KEY_ATTRIBUTES = sum(_WANTED_ATTRIBUTES.values())

ANCHOR_INDEX = 0x0180_A614
"""In the range that the TCG leaves to the owner (0x01800000 to 0x01BFFFFF)."""
NV_OWNER_WRITE, NV_AUTH_WRITE, NV_OWNER_READ, NV_AUTH_READ = 1 << 1, 1 << 2, 1 << 17, 1 << 18
NV_COUNTER, NV_NO_DA, NV_WRITTEN = 1 << 4, 1 << 25, 1 << 29
ANCHOR_ATTRIBUTES = NV_COUNTER | NV_OWNER_WRITE | NV_AUTH_WRITE | NV_OWNER_READ | NV_AUTH_READ | NV_NO_DA
ANCHOR_SIZE = 8

_ENDORSEMENT_POLICY = bytes.fromhex("837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa")
_ENDORSEMENT_HEAD = bytes.fromhex("0001 000b 000300b2 0020") + _ENDORSEMENT_POLICY
_ENDORSEMENT_PARAMETERS = bytes.fromhex("0006 0080 0043 0010 0800 00000000")

_TYPE_ECC, _SCHEME_NULL, _SCHEME_ECDSA, _CURVE_P256 = 0x0023, 0x0010, 0x0018, 0x0003
_P = 2**256 - 2**224 + 2**192 + 2**96 - 1
_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
"""The curve y^2 = x^3 - 3x + b over the integers modulo p (FIPS 186-5, SP 800-186 clause 3.2.1.3)."""


@dataclass(frozen=True, slots=True)
class EccPublic:
    """A TPMT_PUBLIC of an ECC key in wire order; `symmetric` and `kdf` have to be null."""

    name_algorithm: int
    attributes: int
    policy: bytes
    scheme: int
    scheme_hash: int
    curve: int
    x: bytes
    y: bytes


@dataclass(frozen=True, slots=True)
class AttestationKey:
    """An attestation key that passed every check: its public area as the TPM gave it, and what follows from it."""

    public_area: bytes
    name: bytes
    public_key: PublicKey

    @property
    def qualified_name(self) -> bytes:
        """As it stands in each attest: the key is a primary one of the owner hierarchy."""
        return compute_qualified_name(self.name, HIERARCHY_OWNER)


def read_attestation_key(public_area: bytes) -> AttestationKey:
    """The key in a TPMT_PUBLIC. Raises DecodeError, or VerificationError if it is a key that we do not accept."""
    public = read_ecc_public(public_area)
    _check_attributes(public.attributes)
    if public.name_algorithm != ALGORITHM_SHA256:
        raise VerificationError(f"attestation key: name algorithm {public.name_algorithm:04x}, not SHA-256")
    if (public.scheme, public.scheme_hash) != (_SCHEME_ECDSA, ALGORITHM_SHA256):
        raise VerificationError(
            f"attestation key: scheme {public.scheme:04x}/{public.scheme_hash:04x}, not ECDSA-SHA256"
        )
    if public.curve != _CURVE_P256:
        raise VerificationError(f"attestation key: curve {public.curve:04x}, not P-256")
    if public.policy:
        raise VerificationError("attestation key: has an authorisation policy")
    return AttestationKey(public_area, compute_name(public_area), _compress(public.x, public.y))


def read_ecc_public(data: bytes) -> EccPublic:
    """A TPMT_PUBLIC of type ECC that fills `data`. Raises DecodeError."""
    reader = TpmReader(data, "TPMT_PUBLIC")
    kind = reader.u16("type")
    if kind != _TYPE_ECC:
        raise reader.error(f"type {kind:04x} is not an elliptic-curve key ({_TYPE_ECC:04x})")
    name_algorithm, attributes, policy = (
        reader.u16("name algorithm"),
        reader.u32("attributes"),
        reader.sized("policy", 64),
    )
    if (symmetric := reader.u16("symmetric algorithm")) != _SCHEME_NULL:
        raise reader.error(f"symmetric algorithm {symmetric:04x}: a parent key, not a signing key")
    scheme = reader.u16("scheme")
    scheme_hash = _SCHEME_NULL if scheme == _SCHEME_NULL else reader.u16("hash of the scheme")
    curve = reader.u16("curve")
    if (kdf := reader.u16("key derivation")) != _SCHEME_NULL:
        raise reader.error(f"key derivation {kdf:04x} instead of none")
    x, y = reader.sized("x", 66), reader.sized("y", 66)
    reader.finish()
    return EccPublic(name_algorithm, attributes, policy, scheme, scheme_hash, curve, x, y)


def write_ecc_public(public: EccPublic) -> bytes:
    """As `read_ecc_public`."""
    scheme = write_u16(public.scheme)
    if public.scheme != _SCHEME_NULL:
        scheme += write_u16(public.scheme_hash)
    head = write_u16(_TYPE_ECC) + write_u16(public.name_algorithm) + write_u32(public.attributes)
    parameters = write_u16(_SCHEME_NULL) + scheme + write_u16(public.curve) + write_u16(_SCHEME_NULL)
    return head + write_sized(public.policy) + parameters + write_sized(public.x) + write_sized(public.y)


def attestation_key_template(x: bytes = b"", y: bytes = b"") -> EccPublic:
    """What the daemon asks the TPM for (no point), and what it gets (with one)."""
    return EccPublic(
        ALGORITHM_SHA256, ATTESTATION_KEY_ATTRIBUTES, b"", _SCHEME_ECDSA, ALGORITHM_SHA256, _CURVE_P256, x, y
    )


def endorsement_public_area(modulus: bytes = bytes(256)) -> bytes:
    """The TPMT_PUBLIC of an endorsement key as template L-1 has it: RSA-2048, AES-128-CFB, PolicySecret(endorsement).

    Without a modulus it is the template itself. Reference: TCG EK Credential Profile 2.4, B.3.3.
    """
    return _ENDORSEMENT_HEAD + _ENDORSEMENT_PARAMETERS + write_sized(modulus)


def anchor_template(attributes: int = ANCHOR_ATTRIBUTES) -> bytes:
    """The TPMS_NV_PUBLIC of the anchor counter."""
    return (
        write_u32(ANCHOR_INDEX) + write_u16(ALGORITHM_SHA256) + write_u32(attributes)
        + write_sized(b"") + write_u16(ANCHOR_SIZE)
    )  # fmt: skip


def anchor_name() -> bytes:
    """The only index name that a verifier accepts: our index, a counter, not orderly, written at least once."""
    return compute_name(anchor_template(ANCHOR_ATTRIBUTES | NV_WRITTEN))


def compute_name(public_area: bytes) -> bytes:
    """Name of an object or NV index whose name algorithm is SHA-256 (part 1, clause 16)."""
    return write_u16(ALGORITHM_SHA256) + sha256(public_area).digest()


def compute_qualified_name(name: bytes, hierarchy: int) -> bytes:
    """Qualified name of a primary key: the hierarchy's handle and the key's name, hashed (part 1, clause 16)."""
    return write_u16(ALGORITHM_SHA256) + sha256(write_u32(hierarchy) + name).digest()


def _check_attributes(attributes: int) -> None:
    missing = [name for name, bit in _WANTED_ATTRIBUTES.items() if not attributes & bit]
    if missing:
        raise VerificationError(f"attestation key: lacks {', '.join(missing)}")
    if attributes != ATTESTATION_KEY_ATTRIBUTES:
        raise VerificationError(
            f"attestation key: attributes {attributes:08x}, exactly {ATTESTATION_KEY_ATTRIBUTES:08x} wanted"
        )


def _compress(x_octets: bytes, y_octets: bytes) -> PublicKey:
    """SEC 1 clause 2.3.3. The sign bit of y would silently move a point that is off the curve: hence the check."""
    x, y = int.from_bytes(x_octets, "big"), int.from_bytes(y_octets, "big")
    if x >= _P or y >= _P or (y * y - x * x * x + 3 * x - _B) % _P:
        raise VerificationError("attestation key: the point is not on P-256")
    return PublicKey(bytes((2 + (y & 1),)) + x.to_bytes(32, "big"))
