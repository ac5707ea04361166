"""What became of one grant, from the offer that was taken to the last receipt, as steps in the order of time; pure.

Everybody who had to do with it tells from his own side: the ledger what was sold, a box and an operator by lines of
their logs, a box's report what it signed, a device what it counted. A log is lines of JSON of one form (docs/logs.md),
`{"utc_ms": ..., "what": ..., "text": ...}`, and a line is about a grant if its text names it. A log proves nothing;
what a report's records are worth is said with each.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ledger.pages import GrantPage
from ledger.reports.outcome import Outcome
from ledger.reports.rows import Judged, Row
from operatord.reconciling import Accounted
from wire.grant_proof import GrantProof
from wire.units import U63_MAX, format_duration, format_money, format_rate, format_size

MAX_LINE_CHARACTERS = 64 * 1024


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened: when (ms UTC), who says so, a word for it, a sentence."""

    utc_ms: int
    by: str
    what: str
    text: str


def in_order(steps: Iterable[Step]) -> list[Step]:
    """By time; what happened in one millisecond stays as it was told."""
    return sorted(steps, key=lambda step: step.utc_ms)


def read_log(lines: Iterable[str], by: str, grant_id: bytes) -> Iterator[Step]:
    """Steps of this grant. A supervisor's own words and lines of other programs are passed over."""
    name = grant_id.hex()
    for line in lines:
        if name not in line or len(line) > MAX_LINE_CHARACTERS:
            continue
        match _parse(line):
            case {"utc_ms": int(utc_ms), "what": str(what), "text": str(text)} if 0 <= utc_ms <= U63_MAX:
                yield Step(utc_ms, by, what, text)


def _parse(line: str) -> Any:
    """What of a line is JSON; before it there may be what `journalctl` and `logread` write there."""
    _, brace, rest = line.partition("{")
    try:
        return json.loads(brace + rest)
    except (ValueError, RecursionError):
        return None


def tell_sale(grant: GrantPage, proof: GrantProof, url: str) -> Step:
    """Out of the ledger's page of a grant, and the verified proof of the block that sold it."""
    cost = f" for {format_money(grant.price_ubc)} (as the page says)" if grant.price_ubc is not None else ""
    sold = proof.grant
    rates = (
        f"{format_rate(sold.total_qos.floor_down_bps)} down and {format_rate(sold.total_qos.floor_up_bps)} up"
    )
    text = (
        f"offer {sold.epoch} of provider {sold.provider_id.hex()} was taken{cost}: {rates} at least, "
        f"{format_duration(sold.duration_s)}; purchase {sold.transaction.hex()}..., block {proof.height}"
    )
    return Step(proof.time_s * 1_000, f"ledger {url}", "bought", text)


def tell_term(proof: GrantProof, url: str) -> tuple[Step, Step]:
    """When the grant begins and ends, as its seller signed it."""
    grant = proof.grant
    by = f"ledger {url}"
    return (
        Step(grant.starts_s * 1_000, by, "begins", "from now on it may be used"),
        Step(grant.ends_s * 1_000, by, "ends", "its time is over"),
    )


def tell_rows(judged: Iterable[Judged], grant_id: bytes, by: str) -> Iterator[Step]:
    """What a box signed of the grant, a step for each report that has it."""
    for one in judged:
        for row in one.rows:
            if row.grant_id == grant_id:
                yield Step(row.to_utc_ms, by, "metered", _say_row(row))


def _say_row(row: Row) -> str:
    signed = "signed by a TPM" if row.attested else "unattested"
    missing = row.down_shortfall_bytes + row.up_shortfall_bytes
    short = f", {format_size(missing)} missing" if missing else ""
    holds = row.why or "holds"
    seconds = format_duration((row.to_utc_ms - row.from_utc_ms) // 1_000)
    return (
        f"record {row.sequence}, {seconds}: {format_size(row.down_bytes)} down, {format_size(row.up_bytes)} up{short}; "
        f"{signed}; {holds}"
    )


def tell_end(outcome: Outcome) -> Step:
    """The ledger has the box's records up to this one, as of a block that it signed; whether the file has them, too."""
    text = f"the ledger has all records up to {outcome.end_sequence}"
    if not outcome.complete:
        text += f"; the file does not show them: there may be more of this grant ({outcome.complete_text})"
    what = "acknowledged" if outcome.complete else "withheld"
    return Step(outcome.proved_s * 1_000, outcome.file, what, text)


def tell_counted(counted: Accounted, by: str) -> Step:
    """The sum of a device's rows of the grant, as of the last of them."""
    text = (
        f"counted {format_size(counted.down_bytes)} down, {format_size(counted.up_bytes)} up, from its side"
    )
    return Step(counted.last_s * 1_000, by, "left", text)
