"""The closed loop: which share of the cell each promised slice gets, so that its floor is kept and no more is taken.

    admit(controller, promise, bits_per_prb) -> controller | CellFull
    measure(controller, samples, now_ns) -> controller          once per metrics report
    ratios(controller) -> {slice: Ratio}                        what the gNB is to be told

Per slice: what a PRB carries (estimate), hence the PRBs that its floor needs with what it is owed; a share rises at
once, and falls only after the need was lower for a while, a part of the way. Over all slices: the loop never takes
more than `keep_prb`, so that others always have something; if the needs are more than that, everybody first gets what
he was admitted with, and what is left is divided among those whose links have become worse than that, and then among
those of which nobody knows the UE. Admission is
stricter (`sell_prb`): between the two lies what fading may take.
Nothing here knows gNB, prices or subscribers. Integers throughout. Reference: docs/decisions/0023.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ran_slicing.estimate import Estimate, InForce, SliceSample, learn
from ran_slicing.share import (
    CellShape,
    Ratio,
    prb_for,
    prb_of,
    ratio_of,
    whole_steps,
    whole_steps_down,
)
from ran_slicing.snssai import Snssai
from wire.units import NS_PER_S, PPM

_MAX_PART = 8
"""A maximum is left as it is until it is wrong by more than this part: it only bounds what a slice takes beyond."""
_USUAL_PART = 30
"""The usual need follows what is needed now by this part of the difference in each report."""
_STEP_PART = 16
"""A share is not lowered by less than this part of itself, and never by less than a PRB."""


@dataclass(frozen=True, slots=True)
class ControllerSettings:
    """How the loop behaves; shares in whole percent of the cell."""

    sell_ratio: int = 70
    """What may be sold as floors."""
    keep_ratio: int = 90
    """What the loop may use to keep them when links get worse; the rest is always there for everybody else."""
    reference_bits_per_prb: int = 250
    """What a PRB is taken to carry for a UE of which nothing is known (16-QAM 490/1024 on 132 elements: 252)."""
    reference_up_bits_per_prb: int = 140
    """The same of the uplink, where a UE sends with a fifth of a watt (QPSK 526/1024 on 144 elements: 147)."""
    margin_ppm: int = 30_000
    """A share is made for so much more than the floor, as a link moves between two reports."""
    catch_up_ms: int = 400
    """What is owed is to be delivered within this time, within the same second as far as possible."""
    hold_ms: int = 1_000
    """A need has to be lower for so long before a share falls."""

    def __post_init__(self) -> None:
        if not 1 <= self.sell_ratio <= self.keep_ratio:
            raise ValueError(f"sell_ratio: {self.sell_ratio} is outside 1..keep_ratio ({self.keep_ratio})")
        if not self.keep_ratio <= 99:
            raise ValueError(f"keep_ratio: {self.keep_ratio} is above 99, and others would starve")
        for name in ("reference_bits_per_prb", "reference_up_bits_per_prb"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: {getattr(self, name)} is below 1")
        if not 0 <= self.margin_ppm <= PPM:
            raise ValueError(f"margin_ppm: {self.margin_ppm} is outside 0..{PPM}")
        if min(self.catch_up_ms, self.hold_ms) < 1:
            raise ValueError("catch_up_ms: has to be at least 1, as hold_ms")


@dataclass(frozen=True, slots=True)
class Promise:
    """What was sold to the UE of a slot, bit/s as the gNB counts them: downlink, and a floor of the uplink if that is
    not 0. A ceiling of 0: none.
    """

    snssai: Snssai
    floor_bps: int
    ceil_bps: int = 0
    floor_up_bps: int = 0

    def __post_init__(self) -> None:
        assert self.floor_bps >= 1, f"{self}"
        assert self.ceil_bps == 0 or self.ceil_bps >= self.floor_bps, f"{self}"


class CellFull(NamedTuple):
    """The floor does not fit: it needs `needed_prb`, and `free_prb` can be sold."""

    needed_prb: int
    free_prb: int


class ControlledSlice(NamedTuple):
    """A promised slice. `prb` is its minimum now, `need_prb` what its floors would take in the direction that takes
    more, `usual_milli` the thousandths of a PRB that it took in the mean of some seconds, `admitted_prb` what it was
    sold as; `lower_since_ns` is when its need fell below its share. `up` is the estimate of the uplink, where a floor
    of that was sold. `blind_prb` is what it gets of what is left while nobody knows which UE is in it (0: as sold).
    """

    promise: Promise
    estimate: Estimate
    up: Estimate
    admitted_prb: int
    prb: int
    need_prb: int
    usual_milli: int
    max_prb: int
    changed_ns: int
    lower_since_ns: int | None = None
    blind_prb: int = 0


class Controller(NamedTuple):
    """The loop's state. `measured_ns` is the monotonic instant of the last report."""

    settings: ControllerSettings
    shape: CellShape
    slices: Mapping[Snssai, ControlledSlice] = {}
    measured_ns: int | None = None

    @property
    def sell_prb(self) -> int:
        return prb_of(self.settings.sell_ratio, self.shape)

    @property
    def keep_prb(self) -> int:
        return prb_of(self.settings.keep_ratio, self.shape)

    @property
    def booked_prb(self) -> int:
        """What the promises take of the cell in the mean of some seconds: by this is sold."""
        return -(-sum(item.usual_milli for item in self.slices.values()) // 1_000)

    @property
    def needed_prb(self) -> int:
        """What they take as their links are now."""
        return sum(item.need_prb for item in self.slices.values())


# ---- Admission


def admit(
    controller: Controller, promise: Promise, now_ns: int, bits_per_prb: int = 0
) -> Controller | CellFull:
    """The loop with one more promise, or with a changed one; `bits_per_prb` is what its UE's link carries, if known."""
    known = controller.slices.get(promise.snssai)
    if known is not None:
        bits_per_prb = known.estimate.bits_per_prb
    bits = bits_per_prb or controller.settings.reference_bits_per_prb
    estimate = known.estimate._replace(owed_bits=0) if known else Estimate(bits)
    up = known.up._replace(owed_bits=0) if known else Estimate(controller.settings.reference_up_bits_per_prb)
    needed_prb = _need(controller, promise, estimate, up)
    free_prb = _free_prb(controller, promise.snssai)
    if needed_prb > free_prb:
        return CellFull(needed_prb, max(0, free_prb))
    return _with(controller, _sold(controller, promise, estimate, up, now_ns))


def readmit(controller: Controller, promise: Promise, now_ns: int) -> Controller:
    """The loop with a promise that was sold before (a restart, a grant bought here): nobody asks whether it fits."""
    bits = controller.settings.reference_bits_per_prb
    estimate, up = Estimate(bits), Estimate(controller.settings.reference_up_bits_per_prb)
    return _with(controller, _sold(controller, promise, estimate, up, now_ns))


def weigh(controller: Controller, snssai: Snssai, bits_per_prb: int) -> Controller | CellFull:
    """A promise that was sold as that of the reference, now that its UE's downlink is known: it stays as what it really
    takes, or does not fit beside the others. One that takes no more than it was sold as always fits. The uplink counts
    as it was sold: of that a few seconds tell little.
    """
    item = controller.slices[snssai]
    up = Estimate(controller.settings.reference_up_bits_per_prb)
    needed_prb = _need(controller, item.promise, Estimate(bits_per_prb), up)
    free_prb = _free_prb(controller, snssai)
    if needed_prb > max(item.admitted_prb, free_prb):
        return CellFull(needed_prb, max(0, free_prb))
    milli = needed_prb * 1_000
    return _with(controller, item._replace(admitted_prb=needed_prb, usual_milli=milli))


def _free_prb(controller: Controller, snssai: Snssai) -> int:
    """What can be sold to this slice, beside all others."""
    others = sum(item.usual_milli for key, item in controller.slices.items() if key != snssai)
    return controller.sell_prb - -(-others // 1_000)


def _sold(
    controller: Controller, promise: Promise, estimate: Estimate, up: Estimate, now_ns: int
) -> ControlledSlice:
    """As it begins."""
    prb = _need(controller, promise, estimate, up)
    max_prb = _max_prb(controller, promise, estimate.bits_per_prb, prb)
    return ControlledSlice(promise, estimate, up, prb, prb, prb, prb * 1_000, max_prb, now_ns)


def withdraw(controller: Controller, snssai: Snssai) -> Controller:
    """The loop without this promise; none is none."""
    return controller._replace(slices={key: item for key, item in controller.slices.items() if key != snssai})


def hold_up(controller: Controller, snssai: Snssai, held_ns: int, now_ns: int) -> Controller:
    """It was paused for so long: what its floor would have carried is owed, and made up."""
    item = controller.slices[snssai]
    owed_bits = item.estimate.owed_bits + item.promise.floor_bps * held_ns // NS_PER_S
    estimate = item.estimate._replace(owed_bits=owed_bits)
    need_prb = _need(controller, item.promise, estimate, item.up)
    return _with(controller, item._replace(estimate=estimate, need_prb=need_prb, changed_ns=now_ns))


def forgive(controller: Controller, snssai: Snssai) -> Controller:
    """What is owed to a slice whose UE is not known was made up, as far as anybody can tell."""
    item = controller.slices[snssai]
    estimate = item.estimate._replace(owed_bits=0)
    return _with(
        controller,
        item._replace(estimate=estimate, need_prb=_need(controller, item.promise, estimate, item.up)),
    )


def raise_blindly(controller: Controller, snssai: Snssai) -> Controller:
    """More for a slice that asks for its floor while its UE is not known: what is left when everybody has what he
    needs, twice as much each time. It takes nothing that was sold, and others use what it does not.
    """
    item = controller.slices[snssai]
    more_prb = min(controller.keep_prb, 2 * max(item.prb, item.blind_prb))
    return _with(controller, item._replace(blind_prb=more_prb))


def see(controller: Controller, snssai: Snssai) -> Controller:
    """Its UE is known again: it has what it needs, and no more."""
    return _with(controller, controller.slices[snssai]._replace(blind_prb=0))


# ---- The loop


def measure(controller: Controller, samples: Iterable[SliceSample], now_ns: int) -> Controller:
    """The loop after one metrics report. Slices without a sample keep what they have; samples of others are ignored."""
    elapsed_ns = now_ns - controller.measured_ns if controller.measured_ns is not None else 0
    slices = dict(controller.slices)
    for sample in samples:
        item = slices.get(sample.snssai)
        if item is not None:
            slices[sample.snssai] = _measured(controller, item, sample, elapsed_ns)
    for snssai, granted_prb in _share_out(slices.values(), controller.keep_prb, controller.shape).items():
        slices[snssai] = _move(controller, slices[snssai], granted_prb, now_ns)
    return controller._replace(slices=_fitted(controller, slices, now_ns), measured_ns=now_ns)


def ratios(controller: Controller) -> dict[Snssai, Ratio]:
    """What each promised slice is to have."""
    return {snssai: ratio(controller, item) for snssai, item in controller.slices.items()}


def ratio(controller: Controller, item: ControlledSlice) -> Ratio:
    """Of one slice, in the whole percents that the gNB takes."""
    low = ratio_of(item.prb, controller.shape)
    return Ratio(low, max(low, ratio_of(item.max_prb, controller.shape)))


def _measured(
    controller: Controller, item: ControlledSlice, sample: SliceSample, elapsed_ns: int
) -> ControlledSlice:
    whole = controller.measured_ns is not None and item.changed_ns <= controller.measured_ns
    force = InForce(
        whole_steps(item.prb, controller.shape), whole_steps(item.max_prb, controller.shape), whole
    )
    estimate = learn(item.estimate, sample, item.promise.floor_bps, force, controller.shape, elapsed_ns)
    up, uplink = item.up, controller.shape.uplink
    if uplink is not None and item.promise.floor_up_bps:
        up = learn(up, sample.up, item.promise.floor_up_bps, force, uplink, elapsed_ns)
    need_prb = _need(controller, item.promise, estimate, up)
    usual_milli = item.usual_milli + (need_prb * 1_000 - item.usual_milli) // _USUAL_PART
    return item._replace(estimate=estimate, up=up, need_prb=need_prb, usual_milli=usual_milli)


def _need(controller: Controller, promise: Promise, estimate: Estimate, up: Estimate) -> int:
    """The PRBs that keep the floors and pay what is owed, at least one: a share is one for both directions, so the
    direction that takes more counts.
    """
    shape = controller.shape
    prb = prb_for(_target_bps(controller, promise.floor_bps, estimate), estimate.bits_per_prb, shape)
    if promise.floor_up_bps and shape.uplink is not None:
        up_bps = _target_bps(controller, promise.floor_up_bps, up)
        prb = max(prb, prb_for(up_bps, up.bits_per_prb, shape.uplink))
    return max(1, whole_steps(prb, shape))


def _target_bps(controller: Controller, floor_bps: int, estimate: Estimate) -> int:
    owed_bps = estimate.owed_bits * 1_000 // controller.settings.catch_up_ms
    return _with_margin(floor_bps, controller.settings) + owed_bps


def _max_prb(controller: Controller, promise: Promise, bits_per_prb: int, prb: int) -> int:
    """What the slice may use: its ceiling, and never less than its minimum. Where the two meet, what a PRB carries is
    measured from both sides at once (estimate.py), and the rate that arrives is the one that was sold.
    """
    if not promise.ceil_bps:
        return controller.shape.prbs
    ceil_bps = _with_margin(promise.ceil_bps, controller.settings)
    ceil_prb = prb_for(ceil_bps, bits_per_prb, controller.shape)
    return min(controller.shape.prbs, max(ceil_prb, prb))


def _with_margin(rate_bps: int, settings: ControllerSettings) -> int:
    return rate_bps * (PPM + settings.margin_ppm) // PPM


def _share_out(slices: Iterable[ControlledSlice], keep_prb: int, shape: CellShape) -> dict[Snssai, int]:
    """What each slice may have: all that it needs if the needs fit; else first what it was admitted with, and of what
    is left a part of the rest of its need. What is left then is for slices that are served blindly.
    """
    items = list(slices)
    firsts = {item.promise.snssai: min(item.need_prb, item.admitted_prb) for item in items}
    rests = {item.promise.snssai: item.need_prb - firsts[item.promise.snssai] for item in items}
    left_prb = keep_prb - sum(firsts.values())
    if left_prb < 0:
        return _scaled(firsts, keep_prb, shape)
    more = _within(rests, left_prb, shape)
    given = {snssai: firsts[snssai] + more[snssai] for snssai in firsts}
    blind = {item.promise.snssai: max(0, item.blind_prb - given[item.promise.snssai]) for item in items}
    extra = _within(blind, keep_prb - sum(given.values()), shape)
    return {snssai: whole_steps_down(given[snssai] + extra[snssai], shape) for snssai in given}


def _within(wanted: dict[Snssai, int], limit_prb: int, shape: CellShape) -> dict[Snssai, int]:
    return wanted if sum(wanted.values()) <= limit_prb else _scaled(wanted, limit_prb, shape)


def _scaled(wanted: Mapping[Snssai, int], limit_prb: int, shape: CellShape) -> dict[Snssai, int]:
    """Each in proportion, rounded down to what the gNB can be told."""
    total = max(1, sum(wanted.values()))
    return {snssai: whole_steps_down(prb * limit_prb // total, shape) for snssai, prb in wanted.items()}


def _move(controller: Controller, item: ControlledSlice, granted_prb: int, now_ns: int) -> ControlledSlice:
    """Up at once; down after `hold_ms`, half of the way."""
    prb, since_ns = _next_prb(controller.settings, item, granted_prb, now_ns)
    prb = whole_steps_down(prb, controller.shape)
    max_prb = _max_prb(controller, item.promise, item.estimate.bits_per_prb, prb)
    if prb == item.prb and abs(max_prb - item.max_prb) * _MAX_PART <= item.max_prb:
        return item._replace(lower_since_ns=since_ns)
    return item._replace(prb=prb, max_prb=max_prb, changed_ns=now_ns, lower_since_ns=since_ns)


def _next_prb(
    settings: ControllerSettings, item: ControlledSlice, granted_prb: int, now_ns: int
) -> tuple[int, int | None]:
    """The minimum from now on, and since when the need has been lower."""
    if granted_prb > item.prb or granted_prb < item.need_prb:
        return granted_prb, None
    if item.prb - granted_prb <= item.prb // _STEP_PART:
        return item.prb, None
    since_ns = item.lower_since_ns if item.lower_since_ns is not None else now_ns
    if now_ns - since_ns < settings.hold_ms * NS_PER_S // 1_000:
        return item.prb, since_ns
    return item.prb - max(1, (item.prb - granted_prb) // 2), now_ns


def _fitted(
    controller: Controller, slices: dict[Snssai, ControlledSlice], now_ns: int
) -> dict[Snssai, ControlledSlice]:
    """Shares that are only held (hysteresis) give way at once where the limit would be passed."""
    over_prb = sum(item.prb for item in slices.values()) - controller.keep_prb
    for snssai, item in slices.items():
        given_prb = min(over_prb, item.prb - item.need_prb)
        if given_prb > 0:
            prb = whole_steps_down(item.prb - given_prb, controller.shape)
            over_prb -= item.prb - prb
            slices[snssai] = item._replace(prb=prb, changed_ns=now_ns)
    return slices


def _with(controller: Controller, item: ControlledSlice) -> Controller:
    return controller._replace(slices={**controller.slices, item.promise.snssai: item})
