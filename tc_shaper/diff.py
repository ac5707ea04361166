"""The difference between two states of the kernel, as steps in an order in which no packet reaches a foreign class.

First the elements that are wrong go (their stations fall back to unpaid), then queues that hold packets of a session
that is over, then classes and queues take their new shape, and last the new elements send packets there.
What is equal in both yields no step, so an unchanged session loses nothing.
"""

from tc_shaper.tree import IDLE, ClassShape, Direction, Half, Leaf, Tree
from wire.frozen import dataclass
from wire.ids import MacAddress


@dataclass(frozen=True, slots=True)
class RemoveElement:
    """Stop sending this station's packets to a class: from now on it has not paid."""

    direction: Direction
    station: MacAddress


@dataclass(frozen=True, slots=True)
class RemoveLeaf:
    """Throw away the queue of a slot, with the packets in it and with its counters."""

    direction: Direction
    slot: int


@dataclass(frozen=True, slots=True)
class SetClass:
    """Change a class in place, or make it."""

    direction: Direction
    slot: int
    shape: ClassShape


@dataclass(frozen=True, slots=True)
class SetLeaf:
    """Change a queue in place if it is of that kind, else put a new one there."""

    direction: Direction
    slot: int
    leaf: Leaf


@dataclass(frozen=True, slots=True)
class AddElement:
    """Send this station's packets to the class of a slot, and count them; a lifetime of 0 has no end."""

    direction: Direction
    station: MacAddress
    slot: int
    lifetime_s: int = 0


Step = RemoveElement | RemoveLeaf | SetClass | SetLeaf | AddElement


def diff(present: Tree, wanted: Tree) -> list[Step]:
    """Steps from `present` to `wanted`. Classes that exist beyond the wanted pool are made idle, never deleted."""
    halves = [(direction, present.half(direction), wanted.half(direction)) for direction in Direction]
    phases = (_remove_elements, _remove_leaves, _set_classes, _set_leaves, _add_elements)
    return [step for phase in phases for half in halves for step in phase(*half)]


def _remove_elements(direction: Direction, present: Half, wanted: Half) -> list[Step]:
    return [
        RemoveElement(direction, station)
        for station, slot in present.elements.items()
        if wanted.elements.get(station) != slot
    ]


def _remove_leaves(direction: Direction, present: Half, wanted: Half) -> list[Step]:
    """A queue is kept only for the station that had it: counters and packets are never inherited.

    The kernel cannot change a queue's kind in place, so one of another kind goes as well.
    """
    before = {slot: station for station, slot in present.elements.items()}
    after = {slot: station for station, slot in wanted.elements.items()}
    return [
        RemoveLeaf(direction, slot)
        for slot, leaf in present.leaves.items()
        if slot not in wanted.leaves
        or before.get(slot) != after.get(slot)
        or wanted.leaves[slot].kind != leaf.kind
    ]


def _set_classes(direction: Direction, present: Half, wanted: Half) -> list[Step]:
    changed: list[Step] = [
        SetClass(direction, slot, shape)
        for slot, shape in sorted(wanted.classes.items())
        if present.classes.get(slot) != shape
    ]
    beyond: list[Step] = [
        SetClass(direction, slot, IDLE)
        for slot, shape in present.classes.items()
        if slot not in wanted.classes and shape != IDLE
    ]
    return changed + beyond


def _set_leaves(direction: Direction, present: Half, wanted: Half) -> list[Step]:
    removed = {
        step.slot for step in _remove_leaves(direction, present, wanted) if isinstance(step, RemoveLeaf)
    }
    return [
        SetLeaf(direction, slot, leaf)
        for slot, leaf in wanted.leaves.items()
        if slot in removed or present.leaves.get(slot) != leaf
    ]


def _add_elements(direction: Direction, present: Half, wanted: Half) -> list[Step]:
    return [
        AddElement(direction, station, slot, wanted.lifetimes.get(station, 0))
        for station, slot in wanted.elements.items()
        if present.elements.get(station) != slot
    ]
