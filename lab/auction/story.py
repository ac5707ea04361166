"""What happens: three auctions, one after the other, while everybody pushes. Each step waits for a fact, never a while.

1  Ada, Ben and Cem bid. Ada and Ben win; Cem is told what would have won.
2  Ben, Cem and Eve bid: Cem what he was told and a little more, Eve what she has not got. Ada is in the middle of hers.
3  Ben wants more than is free, and is told so before he signs. Nobody bids; Ada runs on, also while the box's program
   is killed and starts again.
"""

import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from lab.air import BOX_INTERFACE
from lab.auction.cast import BIDDERS, FREELOADER, MORE_UBC, ROUNDS, STATIONS, UNIT, CastBid
from lab.auction.stage import Stage, bid_words, sold_units
from lab.auction.verdict import SlotSeen
from lab.demo.watch import Watch
from lab.processes import Child, wait_until
from lab.traffic import start_flood
from lab.world import WORLD_V4
from wire.auction_terms import GUARD_S
from wire.errors import ShellError
from wire.units import format_money, format_rate

FLOOD_PORT = 9_000
FREELOADER_BPS = 20_000_000
PUSH_DOWN_BPS, PUSH_UP_BPS = 8_000_000, 4_000_000
"""More than the ceiling of any share, all the time."""
FIRST_S = 3.0
"""Beside the start of a command: what a device needs until its bid is at the house."""
VOID_WITHIN_S = 60.0
_LATE = {"provider_away", "expired", "no_auction"}
"""What an auction comes to if the box or its house did not find the time."""
LEAST_LEFT_S = 5.0
"""Of the last slot, when the box's program is killed."""
AFTER_S = 3.0
"""Everybody pushes on for so long after the last session's end."""
MIDDLE = 0.6
"""Of a slot: whoever won is in by then."""
Tell = Callable[[str], None]


class TooSlowError(ShellError):
    """Bids of one round came into different auctions: with longer slots they would not."""


@dataclass(frozen=True, slots=True)
class Event:
    """What happened, and when (seconds of UTC)."""

    at_s: float
    text: str


@dataclass(slots=True)
class Attempt:
    """One `airgrant bid`, and what it said when it ended. Times of the watch's clock."""

    bid: CastBid
    round: int
    child: Child
    ended_s: float = 0.0
    at_s: float = 0.0
    """The same in UTC."""
    said: dict[str, Any] = field(default_factory=dict)

    @property
    def won(self) -> bool:
        return bool(self.said.get("ok"))

    @property
    def clearing_s(self) -> int:
        """0 if nothing was signed."""
        return int(self.said.get("clearing_s", 0))

    @property
    def until_s(self) -> int:
        return int(self.said["ends_s"])


@dataclass(slots=True)
class Story:
    """What came of it."""

    attempts: list[Attempt] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    clearings: list[int] = field(default_factory=list)
    """When each round's auction was cleared (UTC)."""
    away: tuple[float, float] = (0.0, 0.0)
    """From when to when the box's program was not there; times of the watch's clock."""


def play(stage: Stage, watch: Watch, tell: Tell) -> Story:
    """All of it. Raises ShellError, TimeoutError; TooSlowError where the machine needs longer slots."""
    story = Story()

    def say(text: str) -> None:
        story.events.append(Event(time.time(), text))
        tell(text)

    _push(stage, say)
    _wait_for_a_whole_auction(stage)
    for number, cast in enumerate(ROUNDS):
        bids = _believe(story, cast) if number == 1 else cast
        attempts = [_begin(stage, number, bid) for bid in bids]
        story.attempts += attempts
        say(f"auction {number + 1}: " + "; ".join(_wish(bid, stage.slot_s) for bid in bids))
        _await(stage, watch, attempts, say)
        story.clearings.append(_clearing(stage, story, number, attempts))
    _until_void(stage, story, say)
    _restart(stage, story, watch, say)
    ends_s = max(one.until_s for one in story.attempts if one.won)
    wait_until(lambda: time.time() > ends_s + AFTER_S, "the last session is over", 3.0 * stage.slot_s)
    say("the last session is over; everybody still pushes")
    return story


