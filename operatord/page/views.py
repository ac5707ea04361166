"""What the pages say, as values: from the board, the ledger's word and the history to texts, tones and tables. Pure.

Templates choose elements and nothing else. A tone is good, plain or bad, and never the only sign of anything.
Times are UTC.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ledger.pages import OfferPage
from ledger.reports.rows import Standing
from operatord.page.board import Board, Row
from operatord.page.books import LedgerWord, ProviderWord
from operatord.page.judging import Judgement, judge_standing
from operatord.page.recorded import Carried, Recorded
from operatord.page.sold_map import MapRow, draw_map, first_hour
from wire.units import format_duration, format_money, format_rate, format_size

DAY_S = 86_400
LATE_S = 600
"""A box with stations reports every minute or so (docs/apd.md, meter.interval_s): ten of them are missing."""
EARNED_DAY = "what began in this hour and the 23 before"
SHORT_ID = 12
"""Hexadecimal digits that tell grants and accounts apart for a person."""


@dataclass(frozen=True, slots=True)
class Known:
    """All that a view is made from. `boxes` are provider ids by the name of the box, as in the settings."""

    boxes: Mapping[str, str]
    board: Board
    ledger: LedgerWord
    now_s: int
    daemon_away: str = ""
    promised: Mapping[tuple[str, int], int] = field(default_factory=dict)
    """Bits that were sold, by provider id and hour."""
    carried: Mapping[tuple[str, int], Carried] = field(default_factory=dict)
    counts: Mapping[Standing, int] = field(default_factory=dict)
    """Records of the last day."""
    latest: Sequence[Recorded] = ()
    disputed: Sequence[Recorded] = ()
    """The latest that do not hold."""
    disputed_by: Mapping[str, int] = field(default_factory=dict)
    """How many of the last day do not hold, by provider id."""

    @property
    def earned_day_ubc(self) -> int:
        return sum(self.earned_ubc(word) for word in self.ledger.providers.values())

    def earned_ubc(self, word: ProviderWord) -> int:
        """In the hours of the map: the one that runs, and the 23 before it."""
        return word.books.earned_between(first_hour(self.now_s), self.now_s)

    def names(self) -> dict[str, str]:
        """What a provider's boxes are called, by its id."""
        found: dict[str, list[str]] = {}
        for name, provider_id in self.boxes.items():
            found.setdefault(provider_id, []).append(name)
        return {provider_id: ", ".join(sorted(names)) for provider_id, names in found.items()}


@dataclass(frozen=True, slots=True)
class Tile:
    """A number and what it is."""

    value: str
    says: str


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that somebody should know now."""

    tone: str
    text: str
    place: str = ""
    """The page that says more."""


@dataclass(frozen=True, slots=True)
class BoxView:
    """A box with its health."""

    name: str
    tone: str
    word: str
    why: str
    sessions: int
    heard: str
    meter: str
    reported: str
    disagreements: int


@dataclass(frozen=True, slots=True)
class SessionView:
    """A line of the table of sessions."""

    grant: str
    short: str
    station: str
    account: str
    box: str
    since: str
    ends: str
    heard: str
    down: str
    up: str
    floor: str
    tone: str
    word: str
    may_be_revoked: bool


@dataclass(frozen=True, slots=True)
class OfferView:
    """What the boxes of a provider sell now."""

    boxes: str
    price: str
    lasts: str
    rates: str
    left: str
    limits: str


@dataclass(frozen=True, slots=True)
class MoneyView:
    """One provider's account."""

    boxes: str
    account: str
    balance: str
    earned_day: str
    earned: str
    sales: int
    refunded: str
    paid_out: str
    received: str
    note: str


@dataclass(frozen=True, slots=True)
class RefundView:
    """One grant of which something was missing."""

    grant: str
    missing: str
    owed: str
    paid: str
    tone: str
    word: str


@dataclass(frozen=True, slots=True)
class RecordView:
    """One record of a meter."""

    boxes: str
    meter: str
    number: int
    kind: str
    time: str
    sessions: int
    carried: str
    missing: str
    judgement: Judgement
    why: str


