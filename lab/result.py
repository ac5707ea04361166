"""What a run of the demo found, as values: build/demo/result.json is exactly this.

The demo fills these classes, `problems` judges them against what was promised, `format_result` writes the
JSON and `parse_result` reads it back. Nothing here measures, and nothing here draws (`report.py` does).

Times `t_s`, `from_s`, `to_s`, `starts_s`, `ends_s` are seconds since the demo began. Rates are IP bits per
second. Money is in micro-bandcoin (ubc). Lists are tuples here and arrays in JSON.
"""

import json
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from wire.errors import DecodeError

FLOOR_TOLERANCE = 0.02
"""A session delivers at least 98 % of its floor (or of what it asked for, if that is less)."""

CEILING_TOLERANCE = 0.02
"""No session above its ceiling by more."""

METER_TOLERANCE = 0.001
"""Metered against independently counted bytes."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RatePoint:
    """One interval of a session or a station; `offered_bps` is None where nobody could see what was offered."""

    t_s: float
    delivered_bps: int
    offered_bps: int | None = None


@dataclass(frozen=True, slots=True)
class LatencyPoint:
    """One round trip, at the moment the request left."""

    t_s: float
    rtt_ms: float


@dataclass(frozen=True, slots=True)
class Session:
    """One grant in one direction: what was sold, what arrived, what the meter says, what the wire says."""

    grant: str
    buyer: str
    station: str
    mac: str
    direction: Literal["down", "up"]
    floor_bps: int
    ceil_bps: int
    delivered_bps: int
    """Average over the time in which the buyer had enough to send and everybody else was pushing too."""
    metered_bytes: int
    wire_bytes: int
    starts_s: float
    ends_s: float
    asked_bps: int | None = None
    """What the buyer tried to use in the same time; None: as much as it could get."""
    price_ubc: int = 0
    rates: tuple[RatePoint, ...] = ()
    latency: tuple[LatencyPoint, ...] = ()
    lost_pings: int = 0
    shortfall_bytes: int = 0
    """What signed reports say was promised, wanted and did not arrive."""
    owed_ubc: int = 0
    """What that is worth at the grant's price, both directions together."""
    refunded_ubc: int = 0
    """What came back to the buyer for it."""


