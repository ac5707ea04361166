"""A short pause of one slot, to see whose data stops: how UEs that look alike are told apart.

Its slot's maximum is 0 for one report: the UE that got nothing in it although data waited, and was served before and
after, is in that slot. Now and then somebody else gets nothing by chance; so it has to be the only one whose bytes fit
too, or the only one who stopped in two pauses. What a pause held up is owed, and made up by the loop within the same
second. One slot at a time, only one whose floor is asked for and whose UE is not known, only where reports are so
frequent that a pause is short, and each time again after twice as long.
Units: blocks in a report, bytes, monotonic ns.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from ran_slicing.metrics import UeReport
from ran_slicing.snssai import Snssai
from wire.units import NS_PER_S

LONGEST_PERIOD_NS = NS_PER_S // 4
"""Reports further apart than this would make the pause longer than a second's floor bears."""
GIVE_UP_NS = NS_PER_S // 2
"""A gNB that has not paused the slot by then, or says nothing of it, is not waited for: nobody is paused for longer."""
AGAIN_NS, LONGEST_AGAIN_NS = 2 * NS_PER_S, 64 * NS_PER_S
"""After the first pause that showed nothing, and at most."""
LEAST_BLOCKS = 4
"""In a report: a UE that gets less says nothing by getting none."""
_STILL_PART = 8
"""A paused UE gets no more than this part of what it got before: blocks on their way, or sent again."""
_WAITING_PART = 4
"""For a paused UE waits at least this part of what its floor had carried away."""
_WHOLE_PERCENT = 90
"""A report counts as of the pause if this much of its time was."""


class Probe(NamedTuple):
    """One pause. `served` are the UEs in question, with their blocks in the report before; `paused_ns` is when the gNB
    said that it paused; `still` are those who then got nothing, None while it lasts.
    """

    snssai: Snssai
    asked_ns: int
    served: Mapping[int, int]
    paused_ns: int | None = None
    still: frozenset[int] | None = None

    @property
    def due_ns(self) -> int:
        """When it is over, whatever came."""
        return self.asked_ns + GIVE_UP_NS


class Tried(NamedTuple):
    """Of a slot: how many pauses showed nobody, when the last of them ended, and who stopped in it."""

    pauses: int = 0
    last_ns: int = 0
    stopped: frozenset[int] = frozenset()

    @property
    def due_ns(self) -> int:
        """When it may be paused next."""
        wait_ns = min(LONGEST_AGAIN_NS, AGAIN_NS << min(self.pauses - 1, 16)) if self.pauses else 0
        return self.last_ns + wait_ns


def begin(snssai: Snssai, ues: Mapping[int, UeReport], known: Collection[int], now_ns: int) -> Probe:
    """Whoever is not known, and was served in the last report."""
    served = {rnti: _blocks(ue) for rnti, ue in ues.items() if rnti not in known}
    return Probe(snssai, now_ns, {rnti: blocks for rnti, blocks in served.items() if blocks >= LEAST_BLOCKS})


def is_of_pause(probe: Probe, before_ns: int, now_ns: int) -> bool:
    """Whether the report of this interval tells of the pause."""
    if probe.paused_ns is None:
        return False
    return (now_ns - max(before_ns, probe.paused_ns)) * 100 >= (now_ns - before_ns) * _WHOLE_PERCENT > 0


def stop(probe: Probe, ues: Mapping[int, UeReport], floor_bps: int, now_ns: int) -> Probe:
    """The report of the pause: who got nothing."""
    lasted_ns = now_ns - (probe.paused_ns or now_ns)
    waiting_bytes = floor_bps * lasted_ns // (8 * _WAITING_PART * NS_PER_S)
    still = frozenset(
        rnti
        for rnti, before in probe.served.items()
        if rnti in ues
        and _blocks(ues[rnti]) * _STILL_PART <= before
        and ues[rnti].dl_waiting_bytes > waiting_bytes
    )
    return probe._replace(still=still)


def came_back(probe: Probe, ues: Mapping[int, UeReport]) -> frozenset[int]:
    """The report after it: who stopped, and is served again."""
    return frozenset(rnti for rnti in probe.still or () if rnti in ues and _blocks(ues[rnti]) >= LEAST_BLOCKS)


def verdict(
    stopped: frozenset[int], before: frozenset[int], fitting: frozenset[int], unknown_slots: int
) -> int | None:
    """Of those who stopped in this pause and in the one before: who did so alone and whose bytes fit, or who did so
    twice. Where more UEs fit than there are slots whose UEs are not known, somebody of the others fits too, and may
    have stood still by chance: then one pause shows nothing.
    """
    once = stopped if len(fitting) <= unknown_slots else frozenset[int]()
    for likely in (once & fitting, stopped & before):
        if len(likely) == 1:
            return min(likely)
    return None


def _blocks(ue: UeReport) -> int:
    return ue.dl_ok + ue.dl_lost
