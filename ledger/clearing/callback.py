"""Asking others over HTTP: a provider for the offer that settles its auction, a keeper for a secret whose time is here.

One attempt, of a bounded time; whoever asks tries again, with the same bytes, and an answer is as good the second time.
No redirect is followed, no proxy used, and no more is read than an answer can have. Blocks: to be called in a thread.
Raises ShellError with what was heard.
"""

import http.client
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from wire.errors import ShellError
from wire.generate_offer import MAX_GENERATED_OFFER_BYTES

ATTEMPT_S = 5.0
"""How long one attempt may take: a provider signs thousands of refunds in less."""
CBOR = "application/cbor"
_MAX_SECRET_BYTES = 1_024


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirect, urllib.request.ProxyHandler({}))


def ask_provider(url: str, question: bytes, timeout_s: float = ATTEMPT_S) -> bytes:
    """The answer to POST. Raises ShellError."""
    return _ask(url, question, MAX_GENERATED_OFFER_BYTES, timeout_s)


def ask_keeper(url: str, time_s: int, timeout_s: float = ATTEMPT_S) -> bytes:
    """The secret of a second, from a keeper's page. Raises ShellError."""
    return _ask(f"{url.rstrip('/')}/v1/time-secrets/{time_s}", None, _MAX_SECRET_BYTES, timeout_s)


def _ask(url: str, content: bytes | None, maximum: int, timeout_s: float) -> bytes:
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise ShellError(url, "is no http or https URL")
    request = urllib.request.Request(url, content, {"Content-Type": CBOR})  # noqa: S310 the scheme is checked
    try:
        return _read(request, maximum, timeout_s)
    except urllib.error.HTTPError as error:
        error.close()  # what else it says stays here: the address is a stranger's choice, and our words are public
        raise ShellError(url, f"answers {error.code}") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ShellError(url, str(getattr(error, "reason", error))) from error


def _read(request: urllib.request.Request, maximum: int, timeout_s: float) -> bytes:
    with _OPENER.open(request, timeout=timeout_s) as answer:
        content: bytes = answer.read(maximum + 1)
    if len(content) > maximum:
        raise ValueError(f"an answer of more than {maximum} bytes")
    return content
