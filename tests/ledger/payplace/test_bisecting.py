"""Whose signatures are bad: found among few and many, with few checks, and never somebody else's."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.payplace import bisecting, bls

MESSAGE, OTHER = bytes(32), bytes([1]) * 32
SECRETS = [bls.SecretKey(number) for number in range(2, 34)]
GOOD = [(secret.public, secret.sign(MESSAGE)) for secret in SECRETS]
BAD = [(secret.public, secret.sign(OTHER)) for secret in SECRETS]


def _signed(count, bad):
    return [BAD[place] if place in bad else GOOD[place] for place in range(count)]


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, len(SECRETS)).flatmap(
        lambda n: st.tuples(st.just(n), st.sets(st.integers(0, max(n - 1, 0)), max_size=5))
    )
)
def test_the_bad_ones_are_found(drawn):
    count, bad = drawn
    bad = {place for place in bad if place < count}
    assert bisecting.find_bad(MESSAGE, _signed(count, bad)).bad == tuple(sorted(bad))


def test_a_good_sum_costs_one_check_and_a_bad_one_few():
    assert bisecting.find_bad(MESSAGE, GOOD) == bisecting.Found((), 1)
    found = bisecting.find_bad(MESSAGE, _signed(32, {17}))
    assert found.bad == (17,)
    assert found.checks <= 1 + 2 * 5  # the sum, then at most both halves at each of 5 levels
    assert bisecting.find_bad(MESSAGE, []) == bisecting.Found((), 0)


def test_what_cancels_out_signs_together():
    """Two signatures that are wrong by the same point, once added and once taken away: their sum is accepted."""
    shift = SECRETS[0].sign(OTHER).point
    signed = list(GOOD)
    signed[3] = (GOOD[3][0], bls.Signature(GOOD[3][1].point + shift))
    signed[4] = (GOOD[4][0], bls.Signature(GOOD[4][1].point - shift))
    assert bisecting.find_bad(MESSAGE, signed).bad == ()
    signed[20] = BAD[20]
    bad = bisecting.find_bad(MESSAGE, signed).bad
    assert 20 in bad
    rest = [pair for place, pair in enumerate(signed) if place not in bad]
    bls.verify(
        bls.aggregate_keys(key for key, _ in rest), MESSAGE, bls.aggregate_signatures(s for _, s in rest)
    )


@pytest.mark.parametrize("swapped", [True, False])
def test_a_signature_of_somebody_else_is_bad(swapped):
    signed = list(GOOD)
    if swapped:  # each under the other's name: the sum holds all the same, and both did sign
        signed[0], signed[1] = (GOOD[0][0], GOOD[1][1]), (GOOD[1][0], GOOD[0][1])
        assert bisecting.find_bad(MESSAGE, signed).bad == ()
    else:
        signed[0] = (GOOD[0][0], GOOD[1][1])
        assert bisecting.find_bad(MESSAGE, signed).bad == (0,)
