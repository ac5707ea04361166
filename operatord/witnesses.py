"""Three witnesses of a grant: the box's signed meter, the device's own counters, and RADIUS accounting.

None is believed more than another. Each two are held against each other by the rule of operatord/reconciling.py, and
where two agree that disagree with the third, it stands alone. Which of two is wrong nobody can say. What cannot be
judged is told apart: a session that goes on can wait, one that ended and was not judged is no agreement. Pure.

What a device wrote down, IP bytes as device/counters.py counts them, `down` towards the device:

    { "airgrant device counters": 1,
      "sessions": [ { "grant": "<32 hexadecimal digits>", "from_utc_s": .., "to_utc_s": ..,
                      "down_bytes": .., "up_bytes": .. }, ... ] }
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from ledger.findings import Finding, note
from operatord.reconciling import CHECK, Accounted, Metered, judge_sums
from wire.errors import DecodeError
from wire.ids import GRANT_ID_SIZE
from wire.units import U63_MAX

MAX_DEVICE_CHARACTERS = 64 * 1024 * 1024
_FIELDS = {"grant", "from_utc_s", "to_utc_s", "down_bytes", "up_bytes"}
NOTHING = Accounted()


class Witnessed(Enum):
    """What came of a grant; the value is in words."""

    AGREE = "all agree"
    APART = "they disagree, and nobody can say which is right"
    BOX_ALONE = "the box stands alone: device and RADIUS agree"
    DEVICE_ALONE = "the device stands alone: box and RADIUS agree"
    RADIUS_ALONE = "RADIUS stands alone: box and device agree"
    OPEN = "not judged: a session goes on"
    UNREPORTED = "not judged: its sessions ended, and a box that has it has not reported so far"

    @property
    def judged(self) -> bool:
        return self not in (Witnessed.OPEN, Witnessed.UNREPORTED)


@dataclass(frozen=True, slots=True)
class Apart:
    """Signed rows of a grant that do not hold, as doubled ones do not; no sum has them."""

    rows: int = 0
    down_bytes: int = 0
    up_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Boxed:
    """What the boxes that have a grant say of it. `reported_s`: until when (UTC) the least told of them did."""

    metered: Metered
    reported_s: int
    apart: Apart = Apart()


@dataclass(frozen=True, slots=True)
class Compared:
    """One grant. `device` and `radius` are None where that witness was not asked."""

    grant_id: bytes
    outcome: Witnessed
    box: Metered
    apart: Apart
    device: Accounted | None
    radius: Accounted | None
    findings: tuple[Finding, ...]


def passes(rows: Sequence[Compared]) -> bool:
    """Whether all that ended was judged and agrees; of nothing nobody can say that."""
    return bool(rows) and all(row.outcome in (Witnessed.AGREE, Witnessed.OPEN) for row in rows)


def parse_device(text: str) -> dict[bytes, Accounted]:
    """Sums by grant. Raises DecodeError with the number of the session."""
    if len(text) > MAX_DEVICE_CHARACTERS:
        raise DecodeError(f"more than {MAX_DEVICE_CHARACTERS} characters")
    try:
        page: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DecodeError(f"is no JSON: {error}") from None
    match page:
        case {"airgrant device counters": 1, "sessions": list(sessions)} if len(page) == 2:
            pass
        case _:
            raise DecodeError("is no file of device counters of form 1")
    sums: dict[bytes, Accounted] = {}
    for number, session in enumerate(sessions, 1):
        grant_id, one = _read_session(session, f"session {number}")
        before = sums.get(grant_id, NOTHING)
        sums[grant_id] = Accounted(
            up_bytes=before.up_bytes + one.up_bytes,
            down_bytes=before.down_bytes + one.down_bytes,
            duration_s=before.duration_s + one.duration_s,
            sessions=before.sessions + 1,
            last_s=max(before.last_s, one.last_s),
        )
    return sums


def refuse_beyond(told: Mapping[bytes, Accounted], proved_s: int) -> None:
    """Who ends later than any box's file is proved would never be judged. Raises DecodeError."""
    for grant_id, one in told.items():
        if one.last_s > proved_s:
            raise DecodeError(
                f"grant {grant_id.hex()}: ends at {one.last_s} s UTC, and the boxes' files are proved to {proved_s} s "
                "only: fetch them again; if they are newer than that, the device's time is wrong"
            )


