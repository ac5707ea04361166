"""The TPM shell's edges that no healthy TPM shows: refusals, resubmission, stale handles, foreign indices.

A script answers command codes; tests/system/test_tpm.py runs the same shell against a real TPM 2.0 interface.
"""

import pytest

from apd.shells.tpm import Tpm
from apd.shells.tpm_commands import Code
from apd.shells.tpm_transport import Transport
from wire.errors import ShellError
from wire.keys import PrivateKey
from wire.tpm_buffer import write_sized, write_u16, write_u32
from wire.tpm_public import (
    ANCHOR_ATTRIBUTES,
    NV_WRITTEN,
    anchor_template,
    attestation_key_template,
    write_ecc_public,
)

POINT = PrivateKey.from_secret(5).key.public_key().public_numbers()
PUBLIC_AREA = write_ecc_public(
    attestation_key_template(POINT.x.to_bytes(32, "big"), POINT.y.to_bytes(32, "big"))
)
KEY = 0x8000_0001
ORDERLY = 1 << 26


def plain(body=b"", code=0):
    return write_u16(0x8001) + write_u32(10 + len(body)) + write_u32(code) + body


def authorised(parameters=b"", handles=b""):
    body = handles + write_u32(len(parameters)) + parameters + bytes(5)
    return write_u16(0x8002) + write_u32(10 + len(body)) + write_u32(0) + body


def handles_found(*handles):
    return plain(b"\0" + write_u32(1) + write_u32(len(handles)) + b"".join(map(write_u32, handles)))


class Script:
    """Answers by command code: one response for all, or one after the other."""

    def __init__(self, **answers):
        self.answers = {
            Code.CREATE_PRIMARY: authorised(write_sized(PUBLIC_AREA), write_u32(KEY)),
            Code.FLUSH_CONTEXT: plain(),
            Code.GET_CAPABILITY: handles_found(),
            **{Code[name]: answer for name, answer in answers.items()},
        }
        self.seen = []
        self.closed = False

    def exchange(self, command):
        code = Code(int.from_bytes(command[6:10], "big"))
        self.seen.append((code, command[10:]))
        answer = self.answers[code]
        return answer.pop(0) if isinstance(answer, list) else answer

    def close(self):
        self.closed = True

    def open(self, raw=False):
        return Tpm(Transport(self.exchange, self.close, raw))

    def codes(self):
        return [code for code, _ in self.seen]


def test_opening_makes_the_key_and_closing_unloads_it():
    script = Script()
    tpm = script.open()
    assert tpm.attestation_key().public_area == PUBLIC_AREA
    tpm.close()
    assert script.seen[-1] == (Code.FLUSH_CONTEXT, write_u32(KEY))
    assert script.closed


def test_closing_a_tpm_that_is_gone_still_closes():
    script = Script()
    tpm = script.open()
    script.answers[Code.FLUSH_CONTEXT] = plain(code=0x101)
    tpm.close()
    assert script.closed


def test_what_a_crashed_client_left_is_flushed_on_a_raw_transport_only():
    script = Script(GET_CAPABILITY=[handles_found(0x8000_0000, 0x8000_0002), handles_found(0x0300_0000)])
    script.open(raw=True)
    flushed = [body for code, body in script.seen if code is Code.FLUSH_CONTEXT]
    assert flushed == [write_u32(0x8000_0000), write_u32(0x8000_0002), write_u32(0x0300_0000)]
    managed = Script()
    managed.open(raw=False)
    assert managed.codes() == [Code.CREATE_PRIMARY]


def test_a_tpm_that_has_not_begun_is_asked_again():
    """RC_RETRY and RC_TESTING are part of the protocol, not failures."""
    quoted = authorised(
        write_sized(b"attest") + write_u16(0x18) + write_u16(0xB) + write_sized(b"r") + write_sized(b"s")
    )
    script = Script(QUOTE=[plain(code=0x922), plain(code=0x90A), quoted])
    assert script.open().quote(bytes(32)).attest == b"attest"
    assert script.codes().count(Code.QUOTE) == 3


def test_a_tpm_that_never_begins_is_a_shell_error():
    script = Script(QUOTE=plain(code=0x922))
    with pytest.raises(ShellError, match="QUOTE refused with 0x922"):
        script.open().quote(bytes(32))
    assert script.codes().count(Code.QUOTE) == 5


