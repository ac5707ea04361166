"""The sections of the report, each from a `Result` to markup; "" where a result has nothing to show in it.

The order of the page is `report.py`'s. What did not hold is said in words as well as in colour, and each
chart has its numbers as a table beside it.
"""

from collections.abc import Sequence

from lab import markup
from lab.charts import (
    Band,
    Era,
    Line,
    Words,
    change_chart,
    coverage_strip,
    deviation_chart,
    distribution_chart,
    line_chart,
)
from lab.markup import (
    WHOLE_PX,
    WIDE_PX,
    bullets,
    format_axis_rate,
    format_change,
    format_milliseconds,
    format_seconds,
    percentile,
    text,
)
from lab.result import (
    METER_TOLERANCE,
    Attack,
    LatencyPoint,
    RatePoint,
    Record,
    Result,
    Session,
    Unpaid,
    keeps_floor,
    meter_error,
    problems,
    promised_bps,
)
from wire.units import format_money, format_rate, format_size

LATENCY_GOAL_MS = 60.0
"""A 5 Mbit/s session under its own load, 99th percentile, even with a FIFO (docs/performance.md)."""

OFF_THE_SCALE = 1.7
"""Demand above this multiple of what was delivered would squeeze the chart: it is cut off, and said."""

ABOUT = r"""Devices with nothing but a key read a signed offer, bought a guaranteed rate with one signed
        transaction and were let in by the key that paid. The access point’s TPM signed what it metered; a
        verifier with no part in the sale compared that with the ledger.
        """

ABOUT_RATES = r"""Bits of IP packets per second at the station. A grant promises its floor whatever the
              others do; above the floor a session may use what is left, up to its ceiling.
              """

ABOUT_LATENCY = r"""Echo requests from the station to the server behind the operator, beside the session’s
                own traffic and in the same class.
                """

ABOUT_METERING = r"""The meter is the shaper’s own count, signed by the TPM. The other count shares nothing
                 with it: it is read outside the access point, from interfaces and packet filters of the
                 lab. Both are bytes of IP packets.
                 """

ABOUT_SHORTFALLS = r"""A radio cannot promise that a station stays near. Where a floor was wanted and did not
                   arrive, the signed reports say how many bytes were missing, and the access point pays their
                   part of the price back. Owed and paid back are of both directions together.
                   """

ABOUT_ACCOUNTING = r"""The operator’s own witness: counters of the access point’s Wi-Fi driver, told by RADIUS,
                    rid of each frame’s headers. Accepted are 3 % of the volume, and 5 % of the duration and
                    10 s, as the Wireless Broadband Alliance accepts them.
                    """

ABOUT_CHAIN = r"""Each record holds the hash of the one before and is extended into the TPM’s register, whose
              quote signs it; an anchor certifies a counter that cannot be turned back.
              """

_OUTCOMES = {"agrees": "✓ agrees", "disagrees": "✗ disagrees", "open": "· not judged, it goes on"}

READ_NEXT = (
    ("docs/architecture.md", "how the parts fit together, on one page"),
    ("docs/wire/", "each signed message, byte by byte"),
    ("docs/performance.md", "the figures beside their alternatives, with the command that made each"),
    ("docs/decisions/", "why it is built this way and what was given up"),
)


def opening(result: Result) -> str:
    """The verdict, what did not hold, and where it ran."""
    wrong = problems(result)
    style, sign = ("good", "✓") if not wrong else ("bad", "✗")
    complaints = bullets((text(each) for each in wrong), "complaints") if wrong else ""
    run = result.run
    facts = (
        text(run.began),
        f"{run.lasted_s:.0f} s",
        f"air {format_rate(run.downlink_bps)} down, {format_rate(run.uplink_bps)} up",
        text(run.machine),
        *(text(remark) for remark in run.remarks),
    )
    headline = (
        "This run did not keep every promise"
        if wrong
        else "Stations bought a rate, the kernel delivered it, and the signed meter checks out"
    )
    return (
        f'<header><p class="verdict {style}"><span aria-hidden="true">{sign}</span> {text(verdict(result))}</p>'
        f"<h1>{headline}</h1>{complaints}"
        f'<p class="lead">{ABOUT}</p>'
        f"{bullets(facts, 'facts')}</header>"
    )


