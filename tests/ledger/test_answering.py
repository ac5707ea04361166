"""The ledger's answers: signed, and with the grants that belong to them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from ledger.answering import Answers
from ledger.archive import Archive
from ledger.engine import Engine
from ledger.intake import PriceQuery, ProofQuery, Query, RegistrationQuery
from ledger.opening import open_ledger
from ledger.submission import Enrolment, Refused
from tests.ledger_world import ALICE, BOB, CAROL, EXCHANGE, GENESIS, LEDGER, PROVIDER, START_S, buy, offer
from wire.attestation_result import AttestationResult, write_attestation_result
from wire.create import Create
from wire.enrolment import EnrolmentChallenge, read_enrolment_reply
from wire.grant import Grant, read_grant
from wire.grant_price import read_grant_price
from wire.grant_proof import verify_grant_proof, verify_grant_under
from wire.keys import PrivateKey
from wire.ledger_reply import MAX_GRANTS, MAX_LEDGER_REPLY_BYTES, read_ledger_reply
from wire.money_actions import Deposit
from wire.receipt import Receipt, read_receipt
from wire.registration import Registration, read_registration
from wire.transaction import Action, SignedTransaction, Transaction, sign_transaction


@dataclass
class Desk:
    engine: Engine
    answers: Answers

    def sign(self, action: Action, key: PrivateKey) -> SignedTransaction:
        return sign_transaction(Transaction(action, os.urandom(8), START_S + 500), key, GENESIS.ledger_id)

    def submit(self, signed: SignedTransaction) -> tuple[Receipt, list[Grant]]:
        (outcome,) = self.engine.commit([signed], START_S)
        return read(self.answers.to_outcome(outcome))


def read(encoded: bytes) -> tuple[Receipt, list[Grant]]:
    assert len(encoded) <= MAX_LEDGER_REPLY_BYTES
    reply = read_ledger_reply(encoded)
    receipt = read_receipt(reply.receipt, LEDGER.public, GENESIS.ledger_id)
    return receipt, [read_grant(grant, LEDGER.public, GENESIS.ledger_id) for grant in reply.grants]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    engine = open_ledger(tmp_path / "ledger.db", GENESIS)
    archive = Archive(tmp_path / "ledger.db", GENESIS)
    opened = Desk(engine, Answers(archive, LEDGER, GENESIS))
    for action, key in (
        (Create(ALICE.public), ALICE),
        (Create(PROVIDER.public), PROVIDER),
        (Deposit(ALICE.public, 10**6), EXCHANGE),
        (offer(max_allocations=1_000), PROVIDER),
    ):
        receipt, _ = opened.submit(opened.sign(action, key))
        assert receipt.executed
    yield opened
    archive.close()
    engine.store.close()


def test_a_grant_is_signed_once_however_often_it_is_asked_for(desk: Desk) -> None:
    """ECDSA draws a random number: two signatures over the same differ."""
    _, (grant,) = desk.submit(desk.sign(buy(), ALICE))
    _, (other,) = desk.submit(desk.sign(buy(), ALICE))
    first = desk.answers.sign_grant(grant)
    assert desk.answers.sign_grant(replace(grant)) == first
    assert desk.answers.sign_grant(other) != first
    assert read_grant(first, LEDGER.public, GENESIS.ledger_id) == grant


def test_a_purchase_and_its_replay_bring_the_same_grant(desk: Desk) -> None:
    signed = desk.sign(buy(), ALICE)
    receipt, grants = desk.submit(signed)
    again, same = desk.submit(signed)
    assert (receipt.executed, again.reason) == (True, "replayed")
    assert receipt.subject == again.subject == signed.transaction_id
    assert len(grants) == 1
    assert grants == same


def test_a_copy_that_comes_too_late_still_brings_its_grant(desk: Desk) -> None:
    signed = desk.sign(buy(), ALICE)
    _, grants = desk.submit(signed)
    (outcome,) = desk.engine.commit([signed], signed.transaction.valid_until_s + 1)
    receipt, again = read(desk.answers.to_outcome(outcome))
    assert (receipt.reason, receipt.subject, again) == ("replayed", signed.transaction_id, grants)


def test_as_many_grants_as_a_reply_holds_and_else_none(desk: Desk) -> None:
    keys = [PrivateKey.from_secret(100 + number).public for number in range(MAX_GRANTS + 1)]
    _, grants = desk.submit(desk.sign(buy(100 * MAX_GRANTS, consumers=keys[:-1]), ALICE))
    assert [grant.consumer for grant in grants] == keys[:-1]
    signed = desk.sign(buy(100 * len(keys), consumers=keys), ALICE)
    receipt, grants = desk.submit(signed)
    assert (receipt.executed, grants) == (True, [])
    query = Query(signed.transaction_id, keys[-1].octets)
    receipt, grants = read(desk.answers.to_query(query, desk.engine.head))
    assert receipt.executed
    assert [grant.consumer for grant in grants] == [keys[-1]]


def test_a_query_about_nothing_and_about_no_purchase(desk: Desk) -> None:
    receipt, grants = read(desk.answers.to_query(Query(bytes(32)), desk.engine.head))
    assert (receipt.reason, grants) == ("unknown_transaction", [])
    created = desk.sign(Create(BOB.public), BOB)
    desk.submit(created)
    receipt, grants = read(
        desk.answers.to_query(Query(created.transaction_id, CAROL.public.octets), desk.engine.head)
    )
    assert (receipt.executed, grants) == (True, [])


def test_what_a_grant_cost_and_who_paid(desk: Desk) -> None:
    _, (own,) = desk.submit(desk.sign(buy(), ALICE))
    keys = [PrivateKey.from_secret(100 + number).public for number in range(3)]
    _, grants = desk.submit(desk.sign(buy(600, allocations=2, consumers=keys), ALICE))
    for grant, price_ubc in ((own, 100), *((grant, 200) for grant in grants)):
        answer = desk.answers.to_price_query(PriceQuery(grant.grant_id), desk.engine.head)
        price = read_grant_price(answer, LEDGER.public, GENESIS.ledger_id)
        assert (price.grant_id, price.payer, price.price_ubc) == (grant.grant_id, ALICE.public, price_ubc)


def test_any_consumer_gets_the_proof_of_its_own_grant(desk: Desk) -> None:
    """Without the others: it says what the signed grant says, also when the block has other sales."""
    keys = [PrivateKey.from_secret(100 + number).public for number in range(MAX_GRANTS + 1)]
    bulk, own = desk.sign(buy(100 * len(keys), consumers=keys), ALICE), desk.sign(buy(), ALICE)
    desk.engine.commit([own, bulk], START_S)
    head = desk.engine.head
    for signed, consumer in ((bulk, keys[0]), (bulk, keys[-1]), (own, ALICE.public)):
        answer = desk.answers.to_proof_query(ProofQuery(signed.transaction_id, consumer.octets), head)
        proved = verify_grant_proof(answer, LEDGER.public, GENESIS.ledger_id)
        assert verify_grant_under(answer, head.app_hash) == proved
        _, (granted,) = read(desk.answers.to_query(Query(signed.transaction_id, consumer.octets), head))
        assert proved == granted
        assert desk.answers.prove(granted.grant_id) == answer, "signed once for the whole block"


def test_what_was_not_sold_is_not_proved(desk: Desk) -> None:
    bought = desk.sign(buy(), ALICE)
    desk.submit(bought)
    for transaction_id in (bytes(32), bought.transaction_id):
        query = ProofQuery(transaction_id, BOB.public.octets)
        receipt, grants = read(desk.answers.to_proof_query(query, desk.engine.head))
        assert (receipt.reason, grants) == ("unknown_grant", [])
        assert receipt.subject == hashlib.sha256(transaction_id + BOB.public.octets).digest()
    assert desk.answers.prove(bytes(16)) is None


def test_a_grant_that_was_never_made_has_no_price(desk: Desk) -> None:
    receipt, grants = read(desk.answers.to_price_query(PriceQuery(bytes(16)), desk.engine.head))
    assert (receipt.reason, grants) == ("unknown_grant", [])


def test_an_account_is_confirmed_as_of_now_however_old_the_last_block(desk: Desk) -> None:
    head = desk.engine.head
    for now_s, said_s in ((START_S + 10**6, START_S + 10**6), (START_S - 5, head.time_s)):
        answer = desk.answers.to_registration_query(RegistrationQuery(ALICE.public), head, now_s, known=True)
        registration = read_registration(answer, LEDGER.public, GENESIS.ledger_id)
        assert registration == Registration(ALICE.public, head.height, said_s)


def test_an_account_that_is_none_is_refused_under_its_hash(desk: Desk) -> None:
    query = RegistrationQuery(BOB.public)
    answer = desk.answers.to_registration_query(query, desk.engine.head, START_S + 10**6, known=False)
    receipt, grants = read(answer)
    assert (receipt.reason, grants) == ("unknown_account", [])
    assert receipt.utc_s == START_S + 10**6, "as of now: it may take an earlier word back"
    assert receipt.subject == hashlib.sha256(BOB.public.octets).digest()


def test_a_rejection_names_its_rule(desk: Desk) -> None:
    receipt, grants = desk.submit(desk.sign(buy(99), ALICE))
    assert (receipt.reason, grants) == ("price_differs", [])
    assert "99" in receipt.detail


def test_who_enrols_again_gets_the_first_result_and_a_thief_gets_none(desk: Desk) -> None:
    def enrol(provider: PrivateKey, at_s: int) -> bytes:
        result = AttestationResult(CAROL.public, b"", provider.public, b"", at_s)
        encoded = write_attestation_result(result, LEDGER, GENESIS.ledger_id)
        (outcome,) = desk.engine.commit([Enrolment(encoded)], at_s)
        if isinstance(outcome, Refused):
            return desk.answers.to_known_enrolment(encoded, outcome)
        return desk.answers.to_enrolment(encoded)

    first = read_enrolment_reply(enrol(PROVIDER, START_S))
    assert first.attestation_result
    assert read_enrolment_reply(enrol(PROVIDER, START_S + 5)) == first
    thief = read_enrolment_reply(enrol(ALICE, START_S + 6))
    assert read_receipt(thief.receipt, LEDGER.public, GENESIS.ledger_id).reason == "already_enrolled"


def test_a_challenge_and_a_refusal_travel(desk: Desk) -> None:
    challenge = EnrolmentChallenge(b"blob", b"secret")
    assert read_enrolment_reply(desk.answers.to_enrolment(challenge)).challenge == challenge
    refused = desk.answers.to_refused_enrolment(bytes(32), "enrolment_refused", "because", desk.engine.head)
    receipt = read_receipt(read_enrolment_reply(refused).receipt, LEDGER.public, GENESIS.ledger_id)
    assert (receipt.reason, receipt.detail) == ("enrolment_refused", "because")
