"""The lobby, event by event: what strangers may ask, and what they are told."""

from dataclasses import replace

import pytest

from apd import joins, lobby
from apd.commands import (
    ReadCounters,
    SendLobby,
    SignOffer,
    StoreOfferState,
    StoreSession,
    SubmitTransaction,
)
from apd.events import (
    BrokerConnected,
    BrokerLost,
    DeadlineReached,
    LedgerReplied,
    LobbyDatagramReceived,
    OfferStateReceived,
    SaveFailed,
)
from nas_tunnel.lobby import Announcement, Discover, Joined, Left, Outcome, Purchase, Refused
from tests.apd.playbook import (
    Box,
    Playbook,
    a,
    heard,
    note,
    run_session,
    seconds,
    sells,
    start_box,
    told,
)
from tests.apd.world import (
    BSSID,
    DEVICE,
    LEDGER,
    LEDGER_ID,
    OTHER_DEVICE,
    PROVIDER,
    QOS,
    START_S,
    STRANGER,
    create,
    grant,
    offer_state,
    purchase,
    receipt,
    reply,
    signed_grant,
    signed_state,
    transaction,
)
from wire.errors import ShellError
from wire.grant import grant_id_of
from wire.ledger_reply import LedgerReply, write_ledger_reply
from wire.money_actions import Transfer
from wire.offer import read_offer
from wire.qos import RateLayer

BROKEN = ShellError("shaper", "no buffer space available")


def _other_signature(encoded: bytes, number: int) -> bytes:
    """The same transaction, so signed by nobody."""
    return encoded[:-64] + number.to_bytes(64, "big")


@pytest.fixture
def selling(box: Box) -> Box:
    return sells(box)


class TestDiscover:
    def test_an_offer_is_announced_with_a_challenge(self, selling):
        assert (
            Playbook(selling)
            >> heard(Discover())
            << told(
                Announcement,
                provider=PROVIDER.public,
                ledger=LEDGER.public,
                ledger_id=LEDGER_ID,
                utc_s=START_S,
            )
        )
        announcement = selling.last(SendLobby).message
        offer = read_offer(announcement.offer, PROVIDER.public)
        assert (offer.epoch, offer.price_ubc, offer.qos, offer.bssid) == (3, 250_000, QOS, BSSID)
        assert offer.expires_s == START_S + 120

    def test_no_two_challenges_are_the_same_and_each_is_fresh(self, selling):
        given = set()
        for _ in range(3):
            selling.feed(heard(Discover()))
            given.add(selling.last(SendLobby).message.challenge)
        assert len(given) == 3
        assert all(joins.is_fresh(selling.state.lobby, challenge, selling.now) for challenge in given)

    def test_nothing_on_offer(self, box):
        assert Playbook(box) >> heard(Discover()) << told(Refused, subject=b"", reason="nothing_on_offer")

    def test_who_bought_the_last_unit_still_gets_a_challenge_to_join_with(self, box):
        sells(box, allocations_left=0)
        assert Playbook(box) >> heard(Discover()) << told(Announcement)

    def test_an_offer_that_has_run_out_is_not_shown_but_signed_anew(self, selling):
        assert (
            Playbook(selling)
            >> seconds(121)
            >> heard(Discover())
            << told(Refused, reason="nothing_on_offer")
            << a(SignOffer, offer=a(object, expires_s=START_S + 241))
        )

    def test_an_offer_is_renewed_at_half_its_life(self, selling):
        assert Playbook(selling) >> seconds(59) >> DeadlineReached()
        assert (
            Playbook(selling)
            >> seconds(1)
            >> DeadlineReached()
            << a(SignOffer, offer=a(object, expires_s=START_S + 180))
            << ReadCounters(report=True)
        )