def verdict(result: Result) -> str:
    """One line: whether every promise held."""
    wrong = len(problems(result))
    return (
        "every promise held"
        if not wrong
        else f"{wrong} {'promise' if wrong == 1 else 'promises'} did not hold"
    )


def tiles(result: Result) -> str:
    """The numbers to remember, each with its verdict."""
    kept = sum(keeps_floor(session) for session in result.sessions)
    worst = max((abs(meter_error(session)) for session in result.sessions), default=0.0)
    stoppable = [attack for attack in result.attacks if attack.stoppable]
    stopped = sum(1 for attack in stoppable if attack.stopped)
    open_ends = len(result.attacks) - len(stoppable)
    left_open = f"; {open_ends} cannot be on an open network" if open_ends else ""
    reports = result.reports
    shown = [
        _share(kept, len(result.sessions), "guarantees kept while everybody pushed"),
        _share(reports.verified, reports.count, "signed records verified"),
        _tile(
            f"{worst:.3%}",
            "largest gap between meter and wire (0.1 % allowed)",
            holds=worst <= METER_TOLERANCE,
        ),
        _share(stopped, len(stoppable), f"attacks stopped{left_open}"),
        _tile(*_money_in_a_word(result), holds=result.ledger.conserved),
    ]
    for each in result.figures:
        goal = "" if each.goal is None else f" (goal {each.goal:g} {each.unit})"
        shown.append(
            _tile(f"{each.value:.3g} <small>{text(each.unit)}</small>", text(each.what + goal), holds=each.ok)
        )
    return f'<ul class="tiles">{"".join(shown)}</ul>'


def _share(part: int, whole: int, what: str) -> str:
    return _tile(f"{part} <small>of {whole}</small>", what, holds=part == whole)


def _money_in_a_word(result: Result) -> tuple[str, str]:
    change = sum(each.after_ubc - each.before_ubc for each in result.ledger.accounts)
    conserved = "made or lost: money is conserved"
    return format_change(change), conserved if result.ledger.conserved else "made or lost"


def _tile(value: str, what: str, *, holds: bool) -> str:
    style, word = ("good", "✓ holds") if holds else ("bad", "✗ does not hold")
    return f'<li class="tile"><b>{value}</b><span>{what}</span><span class="mark {style}">{word}</span></li>'


def rates(result: Result) -> str:
    """For each session and each unpaid station: what was sold, asked for and delivered."""
    end = max([result.run.lasted_s, *(session.ends_s for session in result.sessions)])
    eras = _eras(result)
    figures = [_session_figure(session, end, eras) for session in result.sessions]
    figures += [_unpaid_figure(each, end, eras) for each in result.unpaid]
    legend = markup.legend(
        ("l-delivered", "delivered"),
        ("l-offered", "asked for or pushed"),
        ("box l-band", "sold: between floor and ceiling"),
    )
    rows = [
        (
            text(session.buyer),
            f"<code>{text(session.grant[:16])}</code>",
            f"{session.direction}link",
            format_rate(session.floor_bps),
            format_rate(session.ceil_bps),
            f"{format_rate(session.delivered_bps)}",
            f"{session.delivered_bps / max(1, promised_bps(session)):.1%}",
            f"{session.starts_s:.1f} to {session.ends_s:.1f} s",
            format_money(session.price_ubc),
        )
        for session in result.sessions
    ]
    head = ("Buyer", "Grant", "Way", "Floor", "Ceiling", "Delivered", "Of what was promised", "Time", "Price")
    table = markup.table(head, rows, caption="Average rates while everybody pushed", numeric=(3, 4, 5, 6, 8))
    return markup.section(
        "What was bought, and what arrived",
        ABOUT_RATES,
        f'<div class="plots">{"".join(figures)}</div>{legend}',
        ("Sessions as a table", table),
    )


