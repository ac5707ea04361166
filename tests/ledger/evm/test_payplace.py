"""The PayPlace contract on a node: what honest parties get, and what attackers do not (thesis 6.2.2)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.evm_rig import NO_ROOT, TIMES, Rig, secret_key, voucher_of
from ledger.evm.deployed import Outcome, load_compiled
from ledger.evm.node import GAS_CAP
from ledger.evm.payplace import MAX_ENTRIES, sign_source
from ledger.payplace.bls import PublicKey, SecretKey
from ledger.payplace.payout_leaf import PayoutLeaf, write_leaf
from wire.payplace_registration import Times

FREE_S = TIMES.window_s + TIMES.finality_s + 1
"""After the beginning of a window: when its freeze has ended."""
MAX_GAS = 190_000
MAX_CODE_BYTES = 24_576


def market(rig: Rig, merchants: int = 3, deposits: tuple[int, ...] = (70, 20, 1_000)) -> None:
    """Merchants 1, 2 ... and consumers in channels 0, 1 ..."""
    for number in range(1, merchants + 1):
        assert not rig.add_merchant(number).error
    for deposit in deposits:
        assert not rig.add_consumer(deposit).error


def notarised(rig: Rig, payouts: dict[int, dict[int, int]], **who: list[int]) -> Outcome:
    done = rig.notarise(rig.block(payouts), **who)
    assert not done.error, done
    return done


def free_s(rig: Rig) -> int:
    """When the freeze of the last block's window has ended."""
    return rig.start_s + rig.periods * TIMES.period_s + FREE_S


def withdraw(
    rig: Rig, number: int, paid: dict[int, int], *, leave: bool = False, at_s: int | None = None
) -> Outcome:
    claim = rig.claim(number, paid, leave=leave)
    payee = rig.payees[secret_key(number).public.merchant_id]
    return rig.payplace.withdraw(payee, rig.operator, claim, leave=leave, at_s=at_s or free_s(rig))


def got(rig: Rig, number: int) -> int:
    return rig.balance(rig.accounts[1 + number])


# ---- The thesis's example, and what it costs


def test_the_example_of_the_thesis(rig: Rig) -> None:
    """Section 6.4: p1 gets 10 of c1 and 10 of c2, p2 gets 10 of c1; after p1's withdrawal only p2's entry is left."""
    market(rig)
    notarised(rig, {1: {0: 10, 1: 10}, 2: {0: 10}})
    assert withdraw(rig, 1, {0: 20, 1: 10}).error == ""
    assert got(rig, 1) == 20
    notarised(rig, {2: {0: 10}})
    assert withdraw(rig, 2, {0: 20}).error == ""
    assert got(rig, 2) == 10
    assert rig.balance(rig.payplace.contract.address) == 70 + 20 + 1_000 - 30


def test_a_notarisation_that_everybody_signs_costs_no_more_than_is_promised(rig: Rig) -> None:
    market(rig)
    first = notarised(rig, {1: {0: 1}})
    later = [notarised(rig, {1: {0: amount}}).gas for amount in (2, 3)]
    assert max(first.gas, *later) <= MAX_GAS
    assert first.gas - max(later) < 100, "the first one fills no word that was empty"


def test_the_state_example_of_the_thesis(rig: Rig) -> None:
    """Section 6.5.1: N(-1) = {c1: 10}, N(-2) = {c1: 40, c5: 80}."""
    market(rig, merchants=5, deposits=(100, 100))
    notarised(rig, {1: {0: 10}, 2: {0: 30}, 3: {1: 40}, 4: {0: 10, 1: 40}})
    rig.mark_missing([2, 3])
    notarised(rig, {1: {0: 10}, 2: {0: 30}, 3: {1: 40}, 4: {0: 10, 1: 40}}, missing=[2, 3])
    rig.mark_missing([1])
    notarised(rig, {1: {0: 10}, 2: {0: 30}, 3: {1: 40}, 4: {0: 10, 1: 40}}, missing=[1, 2, 3])
    assert reserved(rig, 0) == {1: 30, 2: 10}
    assert reserved(rig, 1) == {1: 40}


def reserved(rig: Rig, channel: int) -> dict[int, int]:
    """N of this consumer: height last answered for -> amount."""
    (found,) = rig.payplace.contract.call("channelOf", rig.operator, channel)
    return {word >> 128: word & (1 << 128) - 1 for word in found[-1] if word}


# ---- Registration


def test_an_operator_registers_once_with_times_that_leave_room(rig: Rig) -> None:
    other, key = rig.accounts[20], secret_key(99)
    for wrong in (
        Times(3_600, 0, 60, 7_200),
        Times(3_600, 3_480, 60, 7_200),
        Times(3_600, 600, 60, 4_199),
    ):
        assert rig.payplace.register_operator(other, wrong, key).error == "TIMES_REFUSED"
    assert rig.payplace.register_operator(other, Times(3_600, 3_479, 60, 7_079), key).error == ""
    assert rig.payplace.register_operator(other, TIMES, key).error == "OPERATOR_EXISTS"


