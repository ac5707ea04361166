"""apd/signalling.py: purchases in NAS, from the offer to a session, and all that strangers may try."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from apd import core
from apd.events import BrokerLost, DeadlineReached, LedgerReplied, ProviderCommanded, SignallingHeard
from apd.session import Phase
from apd.signalling import (
    CLOSING_NS,
    DECIDE_NS,
    ENDED_NS,
    HOLD_NS,
    LIFE_NS,
    MAX_EXCHANGES,
    MAX_OPENED,
    SETTLED_NS,
)
from apd.signalling_frames import (
    LENGTH_SIZE,
    Admitted,
    Begin,
    EapHeard,
    Frame,
    Gone,
    NotAdmitted,
    OptionsHeard,
    SendEap,
    Subscriber,
    write_frame,
)
from apd.signalling_state import FrameHeard, LinkLost
from nas_tunnel import eap_buyer, pco_purchase
from nas_tunnel.eap_purchase import OrderKind
from nas_tunnel.lobby import Joined, Outcome, Refused, read_lobby
from nas_tunnel.pco_desk import MAX_EXECUTES
from nas_tunnel.plmn import Plmn
from tests.apd.cell_world import LOBBY, SUPI, UE, A, B, stay
from tests.apd.nas_world import LINK, NasBox, Ue, allocate, bought, nas_box
from tests.apd.playbook import seconds
from tests.apd.world import CONSUMER, LEDGER_ID, OTHER_CONSUMER, STRANGER, reply, revocation, signed_grant
from wire.units import NS_PER_S


def pass_s(nas: NasBox, count: float) -> None:
    """Its gNB is there again, should it have said nothing for too long."""
    nas.box.pass_time(seconds(count))
    nas.feed(DeadlineReached())
    if not nas.box.state.on_cell.ran.session.connected:
        nas.connect()


def buy(nas: NasBox, ue: Ue | None = None) -> Ue:
    """A UE that has bought, and was let in."""
    ue = (ue or Ue(nas)).register()
    nas.ledger_answers()
    ue.run()
    assert isinstance(ue.end, Admitted), ue.end
    return ue


# ---- The way


def test_a_stranger_buys_and_has_the_same_key_and_then_its_slice() -> None:
    nas = nas_box()
    ue = Ue(nas).register()
    assert ue.end is None
    (order,) = nas.submitted
    assert order.data == ue.order
    assert nas.box.state.lobby.pending[order.correlation].wants, "room is kept before the ledger is asked"
    nas.ledger_answers()
    ue.run()
    assert isinstance(ue.end, Admitted)
    assert ue.end.consumer == CONSUMER.public
    keys = ue.said(eap_buyer.Succeeded).keys
    assert (ue.end.msk, ue.end.emsk) == (keys.msk, keys.emsk)
    assert not nas.box.state.on_signalling.exchanges
    nas.tell(Subscriber(ue.name, SUPI))
    assert nas.words(ue.name) == [], "it has no session yet"
    nas.stays = [stay()]
    nas.look()
    made = bought(order.correlation)
    assert nas.session(made).phase is Phase.ACTIVE
    assert nas.session(made).station == UE
    assert nas.ratios[A].min_prb_policy_ratio > 0, "the slice is raised"
    assert nas.words(ue.name) == [Joined(made.grant_id, made.ends_s)]
    assert not nas.box.state.on_signalling.proven


def test_a_grant_that_was_bought_before_is_shown_and_costs_nothing() -> None:
    nas = nas_box()
    ue = Ue(nas, order=signed_grant(bought(bytes(16))), kind=OrderKind.GRANT).register()
    assert isinstance(ue.end, Admitted)
    assert not nas.submitted


def test_a_subscriber_in_the_lobbys_slice_is_moved_and_comes_again() -> None:
    document = {"imsi": SUPI.removeprefix("imsi-"), "slice": [{"sst": 1, "sd": "000001", "session": []}]}
    nas = nas_box(lobby=LOBBY, documents={SUPI: document})
    nas.stays = [stay(LOBBY)]
    nas.look()
    ue = buy(nas)
    nas.tell(Subscriber(ue.name, SUPI))
    (told,) = nas.words(ue.name)
    assert isinstance(told, Refused)
    assert told.reason == "other_slice"
    assert document["slice"][0]["sd"] == "00a600"  # type: ignore[index]
    nas.stays = []
    nas.look()
    nas.stays = [stay(A)]
    nas.look()
    (told,) = nas.words(ue.name)
    assert isinstance(told, Joined)


def test_it_waits_for_the_ledger_and_is_told_so() -> None:
    nas = nas_box()
    ue = Ue(nas).register()
    sent = len(ue.packets)
    for _ in range(3):
        pass_s(nas, HOLD_NS / NS_PER_S)
        ue.run()
    assert len(ue.packets) == sent + 3
    nas.ledger_answers()
    assert isinstance(ue.run().end, Admitted)


# ---- What cannot be had


def lose_gnb(nas: NasBox) -> None:
    nas.lose()


def lose_core(nas: NasBox) -> None:
    nas.look("away")


def lose_disk(nas: NasBox) -> None:
    failing = replace(nas.box.state.disk, failing_ns=nas.box.now.mono_ns)
    nas.box.state = replace(nas.box.state, disk=failing)


def lose_offer(nas: NasBox) -> None:
    """Nobody signs a new one."""
    lobby = replace(nas.box.state.lobby, offer_expires_s=nas.box.now.utc_s)
    nas.box.state = replace(nas.box.state, lobby=lobby)


@pytest.mark.parametrize("lose", [lose_gnb, lose_core, lose_disk, lose_offer])
def test_what_could_not_be_served_is_not_sold(lose: Callable[[NasBox], None]) -> None:
    """Neither to who comes, nor to who was shown the offer, nor in options."""
    nas = nas_box()
    shown = Ue(nas, b"shown")
    nas.tell(Begin(shown.name, 7))
    lose(nas)
    assert shown.run().refused == "nothing_on_offer"
    assert Ue(nas, b"new").register().refused in ("nothing_on_offer", "no_offer")
    purchase = allocate(2).envelope.encoded
    piece = pco_purchase.Piece(pco_purchase.tag_of(purchase), len(purchase), 0, purchase)
    answer = Ue(nas, b"tmsi").options(pco_purchase.write_container(piece))
    assert answer is not None
    part = pco_purchase.read_container(answer)
    assert isinstance(part, pco_purchase.Part)
    told = read_lobby(part.contents)
    assert isinstance(told, Refused)
    assert told.reason == "nothing_on_offer"
    assert not nas.submitted


def test_what_may_have_run_is_asked_about_while_nothing_is_sold() -> None:
    nas = nas_box()
    shown = Ue(nas, b"shown")
    Ue(nas).register()
    pass_s(nas, 1.1)
    nas.tell(Begin(shown.name, 7))
    nas.lose()
    shown.run()
    assert len(nas.submitted) == 2
    nas.ledger_answers()
    assert isinstance(shown.run().end, Admitted)


def test_without_an_offer_nothing_is_begun() -> None:
    nas = nas_box()
    nas.box.state = replace(nas.box.state, lobby=replace(nas.box.state.lobby, offer=b""))
    ue = Ue(nas).register()
    assert ue.refused == "no_offer"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"epoch": 2}, "epoch_moved"),
        ({"price_ubc": 1}, "price_differs"),
        ({"provider": STRANGER.public}, "foreign_provider"),
    ],
)
def test_what_is_not_on_offer_does_not_reach_the_ledger(changes: dict[str, Any], reason: str) -> None:
    nas = nas_box()
    ue = Ue(nas, order=allocate(**changes).envelope.encoded).register()
    assert ue.refused == reason
    assert not nas.submitted
    assert ue.said(eap_buyer.Failed).charged is not eap_buyer.Charged.YES


def test_where_there_is_no_room_nobody_pays() -> None:
    nas = nas_box()
    nas.stays = [stay(A, supi="imsi-001010000000008"), stay(B, supi="imsi-001010000000009")]
    nas.look()
    ue = Ue(nas).register()
    assert ue.refused == "no_capacity"
    assert not nas.submitted


def test_room_is_kept_for_who_is_buying() -> None:
    nas = nas_box()
    first = Ue(nas, b"1", allocate(1).envelope.encoded).register()
    second = Ue(nas, b"2", allocate(2).envelope.encoded).register()
    third = Ue(nas, b"3", allocate(3).envelope.encoded).register()
    assert (first.end, second.end) == (None, None)
    assert third.refused == "no_capacity", "two slots are promised"
    assert len(nas.submitted) == 2


def test_without_the_ledger_nobody_pays_here() -> None:
    nas = nas_box()
    nas.feed(BrokerLost("gone"))
    assert Ue(nas).register().refused == "ledger_unreachable"
    assert not nas.submitted


def test_a_ledger_that_does_not_answer_is_given_up_and_asked_for_the_same_again() -> None:
    nas = nas_box()
    ue = Ue(nas).register()
    for _ in range(8):
        pass_s(nas, 2)
        ue.run()
    assert ue.refused == "ledger_unreachable"
    failed = ue.said(eap_buyer.Failed)
    assert (failed.charged, failed.unanswered) == (eap_buyer.Charged.UNKNOWN, ue.order)
    again = Ue(nas, b"another name").register()
    assert len(nas.submitted) == 2, "the same octets, as it may have run"
    nas.submitted.pop(0)
    nas.ledger_answers()
    assert isinstance(again.run().end, Admitted)


def test_a_purchase_whose_time_is_over_is_asked_about() -> None:
    """It may have run: the ledger alone can say."""
    nas = nas_box()
    ue = Ue(nas, order=allocate(valid_s=-600, epoch=2).envelope.encoded).register()
    assert len(nas.submitted) == 1
    nas.ledger_answers(reason="expired")
    ue.run()
    assert ue.refused == "no_grant"


def test_what_the_ledger_refused_lets_nobody_in() -> None:
    nas = nas_box()
    ue = Ue(nas).register()
    nas.ledger_answers(reason="insufficient_funds")
    ue.run()
    assert ue.refused == "no_grant"
    assert isinstance(ue.said(eap_buyer.KeepOutcome).outcome, Outcome)
    assert ue.said(eap_buyer.Failed).charged is eap_buyer.Charged.NO


def test_a_copied_grant_serves_nobody_but_its_consumer() -> None:
    nas = nas_box()
    order = signed_grant(bought(bytes(16)))
    ue = Ue(nas, order=order, kind=OrderKind.GRANT, prover=OTHER_CONSUMER).register()
    assert ue.refused == "not_the_consumer"
    assert not nas.box.state.on_signalling.proven


def test_a_grant_that_was_revoked_while_the_proof_was_under_way_lets_nobody_in() -> None:
    nas = nas_box()
    made = bought(bytes(16))
    ue = Ue(nas, order=signed_grant(made), kind=OrderKind.GRANT)
    nas.tell(Begin(ue.name, 7))
    (shop,) = nas.take(SendEap, ue.name)
    ue.hear(eap_buyer.PacketReceived(shop.packet))
    nas.feed(ProviderCommanded(revocation(made.grant_id)))
    ue.run()
    assert ue.refused == "grant_used"


def test_a_purchase_whose_ue_is_gone_is_kept_and_had_by_whoever_asks_again() -> None:
    nas = nas_box()
    ue = Ue(nas).register()
    nas.tell(Gone(ue.name))
    transaction_id = nas.ledger_answers()
    assert bought(transaction_id).grant_id in nas.box.state.on_cell.bought, "its room is kept"
    pass_s(nas, 2)
    again = buy(nas)
    assert again.said(eap_buyer.KeepGrant)


def test_an_end_of_nas_that_hangs_up_loses_no_purchase() -> None:
    nas = nas_box()
    Ue(nas).register()
    nas.feed(SignallingHeard(LinkLost(LINK)))
    assert not nas.box.state.on_signalling.exchanges
    assert "nas_lost" in nas.noted()
    transaction_id = nas.ledger_answers()
    assert bought(transaction_id).grant_id in nas.box.state.on_cell.bought
    pass_s(nas, 2)
    buy(nas, Ue(nas, link=2))


def test_an_answer_to_an_exchange_before_is_not_the_answer_to_this_one() -> None:
    nas = nas_box()
    ue = Ue(nas, order=allocate(1).envelope.encoded).register()
    nas.box.pass_time(seconds(11))
    anew = Ue(nas, ue.name, allocate(2).envelope.encoded).register()
    assert len(nas.submitted) == 2
    nas.ledger_answers()
    assert anew.run().end is None, "it waits for its own"
    nas.ledger_answers()
    assert isinstance(anew.run().end, Admitted)


# ---- Hostile


def test_garbage_is_counted_and_answered_to_nobody() -> None:
    nas = nas_box()
    for data in (b"", b"\xff" * 40, b"\x82\x01", bytes(2_049)):
        nas.feed(SignallingHeard(FrameHeard(LINK, data)))
    assert nas.box.state.refused["nas_garbage"] == 4
    nas.tell(SendEap(b"1", b"\x03\x01\x00\x04"))
    assert nas.box.state.refused["nas_not_for_us"] == 1
    assert not nas.frames


def test_eap_that_is_none_changes_nothing() -> None:
    nas = nas_box()
    nas.tell(Begin(b"1", 7))
    nas.take(SendEap, b"1")
    before = nas.box.state.on_signalling.exchanges[LINK, b"1"].box
    for packet in (b"\x02\x00\x00\x05\x01", b"\x02\x08\x00\x05\x04", bytes(4)):
        nas.tell(EapHeard(b"1", packet))
    after = nas.box.state.on_signalling.exchanges[LINK, b"1"].box
    assert replace(after, dropped=0) == before
    assert nas.box.state.refused["nas_dropped"] == 3


def test_a_packet_without_an_exchange_is_answered_with_a_failure() -> None:
    nas = nas_box()
    nas.tell(EapHeard(b"1", b"\x02\x08\x00\x05\x01"))
    (refused,) = nas.take(NotAdmitted, b"1")
    assert (refused.reason, refused.packet) == ("no_exchange", b"\x04\x08\x00\x04")


def test_a_copy_of_the_packet_that_ended_it_gets_the_same_word_again() -> None:
    """An AMF repeats its request, so that two equal responses come."""
    nas = nas_box()
    ue = buy(nas)
    nas.tell(EapHeard(ue.name, ue.sent[-1]))
    assert nas.take(Admitted, ue.name) == [ue.end]
    for packet in ue.sent[:-1]:
        nas.tell(EapHeard(ue.name, packet))
    assert not nas.frames, "older copies are passed over"
    pass_s(nas, 29)
    nas.tell(Subscriber(ue.name, SUPI))
    nas.frames.clear()
    assert not nas.box.state.on_signalling.ended, "the keys were used"
    nas.tell(EapHeard(ue.name, ue.sent[-1]))
    assert not nas.frames, "it is let in: nobody takes that back"


def test_a_copy_of_what_ended_a_refusal_hears_why_once_more_and_later_nothing_of_it() -> None:
    nas = nas_box()
    ue = Ue(nas, order=allocate(epoch=2).envelope.encoded).register()
    nas.tell(EapHeard(ue.name, ue.sent[-1]))
    assert nas.take(NotAdmitted, ue.name) == [ue.end]
    assert core.next_deadline_ns(nas.box.state, nas.box.now) <= nas.box.now.mono_ns + ENDED_NS
    pass_s(nas, ENDED_NS / NS_PER_S)
    assert not nas.box.state.on_signalling.ended
    nas.tell(EapHeard(ue.name, ue.sent[-1]))
    assert [word.reason for word in nas.take(NotAdmitted, ue.name)] == ["no_exchange"]


def test_packets_of_an_exchange_before_are_of_no_use() -> None:
    nas = nas_box()
    ue = buy(nas)
    nas.tell(Begin(ue.name, 7))
    nas.take(SendEap, ue.name)
    for packet in ue.sent:
        nas.tell(EapHeard(ue.name, packet))
    assert not nas.take(Admitted, ue.name)
    assert not nas.submitted


def test_a_flood_of_names_is_bounded_and_puts_out_nobody_who_buys() -> None:
    nas = nas_box()
    ue = Ue(nas).register()
    for number in range(200):
        nas.tell(Begin(number.to_bytes(2, "big"), 1))
    here = nas.box.state.on_signalling
    assert len(here.exchanges) <= MAX_OPENED
    assert nas.box.state.refused["nas_busy"] == 200 - MAX_OPENED + 1
    for round_ in range(10):
        nas.box.pass_time(seconds(1))
        for number in range(100):
            nas.tell(Begin(bytes((round_, number)), 1))
    assert len(nas.box.state.on_signalling.exchanges) == MAX_EXCHANGES
    nas.ledger_answers()
    assert isinstance(ue.run().end, Admitted)


def test_after_a_flood_who_is_silent_makes_room() -> None:
    nas = nas_box()
    for number in range(MAX_EXCHANGES):
        if number % MAX_OPENED == 0:
            nas.box.pass_time(seconds(1))
        nas.tell(Begin(number.to_bytes(2, "big"), 1))
    nas.box.pass_time(seconds(SETTLED_NS / NS_PER_S))
    buy(nas)


def order_only(ue: Ue) -> None:
    """It begins, says what it wants, and nothing more."""
    ue.nas.tell(Begin(ue.name, 7))
    (shop,) = ue.nas.take(SendEap, ue.name)
    ue.hear(eap_buyer.PacketReceived(shop.packet))


def many(nas: NasBox, order: bytes, kind: OrderKind) -> None:
    """As many as there may be, each with this order."""
    ues = [Ue(nas, number.to_bytes(2, "big"), order, kind) for number in range(MAX_EXCHANGES)]
    for number, ue in enumerate(ues):
        if number % 30 == 0:
            nas.box.pass_time(seconds(1.1))
        order_only(ue)
    assert len(nas.box.state.on_signalling.exchanges) == MAX_EXCHANGES


@pytest.mark.parametrize(
    ("order", "kind"),
    [
        (allocate(1, STRANGER, epoch=2).envelope.encoded, OrderKind.TRANSACTION),
        (signed_grant(bought(bytes(16))), OrderKind.GRANT),
    ],
    ids=["refused", "a grant without its proof"],
)
def test_exchanges_that_cost_nothing_do_not_shut_the_shop(order: bytes, kind: OrderKind) -> None:
    nas = nas_box()
    many(nas, order, kind)
    pass_s(nas, SETTLED_NS / NS_PER_S)
    buy(nas)


def test_who_says_something_now_and_then_is_put_out_like_the_silent() -> None:
    nas = nas_box()
    names = [number.to_bytes(2, "big") for number in range(MAX_EXCHANGES)]
    for number, name in enumerate(names):
        if number % MAX_OPENED == 0:
            nas.box.pass_time(seconds(1))
        nas.tell(Begin(name, 7))
    for _ in range(LIFE_NS // NS_PER_S):
        pass_s(nas, 1)
        for name in names:
            nas.tell(EapHeard(name, b"\x02\x00\x00\x05\x01"))
    assert not nas.box.state.on_signalling.exchanges


def test_a_refusal_waits_for_its_receipt_and_not_for_ever() -> None:
    nas = nas_box()
    order_only(Ue(nas, b"1", allocate(epoch=2).envelope.encoded))
    pass_s(nas, CLOSING_NS / NS_PER_S - 0.1)
    assert not nas.take(NotAdmitted, b"1")
    pass_s(nas, 0.1)
    assert [word.reason for word in nas.take(NotAdmitted, b"1")] == ["epoch_moved"]


def test_a_beginning_that_is_refused_puts_out_nobody() -> None:
    """Names cost nothing: those beyond what may begin in a second have no effect at all."""
    nas = nas_box()
    nas.tell(Begin(b"slow", 7))
    for round_ in range(2):
        for number in range(MAX_OPENED - 1 + round_):
            nas.tell(Begin(bytes((round_, number)), 1))
        nas.box.pass_time(seconds(1))
    held = set(nas.box.state.on_signalling.exchanges)
    assert len(held) == MAX_EXCHANGES
    nas.box.pass_time(seconds(1))
    for number in range(2 * MAX_OPENED):
        nas.tell(Begin(bytes((9, number)), 1))
    gone = held - set(nas.box.state.on_signalling.exchanges)
    assert len(gone) == MAX_OPENED, "those that began in their place, and no more"


@pytest.mark.parametrize("is_answered", [True, False], ids=["has paid", "is at the ledger"])
def test_who_pays_is_put_out_by_nobody(*, is_answered: bool) -> None:
    nas = nas_box()
    ue = Ue(nas).register()
    if is_answered:
        nas.ledger_answers()
    shown = signed_grant(bought(bytes(16)))
    for round_ in range(6):
        nas.box.pass_time(seconds(1.1))
        for number in range(MAX_OPENED - 2):
            order_only(Ue(nas, bytes((round_, number)), shown, OrderKind.GRANT))
    assert len(nas.box.state.on_signalling.exchanges) == MAX_EXCHANGES
    if not is_answered:
        nas.ledger_answers()
    assert isinstance(ue.run().end, Admitted)


def test_who_asks_for_what_was_paid_is_put_out_by_nobody() -> None:
    nas = nas_box()
    ue = Ue(nas).register()
    nas.ledger_answers()
    nas.tell(Gone(ue.name))
    pass_s(nas, 1.1)
    again = Ue(nas, b"again").register()
    shown = signed_grant(bought(bytes(16)))
    for round_ in range(4):
        nas.box.pass_time(seconds(1.1))
        for number in range(MAX_OPENED - 2):
            order_only(Ue(nas, bytes((round_, number)), shown, OrderKind.GRANT))
    nas.ledger_answers()
    assert isinstance(again.run().end, Admitted)


def test_an_order_is_given_up_while_the_ue_still_listens() -> None:
    nas = nas_box()
    nas.box.state = replace(nas.box.state, settings=replace(nas.box.state.settings, purchase_timeout_s=600))
    ue = Ue(nas).register()
    for _ in range(DECIDE_NS // HOLD_NS):
        assert ue.end is None
        pass_s(nas, HOLD_NS / NS_PER_S)
        ue.run()
    assert ue.refused == "ledger_unreachable"


def test_purchases_of_one_ue_and_of_all_are_paced() -> None:
    nas = nas_box()
    ue = Ue(nas, order=allocate(1, STRANGER).envelope.encoded).register()
    nas.ledger_answers(reason="unknown_account")
    assert ue.run().refused == "no_grant"
    again = Ue(nas, ue.name, allocate(2, STRANGER).envelope.encoded).register()
    assert again.refused == "busy"
    ordered = 1
    for number in range(3, 60):
        Ue(nas, number.to_bytes(2, "big"), allocate(number, STRANGER).envelope.encoded).register()
        while nas.submitted:
            ordered += 1
            nas.ledger_answers(reason="unknown_account")
        nas.box.pass_time(seconds(0.05))
    assert ordered == MAX_EXECUTES


def test_what_does_not_go_to_the_ledger_costs_nobody_elses_pace() -> None:
    nas = nas_box()
    nas.stays = [stay(A, supi="imsi-001010000000008"), stay(B, supi="imsi-001010000000009")]
    nas.look()
    for number in range(MAX_EXECUTES + 1):
        ue = Ue(nas, number.to_bytes(2, "big"), allocate(number, STRANGER).envelope.encoded)
        assert ue.register().refused == "no_capacity"
        assert ue.register().refused == "busy", "its own"
        pass_s(nas, 0.1)
    nas.stays = []
    nas.look()
    buy(nas)


def test_a_purchase_that_may_have_run_is_asked_about_whatever_strangers_order() -> None:
    nas = nas_box()
    ue = Ue(nas).register()
    nas.tell(Gone(ue.name))
    nas.ledger_answers()
    pass_s(nas, 2)
    for number in range(3, 40):
        Ue(nas, number.to_bytes(2, "big"), allocate(number, STRANGER).envelope.encoded).register()
        while nas.submitted:
            nas.ledger_answers(reason="unknown_account")
        nas.box.pass_time(seconds(0.04))
    assert Ue(nas, b"new", allocate(2).envelope.encoded).register().refused == "busy"
    again = Ue(nas, b"again").register()
    assert [order.data for order in nas.submitted] == [again.order]
    nas.ledger_answers()
    assert isinstance(again.run().end, Admitted)


def test_a_purchase_that_was_relayed_spends_nothing_of_others_pace() -> None:
    nas = nas_box()
    Ue(nas).register()
    for number in range(2 * MAX_EXECUTES):
        pass_s(nas, 0.1)
        Ue(nas, number.to_bytes(2, "big")).register()
    nas.submitted.clear()
    Ue(nas, b"other", allocate(2).envelope.encoded).register()
    assert len(nas.submitted) == 1


def test_the_registration_that_is_alive_hears_what_the_ones_before_it_asked() -> None:
    nas = nas_box()
    for number in range(4):
        Ue(nas, bytes((number,))).register()
        nas.tell(Gone(bytes((number,))))
        pass_s(nas, 1.1)
    last = Ue(nas, b"last").register()
    nas.ledger_answers()
    assert isinstance(last.run().end, Admitted)


def test_who_says_nothing_more_is_forgotten() -> None:
    nas = nas_box()
    nas.tell(Begin(b"1", 7))
    assert core.next_deadline_ns(nas.box.state, nas.box.now) <= nas.box.now.mono_ns + LIFE_NS
    pass_s(nas, LIFE_NS / NS_PER_S - 0.1)
    assert nas.box.state.on_signalling.exchanges
    pass_s(nas, 0.1)
    assert not nas.box.state.on_signalling.exchanges
    (refused,) = nas.take(NotAdmitted, b"1")
    assert refused.reason == "silent"


def test_a_name_that_proved_nothing_is_nobodys_subscriber() -> None:
    nas = nas_box()
    nas.tell(Subscriber(b"1", SUPI))
    assert nas.box.state.refused["nas_unproven"] == 1
    ue = buy(nas)
    nas.tell(Subscriber(ue.name, SUPI), link=2)
    assert nas.box.state.refused["nas_unproven"] == 2, "another connection's UE"
    nas.stays = [stay()]
    nas.look()
    assert not nas.box.state.sessions


def test_a_boxs_own_datagrams_cannot_pretend_a_proof() -> None:
    """By IP a join needs the consumer's signature, also where the core has a session."""
    nas = nas_box()
    nas.stays = [stay()]
    nas.look()
    answer = nas.join(bought(bytes(16)), key=OTHER_CONSUMER)
    assert isinstance(answer, Refused)
    assert answer.reason == "not_the_consumer"


