"""The few TPM 2.0 commands that the meter needs, as bytes: building them and reading their responses. No I/O.

Why not a library: tpm2-pytss with its C libraries costs 9.5 MB of resident memory where the whole daemon has 45, and a
compiler on every box. These commands are fixed templates of integers and sized buffers; the tests hold each of
them against tpm2-pytss. Authorisation is an empty password (the keys are restricted and the counter only counts),
or a policy session.
Reference: TPM 2.0 Library part 3 (commands), part 2 clause 6.6 (response codes); part 1 clause 18 (command structure).
"""

from enum import IntEnum

from wire.errors import ShellError
from wire.frozen import dataclass
from wire.tpm_attest import ALGORITHM_SHA256, PcrSelection, write_pcr_selections
from wire.tpm_buffer import TpmReader, write_sized, write_u16, write_u32

RS_PASSWORD = 0x4000_0009
RH_NULL = 0x4000_0007
TRANSIENT_FIRST, LOADED_SESSION_FIRST = 0x8000_0000, 0x0200_0000
RESPONSE_HEADER_BYTES = 10
MAX_RESPONSE_BYTES = 4_096
"""What the kernel's TPM driver carries; no response of ours comes near."""

_TAG_NO_SESSIONS, _TAG_SESSIONS = 0x8001, 0x8002
_ALGORITHM_NULL, _ALGORITHM_ECDSA = 0x0010, 0x0018
_CAPABILITY_HANDLES = 1
_SESSION_POLICY = 0x01
_CONTINUE_SESSION = 0x01
_MAX_BUFFER_BYTES = 1_024


class Code(IntEnum):
    """Command codes (part 2, clause 6.5.2)."""

    NV_DEFINE_SPACE = 0x12A
    CREATE_PRIMARY = 0x131
    NV_INCREMENT = 0x134
    ACTIVATE_CREDENTIAL = 0x147
    NV_READ = 0x14E
    POLICY_SECRET = 0x151
    QUOTE = 0x158
    FLUSH_CONTEXT = 0x165
    NV_READ_PUBLIC = 0x169
    READ_PUBLIC = 0x173
    START_AUTH_SESSION = 0x176
    GET_CAPABILITY = 0x17A
    PCR_READ = 0x17E
    PCR_EXTEND = 0x182
    NV_CERTIFY = 0x184


RC_HANDLE = 0x08B
RC_RETRY = frozenset((0x908, 0x90A, 0x922))
"""YIELDED, TESTING, RETRY: the TPM has not begun and asks for the same command again."""
_RC_NAMES = {
    0x082: "ATTRIBUTES", 0x084: "VALUE", 0x085: "HIERARCHY", RC_HANDLE: "HANDLE", 0x08E: "AUTH_FAIL", 0x08F: "NONCE",
    0x092: "SCHEME", 0x095: "SIZE", 0x09D: "POLICY_FAIL", 0x09F: "INTEGRITY", 0x0A2: "BAD_AUTH", 0x100: "INITIALIZE",
    0x101: "FAILURE", 0x12F: "AUTH_UNAVAILABLE", 0x143: "COMMAND_CODE", 0x149: "NV_AUTHORIZATION",
    0x14A: "NV_UNINITIALIZED", 0x14B: "NV_SPACE", 0x14C: "NV_DEFINED", 0x902: "OBJECT_MEMORY", 0x903: "SESSION_MEMORY",
    0x907: "LOCALITY", 0x910: "REFERENCE_H0", 0x920: "NV_RATE", 0x921: "LOCKOUT", 0x923: "NV_UNAVAILABLE",
}  # fmt: skip


class TpmResponseError(ShellError):
    """The TPM answered with an error. `code` is the response code without its position bits."""

    def __init__(self, command: Code, response_code: int) -> None:
        self.code = response_code & 0xBF if response_code & 0x80 else response_code
        name = _RC_NAMES.get(self.code, "unknown to us")
        super().__init__("tpm", f"{command.name} refused with 0x{response_code:03x} ({name})")