def register(rig: Rig, key: SecretKey, **change: object) -> Outcome:
    """As merchant 1 from account 2, but for what is changed."""
    payee, now_s = rig.accounts[2], rig.node.now_s()
    words = {
        "key": key.public,
        "proof": key.prove_possession(rig.instance, payee),
        "vouching": secret_key(0).public,
        "voucher": secret_key(0).sign(voucher_of(rig.instance, key.public.merchant_id, payee, now_s)),
        "tau_s": now_s,
    } | change
    return rig.payplace.register_merchant(payee, rig.operator, *words.values())  # type: ignore[arg-type]


def test_a_merchant_needs_its_own_key_and_the_operators_word(rig: Rig) -> None:
    key = secret_key(1)
    now_s = rig.node.now_s()
    elsewhere = voucher_of(bytes(32), key.public.merchant_id, rig.accounts[2], now_s)
    somebody = voucher_of(rig.instance, key.public.merchant_id, rig.accounts[3], now_s)
    assert register(rig, key, voucher=secret_key(0).sign(elsewhere)).error == "BAD_VOUCHER"
    assert register(rig, key, voucher=secret_key(0).sign(somebody)).error == "BAD_VOUCHER"
    assert register(rig, key, vouching=key.public).error == "BAD_VOUCHER"
    assert (
        register(rig, key, proof=key.prove_possession(rig.instance, rig.accounts[3])).error
        == "BAD_POSSESSION"
    )
    assert register(rig, key, tau_s=now_s + 100).error == "VOUCHER_STALE"
    assert register(rig, key).error == ""
    assert register(rig, key).error == "ALREADY_REGISTERED"


def test_a_rogue_key_is_refused(rig: Rig) -> None:
    """The key that would cancel all others has no proof of possession: only its owner's secret makes one."""
    market(rig, merchants=2)
    honest = [secret_key(number).public for number in (0, 1, 2)]
    rogue = PublicKey(secret_key(9).public.point - sum((key.point for key in honest[1:]), honest[0].point))
    payee, now_s = rig.accounts[2], rig.node.now_s()
    voucher = secret_key(0).sign(voucher_of(rig.instance, rogue.merchant_id, payee, now_s))
    proof = secret_key(9).prove_possession(rig.instance, payee)
    done = rig.payplace.register_merchant(payee, rig.operator, rogue, proof, honest[0], voucher, now_s)
    assert done.error == "BAD_POSSESSION"


# ---- Windows


def test_nothing_is_notarised_outside_a_window_or_twice_in_one(rig: Rig) -> None:
    market(rig)
    block = rig.block({1: {0: 10}})
    words = (rig.operator, block.tree.root, block.tau_s, rig.sign(block))
    assert rig.payplace.notarise(*words, at_s=block.tau_s - 1).error == "OUTSIDE_WINDOW"
    early = replace(block, tau_s=block.tau_s - 1)
    done = rig.payplace.notarise(
        rig.operator, block.tree.root, early.tau_s, rig.sign(early), at_s=block.tau_s
    )
    assert done.error == "TAU_OUTSIDE_WINDOW"
    assert rig.payplace.notarise(*words).error == ""
    assert rig.payplace.notarise(*words).error == "ALREADY_NOTARISED"
    late = block.tau_s + TIMES.window_s + 1
    assert rig.payplace.notarise(*words, at_s=late).error == "OUTSIDE_WINDOW"


def test_withdrawing_and_registering_wait_while_a_freeze_lasts(rig: Rig) -> None:
    market(rig)
    notarised(rig, {1: {0: 10}})
    assert withdraw(rig, 1, {0: 10}, at_s=free_s(rig) - 1).error == "FROZEN"
    assert register(rig, secret_key(8)).error == "FROZEN"
    assert withdraw(rig, 1, {0: 10}, at_s=rig.window_s - TIMES.finality_s).error == "FROZEN"


def test_the_first_and_the_last_second_between_freezes_are_free(rig: Rig) -> None:
    market(rig)
    notarised(rig, {1: {0: 10}, 2: {0: 5}})
    assert withdraw(rig, 1, {0: 15}, at_s=free_s(rig)).error == ""
    assert withdraw(rig, 2, {}, at_s=rig.window_s - TIMES.finality_s - 1).error == ""


# ---- Attacks on blocks


def test_an_old_block_is_not_notarised_again(rig: Rig) -> None:
    """The previous root is signed too: yesterday's signatures belong to yesterday's place."""
    market(rig)
    old = rig.block({1: {0: 10}})
    signature = rig.sign(old)
    notarised(rig, {1: {0: 10}})
    notarised(rig, {1: {0: 10}, 2: {0: 5}})
    window_s = rig.window_s
    for tau_s in (old.tau_s, window_s):
        done = rig.payplace.notarise(rig.operator, old.tree.root, tau_s, signature, at_s=window_s + 1)
        assert done.error in {"TAU_OUTSIDE_WINDOW", "BAD_AGGREGATE"}


def test_a_merchant_who_did_not_sign_cannot_be_left_out(rig: Rig) -> None:
    market(rig)
    notarised(rig, {1: {0: 10}})
    block = rig.block({2: {0: 10}})
    assert rig.notarise(block, missing=[1]).error == "BAD_AGGREGATE"
    alone = rig.sign(block, missing=[0, 1, 3])
    assert rig.payplace.notarise(rig.operator, block.tree.root, block.tau_s, alone).error == "BAD_AGGREGATE"


