"""A box is added, replaced and revoked by one command on each side: real broker, TPM, ledger, operatord, FreeRADIUS."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from apd.shells.control import ask_status
from apd.shells.software_key import SoftwareKey
from lab.namespaces import run
from lab.processes import Child, Household, wait_until
from lab.software_tpm import SoftwareTpm
from ledger.client import LedgerClient
from ledger.pages import AttestationListPage
from operatord.shells.control import ask
from tests.conftest import ROOT
from tests.docs.markdown import block
from tests.ledger_house import ledger_house, sixty_seconds
from tests.operator_house import OperatorHouse
from wire.enrolment import EnrolmentRequest, read_enrolment_reply, write_enrolment_request
from wire.errors import ShellError
from wire.invitation import parse_invitation
from wire.keys import PrivateKey

pytestmark = pytest.mark.system
PORT = 28_960
DOOR, BOX_BROKER, PAGE = PORT + 11, PORT + 12, PORT + 13
ADDRESS = "127.0.0.3"
SELLS_WITHIN_S = 30
CONNECT = bytes.fromhex("10120004") + b"MQTT" + bytes.fromhex("0502003c000005") + b"apd-x"
"""MQTT 5.0 clause 3.1."""
WITH_COMMANDS = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
SUPERVISED = (
    "trap 'kill $!; exit' TERM; "
    "while :; do freeradius -fxx -d {radius} & echo $! > {radius}/run/pid; wait $!; done"
)
"""As systemd starts it again."""


class Site:
    """An operator whose boxes enrol themselves, and the machines that do."""

    def __init__(self, house: OperatorHouse, folder: Path) -> None:
        self.house, self.folder = house, folder
        self.enrolment = house.folder / "enrolment"

    def typed(self, name: str, folder: Path, **changed: str) -> str:
        """What the page's commands print on standard error, with some words changed."""
        script = block("docs/enrolment.md", name)
        for word, to in changed.items():
            assert word in script, f"{name}: {word}"
            script = script.replace(word, to)
        done = subprocess.run(
            ["bash", "-euc", script], capture_output=True, text=True, timeout=60, check=False, cwd=folder,
            env=WITH_COMMANDS,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stderr

    @property
    def invitation(self) -> str:
        return (self.house.folder / "roof.invitation").read_text().strip()

    def operator(self, *words: str, status: int = 0) -> tuple[str, str]:
        """`operatord box ...`: (standard output, standard error)."""
        verb, *rest = words
        done = subprocess.run(
            [sys.executable, "-m", "operatord", "box", verb, str(self.house.config), *rest],
            capture_output=True, text=True, timeout=60, check=False, cwd=ROOT,
        )  # fmt: skip
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout.strip(), done.stderr

    def secret(self, name: str) -> str:
        return (self.enrolment / "box" / f"{name}.secret").read_text().strip()

    def sends_radius(self, secret: str) -> bool:
        """Whether accounting of `roof` at its address is taken, with this secret."""
        sent = f"Acct-Status-Type = Accounting-On\nNAS-Identifier = roof\nPacket-Src-IP-Address = {ADDRESS}\n"
        to = f"127.0.0.1:{self.house.port + 2}"
        done = subprocess.run(
            ["radclient", "-r", "1", "-t", "1", "-x", to, "acct", secret],
            input=sent, capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        return "Received Accounting-Response" in done.stdout

    def lets_in(self, buyer: PrivateKey) -> bool:
        return self.house.join(buyer, box="roof", sender=ADDRESS, secret=self.secret("roof")).accepted

    def meters(self, account: PrivateKey) -> list[bool]:
        """Of each meter of an account, the retired ones first, whether it is retired."""
        pages = self.house.ledger.reader.listed(AttestationListPage, "attestations", "attestations")
        return sorted(
            (one.retired_s is not None for one in pages if one.provider == str(account.public)), reverse=True
        )

    def rescue(self, machine: Machine) -> None:
        """The owner moves his money, with his copy of the key, by the page's commands."""
        owner, ledger, key = self.folder / "owner", self.house.ledger, machine.account
        owner.mkdir()
        shutil.copy(machine.etc / "provider.pem", owner)
        files = ledger.authority.issue_client("owner", key.key, label="owner")
        for name, file in (
            ("authority.pem", files.authority),
            ("owner.pem", files.certificate),
            ("owner.key", files.key),
        ):
            shutil.copy(file, owner / name)
        words = block("docs/enrolment.md", "enrolment-money")
        assert words.count("NEW_ACCOUNT") == 1
        self.typed(
            "enrolment-money", owner,
            **{
                "HOST:8883": f"127.0.0.1:{ledger.port}", "http://HOST:8573": ledger.reader.url, "AMOUNT": "0.0001",
                "--out new.key": "--out new.key --json > new.json",
                "NEW_ACCOUNT": "$(python3 -c 'import json; print(json.load(open(\"new.json\"))[\"account\"])')",
            },
        )  # fmt: skip

    def retire(self) -> str:
        """The page's last command once more, and the ledger's word."""
        ledger, owner = self.house.ledger, self.folder / "owner"
        done = subprocess.run(
            [
                sys.executable, "airgrant.py", "account", "retire", "--for-good", "--json", "--key",
                str(owner / "provider.pem"), "--broker", f"127.0.0.1:{ledger.port}", "--ledger", ledger.reader.url,
                "--authority", str(owner / "authority.pem"), "--certificate", str(owner / "owner.pem"),
                "--certificate-key", str(owner / "owner.key"),
            ],
            capture_output=True, text=True, timeout=60, check=True, cwd=ROOT,
        )  # fmt: skip
        return str(json.loads(done.stdout)["said"])

    def standing(self, name: str) -> dict:
        (found,) = [one for one in json.loads(self.operator("list", "--json")[0]) if one["name"] == name]
        return found


class Machine:
    """One box: its folder of settings, its TPM, its interface."""

    def __init__(self, site: Site, name: str, tpm: SoftwareTpm) -> None:
        self.site, self.name, self.tpm = site, name, tpm
        self.etc = site.folder / name
        self.etc.mkdir()
        run(["ip", "link", "add", name, "type", "veth", "peer", "name", f"{name}-far"])
        run(["ip", "link", "set", name, "up"])
        self.daemon: Child | None = None

    def set_up(self, invitation: str, status: int = 0) -> str:
        """The page's command, with this machine's files, interface and TPM."""
        (self.etc / "roof.invitation").write_text(invitation + "\n")
        command = block("docs/enrolment.md", "enrolment-box").replace("eth1", self.name)
        done = subprocess.run(
            ["bash", "-euc", f"{command.strip()} --config apd.toml --tpm {self.tpm.tcti}"],
            capture_output=True, text=True, timeout=60, check=False, cwd=self.etc, env=WITH_COMMANDS,
        )  # fmt: skip
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    def start(self) -> Child:
        config = self.etc / "apd.toml"
        text = config.read_text()
        if "control_socket" not in text:
            config.write_text(
                f'{text}store = "apd.sqlite"\ncontrol_socket = "apd.sock"\n'
                "[box]\nreport_interval_s = 1\nanchor_interval_s = 3\nsubmit_timeout_s = 1\n"
            )
        self.daemon = self.site.house.household.start(self.name, [sys.executable, "-m", "apd", "run", config])
        return self.daemon

    def stop(self) -> None:
        assert self.daemon is not None
        self.daemon.stop()
        run(["ip", "link", "del", self.name])

    @property
    def account(self) -> PrivateKey:
        return PrivateKey.from_pem((self.etc / "provider.pem").read_bytes())

    def status(self) -> dict:
        try:
            return ask_status(self.etc / "apd.sock")
        except ShellError:
            return {"offer": "", "enrolled": False, "ledger_connected": False}

    def sells(self) -> bool:
        page = self.status()
        return bool(page["offer"] and page["enrolled"])

    def client(self) -> LedgerClient:
        """Whoever has this machine's certificate."""
        return LedgerClient("127.0.0.1", BOX_BROKER, "roof", self._context(), timeout_s=3)

    def squat(self, client_id: str) -> paho.Client:
        """Whoever has this machine's certificate connects under a name that he chose."""
        return connect(client_id, BOX_BROKER, self._context())

    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.etc / "authority.pem"))
        context.load_cert_chain(self.etc / "box.pem", self.etc / "box.key")
        return context

    def session(self) -> tuple[ssl.SSLContext, ssl.SSLSession | None]:
        """What TLS could be resumed with, if the broker gives out such a thing."""
        context = self._context()
        plain = socket.create_connection(("127.0.0.1", BOX_BROKER), timeout=5)
        with context.wrap_socket(plain, server_hostname="127.0.0.1") as connection:
            connection.send(CONNECT)
            connection.recv(64)
            return context, connection.session

    def resumes(self, kept: tuple[ssl.SSLContext, ssl.SSLSession | None]) -> bool:
        """Whether the broker still answers such a connection."""
        context, session = kept
        plain = socket.create_connection(("127.0.0.1", BOX_BROKER), timeout=5)
        try:
            with context.wrap_socket(plain, server_hostname="127.0.0.1", session=session) as connection:
                connection.send(CONNECT)
                return bool(connection.recv(64))
        except OSError:
            return False

    def is_taken_by_the_broker(self) -> bool:
        try:
            with self.client():
                return True
        except ShellError:
            return False


