"""apd/signalling_joins.py: a proof in NAS becomes the lobby's own join, once there is a session."""

from __future__ import annotations

import copy
from dataclasses import replace
from ipaddress import ip_address

import pytest

from apd import cell, core
from apd.address import NasAddress
from apd.events import DeadlineReached, SignallingHeard
from apd.session import EndReason, Phase
from apd.signalling_frames import Gone, Placed, Subscriber
from apd.signalling_joins import MAX_PROVEN, prove
from apd.signalling_state import LinkLost
from nas_tunnel.eap_purchase import OrderKind
from nas_tunnel.lobby import Joined, Leave, Refused
from tests.apd.cell_world import ELSEWHERE, LOBBY, OTHER_SUPI, OTHER_UE, SUPI, UE, A, B, address, stay
from tests.apd.nas_world import LINK, NasBox, Ue, allocate, bought, nas_box
from tests.apd.playbook import heard, seconds
from tests.apd.world import grant, request, signed_grant
from wire.grant import Grant
from wire.join_request import JoinPurpose
from wire.units import NS_PER_S


def proven(nas: NasBox, made: Grant, name: bytes = b"ue 1", supi: str = SUPI) -> Ue:
    """A UE that has shown this grant."""
    ue = Ue(nas, name, signed_grant(made), OrderKind.GRANT).register()
    if supi:
        nas.tell(Subscriber(name, supi))
    return ue


MADE = bought(bytes(16))


def test_whose_subscriber_it_is_has_to_be_said() -> None:
    nas = nas_box()
    proven(nas, MADE, supi="")
    nas.stays = [stay()]
    nas.look()
    assert not nas.box.state.sessions
    nas.tell(Subscriber(b"ue 1", SUPI))
    assert nas.session(MADE).phase is Phase.ACTIVE


def test_another_subscribers_session_is_not_served_on_it() -> None:
    nas = nas_box()
    proven(nas, MADE, supi=OTHER_SUPI)
    nas.stays = [stay()]
    nas.look()
    assert not nas.box.state.sessions


def test_lists_that_cannot_be_had_begin_nothing() -> None:
    nas = nas_box()
    nas.stays = [stay()]
    nas.look("away")
    proven(nas, MADE)
    assert not nas.box.state.sessions
    nas.look()
    assert nas.session(MADE).phase is Phase.ACTIVE


def test_of_two_sessions_the_one_in_a_slot_is_served() -> None:
    nas = nas_box()
    proven(nas, MADE)
    nas.stays = [stay(ELSEWHERE), stay(A, OTHER_UE)]
    nas.look()
    assert nas.session(MADE).station == OTHER_UE


def test_a_refusal_is_told_once_and_tried_again_when_something_has_changed() -> None:
    nas = nas_box()
    others = [stay(A, OTHER_UE, OTHER_SUPI), stay(A)]
    proven(nas, MADE)
    nas.stays = others
    nas.look()
    (told,) = nas.words(b"ue 1")
    assert isinstance(told, Refused)
    assert told.reason == "other_slice"
    nas.pass_s(3)
    assert nas.words(b"ue 1") == []
    nas.stays = [stay(A)]
    nas.look()
    assert nas.words(b"ue 1") == [Joined(MADE.grant_id, MADE.ends_s)]


def test_who_was_refused_for_the_disks_sake_is_served_when_it_writes_again() -> None:
    nas = nas_box()
    proven(nas, MADE)
    sound = nas.box.state.disk
    nas.box.state = replace(nas.box.state, disk=replace(sound, failing_ns=nas.box.now.mono_ns))
    nas.stays = [stay()]
    nas.look()
    assert [word.reason for word in nas.words(b"ue 1") if isinstance(word, Refused)] == ["not_metered"]
    nas.box.pass_time(seconds(5))
    nas.feed(DeadlineReached())
    assert nas.words(b"ue 1") == [], "it was said"
    assert nas.box.state.refused["not_metered"] == 1, "and counted"
    nas.box.state = replace(nas.box.state, disk=sound)
    assert core.next_deadline_ns(nas.box.state, nas.box.now) <= nas.box.now.mono_ns + NS_PER_S
    nas.pass_s(1.1)
    assert nas.words(b"ue 1") == [Joined(MADE.grant_id, MADE.ends_s)]