class TestOfferState:
    def test_new_terms_are_signed(self, selling):
        data = signed_state(height=11, epoch=4)
        assert (
            Playbook(selling)
            >> OfferStateReceived(data)
            << StoreOfferState(data)
            << a(SignOffer, offer=a(object, epoch=4))
        )

    def test_after_a_restart_the_last_word_counts_until_there_is_a_newer_one(self):
        """Without a broker, too, who bought already gets a challenge to join with."""
        box = start_box(offer_state=signed_state())
        assert box.last(SignOffer).offer.epoch == 3
        assert Playbook(box) >> OfferStateReceived(signed_state(height=9, epoch=2))
        assert box.state.lobby.offer_state == offer_state()

    def test_a_word_on_disk_that_is_not_our_ledgers_is_not_believed(self):
        box = start_box(offer_state=signed_state(key=STRANGER))
        assert box.ordered[-1] == note("offer_state_invalid")

    def test_fewer_units_left_need_no_new_signature(self, selling):
        assert Playbook(selling) >> OfferStateReceived(signed_state(height=11, allocations_left=4))
        assert selling.state.lobby.offer_state.allocations_left == 4

    @pytest.mark.parametrize(
        ("data", "reason", "noted"),
        [
            (signed_state(height=9), "offer_state_old", False),
            (signed_state(provider=STRANGER.public), "offer_state_foreign", False),
            (signed_state(key=STRANGER), "offer_state_invalid", True),
            (signed_state(ledger_id=bytes(32)), "offer_state_invalid", True),
            (b"garbage", "offer_state_invalid", True),
            (b"", "offer_state_invalid", True),
        ],
    )
    def test_what_is_old_foreign_or_not_the_ledgers_changes_nothing(self, selling, data, reason, noted):
        before = selling.state.lobby
        play = Playbook(selling) >> OfferStateReceived(data)
        assert play << note(reason) if noted else play
        assert selling.state.lobby == before
        assert selling.state.refused == {reason: 1}

    def test_rates_of_another_layer_than_the_shapers_are_not_sold(self, box):
        other = replace(QOS, rate_layer=RateLayer.ETHERNET)
        assert Playbook(box) >> OfferStateReceived(signed_state(qos=other)) << note("rate_layer_differs")
        assert box.state.lobby.offer_state is None


