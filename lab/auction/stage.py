"""The stage: the network of lab/air.py, and on it the real programs of everybody.

    operator   mosquitto, the ledger with its clearing house        box   apd with [auction]        stations   wallets

State lies in the sandbox's private /run and goes with it; logs lie in the output folder and stay.
"""

import json
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apd.shells.control import ask_status
from device.choice import PinnedLedger
from device.wallet import Wallet, create_wallet
from lab.air import (
    BACKHAUL_INTERFACE,
    BOX_INTERFACE,
    OPERATOR_V4,
    STATION_INTERFACE,
    Lab,
    Station,
    lab,
)
from lab.auction.cast import BIDDERS, DEPOSITS_UBC, OPEN_S, SLOTS, STATIONS, UNIT, UNITS, standing_offer
from lab.broker import broker
from lab.certificates import Authority, Identity
from lab.demo.bank import Bank
from lab.ledger_process import HTTP_PORT, format_ledger_section, start_ledger, wait_for_ledger, write_private
from lab.processes import Child, Household, wait_until
from ledger.genesis import Genesis
from wire.create import Create
from wire.errors import ShellError
from wire.keys import PrivateKey
from wire.money_actions import Deposit

STATE = Path("/run")
"""The sandbox's own: short paths, as a socket's may have 107 bytes, and gone when it ends."""
READY_DEADLINE_S = 60.0
COMMAND_DEADLINE_S = 60.0
PERIOD_S = 60
REPORT_INTERVAL_S = 5
AIR_BPS = 60_000_000
CAPACITY_BPS = UNITS * UNIT.floor_down_bps + UNIT.floor_down_bps // 2
UPLINK_CAPACITY_BPS = UNITS * UNIT.floor_up_bps + UNIT.floor_up_bps // 2
"""Half a unit more than can be sold."""
APD_SETTINGS = "apd.toml"
CLEARING_SECTION = """
[clearing]
database = "clearing.db"
"""


@dataclass(slots=True)
class Stage:
    """Everything that runs, and the keys of everybody."""

    network: Lab
    household: Household
    folder: Path
    bank: Bank
    apd: Child
    owner: PrivateKey
    pinned: PinnedLedger
    wallets: Mapping[str, Wallet]
    slot_s: int
    start_up_s: float
    """How long `airgrant bid` needs here before it says its first word."""

    def station(self, name: str) -> Station:
        return self.network.station(1 + STATIONS.index(name))

    def status(self) -> dict[str, Any]:
        """What `apd status` shows."""
        return ask_status(self.folder / "apd.sock")

    def page(self, path: str) -> dict[str, Any]:
        """Of the ledger or of the house."""
        return self.bank.read(lambda reader: reader.get(path))

    def command(self, name: str, *words: str | Path) -> dict[str, Any]:
        """What a command says with --json, at the operator. Raises ShellError if it says nothing."""
        argv: list[str | Path] = [sys.executable, "-m", "airgrant", *words, "--json"]
        child = self.household.start(name, argv, namespace=self.network.operator)
        child.wait(COMMAND_DEADLINE_S)
        if "{" not in child.said:
            raise ShellError(" ".join(map(str, words)), child.tail())
        return dict(json.loads(child.said[child.said.index("{") :]))

    def restart_box(self) -> None:
        """Its program is killed, as by a fault, and started again. Returns when it serves. Raises ShellError."""
        self.apd.kill()
        self.apd = _run_apd(self.household, self.network, self.folder / APD_SETTINGS)

    def stop_pushing(self) -> None:
        """All that floods."""
        for child in self.household.children:
            if child.name.startswith("flood-"):
                child.stop()

    def settle_meter(self) -> None:
        """Returns when no session is left, and the ledger has acknowledged every record. Raises TimeoutError."""

        def is_settled() -> bool:
            status = self.status()
            records = status["records"]
            return not status["sessions"] and not records["unsigned"] and not records["unacknowledged"]

        wait_until(is_settled, "every record's receipt", READY_DEADLINE_S)


