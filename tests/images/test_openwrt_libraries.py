"""The daemon's modules that touch a library, with the libraries and the Python of each release of OpenWrt in front.

Development has Python 3.14 there and 3.13 here. tests/wire/test_keys.py is not among them: it signs by itself in a way
that cryptography 41 does not know. paho 1.6.1 against a real broker: tests/images/test_debian.py, which boots a Debian
that has it.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT

LIBRARIES = ROOT / "build" / "openwrt-libraries"
TESTS = (
    "tests/wire/test_key_agreement.py",
    "tests/wire/test_account_certificate.py",
    "tests/apd/shells/test_mqtt.py",
    "tests/apd/shells/test_lean_cryptography.py",
    "tests/apd/shells/test_lean_paho.py",
    "tests/apd/shells/test_software_key.py",
    "tests/tc_shaper/test_rtnetlink.py",
)


def releases() -> list[list[str]]:
    """The rows of images/openwrt/libraries.sh: release, Python, pyroute2, paho, cryptography."""
    text = (ROOT / "images" / "openwrt" / "libraries.sh").read_text()
    return [row.split("|") for row in re.findall(r"^\S+\|3\.\d+\|.*$", text, re.MULTILINE)]


def python_of(version: str) -> Path:
    done = subprocess.run(
        [ROOT / "images/openwrt/python.sh", "path", version], check=False, capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"Python {version}: run images/openwrt/libraries.sh build, with a network")
    return Path(done.stdout.strip())


def test_the_table_is_there() -> None:
    assert [row[0] for row in releases()] == ["24.10", "25.12", "snapshot"]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("row", releases(), ids=lambda row: row[0])
def test_what_touches_a_library_does_so_in_every_release(row) -> None:
    release, version, pyroute2, paho, cryptography = row
    folder = LIBRARIES / release
    if not (folder / "release").is_file():
        pytest.skip(
            f"the libraries of OpenWrt {release}: run images/openwrt/libraries.sh build, with a network"
        )
    python = python_of(version)
    environment = {**os.environ, "PYTHONPATH": f"{folder}:{ROOT}", "PYTHONDONTWRITEBYTECODE": "1"}
    script = (
        "import sys, cryptography, importlib.metadata as m; print('%d.%d' % sys.version_info[:2], "
        "m.version('pyroute2'), m.version('paho-mqtt'), cryptography.__version__)"
    )
    said = subprocess.run([python, "-c", script], check=True, capture_output=True, text=True, env=environment)
    assert said.stdout.split() == [version, pyroute2, paho, cryptography]
    words = [
        python,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--noconftest",
        "-p",
        "tests.conftest",
        *TESTS,
    ]
    done = subprocess.run(
        list(map(str, words)), check=False, cwd=ROOT, capture_output=True, text=True, env=environment
    )
    assert not done.returncode, done.stdout[-3_000:]
