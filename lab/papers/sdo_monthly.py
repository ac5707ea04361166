"""003 3.3, the monthly model of discount offers: the printed optimum, its corollaries, figures 3.1, 3.2, 3.6 and 3.7.

The exact optimum is market/sdo/monthly.py's. Users of the figures are synthetic (market/sdo/population.py).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lab.papers.exhibit import Chosen, Effort, Finding, Findings, Plot, Rows, Series, Verdict, judged
from lab.papers.spread import series, spread
from market.sdo.chosen import SLOW_GB, SLOW_WORTH
from market.sdo.monthly import UBC, Floats, Subscribers, optimum, utility
from market.sdo.monthly_price import (
    best_price,
    best_price_beside_slow,
    population,
    revenue_curve,
    without_offers,
    without_offers_beside_slow,
)
from market.sdo.monthly_throttling import Slowness
from market.sdo.population import draw_subscribers
from market.sdo.printed_monthly import corollary_2_gb, corollary_2_mended_gb, table_3_2

_SEE = ("market/sdo/monthly.py", "market/sdo/printed_monthly.py", "tests/market/sdo")
_FIELDS = ("plan_value", "offer_value", "quota_gb", "overage_coins", "session_gb", "offers", "most_gb")
EXAMPLES = {
    name: dict(zip(_FIELDS, values, strict=True))
    for name, values in (
        ("(i)", (1, 10, 5, 1, 1, 10, 10)),
        ("(ii)", (30, 4, 5, 10, 0.5, 2, 30)),
        ("(iii)", (10, 10, 3, 5, 1, 20, 10)),
    )
}
"""The register's, all at a = 0.5 and rho = 1."""
CHOSEN = (
    Chosen(
        "C2", "4.24", "subscribers fall steeply at $6 with a = 0.5 and x_max = 0.5 GB: C2 x_max^0.5/0.5 = 6"
    ),
    Chosen("C1 of light and heavy users", "8 and 40", "below and above the quota without offers"),
    Chosen(
        "d, p, eta, n, gamma",
        "2 GB, $10/GB, $35, 30, 1.5 times the use without offers",
        "a common plan of 2016",
    ),
)


def findings(effort: Effort) -> Findings:
    table = _table(400 if effort.quick else 4_000)
    return {
        "003/lemma-1": table,
        "003/proposition-1": table,
        "003/table-3.2": table,
        "003/corollary-1": _less_usage(),
        "003/corollary-2": _least(),
        "003/proposition-2": _rising(),
        "003/proposition-3": _light(),
        "003/figure-3.1": _revenue(effort),
        "003/figure-3.2": _optimal(effort),
        "003/text-3.3": _slow(effort),
        **_populations(effort),
    }


def one_user(alpha: float = 0.5, fee: float = 0.0, **values: float) -> Subscribers:
    fields = {name: np.array(float(value)) for name, value in values.items()}
    return Subscribers(
        alpha=np.array(alpha), fee_coins=np.array(fee), plan_value=fields["plan_value"],
        offer_value=fields["offer_value"], quota_gb=fields["quota_gb"], overage_coins=fields["overage_coins"],
        session_gb=fields["session_gb"], offers=fields["offers"], most_gb=fields["most_gb"],
    )  # fmt: skip


def _table(draws: int) -> Finding:
    price, rows = np.array(1.0), []
    for name, values in EXAMPLES.items():
        user = one_user(**values)
        printed, exact = table_3_2(user, price), optimum(user, price)
        rows.append((name, round(float(printed.plan_gb), 3), round(float(utility(user, price, printed)), 2),
                     round(float(exact.plan_gb), 3), round(float(utility(user, price, exact)), 2)))  # fmt: skip
    users, prices = _random_users(draws)
    printed, exact = table_3_2(users, prices), optimum(users, prices, for_the_operator=False)
    theirs, ours = utility(users, prices, printed), utility(users, prices, exact)
    worse = float((theirs < ours - 1e-6 * np.abs(ours)).mean())
    better = int((theirs > ours + 1e-6 * np.abs(ours)).sum())
    verdict, missed = table_verdict(worse, better)
    return Finding(
        verdict,
        f"The exact optimum fills plan and offers until the next GB is worth what it costs. Over {draws:,} "
        f"random users the "
        f"table falls short in {worse:.0%}, and is better in {better}.",
        "S1: plan use is never put below d, d' is not floored at d, and where beta is cut to 1 x is not solved "
        "again. In the "
        "three examples (a = 0.5, rho = 1) the table has 99.5, 102.5 and 195.04 where 190.1, 149.3 and 195.26 are "
        "possible.",
        tables=(
            Rows("Three examples", ("example", "x*, table", "utility, table", "x*, exact", "utility, exact"),
                 tuple(rows)),
        ),
        failures=missed,
        draws=draws,
        see=_SEE,
    )  # fmt: skip


