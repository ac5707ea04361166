"""What is kept beside the sessions follows from them, whatever happens."""

from dataclasses import replace

from apd.session import Phase
from apd.state import earliest
from tests.apd.playbook import start_box
from tests.apd.test_session import session
from tests.apd.world import OTHER_STATION, QOS, STATION, grant
from wire.units import NS_PER_S


def test_who_holds_a_slot_is_found_by_its_station():
    state = start_box().state.with_session(session())
    found = state.session_of(STATION)
    assert found is not None
    assert found.grant_id == grant().grant_id
    assert state.session_of(OTHER_STATION) is None
    assert state.with_session(session(Phase.CLOSED)).session_of(STATION) is None


def test_floors_are_promised_once_and_given_back_once():
    state = start_box().state
    for phase in (Phase.ADMITTED, Phase.ACTIVE, Phase.ACTIVE, Phase.EXPIRING):
        state = state.with_session(session(phase))
        assert state.promised.down_bps == QOS.floor_down_bps
        assert state.promised.up_bps == QOS.floor_up_bps
    for _ in range(2):
        state = state.with_session(session(Phase.CLOSED))
        assert (state.promised.down_bps, state.promised.up_bps) == (0, 0)


def test_many_at_once():
    other = session(grant=grant(2), station=OTHER_STATION)
    state = start_box().state.with_sessions([session(), other])
    assert state.stations == {STATION: grant(1).grant_id, OTHER_STATION: grant(2).grant_id}
    assert state.promised.down_bps == 2 * QOS.floor_down_bps


def test_the_first_deadline_is_never_missed():
    state = start_box().state.with_session(session())
    assert state.session_due_ns == session().ends_ns
    sooner = replace(session(), grant=grant(2), station=OTHER_STATION, ends_ns=session().ends_ns - NS_PER_S)
    assert state.with_session(sooner).session_due_ns == sooner.ends_ns


def test_the_earliest_of_those_that_there_are():
    assert earliest(None, 3, 2, None) == 2
    assert earliest(None) is None
    assert earliest() is None
