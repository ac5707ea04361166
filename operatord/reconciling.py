"""Accounting held against the meter: does what access points told by RADIUS agree with what their TPMs signed?

In: accounting sessions, and what usage reports whose signatures somebody verified add up to (operatord/tally.py). Out:
one row for each grant at each provider, with findings. The accounting is the operator's witness, the reports are the
provider's; neither is believed more than the other here.

Accepted are 3 % of the volume in each direction, and 5 % of the duration and 10 s: the Wireless Broadband Alliance's
criteria for accounting. Beside them stands a slack for frames that a driver counts and a meter never sees: EAPOL, ARP
and empty ones, which matter only where nearly nothing was carried.

*Volume.* Input is up. A session's octets are already rid of their frames' headers, packet by packet
(operatord/sessions.py). *Duration.* A report covers an interval, and a session may begin and end anywhere within its
first and its last one: so the meter says "from ... to", and the accounting has to lie in it or near it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from ledger.findings import Finding, Severity, judge, note
from operatord.sessions import Counters, Session

CHECK = "accounting"
VOLUME_TOLERANCE_PERCENT = 3
DURATION_TOLERANCE_PERCENT = 5
DURATION_SLACK_S = 10
VOLUME_SLACK_BYTES = 20_000
"""EAP-TLS with its certificates is some 6,000 bytes each way, DHCP and ARP a few hundred; the rest is room."""
OVER_AFTER_S = 300
"""A session without a Stop, of which nothing was heard for so long, has ended: five interim updates are missing."""
OVERHEAD_PACKETS = 10_000
"""What is told of frames' headers is told by so many: the slack for unmetered frames is two octets a packet then."""
Key = tuple[bytes, bytes]
"""(grant id, provider id of the access point)"""


class Outcome(Enum):
    """What the comparison came to."""

    AGREES = "agrees"
    DISAGREES = "disagrees"
    OPEN = "open"
    """Not judged: a session goes on, or the meter has not reported that far."""


@dataclass(frozen=True, slots=True)
class Accounted:
    """What all sessions of a grant at a provider's boxes say together."""

    up_bytes: int = 0
    down_bytes: int = 0
    duration_s: int = 0
    sessions: int = 0
    last_s: int = 0
    open: int = 0
    without_stop: int = 0
    without_start: int = 0
    without_identity: int = 0
    times_went_back: int = 0
    counters: Counters = Counters()
    """As they were told, frames' headers and all."""


@dataclass(frozen=True, slots=True)
class Metered:
    """What all reports of a provider's box say of a grant; the duration lies between `least_ms` and `most_ms`.

    An access point counts what a station sent; of that the box carries on what was bought, so that accounting lies
    between what was delivered and what was offered.
    """

    up_bytes: int = 0
    down_bytes: int = 0
    least_ms: int = 0
    most_ms: int = 0
    up_offered_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Reconciled:
    """One grant at one provider."""

    grant_id: bytes
    provider_id: bytes
    outcome: Outcome
    accounted: Accounted
    metered: Metered
    findings: tuple[Finding, ...]


def reconcile(
    accounted: Mapping[Key, Accounted],
    metered: Mapping[Key, Metered],
    reported_s: Mapping[bytes, int],
) -> list[Reconciled]:
    """A row for every key of either, in their order; `reported_s` says until when (UTC) each provider's meter told."""
    rows = []
    for key in sorted(accounted.keys() | metered.keys()):
        ours, theirs = accounted.get(key, Accounted()), metered.get(key, Metered())
        grant_id, provider_id = key
        if ours.open or ours.last_s > reported_s.get(provider_id, 0):
            findings: tuple[Finding, ...] = (note(CHECK, _why_open(grant_id, ours)),)
            outcome = Outcome.OPEN
        else:
            findings = tuple(judge_sums(grant_id, ours, theirs))
            outcome = Outcome.AGREES if all(finding.ok for finding in findings) else Outcome.DISAGREES
        rows.append(Reconciled(grant_id, provider_id, outcome, ours, theirs, findings))
    return rows


def add_sessions(
    sessions: Iterable[Session], providers: Mapping[str, bytes], now_s: int
) -> dict[Key, Accounted]:
    """Sums by grant and provider; `providers` are provider ids by the name of the box."""
    sums: dict[Key, Accounted] = {}
    for session in sessions:
        provider_id = providers.get(session.box)
        if provider_id is None:  # a box that is no longer ours
            continue
        key = (session.permit_id, provider_id)
        before = sums.get(key, Accounted())
        sums[key] = Accounted(
            up_bytes=before.up_bytes + session.up_bytes,
            down_bytes=before.down_bytes + session.down_bytes,
            duration_s=before.duration_s + session.total_s,
            sessions=before.sessions + 1,
            last_s=max(before.last_s, session.event_s),
            open=before.open + (not session.stopped and now_s - session.event_s < OVER_AFTER_S),
            without_stop=before.without_stop + (not session.stopped),
            without_start=before.without_start + (not session.start_seen),
            without_identity=before.without_identity + (not session.identity_echoed),
            times_went_back=before.times_went_back + session.times_went_back,
            counters=before.counters.plus(session.total),
        )
    return sums


