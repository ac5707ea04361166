"""A shortfall is paid back, once: event by event, over refusals, lost replies, late ones and restarts."""

from dataclasses import replace

import pytest

from apd import refunds
from apd.commands import AskPrice, ForgetRefund, ForgetSession, SignTransfer, StoreRefund, SubmitTransaction
from apd.events import (
    BrokerConnected,
    BrokerLost,
    CountersRead,
    DeadlineReached,
    LedgerReplied,
    RecordSigned,
    Saved,
    SessionRemoved,
    TransferSigned,
)
from apd.refund import Refund
from apd.refunds import REFUSED_NS, VALID_S
from apd.session import Phase, Session, Usage
from tests.apd.air_world import OPERATOR, channel_pass
from tests.apd.playbook import Box, Playbook, a, note, run_session, seconds, settings, start_box
from tests.apd.world import (
    CONSUMER,
    LEDGER,
    LEDGER_ID,
    PROVIDER,
    STATION,
    STRANGER,
    grant,
    purchase,
    reply,
    signed_grant,
)
from wire.grant_price import GrantPrice, write_grant_price
from wire.ids import PublicKey
from wire.keys import PrivateKey
from wire.money_actions import Transfer
from wire.refund import refund_nonce
from wire.transaction import SignedTransaction, Transaction, sign_transaction

QUIET = {"report_interval_s": 86_400, "idle_timeout_s": 0}
GRANT = grant()
PRICE_UBC = 250_000
OWED = Refund(GRANT, signed_grant(GRANT), 15_000_000, 7_500_000)
"""A tenth of what was promised: 25,000 ubc."""
OWED_UBC = 25_000
ASKED, SENT = b"p" + GRANT.grant_id, b"t" + GRANT.grant_id


def price(
    grant_id: bytes = GRANT.grant_id,
    price_ubc: int = PRICE_UBC,
    key: PrivateKey = LEDGER,
    payer: PublicKey = CONSUMER.public,
) -> LedgerReplied:
    return LedgerReplied(ASKED, write_grant_price(GrantPrice(grant_id, payer, price_ubc), key, LEDGER_ID))


def box(owed: Refund = OWED) -> Box:
    """One that began with this to pay, and has the ledger."""
    made = start_box(settings(**QUIET), owed=(owed,))
    made.feed(DeadlineReached())
    return made


def signed(box: Box, key: PrivateKey = PROVIDER) -> SignedTransaction:
    """What the daemon makes of the last SignTransfer."""
    return sign_transaction(box.last(SignTransfer).transaction, key, LEDGER_ID)


def told(made: SignedTransaction) -> TransferSigned:
    return TransferSigned(GRANT.grant_id, made.transaction_id, made.envelope.encoded)


def fixed(box: Box) -> SignedTransaction:
    """Up to where the transfer is on disk and was sent once."""
    box.feed(BrokerConnected())
    box.feed(price())
    made = signed(box)
    box.feed(told(made))
    box.feed(Saved(transfers=(made.transaction_id,)))
    assert box.last(SubmitTransaction).correlation == SENT
    return made


