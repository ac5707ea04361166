"""What was sold and has no session yet: it holds its room until it has one, or its time is over.

In: purchases under way, grants that were bought here, what auctions sold. Out: the floors that they will want. Without
this a box would sell the same room to everybody who buys before the first has joined. A purchase of which the ledger
has called a copy forged holds no room: else strangers could take all of it with purchases that nobody signed.
"""

from collections.abc import Iterable
from dataclasses import field

from apd.state import KnownGrant, State
from wire.frozen import dataclass
from wire.grant import Grant
from wire.qos import Qos
from wire.units import Now

BOUGHT_S = 60
"""On a cell: room is kept for so long after a purchase begins, while nobody joins with it."""


@dataclass(frozen=True, slots=True)
class Reserved:
    """Floors in bit/s, how many sessions they are, and each of them: a cell rounds each up to whole resource blocks."""

    down_bps: int = 0
    up_bps: int = 0
    sessions: int = 0
    each: tuple[Qos, ...] = field(default=(), compare=False)


NOTHING = Reserved()


def reserved(state: State, now: Now, without: Grant | None = None) -> Reserved:
    """What is kept for others than the holder of this grant. A wired box knows no grant before it is shown, but for
    what its auctions sold.
    """
    kept = others(state, now, without)
    if state.auctions is not None:
        holding = (state.sessions[grant_id] for grant_id in state.stations.values())
        kept += state.auctions.waiting(holding, now.utc_s, without)
    return _sum(kept) if kept else NOTHING


def others(state: State, now: Now, without: Grant | None = None) -> list[Qos]:
    """The same but for what auctions sold."""
    if state.air is None and state.cell is None:
        return []
    grant_id = without.grant_id if without is not None else b""
    wanted = [one.wants for one in state.lobby.pending.values() if one.wants is not None]
    if state.cell is not None:
        bought = [one for one in state.cell.bought.values() if is_kept(state, one, now)]
    else:
        bought = [known.grant for known in state.on_air.grants.values() if _waits(state, known, now)]
    if state.auctions is not None:
        bought = state.auctions.without_winners(bought)
    return [*(one.total_qos for one in bought if one.grant_id != grant_id), *wanted]


def is_kept(state: State, grant: Grant, now: Now) -> bool:
    """On a cell: it was bought here a moment ago, and has had no session yet."""
    if grant.grant_id in state.sessions or grant.grant_id in state.on_cell.places:
        return False
    return grant.grant_id in state.on_cell.bought and grant.starts_s > now.utc_s - BOUGHT_S


def _waits(state: State, known: KnownGrant, now: Now) -> bool:
    """Its time runs, or nearly, and it never had a session here."""
    grant = known.grant
    if not known.bought or grant.grant_id in state.sessions or grant.grant_id in state.revoked:
        return False
    return grant.starts_s <= now.utc_s + state.settings.early_join_s and now.mono_ns < known.ends_ns


def _sum(wanted: Iterable[Qos]) -> Reserved:
    each = tuple(wanted)
    down_bps, up_bps = sum(qos.floor_down_bps for qos in each), sum(qos.floor_up_bps for qos in each)
    return Reserved(down_bps, up_bps, len(each), each)
