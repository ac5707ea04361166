"""Which UE of the gNB's metrics is whose: an RNTI on one side, a slot on the other.

The metrics name a UE by its RNTI and say neither slice nor subscriber. The rule:
- A slot serves one stay, so what is measured of the stay's UE is measured of the slot. If it is told of several UEs in
  one slot, they count together, and the floor is the slot's: the gNB shares a slice among its UEs as it likes.
- A UE is joined to a slot when somebody who knows says so, or by bytes: the box counts what it sends to the grant's
  address, the gNB what it sends to each RNTI and what waits for it, and over some seconds only one RNTI fits.
- A UE for which data waits all the time gets less than is sent to it, and the rest is lost somewhere: then it fits if
  it took as many PRBs as its slot may. That little arrives while data waits speaks against a joined one only slowly: to
  be served badly is what the loop is for; but for whom more comes than was sent, he is somebody else.
- A slot without a UE is served blindly: nothing is learnt of it (the controller raises its share meanwhile).
- A UE that left, or whose bytes have stopped to fit, is joined to nothing. An RNTI is given anew to somebody else.
Units: bits in a window between two countings; windows of a second or so.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ran_slicing.estimate import has_demand
from ran_slicing.snssai import Snssai

MOST_LEAST_BITS, LEAST_LEAST_BITS = 400_000, 20_000
"""A window in which less was sent to a stay says nothing: half of its floor, between these two. Below lie control
elements and what telephones chatter by themselves."""
LEAST_PERCENT, MOST_PERCENT = 85, 125
"""What the gNB sends for 100 bits that the box sent, with what came to wait meanwhile: headers of some percent, and
what was on its way at the window's ends. Two UEs with the same capped rate fit both, and then neither is joined until
they differ."""
LEAST_PRB_PERCENT, MOST_PRB_PERCENT = 50, 130
"""What a UE for which data waits uses of its slice's minimum at least, of its maximum at most: what a PRB carries is
an estimate, and slots with control channels carry less."""
ENOUGH = 4
"""Windows in which the same one fits, and no other as often."""
MOST_FITS = 2 * ENOUGH
"""No more are counted, so that two which were alike for long part as soon as two which were so for a moment."""
_ROUNDS = 4
"""In which pairs are looked for after one window; the rest after the next."""
WRONG = 8
"""Windows in a row in which a joined one does not fit: it is somebody else."""
WRONG_LIKELY = 3
"""The same of one who was only seen to come, and for whom no window has spoken yet."""
WRONG_WAITING = 24
"""The same while data waits for it: it takes neither what was sent nor what its slot may use, for so long."""
GONE_REPORTS = 3
"""Reports in which a UE is not listed: it left."""


class Sent(NamedTuple):
    """Of one sold slot: bits that the box sent into it in the window, the window's floor, and the PRBs of each radio
    slot that its slice could use at least and at most.
    """

    bits: int
    floor_bps: int
    min_prb: int
    max_prb: int

    @property
    def least_bits(self) -> int:
        """Of which a window has to have as many to say something."""
        return max(LEAST_LEAST_BITS, min(MOST_LEAST_BITS, self.floor_bps // 2))


class Window(NamedTuple):
    """Of one UE: bits that the gNB sent to it in the window, those that one PRB of each radio slot would have carried
    (0: unknown), and the bytes that waited before it, at its end, and at the least and the most between.
    """

    bits: int = 0
    prb_bits: int = 0
    before_bytes: int = 0
    waiting_bytes: int = 0
    least_bytes: int = 0
    most_bytes: int = 0


class Join(NamedTuple):
    """`slot_of` joins; `sure` are those for whom bytes or a pause have spoken: the others were seen to come, and
    shares follow them while nobody's money does. `told` are those that somebody knew, which bytes do not undo. `fits`
    counts windows in favour of a pair, `misfits` what speaks against a joined one, `absent` the reports without a
    joined one.
    """

    slot_of: Mapping[int, Snssai] = {}
    told: frozenset[int] = frozenset()
    sure: frozenset[int] = frozenset()
    fits: Mapping[tuple[Snssai, int], int] = {}
    misfits: Mapping[int, int] = {}
    absent: Mapping[int, int] = {}


def tell(join: Join, rnti: int, snssai: Snssai) -> Join:
    """Somebody knows; whatever was thought of this RNTI is forgotten."""
    join = seat(join, rnti, snssai)
    return join._replace(told=join.told | {rnti})


def seat(join: Join, rnti: int, snssai: Snssai) -> Join:
    """It was found, and bytes may still undo it."""
    join = seat_likely(join, rnti, snssai)
    return join._replace(sure=join.sure | {rnti})


def seat_likely(join: Join, rnti: int, snssai: Snssai) -> Join:
    """It was seen to come: its bytes are to say whether that was so."""
    join = leave(join, rnti)
    return join._replace(slot_of={**join.slot_of, rnti: snssai})


def leave(join: Join, rnti: int) -> Join:
    """This UE has gone."""
    return join._replace(
        slot_of={key: slot for key, slot in join.slot_of.items() if key != rnti},
        told=join.told - {rnti},
        sure=join.sure - {rnti},
        fits={pair: count for pair, count in join.fits.items() if pair[1] != rnti},
        misfits={key: count for key, count in join.misfits.items() if key != rnti},
        absent={key: count for key, count in join.absent.items() if key != rnti},
    )


def free(join: Join, snssai: Snssai) -> Join:
    """This slot has no stay any more."""
    for rnti in [rnti for rnti, slot in join.slot_of.items() if slot == snssai]:
        join = leave(join, rnti)
    return join._replace(fits={pair: count for pair, count in join.fits.items() if pair[0] != snssai})


def list_ues(join: Join, rntis: Iterable[int], left: Iterable[int] = ()) -> Join:
    """A report lists these UEs, and says that those `left`."""
    for rnti in left:
        join = leave(join, rnti)
    listed = set(rntis)
    absent = {rnti: join.absent.get(rnti, 0) + 1 for rnti in join.slot_of if rnti not in listed}
    for rnti in [rnti for rnti, count in absent.items() if count >= GONE_REPORTS]:
        join = leave(join, rnti)
        del absent[rnti]
    return join._replace(absent=absent)


def compare(join: Join, sent: Mapping[Snssai, Sent], reported: Mapping[int, Window]) -> Join:
    """After one window: what the box sent into each sold slot, and what the gNB says of each UE."""
    join = _check_joined(join, sent, reported)
    taken = set(join.slot_of.values())
    open_slots = [
        snssai for snssai, own in sent.items() if snssai not in taken and own.bits >= own.least_bits
    ]
    fits = dict(join.fits)
    nobodys = [
        (rnti, window, _came_bits(window)) for rnti, window in reported.items() if rnti not in join.slot_of
    ]
    for snssai in open_slots:
        own = sent[snssai]
        least, most = own.bits * LEAST_PERCENT, own.bits * MOST_PERCENT
        for rnti, window, came in nobodys:
            pair = (snssai, rnti)
            known = fits.get(pair, 0)
            if came * 100 <= most and (came * 100 >= least or _fits_waiting(own, window)):
                fits[pair] = min(MOST_FITS, known + 1)
            elif known:
                fits[pair] = max(0, known - 2)
    kept = {pair: count for pair, count in fits.items() if count and pair[1] in reported}
    join = join._replace(fits=kept)
    for _ in range(_ROUNDS):  # who is found is in nobody's way any more
        found = _pairs(join)
        for rnti, snssai in found:
            join = seat(join, rnti, snssai)
        if not found:
            break
    return join


def fit(sent: Sent, window: Window) -> bool:
    """Whether the one can be the other."""
    came_bits = _came_bits(window)
    if came_bits * 100 > sent.bits * MOST_PERCENT:
        return False
    if came_bits * 100 >= sent.bits * LEAST_PERCENT:
        return True
    return _fits_waiting(sent, window)


def _fits_waiting(sent: Sent, window: Window) -> bool:
    return has_demand(window.least_bytes, sent.floor_bps) and _within_share(sent, window)


def _came_bits(window: Window) -> int:
    """What came for a UE, as far as it was not lost: what was sent to it, and what came to wait."""
    return window.bits + 8 * (window.waiting_bytes - window.before_bytes)


def _within_share(sent: Sent, window: Window) -> bool:
    """Whether it used the PRBs that a UE with data waiting uses in this slice."""
    if not window.prb_bits:
        return False
    least_bits, most_bits = sent.min_prb * window.prb_bits, sent.max_prb * window.prb_bits
    return least_bits * LEAST_PRB_PERCENT <= window.bits * 100 <= most_bits * MOST_PRB_PERCENT


def _check_joined(join: Join, sent: Mapping[Snssai, Sent], reported: Mapping[int, Window]) -> Join:
    misfits, sure = dict(join.misfits), join.sure
    for rnti, snssai in join.slot_of.items():
        own, window = sent.get(snssai), reported.get(rnti, Window())
        alone = sum(slot == snssai for slot in join.slot_of.values()) == 1
        if rnti in join.told or not alone or own is None or own.bits < own.least_bits:
            continue
        too_much = _came_bits(window) * 100 > own.bits * MOST_PERCENT
        waits = has_demand(window.most_bytes, own.floor_bps) and not too_much
        step = WRONG_WAITING // (WRONG_LIKELY if rnti not in sure else WRONG_WAITING if waits else WRONG)
        if fit(own, window):
            misfits[rnti], sure = max(0, misfits.get(rnti, 0) - step), sure | {rnti}
        else:
            misfits[rnti] = misfits.get(rnti, 0) + step
    join = join._replace(misfits=misfits, sure=sure)
    for rnti in [rnti for rnti, count in misfits.items() if count >= WRONG_WAITING]:
        join = leave(join, rnti)
    return join


def _pairs(join: Join) -> list[tuple[int, Snssai]]:
    """The UEs that have fitted often enough, if no other UE has for their slot, nor they for another slot, half as
    often. Each pair is looked at once: a cell may have a hundred slots, and all UEs fit all of them.
    """
    taken = set(join.slot_of.values())
    of_slot: dict[Snssai, list[int]] = {}
    of_ue: dict[int, list[int]] = {}
    for (snssai, rnti), count in join.fits.items():
        _keep_two(of_slot.setdefault(snssai, [0, 0]), count)
        _keep_two(of_ue.setdefault(rnti, [0, 0]), count)
    return [
        (rnti, snssai)
        for (snssai, rnti), count in join.fits.items()
        if count >= ENOUGH
        and snssai not in taken
        and all(2 * two[1] <= count == two[0] for two in (of_slot[snssai], of_ue[rnti]))
    ]


def _keep_two(most: list[int], count: int) -> None:
    """The two most, the most first."""
    if count > most[0]:
        most[:] = [count, most[0]]
    elif count > most[1]:
        most[1] = count
