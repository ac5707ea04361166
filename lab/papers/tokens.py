"""002, token sharing: what a token buys, random sharing and sharing by tokens, and who may gain by using more.

The paper gives neither the rule by which operators use the band nor where they start; market/tokens declares both.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Mapping, Sequence

from lab.papers.exhibit import Chosen, Effort, Finding, Findings, Plot, Rows, Series, Verdict, judged
from lab.papers.spread import series, spread
from market.tokens.game import (
    Game,
    Wanted,
    ahead,
    at_random,
    converged_s,
    gap,
    mean_use,
    play,
    random_split,
    saturated,
    theory_s,
)
from market.tokens.quantum import PAPER_BAND_KHZ, PAPER_TOKENS, PRESETS

BAND_MHZ = 540
LEAD, WITHIN = 0.75, 0.01
STOCKS_S = {name: PRESETS[name].lasts_ms(PAPER_TOKENS, PAPER_BAND_KHZ) / 1_000 for name in PRESETS}
_RULE = Chosen(
    "rule of use",
    "the band is divided in proportion to balances, nobody above what it wants or can pay for",
    "the paper states none",
)
_START = Chosen(
    "start",
    "one operator begins with 75 % more tokens than its fair part",
    "from equal balances and saturated demand nothing moves, and figure 3 starts divergent",
)


def findings(effort: Effort) -> Findings:
    return {
        "002/figure-2": _random(effort),
        "002/figure-3": _tokens(),
        "002/figure-4": _balances(),
        "002/text-iii": _quantum(),
        "002/text-d": _equilibrium(effort),
    }


def _random(effort: Effort) -> Finding:
    steps = 60
    splits = [random_split(2, steps, random.Random(seed).random) for seed in range(effort.seeds)]
    least = [min(min(part) for part in split) for split in splits]
    apart = [statistics.fmean(abs(part[0] - part[1]) for part in split) for split in splits]
    one = splits[0]
    verdict, missed = judged(
        Verdict.SHAPE,
        {
            "they diverge: a quarter of the band apart in the mean": spread(apart).mean >= 0.25,
            "one starves at times: below 5 % of the band": spread(least).mean < 0.05,
        },
    )
    return Finding(
        verdict,
        f"In the mean one operator has {spread(apart):.0%} of the band more than the other, and at its worst "
        f"moment of "
        f"{steps} it is left with {spread(least):.1%}.",
        "A figure without numbers: divergence and starvation are there.",
        calibrated=("the law of the split: even on all divisions, by which the two are half of the band apart",),
        failures=missed,
        plots=(
            Plot("Random sharing (seed 0)", "step", "throughput, MHz of the band", (
                Series("operator A", tuple((n, part[0] * BAND_MHZ) for n, part in enumerate(one))),
                Series("operator B", tuple((n, part[1] * BAND_MHZ) for n, part in enumerate(one))),
            )),
        ),
        seeds=effort.seeds,
        chosen=(Chosen("random split", "uniform on all divisions", "the paper says random"),),
        see=("market/tokens/game.py",),
    )  # fmt: skip


def _tokens() -> Finding:
    curves, rows = [], []
    for name, stock_s in STOCKS_S.items():
        for operators in (2, 3, 5):
            game = Game(operators, stock_s, stock_s / 500)
            moments = play(game, 3_000, saturated(operators), ahead(operators, LEAD))
            took, theory = converged_s(moments, WITHIN), theory_s(game, LEAD, WITHIN)
            rows.append(
                (name, stock_s, operators, None if took is None else round(took, 2), round(theory, 2))
            )
            if operators == 2:
                curves.append((name, moments))
    quick = dict(curves)["rb"]
    off = max(1.0 if took is None else abs(took / theory - 1) for *_, took, theory in rows)
    two = {name: took for name, _, operators, took, _ in rows if operators == 2}
    verdict, missed = convergence_verdict(two, off)
    return Finding(
        verdict,
        "The shares come together exponentially, with tau = (n - 1)/n of the time that the stock of tokens lasts: to "
        f"within 1 % after {two['rb']} s with the reading rb of a token, after {two['carrier']} s with carrier.",
        '"A few seconds" holds for the reading in which 1,800 tokens buy 0.6 s of the band, and not for the one in '
        "which they buy a minute, as the text says elsewhere (T1). The rule of use is ours.",
        predicted=(f"the time constant: theory and simulation agree to {off:.2%}",),
        failures=missed,
        plots=(
            Plot("Sharing by tokens, reading rb", "seconds", "throughput, MHz of the band", (
                Series("operator A", tuple((m.time_s, m.used[0] * BAND_MHZ) for m in quick[:1_500:5])),
                Series("operator B", tuple((m.time_s, m.used[1] * BAND_MHZ) for m in quick[:1_500:5])),
            )),
            Plot("How far apart they are", "seconds", "gap, part of the fair share", tuple(
                Series(f"reading {name}", tuple((m.time_s, max(gap(m), 1e-4)) for m in moments[1:1_500:5]))
                for name, moments in curves), log_x=True, log_y=True),
        ),
        tables=(
            Rows("Seconds until the gap is below 1 %",
                 ("reading", "stock lasts, s", "operators", "simulated, s", "4.3 tau, s"), tuple(rows)),
        ),
        chosen=(_RULE, _START),
        see=("market/tokens/game.py", "tests/market/tokens"),
    )  # fmt: skip


def convergence_verdict(two: Mapping[str, float | None], off: float) -> tuple[Verdict, tuple[str, ...]]:
    """`two`: seconds until two operators are within 1 %, by reading; `off`: the most that theory is off by."""
    rb, carrier = two["rb"], two["carrier"]
    verdict, missed = judged(
        Verdict.SHAPE,
        {
            "within a few seconds (reading rb)": rb is not None and rb <= 5,
            "simulation within 10 % of 4.3 tau": off <= 0.1,
        },
    )
    slow = carrier is None or carrier > 5
    return verdict, (*missed, *(("within a few seconds, reading carrier: minutes",) if slow else ()))


def _balances() -> Finding:
    moments = play(Game(2, STOCKS_S["rb"], 0.0012), 1_500, saturated(2), ahead(2, LEAD))
    total = PAPER_TOKENS
    error = max(abs(sum(m.balances) - 1) for m in moments)
    end = max(abs(balance - 0.5) for balance in moments[-1].balances)
    verdict, missed = judged(
        Verdict.SHAPE,
        {"the balances mirror each other to 1e-9": error < 1e-9, "they come together to 1 %": end < 0.005},
    )
    return Finding(
        verdict,
        "The two balances mirror each other, since what one spends the other gets: their sum stays at 1,800 "
        f"(to {error:.0e} of it), and in the end they are {2 * total * end:.1f} tokens apart.",
        "A figure without numbers.",
        predicted=("the mirror image, which is conservation",),
        failures=missed,
        plots=(
            Plot("Balances under sharing by tokens, reading rb", "seconds", "tokens", (
                Series("operator A", tuple((m.time_s, m.balances[0] * total) for m in moments[::5])),
                Series("operator B", tuple((m.time_s, m.balances[1] * total) for m in moments[::5])),
            )),
        ),
        chosen=(_RULE, _START),
        see=("market/tokens/game.py",),
    )  # fmt: skip


def _quantum() -> Finding:
    rows = tuple((name, PRESETS[name].khz_s, STOCKS_S[name], (name == "carrier" and "yes") or "no",
                  (name == "rb" and "yes") or "no") for name in STOCKS_S)  # fmt: skip
    minute = 60 * 1_000 * BAND_MHZ // PRESETS["rb"].khz_s
    verdict, missed = judged(
        Verdict.REFUTED,
        {"no reading holds both": minute != PAPER_TOKENS and STOCKS_S["rb"] != 60},
        otherwise=Verdict.REPRODUCED,
    )
    return Finding(
        verdict,
        "A token's quantum is a parameter with a preset for either reading: carrier, 18 MHz s, with which "
        "1,800 tokens "
        "last 60 s; rb, 180 kHz s, with which they last 0.6 s.",
        f'T1: 540 MHz for a minute are {minute:,} times 180 kHz s, and not 1,800. And "180 kHz/s" divides by '
        "time where a quantity of spectrum multiplies.",
        tables=(
            Rows("The two readings", ("preset", "a token, kHz s", "1,800 tokens last, s", "one minute holds",
                                      "180 kHz holds"), rows),
        ),
        failures=missed,
        see=("market/tokens/quantum.py", "tests/market/tokens"),
    )  # fmt: skip


def equilibrium_verdict(fair: float, more: Sequence[float], most: float) -> tuple[Verdict, tuple[str, ...]]:
    """Nobody gains by using more than W/n: what A has in the mean beside a B that wants W/n, if A wants as much
    (`fair`) or more; and the most that anybody had beside any B.
    """
    return judged(
        Verdict.REPRODUCED,
        {
            "who wants more than W/n beside one that wants W/n has no more": max(more) <= fair + 0.005,
            "nobody has more than W/n in the mean": most <= 0.505,
        },
        otherwise=Verdict.REFUTED,
    )


def _steady(*parts: float) -> Wanted:
    return lambda _: parts


def _equilibrium(effort: Effort) -> Finding:
    """In the long run nobody gets more than a fair part, whatever he does; so linear utility has no strict answer."""
    steps = 4_000 if effort.quick else 20_000
    demands, uses = [0.3, 0.5, 0.7, 0.9], []
    for demand in demands:
        column = []
        for seed in range(effort.seeds):
            chance = random.Random(seed)
            other = at_random(2, chance.random)

            def wanted(step: int, mine: float = demand, rest: Wanted = other) -> tuple[float, ...]:
                return mine, rest(step)[1]

            column.append(mean_use(play(Game(2, 0.6, 0.006), steps, wanted))[0])
        uses.append(column)
    alone = play(Game(2, 60, 0.5), 400, lambda _: (1.0, 0.0))
    free = play(Game(2, 60, 0.5, free_when_idle=True), 400, lambda _: (1.0, 0.0))
    locked_s = next((m.time_s for m in alone if m.used[0] < 1e-6), None)
    fair, *more = (
        mean_use(play(Game(2, 0.6, 0.006), steps, _steady(mine, 0.5)))[0] for mine in (0.5, 0.7, 0.9)
    )
    most = max(spread(column).mean for column in uses)
    verdict, missed = equilibrium_verdict(fair, more, max(most, *more))
    locked = (
        f"is locked out of an idle band after {locked_s:.0f} s (carrier) with all tokens at B"
        if locked_s is not None
        else "is not locked out"
    )
    return Finding(
        verdict,
        "Weakly: balances are bounded, so nobody has more than W/n in the long run. "
        f"Beside one that wants W/n, who wants 0.5, 0.7, 0.9 of the band has {fair:.3f}, {more[0]:.3f}, {more[1]:.3f}. "
        "W/n is one best answer of many where utility is linear in the rate, and the only one where it bends (Jensen).",
        "T2, its limit: no strict equilibrium, and n = 1 divides by zero. T3, another matter and graver, "
        f"is beside it: while B is idle, A {locked}. With our option of free use of an idle band A has "
        f"{statistics.fmean(m.used[0] for m in free):.0%} of it in the mean.",
        predicted=("that nobody has more than W/n in the mean",),
        failures=(*missed, *(("T3: the band is not used whole: a lone operator is locked out",) if locked_s else ())),
        plots=(
            Plot("What A gets in the mean, beside a B that wants random amounts", "what A wants, part of the band",
                 "mean use of A", (series("ours", demands, uses, dots=True),), y_low=0.0, y_high=0.6),
            Plot("A alone: the printed rule locks it out of an idle band", "seconds", "use of A, part of the band", (
                Series("as printed", tuple((m.time_s, m.used[0]) for m in alone[::4]), is_theirs=True),
                Series("free when idle", tuple((m.time_s, m.used[0]) for m in free[::4])),
            ), y_low=0.0, y_high=1.1),
        ),
        seeds=effort.seeds,
        chosen=(_RULE,),
        see=("market/tokens/game.py", "tests/market/tokens"),
    )  # fmt: skip
