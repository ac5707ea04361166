"""The user's agent for applications: has what one of them is set up for, within envelopes that are never exceeded.

    settings = load_settings(path)
    stays = run(load_wallet(wallet), Way("wlan0"), settings, settings.applications["video"], 1_200, funds).stays

The loop around market/agent/: looks who sells, decides, and lets device/going.py do it; waits and looks again where
that is worth more. In this order, so that no crash costs a reservation: the worst case is reserved and the book written
to disk; the decision is noted with all its alternatives; then something may be signed, and no more than was reserved;
what it came to is settled, and the rest is free again. What a run before left open is settled first, by what is beside
the wallet: device/agent_pages.py. A shell: the clock, the disk, and everything that device/going.py does.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from device.agent_files import keep_book, load_book, look_around, note, only_agent
from device.agent_pages import MAX_SEEN, Evidence, describe_decision, describe_end, spent_since_ubc
from device.agent_settings import AgentSettings, Application, read_agent_settings
from device.attesting import Attester
from device.going import Funds, HavingInterrupted, News, Order, Paid, Stay, have
from device.keeping import Kept, load_kept
from device.library import Progress, Way
from device.metered_choice import Plan, Want
from device.quoting import paid_for_s, quote_of, waits_for_use
from device.udp import read_clock
from device.wallet import Wallet, load_wallet
from market.agent.choosing import Choice, Decision, Outlook, Weighed, decide, minute_cost_ubc
from market.agent.envelopes import (
    DAY_S,
    Book,
    Refused,
    Reservation,
    advance,
    cycle_of,
    day_of,
    prune,
    reserve,
    room_ubc,
    settle,
)
from market.agent.quotes import Metered, Need
from wire.errors import ConfigError
from wire.units import NS_PER_S

EVIDENCE_S = DAY_S
"""Later, what is beside the wallet says no longer what was bought (device/keeping.py): then the worst case counts."""
CRASHED = "crashed"
"""The reason of an end that was found out afterwards."""


@dataclass(frozen=True, slots=True)
class Decided:
    """One decision, and what it was about."""

    need: Need
    decision: Decision


Told = News | Decided
Tell = Callable[[Told], None]


@dataclass(frozen=True, slots=True)
class Ran:
    """What it came to: the stays, and the last decision."""

    stays: tuple[Stay, ...]
    decided: Decided | None


def load_settings(path: Path) -> AgentSettings:
    """Raises ConfigError."""
    try:
        return read_agent_settings(path.read_text(), path)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: {error}") from None


def ask(
    wallet: Wallet,
    way: Way,
    settings: AgentSettings,
    application: Application,
    duration_s: int,
    funds: Funds,
    progress: Progress | None = None,
    tell: Tell = lambda _: None,
) -> Decided:
    """Looks once and decides; signs nothing, keeps nothing. Raises what `run` does."""
    desk = _Desk(wallet, settings, application, tell)
    desk.signs = False
    have(wallet, way, _want(application, duration_s), funds, progress, tell=tell, choose=desk.choose)
    assert desk.decided is not None
    return desk.decided


def run(
    wallet: Wallet,
    way: Way,
    settings: AgentSettings,
    application: Application,
    duration_s: int,
    funds: Funds,
    progress: Progress | None = None,
    attester: Attester | None = None,
    while_true: Callable[[], bool] = lambda: True,
    tell: Tell = lambda _: None,
    pause: Callable[[float], None] = time.sleep,
) -> Ran:
    """Until the time was had, or nothing is worth its price and nobody waits any more. Raises ShellError, also if
    another agent works with this wallet, ConfigError for a damaged file, HavingInterrupted.
    """
    with only_agent(wallet.path):
        desk = _Desk(wallet, settings, application, tell)
        desk.find_out()
        try:
            while while_true() and desk.left_s(duration_s) > 0:
                want = _want(application, desk.left_s(duration_s))
                have(
                    wallet, way, want, funds, progress, attester, while_true,
                    tell=desk.hear, choose=desk.choose,
                )  # fmt: skip
                if not desk.waits:
                    break
                _pause(pause, desk.wait_s, while_true)
        except KeyboardInterrupt as error:
            raise HavingInterrupted(error, tuple(desk.stays)) from error
        finally:
            desk.find_out()
    return Ran(tuple(desk.stays), desk.decided)


def _want(application: Application, duration_s: int) -> Want:
    """Without a limit: the agent sees what is too dear, and says so."""
    expected = application.need(duration_s).expected_bytes
    return Want(application.floor_down_bps, application.floor_up_bps, duration_s, expected)


def _pause(pause: Callable[[float], None], seconds: int, while_true: Callable[[], bool]) -> None:
    for _ in range(max(1, seconds)):
        if while_true():
            pause(1.0)


class _Desk:
    """One run's book: what is on disk, and what is under way."""

    def __init__(
        self,
        wallet: Wallet,
        settings: AgentSettings,
        application: Application,
        tell: Tell,
    ) -> None:
        self.stays: list[Stay] = []
        self.decided: Decided | None = None
        self.signs = True
        self._wallet, self._settings, self._application = wallet, settings, application
        self._tell = tell
        self._deadline_ns = read_clock().mono_ns + application.wait_s * NS_PER_S
        self._kept = load_book(wallet.path)
        self._under_way: Reservation | None = None

    # ---- How it stands

    @property
    def waits(self) -> bool:
        return self.decided is not None and self.decided.decision.choice is Choice.WAIT

    @property
    def wait_s(self) -> int:
        """Until the next look."""
        return max(1, min(self._settings.look_every_s, self._patience_s))

    @property
    def _patience_s(self) -> int:
        return (self._deadline_ns - read_clock().mono_ns) // NS_PER_S

    def left_s(self, duration_s: int) -> int:
        return duration_s - sum(stay.seconds for stay in self.stays)

    # ---- Deciding

    def choose(self, left: Want, ways: list[Plan]) -> Order | None:
        """Of device/going.py: reserves and notes before it says yes. Raises ShellError, and nothing is signed."""
        now_s, budget = read_clock().utc_s, self._settings.budget
        spent_ubc = sum(stay.paid_ubc + stay.unknown_ubc for stay in self.stays)
        need = self._application.need(left.duration_s, spent_ubc)
        bought = self._bought(now_s)
        quotes = [
            quote_of(
                way,
                paid_for_s(way, bought.grants, left, now_s),
                bounded=not waits_for_use(way, bought.purchases, now_s),
            )
            for way in ways
        ]
        room = room_ubc(self._kept.book, budget, need.application, now_s)
        decision = decide(
            need, quotes, room, now_s, self._settings.plan_for(self._application), self._outlook
        )
        self.decided = Decided(need, decision)
        self._tell(self.decided)
        if not self.signs:
            return None
        self._remember(need, decision)
        taken = decision.taken
        if taken is None:
            self._write(0, now_s)
            return None
        self._reserve(need, taken, now_s)
        way = ways[next(at for at, quote in enumerate(quotes) if quote is taken.quote)]
        limit_ubc = taken.worst_ubc if isinstance(taken.quote.terms, Metered) else taken.quote.terms.price_ubc
        return Order(way, limit_ubc, decision.why)

    @property
    def _outlook(self) -> Outlook:
        looks = max(0, self._patience_s // self._settings.look_every_s)
        return Outlook(self._kept.seen.get(self._application.name, ()), looks)

    def _bought(self, now_s: int) -> Kept:
        """What was paid for before, and what may have been. A ledger may have been pinned since."""
        wallet = self._wallet if self._wallet.pinned else load_wallet(self._wallet.path)
        return load_kept(wallet, now_s)

    def _remember(self, need: Need, decision: Decision) -> None:
        seen = (*self._kept.seen.get(need.application, ()), minute_cost_ubc(need, decision))
        self._kept = replace(self._kept, seen={**self._kept.seen, need.application: seen[-MAX_SEEN:]})

    def _reserve(self, need: Need, taken: Weighed, now_s: int) -> None:
        """The book is on disk before anybody hears of it."""
        made = reserve(self._kept.book, self._settings.budget, need.application, taken.worst_ubc, now_s)
        assert not isinstance(made, Refused), f"what fits is refused: {made}"
        book, self._under_way = made
        before = {**self._kept.before, self._under_way.number: look_around(self._wallet.path)}
        self._kept = replace(self._kept, book=book, before=before)
        self._write(self._under_way.number, now_s)

    def _write(self, number: int, now_s: int) -> None:
        """The book, and the decision."""
        self._keep(advance(self._kept.book, now_s))
        assert self.decided is not None
        decision = describe_decision(number, now_s, self.decided.need, self.decided.decision)
        note(self._wallet.path, self._cycle, decision)

    @property
    def _cycle(self) -> int:
        return cycle_of(self._settings.budget, self._kept.book.latest_s)

    def _keep(self, book: Book) -> None:
        self._kept = replace(self._kept, book=prune(book, self._settings.budget))
        keep_book(self._wallet.path, self._kept)

    # ---- What became of it

    def hear(self, news: News) -> None:
        match news:
            case Paid():
                self._look_at_the_clock()
            case Stay():
                self.stays.append(news)
                self._end(news)
        self._tell(news)

    def _look_at_the_clock(self) -> None:
        """A new day is on disk before more is signed in it: a clock that goes back again does not open it twice."""
        budget, book, now_s = self._settings.budget, self._kept.book, read_clock().utc_s
        if day_of(budget, now_s) > day_of(budget, book.latest_s):
            self._keep(advance(book, now_s))

    def _end(self, stay: Stay) -> None:
        """What nobody signed stays reserved; what an earlier reservation bought is that one's."""
        one, self._under_way = self._under_way, None
        if one is None or stay.unknown_ubc:
            return
        earlier = stay.transaction_id.hex() in self._kept.before[one.number].purchases
        paid_ubc = 0 if earlier else stay.paid_ubc
        self._settle(one, paid_ubc, stay.seconds, stay.up_bytes + stay.down_bytes, stay.reason)

    def find_out(self) -> None:
        """Settles what is open and nobody settled: after a crash, an interruption, a purchase without an answer."""
        self._under_way = None
        if not self._kept.book.open:
            return
        now, now_s = look_around(self._wallet.path), read_clock().utc_s
        for one in self._kept.book.open:
            before = self._kept.before.get(one.number, Evidence())
            spent_ubc = spent_since_ubc(before, now, one.most_ubc)
            if spent_ubc is not None and max(now_s, self._kept.book.latest_s) - one.at_s > EVIDENCE_S:
                spent_ubc = one.most_ubc
            if spent_ubc is not None:
                self._settle(one, spent_ubc, 0, 0, CRASHED)

    def _settle(self, one: Reservation, paid_ubc: int, seconds: int, ip_bytes: int, reason: str) -> None:
        book = settle(self._kept.book, one.number, paid_ubc, read_clock().utc_s)
        before = {number: evidence for number, evidence in self._kept.before.items() if number != one.number}
        self._kept = replace(self._kept, before=before)
        self._keep(book)
        note(self._wallet.path, self._cycle, describe_end(one.number, paid_ubc, seconds, ip_bytes, reason))