def test_only_the_operator_notarises_and_marks(rig: Rig) -> None:
    market(rig)
    block = rig.block({1: {0: 10}})
    done = rig.payplace.notarise(
        rig.accounts[2], block.tree.root, block.tau_s, rig.sign(block), at_s=block.tau_s
    )
    assert done.error == "NO_SUCH_OPERATOR"


def test_if_nobody_signs_nothing_is_notarised(rig: Rig) -> None:
    rig.notarise(rig.block({}))
    assert rig.mark_missing([0]).error == ""
    block = rig.block({})
    done = rig.payplace.notarise(rig.operator, block.tree.root, block.tau_s, rig.sign(block))
    assert done.error == "NO_SIGNERS"


# ---- Missing merchants


def test_what_a_missing_merchant_had_stays_whatever_later_blocks_say(rig: Rig) -> None:
    """Double spend by operator and a colluder: money is promised twice, the first owner gets it."""
    market(rig)
    notarised(rig, {1: {0: 50}})
    assert rig.mark_missing([1]).error == ""
    notarised(rig, {2: {0: 60}}, missing=[1])
    assert withdraw(rig, 2, {0: 60}).error == ""
    assert got(rig, 2) == 10, "of 60 paid, 50 are kept"
    block = rig.blocks[-2]
    claim = rig.claim(1, {0: 60}, block=block)
    assert rig.payplace.withdraw(rig.accounts[2], rig.operator, claim).error == ""
    assert got(rig, 1) == 50


def test_a_missing_merchants_own_funds_are_not_kept_from_itself(rig: Rig) -> None:
    """P6: the sum runs over older cohorts only; as printed, it would be paid nothing."""
    market(rig)
    notarised(rig, {1: {0: 10}})
    rig.mark_missing([1])
    notarised(rig, {1: {0: 10}}, missing=[1])
    assert withdraw(rig, 1, {0: 10}).error == ""
    assert got(rig, 1) == 10
    assert reserved(rig, 0) == {}


def test_an_honest_block_in_which_a_missing_merchant_earned_more_is_accepted(rig: Rig) -> None:
    """P4, P5: 15 instead of 10 is no smaller set; and the old block's path is what is checked against the old root."""
    market(rig)
    notarised(rig, {1: {0: 10}, 2: {0: 1}})
    assert rig.mark_missing([1]).error == ""
    notarised(rig, {1: {0: 15}, 2: {0: 1}}, missing=[1])
    notarised(rig, {1: {0: 16}, 2: {0: 1}}, returning=[1])
    assert reserved(rig, 0) == {}
    assert withdraw(rig, 1, {0: 17}).error == ""
    assert got(rig, 1) == 16


def test_marking_needs_the_leaf_that_is_in_the_root(rig: Rig) -> None:
    market(rig)
    notarised(rig, {1: {0: 10}, 2: {0: 5}})
    row, count = rig.blocks[-1].row(secret_key(1)), len(rig.blocks[-1].leaves)
    name = secret_key(1).public.merchant_id
    less = replace(row, leaf=write_leaf(PayoutLeaf(name, {0: 9})))
    empty = replace(row, leaf=write_leaf(PayoutLeaf(name, {})))
    foreign = replace(row, key=secret_key(2).public)
    stranger = replace(row, key=secret_key(77).public, leaf=secret_key(77).public.merchant_id + bytes(4))
    at_s = rig.window_s
    for wrong, error in (
        (less, "NOT_IN_ROOT"),
        (empty, "NOT_IN_ROOT"),
        (foreign, "NOT_REGISTERED"),
        (stranger, "NOT_REGISTERED"),
        (replace(row, leaf=row.leaf[:-1]), "LEAF_MALFORMED"),
    ):
        assert rig.payplace.mark_missing(rig.operator, count, [wrong], at_s=at_s).error == error
    assert rig.payplace.mark_missing(rig.operator, count, [row, row]).error == "ALREADY_MISSING"
    assert rig.payplace.mark_missing(rig.operator, count, [row]).error == ""


def test_who_has_withdrawn_has_nothing_to_be_set_aside(rig: Rig) -> None:
    market(rig)
    notarised(rig, {1: {0: 10}})
    assert withdraw(rig, 1, {0: 10}).error == ""
    row, count = rig.blocks[-1].row(secret_key(1)), len(rig.blocks[-1].leaves)
    at_s = rig.window_s
    assert rig.payplace.mark_missing(rig.operator, count, [row], at_s=at_s).error == "LEAF_DIFFERS"
    empty = replace(row, leaf=write_leaf(PayoutLeaf(secret_key(1).public.merchant_id, {})))
    assert rig.payplace.mark_missing(rig.operator, count, [empty]).error == ""
    assert reserved(rig, 0) == {}


# ---- Absent merchants: named now, settled later


def settle(rig: Rig, number: int, block: int = -2) -> Outcome:
    """By somebody who is neither operator nor merchant, out of a block that he has."""
    found = rig.blocks[block]
    return rig.payplace.settle(rig.accounts[19], rig.operator, found.count, found.row(secret_key(number)))