def _eras(result: Result) -> tuple[Era, ...]:
    run = result.run
    if run.crowded_from_s == run.crowded_to_s:
        return ()
    return (Era(run.crowded_from_s, run.crowded_to_s, "everybody pushes"),)


def _session_figure(session: Session, end: float, eras: tuple[Era, ...]) -> str:
    floor, ceiling = f"floor {format_rate(session.floor_bps)}", f"ceiling {format_rate(session.ceil_bps)}"
    if session.floor_bps == session.ceil_bps:
        floor, ceiling = f"floor and ceiling {format_rate(session.floor_bps)}", ""
    span = (session.starts_s, session.ends_s, session.floor_bps, session.ceil_bps)
    band = Band("band", *span, floor, ceiling)
    highest = max([session.ceil_bps, *(point.delivered_bps for point in session.rates)])
    words = Words(
        f"{session.buyer}, {session.direction}link",
        f"Sold {format_rate(session.floor_bps)} to {format_rate(session.ceil_bps)}, delivered "
        f"{format_rate(session.delivered_bps)} on average under load.",
        format_seconds,
        format_axis_rate,
        eras,
    )
    sub = f"{session.direction}link, delivered {format_rate(session.delivered_bps)} under load"
    asked = max((point.offered_bps or 0 for point in session.rates), default=0)
    if asked > highest * OFF_THE_SCALE:
        sub += f", asked for {format_rate(asked)} (off the scale)"
    y_high = max(highest * 1.18, min(asked * 1.08, highest * OFF_THE_SCALE))
    return _rate_figure(session.buyer, sub, session.rates, [band], words, y_high, end)


def _unpaid_figure(each: Unpaid, end: float, eras: tuple[Era, ...]) -> str:
    highest = max([each.offered_bps, *(point.offered_bps or 0 for point in each.rates), 1])
    words = Words(
        f"{each.name}, no grant",
        f"Pushed {format_rate(each.offered_bps)} and {format_size(each.delivered_bytes)} came through.",
        format_seconds,
        format_axis_rate,
        eras,
    )
    sub = f"{each.story}; {format_size(each.delivered_bytes)} came through"
    return _rate_figure(each.name, sub, each.rates, [], words, highest * 1.18, end)


def _rate_figure(
    name: str,
    sub: str,
    points: Sequence[RatePoint],
    bands: Sequence[Band],
    words: Words,
    y_high: float,
    end: float,
) -> str:
    offered = tuple(
        (point.t_s, float(point.offered_bps)) for point in points if point.offered_bps is not None
    )
    delivered = tuple((point.t_s, float(point.delivered_bps)) for point in points)
    lines = [
        Line("asked for", "offered", offered, _rate),
        Line("delivered", "delivered", delivered, _rate),
    ]
    return markup.figure(
        name,
        sub,
        lambda width: line_chart(
            lines, bands, words, width=width, height=230, y_high=y_high, x_range=(0.0, end)
        ),
        WIDE_PX,
    )


def _rate(bps: float) -> str:
    return format_rate(round(bps))


