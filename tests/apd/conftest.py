"""What the tests of the box share: a box, and that no playbook is left unread."""

from collections.abc import Iterator

import pytest

from tests.apd.playbook import Box, start_box, unread


@pytest.fixture(autouse=True)
def _every_playbook_is_asserted() -> Iterator[None]:
    yield
    left = unread()
    assert not left, f"playbooks that nobody asserted: {left}"


@pytest.fixture
def box() -> Box:
    """A box without a TPM that has just begun."""
    return start_box()
