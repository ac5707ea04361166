"""The stage: the network, and the real components started on it, each by its own command as an operator would start
it.

    operator   mosquitto, the ledger         box    apd, with a software TPM beside it         stations   wallets

What comes out is a `Stage` on which story.py plays. State lies in the sandbox's private /run and goes with it; logs
lie in the output folder and stay.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from apd.shells.control import ask_status
from device.choice import PinnedLedger
from device.wallet import Wallet, create_wallet
from lab.air import BACKHAUL_INTERFACE, BOX_INTERFACE, OPERATOR_V4, Lab, lab
from lab.broker import Broker, broker
from lab.certificates import Authority, Identity
from lab.demo.bank import Bank
from lab.demo.cast import (
    AIR_BPS,
    ANCHOR_INTERVAL_S,
    CAST,
    DOWNLINK_CAPACITY_BPS,
    PERIOD_S,
    REPORT_INTERVAL_S,
    UPLINK_CAPACITY_BPS,
    Role,
)
from lab.ledger_process import HTTP_PORT, format_ledger_section, start_ledger, wait_for_ledger, write_private
from lab.processes import Child, Household
from lab.software_tpm import SoftwareTpm
from ledger.genesis import Genesis
from wire.keys import PrivateKey

STATE = Path("/run")
"""The sandbox's own: short paths, as a socket's may have 107 bytes, and gone when it ends."""
READY_DEADLINE_S = 30.0


@dataclass(slots=True)
class Stage:
    """Everything that runs, and the keys of everybody."""

    network: Lab
    household: Household
    folder: Path
    exchange: PrivateKey
    provider: PrivateKey
    ledger: PrivateKey
    ledger_id: bytes
    broker: Broker
    bank: Bank
    apd: Child
    wallets: dict[str, Wallet]
    remarks: list[str] = field(default_factory=list)
    python: str = sys.executable

    def wallet(self, role: Role) -> Wallet:
        return self.wallets[role.name]

    def nonce(self) -> bytes:
        return os.urandom(8)

    @property
    def control_socket(self) -> Path:
        return self.folder / "apd.sock"


@contextmanager
def set_stage(logs: Path, tell: Callable[[str], None]) -> Iterator[Stage]:
    """The whole stage, for the length of a block; `tell` hears what is being set up. Raises ShellError."""
    folder = Path(tempfile.mkdtemp(prefix="demo-", dir=STATE))
    tell("the air: namespaces, bridges, a shared limit")
    with (
        lab(len(CAST), downlink_bps=AIR_BPS, uplink_bps=AIR_BPS) as network,
        Household(logs) as household,
        SoftwareTpm(folder / "tpm") as tpm,
    ):
        keys = {name: PrivateKey.generate() for name in ("ledger", "exchange", "provider")}
        genesis = Genesis((keys["ledger"].public,), keys["exchange"].public, int(time.time()), PERIOD_S)
        authority = Authority.create(folder / "pki")
        identities = {name: authority.issue_client(name, key.key) for name, key in keys.items()}
        tell("the broker: mosquitto, mutual TLS")
        mosquitto = broker(
            household,
            network.operator,
            str(OPERATOR_V4.ip),
            authority=authority,
            ledger_account="ledger",
            folder=folder / "broker",
        )
        mosquitto.start()
        tell("the ledger: contract, log, HTTP")
        host = str(OPERATOR_V4.ip)
        wait_for_ledger(
            start_ledger(
                household, network.operator, folder, host, genesis, keys["ledger"], identities["ledger"], tpm
            )
        )
        pinned = PinnedLedger(keys["ledger"].public, genesis.ledger_id)
        wallets = {role.name: create_wallet(folder / f"{role.name}.pem", pinned) for role in CAST}
        bank = Bank(
            namespace=network.operator,
            broker=(str(OPERATOR_V4.ip), mosquitto.port),
            url=f"http://{OPERATOR_V4.ip}:{HTTP_PORT}",
            identity=identities["exchange"],
            keys=keys,
            ledger_id=pinned.ledger_id,
            everybody=[],
        )
        tell("accounts, deposits, the offer")
        bank.open_accounts(wallets)
        bank.post_offer()
        tell("the access point: apd, HTB, nftables, TPM enrolment")
        apd = _start_apd(household, network, folder, keys, identities["provider"], pinned, tpm)
        stage = Stage(
            network=network,
            household=household,
            folder=folder,
            exchange=keys["exchange"],
            provider=keys["provider"],
            ledger=keys["ledger"],
            ledger_id=pinned.ledger_id,
            broker=mosquitto,
            bank=bank,
            apd=apd,
            wallets=wallets,
            remarks=_spoken(apd),
        )
        apd.wait_for(lambda: _sells(stage), "an enrolled box with an offer", READY_DEADLINE_S)
        yield stage


def _start_apd(
    household: Household,
    network: Lab,
    folder: Path,
    keys: dict[str, PrivateKey],
    identity: Identity,
    pinned: PinnedLedger,
    tpm: SoftwareTpm,
) -> Child:
    write_private(folder / "provider.pem", keys["provider"].to_pem())
    settings = folder / "apd.toml"
    settings.write_text(
        f"""\
[box]
report_interval_s = {REPORT_INTERVAL_S}
anchor_interval_s = {ANCHOR_INTERVAL_S}

[shaper]
interface = "{BOX_INTERFACE}"
wan_interface = "{BACKHAUL_INTERFACE}"
downlink_capacity_bps = {DOWNLINK_CAPACITY_BPS}
uplink_capacity_bps = {UPLINK_CAPACITY_BPS}

{format_ledger_section(str(OPERATOR_V4.ip), identity, pinned.key, pinned.ledger_id)}
[meter]
tpm = "{tpm.tcti}"

[files]
provider_key_file = "provider.pem"
store = "apd.sqlite"
control_socket = "apd.sock"
"""
    )
    words: list[str | Path] = [sys.executable, "-m", "apd", "run", settings]
    child = household.start("apd", words, namespace=network.box)
    child.wait_for_line('"ready"', READY_DEADLINE_S)
    return child


def _spoken(apd: Child) -> list[str]:
    """What the daemon said about this kernel: fallbacks that a reader of the report should know."""
    notes = [json.loads(line) for line in apd.said.splitlines() if line.startswith("{")]
    return [note["text"] for note in notes if note["what"] == "capability"]


def _sells(stage: Stage) -> bool:
    status = ask_status(stage.control_socket)
    return bool(status["enrolled"] and status["offer"] and not status["records"]["unacknowledged"])
