"""The outbox: emptied in order, by receipts only, whatever happens to the broker and the ledger."""

import pytest

from apd import core, ledger_link
from apd.commands import Enrol, ForgetRecord, SubmitRecord
from apd.events import (
    BrokerConnected,
    BrokerLost,
    DeadlineReached,
    Enrolled,
    EnrolmentFailed,
    LedgerReplied,
)
from apd.metering import StoredChain
from apd.state import OutboxEntry
from tests.apd.playbook import Box, Playbook, a, note, seconds, settings, start_box
from tests.apd.world import LEDGER_ID, STRANGER, receipt, reply
from wire.ledger_reply import LedgerReply, write_ledger_reply

QUIET = settings(report_interval_s=86_400)


def digest(sequence: int) -> bytes:
    return bytes((sequence,)) * 32


def waiting(*sequences: int, enrolled: bool = True) -> Box:
    """A box with these records in its outbox."""
    outbox = tuple(OutboxEntry(sequence, digest(sequence)) for sequence in sequences)
    last = max(sequences, default=0)
    return start_box(QUIET, chain=StoredChain(last, digest(last), b"", 0, (), outbox), enrolled=enrolled)


def correlation(sequence: int) -> bytes:
    return b"r" + sequence.to_bytes(8, "big")


def submits(*sequences: int) -> list[SubmitRecord]:
    return [SubmitRecord(correlation(sequence), sequence) for sequence in sequences]


def acknowledged(sequence: int) -> LedgerReplied:
    return LedgerReplied(correlation(sequence), reply(digest(sequence)))


def submitted(box: Box) -> list[int]:
    return [command.sequence for command in box.ordered if isinstance(command, SubmitRecord)]


class TestOutbox:
    def test_it_is_submitted_in_order_when_the_broker_is_there(self):
        box = waiting(1, 2, 3)
        play = Playbook(box) >> BrokerConnected() << note("broker_connected")
        for command in submits(1, 2, 3):
            play = play << command
        assert play

    def test_only_so_many_are_under_way_and_each_receipt_makes_room(self):
        box = waiting(*range(1, 30))
        box.feed(BrokerConnected())
        assert submitted(box) == list(range(1, ledger_link.WINDOW + 1))
        assert (
            Playbook(box)
            >> acknowledged(1)
            << ForgetRecord(1)
            << submits(ledger_link.WINDOW + 1)[0]
            >> acknowledged(1)
        )

    def test_receipts_may_come_in_any_order(self):
        box = waiting(1, 2, 3)
        box.feed(BrokerConnected())
        for sequence in (3, 1, 2):
            assert Playbook(box) >> acknowledged(sequence) << ForgetRecord(sequence)
        assert not box.state.meter.outbox
        assert not box.state.link.in_flight

    def test_what_is_not_acknowledged_in_time_is_submitted_again(self):
        box = waiting(1, 2)
        box.feed(BrokerConnected())
        box.feed(acknowledged(1))
        assert (
            Playbook(box)
            >> seconds(29)
            >> DeadlineReached()
            >> seconds(1)
            >> DeadlineReached()
            << submits(2)[0]
            >> DeadlineReached()
        )

    def test_the_core_wants_to_be_called_then(self):
        box = waiting(1)
        box.feed(BrokerConnected())
        assert core.next_deadline_ns(box.state, box.now) == box.now.mono_ns + 30 * 10**9

    def test_a_broker_that_dies_and_comes_back_gets_them_again(self):
        box = waiting(1, 2)
        box.feed(BrokerConnected())
        assert (
            Playbook(box)
            >> BrokerLost("connection reset")
            << note("broker_lost")
            >> seconds(100)
            >> DeadlineReached()
            >> BrokerConnected()
            << note("broker_connected")
            << submits(1)[0]
            << submits(2)[0]
        )

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"garbage",
            reply(digest(2)),
            reply(digest(1), key=STRANGER),
            write_ledger_reply(LedgerReply(receipt(digest(1), ledger_id=LEDGER_ID[::-1]))),
        ],
        ids=["empty", "garbage", "of another record", "not the ledger's", "another ledger's"],
    )
    def test_nothing_but_the_ledgers_receipt_of_that_record_empties_it(self, data):
        box = waiting(1)
        box.feed(BrokerConnected())
        assert Playbook(box) >> LedgerReplied(correlation(1), data) << note("receipt_invalid")
        assert len(box.state.meter.outbox) == 1

    def test_a_receipt_of_a_record_that_is_not_waiting_means_nothing(self):
        box = waiting(1)
        box.feed(BrokerConnected())
        assert Playbook(box) >> acknowledged(9)

    def test_a_record_that_is_refused_is_kept_and_the_ledger_left_alone(self):
        box = waiting(1, 2)
        box.feed(BrokerConnected())
        assert (
            Playbook(box)
            >> LedgerReplied(correlation(1), reply(digest(1), reason="sequence_gap"))
            << note("record_refused")
            >> seconds(59)
            >> DeadlineReached()
            >> seconds(1)
            >> DeadlineReached()
            << submits(1)[0]
            << submits(2)[0]
        )

    @pytest.mark.parametrize("reason", ["forged", "retired_key"])
    def test_records_that_will_never_be_taken_keep_no_other_from_being_sent(self, reason):
        """More of them than are under way at once, and the last good ones behind them."""
        box = waiting(*range(1, 2 * ledger_link.WINDOW + 1))
        box.feed(BrokerConnected())
        for sequence in range(1, ledger_link.WINDOW + 1):
            assert (
                Playbook(box)
                >> LedgerReplied(correlation(sequence), reply(digest(sequence), reason=reason))
                << note("record_refused")
                << submits(sequence + ledger_link.WINDOW)[0]
            )
        assert not [command for command in box.ordered if isinstance(command, ForgetRecord)], (
            "on disk they stay"
        )


