"""Container images in a Docker engine: built, an operator's side brought up, a box that sells, a purchase."""

from __future__ import annotations

import importlib.metadata
import ipaddress
import json
import re
import shutil
import subprocess
import time
import tomllib
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
from cryptography import x509
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from images.containers.health import connections, find_away
from images.containers.health import main as health
from lab.docker_engine import RECIPES, DockerEngine, absent, docker_engine, forbidden
from lab.namespaces import Namespace, Port, namespaces, plug
from lab.processes import Household
from ledger.gateway_settings import parse_gateway
from ledger.settings import parse_settings as parse_ledger
from ledger.toml_file import read_toml
from operatord.settings import parse_settings as parse_operator
from tests.conftest import ROOT, missing
from tests.docs.markdown import block
from wire.account_certificate import Purpose, format_pem, issue, write_anchor
from wire.ids import PublicKey
from wire.keys import PrivateKey

PAGE = "docs/containers.md"
COMPOSE = RECIPES / "compose" / "compose.yaml"
SERVICES = ("broker", "ledger", "operatord")
USER = "10001"
NET_ADMIN = 1 << 12
"""CAP_NET_ADMIN, linux/capability.h."""
SCRIPTS = ("build.sh", "code.sh", "engine.sh", "fetch.sh", "lab.sh", "libraries.sh", "locked.sh", "packages.sh",
           "operator-serve", "operator-side", "renewed", "broker-health", "radius-health")  # fmt: skip
STATION = "02:00:00:00:01:00"
BSSID = "02-00-00-00-00-00"
FASTER = """\
services:
  broker: { healthcheck: &health { interval: 300ms, start_period: 30s } }
  ledger: { healthcheck: *health }
  operatord: { healthcheck: *health }
"""
"""The test waits for health, and asks oftener."""
LONG_DAYS = 300
OTHER = str(PrivateKey.generate().public)
"""Somebody's account."""
LIMIT_S = 10.0
"""What a container has to end in, before it is killed."""


# ---- What is written


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_are_linted(script, needs) -> None:
    needs("shellcheck")
    said = subprocess.run(["shellcheck", RECIPES / script], check=False, capture_output=True, text=True)
    assert not said.returncode, said.stdout


@pytest.mark.parametrize(("names", "extras"), [("box", ()), ("operator", ("operator", "postgresql"))])
def test_a_list_of_libraries_is_what_its_programs_need(names, extras) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"]]
    for extra in extras:
        wanted += project["optional-dependencies"][extra]
    assert set((RECIPES / f"{names}.txt").read_text().split()) == closure(wanted)


def closure(wanted: Iterable[str]) -> set[str]:
    """Names of these libraries and of all that they need, by what is installed here."""
    ahead, seen = [Requirement(text) for text in wanted], set()
    while ahead:
        one = ahead.pop()
        name = canonicalize_name(one.name)
        if (name, frozenset(one.extras)) in seen:
            continue
        seen.add((name, frozenset(one.extras)))
        extras = one.extras or {""}
        for text in importlib.metadata.requires(name) or ():
            more = Requirement(text)
            if more.marker is None or any(more.marker.evaluate({"extra": extra}) for extra in extras):
                ahead.append(more)
    return {name for name, _ in seen}


