"""Paying for use afterwards: a row for each word, in the order in which they are asked; whose meters count, who it is
that pays, and which bills are refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from lab.meter_chain import MeterChain
from ledger.block import Item
from ledger.bundle import Audit, Usage, gather_bundle, verify_bundle
from ledger.contract import Applied
from ledger.entries import MeterChain as ChainEnd
from ledger.granting import make_purchase, write_sale
from ledger.pages import TransactionPage, show_transaction
from ledger.rejection import Reason, Rejected
from ledger.usage_charges import (
    REPORTS_AFTER_S,
    SETTLING_S,
    VALIDITY_STEP_S,
    Charge,
    Metered,
    Word,
    charged_grants,
    find_payer,
    meters_of,
    plan_usage_charge,
    sign_payment,
    verify_bill,
)
from tests.ledger.test_bundle import GRANT as PLAIN
from tests.ledger.test_bundle import KEY, proof_of
from tests.ledger_world import ALICE, BOB, GENESIS, LEDGER, PROVIDER, QOS, START_S, World, buy, offer
from wire.attestation_result import AttestationResult, write_attestation_result
from wire.errors import VerificationError
from wire.evidence import read_evidence
from wire.grant import Grant, write_grant
from wire.ids import PublicKey
from wire.keys import PrivateKey
from wire.meter_record import UsageRow, record_hash
from wire.money_actions import Transfer
from wire.refund import refund_nonce
from wire.transaction import Transaction, sign_transaction
from wire.units import U63_MAX
from wire.usage_bill import UsageBill
from wire.usage_charge import charge_nonce
from wire.usage_terms import UsageTerms

TERMS = UsageTerms(1_000, 100, 7, 10_000)
GRANT = replace(PLAIN, allocations=2, qos=replace(QOS, usage=TERMS))
"""Two units: 2,000 bytes are included, and it never costs more than 20,000 ubc."""
CAPPED = replace(GRANT, qos=replace(GRANT.qos, data_cap_bytes=1_500))
LATER_S = GRANT.ends_s + REPORTS_AFTER_S
OVER = Metered({"a": Usage(down_bytes=2_150, up_bytes=50)})
"""Two steps beyond: 14 ubc."""
NONCE = charge_nonce(GRANT.grant_id)


def transfer(
    amount_ubc: int, nonce: bytes = NONCE, key: PrivateKey = ALICE, to: PublicKey = PROVIDER.public
) -> TransactionPage:
    signed = sign_transaction(Transaction(Transfer(to, amount_ubc), nonce, LATER_S), key, GENESIS.ledger_id)
    item = Item(1, 1, 1, signed.transaction_id, LATER_S, signed.envelope.encoded, b"")
    return show_transaction(item, GENESIS.ledger_id, whole=False)


@dataclass(frozen=True)
class Row:
    word: Word
    charge: Charge
    metered: Metered = OVER
    transactions: Sequence[TransactionPage] = ()
    grant: Grant = GRANT
    now_s: int = LATER_S
    note: str = ""


def owed(rest_ubc: int, used_bytes: int = 2_200, paid_ubc: int = 0) -> Charge:
    rest = Transfer(PROVIDER.public, rest_ubc)
    return Charge(Word.OWED, used_bytes, rest_ubc + paid_ubc, paid_ubc, rest)


def used(*uses_bytes: int) -> Metered:
    return Metered({str(number): Usage(up_bytes=use) for number, use in enumerate(uses_bytes)})


# 15 Mbit/s for each of two units in ten minutes, their tolerance of 2 % and a quarter of a second.
MOST_BYTES = 2 * 15_000_000 * 600_250 * 102 // (8 * 1_000 * 100)
ROWS = [
    Row(Word.NO_TERMS, Charge(Word.NO_TERMS), grant=PLAIN, now_s=0),
    Row(Word.NOT_ENDED, Charge(Word.NOT_ENDED), Metered(unverified=("a",)), now_s=LATER_S - 1),
    Row(Word.UNVERIFIED, Charge(Word.UNVERIFIED), Metered(unverified=("a",))),
    Row(Word.UNVERIFIED, Charge(Word.UNVERIFIED), replace(OVER, unverified=("b",)), note="one of two"),
    Row(Word.UNVERIFIED, Charge(Word.UNVERIFIED), Metered(), note="nobody reports: no clean bill either"),
    Row(
        Word.UNVERIFIED,
        Charge(Word.UNVERIFIED),
        used(MOST_BYTES, 1),
        note="two meters, each within what the grant can carry",
    ),
    Row(Word.UNVERIFIED, Charge(Word.UNVERIFIED), used(3_000 + 7_500_001), grant=CAPPED, note="beyond a cap"),
    Row(Word.WITHIN_INCLUDED, Charge(Word.WITHIN_INCLUDED, 2_000), used(2_000)),
    Row(Word.WITHIN_INCLUDED, Charge(Word.WITHIN_INCLUDED, 2_000), used(1_500, 500), note="two boxes"),
    Row(Word.PAID, Charge(Word.PAID, 2_200, 14, 14), transactions=[transfer(14)]),
    Row(Word.PAID, Charge(Word.PAID, 2_200, 14, 20), transactions=[transfer(9), transfer(11)], note="and more"),
    Row(Word.OWED, owed(14)),
    Row(Word.OWED, owed(4, paid_ubc=10), transactions=[transfer(10)], note="the rest"),
    Row(Word.OWED, owed(14), transactions=[transfer(14, to=ALICE.public)], note="he paid himself"),
    Row(Word.OWED, owed(14), transactions=[transfer(14, key=BOB)], note="somebody else paid for something"),
    Row(Word.OWED, owed(14), transactions=[transfer(14, nonce=bytes(8))], note="for something else"),
    Row(
        Word.OWED, owed(14), transactions=[transfer(14, nonce=refund_nonce(GRANT.grant_id))], note="a refund"
    ),
    Row(Word.OWED, owed(7, 2_001), used(2_000, 1), note="two boxes of the provider together"),
    Row(Word.OWED, owed(20_000, MOST_BYTES), used(MOST_BYTES), note="never more than was said"),
    Row(Word.OWED, owed(70, 3_000), used(3_000), grant=CAPPED, note="up to the cap"),
    Row(Word.OWED, owed(70, 9_000), used(9_000), grant=CAPPED, note="what slipped through beyond the cap is free"),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.word.value} {row.note}".strip())
def test_what_is_owed(row: Row) -> None:
    found = plan_usage_charge(
        row.grant, ALICE.public.key_id.hex(), PROVIDER.public, row.metered, row.transactions, row.now_s
    )
    assert found == row.charge
    assert found.word is row.word


def test_every_word_has_a_row_and_the_rows_are_in_their_order() -> None:
    order = list(Word)
    places = [order.index(row.word) for row in ROWS]
    assert places == sorted(places)
    assert set(places) == set(range(len(order)))


# ---- Whose meters count


def audit(*uses_bytes: int, provider: PrivateKey = PROVIDER, shown: int | None = None) -> Audit:
    """A verified chain of this provider's box: a boot, then a report of five seconds for each number."""
    chain = MeterChain(KEY, START_S * 1_000)
    records = (
        chain.boot(),
        *(chain.usage(5_000, UsageRow(GRANT.grant_id, use, 0, use, 0)) for use in uses_bytes),
    )
    end = ChainEnd(len(records), record_hash(read_evidence(records[-1]).record))
    result = AttestationResult(KEY.public_key, b"", provider.public, b"", START_S)
    signed = {GRANT.grant_id: write_grant(GRANT, LEDGER, GENESIS.ledger_id)}
    enrolled = write_attestation_result(result, LEDGER, GENESIS.ledger_id)
    return verify_bundle(gather_bundle(GENESIS, enrolled, records[:shown], signed.get, proof_of(end)))


