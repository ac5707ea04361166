"""The subscriber document of Open5GS: into which slice its UE comes when it registers next.

In: the document, the slices among which a subscriber is moved (those for sale, and the lobby's), and where it is to be.
Out: nothing to do, one change, or why not. A change names one element of the document's list of slices anew, which
takes its sessions along, and takes effect only if that element is named as it was read; nothing else is touched. Of
several elements that could be meant the default one is, and without one nothing is changed.
Reference: Open5GS lib/dbi/subscription.c (`slice`, `default_indicator`) and webui/server/models/subscriber.js.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ran_slicing.bson import Document, Int64, Value
from ran_slicing.snssai import Snssai, format_sd, parse_sd
from ran_slicing.subscriber import SubscriberChange, subscriber_query


@dataclass(frozen=True, slots=True)
class SliceInPlace:
    """Nothing is to be done."""


@dataclass(frozen=True, slots=True)
class NoSlice:
    """It cannot be moved, and why."""

    reason: str


def named_slices(document: Mapping[str, Value]) -> tuple[Snssai, ...]:
    """The slices that the core would read in it."""
    slices = document.get("slice")
    found = [
        _name(slice_)
        for slice_ in (slices if isinstance(slices, Sequence) else ())
        if isinstance(slice_, Mapping)
    ]
    return tuple(name for name in found if name is not None)


def plan_slice(
    document: Mapping[str, Value], supi: str, among: Collection[Snssai], to: Snssai
) -> SliceInPlace | SubscriberChange | NoSlice:
    """How the subscriber comes into a slice."""
    slices = document.get("slice")
    named = [
        (at, slice_, name)
        for at, slice_ in enumerate(slices if isinstance(slices, Sequence) else ())
        if isinstance(slice_, Mapping) and (name := _name(slice_)) is not None
    ]
    if any(name == to for _, _, name in named):
        return SliceInPlace()
    movable = [(at, slice_) for at, slice_, name in named if name in among]
    if len(movable) > 1:
        movable = [(at, slice_) for at, slice_ in movable if slice_.get("default_indicator") is True]
    if len(movable) != 1:
        names = ", ".join(str(name) for _, _, name in named) or "none"
        return NoSlice(f"{supi} is in slices {names}, of which not exactly one is for sale or the lobby's")
    at, slice_ = movable[0]
    return _rename(supi, at, slice_, to)


def _name(slice_: Mapping[str, Value]) -> Snssai | None:
    sst, sd = slice_.get("sst"), slice_.get("sd")
    if not isinstance(sst, int) or isinstance(sst, bool | Int64):
        return None  # the core passes over it
    try:
        return Snssai(sst, parse_sd(sd) if isinstance(sd, str) else None)
    except ValueError:
        return None


def _rename(supi: str, at: int, slice_: Mapping[str, Value], to: Snssai) -> SubscriberChange:
    sd: Value = slice_.get("sd", {"$exists": False})
    query: Document = {
        **subscriber_query(supi),
        f"slice.{at}.sst": slice_["sst"],
        f"slice.{at}.sd": sd,
    }
    return SubscriberChange(
        supi, query, {"$set": {f"slice.{at}.sst": to.sst, f"slice.{at}.sd": format_sd(to.sd)}}
    )
