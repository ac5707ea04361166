"""Who may see the operator's page: people, what each may do, their keys, and how long a login lasts.

Pure: rows and clock readings come in, values or a `Rejected` come out. Tokens are random and only their hashes are
kept, so whoever reads the file of people cannot log in with it.
Units: UTC seconds, and seconds for lifetimes.
"""

import hashlib
import re
from dataclasses import dataclass
from enum import IntEnum

MAX_NAME_LENGTH = 64
TOKEN_SIZE = 32
"""Of a login and of a link: chance that nobody guesses."""
HANDLE_SIZE = 16
"""What a key keeps of its person instead of a name: chance (WebAuthn Level 3, 5.4.3: at most 64 octets)."""
_NAME = re.compile(rf"[A-Za-z0-9._@+-]{{1,{MAX_NAME_LENGTH}}}")


class Role(IntEnum):
    """What somebody may do; each may do what those before it may."""

    VIEWER = 1
    """Looks."""
    OPERATOR = 2
    """Ends sessions and grants."""

    def __str__(self) -> str:
        return self.name.lower()


def parse_role(text: str) -> Role:
    """Raises ValueError."""
    for role in Role:
        if str(role) == text:
            return role
    raise ValueError(f"{text!r} is no role: {', '.join(map(str, Role))}")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a name that logs and other people can read."""

    name: str
    role: Role

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(
                f"{self.name!r}: a name has 1 to {MAX_NAME_LENGTH} letters, digits and signs of . _ @ + -"
            )


def hash_token(token: str) -> bytes:
    """What is kept of a token; it is random, so no salt and no slow hash is needed."""
    return hashlib.sha256(token.encode()).digest()


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a person: what WebAuthn calls a credential. `public_key` is COSE, as the authenticator gave it."""

    key_id: bytes
    person: str
    public_key: bytes
    sign_count: int
    """How often it has signed, by its own count; 0 for ever where it does not count (keys that are synchronised)."""
    added_s: int
    used_s: int | None = None

    @property
    def short_id(self) -> str:
        """Enough of its id to tell a person's keys apart."""
        return self.key_id[:4].hex()


@dataclass(frozen=True, slots=True)
class Session:
    """One browser that is logged in. `person` is as the file of people says now, not as it was at the login."""

    token_hash: bytes
    person: Person
    key_id: bytes
    began_s: int
    seen_s: int


IDLE_S = 3_600
"""Without a click for so long, the login is over. NIST SP 800-63B-4, 2.2.3 wants an hour at most."""
ABSOLUTE_S = 12 * 3_600
"""Over in any case after a long working day; the same clause names 24 hours."""
NOTE_SEEN_S = 60
"""A login is written down as used once a minute: each time is a flush to the disk."""
LINK_S = 15 * 60
"""A link to register a key is for somebody who waits for it."""
MAX_SESSIONS = 20
"""Of one person; the oldest goes."""


def is_open(session: Session, now_s: int) -> bool:
    """Neither idle nor old; one from the future is neither, as the clock was set."""
    return (
        session.began_s
        <= session.seen_s
        <= now_s
        < min(session.seen_s + IDLE_S, session.began_s + ABSOLUTE_S)
    )
