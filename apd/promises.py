"""What was sold on the air and has no session yet: it holds its room until it has one, or its time is over.

In: purchases under way, grants that were bought here. Out: the floors that they will want. Without this a box would
sell the same room to everybody who buys before the first has joined. A purchase of which the ledger has called a copy
forged holds no room: else strangers could take all of it with purchases that nobody signed.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from apd.state import KnownGrant, State
from wire.qos import Qos
from wire.units import Now


@dataclass(frozen=True, slots=True)
class Reserved:
    """Floors in bit/s, and how many sessions they are."""

    down_bps: int = 0
    up_bps: int = 0
    sessions: int = 0


NOTHING = Reserved()


def reserved(state: State, now: Now, without: bytes = b"") -> Reserved:
    """What is kept for others than the grant of this id. A wired box knows no grant before it is shown."""
    if state.air is None and state.cell is None:
        return NOTHING
    wanted = [one.wants for one in state.lobby.pending.values() if one.wants is not None]
    if state.cell is not None:
        waiting = state.cell.bought.items()
        return _sum([*(grant.total_qos for grant_id, grant in waiting if grant_id != without), *wanted])
    bought = [
        known.grant.total_qos
        for grant_id, known in state.on_air.grants.items()
        if grant_id != without and _waits(state, known, now)
    ]
    return _sum([*bought, *wanted])


def _waits(state: State, known: KnownGrant, now: Now) -> bool:
    """Its time runs, or nearly, and it never had a session here."""
    grant = known.grant
    if not known.bought or grant.grant_id in state.sessions or grant.grant_id in state.revoked:
        return False
    return grant.starts_s <= now.utc_s + state.settings.early_join_s and now.mono_ns < known.ends_ns


def _sum(wanted: Iterable[Qos]) -> Reserved:
    each = [*wanted]
    down_bps, up_bps = sum(qos.floor_down_bps for qos in each), sum(qos.floor_up_bps for qos in each)
    return Reserved(down_bps, up_bps, len(each))
