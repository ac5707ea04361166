"""When to send again: exponential back-off with a limit. Pure; times are monotonic nanoseconds."""

from dataclasses import dataclass

NS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class Backoff:
    """The first wait, doubled until the longest; after `tries` sendings and one more wait it is over."""

    first_ms: int
    longest_ms: int
    tries: int

    def wait_ms(self, tries: int) -> int:
        """How long to wait after sending number `tries`, counted from 1."""
        return min(self.longest_ms, self.first_ms << min(tries - 1, 20))


@dataclass(frozen=True, slots=True)
class Retry:
    """One thing that is sent until it is answered: how often it was, and when its answer is overdue."""

    tries: int
    due_ns: int

    def exhausted(self, backoff: Backoff) -> bool:
        return self.tries >= backoff.tries


def begin(backoff: Backoff, mono_ns: int) -> Retry:
    """Sent once, now."""
    return Retry(1, mono_ns + backoff.wait_ms(1) * NS_PER_MS)


def again(retry: Retry, backoff: Backoff, mono_ns: int) -> Retry:
    """Sent once more, now."""
    return Retry(retry.tries + 1, mono_ns + backoff.wait_ms(retry.tries + 1) * NS_PER_MS)
