"""The TPM of the box: makes the attestation key, quotes and anchors the records of the meter, activates a credential.

In: hashes of records. Out: attest structures with their signatures, as bytes that are kept and never rebuilt. It
decides nothing and repeats nothing: every failure is a ShellError. Calls block, 1 ms on a software TPM and 0.1 to
1 s on a chip, so a daemon calls them from a worker thread, one at a time.
Reference: decision 6 of the architecture; TPM 2.0 Library part 3; TCG EK Credential Profile 2.4, B.3.3 (template L-1).
"""

import secrets
from collections.abc import Callable
from typing import Protocol, TypeVar

from apd.shells import tpm_commands as commands
from apd.shells.tpm_transport import Transport, open_transport
from wire.errors import DecodeError, ShellError
from wire.evidence import Evidence
from wire.frozen import dataclass
from wire.meter_record import BOOT_PCRS, METER_PCR, AnchorRecord, MeterRecord, record_hash
from wire.tpm_attest import NvCertified, read_attest, read_pcr_selections
from wire.tpm_buffer import TpmReader
from wire.tpm_public import (
    ANCHOR_ATTRIBUTES,
    ANCHOR_INDEX,
    ANCHOR_SIZE,
    HIERARCHY_ENDORSEMENT,
    HIERARCHY_OWNER,
    NV_WRITTEN,
    AttestationKey,
    anchor_template,
    attestation_key_template,
    endorsement_public_area,
    read_attestation_key,
    write_ecc_public,
)

QUOTED_PCRS = (*BOOT_PCRS, METER_PCR)
"""PCR 14 cannot be reset without a reboot, unlike 16 and 23. A shim may have extended it before us: it need not be
zero.
"""
ENDORSEMENT_KEY_HANDLE = 0x8101_0001
ENDORSEMENT_CERTIFICATE_INDEX = 0x01C0_0002

_PCR_READ_AT_ONCE = 8
_NV_READ_AT_ONCE = 512
"""Every TPM reads at least this much NV at once (PC Client profile: MAX_NV_BUFFER_SIZE of 512 or more)."""
_MAX_CERTIFICATE_BYTES = 4_096
_MAX_RESUBMISSIONS = 5

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Quote:
    """A quote whose extra data is a record's hash, made right after that hash was extended into the meter's PCR."""

    attest: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Anchor:
    """The anchor counter's new value, certified with a record's hash as extra data."""

    counter: int
    attest: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class EndorsementKey:
    """The TPM's identity: public area (TPMT_PUBLIC) and the maker's certificate (DER)."""

    public_area: bytes
    certificate: bytes


class MeterTpm(Protocol):
    """What a daemon needs of a TPM; `Tpm` is the real one, `fake_tpm.FakeTpm` its twin for tests."""

    def attestation_key(self) -> AttestationKey: ...
    def read_pcrs(self) -> dict[int, bytes]: ...
    def extend_and_quote(self, qualifying: bytes) -> Quote: ...
    def quote(self, qualifying: bytes) -> Quote: ...
    def anchor_counter(self) -> int: ...
    def anchor(self, qualifying: bytes) -> Anchor: ...
    def certify_anchor(self, qualifying: bytes) -> Anchor: ...
    def endorsement_key(self) -> EndorsementKey: ...
    def activate_credential(self, credential_blob: bytes, encrypted_secret: bytes) -> bytes: ...
    def close(self) -> None: ...