def test_an_absent_merchants_funds_are_set_aside_before_anybody_else_is_paid(rig: Rig) -> None:
    """The double spend again: nobody is paid out of the new block before the absent one's leaf is brought."""
    market(rig)
    notarised(rig, {1: {0: 50}})
    assert rig.mark_absent([1]).error == ""
    notarised(rig, {2: {0: 60}}, missing=[1])
    assert withdraw(rig, 2, {0: 60}).error == "SETTLE_FIRST"
    assert settle(rig, 1, -1).error == "NOT_IN_ROOT", "not by the new block"
    assert settle(rig, 1).error == ""
    assert settle(rig, 1).error == "ALREADY_SETTLED"
    assert withdraw(rig, 2, {0: 60}).error == ""
    assert (got(rig, 2), reserved(rig, 0)) == (10, {1: 50})
    claim = rig.claim(1, {0: 60}, block=rig.blocks[-2])
    assert rig.payplace.withdraw(rig.accounts[2], rig.operator, claim).error == ""
    assert got(rig, 1) == 50


def test_an_absent_merchant_withdraws_without_anybodys_help(rig: Rig) -> None:
    market(rig)
    notarised(rig, {1: {0: 50}, 3: {1: 1}})
    rig.mark_absent([1, 3])
    notarised(rig, {2: {0: 60}}, missing=[1, 3])
    claim = rig.claim(1, {0: 60}, block=rig.blocks[-2])
    at_s = free_s(rig)
    assert rig.payplace.withdraw(rig.accounts[2], rig.operator, claim, at_s=at_s).error == ""
    assert got(rig, 1) == 50
    assert rig.payplace.withdraw(rig.accounts[2], rig.operator, claim).error == "NOTHING_CONFIRMED"
    assert withdraw(rig, 2, {0: 60}).error == "SETTLE_FIRST", "merchant 3 is still owed something"
    assert settle(rig, 3).error == ""
    assert withdraw(rig, 2, {0: 60}).error == ""
    assert got(rig, 2) == 10


def test_who_signs_again_before_anybody_withdraws_has_cost_no_leaf(rig: Rig) -> None:
    market(rig)
    notarised(rig, {1: {0: 50}})
    rig.mark_absent([1])
    notarised(rig, {1: {0: 50}}, missing=[1])
    notarised(rig, {1: {0: 51}, 2: {0: 9}}, returning=[1])
    assert withdraw(rig, 2, {0: 60}).error == ""
    assert withdraw(rig, 1, {}).error == ""
    assert (got(rig, 1), got(rig, 2)) == (51, 9)


def test_of_two_absences_the_older_is_served_first_however_late_it_is_settled(rig: Rig) -> None:
    """Seniority: who was confirmed earlier is kept from who was confirmed later, not the other way round."""
    market(rig, merchants=4)
    notarised(rig, {1: {0: 50}})
    rig.mark_absent([1])
    notarised(rig, {2: {0: 30}}, missing=[1])
    rig.mark_absent([2])
    notarised(rig, {3: {0: 60}}, missing=[1, 2])
    assert settle(rig, 2, -2).error == ""
    younger = rig.claim(2, {0: 60}, block=rig.blocks[-2])
    at_s = free_s(rig)
    assert rig.payplace.withdraw(rig.accounts[3], rig.operator, younger, at_s=at_s).error == "SETTLE_FIRST"
    assert settle(rig, 1, -3).error == ""
    assert reserved(rig, 0) == {1: 50, 2: 30}
    assert rig.payplace.withdraw(rig.accounts[3], rig.operator, younger).error == ""
    assert withdraw(rig, 3, {0: 60}).error == ""
    older = rig.claim(1, {0: 60}, block=rig.blocks[-3])
    assert rig.payplace.withdraw(rig.accounts[2], rig.operator, older).error == ""
    assert [got(rig, number) for number in (1, 2, 3)] == [50, 10, 0]


def test_nobody_is_paid_by_an_older_block_while_an_absence_is_open(rig: Rig) -> None:
    """A league drops one of its claims, lets an honest merchant sign what is left, and brings the old block."""
    market(rig)
    notarised(rig, {1: {0: 1}, 2: {0: 60}})
    dropped = rig.claim(2, {0: 61}, block=rig.blocks[-1])
    rig.mark_absent([1])
    notarised(rig, {1: {0: 1}}, missing=[1])
    notarised(rig, {1: {0: 1}, 3: {0: 50}}, missing=[1])  # what the honest one saw: 51 of 61
    at_s = free_s(rig)
    assert rig.payplace.withdraw(rig.accounts[3], rig.operator, dropped, at_s=at_s).error == "NOT_IN_ROOT"
    assert withdraw(rig, 3, {0: 61}).error == "SETTLE_FIRST"
    assert settle(rig, 1, -3).error == ""
    assert withdraw(rig, 3, {0: 61}).error == ""
    assert (got(rig, 2), got(rig, 3)) == (0, 50)


def test_who_waits_for_an_absence_sees_which_block_it_is_settled_by(rig: Rig) -> None:
    market(rig)
    notarised(rig, {1: {0: 50}})
    rig.mark_absent([1])
    assert rig.payplace.contract.call("openAbsences", rig.operator) == [[1]]
    ((root, count),) = rig.payplace.contract.call("absenceOf", rig.operator, 1)
    assert (root, count) == (rig.blocks[0].tree.root, 1)
    assert settle(rig, 1, -1).error == ""
    assert rig.payplace.contract.call("openAbsences", rig.operator) == [[]]


