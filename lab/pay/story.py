"""What happens: three devices pay as they go, and one of everything cheats. Each step waits for a fact, never a while.

1  Ada and Bea at the roof, Cem at the yard, all paying.  Bea pays no more, and goes on: she is disconnected.
2  Ada goes from the roof to the yard, that is, to the other operator.
3  Both operators make their first block; Ann and Ben look at it and sign; both are notarised.
4  The yard forwards no more, and takes payments: Ada and Cem stop paying by themselves, and go to the roof.
5  South lies about the second block, twice: Ben does not sign. South notarises alone, and takes what it can.
6  North's second block is honest. Operators end; Ann and Ben withdraw with their own folders and the ledger.
"""

import json
import signal
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from lab.pay.access_point import Station, Visit
from lab.pay.cast import BSSIDS, OPERATORS, OWNERS, PAYS_AT_LEAST, PAYS_FIRST, POINTS, PURSE_UBC
from lab.pay.stage import TARGET, Stage
from lab.processes import Child, wait_until
from ledger.payplace.windows import phase_at
from operatord.payplace.steps import may_commit
from wire.errors import ShellError

PAID_WITHIN_S = 40.0
NOTICED_WITHIN_S = 20.0
BLOCK_WITHIN_S = 90.0
OPEN_WITHIN_S = 60.0
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Event:
    """What happened, and when (seconds of UTC)."""

    at_s: float
    text: str


@dataclass(slots=True)
class Leg:
    """A device's visit at an access point: its program, its traffic, and what the access point saw."""

    device: str
    point: str
    visit: Visit
    program: Child
    traffic: Child

    def said(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.program.said.splitlines() if line.startswith("{")]

    @property
    def intervals(self) -> int:
        return max((int(page["intervals"]) for page in self.said() if "intervals" in page), default=0)

    @property
    def last(self) -> dict[str, Any]:
        """How it ended. Raises ShellError if it did not, or had trouble."""
        last = self.said()[-1] if self.said() else {}
        if "ended" not in last:
            raise ShellError(self.program.name, self.program.tail())
        return last


@dataclass(slots=True)
class Story:
    """What came of it, beside what lies on everybody's disk."""

    legs: list[Leg] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    refused: dict[str, list[str]] = field(default_factory=dict)
    """Merchant -> the rules by which it refused to sign."""
    signed: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    withdrawals: dict[str, int] = field(default_factory=dict)
    last_signed_s: dict[str, int] = field(default_factory=dict)
    """Merchant -> the time in the last block that it signed."""


def play(stage: Stage, tell: Tell) -> Story:
    """All of it. Raises ShellError, TimeoutError."""
    story = Story()

    def say(text: str) -> None:
        story.events.append(Event(time.time(), text))
        tell(text)

    with ThreadPoolExecutor(len(POINTS), thread_name_prefix="merchant") as merchants:
        signing = [
            merchants.submit(_sign_once, stage, story, one, operator_of(one)) for one in ("ann", "ben")
        ]
        going = _first_period(stage, story, say)
        for future in signing:
            future.result()
        _see_notarised(stage, story, ("ann", "ben"), 1, say)
        liar = _begin_to_lie(stage)
        over = Future[int]()
        signing = [
            merchants.submit(_sign_all, stage, story, over),
            merchants.submit(_refuse, stage, story, liar, say),
        ]
        try:
            _second_period(stage, story, going, say)
        finally:
            over.set_result(int(time.time()))
        (stage.operators["south"].folder / "payouts" / "begin").touch()
        for future in signing:
            future.result()
        _see_notarised(stage, story, ("ann", "north"), len(story.signed["ann"]), say)
        _see_booty(liar, say)
    for program in stage.programs.values():
        program.stop()
    say("both operators' payouts have ended; owners have their folders and the ledger")
    for owner in ("ben", "ann", "north"):
        _withdraw(stage, story, owner, say)
    for one in stage.points.values():
        one.count_later()
    stage.settle_meters()
    say("every record of both boxes' meters has its receipt")
    return story


# ---- Devices


