"""The Wi-Fi stage: every part of the product on virtual radios, each started by its own command as an operator would.

    operator   mosquitto, the ledger, operatord, FreeRADIUS     box1, box2   hostapd, apd, a TPM (swtpm) each
    world      traffic servers                                  sta1 ...     wpa_supplicant, wallets

Each box has an account of its own, as an account has one meter; they are partners, and honour each other's grants.

Stock hostapd, wpa_supplicant and FreeRADIUS; FreeRADIUS's settings are those of `operatord freeradius`. What comes
out is a `WifiStage`, on which lab/wifi/scenarios.py and the tests in the guest play. State lies in the guest's
private /run.
"""

import contextlib
import io
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from apd.shells.control import ask_status
from device.choice import PinnedLedger, Wish
from device.library import Over, Progress, Session, Way, buy
from device.wallet import Wallet, create_wallet
from lab.broker import Broker, broker
from lab.certificates import Authority, Identity
from lab.demo.bank import Bank
from lab.ledger_process import HTTP_PORT, format_ledger_section, start_ledger, wait_for_ledger, write_private
from lab.processes import Child, Household
from lab.software_tpm import SoftwareTpm
from lab.traffic import TrafficServers
from lab.wifi.air import BACKHAUL_INTERFACE, BRIDGE, OPERATOR_V4, RADIO_INTERFACE, Box, WifiAir, wifi_air
from lab.wifi.hostapd import Bss, Hostapd, LobbyBss, PaidBss, start_hostapd
from lab.wifi.radius import start_freeradius
from lab.wifi.supplicant import Supplicant, start_supplicant
from lab.world import WORLD_V4
from ledger.genesis import Genesis
from operatord.__main__ import main as operator_command
from operatord.shells.control import ask as ask_operator
from wire.band import Band
from wire.create import Create
from wire.errors import ShellError
from wire.keys import PrivateKey
from wire.post_offer import PostOffer
from wire.qos import Qos

SSID, LOBBY_SSID = "airgrant", "airgrant lobby"
LOBBY_INTERFACE = "lobby0"
SECRET = "6c61622773207365637265740a"  # noqa: S105 - of a lab that ends with its run
READY_DEADLINE_S = 90.0
"""Everything is emulated: a daemon of ours needs five to ten seconds."""
INACTIVITY_S = 15
DOWNLINK_CAPACITY_BPS, UPLINK_CAPACITY_BPS = 12_000_000, 8_000_000
UNIT = Qos(floor_down_bps=500_000, ceil_down_bps=1_000_000, floor_up_bps=250_000, ceil_up_bps=500_000)
"""Small, as an emulated radio chooses slow rates and the airtime that they take is sold: a buyer of two takes a
fifth.
"""
UNIT_PRICE_UBC = 20_000
BAND = Band(from_frequency_khz=2_402_000, to_frequency_khz=2_422_000, bandwidth_khz=20_000)
PERIOD_S = 60
REPORT_INTERVAL_S, ANCHOR_INTERVAL_S = 5, 60
STATE = Path("/run")
MADE = Path(__file__).parents[2] / "build" / "guest" / "tpms"
"""TPMs as they left the factory, for all runs."""
SILENT_AFTER_S = 30
"""A station that left without a word keeps its grant from others for so long (operatord; a product waits longer)."""


def terms(duration_s: int) -> PostOffer:
    """What is for sale: units of half a megabit per second, for so long."""
    return PostOffer(
        price_ubc=UNIT_PRICE_UBC,
        band=BAND,
        max_allocations=200,
        allocation_duration_s=duration_s,
        qos=UNIT,
    )


@dataclass(frozen=True, slots=True)
class Verified:
    """Meter records that there are, and those in which everything holds."""

    count: int
    verified: int


@dataclass(slots=True)
class AccessPoint:
    """One box with what runs on it."""

    box: Box
    folder: Path
    hostapd: Hostapd
    tpm: SoftwareTpm
    apd: Child

    @property
    def name(self) -> str:
        return self.box.name

    @property
    def control_socket(self) -> Path:
        return self.folder / "apd.sock"

    def status(self) -> dict[str, Any]:
        return ask_status(self.control_socket)

    def notes(self) -> list[dict[str, Any]]:
        """What the daemon told its operator so far."""
        return [json.loads(line) for line in self.apd.said.splitlines() if line.startswith("{")]

    def settled(self) -> bool:
        status = self.status()
        records = status["records"]
        running = [each for each in status["sessions"] if each["phase"] != "closed"]
        return not (running or records["unsigned"] or records["unacknowledged"])

    def duration_s(self) -> int:
        """For how long it sells now."""
        return int(self.status()["offer"]["allocation_duration_s"])

    def sells(self) -> bool:
        status = self.status()
        return bool(status["enrolled"] and status["offer"] and status["air"]["network_known"])