def test_a_large_leaf_is_settled_in_parts(rig: Rig) -> None:
    market(rig, deposits=(70, 20, 1_000, 9))
    notarised(rig, {1: {0: 50, 1: 5, 2: 7}})
    rig.mark_absent([1])
    notarised(rig, {1: {0: 50, 1: 5, 2: 7}, 2: {0: 20}}, missing=[1])
    signed = rig.blocks[-2]

    def part(most: int) -> str:
        row = signed.row(secret_key(1))
        return rig.payplace.settle(rig.accounts[19], rig.operator, signed.count, row, most=most).error

    assert part(0) == ""
    assert part(2) == ""
    assert [reserved(rig, channel) for channel in (0, 1, 2)] == [{1: 50}, {1: 5}, {}]
    assert withdraw(rig, 2, {0: 70}).error == "SETTLE_FIRST"
    own = rig.claim(1, {0: 50, 1: 5, 2: 7}, block=signed)
    payee = rig.payees[secret_key(1).public.merchant_id]
    assert rig.payplace.withdraw(payee, rig.operator, own).error == "SETTLED_IN_PART"
    assert part(2) == ""
    assert [reserved(rig, channel) for channel in (0, 1, 2)] == [{1: 50}, {1: 5}, {1: 7}]
    assert part(1) == "ALREADY_SETTLED"
    assert withdraw(rig, 2, {0: 70}).error == ""
    assert got(rig, 2) == 20
    notarised(rig, {1: {0: 50, 1: 5, 2: 7}}, returning=[1])
    assert [reserved(rig, channel) for channel in (0, 1, 2)] == [{}, {}, {}]


def test_who_is_settled_in_part_returns_when_all_of_it_is(rig: Rig) -> None:
    market(rig)
    notarised(rig, {1: {0: 50, 1: 5}})
    rig.mark_absent([1])
    signed = rig.blocks[-1]
    row = signed.row(secret_key(1))
    assert rig.payplace.settle(rig.accounts[19], rig.operator, signed.count, row, most=1).error == ""
    back = rig.notarise(rig.block({1: {0: 50, 1: 5}}), returning=[1])
    assert back.error == "SETTLED_IN_PART"


def test_whoever_settles_one_entry_ahead_of_a_notarisation_costs_no_new_signatures(rig: Rig) -> None:
    """A sum of signatures does not say who returns: the operator settles the rest, and brings the same one again."""
    market(rig)
    notarised(rig, {1: {0: 50, 1: 5}})
    rig.mark_absent([1])
    signed, block = rig.blocks[-1], rig.block({1: {0: 50, 1: 5}})
    row, signature = signed.row(secret_key(1)), rig.sign(block)
    words = (rig.operator, block.tree.root, block.tau_s, signature)
    settle = rig.payplace.settle
    assert settle(rig.accounts[19], rig.operator, signed.count, row, most=1, at_s=block.tau_s).error == ""
    assert rig.payplace.notarise(*words, [(row.key, b"")]).error == "SETTLED_IN_PART"
    assert settle(rig.operator, rig.operator, signed.count, row).error == ""
    assert settle(rig.accounts[19], rig.operator, signed.count, row, most=1).error == "ALREADY_SETTLED"
    assert rig.payplace.notarise(*words, [(row.key, row.leaf)]).error == ""
    assert [reserved(rig, channel) for channel in (0, 1)] == [{}, {}]


def test_one_entry_of_the_largest_leaf_fits_a_transaction(rig: Rig) -> None:
    """5,000 consumers whose channels stand alone: one is withdrawn, one settled, and an honest block is not held up."""
    market(rig, merchants=2, deposits=(70, 20, 1_000))
    notarised(rig, {1: {2 * number: 5 for number in range(MAX_ENTRIES)}, 2: {1: 7}})
    taken = rig.claim(1, {0: 5})
    payee, at_s = rig.payees[secret_key(1).public.merchant_id], free_s(rig)
    done = [rig.payplace.withdraw(payee, rig.operator, taken, most=1, at_s=at_s)]
    out = rig.claim(1, {2: 5}, leave=True)
    before = rig.node.snapshot()
    done.append(rig.payplace.force_exit(rig.operator, out, most=1))
    rig.node.revert(before)
    assert rig.mark_absent([1]).error == ""
    signed = rig.blocks[-1]
    row = signed.row(secret_key(1))
    done.append(rig.payplace.settle(rig.accounts[9], rig.operator, signed.count, row, most=1))
    assert [one.error for one in done] == ["", "", ""]
    assert max(one.gas for one in done) < GAS_CAP * 2 // 3, "room for the cohorts of a consumer"
    assert (got(rig, 1), reserved(rig, 2)) == (5, {1: 5})


def test_the_contract_has_room_below_the_largest_that_is_deployed() -> None:
    """EIP-170, with some octets for the next compiler."""
    assert load_compiled("PayPlace").runtime_bytes <= MAX_CODE_BYTES - 128


