"""Verdicts collect everything and raise on demand."""

import pytest

from ledger.chain_state import ChainState
from ledger.findings import ChainVerdict, RecordVerdict, Severity, UnmeteredInterval, judge, note
from wire.errors import VerificationError

GOOD = note("signature", "by the enrolled key")
HOLE = judge("sequence", Severity.BREAK, ok=False, good="", bad="7 instead of 6")
CLAIM = judge("totals", Severity.CLAIM, ok=False, good="", bad="too much")


def verdict(*findings):
    return RecordVerdict(7, "usage", bytes(32), attested=True, findings=findings)


def test_a_record_that_holds_requires_nothing():
    good = verdict(GOOD, judge("chain", Severity.BREAK, ok=True, good="yes", bad="no"))
    good.require()
    assert good.failures == ()
    assert good.findings[1].text == "yes"


def test_all_failures_are_told_at_once():
    with pytest.raises(VerificationError, match="record 7: sequence: 7 instead of 6; totals: too much"):
        verdict(GOOD, HOLE, CLAIM).require()


def test_only_what_nothing_vouches_for_is_a_forgery():
    assert not verdict(HOLE, CLAIM).forged
    assert verdict(judge("quote", Severity.FORGERY, ok=False, good="", bad="no")).forged
    assert not verdict(judge("quote", Severity.FORGERY, ok=True, good="", bad="no")).forged


def test_a_chain_adds_up_its_records():
    intervals = (UnmeteredInterval(0, 5, "a"), UnmeteredInterval(9, 10, "b"))
    chain = ChainVerdict((verdict(GOOD), verdict(HOLE)), intervals, ChainState())
    assert chain.unmetered_ms == 6
    assert chain.failures == ((7, HOLE),)
    with pytest.raises(VerificationError, match="record 7"):
        chain.require()
