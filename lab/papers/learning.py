"""003 3.6, users who learn which offers to take: figures 3.9 to 3.16. Double DQN for a day, actor-critic for a month.

Users are synthetic (market/learning/scenario.py), 20 of them, each with nets of his own; intervals are over users. What
was learned is looked at on cycles that nobody learned from, all for the same users.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lab.papers.exhibit import Chosen, Effort, Finding, Findings, Plot, Rows, Series, Verdict, judged
from lab.papers.spread import Spread, series, spread
from market.learning import actor_critic, double_dqn
from market.learning.actor_critic import actor_critic_of, learn_cycle, likeliest
from market.learning.experiment import Result, learning_curve, net, result_of
from market.learning.rules import overage_averse, without_offers
from market.learning.scenario import QUOTA_2MB, build
from market.learning.world import Day, World, draw_day
from market.sdo.choice import Choice
from market.sdo.monthly import UBC
from market.traces.usage import Integers

USERS = 20
DAY, MONTH = 24, 720
DAY_NOISE_BYTES, MONTH_NOISE_BYTES = (1_000, 50_000, 100_000), (1_000, 10_000, 20_000)
WIDE_NOISE_BYTES = (1_000, 300_000, 1_000_000)
"""Beyond the text's low ones: an hour of the day has 1.5 MB."""
MIDDLE = 1
"""Which of those is learned to the end, and has the curves."""
MONTHS = 75
"""The text's slowest user is at rest by then."""
STEADY = 0.01
"""A policy has come to rest where its reward stays within this part of its last one."""
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
    Chosen("batch", "32", "Keras's, where the text has epochs only"),
    Chosen("reward scale", f"{double_dqn.Settings().reward_scale:g}, {actor_critic.Settings().reward_scale:g} a KB",
           "1e-2 to 1e-4 of a KB in the text"),
    Chosen("entropy", "none", "the text has none"),
    Chosen("an actor's update", "one pass over the five episodes since the last", "all were lived by that policy"),
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
    best: Result | None = None
    """Who knows the whole day."""
    judged_by: int = 1_000_000
    """Episodes by which it is judged; what comes later is told as well."""

    @property
    def after(self) -> int:
        return max(episode for episode, _ in self.points if episode <= self.judged_by)

    @property
    def last(self) -> Result:
        return dict(self.points)[self.after]


def findings(effort: Effort) -> Findings:
    users = 3 if effort.quick else USERS
    day = [
        _day(noise, users, 20 if effort.quick else 600 if number == MIDDLE else 500)
        for number, noise in enumerate(DAY_NOISE_BYTES)
        if number == MIDDLE or not effort.quick
    ]
    month = [
        _month(noise, users, 5 if effort.quick else 100 if number == MIDDLE else 50)
        for number, noise in enumerate(MONTH_NOISE_BYTES)
        if number == MIDDLE or not effort.quick
    ]
    printed = _month(MONTH_NOISE_BYTES[MIDDLE], users, 5 if effort.quick else 50, as_printed=True)
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
    looks = (*range(10, min(101, episodes), 10), *range(150, episodes, 50))
    curve = learning_curve(world, net(double_dqn.Settings()), 0, episodes, looks)
    always = result_of(world, _days(world, 10), _plan)
    return Learned(noise_bytes, curve.points, curve.without_offers, curve.overage_averse, always, curve.best)


def _month(noise_bytes: int, users: int, episodes: int, *, as_printed: bool = False) -> Learned:
    world = build(replace(QUOTA_2MB, noise_bytes=noise_bytes), 0, users, MONTH if episodes > 5 else 5 * DAY)
    days = _days(world, 2)
    chance = np.random.default_rng(np.random.SeedSequence(0).spawn(2)[0])
    learner = actor_critic_of(world, actor_critic.Settings(as_printed=as_printed), chance)
    rule, points = likeliest(learner.actor), list[tuple[int, Result]]()
    for episode in range(1, episodes + 1):
        learn_cycle(world, learner)
        if episode % 5 == 0 and (episode <= 25 or episode % 25 == 0):
            points.append((episode, result_of(world, days, rule)))
    none, averse, plan = (result_of(world, days, each) for each in (without_offers, overage_averse, _plan))
    return Learned(noise_bytes, tuple(points), none, averse, plan, judged_by=MONTHS)