def compare(
    box: Mapping[bytes, Boxed],
    device: Mapping[bytes, Accounted] | None,
    radius: Mapping[bytes, Accounted] | None,
    reported_s: int,
) -> list[Compared]:
    """A row for each grant, in their order: for all that RADIUS or the box has, but of devices, of which each knows its
    own grants only, those that they name. `reported_s`: until when (UTC) every box told, for a grant that none has.
    """
    silent = Boxed(Metered(), reported_s)
    named = set(device or ()) | set(radius or ())
    if device is None or radius is not None:
        named |= box.keys()
    return [
        _compare_one(
            grant_id,
            box.get(grant_id, silent),
            None if device is None else device.get(grant_id),
            None if radius is None else radius.get(grant_id, NOTHING),
        )
        for grant_id in sorted(named)
    ]


def _compare_one(
    grant_id: bytes, boxed: Boxed, device: Accounted | None, radius: Accounted | None
) -> Compared:
    box = boxed.metered
    if waits := _waits(boxed, [one for one in (device, radius) if one is not None]):
        said = note(CHECK, f"grant {grant_id.hex()}: {waits.value}")
        return Compared(grant_id, waits, box, boxed.apart, device, radius, (said,))
    by_device = None if device is None else tuple(judge_sums(grant_id, device, box, "the device", "the box"))
    by_radius = None if radius is None else tuple(judge_sums(grant_id, radius, box, "RADIUS", "the box"))
    between: tuple[Finding, ...] | None = None
    if device is not None and radius is not None:
        between = tuple(judge_sums(grant_id, radius, _as_metered(device), "RADIUS", "the device"))
    outcome = _OUTCOMES.get((_holds(by_device), _holds(by_radius), _holds(between)), Witnessed.APART)
    findings = (*(by_device or ()), *(by_radius or ()), *(between or ()))
    return Compared(grant_id, outcome, box, boxed.apart, device, radius, findings)


def _waits(boxed: Boxed, witnesses: Sequence[Accounted]) -> Witnessed | None:
    """Why it cannot be judged; None if it can."""
    if any(one.open for one in witnesses):
        return Witnessed.OPEN
    return Witnessed.UNREPORTED if any(one.last_s > boxed.reported_s for one in witnesses) else None


_OUTCOMES = {
    (True, None, None): Witnessed.AGREE,
    (None, True, None): Witnessed.AGREE,
    (True, True, True): Witnessed.AGREE,
    (False, False, True): Witnessed.BOX_ALONE,
    (False, True, False): Witnessed.DEVICE_ALONE,
    (True, False, False): Witnessed.RADIUS_ALONE,
}
"""By whether box and device, box and RADIUS, device and RADIUS agree; None where one was not asked."""


def _holds(findings: tuple[Finding, ...] | None) -> bool | None:
    return None if findings is None else all(finding.ok for finding in findings)


def _as_metered(device: Accounted) -> Metered:
    """A device knows its times."""
    time_ms = device.duration_s * 1_000
    return Metered(device.up_bytes, device.down_bytes, time_ms, time_ms, device.up_bytes)


def _read_session(value: Any, where: str) -> tuple[bytes, Accounted]:
    if not isinstance(value, dict) or set(value) != _FIELDS:
        raise DecodeError(f"{where}: wants {', '.join(sorted(_FIELDS))}, and nothing else")
    grant = value["grant"]
    if not isinstance(grant, str) or not re.fullmatch(f"[0-9a-f]{{{2 * GRANT_ID_SIZE}}}", grant):
        raise DecodeError(f"{where}: grant is not {2 * GRANT_ID_SIZE} hexadecimal digits")
    from_s, to_s, down_bytes, up_bytes = _numbers(value, where)
    if to_s < from_s:
        raise DecodeError(f"{where}: ends before it begins")
    return bytes.fromhex(grant), Accounted(up_bytes, down_bytes, to_s - from_s, 1, to_s)


def _numbers(value: Mapping[str, Any], where: str) -> Iterator[int]:
    for name in ("from_utc_s", "to_utc_s", "down_bytes", "up_bytes"):
        number = value[name]
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= U63_MAX:
            raise DecodeError(f"{where}: {name} is no whole number of 63 bits")
        yield number
