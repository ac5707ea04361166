"""The printed month, where it is right: light users whom the quota does not bind, as the mended form has them."""

from __future__ import annotations

import numpy as np
import pytest

from market.sdo.monthly import optimum
from market.sdo.printed_monthly import corollary_2_gb, corollary_2_mended_gb, table_3_2
from tests.sdo_world import a_user, random_users


def test_the_table_holds_for_some_and_fails_for_many() -> None:
    users, price = random_users(4, 4000), np.full(4000, 1.0)
    ours, printed = optimum(users, price), table_3_2(users, price)
    same = np.isclose(ours.plan_gb, printed.plan_gb) & np.isclose(ours.share, printed.share)
    assert 0.1 < same.mean() < 0.9


def test_a_light_user_who_keeps_his_quota_is_printed_right() -> None:
    user = a_user(0.5, 21, 4, 5, 10, 0.5, 10, 8)
    ours, printed = optimum(user, np.array([1.0])), table_3_2(user, np.array([1.0]))
    assert (ours.plan_gb[0], ours.share[0]) == pytest.approx((5.0, 0.6))
    assert (printed.plan_gb[0], printed.share[0]) == pytest.approx((5.0, 0.6))


def test_both_forms_of_corollary_2_agree_where_the_exponent_and_c2_are_one() -> None:
    assert corollary_2_gb(1.0, 0.5) == corollary_2_mended_gb(1.0, 0.5, 1.0) == 1.0
