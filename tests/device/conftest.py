"""What tests of the device share."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path: Path) -> Iterator[None]:
    """Sockets that are counted are this test's own: another sandbox's process may have our number, and shares /tmp."""
    before, tempfile.tempdir = tempfile.tempdir, str(tmp_path)
    yield
    tempfile.tempdir = before
