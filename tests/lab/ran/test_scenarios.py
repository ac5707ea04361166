"""Each scenario in a few seconds of a cell: the promise holds in it, and without the loop it would not."""

from __future__ import annotations

from lab.ran.fading import STATIC
from lab.ran.scenarios import drops, full_shop


def test_a_loop_makes_up_for_a_worse_link_and_a_fixed_share_does_not() -> None:
    seen = drops(1, buyers=3, look_s=2.5, fading=STATIC)
    assert all(drop.short_s <= 0.5 for drop in seen)
    assert all(drop.bad_s == 0 for drop in seen)
    shares = [(drop.points[0].min_prb, drop.points[-1].min_prb) for drop in seen]
    assert all(after > before for before, after in shares)
    fixed = drops(1, buyers=3, look_s=2.5, fading=STATIC, frozen=True)
    assert any(drop.bad_s == drop.looked_s for drop in fixed)


def test_a_full_shop_refuses_and_keeps_what_it_sold() -> None:
    seen = full_shop(1, seconds=4)
    assert 3 <= seen.admitted <= 20
    assert seen.refusal.startswith("no_prb: needs ")
    assert seen.kept_share > 0.97