@dataclass(slots=True)
class WifiStage:
    """Everything that runs, and the keys of everybody."""

    air: WifiAir
    household: Household
    folder: Path
    keys: Mapping[str, PrivateKey]
    ledger_id: bytes
    broker: Broker
    bank: Bank
    access_points: tuple[AccessPoint, ...]
    supplicants: tuple[Supplicant, ...]
    operatord: Child
    freeradius: Child
    servers: TrafficServers
    wallets: dict[str, Wallet] = field(default_factory=dict)
    reassociated: set[str] = field(default_factory=set)
    """Grants whose station associated anew without leaving: what hostapd had counted before, it never tells."""

    @property
    def pinned(self) -> PinnedLedger:
        return PinnedLedger(self.keys["ledger"].public, self.ledger_id)

    def access_point(self, number: int = 1) -> AccessPoint:
        return self.access_points[number - 1]

    def supplicant(self, number: int) -> Supplicant:
        """Of station `number`, counted from 1."""
        return self.supplicants[number - 1]

    def open_accounts(self, *names: str) -> list[Wallet]:
        """Wallets with money, one for each name."""
        made = {name: create_wallet(self.folder / f"{name}.pem", self.pinned) for name in names}
        self.bank.open_accounts(made)
        self.wallets |= made
        return list(made.values())

    def way(self, number: int, over: Over) -> Way:
        """How station `number` reaches access points."""
        station = self.air.station(number)
        return Way(station.interface, over, self.supplicant(number).socket.parent)

    def buy(
        self,
        number: int,
        wallet: Wallet,
        units: int = 2,
        over: Over = Over.AIR,
        progress: Progress | None = None,
    ) -> Session:
        """Station `number` buys and joins, in this process; its sockets are in its own namespace."""
        station = self.air.station(number)
        wish = Wish(units * UNIT.floor_down_bps, units * UNIT.floor_up_bps)
        return station.namespace.call(lambda: buy(wallet, self.way(number, over), wish, progress))

    def post(self, duration_s: int) -> None:
        """Everybody sells for so long from now on; returns when every access point shows it."""
        self.bank.submit([(terms(duration_s), self.keys[each.name]) for each in self.access_points])
        for each in self.access_points:
            each.apd.wait_for(lambda each=each: each.duration_s() == duration_s, "the new offer")  # type: ignore[misc]

    def operator(self, *words: str, check: bool = True) -> str:
        """What a command of operatord says."""
        command, *rest = words
        argv = [sys.executable, "-m", "operatord", command, str(self.folder / "operatord.toml"), *rest]
        child = self.household.start(f"operator-{command}", argv, namespace=self.air.operator)
        status = child.wait(READY_DEADLINE_S)
        if check and status:
            raise ShellError(f"operatord {command}", child.tail())
        return child.said

    def settle(self) -> None:
        """Until no session runs, and every record of every box has its receipt."""
        for each in self.access_points:
            try:
                each.apd.wait_for(each.settled, "every record's receipt", READY_DEADLINE_S)
            except ShellError as error:
                raise ShellError(each.name, f"{error}; status: {each.status()}") from error

    def verify_reports(self) -> Verified:
        """Every meter record of every box, by the command that anybody can run."""
        words = [sys.executable, "-m", "airgrant", "report", "verify", "--ledger", self.bank.url, "--json"]
        child = self.household.start("auditor", words, namespace=self.air.operator)
        if child.wait(READY_DEADLINE_S) not in (0, 1):
            raise ShellError("airgrant report verify", child.tail())
        page = json.loads(child.said[child.said.index("{") :])
        records = [record for chain in page["chains"] for record in chain["records"]]
        good = sum(all(found["ok"] for found in record["findings"]) for record in records)
        return Verified(len(records), good)

    def operator_status(self) -> dict[str, Any]:
        status: dict[str, Any] = ask_operator(self.folder / "operator" / "operatord.sock", {"ask": "status"})
        return status


