"""Payments as strangers send them: who is answered, what counts, and what costs nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operatord import channels
from operatord.attested import Attestation, Attested, Enrolled, Policy, Vouched
from operatord.budgets import Shares
from operatord.cashier import DEFAULT_SHARES, Answered, Cashier
from operatord.channel import Channels
from operatord.commands import Disconnect, KeepChannel
from tests.operatord.metered_world import INSTANCE, TERMS_ID, use
from tests.operatord.test_channels import joined
from tests.operatord.world import ALICE, BOB, OPERATOR
from wire.device_evidence import write_software_evidence
from wire.keys import PrivateKey
from wire.meter_statement import MeterStatement, statement_digest, write_meter_statement
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
        "evidence: not asked for": write_datagram(
            AttestedStatement(write_meter_statement(SAID, ALICE), b"quote")
        ),
    }
    for kind, data in strangers.items():
        assert cashier.take(data, 100) == Answered(kind)
    assert cashier.take(bytes(money_of_another), 100).datagram == b""
    assert book.channels[ALICE.public].paid_ubc == 0


VOUCHER = PrivateKey.from_secret(321)


def attesting_desk(policy: Policy, *, enrolled: bool = True) -> tuple[Cashier, Channels]:
    book = joined()
    rules = Attestation(policy, {ALICE.public: Enrolled(VOUCHER.public)} if enrolled else {})
    return Cashier(book, OPERATOR, rules), book


def evidence(statement: bytes, key: PrivateKey = VOUCHER) -> bytes:
    return write_datagram(
        AttestedStatement(statement, write_software_evidence(statement_digest(statement), key))
    )


def pay(cashier: Cashier, interval: int) -> Answered:
    said = replace(SAID, interval=interval)
    return cashier.take(payment(1_000 * (interval + 1), said=said), 100 + interval)


def test_evidence_for_what_was_paid_by_is_verified_and_remembered() -> None:
    cashier, book = attesting_desk(Policy.REMEMBER)
    assert cashier.take(evidence(write_meter_statement(SAID, ALICE)), 50).kind == "evidence: of no session"
    pay(cashier, 0)
    first = book.sessions[ALICE.public].statement
    assert cashier.take(evidence(first, OPERATOR), 200).kind == "evidence: does not hold"
    assert cashier.attested == {}
    assert cashier.take(evidence(first), 200).kind == "evidence: software"
    held = Attested(SAID.session, 0, Vouched.SOFTWARE)
    assert cashier.attested == {ALICE.public: held}
    assert cashier.take(evidence(first, OPERATOR), 200).kind == "evidence: again"
    pay(cashier, 1)
    second = book.sessions[ALICE.public].statement
    assert cashier.take(evidence(first), 300).kind == "evidence: of no session", "of an interval before"
    assert cashier.take(evidence(second, OPERATOR), 300).kind == "evidence: does not hold"
    assert cashier.attested == {ALICE.public: held}, "what anybody may send takes nothing away"


def test_where_evidence_is_not_asked_for_it_is_not_looked_at() -> None:
    cashier, book = attesting_desk(Policy.NONE)
    pay(cashier, 0)
    statement = book.sessions[ALICE.public].statement
    assert cashier.take(evidence(statement), 200).kind == "evidence: not asked for"
    assert cashier.attested == {}


@pytest.mark.parametrize("policy", Policy)
def test_a_session_goes_on_without_evidence_unless_it_is_required(policy: Policy) -> None:
    cashier, book = attesting_desk(policy)
    words = [word(pay(cashier, interval)).word for interval in range(4)]
    if policy is Policy.REQUIRE:
        assert words == [Word.SERVED, Word.SERVED, Word.ENDED, Word.NO_SESSION]
        assert book.sessions == {}
        assert book.channels[ALICE.public].paid_ubc == 4_000, "all money of a channel counts"
    else:
        assert words == [Word.SERVED] * 4


def test_the_box_is_told_why_a_session_ends_that_nobody_attests() -> None:
    cashier, _ = attesting_desk(Policy.REQUIRE)
    pay(cashier, 0)
    pay(cashier, 1)
    (order,) = [one for one in pay(cashier, 2).commands if isinstance(one, Disconnect)]
    assert order.why == "nobody attested the last 2 statements before interval 2"


def test_one_datagram_of_evidence_may_be_lost() -> None:
    cashier, book = attesting_desk(Policy.REQUIRE)
    for interval in range(9):
        assert word(pay(cashier, interval)).word is Word.SERVED
        if interval % 2:
            statement = book.sessions[ALICE.public].statement
            assert cashier.take(evidence(statement), 200).kind == "evidence: software"


def test_after_a_restart_of_ours_only_what_came_since_has_to_be_attested() -> None:
    before, book = attesting_desk(Policy.REQUIRE)
    pay(before, 0)
    cashier = Cashier(book, OPERATOR, Attestation(Policy.REQUIRE, {ALICE.public: Enrolled(VOUCHER.public)}))
    assert word(pay(cashier, 7)).word is Word.SERVED
    assert word(pay(cashier, 8)).word is Word.SERVED
    assert word(pay(cashier, 9)).word is Word.ENDED


@given(st.binary(max_size=400))
def test_garbage(data: bytes) -> None:
    cashier, _ = desk()
    assert cashier.take(data, 100) == Answered("payment: DecodeError")


HOME, AWAY = ("192.0.2.1", 5_000), ("198.51.100.1", 5_000)


def test_what_is_for_us_is_seen_without_verifying_anything() -> None:
    cashier, _ = desk()
    assert cashier.admit(payment(), HOME, 0) == ""
    assert cashier.admit(payment(signer=BOB), HOME, 0) == "", (
        "whether it holds is for who has the processor for it"
    )
    evidence = write_datagram(AttestedStatement(write_meter_statement(SAID, ALICE), b"evidence"))
    assert cashier.admit(evidence, HOME, 0), "of a session that nobody has paid for"
    cashier.take(payment(), 100)
    assert cashier.admit(evidence, HOME, 0) == ""
    for rubbish in (
        b"",
        b"x",
        payment(key=BOB),
        payment(instance=bytes(32)),
        cashier.take(payment(), 100).datagram,
    ):
        assert cashier.admit(rubbish, HOME, 0) == "payment: not for us"


def admitted_of(cashier: Cashier, data: bytes, now_ms: int, senders: int) -> int:
    """How many of one datagram each from so many invented addresses are looked at."""
    return sum(
        cashier.admit(data, (f"10.1.{n // 250}.{n % 250}", 4_000), now_ms) == "" for n in range(senders)
    )


def test_a_forger_in_a_consumers_name_does_not_take_its_sessions_share() -> None:
    cashier, _ = desk()
    assert cashier.admit(payment(), HOME, 0) == ""
    cashier.take(payment(), 100, HOME)
    forged = payment(signer=BOB)
    assert admitted_of(cashier, forged, 2_000, 1_000) == DEFAULT_SHARES.strange
    said = replace(SAID, interval=1)
    assert cashier.admit(payment(2_000, said=said), HOME, 2_000) == ""
    assert cashier.admit(payment(2_000, said=said), AWAY, 2_000) == "payment: too often"


def test_a_repeated_payment_does_not_move_the_address() -> None:
    cashier, _ = desk()
    cashier.take(payment(), 100, HOME)
    assert cashier.take(payment(), 200, AWAY).datagram, "whoever overheard it is answered"
    admitted_of(cashier, payment(signer=BOB), 2_000, 100)
    assert cashier.admit(payment(), HOME, 2_000) == ""
    assert cashier.admit(payment(), AWAY, 2_000) == "payment: too often"
    cashier.take(payment(2_000, said=replace(SAID, interval=1)), 3_000, AWAY)
    admitted_of(cashier, payment(signer=BOB), 4_000, 100)
    assert cashier.admit(payment(), AWAY, 4_000) == "", "a device that got another address"


def test_who_has_no_session_has_the_smallest_share() -> None:
    cashier, book = desk()
    channels.end(book, ALICE.public, 100)
    assert admitted_of(cashier, payment(signer=BOB), 2_000, 100) == DEFAULT_SHARES.idle


def test_a_name_that_others_flood_in_owes_nothing_and_is_let_in_again() -> None:
    cashier, book = desk()
    admitted_of(cashier, payment(signer=BOB), 1_000, 100)
    assert cashier.admit(payment(), HOME, 1_000) == "payment: too often"
    channels.end(book, ALICE.public, 5_000)
    assert book.channels[ALICE.public].unpaid_ubc == 0
    channels.begin(book, use(), 0, 6_000)
    channels.end(book, ALICE.public, 11_000)
    assert book.channels[ALICE.public].unpaid_ubc == 500, "nobody flooded in this one"


def test_what_is_dropped_unread_pardons_whoever_has_not_paid_yet() -> None:
    book = joined()
    cashier = Cashier(book, OPERATOR, shares=Shares(strange_per_s=5))
    channels.hear_channel(book, BOB.public, 1, 10_000)
    admitted_of(cashier, payment(key=BOB), 1_000, 100)
    channels.end(book, ALICE.public, 5_000)
    assert book.channels[ALICE.public].unpaid_ubc == 500, (
        "what one name may send has an end, and hides no other"
    )
    channels.begin(book, use(), 0, 6_000)
    for number in range(20):
        key = PrivateKey.from_secret(7_000 + number)
        channels.hear_channel(book, key.public, 2 + number, 10_000)
        channels.begin(book, replace(use(), permit_id=channels.permit_id_of(INSTANCE, key.public)), 0, 6_000)
        admitted_of(cashier, payment(key=key), 7_000, 1)
    assert cashier.admit(payment(), HOME, 7_000) == "payment: too often"
    channels.end(book, ALICE.public, 11_000)
    assert book.channels[ALICE.public].unpaid_ubc == 500, "as before"