def _days(world: World, cycles: int) -> list[Day]:
    """Cycles that nobody learns from; of a day's world the same that `learning_curve` looks at."""
    unseen = np.random.default_rng(np.random.SeedSequence(0).spawn(2)[1])
    return [draw_day(world, unseen) for _ in range(cycles)]


def _plan(world: World, day: Day, hour: int, used: Integers) -> Integers:  # noqa: ARG001  # a Rule
    return np.full(used.shape, int(Choice.PLAN), dtype=np.int64)


# ---- Figures 3.9 and 3.13: all users together


def day_verdict(reward: Sequence[float], spent: Sequence[float], averse: Sequence[float], gap: Sequence[float]
                ) -> tuple[Verdict, tuple[str, ...]]:  # fmt: skip
    """By deviation: learned reward and spending and overage-averse reward over those without offers, and the gap of
    rewards between learned and overage-averse, over the same.
    """
    return judged(
        Verdict.SHAPE,
        {
            "(b) the learned reward is the highest of the three": min(reward) >= 1 and max(averse) < 1,
            "(a) the learned spending is the lowest of the three": max(spent) <= 1,
            "the gap to overage-averse users widens with the deviation": list(gap) == sorted(gap),
        },
    )


def _averse_at(deviations: Sequence[int], users: int) -> list[tuple[int, float]]:
    """What overage-averse users have, over that without offers: for this nobody has to learn."""
    found = []
    for noise_bytes in deviations:
        world = build(replace(QUOTA_2MB, noise_bytes=noise_bytes), 0, users)
        days = _days(world, 10)
        averse, none = (result_of(world, days, rule) for rule in (overage_averse, without_offers))
        found.append((noise_bytes, _over(none, averse, "reward")))
    return found


def _spent_and_had(found: Sequence[Learned], wide: Sequence[tuple[int, float]]) -> Finding:
    """`wide`: deviations, and what overage-averse users have at them over that without offers."""
    reward, spent, averse = ([_over(each.none, getattr(each, name), what) for each in found] for name, what in (
        ("last", "reward"), ("last", "spent_ubc"), ("averse", "reward")))  # fmt: skip
    gap = [high - low for high, low in zip(reward, averse, strict=True)]
    middle = _middle(found)
    losses = ", ".join(f"{part:.3f} at {noise // 1000} KB" for noise, part in wide)
    verdict, missed = day_verdict(reward, spent, averse, gap)
    bar = _over(middle.averse, middle.last, "spent_ubc")
    return Finding(
        verdict,
        f"After {middle.after:,} episodes at a deviation of {middle.noise_bytes // 1000} KB the net's reward "
        f"is {_over(middle.none, middle.last, 'reward'):.4f} times that without offers; it spends "
        f"{_over(middle.none, middle.last, 'spent_ubc'):.2f} times what is spent without offers and {bar:.0%} of what "
        "overage-averse users spend.",
        "Theirs: lowest spending and highest reward of the three, and a gap that widens with the deviation. "
        f"Ours does not: overage-averse users have {losses} of the reward without offers.",
        calibrated=("price and plan, so that overage-averse users take too many offers",),
        predicted=("the order of the three", "how near the net comes to who knows the whole day"),
        failures=missed,
        plots=_bars(found),
        tables=(_table(found),),
        seeds=len(middle.last.reward),
        chosen=CHOSEN,
        see=_SEE,
    )  # fmt: skip


def month_verdict(averse: Sequence[float], spent: Sequence[float], of_averse: Sequence[float],
                  reward: Sequence[float]) -> tuple[Verdict, tuple[str, ...]]:  # fmt: skip
    """By deviation: the overage-averse reward itself; learned spending over none's and over averse's; its reward."""
    return judged(
        Verdict.SHAPE,
        {
            "(b) overage-averse users end below 0": max(averse) < 0,
            "(a) learning removes most of the extra spending": max(of_averse) <= 0.5,
            "(a) it spends at most a quarter more than without offers": max(spent) <= 1.25,
            "(b) its reward is that without offers, or more (2 %)": min(reward) >= 0.98,
        },
    )


