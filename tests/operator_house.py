"""An operator on this host's loopback: the real operatord and the real FreeRADIUS beside a ledger and its broker.

Stations are `eapol_test`, access points `radclient`. Everything ends with the house.
"""

from __future__ import annotations

import json
import os
import pwd
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.broker import OPERATOR
from lab.processes import Child, Household
from tests.ledger_house import LedgerHouse, ledger_house, purchase, sixty_seconds
from wire.account_certificate import Purpose, format_pem, issue, subject_hash, write_anchor
from wire.create import Create
from wire.grant import Grant
from wire.keys import PrivateKey

SECRET = "6f1d1f6ad1c5c7d1"
READY = r"operatord ready account=(\S+) mqtt=\S+ http=(\S+)"
BSSID = "02-00-00-00-00-00"
OPERATOR_NAME = "4EXAMPLE:AT"
STATION = "02:00:00:00:01:00"


@dataclass(frozen=True)
class Joined:
    """What `eapol_test` says of one attempt."""

    accepted: bool
    said: str

    def attribute(self, name: str) -> str:
        """The value of an attribute of the Access-Accept, as eapol_test prints it."""
        return self.said.rpartition(f"({name})")[2].partition("Value: ")[2].partition("\n")[0]

    def values(self, name: str) -> list[str]:
        """The values of an attribute that the last message has several times."""
        last = self.said.rpartition("RADIUS message: code=")[2]
        return re.findall(rf"Attribute \d+ \({name}\) length=\d+\n\s+Value: (\S+)", last)

    def vendor(self, number: int) -> list[bytes]:
        """The attributes of one vendor in the last message."""
        last = self.said.rpartition("RADIUS message: code=")[2]
        values = re.findall(r"Attribute 26 \(Vendor-Specific\) length=\d+\n\s+Value: ([0-9a-f]+)", last)
        octets = [bytes.fromhex(value) for value in values]
        return [value[4:] for value in octets if int.from_bytes(value[:4], "big") == number]


