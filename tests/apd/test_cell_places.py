"""Whose address that is, into which slice its UE has to come, and what is done when it goes."""

from dataclasses import replace
from ipaddress import IPv6Address, ip_address

import pytest

from apd.cell import flow_names, vacant
from apd.events import ConfineFailed, DeadlineReached, SessionRemoved, SubscriberFailed
from apd.session import EndReason, Phase, Usage
from nas_tunnel.lobby import Discover, Joined, Refused
from ran_slicing.core_plan import Served, Service
from ran_slicing.n5 import AppSession
from tests.apd.cell_world import (
    CELL_SETTINGS,
    ELSEWHERE,
    IDLE,
    LOBBY,
    OTHER_SUPI,
    OTHER_UE,
    SUPI,
    UE,
    A,
    B,
    address,
    cell_box,
    cell_state,
    stay,
)
from tests.apd.playbook import heard, join, run_session, seconds, sells, start_box
from tests.apd.world import OTHER_CONSUMER, STATION, grant
from wire.errors import ShellError


def document(sd: str = "000001"):
    """A subscriber of the lobby's slice, as Open5GS writes it."""
    return {
        "imsi": SUPI.removeprefix("imsi-"),
        "slice": [{"sst": 1, "sd": sd, "default_indicator": True, "session": [{"name": "internet"}]}],
    }


@pytest.fixture
def cell():
    """A UE in the lobby's slice, whose subscriber can be moved."""
    made = cell_box(lobby=LOBBY)
    made.stays = [stay(LOBBY)]
    made.documents = {SUPI: document()}
    made.look()
    return made


def reason(answer):
    assert isinstance(answer, Refused), answer
    return answer.reason


# ---- Who asks


def test_a_join_counts_only_from_the_address_that_it_names(cell):
    cell.stays = [stay(A, UE), stay(B, OTHER_UE, OTHER_SUPI)]
    cell.look()
    assert reason(cell.join(ue=OTHER_UE, named=UE)) == "address_differs"
    assert cell.box.state.sessions == {}
    assert cell.ratios[A] == IDLE


def test_a_ue_is_not_named_by_a_mac_address(cell):
    cell.stays = [stay()]
    cell.look()
    assert reason(cell.join(named=STATION)) == "request_invalid"


def test_a_station_of_an_access_point_is_not_named_by_an_ip_address():
    box = sells(start_box())
    box.feed(join(box, station=UE))
    assert box.ordered[-1].message.reason == "request_invalid"
    assert run_session(box)


def test_an_ipv6_ue_is_known_by_its_prefix(cell):
    ue = ip_address("2001:db8:cafe:7::1")
    cell.stays = [stay(A)]
    cell.stays[0] = type(cell.stays[0])(
        SUPI, 1, "internet", A, None, ip_address("2001:db8:cafe:7::"), (), active=True
    )
    cell.look()
    cell.told.clear()
    cell.feed(join(cell.box, grant(), ue, source=(str(ue), 40_000, 0, 0)))
    assert isinstance(cell.told[-1], Joined)


def test_who_is_not_in_the_core_waits_for_its_next_lists_and_is_then_told(cell):
    cell.stays = []
    cell.look()
    assert cell.join() is None
    cell.pass_s(3)
    cell.stays = [stay()]
    cell.look()
    assert isinstance(cell.told[-1], Joined), "it had just come"
    assert cell.join(grant(2), OTHER_UE) is None
    cell.pass_s(8)
    assert reason(cell.told[-1]) == "ue_unknown"


def test_an_address_that_two_ues_have_is_nobodys(cell):
    cell.stays = [stay(), stay(B, UE, OTHER_SUPI)]
    cell.look()
    assert cell.join() is None
    cell.pass_s(8)
    assert reason(cell.told[-1]) == "ue_unknown"


def test_a_core_that_does_not_answer_lets_nobody_in(cell):
    cell.stays = [stay()]
    cell.look("http://127.0.0.4:9090/pdu-info: refused")
    assert "core_lost" in cell.noted()
    assert cell.join() is None
    cell.pass_s(8)
    assert reason(cell.told[-1]) == "core_unreachable"
    cell.look()
    assert isinstance(cell.join(), Joined)


