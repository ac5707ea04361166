"""The TPM's twin for fast tests: a P-256 key and a few integers that answer as a TPM 2.0 would, byte for byte.

It makes true TPMS_ATTEST structures, obfuscates its counts for a key of the owner hierarchy, forgets PCRs at a
reset and keeps the NV counter, and can be reset, cleared, copied and rolled back by a test. Time does not pass for
it: its clock goes one millisecond forward with each command. Held against the real thing by
tests/system/test_tpm.py. No root of trust.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.x509.oid import NameOID, ObjectIdentifier

from apd.shells.tpm import QUOTED_PCRS, Anchor, EndorsementKey, Quote
from wire.errors import ShellError
from wire.keys import PrivateKey
from wire.meter_record import METER_PCR
from wire.tpm_attest import (
    ALGORITHM_SHA256,
    Attest,
    ClockInfo,
    NvCertified,
    PcrSelection,
    Quoted,
    compute_pcr_digest,
    extend_pcr,
    write_attest,
)
from wire.tpm_buffer import TpmReader, write_u32
from wire.tpm_public import (
    ANCHOR_SIZE,
    AttestationKey,
    anchor_name,
    attestation_key_template,
    endorsement_public_area,
    read_attestation_key,
    write_ecc_public,
)

_FIRMWARE = 0x2019_1023_0016_3636
_FIRST_COUNT = 0xFFFF_FFFE
"""Obfuscated counts begin anywhere: here where they soon wrap."""
_EK_CERTIFICATE_USE = ObjectIdentifier("2.23.133.8.1")
_MANUFACTURER, _MODEL, _VERSION = (ObjectIdentifier(f"2.23.133.2.{arc}") for arc in (1, 2, 3))


@dataclass(frozen=True, slots=True)
class FakeTpmState:
    """Everything that a copy of a software TPM's state file would hold, and the PCRs."""

    owner_key: PrivateKey
    pcrs: Mapping[int, bytes]
    anchor_counter: int | None = None
    largest_counter: int = 0
    reset_count: int = 1
    restart_count: int = 0
    clock_ms: int = 0


def _zero_pcrs() -> dict[int, bytes]:
    return dict.fromkeys(QUOTED_PCRS, bytes(32))


def _new_state() -> FakeTpmState:
    return FakeTpmState(PrivateKey.generate(), _zero_pcrs())


@dataclass(slots=True)
class FakeTpm:
    """A `MeterTpm`. `state` may be kept and put back: that is the roll-back of a software TPM."""

    state: FakeTpmState = field(default_factory=_new_state)
    endorsement: "FakeEndorsement | None" = None

    def reset(self) -> None:
        """A power cycle."""
        self.state = replace(
            self.state, reset_count=self.state.reset_count + 1, restart_count=0, pcrs=_zero_pcrs()
        )

    def clear(self) -> None:
        """TPM2_Clear: the owner's key and counter are gone, the counts begin anew; the largest counter is
        remembered.
        """
        self.state = replace(_new_state(), largest_counter=self.state.largest_counter, pcrs=self.state.pcrs)

    def extend(self, index: int, digest: bytes) -> None:
        """What firmware, or somebody else on the box, does to a PCR."""
        pcrs = {**self.state.pcrs, index: extend_pcr(self.state.pcrs[index], digest)}
        self.state = replace(self.state, pcrs=pcrs, clock_ms=self.state.clock_ms + 1)

    def attestation_key(self) -> AttestationKey:
        """As `Tpm.attestation_key`."""
        point = self.state.owner_key.key.public_key().public_numbers()
        template = attestation_key_template(point.x.to_bytes(32, "big"), point.y.to_bytes(32, "big"))
        return read_attestation_key(write_ecc_public(template))

    def read_pcrs(self) -> dict[int, bytes]:
        """As `Tpm.read_pcrs`."""
        return dict(self.state.pcrs)

    def extend_and_quote(self, qualifying: bytes) -> Quote:
        """As `Tpm.extend_and_quote`."""
        self.extend(METER_PCR, qualifying)
        return self.quote(qualifying)

    def quote(self, qualifying: bytes) -> Quote:
        """As `Tpm.quote`."""
        selection = PcrSelection(ALGORITHM_SHA256, QUOTED_PCRS)
        digest = compute_pcr_digest(QUOTED_PCRS, self.state.pcrs)
        return Quote(*self._attest(qualifying, Quoted((selection,), digest)))

    def anchor_counter(self) -> int:
        """As `Tpm.anchor_counter`."""
        if self.state.anchor_counter is None:
            self._count(self.state.largest_counter + 1)
        assert self.state.anchor_counter is not None, "just defined"
        return self.state.anchor_counter

    def anchor(self, qualifying: bytes) -> Anchor:
        """As `Tpm.anchor`."""
        self._count(self.anchor_counter() + 1)
        return self.certify_anchor(qualifying)

    def certify_anchor(self, qualifying: bytes) -> Anchor:
        """As `Tpm.certify_anchor`."""
        counter = self.anchor_counter()
        contents = counter.to_bytes(ANCHOR_SIZE, "big")
        return Anchor(counter, *self._attest(qualifying, NvCertified(anchor_name(), 0, contents)))

    def endorsement_key(self) -> EndorsementKey:
        """As `Tpm.endorsement_key`; ShellError for a TPM that no `FakeVendor` made."""
        return self._endorsement().public

    def activate_credential(self, credential_blob: bytes, encrypted_secret: bytes) -> bytes:
        """As `Tpm.activate_credential`."""
        return self._endorsement().activate(self.attestation_key().name, credential_blob, encrypted_secret)

    def close(self) -> None:
        """Nothing is held."""

    def _endorsement(self) -> "FakeEndorsement":
        if self.endorsement is None:
            raise ShellError("tpm", "this TPM has no endorsement certificate")
        return self.endorsement

    def _count(self, counter: int) -> None:
        self.state = replace(self.state, anchor_counter=counter, largest_counter=counter)

    def _attest(self, qualifying: bytes, attested: Quoted | NvCertified) -> tuple[bytes, bytes]:
        state = self.state
        signer = self.attestation_key().qualified_name
        reset_count, restart_count = (
            (count + _FIRST_COUNT) % 2**32 for count in (state.reset_count, state.restart_count)
        )
        clock = ClockInfo(state.clock_ms, reset_count, restart_count, safe=True)
        attest = write_attest(Attest(signer, qualifying, clock, _FIRMWARE, attested))
        return attest, state.owner_key.sign(attest)