class TestPurchase:
    def test_it_is_relayed_and_its_outcome_returned(self, selling):
        bought = purchase()
        made = signed_grant(grant(grant_id=grant_id_of(bought.transaction_id)))
        answer = reply(bought.transaction_id, made)
        assert (
            Playbook(selling)
            >> heard(Purchase(bought.envelope.encoded))
            << SubmitTransaction(bought.transaction_id, bought.envelope.encoded)
            >> LedgerReplied(bought.transaction_id, answer)
            << told(Outcome, transaction_id=bought.transaction_id, grant=made)
        )
        assert not selling.state.lobby.pending

    def test_a_rejection_is_returned_without_a_grant(self, selling):
        bought = purchase()
        assert (
            Playbook(selling)
            >> heard(Purchase(bought.envelope.encoded))
            << a(SubmitTransaction)
            >> LedgerReplied(bought.transaction_id, reply(bought.transaction_id, reason="insufficient_funds"))
            << told(Outcome, grant=b"")
        )

    def test_an_account_can_be_opened(self, selling):
        opened = create()
        assert (
            Playbook(selling)
            >> heard(Purchase(opened.envelope.encoded))
            << a(SubmitTransaction, correlation=opened.transaction_id)
        )

    def test_nobody_is_told_twice(self, selling):
        bought = purchase()
        answer = LedgerReplied(bought.transaction_id, reply(bought.transaction_id))
        assert (
            Playbook(selling)
            >> heard(Purchase(bought.envelope.encoded))
            << a(SubmitTransaction)
            >> answer
            << told(Outcome)
            >> answer
        )
        assert selling.state.refused == {"reply_unexpected": 1}

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"garbage",
            reply(purchase().transaction_id, key=STRANGER),
            write_ledger_reply(LedgerReply(receipt(purchase().transaction_id, ledger_id=bytes(32)))),
        ],
        ids=["empty", "garbage", "not the ledger's", "another ledger's"],
    )
    def test_a_reply_that_does_not_verify_reaches_nobody(self, selling, data):
        bought = purchase()
        assert (
            Playbook(selling)
            >> heard(Purchase(bought.envelope.encoded))
            << a(SubmitTransaction)
            >> LedgerReplied(bought.transaction_id, data)
            << note("reply_invalid")
        )
        assert bought.transaction_id in selling.state.lobby.pending

    def test_the_ledgers_word_on_a_bad_copy_is_counted_and_the_buyer_hears_of_the_good_one(self, selling):
        """Such a receipt names the copy's octets and not the purchase; strangers cause as many as they like."""
        bought = purchase()
        assert (
            Playbook(selling)
            >> heard(Purchase(bought.envelope.encoded))
            << a(SubmitTransaction)
            >> LedgerReplied(bought.transaction_id, reply(bytes(32), reason="bad_signature"))
            >> LedgerReplied(bought.transaction_id, reply(bought.transaction_id))
            << told(Outcome, transaction_id=bought.transaction_id)
        )
        assert selling.state.refused == {"reply_unexpected": 1}

    def test_a_ledger_that_does_not_answer_in_time(self, selling):
        bought = purchase()
        assert (
            Playbook(selling)
            >> heard(Purchase(bought.envelope.encoded))
            << a(SubmitTransaction)
            >> seconds(15)
            >> DeadlineReached()
            << told(Refused, subject=bought.transaction_id, reason="ledger_unreachable")
        )
        assert not selling.state.lobby.pending

    def test_a_broker_that_is_away(self, selling):
        bought = purchase()
        assert (
            Playbook(selling)
            >> BrokerLost("gone")
            << note("broker_lost")
            >> heard(Purchase(bought.envelope.encoded))
            << told(Refused, subject=bought.transaction_id, reason="ledger_unreachable")
        )

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"provider": STRANGER.public}, "foreign_provider"),
            ({"epoch": 2}, "epoch_moved"),
            ({"epoch": 4}, "epoch_moved"),
            ({"allocations": 21}, "no_capacity"),
            ({"allocations": 26}, "no_capacity"),
            ({"allocations": 2**32 - 1}, "no_capacity"),
        ],
    )
    def test_money_that_would_be_thrown_away_is_not_taken(self, selling, changes, reason):
        bought = purchase(**changes)
        assert (
            Playbook(selling)
            >> heard(Purchase(bought.envelope.encoded))
            << told(Refused, subject=bought.transaction_id, reason=reason)
        )

    def test_capacity_bought_in_advance_is_the_ledgers_matter(self, selling):
        bought = purchase(allocations=1_000, period=5_700_000, period_to=5_700_001)
        assert Playbook(selling) >> heard(Purchase(bought.envelope.encoded)) << a(SubmitTransaction)

    def test_sold_out(self, box):
        sells(box, allocations_left=0)
        bought = purchase()
        assert Playbook(box) >> heard(Purchase(bought.envelope.encoded)) << told(Refused, reason="sold_out")

    def test_a_purchase_whose_outcome_was_lost_is_relayed_again_whatever_happened_to_the_offer(self, selling):
        """It was perhaps executed: only the ledger knows, and its buyer paid."""
        bought = purchase()
        assert (
            Playbook(selling)
            >> heard(Purchase(bought.envelope.encoded))
            << a(SubmitTransaction)
            >> LedgerReplied(bought.transaction_id, reply(bought.transaction_id))
            << told(Outcome)
            >> OfferStateReceived(signed_state(height=12, epoch=4, allocations_left=0))
            << a(StoreOfferState)
            << a(SignOffer)
            >> seconds(300)
            >> heard(Purchase(bought.envelope.encoded))
            << a(SubmitTransaction, correlation=bought.transaction_id)
        )

    def test_a_late_question_goes_to_the_ledger_whatever_is_on_offer_now(self, selling):
        """It was sent through another access point, or before a restart: only a signed word ends the doubt."""
        sells(selling, height=12, epoch=4, allocations_left=0)
        asked = purchase()
        assert (
            Playbook(selling)
            >> seconds(300 + lobby.LATE_S)
            >> heard(Purchase(asked.envelope.encoded))
            << told(Refused, subject=asked.transaction_id, reason="epoch_moved")
            >> seconds(1)
            >> heard(Purchase(asked.envelope.encoded))
            << a(SubmitTransaction, correlation=asked.transaction_id)
            >> LedgerReplied(asked.transaction_id, reply(asked.transaction_id, reason="expired"))
            << told(Outcome, transaction_id=asked.transaction_id)
        )
        assert not selling.state.lobby.pending
        assert not selling.state.lobby.relayed, (
            "who asks again is relayed again: nothing has to be remembered"
        )

    def test_a_late_question_finds_a_way_where_nothing_is_on_offer(self, box):
        box.feed(BrokerConnected())
        box.pass_time(seconds(301 + lobby.LATE_S))
        asked = purchase(allocations=26)
        assert Playbook(box) >> heard(Purchase(asked.envelope.encoded)) << a(SubmitTransaction)
        assert box.state.lobby.pending[asked.transaction_id].wants is None, "it keeps no room from others"

    def test_a_late_question_about_another_provider_is_for_that_provider(self, selling):
        selling.pass_time(seconds(400))
        asked = purchase(provider=STRANGER.public)
        assert (
            Playbook(selling)
            >> heard(Purchase(asked.envelope.encoded))
            << told(Refused, reason="foreign_provider")
        )

    def test_late_questions_are_limited_as_purchases_are(self, selling):
        sells(selling, height=12, epoch=4)
        selling.pass_time(seconds(400))
        for number in range(lobby.MAX_PENDING_PER_BUYER):
            selling.feed(heard(Purchase(purchase(number + 1).envelope.encoded)))
        assert (
            Playbook(selling)
            >> heard(Purchase(purchase(99).envelope.encoded))
            << told(Refused, reason="busy")
        )

    def test_nothing_on_offer(self, box):
        box.feed(BrokerConnected())
        assert (
            Playbook(box)
            >> heard(Purchase(purchase().envelope.encoded))
            << told(Refused, reason="nothing_on_offer")
        )

    def test_we_are_nobodys_open_relay(self, selling):
        moved = transaction(Transfer(STRANGER.public, 1_000))
        assert (
            Playbook(selling)
            >> heard(Purchase(moved.envelope.encoded))
            << told(Refused, reason="not_relayed")
        )

    @pytest.mark.parametrize("data", [b"\0", b"garbage", purchase().envelope.encoded[:-1]])
    def test_garbage_is_answered_with_what_is_wrong(self, selling, data):
        assert (
            Playbook(selling)
            >> heard(Purchase(data))
            << told(Refused, subject=b"", reason="transaction_invalid")
        )

    def test_a_stranger_cannot_take_every_place(self, selling):
        for nonce in range(lobby.MAX_PENDING_PER_BUYER):
            selling.feed(heard(Purchase(purchase(nonce).envelope.encoded)))
        late = purchase(9_999)
        assert (
            Playbook(selling)
            >> heard(Purchase(late.envelope.encoded))
            << told(Refused, reason="busy")
            >> heard(Purchase(late.envelope.encoded), OTHER_DEVICE)
            << a(SubmitTransaction)
        )

    def test_all_strangers_together_cannot_fill_the_memory(self, selling):
        """Whoever waits longest is told; a purchase that comes now has its place."""
        for nonce in range(lobby.MAX_PENDING + 10):
            source = (f"fe80::{nonce // 8:x}", 1, 0, 7)
            selling.feed(heard(Purchase(purchase(nonce).envelope.encoded), source))
        pending = selling.state.lobby.pending
        assert len(pending) == lobby.MAX_PENDING
        assert purchase(0).transaction_id not in pending
        assert purchase(lobby.MAX_PENDING + 9).transaction_id in pending
        assert selling.state.refused["busy"] == 10

    def test_whoever_overhears_a_purchase_cannot_take_its_outcome_away(self, selling):
        bought = purchase()
        sent = Purchase(bought.envelope.encoded)
        playbook = Playbook(selling) >> heard(sent) << a(SubmitTransaction)
        for number in range(lobby.MAX_BUYERS + 3):
            playbook = playbook >> heard(sent, (f"fe80::{number + 50:x}", 1, 0, 7))
        playbook = playbook >> LedgerReplied(bought.transaction_id, reply(bought.transaction_id))
        playbook = playbook << told(Outcome, DEVICE)
        for number in range(lobby.MAX_BUYERS - 1):
            playbook = playbook << told(Outcome, (f"fe80::{number + 50:x}", 1, 0, 7))
        assert playbook

    def test_the_same_purchase_goes_to_the_ledger_once_a_second(self, selling):
        sent = heard(Purchase(purchase().envelope.encoded))
        assert (
            Playbook(selling)
            >> sent
            << a(SubmitTransaction)
            >> sent
            >> seconds(1)
            >> sent
            << a(SubmitTransaction)
        )

    def test_noise_under_the_id_of_a_purchase_does_not_hold_it_back(self, selling):
        """A neighbour overheard a purchase that was lost on its way here, and is first with a broken signature."""
        good = purchase().envelope.encoded
        noise = heard(Purchase(_other_signature(good, 1)), OTHER_DEVICE)
        bought = purchase().transaction_id
        assert (
            Playbook(selling)
            >> noise
            << a(SubmitTransaction, correlation=bought)
            >> heard(Purchase(good))
            << SubmitTransaction(bought, good)
            >> noise
            >> heard(Purchase(good))
            >> LedgerReplied(bought, reply(bytes(32), reason="bad_signature"))
            >> LedgerReplied(bought, reply(bought))
            << told(Outcome, OTHER_DEVICE)
            << told(Outcome, DEVICE)
        )

    def test_the_ledger_gets_so_many_copies_of_a_purchase_in_a_second(self, selling):
        good = purchase().envelope.encoded
        for number in range(lobby.MAX_COPIES + 20):
            selling.feed(heard(Purchase(_other_signature(good, number))))
        relayed = [command for command in selling.ordered if isinstance(command, SubmitTransaction)]
        assert len({command.data for command in relayed}) == len(relayed) == lobby.MAX_COPIES
        (pending,) = selling.state.lobby.pending.values()
        assert len(pending.copies) == lobby.MAX_COPIES
        assert (
            Playbook(selling)
            >> seconds(1)
            >> heard(Purchase(_other_signature(good, 99)))
            << a(SubmitTransaction)
        )
        (pending,) = selling.state.lobby.pending.values()
        assert len(pending.copies) == 1

    def test_whoever_repeats_a_purchase_does_not_put_off_its_time_out(self, selling):
        bought = purchase()
        sent = Purchase(bought.envelope.encoded)
        assert (
            Playbook(selling)
            >> heard(sent)
            << a(SubmitTransaction)
            >> seconds(14)
            >> heard(sent, OTHER_DEVICE)
            << a(SubmitTransaction)
            >> seconds(1)
            >> DeadlineReached()
            << told(Refused, DEVICE, reason="ledger_unreachable")
            << told(Refused, OTHER_DEVICE, reason="ledger_unreachable")
        )

    def test_new_accounts_are_relayed_one_a_second(self, selling):
        assert (
            Playbook(selling)
            >> heard(Purchase(create().envelope.encoded))
            << a(SubmitTransaction)
            >> heard(Purchase(create(2).envelope.encoded))
            << told(Refused, reason="busy")
            >> seconds(1)
            >> heard(Purchase(create(2).envelope.encoded))
            << a(SubmitTransaction)
        )

    def test_nothing_is_sold_while_the_disk_keeps_nothing(self, selling):
        selling.feed(SaveFailed(BROKEN, (StoreSession(None),)))  # type: ignore[arg-type]  # any order
        assert (
            Playbook(selling)
            >> heard(Purchase(purchase().envelope.encoded))
            << told(Refused, reason="not_metered")
        )


