"""Who came: a connection that is new in the core's list, and an RNTI that is new in the gNB's metrics.

The AMF lists by which numbers each connected subscriber is known, the metrics list RNTIs, and neither knows the
other's names. But a UE that connects is new in both, first here and then there, and the core numbers connections as
they come. Where between two of its lists as many subscribers made connections as RNTIs came that are nobody's yet, the
first is the first, and so on. Those who came so close together that the order says nothing are not guessed, nor is
anybody where the numbers differ: they are told apart later, by their bytes (join.py) or by a short pause (probe.py).
Whoever was there when the first report came is of unknown age, and nobody's.
A core that lists connections of several gNBs does not say which are ours: then nobody is found here.
Units: monotonic ns.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from ran_slicing.core_info import Radio
from wire.units import NS_PER_S

SETUP_NS = NS_PER_S
"""From an RNTI to the connection that the core lists: radio and registration take some tenths of a second."""
UNSEEN_NS = 3 * NS_PER_S
"""An RNTI that no report lists for so long has gone; `ue_rem` says it sooner, if it came."""


class Came(NamedTuple):
    """When an RNTI came: after the one instant, and by the other."""

    after_ns: int
    by_ns: int


class Look(NamedTuple):
    """Subscribers whose connections are new since a list, as a later one showed, in the order in which they came: to be
    found among the RNTIs.
    """

    supis: tuple[str, ...]
    after_ns: int
    by_ns: int


class Arrivals(NamedTuple):
    """`rnti_of` is who is known; `came` holds RNTIs whose age is known, `seen_ns` when each was listed last."""

    rnti_of: Mapping[str, int] = {}
    came: Mapping[int, Came] = {}
    seen_ns: Mapping[int, int] | None = None
    radios: Mapping[str, Radio] | None = None
    looked_ns: int = 0
    look: Look | None = None


def list_ues(
    arrivals: Arrivals, rntis: Collection[int], left: Collection[int], before_ns: int, now_ns: int
) -> Arrivals:
    """A report lists these UEs, the one before it came at `before_ns`; `left` are those that went in between."""
    known = arrivals.seen_ns
    seen_ns = {
        rnti: seen for rnti, seen in (known or {}).items() if rnti not in left and seen > now_ns - UNSEEN_NS
    }
    fresh = [] if known is None else [rnti for rnti in rntis if rnti not in seen_ns]
    came = {rnti: one for rnti, one in arrivals.came.items() if rnti in seen_ns}
    came.update(dict.fromkeys(fresh, Came(before_ns, now_ns)))
    seen_ns.update(dict.fromkeys(rntis, now_ns))
    rnti_of = {supi: rnti for supi, rnti in arrivals.rnti_of.items() if rnti in seen_ns and rnti not in fresh}
    return _match(arrivals._replace(rnti_of=rnti_of, came=came, seen_ns=seen_ns), now_ns)


def look(arrivals: Arrivals, radios: Mapping[str, Radio], within_ns: int, now_ns: int) -> Arrivals:
    """The core's list of connected subscribers; the one before it was taken no longer than `within_ns` ago. One that is
    as before says nothing new.
    """
    if radios == arrivals.radios:
        return arrivals
    before, here = arrivals.radios, {radio.gnb_id for radio in radios.values()}
    fresh = [supi for supi, radio in radios.items() if before is not None and before.get(supi) != radio]
    supis = tuple(sorted(fresh, key=lambda supi: radios[supi].amf_ue_ngap_id))
    rnti_of = {supi: rnti for supi, rnti in arrivals.rnti_of.items() if supi in radios and supi not in supis}
    after_ns = max(arrivals.looked_ns, now_ns - within_ns)
    found = Look(supis, after_ns, now_ns) if len(here) == 1 and supis else None
    return arrivals._replace(rnti_of=rnti_of, radios=radios, looked_ns=now_ns, look=found)


def forget(arrivals: Arrivals, rnti: int) -> Arrivals:
    """What was thought of this RNTI was wrong, and nothing is thought of it again."""
    return arrivals._replace(
        rnti_of={supi: known for supi, known in arrivals.rnti_of.items() if known != rnti},
        came={known: one for known, one in arrivals.came.items() if known != rnti},
    )


def lose(arrivals: Arrivals) -> Arrivals:
    """The gNB was away: its RNTIs are others' now. What the core lists goes on."""
    return Arrivals(radios=arrivals.radios, looked_ns=arrivals.looked_ns)


def _match(arrivals: Arrivals, now_ns: int) -> Arrivals:
    """With the first report after a look, which has all who had come by then."""
    wanted = arrivals.look
    if wanted is None or now_ns < wanted.by_ns:
        return arrivals
    taken = set(arrivals.rnti_of.values())
    fitting = sorted(
        (came.by_ns, rnti)
        for rnti, came in arrivals.came.items()
        if rnti not in taken and came.after_ns < wanted.by_ns and came.by_ns > wanted.after_ns - SETUP_NS
    )
    rnti_of = dict(arrivals.rnti_of)
    if len(fitting) == len(wanted.supis):
        for index, (supi, (by_ns, rnti)) in enumerate(zip(wanted.supis, fitting, strict=True)):
            others = [other_ns for other_ns, _ in fitting[:index] + fitting[index + 1 :]]
            if all(abs(by_ns - other_ns) > SETUP_NS for other_ns in others):
                rnti_of[supi] = rnti
    return arrivals._replace(rnti_of=rnti_of, look=None)
