"""The process that verifies: its two byte forms, and what it says of good and bad signatures."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ledger.verifier import SIZE, Signed, answer, read_question, write_question
from tests.ledger_world import ALICE, BOB

ROOT = Path(__file__).resolve().parents[2]


def signed(message: bytes, bend: int = 0) -> Signed:
    """By Alice, with some bits of the signature turned."""
    signature = ALICE.sign(message)
    return ALICE.public.octets, signature[:-1] + bytes((signature[-1] ^ bend,)), message


def test_a_question_survives_its_bytes() -> None:
    several = [signed(b""), signed(b"one"), signed(bytes(100_000))]
    question = write_question(several)
    assert SIZE.unpack(question[: SIZE.size])[0] == len(question) - SIZE.size
    assert list(read_question(question[SIZE.size :])) == several
    assert list(read_question(b"")) == []


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
    question = write_question([signed(b"before"), one, signed(b"after")])
    assert answer(question[SIZE.size :]) == bytes((1, holds, 1))


def test_the_process_answers_each_question_and_ends_with_its_input() -> None:
    questions = write_question([signed(b"one"), signed(b"two", bend=1)]) + write_question([signed(b"three")])
    command = [sys.executable, "-m", "ledger.verifier"]
    done = subprocess.run(command, input=questions, capture_output=True, check=True, cwd=ROOT, timeout=60)
    assert done.stdout == bytes((1, 0, 1))
