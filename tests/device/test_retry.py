"""Back-off: doubled, bounded, and over at some time."""

from hypothesis import given
from hypothesis import strategies as st

from device.retry import NS_PER_MS, Backoff, again, begin

BACKOFF = Backoff(first_ms=250, longest_ms=2_000, tries=6)


def test_waits_double_up_to_the_longest() -> None:
    assert [BACKOFF.wait_ms(tries) for tries in range(1, 8)] == [250, 500, 1_000, 2_000, 2_000, 2_000, 2_000]


def test_first_answer_is_due_after_the_first_wait() -> None:
    assert begin(BACKOFF, 1_000).due_ns == 1_000 + 250 * NS_PER_MS


def test_exhausted_after_the_last_try() -> None:
    retry = begin(BACKOFF, 0)
    for tries in range(1, 6):
        assert retry.tries == tries
        assert not retry.exhausted(BACKOFF)
        retry = again(retry, BACKOFF, retry.due_ns)
    assert retry.exhausted(BACKOFF)


@given(st.integers(1, 10_000), st.integers(1, 100_000), st.integers(1, 10**9))
def test_no_wait_is_longer_than_the_longest_or_not_positive(first: int, longest: int, tries: int) -> None:
    assert 0 < Backoff(first, longest, 1).wait_ms(tries) <= longest