def test_claims_of_the_largest_amounts_are_set_aside_under_their_own_height(rig: Rig) -> None:
    """Blocks that only a league signs may claim anything: their sum must not become somebody's seniority."""
    largest = 2**63 - 1
    market(rig, merchants=6)
    notarised(rig, {1: {0: largest}, 2: {0: largest}, 3: {0: largest}, 4: {0: 1}})
    rig.mark_absent([1, 2, 3, 4])
    for number in (1, 2, 3, 4):
        assert settle(rig, number, -1).error == ""
    assert reserved(rig, 0) == {1: 3 * largest + 1}
    notarised(rig, {4: {0: 1}}, missing=[2, 3, 4], returning=[1])
    notarised(rig, {4: {0: 1}}, missing=[3, 4], returning=[2])
    notarised(rig, {4: {0: 1}, 5: {0: 50}}, missing=[4], returning=[3])
    assert reserved(rig, 0) == {1: 1}
    assert withdraw(rig, 5, {0: 60}).error == ""
    assert got(rig, 5) == 50


def test_only_registered_merchants_are_absent_and_only_once(rig: Rig) -> None:
    market(rig)
    notarised(rig, {1: {0: 50}})
    assert rig.mark_absent([77]).error == "NOT_REGISTERED"
    assert rig.mark_absent([1, 1]).error == "ALREADY_MISSING"
    assert settle(rig, 1, -1).error == "NOT_MISSING"
    assert rig.mark_absent([1]).error == ""
    assert rig.mark_missing([1]).error == "ALREADY_MISSING"
    assert rig.payplace.mark_absent(rig.accounts[2], [secret_key(2).public]).error == "NO_SUCH_OPERATOR"


def test_who_has_nothing_confirmed_needs_no_settling(rig: Rig) -> None:
    market(rig)
    notarised(rig, {1: {0: 50}})
    assert withdraw(rig, 1, {0: 50}).error == ""
    rig.mark_absent([1])
    notarised(rig, {2: {0: 5}}, missing=[1])
    assert withdraw(rig, 2, {0: 60}).error == ""


# ---- A leaf that is too large for one transaction


def take(rig: Rig, number: int, paid: dict[int, int], most: int, block: int = -1, **more: int | bool) -> str:
    """A part of a merchant's leaf, with the sources of that part."""
    claim = rig.claim(number, paid, block=rig.blocks[block], leave=bool(more.get("leave")))
    payee = rig.payees[secret_key(number).public.merchant_id]
    at_s = int(more.pop("at_s", free_s(rig)))
    return rig.payplace.withdraw(payee, rig.operator, claim, most=most, at_s=at_s, **more).error  # type: ignore[arg-type]


def test_a_large_leaf_is_paid_in_parts(rig: Rig) -> None:
    market(rig, deposits=(70, 20, 1_000))
    notarised(rig, {1: {0: 50, 1: 5, 2: 7}, 2: {0: 1}})
    assert take(rig, 1, {0: 51, 1: 5}, 2, at_least=56) == "NOT_FULLY_COVERED"
    assert take(rig, 1, {0: 51, 1: 5}, 2, at_least=55) == ""
    assert got(rig, 1) == 55
    assert take(rig, 1, {0: 51}, 1) == "SOURCE_NOT_IN_LEAF"
    assert take(rig, 1, {2: 7}, 2) == ""
    assert got(rig, 1) == 62
    assert take(rig, 1, {2: 7}, 1) == "NOTHING_CONFIRMED"
    assert withdraw(rig, 2, {}).error == ""


def test_the_rest_of_a_leaf_is_in_the_next_block(rig: Rig) -> None:
    """Nothing is paid twice, and a part within a freeze, which signers would not see, is refused."""
    market(rig, deposits=(70, 20, 1_000))
    notarised(rig, {1: {0: 50, 1: 5, 2: 7}})
    assert take(rig, 1, {0: 50}, 1) == ""
    own = rig.claim(1, {}, leave=True)
    assert rig.payplace.force_exit(rig.operator, own, most=1, at_s=rig.window_s).error == "SOURCE_MISSING"
    part = rig.claim(1, {1: 5}, leave=True)
    assert rig.payplace.force_exit(rig.operator, part, most=1, at_s=rig.window_s).error == "FROZEN"
    notarised(rig, {1: {1: 5, 2: 8}})
    assert take(rig, 1, {1: 5, 2: 8}, 9) == ""
    assert got(rig, 1) == 63


def test_who_is_missing_after_a_part_has_the_rest_set_aside_and_takes_it_in_parts(rig: Rig) -> None:
    market(rig, deposits=(70, 20, 1_000))
    notarised(rig, {1: {0: 50, 1: 5, 2: 7}})
    assert take(rig, 1, {0: 50}, 1) == ""
    assert rig.mark_missing([1]).error == ""
    assert [reserved(rig, channel) for channel in (0, 1, 2)] == [{}, {1: 5}, {1: 7}]
    notarised(rig, {2: {0: 20}}, missing=[1])
    assert take(rig, 1, {1: 5}, 1, block=0) == ""
    assert [reserved(rig, channel) for channel in (0, 1, 2)] == [{}, {}, {1: 7}]
    notarised(rig, {1: {2: 7}, 2: {0: 20}}, returning=[1])
    assert [reserved(rig, channel) for channel in (0, 1, 2)] == [{}, {}, {}]
    assert take(rig, 1, {2: 7}, 1) == ""
    assert withdraw(rig, 2, {0: 70}).error == ""
    assert (got(rig, 1), got(rig, 2)) == (62, 20)


