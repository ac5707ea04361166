"""Tests that need a kernel with radios: `make test` boots one for all of them (lab/guest.sh).

Outside the guest nothing here is collected; the script that runs the tests says whether the guest ran.
"""

from __future__ import annotations

import os

import pytest

IN_GUEST = os.environ.get("AIRGRANT_GUEST") == "1"

collect_ignore_glob = [] if IN_GUEST else ["test_*.py"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything is emulated there, and the first test of a module waits until its site stands."""
    for item in items:
        item.add_marker(pytest.mark.timeout(300))
