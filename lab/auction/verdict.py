"""Whether every promise held: from what was seen to findings. Pure.

Nothing here is what the box says of itself. What a device got is its own kernel's count, what it got through is a
witness's beyond the box; what it paid are balances and transactions of the ledger; what would have won is signed by
the house; what is free is the kernel's traffic control. Money in micro-bandcoin (ubc), rates in IP bits per second.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lab.auction.cast import (
    DEPOSITS_UBC,
    FORECASTS,
    FREELOADER,
    MORE_UBC,
    OWNER_UBC,
    ROUNDS,
    UNIT,
    UNITS,
    CastBid,
    Due,
    reckon,
)
from lab.playing import Finding
from wire.units import PPM, format_money, format_rate

LEAST_PPM = 950_000
"""Of its floor, a winner's own kernel has to have counted."""
LOBBY_BPS = 40_000
"""What a station that has nothing may be sent: announcements, auctions, receipts and neighbour discovery."""


@dataclass(frozen=True, slots=True)
class BidSeen:
    """What came of a bid, by its device's own words and the house's signed ones; `clearing_s` is 0 where none was
    signed. `word`: the reason in the house's receipt; `wins_above_ubc` from there, too. `paid_ubc` is the ledger's.
    """

    bid: CastBid
    round: int
    clearing_s: int
    won: bool
    reason: str
    detail: str
    word: str = ""
    wins_above_ubc: int | None = None
    paid_ubc: int = 0


@dataclass(frozen=True, slots=True)
class AuctionSeen:
    """By the house's pages and the audit of its log. `reason`: why it came to nothing."""

    clearing_s: int
    forecast: tuple[int, ...]
    bids: int
    reason: str
    wrong: str
    """What `airgrant ledger auction verify` finds."""


@dataclass(frozen=True, slots=True)
class Served:
    """A winner's time: how long after the clearing it was in, and what it had of it in its own kernel, from then on."""

    bidder: str
    round: int
    floor_down_bps: int
    floor_up_bps: int
    in_after_s: float
    measured_s: float
    down_bps: int
    up_bps: int
    slots: int


@dataclass(frozen=True, slots=True)
class Quiet:
    """A time for which a station has not paid: what it pushed, what got through, and what it was sent."""

    name: str
    why: str
    seconds: float
    pushed_bytes: int
    through_bytes: int
    down_bps: int


@dataclass(frozen=True, slots=True)
class SlotSeen:
    """What the kernel's traffic control holds in the middle of a slot: floors of stations, in units."""

    starts_s: int
    units: int


@dataclass(frozen=True, slots=True)
class MeterSeen:
    """By `airgrant report verify`: records, those that do not hold, and why."""

    records: int
    wrong: tuple[str, ...]
    metered_bytes: int


@dataclass(frozen=True, slots=True)
class Books:
    """Everything that was seen, bids in the order in which they were made."""

    slot_s: int
    auctions: tuple[AuctionSeen, ...]
    """One for each round."""
    bids: tuple[BidSeen, ...]
    served: tuple[Served, ...]
    away: Served | None
    """What Ada had while the box's program was not there."""
    quiet: tuple[Quiet, ...]
    slots: tuple[SlotSeen, ...]
    balances: dict[str, int]
    """Of the bidders, and of the owner."""
    issued_ubc: int
    meter: MeterSeen


def judge(books: Books) -> list[Finding]:
    """All promises; one that is broken makes the exit status 1."""
    return [
        _find_outcomes(books),
        _find_losers(books),
        _find_again(books),
        _find_unfunded(books),
        _find_nothing(books),
        _find_floors(books),
        _find_away(books),
        _find_quiet(books),
        _find_forecasts(books),
        _find_log(books),
        _find_money(books),
        _find_meter(books),
    ]


def dues(books: Books) -> list[tuple[BidSeen, Due]]:
    """Each bid beside what it has to come to, by the forecast that was signed and what its bidder had then."""
    spent, found = dict.fromkeys(DEPOSITS_UBC, 0), list[tuple[BidSeen, Due]]()
    for number, auction in enumerate(books.auctions):
        bids = [one for one in books.bids if one.round == number]
        has_ubc = {name: ubc - spent[name] for name, ubc in DEPOSITS_UBC.items()}
        found += zip(bids, reckon(auction.forecast, [one.bid for one in bids], has_ubc), strict=True)
        for one in bids:
            spent[one.bid.bidder] += one.paid_ubc
    return found


# ---- Auctions


def _find_outcomes(books: Books) -> Finding:
    promise = "who wins and what he pays is what trying every set of bids comes to"
    wrong = [
        f"{_name(seen)}: {_came_to(seen)}, due {_is_due(due)}"
        for seen, due in dues(books)
        if (seen.won, seen.paid_ubc) != (due.won, due.pays_ubc)
    ]
    won = [f"{seen.bid.bidder} {format_money(seen.paid_ubc)}" for seen in books.bids if seen.won]
    played = [tuple(one.bid for one in books.bids if one.round == number) for number in range(len(ROUNDS))]
    if sorted(map(sorted_bids, played)) != sorted(map(sorted_bids, ROUNDS)):
        wrong.append("other bids were made than the story has")
    return Finding(promise, bool(won) and not wrong, "; ".join(wrong) or f"{', '.join(won)} paid")