def test_who_was_refused_for_a_promises_sake_is_served_when_nobody_wants_that_room() -> None:
    nas = nas_box()
    Ue(nas, b"other", allocate(5).envelope.encoded).register()
    assert nas.submitted, "room is promised"
    nas.stays = [stay(B, OTHER_UE, OTHER_SUPI), stay(A)]
    nas.look()
    proven(nas, MADE)
    assert [word.reason for word in nas.words(b"ue 1") if isinstance(word, Refused)] == ["no_capacity"]
    nas.ledger_answers(reason="insufficient_funds")
    nas.pass_s(1.1)
    assert nas.words(b"ue 1") == [Joined(MADE.grant_id, MADE.ends_s)]


def test_a_grant_that_is_served_already_moves_to_where_its_key_was_proved() -> None:
    nas = nas_box()
    nas.stays = [stay()]
    nas.look()
    assert isinstance(nas.join(MADE), Joined)
    proven(nas, MADE)
    assert isinstance(nas.words(b"ue 1")[-1], Joined), "as the lists say that it is there"
    nas.stays = [stay(A, OTHER_UE)]
    nas.look()
    session = nas.session(MADE)
    assert (session.phase, session.station) == (Phase.ACTIVE, OTHER_UE)
    assert isinstance(nas.words(b"ue 1")[-1], Joined)


def test_a_session_of_before_is_followed_to_the_next_and_then_no_more() -> None:
    """The lists were old when it registered."""
    nas = nas_box()
    nas.stays = [stay()]
    nas.look()
    proven(nas, MADE)
    nas.stays = [stay(A, OTHER_UE)]
    nas.look()
    assert nas.session(MADE).station == OTHER_UE
    assert nas.box.state.on_signalling.proven
    nas.pass_s(31)
    assert not nas.box.state.on_signalling.proven
    nas.stays = [stay()]
    nas.look()
    nas.pass_s(20)
    assert nas.session(MADE).reason is EndReason.STATION_LEFT


@pytest.mark.parametrize("is_listed", [True, False], ids=["of old lists", "released before"])
def test_who_registers_again_keeps_its_session_however_long_each_step_takes(*, is_listed: bool) -> None:
    """Its session runs; time passes between its proof, its name and its new address."""
    nas = nas_box()
    nas.stays = [stay()]
    nas.look()
    assert isinstance(nas.join(MADE), Joined)
    proven(nas, MADE, supi="")
    nas.pass_s(0.2)
    if not is_listed:
        nas.stays = []
        nas.look()
    nas.tell(Subscriber(b"ue 1", SUPI))
    nas.pass_s(2.1)
    assert nas.take(Placed, b"ue 1"), "whoever waits for it is let go"
    nas.stays = [stay(A, OTHER_UE)]
    nas.look()
    nas.pass_s(20)
    session = nas.session(MADE)
    assert (session.phase, session.station) == (Phase.ACTIVE, OTHER_UE)
    assert isinstance(nas.words(b"ue 1")[-1], Joined)


def test_who_is_named_without_a_proof_need_not_be_waited_for() -> None:
    nas = nas_box()
    nas.tell(Subscriber(b"ue 1", SUPI))
    assert nas.take(Placed, b"ue 1") == [Placed(b"ue 1", b"")]
    assert nas.box.state.refused["nas_unproven"] == 1


DOCUMENT = {"imsi": SUPI.removeprefix("imsi-"), "slice": [{"sst": 1, "sd": "000001", "session": []}]}


def lobby_box() -> NasBox:
    return nas_box(lobby=LOBBY, documents={SUPI: copy.deepcopy(DOCUMENT)})


def test_its_subscriber_is_moved_before_it_registers_so_that_it_does_so_once() -> None:
    nas = lobby_box()
    proven(nas, MADE)
    assert nas.documents[SUPI]["slice"][0]["sd"] == "00a600"
    assert nas.take(Placed, b"ue 1") == [Placed(b"ue 1", b"\x01\x00\xa6\x00")]
    assert nas.ratios[A].min_prb_policy_ratio > 0, "the slot is kept, and raised"
    nas.stays = [stay(A)]
    nas.look()
    assert nas.words(b"ue 1") == [Joined(MADE.grant_id, MADE.ends_s)]
    assert nas.session(MADE).phase is Phase.ACTIVE