@dataclass(frozen=True, slots=True)
class FakeEndorsement:
    """An endorsement key with its certificate, and the TPM's side of credential activation."""

    key: rsa.RSAPrivateKey
    public: EndorsementKey

    def activate(self, name: bytes, blob: bytes, encrypted_secret: bytes) -> bytes:
        """TPM 2.0 Library part 1, clause 24: seed, integrity, then the secret. ShellError if they do not fit."""
        oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), b"IDENTITY\0")
        try:
            seed = self.key.decrypt(encrypted_secret, oaep)
        except ValueError as error:
            raise ShellError("tpm", f"ACTIVATE_CREDENTIAL refused: {error}") from error
        reader = TpmReader(blob, "credential blob")
        integrity, cipher_text = reader.sized("integrity", 32), reader.rest()
        integrity_key = _derive(seed, b"INTEGRITY", b"", 256)
        if not hmac.compare_digest(integrity, hmac.digest(integrity_key, cipher_text + name, "sha256")):
            raise ShellError("tpm", "ACTIVATE_CREDENTIAL refused: integrity (made for another key's name)")
        plain = _decrypt_cfb(_derive(seed, b"STORAGE", name, 128), cipher_text)
        return TpmReader(plain, "credential").sized("the secret", 64)


class FakeVendor:
    """A maker of TPMs: a root certificate, and TPMs whose endorsement certificates it signed."""

    def __init__(self, name: str = "fake TPM vendor") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = self._begin(self._name, self._key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
        self.root = builder.add_extension(_key_usage("key_cert_sign"), critical=True).sign(
            self._key, hashes.SHA256()
        )

    def make_tpm(self) -> FakeTpm:
        """A new TPM with an RSA-2048 endorsement key."""
        key = rsa.generate_private_key(65_537, 2_048)
        modulus = key.public_key().public_numbers().n.to_bytes(256, "big")
        certificate = self._certify(key.public_key()).public_bytes(serialization.Encoding.DER)
        public = EndorsementKey(endorsement_public_area(modulus), certificate)
        return FakeTpm(endorsement=FakeEndorsement(key, public))

    def _certify(self, key: rsa.RSAPublicKey) -> x509.Certificate:
        model = ((_MANUFACTURER, "id:414947"), (_MODEL, "fake"), (_VERSION, "id:1"))
        name = x509.Name([x509.NameAttribute(arc, value) for arc, value in model])
        builder = self._begin(x509.Name([]), key)
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.DirectoryName(name)]), critical=True
        )
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_key_usage("key_encipherment"), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([_EK_CERTIFICATE_USE]), critical=False)
        return builder.sign(self._key, hashes.SHA256())

    def _begin(
        self, subject: x509.Name, key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey
    ) -> x509.CertificateBuilder:
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self._name).public_key(key)
        builder = builder.serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        return builder.not_valid_after(datetime(9999, 12, 31, tzinfo=UTC))


def _key_usage(use: str) -> x509.KeyUsage:
    uses = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
    )
    return x509.KeyUsage(
        **{
            name: name == use
            for name in (*uses, "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
        }
    )


def _derive(seed: bytes, label: bytes, context: bytes, bits: int) -> bytes:
    """KDFa with SHA-256 for at most 256 bits (part 1, clause 11.4.10.2)."""
    return hmac.digest(seed, write_u32(1) + label + b"\0" + context + write_u32(bits), hashlib.sha256)[
        : bits // 8
    ]


def _decrypt_cfb(key: bytes, data: bytes) -> bytes:
    """AES-CFB with a zero vector, by the block cipher alone: libraries have begun to drop the mode."""
    block = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305 - one block at a time is CFB's building stone
    plain, previous = b"", bytes(16)
    for start in range(0, len(data), 16):
        part = data[start : start + 16]
        plain += bytes(a ^ b for a, b in zip(part, block.update(previous), strict=False))
        previous = part
    return plain
