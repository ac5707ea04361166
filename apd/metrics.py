"""What the box measures of itself, as families of metrics (docs/metrics.md); pure.

In: the core's state, the status that is shown of it, and a tally of what passed since the daemon began. Out: families
for wire/metrics_text.py. No label holds an account, an address, a grant, or anything that a stranger wrote: a label is
one of a few words of ours. Loaded only where section [web] is there.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from apd.commands import Command, Note, StoreRecord
from apd.session import Phase, Usage
from apd.state import State
from wire.meter_record import UsageReport
from wire.metrics_text import Family, Kind, Sample, count_words
from wire.units import PPM


@dataclass(frozen=True, slots=True)
class Tally:
    """Since the daemon began: bytes that went into meter records, and notes by their word."""

    recorded: Usage = Usage()
    sequence: int = 0
    """Of the last record that was added: a disk that fails is given it again."""
    notes: Mapping[str, int] = field(default_factory=dict)

    def after(self, command: Command) -> "Tally":
        """With what one command of the core says."""
        match command:
            case Note(what=what):
                return replace(self, notes={**self.notes, what: self.notes.get(what, 0) + 1})
            case StoreRecord(record=UsageReport(sequence=sequence, rows=rows)) if sequence > self.sequence:
                recorded = self.recorded
                for row in rows:
                    recorded = recorded.plus(
                        Usage(
                            down_bytes=row.down_bytes,
                            up_bytes=row.up_bytes,
                            down_shortfall_bytes=row.down_shortfall_bytes,
                            up_shortfall_bytes=row.up_shortfall_bytes,
                        )
                    )
                return replace(self, recorded=recorded, sequence=sequence)
            case _:
                return self


def measure(state: State, status: Mapping[str, Any], tally: Tally, resident_bytes: int) -> list[Family]:
    """All that the box shows. `status` is apd/status.py's of this state, `resident_bytes` this process's memory."""
    for command in state.disk.unsaved:  # records that wait for the disk were never told to a shell
        tally = tally.after(command)
    return [
        *_sessions(state, tally),
        *_records(status, state),
        *_connections(status),
        *_air(status),
        count_words(
            "airgrant_box_refused_total", "reason", state.refused, "What was refused, by the reason said."
        ),
        count_words(
            "airgrant_box_notes_total", "what", tally.notes, "What the operator was told in the log."
        ),
        _gauge("airgrant_box_resident_bytes", resident_bytes, "Memory of the daemon that is in use."),
    ]


def _sessions(state: State, tally: Tally) -> Iterable[Family]:
    sessions = list(state.sessions.values())
    phases = {phase.value: 0 for phase in Phase if phase is not Phase.OFFERED}
    used = tally.recorded
    for session in sessions:
        phases[session.phase.value] = phases.get(session.phase.value, 0) + 1
        used = used.plus(session.unreported)
    shaper, ppm = state.settings.shaper, state.settings.admission_ppm
    yield _gauges(
        "airgrant_box_sessions", "phase", phases, "Sessions, by phase; closed ones may be joined again."
    )
    yield _rates("airgrant_box_floor", state.promised.down_bps, state.promised.up_bps, "Floors sold now.")
    yield _rates(
        "airgrant_box_sellable",
        shaper.downlink_capacity_bps * ppm // PPM,
        shaper.uplink_capacity_bps * ppm // PPM,
        "What of the capacities may be sold as floors.",
    )
    yield _directions(
        "airgrant_box_delivered_bytes_total",
        used.down_bytes,
        used.up_bytes,
        "IP bytes delivered.",
        Kind.COUNTER,
    )
    yield _directions(
        "airgrant_box_shortfall_bytes_total",
        used.down_shortfall_bytes,
        used.up_shortfall_bytes,
        "IP bytes that floors promised and stations did not get.",
        Kind.COUNTER,
    )


def _records(status: Mapping[str, dict[str, int]], state: State) -> Iterable[Family]:
    records = status["records"]
    yield _counter("airgrant_box_records_total", records["made"], "Meter records of this box, ever.")
    yield _gauge("airgrant_box_records_unsigned", records["unsigned"], "Meter records that wait for the TPM.")
    yield _gauge(
        "airgrant_box_records_unacknowledged", records["unacknowledged"], "Meter records without a receipt."
    )
    yield _gauge(
        "airgrant_box_refunds_owed", len(state.refunds), "Refunds that the ledger has not moved yet."
    )


def _connections(status: Mapping[str, object]) -> Iterable[Family]:
    for name, key, told in (
        ("ledger_connected", "ledger_connected", "1: the broker answers."),
        ("enrolled", "enrolled", "1: the ledger knows the key that signs records."),
        ("attested", "attested", "1: a TPM signs records."),
        ("disk_failing", "disk_failing", "1: the disk does not keep what it is given."),
    ):
        yield _gauge(f"airgrant_box_{name}", int(bool(status[key])), told)
    yield _gauge("airgrant_box_offer", int(status["offer"] is not None), "1: there is an offer to show.")


def _air(status: Mapping[str, Mapping[str, int]]) -> Iterable[Family]:
    """Of a box with [air]."""
    if "air" not in status:
        return
    air, airtime = status["air"], status["airtime"]
    yield _gauge("airgrant_box_hostapd_connected", int(air["hostapd_connected"]), "1: hostapd answers.")
    yield _gauge(
        "airgrant_box_stations_associated", air["stations_associated"], "Stations that hostapd serves."
    )
    yield _gauge("airgrant_box_stations_served", air["stations_served"], "Those of them that have a session.")
    yield _counter(
        "airgrant_box_purchases_heard_total", air["purchases_heard"], "Purchases heard on the air."
    )
    for name, told in (("sold", "Radio time that floors take."), ("budget", "Radio time that may be sold.")):
        yield _gauge(f"airgrant_box_airtime_{name}_ratio", airtime[f"{name}_ppm"], told, decimals=6)


def _rates(name: str, down_bps: int, up_bps: int, told: str) -> Family:
    """In bytes, which is Prometheus's unit: an eighth of a bit's count is exact in three decimals."""
    pairs = (("down", down_bps), ("up", up_bps))
    samples = tuple(Sample(rate_bps * 125, (("direction", way),), decimals=3) for way, rate_bps in pairs)
    return Family(f"{name}_bytes_per_second", Kind.GAUGE, told, samples)


def _directions(name: str, down: int, up: int, told: str, kind: Kind = Kind.GAUGE) -> Family:
    """`down` is towards the stations."""
    pairs = (("down", down), ("up", up))
    return Family(name, kind, told, tuple(Sample(value, (("direction", way),)) for way, value in pairs))


def _gauges(name: str, label: str, values: Mapping[str, int], told: str) -> Family:
    samples = tuple(Sample(value, ((label, word),)) for word, value in values.items())
    return Family(name, Kind.GAUGE, told, samples)


def _gauge(name: str, value: int, told: str, decimals: int = 0) -> Family:
    return Family(name, Kind.GAUGE, told, (Sample(value, decimals=decimals),))


def _counter(name: str, value: int, told: str) -> Family:
    return Family(name, Kind.COUNTER, told, (Sample(value),))
