"""A synthetic market of some operators whose prices move, for agents to be compared in. Seeded; integers.

Sessions of five to thirty minutes come one after the other. Each operator has a level of prices that drifts and a
score; its access points are met or not. Who stays with the operator of the session before attaches nothing and loads
no eSIM. Every agent meets the same market. *Net* is worth, less price, less the time until the network was there, less
what was lost on sellers that did not serve: each agent's tries fail by the same draws. The scores that quotes bear are
exact, the very probabilities by which tries fail: what a score is worth that has to be learnt is not seen here.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from market.agent.quotes import (
    Need,
    PostedPrice,
    Quote,
    Step,
    at_risk_ubc,
    expected_ubc,
    switching_ubc,
)

OPERATORS = ("north", "south", "east")
SCORES_PPM = (950_000, 900_000, 800_000)
MINUTE_UBC = 10_000
"""What a minute is worth; it costs 3,000 to 12,000."""
AWAY_MINUTE_UBC = 40_000


@dataclass(frozen=True, slots=True)
class Scene:
    """One session: what is wanted, who is there, and whose service would fail, at the first and the second try."""

    need: Need
    quotes: tuple[Quote, ...]
    fails: dict[str, bool]


def market(seed: int, sessions: int = 200) -> list[Scene]:
    chance = random.Random(seed)
    levels = [chance.randrange(4_000, 9_000) for _ in OPERATORS]
    scenes = []
    for _ in range(sessions):
        minutes = chance.randrange(5, 31)
        levels = [min(12_000, max(3_000, level + chance.randrange(-900, 901))) for level in levels]
        there = [chance.random() < 0.85 for _ in OPERATORS]
        quotes = tuple(
            Quote(name, PostedPrice(level * minutes, minutes * 60), 3_600, score)
            for name, level, score, met in zip(OPERATORS, levels, SCORES_PPM, there, strict=True)
            if met
        )
        fails = {
            name: chance.randrange(1_000_000) >= score
            for name, score in zip(OPERATORS, SCORES_PPM, strict=True)
        }
        need = Need("video", minutes * 60, MINUTE_UBC, away_minute_ubc=AWAY_MINUTE_UBC)
        scenes.append(Scene(need, quotes, fails))
    return scenes


Policy = Callable[[Need, list[Quote]], Quote | None]


def net_ubc(scenes: list[Scene], policy: Policy) -> int:
    """What a policy gains in all; it sees quotes with the steps that the way there takes from where it is."""
    net, at = 0, ""
    for scene in scenes:
        left = [replace(quote, steps=steps(quote.seller, at)) for quote in scene.quotes]
        while (chosen := policy(scene.need, left)) is not None:
            net -= switching_ubc(scene.need, chosen.steps)
            if not scene.fails[chosen.seller]:
                net += scene.need.worth_ubc - expected_ubc(scene.need, chosen.terms)
                at = chosen.seller
                break
            net -= at_risk_ubc(chosen.terms)
            at = ""
            left = [
                replace(quote, steps=steps(quote.seller, at))
                for quote in left
                if quote.seller != chosen.seller
            ]
    return net


def steps(seller: str, at: str) -> tuple[Step, ...]:
    return (Step.CONTRACT,) if seller == at else (Step.LOAD_ESIM, Step.ATTACH, Step.CONTRACT)
