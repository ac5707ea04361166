"""Sums of keys do not depend on the order in which keys come and go, also where they cancel each other."""

from itertools import permutations

from ledger.payplace.bls import GROUP_ORDER, SecretKey
from ledger.payplace.key_sums import NO_KEYS, add_keys, take_keys

A, MINUS_A, C = (SecretKey(number).public.eip2537 for number in (5, GROUP_ORDER - 5, 9))


def test_a_sum_without_some_of_its_keys_is_the_sum_of_the_others():
    total = add_keys(NO_KEYS, [A, MINUS_A, C])
    for first, second, last in permutations([A, MINUS_A, C]):
        assert take_keys(total, [first, second]) == last
        assert take_keys(take_keys(total, [first]), [second]) == last
        assert take_keys(total, [first, second, last]) == NO_KEYS


def test_from_nothing_and_of_nothing():
    assert take_keys(NO_KEYS, [A]) == MINUS_A
    assert take_keys(C, []) == C
    assert take_keys(C, [A, MINUS_A]) == C
