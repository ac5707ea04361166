"""New accounts, so many a minute."""

from __future__ import annotations

from ledger.turnstile import Turnstile


def test_so_many_pass_in_a_minute_and_again_in_the_next() -> None:
    turnstile = Turnstile(3)
    assert [turnstile.lets_pass(60) for _ in range(4)] == [True, True, True, False]
    assert not turnstile.lets_pass(119)
    assert [turnstile.lets_pass(120 + second) for second in range(4)] == [True, True, True, False]


def test_none_at_all() -> None:
    assert not Turnstile(0).lets_pass(0)
