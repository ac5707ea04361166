"""Before a merchant signs: the honest block passes, every lie is refused by name, the printed check is not enough."""

from dataclasses import replace

import pytest

from ledger.payplace.merchant_check import (
    BlockRefused,
    ChannelTerms,
    ContractView,
    Rule,
    check_head,
    judge,
    read_blocks,
)
from ledger.payplace.payout_leaf import MAX_ENTRIES, PayoutLeaf, leaf_hash_of
from tests.ledger.payplace.payouts import INSTANCE, block, leaf, merchant_id
from wire.keys import PrivateKey
from wire.merkle import verify_path
from wire.micropayment import Micropayment, write_micropayment

C1, C2 = PrivateKey.from_secret(11), PrivateKey.from_secret(12)
P1, P2, OPERATOR = (merchant_id(number) for number in range(3))
NOW_S = 1_005
VIEW = ContractView(INSTANCE, bytes(32), 10, 1_000, 1_100, 3)


def paid(consumer, ubc):
    return write_micropayment(Micropayment(INSTANCE, consumer.public, ubc), consumer)


MICROPAYMENTS = {1: paid(C1, 20), 2: paid(C2, 10)}
TERMS = {1: ChannelTerms(C1.public, 70, 0), 2: ChannelTerms(C2.public, 20, 0)}
EXAMPLE = {P1: {1: 10, 2: 10}, P2: {1: 10}, OPERATOR: {}}
"""The numerical example of 6.4: c1 paid 20 of 70, c2 10 of 20."""


def sign(payouts, me=P1, previous=None, view=VIEW, terms=TERMS, micropayments=MICROPAYMENTS, confirmed=None):
    """All that a merchant does before it signs."""
    before = [] if previous is None else block(previous)[1]
    root = bytes(32) if previous is None else block(previous)[0].root
    view = replace(view, root=root)
    head, leaves = block(payouts, previous_root=root)
    check_head(head, view, NOW_S)
    reading = read_blocks(head, leaves, before, view, me)
    judge(reading, terms, micropayments, confirmed)
    return reading


def refused(rule, *arguments, **options):
    with pytest.raises(BlockRefused) as caught:
        sign(*arguments, **options)
    assert caught.value.rule is rule, str(caught.value)


# ---- The printed algorithm, to be held against ours ------------------------------------------------------------------


def printed_algorithm_4(me, new, confirmed, consumers_paid, withdrawn, missing=None):
    """Lines 3 to 22 as printed. `consumers_paid`: mu(T) of each consumer. Returns whether p signs."""
    cons_pay, cons_op_bal = {}, {}
    for consumer, amount in new[me].items():
        old = confirmed.get(consumer)
        if old is not None and old > amount:
            return False
        cons_op_bal[consumer] = consumers_paid[consumer]
        cons_pay[consumer] = amount
    for merchant, entries in (missing or {}).items():
        if merchant not in new or not set(entries.items()) <= set(new[merchant].items()):
            return False
    for merchant, entries in new.items():
        if merchant == me:
            continue
        for consumer in entries:
            if consumer in cons_pay:
                cons_pay[consumer] += consumers_paid[consumer]
                if cons_pay[consumer] > cons_op_bal[consumer] - withdrawn.get(consumer, 0):
                    return False
    return True


def test_p1_the_printed_check_refuses_the_thesis_own_honest_block():
    assert not printed_algorithm_4(P1, EXAMPLE, {}, {1: 20, 2: 10}, {})
    assert not printed_algorithm_4(P2, EXAMPLE, {}, {1: 20, 2: 10}, {})
    for merchant in (P1, P2, OPERATOR):
        sign(EXAMPLE, me=merchant)


def test_p2_the_printed_check_lets_a_sole_merchant_sign_for_more_than_there_is():
    payouts = {P1: {1: 500}, OPERATOR: {}}
    assert printed_algorithm_4(P1, payouts, {}, {1: 20}, {})
    refused(Rule.DOUBLE_SPEND, payouts)


def test_p3_the_printed_check_does_not_see_a_consumer_that_is_dropped():
    before, after = {P1: {1: 10, 2: 10}}, {P1: {1: 10}}
    assert printed_algorithm_4(P1, after, before[P1], {1: 20, 2: 10}, {})
    refused(Rule.PAYOUT_FELL, after, previous=before)
    refused(Rule.MY_PAYOUT_FELL, after, confirmed=PayoutLeaf(P1, before[P1]))


def test_p4_the_printed_inclusion_refuses_a_missing_merchant_that_earned_more():
    before, after = {P1: {2: 1}, P2: {1: 10}}, {P1: {2: 1}, P2: {1: 15}}
    assert not printed_algorithm_4(P1, after, before[P1], {1: 20, 2: 10}, {}, missing={P2: before[P2]})
    sign(after, previous=before, view=replace(VIEW, kept={P2: leaf(P2, before[P2])}))


# ---- The operator's attacks, after the threat model of 6.2.2 ---------------------------------------------------------


