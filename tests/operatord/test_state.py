"""Who honours whose grants."""

from __future__ import annotations

from operatord.state import Box, with_partners
from tests.operatord.world import BOXES, PARTNER, PROVIDER, STRANGER


def test_partners_honour_each_other_s_grants_and_nobody_else_s() -> None:
    own, partner, stranger = (key.public.provider_id for key in (PROVIDER, PARTNER, STRANGER))
    assert BOXES["roof"].honours == BOXES["yard"].honours == BOXES["inn"].honours == {own, partner}
    assert BOXES["far"].honours == {stranger}


def test_a_provider_may_be_in_several_groups() -> None:
    box = {"roof": Box("roof", PROVIDER.public, "192.0.2.7", frozenset(), 7, 8)}
    groups = {"one": {PROVIDER, PARTNER}, "two": {PROVIDER, STRANGER}, "three": {PARTNER}}
    keys = {name: frozenset(key.public for key in members) for name, members in groups.items()}
    made = with_partners(box, keys)["roof"]
    assert made.honours == {key.public.provider_id for key in (PROVIDER, PARTNER, STRANGER)}
    assert (made.up_overhead_bytes, made.down_overhead_bytes) == (7, 8)