def connect(client_id: str, port: int, context: ssl.SSLContext) -> paho.Client:
    """It does not come back by itself, when somebody else of this id has come."""
    client, done = (
        paho.Client(CallbackAPIVersion.VERSION2, client_id, protocol=paho.MQTTv5),
        threading.Event(),
    )
    client.tls_set_context(context)
    client.reconnect_delay_set(600, 600)
    client.on_connect = lambda *_: done.set()
    client.connect("127.0.0.1", port)
    client.loop_start()
    assert done.wait(5)
    return client


@pytest.fixture(autouse=True)
def _programs(needs) -> None:
    needs(
        "mosquitto", "freeradius", "eapol_test", "radclient", "swtpm", "swtpm_setup", "ip", "nft", "ethtool"
    )


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with SoftwareTpm(tmp_path / "tpm-1") as first, Household(tmp_path / "logs") as household:
        vendors = tmp_path / "vendors.pem"
        vendors.write_bytes(b"".join(one.read_bytes() for one in first.vendor_certificates))
        with ledger_house(tmp_path / "house", PORT, f'tpm_vendors = "{vendors}"') as ledger:
            house = OperatorHouse(ledger, household, PORT + 1, tmp_path / "operator")
            house.write()
            site = Site(house, tmp_path)
            conf = ledger.folder / "mosquitto.conf"
            own = house.config.read_text()
            begin, end = own.index("[boxes.roof]"), own.index("[groups]")
            stop_radius = f"sh -c 'kill $(cat {house.folder}/radius/run/pid)'"
            me = pwd.getpwuid(os.geteuid()).pw_name
            house.config.write_text(
                f'{own[:begin]}[enrolment]\naddress = "127.0.0.1"\nlisten = "127.0.0.1"\nport = {DOOR}\n'
                f'broker_port = {BOX_BROKER}\nradius_folder = "radius"\nradius_user = "{me}"\n'
                f"reload_broker = \"sh -c 'kill -HUP $(cat {tmp_path}/broker.pid)'\"\n"
                f'restart_radius = "{stop_radius}"\n{own[end:]}'
            )
            house.command("freeradius", "--out", str(house.folder / "radius"), "--user", me)
            house.start()
            wait_until((site.enrolment / "boxes.crl").exists, "the door has made its folder", 10)
            listener = block("docs/enrolment.md", "enrolment-listener")
            listener = listener.replace("listener 8884", f"listener {BOX_BROKER} 127.0.0.1")
            listener = listener.replace("/srv/operator/enrolment", str(site.enrolment))
            for line in conf.read_text().splitlines():
                for name in ("certfile", "keyfile"):
                    if line.startswith(name):
                        listener = listener.replace(f"{name} broker", f"{line} broker").replace(
                            " broker.pem", ""
                        )
            listener = listener.replace(" broker.key", "")
            conf.write_text(f"pid_file {tmp_path}/broker.pid\n{conf.read_text()}\n{listener}\n")
            assert ledger.broker is not None
            ledger.broker.stop()
            ledger.start_broker()
            house.radius = household.start(
                "freeradius", ["sh", "-c", SUPERVISED.format(radius=house.folder / "radius")],
                environment={"no_proxy": "*"},
            )  # fmt: skip
            house.radius.wait_for_line("Ready to process requests", 20)
            yield site


