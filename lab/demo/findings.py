"""From what the acts kept to the result: what was promised held against what was measured, by counts that share
nothing.

Delivered rates come from the stations' own interfaces (down) and from a witness beyond the box (up); metered bytes
come from the verified records on the ledger; money from the ledger's HTTP interface. Nothing here is asked of apd.
"""

import platform
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Literal

from apd.version import VERSION
from lab.demo.cast import AIR_BPS, BUYERS, FINN, PAYING
from lab.demo.stage import Stage
from lab.demo.story import Bought, Kept
from lab.demo.verdict import Audit
from lab.demo.watch import Sample, Watch
from lab.result import (
    Account,
    Figure,
    LatencyPoint,
    Ledger,
    RatePoint,
    Reports,
    Result,
    Run,
    Session,
    Unpaid,
)
from wire.errors import ShellError

Direction = Literal["down", "up"]
LOBBY_BYTES = 20_000
"""What a station that paid nothing may have got all the same: announcements, refusals and neighbour discovery of a
minute.
"""


@dataclass(frozen=True, slots=True)
class Money:
    """Balances by role or party, and whether the ledger's sums agree."""

    before: dict[str, int]
    after: dict[str, int]
    conserved: bool
    app_hash: str
    height: int
    transactions: int


def find(stage: Stage, watch: Watch, kept: Kept, audit: Audit, money: Money, command: str) -> Result:
    """The result of a run."""
    return Result(
        sessions=tuple(
            _session(watch, kept, audit, kept.bought[role.name], direction)
            for role in BUYERS
            for direction in ("down", "up")
        ),
        reports=Reports(
            count=len(audit.records),
            verified=sum(record.holds for record in audit.records),
            unmetered_s=sum(gap.to_s - gap.from_s for gap in audit.gaps),
            signed_by="TPM 2.0 (swtpm), P-256, PCR 14",
            records=audit.records,
            gaps=audit.gaps,
        ),
        attacks=tuple(kept.attacks),
        ledger=_ledger(stage, money),
        run=_run(stage, watch, kept, command),
        unpaid=(_freeloader(stage, watch, kept),),
        figures=_figures(kept),
        moments=tuple(watch.moments),
    )


def _session(watch: Watch, kept: Kept, audit: Audit, bought: Bought, direction: Direction) -> Session:
    role, down = bought.role, direction == "down"
    station = f"sta{role.number}"
    start, end = kept.before[f"before {role.name}"][station], kept.before["sessions_end"][station]
    crowd, crowd_end = kept.before["crowd"][station], kept.before["crowd_end"][station]
    wire_bytes = _count(end, direction) - _count(start, direction)
    latency = kept.latency[role.name]
    return Session(
        grant=bought.grant,
        buyer=role.name,
        station=station,
        mac=f"02:00:00:00:77:{role.number:02d}",
        direction=direction,
        floor_bps=bought.floor_down_bps if down else bought.floor_up_bps,
        ceil_bps=bought.ceil_down_bps if down else bought.ceil_up_bps,
        delivered_bps=rate(crowd, crowd_end, direction),
        metered_bytes=audit.metered(bought.grant, direction),
        wire_bytes=wire_bytes,
        starts_s=bought.starts_s,
        ends_s=bought.ends_s,
        price_ubc=bought.charged_ubc,
        rates=tuple(rates(watch.samples[station], direction)),
        latency=tuple(LatencyPoint(s.t_s - watch.began_s, s.rtt_ms) for s in latency.samples) if down else (),
        lost_pings=latency.lost if down else 0,
    )


def _freeloader(stage: Stage, watch: Watch, kept: Kept) -> Unpaid:
    samples = watch.samples[f"sta{FINN.number}"]
    got = kept.before["over"][f"sta{FINN.number}"]
    first = samples[0]
    through = got.through_bytes + max(0, got.arrived_bytes - first.arrived_bytes - LOBBY_BYTES)
    pushed_bytes = got.pushed_bytes - first.pushed_bytes + got.towards_bytes - first.towards_bytes
    if not pushed_bytes:
        raise ShellError(FINN.name, "pushed nothing, so that nothing was stopped")
    return Unpaid(
        name=FINN.name,
        station=f"sta{FINN.number}",
        mac=stage.network.station(FINN.number).mac,
        story=FINN.story,
        offered_bps=round(pushed_bytes * 8 / (got.t_s - first.t_s)),
        delivered_bytes=through,
        rates=tuple(rates(samples, "down")),
    )


def _ledger(stage: Stage, money: Money) -> Ledger:
    def account(name: str, role: str, key: str) -> Account:
        return Account(name, role, key, money.before[name], money.after[name])

    buyers = [account(role.name, "buyer", str(stage.wallet(role).account)) for role in PAYING]
    accounts = (account("provider", "provider", str(stage.provider.public)), *buyers)
    return Ledger(money.conserved, money.app_hash, money.height, money.transactions, accounts)


def _run(stage: Stage, watch: Watch, kept: Kept, command: str) -> Run:
    crowd, crowd_end = kept.before["crowd"]["sta1"], kept.before["crowd_end"]["sta1"]
    return Run(
        began=(datetime.now(UTC) - timedelta(seconds=watch.now_s())).isoformat(timespec="seconds"),
        lasted_s=round(watch.now_s(), 1),
        command=command,
        machine=f"{platform.machine()}, Linux {platform.release()}, CPython {platform.python_version()}",
        version=VERSION,
        downlink_bps=AIR_BPS,
        uplink_bps=AIR_BPS,
        remarks=tuple(stage.remarks),
        crowded_from_s=crowd.t_s,
        crowded_to_s=crowd_end.t_s,
    )


def _figures(kept: Kept) -> tuple[Figure, ...]:
    slowest_s = max(kept.bought[role.name].lasted_s for role in PAYING)
    return (
        Figure(
            "offer read, bought, let in (slowest, with the command's own start)", round(slowest_s, 2), "s"
        ),
    )


def rates(samples: list[Sample], direction: Direction) -> list[RatePoint]:
    return [
        RatePoint(
            t_s=round(after.t_s, 2),
            delivered_bps=rate(before, after, direction),
            offered_bps=_pushed(before, after) if direction == "up" else None,
        )
        for before, after in pairwise(samples)
    ]


def rate(before: Sample, after: Sample, direction: Direction) -> int:
    return round((_count(after, direction) - _count(before, direction)) * 8 / (after.t_s - before.t_s))


def _pushed(before: Sample, after: Sample) -> int:
    return round((after.pushed_bytes - before.pushed_bytes) * 8 / (after.t_s - before.t_s))


def _count(sample: Sample, direction: Direction) -> int:
    return sample.arrived_bytes if direction == "down" else sample.through_bytes