def test_a_lock_that_lacks_a_library_is_refused(tmp_path) -> None:
    (tmp_path / "names").write_text("cffi nonesuch\n")
    said = subprocess.run(
        [RECIPES / "locked.sh", tmp_path / "names", ROOT / "requirements.lock"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert said.returncode == 1
    assert "nonesuch" in said.stderr
    assert re.search(r"^cffi==[\d.]+ \\\n +--hash=sha256:", said.stdout)
    assert "cryptography" not in said.stdout


def test_docker_compose_itself_takes_the_file_and_every_service_is_confined(go_program) -> None:
    said = subprocess.run(
        [go_program("compose"), COMPOSE], check=False, capture_output=True, text=True, cwd=COMPOSE.parent
    )
    assert not said.returncode, said.stderr
    services = json.loads(said.stdout)["services"]
    assert set(SERVICES) <= set(services)
    for name, service in services.items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert not service.get("cap_add"), name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["user"] == f"{USER}:{USER}", name
        assert int(service["mem_limit"]), name
        assert not service.get("network_mode", "").startswith(("service:", "container:")), (
            f"{name}: after a power loss Docker starts in any order, and what finds no network is not tried again"
        )
    for name in SERVICES:
        assert "authority" not in {mount["source"] for mount in services[name]["volumes"]}, name
        assert services[name]["healthcheck"]["test"][:2] == ["CMD", "health"], name


@pytest.mark.parametrize("days", ["0", "366", "1d", "-1"])
def test_a_term_of_certificates_that_is_none_is_refused_before_anything_is_made(days) -> None:
    said = subprocess.run(
        [RECIPES / "operator-side", "make"],
        check=False,
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "TEST_FIRST_CERTIFICATE_DAYS": days},
    )
    assert (said.returncode, said.stdout) == (2, "")
    assert f"TEST_FIRST_CERTIFICATE_DAYS: '{days}'" in said.stderr


TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:2183 00000000:0000 0A 00000000:00000000 00:00000000 00000000 10001        0 61 1
   1: 0A00000A:9C40 0100007F:22B3 01 00000000:00000000 00:00000000 00000000 10001        0 62 1
   2: 0A00000A:9C41 0200007F:22B3 06 00000000:00000000 00:00000000 00000000 10001        0 63 1
"""
"""/proc/net/tcp of a processor that puts the least octet first: listening, connected, closed by the other side."""


def test_a_gateway_serves_while_it_has_both_brokers(tmp_path) -> None:
    (tmp_path / "tcp").write_text(TCP)
    page = {"broker": {"host": "127.0.0.1"}, "back": {"host": "127.0.0.2", "port": 8883}}
    assert not find_away(page, "broker", (tmp_path / "tcp",))
    assert find_away(page, "back", (tmp_path / "tcp",)) == "[back] 127.0.0.2:8883 is away"
    assert connections("head\n 0: 1 0000000000000000FFFF00000100007F:0001 01") == {("::ffff:127.0.0.1", 1)}


@pytest.mark.parametrize("arguments", [[], ["ledger"], ["nothing", "x"], ["ledger", "/nonexistent"]])
def test_what_cannot_be_asked_does_not_serve(arguments, capsys) -> None:
    assert health(arguments) == 1


# ---- In an engine


@pytest.fixture(scope="module")
def docker(tmp_path_factory) -> Iterator[DockerEngine]:
    if reason := forbidden():
        pytest.skip(reason)
    if reason := absent():
        missing(reason)
    with (
        namespaces() as make,
        Household(tmp_path_factory.mktemp("logs")) as household,
        docker_engine(household, make("docker")) as engine,
    ):
        engine.run(RECIPES / "build.sh", "--keep")
        yield engine


@pytest.fixture(scope="module")
def version() -> str:
    found = re.search(r'^VERSION = "(.+)"$', (ROOT / "apd" / "version.py").read_text(), re.MULTILINE)
    assert found
    return found[1]


class Side:
    """An operator's side that docs/containers.md brings up, in a folder of the test's."""

    def __init__(self, docker: DockerEngine, folder: Path) -> None:
        self.docker, self.folder = docker, folder
        (folder / "compose.yaml").write_bytes(COMPOSE.read_bytes())
        (folder / "faster.yaml").write_text(FASTER)
        self.environment = {"COMPOSE_FILE": "compose.yaml:faster.yaml", "COMPOSE_PROJECT_NAME": "side"}
        self.environment["AIRGRANT_TEST_FIRST_CERTIFICATE_DAYS"] = "1"

    def type(self, name: str, **values: str) -> str:
        """A block of the page, with values for what it leaves to its reader."""
        words = block(PAGE, name).replace("cd images/containers/compose\n", "")
        for placeholder, value in {
            "broker.example:8883": "127.0.0.1:8883",
            "DNS:broker.example": "DNS:broker.example",
            "192.0.2.1": "127.0.0.1",
            **values,
        }.items():
            words = words.replace(placeholder, value)
        return self.run("bash", "-euo", "pipefail", "-c", words)

    def run(self, *words: str | Path) -> str:
        return self.docker.run(*words, folder=self.folder, environment=self.environment).stdout

    def state(self, container: str) -> dict:
        (page,) = json.loads(self.run("docker", "inspect", container))
        return page["State"]

    def is_healthy(self, *services: str) -> bool:
        states = [self.state(f"side_{one}_1") for one in services]
        return all(one["Running"] and one["Health"]["Status"] == "healthy" for one in states)


@pytest.fixture
def side(docker, tmp_path) -> Iterator[Side]:
    running = Side(docker, tmp_path)
    try:
        yield running
    finally:
        print(running.run("docker-compose", "logs", "--no-color", "--tail", "12"))  # shown where a test fails
        running.run("docker-compose", "down", "--volumes", "--timeout", "2")


@pytest.mark.timeout(400)
@pytest.mark.system
def test_an_operators_side_comes_up_a_box_sells_and_radius_lets_the_buyer_in(
    docker, side, version, eventually, needs
) -> None:
    needs("eapol_test")
    side.type("containers-up")
    eventually(lambda: side.is_healthy(*SERVICES), "all are healthy", 60)
    eventually(lambda: is_renewed(side), "who serves has a certificate of a year in place of a day's", 60)
    for name in SERVICES:
        assert confined(docker, f"side_{name}_1") == 0, name
    with namespaces() as make:
        phone = make("phone")
        plug(
            Port(docker.namespace, "wlan0", addresses=(ipaddress.ip_interface("10.7.0.1/24"),)),
            Port(phone, "wlan0", addresses=(ipaddress.ip_interface("10.7.0.2/24"),)),
        )
        switch_page_on(side)
        account = set_up_box(side, version)
        certificate_is_made_again(side)
        owner = Owner(side)
        owner.sells(account)
        start_box(docker, side, version, eventually)
        eventually(lambda: page_answers(side), "the operator's page answers at its port", 20)
        buyer = owner.make_buyer("buyer")
        side.type("containers-money", **{"$BUYER": buyer})
        bought = purchase(side, phone)
        assert bought["grant"], bought
    eventually(lambda: operator_knows(side), "operatord has heard of the grant", 20)
    assert join(side, "buyer"), side.run("docker", "logs", "side_operatord_1")
    assert not join(side, "owner"), "who has bought nothing is not let in"
    stop_in_time(docker, side, "airgrant-apd")
    docker.lose_power()
    eventually(lambda: side.is_healthy(*SERVICES), "all are healthy, and nobody typed anything", 60)
    assert join(side, "buyer"), side.run("docker", "logs", "side_operatord_1")
    stop_in_time(docker, side, "side_operatord_1", "side_ledger_1", "side_broker_1")


CERTIFICATES = {
    "ledger": ["/srv/ledger/ledger.pem"],
    "operatord": ["/srv/operator/operator.pem", "/srv/radius/server.pem"],
}


def is_renewed(side: Side) -> bool:
    """The broker shows a certificate of a year, and the others were started after theirs was made."""
    if ends_in_days(side, "127.0.0.1:8883") < LONG_DAYS or not side.is_healthy(*SERVICES):
        return False
    for name, files in CERTIFICATES.items():
        said = side.docker.run("docker", "exec", f"side_{name}_1", "stat", "-c", "%.9Y", *files, check=False)
        started_s = datetime.fromisoformat(side.state(f"side_{name}_1")["StartedAt"]).timestamp()
        if said.returncode or started_s < max(map(float, said.stdout.split())):
            return False
        said = side.docker.run("docker", "logs", f"side_{name}_1")
        if "renewed: " not in said.stderr:
            return False
    return side.is_healthy(*SERVICES)


def certificate_is_made_again(side: Side) -> None:
    """For the same key; the owner goes on with the new one."""
    old = (side.folder / "owner.pem").read_bytes()
    side.type("containers-again")
    new = (side.folder / "owner.pem").read_bytes()
    assert old != new
    first, second = (x509.load_pem_x509_certificate(one) for one in (old, new))
    assert (first.public_key(), first.subject) == (second.public_key(), second.subject)


def ends_in_days(side: Side, place: str) -> float:
    """Of what is shown at this place."""
    said = side.docker.run("openssl", "s_client", "-connect", place, "-showcerts", check=False)
    try:
        certificate = x509.load_pem_x509_certificate(said.stdout[said.stdout.index("-----BEGIN") :].encode())
    except ValueError:
        return 0
    return (certificate.not_valid_after_utc.timestamp() - time.time()) / 86_400


def confined(docker: DockerEngine, container: str) -> int:
    """The capabilities of its processes, none of which is root, or can become it; what it runs on is only read."""
    (page,) = json.loads(docker.run("docker", "inspect", container).stdout)
    assert page["HostConfig"]["ReadonlyRootfs"]
    assert docker.run("docker", "exec", container, "touch", "/usr/x", check=False).returncode
    pids = docker.run("docker", "top", container, "-eo", "pid").stdout.split()[1:]
    found = set()
    for pid in pids:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        values = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
        assert set(values["Uid"].split()) == {USER}
        found.add(int(values["CapBnd"], 16))
    (bounding,) = found
    return bounding


AIRGRANT = ROOT / ".venv" / "bin" / "airgrant"


class Owner:
    """Who owns the box, and lends his certificate to a buyer who opens an account."""

    def __init__(self, side: Side) -> None:
        self.side = side
        ledger = tomllib.loads((side.folder / "owner.toml").read_text())["ledger"]
        self.pinned = ["--ledger", ledger["key"], "--ledger-id", ledger["ledger_id"]]
        self.door = [
            "--authority",
            "authority.pem",
            "--certificate",
            "owner.pem",
            "--certificate-key",
            "owner.key",
        ]

    def sells(self, account: str) -> None:
        assert PrivateKey.from_pem(
            (self.side.folder / "provider.pem").read_bytes()
        ).public == PublicKey.parse(account)
        self.side.run(AIRGRANT, "account", "create", "--key", "provider.pem", *self.door)
        self.side.run(
            AIRGRANT, "offer", "post", "--key", "provider.pem", *self.door, "--price", "0.0025", "--units", "10",
            "--for", "10m", "--down", "2M-20M", "--up", "1M-5M", "--band", "5170000-5250000/80000",
        )  # fmt: skip

    def make_buyer(self, name: str) -> str:
        """His account."""
        made = self.side.run(AIRGRANT, "keygen", "--json", "--out", f"{name}.key", *self.pinned)
        self.side.run(AIRGRANT, "account", "create", "--key", f"{name}.key", *self.door)
        account: str = json.loads(made)["account"]
        return account


def switch_page_on(side: Side) -> None:
    """From operatord's next start on."""
    side.run(
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-days", "2",
        "-subj", "/CN=page", "-addext", "subjectAltName=DNS:operator.example", "-keyout", "page.key",
        "-out", "page.crt",
    )  # fmt: skip
    words = "operator-side page https://operator.example:8443"
    side.run(
        "bash", "-euo", "pipefail", "-c", f"cat page.crt page.key | docker-compose run --rm -T tools {words}"
    )


def page_answers(side: Side) -> bool:
    said = side.docker.run(
        "openssl", "s_client", "-connect", "127.0.0.1:8443", "-CAfile", side.folder / "page.crt",
        "-verify_hostname", "operator.example", "-verify_return_error", "-brief", check=False,
    )  # fmt: skip
    return "Verification: OK" in said.stderr


def set_up_box(side: Side, version: str) -> str:
    """By the page, to the account of the box that the operator knows."""
    side.type("containers-box")
    said = side.type("containers-apd-setup", eth1="wlan0", **{"0.1.0": version})
    found = re.search(r"\b0[23][0-9a-f]{64}\b", said)
    assert found, said
    key = side.run(
        "docker", "run", "--rm", "--volume", "airgrant:/etc/airgrant", "--entrypoint", "cat",
        f"airgrant-apd:{version}", "/etc/airgrant/provider.pem",
    )  # fmt: skip
    (side.folder / "provider.pem").write_text(key)
    (network,) = json.loads(side.run("docker", "network", "inspect", "side_front"))
    gateway = network["IPAM"]["Config"][0]["Gateway"]
    side.type("containers-admit", **{"192.0.2.7": gateway, "$ACCOUNT": found[0]})
    assert "auth_server_addr=127.0.0.1" in (side.folder / "roof.hostapd").read_text()
    return found[0]


def start_box(docker: DockerEngine, side: Side, version: str, eventually) -> None:
    """It has one capability, and sells."""
    words = block(PAGE, "containers-apd-run").replace("0.1.0", version).rpartition("docker exec")[0]
    side.run("bash", "-euc", words)
    eventually(lambda: box_sells(side), "the box sells", 40)
    assert confined(docker, "airgrant-apd") == NET_ADMIN
    assert "enrolled" in side.run("docker", "exec", "airgrant-apd", "apd", "status")
    assert "serves" in side.run("docker", "exec", "airgrant-apd", "health", "apd", "/etc/airgrant/apd.toml")


def box_sells(side: Side) -> bool:
    said = side.docker.run("docker", "exec", "airgrant-apd", "apd", "status", "--json", check=False)
    if said.returncode:
        assert side.state("airgrant-apd")["Running"], side.docker.run("docker", "logs", "airgrant-apd").stderr
        return False
    page = json.loads(said.stdout)
    return bool(page["offer"] and page["enrolled"])


def purchase(side: Side, phone: Namespace) -> dict:
    said = phone.run([
        str(AIRGRANT), "buy", "--wallet", str(side.folder / "buyer.key"), "--interface", "wlan0",
        "--down", "2M", "--json",
    ])  # fmt: skip
    page: dict = json.loads(said)
    return page


def operator_knows(side: Side) -> bool:
    said = side.run(
        "docker",
        "exec",
        "side_operatord_1",
        "operatord",
        "status",
        "/srv/operator/operatord.toml",
        "--json",
    )
    return json.loads(said)["grants"] == 1


def join(side: Side, name: str) -> bool:
    """Whether a station with this key is let in at the box."""
    folder, now_s = side.folder, int(time.time())
    key = PrivateKey.from_pem((folder / f"{name}.key").read_bytes())
    key_file = side.run("docker", "exec", "side_operatord_1", "cat", "/srv/operator/operator.key")
    operator = PrivateKey.from_pem(key_file.encode()).public
    certificate = issue(key, Purpose.STATION, not_before_s=now_s - 60, not_after_s=now_s + 3_600, serial=7)
    (folder / "station.pem").write_text(format_pem(certificate))
    (folder / "station.key").write_bytes(key.to_pem())
    (folder / "anchor.pem").write_text(format_pem(write_anchor(operator)))
    (folder / "station.conf").write_text(
        f'network={{\n key_mgmt=WPA-EAP\n eap=TLS\n identity="anonymous"\n ca_cert="{folder}/anchor.pem"\n'
        f' client_cert="{folder}/station.pem"\n private_key="{folder}/station.key"\n}}\n'
    )
    (secret,) = re.findall(
        r"^auth_server_shared_secret=(\w+)$", (folder / "roof.hostapd").read_text(), re.MULTILINE
    )
    said = side.docker.run(
        "eapol_test", "-c", folder / "station.conf", "-a", "127.0.0.1", "-p", "1812", "-s", secret, "-M", STATION,
        "-t", "10", "-r0", "-N", f"30:s:{BSSID}:airgrant", "-N", "32:s:roof", check=False,
    )  # fmt: skip
    return said.stdout.rstrip().endswith("SUCCESS")


def stop_in_time(docker: DockerEngine, side: Side, *containers: str) -> None:
    """By the signal, with their own exit status: nobody has to be killed."""
    began = time.monotonic()
    docker.run("docker", "stop", "--time", "20", *containers)
    assert time.monotonic() - began < LIMIT_S * len(containers)
    for container in containers:
        assert side.state(container)["ExitCode"] == 0, container
    docker.run("docker", "rm", *containers)


@pytest.mark.timeout(200)
@pytest.mark.system
def test_keys_and_settings_for_kubernetes_are_what_its_programs_read(
    docker, tmp_path, go_program, version
) -> None:
    store = "postgresql://bandcoin:se&|cret@postgresql.example/bandcoin"
    shutil.copytree(RECIPES / "kubernetes", tmp_path / "images" / "containers" / "kubernetes")
    words = block(PAGE, "containers-kubernetes-keys").replace("0.1.0", version)
    names = "BROKER_NAMES=DNS:broker.example\nBROKER_PUBLIC=broker.example:8883\nRADIUS_PUBLIC=192.0.2.1\n"
    (tmp_path / "side.env").write_text(names)
    said = docker.run("bash", "-euc", words, folder=tmp_path, check=False)
    assert "STORE has to be given" in said.stderr
    (tmp_path / "side.env").write_text(f"{names}STORE={store}\n")
    docker.run("bash", "-euc", words, folder=tmp_path)
    side = tmp_path / "side"
    docker.run(
        "openssl", "verify", "-CAfile", side / "authority" / "authority.pem", "-verify_hostname", "broker.example",
        side / "broker" / "broker.pem",
    )  # fmt: skip
    for _ in range(2):  # the second time it is there
        said = docker.run(
            "bash", "-euc", words.replace(" kubernetes", f" box roof 192.0.2.7 {OTHER}"), folder=tmp_path
        )
        assert "auth_server_addr=192.0.2.1" in said.stdout
    for name in ("ledger", "gateway-7", "../x"):
        said = docker.run(
            "bash", "-euc", words.replace(" kubernetes", f" certificate {name}"), folder=tmp_path, check=False
        )
        assert said.returncode == 2, said.stderr
    ledger = parse_ledger(read_toml(side / "ledger" / "ledger.toml"), side / "ledger" / "ledger.toml")
    assert (ledger.store, ledger.broker.host, ledger.http_host) == (store, "broker-back", "0.0.0.0")
    gateway = parse_gateway(read_toml(side / "gateway" / "gateway.toml"), side / "gateway" / "gateway.toml")
    assert (gateway.front.host, gateway.back.host, gateway.ledger_url) == (
        "broker-front", "broker-back", "http://ledger:8573",
    )  # fmt: skip
    operator = parse_operator(
        read_toml(side / "operator" / "operatord.toml"), side / "operator" / "operatord.toml"
    )
    assert (operator.broker.host, operator.ledger.ledger_id) == ("broker-front", gateway.ledger_id)
    said = subprocess.run([go_program("kubernetes"), side], check=False, capture_output=True, text=True)
    assert not said.returncode, said.stderr
    secrets = {
        one["metadata"]["name"]: one for one in json.loads(said.stdout)["objects"] if one["kind"] == "Secret"
    }
    for name, one in secrets.items():
        assert not {"authority.key", "exchange.key"} & set(one["data"]), name
    mounted = {
        volume["secret"]["secretName"]
        for one in json.loads(said.stdout)["objects"]
        if one["kind"] in {"Deployment", "StatefulSet"}
        for volume in one["spec"]["template"]["spec"]["volumes"]
        if "secret" in volume
    }
    assert mounted == set(secrets), "by the names that kustomize gave them"
    for name in ("broker", "back"):
        docker.run(
            "docker", "run", "--rm", "--network", "none", "--read-only", "--volume", f"{side / name}:/srv/broker:ro",
            "--entrypoint", "sh", f"airgrant-broker:{version}", "-euc",
            "mosquitto -c mosquitto.conf & for _ in $(seq 30); do ! health || exit 0; sleep 0.1; done; exit 1",
        )  # fmt: skip