def test_a_chain_counts_once_and_only_its_provider_s() -> None:
    key_id = KEY.public_key.key_id.hex()
    own = audit(1_000, 500)
    assert meters_of(GRANT, [own]) == Metered({key_id: Usage(down_bytes=1_500, down_offered_bytes=1_500)})
    assert meters_of(GRANT, [own, own]) == meters_of(GRANT, [own]), "one chain is counted once"
    assert meters_of(GRANT, [audit(9_000, provider=BOB)]) == Metered(), (
        "a stranger's box raises nobody's bill"
    )
    assert meters_of(replace(GRANT, grant_id=bytes(15) + b"\1"), [own]) == Metered()


def test_a_chain_that_is_cut_short_or_lies_is_not_believed() -> None:
    key_id = KEY.public_key.key_id.hex()
    assert meters_of(GRANT, [audit(1_000, 500, shown=2)]) == Metered(unverified=(key_id,))
    too_fast = audit(10**9)
    assert not too_fast.ok
    assert meters_of(GRANT, [too_fast]) == Metered(unverified=(key_id,))


# ---- Who pays


def purchase(world: World, epoch: int = 1) -> tuple[TransactionPage, Grant]:
    """Alice's of two units, as the ledger shows it, and the grant that it came to."""
    action = buy(200, epoch, allocations=2)
    signed = world.sign(action, ALICE)
    outcome = world.run(signed)
    assert isinstance(outcome, Applied)
    assert outcome.sale is not None
    result, until_s = write_sale(outcome.sale), signed.transaction.valid_until_s
    item = Item(1, 1, 1, signed.transaction_id, until_s, signed.envelope.encoded, result)
    grant = make_purchase(signed.transaction_id, action, outcome.sale).grant_at(0)
    return show_transaction(item, GENESIS.ledger_id, whole=False), grant