def table_verdict(worse: float, better: int) -> tuple[Verdict, tuple[str, ...]]:
    """`worse`: part of the draws in which the table falls short; `better`: how often it beats ours."""
    if better:
        return Verdict.CANNOT, (f"our optimum is none: the table is better in {better}",)
    return judged(Verdict.REFUTED, {"the table falls short": worse > 0}, otherwise=Verdict.REPRODUCED)


def _random_users(draws: int) -> tuple[Subscribers, Floats]:
    chance = np.random.default_rng(11)
    alpha = chance.uniform(0.2, 0.8, draws)
    value, overage, quota = (
        chance.uniform(1, 40, draws),
        chance.uniform(1, 12, draws),
        chance.uniform(0.5, 8, draws),
    )
    alone = np.maximum(quota, (value / overage) ** (1 / alpha))
    users = Subscribers(
        alpha=alpha,
        plan_value=value,
        offer_value=chance.uniform(1, 12, draws),
        session_gb=chance.uniform(0.1, 2, draws),
        quota_gb=quota,
        most_gb=alone * chance.uniform(1.0, 2.0, draws),
        overage_coins=overage,
        fee_coins=np.array(0.0),
        offers=chance.integers(1, 31, draws).astype(np.float64),
    )
    return users, chance.uniform(0.2, 6, draws)


def _less_usage() -> Finding:
    user = one_user(**EXAMPLES["(ii)"])
    price = np.array(1.0)
    printed, exact = table_3_2(user, price), optimum(user, price)
    alone = max(float(user.quota_gb), float((user.plan_value / user.overage_coins) ** (1 / user.alpha)))
    verdict, missed = judged(
        Verdict.REFUTED,
        {"who takes offers uses as much of the plan": float(exact.plan_gb) >= alone - 1e-9},
        otherwise=Verdict.REPRODUCED,
    )
    return Finding(
        verdict,
        f"In example (ii) a user takes every offer and uses {float(exact.plan_gb):.2f} GB of the plan, without "
        f"offers {alone:.2f}; the table has {float(printed.plan_gb):.2f}.",
        "S1: with few offers beta is 1, and the plan is used as before. That some offers are taken where their "
        "worth is above their price holds.",
        failures=missed,
        see=_SEE,
    )


def _heavy(session_gb: float, offer_value: float) -> Subscribers:
    """A heavy user with room for everything: plan use depends on the offer's worth for each GB alone."""
    return one_user(plan_value=40, offer_value=offer_value, quota_gb=0.1, overage_coins=10, session_gb=session_gb,
                    offers=1_000, most_gb=200)  # fmt: skip


def _use(session_gb: float, offer_value: float, price: float) -> float:
    return float(optimum(_heavy(session_gb, offer_value), np.array(price)).plan_gb)


def _least() -> Finding:
    price, value = 3.0, 4.24
    sizes = [0.14 + n * 0.002 for n in range(900)]
    uses = [(size, _use(size, value, price)) for size in sizes]
    found = min(uses, key=lambda pair: pair[1])[0]
    printed, mended = corollary_2_gb(price, 0.5), corollary_2_mended_gb(price, 0.5, value)
    verdict, missed = judged(
        Verdict.REFUTED,
        {"the least is not at the printed size": abs(found - printed) > 0.01},
        otherwise=Verdict.REPRODUCED,
    )
    if abs(found - mended) > 0.01:
        missed = (*missed, "nor is it at the mended size")
    return Finding(
        verdict,
        f"A sweep finds the least plan use at {found:.3f} GB; the mended threshold (rho (1/a - 1)/C2)^(1/(1-a)) has "
        f"{mended:.4f}, the printed one {printed:.1f}.",
        "S2: the exponent is misplaced and C2 is missing.",
        plots=(
            Plot("Plan use of a heavy user (a = 0.5, rho = 3, C2 = 4.24)", "GB per offer, x_max", "x*, GB",
                 (Series("exact", tuple(uses[::5])),), marks=((mended, "mended"),)),
        ),
        failures=missed,
        see=_SEE,
    )  # fmt: skip