def test_who_is_absent_after_a_part_takes_the_rest_settled_or_not(rig: Rig) -> None:
    market(rig, deposits=(70, 20, 1_000))
    notarised(rig, {1: {0: 50, 1: 5, 2: 7}})
    assert take(rig, 1, {0: 50}, 1) == ""
    assert rig.mark_absent([1]).error == ""
    notarised(rig, {2: {0: 20}}, missing=[1])
    assert take(rig, 1, {1: 5}, 1, block=0) == ""
    assert withdraw(rig, 2, {0: 70}).error == "SETTLE_FIRST"
    row = rig.blocks[0].row(secret_key(1))
    assert rig.payplace.settle(rig.accounts[19], rig.operator, rig.blocks[0].count, row).error == ""
    assert [reserved(rig, channel) for channel in (0, 1, 2)] == [{}, {}, {1: 7}]
    assert take(rig, 1, {2: 7}, 1, block=0) == ""
    assert withdraw(rig, 2, {0: 70}).error == ""
    assert (got(rig, 1), got(rig, 2)) == (62, 20)


def test_who_is_pushed_out_in_parts_is_paid_in_full_and_exits_with_the_last(rig: Rig) -> None:
    market(rig)
    notarised(rig, {1: {0: 50, 1: 5}})
    short = rig.claim(1, {0: 49}, leave=True)
    assert rig.payplace.force_exit(rig.operator, short, most=1, at_s=free_s(rig)).error == "NOT_FULLY_COVERED"
    first, last = rig.claim(1, {0: 50}, leave=True), rig.claim(1, {1: 5}, leave=True)
    assert rig.payplace.force_exit(rig.operator, first, most=1).error == ""
    assert rig.payplace.force_exit(rig.operator, last, most=1, at_s=rig.window_s).error == ""
    assert got(rig, 1) == 55
    assert take(rig, 1, {}, 1, at_s=rig.window_s + FREE_S) == "NOT_REGISTERED"


# ---- Withdrawals


def test_nobody_withdraws_twice_from_a_block(rig: Rig) -> None:
    market(rig)
    notarised(rig, {1: {0: 10}})
    assert withdraw(rig, 1, {0: 30}).error == ""
    assert withdraw(rig, 1, {0: 30}).error == "NOTHING_CONFIRMED"
    assert got(rig, 1) == 10


def test_colluders_get_no_more_than_the_consumer_has_paid(rig: Rig) -> None:
    """A block that promises 60 of a consumer who paid 20: the first comers share 20 (Consumer Safety)."""
    market(rig)
    notarised(rig, {1: {0: 30}, 2: {0: 30}})
    assert withdraw(rig, 1, {0: 20}).error == ""
    assert withdraw(rig, 2, {0: 20}).error == ""
    assert got(rig, 1) + got(rig, 2) == 20


def test_a_consumer_who_promises_more_than_its_deposit_spends_nobody_elses(rig: Rig) -> None:
    """Overspending: of 70 deposited, 70 are paid, whatever is signed."""
    market(rig)
    notarised(rig, {1: {0: 60}, 2: {0: 60}})
    assert withdraw(rig, 1, {0: 500}).error == ""
    assert withdraw(rig, 2, {0: 500}).error == ""
    assert (got(rig, 1), got(rig, 2)) == (60, 10)


def test_a_micropayment_counts_for_its_channel_its_consumer_and_this_operator_only(rig: Rig) -> None:
    market(rig)
    notarised(rig, {1: {0: 10}})
    claim = rig.claim(1, {0: 10})
    good = claim.sources[0]
    other = sign_source(0, rig.consumers[1], rig.instance, 10)
    elsewhere = sign_source(0, rig.consumers[0], rig.payplace.instance(rig.accounts[9]), 10)
    for sources, error in (
        ([other], "BAD_SOURCE"),
        ([elsewhere], "BAD_SOURCE"),
        ([replace(good, cumulative=11)], "BAD_SOURCE"),
        ([replace(good, channel=1)], "SOURCE_NOT_IN_LEAF"),
        ([good, good], "SOURCE_NOT_IN_LEAF"),
        ([], "SOURCE_MISSING"),
    ):
        wrong = replace(claim, sources=sources)
        assert rig.payplace.withdraw(rig.accounts[2], rig.operator, wrong, at_s=free_s(rig)).error == error
    assert rig.payplace.withdraw(rig.accounts[2], rig.operator, claim).error == ""


def test_an_older_micropayment_changes_nothing(rig: Rig) -> None:
    """Replaying an older channel state: what is known to be paid only rises."""
    market(rig)
    notarised(rig, {1: {0: 10}, 2: {0: 10}})
    assert withdraw(rig, 1, {0: 20}).error == ""
    assert withdraw(rig, 2, {0: 5}).error == ""
    assert got(rig, 2) == 10


def test_only_the_payee_withdraws_and_only_its_own_leaf(rig: Rig) -> None:
    market(rig)
    notarised(rig, {1: {0: 10}, 2: {0: 5}})
    claim = rig.claim(1, {0: 15})
    send = rig.payplace.withdraw
    assert send(rig.accounts[3], rig.operator, claim, at_s=free_s(rig)).error == "NOT_THE_PAYEE"
    assert send(rig.accounts[2], rig.operator, replace(claim, index=claim.index ^ 1)).error == "NOT_IN_ROOT"
    more = replace(claim, leaf=write_leaf(PayoutLeaf(secret_key(1).public.merchant_id, {0: 11})))
    assert send(rig.accounts[2], rig.operator, more).error == "NOT_IN_ROOT"


