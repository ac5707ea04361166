"""docs/guides/first-sale.md, word for word: from the package to a sold slice, in a Debian that runs beside a ledger.

The operator's terminal is this machine's, the box is a clean Debian with systemd in the same network, the customer is
at the other end of a cable. Typed are the guide's blocks and those that it sends its reader to.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.debian_root import DebianRoot, absent, debian_root, forbidden
from tests.conftest import ROOT, missing
from tests.docs.shop import Shop, counter
from tests.docs.terminal import filled

GUIDE = "docs/guides/first-sale.md"
pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]


@pytest.fixture
def running(tmp_path) -> Iterator[Shop]:
    if reason := forbidden():
        pytest.skip(reason)
    if reason := absent():
        missing(reason)
    with counter(tmp_path, GUIDE, "sale-ledger") as opened:
        yield opened


@pytest.fixture
def debian(running, tmp_path) -> Iterator[DebianRoot]:
    folder = tmp_path / "debian"
    folder.mkdir()
    with debian_root(folder, running.operator.household, running.operator.namespace) as booted:
        yield booted


@pytest.fixture(scope="module")
def package(go_program, tmp_path_factory) -> Path:
    """What `make images` makes, in the place where it puts it."""
    go_program("nfpm")
    subprocess.run(
        [ROOT / "images" / "build.sh", "airgrant-apd"], check=True, capture_output=True, env={**os.environ}
    )
    (made,) = (ROOT / "build" / "images").glob("airgrant-apd_*-1_all.deb")
    return Path(shutil.copy(made, tmp_path_factory.mktemp("package")))


def test_from_the_guide_to_a_sold_slice(running, debian, package, eventually) -> None:
    def typed(name: str, values: dict[str, str] | None = None) -> str:
        """On the box, where root needs no sudo."""
        text = filled(GUIDE, name, {"sudo ": "", **(values or {})})
        return debian.run("bash", "-euc", f"cd /root\n{text}").stdout

    debian.put(package, f"/root/build/images/{package.name}")
    typed("sale-install")
    values = {"LEDGERS_KEY": running.values["key"], "LEDGERS_ID": running.values["ledger_id"]}
    running.operator.follow(GUIDE, "sale-values", values)
    running.operator.follow(GUIDE, "operator-file")
    for name in ("roof.key", "roof.toml"):
        debian.put(running.folder / name, f"/root/{name}")
    debian.run("chmod", "600", "/root/roof.toml")

    said = typed("sale-box", {"eth1": "wlan0"})
    assert running.values["roof"] in said, "whose the money is"
    eventually(lambda: sells(running), "it sells", 40)
    assert re.search(r"enrolled +yes", typed("sale-serves"))
    said = running.customer.follow(GUIDE, "sale-buy", {"eth0": "wlan0"})
    assert re.search(r"charged +0.0025 BC", said)
    assert re.search(r"active .*at least 2 Mbit/s down, 1 Mbit/s up", typed("sale-serves"))
    forward, *lines = filled(GUIDE, "sale-route", {"sudo ": "", "eth1": "wlan0"}).strip().split("\n")
    running.operator.type(forward)  # the container of systemd may only read /proc/sys
    debian.run("bash", "-euc", "\n".join(lines))
    said = running.customer.follow(GUIDE, "sale-address", {"eth0": "wlan0", "sudo ": ""})
    assert "3 received" in said
    seen = running.operator.type(
        filled(GUIDE, "sale-look", {"ROOFS_ACCOUNT": running.values["roof"], "sudo apd status\n": ""})
    )
    assert "0.0025 BC" in seen
    assert re.search(r"all \d+ records hold", seen)


def sells(running: Shop) -> bool:
    return "0.0025 BC" in running.customer.type("airgrant offers --interface wlan0 || true")