def _rising() -> Finding:
    price, value = 3.0, 0.5
    printed, mended = corollary_2_gb(price, 0.5), corollary_2_mended_gb(price, 0.5, value)
    uses = [(float(size), _use(float(size), value, price)) for size in range(10, 61)]
    before, at = _use(12.0, value, price), _use(mended, value, price)
    verdict, missed = judged(
        Verdict.REFUTED,
        {"plan use falls above the printed threshold": printed < 12 and at < before},
        otherwise=Verdict.REPRODUCED,
    )
    return Finding(
        verdict,
        f"With C2 = 0.5 and rho = 3 the printed threshold is {printed:.0f} GB and the true one {mended:.0f}: in "
        f"between plan "
        f"use falls, from {before:.3f} GB at 12 to {at:.3f} at {mended:.0f}. Above the true one it rises.",
        "S2: the threshold is Corollary 2's; and a convex function has no maximum where its slope is zero.",
        plots=(
            Plot("Plan use above the printed threshold (C2 = 0.5, rho = 3)", "GB per offer, x_max", "x*, GB",
                 (Series("exact", tuple(uses)),), marks=((mended, "true threshold"),)),
        ),
        failures=missed,
        see=_SEE,
    )  # fmt: skip


def _light() -> Finding:
    user = one_user(**(EXAMPLES["(i)"] | {"most_gb": 5.1}))
    bound = float(user.session_worth())
    prices = [n / 10 for n in range(1, 211)]
    points = revenue_curve(user, [round(price * UBC) for price in prices])
    curve = tuple((price, point.revenue_ubc / UBC) for price, point in zip(prices, points, strict=True))
    near = dict(curve)[19.9], dict(curve)[19.0]
    best = max(curve, key=lambda pair: pair[1])
    verdict, missed = judged(
        Verdict.REFUTED,
        {"revenue is higher far from the stated price": best[1] > near[0]},
        otherwise=Verdict.REPRODUCED,
    )
    return Finding(
        verdict,
        f"Where gamma is close to d (5.1 and 5) revenue is {near[0]:.1f} just below the stated optimum of "
        f"{bound:.0f}, "
        f"{near[1]:.1f} at 19, and most ({best[1]:.1f}) at {best[0]:.1f}.",
        "S3: at the stated price the user gains nothing and nobody has to buy: a supremum, not a maximum. Ours "
        "breaks the tie "
        "for the operator, and searches.",
        plots=(
            Plot("Revenue from one light user, gamma = 5.1", "price, $", "revenue, $", (Series("exact", curve),),
                 marks=((bound, "stated optimum"),)),
        ),
        failures=missed,
        see=_SEE,
    )  # fmt: skip


# ---- Figures


