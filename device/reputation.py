"""What this device knows of who sells: its own experience and what publishers told, and the scores made of it. Pure.

In: stays that are over, totals that the ledger proved, the words on disk. Out: the same, changed, and a score for each
seller (market/reliability.py). A seller is a provider's account; its own sessions at all of its access points count
alike. A publisher counts as one that earns by a seller if it is the seller, or the operator to whose network its offer
leads. What was told longer ago than a week is not believed any more, as it is not asked for where there is no network.

    {"sellers": {account: {"own": [sessions, completed], "at_s": ..,
                           "told": {publisher: [sessions, completed, asked_s]}}}, "trusted": [account ...]}

Units: seconds (UTC).
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from device.choice import Candidate
from market.reliability import UNKNOWN, Score, Standing, Word, percent, score
from wire.errors import DecodeError
from wire.ids import PublicKey
from wire.usage_totals import UsageTotals

MAX_TOLD_AGE_S = 7 * 86_400
MAX_SELLERS = 1_000
"""Remembered; the one that was not met for longest goes first. A city's worth, some 300 kB."""
MAX_TRUSTED = 8
"""Publishers that are asked about one seller."""


@dataclass(frozen=True, slots=True)
class Told:
    """By one publisher, as the ledger had it at `asked_s`."""

    sessions: int
    completed: int
    asked_s: int


@dataclass(frozen=True, slots=True)
class Seller:
    """What is known of one."""

    own_sessions: int = 0
    own_completed: int = 0
    at_s: int = 0
    """When it was last met or asked about."""
    told: Mapping[PublicKey, Told] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reputation:
    """Of all sellers; `trusted` are publishers whom the user has chosen."""

    sellers: Mapping[PublicKey, Seller] = field(default_factory=dict)
    trusted: tuple[PublicKey, ...] = ()


def note_stay(known: Reputation, seller: PublicKey, now_s: int, *, served: bool) -> Reputation:
    """One session more of one's own."""
    before = known.sellers.get(seller, Seller())
    own = replace(
        before,
        own_sessions=before.own_sessions + 1,
        own_completed=before.own_completed + served,
        at_s=now_s,
    )
    return _put(known, seller, own)


def hear(
    known: Reputation, seller: PublicKey, publisher: PublicKey, totals: UsageTotals, now_s: int
) -> Reputation:
    """What the ledger proved now."""
    before = known.sellers.get(seller, Seller())
    told = {**before.told, publisher: Told(totals.sessions, totals.completed, now_s)}
    return _put(known, seller, replace(before, told=told, at_s=now_s))


def publishers_for(
    known: Reputation, operators: Iterable[PublicKey], operator: PublicKey | None
) -> list[PublicKey]:
    """Whom to ask about a seller: the chosen ones, operators with a deposit, and the seller's own operator."""
    own = [] if operator is None else [operator]
    return list(dict.fromkeys([*own, *known.trusted, *operators]))[: MAX_TRUSTED + 1]


def score_of(
    known: Reputation,
    seller: PublicKey,
    operator: PublicKey | None,
    operators: Iterable[PublicKey],
    now_s: int,
) -> Score:
    """`operator`: to whose network the seller's offer leads; `operators`: with whom something is deposited."""
    one = known.sellers.get(seller)
    if one is None:
        return UNKNOWN
    trusted, earning = {*known.trusted, *operators}, {seller, operator}
    words = [Word(Standing.OWN, one.own_sessions, one.own_completed)]
    for publisher, told in one.told.items():
        if abs(now_s - told.asked_s) <= MAX_TOLD_AGE_S:
            standing = _standing(publisher, trusted, earning)
            words.append(Word(standing, told.sessions, told.completed))
    return score(words)


def rate(candidate: Candidate, known: Reputation, operators: Iterable[PublicKey], now_s: int) -> Candidate:
    """With its seller's score."""
    operator = None if candidate.network is None else candidate.network.operator
    made = score_of(known, candidate.announcement.provider, operator, operators, now_s)
    return replace(candidate, score=made)


def explain(made: Score) -> str:
    """For people: `serves 9 of 10 (3 of 3 sessions of ours, 57 of 60 told by 2)`."""
    parts = []
    if made.own_sessions:
        parts.append(f"{made.own_completed} of {made.own_sessions} sessions of ours")
    if made.publishers:
        parts.append(f"{made.told_completed} of {made.told_sessions} told by {made.publishers}")
    known = ", ".join(parts) or "nothing is known of it"
    return f"served as promised {percent(made.ppm)} % ({known})"


def _standing(publisher: PublicKey, trusted: set[PublicKey], earning: set[PublicKey | None]) -> Standing:
    if publisher in earning:
        return Standing.INTERESTED
    return Standing.TRUSTED if publisher in trusted else Standing.STRANGER


def _put(known: Reputation, seller: PublicKey, one: Seller) -> Reputation:
    sellers = {**known.sellers, seller: one}
    while len(sellers) > MAX_SELLERS:
        del sellers[min(sellers, key=lambda key: (sellers[key].at_s, key))]
    return replace(known, sellers=sellers)


# ---- On disk


def write_reputation(known: Reputation) -> bytes:
    sellers = {
        str(key): {
            "own": [one.own_sessions, one.own_completed],
            "at_s": one.at_s,
            "told": {
                str(publisher): [told.sessions, told.completed, told.asked_s]
                for publisher, told in one.told.items()
            },
        }
        for key, one in known.sellers.items()
    }
    return json.dumps({"sellers": sellers, "trusted": [str(key) for key in known.trusted]}).encode()


def read_reputation(data: bytes) -> Reputation:
    """Raises DecodeError."""
    try:
        match json.loads(data):
            case {"sellers": dict(sellers), "trusted": list(trusted)}:
                found = {PublicKey.parse(key): _read_seller(page) for key, page in sellers.items()}
                return Reputation(found, tuple(PublicKey.parse(key) for key in trusted))
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise DecodeError(f"reputation: {error}") from None
    raise DecodeError("reputation: not sellers and whom to trust")


def _read_seller(page: Any) -> Seller:
    match page:
        case {"own": [int(sessions), int(completed)], "at_s": int(at_s), "told": dict(told)} if (
            0 <= completed <= sessions
        ):
            words = {PublicKey.parse(key): _read_told(one) for key, one in told.items()}
            return Seller(sessions, completed, at_s, words)
    raise ValueError("not a seller's sessions")


def _read_told(page: Any) -> Told:
    match page:
        case [int(sessions), int(completed), int(asked_s)] if 0 <= completed <= sessions:
            return Told(sessions, completed, asked_s)
    raise ValueError("not what somebody told")