def sorted_bids(bids: Sequence[CastBid]) -> list[tuple[str, int, int, int]]:
    return sorted((one.bidder, one.units, one.slots, one.worth_ubc) for one in bids)


def _find_losers(books: Books) -> Finding:
    promise = "who is outbid has the house's signature on what would have won, and it is so"
    lost = [(seen, due) for seen, due in dues(books) if due.wins_above_ubc is not None]
    wrong = [
        f"{_name(seen)}: {seen.word or 'no word'}, {seen.wins_above_ubc}, due {due.wins_above_ubc}"
        for seen, due in lost
        if (seen.word, seen.wins_above_ubc) != ("outbid", due.wins_above_ubc)
    ]
    told = [f"{_name(seen)}: more than {format_money(due.wins_above_ubc or 0)}" for seen, due in lost]
    return Finding(promise, bool(lost) and not wrong, "; ".join(wrong or told))


def _find_again(books: Books) -> Finding:
    """Cem."""
    promise = "who believes what he was told, and bids a thousandth of a bandcoin more, wins"
    lost = [one for one in books.bids if one.wins_above_ubc is not None]
    again = [
        (one, after)
        for one in lost
        for after in books.bids
        if (after.round, after.bid.bidder) == (one.round + 1, one.bid.bidder)
        and after.bid.worth_ubc == (one.wins_above_ubc or 0) + MORE_UBC
    ]
    ok = bool(again) and all(after.won for _, after in again)
    seen = "; ".join(
        f"{after.bid.bidder} bid {format_money(after.bid.worth_ubc)} and paid {format_money(after.paid_ubc)}"
        for _, after in again
    )
    return Finding(promise, ok, seen or "nobody bid again")


def _find_unfunded(books: Books) -> Finding:
    promise = "who has not got what he bids takes no part, and sets no price"
    out = [seen for seen, due in dues(books) if due.out == "insufficient_funds"]
    ok = bool(out) and all(
        (one.word, one.won, one.paid_ubc) == ("insufficient_funds", False, 0) for one in out
    )
    seen = "; ".join(
        f"{_name(one)}: bid {format_money(one.bid.worth_ubc)}, {one.word or 'no word'}" for one in out
    )
    return Finding(promise, ok, seen or "nobody bid what he has not got")


def _find_nothing(books: Books) -> Finding:
    promise = "who wants what is not there is told before he signs; an auction without bids is void"
    wanted = [seen for seen, due in dues(books) if due.out == "nothing_left"]
    void = [one for number, one in enumerate(books.auctions) if not _signed(books, number)]
    ok = bool(wanted) and all((one.reason, one.clearing_s) == ("nothing_left", 0) for one in wanted)
    ok = ok and bool(void) and all((one.reason, one.bids) == ("no_bids", 0) for one in void)
    told = [f"{one.bid.bidder} wants {one.bid.units}: {one.reason or 'no word'}" for one in wanted]
    told += [f"the auction came to {one.reason or 'something'}" for one in void]
    return Finding(promise, ok, "; ".join(told) or "nobody wanted what is not there")


def _signed(books: Books, number: int) -> list[BidSeen]:
    return [one for one in books.bids if one.round == number and one.clearing_s]


def _find_log(books: Books) -> Finding:
    wrong = [one.wrong for one in books.auctions if one.wrong]
    ok = len(books.auctions) == len(ROUNDS) and not wrong
    seen = "; ".join(wrong) or f"{len(books.auctions)} auctions in its log, cleared again by the auditor"
    return Finding("`airgrant ledger auction verify` finds nothing wrong at the house", ok, seen)


# ---- The shaper


def _find_floors(books: Books) -> Finding:
    promise = f"every winner gets at least {LEAST_PPM // 10_000} % of its floor under everybody's flood"
    won = {(one.bid.bidder, one.round) for one in books.bids if one.won}
    short = [one for one in books.served if _share_ppm(one) < LEAST_PPM]
    missing = won - {(one.bidder, one.round) for one in books.served}
    told = [
        f"{one.bidder} {_share_ppm(one) / 10_000:.1f} % for {one.measured_s:.0f} s"
        for one in short or books.served
    ]
    ok = bool(won) and not short and not missing
    return Finding(
        promise, ok, "; ".join([*told, *(f"{name} was never served" for name, _ in sorted(missing))])
    )