def latency(result: Result) -> str:
    """How long answers took, as a distribution and over time."""
    probed = [session for session in result.sessions if session.latency]
    if not probed:
        return ""
    styles = ("delivered", "second", "offered")
    samples = [
        (session.buyer, styles[index % len(styles)], [point.rtt_ms for point in session.latency])
        for index, session in enumerate(probed)
    ]
    words = Words(
        "Round trips under load",
        "; ".join(
            f"{name}: half below {percentile(values, 0.5):.1f} ms, 99 % below {percentile(values, 0.99):.1f} ms"
            for name, _, values in samples
        ),
        format_milliseconds,
        "{:.0%}".format,
    )
    spread = markup.figure(
        "How many answers came within",
        "share of all round trips",
        lambda width: distribution_chart(
            samples, words, width=width, height=230, limit=(LATENCY_GOAL_MS, f"{LATENCY_GOAL_MS:.0f} ms")
        ),
        WIDE_PX,
    )
    lines = [
        Line(
            session.buyer,
            style,
            tuple((point.t_s, point.rtt_ms) for point in _thinned(session)),
            "{:.1f} ms".format,
        )
        for session, (_, style, _) in zip(probed, samples, strict=True)
    ]
    highest = max(percentile(values, 0.999) for _, _, values in samples) * 1.2
    over_time = Words(
        "Round trips over time", words.description, format_seconds, format_milliseconds, _eras(result)
    )
    timeline = markup.figure(
        "Over time",
        "worst round trip of each half second",
        lambda width: line_chart(
            lines, [], over_time, width=width, height=230, y_high=highest, x_range=(0.0, result.run.lasted_s)
        ),
        WIDE_PX,
    )
    legend = markup.legend(*((f"l-{style}", name) for name, style, _ in samples))
    rows = [
        (
            text(name),
            f"{len(values):,}",
            *(f"{percentile(values, share):.2f} ms" for share in (0.5, 0.95, 0.99)),
            f"{max(values):.2f} ms",
            str(session.lost_pings),
        )
        for session, (name, _, values) in zip(probed, samples, strict=True)
    ]
    table = markup.table(
        ("Buyer", "Answers", "Half within", "95 %", "99 %", "Slowest", "Lost"),
        rows,
        numeric=(1, 2, 3, 4, 5, 6),
    )
    return markup.section(
        "How long an answer took",
        ABOUT_LATENCY,
        f'<div class="plots">{spread}{timeline}</div>{legend}',
        ("Latency as a table", table),
    )


def _thinned(session: Session) -> list[LatencyPoint]:
    """The worst sample of each half second: a screen has no room for more, and the worst is what hurts."""
    worst: dict[int, LatencyPoint] = {}
    for point in session.latency:
        slot = int(point.t_s * 2)
        if slot not in worst or point.rtt_ms > worst[slot].rtt_ms:
            worst[slot] = point
    return [worst[slot] for slot in sorted(worst)]


def metering(result: Result) -> str:
    """The meter beside the independent count."""
    if not result.sessions:
        return ""
    names = [f"{session.buyer} {'↓' if session.direction == 'down' else '↑'}" for session in result.sessions]
    rows = [(name, meter_error(session)) for name, session in zip(names, result.sessions, strict=True)]
    words = Words(
        "Meter against wire",
        "; ".join(f"{name} {error:+.4%}" for name, error in rows),
        lambda value: f"{value:+.1%}" if value else "0",
        "{:+.4%}".format,
    )
    figure = markup.figure(
        "How far the signed meter is from the wire",
        f"the band is the tolerated ±{METER_TOLERANCE:.1%}",
        lambda width: deviation_chart(rows, METER_TOLERANCE, words, width=width),
        WHOLE_PX,
        whole=True,
    )
    table = markup.table(
        ("Buyer", "Way", "Metered, signed, billed", "Counted on the wire", "Difference"),
        [
            (
                text(session.buyer),
                f"{session.direction}link",
                f"{session.metered_bytes:,} B",
                f"{session.wire_bytes:,} B",
                f"{session.metered_bytes - session.wire_bytes:+,} B ({meter_error(session):+.4%})",
            )
            for session in result.sessions
        ],
        numeric=(2, 3, 4),
    )
    return markup.section(
        "Bytes metered against bytes really sent",
        ABOUT_METERING,
        f'<div class="plots">{figure}</div>{table}',
    )


