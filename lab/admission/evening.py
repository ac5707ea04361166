"""A crowd's evening on one access point: who wishes which session when, and whom admission lets in.

The mix is the thesis's (003, 4.4): five sessions in a row for each client, conferences and streams, and browsing that
never asks. What it does not say (starts, lengths, pauses, the share of streams) is chosen here. Nothing here is
played: the same wishes are a fluid model in lab/papers/wlan.py and packets in experiment.py.
Units: minutes of the evening, Mbit/s of IP.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

CONFERENCE_MBPS, STREAM_MBPS, BROWSING_MBPS = 1.5, 4.5, 0.05
LOWER = {CONFERENCE_MBPS: 0.5, STREAM_MBPS: 1.5}
"""The rates to which the incentive moves a session."""
CLIENTS, MINUTES, SESSIONS, STREAMS = 50, 50, 5, 0.05
START_MINUTES, LENGTH_MINUTES, PAUSE_MINUTES = 5, (4, 8), 4
SLACK_MBPS = 1e-9
"""Sums of rates are floats: a capacity of 50 holds twenty times 2.5."""


class Kind(Enum):
    """Real time or not."""

    CONFERENCE = "conference"
    STREAM = "stream"


@dataclass(frozen=True, slots=True)
class Wish:
    """One session that a client would like to have. Clients count from 0, wishes in order of their beginnings."""

    number: int
    client: int
    kind: Kind
    rate_mbps: float
    begin: float
    end: float


def draw(seed: int, *, incentive: bool, clients: int = CLIENTS) -> tuple[Wish, ...]:
    """Everybody's wishes by their beginnings. With the incentive all ask for the lower rate, at the same times."""
    chance = random.Random(seed)
    drawn: list[tuple[float, float, int, float]] = []
    for client in range(clients):
        at = chance.uniform(0, START_MINUTES)
        for _ in range(SESSIONS):
            length = chance.uniform(*LENGTH_MINUTES)
            rate = STREAM_MBPS if chance.random() < STREAMS else CONFERENCE_MBPS
            drawn.append((at, at + length, client, rate))
            at += length + chance.uniform(0, PAUSE_MINUTES)
    return tuple(
        Wish(
            number,
            client,
            Kind.STREAM if rate == STREAM_MBPS else Kind.CONFERENCE,
            LOWER[rate] if incentive else rate,
            begin,
            end,
        )
        for number, (begin, end, client, rate) in enumerate(sorted(drawn))
    )


def admit(wishes: Sequence[Wish], capacity_mbps: float, clients: int = CLIENTS) -> tuple[Wish, ...]:
    """First come, first served: a session is let in whole if its rate fits beside what is running, or not at all.

    Room for everybody's browsing is kept free.
    """
    taken: list[Wish] = []
    for wish in sorted(wishes, key=lambda each: each.begin):
        busy = browsing(clients) + sum(other.rate_mbps for other in taken if other.end > wish.begin)
        if busy + wish.rate_mbps <= capacity_mbps + SLACK_MBPS:
            taken.append(wish)
    return tuple(taken)


def browsing(clients: int) -> float:
    """What all of them browse with together."""
    return clients * BROWSING_MBPS


def by_minute(wishes: Sequence[Wish], clients: int = CLIENTS) -> tuple[float, ...]:
    """Mbit/s at the beginning of each minute, browsing included."""
    return tuple(
        browsing(clients) + sum(wish.rate_mbps for wish in wishes if wish.begin <= minute < wish.end)
        for minute in range(MINUTES)
    )
