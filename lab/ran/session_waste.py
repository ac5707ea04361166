"""How much of a cell goes into sessions that fail, with and without admission: after figure 4.1 of the session paper.

A small cell of twelve resource blocks, twenty users at distances, and their sessions: calls by video, streams of video
and of music, at the rates that such services name. A stream is fetched ahead of its playing. A session has failed once
it stood still for too long, and all resource blocks that were spent on it were wasted; its user may wait some time more
before he gives up. Four ways: everybody comes in; the paper's admission, which lets a session in while the sum of bit
rates stays below a careful forecast; the same sum in resource blocks, by what a bit costs on each user's own link; and
ours, which sells the session a slice with a floor while resource blocks last.
From the paper: blocks, number of users, kinds of sessions and whose bit rates they have, the rule of its admission, and
MAX C/I beside proportional fairness. Its traces are not public, so everything in `Chosen` is ours, and how much hangs
on it is in docs/cell-lab.md. A user is a distance here: each of his sessions is a UE with fading of its own.
Reference: the thesis on session-level guarantees, section 4.3, figure 4.1 (SimuLTE, 12 resource blocks).
Units: seconds of the cell, bit/s, PRBs.
"""

import functools
import random
from dataclasses import dataclass
from enum import Enum

from lab.ran.cell_model import Carrier, Cell, SliceName, Ue
from lab.ran.closed_loop import new_loop
from lab.ran.fading import Channel, FadingSettings
from lab.ran.sources import Arrivals, silence, steady
from lab.ran.transport_block import block_bits, mcs_at

PRBS = 12
USERS = 20
TICK_S = 0.5
REPORT_S = 0.1
CHUNK_S = 2.0
"""Of playing time, in one request of a player."""
AHEAD_S = 20.0
"""A player fetches no further ahead than this."""
START_S = 2.0
"""A player plays when it has so much."""
CALL_SHARE = 0.9
"""A call breaks up where less of it arrives."""
SELL_RATIO, KEEP_RATIO = 85, 95
"""There is nobody else in this cell for whom something would have to be left."""
FLOOR_SHARE = 1.1
"""A stream that is not ahead of its playing stands still: its floor is a little more than its rate."""


@dataclass(frozen=True, slots=True)
class Application:
    """One kind of session: its bit rates, how long it lasts."""

    name: str
    rates_bps: tuple[int, ...]
    durations_s: tuple[float, float]
    is_call: bool = False


APPLICATIONS = (
    Application("video call", (300_000, 500_000, 1_200_000), (30.0, 120.0), is_call=True),
    Application("video stream", (400_000, 750_000, 1_000_000), (30.0, 120.0)),
    Application("music stream", (64_000, 128_000, 192_000), (60.0, 180.0)),
)
"""Rates as Skype (normal, high quality, HD), YouTube (240p to 480p) and Pandora name them; durations are ours."""
FAIR, MAX_CI = 2.0, 0.0
"""How the cell serves those in one slice: proportional fairness as the gNB has it, and the best link first."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the paper does not say, and what is said instead. `load` is what arrives, in parts of `demand_bps`."""

    load: float = 3.0
    demand_bps: int = 4_000_000
    """What a load of 1 is: two thirds of what the cell gives a user in its middle."""
    weights: tuple[float, ...] = (0.3, 0.4, 0.3)
    """Of calls, video and music among all sessions."""
    snr_db: tuple[float, float] = (8.0, 26.0)
    """Between which the users are."""
    halt_s: float = 4.0
    """A session that stood still for so long has failed, whatever comes then."""
    patience_s: float = 15.0
    """A user who saw nothing for so long is gone."""
    forecast_bps: int = 5_000_000
    """What the paper's admission counts with. It has 10 Mbit/s "for example", of a cell whose best is not said."""
    block_share: float = 0.75
    """What admission by blocks gives away: the best link first leaves to the worst what the others leave."""


CHOSEN = Chosen()


class Admission(Enum):
    """Who comes in."""

    NONE = "everybody"
    FORECAST = "by bit rates"
    BLOCKS = "by blocks of each link"
    SLICES = "by resource blocks"


