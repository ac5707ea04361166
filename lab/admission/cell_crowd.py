"""Admitted sessions in a cell under three schedulers, alone and beside others: after figures 4.2 and 4.4 of 003.

The cell is lab/ran's model with the paper's twelve blocks. A call is packets at equal distances; a stream is
fetched in chunks and plays at the highest of its service's rates that its last chunks came at, none above the one that
it wishes. It is satisfied if it has its rate's bits in the end, a call if in addition its packets came less than 40 ms
apart. Others ask nobody and take what is left: admitted sessions go before them, as the paper changes its scheduler.
MAX C/I and proportional fairness are the model's; deficit round robin is its fairness with an exponent so high that
channels count for nothing and who got least bits goes first.   Units: seconds of the cell, bit/s, bits.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from lab.ran.cell_model import Carrier, Cell, Ue
from lab.ran.fading import FadingSettings
from lab.ran.session_waste import APPLICATIONS, CHOSEN, FAIR, MAX_CI, PRBS, Application
from lab.ran.sources import silence, steady

TURNS = 20.0
SCHEDULERS = {"MAX C/I": MAX_CI, "proportional fair": FAIR, "deficit round robin": TURNS}
ADMITTED_SLICE = (1, 1)
CALL_PACKETS_PER_S = 50
REAL_TIME_S, KEPT_SHARE = 0.040, 0.95
CHUNK_S, AHEAD_S, CAREFUL = 2.0, 6.0, 0.9
"""Of playing time in a chunk, and ahead of playing at most; of what a player measured, what it dares to take."""
LOW_S = 1.0
"""With more ahead than this a player does not go down, whatever it measured."""
SMOOTH = 0.5
"""What a new chunk counts for in what a player has measured."""
DRAWN = 60
"""More sessions than the forecast takes."""


@dataclass(frozen=True, slots=True)
class FlowGot:
    """What became of one session."""

    application: str
    is_call: bool
    admitted: bool
    rate_bps: int
    mean_bps: float
    below_40_share: float
    switches: int
    satisfied: bool


@dataclass(slots=True)
class _Flow:
    application: Application
    rate_bps: int
    admitted: bool
    ue: Ue
    playing_bps: int
    seen_bits: int = 0
    packet_bits: int = 0
    arrived_s: list[float] = field(default_factory=list)
    chunk_bits: int = 0
    chunk_s: float = 0.0
    fetched_s: float = 0.0
    measured_bps: float = 0.0
    switches: int = 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """A session that somebody wishes, and how he hears the cell."""

    application: Application
    rate_bps: int
    snr_db: float


def draw(seed: int, count: int) -> list[Wanted]:
    """Sessions at the rates and distances of lab/ran/session_waste.py."""
    chance = random.Random(seed)
    wanted = []
    for _ in range(count):
        application = chance.choices(APPLICATIONS, CHOSEN.weights)[0]
        wanted.append(
            Wanted(application, chance.choice(application.rates_bps), chance.uniform(*CHOSEN.snr_db))
        )
    return wanted


def divide(wanted: Sequence[Wanted], forecast_bps: int, most: int) -> tuple[list[Wanted], list[Wanted]]:
    """Who is let in, first come, first served, while the sum of rates stays within the forecast; and the others."""
    admitted: list[Wanted] = []
    others: list[Wanted] = []
    for each in wanted:
        fits = sum(one.rate_bps for one in admitted) + each.rate_bps <= forecast_bps
        (admitted if fits and len(admitted) < most else others).append(each)
    return admitted, others


def run_cell(
    seed: int, fairness: float, admitted: Sequence[Wanted], others: Sequence[Wanted], seconds: float
) -> list[FlowGot]:
    """All of them from the beginning to the end, the admitted before the others."""
    carrier = Carrier(
        prbs=PRBS, slot_s=0.001, pattern="D", ssb_prbs=0, channel_period_slots=10, fairness=fairness
    )
    cell = Cell(carrier, seed)
    cell.add_slice(ADMITTED_SLICE, 0, PRBS, priority=1)
    flows = [
        _begin(cell, rnti, each, admitted=rnti <= len(admitted))
        for rnti, each in enumerate([*admitted, *others], 1)
    ]
    cell.run(seconds, lambda: _look(cell.now_s, flows))
    return [_end(flow, seconds) for flow in flows]


def _begin(cell: Cell, rnti: int, wanted: Wanted, *, admitted: bool) -> _Flow:
    packet_bits = wanted.rate_bps // CALL_PACKETS_PER_S
    arrivals = steady(wanted.rate_bps, rnti, packet_bits) if wanted.application.is_call else silence()
    ue = cell.add_ue(
        rnti, ADMITTED_SLICE if admitted else None, wanted.snr_db, FadingSettings(), arrivals
    )  # fmt: skip
    return _Flow(wanted.application, wanted.rate_bps, admitted, ue, wanted.rate_bps, packet_bits=packet_bits)


def _look(now_s: float, flows: Sequence[_Flow]) -> None:
    for flow in flows:
        if flow.application.is_call:
            got = flow.ue.tally.delivered_bits
            if got != flow.seen_bits:
                packets = got // flow.packet_bits - flow.seen_bits // flow.packet_bits
                flow.arrived_s += [now_s] * packets
                flow.seen_bits = got
        elif not flow.ue.backlog_bits:
            _fetch(now_s, flow)


def _fetch(now_s: float, flow: _Flow) -> None:
    """The chunk is there: measure, choose the next one's rate, and ask for it when it is time."""
    if flow.chunk_bits:
        came_bps = flow.chunk_bits / max(0.001, now_s - flow.chunk_s)
        flow.measured_bps = SMOOTH * came_bps + (1 - SMOOTH) * (flow.measured_bps or came_bps)
        flow.chunk_bits = 0
        rates = [rate for rate in flow.application.rates_bps if rate <= flow.rate_bps]
        fit = [rate for rate in rates if rate <= CAREFUL * flow.measured_bps]
        chosen = max(fit, default=rates[0])
        if flow.fetched_s - now_s > LOW_S:
            chosen = max(chosen, flow.playing_bps)
        flow.switches += chosen != flow.playing_bps
        flow.playing_bps = chosen
    if flow.fetched_s - now_s < AHEAD_S:
        bits = round(flow.playing_bps * CHUNK_S)
        flow.chunk_bits, flow.chunk_s = bits, now_s
        flow.fetched_s = max(flow.fetched_s, now_s) + CHUNK_S
        flow.ue.arrived_bits += bits
        flow.ue.backlog_bits += bits


def _end(flow: _Flow, seconds: float) -> FlowGot:
    """Fetched ahead or not, nobody has more than his rate; others are content with their service's lowest."""
    least_bps = flow.rate_bps if flow.admitted else flow.application.rates_bps[0]
    mean_bps = min(flow.ue.tally.delivered_bits / seconds, float(flow.rate_bps))
    gaps_s = [after - before for before, after in pairwise(flow.arrived_s)]
    below = sum(gap < REAL_TIME_S for gap in gaps_s) / len(gaps_s) if gaps_s else 0.0
    kept = mean_bps >= KEPT_SHARE * least_bps
    in_time = not flow.application.is_call or below >= KEPT_SHARE
    return FlowGot(
        flow.application.name,
        flow.application.is_call,
        flow.admitted,
        flow.rate_bps,
        mean_bps,
        below,
        flow.switches,
        kept and in_time,
    )