# ---- Overview


def tell_tiles(known: Known) -> list[Tile]:
    sessions = known.board.sessions()
    boxes = tell_boxes(known)
    fine = sum(one.tone != "bad" for one in boxes)
    counted = sum(known.counts.values())
    holds = known.counts.get(Standing.HOLDS, 0)
    return [
        _tell_live(known, sessions),
        Tile(f"{fine} of {len(boxes)}", "boxes without a fault"),
        Tile(format_money(known.earned_day_ubc), f"earned by {EARNED_DAY}"),
        Tile(f"{holds:,} of {counted:,}", "records of the last 24 h hold"),
    ]


def _tell_live(known: Known, sessions: Sequence[Row]) -> Tile:
    live = sum(_tell_standing(known, row)[1] == "on" for row in sessions)
    others = len(sessions) - live
    return Tile(
        f"{live:,}",
        f"{_plural(live, 'session')} on" + (f", {others:,} silent, over or revoked" if others else ""),
    )


def tell_notices(known: Known) -> list[Notice]:
    """The worst first; nothing where nothing is wrong."""
    board, ledger = known.board, known.ledger
    found: list[Notice] = []
    if known.daemon_away:
        found.append(
            Notice("bad", f"operatord does not answer; what is shown may be old. {known.daemon_away}")
        )
    if board.word is not None and board.word.clock:
        found.append(Notice("bad", board.word.clock))
    if board.word is not None and not board.word.broker_connected:
        found.append(Notice("bad", "The broker is away: boxes are not told who comes."))
    if board.word is not None:
        found += [Notice("bad", text) for text in board.word.damaged]
    if not board.whole and not known.daemon_away:
        found.append(Notice("plain", "Permits are still being read from operatord."))
    if ledger.away:
        since = (
            f"; money, offers and reports are as of {clock_time(ledger.answered_s)}"
            if ledger.answered_s
            else ""
        )
        found.append(Notice("bad", f"{ledger.failed}{since}. {ledger.away}"))
    elif not ledger.asked_s:
        found.append(Notice("plain", "The ledger is being asked for the first time since the start."))
    if ledger.complaints:
        found.append(Notice("bad", f"{_count(len(ledger.complaints), 'complaint')} about meters", "/reports"))
    if ledger.disagreements:
        said = _count(len(ledger.disagreements), "grant")
        found.append(Notice("bad", f"RADIUS accounting and meter disagree about {said}", "/reports"))
    return found


def tell_boxes(known: Known) -> list[BoxView]:
    sessions: dict[str, list[Row]] = {}
    for row in known.board.sessions():
        sessions.setdefault(row.box, []).append(row)
    return [_tell_box(known, name, known.boxes[name], sessions.get(name, [])) for name in sorted(known.boxes)]


def _tell_box(known: Known, name: str, provider_id: str, rows: Sequence[Row]) -> BoxView:
    ledger = known.ledger
    meters = [one for one in ledger.meters if one.provider_id == provider_id and one.retired_s is None]
    reported_s = ledger.reported_s.get(provider_id, 0)
    heard_s = known.board.heard_s.get(name, 0)
    against = sum(one.provider_id == provider_id for one in ledger.disagreements)
    disputed = known.disputed_by.get(provider_id, 0)
    live = [row for row in rows if _is_live(known, row)]
    faults: list[tuple[str, str]] = []
    if disputed:
        faults.append(("bad", f"{_count(disputed, 'record')} of the last 24 h in dispute"))
    if against:
        faults.append(("bad", f"RADIUS accounting disagrees about {_count(against, 'grant')}"))
    late_s = max((ledger.verified_s - max(reported_s, row.accepted_s) for row in live), default=0)
    if late_s > LATE_S:
        faults.append(("bad", f"no report for {tell_age(late_s)}, although stations are on"))
    if live and ledger.away:
        faults.append(("plain", "whether it reports is not known now"))
    if rows and not live:
        faults.append(("plain", "nothing was heard of its stations lately"))
    if ledger.answered_s and not meters:
        faults.append(("plain", "no meter is enrolled"))
    elif meters and not any(one.in_tpm for one in meters):
        faults.append(("plain", "a software key signs its reports"))
    tone = next((tone for tone, _ in faults if tone == "bad"), faults[0][0] if faults else "good")
    return BoxView(
        name=name,
        tone=tone,
        word={"bad": "fault", "plain": "attention", "good": "in order"}[tone],
        why="; ".join(text for _, text in faults) or ("idle" if not rows else ""),
        sessions=len(rows),
        heard=moment(heard_s, known.now_s) if heard_s else "not since the start",
        meter=_tell_meters([one.in_tpm for one in meters], known=bool(ledger.answered_s)),
        reported=moment(reported_s, known.now_s) if reported_s else "nothing yet",
        disagreements=against,
    )