def test_who_goes_another_way_frees_what_was_kept_for_it() -> None:
    nas = lobby_box()
    proven(nas, MADE)
    nas.tell(Gone(b"ue 1"))
    assert nas.documents[SUPI]["slice"][0]["sd"] == "000001", "home again"
    assert not nas.box.state.on_cell.places
    assert not nas.box.state.on_signalling.proven
    nas.tell(Gone(b"nobody"))


@pytest.mark.parametrize("name", [b"ue 1", b"anew"], ids=["the same name", "a new registration"])
def test_who_shows_another_grant_is_served_on_that(name: bytes) -> None:
    nas = lobby_box()
    proven(nas, MADE)
    other = bought(b"\x01" * 16)
    proven(nas, other, name)
    assert set(nas.box.state.on_cell.places) == {other.grant_id}
    assert set(nas.box.state.on_signalling.proven) == {other.grant_id}
    nas.stays = [stay(A)]
    nas.look()
    assert nas.words(name)[-1] == Joined(other.grant_id, other.ends_s)


def test_who_goes_while_its_session_runs_keeps_its_slot() -> None:
    nas = nas_box()
    nas.stays = [stay()]
    nas.look()
    proven(nas, MADE)
    assert nas.box.state.on_signalling.proven, "as it may register anew"
    nas.tell(Gone(b"ue 1"))
    assert not nas.box.state.on_signalling.proven
    nas.pass_s(0.2)
    assert MADE.grant_id in nas.box.state.on_cell.places
    assert nas.session(MADE).phase is Phase.ACTIVE


def test_a_link_that_is_lost_takes_the_proofs_that_nobody_has_named() -> None:
    nas = nas_box()
    proven(nas, MADE, supi="")
    named = bought(b"\x01" * 16)
    proven(nas, named, b"named", OTHER_SUPI)
    nas.feed(SignallingHeard(LinkLost(LINK + 1)))
    assert len(nas.box.state.on_signalling.proven) == 2
    nas.feed(SignallingHeard(LinkLost(LINK)))
    assert set(nas.box.state.on_signalling.proven) == {named.grant_id}
    nas.stays = [stay(A, OTHER_UE, OTHER_SUPI)]
    nas.look()
    assert nas.session(named).phase is Phase.ACTIVE


def test_two_links_may_name_their_ues_alike() -> None:
    nas = nas_box()
    proven(nas, MADE)
    other = bought(b"\x01" * 16)
    ue = Ue(nas, b"ue 1", signed_grant(other), OrderKind.GRANT, link=LINK + 1).register()
    assert ue.end is not None
    assert set(nas.box.state.on_signalling.proven) == {MADE.grant_id, other.grant_id}


def test_without_the_cores_lists_no_slot_is_kept() -> None:
    """They do not say who is in it."""
    nas = lobby_box()
    nas.look("away")
    proven(nas, MADE)
    assert nas.documents[SUPI] == DOCUMENT
    assert not nas.box.state.on_cell.places
    assert nas.take(Placed, b"ue 1") == [Placed(b"ue 1", b"")]


def test_who_does_not_come_loses_the_slot_that_was_kept() -> None:
    nas = lobby_box()
    proven(nas, MADE)
    nas.pass_s(121)
    assert nas.documents[SUPI]["slice"][0]["sd"] == "000001"
    assert not nas.box.state.on_cell.places


def test_a_store_that_does_not_answer_keeps_nobody_waiting() -> None:
    nas = lobby_box()
    made = MADE
    ue = Ue(nas, b"ue 1", signed_grant(made), OrderKind.GRANT).register()
    nas.store_fails = True
    nas.tell(Subscriber(ue.name, SUPI))
    assert nas.take(Placed, b"ue 1") == []
    assert core.next_deadline_ns(nas.box.state, nas.box.now) <= nas.box.now.mono_ns + 2 * NS_PER_S
    nas.pass_s(2.1)
    assert nas.take(Placed, b"ue 1") == [Placed(b"ue 1", b"")]
    nas.store_fails = False
    nas.pass_s(6)
    assert nas.documents[SUPI]["slice"][0]["sd"] == "00a600", "as soon as it does"


def test_who_comes_into_the_lobbys_slice_all_the_same_is_told() -> None:
    nas = lobby_box()
    proven(nas, MADE)
    nas.stays = [stay(LOBBY)]
    nas.look()
    (told,) = nas.words(b"ue 1")
    assert isinstance(told, Refused)
    assert told.reason == "other_slice"


