"""A lab as a stranger runs it: by its command, in a process of its own, into a folder of the test's."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any


def play_lab(module: str, out: Path, timeout_s: float) -> None:
    """One whole run, which ends well, or the test fails with all that it said."""
    words = [sys.executable, "-m", module, "--out", str(out)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=timeout_s, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def play_promises(module: str, out: Path, timeout_s: float) -> dict[str, Any]:
    """The same for a lab whose page says that every promise held; what its result.json says."""
    play_lab(module, out, timeout_s)
    assert "Every promise held." in (out / "report.html").read_text()
    page: dict[str, Any] = json.loads((out / "result.json").read_text())
    return page
