r"""The stage: two operators with their access points, three devices, one ledger, and the real programs of each.

    ada   bea   cem        a cable from each to the air of each access point, which is a switch
      \\  ||  //
     roof     yard         apd, the box's program, each beside what stands for its hostapd (access_point.py)
         \   /
         world             mosquitto, the ledger; of each operator operatord and payouts; the merchants' program

State lies in the sandbox's private /run and goes with it; logs lie in the output folder and stay.
"""

import base64
import ipaddress
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from apd.shells.control import ask_status
from device.wallet import Wallet, create_wallet, load_wallet
from lab.broker import MQTT_TLS_PORT, OPERATOR, broker
from lab.certificates import Authority, Identity
from lab.demo.bank import OFFER, Bank
from lab.ledger_process import (
    HTTP_PORT,
    format_ledger_section,
    start_ledger,
    wait_for_ledger,
    write_private,
)
from lab.namespaces import Namespace, Port, namespaces, plug
from lab.pay.access_point import COUNT_WHAT_COMES, DAS_PORT, AccessPoint, Station
from lab.pay.cast import (
    BSSIDS,
    CEIL_BPS,
    COLLECT_S,
    COMMISSION_PPM,
    DEVICES,
    FLOOR_BPS,
    INTERVAL_S,
    OPERATORS,
    OWNERS,
    PER_MINUTE_UBC,
    POINTS,
    PURSE_UBC,
    TIMES,
)
from lab.pay.radio import Radio, open_radio
from lab.processes import Child, Household, wait_until
from lab.world import forward
from ledger.entries import read_entry
from ledger.genesis import Genesis
from ledger.payplace.entries import PayOperator, operator_key
from ledger.payplace.pages import PayChannelPage, PayOperatorPage
from wire.create import Create
from wire.errors import ShellError
from wire.ids import MacAddress
from wire.keys import PrivateKey
from wire.micropayment import instance_of
from wire.money_actions import Deposit
from wire.payplace_deposit import PayplaceDeposit, Split
from wire.tariff import PAYMENT_PORT

STATE = Path("/run")
ROOT = Path(__file__).parents[2]
BROKER_HOST = "10.99.0.1"
MONITOR = "airmon0"
REPORT_S = 3
CAPACITY_BPS = 20_000_000
TARGET = "10.99.0.9"
"""What devices fetch from: a computer beyond the operators."""
PERIOD_S = 60
READY_DEADLINE_S = 60.0
COMMAND_DEADLINE_S = 40.0


@dataclass(frozen=True, slots=True)
class Operator:
    """`address`: where it takes payments; `url`: where its payouts are served."""

    name: str
    key: PrivateKey
    instance: bytes
    folder: Path
    address: str
    http_port: int
    url: str

    @property
    def payouts(self) -> Path:
        return self.folder / "payouts.toml"


