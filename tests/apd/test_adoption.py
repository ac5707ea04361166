"""A restart, by what is on disk and what the kernel still has."""

import pytest

from apd.adoption import adopt
from apd.session import EndReason, Phase, StoredSession, Usage
from tests.apd.world import OTHER_STATION, QOS, START, STATION, grant, signed_grant
from wire.units import NS_PER_S, Now

LATER = Now(START.mono_ns + 100 * NS_PER_S, START.utc_ms + 100_000)


def stored(number: int = 1, phase: Phase = Phase.ACTIVE, slot: int = 20, station=STATION, **changes: int):
    made = grant(number, **changes)
    usage = Usage(9, 9, 9, 9)
    return StoredSession(
        made, signed_grant(made), QOS, station, slot, phase, EndReason.NONE, usage, usage, Usage()
    )


def test_what_the_kernel_kept_goes_on():
    found = adopt([stored()], {20: STATION}, LATER, 0)
    (session,) = found.sessions
    assert session.baseline == Usage(9, 9, 9, 9)
    assert [shape.slot for shape in found.shapes] == [20]
    assert found.kernel_kept


@pytest.mark.parametrize("in_kernel", [{}, {20: OTHER_STATION}, {21: STATION}])
def test_what_the_kernel_lost_is_installed_anew_and_counts_from_zero(in_kernel):
    found = adopt([stored()], in_kernel, LATER, 0)
    assert found.sessions[0].baseline == Usage()
    assert [shape.slot for shape in found.shapes] == [20]
    assert not found.kernel_kept


def test_one_lost_among_many_is_enough_for_a_gap():
    other = stored(2, slot=21, station=OTHER_STATION)
    found = adopt([stored(), other], {20: STATION}, LATER, 0)
    assert not found.kernel_kept
    assert [session.baseline for session in found.sessions] == [Usage(9, 9, 9, 9), Usage()]


@pytest.mark.parametrize(
    ("phase", "kept", "wanted"),
    [
        (Phase.ADMITTED, False, False),
        (Phase.ADMITTED, True, False),
        (Phase.EXPIRING, False, False),
        (Phase.EXPIRING, True, True),
        (Phase.CLOSED, False, False),
        (Phase.CLOSED, True, False),
    ],
)
def test_only_what_has_to_be_in_the_kernel_is_put_there(phase, kept, wanted):
    found = adopt([stored(phase=phase)], {20: STATION} if kept else {}, LATER, 0)
    assert bool(found.shapes) is wanted
    assert found.kernel_kept, "nobody who is served lost anything"


def test_one_whose_time_is_up_is_not_let_in_again_but_counted_if_it_is_there():
    over = stored(duration_s=50)
    assert adopt([over], {}, LATER, 0).shapes == ()
    assert len(adopt([over], {20: STATION}, LATER, 0).shapes) == 1


def test_a_clock_that_went_back_gives_nobody_more_time():
    """No battery: the clock begins where it was saved, and the outage would be for nothing."""
    behind = Now(mono_ns=3 * NS_PER_S, utc_ms=START.utc_ms - 86_400_000)
    (session,) = adopt([stored()], {}, behind, START.utc_ms + 400_000).sessions
    assert session.ends_ns == 3 * NS_PER_S + 200 * NS_PER_S


def test_nothing_on_disk():
    found = adopt([], {20: STATION}, LATER, 0)
    assert (found.sessions, found.shapes, found.kernel_kept) == ((), (), True)
