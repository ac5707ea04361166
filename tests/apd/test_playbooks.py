"""The whole daemon in a world that one seed drives, and garbage on every way in.

A failing seed is the whole story: `World(seed).play(400)` tells it again.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apd.events import (
    LedgerReplied,
    LobbyDatagramReceived,
    OfferStateReceived,
    ProviderCommanded,
)
from nas_tunnel.lobby import Discover, Purchase, write_lobby
from tests.apd.air_simulation import AirWorld
from tests.apd.playbook import Playbook, a, heard, join, leave, sells, start_box, unread
from tests.apd.simulation import World
from tests.apd.world import grant, purchase, reply, revocation, signed_state


@pytest.mark.parametrize("seed", range(40))
def test_whatever_happens_nothing_is_lost_doubled_or_leaked(seed):
    world = World(seed)
    world.play(400)
    world.settle()
    world.check_books()


@pytest.mark.parametrize("seed", range(40))
def test_on_the_air_too_whatever_happens_nobody_is_served_for_nothing(seed):
    world = AirWorld(seed)
    world.play(500)
    world.settle()
    world.check_books()
    world.check_stations()


def test_the_simulation_of_the_air_reaches_what_it_is_for():
    refused: set[str] = set()
    ordered: set[str] = set()
    for seed in range(15):
        world = AirWorld(seed)
        world.play(500)
        refused |= set(world.box.state.refused) | world.refused
        ordered |= world.ordered | {type(command).__name__ for command in world.box.ordered}
    assert {"Deauthenticate", "SetElement", "StoreGrant", "ForgetGrant", "SignNetwork"} <= ordered
    wanted = {
        "no_grant",
        "no_admission",
        "identity_differs",
        "no_account",
        "grant_in_use",
        "grant_used",
        "no_capacity",
        "join_by_eap",
        "admission_invalid",
    }
    wanted |= {"air_repeated", "transaction_invalid", "time_up"}
    assert wanted <= refused, wanted - refused


def test_the_simulation_reaches_what_it_is_for():
    """Sessions, crashes, drops and refusals do happen in it, or it would prove nothing."""
    seen: set[str] = set()
    for seed in range(20):
        world = World(seed)
        world.play(400)
        seen |= set(world.box.state.refused) | world.refused
        seen |= {session.reason.value for session in world.disk.sessions.values()}
        seen |= world.ordered | {type(command).__name__ for command in world.box.ordered}
    wanted = {
        "InstallSession", "RemoveSession", "StoreRecord", "SignRecord", "SubmitRecord", "ForgetRecord",
        "ForgetSession", "ReadAnchorCounter", "Enrol", "SubmitTransaction", "time_up", "left", "station_left",
        "moved", "revoked", "no_capacity", "station_has_session", "not_the_consumer", "replayed", "too_early",
        "grant_used", "grant_expired", "lobby_garbage", "reply_unexpected", "AskPrice", "SignTransfer", "StoreRefund",
    }  # fmt: skip
    assert wanted <= seen, wanted - seen


BOX = sells(start_box())
VALID = [
    write_lobby(Discover()),
    write_lobby(Purchase(purchase().envelope.encoded)),
    join(BOX).data,
    leave(BOX).data,
]


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=1_300), correlation=st.binary(max_size=40))
def test_garbage_never_raises(data, correlation):
    box = sells(start_box())
    for event in (
        LobbyDatagramReceived(("fe80::1", 1, 0, 1), data),
        LedgerReplied(correlation, data),
        LedgerReplied(b"r" + correlation[:8], data),
        ProviderCommanded(data),
        OfferStateReceived(data),
    ):
        box.feed(event)
    assert not box.state.sessions


@settings(max_examples=300, deadline=None)
@given(valid=st.sampled_from(VALID), at=st.integers(0, 1_000), octet=st.integers(1, 255), cut=st.booleans())
def test_one_wrong_octet_in_a_good_datagram_never_raises_and_never_admits(valid, at, octet, cut):
    box = sells(start_box())
    at %= len(valid)
    wrong = valid[:at] if cut else valid[:at] + bytes((valid[at] ^ octet,)) + valid[at + 1 :]
    box.feed(LobbyDatagramReceived(("fe80::1", 1, 0, 1), wrong))
    assert not box.state.sessions


@settings(max_examples=200, deadline=None)
@given(at=st.integers(0, 1_000), octet=st.integers(1, 255))
def test_one_wrong_octet_of_the_ledger_or_the_provider_changes_nothing(at, octet):
    bought = purchase()
    box = sells(start_box())
    box.feed(heard(Purchase(bought.envelope.encoded)))
    before = box.state
    for make, data in (
        (OfferStateReceived, signed_state(height=99, epoch=9)),
        (ProviderCommanded, revocation(grant().grant_id)),
        (lambda data: LedgerReplied(bought.transaction_id, data), reply(bought.transaction_id)),
    ):
        place = at % len(data)
        box.feed(make(data[:place] + bytes((data[place] ^ octet,)) + data[place + 1 :]))
    assert (box.state.lobby, box.state.revoked) == (before.lobby, before.revoked)


def test_a_playbook_shows_both_columns_and_has_to_be_asserted():
    box = start_box()
    with pytest.raises(AssertionError, match=r"!! a\(Purchase\) +-") as shown:
        bool(Playbook(box) >> heard(Discover()) << a(object) << a(Purchase))
    assert "happened" in str(shown.value)
    Playbook(box) >> heard(Discover())
    assert len(unread()) == 1