def test_terms_are_those_of_the_offer_that_was_bought_whatever_is_posted_later() -> None:
    world = World()
    world.must(offer(qos=GRANT.qos), PROVIDER)
    page, grant = purchase(world)
    assert grant.total_qos.usage == UsageTerms(2_000, 100, 7, 20_000)
    world.must(offer(qos=replace(QOS, usage=replace(TERMS, included_bytes=0, price_ubc=99))), PROVIDER)
    assert grant.epoch == page.epoch == 1
    later_page, later = purchase(world, epoch=2)
    assert later.qos.usage == replace(TERMS, included_bytes=0, price_ubc=99)
    assert find_payer(grant, [later_page, page]) == ALICE.public.key_id.hex()
    with pytest.raises(LookupError, match="its purchase is not on the ledger"):
        find_payer(grant, [later_page])


def test_units_that_together_could_cost_more_than_a_number_can_say_are_not_sold() -> None:
    world = World()
    world.must(offer(qos=replace(QOS, usage=replace(TERMS, most_ubc=U63_MAX))), PROVIDER)
    assert world.do(buy(200, allocations=2), ALICE) is Reason.RATE_TOO_HIGH
    assert world.do(buy(100), ALICE) is None


def test_every_grant_that_may_owe_something_is_listed_once() -> None:
    world = World()
    world.must(offer(qos=GRANT.qos), PROVIDER)
    page, grant = purchase(world)
    own = replace(audit(1), grants={grant.grant_id: grant, PLAIN.grant_id: PLAIN})
    assert list(charged_grants([own, own], [page])) == [(grant, ALICE.public.key_id.hex())]
    assert list(charged_grants([own], [])) == []


def test_the_ledger_executes_what_is_owed_and_then_nothing_is() -> None:
    world, payer = World(), ALICE.public.key_id.hex()
    charge = plan_usage_charge(GRANT, payer, PROVIDER.public, OVER, [], LATER_S)
    assert charge.transfer is not None
    world.must(charge.transfer, ALICE)
    assert (world.balance(ALICE), world.balance(PROVIDER)) == (10_000 - 14, 14)
    again = plan_usage_charge(GRANT, payer, PROVIDER.public, OVER, [transfer(14)], LATER_S)
    assert (again.word, again.transfer) == (Word.PAID, None)