def test_joins_that_wait_are_bounded(cell):
    cell.stays = []
    cell.look()
    for number in range(70):
        cell.join(grant(number + 1), ip_address(f"10.45.1.{number + 1}"))
    assert len(cell.box.state.on_cell.joins) == 64


def test_one_grant_has_one_join_that_waits(cell):
    cell.stays = []
    cell.look()
    assert cell.join() is None
    for number in range(70):
        cell.join(grant(2), ip_address(f"10.45.1.{number + 1}"))
    assert UE in cell.box.state.on_cell.joins
    assert len(cell.box.state.on_cell.joins) == 2
    assert reason(cell.told[-1]) == "busy"


# ---- In another slice


def test_a_buyer_in_the_lobbys_slice_is_moved_and_told_to_register_again(cell):
    answer = cell.join()
    assert reason(answer) == "other_slice"
    assert "slice 1-00a600 now: register again" in answer.detail
    assert cell.documents[SUPI]["slice"][0]["sd"] == "00a600"
    assert cell.ratios[A].min_prb_policy_ratio > 0, "else it could not say another word there"
    assert reason(cell.join()) == "other_slice", "it did not register yet"
    cell.stays = [stay(A, OTHER_UE)]
    cell.look()
    assert isinstance(cell.join(ue=OTHER_UE), Joined), "from the address of its new session"
    assert cell.session().phase is Phase.ACTIVE


def test_after_its_time_it_goes_home(cell):
    cell.join()
    cell.stays = [stay(A)]
    cell.look()
    cell.join()
    cell.box.pass_time(seconds(600))
    cell.pass_s(0.1)
    assert cell.session().phase is Phase.CLOSED
    assert cell.documents[SUPI]["slice"][0]["sd"] == "000001"
    assert cell.ratios[A] == IDLE


def test_a_slot_is_not_kept_for_ever(cell):
    cell.join()
    cell.pass_s(121)
    assert "slot_unused" in cell.noted()
    assert cell.ratios[A] == IDLE
    assert cell.documents[SUPI]["slice"][0]["sd"] == "000001"


def test_a_slot_in_which_another_ue_is_is_not_given_away(cell):
    """A former buyer stays registered where it was: a gNB shares a slice among all who are in it."""
    cell.stays = [stay(LOBBY), stay(A, OTHER_UE, OTHER_SUPI)]
    cell.look()
    assert reason(cell.join()) == "other_slice"
    assert cell.documents[SUPI]["slice"][0]["sd"] == "00a601"
    assert cell.ratios[A] == IDLE


def test_with_a_ue_in_each_slot_there_is_no_room(cell):
    cell.stays = [
        stay(LOBBY),
        stay(A, OTHER_UE, OTHER_SUPI),
        stay(B, ip_address("10.45.0.4"), "imsi-001010000000004"),
    ]
    cell.look()
    assert reason(cell.join()) == "no_capacity"
    assert cell.ratios == {A: IDLE, B: IDLE}


def test_a_slot_that_a_document_still_names_is_not_given_away(cell):
    """The store was away when a former buyer was to go home: its UE may come into that slot yet."""
    cell.join()
    cell.stays = [stay(A)]
    cell.look()
    cell.join()
    cell.box.pass_time(seconds(600))
    cell.box.feed(DeadlineReached())
    cell.box.feed(SessionRemoved(grant().grant_id, Usage()))
    cell.feed(SubscriberFailed(SUPI, ShellError("mongodb", "refused")))
    assert cell.box.state.on_cell.moves[SUPI].leaves == A
    assert vacant(cell.box.state, OTHER_SUPI) == (B,)
    cell.pass_s(6)
    assert cell.documents[SUPI]["slice"][0]["sd"] == "000001"
    assert set(vacant(cell.box.state, SUPI)) == {A, B}


