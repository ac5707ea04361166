"""Which evenings are played, and in which order: all of them, the papers' few, and one or two to see that it works."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from lab.admission.experiment import Played, play
from lab.admission.measuring import Outcome, measure
from lab.admission.plan import AIR_SHARE, Plan, Scenario, Scheduler, make_plan

DOT11G_MBPS = 30.5
"""What 802.11g carries of one saturated sender, by Bianchi's model (lab/papers/wlan.py): its physical ceiling."""
DOT11N_MBPS = 60.0
"""What 802.11n carries of one sender with aggregation, about."""
MINUTE_S, PAPERS_MINUTE_S, QUICK_MINUTE_S = 0.35, 0.3, 0.2
"""What a minute of the evening lasts. Rates and packets are as they are; only sessions are shorter."""
ATTEMPTS = 2
"""How often an evening is played at which the machine did not keep time."""


def _scenario(
    name: str,
    capacity_mbps: float,
    *,
    air_mbps: float | None = None,
    clients: int = 50,
    admission: bool = True,
    incentive: bool = False,
    scheduler: Scheduler = Scheduler.FLOORS,
    refused_go_on: bool = False,
) -> Scenario:
    return Scenario(
        name=name,
        capacity_mbps=capacity_mbps,
        air_mbps=capacity_mbps * AIR_SHARE if air_mbps is None else air_mbps,
        clients=clients,
        admission=admission,
        incentive=incentive,
        scheduler=scheduler,
        refused_go_on=refused_go_on,
    )


G_CROWD = _scenario("g-crowd", DOT11G_MBPS, air_mbps=DOT11G_MBPS, admission=False, scheduler=Scheduler.FIFO)
SOURCE_50 = _scenario("50-one-queue", 50, scheduler=Scheduler.FIFO)
FLOORS_50 = _scenario("50-floors", 50)
INCENTIVE_50 = _scenario("50-incentive", 50, incentive=True)
INCENTIVE_75 = _scenario("75-clients-40-incentive", 40, clients=75, incentive=True)
BEYOND_THE_AIR = _scenario("50-sold-of-g", 50, air_mbps=DOT11G_MBPS)
OTHERS_FLOORS = _scenario("30-others-floors", 30, refused_go_on=True)
OTHERS_QUEUE = _scenario("30-others-one-queue", 30, scheduler=Scheduler.FIFO, refused_go_on=True)
OTHERS_TURNS = _scenario("30-others-turns", 30, scheduler=Scheduler.TURNS, refused_go_on=True)
OTHERS_GROUPED = _scenario("30-others-one-turn", 30, scheduler=Scheduler.GROUPED, refused_go_on=True)
EVERYTHING = (
    G_CROWD,
    _scenario("30-turns-crowd", 30, admission=False, scheduler=Scheduler.TURNS),
    _scenario("30-floors", 30),
    _scenario("30-incentive", 30, incentive=True),
    _scenario("40-floors", 40),
    INCENTIVE_75,
    SOURCE_50,
    FLOORS_50,
    INCENTIVE_50,
    _scenario("n-60-floors", DOT11N_MBPS),
    BEYOND_THE_AIR,
    OTHERS_FLOORS,
    OTHERS_QUEUE,
    OTHERS_TURNS,
    OTHERS_GROUPED,
)
PAPERS = (G_CROWD, SOURCE_50, FLOORS_50, INCENTIVE_50, INCENTIVE_75, BEYOND_THE_AIR, OTHERS_FLOORS)
"""About two minutes."""


def quick(names: Sequence[Scenario], *, minutes: int = 24, clients: int = 12) -> tuple[Scenario, ...]:
    """The same with twelve clients, a fourth or so of the rates and of the queue, and the beginning of the evening."""
    return tuple(
        Scenario(
            name=each.name,
            capacity_mbps=each.capacity_mbps * clients / each.clients,
            air_mbps=each.air_mbps * clients / each.clients,
            clients=clients,
            admission=each.admission,
            incentive=each.incentive,
            scheduler=each.scheduler,
            refused_go_on=each.refused_go_on,
            minutes=minutes,
            queue_packets=each.queue_packets * clients // each.clients,
            seed=each.seed,
        )
        for each in names
    )


def play_all(
    scenarios: Sequence[Scenario],
    minute_s: float,
    folder: Path,
    tell: Callable[[str], None],
    player: Callable[[Plan, Path, Callable[[str], None]], Played] = play,
) -> list[Outcome]:
    """One after another; what the machine could not keep time at is played once more. Raises ShellError."""
    outcomes = []
    for number, scenario in enumerate(scenarios, 1):
        plan = make_plan(scenario, minute_s)
        outcome = measure(player(plan, folder / scenario.name, tell))
        for _ in range(ATTEMPTS - 1):
            if outcome.unfit:
                tell(f"{scenario.name}: unfit, {'; '.join(outcome.unfit)}: once more")
                outcome = measure(player(plan, folder / scenario.name, tell))
        outcomes.append(outcome)
        tell(f"{number:2d} of {len(scenarios)}  {scenario.name}: {summary(outcome)}")
    return outcomes


def summary(outcome: Outcome) -> str:
    """In one line."""
    latency = "none" if outcome.latency_ms is None else f"{outcome.latency_ms:.1f} ms"
    unfit = f"UNFIT ({'; '.join(outcome.unfit)}): " if outcome.unfit else ""
    return (
        f"{unfit}{outcome.satisfied} of {outcome.admitted} admitted satisfied, {outcome.refused} refused, "
        f"{outcome.wasted_share:.0%} wasted, latency {latency}"
    )
