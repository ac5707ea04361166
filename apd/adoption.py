"""A restart: which sessions go on, what the kernel is to hold, and whether it counted all the while.

In: what is on disk, what the kernel still has, the clock. Out: sessions and shapes. Asks nobody and changes nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from ipaddress import IPv4Address, IPv6Address

from apd.session import Phase, Session, StoredSession, restore, shape_of
from tc_shaper.tree import SessionShape
from wire.frozen import dataclass
from wire.ids import MacAddress, Station
from wire.units import Now


@dataclass(frozen=True, slots=True)
class Adopted:
    """`kernel_kept`: no active session lost its counters."""

    sessions: tuple[Session, ...]
    shapes: tuple[SessionShape, ...]
    kernel_kept: bool
    ues: Mapping[int, IPv4Address | IPv6Address] = field(default_factory=dict)
    """On a cell, instead of shapes: whose packets are to be counted, by slot."""


def adopt(
    stored: Iterable[StoredSession], in_kernel: Mapping[int, Station], now: Now, last_utc_ms: int
) -> Adopted:
    """What the kernel still has goes on untouched. What it lost is to be installed anew if its time lasts.

    `last_utc_ms` is when the box last looked at its clock: one that is behind that now (a box without a battery, after
    the power failed) is not believed, or sessions would get the outage for nothing.
    """
    then = replace(now, utc_ms=max(now.utc_ms, last_utc_ms))
    found = [(one, in_kernel.get(one.slot) == one.station) for one in stored]
    sessions = [(restore(one, then, kept=kept), kept) for one, kept in found]
    wanted = [session for session, kept in sessions if _is_wanted(session, now, kept=kept)]
    return Adopted(
        sessions=tuple(session for session, _ in sessions),
        shapes=tuple(shape_of(one, now) for one in wanted if isinstance(one.station, MacAddress)),
        kernel_kept=all(kept for session, kept in sessions if session.phase is Phase.ACTIVE),
        ues={one.slot: one.station for one in wanted if not isinstance(one.station, MacAddress)},
    )


def _is_wanted(session: Session, now: Now, *, kept: bool) -> bool:
    """One that is to be removed stays until its last counters are read."""
    if kept:
        return session.phase in (Phase.ACTIVE, Phase.EXPIRING)
    return session.phase is Phase.ACTIVE and session.ends_ns > now.mono_ns