# ---- Options


PLMN = Plmn("001", "01")


def test_a_purchase_in_options_is_relayed_with_its_room_and_answered_at_the_next_attempt() -> None:
    nas = nas_box()
    ue = Ue(nas, b"tmsi")
    sale = pco_purchase.begin(
        allocate().envelope.encoded, LEDGER_ID, PLMN, pco_purchase.Pseudonym(CONSUMER.public, PLMN)
    )
    assert isinstance(sale, pco_purchase.Sale)
    for _ in range(8):
        sale, container = pco_purchase.next_container(sale)
        answer = ue.options(container)
        assert answer is not None
        if nas.submitted:
            assert nas.box.state.lobby.pending[nas.submitted[0].correlation].wants
            nas.ledger_answers()
        sale = pco_purchase.hear(sale, answer)
        if sale.answer is not None:
            break
    assert isinstance(sale.answer, Outcome)
    assert sale.answer.grant
    assert nas.box.state.on_cell.bought


def test_options_without_room_are_refused_and_not_paid() -> None:
    nas = nas_box()
    nas.stays = [stay(A, supi="imsi-001010000000008"), stay(B, supi="imsi-001010000000009")]
    nas.look()
    ue = Ue(nas, b"tmsi")
    sale = pco_purchase.begin(
        allocate().envelope.encoded, LEDGER_ID, PLMN, pco_purchase.Pseudonym(CONSUMER.public, PLMN)
    )
    assert isinstance(sale, pco_purchase.Sale)
    for _ in range(3):
        sale, container = pco_purchase.next_container(sale)
        answer = ue.options(container)
        assert answer is not None
        sale = pco_purchase.hear(sale, answer)
    assert sale.refused is not None
    assert sale.refused.reason == "no_capacity"
    assert not nas.submitted