def test_who_leaves_is_paid_and_signs_no_more_and_may_come_back_after_the_next_block(rig: Rig) -> None:
    market(rig)
    notarised(rig, {1: {0: 10}})
    assert withdraw(rig, 1, {0: 10}, leave=True).error == ""
    assert withdraw(rig, 1, {0: 10}).error == "NOT_REGISTERED"
    assert rig.add_merchant(1).error == "ALREADY_REGISTERED"
    del rig.keys[secret_key(1).public.merchant_id]
    notarised(rig, {2: {0: 5}})
    assert register(rig, secret_key(1)).error == "FROZEN"
    rig.node.ask("evm_mine", free_s(rig))
    assert rig.add_merchant(1).error == ""
    assert withdraw(rig, 2, {0: 15}).error == ""
    assert got(rig, 1) + got(rig, 2) == 15


def test_an_operator_may_pay_somebody_out_but_not_short(rig: Rig) -> None:
    market(rig)
    notarised(rig, {1: {0: 10}})
    short = rig.claim(1, {0: 9}, leave=True)
    assert rig.payplace.force_exit(rig.operator, short, at_s=free_s(rig)).error == "NOT_FULLY_COVERED"
    full = rig.claim(1, {0: 10}, leave=True)
    assert rig.payplace.force_exit(rig.accounts[2], full).error == "NO_SUCH_OPERATOR"
    assert rig.payplace.force_exit(rig.operator, full).error == ""
    assert got(rig, 1) == 10
    del rig.keys[secret_key(1).public.merchant_id]
    notarised(rig, {2: {0: 5}})


# ---- Shifts between operators


@pytest.fixture
def two(rig: Rig) -> Rig:
    """A second operator at account 20, and a consumer who has 1,000 with the first."""
    market(rig, merchants=1, deposits=(1_000,))
    assert rig.payplace.register_operator(rig.accounts[20], TIMES, secret_key(50)).error == ""
    return rig


def shift(rig: Rig, amount: int, signer: int = 0) -> Outcome:
    splits = (rig.operator, rig.accounts[20])
    return rig.payplace.shift(rig.accounts[5], splits, 0, amount, rig.consumers[signer])


def deposited(rig: Rig, operator: bytes) -> int:
    (found,) = rig.payplace.contract.call("channelOf", operator, 0)
    return int(found[4])


def test_a_shift_waits_for_the_time_of_challenges_and_then_moves_the_deposit(two: Rig) -> None:
    assert shift(two, 1_001).error == "SHIFT_TOO_LARGE"
    assert shift(two, 600).error == ""
    assert shift(two, 600).error == "SHIFT_PENDING"
    begun_s = two.node.now_s()
    finish = two.payplace.finish_shift
    late_s = begun_s + TIMES.challenge_s
    assert finish(two.accounts[5], two.operator, 0, at_s=late_s - 1).error == "CHALLENGE_RUNS"
    assert finish(two.accounts[5], two.operator, 0, at_s=late_s).error == ""
    assert (deposited(two, two.operator), deposited(two, two.accounts[20])) == (400, 600)
    assert finish(two.accounts[5], two.operator, 0).error == "NO_SHIFT"


def test_money_that_is_spent_is_not_shifted(two: Rig) -> None:
    assert shift(two, 600).error == ""
    low = sign_source(0, two.consumers[0], two.instance, 400)
    high = sign_source(0, two.consumers[0], two.instance, 401)
    forged = replace(high, cumulative=500)
    challenge = two.payplace.challenge_shift
    assert challenge(two.accounts[6], two.operator, low).error == "CHALLENGE_TOO_LOW"
    assert challenge(two.accounts[6], two.operator, forged).error == "BAD_SOURCE"
    assert challenge(two.accounts[6], two.operator, high).error == ""
    assert challenge(two.accounts[6], two.operator, high).error == "NO_SHIFT"
    assert shift(two, 600).error == "SHIFT_TOO_LARGE"
    assert deposited(two, two.operator) == 1_000


def test_a_withdrawal_that_shows_spent_money_ends_the_shift_too(two: Rig) -> None:
    notarised(two, {1: {0: 500}})
    assert shift(two, 600).error == ""
    assert withdraw(two, 1, {0: 500}).error == ""
    assert two.payplace.finish_shift(two.accounts[5], two.operator, 0).error == "NO_SHIFT"


def test_nobody_shifts_another_consumers_money_nor_the_same_word_twice(two: Rig) -> None:
    two.add_consumer(50)
    assert shift(two, 600, signer=1).error == "BAD_SOURCE"
    (message,) = two.payplace.contract.call("shiftMessage", two.operator, two.accounts[20], 0, 300)
    assert shift(two, 300).error == ""
    assert [message] != two.payplace.contract.call("shiftMessage", two.operator, two.accounts[20], 0, 300)


def test_the_first_block_follows_no_root(rig: Rig) -> None:
    market(rig)
    assert rig.last_root == NO_ROOT
    assert notarised(rig, {}).error == ""
