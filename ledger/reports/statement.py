"""A statement to print or to file: what boxes proved in a period, by box, day and consumer, and what does not hold.

In: outcomes and sums. Out: one HTML page that needs nothing else: no script, no font, no picture from anywhere.
Whatever a file says is escaped. No clock: the same files give the same page. Pure but for the template beside it.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from html import escape
from pathlib import Path
from string import Template

from ledger.reports.outcome import Fault, Outcome, severity_of
from ledger.reports.rows import ALWAYS, Span
from ledger.reports.sum_up import Sum, total_of
from ledger.reports.words import CHECKS, SEVERITIES
from wire.units import format_instant, format_size

GROUPS = ("box", "day", "consumer")
"""What `statement` wants sums by."""
MOST_LINES = 200
"""Of a table: what nobody reads is added up in one line, and `report sum --format csv` has it."""
MOST_CASES = 3
_HOUR_S, _DAY_S = 3_600, 86_400
_OF_A_TPM = frozenset({"quote", "pcr", "clock", "boot record", "anchor", "maker"})


def statement(
    outcomes: Sequence[Outcome],
    sums: Mapping[str, Mapping[str, Sum]],
    trust_digest: bytes,
    span: Span = ALWAYS,
) -> str:
    """HTML, whole. `sums` by each of GROUPS, of what is within `span`."""
    total = total_of(dict(sums["box"]))
    bad = [outcome for outcome in outcomes if not outcome.ok]
    period = (_period(outcomes) if span == ALWAYS else _span_words(span)) + _proved_until(outcomes)
    return _template().substitute(
        title=escape(period),
        period=escape(period),
        boxes=_boxes(outcomes),
        tone="bad" if bad or any(one.is_short for one in outcomes) else "good",
        verdict=escape(_verdict(outcomes, bad)),
        meaning=escape(_meaning(outcomes, total, bad)),
        figures=_figures(outcomes, total),
        faults=_faults(bad),
        by_box=_box_table(outcomes, sums["box"]),
        by_day=_sum_table("day", sums["day"]),
        by_consumer=_sum_table("consumer", sums["consumer"]),
        unmetered=_unmetered(outcomes),
        basis=_basis(outcomes, trust_digest),
        checks=_checks(outcomes),
    )


@cache
def _template() -> Template:
    return Template((Path(__file__).parent / "statement.html").read_text(encoding="utf-8"))


def _period(outcomes: Iterable[Outcome]) -> str:
    times = [(one.from_utc_ms, one.to_utc_ms) for one in outcomes]
    begins = min((begin for begin, _ in times if begin is not None), default=None)
    ends = max((end for _, end in times if end is not None), default=None)
    if begins is None or ends is None:
        return "no time that anything vouches for"
    return f"{_instant(begins)} to {_instant(ends)} UTC"


def _span_words(span: Span) -> str:
    begins = _instant(span.from_utc_ms) if span.from_utc_ms else "the beginning"
    ends = _instant(span.to_utc_ms) if span.to_utc_ms != ALWAYS.to_utc_ms else "the end"
    return f"{begins} to {ends} UTC"


def _proved_until(outcomes: Iterable[Outcome]) -> str:
    """As of the oldest of all headers: of what came later, not all boxes prove anything."""
    proved = [one.proved_s for one in outcomes if one.proved_s]
    return f"; proved up to {format_instant(min(proved))}" if proved else ""


def _boxes(outcomes: Sequence[Outcome]) -> str:
    providers = len({one.provider for one in outcomes if one.provider})
    return f"{_count(len(outcomes), 'report file')}<br>{_count(providers, 'provider')}"


def _verdict(outcomes: Sequence[Outcome], bad: Sequence[Outcome]) -> str:
    if not bad:
        return _good_verdict(outcomes)
    if len(outcomes) == 1:
        return "This report does not hold"
    return f"{len(bad)} of {len(outcomes)} reports do not hold"


def _good_verdict(outcomes: Sequence[Outcome]) -> str:
    if not outcomes:
        return "Nothing to verify"
    if short := sum(one.is_short for one in outcomes):
        what = "This report" if len(outcomes) == 1 else f"{short} of {len(outcomes)} reports"
        return f"{what} cannot prove the whole period: fetched before it ended"
    return f"Everything that can be checked holds{_proved_until(outcomes).replace(';', ',')}"


def _meaning(outcomes: Sequence[Outcome], total: Sum, bad: Sequence[Outcome]) -> str:
    attested = total.rows - total.unattested_rows
    if bad:
        return (
            f"Proved all the same: {_count(total.rows, 'row')}; disputed: {total.disputed_rows:,}, forged: "
            f"{total.forged_rows:,}. What is wrong stands below."
        )
    if not total.rows:
        return f"No row is in this period.{_left_out(outcomes)}"
    return f"{_vouched(outcomes, total, attested)}{_left_out(outcomes)}"


def _vouched(outcomes: Sequence[Outcome], total: Sum, attested: int) -> str:
    if attested == total.rows and all(one.in_tpm for one in outcomes):
        return "A TPM in each box vouches for every row, and each chain is shown to its end as of its block."
    if attested == total.rows:
        return f"A TPM vouches for each of the {total.rows:,} rows; not every box has one."
    return f"A TPM vouches for {attested:,} of {total.rows:,} rows; the others are signed by software keys."


def _left_out(outcomes: Iterable[Outcome]) -> str:
    """What holds says nothing of a time that no report is about."""
    unmetered_ms = sum(one.unmetered_ms for one in outcomes)
    return f" Nothing is known of {_duration(unmetered_ms)} that nobody metered." if unmetered_ms else ""


def _figures(outcomes: Iterable[Outcome], total: Sum) -> str:
    unmetered_ms = sum(one.unmetered_ms for one in outcomes)
    missing_bytes = total.down_shortfall_bytes + total.up_shortfall_bytes
    shown = (
        ("Proved, to devices", format_size(total.down_bytes), f"{total.down_bytes:,} bytes"),
        ("Proved, from devices", format_size(total.up_bytes), f"{total.up_bytes:,} bytes"),
        ("Missing of guarantees", format_size(missing_bytes), "of what was wanted"),
        ("Not metered", _duration(unmetered_ms), "of all boxes together"),
        ("Rows that hold", f"{total.rows:,}", f"{total.rows - total.unattested_rows:,} by a TPM"),
        ("Disputed rows", f"{total.disputed_rows:,}", format_size(total.disputed_bytes)),
        ("Forged rows", f"{total.forged_rows:,}", "nothing of them counts"),
        ("Records", f"{sum(one.records for one in outcomes):,}", "verified, from the first one on"),
    )
    return "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}<small>{escape(more)}</small></dd></div>"
        for name, value, more in shown
    )


# ---- What does not hold


def _faults(bad: Sequence[Outcome]) -> str:
    if not bad:
        return ""
    return "<h2>What does not hold</h2>" + "".join(map(_file_faults, bad))


def _file_faults(outcome: Outcome) -> str:
    said = f"<p><strong>{escape(outcome.file)}</strong>: {escape(outcome.sentence)}</p>"
    parts = [f'<div class="fault">{said}</div>']
    if outcome.complete_text and not outcome.complete:
        parts.append(_fault("complete", 1, [escape(outcome.complete_text)]))
    for check, count in outcome.failures.items():
        cases = [one for one in outcome.faults if one.check == check][:MOST_CASES]
        parts.append(_fault(check, count, map(_case, cases)))
    return "".join(parts)


def _fault(check: str, count: int, cases: Iterable[str]) -> str:
    listed = "".join(f"<li>{case}</li>" for case in cases)
    times = f" <span class=soft>({count:,} times)</span>" if count > 1 else ""
    words = CHECKS[check]
    return (
        f'<div class="fault"><p>{escape(words.asks)} <strong class=bad>No.</strong>{times}</p>'
        f"<p>{escape(words.otherwise)}</p><ul>{listed}</ul></div>"
    )


def _case(fault: Fault) -> str:
    where = f"record {fault.sequence:,}"
    if not fault.sequence:
        where = "a record without a number" if fault.check == "format" else "the whole chain"
    return f"{where} ({escape(SEVERITIES[severity_of(fault)])}): {escape(fault.text)}"


# ---- Tables


def _box_table(outcomes: Sequence[Outcome], sums: Mapping[str, Sum]) -> str:
    rows = []
    for outcome in outcomes[:MOST_LINES]:
        mine = sums.get(outcome.key_id, Sum())
        tone, mark = ("good", "✓") if outcome.ok else ("bad", "✗")
        rows.append(
            (
                f"<code>{escape(outcome.key_id or '?')}</code><br>{_provider(outcome)}",
                f'<span class="{tone}">{mark} {escape(outcome.sentence)}</span>',
                f"{mine.rows:,}",
                f"{mine.unattested_rows:,}",
                format_size(mine.down_bytes),
                format_size(mine.up_bytes),
                _duration(outcome.unmetered_ms),
            )
        )
    more = len(outcomes) - len(rows)
    names = ("box", "verdict", "#rows", "#unattested", "#to devices", "#from devices", "#unmetered")
    return _table(names, rows) + (f"<p class=soft>and {more:,} more files</p>" if more > 0 else "")


def _provider(outcome: Outcome) -> str:
    if not outcome.provider:
        return ""
    partner = f"<br>{_count(outcome.partner_rows, 'row')} for partners" if outcome.partner_rows else ""
    return f'<span class="soft small">provider {escape(outcome.provider[:16])}…{partner}</span>'


def _sum_table(by: str, sums: Mapping[str, Sum]) -> str:
    named = list(sums.items())
    rest = total_of(dict(named[MOST_LINES:]))
    most = max((one.down_bytes + one.up_bytes for _, one in named), default=0)
    rows = [_sum_row(_group(by, name), one, most) for name, one in named[:MOST_LINES]]
    if len(named) > MOST_LINES:
        rows.append(_sum_row(f"{len(named) - MOST_LINES:,} more", rest, most))
    names = (by, "!", "#rows", "#to devices", "#from devices", "#missing", "#disputed", "#forged")
    return _table(names, rows, _sum_row("total", total_of(dict(sums)), 0))


def _group(by: str, name: str) -> str:
    if by != "consumer":
        return escape(name)
    words = {
        "pass": "paid as it goes: no purchase names a consumer",
        "unknown": "<span class=bad>of grants that are not in the files</span>",
    }
    return words.get(name) or f'<code title="{escape(name)}">{escape(name[:20])}…</code>'


def _sum_row(name: str, one: Sum, most: int) -> tuple[str, ...]:
    """`most` bytes make a whole bar; 0: none is drawn."""
    share = (one.down_bytes + one.up_bytes) * 1_000 // most if most else 0
    return (
        name,
        f'<span style="width:{share // 10}.{share % 10}%"></span>' if share else "",
        f"{one.rows:,}",
        format_size(one.down_bytes),
        format_size(one.up_bytes),
        format_size(one.down_shortfall_bytes + one.up_shortfall_bytes),
        f"{one.disputed_rows:,}",
        f"{one.forged_rows:,}",
    )


def _table(names: Sequence[str], rows: Iterable[Sequence[str]], foot: Sequence[str] = ()) -> str:
    """Cells are HTML already. # begins the name of a column of numbers, ! is one of bars."""
    kinds = [{"#": ' class="number"', "!": ' class="bar"'}.get(name[0], "") for name in names]
    lines = [_cells("td", kinds, row) for row in rows]
    if not lines:
        return "<p class=soft>nothing</p>"
    head = _cells("th", kinds, [escape(name.lstrip("#!")) for name in names]).replace(
        "<th", '<th scope="col"'
    )
    tail = f"<tfoot><tr>{_cells('td', kinds, foot)}</tr></tfoot>" if foot else ""
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody>{tail}</table>"


