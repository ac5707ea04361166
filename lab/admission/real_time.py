"""Asks the kernel to run us before ordinary processes, so that a busy machine does not make packets late."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

NOT_INHERITED = os.SCHED_RR | os.SCHED_RESET_ON_FORK


def go_first() -> bool:
    """Whether the kernel agreed for this thread: it does for root, and for nobody else. Who asks has to sleep most of
    the time.
    """
    try:
        os.sched_setscheduler(0, NOT_INHERITED, os.sched_param(1))
    except OSError:
        return False
    return True


@contextlib.contextmanager
def going_first() -> Iterator[bool]:
    """The same for the length of a block."""
    agreed = go_first()
    try:
        yield agreed
    finally:
        if agreed:
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
