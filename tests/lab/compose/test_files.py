"""The compose files, as Docker Compose itself reads them, and what must hold of them whoever edits them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "lab/compose"
Project = Callable[[str], Any]
LABS = ("srsran", "ueransim")
OURS = ("subscribers", "airgrant", "source", "sink")
TAG = re.compile(r"[a-z0-9./-]+:\d[\w.]*")


@pytest.fixture(scope="module")
def ask_compose(go_program: Callable[[str], Path]) -> Callable[..., Any]:
    program = go_program("compose")

    def ask(*arguments: str) -> Any:
        answer = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
        assert answer.returncode == 0, answer.stderr
        return json.loads(answer.stdout)

    return ask


@pytest.fixture(scope="module")
def project(ask_compose: Callable[..., Any]) -> Callable[[str], Any]:
    """Of a lab, as compose puts it together."""
    return lambda lab: ask_compose(*(str(FOLDER / f"{part}.yaml") for part in ("core", lab, "box")))


@pytest.fixture(scope="module")
def configuration(ask_compose: Callable[..., Any]) -> Callable[[str], Any]:
    """Of one part, as YAML says it."""
    return lambda name: ask_compose("--yaml", str(FOLDER / name))


@pytest.mark.parametrize("lab", LABS)
def test_nothing_listens_on_the_host_and_the_network_has_no_way_out(project: Project, lab: str) -> None:
    read = project(lab)
    assert [network["internal"] for network in read["networks"].values()] == [True]
    for name, service in read["services"].items():
        assert not service.get("ports"), f"{name} publishes a port"
        assert not service.get("privileged"), f"{name} is privileged"
        assert service.get("network_mode", "") in {"", "service:gnb", "service:upf", "service:ue"}, name


@pytest.mark.parametrize("lab", LABS)
def test_every_image_is_a_named_version_or_built_here(project: Project, lab: str) -> None:
    for name, service in project(lab)["services"].items():
        if name in OURS:
            assert service["build"]["context"] == str(ROOT)
        else:
            assert TAG.fullmatch(service["image"]), f"{name}: {service['image']}"


@pytest.mark.parametrize("lab", LABS)
def test_whoever_is_waited_for_has_a_health_check(project: Project, lab: str) -> None:
    services = project(lab)["services"]
    for name, service in services.items():
        for needed, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert "healthcheck" in services[needed], f"{name} waits for {needed}, which tells no health"


@pytest.mark.parametrize("lab", LABS)
def test_every_address_in_a_file_is_that_of_a_part_of_the_lab(project: Project, lab: str) -> None:
    read = project(lab)
    given = {
        service["networks"]["cell"]["ipv4_address"]
        for service in read["services"].values()
        if (service.get("networks") or {}).get("cell")
    }
    network = IPv4Network(read["networks"]["cell"]["ipam"]["config"][0]["subnet"])
    assert all(IPv4Address(address) in network for address in given)
    assert len(given) == sum(
        bool((one.get("networks") or {}).get("cell")) for one in read["services"].values()
    )
    for file in [*(FOLDER / "open5gs").iterdir(), *(FOLDER / lab).iterdir()]:
        for address in re.findall(r"10\.53\.1\.\d+", file.read_text()):
            assert address in given, f"{file.name} names {address}"


def test_each_part_of_the_core_listens_where_compose_puts_it(
    project: Project, configuration: Project
) -> None:
    services = project("srsran")["services"]
    for file in (FOLDER / "open5gs").iterdir():
        own = configuration(f"open5gs/{file.name}")[file.stem]
        servers = [own["pfcp"]] if file.stem == "upf" else [own["sbi"]]
        listens = {entry["address"] for server in servers for entry in server["server"]}
        assert listens == {services[file.stem]["networks"]["cell"]["ipv4_address"]}, file.name


def test_the_remote_control_stays_on_the_loopback_that_only_the_box_shares(
    project: Project, configuration: Project
) -> None:
    assert configuration("srsran/gnb.yaml")["remote_control"]["bind_addr"] == "127.0.0.1"
    services = project("srsran")["services"]
    sharers = [name for name, service in services.items() if service.get("network_mode") == "service:gnb"]
    assert sharers == ["airgrant"]


def test_core_gnb_and_ues_name_the_same_slices(configuration: Project) -> None:
    gnb = configuration("srsran/gnb.yaml")
    support = gnb["cu_cp"]["amf"]["supported_tracking_areas"][0]["plmn_list"][0]["tai_slice_support_list"]
    slices = {(one["sst"], one["sd"]) for one in support}
    assert slices == {(one["sst"], one["sd"]) for one in gnb["cell_cfg"]["slicing"]}
    assert slices == {(one["sst"], one["sd"]) for one in configuration("ueransim/gnb.yaml")["slices"]}
    for name in ("amf", "nssf"):
        written = re.findall(
            r"\{ sst: (\d+), sd: ([0-9a-f]{6}) \}", (FOLDER / f"open5gs/{name}.yaml").read_text()
        )
        assert {(int(sst), int(sd, 16)) for sst, sd in written} == slices, name
    for ue in ("slot", "lobby"):
        wanted = configuration(f"ueransim/ue-{ue}.yaml")["sessions"][0]["slice"]
        assert (wanted["sst"], wanted["sd"]) in slices


def test_the_image_has_all_that_it_needs_but_python(tmp_path: Path) -> None:
    """What the recipe copies, and nothing else of ours or of others, knows every command."""
    recipe = (FOLDER / "airgrant.Dockerfile").read_text()
    for source, target in re.findall(r"^COPY (\S+) (\S+)$", recipe, re.MULTILINE):
        if source.endswith("/"):
            shutil.copytree(ROOT / source, tmp_path / target)
            continue
        for file in ROOT.glob(source):
            place = tmp_path / target / file.name if target.endswith("/") else tmp_path / target
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, place)
    (command,) = re.findall(r"^ENTRYPOINT (.*)$", recipe, re.MULTILINE)
    assert json.loads(command) == ["python3", "-m", "lab.compose"]
    answer = subprocess.run(
        [sys.executable, "-S", "-m", "lab.compose", "--help"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    assert all(command in answer.stdout for command in ("subscribers", "source", "sink", "test", "wait"))
