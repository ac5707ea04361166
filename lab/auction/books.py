"""What is seen after the play: the ledger's pages, the house's signed words and its log, kernels' counters, the meter.

Decides nothing; verdict.py does.
"""

import base64
from collections.abc import Iterator, Sequence
from typing import Any

from lab.auction.cast import BIDDERS, STATIONS
from lab.auction.page import Drawn, Lane, Moment
from lab.auction.stage import Stage
from lab.auction.story import Attempt, SlotWatch, Story, quiet_spans
from lab.auction.verdict import (
    AuctionSeen,
    BidSeen,
    Books,
    MeterSeen,
    Quiet,
    Served,
    floor_of,
)
from lab.demo.findings import rates
from lab.demo.watch import INTERVAL_S, Sample, Watch
from wire.auction import read_auction
from wire.auction_receipt import AuctionReceipt, read_auction_receipt
from wire.errors import DecodeError, ShellError

SLACK_S = 1.0
"""Around a session: what was in a queue when it ended, and what a sample every half a second cannot tell apart."""
SETTLED_S = 0.5
"""After a device is in: buckets are full and queues are, too."""


def collect(stage: Stage, story: Story, watch: Watch, slots: SlotWatch, utc_zero_s: float) -> Books:
    """`utc_zero_s`: what time it was (UTC) when the watch's clock was 0. Raises ShellError."""
    issued = stage.page("ledger")
    return Books(
        slot_s=stage.slot_s,
        auctions=tuple(_auctions(stage, story)),
        bids=tuple(_bid(stage, one) for one in story.attempts),
        served=tuple(_served(one, watch, utc_zero_s) for one in story.attempts if one.won),
        away=_away(story, watch, utc_zero_s),
        quiet=tuple(_quiet(stage, story, watch, utc_zero_s)),
        slots=tuple(slots.seen[at_s] for at_s in sorted(slots.seen)),
        balances=_balances(stage),
        issued_ubc=int(issued["deposited_ubc"]) - int(issued["withdrawn_ubc"]),
        meter=_meter(stage, story),
    )


def _auctions(stage: Stage, story: Story) -> Iterator[AuctionSeen]:
    """Those of the story, each beside what the auditor of the house's log says of it."""
    database = stage.folder / "ledger.db"
    said = stage.command(
        "verify", "ledger", "auction", "verify", "--ledger", stage.bank.url, "--ledger-log", database
    )
    audited = {one["auction_id"]: one for one in said["auctions"]}
    pages = {one["clearing_s"]: one for one in stage.page("auctions")["auctions"]}
    for clearing_s in story.clearings:
        page = pages.get(clearing_s)
        if page is None:
            raise ShellError("clearing house", f"shows no auction of {clearing_s}")
        auction = read_auction(base64.b64decode(page["auction"]), stage.pinned.ledger_id)
        found = audited.get(page["auction_id"], {"wrong": "is not in the audited log"})
        wrong = "; ".join(text for text in (found["wrong"], found.get("unchecked", "")) if text)
        yield AuctionSeen(clearing_s, auction.terms.mark.forecast, page["bid_count"], page["reason"], wrong)


def _bid(stage: Stage, one: Attempt) -> BidSeen:
    receipt = _receipt(stage, one)
    return BidSeen(
        bid=one.bid,
        round=one.round,
        clearing_s=one.clearing_s,
        won=one.won,
        reason=str(one.said.get("reason", "")),
        detail=str(one.said.get("detail", "")),
        word=receipt.reason if receipt else "",
        wins_above_ubc=receipt.wins_above_ubc if receipt else None,
        paid_ubc=_paid(stage, one),
    )


def _receipt(stage: Stage, one: Attempt) -> AuctionReceipt | None:
    """The house's signed word on this bid, if the device has it."""
    try:
        encoded = bytes.fromhex(one.said.get("receipt", ""))
        receipt = read_auction_receipt(encoded, stage.pinned.key, stage.pinned.ledger_id)
    except DecodeError:
        return None
    named = (receipt.auction_id.hex(), str(receipt.bid_id))
    return receipt if named == (one.said["auction"], one.said["bid"]) else None


def _paid(stage: Stage, one: Attempt) -> int:
    """By the ledger; nothing for what it never ran."""
    if not one.clearing_s:
        return 0
    try:
        return int(stage.page(f"transactions/{one.said['transaction']}")["charged_ubc"])
    except LookupError:
        return 0


def _served(one: Attempt, watch: Watch, utc_zero_s: float) -> Served:
    """From when it was in to its end."""
    return _had(one, watch, utc_zero_s, one.ended_s + SETTLED_S, _ends(one, utc_zero_s))