def _month_spent_and_had(found: Sequence[Learned], printed: Learned) -> Finding:
    middle = _middle(found)
    reward, spent = (
        [_over(each.none, each.last, what) for each in found] for what in ("reward", "spent_ubc")
    )
    of_averse = [_over(each.averse, each.last, "spent_ubc") for each in found]
    verdict, missed = month_verdict([each.averse.total_reward for each in found], spent, of_averse, reward)
    always = _over(middle.plan, middle.last, "reward")
    ours, fault = _at(middle, printed.points[-1][0]), _over(printed.none, printed.last, "reward")
    return Finding(
        verdict,
        f"Overage-averse users end at a reward of {middle.averse.total_reward:,.0f} KB, those without offers at "
        f"{middle.none.total_reward:,.0f}, the actor-critic at {middle.last.total_reward:,.0f} after "
        f"{middle.after} months; it spends {_over(middle.averse, middle.last, 'spent_ubc'):.1%} of what the "
        f"first spend, and {_over(middle.none, middle.last, 'spent_ubc'):.2f} times what is spent without offers.",
        f"Who takes the plan in every hour has {1 / always:.4f} times its reward: in this month an offer costs more "
        "than it saves, and that is what there is to see. With epsilon-greedy "
        f"choices as printed (S8) the reward after {printed.points[-1][0]} months is {fault:.3f} times that without "
        f"offers, beside {ours:.3f} for ours{': here the fault does no harm' if fault >= ours - 0.005 else ''}.",
        predicted=("all of it: the plan and the price are those of the day",),
        failures=(*missed, *_later(middle)),
        plots=_bars(found),
        tables=(_table([*found, printed], ("",) * len(found) + (", as printed",)),),
        seeds=len(middle.last.reward),
        chosen=CHOSEN,
        see=_SEE,
    )  # fmt: skip


def _later(found: Learned) -> list[str]:
    """What the same learner comes to if it goes on."""
    return [
        f"after {episode} months: {_over(found.none, result, 'reward'):.3f} times the reward without offers, "
        f"{_over(found.none, result, 'spent_ubc'):.2f} times the spending; the worst of the users spends "
        f"{float((result.spent_ubc / np.maximum(found.none.spent_ubc, 1)).max()):.0f} times as much"
        for episode, result in found.points
        if episode > found.after
    ]


def _at(found: Learned, episode: int) -> float:
    """The reward after that episode or the next that was looked at, over none's."""
    return next(_over(found.none, result, "reward") for after, result in found.points if after >= episode)


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
    """Means over users, and the middle 90 % of them, by deviation."""
    xs = [each.noise_bytes / 1_000 for each in found]
    ways = dict(list(_WAYS.items())[:3])

    def lines(what: str, unit: float) -> tuple[Series, ...]:
        return tuple(
            series(
                name,
                xs,
                [(getattr(getattr(each, way), what) / unit).tolist() for each in found],
                dots=len(xs) == 1,
            )
            for name, way in ways.items()
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
            )
            for name, result in ways.items()
        ]
    head = ("deviation", "who", "reward of all users, MB", "they spend, $", "reward over that without offers")
    return Rows("A cycle of all users", head, tuple(rows))


# ---- Figures 3.10 and 3.14: user by user


def _changes(found: Learned) -> tuple[list[float], list[float]]:
    """Of each user, beside no offers: spending and reward in percent. Who spends nothing without is left out of it."""
    spent = [
        100 * (float(now) / float(before) - 1)
        for now, before in zip(found.last.spent_ubc, found.none.spent_ubc, strict=True)
        if before
    ]
    return spent, (100 * (found.last.reward / found.none.reward - 1)).tolist()


