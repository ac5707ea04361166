"""How offers, accounts, transactions and audits look in a terminal and as JSON. Pure: values in, rich tables
out.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from rich.markup import escape
from rich.table import Table

from ledger.bundle import Audit
from ledger.findings import CHECKS, Finding, RecordVerdict
from wire.ids import PublicKey
from wire.refund import refund_ubc
from wire.units import PPM, format_duration, format_money, format_rate, format_size

HOLDS, FAILS, SILENT = "[green]✓[/]", "[bold red]✗[/]", "[dim]·[/]"


def offer_table(offers: Sequence[dict[str, Any]]) -> Table:
    """One line for each provider."""
    table = Table(title=None if offers else "nobody sells anything")
    for name in ("provider", "epoch", "price", "for", "left", "down", "up", "band MHz", "use"):
        table.add_column(name, justify="left" if name in ("provider", "use") else "right")
    for offer in offers:
        qos, band = offer["qos"], offer["band"]
        table.add_row(
            offer["provider"],
            str(offer["epoch"]),
            format_money(offer["price_ubc"]),
            format_duration(offer["allocation_duration_s"]),
            f"{offer['allocations_left']}/{offer['max_allocations']}",
            _range(qos["floor_down_bps"], qos["ceil_down_bps"]),
            _range(qos["floor_up_bps"], qos["ceil_up_bps"]),
            f"{_thousandths(band['from_frequency_khz'])}–{_thousandths(band['to_frequency_khz'])}",
            _limits(qos),
        )
    return table


def _limits(qos: dict[str, Any]) -> str:
    """What use beyond a limit costs, or that it ends there; of one unit."""
    usage, words = qos["usage"], []
    if usage is not None:
        included, most = format_size(usage["included_bytes"]), format_money(usage["most_ubc"])
        words.append(f"beyond {included} paid afterwards, at most {most}")
    if qos["data_cap_bytes"]:
        words.append(f"ends at {format_size(qos['data_cap_bytes'])}")
    return ", ".join(words)


def offer_details(offer: dict[str, Any]) -> list[Table]:
    """The offer, and what can be reserved."""
    qos = offer["qos"]
    facts = _facts(
        ("provider", offer["provider"]),
        ("epoch", offer["epoch"]),
        ("price of a unit", format_money(offer["price_ubc"])),
        ("lasts", format_duration(offer["allocation_duration_s"])),
        ("left now", f"{offer['allocations_left']} of {offer['max_allocations']}"),
        ("down", _range(qos["floor_down_bps"], qos["ceil_down_bps"])),
        ("up", _range(qos["floor_up_bps"], qos["ceil_up_bps"])),
        ("data cap", format_size(qos["data_cap_bytes"]) if qos["data_cap_bytes"] else "none"),
        ("use beyond", _usage(qos["usage"])),
        ("rates count", "IP packets" if qos["rate_layer"] == "ip" else "Ethernet frames"),
        ("queue", qos["latency_class"].replace("_", " ")),
        ("each further unit", _factor(offer["volume_discount_multiplier_ppm"])),
        ("each period ahead", _factor(offer["reservation_discount_multiplier_ppm"])),
        ("settles an auction", "yes" if offer["cleared"] else "no"),
    )
    if not offer["reservations"]:
        return [facts]
    table = Table("period", "begins", "price of a unit", "units", title="can be reserved")
    for entry in offer["reservations"]:
        table.add_row(
            str(entry["period"]),
            _instant(entry["starts_s"]),
            format_money(entry["price_ubc"]),
            str(entry["capacity"]),
        )
    return [facts, table]


def account_table(page: dict[str, Any]) -> Table:
    return _facts(
        ("account", page["account"]),
        ("balance", format_money(page["balance_ubc"])),
        ("as of block", page["height"]),
        ("proof", f"{len(page['proof']['proof']) * 3 // 4} bytes, against the signed head (--json shows it)"),
    )


def transaction_table(transactions: Sequence[dict[str, Any]], account: PublicKey) -> Table:
    """What an account took part in."""
    title = "transactions" if transactions else "no transactions"
    table = Table("block", "action", "amount", "with", "id", title=title)
    own = account.key_id.hex()
    for one in transactions:
        amount_ubc = one["charged_ubc"] if one["charged_ubc"] is not None else one["price_ubc"]
        other = one["provider"] or ""
        issued = one["issuer_key_id"] == own
        table.add_row(
            str(one["height"]),
            one["action"],
            "" if amount_ubc is None else format_money(amount_ubc),
            (f"to {other}" if other else "") if issued else f"from key {one['issuer_key_id']}",
            one["id"],
        )
    return table


def audit_json(audits: Sequence[Audit]) -> dict[str, Any]:
    """Everything that was found, for scripts."""
    chains = [_chain_json(audit) for audit in audits]
    records = [record for chain in chains for record in chain["records"]]
    return {
        "ok": bool(chains) and all(chain["ok"] for chain in chains),
        "ledger_id": audits[0].ledger_id.hex() if audits else None,
        "count": len(records),
        "verified": sum(1 for record in records if record["ok"]),
        "unmetered_ms": sum(chain["unmetered_ms"] for chain in chains),
        "chains": chains,
    }


def audit_tables(audits: Sequence[Audit], all_findings: bool) -> list[Any]:  # noqa: FBT001 a switch of the command line
    """For each box a line per record, what does not hold in words, unmetered intervals, and a verdict."""
    shown: list[Any] = []
    for audit in audits:
        shown += [_chain_table(audit), *_chain_words(audit, all_findings), _chain_verdict(audit), ""]
    if audits:
        shown.append(f"by ledger {audits[0].ledger_id.hex()}")
    return shown or ["[bold red]nothing to verify: no attestation key is enrolled[/]"]


def _chain_json(audit: Audit) -> dict[str, Any]:
    verdict, enrolment = audit.verdict, audit.enrolment
    return {
        "key_id": enrolment.attestation_key.key_id.hex(),
        "provider": str(enrolment.provider),
        "in_tpm": enrolment.in_tpm,
        "ok": audit.ok,
        "complete": _finding_json(audit.complete),
        "ended_s": audit.proved.end.retired_s or None,
        "records": [_record_json(record) for record in verdict.records],
        "unmetered": [
            {"from_utc_ms": gap.from_utc_ms, "to_utc_ms": gap.to_utc_ms, "why": gap.why}
            for gap in verdict.unmetered
        ],
        "unmetered_ms": verdict.unmetered_ms,
        "usage": {
            grant_id.hex(): {
                "down_bytes": use.down_bytes,
                "up_bytes": use.up_bytes,
                "down_offered_bytes": use.down_offered_bytes,
                "up_offered_bytes": use.up_offered_bytes,
                "down_shortfall_bytes": use.down_shortfall_bytes,
                "up_shortfall_bytes": use.up_shortfall_bytes,
            }
            for grant_id, use in audit.usage.items()
        },
        "repayments": [
            {
                "grant": one.grant_id.hex(),
                "owed_ubc": one.owed_ubc,
                "paid_ubc": one.paid_ubc,
                "ok": one.ok,
            }
            for one in audit.repayments
        ],
    }


def _record_json(record: RecordVerdict) -> dict[str, Any]:
    return {
        "sequence": record.sequence,
        "kind": record.kind,
        "hash": record.record_hash.hex(),
        "attested": record.attested,
        "ok": not record.failures,
        "findings": [_finding_json(finding) for finding in record.findings],
        "unmetered": [
            {"from_utc_ms": gap.from_utc_ms, "to_utc_ms": gap.to_utc_ms, "why": gap.why}
            for gap in record.unmetered
        ],
    }


def _finding_json(finding: Finding) -> dict[str, Any]:
    return {
        "check": finding.check,
        "ok": finding.ok,
        "severity": finding.severity.value,
        "text": finding.text,
    }


def _chain_table(audit: Audit) -> Table:
    enrolment = audit.enrolment
    kind = "TPM" if enrolment.in_tpm else "software key: unattested"
    title = (
        f"meter {enrolment.attestation_key.key_id.hex()} ({kind}) of provider {str(enrolment.provider)[:16]}…"
    )
    table = Table("seq", "record", *CHECKS, title=title)
    for record in audit.verdict.records:
        marks = {check: _mark(record, check) for check in CHECKS}
        table.add_row(str(record.sequence), record.kind, *(marks[check] for check in CHECKS))
    return table


def _mark(record: RecordVerdict, check: str) -> str:
    found = [finding.ok for finding in record.findings if finding.check == check]
    if not found:
        return SILENT
    return HOLDS if all(found) else FAILS


def _chain_words(audit: Audit, all_findings: bool) -> list[str]:  # noqa: FBT001 as above
    words = []
    for record in audit.verdict.records:
        for finding in record.findings if all_findings else record.failures:
            mark = HOLDS if finding.ok else FAILS
            words.append(f"{mark} record {record.sequence}, {escape(finding.check)}: {escape(finding.text)}")
    for gap in audit.verdict.unmetered:
        begin, length_s = _instant(gap.from_utc_ms // 1_000), _thousandths(gap.to_utc_ms - gap.from_utc_ms)
        words.append(f"[yellow]unmetered[/] from {begin} for {length_s} s: {escape(gap.why)}")
    words += _shortfall_words(audit)
    mark = HOLDS if audit.complete.ok else FAILS  # always: it says as of when
    words.append(f"{mark} the chain, complete: {escape(audit.complete.text)}")
    if ended_s := audit.proved.end.retired_s:
        words.append(f"[yellow]ended[/] {_instant(ended_s)}: its provider enrolled another key")
    return words


def _shortfall_words(audit: Audit) -> list[str]:
    """What was promised, wanted and did not arrive, grant by grant."""
    words = []
    for grant_id, use in audit.usage.items():
        if not use.down_shortfall_bytes and not use.up_shortfall_bytes:
            continue
        down, up = format_size(use.down_shortfall_bytes), format_size(use.up_shortfall_bytes)
        grant = audit.grants.get(grant_id)
        part = ""
        if grant is not None:
            missing_ppm = refund_ubc(
                PPM, grant.total_qos, grant.duration_s, use.down_shortfall_bytes, use.up_shortfall_bytes
            )
            part = f", {_thousandths(missing_ppm // 10)} % of what its floors promise"
        words.append(f"[yellow]shortfall[/] grant {grant_id.hex()}: {down} down and {up} up{part}")
    for one in audit.repayments:
        owed = "what is owed is not known" if one.owed_ubc is None else f"{format_money(one.owed_ubc)} owed"
        paid = f"{format_money(one.paid_ubc)} paid back"
        words.append(f"{HOLDS if one.ok else FAILS} refund of grant {one.grant_id.hex()}: {owed}, {paid}")
    return words


def _chain_verdict(audit: Audit) -> str:
    verdict = audit.verdict
    bad = sum(1 for record in verdict.records if record.failures)
    if bad:
        return f"[bold red]{bad} of {len(verdict.records)} records do not hold[/]"
    if not audit.complete.ok:
        return f"[bold red]{len(verdict.records)} records hold, and others are withheld[/]"
    if not verdict.records:
        return "no records" if audit.ok else "[bold red]no records[/]"
    return f"[bold green]all {len(verdict.records)} records hold[/], {_thousandths(verdict.unmetered_ms)} s unmetered"


def _facts(*rows: tuple[str, object]) -> Table:
    table = Table(show_header=False)
    for name, value in rows:
        table.add_row(name, escape(str(value)))
    return table


def _usage(terms: dict[str, int] | None) -> str:
    if terms is None:
        return "costs nothing"
    return (
        f"{format_size(terms['included_bytes'])}: {format_money(terms['price_ubc'])} for each begun "
        f"{format_size(terms['step_bytes'])}, paid afterwards, at most {format_money(terms['most_ubc'])} a unit"
    )


def _range(floor_bps: int, ceil_bps: int) -> str:
    return f"{format_rate(floor_bps)} … {format_rate(ceil_bps)}"


def _thousandths(value: int) -> str:
    """Of something thousand times as large: 5170000 kHz are 5170 MHz, 1500 ms are 1.5 s."""
    whole, rest = divmod(value, 1_000)
    return f"{whole}.{rest:03d}".rstrip("0").rstrip(".")


def _factor(ppm: int) -> str:
    whole, rest = divmod(ppm, 1_000_000)
    return f"x {whole}.{rest:06d}".rstrip("0").rstrip(".")


def _instant(utc_s: int) -> str:
    return f"{datetime.fromtimestamp(utc_s, UTC):%Y-%m-%d %H:%M:%S} UTC"