def test_garbage_in_options_is_counted() -> None:
    nas = nas_box()
    assert Ue(nas).options(b"\xff") is None
    assert nas.box.state.refused["nas_garbage"] == 1


@pytest.mark.parametrize("seed", range(6))
def test_whatever_is_lost_nothing_that_was_paid_is(seed: int) -> None:
    """Packets, answers, links and the broker come and go; in the end everybody who was charged has his grant."""
    chance, nas, paid = random.Random(seed), nas_box(), dict[bytes, bytes]()
    ues = [Ue(nas, bytes((number,)), allocate(number).envelope.encoded) for number in range(1, 9)]
    for _ in range(300):
        ue = chance.choice(ues)
        match chance.randrange(8):
            case 0 | 1:
                ue.buyer, ue.end = eap_buyer.await_offer(), None
                nas.tell(Begin(ue.name, chance.randrange(256)))
            case 2 | 3:
                ue.run()
            case 4:
                nas.frames.clear()
            case 5:
                if chance.random() < 0.2:
                    nas.feed(SignallingHeard(LinkLost(LINK)))
                else:
                    nas.tell(Gone(ue.name))
            case 6 if nas.submitted:
                _answer_or_not(nas, paid, lost=chance.random() < 0.3)
            case _:
                pass_s(nas, chance.choice((0.1, 1, 6)))
        assert len(nas.box.state.on_signalling.exchanges) <= len(ues)
        core.next_deadline_ns(nas.box.state, nas.box.now)
    assert paid, "somebody bought"
    nas.submitted.clear()
    for ue in ues:
        if allocate(ue.name[0]).transaction_id not in paid:
            continue
        pass_s(nas, 61)
        ue.told.clear()
        nas.frames.clear()  # what was said to its registration before
        ue.register()
        while nas.submitted:
            _answer_or_not(nas, paid, lost=False)
        ue.run()
        assert ue.said(eap_buyer.KeepOutcome).outcome.grant == paid[allocate(ue.name[0]).transaction_id]


