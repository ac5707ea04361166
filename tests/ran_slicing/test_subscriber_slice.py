"""Into which slice a subscriber comes: what is changed, what is left, and what nobody dares to change."""

import pytest

from ran_slicing.bson import Int64
from ran_slicing.snssai import Snssai
from ran_slicing.subscriber import SubscriberChange
from ran_slicing.subscriber_slice import NoSlice, SliceInPlace, plan_slice

SUPI = "imsi-001010000000001"
LOBBY, SLOT, OTHER, FOREIGN = Snssai(1, 1), Snssai(1, 0xA600), Snssai(1, 0xA601), Snssai(2)
AMONG = (LOBBY, SLOT, OTHER)


def document(*slices):
    return {"imsi": SUPI[5:], "slice": list(slices)}


def slice_of(sst=1, sd="000001", **more):
    return {"sst": sst, **({} if sd is None else {"sd": sd}), "session": [{"name": "internet"}], **more}


def test_one_element_is_named_anew_and_keeps_its_sessions():
    change = plan_slice(document(slice_of(2, None), slice_of()), SUPI, AMONG, SLOT)
    assert isinstance(change, SubscriberChange)
    assert change.update == {"$set": {"slice.1.sst": 1, "slice.1.sd": "00a600"}}
    assert change.query == {"imsi": SUPI[5:], "slice.1.sst": 1, "slice.1.sd": "000001"}


def test_who_is_there_already_is_left():
    assert plan_slice(document(slice_of(sd="00A600")), SUPI, AMONG, SLOT) == SliceInPlace()


def test_a_slice_without_a_differentiator():
    change = plan_slice(document(slice_of(2, None)), SUPI, (FOREIGN, SLOT), SLOT)
    assert isinstance(change, SubscriberChange)
    assert change.query["slice.0.sd"] == {"$exists": False}
    back = plan_slice(document(slice_of(sd="00a600")), SUPI, (FOREIGN, SLOT), FOREIGN)
    assert isinstance(back, SubscriberChange)
    assert back.update == {"$set": {"slice.0.sst": 2, "slice.0.sd": "ffffff"}}


def test_of_several_the_default_one():
    slices = (slice_of(sd="00a601"), slice_of(default_indicator=True))
    change = plan_slice(document(*slices), SUPI, AMONG, SLOT)
    assert isinstance(change, SubscriberChange)
    assert "slice.1.sd" in change.query
    assert isinstance(plan_slice(document(slice_of(sd="00a601"), slice_of()), SUPI, AMONG, SLOT), NoSlice)


@pytest.mark.parametrize(
    "made",
    [
        {},
        {"slice": None},
        {"slice": "1"},
        {"slice": [3, None]},
        document(),
        document(slice_of(2, None)),
        document(slice_of(Int64(1))),
        document(slice_of(True)),
        document(slice_of(sd="xyz")),
        document(slice_of(300)),
    ],
)
def test_what_nobody_dares_to_change(made):
    assert isinstance(plan_slice(made, SUPI, AMONG, SLOT), NoSlice)