def _revenue(effort: Effort) -> Finding:
    step = 0.5 if effort.quick else 0.1
    prices = [step * n for n in range(1, round(9 / step) + 1)]
    asked = [round(price * UBC) for price in prices]
    curves = [revenue_curve(draw_subscribers(seed), asked) for seed in range(effort.seeds)]
    columns = list(zip(*curves, strict=True))
    revenue = [[point.revenue_ubc / UBC for point in column] for column in columns]
    share = [[100 * point.subscriber_share for point in column] for column in columns]
    best = [prices[max(range(len(prices)), key=lambda n, c=curve: c[n].revenue_ubc)] for curve in curves]  # type: ignore[misc]
    at = [min(range(len(prices)), key=lambda n, p=price: abs(prices[n] - p)) for price in (5.0, 6.5)]  # type: ignore[misc]
    verdict, missed = monthly_revenue_verdict(best, spread(share[at[0]]).mean, spread(share[at[1]]).mean)
    return Finding(
        verdict,
        f"Revenue is most at ${spread(best):.1f}; {spread(share[at[0]]):.0f} % take offers at $5 and "
        f"{spread(share[at[1]]):.0f} % at $6.50.",
        "Two figures without numbers beyond $5 and $6. The steep fall at $6 fixes C2, so it is no evidence.",
        calibrated=("C2 = 4.24, so that subscribers fall at $6",),
        predicted=("where revenue is most, given that",),
        failures=missed
        + tuple(f"seed {seed}: best price ${each:.1f}" for seed, each in enumerate(best) if abs(each - 5) > 1),
        plots=(
            Plot("(a) Revenue of 100 users", "price of an offer, $", "revenue, $", (series("ours", prices, revenue),)),
            Plot("(b) Users who take offers", "price of an offer, $", "% of users", (series("ours", prices, share),),
                 y_low=0.0),
        ),
        seeds=effort.seeds,
        chosen=CHOSEN,
        see=("market/sdo/monthly_price.py", "market/sdo/chosen.py"),
    )  # fmt: skip


def monthly_revenue_verdict(
    best: Sequence[float], at_5: float, above_6: float
) -> tuple[Verdict, tuple[str, ...]]:
    """Best prices by seed, in dollars; % of users who take offers at $5 and at $6.50."""
    return judged(
        Verdict.SHAPE,
        {
            "best at $5, to a dollar, in three of four seeds": 4 * sum(abs(each - 5) <= 1 for each in best)
            >= 3 * len(best),
            "few accept above $6: a quarter of those at $5": above_6 <= 0.25 * at_5,
        },
    )


def _optimal(effort: Effort) -> Finding:
    alphas = (0.3, 0.5, 0.7) if effort.quick else (0.3, 0.4, 0.5, 0.6, 0.7)
    sizes = (0.25, 0.5, 1.0)
    asked = [round(price * UBC / 4) for price in range(1, 121)]
    lines, rows, below = [], [], []
    for size in sizes:
        columns = []
        for alpha in alphas:
            ratios = []
            for seed in range(effort.seeds):
                users = draw_subscribers(seed, alpha=alpha, session_gb=size)
                ratios.append(best_price(users, asked).revenue_ubc / without_offers(users))
            below += [f"a = {alpha}, x_max = {size}" for ratio in ratios if ratio < 1]
            rows.append((size, alpha, round(spread(ratios).mean, 3), round(min(ratios), 3)))
            columns.append(ratios)
        lines.append(series(f"x_max = {size} GB", alphas, columns))
    gain = {(size, alpha): mean for size, alpha, mean, _ in rows}
    rises = all(gain[size, alphas[0]] < gain[size, alphas[-1]] for size in sizes)
    wider, narrower = (
        all((gain[sizes[0], alpha] < gain[sizes[-1], alpha]) is way for alpha in alphas)
        for way in (True, False)
    )
    direction = (
        "rises with" if wider else "falls with" if narrower else "rises with some and falls with other"
    )
    return Finding(
        Verdict.SHAPE if rises and not below else Verdict.CANNOT,
        f"The best revenue is above that without offers {'in every run' if not below else 'in most runs'}, and "
        f"the gain "
        f"{'rises' if rises else 'does not rise everywhere'} with a. It {direction} x_max, depending on a: text and "
        f"caption "
        "each have a part of it.",
        "A figure without numbers, of which text and caption say the opposite about x_max.",
        predicted=("that it is above, and the order in a: nothing was set for it beyond C2",),
        failures=tuple(sorted(set(below))),
        plots=(
            Plot("Best revenue over that without offers", "sensitivity a", "ratio", tuple(lines), marks=()),
        ),
        tables=(Rows("In numbers", ("x_max, GB", "a", "mean ratio", "least of the seeds"), tuple(rows)),),
        seeds=effort.seeds,
        chosen=CHOSEN,
        see=("market/sdo/monthly_price.py",),
    )