def test_a_key_that_is_not_as_ordered_is_a_shell_error():
    spoiled = PUBLIC_AREA[:4] + write_u32(0x72) + PUBLIC_AREA[8:]
    script = Script(CREATE_PRIMARY=authorised(write_sized(spoiled), write_u32(KEY)))
    with pytest.raises(ShellError, match="lacks noDA, restricted, sign"):
        script.open()


def test_a_malformed_response_is_a_shell_error():
    script = Script(PCR_READ=plain(b"\0\0"))
    with pytest.raises(ShellError, match="PCR_READ: ends inside"):
        script.open().read_pcrs()


def test_a_tpm_without_a_sha256_bank_is_a_shell_error():
    script = Script(PCR_READ=plain(write_u32(7) + write_u32(0) + write_u32(0)))
    with pytest.raises(ShellError, match="is the SHA-256 bank off"):
        script.open().read_pcrs()


@pytest.mark.parametrize(
    ("public", "why"),
    [
        (anchor_template(ANCHOR_ATTRIBUTES | ORDERLY), "other attributes"),
        (anchor_template()[:-2] + write_u16(64), "not a counter as ours"),
    ],
)
def test_somebody_elses_index_is_not_taken_for_the_anchor(public, why):
    """An orderly counter jumps after a crash: it cannot number anything without a gap."""
    script = Script(NV_READ_PUBLIC=plain(write_sized(public) + write_sized(bytes(34))))
    with pytest.raises(ShellError, match=why):
        script.open().anchor_counter()
    assert Code.NV_INCREMENT not in script.codes()


def test_a_missing_anchor_is_defined_and_counted_once():
    script = Script(
        NV_READ_PUBLIC=plain(code=0x18B),
        NV_DEFINE_SPACE=authorised(),
        NV_INCREMENT=authorised(),
        NV_READ=authorised(write_sized((7).to_bytes(8, "big"))),
    )
    tpm = script.open()
    assert tpm.anchor_counter() == tpm.anchor_counter() == 7
    assert script.codes().count(Code.NV_DEFINE_SPACE) == script.codes().count(Code.NV_INCREMENT) == 1


def test_an_anchor_from_before_is_left_as_it_is():
    public = anchor_template(ANCHOR_ATTRIBUTES | NV_WRITTEN)
    script = Script(
        NV_READ_PUBLIC=plain(write_sized(public) + write_sized(bytes(34))),
        NV_READ=authorised(write_sized((7).to_bytes(8, "big"))),
    )
    assert script.open().anchor_counter() == 7
    assert Code.NV_INCREMENT not in script.codes()


def test_a_session_is_flushed_when_activation_fails():
    script = Script(
        READ_PUBLIC=plain(write_sized(b"public")),
        START_AUTH_SESSION=plain(write_u32(0x0300_0000) + write_sized(bytes(16))),
        POLICY_SECRET=authorised(write_sized(b"") + bytes(8)),
        ACTIVATE_CREDENTIAL=plain(code=0x1DF),
    )
    with pytest.raises(ShellError, match="ACTIVATE_CREDENTIAL refused with 0x1df"):
        script.open().activate_credential(b"blob", b"secret")
    assert script.seen[-1] == (Code.FLUSH_CONTEXT, write_u32(0x0300_0000))


def test_a_tpm_without_a_certificate_is_a_shell_error():
    nv_public = anchor_template()[:-2] + write_u16(16)
    script = Script(
        READ_PUBLIC=plain(write_sized(b"public")),
        NV_READ_PUBLIC=plain(write_sized(nv_public) + write_sized(bytes(34))),
        NV_READ=authorised(write_sized(b"\xff" * 16)),
    )
    with pytest.raises(ShellError, match="does not hold a certificate"):
        script.open().endorsement_key()


def test_a_certificate_is_read_in_parts_and_without_what_fills_the_index_up():
    certificate = b"\x30\x82" + (700 - 4).to_bytes(2, "big") + bytes(696)
    stored = certificate + b"\xff" * 100
    script = Script(
        READ_PUBLIC=plain(write_sized(b"public")),
        NV_READ_PUBLIC=plain(
            write_sized(anchor_template()[:-2] + write_u16(len(stored))) + write_sized(bytes(34))
        ),
        NV_READ=[authorised(write_sized(stored[:512])), authorised(write_sized(stored[512:]))],
    )
    assert script.open().endorsement_key().certificate == certificate