def _answer_or_not(nas: NasBox, paid: dict[bytes, bytes], *, lost: bool) -> None:
    """The ledger runs each purchase once; a copy gets the grant of the first run, if its answer arrives."""
    order = nas.submitted.pop(0)
    is_copy = order.correlation in paid
    granted = paid.setdefault(order.correlation, signed_grant(bought(order.correlation)))
    if not lost:
        reason = "replayed" if is_copy else ""
        nas.feed(LedgerReplied(order.correlation, reply(order.correlation, granted, reason=reason)))


@pytest.mark.parametrize("seed", range(4))
def test_garbled_frames_never_stop_the_core(seed: int) -> None:
    """Each octet of what an end of NAS says in a whole purchase may be another one."""
    chance, nas = random.Random(seed), nas_box()
    ue = buy(nas)
    nas.tell(Subscriber(ue.name, SUPI))
    heard: list[Frame] = [
        Begin(ue.name, 7),
        *(EapHeard(ue.name, packet) for packet in ue.sent),
        Subscriber(ue.name, SUPI),
    ]
    heard += [OptionsHeard(b"tmsi", allocate(7).envelope.encoded[:200]), Gone(ue.name)]
    for _ in range(400):
        data = bytearray(write_frame(chance.choice(heard))[LENGTH_SIZE:])
        for _ in range(chance.randrange(3)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        nas.feed(
            SignallingHeard(FrameHeard(LINK, bytes(data[: chance.choice((len(data), chance.randrange(99)))])))
        )
        if chance.random() < 0.1:
            pass_s(nas, chance.random())
        assert len(nas.box.state.on_signalling.exchanges) <= MAX_EXCHANGES
        assert len(nas.box.state.on_signalling.proven) <= 1
    nas.submitted.clear()
    pass_s(nas, 61)
    anew = Ue(nas, b"anew", signed_grant(bought(bytes(16))), OrderKind.GRANT).register()
    assert isinstance(anew.end, Admitted)