class Tpm:
    """An open TPM with its attestation key loaded. Every method raises ShellError only."""

    def __init__(self, transport: Transport, owner_auth: bytes = b"") -> None:
        self._transport = transport
        self._owner_auth = owner_auth
        self._anchor_ready = False
        if transport.raw:
            self._flush_stale(commands.TRANSIENT_FIRST)
            self._flush_stale(commands.LOADED_SESSION_FIRST)
        self._key_handle, self._key = self._create_attestation_key()

    @classmethod
    def open(cls, tcti: str, owner_auth: bytes = b"") -> "Tpm":
        """Connects as `tpm_transport` says. `owner_auth`: password of the owner hierarchy, where one is set."""
        transport = open_transport(tcti)
        try:
            return cls(transport, owner_auth)
        except BaseException:
            transport.close()
            raise

    def close(self) -> None:
        """Unloads the key (best effort: the TPM may be gone) and closes."""
        try:
            self._run(commands.flush_context(self._key_handle), _nothing)
        except ShellError:
            pass
        finally:
            self._transport.close()

    def attestation_key(self) -> AttestationKey:
        """The same at each start until somebody clears the TPM, which then calls for a new enrolment."""
        return self._key

    def read_pcrs(self) -> dict[int, bytes]:
        """The SHA-256 values of the PCRs that are quoted, by index."""
        values: dict[int, bytes] = {}
        for start in range(0, len(QUOTED_PCRS), _PCR_READ_AT_ONCE):
            indices = QUOTED_PCRS[start : start + _PCR_READ_AT_ONCE]
            values.update(zip(indices, self._read_some_pcrs(indices), strict=True))
        return values

    def extend_and_quote(self, qualifying: bytes) -> Quote:
        """Extends PCR 14 with a record's hash, then quotes. Should only the second fail, `quote` makes up for it."""
        self._run(commands.pcr_extend(METER_PCR, qualifying), _nothing)
        return self.quote(qualifying)

    def quote(self, qualifying: bytes) -> Quote:
        """For a record that PCR 14 has already: extended before a fault, or by a run of the daemon before ours."""
        command = commands.quote(self._key_handle, qualifying, QUOTED_PCRS)
        return Quote(*self._run(command, commands.read_attest_and_signature))

    def anchor_counter(self) -> int:
        """The counter as it stands: the next anchor makes one more. Defines the counter at first use on a TPM."""
        self._ensure_anchor()
        command = commands.nv_read(ANCHOR_INDEX, ANCHOR_SIZE, 0)
        return int.from_bytes(
            self._run(command, lambda parameters: parameters.sized("the counter", ANCHOR_SIZE)), "big"
        )

    def anchor(self, qualifying: bytes) -> Anchor:
        """Counts one up, durably, then certifies the counter together with a record's hash."""
        self._ensure_anchor()
        self._run(commands.nv_increment(ANCHOR_INDEX), _nothing)
        return self.certify_anchor(qualifying)

    def certify_anchor(self, qualifying: bytes) -> Anchor:
        """Certifies the counter as it stands: for a record that was counted, but not certified, before a fault."""
        command = commands.nv_certify(self._key_handle, ANCHOR_INDEX, qualifying, ANCHOR_SIZE)
        attest, signature = self._run(command, commands.read_attest_and_signature)
        return Anchor(_read_counter(attest), attest, signature)

    def endorsement_key(self) -> EndorsementKey:
        """Public area and certificate. ShellError if the TPM carries no RSA certificate."""
        handle, public_area = self._load_endorsement_key()
        self._unload_endorsement_key(handle)
        stored = self._read_nv(ENDORSEMENT_CERTIFICATE_INDEX, _MAX_CERTIFICATE_BYTES)
        return EndorsementKey(public_area, _trim_certificate(stored))

    def activate_credential(self, credential_blob: bytes, encrypted_secret: bytes) -> bytes:
        """The secret that was encrypted to this TPM's endorsement key and this attestation key's name (16 to 32
        bytes).
        """
        handle, _ = self._load_endorsement_key()
        try:
            return self._activate(handle, credential_blob, encrypted_secret)
        finally:
            self._unload_endorsement_key(handle)

    def _activate(self, endorsement_key: int, blob: bytes, encrypted_secret: bytes) -> bytes:
        (session,), _ = self._exchange(commands.start_policy_session(secrets.token_bytes(16)))
        try:
            self._exchange(commands.policy_secret(HIERARCHY_ENDORSEMENT, session, b""))
            command = commands.activate_credential(
                self._key_handle, endorsement_key, session, blob, encrypted_secret
            )
            return self._run(command, lambda parameters: parameters.sized("the secret", 64))
        finally:
            self._run(commands.flush_context(session), _nothing)

    def _create_attestation_key(self) -> tuple[int, AttestationKey]:
        template = write_ecc_public(attestation_key_template())
        command = commands.create_primary(HIERARCHY_OWNER, template, self._owner_auth)
        (handle,), parameters = self._exchange(command)
        return handle, _told(lambda: read_attestation_key(parameters.sized("the public area", 512)))

    def _load_endorsement_key(self) -> tuple[int, bytes]:
        """(handle, public area): the maker's persistent key, or the same key made anew from the template."""
        try:
            public = self._run(commands.read_public(ENDORSEMENT_KEY_HANDLE), _sized_public)
            return ENDORSEMENT_KEY_HANDLE, public
        except commands.TpmResponseError as refusal:
            if refusal.code != commands.RC_HANDLE:
                raise
        (handle,), parameters = self._exchange(
            commands.create_primary(HIERARCHY_ENDORSEMENT, endorsement_public_area(), b"")
        )
        return handle, _told(lambda: _sized_public(parameters))

    def _unload_endorsement_key(self, handle: int) -> None:
        if handle != ENDORSEMENT_KEY_HANDLE:
            self._run(commands.flush_context(handle), _nothing)

    def _read_some_pcrs(self, indices: tuple[int, ...]) -> list[bytes]:
        def read(parameters: TpmReader) -> list[bytes]:
            parameters.u32("the update counter")
            found = read_pcr_selections(parameters)
            count = parameters.u32("the number of values")
            values = [parameters.sized("a PCR value", 32) for _ in range(min(count, _PCR_READ_AT_ONCE))]
            if [selection.indices for selection in found] != [indices] or len(values) != len(indices):
                raise parameters.error(f"no SHA-256 values of PCRs {indices}: is the SHA-256 bank off?")
            return values

        return self._run(commands.pcr_read(indices), read)

    def _ensure_anchor(self) -> None:
        """Defines the counter if there is none; refuses one that is not as ours (orderly, say, or of another type)."""
        if self._anchor_ready:
            return
        attributes = self._read_anchor_attributes()
        if attributes is None:
            self._run(
                commands.nv_define_space(HIERARCHY_OWNER, anchor_template(), self._owner_auth), _nothing
            )
        elif attributes & ~NV_WRITTEN != ANCHOR_ATTRIBUTES:
            raise ShellError(
                "tpm", f"NV index {ANCHOR_INDEX:#x} exists with other attributes ({attributes:#x})"
            )
        if attributes is None or not attributes & NV_WRITTEN:
            self._run(commands.nv_increment(ANCHOR_INDEX), _nothing)  # until then it has no value to read
        self._anchor_ready = True

    def _read_anchor_attributes(self) -> int | None:
        try:
            public = self._run(commands.nv_read_public(ANCHOR_INDEX), _sized_public)
        except commands.TpmResponseError as refusal:
            if refusal.code != commands.RC_HANDLE:
                raise
            return None
        attributes = int.from_bytes(public[6:10], "big")
        if public != anchor_template(attributes):
            raise ShellError("tpm", f"NV index {ANCHOR_INDEX:#x} is not a counter as ours")
        return attributes

    def _read_nv(self, index: int, maximum: int) -> bytes:
        public = self._run(commands.nv_read_public(index), _sized_public)
        size = int.from_bytes(public[-2:], "big")
        if size > maximum:
            raise ShellError("tpm", f"NV index {index:#x} has {size} bytes, at most {maximum} are expected")
        data = b""
        while len(data) < size:
            command = commands.nv_read(index, min(_NV_READ_AT_ONCE, size - len(data)), len(data))
            data += self._run(command, lambda parameters: parameters.sized("NV contents", _NV_READ_AT_ONCE))
        return data

    def _flush_stale(self, first: int) -> None:
        for handle in self._run(commands.get_handles(first, 64), commands.read_handles):
            self._run(commands.flush_context(handle), _nothing)

    def _run(self, command: commands.Command, read: Callable[[TpmReader], T]) -> T:
        """Exchanges, then reads the response's parameters."""
        _, parameters = self._exchange(command)
        return _told(lambda: read(parameters))

    def _exchange(self, command: commands.Command) -> tuple[list[int], TpmReader]:
        """Once; again only when the TPM says that it has not begun (as every TPM library does)."""
        for _ in range(_MAX_RESUBMISSIONS):
            response = self._transport.exchange(command.encoded)
            if int.from_bytes(response[6:10], "big") not in commands.RC_RETRY:
                break
        return _told(lambda: commands.read_response(command, response))


