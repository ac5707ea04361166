"""What the demo sees while it runs: rates of every station, sampled from outside the meter under test, and the
story so far.

Down is read at each station's own interface, up by a witness beyond the access point (what got through, not what
was pushed). Times are seconds since the demo began.
"""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from lab.air import Lab, Station
from lab.counters import ByteCounter, Seen, Witness
from lab.result import Moment

INTERVAL_S = 0.5


@dataclass(frozen=True, slots=True)
class Sample:
    """Cumulated IP bytes of one station: what arrived, what it pushed, what of it got through to the world, and what
    the world sent towards it.
    """

    t_s: float
    arrived_bytes: int
    pushed_bytes: int
    through_bytes: int
    towards_bytes: int = 0


@dataclass(slots=True)
class Watch:
    """Samples all stations until the `with` block ends."""

    network: Lab
    witness: Witness
    began_s: float = field(default_factory=time.monotonic)
    moments: list[Moment] = field(default_factory=list)
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    _counters: dict[str, ByteCounter] = field(default_factory=dict)
    _ended: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def now_s(self) -> float:
        return time.monotonic() - self.began_s

    def tell(self, who: str, what: str) -> None:
        """Adds to the story."""
        self.moments.append(Moment(round(self.now_s(), 2), who, what))

    def sample(self) -> dict[str, Sample]:
        """One sample of every station, now."""
        seen = self.witness.read()
        return {station.name: self._sample_one(station, seen) for station in self.network.stations}

    def __enter__(self) -> Self:
        for station in self.network.stations:
            counter = ByteCounter(station.namespace, station.interface)
            self._counters[station.name] = counter.__enter__()
            self.samples[station.name] = []
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        for counter in self._counters.values():
            counter.__exit__(kind, fault, trace)

    def _run(self) -> None:
        due = time.monotonic()
        while not self._ended.wait(max(0.0, due - time.monotonic())):
            for name, sample in self.sample().items():
                self.samples[name].append(sample)
            due += INTERVAL_S

    def _sample_one(self, station: Station, seen: Mapping[str, Seen]) -> Sample:
        reading = self._counters[station.name].read()
        addresses = (str(station.v4.ip), str(station.v6.ip))
        through = sum(seen[address].from_bytes for address in addresses if address in seen)
        towards = sum(seen[address].to_bytes for address in addresses if address in seen)
        t_s = reading.t_s - self.began_s
        return Sample(t_s, reading.rx_ip_bytes, reading.tx_ip_bytes, through, towards)
