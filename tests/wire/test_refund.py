"""What a shortfall is worth: a table, and what holds for all of them."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.grant import grant_id_of
from wire.qos import Qos
from wire.refund import promised_bits, refund_nonce, refund_ubc
from wire.transaction import NONCE_SIZE
from wire.units import U63_MAX

QOS = Qos(2_000_000, 8_000_000, 1_000_000, 4_000_000)
"""In ten minutes: 150,000,000 bytes down and 75,000,000 up."""
DURATION_S = 600
PRICE_UBC = 250_000


@pytest.mark.parametrize(
    ("down_bytes", "up_bytes", "owed_ubc", "why"),
    [
        (0, 0, 0, "nothing is missing"),
        (150_000_000, 75_000_000, 250_000, "nothing came"),
        (150_000_000, 0, 166_666, "nothing came down: two thirds of the floors, rounded down"),
        (0, 75_000_000, 83_333, "nothing went up: one third, rounded down"),
        (22_500_000, 0, 25_000, "a tenth of all that was promised"),
        (899, 0, 0, "less than one micro-bandcoin"),
        (900, 0, 1, "just one"),
        (10**12, 10**12, 250_000, "more than was promised: never above the price"),
    ],
)
def test_a_table_of_refunds(down_bytes, up_bytes, owed_ubc, why):
    assert refund_ubc(PRICE_UBC, QOS, DURATION_S, down_bytes, up_bytes) == owed_ubc, why


def test_a_direction_without_a_floor_owes_nothing():
    qos = Qos(0, 8_000_000, 1_000_000, 4_000_000)
    assert refund_ubc(PRICE_UBC, qos, DURATION_S, 10**9, 0) == 0
    assert refund_ubc(PRICE_UBC, qos, DURATION_S, 10**9, 75_000_000) == PRICE_UBC
    assert refund_ubc(PRICE_UBC, Qos(0, 8, 0, 8), DURATION_S, 10**9, 10**9) == 0


rates = st.integers(0, 10**12)
amounts = st.integers(0, U63_MAX)
durations = st.integers(1, 2**32 - 1)


@given(amounts, rates, rates, durations, amounts, amounts)
def test_never_above_the_price_and_always_an_integer(price_ubc, down_bps, up_bps, duration_s, down, up):
    qos = Qos(down_bps, down_bps + 1, up_bps, up_bps + 1) if max(down_bps, up_bps) < 10**12 else QOS
    owed_ubc = refund_ubc(price_ubc, qos, duration_s, down, up)
    assert type(owed_ubc) is int
    assert 0 <= owed_ubc <= price_ubc


@given(amounts, st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)), max_size=20))
def test_it_does_not_matter_how_many_reports_say_it(price_ubc, parts):
    """Of the sum nothing is lost; refunds of the parts stay below the whole by less than one ubc each."""
    down, up = sum(part[0] for part in parts), sum(part[1] for part in parts)
    if (down + up) * 8 > promised_bits(QOS, DURATION_S):
        return
    whole_ubc = refund_ubc(price_ubc, QOS, DURATION_S, down, up)
    split_ubc = sum(refund_ubc(price_ubc, QOS, DURATION_S, *part) for part in parts)
    assert whole_ubc - len(parts) < split_ubc <= whole_ubc or not parts
    sums = [(sum(p[0] for p in parts[:n]), sum(p[1] for p in parts[:n])) for n in range(len(parts) + 1)]
    steps = [refund_ubc(price_ubc, QOS, DURATION_S, *total) for total in sums]
    told = sum(after - before for before, after in pairwise(steps))
    assert told == whole_ubc, "paid step by step it comes to the same"


@given(amounts, st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 10**9))
def test_who_misses_more_gets_no_less(price_ubc, down, up, more):
    assert refund_ubc(price_ubc, QOS, DURATION_S, down, up) <= refund_ubc(
        price_ubc, QOS, DURATION_S, down + more, up
    )


def test_the_nonce_names_the_grant():
    """Source: `head -c 16 /dev/zero | sha256sum`. Grants of one purchase differ in their last octets only."""
    assert refund_nonce(bytes(16)).hex() == "374708fff7719dd5"
    nonces = {refund_nonce(grant_id_of(bytes(32), position)) for position in range(1_000)}
    assert len(nonces) == 1_000
    assert {len(nonce) for nonce in nonces} == {NONCE_SIZE}
