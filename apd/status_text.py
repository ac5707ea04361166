"""What `apd status` says to a person, and what of it the page of [web] says too: pure, from describe() to words.

Amounts, rates and instants as people read them; programs read `apd status --json`, where units stand in the names. What
has no words of its own here is told by its name there.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from apd.health import Ailment, Severity, judge
from wire.units import format_duration, format_instant, format_money, format_rate, format_size

_IN_WORDS = frozenset({
    "utc_ms", "interface", "provider", "ledger_connected", "enrolled", "attested", "disk_failing", "offer", "earnings",
    "sessions", "records", "refused",
})  # fmt: skip
Fact = tuple[str, str]


def format_status(status: Mapping[str, Any]) -> str:
    """Lines: the verdict, facts, what is wrong, sessions."""
    _, verdict = judge_in_words(status, judge(status))
    facts = [
        (status["interface"], verdict),
        *_account(status),
        *offer_facts(status),
        *_rates(status["offer"]),
        *box_facts(status),
        *_rest(status),
    ]
    width = max(len(name) for name, _ in facts)
    lines = [f"{name:{width}}  {value}" for name, value in facts]
    lines += [f"{one.what}: {one.text}" for one in judge(status)]
    lines += [_session(one) for one in status["sessions"]]
    return "".join(f"{_printable(line)}\n" for line in lines)


def judge_in_words(status: Mapping[str, Any], ailments: Sequence[Ailment]) -> tuple[bool, str]:
    """Whether it sells, and that in a few words."""
    if any(one.severity is Severity.STOPS for one in ailments):
        return False, "needs you"
    served = sum(1 for one in status["sessions"] if one["phase"] == "active")
    if not served:
        return True, "selling"
    return True, f"selling; {served} {'customer is' if served == 1 else 'customers are'} served"


def offer_facts(status: Mapping[str, Any]) -> Iterator[Fact]:
    """What is sold."""
    offer = status["offer"]
    if offer is None:
        yield "now", "nothing is sold"
        return
    yield "price", f"{format_money(offer['price_ubc'])} for {format_duration(offer['allocation_duration_s'])}"
    yield "left", f"{offer['allocations_left']:,}"
    if "auction" in status:
        yield "auction", status["auction"]["phase"]


def box_facts(status: Mapping[str, Any]) -> Iterator[Fact]:
    """How it is with the ledger, the meter and the air."""
    yield "ledger", "connected" if status["ledger_connected"] else "out of reach"
    yield (
        "reports",
        f"{'signed by a TPM' if status['attested'] else 'unattested'}, {status['records']['made']:,} made",
    )
    if status["records"]["unsigned"]:
        yield "not signed yet", f"{status['records']['unsigned']:,}"
    yield "without a receipt", f"{status['records']['unacknowledged']:,}"
    if status["refunds"]:
        yield "refunds owed", f"{len(status['refunds']):,}"
    if "air" in status:
        air = status["air"]
        yield "network", air["ssid"]
        yield "stations", f"{air['stations_associated']:,} associated, {air['stations_served']:,} served"
    if "airtime" in status:
        airtime = status["airtime"]
        yield (
            "airtime sold",
            f"{airtime['sold_ppm'] / 10_000:.1f} % of {airtime['budget_ppm'] / 10_000:.1f} %",
        )


def _account(status: Mapping[str, Any]) -> Iterator[Fact]:
    earned = status["earnings"]
    yield "provider", status["provider"]
    yield "enrolled", "yes" if status["enrolled"] else "no"
    since = format_instant(earned["since_utc_ms"] // 1_000)
    yield "earned", f"{format_money(earned['earned_ubc'])} by {earned['purchases']:,} purchases since {since}"


def _rates(offer: Mapping[str, Any] | None) -> Iterator[Fact]:
    if offer is not None:
        yield "at least", _pair(format_rate, offer["floor_down_bps"], offer["floor_up_bps"])
        yield "at most", _pair(format_rate, offer["ceil_down_bps"], offer["ceil_up_bps"])


def _rest(status: Mapping[str, Any]) -> Iterator[Fact]:
    if status["refused"]:
        yield (
            "refused",
            ", ".join(f"{reason} {count:,}" for reason, count in sorted(status["refused"].items())),
        )
    for section, values in status.items():
        if section not in _IN_WORDS:
            yield from _flat(section, values)


def _flat(name: str, value: Any) -> Iterator[Fact]:
    if isinstance(value, Mapping):
        for inner, one in value.items():
            yield from _flat(f"{name}.{inner}", one)
    elif isinstance(value, list) and any(isinstance(one, Mapping) for one in value):
        for number, one in enumerate(value, 1):
            yield from _flat(f"{name}.{number}", one)
    elif value not in (None, [], ""):
        yield name, _plain(value)


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return " ".join(str(one) for one in value)
    return str(value)


def _session(session: Mapping[str, Any]) -> str:
    missing = (session["down_shortfall_bytes"], session["up_shortfall_bytes"])
    words = [
        session["grant"][:8],
        session["station"],
        f"{session['phase']:9} {session['reason']:14}",
        f"at least {_pair(format_rate, session['floor_down_bps'], session['floor_up_bps'])}",
        f"got {_pair(format_size, session['down_bytes'], session['up_bytes'])}",
        f"until {format_instant(session['ends_s'])}",
    ]
    if any(missing):
        words.append(f"missing {_pair(format_size, *missing)}")
    return "  ".join(words)


def _printable(line: str) -> str:
    """A network's name may hold what moves a terminal's cursor."""
    return "".join(letter if letter.isprintable() else "?" for letter in line)


def _pair(form: Callable[[int], str], down: int, up: int) -> str:
    return f"{form(down)} down, {form(up)} up"
