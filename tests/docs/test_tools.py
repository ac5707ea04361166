"""docs/guides/device.md, where `airgrant` comes from: what pip makes of the source tree runs where no source tree is.

There is no network here, so that libraries, and what builds, are those of this environment; what is tried is that the
package has all of ours.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.docs.markdown import block

pytestmark = pytest.mark.timeout(180)


def test_pip_installs_what_a_buyer_types(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in ("pyproject.toml", "airgrant.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for folder in (
        "wire",
        "market",
        "ledger",
        "nas_tunnel",
        "tc_shaper",
        "ran_slicing",
        "apd",
        "operatord",
        "device",
        "lab",
    ):
        shutil.copytree(
            ROOT / folder, source / folder, ignore=shutil.ignore_patterns("__pycache__", "node_modules", "go")
        )
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    words = block("docs/guides/device.md", "guide-device-install")
    libraries = {
        "HOME": str(tmp_path),
        "PYTHONPATH": sysconfig.get_path("purelib"),
        "PIP_NO_INDEX": "1",
        "PIP_NO_DEPS": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # pip reads it as the option's value: none
    }
    done = subprocess.run(
        [
            "bash",
            "-euc",
            f"{words}\ncd {elsewhere}\nwhich airgrant\nairgrant buy --help\nairgrant report verify --help",
        ],
        cwd=source,
        env={**os.environ, **libraries},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert str(tmp_path / "airgrant-tools" / "bin" / "airgrant") in done.stdout
    assert done.stdout.count("usage:") == 2