@pytest.mark.timeout(120)
def test_a_box_is_added_replaced_and_revoked(site: Site, eventually, tmp_path) -> None:
    house, ledger, authority = site.house, site.house.ledger, site.folder / "tpm-1" / "authority"
    with (
        SoftwareTpm(tmp_path / "tpm-a", authority) as tpm_a,
        SoftwareTpm(tmp_path / "tpm-b", authority) as tpm_b,
    ):
        old, new = Machine(site, "old", tpm_a), Machine(site, "new", tpm_b)

        # Added: a line here, a command there.
        site.typed("enrolment-add", house.folder, **{"192.0.2.7": ADDRESS})
        line = site.invitation
        assert parse_invitation(line).box == "roof"
        eventually(lambda: site.sends_radius(site.secret("roof")), "FreeRADIUS knows it")
        assert "opened your account" in old.set_up(line)
        assert (site.standing("roof")["standing"], site.standing("roof")["account"]) == (
            "enrolled",
            str(old.account.public),
        )
        with ledger.client(old.account) as client:
            assert ledger.submit(client, sixty_seconds(100, 600), old.account).executed
        old.start()
        eventually(old.sells, "the box sells", SELLS_WITHIN_S)
        buyer, _ = house.buy(eventually, old.account)
        assert site.lets_in(buyer)
        first_secret, resumed = site.secret("roof"), old.session()
        customer = connect(
            "customer", ledger.port, ledger.authority.issue_client("x", buyer.key).client_context()
        )
        squatter = old.squat("customer")
        assert old.resumes(old.session()), "whom nobody revoked"
        assert "used" in new.set_up(line, status=2), "another machine with the same line"
        (new.etc / "provider.pem").unlink()

        # Replaced: the old one is out though it runs, and the new one sells for the same account.
        said = site.typed("enrolment-replace", house.folder)
        line = site.invitation
        assert str(old.account.public) in said
        eventually(lambda: not old.status()["ledger_connected"], "the old box has lost the broker")
        eventually(lambda: not squatter.is_connected(), "nor has who came under another client id")
        assert customer.is_connected(), "whose client id a box took on its own listener"
        for one in (customer, squatter):
            one.disconnect()
            one.loop_stop()
        assert not old.is_taken_by_the_broker()
        assert not old.resumes(resumed), "nor by a session of TLS from before"
        assert not site.lets_in(buyer)
        assert "other_account" in new.set_up(line, status=2)
        shutil.copy(old.etc / "provider.pem", new.etc / "provider.pem")
        assert "knows your account" in new.set_up(line)
        new.start()
        eventually(new.sells, "the new box sells", SELLS_WITHIN_S)
        assert site.secret("roof") != first_secret
        assert site.lets_in(buyer), "with the new secret, at the same name and account"
        eventually(lambda: site.meters(old.account) == [True, False], "the ledger has retired the old meter")
        assert not old.status()["ledger_connected"]

        # Revoked: out everywhere, for good.
        last_secret = site.secret("roof")
        assert site.sends_radius(last_secret)
        assert "airgrant account transfer" in site.typed("enrolment-revoke", house.folder)
        eventually(lambda: not new.status()["ledger_connected"], "the stolen box has lost the broker")
        assert not new.is_taken_by_the_broker()
        assert not site.sends_radius(last_secret)
        assert "not_invited" in Machine(site, "thief", tpm_a).set_up(line, status=2)
        assert "stays so" in site.operator("replace", "roof", status=2)[1]
        site.rescue(new)
        assert site.retire() == "account_ended", "again changes nothing"
        assert set(site.meters(new.account)) == {True}, "its meter, and every meter before it"
        with ledger.client(new.account) as client:
            stolen = SoftwareKey(PrivateKey.generate())
            asked = EnrolmentRequest(
                new.account.public,
                software_key=stolen.public_key,
                software_proof=stolen.prove(new.account.public),
            )
            answer = client.ask("enrolment", write_enrolment_request(asked, new.account, ledger.ledger_id))
            assert not read_enrolment_reply(answer).attestation_result
        words = [sys.executable, "airgrant.py", "ledger", "verify", str(ledger.folder / "ledger.db")]
        verified = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT)
        assert verified.returncode == 0, verified.stdout + verified.stderr
        for machine in (old, new):
            machine.stop()
        check_what_cannot_be_told(site)
        check_what_is_damaged(site)


