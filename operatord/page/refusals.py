"""Why somebody is not let in, each with a status of HTTP and a sentence that helps.

The sentence is for the person before the browser and names nothing that was sent; the log gets more
(operatord/page/login.py). The order is that of precedence: whoever broke several rules is told the first.
"""

from enum import Enum

from wire.errors import VerificationError


class Reason(Enum):
    """`word` for scripts and the log, `status` of HTTP, `words` for a person."""

    UNAVAILABLE = (
        "unavailable",
        503,
        "People cannot be looked up just now, so nobody is let in. Try again soon.",
    )
    TOO_MANY = "too_many", 429, "Too many attempts from this address. Wait a minute and try again."
    NOT_LOGGED_IN = "not_logged_in", 401, "Nobody is logged in here, or not any more. Log in."
    ROLE = "role", 403, "Your role does not allow this. Whoever keeps the list of people can change it."
    FOREIGN_FORM = (
        "foreign_form",
        403,
        "This was not sent from this page as it is now. Go back, reload, repeat.",
    )
    UNREADABLE = "unreadable", 400, "What the browser sent cannot be read. Load this page again."
    TOO_OLD = "too_old", 403, "This took too long, or was begun in another window. Try again."
    UNKNOWN_KEY = "unknown_key", 403, "This key is not known here."
    WRONG_ANSWER = "wrong_answer", 403, "The answer of this key does not hold."
    UNVERIFIED = (
        "unverified",
        403,
        "The key did not check that it is you: set a PIN, fingerprint or face for it.",
    )
    STALE_COUNTER = (
        "stale_counter",
        403,
        "This key counts less than before: there may be a copy of it. It is not let in; tell whoever runs this page.",
    )
    LINK_OVER = (
        "link_over",
        403,
        "This link is over: it was used, replaced, or is too old. Ask for a new one.",
    )
    KEY_TAKEN = "key_taken", 409, "This key is registered already."
    KEY_IN_USE = "key_in_use", 403, "You are logged in with this key. Log in with another one to remove it."

    def __init__(self, word: str, status: int, words: str) -> None:
        self.word, self.status, self.words = word, status, words


class Refused(VerificationError):
    """Somebody is not let in. `detail` is for the log and never shown."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason.word}: {detail}" if detail else reason.word)
        self.reason = reason
        self.detail = detail
