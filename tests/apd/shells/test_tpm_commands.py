"""TPM commands as bytes: tpm2-pytss parses each to its last byte and finds what we meant; responses good and bad."""

import io

import pytest

from apd.shells import tpm_commands as commands
from apd.shells.tpm_commands import Code, TpmResponseError, read_response
from wire.errors import DecodeError
from wire.tpm_buffer import write_sized, write_u16, write_u32
from wire.tpm_public import (
    ANCHOR_INDEX,
    HIERARCHY_ENDORSEMENT,
    HIERARCHY_OWNER,
    anchor_template,
    attestation_key_template,
    endorsement_public_area,
    write_ecc_public,
)

KEY, EK, SESSION = 0x8000_0000, 0x8101_0001, 0x0300_0000
ALL = [
    commands.create_primary(HIERARCHY_OWNER, write_ecc_public(attestation_key_template()), b"owner"),
    commands.create_primary(HIERARCHY_ENDORSEMENT, endorsement_public_area(), b""),
    commands.read_public(EK),
    commands.flush_context(KEY),
    commands.get_handles(commands.TRANSIENT_FIRST, 64),
    commands.pcr_read((0, 1, 9, 14)),
    commands.pcr_extend(14, b"d" * 32),
    commands.quote(KEY, b"q" * 32, (0, 14)),
    commands.nv_define_space(HIERARCHY_OWNER, anchor_template(), b""),
    commands.nv_read_public(ANCHOR_INDEX),
    commands.nv_read(ANCHOR_INDEX, 8, 0),
    commands.nv_increment(ANCHOR_INDEX),
    commands.nv_certify(KEY, ANCHOR_INDEX, b"q" * 32, 8),
    commands.start_policy_session(b"n" * 16),
    commands.policy_secret(HIERARCHY_ENDORSEMENT, SESSION, b""),
    commands.activate_credential(KEY, EK, SESSION, b"blob" * 9, b"secret" * 9),
]


def parse(command):
    parser = pytest.importorskip("tpm2_pytss.command_parser", reason="tpm2-pytss is not installed")
    stream = io.BytesIO(command.encoded)
    parsed = parser.read_command(stream)
    assert stream.read() == b"", "bytes after the command"
    return parsed


@pytest.mark.parametrize("command", ALL, ids=lambda command: command.code.name)
def test_tpm2_pytss_reads_every_command_whole(command):
    parsed = parse(command)
    assert parsed.command_code == command.code
    assert bool(parsed.sessions) == command.authorised


def test_every_code_has_a_command_here():
    assert {command.code for command in ALL} == set(Code)


def test_a_quote_asks_for_what_we_mean():
    parsed = parse(commands.quote(KEY, b"q" * 32, (0, 9, 14)))
    assert bytes(parsed.parameters[0]) == b"q" * 32
    (bank,) = parsed.parameters[2]
    assert (int(bank.hash), bytes(bank.pcrSelect[0:3])) == (0x000B, b"\x01\x42\x00")


def test_both_keys_authorise_an_activation_and_the_second_by_policy():
    parsed = parse(ALL[-1])
    assert [int(session.handle) for session in parsed.sessions] == [commands.RS_PASSWORD, SESSION]


# ---- Responses


def response(body=b"", tag=0x8001, code=0, size=None):
    size = 10 + len(body) if size is None else size
    return write_u16(tag) + write_u32(size) + write_u32(code) + body


PLAIN, AUTHORISED = commands.nv_read_public(ANCHOR_INDEX), commands.nv_increment(ANCHOR_INDEX)


def test_parameters_come_without_the_session_area():
    handles, parameters = read_response(AUTHORISED, response(write_u32(3) + b"abc" + bytes(5), tag=0x8002))
    assert (handles, parameters.rest()) == ([], b"abc")


def test_handles_come_first():
    handles, parameters = read_response(
        commands.start_policy_session(bytes(16)), response(write_u32(SESSION) + b"x")
    )
    assert (handles, parameters.rest()) == ([SESSION], b"x")


@pytest.mark.parametrize(
    ("code", "reduced", "name"),
    [
        (0x18B, 0x08B, "HANDLE"),
        (0x98E, 0x08E, "AUTH_FAIL"),
        (0x921, 0x921, "LOCKOUT"),
        (0x57F, 0x57F, "unknown"),
    ],
)
def test_a_refusal_is_named(code, reduced, name):
    with pytest.raises(TpmResponseError, match=name) as caught:
        read_response(PLAIN, response(code=code))
    assert caught.value.code == reduced


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80",
        response(size=11),
        response(b"x", size=10),
        response(tag=0x8002),
        response(tag=0x1234),
    ],
)
def test_a_malformed_response_is_a_decode_error(data):
    with pytest.raises(DecodeError):
        read_response(PLAIN, data)


def test_a_parameter_size_beyond_the_response_is_a_decode_error():
    with pytest.raises(DecodeError, match="parameters"):
        read_response(AUTHORISED, response(write_u32(99) + b"abc", tag=0x8002))


def attested(algorithm=0x0018, r=b"\1" * 32, s=b"\2" * 31):
    body = write_sized(b"attest") + write_u16(algorithm) + write_u16(0x000B) + write_sized(r) + write_sized(s)
    return read_response(AUTHORISED, response(write_u32(len(body)) + body + bytes(5), tag=0x8002))[1]


def test_a_signature_with_leading_zeros_is_filled_up():
    attest, signature = commands.read_attest_and_signature(attested())
    assert attest == b"attest"
    assert signature == b"\1" * 32 + b"\0" + b"\2" * 31


def test_another_signature_scheme_is_refused():
    with pytest.raises(DecodeError, match="0014/000b is not ECDSA-SHA256"):
        commands.read_attest_and_signature(attested(algorithm=0x0014))