class TestEnrolment:
    def test_records_wait_for_it(self):
        box = waiting(1, enrolled=False)
        assert (
            Playbook(box)
            >> BrokerConnected()
            << note("broker_connected")
            << Enrol()
            >> Enrolled()
            << note("enrolled")
            << submits(1)[0]
        )

    def test_one_that_nobody_answers_is_begun_again(self):
        """The broker is there and the ledger is not: nobody else would tell us."""
        box = waiting(1, enrolled=False)
        box.feed(BrokerConnected())
        assert (
            Playbook(box)
            >> seconds(59)
            >> DeadlineReached()
            >> seconds(1)
            >> DeadlineReached()
            << Enrol()
            >> DeadlineReached()
        )

    def test_one_that_failed_is_begun_again_later(self):
        box = waiting(enrolled=False)
        box.feed(BrokerConnected())
        box.pass_time(seconds(20))
        assert (
            Playbook(box)
            >> EnrolmentFailed("unknown_vendor: nobody knows this TPM")
            << note("enrolment_failed")
            >> seconds(59)
            >> DeadlineReached()
            >> seconds(1)
            >> DeadlineReached()
            << Enrol()
        )

    def test_without_a_broker_it_is_not_tried(self):
        box = waiting(enrolled=False)
        box.feed(BrokerConnected())
        box.feed(BrokerLost("gone"))
        assert Playbook(box) >> seconds(600) >> DeadlineReached()

    def test_a_ledger_that_does_not_know_us_is_told_again(self):
        box = waiting(1)
        box.feed(BrokerConnected())
        unknown = LedgerReplied(correlation(1), reply(digest(1), reason="not_enrolled"))
        assert (
            Playbook(box)
            >> unknown
            << note("record_refused")
            << Enrol()
            >> unknown
            << note("record_refused")
            >> Enrolled()
            << note("enrolled")
            >> seconds(60)
            >> DeadlineReached()
            << submits(1)[0]
        )

    def test_a_failure_that_comes_late_undoes_nothing(self):
        box = waiting(1)
        box.feed(BrokerConnected())
        assert (
            Playbook(box)
            >> EnrolmentFailed("late")
            << note("enrolment_failed")
            >> acknowledged(1)
            << ForgetRecord(1)
        )


@pytest.mark.parametrize("unknown", [b"", b"r", b"r" * 9, b"e", bytes(32), b"x" * 33])
def test_replies_that_nobody_asked_for_are_counted(unknown):
    box = waiting()
    box.feed(BrokerConnected())
    play = Playbook(box) >> LedgerReplied(unknown, reply(bytes(32)))
    assert play
    assert a(dict) == box.state.refused
    assert not box.state.meter.outbox
