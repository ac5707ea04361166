"""What is owed for a session."""

from dataclasses import replace

from apd.refund import owed_for
from apd.session import Usage
from tests.apd.playbook import run_session, start_box
from tests.apd.world import grant, signed_grant


def session(used: Usage):
    box = start_box()
    grant_id = run_session(box)
    return replace(box.state.sessions[grant_id], used=used)


def test_nothing_if_nothing_was_missing():
    assert owed_for(session(Usage(1_000, 1_000, 9_000_000, 9_000_000))) is None


def test_its_shortfall_at_the_price_of_its_grant():
    refund = owed_for(session(Usage(0, 0, 0, 0, 15_000_000, 7_500_000)))
    assert refund is not None
    assert (refund.grant_id, refund.encoded_grant) != (b"", b"")
    assert refund.grant == grant()
    assert len(refund.encoded_grant) == len(signed_grant(grant()))
    assert refund.worth_ubc(250_000) == 25_000, "a tenth of 225,000,000 bytes in ten minutes"
    assert (refund.transfer, refund.stored) == (b"", False)


def test_all_units_of_a_grant_together():
    refund = owed_for(session(Usage(down_shortfall_bytes=45_000_000)))
    assert refund is not None
    double = replace(refund, grant=grant(allocations=2))
    assert (refund.worth_ubc(1_000_000), double.worth_ubc(1_000_000)) == (200_000, 100_000)