def _slow(effort: Effort) -> Finding:
    """The operator's best month over how good the slow way is: 0 is as if there were none."""
    worths = (0.0, 0.25, 0.5) if effort.quick else (0.0, 0.1, 0.25, 0.5, 0.75)
    asked = [round(price * UBC / 4) for price in range(1, 121)]
    gains, prices = (list[list[float]]() for _ in range(2))
    lost = dict[float, tuple[list[float], list[float]]]()
    for worth in worths:
        slowness = Slowness(np.array(worth), np.array(SLOW_GB))
        found = [_month_beside_slow(draw_subscribers(seed), slowness, asked) for seed in range(effort.seeds)]
        gains.append([best / none for _, best, none in found])
        prices.append([price for price, _, _ in found])
        lost[worth] = [best for _, best, _ in found], [none for _, _, none in found]
    before = lost[0.0]
    rows = tuple(
        (
            worth,
            *(round(spread([w / b for w, b in zip(now, then, strict=True)]).mean, 3)
              for now, then in zip(reversed(lost[worth]), reversed(before), strict=True)),
            round(spread(ratio).mean, 3),
            round(min(ratio), 3),
            round(spread(price).mean, 2),
        )
        for worth, ratio, price in zip(worths, gains, prices, strict=True)
    )  # fmt: skip
    verdict, missed = slow_verdict([min(each) for each in gains], [float(row[2]) for row in rows])
    chosen = dict(zip(worths, rows, strict=True))[SLOW_WORTH]
    return Finding(
        verdict,
        f"Offers still earn more than none in each of the runs, however good the slow way is: at k = {SLOW_WORTH} "
        f"{chosen[3]:.2f} times as much. But the slow way itself costs the operator: with its best offers it has "
        f"{chosen[2]:.2f} times "
        f"what it had with overage as the only other way, and without offers {chosen[1]:.2f} times.",
        "That offers pay does not rest on overage as the only other way; how much they bring does.",
        predicted=("all of it: nothing was set for it",),
        failures=missed,
        plots=(
            Plot("Best revenue over that without offers, both beside the slow way", "k, worth of a slow GB",
                 "ratio", (series("a = 0.5", worths, gains),)),
            Plot("The best price", "k, worth of a slow GB", "price of an offer, $",
                 (series("a = 0.5", worths, prices),), y_low=0.0),
        ),
        tables=(
            Rows("Beside a plan that only sells overage (k = 0)",
                 ("k", "revenue without offers", "best revenue", "best over none", "least of the seeds",
                  "best price, $"),
                 rows),
        ),
        seeds=effort.seeds,
        chosen=(*CHOSEN, Chosen("k, Z", f"{SLOW_WORTH} (and swept), {SLOW_GB} GB", "three hours a day of 128 kbit/s")),
        see=("market/sdo/monthly_throttling.py", "tests/market/sdo/test_monthly_throttling.py"),
    )  # fmt: skip


def slow_verdict(least: Sequence[float], best: Sequence[float]) -> tuple[Verdict, tuple[str, ...]]:
    """For each k from 0 up: the least ratio of best revenue to none; best revenue beside that of k = 0."""
    return judged(
        Verdict.SHAPE,
        {
            "offers raise revenue in every run": min(least) >= 1,
            "a slow way earns no more": max(best) <= 1 + 1e-9,
        },
    )


def _month_beside_slow(
    users: Subscribers, slowness: Slowness, asked_ubc: Sequence[int]
) -> tuple[float, float, float]:
    """Best price, what it earns, and what is earned without offers, in dollars."""
    price, revenue = best_price_beside_slow(users, slowness, asked_ubc)
    return price / UBC, revenue / UBC, without_offers_beside_slow(users, slowness) / UBC


