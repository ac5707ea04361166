"""Asking others over HTTP: a provider for the offer that settles its auction, a keeper for a secret whose time is here.

One attempt, over at its deadline whatever the other does (ledger/asking.py); whoever asks tries again, with the same
bytes, and an answer is as good the second time. Blocks: to be called in a thread. Raises ShellError with what it heard.
"""

import json

from ledger.asking import ask
from wire.errors import ShellError
from wire.generate_offer import MAX_GENERATED_OFFER_BYTES

ATTEMPT_S = 5.0
"""How long one attempt may take: a provider signs an offer for thousands of winners in less."""
CLOCK_S = 1.5
"""For what time it is: a keeper that is slower than that cannot be compared with."""
CBOR = "application/cbor"
_MAX_SECRET_BYTES = 1_024


def ask_provider(url: str, question: bytes, timeout_s: float = ATTEMPT_S) -> bytes:
    """The answer to POST. Raises ShellError."""
    return _ask(url, question, MAX_GENERATED_OFFER_BYTES, timeout_s)


def ask_keeper(url: str, time_s: int, timeout_s: float = ATTEMPT_S) -> bytes:
    """The secret of a second, from a keeper's page. Raises ShellError."""
    return _ask(f"{url.rstrip('/')}/v1/time-secrets/{time_s}", None, _MAX_SECRET_BYTES, timeout_s)


def ask_time(url: str, timeout_s: float = CLOCK_S) -> int:
    """What time it is at a keeper: UTC, nanoseconds. Raises ShellError."""
    page = _ask(f"{url.rstrip('/')}/v1/time", None, _MAX_SECRET_BYTES, timeout_s)
    try:
        return int(json.loads(page)["utc_ns"])
    except (ValueError, KeyError, TypeError) as error:
        raise ShellError(url, f"says no time: {error!r}") from error


def _ask(url: str, content: bytes | None, maximum_bytes: int, timeout_s: float) -> bytes:
    answer = ask(url, content, {"Content-Type": CBOR}, maximum_bytes, timeout_s)
    if (
        not 200 <= answer.status < 300
    ):  # what else it says stays here: the address is a stranger's, our words public
        raise ShellError(url, f"answers {answer.status}")
    return answer.content
