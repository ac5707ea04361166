"""003 3.6, users who learn which offers to take: figures 3.9 to 3.16. Double DQN for a day, actor-critic for a month.

Users are synthetic: 20 of one world (market/learning/scenario.py), each with nets of his own. That is one seed: one
draw of users, one course of learning, one schedule of the operator. Intervals say what 95 % of crowds drawn anew out of
these users have; of other seeds they say nothing. What was learned is looked at on cycles that nobody learned from, and
judged after the last episode. Beside it stands who always takes the plan: a net that gives the same answer to
everything is as good, so no verdict rests on what he has too.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lab.papers.exhibit import Chosen, Effort, Finding, Findings, Plot, Rows, Series, Verdict, judged
from lab.papers.spread import series
from market.learning import actor_critic, double_dqn
from market.learning.actor_critic import actor_critic_of, learn_cycle, likeliest
from market.learning.experiment import Result, learning_curve, net, result_of, streams
from market.learning.rules import always_plan, overage_averse, without_offers
from market.learning.scenario import QUOTA_2MB, build
from market.learning.world import draw_day
from market.sdo.monthly import UBC
from market.traces.usage import Integers

USERS = 20
DAY, MONTH = 24, 720
DAYS_SEEN, MONTHS_SEEN = 10, 4
"""Cycles on which a policy is looked at."""
DAY_NOISE_BYTES, MONTH_NOISE_BYTES = (1_000, 50_000, 100_000), (1_000, 10_000, 20_000)
WIDE_NOISE_BYTES = (1_000, 300_000, 1_000_000)
"""Beyond the text's low ones: an hour of the day has 1.5 MB."""
MIDDLE = 1
"""Which of those is learned to the end, and has the curves."""
DAYS = math.ceil(double_dqn.Settings().epsilon / double_dqn.Settings().epsilon_less)
MONTHS = math.ceil(actor_critic.Settings().epsilon / actor_critic.Settings().epsilon_less)
"""The text does not say how long it trains. These are the episodes after which its own schedule tries nothing at random
any more: 1,112 and 178."""
DAYS_ELSEWHERE, MONTHS_ELSEWHERE = 150, 75
"""At the two other deviations: three times and once what the text's slowest user takes."""
STEADY = 0.01
"""A policy has come to rest where its reward stays within this part of its last one."""
SEEDS = 1
_SEE = ("market/learning/double_dqn.py", "market/learning/actor_critic.py", "market/learning/scenario.py")
CHOSEN = (
    Chosen("unit of rewards", "KB", "in bytes C = 35 counts for nothing (S9)"),
    Chosen("users, plan, price", "35 MB on a quota of 2 MB, overages of 10 MB, offers at $5", "so that each user has "
           "three or four overages to avoid, and that offers cost more than they save"),
    Chosen("a month", "the same use and plan, spread over 720 hours", "the trace of the figure is not there"),
    Chosen("deviation of an hour's use, day", ", ".join(f"{n // 1000} KB" for n in DAY_NOISE_BYTES),
           "1 to 100 KB in the text"),
    Chosen("deviation of an hour's use, month", ", ".join(f"{n // 1000} KB" for n in MONTH_NOISE_BYTES),
           "an hour of the month has 49 KB"),
    Chosen("episodes", f"{DAYS:,} days, {MONTHS} months; {DAYS_ELSEWHERE} and {MONTHS_ELSEWHERE} at other deviations",
           "until the text's epsilon is 0; elsewhere three times and once what its slowest user takes"),
    Chosen("two representative users", "who uses the middle amount of all, and who uses most",
           "chosen before anybody learns; in the text the second takes longest, as heavy users do"),
    Chosen("batch", "32", "Keras's, where the text has epochs only"),
    Chosen("reward scale", f"{double_dqn.Settings().reward_scale:g}, {actor_critic.Settings().reward_scale:g} a KB",
           "1e-2 to 1e-4 of a KB in the text"),
    Chosen("entropy", "none", "the text has none"),
    Chosen("an actor's update", "one pass over the five episodes since the last, in batches, with dropout",
           "all were lived by the policy that the first batch moves, without dropout; later ones move one that has "
           "gone on from there"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Learned:
    """What came of learning under one deviation. `points` are (episodes, result); a result has each user's."""

    noise_bytes: int
    points: tuple[tuple[int, Result], ...]
    none: Result
    averse: Result
    plan: Result
    """Always the plan: nothing learned, no offer, no Wi-Fi."""
    use_bytes: tuple[int, ...]
    """What each user wants in a cycle, known before anybody learns."""
    best: Result | None = None
    """Who knows the whole day."""

    @property
    def after(self) -> int:
        return self.points[-1][0]

    @property
    def last(self) -> Result:
        return self.points[-1][1]


def findings(effort: Effort) -> Findings:
    users = 3 if effort.quick else USERS
    day = [
        _day(noise, users, 20 if effort.quick else DAYS if number == MIDDLE else DAYS_ELSEWHERE)
        for number, noise in enumerate(DAY_NOISE_BYTES)
        if number == MIDDLE or not effort.quick
    ]
    month = [
        _month(noise, users, 5 if effort.quick else MONTHS if number == MIDDLE else MONTHS_ELSEWHERE)
        for number, noise in enumerate(MONTH_NOISE_BYTES)
        if number == MIDDLE or not effort.quick
    ]
    printed = _month(MONTH_NOISE_BYTES[MIDDLE], users, 5 if effort.quick else MONTHS, as_printed=True)
    return {
        "003/figure-3.9": _spent_and_had(day, _averse_at(WIDE_NOISE_BYTES, users)),
        "003/figure-3.10": _per_user(day),
        **_convergence(day, "3.11", "3.12", (10, 50)),
        "003/figure-3.13": _month_spent_and_had(month, printed),
        "003/figure-3.14": _month_per_user(month),
        **_convergence(month, "3.15", "3.16", (25, 75)),
    }


def _day(noise_bytes: int, users: int, episodes: int) -> Learned:
    world = build(replace(QUOTA_2MB, noise_bytes=noise_bytes), 0, users)
    looks = (*range(2, 21, 2), *range(30, 101, 10), *range(150, episodes, 50))
    curve = learning_curve(world, net(double_dqn.Settings()), 0, episodes, looks, DAYS_SEEN)
    return Learned(
        noise_bytes,
        curve.points,
        curve.without_offers,
        curve.overage_averse,
        curve.always_plan,
        _use(world.game.demand_bytes),
        curve.best,
    )


def _month(noise_bytes: int, users: int, episodes: int, *, as_printed: bool = False) -> Learned:
    world = build(replace(QUOTA_2MB, noise_bytes=noise_bytes), 0, users, MONTH if episodes > 5 else 5 * DAY)
    chance, unseen = streams(0)
    days = [draw_day(world, unseen) for _ in range(MONTHS_SEEN)]
    learner = actor_critic_of(world, actor_critic.Settings(as_printed=as_printed), chance)
    rule, points = likeliest(learner.actor), list[tuple[int, Result]]()
    looks = (*range(5, 26, 5), *range(50, episodes, 25), episodes)
    for episode in range(1, episodes + 1):
        learn_cycle(world, learner)
        if episode in looks:
            points.append((episode, result_of(world, days, rule)))
    none, averse, plan = (
        result_of(world, days, each) for each in (without_offers, overage_averse, always_plan)
    )
    return Learned(noise_bytes, tuple(points), none, averse, plan, _use(world.game.demand_bytes))


def _use(demand_bytes: Integers) -> tuple[int, ...]:
    return tuple(int(each) for each in demand_bytes.sum(axis=1))


@dataclass(frozen=True, slots=True)
class Share:
    """What all users together have, over what they have otherwise; and between which values 95 % of crowds of as many
    lie that are drawn out of these users. Both sides are of the same users and cycles: it is of the paired difference.
    """

    value: float
    low: float
    high: float

    def __format__(self, spec: str) -> str:
        return f"{self.value:{spec}} ({self.low:{spec}} to {self.high:{spec}})"


def share(base: Result, result: Result, what: str) -> Share:
    """Of "reward" or "spent_ubc"."""
    ours, theirs = (np.asarray(getattr(each, what), dtype=float) for each in (result, base))
    crowds = np.random.default_rng(0).integers(len(ours), size=(4_000, len(ours)))
    parts = ours[crowds].sum(axis=1) / np.maximum(theirs[crowds].sum(axis=1), 1)
    low, high = np.quantile(parts, (0.025, 0.975))
    return Share(_over(base, result, what), float(low), float(high))


# ---- Figures 3.9 and 3.13: all users together


def day_verdict(reward: Sequence[Share], beyond: Sequence[Share], spent: Sequence[Share], averse: Sequence[float]
                ) -> tuple[Verdict, tuple[str, ...]]:  # fmt: skip
    """By deviation: learned reward over that without offers and over that of always the plan; learned spending and
    overage-averse reward over those without offers.
    """
    gap = _gap(reward, averse)
    return judged(
        Verdict.SHAPE,
        {
            "(b) the learned reward is the highest of the three, at every deviation and with 95 % of crowds":
                min(each.low for each in reward) > 1 > max(averse),
            "(b) it is more than a policy has that always takes the plan, with 95 % of crowds":
                min(each.low for each in beyond) > 1,
            "(a) the learned spending is the lowest of the three, with 95 % of crowds":
                max(each.high for each in spent) < 1,
            "the gap to overage-averse users widens with the deviation": gap == sorted(gap),
        },
    )  # fmt: skip


def _gap(reward: Sequence[Share], averse: Sequence[float]) -> list[float]:
    return [high.value - low for high, low in zip(reward, averse, strict=True)]


def _averse_at(deviations: Sequence[int], users: int) -> list[tuple[int, float]]:
    """What overage-averse users have, over that without offers: for this nobody has to learn."""
    found = []
    for noise_bytes in deviations:
        world = build(replace(QUOTA_2MB, noise_bytes=noise_bytes), 0, users)
        _, unseen = streams(0)
        days = [draw_day(world, unseen) for _ in range(DAYS_SEEN)]
        averse, none = (result_of(world, days, rule) for rule in (overage_averse, without_offers))
        found.append((noise_bytes, _over(none, averse, "reward")))
    return found


def _spent_and_had(found: Sequence[Learned], wide: Sequence[tuple[int, float]]) -> Finding:
    """`wide`: deviations, and what overage-averse users have at them over that without offers."""
    reward, spent = (
        [share(each.none, each.last, what) for each in found] for what in ("reward", "spent_ubc")
    )
    beyond = [share(each.plan, each.last, "reward") for each in found]
    averse = [_over(each.none, each.averse, "reward") for each in found]
    middle, at = _middle(found), min(MIDDLE, len(found) - 1)
    losses = ", ".join(f"{part:.3f} at {noise // 1000} KB" for noise, part in wide)
    verdict, missed = day_verdict(reward, beyond, spent, averse)
    gap = _gap(reward, averse)
    alone = not day_verdict(
        reward[at : at + 1], beyond[at : at + 1], spent[at : at + 1], averse[at : at + 1]
    )[1]
    return Finding(
        verdict,
        f"After {middle.after:,} episodes at a deviation of {middle.noise_bytes // 1000} KB the nets' reward is "
        f"{reward[at]:.4f} times that without offers, and {beyond[at]:.4f} times what always taking the plan has; they "
        f"spend {spent[at]:.3f} times what is spent without offers and "
        f"{_over(middle.averse, middle.last, 'spent_ubc'):.0%} of what overage-averse users spend. {_crowd(found)}",
        "Theirs: lowest spending and highest reward of the three, and a gap that widens with the deviation. "
        f"Our gap {'widens too' if gap == sorted(gap) else 'does not'}; overage-averse users have {losses} of the "
        f"reward without offers. Of {middle.noise_bytes // 1000} KB alone, where the nets were trained to the end, the "
        f"order of the three {'holds, and beyond always the plan' if alone else 'does not hold'}. {_elsewhere(found)}",
        calibrated=("price and plan, so that overage-averse users take too many offers",
                    "with them, that who always takes the plan has about what users have without offers"),
        predicted=("what the nets have beyond always the plan",),
        failures=missed,
        plots=_bars(found),
        tables=(_table(found), _way(middle)),
        seeds=SEEDS,
        chosen=CHOSEN,
        see=_SEE,
    )  # fmt: skip


def _crowd(found: Sequence[Learned]) -> str:
    return (
        f"One world of {len(_middle(found).none.reward)} users; in brackets 95 % of crowds drawn out of them."
    )


def _elsewhere(found: Sequence[Learned]) -> str:
    """What the shorter courses at the other deviations came to."""
    said = [
        f"{share(each.none, each.last, 'reward'):.4f} times the reward and "
        f"{share(each.none, each.last, 'spent_ubc'):.3f} times the spending after {each.after} episodes at "
        f"{each.noise_bytes // 1000} KB"
        for each in found
        if each is not _middle(found)
    ]
    return f"Elsewhere, beside no offers: {'; '.join(said)}." if said else ""


def month_verdict(averse: Sequence[float], spent: Sequence[float], of_averse: Sequence[float],
                  reward: Sequence[float], beyond: Sequence[Share]) -> tuple[Verdict, tuple[str, ...]]:  # fmt: skip
    """By deviation: the overage-averse reward itself; learned spending over none's and over averse's; its reward, and
    that over what always the plan has.
    """
    return judged(
        Verdict.SHAPE,
        {
            "(b) overage-averse users end below 0": max(averse) < 0,
            "(a) learning removes most of the extra spending": max(of_averse) <= 0.5,
            "(a) it spends at most a quarter more than without offers": max(spent) <= 1.25,
            "(b) its reward is that without offers, or more (2 %)": min(reward) >= 0.98,
            "(b) it is more than a policy has that always takes the plan, with 95 % of crowds":
                min(each.low for each in beyond) > 1,
        },
    )  # fmt: skip


def _month_spent_and_had(found: Sequence[Learned], printed: Learned) -> Finding:
    middle, at = _middle(found), min(MIDDLE, len(found) - 1)
    reward, spent = (
        [_over(each.none, each.last, what) for each in found] for what in ("reward", "spent_ubc")
    )
    beyond = [share(each.plan, each.last, "reward") for each in found]
    of_averse = [_over(each.averse, each.last, "spent_ubc") for each in found]
    verdict, missed = month_verdict(
        [each.averse.total_reward for each in found], spent, of_averse, reward, beyond
    )
    fault = _over(printed.none, printed.last, "reward")
    return Finding(
        verdict,
        f"Overage-averse users end at a reward of {middle.averse.total_reward:,.0f} KB, those without offers at "
        f"{middle.none.total_reward:,.0f}, the actor-critic at {middle.last.total_reward:,.0f} after "
        f"{middle.after} months; it spends {of_averse[at]:.1%} of what the first spend, and "
        f"{share(middle.none, middle.last, 'spent_ubc'):.2f} times what is spent without offers. Its reward is "
        f"{beyond[at]:.4f} times what always taking the plan has. {_crowd(found)}",
        "In this month an offer costs more than it saves: who always takes the plan, and learns nothing, has "
        f"{_over(middle.none, middle.plan, 'reward'):.3f} times the reward without offers for "
        f"{_over(middle.none, middle.plan, 'spent_ubc'):.2f} times the spending. With epsilon-greedy choices as "
        f"printed (S8) the reward after {printed.after} months is {fault:.3f} times that without offers, beside "
        f"{reward[at]:.3f} for ours{': here the printed form ends better' if fault > reward[at] + 0.005 else ''}. "
        f"{_elsewhere(found)}",
        calibrated=("price and plan are those of the day, with which always taking the plan is nearly the best",),
        predicted=("how far it comes beyond that: not set",),
        failures=missed,
        plots=_bars(found),
        tables=(_table([*found, printed], ("",) * len(found) + (", as printed",)), _way(middle)),
        seeds=SEEDS,
        chosen=CHOSEN,
        see=_SEE,
    )  # fmt: skip


def _way(found: Learned) -> Rows:
    """What the learner came to at each look."""
    rows = tuple(
        (
            episode,
            round(_over(found.none, result, "reward"), 4),
            round(_over(found.plan, result, "reward"), 4),
            round(_over(found.none, result, "spent_ubc"), 3),
            round(float((result.spent_ubc / np.maximum(found.none.spent_ubc, 1)).max()), 1),
        )
        for episode, result in found.points
    )
    head = ("episodes", "reward over that without offers", "over always the plan", "spending over that without offers",
            "the most of a user")  # fmt: skip
    return Rows("On the way", head, rows)


def _middle(found: Sequence[Learned]) -> Learned:
    return found[min(MIDDLE, len(found) - 1)]


def _total(result: Result, what: str) -> float:
    return float(getattr(result, what).sum())


def _over(base: Result, result: Result, what: str) -> float:
    return _total(result, what) / _total(base, what)


_WAYS: Mapping[str, str] = {
    "without offers": "none", "overage-averse": "averse", "learned": "last", "always the plan": "plan",
}  # fmt: skip


def _bars(found: Sequence[Learned]) -> tuple[Plot, ...]:
    """Means over users, and the middle 90 % of them (no interval of the mean), by deviation."""
    xs = [each.noise_bytes / 1_000 for each in found]

    def lines(what: str, unit: float) -> tuple[Series, ...]:
        return tuple(
            series(
                name,
                xs,
                [(getattr(getattr(each, way), what) / unit).tolist() for each in found],
                dots=len(xs) == 1,
            )
            for name, way in _WAYS.items()
        )

    return (
        Plot(
            "(a) What a user spends in a cycle",
            "deviation of an hour's use, KB",
            "$",
            lines("spent_ubc", UBC),
        ),
        Plot("(b) His reward", "deviation of an hour's use, KB", "MB", lines("reward", 1_000)),
    )


def _table(found: Sequence[Learned], notes: Sequence[str] = ()) -> Rows:
    rows = list[tuple[str | int | float, ...]]()
    for each, note in zip(found, notes or ("",) * len(found), strict=True):
        ways = {name: getattr(each, way) for name, way in _WAYS.items()}
        if each.best is not None:
            ways["who knows the whole day (no deviation)"] = each.best
        rows += [
            (
                f"{each.noise_bytes // 1000} KB{note}",
                name,
                round(_total(result, "reward") / 1_000, 1),
                round(_total(result, "spent_ubc") / UBC),
                round(_over(each.none, result, "reward"), 4),
                round(_over(each.plan, result, "reward"), 4),
            )
            for name, result in ways.items()
        ]
    head = ("deviation", "who", "reward of all users, MB", "they spend, $", "reward over that without offers",
            "over always the plan")  # fmt: skip
    return Rows("A cycle of all users", head, tuple(rows))


# ---- Figures 3.10 and 3.14: user by user


def _changes(found: Learned) -> tuple[list[float], list[float]]:
    """Of each user, beside no offers: spending and reward in percent. Who spends nothing without is left out of it."""
    spent = [
        100 * (float(now) / float(before) - 1)
        for now, before in zip(found.last.spent_ubc, found.none.spent_ubc, strict=True)
        if before
    ]
    return spent, _gains(found.none, found.last)


def _gains(base: Result, result: Result) -> list[float]:
    """Of each user: reward beside that of `base`, in percent."""
    return [float(each) for each in 100 * (result.reward / base.reward - 1)]


def users_verdict(
    spent: Sequence[float], reward: Sequence[float], beyond: Sequence[float], *, some: float
) -> tuple[Verdict, tuple[str, ...]]:
    """Changes in percent, `beyond` beside always the plan; `some` of the users at least gain reward."""
    return judged(
        Verdict.SHAPE,
        {
            "(a) spending within 10 % for most": _part(spent, -10, 10) > 0.5,
            f"(b) reward rises for {some:.0%} of the users at least": _rises(reward) >= some,
            "(b) reward falls by more than 1 % for a quarter at most": _part(reward, -1e9, -1) <= 0.25,
            f"(b) {some:.0%} at least have more than by always taking the plan": _rises(beyond) >= some,
            "(b) more users have more than by that than have less": _rises(beyond)
            > _part(beyond, -1e9, -0.1),
        },
    )


def _rises(changes: Sequence[float]) -> float:
    """The part of the users who have a tenth of a percent more, or better."""
    return _part(changes, 0.1, 1e9)


def _part(changes: Sequence[float], low: float, high: float) -> float:
    return sum(low <= each <= high for each in changes) / max(1, len(changes))


def _per_user(found: Sequence[Learned]) -> Finding:
    theirs = "Theirs: spending unchanged for most, 50 % more or less for some; up to 15 % more reward for about 10 %."
    return _users(found, 0.1, theirs)


def _month_per_user(found: Sequence[Learned]) -> Finding:
    return _users(
        found, 0.5, "Theirs: spending equal for most and much more for very few; most gain a little."
    )


def _users(found: Sequence[Learned], some: float, theirs: str) -> Finding:
    middle = _middle(found)
    spent, reward = _changes(middle)
    beyond, constant = _gains(middle.plan, middle.last), _gains(middle.none, middle.plan)
    verdict, missed = users_verdict(spent, reward, beyond, some=some)
    lines = [_changes(each) for each in found]
    names = [f"{each.noise_bytes // 1000} KB" for each in found]
    return Finding(
        verdict,
        f"Spending stays within 10 % for {_part(spent, -10, 10):.0%} of the users, and changes by {min(spent):+.0f} to "
        f"{max(spent):+.0f} %; reward rises for {_rises(reward):.0%} of them, and changes by {min(reward):+.1f} to "
        f"{max(reward):+.1f} %. Beside always taking the plan it rises for {_rises(beyond):.0%} and falls for "
        f"{_part(beyond, -1e9, -0.1):.0%}. After {middle.after:,} episodes, {len(reward)} users of one world.",
        f"{theirs} Who always takes the plan has more reward than without offers for {_rises(constant):.0%} of the "
        f"users, up to {max(constant):+.1f} %.",
        predicted=("what is had beyond always the plan",),
        failures=missed,
        plots=(
            Plot("(a) Spending beside that without offers", "part of the users", "%",
                 tuple(_ranked(name, each[0]) for name, each in zip(names, lines, strict=True))),
            Plot("(b) Reward beside that without offers", "part of the users", "%",
                 tuple(_ranked(name, each[1]) for name, each in zip(names, lines, strict=True))),
        ),
        seeds=SEEDS,
        chosen=CHOSEN,
        see=_SEE,
    )  # fmt: skip


def _ranked(name: str, values: Sequence[float]) -> Series:
    return Series(name, tuple(((n + 1) / len(values), value) for n, value in enumerate(sorted(values))))


# ---- Figures 3.11, 3.12, 3.15 and 3.16: how long it takes


def at_rest_after(points: Sequence[tuple[int, float]]) -> int:
    """The first look from which on the reward stays within STEADY of its last."""
    last = points[-1][1]
    found = points[-1][0]
    for episode, reward in reversed(points):
        if abs(reward - last) > STEADY * abs(last):
            break
        found = episode
    return found


def convergence_verdict(
    after: int, all_after: Sequence[int], bound: int, beyond: float
) -> tuple[Verdict, tuple[str, ...]]:
    """`after`: this user's episodes, `bound` is theirs; `beyond`: where he rests, over always the plan."""
    return judged(
        Verdict.SHAPE,
        {
            f"at rest within {bound} episodes": after <= bound,
            "so are half of the users": statistics.median(all_after) <= bound,
            "he rests at more than always taking the plan has": beyond > 1,
        },
    )


_DATA = ", which the text counts as 160 to 800 cycles of data for 10 to 50, as it trains on 16 cycles' worth in each"


def two_users(use_bytes: Sequence[int]) -> tuple[int, int]:
    """Drawn before anybody learns: who uses the middle amount (the upper one of two), and who uses most."""
    order = sorted(range(len(use_bytes)), key=lambda user: (use_bytes[user], user))
    return order[len(order) // 2], order[-1]


def _convergence(
    found: Sequence[Learned], quick_figure: str, slow_figure: str, bounds: tuple[int, int]
) -> Findings:
    """Theirs are two representative users, of whom the second uses more and takes longest of all."""
    middle = _middle(found)
    rewards = np.stack([result.reward for _, result in middle.points], axis=1)
    spent = np.stack([result.spent_ubc for _, result in middle.points], axis=1)
    episodes = [episode for episode, _ in middle.points]
    after = [at_rest_after(list(zip(episodes, row, strict=True))) for row in rewards.tolist()]
    answers = dict[str, Finding]()
    users = zip(
        (quick_figure, slow_figure),
        two_users(middle.use_bytes),
        bounds,
        ("the middle amount", "most"),
        strict=True,
    )
    for figure, user, bound, who in users:
        beyond = float(middle.last.reward[user] / middle.plan.reward[user])
        verdict, missed = convergence_verdict(after[user], after, bound, beyond)
        answers[f"003/figure-{figure}"] = Finding(
            verdict,
            f"The user who uses {who} comes to rest after {after[user]:,} of {middle.after:,} episodes, at "
            f"{beyond:.4f} times what always taking the plan has; half of the {len(after)} users after "
            f"{statistics.median(after):,.0f}, the first after {min(after):,}, the last after {max(after):,}.",
            f"Theirs: {bound} at most{_DATA if bounds == (10, 50) else ''}. At rest: the reward of what was learned "
            f"stays within {STEADY:.0%} of its last. A policy that has become one answer to everything is at rest too.",
            predicted=("all of it",),
            failures=missed,
            plots=(
                Plot("(a) What he spends in a cycle", "episodes", "$", (
                    Series("learned", tuple(zip(map(float, episodes), (spent[user] / UBC).tolist(), strict=True))),
                    *(_flat(name, episodes, float(getattr(middle, way).spent_ubc[user]) / UBC)
                      for name, way in _WAYS.items() if way != "last"),
                ), y_low=0.0),
                Plot("(b) His reward", "episodes", "MB", (
                    Series("learned", tuple(zip(map(float, episodes), (rewards[user] / 1_000).tolist(), strict=True))),
                    *(_flat(name, episodes, float(getattr(middle, way).reward[user]) / 1_000)
                      for name, way in _WAYS.items() if way != "last"),
                )),
            ),
            seeds=SEEDS,
            chosen=CHOSEN,
            see=_SEE,
        )  # fmt: skip
    return answers


def _flat(name: str, episodes: Sequence[int], value: float) -> Series:
    return Series(name, ((float(episodes[0]), value), (float(episodes[-1]), value)))