def sign_record(
    tpm: MeterTpm, record: MeterRecord, encoded: bytes, *, extended_before: bool = False
) -> Evidence:
    """The evidence of a record whose bytes are `encoded`, which are never serialised again.

    `extended_before`: PCR 14 has this record already, so it is only quoted. An anchor record announces the counter's
    next value; a counter that stands there already was counted for this record before a fault. Raises ShellError.
    """
    digest, key_id = record_hash(encoded), tpm.attestation_key().public_key.key_id
    quote = tpm.quote(digest) if extended_before else tpm.extend_and_quote(digest)
    if not isinstance(record, AnchorRecord):
        return Evidence(key_id, encoded, quote.attest, quote.signature)
    counted = tpm.anchor_counter() == record.counter
    anchor = tpm.certify_anchor(digest) if counted else tpm.anchor(digest)
    if anchor.counter != record.counter:
        raise ShellError("tpm", f"the anchor counter is {anchor.counter}, the record says {record.counter}")
    return Evidence(key_id, encoded, quote.attest, quote.signature, anchor.attest, anchor.signature)


def _told(read: Callable[[], T]) -> T:
    """A malformed response is the TPM's fault, and so a ShellError here."""
    try:
        return read()
    except DecodeError as error:
        raise ShellError("tpm", str(error)) from error


def _trim_certificate(stored: bytes) -> bytes:
    """The DER sequence at the beginning: some makers fill the rest of the NV index up."""
    if stored[:2] != b"\x30\x82":
        raise ShellError("tpm", f"NV index {ENDORSEMENT_CERTIFICATE_INDEX:#x} does not hold a certificate")
    return stored[: 4 + int.from_bytes(stored[2:4], "big")]


def _read_counter(attest: bytes) -> int:
    certified = _told(lambda: read_attest(attest)).attested
    if not isinstance(certified, NvCertified):
        raise ShellError("tpm", "NV_CERTIFY answered with a quote")
    return int.from_bytes(certified.contents, "big")


def _sized_public(parameters: TpmReader) -> bytes:
    return parameters.sized("the public area", 512)


def _nothing(parameters: TpmReader) -> None:
    """For commands whose response has nothing for us."""
