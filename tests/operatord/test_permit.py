"""A grant as the desk sees it."""

from __future__ import annotations

from operatord.permit import GrantPermit, Permit
from tests.operatord.world import ALICE, PROVIDER, grant


def test_a_grant_is_a_permit() -> None:
    made: GrantPermit = grant(allocations=3)
    permit: Permit = made
    assert (permit.account, permit.provider_id) == (ALICE.public, PROVIDER.public.provider_id)
    assert permit.permit_id == made.grant.grant_id
    assert permit.ends_s - permit.starts_s == 3_600
    assert permit.qos == made.grant.qos.times(3), "all of its units together"
