"""The quick run of the papers, once for all who look at what it finds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lab.papers.__main__ import main

Page = Mapping[str, Any]


@pytest.fixture(scope="session")
def quick_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """build/papers of a quick run in this process."""
    folder = tmp_path_factory.mktemp("papers")
    assert main(["--quick", "--processes", "1", "--out", str(folder)]) == 0
    return folder


@pytest.fixture(scope="session")
def quick(quick_folder: Path) -> Mapping[str, Page]:
    """Its exhibits by their ids, as the data files have them."""
    pages = [json.loads(path.read_text()) for path in (quick_folder / "data").glob("0*.json")]
    return {page["id"]: page for page in pages}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whoever comes first waits for the quick run: half a minute, and minutes on a machine that is busy."""
    for item in items:
        if "quick_folder" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(900))