@contextmanager
def set_wifi_stage(
    logs: Path,
    tell: Callable[[str], None],
    *,
    boxes: int = 2,
    stations: int = 4,
    duration_s: int = 120,
    beside: Sequence[tuple[str, Bss]] = (),
) -> Iterator[WifiStage]:
    """The whole stage, for the length of a block; `tell` hears what is being set up. Raises ShellError.

    `beside` are more BSSes of the first access point: (interface, settings).
    """
    folder = Path(tempfile.mkdtemp(prefix="wifi-", dir=STATE))
    with ExitStack() as stack:
        tell("radios, namespaces, bridges")
        air = stack.enter_context(wifi_air(boxes, stations))
        household = stack.enter_context(Household(logs))
        tell("TPMs of one maker")
        tpms = [stack.enter_context(_made_before(folder, box.number)) for box in air.boxes]
        yield _build(air, household, folder, tpms, tell, duration_s, beside)


def _made_before(folder: Path, number: int) -> SoftwareTpm:
    """A TPM of the lab's one maker; as it takes long in the guest, a copy of what an earlier run made, if there is
    one.
    """
    name = f"tpm{number}"
    if not (MADE / name / "state").is_dir():
        if (MADE / "maker").is_dir():
            shutil.copytree(MADE / "maker", folder / "new" / "maker", dirs_exist_ok=True)
        fresh = SoftwareTpm(folder / "new" / name, folder / "new" / "maker")
        with fresh:
            pass
        shutil.copytree(
            folder / "new", MADE, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.sock*", "log")
        )
    shutil.copytree(MADE / name, folder / name)
    return SoftwareTpm(folder / name, MADE / "maker")


def _build(
    air: WifiAir,
    household: Household,
    folder: Path,
    tpms: Sequence[SoftwareTpm],
    tell: Callable[[str], None],
    duration_s: int,
    beside: Sequence[tuple[str, Bss]],
) -> WifiStage:
    keys = {name: PrivateKey.generate() for name in ("ledger", "exchange", "operator", *_names(air))}
    genesis = Genesis((keys["ledger"].public,), keys["exchange"].public, int(time.time()), PERIOD_S)
    authority = Authority.create(folder / "pki")
    identities = {name: authority.issue_client(name, PrivateKey.generate().key) for name in keys}
    host = str(OPERATOR_V4.ip)
    tell("the broker; then all daemons at once")
    mosquitto = broker(
        household, air.operator, host, authority=authority, ledger_account="ledger", folder=folder / "broker"
    )
    mosquitto.start()
    ledger = start_ledger(
        household, air.operator, folder, host, genesis, keys["ledger"], identities["ledger"], tpms[0]
    )
    operatord, freeradius = _start_operator(air, household, folder, keys, identities["operator"], genesis)
    access_points = tuple(
        _start_box(
            household,
            box,
            folder / box.name,
            [*_bsses(folder, box), *(beside if box.number == 1 else ())],
            keys,
            identities[box.name],
            genesis,
            tpm,
        )
        for box, tpm in zip(air.boxes, tpms, strict=True)
    )
    supplicants = tuple(
        start_supplicant(household, station.namespace, folder, station.name) for station in air.stations
    )
    tell("the ledger: accounts, the offer")
    wait_for_ledger(ledger)
    bank = Bank(
        namespace=air.operator,
        broker=(host, mosquitto.port),
        url=f"http://{host}:{HTTP_PORT}",
        identity=identities["exchange"],
        keys=keys,
        ledger_id=genesis.ledger_id,
        everybody=[keys[name].public for name in ("operator", *_names(air))],
    )
    sellers = [keys[name] for name in _names(air)]
    bank.submit([(Create(key.public), key) for key in (keys["operator"], *sellers)])
    bank.submit([(terms(duration_s), key) for key in sellers])
    operatord.wait_for_line("operatord ready", READY_DEADLINE_S)
    for access_point in access_points:
        tell(f"{access_point.name}: an enrolled box with an offer")
        access_point.apd.wait_for_line('"ready"', READY_DEADLINE_S)
        access_point.apd.wait_for(access_point.sells, "an enrolled box with an offer", READY_DEADLINE_S)
    return WifiStage(
        air=air,
        household=household,
        folder=folder,
        keys=keys,
        ledger_id=genesis.ledger_id,
        broker=mosquitto,
        bank=bank,
        access_points=access_points,
        supplicants=supplicants,
        operatord=operatord,
        freeradius=freeradius,
        servers=TrafficServers(household, air.world, str(WORLD_V4.ip)),
    )