class TestOnce:
    def test_the_price_is_asked_the_transfer_stored_then_sent(self):
        paying = box()
        assert (
            Playbook(paying)
            >> BrokerConnected()
            << note("broker_connected")
            << AskPrice(ASKED, GRANT.grant_id)
        )
        transfer = Transaction(
            Transfer(CONSUMER.public, OWED_UBC), refund_nonce(GRANT.grant_id), paying.now.utc_s + VALID_S
        )
        assert Playbook(paying) >> price() << SignTransfer(GRANT.grant_id, transfer)
        made = signed(paying)
        assert Playbook(paying) >> told(made) << a(StoreRefund)
        assert paying.last(StoreRefund).refund.transfer == made.envelope.encoded
        sent = SubmitTransaction(SENT, made.envelope.encoded)
        assert Playbook(paying) >> Saved() >> Saved(transfers=(made.transaction_id,)) << sent
        done = LedgerReplied(SENT, reply(made.transaction_id))
        assert Playbook(paying) >> done << ForgetRefund(GRANT.grant_id) << note("refunded") >> done
        assert not paying.state.refunds

    def test_a_lost_reply_has_the_same_bytes_sent_again(self):
        paying = box()
        made = fixed(paying)
        again = Playbook(paying) >> seconds(30) >> DeadlineReached()
        assert again << SubmitTransaction(SENT, made.envelope.encoded)
        ran = LedgerReplied(SENT, reply(made.transaction_id, reason="replayed"))
        assert Playbook(paying) >> ran << ForgetRefund(GRANT.grant_id) << note("refunded")

    def test_the_broker_comes_back(self):
        paying = box()
        made = fixed(paying)
        paying.feed(BrokerLost("gone"))
        assert Playbook(paying) >> seconds(300) >> DeadlineReached()
        back = Playbook(paying) >> BrokerConnected() << note("broker_connected")
        assert back << SubmitTransaction(SENT, made.envelope.encoded)

    def test_after_a_restart_the_stored_bytes_go_on(self):
        paying = box()
        made = fixed(paying)
        again = box(replace(paying.last(StoreRefund).refund, stored=True))
        back = Playbook(again) >> BrokerConnected() << note("broker_connected")
        assert back << SubmitTransaction(SENT, made.envelope.encoded)

    def test_of_two_that_were_signed_the_first_counts(self):
        paying = box()
        paying.feed(BrokerConnected())
        paying.feed(price())
        first = signed(paying)
        paying.pass_time(seconds(1))
        assert Playbook(paying) >> price() << a(SignTransfer)
        second = signed(paying)
        assert first.transaction_id != second.transaction_id
        assert Playbook(paying) >> told(first) << a(StoreRefund) >> told(second) >> price()
        assert paying.state.refunds[GRANT.grant_id].transaction_id == first.transaction_id

    def test_what_is_not_on_disk_is_not_sent(self):
        paying = box()
        paying.feed(BrokerConnected())
        paying.feed(price())
        paying.feed(told(signed(paying)))
        assert Playbook(paying) >> Saved(transfers=(bytes(32),)) >> seconds(3_000) >> DeadlineReached()

    def test_only_what_never_ran_in_time_is_signed_anew(self):
        paying = box()
        made = fixed(paying)
        paying.pass_time(seconds(VALID_S + 10))
        late = LedgerReplied(SENT, reply(made.transaction_id, reason="expired"))
        assert Playbook(paying) >> late << AskPrice(ASKED, GRANT.grant_id)
        assert Playbook(paying) >> price() << a(SignTransfer)
        assert signed(paying).transaction_id != made.transaction_id