def _push(stage: Stage, say: Tell) -> None:
    """Everybody, in both directions, from now to the end."""
    for name in STATIONS:
        station = stage.station(name)
        station.pin_box()
        down_bps, up_bps = (
            (FREELOADER_BPS, FREELOADER_BPS) if name == FREELOADER else (PUSH_DOWN_BPS, PUSH_UP_BPS)
        )
        start_flood(stage.household, f"{name}-up", station.namespace, str(WORLD_V4.ip), FLOOD_PORT, up_bps)
        start_flood(
            stage.household, f"{name}-down", stage.network.world, str(station.v4.ip), FLOOD_PORT, down_bps
        )
    say(
        f"all five push without a pause: {FREELOADER} {format_rate(FREELOADER_BPS)} each way, the others "
        f"{format_rate(PUSH_DOWN_BPS)} down and {format_rate(PUSH_UP_BPS)} up; nobody has paid"
    )


def _wait_for_a_whole_auction(stage: Stage) -> None:
    """So that all who are started now bid in the same one."""
    needed_s = FIRST_S + 2 * stage.start_up_s

    def is_early() -> bool:
        left_s = stage.slot_s - time.time() % stage.slot_s - GUARD_S
        return left_s > needed_s

    wait_until(is_early, "the beginning of an auction", 2.0 * stage.slot_s)


def _believe(story: Story, bids: Sequence[CastBid]) -> tuple[CastBid, ...]:
    """Whoever lost bids a little more than what he was told would have won."""
    told = {
        one.bid.bidder: int(one.said["wins_above_ubc"])
        for one in story.attempts
        if one.said.get("wins_above_ubc") is not None
    }
    return tuple(
        CastBid(bid.bidder, bid.units, bid.slots, told[bid.bidder] + MORE_UBC) if bid.bidder in told else bid
        for bid in bids
    )


def _begin(stage: Stage, number: int, bid: CastBid) -> Attempt:
    """In the next auction that is cleared, or in none."""
    down_bps, seconds = bid.units * UNIT.floor_down_bps, bid.slots * stage.slot_s
    left_s = stage.slot_s - time.time() % stage.slot_s - GUARD_S
    within_s = max(1, int(left_s - stage.start_up_s))
    words = bid_words(stage, bid.bidder, down_bps, seconds, f"{bid.worth_ubc / 1_000_000:f}", within_s)
    space = stage.station(bid.bidder).namespace
    return Attempt(
        bid, number, stage.household.start(f"bid-{bid.bidder}-{number + 1}", words, namespace=space)
    )


def _wish(bid: CastBid, slot_s: int) -> str:
    rate, seconds = format_rate(bid.units * UNIT.floor_down_bps), bid.slots * slot_s
    return f"{bid.bidder} bids {format_money(bid.worth_ubc)} for {rate} and {seconds} s"


def _await(stage: Stage, watch: Watch, attempts: Sequence[Attempt], say: Tell) -> None:
    """Until each has ended, and when it did."""

    def look() -> bool:
        for one in attempts:
            if not one.said and not one.child.running:
                one.ended_s, one.at_s = watch.now_s(), time.time()
                one.said = _read(one.child)
                say(f"{one.bid.bidder}: {_came_to(one)}")
        stage.household.check(stage.apd)
        return all(one.said for one in attempts)

    wait_until(look, "what became of every bid", 3.0 * stage.slot_s + 60)


def _read(child: Child) -> dict[str, Any]:
    lines = [line for line in child.said.splitlines() if line.startswith("{")]
    if not lines:
        raise ShellError(child.name, child.tail())
    return dict(json.loads(lines[-1]))


