"""The pool of slots: the S-NSSAIs that stand in the gNB's file before it starts, and who holds which.

A slice can be made only in that file, so a sale takes one of the slots that are there. A slot serves one stay at a
time: the gNB shares a slice among its UEs as it likes, and so a floor is kept for a slice and never for one of several
UEs in it. Priority and policy of a slice cannot be changed while the gNB runs: a tier of service is a set of slots.
The pool is a value: each function returns the next one. The slot freed longest ago is used next, so that a UE which
leaves late has the most time to be gone.
"""

from collections.abc import Iterable
from typing import NamedTuple

from ran_slicing.snssai import Snssai


class Slot(NamedTuple):
    """A slice of the cell that may be sold, and the tier that its fixed `priority` gives it."""

    snssai: Snssai
    tier: int = 0


class NoSlot(NamedTuple):
    """Nothing to take: every slot of the tier is held, this one is, or there is none of that name."""

    reason: str


class SlotPool(NamedTuple):
    """All slots, the free ones in the order of use, and the holder (a grant's id) of each of the others."""

    slots: tuple[Slot, ...]
    free: tuple[Snssai, ...]
    held: tuple[tuple[Snssai, bytes], ...] = ()

    def holder(self, snssai: Snssai) -> bytes | None:
        return next((holder for slot, holder in self.held if slot == snssai), None)

    def slot_of(self, holder: bytes) -> Snssai | None:
        return next((slot for slot, known in self.held if known == holder), None)


def new_pool(slots: Iterable[Slot]) -> SlotPool:
    """All free. A slice that is named twice is our own mistake: the file was checked (gnb_config)."""
    ordered = tuple(slots)
    names = tuple(slot.snssai for slot in ordered)
    assert len(set(names)) == len(names), f"slots named twice: {names}"
    return SlotPool(ordered, names)


def allocate(pool: SlotPool, holder: bytes, tier: int = 0) -> tuple[SlotPool, Snssai] | NoSlot:
    """The free slot of the tier that was freed longest ago; a holder that has one gets the same again."""
    if (known := pool.slot_of(holder)) is not None:
        return pool, known
    of_tier = {slot.snssai for slot in pool.slots if slot.tier == tier}
    found = next((snssai for snssai in pool.free if snssai in of_tier), None)
    if found is None:
        return NoSlot(f"all {len(of_tier)} slots of tier {tier} are held")
    return _hold(pool, found, holder), found


def take(pool: SlotPool, snssai: Snssai, holder: bytes) -> SlotPool | NoSlot:
    """This slot: a UE has its session in it already, or a restart found it so."""
    if pool.holder(snssai) == holder:
        return pool
    if snssai not in pool.free:
        held = pool.holder(snssai) is not None
        return NoSlot(f"slot {snssai} is held by another" if held else f"the cell has no slot {snssai}")
    if (known := pool.slot_of(holder)) is not None:
        return NoSlot(f"holds slot {known} already")
    return _hold(pool, snssai, holder)


def release(pool: SlotPool, snssai: Snssai) -> SlotPool:
    """Give a slot back. One that is free already is our own mistake."""
    assert pool.holder(snssai) is not None, f"slot {snssai} is not held"
    held = tuple(item for item in pool.held if item[0] != snssai)
    return pool._replace(free=(*pool.free, snssai), held=held)


def _hold(pool: SlotPool, snssai: Snssai, holder: bytes) -> SlotPool:
    free = tuple(item for item in pool.free if item != snssai)
    return pool._replace(free=free, held=(*pool.held, (snssai, holder)))