def _cells(tag: str, kinds: Sequence[str], cells: Sequence[str]) -> str:
    return "".join(f"<{tag}{kind}>{cell}</{tag}>" for kind, cell in zip(kinds, cells, strict=True))


def _unmetered(outcomes: Sequence[Outcome]) -> str:
    gaps = [(one, gap) for one in outcomes for gap in one.unmetered]
    times = sum(one.unmetered_times for one in outcomes)
    if not times:
        return (
            "<p>None: every report begins where the one before it ended, up to the time that is proved.</p>"
        )
    rows = [
        (
            f"<code>{escape(one.key_id)}</code>",
            escape(_instant(gap.from_utc_ms)),
            _duration(gap.to_utc_ms - gap.from_utc_ms),
            escape(gap.why),
        )
        for one, gap in gaps[:MOST_LINES]
    ]
    more = f"<p class=soft>and {times - len(rows):,} more</p>" if times > len(rows) else ""
    return f'<div class="wide">{_table(("box", "from (UTC)", "#length", "why"), rows)}</div>{more}'


def _basis(outcomes: Sequence[Outcome], trust_digest: bytes) -> str:
    ledgers = sorted({one.ledger_id for one in outcomes if one.ledger_id})
    makers = sorted({one.maker_text for one in outcomes if one.maker_text})
    facts = [
        *(("ledger", f"<code>{escape(one)}</code>") for one in ledgers),
        ("trust file", f"sha256 <code>{trust_digest.hex()}</code>"),
        *(("TPMs", escape(one)) for one in makers),
        *(("file", _file_basis(one)) for one in outcomes[:MOST_LINES]),
    ]
    return "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts)