class TestRefusals:
    def test_the_operator_hears_of_a_lack_of_funds_once_and_it_is_tried_again(self):
        paying = box()
        made = fixed(paying)
        poor = LedgerReplied(SENT, reply(made.transaction_id, reason="insufficient_funds"))
        assert Playbook(paying) >> poor << note("refund_refused")
        assert "0.025 BC are owed" in paying.ordered[-1].text
        sent = SubmitTransaction(SENT, made.envelope.encoded)
        for _ in range(2):
            later = Playbook(paying) >> seconds(REFUSED_NS / 10**9) >> DeadlineReached()
            assert later << sent >> poor
        rich = LedgerReplied(SENT, reply(made.transaction_id))
        assert Playbook(paying) >> rich << ForgetRefund(GRANT.grant_id) << note("refunded")

    def test_a_grant_whose_price_the_ledger_does_not_know(self):
        paying = box()
        paying.feed(BrokerConnected())
        unknown = LedgerReplied(ASKED, reply(bytes(32), reason="unknown_grant"))
        assert Playbook(paying) >> unknown << note("refund_refused") >> unknown
        assert "no refund was computed" in paying.ordered[-1].text
        assert OWED.grant_id in paying.state.refunds

    def test_less_than_one_micro_bandcoin_is_not_sent(self):
        paying = box()
        paying.feed(BrokerConnected())
        cheap = price(price_ubc=9)
        assert Playbook(paying) >> cheap << ForgetRefund(GRANT.grant_id) << note("refund_nothing")

    @pytest.mark.parametrize(
        "word",
        [
            price(key=STRANGER),
            price(grant_id=bytes(16)),
            LedgerReplied(ASKED, b""),
            LedgerReplied(ASKED, b"noise"),
            LedgerReplied(SENT, b"noise"),
            LedgerReplied(SENT, reply(bytes(32))),
            LedgerReplied(b"p" + bytes(16), b""),
        ],
    )
    def test_what_the_ledger_did_not_say_changes_nothing(self, word):
        paying = box()
        paying.feed(BrokerConnected())
        before = paying.state.refunds
        paying.feed(word)
        assert paying.state.refunds == before

    def test_a_receipt_of_another_transaction_pays_nothing_back(self):
        paying = box()
        fixed(paying)
        for word in (reply(bytes(32)), reply(purchase().transaction_id, reason="replayed"), b""):
            paying.feed(LedgerReplied(SENT, word))
        assert paying.state.refunds[GRANT.grant_id].stored


class TestFromTheSession:
    def test_it_is_taken_over_when_the_session_is_forgotten(self):
        """After the report with its shortfall was signed, and in one transaction of the disk."""
        ended = start_box(settings(report_interval_s=60, idle_timeout_s=0))
        grant_id = run_session(ended)
        session = ended.state.sessions[grant_id]
        missing = Usage(down_shortfall_bytes=15_000_000, up_shortfall_bytes=7_500_000)
        ended.state = ended.state.with_session(replace(session, used=missing, unreported=missing))
        ended.pass_time(seconds(601))
        ended.feed(DeadlineReached())
        ended.feed(SessionRemoved(grant_id, Usage()))
        ended.feed(Saved(records=(1,)))
        ended.feed(RecordSigned(1))
        ended.feed(CountersRead({}, report=True))
        assert not [command for command in ended.ordered if isinstance(command, StoreRefund)], (
            "it is not signed"
        )
        ended.feed(Saved(records=(2,)))
        ended.feed(RecordSigned(2))
        found = ended.feed(CountersRead({}, report=True))
        owed = replace(OWED, encoded_grant=session.encoded_grant, due_ns=ended.now.mono_ns)
        assert found[:3] == [StoreRefund(owed), note("shortfall"), ForgetSession(grant_id)]
        assert ended.state.refunds == {grant_id: owed}
        assert not ended.state.sessions

    def test_the_report_says_it(self):
        ended = start_box(settings(report_interval_s=60, idle_timeout_s=0))
        grant_id = run_session(ended)
        session = ended.state.sessions[grant_id]
        missing = Usage(1_000, 0, 2_000, 0, 500, 7)
        ended.state = ended.state.with_session(replace(session, used=missing, unreported=missing))
        (row,) = ended.feed(CountersRead({}, report=True))[0].record.rows
        assert (row.down_shortfall_bytes, row.up_shortfall_bytes) == (500, 7)
        assert ended.state.sessions[grant_id].unreported == Usage()
        assert ended.state.sessions[grant_id].used == missing


@pytest.mark.parametrize("operator", [OPERATOR, PROVIDER], ids=["an operator", "the provider itself"])
def test_nobody_asks_what_a_pass_cost(operator):
    """Who pays as it goes stops paying for what it does not get."""
    made = start_box(settings(**QUIET))
    passed = channel_pass(operator=operator)
    missing = Usage(down_bytes=9, down_shortfall_bytes=15_000_000)
    session = Session(passed, b"", passed.qos, STATION, 0, Phase.CLOSED, ends_ns=0, starts_ns=0, used=missing)
    state, commands = refunds.owe(made.state, session, made.now)
    assert commands == [note("shortfall")]
    assert not state.refunds