class OperatorHouse:
    """Keys, files and processes of one operator with an access point `roof` of `provider`."""

    def __init__(self, ledger: LedgerHouse, household: Household, port: int, folder: Path) -> None:
        self.ledger, self.household, self.port, self.folder = ledger, household, port, folder
        self.key = PrivateKey.generate()
        self.provider = PrivateKey.generate()
        self.config = folder / "operatord.toml"
        self.daemon: Child | None = None
        self.radius: Child | None = None
        self.url = ""
        self.short = PrivateKey.generate()
        """A partner whose grants last five seconds."""

    def write(self, boxes: str = "", das_port: int = 3799, radius_user: str = "") -> None:
        """Certificates, settings and FreeRADIUS's configuration, by our own commands."""
        folder = self.folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "operator.key").write_bytes(self.key.to_pem())
        (folder / "roof.secret").write_text(SECRET + "\n")
        (folder / "evil.secret").write_text("abcdefabcdefabcd\n")
        client = self.ledger.authority.issue_client(OPERATOR, self.key.key, label=OPERATOR)
        self.config.write_text(
            f'[operator]\nkey = "operator.key"\nstate = "state"\nsilent_after_s = 5\n'
            f'[ledger]\nurl = "{self.ledger.reader.url}"\nkey = "{self.ledger.key.public}"\n'
            f'ledger_id = "{self.ledger.ledger_id.hex()}"\n'
            f'[broker]\nhost = "127.0.0.1"\nport = {self.ledger.port}\nauthority = "{client.authority}"\n'
            f'certificate = "{client.certificate}"\nkey = "{client.key}"\n[http]\nport = {self.port}\n'
            f'[radius]\naddress = "127.0.0.1"\nauthentication_port = {self.port + 1}\n'
            f'accounting_port = {self.port + 2}\ncertificate = "server.pem"\nkey = "server.key"\n'
            f'operator_name = "{OPERATOR_NAME}"\n'
            f'[boxes.roof]\nprovider = "{self.provider.public}"\naddress = "127.0.0.1"\nsecret = "roof.secret"\n'
            f"das_port = {das_port}\n{boxes}"
            f'[groups]\nalley = ["{self.provider.public}", "{self.short.public}"]\n'
        )
        self.command("certificate")
        me = pwd.getpwuid(os.geteuid()).pw_name  # in a sandbox perhaps the only one there is
        self.command("freeradius", "--out", str(folder / "radius"), "--user", radius_user or me)

    def command(self, name: str, *arguments: str, status: int = 0) -> str:
        """What `operatord name` prints."""
        run = subprocess.run(
            [sys.executable, "-m", "operatord", name, str(self.config), *arguments],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert run.returncode == status, run.stdout + run.stderr
        return run.stdout + run.stderr

    def start(self) -> None:
        argv = [sys.executable, "-m", "operatord", "run", str(self.config)]
        self.daemon = self.household.start("operatord", argv)
        self.url = self.daemon.wait_for_line(READY, 20)[2]

    def start_radius(self, **environment: str) -> None:
        argv: list[str | Path] = ["freeradius", "-fxx", "-d", self.folder / "radius"]
        self.radius = self.household.start("freeradius", argv, environment={"no_proxy": "*", **environment})
        self.radius.wait_for_line("Ready to process requests", 20)

    def status(self) -> dict[str, Any]:
        page: dict[str, Any] = json.loads(self.command("status", "--json"))
        return page

    def anchor(self, account: PrivateKey) -> Path:
        """Where its trust anchor lies, if it does."""
        return self.folder / "state" / "trust" / f"{subject_hash(account.public)}.0"

    def open_shop(self) -> None:
        """The provider and its partner have offers."""
        offers = {self.provider: sixty_seconds(100, 600), self.short: sixty_seconds(100, 5)}
        for provider, offer in offers.items():
            with self.ledger.client(provider) as client:
                assert self.ledger.submit(client, Create(provider.public), provider).executed
                assert self.ledger.submit(client, offer, provider).executed

    def buy(
        self, eventually: Callable[..., None], provider: PrivateKey | None = None
    ) -> tuple[PrivateKey, Grant]:
        """A buyer with a grant that operatord has heard of from the ledger."""
        buyer = self.ledger.new_buyer()
        with self.ledger.client(buyer) as client:
            reply = client.submit(self.ledger.sign(purchase(provider or self.provider), buyer))
        eventually(self.anchor(buyer).exists, "the trust anchor of whoever bought")
        return buyer, self.ledger.grant(reply.grants[0])

    # ---- Stations and access points

    def join(
        self,
        account: PrivateKey,
        *,
        tls: str = "1.3",
        station: str = STATION,
        box: str = "roof",
        bssid: str = BSSID,
        sender: str = "127.0.0.1",
        secret: str = SECRET,
        certificate: str = "",
        key: bytes = b"",
        valid_s: tuple[int, int] = (-60, 3_600),
    ) -> Joined:
        """One EAP-TLS authentication with the account's own key, or with another certificate and key."""
        now_s, folder = int(time.time()), self.folder
        first_s, last_s = (now_s + at for at in valid_s)
        if not certificate:
            certificate = format_pem(
                issue(account, Purpose.STATION, not_before_s=first_s, not_after_s=last_s, serial=7)
            )
        (folder / "station.pem").write_text(certificate)
        (folder / "station.key").write_bytes(key or account.to_pem())
        (folder / "anchor.pem").write_text(format_pem(write_anchor(self.key.public)))
        without = "tls_disable_tlsv1_3=1" if tls == "1.2" else "tls_disable_tlsv1_3=0"
        (folder / "station.conf").write_text(
            f'network={{\n key_mgmt=WPA-EAP\n eap=TLS\n identity="anonymous"\n ca_cert="{folder}/anchor.pem"\n'
            f' client_cert="{folder}/station.pem"\n private_key="{folder}/station.key"\n phase1="{without}"\n}}\n'
        )
        run = subprocess.run(
            [
                "eapol_test", "-c", str(folder / "station.conf"), "-a", "127.0.0.1", "-p", str(self.port + 1),
                "-A", sender, "-s", secret, "-M", station, "-t", "15", "-r0",
                "-N", f"30:s:{bssid}:airgrant", "-N", f"32:s:{box}",
            ],
            capture_output=True, text=True, timeout=60, check=False, errors="replace",
        )  # fmt: skip
        return Joined(run.returncode == 0 and run.stdout.rstrip().endswith("SUCCESS"), run.stdout)

    def account_for(
        self,
        grant: Grant,
        status: str,
        sender: str = "",
        secret: str = SECRET,
        **attributes: str | int | list[str],
    ) -> str:
        """An access point accounts for the session of a grant; what radclient says."""
        own: dict[str, str | int | list[str]] = {
            "Acct_Status_Type": status, "Acct_Session_Id": "5F3C2A", "NAS_Identifier": "roof",
            "Class": f"0x{grant.grant_id.hex()}", "Calling_Station_Id": STATION.replace(":", "-"),
            "Called_Station_Id": f"{BSSID}:airgrant", "Event_Timestamp": int(time.time()),
        }  # fmt: skip
        return self.radclient("acct", sender, secret, **{**own, **attributes})

    def radclient(
        self, kind: str, sender: str = "", secret: str = SECRET, **attributes: str | int | list[str]
    ) -> str:
        """One request of an access point, from its own address or from another; what radclient says."""
        if sender:
            attributes["Packet-Src-IP-Address"] = sender
        lines = "".join(
            f"{name.replace('_', '-')} += {_quoted(value)}\n"
            for name, values in attributes.items()
            for value in (values if isinstance(values, list) else [values])
        )
        port = self.port + (2 if kind == "acct" else 1)
        run = subprocess.run(
            ["radclient", "-x", "-r", "1", "-t", "5", f"127.0.0.1:{port}", kind, secret],
            input=lines, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        return run.stdout + run.stderr


def _quoted(value: str | int) -> str:
    """As text, where it is not octets or an address; radclient expands nothing within single quotes."""
    plain = not isinstance(value, str) or value.startswith(("0x", "127."))
    return str(value) if plain else f"'{value}'"


@contextmanager
def operator_house(
    folder: Path,
    port: int,
    settings: str = "accept_software_keys = true",
    boxes: str = "",
    radius_user: str = "",
) -> Iterator[OperatorHouse]:
    """Ledger, broker, operatord and FreeRADIUS, started; `port` and the nine after it are used."""
    os.chmod(folder, 0o755)  # noqa: PTH101 FreeRADIUS may run as somebody else
    with ledger_house(folder, port, settings) as ledger, Household(folder / "logs") as household:
        house = OperatorHouse(ledger, household, port + 1, folder / "operator")
        house.write(
            boxes.replace("{provider}", str(house.provider.public)),
            das_port=port + 8,
            radius_user=radius_user,
        )
        house.open_shop()
        house.start()
        house.start_radius()
        yield house
