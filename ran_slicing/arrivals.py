"""Who came: a connection that is new in the core's list, and an RNTI that is new in the gNB's metrics.

The AMF lists by which numbers each connected subscriber is known, the metrics list RNTIs, and neither knows the
other's names. But a UE that connects is new in both, first here and then there. Where between two of the core's lists
as many subscribers made connections as RNTIs came that are nobody's yet, they are the same. One and one are a pair.
Of several the core says when each was heard last, which was after it came: only a pair that every way of pairing them
has is believed. Where it does not say, or where the numbers differ, nobody is guessed: they are told apart later, by
their bytes (join.py) or by a short pause (probe.py). The AMF's own numbers are a ring's, and order nothing.
Whoever was there when the first report came is of unknown age, and nobody's.
A core that lists connections of several cells does not say which are ours: then nobody is found here.
A pair found here is a likely one: an RNTI may be given anew without a connection, at the moment in which a connection
was made whose RNTI is older. For shares and money its bytes have to agree.
Units: monotonic ns.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from ran_slicing.core_info import Listed, Radio
from wire.units import NS_PER_S

SETUP_NS = NS_PER_S
"""Radio and registration take some tenths of a second. By so much the core's clock may be behind, too."""
SLOWEST_NS = 5 * NS_PER_S
"""From an RNTI to the connection that the core lists, if it asks several times: who came so long before a list may be
whom it lists, and makes the others doubtful."""
UNSEEN_NS = 3 * NS_PER_S
"""An RNTI that no report lists for so long has gone; `ue_rem` says it sooner, if it came."""


class Came(NamedTuple):
    """When an RNTI came: after the one instant, and by the other."""

    after_ns: int
    by_ns: int


class Look(NamedTuple):
    """Subscribers whose connections are new since a list, as a later one showed, each with the instant at which it was
    there already, None where the core does not say: to be found among the RNTIs.
    """

    located_ns: Mapping[str, int | None]
    after_ns: int
    by_ns: int


class Arrivals(NamedTuple):
    """`rnti_of` is who is known; `came` holds RNTIs whose age is known, `seen_ns` when each was listed last, `began_ns`
    the first report. `accounted` are RNTIs of a window in which the numbers were equal, paired or not.
    """

    rnti_of: Mapping[str, int] = {}
    came: Mapping[int, Came] = {}
    seen_ns: Mapping[int, int] | None = None
    radios: Mapping[str, Radio] | None = None
    began_ns: int = 0
    look: Look | None = None
    accounted: frozenset[int] = frozenset()


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
    began_ns = now_ns if known is None else arrivals.began_ns
    accounted = frozenset(rnti for rnti in arrivals.accounted if rnti in came and rnti not in fresh)
    arrivals = arrivals._replace(
        rnti_of=rnti_of, came=came, seen_ns=seen_ns, began_ns=began_ns, accounted=accounted
    )
    return _match(arrivals, now_ns)


def look(arrivals: Arrivals, listed: Listed) -> Arrivals:
    """The core's list of connected subscribers. One that is as before says nothing new."""
    radios, before = listed.radios, arrivals.radios
    if radios == before:
        return arrivals
    cells = {(radio.gnb_id, radio.cell_id) for radio in radios.values()}
    fresh = [supi for supi, radio in radios.items() if before is not None and before.get(supi) != radio]
    located_ns = {supi: listed.located_ns.get(supi) for supi in fresh}
    rnti_of = {supi: rnti for supi, rnti in arrivals.rnti_of.items() if supi in radios and supi not in fresh}
    found = Look(located_ns, listed.since_ns, listed.by_ns) if len(cells) == 1 and fresh else None
    return arrivals._replace(rnti_of=rnti_of, radios=radios, look=found)


def forget(arrivals: Arrivals, rnti: int) -> Arrivals:
    """What was thought of this RNTI was wrong, and nothing is thought of it again."""
    return arrivals._replace(
        rnti_of={supi: known for supi, known in arrivals.rnti_of.items() if known != rnti},
        came={known: one for known, one in arrivals.came.items() if known != rnti},
    )


def lose(arrivals: Arrivals) -> Arrivals:
    """The gNB was away: its RNTIs are others' now. What the core lists goes on."""
    return Arrivals(radios=arrivals.radios)


def _match(arrivals: Arrivals, now_ns: int) -> Arrivals:
    """With the first report after a look, which has all who had come by then; unless some of them may have come before
    anybody looked at RNTIs.
    """
    wanted = arrivals.look
    if wanted is None or now_ns < wanted.by_ns:
        return arrivals
    first_ns = wanted.after_ns - SLOWEST_NS
    if first_ns < arrivals.began_ns:
        return arrivals._replace(look=None)
    taken = arrivals.accounted.union(arrivals.rnti_of.values())
    fitting = sorted(
        (came.after_ns, rnti)
        for rnti, came in arrivals.came.items()
        if rnti not in taken and came.after_ns < wanted.by_ns and came.by_ns > first_ns
    )
    if len(fitting) != len(wanted.located_ns):
        return arrivals._replace(look=None)
    rnti_of = {**arrivals.rnti_of, **_pair(wanted.located_ns, fitting)}
    accounted = arrivals.accounted.union(rnti for _, rnti in fitting)
    return arrivals._replace(rnti_of=rnti_of, look=None, accounted=accounted)


def _pair(located_ns: Mapping[str, int | None], came: Sequence[tuple[int, int]]) -> dict[str, int]:
    """As many of the one as of the other, from (came after, RNTI) in order. Nobody is heard before he came: whoever was
    heard when only one RNTI was there that no earlier one needs, is that one.
    """
    known = sorted((heard_ns, supi) for supi, heard_ns in located_ns.items() if heard_ns is not None)
    if len(known) < len(located_ns):
        return dict.fromkeys(located_ns, came[0][1]) if len(located_ns) == 1 else {}
    found: dict[str, int] = {}
    before = 0
    for index, (heard_ns, supi) in enumerate(known):
        there = sum(after_ns <= heard_ns + SETUP_NS for after_ns, _ in came)
        if there == index + 1 and before == index:
            found[supi] = came[index][1]
        before = there
    return found