@dataclass(slots=True)
class Stage:
    """Everything that runs, and the keys of everybody."""

    household: Household
    folder: Path
    world: Namespace
    spaces: dict[str, Namespace]
    bank: Bank
    operators: dict[str, Operator]
    owners: dict[str, PrivateKey]
    wallets: dict[str, Wallet]
    points: dict[str, AccessPoint]
    programs: dict[str, Child]

    def station(self, device: str, point: str) -> Station:
        address = _network(point) + str(11 + DEVICES.index(device))
        return Station(device, self.wallets[device].account, _mac(device), address, self.spaces[device])

    def command(self, *words: str | Path) -> dict[str, Any]:
        """What `airgrant ... --json` says, whatever its exit status."""
        child = self.household.start(
            f"{words[0]}-{Path(words[2]).stem}",
            [sys.executable, ROOT / "airgrant.py", *words],
            namespace=self.world,
        )
        child.wait(COMMAND_DEADLINE_S)
        lines = [line for line in child.said.splitlines() if line.startswith("{")]
        if not lines:
            raise ShellError(" ".join(map(str, words)), child.tail())
        return dict(json.loads(lines[-1]))

    def merchant_file(self, owner: str) -> Path:
        return self.folder / f"{owner}.toml"

    def operator_entry(self, name: str) -> PayOperator:
        """As the contract has it."""
        key = self.operators[name].key.public
        entry = read_entry(operator_key(key.key_id), base64.b64decode(self._operator_page(name).entry))
        assert isinstance(entry, PayOperator), entry
        return entry

    def ledger_time_s(self, name: str) -> int:
        return self._operator_page(name).now_s

    def channel_page(self, name: str, number: int) -> PayChannelPage:
        path = f"payplace/{self.operators[name].key.public}/channels/{number}"
        return self.bank.read(lambda reader: reader.read(PayChannelPage, path))

    def _operator_page(self, name: str) -> PayOperatorPage:
        path = f"payplace/{self.operators[name].key.public}"
        return self.bank.read(lambda reader: reader.read(PayOperatorPage, path))

    def settle_meters(self) -> None:
        """Returns when no box has anything that the ledger has not acknowledged. Raises TimeoutError."""

        def are_settled() -> bool:
            records = [ask_status(self.folder / point / "apd.sock")["records"] for point in POINTS]
            return not any(one["unsigned"] or one["unacknowledged"] for one in records)

        wait_until(are_settled, "every record's receipt", READY_DEADLINE_S)

    def metered(self) -> dict[str, int]:
        """Permit -> IP bytes towards its station, by the verified chains of both boxes. Raises ShellError."""
        words: list[str | Path] = [sys.executable, ROOT / "airgrant.py", "report", "verify", "--ledger"]
        child = self.household.start("auditor", [*words, self.bank.url, "--json"], namespace=self.world)
        if child.wait(COMMAND_DEADLINE_S) not in (0, 1):
            raise ShellError("airgrant report verify", child.tail())
        found: dict[str, int] = {}
        for chain in json.loads(child.said)["chains"]:
            for permit, use in chain["usage"].items():
                found[permit] = found.get(permit, 0) + int(use["down_bytes"])
        return found

    def start_payouts(self, operator: str) -> None:
        words: list[str | Path] = [sys.executable, ROOT / "airgrant.py", "payouts", "run"]
        words.append(self.operators[operator].payouts)
        self.programs[operator] = self.household.start(f"payouts-{operator}", words, namespace=self.world)
        self.programs[operator].wait_for_line("payouts ready", READY_DEADLINE_S)


@contextmanager
def set_stage(logs: Path, tell: Callable[[str], None]) -> Iterator[Stage]:
    """The whole stage, for the length of a block. Raises ShellError."""
    folder = Path(tempfile.mkdtemp(prefix="pay-", dir=STATE))
    with ExitStack() as stack:
        make = stack.enter_context(namespaces())
        household = stack.enter_context(Household(logs))
        names = ("world", *POINTS, *(f"{point}-air" for point in POINTS), *DEVICES)
        spaces = {name: make(name) for name in names}
        _lay_cables(spaces)
        tell("cables: three devices, two access points, and the operators behind them")
        keys = {name: PrivateKey.generate() for name in ("ledger", "exchange", *OPERATORS, *OWNERS.values())}
        bank, authority = _start_ledger(household, folder, spaces["world"], keys)
        wallets = {name: create_wallet(folder / f"{name}.pem") for name in DEVICES}
        _open_accounts(bank, keys, wallets)
        tell("the ledger runs, and everybody has an account")
        operators = {
            name: _write_operator(folder, number, name, keys, bank, authority)
            for number, name in enumerate(OPERATORS, 1)
        }
        secrets = {point: os.urandom(8).hex() for point in POINTS}
        for point, name in POINTS.items():
            (operators[name].folder / f"{point}.secret").write_text(secrets[point] + "\n")
        stage = Stage(
            household, folder, spaces["world"], spaces, bank, operators,
            {point: keys[owner] for point, owner in OWNERS.items()}, wallets, {}, {},
        )  # fmt: skip
        _write_merchants(stage, authority)
        for number, (point, name) in enumerate(POINTS.items(), 1):
            radio = stack.enter_context(_make_box(stage, point, authority))
            one = AccessPoint(
                point, spaces[point], spaces["world"], f"http://127.0.0.1:{operators[name].http_port}",
                f"10.92.{number}.2", secrets[point].encode(), radio, _start_box(stage, point),
            )  # fmt: skip
            stage.points[point] = stack.enter_context(one)
        _register(stage, tell)
        _deposit(stage)
        for point, box in stage.points.items():
            box.apd.wait_for(partial(_sells, stage, point), "an enrolled box with an offer", READY_DEADLINE_S)
        tell("both boxes are enrolled: their meters sign what they count")
        yield stage


