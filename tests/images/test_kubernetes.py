"""The manifests for Kubernetes: kustomize builds them, the API's own types read them, Pod Security judges them."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

BASE = ROOT / "images" / "containers" / "kubernetes"
WORKLOADS = ("Deployment", "StatefulSet")
NAME = "app.kubernetes.io/name"


@pytest.fixture(scope="module")
def oracle(go_program) -> Callable[[Path], subprocess.CompletedProcess[str]]:
    words = [go_program("kubernetes")]
    return lambda folder: subprocess.run([*words, folder], check=False, capture_output=True, text=True)


@pytest.fixture(scope="module")
def built(oracle) -> dict[str, Any]:
    said = oracle(BASE)
    assert not said.returncode, said.stderr
    page: dict[str, Any] = json.loads(said.stdout)
    return page


def of_kind(built: dict[str, Any], *kinds: str) -> Iterator[dict[str, Any]]:
    return (one for one in built["objects"] if one["kind"] in kinds)


def pod(workload: dict[str, Any]) -> dict[str, Any]:
    template: dict[str, Any] = workload["spec"]["template"]
    return template


def containers(workload: dict[str, Any]) -> list[dict[str, Any]]:
    spec = pod(workload)["spec"]
    return [*spec.get("initContainers", []), *spec["containers"]]


@pytest.fixture
def changed(tmp_path, oracle) -> Callable[[str, str, str], subprocess.CompletedProcess[str]]:
    """The base with a fault in one of its files."""

    def build(file: str, text: str, other: str) -> subprocess.CompletedProcess[str]:
        folder = tmp_path / "kubernetes"
        shutil.copytree(BASE, folder)
        page = (folder / file).read_text()
        assert text in page
        (folder / file).write_text(page.replace(text, other))
        return oracle(folder)

    return build


def test_an_unknown_field_is_seen(changed) -> None:
    said = changed("gateway.yaml", "readinessProbe:", "readynessProbe:")
    assert said.returncode == 1
    assert "readynessProbe" in said.stderr


def test_every_pod_is_restricted(built) -> None:
    assert len(built["pods"]) == 5
    for one in built["pods"]:
        assert not one["problems"], one["name"]
    (namespace,) = of_kind(built, "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("runAsNonRoot: true", "runAsNonRoot: false"),
        ("drop: [ALL]", "add: [NET_ADMIN]"),
        ("allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true"),
    ],
)
def test_a_pod_that_may_more_is_seen(changed, text, other) -> None:
    said = changed("ledger.yaml", text, other)
    assert not said.returncode, said.stderr
    (ledger,) = [one for one in json.loads(said.stdout)["pods"] if one["name"] == "ledger"]
    assert ledger["problems"]


def test_every_container_is_confined_limited_and_asked(built) -> None:
    for workload in of_kind(built, *WORKLOADS):
        assert pod(workload)["spec"]["automountServiceAccountToken"] is False
        for one in containers(workload):
            assert one["securityContext"]["readOnlyRootFilesystem"], one["name"]
            assert {"cpu", "memory"} <= set(one["resources"]["requests"]), one["name"]
            assert "memory" in one["resources"]["limits"], one["name"]
            assert not one["image"].endswith(":latest"), one["name"]
        for one in pod(workload)["spec"]["containers"]:
            assert "readinessProbe" in one, one["name"]


def test_what_cannot_be_shared_is_there_once(built) -> None:
    """docs/containers.md says why; a Deployment of one never has two for a moment."""
    for workload in of_kind(built, *WORKLOADS):
        name, spec = workload["metadata"]["name"], workload["spec"]
        assert (spec["replicas"] == 1) == (name != "gateway"), name
        if workload["kind"] == "Deployment":
            assert spec["strategy"]["type"] == "Recreate", name


def test_gateways_have_names_and_keys_of_their_own_and_die_one_by_one(built) -> None:
    (gateway,) = [one for one in of_kind(built, "StatefulSet") if one["metadata"]["name"] == "gateway"]
    names = {f"gateway-{number}" for number in range(gateway["spec"]["replicas"])}
    (keys,) = [one for one in pod(gateway)["spec"]["volumes"] if one["name"] == "keys"]
    paths = {item["path"] for item in keys["secret"]["items"]}
    assert paths == {f"{name}/{part}" for name in names for part in ("key", "pem")}
    (budget,) = of_kind(built, "PodDisruptionBudget")
    assert budget["spec"]["maxUnavailable"] == 1
    assert budget["spec"]["selector"]["matchLabels"][NAME] == "gateway"


def test_nobody_is_reached_but_for_what_is_said(built) -> None:
    policies = {one["metadata"]["name"]: one["spec"] for one in of_kind(built, "NetworkPolicy")}
    assert not policies["nobody"]["podSelector"]
    assert set(policies["nobody"]["policyTypes"]) == {"Ingress", "Egress"}
    assert not {"ingress", "egress"} & set(policies["nobody"])
    workloads = {one["metadata"]["name"]: one for one in of_kind(built, *WORKLOADS)}
    assert set(workloads) < set(policies)
    for name in ("broker-back", "ledger"):
        for rule in policies[name]["ingress"]:
            assert rule["from"], f"{name}: nobody outside"
    for one in of_kind(built, "Service"):
        outside = one["spec"].get("type") == "LoadBalancer"
        assert outside == (one["metadata"]["name"] in {"broker-front", "operatord"})


def test_services_and_policies_name_ports_that_are_there(built) -> None:
    ports = {
        workload["metadata"]["name"]: {
            port["name"] for one in containers(workload) for port in one.get("ports", [])
        }
        for workload in of_kind(built, *WORKLOADS)
    }
    for one in of_kind(built, "Service"):
        named = {port["targetPort"] for port in one["spec"].get("ports", [])}
        assert named <= ports[one["spec"]["selector"][NAME]], one["metadata"]["name"]
    everybody = set().union(*ports.values())
    for one in of_kind(built, "NetworkPolicy"):
        rules = [*one["spec"].get("ingress", []), *one["spec"].get("egress", [])]
        named = {
            port["port"] for rule in rules for port in rule.get("ports", []) if isinstance(port["port"], str)
        }
        assert named <= everybody, one["metadata"]["name"]
