"""lab/evm.sh: every package is pinned to the last octet, no registry is named, and what cannot be had is said."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "ledger" / "evm"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The script with its contracts, a set-up that does nothing, and an npm that fetches nothing."""
    (tmp_path / "lab").mkdir()
    shutil.copy(ROOT / "lab" / "evm.sh", tmp_path / "lab" / "evm.sh")
    shutil.copytree(FOLDER, tmp_path / "ledger" / "evm", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    for name in ("lab/set-up.sh", "bin/npm", "bin/node"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("#!/bin/sh\nexit 0\n")
        path.chmod(0o755)
    (tmp_path / "build/evm/node_modules/@foundry-rs/anvil/bin").mkdir(parents=True)
    (tmp_path / "build/evm/node_modules/@foundry-rs/anvil/bin/anvil").touch()
    return tmp_path


def run(clone: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "AIRGRANT_SANDBOX"}
    environment |= {"PATH": f"{clone / 'bin'}:{os.environ['PATH']}", **more}
    return subprocess.run(
        [clone / "lab/evm.sh", *arguments], check=False, capture_output=True, text=True, env=environment
    )


def test_every_package_is_pinned_and_no_registry_is_named() -> None:
    lock = json.loads((FOLDER / "package-lock.json").read_text())
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert packages
    for name, entry in packages.items():
        assert entry["integrity"].startswith("sha512-"), name
        assert "resolved" not in entry, name
    wanted = json.loads((FOLDER / "package.json").read_text())["devDependencies"]
    assert all(version[0].isdigit() for version in wanted.values()), wanted


def test_built_once_and_again_after_a_change(clone: Path) -> None:
    first = run(clone, "build")
    assert first.returncode == 0, first.stderr
    assert "fetching" in first.stderr
    again = run(clone, "build")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    (clone / "bin/node").write_text("#!/bin/sh\necho 'Bls.sol: no'\nexit 1\n")
    assert run(clone, "build").returncode == 0, "nothing has changed"
    (clone / "ledger/evm/contracts/Bls.sol").write_text("other")
    failed = run(clone, "build")
    assert failed.returncode == 3
    assert "the contracts do not compile:" in failed.stderr
    assert "Bls.sol: no" in failed.stderr


def test_no_network_in_the_sandbox(clone: Path) -> None:
    failed = run(clone, "build", AIRGRANT_SANDBOX="1")
    assert failed.returncode == 3
    assert "the sandbox has no network: run lab/evm.sh build" in failed.stderr
    run(clone, "build")
    assert run(clone, "build", AIRGRANT_SANDBOX="1").returncode == 0


def test_what_npm_says_is_shown(clone: Path) -> None:
    (clone / "bin/npm").write_text("#!/bin/sh\necho 'no such package'\nexit 1\n")
    failed = run(clone, "build")
    assert failed.returncode == 3
    assert "no such package" in failed.stderr
    assert run(clone).returncode == 2