def _start_operator(
    air: WifiAir,
    household: Household,
    folder: Path,
    keys: Mapping[str, PrivateKey],
    identity: Identity,
    genesis: Genesis,
) -> tuple[Child, Child]:
    """Operatord (starting) and FreeRADIUS, set up by operatord's own commands."""
    write_private(folder / "operator-account.pem", keys["operator"].to_pem())
    write_private(folder / "box.secret", f"{SECRET}\n".encode())
    host = str(OPERATOR_V4.ip)
    boxes = "".join(
        f'[boxes.{box.name}]\nprovider = "{keys[box.name].public}"\naddress = "{box.v4.ip}"\n'
        f'secret = "box.secret"\n\n'
        for box in air.boxes
    )
    street = ", ".join(f'"{keys[name].public}"' for name in _names(air))
    settings = folder / "operatord.toml"
    settings.write_text(
        f"""\
[operator]
key = "operator-account.pem"
state = "operator"
silent_after_s = {SILENT_AFTER_S}

[ledger]
url = "http://{host}:{HTTP_PORT}"
key = "{keys["ledger"].public}"
ledger_id = "{genesis.ledger_id.hex()}"

[broker]
host = "{host}"
authority = "{identity.authority}"
certificate = "{identity.certificate}"
key = "{identity.key}"

[radius]
address = "{host}"
certificate = "server.pem"
key = "server.key"

{boxes}[groups]
street = [{street}]
"""
    )
    for words in (
        ["certificate", str(settings)],
        ["freeradius", str(settings), "--out", str(folder / "radius"), "--user", "root"],
    ):
        if operator_command(words):
            raise ShellError(f"operatord {words[0]}", "failed; what it said is above")
    run: list[str | Path] = [sys.executable, "-m", "operatord", "run", settings]
    operatord = household.start("operatord", run, namespace=air.operator)
    return operatord, start_freeradius(household, air.operator, folder / "radius")


def _names(air: WifiAir) -> list[str]:
    return [box.name for box in air.boxes]


def _names_of(keys: Mapping[str, PrivateKey]) -> list[str]:
    """Of the access points, each of which has an account: an account has one meter (docs/decisions/0007)."""
    return [name for name in keys if name.startswith("box")]


def _bsses(folder: Path, box: Box) -> list[tuple[str, Bss]]:
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        words = [
            "hostapd",
            str(folder / "operatord.toml"),
            "--box",
            box.name,
            "--server",
            str(OPERATOR_V4.ip),
        ]
        status = operator_command(words)
    if status:
        raise ShellError("operatord hostapd", f"status {status}")
    paid = PaidBss(SSID, tuple(said.getvalue().splitlines()), bridge=BRIDGE, inactivity_s=INACTIVITY_S)
    return [(RADIO_INTERFACE, paid), (LOBBY_INTERFACE, LobbyBss(LOBBY_SSID))]


def _start_box(
    household: Household,
    box: Box,
    folder: Path,
    bsses: Sequence[tuple[str, Bss]],
    keys: Mapping[str, PrivateKey],
    identity: Identity,
    genesis: Genesis,
    tpm: SoftwareTpm,
) -> AccessPoint:
    folder.mkdir()
    hostapd = start_hostapd(household, box.namespace, folder, bsses, name=f"hostapd-{box.name}")
    write_private(folder / "provider.pem", keys[box.name].to_pem())
    partners = ", ".join(f'"{keys[name].public}"' for name in _names_of(keys) if name != box.name)
    settings = folder / "apd.toml"
    settings.write_text(
        f"""\
[box]
report_interval_s = {REPORT_INTERVAL_S}
anchor_interval_s = {ANCHOR_INTERVAL_S}

[shaper]
interface = "{RADIO_INTERFACE}"
wan_interface = "{BACKHAUL_INTERFACE}"
downlink_capacity_bps = {DOWNLINK_CAPACITY_BPS}
uplink_capacity_bps = {UPLINK_CAPACITY_BPS}

[air]
hostapd_socket = "{hostapd.sockets / RADIO_INTERFACE}"
operator = "{keys["operator"].public}"
lobby_interface = "{LOBBY_INTERFACE}"
partners = [{partners}]

{format_ledger_section(str(OPERATOR_V4.ip), identity, keys["ledger"].public, genesis.ledger_id)}
[meter]
tpm = "{tpm.tcti}"

[files]
provider_key_file = "provider.pem"
store = "apd.sqlite"
control_socket = "apd.sock"
"""
    )
    words: list[str | Path] = [sys.executable, "-m", "apd", "run", settings]
    apd = household.start(f"apd-{box.name}", words, namespace=box.namespace)
    return AccessPoint(box, folder, hostapd, tpm, apd)


def resident_bytes(child: Child) -> int:
    """Resident memory of a daemon (proc(5), status)."""
    for line in Path(f"/proc/{child.process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1_024
    raise ShellError(child.name, "does not say its resident memory")


def nonce() -> bytes:
    return os.urandom(8)
