"""Which UE of the gNB's metrics is whose: an RNTI on one side, a slot on the other.

The metrics name a UE by its RNTI and say neither slice nor subscriber. The rule:
- A slot serves one stay, so what is measured of the stay's UE is measured of the slot. If it is told of several UEs in
  one slot, they count together, and the floor is the slot's: the gNB shares a slice among its UEs as it likes.
- A UE is joined to a slot when somebody who knows says so, or by bytes: the box counts what it sends to the grant's
  address, the gNB what it sends to each RNTI, and over some seconds only one RNTI fits.
- A slot without a UE is served blindly: its share stays what it was sold as, and nothing is learnt.
- A UE that left, or whose bytes have stopped to fit, is joined to nothing. An RNTI is given anew to somebody else.
Units: bits in a window between two countings; windows of a second or so.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from ran_slicing.snssai import Snssai

LEAST_BITS = 400_000
"""A window in which less was sent to a stay says nothing."""
LEAST_PERCENT, MOST_PERCENT = 85, 125
"""What the gNB sends for 100 bits that the box sent: headers of some percent, and what waited from or until another
window. Two UEs with the same capped rate fit both, and then neither is joined until they differ."""
ENOUGH = 4
"""Windows in which the same one fits, and no other as often."""
WRONG = 8
"""Windows in a row in which a joined one does not fit: it is somebody else."""
GONE_REPORTS = 3
"""Reports in which a UE is not listed: it left."""


@dataclass(frozen=True, slots=True)
class Join:
    """`slot_of` joins; `told` are those that somebody knew, which bytes do not undo. `fits` counts windows in favour of
    a pair, `misfits` those against a joined one, `absent` the reports without a joined one.
    """

    slot_of: Mapping[int, Snssai] = field(default_factory=dict)
    told: frozenset[int] = frozenset()
    fits: Mapping[tuple[Snssai, int], int] = field(default_factory=dict)
    misfits: Mapping[int, int] = field(default_factory=dict)
    absent: Mapping[int, int] = field(default_factory=dict)


def tell(join: Join, rnti: int, snssai: Snssai) -> Join:
    """Somebody knows; whatever was thought of this RNTI is forgotten."""
    join = leave(join, rnti)
    return replace(join, slot_of={**join.slot_of, rnti: snssai}, told=join.told | {rnti})


def leave(join: Join, rnti: int) -> Join:
    """This UE has gone."""
    return replace(
        join,
        slot_of={key: slot for key, slot in join.slot_of.items() if key != rnti},
        told=join.told - {rnti},
        fits={pair: count for pair, count in join.fits.items() if pair[1] != rnti},
        misfits={key: count for key, count in join.misfits.items() if key != rnti},
        absent={key: count for key, count in join.absent.items() if key != rnti},
    )


def free(join: Join, snssai: Snssai) -> Join:
    """This slot has no stay any more."""
    for rnti in [rnti for rnti, slot in join.slot_of.items() if slot == snssai]:
        join = leave(join, rnti)
    return replace(join, fits={pair: count for pair, count in join.fits.items() if pair[0] != snssai})


def list_ues(join: Join, rntis: Iterable[int], left: Iterable[int] = ()) -> Join:
    """A report lists these UEs, and says that those `left`."""
    for rnti in left:
        join = leave(join, rnti)
    listed = set(rntis)
    absent = {rnti: join.absent.get(rnti, 0) + 1 for rnti in join.slot_of if rnti not in listed}
    for rnti in [rnti for rnti, count in absent.items() if count >= GONE_REPORTS]:
        join = leave(join, rnti)
        del absent[rnti]
    return replace(join, absent=absent)


def compare(join: Join, sent: Mapping[Snssai, int], reported: Mapping[int, int]) -> Join:
    """After one window: bits that the box sent into each sold slot, and that the gNB sent to each UE."""
    join = _check_joined(join, sent, reported)
    taken = set(join.slot_of.values())
    open_slots = [snssai for snssai, bits in sent.items() if snssai not in taken and bits >= LEAST_BITS]
    fits = dict(join.fits)
    for snssai in open_slots:
        for rnti, bits in reported.items():
            if rnti in join.slot_of:
                continue
            pair = (snssai, rnti)
            fits[pair] = max(0, fits.get(pair, 0) + (1 if fit(sent[snssai], bits) else -2))
    kept = {pair: count for pair, count in fits.items() if count and pair[1] in reported}
    join = replace(join, fits=kept)
    for snssai in open_slots:
        found = _only_one(join, snssai)
        if found is not None:
            join = replace(leave(join, found), slot_of={**join.slot_of, found: snssai})
    return join


def fit(sent_bits: int, reported_bits: int) -> bool:
    """Whether the one can be the other."""
    return sent_bits * LEAST_PERCENT <= reported_bits * 100 <= sent_bits * MOST_PERCENT


def _check_joined(join: Join, sent: Mapping[Snssai, int], reported: Mapping[int, int]) -> Join:
    misfits = dict(join.misfits)
    for rnti, snssai in join.slot_of.items():
        bits = sent.get(snssai, 0)
        alone = sum(slot == snssai for slot in join.slot_of.values()) == 1
        if rnti in join.told or not alone or bits < LEAST_BITS:
            continue
        misfits[rnti] = 0 if fit(bits, reported.get(rnti, 0)) else misfits.get(rnti, 0) + 1
    join = replace(join, misfits=misfits)
    for rnti in [rnti for rnti, count in misfits.items() if count >= WRONG]:
        join = leave(join, rnti)
    return join


def _only_one(join: Join, snssai: Snssai) -> int | None:
    """The UE that has fitted often enough, if no other UE has for this slot, nor it for another slot, half as often."""
    rivals = sorted(
        ((count, rnti) for (slot, rnti), count in join.fits.items() if slot == snssai), reverse=True
    )
    if not rivals or rivals[0][0] < ENOUGH:
        return None
    count, rnti = rivals[0]
    others = [fits for (slot, other), fits in join.fits.items() if (slot == snssai) != (other == rnti)]
    return rnti if all(fits * 2 <= count for fits in others) else None