def _tell_meters(in_tpm: Sequence[bool], *, known: bool) -> str:
    if not in_tpm:
        return "none" if known else "not known"
    if all(in_tpm):
        return "attested by TPM"
    return "software key" if not any(in_tpm) else f"{sum(in_tpm)} of {len(in_tpm)} by TPM"


def tell_map(known: Known) -> list[MapRow]:
    return draw_map(known.names(), known.promised, known.carried, known.now_s)


# ---- Sessions


def tell_session(known: Known, row: Row) -> SessionView:
    tone, word = _tell_standing(known, row)
    cap = f" of {format_size(row.data_cap_bytes)}" if row.data_cap_bytes else ""
    return SessionView(
        grant=row.grant,
        short=row.grant[:SHORT_ID],
        station=row.station,
        account=row.account[:SHORT_ID],
        box=row.box,
        since=moment(row.accepted_s, known.now_s),
        ends="while it is paid" if row.as_one_goes else moment(row.ends_s, known.now_s),
        heard=moment(row.heard_s, known.now_s),
        down=format_size(row.down_bytes) + cap,
        up=format_size(row.up_bytes),
        floor=f"{format_rate(row.floor_down_bps)} / {format_rate(row.floor_up_bps)}",
        tone=tone,
        word=word,
        may_be_revoked=not row.revoked,
    )


def _tell_standing(known: Known, row: Row) -> tuple[str, str]:
    if row.revoked:
        return "bad", "revoked"
    if row.ends_s <= known.now_s:
        return "plain", "over"
    return ("good", "on") if _is_live(known, row) else ("plain", "silent")


def _is_live(known: Known, row: Row) -> bool:
    word = known.board.word
    return word is None or known.now_s - row.heard_s < word.silent_after_s


# ---- Money


def tell_money_tiles(known: Known) -> list[Tile]:
    providers = known.ledger.providers.values()
    word = known.board.word
    unpriced = known.ledger.unpriced
    also = f", and {_count(unpriced, 'grant')} whose price is not known" if unpriced else ""
    tiles = [
        Tile(format_money(sum(one.books.earned_ubc for one in providers)), "earned by sales, in all"),
        Tile(format_money(known.earned_day_ubc), f"by {EARNED_DAY}"),
        Tile(format_money(sum(one.refunded_ubc for one in providers)), "paid back"),
        Tile(format_money(known.ledger.open_ubc), f"still to be paid back{also}"),
    ]
    if word is not None and word.channels is not None:
        tiles += [
            Tile(format_money(word.paid_ubc), f"paid as one goes, in {_count(word.channels, 'channel')}"),
            Tile(format_money(word.unpaid_ubc), "had as one goes, and unpaid"),
        ]
    return tiles


def tell_money(known: Known) -> list[MoneyView]:
    names = known.names()
    return [
        _tell_account(names.get(provider_id, ""), word, known)
        for provider_id, word in sorted(
            known.ledger.providers.items(), key=lambda item: names.get(item[0], "")
        )
    ]