def _file_basis(outcome: Outcome) -> str:
    """What ties this page to that file, whatever its name: whose chain it is, where it ends, and as of when."""
    if not outcome.proved_s:
        return escape(outcome.file)
    return (
        f"{escape(outcome.file)}: box <code>{escape(outcome.key_id)}</code> up to record {outcome.end_sequence:,} "
        f"<code>{escape(outcome.end_head)}</code>, {escape(outcome.as_of)}"
    )


def _checks(outcomes: Sequence[Outcome]) -> str:
    failed = {check for one in outcomes for check in one.failures}
    failed |= {"complete" for one in outcomes if one.complete_text and not one.complete}
    rows = [
        (
            escape(name),
            escape(words.asks),
            "<span class=bad>no</span>" if name in failed else _held(name, outcomes),
        )
        for name, words in CHECKS.items()
        if name != "accounting"
    ]
    return _table(("check", "question", "answer"), rows)


def _held(check: str, outcomes: Sequence[Outcome]) -> str:
    """Yes, and how often it was asked; or why nobody asked."""
    if check == "maker":
        asked = sum(one.maker_asked for one in outcomes)
        return f"yes, of {_count(asked, 'box', 'boxes')}" if asked else "not asked"
    if check == "complete":
        return "yes" if any(one.complete for one in outcomes) else "not asked"
    if check == "revoked":
        return _held_revoked(outcomes)
    if count := sum(one.asked.get(check, 0) for one in outcomes):
        return f"yes, {_count(count, 'time')}"
    no_tpm = check in _OF_A_TPM and outcomes and not any(one.in_tpm for one in outcomes)
    return "there is no TPM" if no_tpm else "not asked"


