"""What tests of the device share."""

import tempfile
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sockets that are counted are this test's own: another sandbox's process may have our number, and shares /tmp."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
