"""What a quote costs: a posted price or a metered tariff, for one need, as far as one can tell and at the worst.

In: what an application needs and what somebody asks for it. Out: amounts, rounded up whoever gains by it, so that
nobody finds out later that it is more. It knows no seller, no signature and no budget; market/agent/choosing.py weighs.

*Expected* is what the need comes to if all goes as one thinks; *worst* the most that may be signed for it, None where
nobody says; *at risk* what is lost when a seller takes money and does not serve: a grant whole, of a tariff one
increment (market/metered.py). *Switching* is time without a network, at what such time is worth to this user.
Units: micro-bandcoin, seconds, milliseconds. Reference: Bandcoin 6 (times of attaching, loading an eSIM, a contract).
"""

from dataclasses import dataclass
from enum import Enum

from market.metered import MINUTE_S, cost_ubc, increment_ubc, most_bytes
from wire.tariff import Tariff
from wire.units import PPM, U63_MAX

MINUTE_MS = MINUTE_S * 1_000


class Step(Enum):
    """What stands between a decision and the network."""

    ATTACH = "attach"
    LOAD_ESIM = "load_esim"
    CONTRACT = "contract"


STEP_MS = {Step.ATTACH: 1_000, Step.LOAD_ESIM: 2_500, Step.CONTRACT: 750}
"""About a second; two to three; a half to one: the middle of what Bandcoin measured. Of a signed contract only: paying
as one goes has none.
"""


@dataclass(frozen=True, slots=True)
class PostedPrice:
    """So much for so long, again and again until the need is over. `bounded`: that is all; else its use is billed
    afterwards, when no envelope waits for it any more.
    """

    price_ubc: int
    duration_s: int
    bounded: bool = True

    def __post_init__(self) -> None:
        assert 0 <= self.price_ubc <= U63_MAX, f"price of {self.price_ubc}"
        assert self.duration_s > 0, f"a price for {self.duration_s} s"


@dataclass(frozen=True, slots=True)
class Metered:
    """What a minute and a megabyte cost. `left_ubc`: what is left in the channel, above which nothing can be signed."""

    tariff: Tariff
    left_ubc: int


Terms = PostedPrice | Metered


@dataclass(frozen=True, slots=True)
class Quote:
    """One seller's terms, and until when they hold (UTC). `seller` is any name, `place` that of its access point;
    `served_ppm` is its score.
    """

    seller: str
    terms: Terms
    valid_until_s: int
    served_ppm: int = PPM
    steps: tuple[Step, ...] = ()
    place: str = ""

    def __post_init__(self) -> None:
        assert 0 <= self.served_ppm <= PPM, f"a score of {self.served_ppm}"


@dataclass(frozen=True, slots=True)
class Need:
    """So long a time of a rate that the application has promised it. `minute_ubc`: what a minute of it is worth to the
    user, `away_minute_ubc` what a minute without a network costs him; `at_most_ubc`: never more for this one need.
    """

    application: str
    duration_s: int
    minute_ubc: int
    expected_bytes: int = 0
    away_minute_ubc: int = 0
    at_most_ubc: int | None = None

    def __post_init__(self) -> None:
        assert self.duration_s > 0, f"a need of {self.duration_s} s"
        assert min(self.minute_ubc, self.expected_bytes, self.away_minute_ubc) >= 0, "nothing is below 0"

    @property
    def worth_ubc(self) -> int:
        """Of all of it, rounded down."""
        return self.minute_ubc * self.duration_s // MINUTE_S


def expected_ubc(need: Need, terms: Terms) -> int:
    """If all goes as one thinks: whole grants, whole intervals."""
    match terms:
        case PostedPrice(price_ubc, duration_s):
            return price_ubc * _up(need.duration_s, duration_s)
        case Metered(tariff):
            return cost_ubc(tariff, _up(need.duration_s, tariff.interval_s), need.expected_bytes)


def signed_ubc(need: Need, terms: Terms) -> int:
    """What has to be signed if all goes as one thinks: by a tariff the last interval is paid ahead for all that it can
    carry. What is left of that stays in the channel.
    """
    match terms:
        case PostedPrice():
            return expected_ubc(need, terms)
        case Metered(tariff):
            intervals = _up(need.duration_s, tariff.interval_s)
            before_bytes = _up(need.expected_bytes * (intervals - 1), intervals)
            return max(
                expected_ubc(need, terms), cost_ubc(tariff, intervals, before_bytes + most_bytes(tariff))
            )


def worst_ubc(need: Need, terms: Terms) -> int | None:
    """The most that may be signed for it: a tariff's ceilings all the time, but no more than the channel has or the
    need may cost, where the payer stops. None where there is no bound.
    """
    match terms:
        case PostedPrice(price_ubc, duration_s, bounded):
            return price_ubc * _up(need.duration_s, duration_s) if bounded else None
        case Metered(tariff, left_ubc):
            intervals = _up(need.duration_s, tariff.interval_s)
            most_ubc = cost_ubc(tariff, intervals, intervals * most_bytes(tariff))
            bounds = (most_ubc, left_ubc, most_ubc if need.at_most_ubc is None else need.at_most_ubc)
            return max(0, min(bounds))


def at_risk_ubc(terms: Terms) -> int:
    """What a seller gets that does not serve."""
    match terms:
        case PostedPrice(price_ubc):
            return price_ubc
        case Metered(tariff):
            return increment_ubc(tariff)


def switching_ubc(need: Need, steps: tuple[Step, ...]) -> int:
    """Of the time until the network is there."""
    return _up(need.away_minute_ubc * sum(STEP_MS[step] for step in steps), MINUTE_MS)


def way_s(steps: tuple[Step, ...]) -> int:
    """How long a quote has to hold for somebody who sets out now."""
    return _up(sum(STEP_MS[step] for step in steps), 1_000)


def doubt_ubc(need: Need, quote: Quote) -> int:
    """What attempts are expected to cost that do not come to anything: of whom one expects to serve one session in
    two, one attempt; the money that is at risk, and the way there once more.
    """
    lost_ubc = at_risk_ubc(quote.terms) + switching_ubc(need, quote.steps)
    served_ppm = max(quote.served_ppm, 1)
    return _up(lost_ubc * (PPM - served_ppm), served_ppm)


def had_cost_ubc(terms: Terms, seconds: int, ip_bytes: int) -> int:
    """What these terms come to for what was really had: for whoever looks back. Whole grants, whole intervals."""
    if not seconds:
        return 0
    match terms:
        case PostedPrice(price_ubc, duration_s):
            return price_ubc * _up(seconds, duration_s)
        case Metered(tariff):
            return cost_ubc(tariff, _up(seconds, tariff.interval_s), ip_bytes)


def _up(dividend: int, divisor: int) -> int:
    return -(-dividend // divisor)
