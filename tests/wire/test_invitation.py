"""The invitation's line and the two messages: round trips, what is refused, and whose word an account's proof is."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.errors import DecodeError, VerificationError
from wire.invitation import (
    EnrolmentAnswer,
    EnrolmentQuestion,
    Invitation,
    format_invitation,
    is_invitation,
    parse_invitation,
    prove_box,
    read_answer,
    read_question,
    read_secret,
    verify_box,
    write_message,
    write_secret,
)
from wire.keys import PrivateKey

INVITATION = Invitation("192.0.2.1", 8575, "roof", 1_766_000_000, bytes(range(32)), bytes(32))
LINE = format_invitation(INVITATION)
QUESTION = EnrolmentQuestion("roof", "t", "02ab", "00", "PEM")
ANSWER = EnrolmentAnswer("PEM", "PEM", "192.0.2.1", 8884, "02", "ab", "03", "")


def test_the_line_is_read_back_and_a_shell_leaves_it_as_it_is() -> None:
    assert parse_invitation(LINE + "\n") == INVITATION
    assert is_invitation(f" {LINE}")
    assert not is_invitation("roof.toml")
    assert not set(LINE) & set(" \t\"'`$&|;<>()*?[]{}#~\\!")
    v6 = replace(INVITATION, host="2001:db8::1")
    assert parse_invitation(format_invitation(v6)) == v6


@pytest.mark.parametrize(
    "line",
    [
        "", "airgrant-enrol/2/" + LINE.split("/", 2)[2], LINE + "/more", LINE.replace("8575", "0"),
        LINE.replace("8575", "x"), LINE.replace("roof", "ro+of"), LINE.replace("roof", "r" * 21),
        LINE.replace("192.0.2.1", "a b"), LINE.replace("192.0.2.1", ""), LINE.replace("1766000000", "-1"),
        LINE + "x" * 400,
    ],
)  # fmt: skip
def test_what_is_no_invitation(line: str) -> None:
    with pytest.raises(DecodeError, match="invitation"):
        parse_invitation(line)


def test_a_line_that_was_cut_is_no_invitation() -> None:
    for size in range(len(LINE)):
        with pytest.raises(DecodeError):
            parse_invitation(LINE[:size])


@given(st.text())
def test_any_text_is_an_invitation_or_a_decode_error(text: str) -> None:
    try:
        parse_invitation(text)
    except DecodeError:
        return
    raise AssertionError("by chance?")


def test_a_secret_has_one_spelling() -> None:
    text = write_secret(bytes(32))
    assert read_secret(text) == bytes(32)
    for wrong in (text + "=", text[:-1] + "B", text[:-1], text + "A", "/" * 43, "\u00e4" * 43):
        with pytest.raises(DecodeError):
            read_secret(wrong)


def test_messages_are_read_back() -> None:
    assert read_question(write_message(QUESTION)) == QUESTION
    assert read_answer(write_message(ANSWER)) == ANSWER


@pytest.mark.parametrize(
    "octets",
    [
        b"", b"\xff", b"[]", b"{}", b"[" * 20_000, json.dumps(asdict(QUESTION) | {"more": 1}).encode(),
        json.dumps(asdict(QUESTION) | {"box": 1}).encode(), json.dumps(asdict(QUESTION) | {"box": "\ud800"}).encode(),
        json.dumps(asdict(QUESTION) | {"request": "x" * 17_000}).encode(),
    ],
)  # fmt: skip
def test_what_is_no_question(octets: bytes) -> None:
    with pytest.raises(DecodeError, match="enrolment question"):
        read_question(octets)


def test_true_is_no_port() -> None:
    with pytest.raises(DecodeError, match="port"):
        read_answer(json.dumps(asdict(ANSWER) | {"port": True}).encode())


def test_an_accounts_word_is_for_one_token_and_one_key() -> None:
    account = PrivateKey.generate()
    proof = prove_box(account, bytes(32), b"key")
    verify_box(account.public, proof, bytes(32), b"key")
    for token, key, whose in (
        (b"x" * 32, b"key", account), (bytes(32), b"kex", account), (bytes(32), b"key", PrivateKey.generate())
    ):  # fmt: skip
        with pytest.raises(VerificationError):
            verify_box(whose.public, proof, token, key)
    for garbled in ("", "zz", proof[2:]):
        with pytest.raises(DecodeError):
            verify_box(account.public, garbled, bytes(32), b"key")
