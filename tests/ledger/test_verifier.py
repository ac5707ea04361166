"""The process of signatures: its byte forms, what it says of good and bad ones, and that its own are good."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ledger.verifier import HEAD, Signed, answer, ask_to_sign, ask_to_verify, give_key, read_signed, sign
from tests.ledger_world import ALICE, BOB
from wire.keys import verify

ROOT = Path(__file__).resolve().parents[2]


def signed(message: bytes, bend: int = 0) -> Signed:
    """By Alice, with some bits of the signature turned."""
    signature = ALICE.sign(message)
    return ALICE.public.octets, signature[:-1] + bytes((signature[-1] ^ bend,)), message


def test_a_question_survives_its_bytes() -> None:
    several = [signed(b""), signed(b"one"), signed(bytes(100_000))]
    question = ask_to_verify(several)
    assert HEAD.unpack(question[: HEAD.size]) == (b"v", len(question) - HEAD.size)
    assert list(read_signed(question[HEAD.size :])) == several
    assert list(read_signed(b"")) == []


@pytest.mark.parametrize(
    ("one", "holds"),
    [
        (signed(b"message"), 1),
        (signed(b"message", bend=1), 0),
        ((BOB.public.octets, *signed(b"message")[1:]), 0),
        ((b"\x02" + b"\xff" * 32, *signed(b"message")[1:]), 0),
        ((bytes(33), *signed(b"message")[1:]), 0),
        ((ALICE.public.octets, bytes(64), b"message"), 0),
    ],
)
def test_only_what_holds_is_said_to_hold(one: Signed, holds: int) -> None:
    question = ask_to_verify([signed(b"before"), one, signed(b"after")])
    assert answer(question[HEAD.size :]) == bytes((1, holds, 1))


def test_every_message_gets_the_key_s_signature() -> None:
    messages = [b"", b"one", bytes(1_000)]
    signatures = sign(BOB, ask_to_sign(messages)[HEAD.size :])
    for at, message in enumerate(messages):
        verify(BOB.public, signatures[64 * at : 64 * at + 64], message)
    assert len(signatures) == 64 * 3


def test_the_process_answers_each_question_and_ends_with_its_input() -> None:
    questions = ask_to_verify([signed(b"one"), signed(b"two", bend=1)]) + give_key(BOB)
    questions += ask_to_sign([b"three"]) + ask_to_verify([signed(b"four")])
    command = [sys.executable, "-m", "ledger.verifier"]
    done = subprocess.run(command, input=questions, capture_output=True, check=True, cwd=ROOT, timeout=60)
    assert (done.stdout[:2], done.stdout[66:]) == (bytes((1, 0)), bytes((1,)))
    verify(BOB.public, done.stdout[2:66], b"three")