@dataclass(frozen=True, slots=True)
class Command:
    """A command ready to send. `response_handles` says how many handles its response begins with."""

    code: Code
    encoded: bytes
    authorised: bool
    response_handles: int = 0


def read_response(command: Command, data: bytes) -> tuple[list[int], TpmReader]:
    """(handles, reader over the parameters). Raises TpmResponseError, or DecodeError if the response is malformed."""
    reader = TpmReader(data, f"response to {command.code.name}")
    tag, size, response_code = reader.u16("tag"), reader.u32("size"), reader.u32("response code")
    if size != len(data):
        raise reader.error(f"says {size} bytes, has {len(data)}")
    if response_code:
        raise TpmResponseError(command.code, response_code)
    if tag != (_TAG_SESSIONS if command.authorised else _TAG_NO_SESSIONS):
        raise reader.error(f"tag {tag:04x}")
    handles = [reader.u32("a handle") for _ in range(command.response_handles)]
    parameters = (
        reader.octets(reader.u32("parameter size"), "parameters") if command.authorised else reader.rest()
    )
    return handles, TpmReader(parameters, f"parameters of {command.code.name}")


def create_primary(hierarchy: int, template: bytes, owner_auth: bytes) -> Command:
    """A primary key from a template, in a hierarchy."""
    sensitive = write_sized(write_sized(b"") + write_sized(b""))
    parameters = sensitive + write_sized(template) + write_sized(b"") + write_pcr_selections(())
    return _authorised(
        Code.CREATE_PRIMARY, (hierarchy,), (_password(owner_auth),), parameters, response_handles=1
    )


def read_public(handle: int) -> Command:
    """The public area of a loaded or persistent key."""
    return _plain(Code.READ_PUBLIC, (handle,), b"")


def flush_context(handle: int) -> Command:
    """Unloads a key or session."""
    return _plain(Code.FLUSH_CONTEXT, (), write_u32(handle))


def get_handles(first: int, count: int) -> Command:
    """Handles that exist, from `first` up."""
    return _plain(
        Code.GET_CAPABILITY, (), write_u32(_CAPABILITY_HANDLES) + write_u32(first) + write_u32(count)
    )


def pcr_read(indices: tuple[int, ...]) -> Command:
    """At most eight PCRs come back at a time (part 3, clause 22.4)."""
    return _plain(Code.PCR_READ, (), write_pcr_selections((PcrSelection(ALGORITHM_SHA256, indices),)))


def pcr_extend(index: int, digest: bytes) -> Command:
    """One digest into one PCR of the SHA-256 bank."""
    values = write_u32(1) + write_u16(ALGORITHM_SHA256) + digest
    return _authorised(Code.PCR_EXTEND, (index,), (_password(b""),), values)


def quote(key: int, qualifying: bytes, indices: tuple[int, ...]) -> Command:
    """A signed digest over PCRs."""
    selection = write_pcr_selections((PcrSelection(ALGORITHM_SHA256, indices),))
    parameters = write_sized(qualifying) + write_u16(_ALGORITHM_NULL) + selection
    return _authorised(Code.QUOTE, (key,), (_password(b""),), parameters)


def nv_define_space(hierarchy: int, public: bytes, owner_auth: bytes) -> Command:
    """An NV index from its TPMS_NV_PUBLIC."""
    parameters = write_sized(b"") + write_sized(public)
    return _authorised(Code.NV_DEFINE_SPACE, (hierarchy,), (_password(owner_auth),), parameters)


def nv_read_public(index: int) -> Command:
    """Attributes and size of an NV index."""
    return _plain(Code.NV_READ_PUBLIC, (index,), b"")


def nv_read(index: int, size: int, offset: int) -> Command:
    """A part of an NV index's contents."""
    return _authorised(Code.NV_READ, (index, index), (_password(b""),), write_u16(size) + write_u16(offset))


def nv_increment(index: int) -> Command:
    """One more on an NV counter."""
    return _authorised(Code.NV_INCREMENT, (index, index), (_password(b""),), b"")