@pytest.mark.parametrize("second", ["2001:db8:cafe:7::2", "10.45.0.2"])
def test_a_ue_that_is_served_is_not_moved_for_a_second_grant(cell, second):
    """A tethered device behind it has another grant: one /64, or both kinds of address, are one UE."""
    cell.stays = [stay(A)._replace(ipv6=IPv6Address("2001:db8:cafe:7::"))]
    cell.documents = {SUPI: document("00a600")}
    cell.look()
    assert isinstance(_join_ipv6(cell, grant(), "2001:db8:cafe:7::1"), Joined)
    again = cell.join(grant(2)) if "." in second else _join_ipv6(cell, grant(2), second)
    assert reason(again) == "station_has_session"
    assert cell.documents[SUPI]["slice"][0]["sd"] == "00a600"
    assert cell.ratios[B] == IDLE
    assert cell.session().phase is Phase.ACTIVE
    assert isinstance(_join_ipv6(cell, grant(), "2001:db8:cafe:7::3"), Joined), (
        "the same UE by another address"
    )


def _join_ipv6(cell, made, ue):
    source = (ue, 40_000, 0, 0)
    cell.feed(heard(Discover(), source))
    cell.told.clear()
    cell.feed(join(cell.box, made, ip_address(ue), source=source))
    return cell.told[-1]


def test_a_ue_that_registers_again_in_mid_grant_keeps_its_raised_slot(cell):
    """Flight mode on and off: the same SIM, the same slot, a new address."""
    cell.stays = [stay(A)]
    cell.documents = {SUPI: document("00a600")}
    cell.look()
    assert isinstance(cell.join(), Joined)
    before = cell.ratios[A]
    cell.stays = [stay(A, OTHER_UE)]
    cell.look()
    assert reason(cell.join(ue=OTHER_UE)) == "moving"
    assert cell.ratios[A] == before
    assert cell.documents[SUPI]["slice"][0]["sd"] == "00a600"
    assert isinstance(cell.join(ue=OTHER_UE), Joined)
    assert cell.ratios[A] == before
    assert cell.session().station == OTHER_UE
    assert cell.session().phase is Phase.ACTIVE


def test_a_grant_that_goes_to_another_subscribers_ue_leaves_its_slot(cell):
    cell.stays = [stay(A), stay(B, OTHER_UE, OTHER_SUPI)]
    cell.look()
    assert isinstance(cell.join(), Joined)
    assert reason(cell.join(ue=OTHER_UE)) == "moving"
    assert cell.ratios[A] == IDLE
    assert isinstance(cell.join(ue=OTHER_UE), Joined)
    assert cell.ratios[B].min_prb_policy_ratio > 0


def test_a_slot_of_somebody_else_is_left(cell):
    """The operator put a subscriber into the slot of one who bought."""
    cell.stays = [stay(A, OTHER_UE, OTHER_SUPI)]
    cell.documents[SUPI] = document("00a600")
    cell.look()
    assert isinstance(cell.join(grant(2), OTHER_UE), Joined)
    cell.stays.append(stay(A))
    cell.look()
    answer = cell.join()
    assert reason(answer) == "other_slice"
    assert cell.documents[SUPI]["slice"][0]["sd"] == "00a601"


def test_without_a_lobby_slice_the_operator_is_asked():
    cell = cell_box()
    cell.stays = [stay(ELSEWHERE)]
    cell.look()
    answer = cell.join()
    assert reason(answer) == "other_slice"
    assert "ask the operator" in answer.detail
    assert cell.ratios[A] == IDLE


def test_when_all_slots_are_sold_nobody_is_moved(cell):
    cell.stays = [
        stay(A),
        stay(B, OTHER_UE, OTHER_SUPI),
        stay(LOBBY, ip_address("10.45.0.9"), "imsi-001010000000009"),
    ]
    cell.look()
    cell.join()
    cell.join(grant(2), OTHER_UE)
    assert reason(cell.join(grant(3), ip_address("10.45.0.9"))) == "no_capacity"