def _away(story: Story, watch: Watch, utc_zero_s: float) -> Served | None:
    """Who had a session while the box's program was not there. Samples before and after take in all of it."""
    from_s, to_s = story.away
    for one in story.attempts:
        if one.won and one.ended_s < from_s < _ends(one, utc_zero_s):
            to_s = min(to_s + INTERVAL_S, _ends(one, utc_zero_s))
            return _had(one, watch, utc_zero_s, from_s - INTERVAL_S, to_s)
    return None


def _ends(one: Attempt, utc_zero_s: float) -> float:
    return one.until_s - utc_zero_s - SLACK_S / 2


def _had(one: Attempt, watch: Watch, utc_zero_s: float, from_s: float, to_s: float) -> Served:
    samples = watch.samples[f"sta{1 + STATIONS.index(one.bid.bidder)}"]
    before, after = _between(samples, from_s, to_s)
    lasted_s = after.t_s - before.t_s
    down, up = floor_of(one.bid)
    return Served(
        one.bid.bidder,
        one.round,
        down,
        up,
        round(one.ended_s + utc_zero_s - one.clearing_s, 2),
        round(lasted_s, 1),
        _bps(after.arrived_bytes - before.arrived_bytes, lasted_s),
        _bps(after.through_bytes - before.through_bytes, lasted_s),
        one.bid.slots,
    )


def _quiet(stage: Stage, story: Story, watch: Watch, utc_zero_s: float) -> Iterator[Quiet]:
    for name in STATIONS:
        samples = watch.samples[stage.station(name).name]
        first_s, last_s = samples[0].t_s + utc_zero_s, samples[-1].t_s + utc_zero_s
        for from_s, to_s, why in quiet_spans(story, name, first_s, last_s, SLACK_S):
            before, after = _between(samples, from_s - utc_zero_s, to_s - utc_zero_s)
            lasted_s = after.t_s - before.t_s
            yield Quiet(
                name,
                why,
                round(lasted_s, 1),
                after.pushed_bytes - before.pushed_bytes,
                after.through_bytes - before.through_bytes,
                _bps(after.arrived_bytes - before.arrived_bytes, lasted_s),
            )


def _between(samples: Sequence[Sample], from_s: float, to_s: float) -> tuple[Sample, Sample]:
    """The first and the last sample of a time. Raises ShellError if it was not looked at."""
    inside = [one for one in samples if from_s <= one.t_s <= to_s]
    if len(inside) < 2:
        raise ShellError("watch", f"no samples from {from_s:.1f} to {to_s:.1f} s")
    return inside[0], inside[-1]


def _bps(octets: int, lasted_s: float) -> int:
    return round(octets * 8 / lasted_s)


def _balances(stage: Stage) -> dict[str, int]:
    accounts = {name: stage.wallets[name].account for name in BIDDERS} | {"owner": stage.owner.public}
    return {name: int(stage.page(f"accounts/{account}")["balance_ubc"]) for name, account in accounts.items()}


def _meter(stage: Stage, story: Story) -> MeterSeen:
    """By the command that sees only what the ledger shows to everybody."""
    chains = stage.command("auditor", "report", "verify", "--ledger", stage.bank.url)["chains"]
    records = [record for chain in chains for record in chain["records"]]
    wrong = [_fault(record, one) for record in records for one in record["findings"] if not one["ok"]]
    usage: dict[str, Any] = {grant: use for chain in chains for grant, use in chain["usage"].items()}
    won = [one for one in story.attempts if one.won]
    wrong += [f"no record names {one.bid.bidder}'s grant" for one in won if one.said["grant"] not in usage]
    metered = sum(int(use["down_bytes"]) + int(use["up_bytes"]) for use in usage.values())
    return MeterSeen(len(records), tuple(wrong), metered)


def _fault(record: dict[str, Any], finding: dict[str, Any]) -> str:
    return f"record {record['sequence']}: {finding['check']}: {finding['text']}"


def draw(stage: Stage, story: Story, watch: Watch, utc_zero_s: float) -> Drawn:
    """Rates and moments, in seconds since the first clearing."""
    began_s = story.clearings[0] - utc_zero_s
    lanes = []
    for name in STATIONS:
        points = rates(watch.samples[stage.station(name).name], "down")
        drawn = tuple((round(one.t_s - began_s, 2), float(one.delivered_bps)) for one in points)
        lanes.append(Lane(name, tuple(one for one in drawn if one[0] > -stage.slot_s)))
    moments = tuple(Moment(round(one.at_s - story.clearings[0], 1), one.text) for one in story.events)
    return Drawn(tuple(lanes), moments)