def _tell_account(boxes: str, word: ProviderWord, known: Known) -> MoneyView:
    books = word.books
    return MoneyView(
        boxes=boxes,
        account=str(word.provider)[:SHORT_ID],
        balance="no account" if word.balance_ubc is None else format_money(word.balance_ubc),
        earned_day=format_money(known.earned_ubc(word)),
        earned=format_money(books.earned_ubc),
        sales=books.sales,
        refunded=format_money(word.refunded_ubc),
        paid_out=format_money(books.paid_out_ubc - word.refunded_ubc),
        received=format_money(books.received_ubc),
        note="" if word.caught_up else f"still reading, up to transaction {books.reached:,}",
    )


def tell_offers(known: Known) -> list[OfferView]:
    names = known.names()
    found = [
        _tell_offer(names.get(provider_id, ""), word.offer)
        for provider_id, word in known.ledger.providers.items()
        if word.offer is not None
    ]
    return sorted(found, key=lambda one: one.boxes)


def _tell_offer(boxes: str, offer: OfferPage) -> OfferView:
    qos = offer.qos
    limits = f"ends at {format_size(qos.data_cap_bytes)}" if qos.data_cap_bytes else "no data cap"
    return OfferView(
        boxes=boxes,
        price=format_money(offer.price_ubc),
        lasts=format_duration(offer.allocation_duration_s),
        rates=f"{format_rate(qos.floor_down_bps)} / {format_rate(qos.floor_up_bps)}",
        left=f"{offer.allocations_left:,} of {offer.max_allocations:,}",
        limits=limits,
    )


def tell_refunds(known: Known) -> list[RefundView]:
    return [
        RefundView(
            grant=one.grant_id,
            missing=format_size(one.missing_bytes),
            owed="not known" if one.owed_ubc is None else format_money(one.owed_ubc),
            paid=format_money(one.paid_ubc),
            tone="plain" if one.owed_ubc is None or one.open_ubc else "good",
            word="price not known" if one.owed_ubc is None else ("open" if one.open_ubc else "paid back"),
        )
        for one in known.ledger.refunds
    ]


# ---- Reports


def tell_record(known: Known, one: Recorded) -> RecordView:
    is_usage = one.kind == "usage"
    return RecordView(
        boxes=known.names().get(one.provider_id, one.provider_id[:SHORT_ID]),
        meter=one.key_id,
        number=one.sequence,
        kind={"usage": "usage report", "boot": "boot record", "anchor": "anchor"}.get(one.kind, one.kind),
        time=f"{clock_time(one.from_s)} to {clock_time(one.to_s)[-8:]}"
        if is_usage
        else clock_time(one.from_s),
        sessions=one.sessions,
        carried=format_size(one.bytes) if is_usage else "",
        missing=format_size(one.missing_bytes) if is_usage else "",
        judgement=judge_standing(one.standing, one.checks, attested=one.attested),
        why=one.why,
    )


def tell_counts(known: Known) -> list[tuple[Judgement, int]]:
    """Of the last day; what did not happen is not listed, but for what holds."""
    return [
        (judge_standing(standing), known.counts.get(standing, 0))
        for standing in Standing
        if known.counts.get(standing) or standing is Standing.HOLDS
    ]


# ---- Words


def clock_time(utc_s: int) -> str:
    """`2026-11-22 20:14:05`; pages say once that this is UTC."""
    try:
        return f"{datetime.fromtimestamp(utc_s, UTC):%Y-%m-%d %H:%M:%S}"
    except (ValueError, OverflowError, OSError):
        return f"{utc_s} s after 1970"


def moment(utc_s: int, now_s: int) -> str:
    """Of today without the date."""
    text = clock_time(utc_s)
    return text[-8:] if utc_s // DAY_S == now_s // DAY_S else text


def tell_age(age_s: int) -> str:
    """Roughly, for a person."""
    for unit, unit_s in (("d", DAY_S), ("h", 3_600), ("min", 60)):
        if age_s >= 2 * unit_s:
            return f"{age_s // unit_s} {unit}"
    return f"{age_s} s"


def _plural(number: int, noun: str) -> str:
    return noun if number == 1 else f"{noun}s"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {_plural(number, noun)}"