def nv_certify(key: int, index: int, qualifying: bytes, size: int) -> Command:
    """A signed copy of an NV index's first `size` bytes."""
    parameters = write_sized(qualifying) + write_u16(_ALGORITHM_NULL) + write_u16(size) + write_u16(0)
    return _authorised(Code.NV_CERTIFY, (key, index, index), (_password(b""), _password(b"")), parameters)


def start_policy_session(nonce: bytes) -> Command:
    """An unbound, unsalted policy session."""
    parameters = write_sized(nonce) + write_sized(b"") + bytes((_SESSION_POLICY,))
    parameters += write_u16(_ALGORITHM_NULL) + write_u16(ALGORITHM_SHA256)
    return _plain(Code.START_AUTH_SESSION, (RH_NULL, RH_NULL), parameters, response_handles=1)


def policy_secret(authority: int, session: int, authority_auth: bytes) -> Command:
    """Satisfies a policy that wants a hierarchy's password."""
    parameters = write_sized(b"") * 3 + write_u32(0)
    return _authorised(Code.POLICY_SECRET, (authority, session), (_password(authority_auth),), parameters)


def activate_credential(key: int, endorsement_key: int, session: int, blob: bytes, secret: bytes) -> Command:
    """Decrypts a credential that was made for these two keys."""
    sessions = (_password(b""), _session(session, _CONTINUE_SESSION, b""))
    parameters = write_sized(blob) + write_sized(secret)
    return _authorised(Code.ACTIVATE_CREDENTIAL, (key, endorsement_key), sessions, parameters)


def read_handles(parameters: TpmReader) -> list[int]:
    """TPML_HANDLE of GET_CAPABILITY; whether more would follow is left to the caller's count."""
    parameters.u8("more data")
    parameters.u32("capability")
    return [parameters.u32("a handle") for _ in range(parameters.u32("the number of handles"))]


def read_attest_and_signature(parameters: TpmReader) -> tuple[bytes, bytes]:
    """(TPMS_ATTEST, r || s in 64 bytes) of QUOTE and NV_CERTIFY."""
    attest = parameters.sized("the attest", _MAX_BUFFER_BYTES)
    algorithm, hash_algorithm = parameters.u16("signature algorithm"), parameters.u16("signature hash")
    if (algorithm, hash_algorithm) != (_ALGORITHM_ECDSA, ALGORITHM_SHA256):
        raise parameters.error(f"signature {algorithm:04x}/{hash_algorithm:04x} is not ECDSA-SHA256")
    r, s = parameters.sized("r", 32), parameters.sized("s", 32)
    parameters.finish()
    return attest, r.rjust(32, b"\0") + s.rjust(32, b"\0")


def _plain(code: Code, handles: tuple[int, ...], parameters: bytes, response_handles: int = 0) -> Command:
    body = b"".join(map(write_u32, handles)) + parameters
    return Command(code, _frame(_TAG_NO_SESSIONS, code, body), False, response_handles)


def _authorised(
    code: Code,
    handles: tuple[int, ...],
    sessions: tuple[bytes, ...],
    parameters: bytes,
    response_handles: int = 0,
) -> Command:
    area = b"".join(sessions)
    body = b"".join(map(write_u32, handles)) + write_u32(len(area)) + area + parameters
    return Command(code, _frame(_TAG_SESSIONS, code, body), True, response_handles)


def _frame(tag: int, code: Code, body: bytes) -> bytes:
    return write_u16(tag) + write_u32(RESPONSE_HEADER_BYTES + len(body)) + write_u32(code) + body


def _password(auth: bytes) -> bytes:
    return _session(RS_PASSWORD, 0, auth)


def _session(handle: int, attributes: int, hmac: bytes) -> bytes:
    """TPMS_AUTH_COMMAND with an empty nonce."""
    return write_u32(handle) + write_sized(b"") + bytes((attributes,)) + write_sized(hmac)
