"""The shaper's twin in memory: the same methods as `kernel.Shaper`, a kernel made of dictionaries, and faults on order.

A test scripts what the world does: `carry` lets packets of a station pass through, `pass_time` ends what
outlived its grace, `fail_next` makes the next call of a method fail as the kernel would. Restarting is
`FakeShaper(settings, kernel=old.kernel)`. That it behaves as the real one does is checked in tests/system,
where one contract test runs against both.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from tc_shaper.counters import ElementCounters, Flow, SlotCounters
from tc_shaper.diff import AddElement, RemoveElement, RemoveLeaf, SetClass, SetLeaf, Step, diff
from tc_shaper.ruleset import COUNTERS
from tc_shaper.settings import ShaperSettings
from tc_shaper.tree import (
    FIRST_SLOT,
    IDLE,
    Capabilities,
    ClassShape,
    Direction,
    Half,
    Leaf,
    SessionShape,
    Tree,
    adopt,
    plan_session,
    plan_tree,
    pool_length,
)
from wire.errors import ConfigError, ShellError
from wire.ids import MacAddress


@dataclass(slots=True)
class FakeHalf:
    """One direction of the kernel."""

    classes: dict[int, ClassShape] = field(default_factory=dict)
    leaves: dict[int, Leaf] = field(default_factory=dict)
    elements: dict[MacAddress, int] = field(default_factory=dict)
    delivered: dict[int, Flow] = field(default_factory=dict)
    """What left each leaf, since it was made."""
    offered: dict[MacAddress, ElementCounters] = field(default_factory=dict)
    """What each element counted, since it was added."""
    ends_s: dict[MacAddress, int] = field(default_factory=dict)
    """When the kernel removes an element that has an end, on its own clock."""


@dataclass(slots=True)
class FakeKernel:
    """What outlives the daemon."""

    halves: dict[Direction, FakeHalf] = field(
        default_factory=lambda: {direction: FakeHalf() for direction in Direction}
    )
    now_s: int = 0
    offloaded: str = ""
    """Not empty: what the operator left on that would bypass the shaper."""


class FakeShaper:
    """Behaves as `kernel.Shaper`."""

    def __init__(
        self,
        settings: ShaperSettings,
        kernel: FakeKernel | None = None,
        capabilities: Capabilities | None = None,
    ) -> None:
        self.settings = settings
        self.capabilities = Capabilities() if capabilities is None else capabilities
        self.kernel = FakeKernel() if kernel is None else kernel
        self.calls: list[str] = []
        self._faults: dict[str, str] = {}

    # --- what a test orders

    def fail_next(self, method: str, detail: str = "No buffer space available (ENOBUFS)") -> None:
        """The next call of this method changes nothing and raises ShellError."""
        self._faults[method] = detail

    def carry(
        self,
        direction: Direction,
        station: MacAddress,
        *,
        packets: int,
        packet_bytes: int = 1_500,
        dropped_packets: int = 0,
    ) -> None:
        """Packets of a station arrive; those not dropped leave. Of a station that has not paid none is counted."""
        half = self.kernel.halves[direction]
        slot = half.elements.get(station)
        if slot is None:
            return
        offered, flow, passed = half.offered[station], half.delivered[slot], packets - dropped_packets
        half.offered[station] = ElementCounters(
            offered.bytes + packets * packet_bytes, offered.packets + packets
        )
        half.delivered[slot] = replace(
            flow,
            delivered_bytes=flow.delivered_bytes + passed * packet_bytes,
            delivered_packets=flow.delivered_packets + passed,
            dropped_packets=flow.dropped_packets + dropped_packets,
        )

    def pass_time(self, seconds: int) -> None:
        """The kernel's clock goes on, whether a daemon lives or not."""
        self.kernel.now_s += seconds
        for direction, half in self.kernel.halves.items():
            over = [station for station, end_s in half.ends_s.items() if end_s <= self.kernel.now_s]
            self._apply([RemoveElement(direction, station) for station in over])

    # --- what the daemon calls

    def set_up(self) -> Capabilities:
        self._called("set_up")
        self.check_offload()
        present = self.present()
        self._apply(diff(present, adopt(plan_tree(self.settings, self.capabilities, ()), present)))
        return self.capabilities

    def check_offload(self) -> None:
        if self.kernel.offloaded:
            raise ConfigError(f"{self.settings.interface}: {self.kernel.offloaded}")

    def close(self) -> None:
        self._called("close")

    def tear_down(self) -> None:
        self._called("tear_down")
        self.kernel.halves = FakeKernel().halves

    def install(self, shape: SessionShape) -> None:
        self._called("install")
        assert shape.slot not in self.sessions(), f"slot {shape.slot} is in use"
        if any(shape.station in half.elements for half in self.kernel.halves.values()):
            raise ShellError(f"install {shape.station} in slot {shape.slot}", "File exists (EEXIST)")
        grown = range(FIRST_SLOT, FIRST_SLOT + pool_length(self.settings, shape.slot))
        for half in self.kernel.halves.values():
            half.classes.update({slot: IDLE for slot in grown if slot not in half.classes})
        self._apply([step for direction in Direction for step in self._install_steps(direction, shape)])

    def change(self, shape: SessionShape) -> None:
        self._called("change")
        assert self.sessions().get(shape.slot) == shape.station, (
            f"{shape.station} is not in slot {shape.slot}"
        )
        self._apply([step for direction in Direction for step in self._install_steps(direction, shape)[:2]])

    def remove(self, slot: int, station: MacAddress) -> SlotCounters:
        self._called("remove")
        last = self._slot_counters(slot, station)
        for direction, half in self.kernel.halves.items():
            if station in half.elements:
                self._apply([RemoveElement(direction, station)])
            if slot in half.leaves:
                self._apply([RemoveLeaf(direction, slot)])
            self._apply([SetClass(direction, slot, IDLE)])
        return last

    def resynchronise(self, shapes: Iterable[SessionShape]) -> list[Step]:
        self._called("resynchronise")
        steps = diff(self.present(), plan_tree(self.settings, self.capabilities, shapes))
        self._apply(steps)
        return steps

    def sessions(self) -> dict[int, MacAddress]:
        return {slot: station for station, slot in self.kernel.halves[Direction.DOWN].elements.items()}

    def present(self) -> Tree:
        halves = [
            Half(dict(half.classes), dict(half.leaves), dict(half.elements))
            for half in (self.kernel.halves[Direction.DOWN], self.kernel.halves[Direction.UP])
        ]
        return Tree(*halves)

    def read_counters(self) -> list[SlotCounters]:
        self._called("read_counters")
        return [self._slot_counters(slot, station) for slot, station in sorted(self.sessions().items())]

    def read_refusals(self) -> dict[str, ElementCounters]:
        return dict.fromkeys(COUNTERS, ElementCounters())

    # --- the kernel

    def _called(self, method: str) -> None:
        self.calls.append(method)
        detail = self._faults.pop(method, None)
        if detail is not None:
            raise ShellError(f"{method} (fake)", detail)

    def _install_steps(self, direction: Direction, shape: SessionShape) -> list[Step]:
        wanted, leaf = plan_session(self.settings, self.capabilities, direction, shape)
        return [
            SetClass(direction, shape.slot, wanted),
            SetLeaf(direction, shape.slot, leaf),
            AddElement(direction, shape.station, shape.slot, shape.lifetime_s),
        ]

    def _apply(self, steps: Iterable[Step]) -> None:
        for step in steps:
            half = self.kernel.halves[step.direction]
            match step:
                case RemoveElement(_, station):
                    del half.elements[station], half.offered[station]
                    half.ends_s.pop(station, None)
                case RemoveLeaf(_, slot):
                    del half.leaves[slot], half.delivered[slot]
                case SetClass(_, slot, shape):
                    half.classes[slot] = shape
                case SetLeaf(_, slot, leaf):
                    half.leaves[slot] = leaf
                    half.delivered.setdefault(slot, Flow())
                case AddElement(_, station, slot, lifetime_s):
                    half.elements[station] = slot
                    half.offered[station] = ElementCounters()
                    if lifetime_s:
                        half.ends_s[station] = self.kernel.now_s + lifetime_s + self.settings.grace_s

    def _slot_counters(self, slot: int, station: MacAddress) -> SlotCounters:
        flows: dict[Direction, Flow] = {}
        for direction, half in self.kernel.halves.items():
            offered = half.offered.get(station, ElementCounters())
            flow = half.delivered.get(slot, Flow())
            flows[direction] = replace(flow, offered_bytes=offered.bytes, offered_packets=offered.packets)
        return SlotCounters(slot, station, flows[Direction.DOWN], flows[Direction.UP])
