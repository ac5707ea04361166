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
MOST_IN_A_MINUTE = 3
"""Pauses of one slot, whatever they show: a UE that is known by another RNTI every few seconds is served blindly."""
LOOK_NS = 6 * NS_PER_S
"""A UE that was known, and is lost, is first looked for in the core's next list, which comes each five seconds."""
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
    """Of a slot: how many pauses in a row showed nobody, when the last ended, and who stopped in it; when those of the
    last minute ended, and when its UE was lost, if it was.
    """

    pauses: int = 0
    last_ns: int = 0
    stopped: frozenset[int] = frozenset()
    ended_ns: tuple[int, ...] = ()
    lost_ns: int | None = None

    @property
    def due_ns(self) -> int:
        """When it may be paused next."""
        wait_ns = min(LONGEST_AGAIN_NS, AGAIN_NS << min(self.pauses - 1, 16)) if self.pauses else 0
        due_ns = self.last_ns + wait_ns
        if self.lost_ns is not None:
            due_ns = max(due_ns, self.lost_ns + LOOK_NS)
        if len(self.ended_ns) == MOST_IN_A_MINUTE:
            due_ns = max(due_ns, self.ended_ns[0] + 60 * NS_PER_S)
        return due_ns

    def ended(self, now_ns: int, stopped: frozenset[int] | None = None) -> "Tried":
        """After one more pause: it showed a UE, or who only may be it."""
        ended_ns = (*self.ended_ns, now_ns)[-MOST_IN_A_MINUTE:]
        if stopped is None:
            return Tried(0, now_ns, ended_ns=ended_ns)
        return self._replace(pauses=self.pauses + 1, last_ns=now_ns, stopped=stopped, ended_ns=ended_ns)


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