def shortfalls(result: Result) -> str:
    """What did not arrive of what was promised, and what was paid back for it."""
    short = [session for session in result.sessions if session.shortfall_bytes]
    if not short:
        return ""
    table = markup.table(
        ("Buyer", "Way", "Missing below the floor", "Price", "Owed", "Paid back"),
        [
            (
                text(session.buyer),
                f"{session.direction}link",
                f"{session.shortfall_bytes:,} B",
                format_money(session.price_ubc),
                format_money(session.owed_ubc),
                format_money(session.refunded_ubc),
            )
            for session in short
        ],
        numeric=(2, 3, 4, 5),
    )
    return markup.section("What was missing, and what was paid back for it", ABOUT_SHORTFALLS, table)


def accounting(result: Result) -> str:
    """What the access points told by RADIUS beside what their TPMs signed; a part of metering."""
    if not result.accounting:
        return ""
    table = markup.table(
        ("Buyer", "Grant", "Up, accounted", "Up, metered", "Down, accounted", "Down, metered", "Lasted", ""),
        [
            (
                text(each.buyer),
                each.grant[:12],
                f"{each.accounted_up_bytes:,} B",
                f"{each.metered_up_bytes:,} B",
                f"{each.accounted_down_bytes:,} B",
                f"{each.metered_down_bytes:,} B",
                f"{each.accounted_s} s; metered {each.metered_least_s} to {each.metered_most_s} s",
                text(_OUTCOMES[each.outcome]),
            )
            for each in result.accounting
        ],
        numeric=(2, 3, 4, 5),
    )
    wrong = [text(f"{each.buyer}: {sentence}") for each in result.accounting for sentence in each.said]
    return markup.section(
        "Accounting against the meter",
        ABOUT_ACCOUNTING,
        table + (markup.bullets(wrong, "bad") if wrong else ""),
    )


def chain(result: Result) -> str:
    """The metering records as the verifier found them, and the times that none covers."""
    reports = result.reports
    spans = [
        *((each.from_s, each.to_s, "covered") for each in reports.records if each.kind == "report"),
        *((each.from_s, each.to_s, "gap") for each in reports.gaps),
    ]
    points = [(each.to_s, each.kind) for each in reports.records if each.kind != "report"]
    words = Words(
        "Times that signed reports cover",
        f"{len(reports.records)} records, {reports.unmetered_s:g} s without one.",
        format_seconds,
        str,
    )
    strip = markup.figure(
        "Time under the signed meter",
        f"{reports.unmetered_s:g} s unmetered",
        lambda width: coverage_strip(spans, points, words, width=width),
        WHOLE_PX,
        whole=True,
    )
    legend = markup.legend(
        ("box l-covered", "one report"),
        ("box l-gap", "nobody vouches for this"),
        ("box l-boot", "boot record"),
        ("box l-anchor", "anchor record"),
    )
    gaps = bullets(
        (f"{each.from_s:.1f} to {each.to_s:.1f} s: {text(each.reason)}" for each in reports.gaps), "gaps"
    )
    rows = [_record_row(each) for each in reports.records]
    head = ("Record", "No.", "Time", "Bytes", "Hash", "Verifier&#8217;s findings")
    table = markup.table(head, rows, numeric=(1, 3))
    failed = [each for each in reports.records if not each.holds]
    summary = f"All {len(rows)} records, check by check"
    shown = (
        markup.table(
            head, [_record_row(each) for each in failed], caption="Records that do not hold", numeric=(1, 3)
        )
        if failed
        else ""
    )
    return markup.section(
        "The signed chain of meter readings",
        f"{ABOUT_CHAIN} {reports.verified} of {reports.count} verified."
        + (f" Signed by {text(reports.signed_by)}." if reports.signed_by else ""),
        (f'<div class="plots">{strip}</div>{legend}' if spans else "")
        + (gaps if reports.gaps else "")
        + shown,
        (summary, table) if rows else None,
    )