def _find_away(books: Books) -> Finding:
    promise = "who won keeps his floor while the box's program is killed and starts again"
    away = books.away
    if away is None:
        return Finding(promise, ok=False, seen="nobody looked")
    seen = f"{away.bidder} {_share_ppm(away) / 10_000:.1f} % in the {away.measured_s:.1f} s of it"
    return Finding(promise, away.measured_s > 0 and _share_ppm(away) >= LEAST_PPM, seen)


def _share_ppm(served: Served) -> int:
    """Of the floor, in the direction that had less."""
    down, up = served.down_bps * PPM // served.floor_down_bps, served.up_bps * PPM // served.floor_up_bps
    return min(down, up)


def _find_quiet(books: Books) -> Finding:
    promise = "who lost, whose time is over, and who never paid gets nothing through"
    loud = [one for one in books.quiet if one.through_bytes or one.down_bps > LOBBY_BPS]
    idle = [one for one in books.quiet if not one.pushed_bytes]
    names = {one.name for one in books.quiet}
    needed = {FREELOADER, *(one.bid.bidder for one in books.bids if not one.won)}
    told = [
        f"{one.name} ({one.why}): {one.through_bytes} bytes through, sent {format_rate(one.down_bps)}"
        for one in loud
    ]
    told += [f"{one.name} ({one.why}) pushed nothing" for one in idle]
    pushed = sum(one.pushed_bytes for one in books.quiet) / 1e6
    seconds = sum(one.seconds for one in books.quiet)
    seen = f"{', '.join(sorted(names))}: {pushed:.0f} MB pushed in {seconds:.0f} s without a session, none came through"
    return Finding(promise, needed <= names and not told, "; ".join(told) or seen)


def _find_forecasts(books: Books) -> Finding:
    """What a forecast leaves out of all is what others held by then; what later auctions sold comes on top."""
    promise = "every forecast is what the kernel's traffic control shows to be free"
    wrong = list(_forecast_faults(books))
    if tuple(one.forecast for one in books.auctions) != FORECASTS:
        wrong.append(f"forecasts {[one.forecast for one in books.auctions]}")
    checked = sum(1 for _ in _pairs(books))
    told = ", ".join("/".join(map(str, one.forecast)) for one in books.auctions)
    return Finding(
        promise, checked > 0 and not wrong, "; ".join(wrong) or f"{told}; {checked} slots compared with tc"
    )


def _pairs(books: Books) -> Iterator[tuple[AuctionSeen, int, SlotSeen]]:
    """Auction, its slot from 0, and what was seen in it."""
    for auction in books.auctions:
        for slot in books.slots:
            number, rest = divmod(slot.starts_s - auction.clearing_s, books.slot_s)
            if not rest and 0 <= number < len(auction.forecast):
                yield auction, number, slot


def _forecast_faults(books: Books) -> Iterator[str]:
    for auction, number, slot in _pairs(books):
        since = sum(
            one.bid.units
            for one in books.bids
            if one.won
            and one.clearing_s >= auction.clearing_s
            and one.clearing_s <= slot.starts_s < one.clearing_s + one.bid.slots * books.slot_s
        )
        free = UNITS - (slot.units - since)
        if auction.forecast[number] != free:
            yield f"slot {number + 1}: {auction.forecast[number]} were forecast, {free} were free"


# ---- Money and meter


def _find_money(books: Books) -> Finding:
    promise = "money is conserved, and the box's owner has what the winners paid"
    held, paid = sum(books.balances.values()), sum(one.paid_ubc for one in books.bids)
    owner = books.balances.get("owner", 0)
    ok = books.issued_ubc == held == sum(DEPOSITS_UBC.values()) and owner == paid == OWNER_UBC
    kept = all(
        books.balances[name] == ubc - sum(one.paid_ubc for one in books.bids if one.bid.bidder == name)
        for name, ubc in DEPOSITS_UBC.items()
    )
    seen = f"{books.issued_ubc} ubc issued = {held} on accounts; the owner has {owner}, winners paid {paid}"
    return Finding(promise, ok and kept, seen)


def _find_meter(books: Books) -> Finding:
    meter = books.meter
    ok = meter.records > 0 and not meter.wrong and meter.metered_bytes > 0
    seen = (
        "; ".join(meter.wrong)
        or f"{meter.records} signed records, {meter.metered_bytes / 1e6:.1f} MB for winners"
    )
    return Finding("the chain of the box's meter verifies", ok, seen)


# ---- Words


def _name(seen: BidSeen) -> str:
    return f"{seen.bid.bidder} in auction {seen.round + 1}"


def _came_to(seen: BidSeen) -> str:
    return f"won and paid {seen.paid_ubc} ubc" if seen.won else seen.reason


def _is_due(due: Due) -> str:
    return f"to win and pay {due.pays_ubc} ubc" if due.won else due.out or "to lose"


def floor_of(bid: CastBid) -> tuple[int, int]:
    """Down and up."""
    return bid.units * UNIT.floor_down_bps, bid.units * UNIT.floor_up_bps