@dataclass(frozen=True, slots=True)
class Unpaid:
    """Somebody on the air without a grant: what was pushed and what came through (the lobby apart)."""

    name: str
    station: str
    mac: str
    story: str
    offered_bps: int
    delivered_bytes: int
    rates: tuple[RatePoint, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that the verifier looked at in one record."""

    name: str
    holds: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """One link of the metering chain as the verifier found it; digest in hex."""

    kind: Literal["boot", "report", "anchor"]
    sequence: int
    from_s: float
    to_s: float
    digest: str
    metered_bytes: int
    checks: tuple[Check, ...]

    @property
    def holds(self) -> bool:
        return all(check.holds for check in self.checks)


@dataclass(frozen=True, slots=True)
class Gap:
    """A time for which no record vouches."""

    from_s: float
    to_s: float
    reason: str


@dataclass(frozen=True, slots=True)
class Reports:
    """The metering evidence and what an independent verifier made of it."""

    count: int
    verified: int
    unmetered_s: float
    signed_by: str = ""
    """In words, as "TPM 2.0 (swtpm), P-256, PCR 14"."""
    records: tuple[Record, ...] = ()
    gaps: tuple[Gap, ...] = ()


@dataclass(frozen=True, slots=True)
class Attack:
    """Something that somebody tried. `by` says who stopped it, or what would where an open network cannot."""

    name: str
    stopped: bool
    by: str
    tried: str = ""
    evidence: str = ""
    stoppable: bool = True
    """False for what no open network can stop: shown plainly, and no fault of this run."""


@dataclass(frozen=True, slots=True)
class Account:
    """One account of the ledger before and after."""

    name: str
    role: str
    account: str
    before_ubc: int
    after_ubc: int


@dataclass(frozen=True, slots=True)
class Ledger:
    """The money, and the hash of the state that anyone can recompute from the log."""

    conserved: bool
    app_hash: str
    height: int = 0
    transactions: int = 0
    accounts: tuple[Account, ...] = ()


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured number that deserves a tile: as in build/bench."""

    what: str
    value: float
    unit: str
    goal: float | None = None
    better: Literal["higher", "lower"] = "higher"

    @property
    def ok(self) -> bool:
        if self.goal is None:
            return True
        return self.value >= self.goal if self.better == "higher" else self.value <= self.goal


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened, for the story: "ada buys 5 Mbit/s for 60 s"."""

    t_s: float
    who: str
    what: str


@dataclass(frozen=True, slots=True)
class Accounting:
    """One grant at one access point: what RADIUS accounting says beside what the signed meter says.

    `outcome` and the sentences in `said`, which do not hold, are the reconciliation's (docs/operatord.md).
    """

    buyer: str
    grant: str
    outcome: Literal["agrees", "disagrees", "open"]
    accounted_up_bytes: int
    metered_up_bytes: int
    accounted_down_bytes: int
    metered_down_bytes: int
    accounted_s: int
    metered_least_s: int
    metered_most_s: int
    said: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """Where and when. `began` is a UTC time as text; `remarks` are sentences such as a spoken fallback."""

    began: str
    lasted_s: float
    command: str
    machine: str
    version: str
    downlink_bps: int
    uplink_bps: int
    remarks: tuple[str, ...] = ()
    crowded_from_s: float = 0.0
    crowded_to_s: float = 0.0
    """When everybody pushed at once; `delivered_bps` of the sessions is measured in it. Equal: there was no
    such time.
    """


@dataclass(frozen=True, slots=True)
class Result:
    """Everything. The first four fields are the ones that scripts rely on; `ok` comes before them in the
    JSON.
    """

    sessions: tuple[Session, ...]
    reports: Reports
    attacks: tuple[Attack, ...]
    ledger: Ledger
    run: Run
    unpaid: tuple[Unpaid, ...] = ()
    figures: tuple[Figure, ...] = ()
    moments: tuple[Moment, ...] = field(default=())
    accounting: tuple[Accounting, ...] = ()

    @property
    def ok(self) -> bool:
        return not problems(self)


def problems(result: Result) -> list[str]:
    """Every promise that did not hold, as a sentence; an empty list means that the run is ok."""
    found = [sentence for session in result.sessions for sentence in _session_problems(session)]
    if not result.sessions:
        found.append("Nobody bought anything.")
    reports = result.reports
    if reports.count == 0 or reports.verified != reports.count:
        found.append(f"{reports.verified} of {reports.count} metering records verified.")
    found += [
        f"{each.name}, who paid nothing, received or sent {each.delivered_bytes:,} bytes."
        for each in result.unpaid
        if each.delivered_bytes
    ]
    found += [f"Not stopped: {each.name}." for each in result.attacks if each.stoppable and not each.stopped]
    found += [
        f"{each.buyer}: {sentence}."
        for each in result.accounting
        if each.outcome == "disagrees"
        for sentence in each.said or ("accounting and meter disagree",)
    ]
    if not result.ledger.conserved:
        found.append("Money was made or lost.")
    found += [
        f"{each.what}: {each.value:g} {each.unit}, goal {each.goal:g}."
        for each in result.figures
        if not each.ok and each.goal is not None
    ]
    return found


def meter_error(session: Session) -> float:
    """How far the meter is from the wire, as a fraction of the wire (positive: the meter says more)."""
    if session.wire_bytes == 0:
        return 0.0 if session.metered_bytes == 0 else 1.0
    return (session.metered_bytes - session.wire_bytes) / session.wire_bytes


def promised_bps(session: Session) -> int:
    """What had to arrive: the floor, or what was asked for if that is less."""
    return session.floor_bps if session.asked_bps is None else min(session.floor_bps, session.asked_bps)


def keeps_floor(session: Session) -> bool:
    """Whether at least 98 % of what was promised arrived."""
    return session.delivered_bps >= promised_bps(session) * (1 - FLOOR_TOLERANCE)


def format_result(result: Result) -> str:
    """The text of result.json."""
    return json.dumps({"ok": result.ok, **asdict(result)}, indent=1) + "\n"


def parse_result(text: str) -> Result:
    """The inverse of `format_result`; `ok` is judged anew. DecodeError names the field that is wrong."""
    try:
        document = json.loads(text)
    except json.JSONDecodeError as fault:
        raise DecodeError(f"result.json: {fault}") from fault
    if isinstance(document, dict):
        document.pop("ok", None)
    return _read(Result, document, "result")


def _session_problems(session: Session) -> list[str]:
    who = f"{session.buyer} ({session.direction}link)"
    found = []
    if not keeps_floor(session):
        found.append(f"{who} got {session.delivered_bps:,} bit/s of {promised_bps(session):,} promised.")
    if session.delivered_bps > session.ceil_bps * (1 + CEILING_TOLERANCE):
        found.append(f"{who} got {session.delivered_bps:,} bit/s, above the ceiling of {session.ceil_bps:,}.")
    if abs(meter_error(session)) > METER_TOLERANCE:
        found.append(f"{who}: the meter is off by {meter_error(session):+.3%}.")
    return found


def _read(kind: type[T], value: Any, where: str) -> T:
    """A dataclass from a JSON object, field by field."""
    if not isinstance(value, dict):
        raise DecodeError(f"{where}: expected an object, found {type(value).__name__}")
    hints = get_type_hints(kind)
    assert is_dataclass(kind)
    unknown = value.keys() - {each.name for each in fields(kind)}
    if unknown:
        raise DecodeError(f"{where}: unknown field {min(unknown)!r}")
    given = {name: _read_field(hints[name], each, f"{where}.{name}") for name, each in value.items()}
    try:
        return kind(**given)
    except TypeError as fault:
        raise DecodeError(f"{where}: {fault}") from fault


def _read_field(hint: Any, value: Any, where: str) -> Any:
    """A field's value by its annotation: a dataclass, a tuple of one kind, a literal, an optional or a plain
    value.
    """
    origin = get_origin(hint)
    if is_dataclass(hint):
        return _read(hint, value, where)  # type: ignore[arg-type]  # is_dataclass knows more than the checker
    if origin is tuple and isinstance(value, list):
        return tuple(
            _read_field(get_args(hint)[0], each, f"{where}[{index}]") for index, each in enumerate(value)
        )
    if origin is Literal and value in get_args(hint):
        return value
    if origin is UnionType and (value is None or NoneType not in get_args(hint)):
        return value
    if origin is UnionType:
        return _read_field(next(each for each in get_args(hint) if each is not NoneType), value, where)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if origin is None and type(value) is hint:
        return value
    raise DecodeError(f"{where}: expected {hint}, found {value!r}")