@dataclass(slots=True)
class Session:
    """One session under way."""

    application: Application
    rate_bps: int
    ends_s: float
    ue: Ue
    began_s: float
    played_s: float = 0.0
    asked_bits: int = 0
    delivered_bits: int = 0
    suffered_s: float = 0.0
    playing: bool = False
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Waste:
    """What became of the PRBs. Sessions that had not ended at the end count with neither."""

    load: float
    admission: Admission
    fairness: float
    wasted_share: float
    used_share: float
    completed: int
    failed: int
    refused: int


def run_sessions(
    seed: int, *, admission: Admission, seconds: int = 300, fairness: float = FAIR, chosen: Chosen = CHOSEN
) -> Waste:
    """Sessions arrive by chance, the same ones however they are let in and served."""
    house = _House(seed, chosen, fairness, admission)
    for _ in range(round(seconds / TICK_S)):
        house.tick()
    return house.result()


class _House:
    """The cell, who is in it, and who comes next."""

    def __init__(self, seed: int, chosen: Chosen, fairness: float, admission: Admission) -> None:
        carrier = Carrier(
            prbs=PRBS, slot_s=0.001, pattern="D", ssb_prbs=0, channel_period_slots=10, fairness=fairness
        )
        self.cell = Cell(carrier, seed)
        self.free: list[SliceName] = [(1, sd) for sd in range(1, PRBS + 1)]
        for name in self.free:
            self.cell.add_slice(name, 0, PRBS)
        self.loop = new_loop(self.cell, sell_ratio=SELL_RATIO, keep_ratio=KEEP_RATIO)
        self.chance = random.Random(seed)
        self.users_db = [self.chance.uniform(*chosen.snr_db) for _ in range(USERS)]
        self.chosen, self.admission, self.fairness = chosen, admission, fairness
        self.sessions: list[Session] = []
        self.next_s, self.next_rnti = 0.0, 1
        self.prbs = {"completed": 0, "failed": 0}
        self.ended = {"completed": 0, "failed": 0}
        self.refused = 0

    def tick(self) -> None:
        while self.next_s <= self.cell.now_s:
            self._arrive()
            self.next_s += self.chance.expovariate(
                self.chosen.load * self.chosen.demand_bps / _mean_bits(self.chosen)
            )
        for session in self.sessions:
            _ask(session)
        if self.admission is Admission.SLICES:
            for _ in range(round(TICK_S / REPORT_S)):
                self.loop.step(REPORT_S)
        else:
            self.cell.run(TICK_S)
        for session in [*self.sessions]:
            _play(session, self.chosen.halt_s)
            if session.ue.rnti in self.loop.refused:
                self._turn_away(session)
            elif _is_over(session, self.cell.now_s, self.chosen.patience_s):
                self._end(session)

    def _arrive(self) -> None:
        """One more wish, drawn before it is decided upon: with and without admission the same sessions come."""
        application = self.chance.choices(APPLICATIONS, self.chosen.weights)[0]
        rate_bps = self.chance.choice(application.rates_bps)
        duration_s = self.chance.uniform(*application.durations_s)
        snr_db, rnti = self.chance.choice(self.users_db), self.next_rnti
        self.next_rnti += 1
        frame_bits = max(800, rate_bps // 30)
        arrivals = steady(rate_bps, rnti, frame_bits) if application.is_call else silence()
        ue = self._let_in(rnti, rate_bps, snr_db, arrivals)
        if ue is None:
            self.refused += 1
        else:
            now_s = self.cell.now_s
            self.sessions.append(Session(application, rate_bps, now_s + duration_s, ue, now_s))

    def _let_in(self, rnti: int, rate_bps: int, snr_db: float, arrivals: Arrivals) -> Ue | None:
        """The user's UE, with its session; None if there is no room for it."""
        if self.admission is not Admission.SLICES:
            booked_bps = sum(session.rate_bps for session in self.sessions)
            if self.admission is Admission.FORECAST and booked_bps + rate_bps > self.chosen.forecast_bps:
                return None
            if self.admission is Admission.BLOCKS and not self._has_blocks(rate_bps, snr_db):
                return None
            return self.cell.add_ue(rnti, None, snr_db, FadingSettings(), arrivals)
        if not self.free:
            return None
        ue = self.cell.add_ue(rnti, self.free[0], snr_db, FadingSettings(), arrivals)
        if self.loop.sell(rnti, round(FLOOR_SHARE * rate_bps)):
            self.cell.remove_ue(rnti)
            return None
        del self.free[0]
        return ue

    def _has_blocks(self, rate_bps: int, snr_db: float) -> bool:
        """Whether the blocks that all need, each on his own link, stay within what is given away."""
        taken = sum(_blocks(each.rate_bps, each.ue.channel.mean_snr_db) for each in self.sessions)
        return taken + _blocks(rate_bps, snr_db) <= self.chosen.block_share * PRBS

    def _turn_away(self, session: Session) -> None:
        """Its link turned out to be too bad for its floor: a refusal, though blocks were spent on it."""
        session.failed = True
        self._end(session)
        self.ended["failed"] -= 1
        self.refused += 1

    def _end(self, session: Session) -> None:
        verdict = "failed" if session.failed else "completed"
        self.sessions.remove(session)
        if self.admission is Admission.SLICES:
            assert session.ue.slice_name is not None
            self.loop.end(session.ue.rnti)
            self.free.append(session.ue.slice_name)
        else:
            self.cell.remove_ue(session.ue.rnti)
        self.prbs[verdict] += session.ue.tally.prbs
        self.ended[verdict] += 1

    def result(self) -> Waste:
        spent = sum(self.prbs.values())
        return Waste(
            self.chosen.load,
            self.admission,
            self.fairness,
            wasted_share=self.prbs["failed"] / spent if spent else 0.0,
            used_share=self.cell.used_prbs / self.cell.offered_prbs,
            completed=self.ended["completed"],
            failed=self.ended["failed"],
            refused=self.refused,
        )


def _blocks(rate_bps: int, snr_db: float) -> float:
    """Blocks of each slot that this rate takes on such a link, in the mean of its fading."""
    return rate_bps * _blocks_per_bit(snr_db) / 1_000


@functools.cache
def _blocks_per_bit(snr_db: float) -> float:
    """As a minute and a half of a user's reports would tell it."""
    channel, costs = Channel(snr_db, FadingSettings(), 1), []
    for _ in range(2_000):
        channel.advance(0.05)
        costs.append(PRBS / max(1, block_bits(mcs_at(channel.snr_db), PRBS)))
    return sum(costs) / len(costs)


def _mean_bits(chosen: Chosen) -> float:
    """Of a session."""
    return sum(
        weight / sum(chosen.weights) * sum(each.rates_bps) / len(each.rates_bps) * sum(each.durations_s) / 2
        for each, weight in zip(APPLICATIONS, chosen.weights, strict=True)
    )


def _ask(session: Session) -> None:
    """A player asks for the next chunk when it has the last one and is not far enough ahead."""
    if session.application.is_call or session.ue.backlog_bits:
        return
    length_s = session.ends_s - session.began_s
    ahead_s = session.asked_bits / session.rate_bps - session.played_s
    if ahead_s < AHEAD_S and session.asked_bits < session.rate_bps * length_s:
        chunk = round(session.rate_bps * CHUNK_S)
        session.asked_bits += chunk
        session.ue.arrived_bits += chunk
        session.ue.backlog_bits += chunk


def _play(session: Session, halt_s: float) -> None:
    """What the user saw of the last tick."""
    fresh = session.ue.tally.delivered_bits - session.delivered_bits
    session.delivered_bits += fresh
    if session.application.is_call:
        good = fresh >= CALL_SHARE * session.rate_bps * TICK_S
    else:
        ahead_s = session.delivered_bits / session.rate_bps - session.played_s
        session.playing = ahead_s >= (TICK_S if session.playing else START_S)
        good = session.playing
        session.played_s += TICK_S if good else 0.0
    session.suffered_s = 0.0 if good else session.suffered_s + TICK_S
    session.failed = session.failed or session.suffered_s > halt_s


def _is_over(session: Session, now_s: float, patience_s: float) -> bool:
    if session.suffered_s > patience_s:
        return True
    if session.application.is_call:
        return now_s >= session.ends_s
    return session.played_s >= session.ends_s - session.began_s - START_S