def test_without_room_nobody_is_moved_and_the_end_of_nas_need_not_wait() -> None:
    nas = lobby_box()
    nas.stays = [stay(A, OTHER_UE, OTHER_SUPI), stay(B, ip_address("10.45.0.9"), "imsi-001010000000009")]
    nas.look()
    proven(nas, MADE)
    assert nas.take(Placed, b"ue 1") == [Placed(b"ue 1", b"")]
    assert nas.documents[SUPI] == DOCUMENT
    assert not nas.box.state.on_cell.places


def test_one_who_bought_here_and_finds_no_room_before_it_has_an_address_hears_it_when_it_has_one() -> None:
    nas = lobby_box()
    others = [stay(A, OTHER_UE, OTHER_SUPI), stay(B, ip_address("10.45.0.9"), "imsi-001010000000009")]
    nas.stays = others
    nas.look()
    nas.box.state = cell.remember_bought(nas.box.state, [signed_grant(MADE)], nas.box.now)
    proven(nas, MADE)
    assert nas.take(Placed, b"ue 1") == [Placed(b"ue 1", b"")]
    nas.stays = [*others, stay(LOBBY)]
    nas.look()
    assert [word.reason for word in nas.words(b"ue 1") if isinstance(word, Refused)] == ["no_capacity"]
    assert nas.session(MADE).reason is EndReason.NO_ROOM, "and is owed it"


def test_who_leaves_is_not_pulled_back() -> None:
    nas = nas_box()
    nas.stays = [stay()]
    nas.look()
    proven(nas, MADE)
    assert nas.session(MADE).phase is Phase.ACTIVE
    assert nas.box.state.on_signalling.proven, "as it may register anew"
    challenge = nas.box.challenge()
    asked = request(challenge, MADE, purpose=JoinPurpose.LEAVE, station=UE)
    nas.feed(heard(Leave(MADE.grant_id, asked), address()))
    nas.pass_s(3)
    assert (nas.session(MADE).phase, nas.session(MADE).reason) == (Phase.CLOSED, EndReason.LEFT)
    proven(nas, MADE, b"anew")
    assert nas.session(MADE).phase is Phase.ACTIVE, "until it proves its key again"


def test_who_proves_it_last_has_it() -> None:
    nas = nas_box()
    proven(nas, MADE, b"1")
    proven(nas, MADE, b"2")
    (one,) = nas.box.state.on_signalling.proven.values()
    assert one.ue == b"2"


def test_an_early_grant_waits_for_its_time() -> None:
    nas = nas_box()
    made = bought(bytes(16), starts_s=grant().starts_s + 30)
    proven(nas, made)
    nas.stays = [stay()]
    nas.look()
    (told,) = nas.words(b"ue 1")
    assert isinstance(told, Refused)
    assert told.reason == "too_early"
    nas.pass_s(31)
    assert nas.words(b"ue 1") == [Joined(made.grant_id, made.ends_s)]


def test_a_grant_that_is_over_is_forgotten() -> None:
    nas = nas_box()
    proven(nas, MADE)
    nas.box.pass_time(seconds(601))
    nas.pass_s(0.1)
    assert not nas.box.state.on_signalling.proven


def test_proofs_are_bounded_and_the_oldest_goes() -> None:
    state = nas_box().box.state
    for number in range(MAX_PROVEN + 3):
        made = bought(number.to_bytes(2, "big") * 8)
        state = prove(state, NasAddress(1, number.to_bytes(2, "big")), made, b"")
    kept = state.on_signalling.proven
    assert len(kept) == MAX_PROVEN
    assert bought((2).to_bytes(2, "big") * 8).grant_id not in kept


def test_a_gnb_that_says_nothing_is_asked_again_while_the_grant_lasts() -> None:
    nas = nas_box()
    nas.answers = False
    proven(nas, MADE)
    nas.stays = [stay()]
    nas.look()
    for _ in range(100):
        nas.box.pass_time(seconds(0.1))
        nas.pass_s(0)
    nas.pass_s(10)
    assert nas.session(MADE).phase is not Phase.ACTIVE
    nas.answers = True
    nas.connect()
    nas.pass_s(10)
    assert nas.session(MADE).phase is Phase.ACTIVE
    assert nas.session(MADE).station == UE
