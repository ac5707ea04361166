"""Steps of one grant out of logs and rows: what is about it and readable, in order, and nothing else."""

from __future__ import annotations

import json
from dataclasses import replace

from apd.shells.software_key import SoftwareKey
from lab.meter_chain import MeterChain
from ledger.reports.outcome import Outcome
from ledger.reports.rows import judge_records
from operatord.reconciling import Accounted
from operatord.tracing import MAX_LINE_CHARACTERS, Step, in_order, read_log, tell_counted, tell_end, tell_rows
from tests.ledger.test_bundle import GRANT, OTHER
from tests.ledger_world import PROVIDER, START_S
from wire.attestation_result import AttestationResult
from wire.meter_record import UsageRow

NAME = GRANT.grant_id.hex()


def line(text: str, utc_ms: object = 5, what: object = "session_active") -> str:
    return json.dumps({"utc_ms": utc_ms, "what": what, "text": text}) + "\n"


def test_lines_that_name_the_grant_are_its_steps_whatever_is_before_them() -> None:
    lines = [
        line(f"02:00 gets 2 Mbit/s down, grant {NAME}"),
        "Nov 22 20:00:00 roof apd[7]: " + line(f"02:00: time_is_up, grant {NAME}", 9, "session_ends"),
        line(f"02:01 gets 2 Mbit/s down, grant {OTHER.grant_id.hex()}"),
    ]
    assert list(read_log(lines, "roof", GRANT.grant_id)) == [
        Step(5, "roof", "session_active", f"02:00 gets 2 Mbit/s down, grant {NAME}"),
        Step(9, "roof", "session_ends", f"02:00: time_is_up, grant {NAME}"),
    ]


def test_what_is_no_line_of_ours_is_passed_over() -> None:
    lines = [
        f"systemd[1]: {NAME}",
        f"{{{NAME}",
        line(NAME, utc_ms="5"),
        line(NAME, utc_ms=-1),
        line(NAME, utc_ms=2**63),
        line(NAME, what=7),
        json.dumps([NAME]),
        "{" * 50_000 + NAME,
        line(NAME + "x" * MAX_LINE_CHARACTERS),
    ]
    assert list(read_log(lines, "roof", GRANT.grant_id)) == []


def test_rows_of_a_report_say_what_was_signed_and_whether_it_holds() -> None:
    key = SoftwareKey(PROVIDER)
    chain = MeterChain(key, START_S * 1_000)
    served = UsageRow(GRANT.grant_id, 1_000_000, 2_000, 1_000_000, 2_000, 300, 0)
    too_much = UsageRow(GRANT.grant_id, 10**12, 0, 10**12, 0)
    records = [
        chain.boot(), chain.usage(5_000, served), chain.usage(5_000, UsageRow(OTHER.grant_id, 1, 1, 1, 1)),
        chain.usage(5_000, too_much),
    ]  # fmt: skip
    enrolled = AttestationResult(key.public_key, b"", PROVIDER.public, b"", START_S)
    grants = {one.grant_id: one for one in (GRANT, OTHER)}
    good, bad = tell_rows(judge_records(records, enrolled, grants.get), GRANT.grant_id, "roof.report")
    assert good == Step(
        (START_S + 5) * 1_000, "roof.report", "metered",
        "record 2, 5 s: 1 MB down, 2 kB up, 300 B missing; unattested; holds",
    )  # fmt: skip
    assert bad.utc_ms == (START_S + 15) * 1_000
    assert "exceed the ceiling" in bad.text


END = Outcome("a", end_sequence=7, proved_s=9, complete=True)


def test_a_file_that_withholds_records_is_not_said_to_show_what_the_ledger_has() -> None:
    step = tell_end(replace(END, complete=False, complete_text="shown to 3"))
    assert (step.what, step.text) == (
        "withheld",
        "the ledger has all records up to 7; the file does not show them: there may be more of this grant (shown to 3)",
    )


def test_order_is_of_time_and_what_came_together_stays_as_told() -> None:
    steps = [tell_end(END), tell_counted(Accounted(up_bytes=1, down_bytes=2, last_s=3), "b")]
    same = [Step(5, name, "x", "") for name in "cab"]
    assert [step.by for step in in_order([*steps, *same])] == ["c", "a", "b", "b", "a"]
    assert [step.text for step in steps] == [
        "the ledger has all records up to 7", "counted 2 B down, 1 B up, from its side",
    ]  # fmt: skip
