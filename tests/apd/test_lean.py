"""What the daemon of a wired box, without a TPM, has not imported when it starts: each is memory that a router lacks.

Asked of a fresh interpreter that imports what `apd run` does, and has used a key. A module that is back came by an
import at the head of a file: put it into the function that wants it, or under TYPE_CHECKING.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from lab.bench.box import DAEMON, DEBIAN, LIBRARIES
from tests.conftest import ROOT

NOT_OF_OURS = (
    "ran_slicing", "apd.cell", "apd.cell_places", "apd.shells.cell", "apd.signalling", "apd.air",
    "apd.associations", "apd.auctions", "apd.bids", "apd.budget", "apd.forecast", "apd.known_grants",
    "apd.metrics", "apd.setup", "apd.setup_cli", "apd.setup_files", "apd.sib", "apd.shells.hostapd",
    "apd.shells.monitor", "apd.shells.nl80211", "apd.shells.tpm", "apd.shells.web", "apd.uci",
    "apd.enrol", "nas_tunnel.anqp", "nas_tunnel.eap_box", "wire.auction", "wire.club_actions",
    "wire.metrics_text", "wire.payplace_actions", "wire.payplace_registration", "wire.tpm_attest",
    "wire.tpm_public",
)  # fmt: skip
NOT_OF_OTHERS = (
    "bcrypt", "cbor2", "ctypes", "cryptography.x509", "difflib", "dns", "email", "http", "http.client",
    "multiprocessing", "numpy", "pydoc", "pyroute2", "scapy", "shutil", "tempfile", "unittest",
    "urllib.request", "xml", "zipfile",
)  # fmt: skip
MOST_MODULES = 110
"""Of ours. 96 of them are there today."""


@pytest.fixture(scope="module", params=["ours", "Debian's"])
def imported(request) -> set[str]:
    python = Path(sys.executable) if request.param == "ours" else DEBIAN
    if not python.exists():
        pytest.skip("this machine lacks build/debian-root, which tests/images/test_debian.py makes")
    script = f"{LIBRARIES}\n{DAEMON}\nimport sys; print(*sys.modules)"
    said = subprocess.run([python, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(said.stdout.split())


@pytest.mark.parametrize("names", [NOT_OF_OURS, NOT_OF_OTHERS], ids=["ours", "others"])
def test_it_starts_without(imported, names):
    assert sorted(imported & set(names)) == []
    assert "apd.daemon" in imported


def test_what_must_not_be_there_is_something():
    """A module that was renamed would be absent for ever."""
    gone = [name for name in NOT_OF_OURS if not list(ROOT.glob(name.replace(".", "/") + "*"))]
    assert gone == []


def test_there_are_few_modules_of_ours(imported):
    ours = {name for name in imported if name.partition(".")[0] in {"apd", "wire", "nas_tunnel", "tc_shaper"}}
    assert len(ours) <= MOST_MODULES, sorted(ours)