def _first_period(stage: Stage, story: Story, say: Tell) -> list[Leg]:
    """Returns who goes on: Ada and Cem at the yard."""
    ada, bea = _enter(stage, story, "ada", "roof"), _enter(stage, story, "bea", "roof", pays=PAYS_FIRST)
    cem = _enter(stage, story, "cem", "yard")
    say("ada and bea are at the roof, cem is at the yard; all three pay")
    _until_paid(ada, PAYS_FIRST)
    _go(stage, ada)
    say(f"ada leaves the roof after {ada.intervals} intervals, and goes to the yard, of the other operator")
    ada = _enter(stage, story, "ada", "yard")
    bea.program.wait(PAID_WITHIN_S)
    say(f"bea has paid {bea.intervals} intervals, pays no more, and goes on using")
    wait_until(lambda: bea.visit.closed_s > 0, "the operator disconnects bea", NOTICED_WITHIN_S)
    say("bea is disconnected by the operator north")
    for leg in (ada, cem):
        _until_paid(leg, 1)
    return [ada, cem]


def _second_period(stage: Stage, story: Story, going: list[Leg], say: Tell) -> None:
    """The yard stops serving; who was there notices, and goes to the roof."""
    for leg in going:
        _until_paid(leg, leg.intervals + PAYS_AT_LEAST)
    stage.points["yard"].stop_serving()
    say("the yard forwards nothing but payments from now on, and its operator goes on taking them")
    for leg in going:
        leg.program.wait(NOTICED_WITHIN_S)
        say(f"{leg.device} stops paying at the yard: {leg.last['detail']}")
        _close(stage, leg)
    for leg in [_enter(stage, story, leg.device, "roof") for leg in going]:
        _until_paid(leg, PAYS_AT_LEAST)
        _go(stage, leg)
        say(f"{leg.device} has paid {leg.intervals} intervals at the roof, and leaves")
    for leg in story.legs:
        if not leg.visit.closed_s:
            raise ShellError(leg.device, f"is still at the {leg.point}")
        leg.traffic.stop()


def _enter(stage: Stage, story: Story, device: str, point: str, pays: int = 0) -> Leg:
    """Joins, uses, and pays: all the time, or for so many intervals."""
    space, operator = stage.spaces[device], stage.operators[POINTS[point]]
    station: Station = stage.station(device, point)
    near = station.address.rpartition(".")[0] + ".1"  # of the access point
    space.ip(f"route replace default via {near}")
    name = f"{device}-{1 + sum(leg.device == device for leg in story.legs)}"
    page = {
        "wallet": str(stage.wallets[device].path), "instance": operator.instance.hex(),
        "operator": str(operator.key.public), "limit_ubc": PURSE_UBC // len(OPERATORS), "address": operator.address,
        "bssid": str(BSSIDS[point]), "interface": point, "pays": pays,
    }  # fmt: skip
    file = stage.folder / f"{name}.json"
    file.write_text(json.dumps(page))
    words: list[str | Path] = [sys.executable, "-m", "lab.pay.phone", file]
    program = stage.household.start(f"pay-{name}", words, namespace=space)
    program.wait_for_line('"ready"', PAID_WITHIN_S)
    visit = _join(stage, point, station)
    program.process.send_signal(signal.SIGUSR1)
    traffic = stage.household.start(
        f"ping-{name}", ["ping", "-n", "-q", "-i", "0.05", "-s", "1000", TARGET], namespace=space
    )
    story.legs.append(Leg(device, point, visit, program, traffic))
    return story.legs[-1]


def _join(stage: Stage, point: str, station: Station) -> Visit:
    """As soon as the operator has heard of the deposit from the ledger."""
    found: list[Visit] = []

    def join() -> bool:
        try:
            found.append(stage.points[point].join(station))
        except ShellError as error:
            if "no_permit" not in str(error):
                raise
            return False
        return True

    wait_until(join, f"{station.name} joins at the {point}", PAID_WITHIN_S)
    return found[0]


def _until_paid(leg: Leg, intervals: int) -> None:
    leg.program.wait_for(lambda: leg.intervals >= intervals, f"{intervals} intervals", PAID_WITHIN_S)


def _go(stage: Stage, leg: Leg) -> None:
    """The device ends its session, and says so to the access point, as Wi-Fi does."""
    leg.program.stop()
    _close(stage, leg)


def _close(stage: Stage, leg: Leg) -> None:
    leg.traffic.stop()
    stage.points[leg.point].leave(leg.visit, str(leg.last["ended"]))


# ---- Merchants and operators


def _sign_once(stage: Stage, story: Story, owner: str, operator: str) -> None:
    """Looks whenever the operator may announce a block, until it has signed one."""
    ends_s = time.monotonic() + BLOCK_WITHIN_S
    while time.monotonic() < ends_s:
        wait_until(lambda: _may_commit(stage, operator), f"a window of {operator}", BLOCK_WITHIN_S)
        found = _watch(stage, owner)
        if "income_ubc" in found:
            story.signed.setdefault(owner, []).append(found)
            return
        if not found["ok"]:
            raise ShellError(f"merchant watch of {owner}", str(found))
    raise ShellError(f"merchant watch of {owner}", f"nothing to sign within {BLOCK_WITHIN_S} s")


