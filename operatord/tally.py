"""What the reports of one meter say of a grant, added up report by report.

Pure: a tally and a row in, a tally out; nothing of a report is needed afterwards, so that a verification can go on
where it stopped. A report covers an interval, and a session may begin and end anywhere in its first and its last one:
of each *run* of intervals without a gap all but those two is certain, and all of it possible.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from operatord.reconciling import Metered
from wire.meter_record import UsageReport, UsageRow


@dataclass(frozen=True, slots=True)
class Tally:
    """Sums in bytes; `least_ms` and `most_ms` of the runs that are over, and the last run, which may go on."""

    up_bytes: int = 0
    down_bytes: int = 0
    up_offered_bytes: int = 0
    least_ms: int = 0
    most_ms: int = 0
    intervals: int = 0
    """Of the last run."""
    first_ms: int = 0
    """How long its first interval is."""
    run_ms: int = 0
    last_from_ms: int = 0
    """Its last interval (UTC)."""
    last_to_ms: int = 0

    def with_row(self, row: UsageRow, from_ms: int, to_ms: int) -> "Tally":
        """The tally with one more row, of a report of [from_ms, to_ms)."""
        return replace(
            self._with_interval(from_ms, to_ms),
            up_bytes=self.up_bytes + row.up_bytes,
            down_bytes=self.down_bytes + row.down_bytes,
            up_offered_bytes=self.up_offered_bytes + row.up_offered_bytes,
        )

    def metered(self) -> Metered:
        """The sums, with the bounds of the duration."""
        return Metered(
            self.up_bytes,
            self.down_bytes,
            self.least_ms + self._certain_ms(),
            self.most_ms + self.run_ms,
            self.up_offered_bytes,
        )

    def _with_interval(self, from_ms: int, to_ms: int) -> "Tally":
        length_ms = to_ms - from_ms
        if self.intervals and from_ms == self.last_to_ms:
            run_ms = self.run_ms + length_ms
            return replace(
                self, intervals=self.intervals + 1, run_ms=run_ms, last_from_ms=from_ms, last_to_ms=to_ms
            )
        if self.intervals and (from_ms, to_ms) == (self.last_from_ms, self.last_to_ms):
            return self  # a further part of the same report
        return replace(
            self,
            least_ms=self.least_ms + self._certain_ms(),
            most_ms=self.most_ms + self.run_ms,
            intervals=1,
            first_ms=length_ms,
            run_ms=length_ms,
            last_from_ms=from_ms,
            last_to_ms=to_ms,
        )

    def _certain_ms(self) -> int:
        """Of the last run."""
        if self.intervals < 3:
            return 0
        return self.run_ms - self.first_ms - (self.last_to_ms - self.last_from_ms)


def add_report(tallies: Mapping[bytes, Tally], report: UsageReport) -> dict[bytes, Tally]:
    """The new tallies of the grants that the report names."""
    changed: dict[bytes, Tally] = {}
    for row in report.rows:
        before = changed.get(row.grant_id) or tallies.get(row.grant_id) or Tally()
        changed[row.grant_id] = before.with_row(row, report.from_utc_ms, report.to_utc_ms)
    return changed
