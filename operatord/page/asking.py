"""The challenge that a key signs: made for one browser and one purpose, good once and for five minutes.

Pure: a secret of this process, chance and the clock come in. The browser gets a cookie that says until when it is good
and cannot be made by others; the challenge is computed from secret, purpose and cookie, and again when the answer
comes. So nothing is kept for whoever only asks, or answers with a key that is not known here, and a flood of strangers
pushes nobody out. What a known key signed is kept until it would be over anyway, so that it is not taken twice.
Units: UTC seconds.
"""

import hashlib
import hmac
from dataclasses import dataclass, field

from operatord.page.refusals import Reason, Refused

ASKING_S = 5 * 60
"""Time to find a key and to type its PIN; WebAuthn Level 3, 15.1 recommends 5 to 10 minutes."""
MAX_ANSWERED = 10_000
"""Answers in five minutes, each signed by a key of a person or with a link that is good. Beyond, nobody is let in."""
SECRET_SIZE = NONCE_SIZE = 32
LOGIN = "login"


def register_purpose(link_hash: bytes) -> str:
    """To register a key by one link."""
    return f"register {link_hash.hex()}"


@dataclass(frozen=True, slots=True)
class Asking:
    """`cookie` is for the browser, `challenge` for its key."""

    cookie: str
    challenge: bytes


def ask(secret: bytes, purpose: str, nonce: bytes, now_s: int) -> Asking:
    """Of one browser; `nonce` is chance."""
    begun = f"{now_s + ASKING_S}.{nonce.hex()}"
    cookie = f"{begun}.{_mac(secret, 'cookie', begun).hex()}"
    return Asking(cookie, _challenge(secret, purpose, cookie))


def _challenge(secret: bytes, purpose: str, cookie: str) -> bytes:
    return _mac(secret, f"challenge {purpose}", cookie)


def _mac(secret: bytes, use: str, text: str) -> bytes:
    return hmac.digest(secret, f"{use}\0{text}".encode(), hashlib.sha256)


@dataclass(slots=True)
class Answered:
    """Cookies whose answer came, and until when they would have been good."""

    until_s: dict[str, int] = field(default_factory=dict)

    def challenge(self, secret: bytes, purpose: str, cookie: str, now_s: int) -> bytes:
        """What has to have been signed, if this cookie is good and had no answer yet. Raises Refused."""
        until_s = _read_cookie(secret, cookie)
        if not now_s < until_s <= now_s + ASKING_S:
            raise Refused(Reason.TOO_OLD, "after its five minutes")
        if cookie in self.until_s:
            raise Refused(Reason.TOO_OLD, "an answer to this came before")
        return _challenge(secret, purpose, cookie)

    def take(self, cookie: str, now_s: int) -> None:
        """A good answer came to a cookie that `challenge` took: never again. Raises Refused to all but one."""
        if len(self.until_s) >= MAX_ANSWERED:
            self.until_s = {known: end_s for known, end_s in self.until_s.items() if now_s < end_s}
            if len(self.until_s) >= MAX_ANSWERED:
                raise Refused(Reason.TOO_MANY, f"{MAX_ANSWERED} answers within {ASKING_S} s")
        if cookie in self.until_s:
            raise Refused(Reason.TOO_OLD, "an answer to this came before")
        self.until_s[cookie] = int(cookie.partition(".")[0])


def _read_cookie(secret: bytes, cookie: str) -> int:
    begun, _, mac = cookie.rpartition(".")
    if not hmac.compare_digest(_mac(secret, "cookie", begun).hex().encode(), mac.encode()):
        raise Refused(Reason.TOO_OLD, "this browser was not asked, or before this start")
    return int(begun.partition(".")[0])