def _populations(effort: Effort) -> Findings:
    """At the price that is best for the operator, and users' data and cost over prices."""
    shares = [n / 20 for n in range(1, 20)]
    prices = (1.0, 2.0, 3.0, 4.0, 5.0)
    used, spent, rows = list[Series](), list[Series](), list[tuple[float, ...]]()
    more = dict[tuple[float, float], float]()
    for alpha in (0.8, 0.3):
        groups = [draw_subscribers(seed, alpha=alpha, same_use=True) for seed in range(effort.seeds)]
        alone = [population(users, None) for users in groups]
        used.append(_line(f"a = {alpha}, without", [each.used_gb for each in alone], shares))
        spent.append(_line(f"a = {alpha}, without", [_coins(each.spent_ubc) for each in alone], shares))
        for price in prices:
            offered = [population(users, round(price * UBC)) for users in groups]
            data, cost = (
                spread(
                    [
                        sum(getattr(w, what)) / sum(getattr(o, what))
                        for w, o in zip(offered, alone, strict=True)
                    ]
                ).mean
                for what in ("used_gb", "spent_ubc")
            )
            rows.append((alpha, price, round(data, 3), round(cost, 3)))
            more[alpha, price] = data
            if price == 1:
                used.append(_line(f"a = {alpha}, at $1", [each.used_gb for each in offered], shares))
                spent.append(
                    _line(f"a = {alpha}, at $1", [_coins(each.spent_ubc) for each in offered], shares)
                )
    cheap = {alpha: [price for a, price, _, cost in rows if a == alpha and cost < 1] for alpha in (0.8, 0.3)}
    data_verdict, data_missed = judged(
        Verdict.SHAPE,
        {
            "more data at $1 in both populations": all(more[alpha, 1.0] > 1.01 for alpha in (0.8, 0.3)),
            "less data at no price": all(data > 1 - 1e-9 for data in more.values()),
        },
    )
    cost_verdict, cost_missed = judged(
        Verdict.SHAPE,
        {f"less cost at some price, a = {alpha}": bool(found) for alpha, found in cheap.items()},
    )
    table = Rows("With offers beside without", ("a", "price, $", "data", "cost"), tuple(rows))
    same_value = min(_cost_at_one(draw_subscribers(seed, alpha=0.3)) for seed in range(effort.seeds))
    apart = Chosen(
        "C1 of either population",
        "as much use without offers as at a = 0.5",
        f"with one C1 for both, a = 0.3 has heavy users of 100 GB, and pays {same_value:.2f} times as much at $1",
    )
    where = "; ".join(
        f"a = {alpha}: {'up to $' + format(max(found), 'g') if found else 'at none of the prices'}"
        for alpha, found in cheap.items()
    )
    see = ("market/sdo/monthly_price.py",)
    return {
        "003/figure-3.6": Finding(
            data_verdict,
            f"Whoever takes offers has more data, up to {max(data for _, _, data, _ in rows):.2f} times that "
            f"without; at "
            "prices that nobody accepts, as much.",
            'Distributions without numbers. "Price sensitivity" is read as mean a, and the price is not said.',
            predicted=("more data with offers",),
            failures=data_missed,
            plots=(Plot("Data of users, by rank", "part of the users", "GB in the month", tuple(used)),),
            tables=(table,),
            seeds=effort.seeds,
            chosen=(*CHOSEN, apart),
            see=see,
        ),
        "003/figure-3.7": Finding(
            cost_verdict,
            f"Users pay less in all than without offers, {where}. Above that, and at the operator's best price, "
            f"they pay "
            "more: somebody pays for figure 3.2.",
            "The price at which the populations are drawn is not said; whether users pay less hangs on it, and "
            "on what the two have in common: ours use as much without offers.",
            calibrated=("C1 of either population: with one C1 for both, a = 0.3 pays less at no price",),
            failures=cost_missed,
            plots=(Plot("Cost of users, by rank", "part of the users", "$ in the month", tuple(spent)),),
            tables=(table,),
            seeds=effort.seeds,
            chosen=(*CHOSEN, apart),
            see=see,
        ),
    }


def _cost_at_one(users: Subscribers) -> float:
    """What users pay at a price of $1, beside what they pay without offers."""
    return sum(population(users, UBC).spent_ubc) / sum(population(users, None).spent_ubc)


def _coins(amounts_ubc: Sequence[int]) -> list[float]:
    return [each / UBC for each in amounts_ubc]


def _line(name: str, groups: Sequence[Sequence[float]], shares: Sequence[float]) -> Series:
    """Quantiles of each seed's users; the interval is over seeds."""
    quantiles = [[float(each) for each in np.quantile(np.array(group), shares)] for group in groups]
    return series(name, shares, list(zip(*quantiles, strict=True)))