def _lay_cables(spaces: dict[str, Namespace]) -> None:
    world = spaces["world"]
    world.ip(*(f"addr add {one}/32 dev lo" for one in ("10.99.0.1", "10.99.0.2", TARGET)))
    forward(world)
    for number, point in enumerate(POINTS, 1):
        box, air = spaces[point], spaces[f"{point}-air"]
        ours, theirs = (ipaddress.IPv4Interface(f"10.92.{number}.{end}/24") for end in (1, 2))
        plug(Port(world, point, addresses=(ours,)), Port(box, "wan0", addresses=(theirs,)))
        forward(box)
        box.ip(f"route add default via {ours.ip}")
        near = ipaddress.IPv4Interface(f"{_network(point)}1/24")
        air.ip("link add br0 type bridge", "link set br0 up")
        plug(Port(box, "wlan0", str(BSSIDS[point]), addresses=(near,)), Port(air, "box"))
        plug(Port(box, MONITOR), Port(air, MONITOR))
        world.ip(f"route add {near.network} via {theirs.ip}")
        for place, device in enumerate(DEVICES, 11):
            far = ipaddress.IPv4Interface(f"{_network(point)}{place}/24")
            plug(Port(air, device), Port(spaces[device], point, str(_mac(device)), addresses=(far,)))
        air.ip(*(f"link set {one} master br0" for one in ("box", *DEVICES)))
    for device in DEVICES:
        spaces[device].run(["nft", "-f", "-"], given=COUNT_WHAT_COMES)


def _network(point: str) -> str:
    """The first three numbers of its stations' addresses, and of its own, which is 1."""
    return f"10.91.{1 + list(POINTS).index(point)}."


def _mac(device: str) -> MacAddress:
    return MacAddress(b"\x02\0\0\0\x09" + bytes([1 + DEVICES.index(device)]))


def _start_ledger(
    household: Household, folder: Path, world: Namespace, keys: dict[str, PrivateKey]
) -> tuple[Bank, Authority]:
    authority = Authority.create(folder / "pki")
    ledger, exchange = keys["ledger"], keys["exchange"]
    identity = authority.issue_client(str(ledger.public), ledger.key, label="ledger")
    door = broker(
        household, world, BROKER_HOST, authority=authority, ledger_account=str(ledger.public),
        folder=folder / "broker",
    )  # fmt: skip
    door.start()
    genesis = Genesis((ledger.public,), exchange.public, int(time.time()) - 1, PERIOD_S)
    started = start_ledger(household, world, folder, BROKER_HOST, genesis, ledger, identity, None)
    wait_for_ledger(started)
    teller = authority.issue_client("exchange", exchange.key)
    url = f"http://{BROKER_HOST}:{HTTP_PORT}"
    bank = Bank(
        world, (BROKER_HOST, MQTT_TLS_PORT), url, teller, {"ledger": ledger, "exchange": exchange},
        genesis.ledger_id, [],
    )  # fmt: skip
    return bank, authority