def sold_units(tc_classes: str) -> int:
    """What the kernel keeps for stations towards them, in units: from `tc class show` of the box's interface."""
    floors = (
        match[1]
        for match in re.finditer(
            r"^class htb \S+ parent \S+ leaf .* rate (\w+) ceil", tc_classes, re.MULTILINE
        )
    )
    return sum(_bps(rate) // UNIT.floor_down_bps for rate in floors)


def _bps(rate: str) -> int:
    match = re.fullmatch(r"(\d+)([KMG]?)bit", rate)
    if match is None:
        raise ShellError("tc class show", f"{rate!r} is no rate")
    return int(match[1]) * {"": 1, "K": 10**3, "M": 10**6, "G": 10**9}[match[2]]


@contextmanager
def set_stage(logs: Path, slot_s: int, tell: Callable[[str], None]) -> Iterator[Stage]:
    """The whole stage, for the length of a block. Raises ShellError."""
    folder = Path(tempfile.mkdtemp(prefix="auction-", dir=STATE))
    host = str(OPERATOR_V4.ip)
    with (
        lab(len(STATIONS), downlink_bps=AIR_BPS, uplink_bps=AIR_BPS) as network,
        Household(logs) as household,
    ):
        keys = {name: PrivateKey.generate() for name in ("ledger", "exchange", "provider")}
        genesis = Genesis((keys["ledger"].public,), keys["exchange"].public, int(time.time()), PERIOD_S)
        authority = Authority.create(folder / "pki")
        identities = {name: authority.issue_client(name, key.key) for name, key in keys.items()}
        mosquitto = broker(
            household,
            network.operator,
            host,
            authority=authority,
            ledger_account="ledger",
            folder=folder / "broker",
        )
        mosquitto.start()
        ledger = start_ledger(
            household, network.operator, folder, host, genesis, keys["ledger"], identities["ledger"], None,
            more=CLEARING_SECTION,
        )  # fmt: skip
        wait_for_ledger(ledger)
        tell("the operator's broker, ledger and clearing house run")
        pinned = PinnedLedger(keys["ledger"].public, genesis.ledger_id)
        wallets = {name: create_wallet(folder / f"{name}.pem", pinned) for name in BIDDERS}
        bank = Bank(
            namespace=network.operator,
            broker=(host, mosquitto.port),
            url=f"http://{host}:{HTTP_PORT}",
            identity=identities["exchange"],
            keys=keys,
            ledger_id=pinned.ledger_id,
            everybody=[keys["provider"].public, *(wallet.account for wallet in wallets.values())],
        )
        start_up_s = _time_start_up(household)
        slot_s = next(
            (one for one in (slot_s, 30, 40, 60) if one >= slot_s and _is_long_enough(one, start_up_s)), 120
        )
        _open_accounts(bank, keys, wallets, slot_s)
        apd = _start_apd(household, network, folder, keys, identities["provider"], pinned)
        stage = Stage(
            network, household, folder, bank, apd, keys["provider"], pinned, wallets, slot_s, start_up_s
        )
        apd.wait_for(lambda: _is_ready(stage), "an enrolled box with an offer", READY_DEADLINE_S)
        tell(f"the box is enrolled: {UNITS} units, of which it sells slots of {slot_s} s at auctions")
        yield stage


def _is_long_enough(slot_s: int, start_up_s: float) -> bool:
    """Between two clearings somebody has to hear how the first went, start again, and bid."""
    return slot_s >= 14 + 4 * start_up_s


def _time_start_up(household: Household) -> float:
    begun_s = time.monotonic()
    child = household.start("start-up", [sys.executable, "-m", "airgrant", "bid", "--help"])
    child.wait(READY_DEADLINE_S)
    return time.monotonic() - begun_s


def _open_accounts(
    bank: Bank, keys: Mapping[str, PrivateKey], wallets: Mapping[str, Wallet], slot_s: int
) -> None:
    provider, exchange = keys["provider"], keys["exchange"]
    bank.submit([(Create(provider.public), provider), (standing_offer(slot_s), provider)])
    bank.submit([(Create(wallet.account), wallet.key) for wallet in wallets.values()])
    bank.submit([(Deposit(wallets[name].account, ubc), exchange) for name, ubc in DEPOSITS_UBC.items()])


def _start_apd(
    household: Household,
    network: Lab,
    folder: Path,
    keys: Mapping[str, PrivateKey],
    identity: Identity,
    pinned: PinnedLedger,
) -> Child:
    write_private(folder / "provider.pem", keys["provider"].to_pem())
    settings = folder / APD_SETTINGS
    settings.write_text(
        f"""\
[box]
report_interval_s = {REPORT_INTERVAL_S}

[shaper]
interface = "{BOX_INTERFACE}"
wan_interface = "{BACKHAUL_INTERFACE}"
downlink_capacity_bps = {CAPACITY_BPS}
uplink_capacity_bps = {UPLINK_CAPACITY_BPS}

[auction]
slots = {SLOTS}
open_s = {OPEN_S}

{format_ledger_section(str(OPERATOR_V4.ip), identity, pinned.key, pinned.ledger_id)}
[meter]
software_key_file = "meter.pem"
accept_unattested = true

[files]
provider_key_file = "provider.pem"
store = "apd.sqlite"
control_socket = "apd.sock"
"""
    )
    return _run_apd(household, network, settings)


def _run_apd(household: Household, network: Lab, settings: Path) -> Child:
    words: list[str | Path] = [sys.executable, "-m", "apd", "run", settings]
    child = household.start("apd", words, namespace=network.box)
    child.wait_for_line('"ready"', READY_DEADLINE_S)
    return child


def _is_ready(stage: Stage) -> bool:
    status = stage.status()
    return bool(status["enrolled"] and status["offer"])


def bid_words(
    stage: Stage, name: str, down_bps: int, seconds: int, worth: str, within_s: int
) -> list[str | Path]:
    """The command, as a user types it."""
    return [
        sys.executable, "-m", "airgrant", "bid", "--json", "--wallet", stage.wallets[name].path,
        "--interface", STATION_INTERFACE, "--over", "lobby", "--down", str(down_bps), "--for", f"{seconds}s",
        "--worth", worth, "--within", f"{within_s}s",
    ]  # fmt: skip