@dataclass(frozen=True, slots=True)
class Overhead:
    """How much more than IP the driver of a provider's box counted, in tenths of octets per packet; None: too little
    was carried to tell.
    """

    provider_id: bytes
    up_tenths: int | None
    down_tenths: int | None


def find_overheads(rows: Iterable[Reconciled]) -> list[Overhead]:
    """What [boxes.NAME] should say, by all that could be judged: octets that were accounted for less those metered."""
    told: dict[bytes, list[Reconciled]] = {}
    for row in rows:
        if row.outcome is not Outcome.OPEN and row.accounted.sessions:
            told.setdefault(row.provider_id, []).append(row)
    return [
        Overhead(
            provider_id,
            _tenths(
                sum(row.accounted.counters.up_octets for row in of_provider),
                sum(max(row.metered.up_bytes, row.metered.up_offered_bytes) for row in of_provider),
                sum(row.accounted.counters.up_packets for row in of_provider),
            ),
            _tenths(
                sum(row.accounted.counters.down_octets for row in of_provider),
                sum(row.metered.down_bytes for row in of_provider),
                sum(row.accounted.counters.down_packets for row in of_provider),
            ),
        )
        for provider_id, of_provider in sorted(told.items())
    ]


def _tenths(octets: int, metered_bytes: int, packets: int) -> int | None:
    """None where the frames that no meter sees would tell more than the others, or it is no overhead at all."""
    if packets < OVERHEAD_PACKETS or octets < metered_bytes:
        return None
    return 10 * (octets - metered_bytes) // packets


def _why_open(grant_id: bytes, ours: Accounted) -> str:
    why = "a session goes on" if ours.open else "the meter has not reported so far yet"
    return f"grant {grant_id.hex()}: not judged, {why}"


def judge_sums(
    grant_id: bytes, ours: Accounted, theirs: Metered, witness: str = "accounting", meter: str = "the meter"
) -> Iterable[Finding]:
    """Whether two witnesses of a grant agree, in findings that call them by these names."""
    name = f"grant {grant_id.hex()}"
    if not ours.sessions:
        unseen = theirs.up_bytes + theirs.down_bytes <= 2 * VOLUME_SLACK_BYTES
        told = f"{name}: {meter} has {theirs.up_bytes + theirs.down_bytes} bytes"
        bad = f"{told}, and nobody accounted for a session"
        yield judge(CHECK, Severity.CLAIM, ok=unseen, good=f"{name}: next to nothing was carried", bad=bad)
        return
    names = witness, meter
    offered = max(theirs.up_bytes, theirs.up_offered_bytes)
    up_bytes = min(max(ours.up_bytes, theirs.up_bytes), offered)
    yield _judge_volume(name, names, "up", ours.up_bytes, up_bytes)
    yield _judge_volume(name, names, "down", ours.down_bytes, theirs.down_bytes)
    yield _judge_duration(name, names, ours.duration_s, theirs)
    if ours.without_start:
        yield note(CHECK, f"{name}: {ours.without_start} of {ours.sessions} sessions without a Start")
    if ours.without_stop:
        yield note(CHECK, f"{name}: {ours.without_stop} of {ours.sessions} sessions without a Stop")
    if ours.times_went_back:
        yield note(CHECK, f"{name}: counters went back {ours.times_went_back} times, and were added to")
    if ours.without_identity:
        yield note(
            CHECK, f"{name}: {ours.without_identity} of {ours.sessions} sessions did not echo the identity"
        )


def _judge_volume(name: str, names: tuple[str, str], direction: str, ours: int, theirs: int) -> Finding:
    apart = abs(ours - theirs)
    accepted = theirs * VOLUME_TOLERANCE_PERCENT // 100 + VOLUME_SLACK_BYTES
    witness, meter = names
    share = format_apart(apart, theirs)
    said = f"{name}: {witness} has {ours} bytes {direction}, {meter} {theirs}: {share} apart"
    bad = f"{said}; {VOLUME_TOLERANCE_PERCENT} % and {VOLUME_SLACK_BYTES} bytes are accepted"
    return judge(CHECK, Severity.CLAIM, ok=apart <= accepted, good=said, bad=bad)


def _judge_duration(name: str, names: tuple[str, str], ours_s: int, theirs: Metered) -> Finding:
    ours_ms = ours_s * 1_000
    apart_ms = max(theirs.least_ms - ours_ms, ours_ms - theirs.most_ms, 0)
    accepted_ms = theirs.most_ms * DURATION_TOLERANCE_PERCENT // 100 + DURATION_SLACK_S * 1_000
    least_s, most_s = theirs.least_ms // 1_000, -(-theirs.most_ms // 1_000)
    witness, meter = names
    said = f"{name}: {witness} has {ours_s} s, {meter} {least_s} to {most_s} s"
    bad = f"{said}; {DURATION_TOLERANCE_PERCENT} % and {DURATION_SLACK_S} s are accepted"
    return judge(CHECK, Severity.CLAIM, ok=apart_ms <= accepted_ms, good=said, bad=bad)


def format_apart(apart: int, whole: int) -> str:
    """`2.4 %`, or all of it."""
    return f"{100 * apart / whole:.1f} %" if whole else "100 %"
