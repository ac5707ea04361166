"""Three witnesses: who stands alone, and what is no witness."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from operatord.reconciling import Accounted, Metered
from operatord.witnesses import Boxed, Witnessed, compare, parse_device, passes, refuse_beyond
from wire.errors import DecodeError

GRANT = bytes(16)
BYTES = 10_000_000
BOX = Metered(BYTES, BYTES, 60_000, 70_000, BYTES)
OTHER = Accounted(BYTES, BYTES, 65, 1, 100)
WRONG = replace(OTHER, down_bytes=2 * BYTES)


@pytest.mark.parametrize(
    ("box", "device", "radius", "expected"),
    [
        (BOX, OTHER, OTHER, Witnessed.AGREE),
        (BOX, OTHER, None, Witnessed.AGREE),
        (BOX, None, OTHER, Witnessed.AGREE),
        (BOX, WRONG, None, Witnessed.APART),
        (BOX, None, WRONG, Witnessed.APART),
        (BOX, WRONG, OTHER, Witnessed.DEVICE_ALONE),
        (BOX, OTHER, WRONG, Witnessed.RADIUS_ALONE),
        (BOX, WRONG, WRONG, Witnessed.BOX_ALONE),
        (BOX, WRONG, replace(OTHER, down_bytes=5 * BYTES), Witnessed.APART),
        (BOX, OTHER, replace(OTHER, open=1), Witnessed.OPEN),
        (BOX, OTHER, replace(OTHER, last_s=101), Witnessed.UNREPORTED),
        (BOX, replace(OTHER, last_s=101), None, Witnessed.UNREPORTED),
        (BOX, None, replace(OTHER, last_s=101, open=1), Witnessed.OPEN),
        (Metered(), OTHER, OTHER, Witnessed.BOX_ALONE),
    ],
)
def test_who_stands_alone(
    box: Metered, device: Accounted | None, radius: Accounted | None, expected: Witnessed
) -> None:
    (row,) = compare(
        {GRANT: Boxed(box, 100)},
        None if device is None else {GRANT: device},
        None if radius is None else {GRANT: radius},
        0,
    )
    assert row.outcome is expected
    assert row.outcome.judged == (expected not in (Witnessed.OPEN, Witnessed.UNREPORTED))
    assert passes([row]) == (expected in (Witnessed.AGREE, Witnessed.OPEN))
    assert not passes([]), "of nothing nobody can say that it agrees"


def test_what_no_box_has_waits_for_the_last_of_them() -> None:
    outcomes = [compare({}, {GRANT: OTHER}, {GRANT: OTHER}, at_s)[0].outcome for at_s in (99, 100)]
    assert outcomes == [Witnessed.UNREPORTED, Witnessed.BOX_ALONE]


def test_a_device_that_ends_after_everything_proved_is_refused() -> None:
    refuse_beyond({GRANT: OTHER}, 100)
    with pytest.raises(DecodeError, match=f"grant {GRANT.hex()}: ends at 100 s UTC, .* proved to 99 s"):
        refuse_beyond({GRANT: OTHER}, 99)


def test_a_device_is_asked_only_about_what_it_names() -> None:
    others = {GRANT: Boxed(BOX, 100), b"x" * 16: Boxed(BOX, 100)}
    assert [row.grant_id for row in compare(others, {GRANT: OTHER}, None, 100)] == [GRANT]
    with_radius = compare(others, {GRANT: OTHER}, dict.fromkeys(others, OTHER), 100)
    assert [row.outcome for row in with_radius] == [Witnessed.AGREE, Witnessed.AGREE]
    silent = compare(others, {GRANT: OTHER}, {GRANT: OTHER}, 100)
    assert silent[1].outcome is Witnessed.APART, "the box has bytes that nobody accounted for"


def test_findings_call_the_witnesses_by_their_names() -> None:
    (row,) = compare({GRANT: Boxed(BOX, 100)}, {GRANT: WRONG}, {GRANT: OTHER}, 100)
    said = [finding.text for finding in row.findings if not finding.ok]
    assert len(said) == 2
    assert "the device has 20000000 bytes down, the box 10000000: 100.0 % apart" in said[0]
    assert "RADIUS has 10000000 bytes down, the device 20000000: 50.0 % apart" in said[1]


SESSION = {"grant": "00" * 16, "from_utc_s": 1, "to_utc_s": 5, "down_bytes": 7, "up_bytes": 8}


def page(*sessions: object, **more: object) -> str:
    return json.dumps({"airgrant device counters": 1, "sessions": sessions, **more})


def test_sessions_of_a_device_are_added_up() -> None:
    assert parse_device(page(SESSION, {**SESSION, "to_utc_s": 9})) == {GRANT: Accounted(16, 14, 12, 2, 9)}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is no JSON"),
        ("[]", "no file of device counters"),
        (page(more=1), "no file of device counters"),
        (page({}), "session 1: wants"),
        (page(SESSION, {**SESSION, "grant": "00"}), "session 2: grant is not 32"),
        (page({**SESSION, "up_bytes": True}), "session 1: up_bytes is no whole number"),
        (page({**SESSION, "up_bytes": 1.5}), "session 1: up_bytes"),
        (page({**SESSION, "down_bytes": -1}), "session 1: down_bytes"),
        (page({**SESSION, "to_utc_s": 0}), "session 1: ends before it begins"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        parse_device(text)