def test_a_subscriber_that_cannot_be_moved_is_the_operators(cell):
    cell.documents = {SUPI: document("00beef")}
    assert reason(cell.join()) == "other_slice"
    assert "subscriber_unmoved" in cell.noted()
    assert cell.ratios[A] == IDLE


def test_a_store_that_fails_is_told_and_asked_again(cell):
    cell.box.feed(join(cell.box, grant(), UE, source=address()))
    for _ in range(3):
        cell.feed(SubscriberFailed(SUPI, ShellError("mongodb", "refused")))
    assert cell.noted().count("subscriber_failed") == 1
    assert reason(cell.told[-1]) == "core_unreachable"
    cell.pass_s(6)
    assert cell.documents[SUPI]["slice"][0]["sd"] == "00a600"
    assert reason(cell.join()) == "other_slice"


# ---- Who has not bought


def test_a_ue_in_a_slot_reaches_the_lobby_only_until_it_is_served(cell):
    cell.stays = [stay(A)._replace(ipv6=IPv6Address("2001:db8:cafe:7::")), stay(LOBBY, OTHER_UE, OTHER_SUPI)]
    cell.look()
    assert cell.confined == {UE, ip_address("2001:db8:cafe:7::")}
    assert isinstance(cell.join(), Joined)
    assert cell.confined == {ip_address("2001:db8:cafe:7::")}, "what is not counted passes nowhere"
    cell.box.pass_time(seconds(600))
    cell.pass_s(0.1)
    assert cell.session().phase is Phase.CLOSED
    assert UE in cell.confined
    assert cell.ratios[A] == IDLE
    cell.told.clear()
    cell.say(heard(Discover(), address()))
    assert cell.told, "and it may buy again"


def test_a_kernel_that_confines_nobody_is_told_and_asked_again(cell):
    cell.feed(ConfineFailed(ShellError("nft", "no such program")))
    assert cell.noted().count("confine_failed") == 1
    cell.confined = {UE}
    cell.pass_s(6)
    assert cell.confined == set()


# ---- Restarts


def test_a_daemon_that_ended_while_a_ue_was_on_its_way_brings_it_home(cell):
    assert reason(cell.join()) == "other_slice"
    again = cell_box(lobby=LOBBY, documents=cell.documents, now=cell.box.now)
    assert again.documents[SUPI]["slice"][0]["sd"] == "000001"
    again.stays = [stay(A)]
    again.look()
    assert isinstance(again.join(), Joined), "it came, and is in a slot that it can speak in"


def test_a_daemon_that_ended_before_its_buyer_went_home_brings_it_home_and_sells_that_slot_to_nobody(cell):
    away = {SUPI: document("00a600")}
    other = {OTHER_SUPI: document() | {"imsi": OTHER_SUPI.removeprefix("imsi-")}}
    again = cell_box(lobby=LOBBY, now=cell.box.now)
    again.store_is_away = True
    again.box.state = replace(
        again.box.state, cell=replace(again.box.state.on_cell, homecoming_due_ns=0, is_swept=False)
    )
    again.documents = away | other
    again.stays = [stay(LOBBY, OTHER_UE, OTHER_SUPI)]
    again.look()
    again.pass_s(0.2)
    assert again.noted().count("subscriber_failed") == 1
    assert again.join(ue=OTHER_UE) is None, "slots may be somebody's on the way"
    again.store_is_away = False
    again.pass_s(6)
    assert again.documents[SUPI]["slice"][0]["sd"] == "000001"
    assert again.documents[OTHER_SUPI]["slice"][0]["sd"] == "00a601", "not the one that was left"
    assert reason(again.told[-1]) == "other_slice"


def test_who_is_served_when_the_daemon_begins_stays_where_it_is(cell):
    cell.join()
    cell.stays = [stay(A)]
    cell.look()
    assert isinstance(cell.join(), Joined)
    again = cell_box(lobby=LOBBY, sessions=(cell.session(),), documents=cell.documents, now=cell.box.now)
    assert again.documents[SUPI]["slice"][0]["sd"] == "00a600"
    assert again.session().phase is Phase.ACTIVE


# ---- Going


