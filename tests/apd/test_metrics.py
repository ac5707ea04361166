"""What the box measures of itself: the right numbers, under the documented names, and nothing of anybody."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from apd.commands import Note, StoreRecord
from apd.events import DeadlineReached, SaveFailed
from apd.metrics import Tally, measure
from apd.session import Usage
from apd.status import describe
from tests.apd.air_world import air_box, serve
from tests.apd.playbook import Box, join, run_session, seconds, sells, start_box
from tests.apd.world import OTHER_STATION, STRANGER, grant
from tests.metrics_page import as_documented, documented, values
from wire.errors import ShellError
from wire.meter_record import UsageReport, UsageRow
from wire.metrics_text import MAX_WORDS, format_metrics

ROOT = Path(__file__).resolve().parents[2]


def shown(box: Box, tally: Tally = Tally()) -> dict[str, int]:  # noqa: B008 - frozen
    return values(measure(box.state, describe(box.state, box.now), tally, 4_096))


def told(box: Box) -> Tally:
    """What a shell that watched would have counted."""
    tally = Tally()
    for command in box.ordered:
        tally = tally.after(command)
    return tally


def using(box: Box, grant_id: bytes, usage: Usage) -> None:
    """As if the kernel had counted so much more."""
    session = box.state.sessions[grant_id]
    box.state = box.state.with_session(
        replace(session, used=session.used.plus(usage), unreported=session.unreported.plus(usage))
    )


def test_a_box_that_sells_and_serves():
    box = sells(start_box())
    run_session(box)
    box.feed(join(box, grant(2), OTHER_STATION, STRANGER))
    seen = shown(box, told(box))
    assert seen["airgrant_box_sessions{active}"] == 1
    assert seen["airgrant_box_sessions{closed}"] == 0
    assert seen["airgrant_box_floor_bytes_per_second{down}"] == 250_000_000, "thousandths"
    assert seen["airgrant_box_refused_total{not_the_consumer}"] == 1
    assert (seen["airgrant_box_offer"], seen["airgrant_box_enrolled"], seen["airgrant_box_attested"]) == (
        1,
        1,
        0,
    )
    assert seen["airgrant_box_resident_bytes"] == 4_096
    assert "airgrant_box_hostapd_connected" not in seen, "nothing is sold on the air"


def test_bytes_count_once_from_the_kernel_over_the_record_to_the_forgotten_session():
    box = sells(start_box())
    grant_id = run_session(box)
    using(box, grant_id, Usage(down_bytes=1_000, up_bytes=300, down_shortfall_bytes=40))
    for _ in range(3):
        box.pass_time(seconds(60))
        box.feed(DeadlineReached())
        seen = shown(box, told(box))
        assert seen["airgrant_box_delivered_bytes_total{down}"] == 1_000
        assert seen["airgrant_box_delivered_bytes_total{up}"] == 300
        assert seen["airgrant_box_shortfall_bytes_total{down}"] == 40


def test_a_record_is_counted_once_however_often_the_disk_is_given_it():
    report = UsageReport(7, bytes(32), 0, 1, (UsageRow(bytes(16), 5, 6, 7, 8, 1, 2),))
    store = StoreRecord(report, b"", (), 1)
    tally = Tally().after(store)
    assert tally.after(store) == tally
    assert tally.recorded == Usage(5, 6, 0, 0, 1, 2)


def test_what_waits_for_the_disk_counts():
    box = sells(start_box())
    report = UsageReport(7, bytes(32), 0, 1, (UsageRow(bytes(16), 5, 6, 7, 8),))
    box.feed(SaveFailed(ShellError("store", "full"), (StoreRecord(report, b"", (), 1),)))
    seen = shown(box, told(box))
    assert seen["airgrant_box_delivered_bytes_total{up}"] == 6
    assert (seen["airgrant_box_disk_failing"], seen["airgrant_box_notes_total{disk_failed}"]) == (1, 1)


def test_every_metric_is_in_the_page_and_no_other():
    box = air_box()
    serve(box)
    box.feed(join(box, grant(2), OTHER_STATION, STRANGER))
    box.state = box.state.with_refusal("lobby_garbage")
    families = measure(box.state, describe(box.state, box.now), Tally().after(Note("ready", "x")), 1)
    assert as_documented(families) == documented("airgrant_box_")


def test_no_label_holds_anything_of_anybody():
    box = air_box()
    serve(box)
    for reason in ("02ab" * 8, "aa:bb:cc:dd:ee:ff", 'x"} 1\nevil', "Alice 7", "a" * 49, "", "lobby_garbage"):
        box.state = box.state.with_refusal(reason)
    tally = Tally().after(Note("ready", "02:00:00:00:00:01"))
    page = format_metrics(measure(box.state, describe(box.state, box.now), tally, 1))
    labels = set(re.findall(r'="([^"]*)"', page))
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", label) for label in labels)
    assert 'airgrant_box_refused_total{reason="other"} 6\n' in page
    for session in box.state.sessions.values():
        for private in (session.grant.consumer, session.station, session.grant_id.hex()):
            assert str(private) not in page


def test_words_are_bounded():
    box = start_box()
    for number in range(MAX_WORDS + 50):
        box.state = box.state.with_refusal("".join(chr(ord("a") + int(digit)) for digit in str(number)))
    seen = [name for name in shown(box) if name.startswith("airgrant_box_refused_total")]
    assert len(seen) == MAX_WORDS + 1


def test_a_box_without_the_section_loads_nothing_of_it():
    script = """
import sys
import apd.__main__, apd.daemon, apd.config, apd.shells.control, apd.shells.meter, apd.shells.mqtt, apd.shells.store
print(sorted({"apd.metrics", "apd.shells.web", "wire.metrics_text", "resource"} & set(sys.modules)))
"""
    command = [sys.executable, "-W", "ignore", "-c", script]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout == "[]\n"