def _sign_all(stage: Stage, story: Story, over: "Future[int]") -> None:
    """North, which is its own first merchant, and Ann sign each block, until one was made when all visits were over."""
    began_s = 0
    while not (over.done() and began_s > over.result()):
        _sign_once(stage, story, "north", "north")
        _sign_once(stage, story, "ann", "north")
        entry = stage.operator_entry("north")
        began_s = entry.start_s + int(story.signed["ann"][-1]["period"]) * entry.period_s


def _refuse(stage: Stage, story: Story, liar: Child, say: Tell) -> None:
    """Looks at whatever south announces, until it has refused both lies."""
    refused = story.refused.setdefault("ben", [])
    for number, kind in enumerate(("less", "double"), 1):
        liar.wait_for_line(f'"announced": "{kind}"', BLOCK_WITHIN_S)
        found = _watch(stage, "ben")
        if found["ok"] or "refused" not in found:
            raise ShellError("merchant watch of ben", f"of a block that lies ({kind}): {found}")
        refused.append(str(found["refused"]))
        say(f"south's block lies, {number} of 2; ben does not sign it: {found['refused']}")
        (stage.operators["south"].folder / "payouts" / "next").touch()


def _watch(stage: Stage, owner: str) -> dict[str, Any]:
    """One look of the merchant's program."""
    return stage.command("merchant", "watch", stage.merchant_file(owner), "--once", "--json")


def _see_notarised(stage: Stage, story: Story, owners: Sequence[str], height: int, say: Tell) -> None:
    for owner in owners:
        operator = operator_of(owner)
        program = stage.programs[operator]
        fact = partial(_is_notarised, stage, operator, height)
        program.wait_for(fact, f"block {height}", BLOCK_WITHIN_S)
        ubc = story.signed[owner][-1]["income_ubc"]
        story.last_signed_s[owner] = stage.operator_entry(operator).tau_s
        say(f"{operator}: block {height} is notarised; {owner} has looked at it and signed: {ubc} ubc")


def _is_notarised(stage: Stage, operator: str, height: int) -> bool:
    return stage.operator_entry(operator).height >= height


def _may_commit(stage: Stage, operator: str) -> bool:
    return may_commit(stage.operator_entry(operator), stage.ledger_time_s(operator))


def _is_open(stage: Stage, operator: str) -> bool:
    return not phase_at(stage.operator_entry(operator), stage.ledger_time_s(operator)).frozen


def _begin_to_lie(stage: Stage) -> Child:
    """From now on south runs another program."""
    stage.programs["south"].stop()
    words: list[str | Path] = [sys.executable, "-m", "lab.pay.liar", stage.operators["south"].payouts]
    liar = stage.household.start("payouts-south-lying", words, namespace=stage.world)
    liar.wait_for_line('"ready"', BLOCK_WITHIN_S)
    stage.programs["south"] = liar
    return liar


def _see_booty(liar: Child, say: Tell) -> None:
    if liar.wait(BLOCK_WITHIN_S) or '"withdrew": "done"' not in liar.said:
        raise ShellError(liar.name, liar.tail())
    say(
        "south marks ben as missing, notarises the second lie alone, and withdraws all that the contract pays it"
    )


def _withdraw(stage: Stage, story: Story, owner: str, say: Tell) -> None:
    """By its own folder and the ledger, as soon as funds are not frozen."""
    operator, said = operator_of(owner), dict[str, Any]()
    while said.get("reason", "frozen") in {"frozen", "outside_window"}:
        wait_until(lambda: _is_open(stage, operator), f"funds at {operator} are free", OPEN_WITHIN_S)
        said = stage.command("merchant", "withdraw", stage.merchant_file(owner), "--json")
    if not said["ok"]:
        raise ShellError(f"merchant withdraw of {owner}", str(said))
    story.withdrawals[owner] = int(said["withdrawn_ubc"])
    say(f"{owner} withdraws {said['withdrawn_ubc']} ubc")


def operator_of(owner: str) -> str:
    """Who makes its blocks."""
    points = [point for point, name in OWNERS.items() if name == owner]
    return POINTS[points[0]] if points else owner
