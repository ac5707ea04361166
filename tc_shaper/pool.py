"""Which slot a session gets: a queue of free slots, so that the one freed longest ago is used next.

A slot is the minor number of a class in both directions. The pool is a value: each function returns the next one.
A slot that comes late back to use gives late packets and late readers of its counters time to be gone.
"""

from collections.abc import Iterable
from dataclasses import replace

from tc_shaper.settings import MAX_SLOTS, ShaperSettings
from tc_shaper.tree import FIRST_SLOT, pool_length
from wire.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Exhausted:
    """No slot is left: every class that HTB can name is in use."""

    slots: int


@dataclass(frozen=True, slots=True)
class Pool:
    """Free slots, least recently freed first; `length` slots exist from FIRST_SLOT on, `limit` may."""

    free: tuple[int, ...]
    length: int
    chunk: int
    limit: int = MAX_SLOTS


def new_pool(settings: ShaperSettings, taken: Iterable[int] = ()) -> Pool:
    """All slots but the `taken` ones, which a restart found in the kernel or in the store."""
    adopted = set(taken)
    length = pool_length(settings, max(adopted, default=0))
    slots = range(FIRST_SLOT, FIRST_SLOT + length)
    assert adopted <= set(slots), f"slots outside the pool: {sorted(adopted - set(slots))[:5]}"
    return Pool(tuple(slot for slot in slots if slot not in adopted), length, settings.pool_chunk)


def allocate(pool: Pool) -> tuple[Pool, int] | Exhausted:
    """The slot freed longest ago; the pool grows by a chunk when there is none."""
    if not pool.free:
        length = min(pool.length + pool.chunk, pool.limit)
        if length <= pool.length:
            return Exhausted(pool.length)
        fresh = tuple(range(FIRST_SLOT + pool.length, FIRST_SLOT + length))
        pool = replace(pool, free=fresh, length=length)
    return replace(pool, free=pool.free[1:]), pool.free[0]


def release(pool: Pool, slot: int) -> Pool:
    """Give a slot back. One that is free already, or was never in the pool, is our own mistake."""
    assert FIRST_SLOT <= slot < FIRST_SLOT + pool.length, f"slot {slot} is not of this pool"
    assert slot not in pool.free, f"slot {slot} is released twice"
    return replace(pool, free=(*pool.free, slot))
