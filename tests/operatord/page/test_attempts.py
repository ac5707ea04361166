"""How often one address may try."""

from __future__ import annotations

import pytest

from operatord.page.attempts import BURST, MAX_ADDRESSES, REFILL_S, Attempts, source_of

NOW_S = 1_800_000_000
HERE, THERE = "192.0.2.1", "192.0.2.2"


def spend(attempts: Attempts, source: str = HERE, now_s: int = NOW_S) -> int:
    """How many there are left."""
    left = 0
    while attempts.take(source, now_s):
        left += 1
    return left


def test_ten_at_once_then_one_each_six_seconds():
    attempts = Attempts()
    assert spend(attempts) == BURST == 10
    assert spend(attempts, now_s=NOW_S + REFILL_S - 1) == 0
    assert spend(attempts, now_s=NOW_S + REFILL_S) == 1
    assert spend(attempts, now_s=NOW_S + 10_000) == BURST


def test_another_address_has_its_own():
    attempts = Attempts()
    spend(attempts)
    assert spend(attempts, THERE) == BURST


def test_a_clock_that_was_set_back_keeps_nobody_out_for_longer_than_a_minute():
    attempts = Attempts()
    spend(attempts, now_s=NOW_S + 86_400)
    assert not attempts.take(HERE, NOW_S)
    assert attempts.take(HERE, NOW_S + REFILL_S)


def test_a_flood_from_many_addresses_takes_no_more_memory_and_is_forgotten():
    attempts = Attempts({str(number): NOW_S + REFILL_S for number in range(MAX_ADDRESSES)})
    assert not attempts.take(HERE, NOW_S)
    assert attempts.take(HERE, NOW_S + REFILL_S)
    assert list(attempts.spent_until_s) == [HERE]


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:0:1:2:3:4:5", "2001:db8::/56"),
        ("2001:db8:0:100::9", "2001:db8:0:100::/56"),
        ("testclient", "unknown"),
        ("", "unknown"),
    ],
)
def test_a_subscriber_of_ipv6_is_one_source(address: str, source: str):
    assert source_of(address) == source