def users_verdict(
    spent: Sequence[float], reward: Sequence[float], *, some: float
) -> tuple[Verdict, tuple[str, ...]]:
    """Changes in percent; `some` of the users at least gain reward."""
    return judged(
        Verdict.SHAPE,
        {
            "(a) spending within 10 % for most": _part(spent, -10, 10) > 0.5,
            f"(b) reward rises for {some:.0%} of the users at least": _part(reward, 0.1, 1e9) >= some,
            "(b) reward falls by more than 1 % for a quarter at most": _part(reward, -1e9, -1) <= 0.25,
        },
    )


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
    spent, reward = _changes(_middle(found))
    verdict, missed = users_verdict(spent, reward, some=some)
    lines = [_changes(each) for each in found]
    names = [f"{each.noise_bytes // 1000} KB" for each in found]
    return Finding(
        verdict,
        f"Spending stays within 10 % for {_part(spent, -10, 10):.0%} of the users, and changes by {min(spent):+.0f} to "
        f"{max(spent):+.0f} %; reward rises for {_part(reward, 0.1, 1e9):.0%} of them, and changes by "
        f"{min(reward):+.1f} to {max(reward):+.1f} %.",
        theirs,
        predicted=("all of it",),
        failures=missed,
        plots=(
            Plot("(a) Spending beside that without offers", "part of the users", "%",
                 tuple(_ranked(name, each[0]) for name, each in zip(names, lines, strict=True))),
            Plot("(b) Reward beside that without offers", "part of the users", "%",
                 tuple(_ranked(name, each[1]) for name, each in zip(names, lines, strict=True))),
        ),
        seeds=len(reward),
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


def convergence_verdict(after: int, all_after: Spread, bound: int) -> tuple[Verdict, tuple[str, ...]]:
    """`after`: this user's episodes; `bound` is theirs."""
    return judged(
        Verdict.SHAPE,
        {
            f"at rest within {bound} episodes": after <= bound,
            "so are half of the users": all_after.mean <= 2 * bound,
        },
    )


_DATA = ", which the text counts as 160 to 800 cycles of data for 10 to 50, as it trains on 16 cycles' worth in each"


def _convergence(
    found: Sequence[Learned], quick_figure: str, slow_figure: str, bounds: tuple[int, int]
) -> Findings:
    """The user who is at rest first, and the one who is last: theirs are two of whom the second takes longest."""
    middle = _middle(found)
    rewards = np.stack([result.reward for _, result in middle.points], axis=1)
    spent = np.stack([result.spent_ubc for _, result in middle.points], axis=1)
    episodes = [episode for episode, _ in middle.points]
    after = [at_rest_after(list(zip(episodes, row, strict=True))) for row in rewards.tolist()]
    order = sorted(range(len(after)), key=lambda user: (after[user], user))
    answers = dict[str, Finding]()
    for figure, user, bound in zip((quick_figure, slow_figure), (order[0], order[-1]), bounds, strict=True):
        verdict, missed = convergence_verdict(after[user], spread(after), bound)
        which = "first" if user == order[0] else "last"
        answers[f"003/figure-{figure}"] = Finding(
            verdict,
            f"The user who comes to rest {which} does so after {after[user]:,} episodes; all of them after "
            f"{spread(after):.0f}.",
            f"Theirs: {bound} at most{_DATA if bounds == (10, 50) else ''}. At rest: the reward of what was learned "
            f"stays within {STEADY:.0%} of its last.",
            predicted=("all of it",),
            failures=missed,
            plots=(
                Plot("(a) What he spends in a cycle", "episodes", "$", (
                    Series("learned", tuple(zip(map(float, episodes), (spent[user] / UBC).tolist(), strict=True))),
                    _flat("without offers", episodes, float(middle.none.spent_ubc[user]) / UBC),
                    _flat("overage-averse", episodes, float(middle.averse.spent_ubc[user]) / UBC),
                ), y_low=0.0),
                Plot("(b) His reward", "episodes", "MB", (
                    Series("learned", tuple(zip(map(float, episodes), (rewards[user] / 1_000).tolist(), strict=True))),
                    _flat("without offers", episodes, float(middle.none.reward[user]) / 1_000),
                    _flat("overage-averse", episodes, float(middle.averse.reward[user]) / 1_000),
                )),
            ),
            seeds=len(after),
            chosen=CHOSEN,
            see=_SEE,
        )  # fmt: skip
    return answers


def _flat(name: str, episodes: Sequence[int], value: float) -> Series:
    return Series(name, ((float(episodes[0]), value), (float(episodes[-1]), value)))