def _came_to(one: Attempt) -> str:
    if one.won:
        ends = time.strftime("%H:%M:%S", time.gmtime(one.until_s))
        return f"won {one.said['units']} x {one.said['slots']} (units x slots), and is in until {ends} UTC"
    return f"{one.said['reason']}: {one.said['detail']}"


def _clearing(stage: Stage, story: Story, number: int, attempts: Sequence[Attempt]) -> int:
    """The time of the round's auction: one slot after the one before. Raises TooSlowError, also where a winner is in
    after the middle of a slot, in which the kernel is looked at.
    """
    for one in attempts:
        if one.said.get("source") == "network" or one.said.get("reason") in _LATE:
            raise TooSlowError(one.bid.bidder, f"{one.said['reason']}: {one.said['detail']}")
        late_s = one.at_s - one.clearing_s
        if one.won and late_s > MIDDLE * stage.slot_s:
            raise TooSlowError(one.bid.bidder, f"was in {late_s:.1f} s after the clearing")
    due_s = story.clearings[-1] + stage.slot_s if story.clearings else 0
    found = {one.clearing_s for one in attempts if one.clearing_s}
    if len(found | ({due_s} if due_s else set())) > 1:
        raise TooSlowError(
            "bids", f"auction {number + 1} of {due_s or min(found)}: bids are of {sorted(found)}"
        )
    if not found and time.time() > due_s:
        raise TooSlowError("bids", f"auction {number + 1} was over before anybody had looked at it")
    return due_s or min(found)


def _until_void(stage: Stage, story: Story, say: Tell) -> None:
    """The last auction, in which nobody bids."""

    def find() -> dict[str, Any]:
        pages = stage.page("auctions")["auctions"]
        return next((dict(one) for one in pages if one["clearing_s"] == story.clearings[-1]), {})

    wait_until(
        lambda: find().get("status") == "inactive", "the last auction is over", stage.slot_s + VOID_WITHIN_S
    )
    say(f"auction {len(ROUNDS)} is void: {find()['reason']}; ada runs on")


def _restart(stage: Stage, story: Story, watch: Watch, say: Tell) -> None:
    """While Ada is in her last slot. Raises TooSlowError if hardly anything is left of it."""
    if time.time() > max(one.until_s for one in story.attempts if one.won) - LEAST_LEFT_S:
        raise TooSlowError("box", "its last slot is over")
    killed_s = watch.now_s()
    stage.restart_box()
    story.away = killed_s, watch.now_s()
    say(f"the box's program was killed, and is there again after {story.away[1] - killed_s:.1f} s")


class SlotWatch:
    """Looks at the kernel's traffic control of the box once in each slot, in its middle, until the block ends."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="slots", daemon=True)
        self.seen: dict[int, SlotSeen] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        slot_s = self._stage.slot_s
        while not self._ended.wait(0.25):
            now_s = time.time()
            starts_s = int(now_s) // slot_s * slot_s
            if now_s < starts_s + MIDDLE * slot_s or starts_s in self.seen:
                continue
            classes = self._stage.network.box.run(["tc", "class", "show", "dev", BOX_INTERFACE])
            if time.time() < starts_s + slot_s:  # else it may be of the next one
                self.seen[starts_s] = SlotSeen(starts_s, sold_units(classes))


def quiet_spans(
    story: Story, name: str, from_s: float, to_s: float, slack_s: float
) -> list[tuple[float, float, str]]:
    """When a station had no session, and why (UTC): from `slack_s` after an end to the clearing of the next it won."""
    won = [one for one in story.attempts if one.bid.bidder == name and one.won]
    spans, since_s, why = (
        list[tuple[float, float, str]](),
        from_s,
        "never paid" if name not in BIDDERS else "had not won",
    )
    for one in won:
        spans.append((since_s, float(one.clearing_s), why))
        since_s, why = one.until_s + slack_s, "its time was over"
    return [span for span in (*spans, (since_s, to_s, why)) if span[1] - span[0] >= 2.0]
