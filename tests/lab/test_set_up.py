"""lab/set-up.sh says what it needs and why, touches nothing when all is there, and installs only what is locked."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = (
    "bash",
    "dirname",
    "cat",
    "sha256sum",
    "cut",
    "sed",
    "mkdir",
    "sort",
    "tr",
    "awk",
    "id",
    "sh",
    "env",
    "flock",
    "tail",
)


@pytest.fixture
def bare_machine(tmp_path: Path) -> Path:
    """A clone with the set-up and the locks only, and a PATH with the plainest tools only: `bin` in it."""
    (tmp_path / "lab").mkdir()
    (tmp_path / "bin").mkdir()
    for name in ("lab/set-up.sh", "requirements.lock", "requirements-build.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found, f"{tool} is missing on this machine"
        (tmp_path / "bin" / tool).symlink_to(found)
    return tmp_path


def set_up(machine: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [machine / "lab" / "set-up.sh"],
        env={"PATH": str(machine / "bin")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def give_python(machine: Path, script: str) -> None:
    python = machine / "bin" / "python3"
    python.write_text(script)
    python.chmod(0o755)


def test_when_all_is_there_it_says_and_changes_nothing() -> None:
    stamp = ROOT / ".venv" / "airgrant-stamp"
    before = stamp.stat().st_mtime_ns
    done = subprocess.run(
        [ROOT / "lab" / "set-up.sh"], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert stamp.stat().st_mtime_ns == before


def test_an_old_python_is_refused_in_words(bare_machine: Path) -> None:
    give_python(bare_machine, "#!/bin/sh\ncase $1 in --version) echo Python 3.10.12 ;; *) exit 1 ;; esac\n")
    done = set_up(bare_machine)
    assert done.returncode == 3
    assert "Python 3.11 or later is needed; this machine has Python 3.10.12." in done.stderr
    assert not (bare_machine / ".venv").exists()


def test_missing_packages_are_named_with_their_reason(bare_machine: Path) -> None:
    give_python(bare_machine, f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    done = set_up(bare_machine)
    assert done.returncode == 3
    assert re.search(r"^  swtpm +a TPM 2.0 in software$", done.stderr, re.MULTILINE)
    assert "this is not Debian or Ubuntu: install what they provide" in done.stderr
    assert not (bare_machine / ".venv").exists()


@pytest.mark.parametrize(
    ("gone", "package"), [("eapol_test", "eapoltest"), ("radclient", "freeradius-utils")]
)
def test_a_program_that_was_removed_since_is_missed(bare_machine: Path, gone: str, package: str) -> None:
    """The virtual environment is ready, and that is not all."""
    give_python(bare_machine, f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    shutil.copytree(ROOT / ".venv" / "bin", bare_machine / ".venv" / "bin", symlinks=True)
    stamp = bare_machine / ".venv" / "airgrant-stamp"
    stamp.write_text(fingerprint(bare_machine))
    for program in ("unshare", "ip", "tc", "nft", "ethtool", "iperf3", "ping", "mosquitto", "swtpm", "swtpm_setup",
                    "freeradius", "radclient", "eapol_test", "hostapd", "wpa_supplicant", "tshark",
                    "tpm2-abrmd", "prometheus"):  # fmt: skip
        found = shutil.which(program, path="/usr/bin:/usr/sbin:/bin:/sbin")
        assert found, f"{program} is missing on this machine"
        if not (bare_machine / "bin" / program).exists():
            (bare_machine / "bin" / program).symlink_to(found)
    assert set_up(bare_machine).returncode == 0
    (bare_machine / "bin" / gone).unlink()
    done = set_up(bare_machine)
    assert done.returncode == 3
    assert re.search(rf"^  {package} ", done.stderr, re.MULTILINE)


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-build.lock"])
def test_locks_are_hashed_and_name_no_host(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert "://" not in text
    logical_lines = [
        line for line in text.replace("\\\n", " ").splitlines() if line and not line.startswith("#")
    ]
    assert logical_lines
    for line in logical_lines:
        assert re.match(r"[a-z0-9.-]+==\S+ +--hash=sha256:[0-9a-f]{64}\b", line), line[:80]


def test_both_locks_agree() -> None:
    main, build = (dict(pins(name)) for name in ("requirements.lock", "requirements-build.lock"))
    assert {name: build[name] for name in build.keys() & main.keys()} == {
        name: main[name] for name in build.keys() & main.keys()
    }


def test_every_dependency_of_the_project_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [
        *project["dependencies"],
        *(name for names in project["optional-dependencies"].values() for name in names),
    ]
    locked = dict(pins("requirements.lock"))
    missing = [name for name in wanted if re.split(r"[<>=~!\[ ]", name)[0].lower() not in locked]
    assert missing == [], "run `make lock`"


def pins(lock: str) -> list[tuple[str, str]]:
    return re.findall(r"^([a-z0-9.-]+)==(\S+)", (ROOT / lock).read_text(), re.MULTILINE)


def fingerprint(machine: Path) -> str:
    """As the script has it, from the script."""
    text = (ROOT / "lab" / "set-up.sh").read_text()
    function = re.search(r"^fingerprint\(\) \{\n.*?^\}$", text, re.MULTILINE | re.DOTALL)
    assert function
    run = subprocess.run(
        ["bash", "-c", f"{function[0]}; fingerprint"],
        cwd=machine, capture_output=True, text=True, timeout=10, check=True,
    )  # fmt: skip
    return run.stdout