def test_a_payment_that_is_signed_again_for_days_is_one_transaction() -> None:
    world, owed_to = World(now_s=LATER_S), Transfer(PROVIDER.public, 14)
    first, *others = (
        sign_payment(GRANT, owed_to, ALICE, GENESIS.ledger_id, LATER_S + after_s)
        for after_s in (0, 599, 600, 601, VALIDITY_STEP_S // 2, VALIDITY_STEP_S - 1)
    )
    assert {first.transaction_id} == {one.transaction_id for one in others}
    assert first.transaction.nonce == NONCE
    assert isinstance(world.run(first), Applied)
    for one in others:
        again = world.run(one)
        assert isinstance(again, Rejected)
        assert again.reason is Reason.REPLAYED
    assert world.balance(PROVIDER) == 14


def test_no_two_payments_of_a_grant_are_good_at_one_time() -> None:
    """Between two steps nothing is signed until the last of the first has expired by anybody's clock."""
    owed_to, world = Transfer(PROVIDER.public, 14), World(now_s=LATER_S)
    first = sign_payment(GRANT, owed_to, ALICE, GENESIS.ledger_id, LATER_S + VALIDITY_STEP_S - 1)
    for after_s in (0, SETTLING_S - 1):
        with pytest.raises(LookupError, match=f"try again in {SETTLING_S - after_s} s"):
            sign_payment(GRANT, owed_to, ALICE, GENESIS.ledger_id, LATER_S + VALIDITY_STEP_S + after_s)
    late_s = LATER_S + VALIDITY_STEP_S + SETTLING_S
    second = sign_payment(GRANT, owed_to, ALICE, GENESIS.ledger_id, late_s)
    assert second.transaction_id != first.transaction_id
    world.now_s = late_s
    expired = world.run(first)
    assert isinstance(expired, Rejected)
    assert expired.reason is Reason.EXPIRED
    assert isinstance(world.run(second), Applied)


# ---- Bills

BILL = UsageBill(GRANT.provider_id, GRANT.grant_id, GRANT.epoch, 2_200, 14)
DUE = Charge(Word.OWED, 2_200, 14)


def test_a_bill_that_says_what_the_meters_say() -> None:
    verify_bill(BILL, GRANT, DUE)
    verify_bill(replace(BILL, owed_ubc=20_000), GRANT, replace(DUE, owed_ubc=20_000))


@pytest.mark.parametrize(
    ("bill", "charge", "why"),
    [
        (replace(BILL, provider_id=BOB.public.provider_id), DUE, "who did not sell the grant"),
        (replace(BILL, grant_id=b"\1" * 16), DUE, "for grant 0101"),
        (replace(BILL, epoch=2), DUE, "for epoch 2, and 1 was bought"),
        (replace(BILL, owed_ubc=20_001), replace(DUE, owed_ubc=20_001), "the terms allow 20000 at most"),
        (BILL, Charge(Word.NOT_ENDED), "nothing is owed: not_ended"),
        (BILL, Charge(Word.UNVERIFIED), "nothing is owed: unverified"),
        (BILL, Charge(Word.WITHIN_INCLUDED, 2_000), "nothing is owed: within_included"),
        (
            replace(BILL, owed_ubc=21),
            DUE,
            "21 ubc for 2200 bytes, and verified meters come to 14 ubc for 2200",
        ),
        (replace(BILL, used_bytes=2_100), DUE, "14 ubc for 2100 bytes"),
        (BILL, Charge(Word.PAID, 2_200, 14, 14), "paid already, 14 ubc"),
    ],
)
def test_a_bill_that_is_refused(bill: UsageBill, charge: Charge, why: str) -> None:
    with pytest.raises(VerificationError, match=why):
        verify_bill(bill, GRANT, charge)


def test_no_bill_for_what_was_sold_without_terms() -> None:
    with pytest.raises(VerificationError, match="without usage terms"):
        verify_bill(BILL, PLAIN, DUE)
