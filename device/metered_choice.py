"""Buying a grant or paying as it goes, and by which access point: what an application wants, held against offers. Pure.

An application wants a rate for some minutes, and guesses how much it will fetch. A grant costs its price for as many
times as its duration goes into that; a tariff costs its minutes and megabytes. The cheaper is taken; of equal ones the
grant, which nobody can withdraw. Where this device paid for nothing before (`lost`) comes after everybody else. What is
known of a seller's reliability (market/reliability.py) counts as a price: a price is divided by the share of sessions
that it is expected to serve, so that who serves one of two is twice as dear as he asks.
Reference: Datanet 5.5.5 (summaries), 5.4 (an end-device withdraws at the first sign of misbehavior).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from fractions import Fraction

from device.choice import Candidate
from market.metered import part_cost_ubc
from market.reliability import UNKNOWN, Score
from wire.ids import MacAddress
from wire.tariff import Tariff
from wire.units import PPM


@dataclass(frozen=True, slots=True)
class Want:
    """At least these rates for so long. `expected_bytes`: None, and the rates are used to the full."""

    floor_down_bps: int
    floor_up_bps: int
    duration_s: int
    expected_bytes: int | None = None
    max_price_ubc: int | None = None

    @property
    def most_bytes(self) -> int:
        full = (self.floor_down_bps + self.floor_up_bps) * self.duration_s // 8
        return full if self.expected_bytes is None else self.expected_bytes


class Manner(Enum):
    """How it is paid."""

    GRANT = "grant"
    METERED = "metered"


@dataclass(frozen=True, slots=True)
class Plan:
    """One way to have it, and what that will cost in all as far as one can tell."""

    manner: Manner
    candidate: Candidate
    price_ubc: int
    score: Score = UNKNOWN
    """What is known of the seller."""
    left_ubc: int = 0
    """In the channel of who is paid as one goes, above which nothing can be signed."""

    @property
    def weighed_ubc(self) -> Fraction:
        """For each time that it is really served."""
        return Fraction(self.price_ubc * PPM, max(self.score.ppm, 1))


def plan(
    want: Want,
    candidates: Iterable[Candidate],
    channels_ubc: Mapping[bytes, int],
    lost: Mapping[MacAddress, int],
    scores: Mapping[bytes, Score],
) -> list[Plan]:
    """All ways, the best first. `candidates` meet the rates by grants; `channels_ubc` is what is left in channels, by
    the operator's provider id; `scores` by the seller's provider id.
    """
    plans = [
        replace(one, score=scores.get(candidate.announcement.provider.provider_id, UNKNOWN))
        for candidate in candidates
        for one in _plans(want, candidate, channels_ubc)
    ]
    limit_ubc = want.max_price_ubc
    fitting = [one for one in plans if limit_ubc is None or one.price_ubc <= limit_ubc]
    return sorted(fitting, key=lambda one: _cost(one, lost))


def metered_price_ubc(want: Want, tariff: Tariff) -> int:
    """What a tariff would come to."""
    return part_cost_ubc(tariff, want.duration_s * 1_000, want.most_bytes)


def _plans(want: Want, candidate: Candidate, channels_ubc: Mapping[bytes, int]) -> list[Plan]:
    offer, network = candidate.offer, candidate.network
    times = -(-want.duration_s // offer.allocation_duration_s)
    plans = [Plan(Manner.GRANT, candidate, candidate.price_ubc * times)]
    if network is None or network.tariff is None:
        return plans
    tariff = network.tariff
    promised = (
        tariff.qos.floor_down_bps >= want.floor_down_bps and tariff.qos.floor_up_bps >= want.floor_up_bps
    )
    price_ubc = metered_price_ubc(want, tariff)
    left_ubc = channels_ubc.get(network.operator.provider_id, 0)
    if promised and left_ubc >= price_ubc:
        plans.append(Plan(Manner.METERED, candidate, price_ubc, left_ubc=left_ubc))
    return plans


def _cost(one: Plan, lost: Mapping[MacAddress, int]) -> tuple[int, Fraction, bool, tuple[object, ...]]:
    cheated = lost.get(one.candidate.offer.bssid, 0)
    return cheated, one.weighed_ubc, one.manner is Manner.METERED, one.candidate.cost