def test_a_ue_that_went_loses_its_slot_after_a_while(cell):
    cell.stays = [stay()]
    cell.look()
    cell.join()
    cell.stays = []
    cell.look()
    cell.pass_s(1)
    assert cell.session().phase is Phase.ACTIVE, "lists are taken one after the other"
    cell.pass_s(7)
    assert cell.session().reason is EndReason.STATION_LEFT
    assert cell.ratios[A] == IDLE
    cell.stays = [stay()]
    cell.look()
    assert isinstance(cell.join(), Joined), "and may come back"


def test_a_core_that_fails_says_nothing_of_who_went(cell):
    cell.stays = [stay()]
    cell.look()
    cell.join()
    cell.stays = []
    cell.look("refused")
    cell.pass_s(20)
    assert cell.session().phase is Phase.ACTIVE


def test_an_address_that_is_somebody_elses_by_now_is_not_served(cell):
    cell.stays = [stay()]
    cell.look()
    cell.join()
    cell.stays = [stay(A, UE, OTHER_SUPI)]
    cell.look()
    assert cell.session().reason is EndReason.STATION_LEFT
    assert cell.ratios[A] == IDLE


def test_a_ue_that_came_again_in_another_slice_is_not_served_there(cell):
    cell.stays = [stay()]
    cell.look()
    cell.join()
    cell.stays = [stay(B)]
    cell.look()
    assert cell.session().reason is EndReason.STATION_LEFT


# ---- Guaranteed flows


def test_the_core_is_asked_for_a_flow_of_what_is_in_force_and_no_more(cell):
    assert cell.flows == {}
    cell.stays = [stay()]
    cell.look()
    cell.join()
    grant_id = grant().grant_id
    flow = cell.flows[grant_id]
    assert isinstance(flow, AppSession)
    assert (flow.ue, flow.supi, flow.snssai, flow.dnn) == (UE, SUPI, A, "internet")
    assert (flow.rates.floor_down_bps, flow.rates.ceiling_up_bps) == (2_000_000, 4_000_000)
    cell.box.pass_time(seconds(600))
    cell.pass_s(0.1)
    assert cell.flows == {}


def test_a_core_that_refuses_a_flow_is_noted_once_and_the_share_holds(cell):
    cell.stays = [stay()]
    cell.look()
    cell.join()
    cell.served = {grant().grant_id: Served(Service.NOT_SERVED, "403: No PCC Rule in DB")}
    cell.look()
    cell.look()
    assert cell.noted().count("no_guaranteed_flow") == 1
    assert cell.session().phase is Phase.ACTIVE
    assert cell.ratios[A].min_prb_policy_ratio > 0


def test_the_name_of_a_flow_outlives_the_daemon(cell):
    cell.stays = [stay()]
    cell.look()
    cell.join()
    cell.names = {grant().grant_id: "7"}
    cell.look()
    assert cell.session().place.split(" ")[3] == "7"


def test_the_name_of_a_flow_outlives_its_session_until_the_core_has_it_no_more(cell):
    """The PCF was away at the grant's end, and the daemon ended then."""
    cell.stays = [stay()]
    cell.look()
    cell.join()
    cell.names = {grant().grant_id: "17"}
    cell.look()
    cell.box.pass_time(seconds(600))
    cell.pass_s(0.1)
    stored = cell.session()
    assert stored.phase is Phase.CLOSED
    again = cell_box(lobby=LOBBY, sessions=(stored,), now=cell.box.now)
    assert flow_names(cell_box_state(stored)) == {grant().grant_id: "17"}
    again.names = {}
    again.look()
    assert flow_names(again.box.state) == {}


def cell_box_state(stored):
    """As a daemon begins with it."""
    return start_box(CELL_SETTINGS, (stored,), cell=cell_state(LOBBY)).state


def test_another_consumers_grant_for_the_same_ue_is_refused(cell):
    cell.stays = [stay()]
    cell.look()
    cell.join()
    other = grant(2, consumer=OTHER_CONSUMER.public)
    assert reason(cell.join(other, UE, OTHER_CONSUMER)) == "station_has_session"
