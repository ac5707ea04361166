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

from lab.compose.shop import ADDRESS
from tests.tidy_rules import MAY_IMPORT

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "lab/compose"
Project = Callable[[str], Any]
LABS = {"srsran": ("srsran",), "ueransim": ("ueransim",), "apd": ("srsran", "apd")}
"""The files of each beside core.yaml and box.yaml, as run.sh puts them together."""
OURS = ("subscribers", "airgrant", "source", "sink", "shop", "apd", "buyer")
LOADED = (
    *("airgrant", "apd.__main__", "apd.daemon", "apd.shells.cell", "device.cli", "ledger.__main__"),
    "lab.compose.shop",
)
"""What the commands in the daemon's image load, sooner or later."""
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
    return lambda lab: ask_compose(
        *(str(FOLDER / f"{part}.yaml") for part in ("core", LABS[lab][0], "box", *LABS[lab][1:]))
    )


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
    folders = [FOLDER / name for name in ("open5gs", *LABS[lab])]
    for file in [file for folder in folders for file in folder.iterdir()]:
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


def test_the_daemon_reaches_the_gnb_over_the_lab_s_network_and_nobody_else_can(
    project: Project, configuration: Project
) -> None:
    services = project("apd")["services"]
    bound = configuration("apd/remote.yaml")["remote_control"]["bind_addr"]
    assert bound == services["gnb"]["networks"]["cell"]["ipv4_address"]
    given = services["gnb"]["entrypoint"][-1]
    assert given.index("/etc/airgrant/gnb.yaml") < given.index("/etc/airgrant-apd/remote.yaml")
    targets = {volume["target"] for volume in services["gnb"]["volumes"]}
    assert {"/etc/airgrant", "/etc/airgrant-apd"} <= targets
    assert services["apd"]["network_mode"] == "service:upf", "where UEs come out"
    assert services["buyer"]["network_mode"] == "service:ue"
    assert services["apd"]["cap_add"] == ["NET_ADMIN"]
    assert services["shop"]["networks"]["cell"]["ipv4_address"] == ADDRESS
    places = {service: services[service]["volumes"] for service in ("shop", "apd", "buyer")}
    assert all("/shop" in {volume["target"] for volume in volumes} for volumes in places.values())


def test_both_ues_begin_in_the_lobby_where_apd_sells(project: Project) -> None:
    services = project("apd")["services"]
    assert "--one-slice" in services["subscribers"]["command"]
    assert services["ue"]["entrypoint"][-1] == "--slicing.enable=false"
    assert "--one-slice" not in project("srsran")["services"]["subscribers"]["command"]


def test_run_sh_puts_the_same_files_together(tmp_path: Path) -> None:
    """A docker that says what it was told."""
    docker = tmp_path / "docker"
    docker.write_text('#!/bin/sh\n[ "$2" = version ] || echo "$@"\n')
    docker.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    for lab, (first, *more) in LABS.items():
        said = subprocess.run(
            [FOLDER / "run.sh", "config", lab], env={"PATH": path}, capture_output=True, text=True, check=True
        ).stdout
        files = " ".join(f"--file {part}.yaml" for part in ("core", first, "box", *more))
        assert said == f"compose {files} config\n"


@pytest.mark.parametrize(
    ("answers", "status", "told"),
    [
        (
            ("1 other_slice", "0 joined"),
            0,
            ["ok    bought in", "up --detach", "ok    the buyer", "test --lab apd"],
        ),
        (
            ("1 other_slice", "1 other_slice", "0 joined"),
            0,
            ["up --detach", "ok    the buyer", "test --lab apd"],
        ),
        (("0 joined",), 0, ["ok    the buyer", "test --lab apd"]),
        (("1 no_capacity",), 3, ["compose lab: the purchase: no_capacity"]),
        (("1 other_slice", "1 other_slice"), 3, ["compose lab: the join after it registered again"]),
    ],
)
def test_run_sh_buys_registers_again_and_comes_back(
    tmp_path: Path, answers: tuple[str, ...], status: int, told: list[str]
) -> None:
    for number, answer in enumerate(answers):
        (tmp_path / f"answer{number}").write_text(answer)
    docker = tmp_path / "docker"
    docker.write_text(
        "#!/bin/sh\n"
        'case "$*" in\n'
        "  *version) ;;\n"
        '  *" buy "*)\n'
        f"    n=$(cat {tmp_path}/n 2>/dev/null || echo 0); echo $((n + 1)) > {tmp_path}/n\n"
        f"    [ -e {tmp_path}/answer$n ] || n={len(answers) - 1}\n"
        f"    read code said < {tmp_path}/answer$n; echo $said; exit $code ;;\n"
        '  *) echo "$@" ;;\n'
        "esac\n"
    )
    docker.chmod(0o755)
    done = subprocess.run(
        [FOLDER / "run.sh", "test", "apd"],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stderr
    said = done.stdout + done.stderr
    places = [said.index(words) for words in told]
    assert places == sorted(places)


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


def unpack(recipe: str, target: Path) -> None:
    """What a recipe copies, and nothing else of ours."""
    for source, place in re.findall(r"^COPY (\S+) (\S+)$", recipe, re.MULTILINE):
        if source.endswith("/"):
            shutil.copytree(ROOT / source, target / place)
            continue
        for file in ROOT.glob(source):
            copied = target / place / file.name if place.endswith("/") else target / place
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, copied)


def test_the_image_has_all_that_it_needs_but_python(tmp_path: Path) -> None:
    """What the recipe copies, and nothing else of ours or of others, knows every command."""
    recipe = (FOLDER / "airgrant.Dockerfile").read_text()
    unpack(recipe, tmp_path)
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


def test_the_daemon_s_image_has_all_of_ours_that_it_needs(tmp_path: Path, project: Project) -> None:
    """Every module of ours that its commands load comes from what the recipe copies."""
    unpack((FOLDER / "apd.Dockerfile").read_text(), tmp_path)
    code = (
        "import importlib, sys\n"
        f"for name in {LOADED}: importlib.import_module(name)\n"
        f"ours = [m for n, m in sys.modules.items() if n.split('.')[0] in {tuple(MAY_IMPORT)}]\n"
        f"strange = [m.__file__ for m in ours if not m.__file__.startswith({str(tmp_path)!r})]\n"
        "assert len(ours) > 50 and not strange, strange\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    for name in ("shop", "apd", "buyer"):
        module, *_ = project("apd")["services"][name]["command"]
        assert (tmp_path / module.replace(".", "/") / "__main__.py").exists(), name


def test_the_daemon_s_image_takes_the_versions_of_the_lock(tmp_path: Path) -> None:
    """The lines of the recipe that no image is needed for."""
    recipe = (FOLDER / "apd.Dockerfile").read_text()
    (expressions,) = re.findall(r"RUN sed --regexp-extended '([^']+)' requirements.lock", recipe)
    lock = ROOT / "requirements.lock"
    words = ["sed", "--regexp-extended", expressions, lock]
    left = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split("\n")
    pins = [line for line in left if line]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==\S+( ; .+)?", pin) for pin in pins), (
        "a constraint has no extras"
    )
    assert len(pins) == len(re.findall(r"^\S+==", lock.read_text(), re.MULTILINE))
    (wanted,) = re.findall(r'python3 -c "(.*)" > /tmp/wanted', recipe)
    said = subprocess.run(
        [sys.executable, "-c", wanted], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert any(one.startswith("cryptography") for one in said)
    assert any(one.startswith("fastapi") for one in said)