def test_a_double_spend_to_two_merchants_is_seen_by_both():
    payouts = {P1: {1: 20}, P2: {1: 20}, OPERATOR: {}}
    for merchant in (P1, P2):
        refused(Rule.DOUBLE_SPEND, payouts, me=merchant)


def test_a_double_spend_is_seen_though_the_operator_is_the_other_payee():
    refused(Rule.DOUBLE_SPEND, {P1: {1: 20}, OPERATOR: {1: 1}})


def test_funds_that_were_withdrawn_are_not_spent_again():
    terms = TERMS | {1: replace(TERMS[1], withdrawn_ubc=10)}
    refused(Rule.DOUBLE_SPEND, {P1: {1: 11}}, terms=terms)
    sign({P1: {1: 10}}, terms=terms)


def test_a_merchant_that_is_omitted_is_seen_by_the_others():
    before = {P1: {1: 5}, P2: {1: 10}, OPERATOR: {}}
    after = {P1: {1: 15}, OPERATOR: {}}
    refused(Rule.MERCHANT_OMITTED, after, previous=before)
    refused(Rule.I_AM_OMITTED, after, me=P2)
    sign(after, previous=before, view=replace(VIEW, exited=frozenset({P2})))


def test_funds_of_another_merchant_are_not_assigned_again():
    before = {P1: {1: 5}, P2: {1: 10, 2: 3}}
    for fallen in ({1: 9, 2: 3}, {1: 10}, {1: 10, 2: 2}, {0: 99}, {}):
        refused(Rule.PAYOUT_FELL, {P1: {1: 5}, P2: fallen}, previous=before)
    sign({P1: {1: 5}, P2: {}}, previous=before, view=replace(VIEW, withdrew=frozenset({P2})))
    sign({P1: {1: 6}, P2: {0: 1, 1: 10, 2: 3}}, previous=before)


def test_an_income_that_falls_is_refused():
    refused(Rule.PAYOUT_FELL, {P1: {1: 9}}, previous={P1: {1: 10}})
    sign({P1: {1: 1}}, previous={P1: {1: 10}}, view=replace(VIEW, withdrew=frozenset({P1})))


def test_a_merchant_that_missed_rounds_holds_its_own_confirmed_payouts_against_the_block():
    refused(Rule.MY_PAYOUT_FELL, {P1: {1: 9}}, previous={P1: {1: 8}}, confirmed=PayoutLeaf(P1, {1: 10}))


def test_what_the_contract_keeps_for_missing_merchants_stays_theirs_one_by_one():
    """Not only in sum: what another member of M gets in its place is reserved until that one returns, and no longer."""
    p3 = merchant_id(3)
    view = replace(VIEW, kept={P2: leaf(P2, {1: 10}), p3: leaf(p3, {1: 5})})
    sign({P1: {1: 5}, P2: {1: 10}, p3: {1: 5}}, view=view)
    for payouts in ({P2: {1: 15}, p3: {}}, {P2: {1: 5}, p3: {1: 10}}, {P2: {}, p3: {1: 5}}):
        refused(Rule.PAYOUT_FELL, {P1: {1: 5}, **payouts}, view=view)
    refused(Rule.MERCHANT_OMITTED, {P1: {1: 5}, P2: {1: 10}}, view=view)
    withdrew = replace(VIEW, kept={P2: leaf(P2, {}), p3: leaf(p3, {1: 5})})
    sign({P1: {1: 5}, P2: {}, p3: {1: 5}}, view=withdrew)


def test_withheld_data_is_not_signed_for():
    head, leaves = block(EXAMPLE)
    with pytest.raises(BlockRefused) as caught:
        read_blocks(head, leaves[:-1], [], VIEW, P1)
    assert caught.value.rule is Rule.WRONG_ROOT
    before = {P1: {1: 5}, P2: {1: 10}}
    view = replace(VIEW, root=block(before)[0].root)
    for withheld in ([], block(before)[1][:1], block({P1: {1: 4}, P2: {1: 10}})[1]):
        with pytest.raises(BlockRefused) as caught:
            read_blocks(head, leaves, withheld, view, P1)
        assert caught.value.rule is Rule.PREVIOUS_WITHHELD


def test_a_root_of_other_leaves_is_refused():
    """Two blocks to two merchants: the second's leaves do not make the first's root."""
    head, _ = block(EXAMPLE)
    _, others = block(EXAMPLE | {P2: {1: 9}})
    with pytest.raises(BlockRefused) as caught:
        read_blocks(head, others, [], VIEW, P1)
    assert caught.value.rule is Rule.WRONG_ROOT


def test_payouts_without_a_consumers_word_are_refused():
    refused(Rule.NO_MICROPAYMENT, EXAMPLE, micropayments={1: MICROPAYMENTS[1]})
    refused(Rule.NO_SUCH_CONSUMER, EXAMPLE, terms={1: TERMS[1]})
    forged = bytearray(MICROPAYMENTS[2])
    forged[-1] ^= 1
    elsewhere = write_micropayment(Micropayment(bytes(32), C2.public, 10), C2)
    for wrong in (bytes(forged), elsewhere, MICROPAYMENTS[1], b""):
        refused(Rule.BAD_MICROPAYMENT, EXAMPLE, micropayments=MICROPAYMENTS | {2: wrong})