def check_what_cannot_be_told(site: Site) -> None:
    """The broker is away: what was revoked is written, and nobody is told that it is done."""
    broker = site.house.ledger.broker
    site.operator("add", "attic")
    assert broker is not None
    broker.stop()
    _, said = site.operator("revoke", "attic", status=3)
    assert "may still be connected" in said
    assert "shut out." not in said
    assert site.standing("attic")["standing"] == "revoked"
    site.house.ledger.start_broker()
    _, said = site.operator("revoke", "attic")
    assert "shut out." in said


def check_what_is_damaged(site: Site) -> None:
    """A record that cannot be read shuts its own box out, of a daemon that runs and of one that starts."""
    house = site.house
    site.operator("add", "cellar")
    record = house.folder / "enrolment" / "box" / "cellar.json"
    record.write_bytes(record.read_bytes()[:40])
    said_now = "box cellar: is shut out"
    assert said_now in site.operator("add", "loft")[1]
    assert house.daemon is not None
    house.daemon.wait_for_line(said_now, 10)
    house.daemon.stop()
    house.config.write_text(f"{house.config.read_text()}[page]\nport = {PAGE}\n")
    house.start()
    house.daemon.wait_for_line(said_now, 10)
    told = ask(house.folder / "state" / "operatord.sock", {"ask": "changes", "run": "", "since": 0})
    assert [one.startswith(said_now) for one in told["damaged"]] == [True], "as the page is told"
    shown, said = site.operator("list", status=3)
    assert ("loft" in shown, said_now in said) == (True, True)