class TestGarbage:
    @pytest.mark.parametrize("data", [b"", b"\0", b"\x81\x01" + b"\0", bytes(1_201), b"\x82\x01\x02"])
    def test_it_is_counted_and_not_answered(self, selling, data):
        assert Playbook(selling) >> LobbyDatagramReceived(DEVICE, data)
        assert selling.state.refused == {"lobby_garbage": 1}

    @pytest.mark.parametrize(
        "message",
        [Left(bytes(16)), Joined(bytes(16), 1), Refused(b"", "x", ""), Outcome(bytes(32), b"x", b"")],
    )
    def test_what_only_access_points_say_is_counted(self, selling, message):
        assert Playbook(selling) >> heard(message)
        assert selling.state.refused == {"lobby_not_for_us": 1}

    def test_old_requests_are_forgotten_with_their_challenge(self, selling):
        run_session(selling)
        assert len(selling.state.lobby.seen_requests) == 1
        selling.pass_time(seconds(61))
        selling.feed(DeadlineReached())
        assert not selling.state.lobby.seen_requests

    def test_old_purchases_are_forgotten(self, selling):
        selling.feed(heard(Purchase(purchase().envelope.encoded)))
        selling.pass_time(seconds(601))
        selling.feed(DeadlineReached())
        assert not selling.state.lobby.relayed

    def test_the_offer_that_is_announced_is_of_this_ledger(self, selling):
        assert selling.state.lobby.offer_state == offer_state()
