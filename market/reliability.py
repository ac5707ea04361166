"""How far somebody keeps its word, as a score out of what is known of its sessions, for whoever chooses.

A score is the share of sessions, in parts of a million, that one should expect to be served (of a seller) or paid (of
a device) as promised. Whoever chooses divides a price by it: what is paid for each session that is really served.

    score = (1 + good sessions) / (2 + sessions)          each publisher's sessions by its weight, below

One good and one bad session are added to what is known, so that of nobody who is unknown one expects more than a half,
and few sessions say little: one good one makes 2/3, eight make 9/10. What somebody publishes counts at the rate that
it tells, for as many sessions as it tells and at most a limit, whoever publishes millions:

    OWN          one's own experience         4 for each session, up to 200 sessions
    TRUSTED      whom the user has chosen     1 for each, up to 20 for each publisher
    INTERESTED   who earns by the subject     1 for each, up to 4 for all of them together
    STRANGER     everybody else               nothing

Who earns by it is the subject itself, and the operator that its network belongs to: its praise alone comes to 5/6 at
most, whatever it says. Anybody can make keys and publish, and so a stranger's word is worth nothing: a number of them
is no evidence. A slanderer whom the user trusts is worth 20 sessions, as five of one's own.

*What it cannot withstand.* A seller with a bad score that comes back under a fresh key stands at a half, as everybody
who is new: it is to cost no more than an increment to find out (market/metered.py). A publisher whom the user trusts
wrongly, up to its 20 sessions; two in league, up to 40. A front of the subject that the user trusts and nobody can
tell from others. Who served well for long and begins to cheat: totals have no dates, and only one's own bad sessions
tell. Who serves well whom it knows as a publisher, and badly everybody else. Whose sessions an operator makes up with
consumers of its own, within those limits: totals are what the publisher signed, and no proof that there was a session.

Pure; integers. Reference: Datanet 5.5.4 (reliability metrics), 5.5.5; docs/decisions/0036.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from wire.units import PPM

PRIOR_SESSIONS, PRIOR_GOOD = 2, 1
OWN_WEIGHT = 4
OWN_SESSIONS = 200
"""More change nothing to speak of: the score is within a thousandth of the rate by then."""
TRUSTED_SESSIONS = 20
INTERESTED_SESSIONS = 4


class Standing(Enum):
    """What a publisher's word on one subject is worth to the reader."""

    OWN = "own"
    TRUSTED = "trusted"
    INTERESTED = "interested"
    STRANGER = "stranger"


@dataclass(frozen=True, slots=True)
class Word:
    """What one publisher says of one subject: of `sessions`, `completed` were as promised."""

    standing: Standing
    sessions: int
    completed: int

    def __post_init__(self) -> None:
        assert 0 <= self.completed <= self.sessions, f"{self.completed} of {self.sessions} sessions"


@dataclass(frozen=True, slots=True)
class Score:
    """Parts of a million, and what it is made of: own sessions, and how many those whose word counts have told."""

    ppm: int
    own_sessions: int = 0
    own_completed: int = 0
    told_sessions: int = 0
    told_completed: int = 0
    publishers: int = 0


UNKNOWN = Score(PPM * PRIOR_GOOD // PRIOR_SESSIONS)
"""Of whom nobody knows anything."""


def score(words: Iterable[Word]) -> Score:
    """Of one subject; one word from each publisher. Their order does not matter."""
    known = list(words)
    own = _add(word for word in known if word.standing is Standing.OWN)
    interested = _add(word for word in known if word.standing is Standing.INTERESTED)
    trusted = [word for word in known if word.standing is Standing.TRUSTED and word.sessions]
    parts = [
        _part(own, OWN_SESSIONS, OWN_WEIGHT),
        _part(interested, INTERESTED_SESSIONS, 1),
        *(_part(word, TRUSTED_SESSIONS, 1) for word in trusted),
    ]
    sessions = PRIOR_SESSIONS + sum(weight for weight, _ in parts)
    good_ppm = PRIOR_GOOD * PPM + sum(good for _, good in parts)
    told = [word for word in known if word.standing in _TOLD and word.sessions]
    return Score(
        good_ppm // sessions,
        own.sessions,
        own.completed,
        sum(word.sessions for word in told),
        sum(word.completed for word in told),
        len(told),
    )


def percent(ppm: int) -> int:
    """For people: whole ones, rounded down, so that nobody is perfect."""
    return ppm * 100 // PPM


_TOLD = frozenset({Standing.TRUSTED, Standing.INTERESTED})


def _add(words: Iterable[Word]) -> Word:
    known = list(words)
    return Word(Standing.OWN, sum(word.sessions for word in known), sum(word.completed for word in known))


def _part(word: Word, most: int, weight: int) -> tuple[int, int]:
    """Sessions that count, and what of them was good, in parts of a million of a session, rounded down."""
    counted = min(word.sessions, most)
    if not counted:
        return 0, 0
    return counted * weight, word.completed * counted * weight * PPM // word.sessions