@contextmanager
def _make_box(stage: Stage, point: str, authority: Authority) -> Iterator[Radio]:
    """Its files, and its radio for the length of a block."""
    folder, operator = stage.folder / point, stage.operators[POINTS[point]]
    folder.mkdir()
    write_private(folder / "provider.pem", stage.owners[point].to_pem())
    identity = authority.issue_client(point, PrivateKey.generate().key)
    (folder / "apd.toml").write_text(
        f"[box]\nreport_interval_s = {REPORT_S}\nanchor_interval_s = {4 * REPORT_S}\nsubmit_timeout_s = 2\n"
        f'[shaper]\ninterface = "wlan0"\ndownlink_capacity_bps = {CAPACITY_BPS}\n'
        f"uplink_capacity_bps = {CAPACITY_BPS}\n"
        f"{format_ledger_section(BROKER_HOST, identity, stage.bank.keys['ledger'].public, stage.bank.ledger_id)}"
        f'[meter]\nsoftware_key_file = "meter.pem"\naccept_unattested = true\n'
        f'[files]\nprovider_key_file = "provider.pem"\nstore = "apd.sqlite"\ncontrol_socket = "apd.sock"\n'
        f'[air]\nhostapd_socket = "hostapd"\noperator = "{operator.key.public}"\nmonitor = "{MONITOR}"\n'
        f'[tariff]\naddress = "{operator.address}"\nport = {PAYMENT_PORT}\ninterval_s = {INTERVAL_S}\n'
        f"per_minute_ubc = {PER_MINUTE_UBC}\nfloor_down_bps = {FLOOR_BPS}\nceil_down_bps = {CEIL_BPS}\n"
        f"floor_up_bps = {FLOOR_BPS}\nceil_up_bps = {CEIL_BPS}\n"
    )
    with open_radio(folder / "hostapd", BSSIDS[point]) as radio:
        yield radio


def _start_box(stage: Stage, point: str) -> Child:
    words: list[str | Path] = [sys.executable, "-m", "apd", "run", stage.folder / point / "apd.toml"]
    return stage.household.start(f"apd-{point}", words, namespace=stage.spaces[point])


def _sells(stage: Stage, point: str) -> bool:
    try:
        status = ask_status(stage.folder / point / "apd.sock")
    except ShellError:
        return False
    return bool(status["enrolled"] and status["offer"])


def _open_accounts(bank: Bank, keys: dict[str, PrivateKey], wallets: dict[str, Wallet]) -> None:
    holders = [keys[name] for name in (*OPERATORS, *OWNERS.values())]
    holders += [wallet.key for wallet in wallets.values()]
    bank.submit([(Create(key.public), key) for key in holders])
    bank.submit([(OFFER, keys[owner]) for owner in OWNERS.values()])
    bank.submit([(Deposit(wallet.account, PURSE_UBC), bank.keys["exchange"]) for wallet in wallets.values()])
    bank.everybody += [key.public for key in holders]