def _record_row(record: Record) -> tuple[str, ...]:
    checks = "".join(
        f'<span class="{"good" if check.holds else "bad"}" title="{text(check.detail)}">'
        f"{'✓' if check.holds else '✗'} {text(check.name)}{'' if check.holds else ': ' + text(check.detail)}</span>"
        for check in record.checks
    )
    span = (
        f"{record.to_s:.1f} s"
        if record.from_s == record.to_s
        else f"{record.from_s:.1f} to {record.to_s:.1f} s"
    )
    return (
        text(record.kind),
        str(record.sequence),
        span,
        f"{record.metered_bytes:,}" if record.kind == "report" else "",
        f"<code>{text(record.digest[:16])}</code>",
        f'<div class="checks">{checks}</div>',
    )


def money(result: Result) -> str:
    """Who paid and who earned, and the hash of the state."""
    accounts = result.ledger.accounts
    if not accounts:
        return ""
    changes = [(each.name, float(each.after_ubc - each.before_ubc)) for each in accounts]
    words = Words(
        "Change of each account",
        "; ".join(f"{name} {format_change(change)}" for name, change in changes),
        format_change,
        str,
    )
    figure = markup.figure(
        "Who paid and who earned",
        "changes add up to zero" if result.ledger.conserved else "changes do not add up to zero",
        lambda width: change_chart(changes, words, width=width),
        WHOLE_PX,
        whole=True,
    )
    before, after = sum(each.before_ubc for each in accounts), sum(each.after_ubc for each in accounts)
    table = markup.table(
        ("Account", "Role", "Name in the ledger", "Before", "After", "Change"),
        [
            (
                text(each.name),
                text(each.role),
                f"<code>{text(each.account[:18])}…</code>",
                format_money(each.before_ubc),
                format_money(each.after_ubc),
                format_change(each.after_ubc - each.before_ubc),
            )
            for each in accounts
        ],
        numeric=(3, 4, 5),
        total=(
            "All accounts",
            "",
            "",
            format_money(before),
            format_money(after),
            format_change(after - before),
        ),
    )
    ledger = result.ledger
    return markup.section(
        "Money before and after",
        f"{ledger.transactions} transactions in {ledger.height} blocks. Anyone who replays the log comes to the same "
        f"state hash: <code>{text(ledger.app_hash)}</code>",
        f'<div class="plots">{figure}</div>{table}',
    )


def attacks(attacks: Sequence[Attack]) -> str:
    """Everything that was tried; what an open network cannot stop comes last, and is said."""
    if not attacks:
        return ""
    items = "".join(
        _attack(each) for each in sorted(attacks, key=lambda attack: (not attack.stoppable and 1) or 0)
    )
    return markup.section(
        "What was tried against it",
        "Each attempt was really made, on the same air, while the others were using it.",
        f'<ul class="attacks">{items}</ul>',
    )


def _attack(attack: Attack) -> str:
    if attack.stopped:
        style, word = "good", "✓ stopped"
    elif attack.stoppable:
        style, word = "bad", "✗ not stopped"
    else:
        style, word = "plain", "! not on an open network"
    by = f"{'Stopped by' if attack.stopped else 'What stops it:'} {text(attack.by)}." if attack.by else ""
    tried = f"<p>{text(attack.tried)}</p>" if attack.tried else ""
    evidence = f"<p>{text(attack.evidence)}</p>" if attack.evidence else ""
    return (
        f'<li><div><span class="tag {style}">{word}</span></div>'
        f"<div><h3>{text(attack.name)}</h3>{tried}<p><b>{by}</b></p>{evidence}</div></li>"
    )


def moments(result: Result) -> str:
    """The story, line by line."""
    if not result.moments:
        return ""
    items = "".join(
        f"<li><time>{each.t_s:.2f} s</time><b>{text(each.who)}</b><span>{text(each.what)}</span></li>"
        for each in sorted(result.moments, key=lambda moment: moment.t_s)
    )
    return markup.section("What happened, in order", "", f'<ol class="moments">{items}</ol>')


def further_reading() -> str:
    """Where to go from here; paths are relative to build/demo."""
    items = (f'<a href="../../{path}"><code>{path}</code></a>: {what}' for path, what in READ_NEXT)
    return markup.section("What to read next", "", bullets(items, "next"))
