"""The configuration for nfpm: versions as each packager counts them, and a twin that depends on what it explains."""

import json
import subprocess
from pathlib import Path

from images.openwrt.recipes import PYTHONS, RECIPES, SOURCES, nfpm_config
from tests.conftest import ROOT

FOLDER = Path("/stage/airgrant-apd")


def config(package: str, form: str) -> dict:
    made: dict = json.loads(nfpm_config(package, form, "1.2.3", "4", FOLDER))
    return made


def test_each_packager_is_spoken_to_in_its_own_words() -> None:
    ipk, apk = config("airgrant-apd", "ipk"), config("airgrant-apd", "apk")
    assert (ipk["release"], apk["release"]) == ("4", "r4")
    assert (ipk["arch"], apk["arch"]) == ("all", "noarch")
    assert ipk["depends"][:2] == ["python3-light (>= 3.11)", "python3-light (<< 3.12)"]
    assert apk["depends"][:2] == ["python3-light>=3.13", "python3-light<3.14"]
    assert {kind: versions[0] for kind, versions in PYTHONS.items()} == {"ipk": "3.11", "apk": "3.13"}


def test_settings_are_the_owners_in_one_package_only() -> None:
    kinds = {
        name: [entry["type"] for entry in config(name, "ipk")["contents"]]
        for name in (*RECIPES, *SOURCES.values())
    }
    assert kinds.pop("airgrant-apd") == ["tree", "config"]
    assert set(map(tuple, kinds.values())) == {("tree",)}


def test_a_twin_needs_what_it_explains() -> None:
    assert config("airgrant-apd-src", "apk")["depends"] == ["airgrant-apd"]
    assert config("airgrant-apd-cell", "apk")["depends"] == ["airgrant-apd"]


def test_profiles_name_packages_and_routers_that_are_large_enough() -> None:
    script = ROOT / "images" / "openwrt" / "profiles.sh"
    rows = subprocess.run([script], check=True, capture_output=True, text=True).stdout.splitlines()
    assert len(rows) >= 3
    for row in rows:
        name, target, profile, ram, flash, _ = row.split("|")
        assert "/" in target
        assert int(ram) >= 128
        said = subprocess.run([script, name], check=True, capture_output=True, text=True).stdout
        needed = int(said.split("of which ")[1].split()[0])
        assert int(flash) > 2 * needed
        assert (
            f"PROFILE={profile} PACKAGES='-wpad-basic-mbedtls wpad-openssl luci luci-app-airgrant airgrant-apd'"
            in said
        )
    assert any(row.split("|")[3] == "128" for row in rows), "the least that is promised"
    assert subprocess.run([script, "toaster"], check=False, capture_output=True).returncode == 2
