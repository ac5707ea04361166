"""Payments as strangers send them: who is answered, what counts, and what costs nothing."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from operatord import channels
from operatord.cashier import Answered, Cashier
from operatord.channel import Channels
from operatord.commands import KeepChannel
from tests.operatord.metered_world import INSTANCE, TERMS_ID, use
from tests.operatord.test_channels import joined
from tests.operatord.world import ALICE, BOB, OPERATOR
from wire.keys import PrivateKey
from wire.meter_statement import MeterStatement, write_meter_statement
from wire.micropayment import Micropayment, write_micropayment
from wire.payment import (
    AttestedStatement,
    Payment,
    PaymentTaken,
    PaymentWord,
    Word,
    read_datagram,
    read_word,
    write_datagram,
)

SAID = MeterStatement(b"s" * 16, TERMS_ID, 0, 10, 20)


def payment(
    cumulative_ubc: int = 1_000,
    key: PrivateKey = ALICE,
    instance: bytes = INSTANCE,
    said: MeterStatement = SAID,
    signer: PrivateKey | None = None,
) -> bytes:
    money = write_micropayment(Micropayment(instance, key.public, cumulative_ubc), key)
    return write_datagram(Payment(money, write_meter_statement(said, signer or key)))


def desk() -> tuple[Cashier, Channels]:
    book = joined()
    return Cashier(book, OPERATOR), book


def word(answered: Answered) -> PaymentWord:
    taken = read_datagram(answered.datagram)
    assert isinstance(taken, PaymentTaken)
    return read_word(taken.word, OPERATOR.public)


def test_an_honest_payment_counts_and_is_answered() -> None:
    cashier, book = desk()
    answered = cashier.take(payment(), 100)
    assert answered.kind == "payment: served"
    assert any(isinstance(one, KeepChannel) for one in answered.commands)
    assert (word(answered).word, word(answered).taken_ubc) == (Word.SERVED, 1_000)
    assert book.channels[ALICE.public].paid_ubc == 1_000


def test_the_same_octets_are_answered_again_and_change_nothing() -> None:
    cashier, _ = desk()
    cashier.take(payment(), 100)
    again = payment()
    assert cashier.take(again, 200).commands == []
    answered = cashier.take(again, 300)
    assert (answered.commands, word(answered).word) == ([], Word.SERVED)


def test_once_its_session_is_over_it_is_told_so() -> None:
    cashier, book = desk()
    data = payment()
    cashier.take(data, 100)
    channels.end(book, ALICE.public, 5_000)
    assert word(cashier.take(data, 6_000)).word is Word.NO_SESSION
    channels.begin(book, use(), 0, 7_000)
    assert word(cashier.take(data, 8_000)).word is Word.ENDED


def test_a_device_that_forgot_is_shown_its_own_signature() -> None:
    cashier, book = desk()
    first = payment(5_000, said=replace(SAID, interval=4))
    cashier.take(first, 100)
    book.sessions[ALICE.public] = replace(book.sessions[ALICE.public], base_ubc=4_500, paid_interval=-1)
    answered = cashier.take(payment(1_000), 200)
    taken = read_datagram(answered.datagram)
    assert isinstance(taken, PaymentTaken)
    assert word(answered).word is Word.BEHIND
    assert Payment(taken.micropayment, b"").micropayment in first


def test_nobody_else_is_answered() -> None:
    cashier, book = desk()
    forged = bytearray(payment())
    forged[-1] ^= 1
    money_of_another = bytearray(payment())
    money_of_another[150] ^= 1
    strangers = {
        "payment: no channel": payment(key=BOB),
        "payment: of another instance": payment(instance=b"j" * 32),
        "payment: VerificationError": bytes(forged),
        "payment: DecodeError": payment(signer=BOB),
        "payment: not for an operator": write_datagram(PaymentTaken(b"word")),
        "evidence: of no session": write_datagram(
            AttestedStatement(write_meter_statement(SAID, ALICE), b"quote")
        ),
    }
    for kind, data in strangers.items():
        assert cashier.take(data, 100) == Answered(kind)
    assert cashier.take(bytes(money_of_another), 100).datagram == b""
    assert book.channels[ALICE.public].paid_ubc == 0


def test_evidence_for_what_was_paid_by_is_remembered() -> None:
    cashier, book = desk()
    cashier.take(payment(), 100)
    statement = book.sessions[ALICE.public].statement
    assert cashier.take(write_datagram(AttestedStatement(statement, b"quote")), 200).kind == "evidence"
    assert cashier.evidence == {SAID.session: (statement, b"quote")}


@given(st.binary(max_size=400))
def test_garbage(data: bytes) -> None:
    cashier, _ = desk()
    assert cashier.take(data, 100) == Answered("payment: DecodeError")