def test_no_consumer_pays_more_than_it_deposited():
    """Also while part of the deposit is being shifted to another operator."""
    refused(Rule.DOUBLE_SPEND, EXAMPLE, terms=TERMS | {1: ChannelTerms(C1.public, 19, 0)})


@pytest.mark.parametrize(
    ("rule", "view", "now_s"),
    [
        (Rule.OTHER_INSTANCE, replace(VIEW, instance=bytes(32)), NOW_S),
        (Rule.OUTSIDE_WINDOW, VIEW, 999),
        (Rule.OUTSIDE_WINDOW, VIEW, 1_101),
        (Rule.OUTSIDE_WINDOW, replace(VIEW, window_from_s=1_001), NOW_S),
        (Rule.OUTSIDE_WINDOW, replace(VIEW, period=11), NOW_S),
        (Rule.OTHER_PREVIOUS_ROOT, replace(VIEW, root=bytes([1]) * 32), NOW_S),
    ],
)
def test_a_block_belongs_to_one_contract_one_window_and_one_root(rule, view, now_s):
    head, _ = block(EXAMPLE)
    with pytest.raises(BlockRefused) as caught:
        check_head(head, view, now_s)
    assert caught.value.rule is rule
    check_head(head, VIEW, NOW_S)


def test_malformed_leaves_are_refused():
    head, leaves = block(EXAMPLE)
    for wrong in (
        [leaves[1], leaves[0], leaves[2]],
        [leaves[0], *leaves],
        [leaves[0], leaves[1] + b"x", leaves[2]],
        [leaf(merchant_id(7), {3: 1}), *leaves],
    ):
        with pytest.raises(BlockRefused) as caught:
            read_blocks(head, wrong, [], VIEW, P1)
        assert caught.value.rule is Rule.MALFORMED


def test_what_was_read_is_what_a_withdrawal_needs():
    reading = sign(EXAMPLE)
    assert reading.leaf.amounts == EXAMPLE[P1]
    verify_path(reading.head.root, leaf_hash_of(reading.content), reading.place, 3, reading.path)
    assert reading.totals_ubc == {1: 20, 2: 10}


def test_a_leaf_that_no_transaction_can_bring_is_refused_whosoever_it_is():
    view = replace(VIEW, channels=2 * MAX_ENTRIES + 10)
    for entries, rule in ((MAX_ENTRIES + 1, Rule.MALFORMED), (MAX_ENTRIES, None)):
        head, leaves = block({P1: {}, P2: dict.fromkeys(range(0, 2 * entries, 2), 1)})
        if rule is None:
            assert read_blocks(head, leaves, [], view, P1).head == head
            continue
        with pytest.raises(BlockRefused, match="consumers") as caught:
            read_blocks(head, leaves, [], view, P1)
        assert caught.value.rule is rule


def test_a_contract_that_takes_smaller_transactions_has_smaller_leaves():
    head, leaves = block({P1: {}, P2: {0: 1, 2: 1, 4: 1}})
    view = replace(VIEW, channels=5)
    assert read_blocks(head, leaves, [], view, P1, 3).head == head
    with pytest.raises(BlockRefused, match="a leaf at most 2") as caught:
        read_blocks(head, leaves, [], view, P1, 2)
    assert caught.value.rule is Rule.MALFORMED


# ---- Leaves that a contract pays in parts ----------------------------------------------------------------------------


BEFORE = {P1: {1: 10}, P2: {0: 3, 1: 4, 2: 5}, OPERATOR: {}}


@pytest.mark.parametrize("missing", [False, True], ids=["signs", "missing"])
def test_what_is_paid_of_a_leaf_already_is_not_in_the_next(missing):
    """Its first two entries: what is left stays, and money earned since of those consumers may be there too."""
    kept = {P2: leaf(P2, BEFORE[P2])} if missing else {}
    view = replace(VIEW, kept=kept, parts={P2: 2})
    for left in ({2: 5}, {1: 1, 2: 5}, {2: 6}):
        sign({**BEFORE, P2: left}, previous=BEFORE, view=view)
    for short in ({}, {2: 4}, {0: 3, 1: 4}):
        refused(Rule.PAYOUT_FELL, {**BEFORE, P2: short}, previous=BEFORE, view=view)
    refused(Rule.PAYOUT_FELL, {**BEFORE, P2: {2: 5}}, previous=BEFORE, view=replace(view, parts={P2: 1}))


def test_a_missing_merchants_parts_are_those_of_the_leaf_that_it_is_held_to():
    """The last block, which it did not sign, begins with another consumer: that one is not paid."""
    held = {1: 4, 2: 5}
    view = replace(VIEW, kept={P2: leaf(P2, held)}, parts={P2: 1})
    sign({**BEFORE, P2: {0: 3, 2: 5}}, previous=BEFORE, view=view)
    refused(Rule.PAYOUT_FELL, {**BEFORE, P2: {1: 4, 2: 5}}, previous=BEFORE, view=view)
