"""What the operator's daemon measures of itself, as families of metrics (docs/metrics.md); pure.

In: its status (operatord/status.py) with its counters, and how long questions took. Out: families for
wire/metrics_text.py. A label is one of a few words of ours: never an account, an address, a box, or what somebody
wrote.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wire.metrics_text import Buckets, Family, Kind, Sample, count_words

BOUNDS_MS = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 5_000)
_GAUGES = (
    ("grants", "grants", "Grants whose time is not over."),
    ("accounts", "accounts", "Accounts that have one."),
    ("revoked", "revoked", "Grants that were revoked, until they would have ended."),
    ("grants_in_use", "in_use", "Grants that a station uses."),
    ("sessions", "open_sessions", "Sessions that accounting has not ended."),
)
_METERED = (
    ("channels", "channels", "Channels of those who pay as they go."),
    ("metered_sessions", "metered_sessions", "Sessions of those."),
    ("paid_ubc", "paid_ubc", "Paid in these channels, micro-bandcoin."),
    ("unpaid_ubc", "unpaid_ubc", "Used in these channels and not paid, micro-bandcoin."),
)
_COUNTERS = {
    "rejected": (
        "airgrant_operator_rejected_total",
        "reason",
        "Stations that were not let in, by the reason said.",
    ),
    "accounting": ("airgrant_operator_accounting_total", "what", "What access points told of sessions."),
    "disconnect": (
        "airgrant_operator_disconnects_total",
        "answer",
        "Orders to disconnect, by what came of them.",
    ),
}
_EVENTS = ("airgrant_operator_events_total", "what", "Everything else that is counted in `operatord status`.")


@dataclass(frozen=True, slots=True)
class Timing:
    """How long questions took, since the daemon began."""

    authorise: Buckets = Buckets(BOUNDS_MS)

    def with_question(self, duration_ns: int) -> "Timing":
        return Timing(self.authorise.with_one(duration_ns))


def measure(status: Mapping[str, Any], timing: Timing) -> list[Family]:
    """All that an operator shows."""
    families = [
        _gauge("boxes", len(status["boxes"]), "Access points in the configuration."),
        _gauge("broker_connected", int(status["broker_connected"]), "1: the broker answers."),
        _gauge("clock_right", int(status["clock"] == "right"), "1: the clock agrees with the ledger's."),
        *(_gauge(name, status[key], told) for name, key, told in _GAUGES),
        *(_gauge(name, status[key], told) for name, key, told in _METERED if key in status),
    ]
    counters: Mapping[str, int] = status["counters"]
    accepted = (Sample(counters.get("accepted", 0)),)
    families.append(
        Family("airgrant_operator_accepted_total", Kind.COUNTER, "Stations that were let in.", accepted)
    )
    families += _count(counters)
    families.append(
        Family(
            "airgrant_operator_authorise_seconds",
            Kind.HISTOGRAM,
            "From a question of FreeRADIUS to its answer.",
            timing.authorise.samples(),
        )
    )
    return families


def _count(counters: Mapping[str, int]) -> list[Family]:
    """`rejected: bad_signature` is a reason of the rejected; what has no family of its own is an event."""
    found: dict[str, dict[str, int]] = {kind: {} for kind in (*_COUNTERS, "")}
    for key, count in counters.items():
        kind, _, rest = key.partition(": ")
        if key == "accepted":
            continue
        kind, word = (kind, rest) if kind in _COUNTERS else ("", key)
        found[kind][word] = count
    rows = [(*_COUNTERS.get(kind, _EVENTS), known) for kind, known in found.items()]
    return [count_words(name, label, known, told) for name, label, told, known in rows]


def _gauge(name: str, value: int, told: str) -> Family:
    return Family(f"airgrant_operator_{name}", Kind.GAUGE, told, (Sample(value),))
