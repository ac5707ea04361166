"""Going first, where the kernel lets us, and only for a while."""

from __future__ import annotations

import os

from lab.admission.real_time import going_first


def test_afterwards_everything_is_as_before() -> None:
    before = os.sched_getscheduler(0)
    with going_first() as agreed:
        inside = os.sched_getscheduler(0)
        assert (inside != before) == agreed, "who is refused stays as he is"
    assert os.sched_getscheduler(0) == before