def _held_revoked(outcomes: Sequence[Outcome]) -> str:
    named = max((one.revoked_named for one in outcomes), default=0)
    if not named:
        return "not asked: the trust file names no key as revoked"
    here = sum(one.revoked_asked for one in outcomes)
    if not here:
        return f"{_count(named, 'key')} named as revoked, none of them here"
    return f"yes, of {_count(here, 'box', 'boxes')}"


def _instant(utc_ms: int) -> str:
    try:
        return f"{datetime.fromtimestamp(utc_ms // 1_000, UTC):%Y-%m-%d %H:%M}"
    except (ValueError, OverflowError, OSError):
        return f"{utc_ms} ms since 1970"


def _duration(ms: int) -> str:
    """Rounded up: to a second below two hours, to a minute below two days, and to an hour above."""
    seconds = -(-ms // 1_000)
    if seconds < 120:
        return f"{seconds} s"
    if seconds < 2 * _HOUR_S:
        return _both(seconds, 60, "min", "s")
    if seconds < 2 * _DAY_S:
        return _both(-(-seconds // 60), 60, "h", "min")
    return _both(-(-seconds // _HOUR_S), 24, "d", "h")


def _both(value: int, to_one: int, large: str, small: str) -> str:
    many, few = divmod(value, to_one)
    return f"{many:,} {large} {few} {small}" if few else f"{many:,} {large}"


def _count(count: int, what: str, plural: str = "") -> str:
    return f"{count:,} {what if count == 1 else plural or what + 's'}"