def _deposit(stage: Stage) -> None:
    """Half of what each device has, at each operator: none of it comes back but as spent."""
    half = [Split(one.key.public, PURSE_UBC // 2) for one in stage.operators.values()]
    stage.bank.submit(
        [
            (PayplaceDeposit(wallet.account, tuple(half)), load_wallet(wallet.path).key)
            for wallet in stage.wallets.values()
        ]
    )


# ---- Files


def _format_chain(bank: Bank, identity: Identity, *, key: str = "") -> str:
    return (
        f'[ledger]\nurl = "{bank.url}"\nledger_id = "{bank.ledger_id.hex()}"\n{key}'
        f'[broker]\nhost = "{BROKER_HOST}"\nport = {MQTT_TLS_PORT}\nauthority = "{identity.authority}"\n'
        f'certificate = "{identity.certificate}"\nkey = "{identity.key}"\n'
    )


def _write_operator(
    folder: Path, number: int, name: str, keys: dict[str, PrivateKey], bank: Bank, authority: Authority
) -> Operator:
    key, home = keys[name], folder / name
    home.mkdir()
    write_private(home / "operator.key", key.to_pem())
    point = next(point for point, operator in POINTS.items() if operator == name)
    speaker = authority.issue_client(OPERATOR, key.key, label=f"{name}-operatord")
    payer = authority.issue_client(str(key.public), key.key, label=f"{name}-payouts")
    address, http_port, payouts_port = f"10.99.0.{number}", 8_600 + number, 8_580 + number
    trusted = f'key = "{bank.keys["ledger"].public}"\n'
    (home / "operatord.toml").write_text(
        f'[operator]\nkey = "operator.key"\nstate = "state"\nsilent_after_s = 60\n'
        f"{_format_chain(bank, speaker, key=trusted)}"
        f'[http]\nport = {http_port}\n[radius]\naddress = "127.0.0.1"\n'
        f'certificate = "server.pem"\nkey = "server.key"\n'
        f'[boxes.{point}]\nprovider = "{keys[OWNERS[point]].public}"\naddress = "10.92.{number}.2"\n'
        f'secret = "{point}.secret"\ndas_port = {DAS_PORT}\n'
        f'[metered]\naddress = "{address}"\nport = {PAYMENT_PORT}\nlisten = "{address}"\n'
        f"interval_s = {INTERVAL_S}\n"
        f'floor_down = "{FLOOR_BPS}"\nceil_down = "{CEIL_BPS}"\nfloor_up = "{FLOOR_BPS}"\nceil_up = "{CEIL_BPS}"\n'
        f'[tariffs.{point}]\nbssids = ["{BSSIDS[point]}"]\nper_minute_ubc = {PER_MINUTE_UBC}\n'
    )
    (home / "payouts.toml").write_text(
        f'[payouts]\nfolder = "payouts"\nkey = "operator.key"\nearnings = "state/operatord.db"\n'
        f"commission_ppm = {COMMISSION_PPM}\ncollect_s = {COLLECT_S}\nport = {payouts_port}\n"
        f"period_s = {TIMES.period_s}\nwindow_s = {TIMES.window_s}\nfinality_s = {TIMES.finality_s}\n"
        f'challenge_s = {TIMES.challenge_s}\nmerchants = ["{keys[OWNERS[point]].public}"]\n'
        f"{_format_chain(bank, payer)}"
    )
    instance = instance_of(bank.ledger_id, key.public.octets)
    url = f"http://127.0.0.1:{payouts_port}"
    return Operator(name, key, instance, home, address, http_port, url)


def _write_merchants(stage: Stage, authority: Authority) -> None:
    """Of both owners, and of the operator north, which is its own first merchant and has its key in both folders."""
    signers = {owner: (stage.owners[point], POINTS[point]) for point, owner in OWNERS.items()}
    signers["north"] = stage.operators["north"].key, "north"
    for name, (key, operator) in signers.items():
        write_private(stage.folder / f"{name}.key", key.to_pem())
        identity = authority.issue_client(str(key.public), key.key, label=name)
        stage.merchant_file(name).write_text(
            f'[merchant]\nfolder = "{name}-merchant"\nkey = "{name}.key"\n'
            f'operator = "{stage.operators[operator].key.public}"\nurl = "{stage.operators[operator].url}"\n'
            f"{_format_chain(stage.bank, identity)}"
        )


def _register(stage: Stage, tell: Callable[[str], None]) -> None:
    """Operators first, whose periods begin with it; then, before a window comes, merchants."""
    for name, operator in stage.operators.items():
        words: list[str | Path] = [
            sys.executable,
            "-m",
            "operatord",
            "run",
            operator.folder / "operatord.toml",
        ]
        stage.household.start(f"operatord-{name}", words, namespace=stage.world)
    for child in list(stage.household.children)[-len(stage.operators) :]:
        child.wait_for_line("operatord ready", READY_DEADLINE_S)
    for name, operator in stage.operators.items():
        words = [sys.executable, ROOT / "airgrant.py", "payouts", "register", operator.payouts]
        child = stage.household.start(f"register-{name}", words, namespace=stage.world)
        if child.wait(COMMAND_DEADLINE_S):
            raise ShellError(f"payouts register of {name}", child.tail())
        stage.start_payouts(name)
        point = next(point for point, one in POINTS.items() if one == name)
        said = stage.command("merchant", "register", stage.merchant_file(OWNERS[point]), "--json")
        if not said["ok"]:
            raise ShellError(f"merchant register of {OWNERS[point]}", str(said))
        if name == "north":
            own = stage.folder / "north-merchant"
            own.mkdir()
            write_private(own / "merchant.key", (operator.folder / "payouts" / "merchant.key").read_bytes())
        tell(f"{name} is an operator, and {OWNERS[point]}, who owns the {point}, its merchant")
