r"""Four operators who share a ledger: each has a namespace with its CometBFT, its ledger and its broker.

    alice   bob   carol   dave      10.90.N.2 each: CometBFT, ledger, clearing house, broker; customers from within
        \     \      /      /
              router                which can cut any of them off

A site's two programs are started, killed and started again each by itself, as an operator's are. A newcomer has a site
without a vote. State lies in the sandbox's private /run, for its short paths, and goes with it; logs stay.
"""

import ipaddress
import json
import shutil
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from lab.broker import MQTT_TLS_PORT, Broker, broker
from lab.certificates import Authority, Identity
from lab.namespaces import Namespace, Port, namespaces, plug
from lab.processes import Child, Household, wait_until
from lab.world import forward
from ledger.abci.comet_home import Place, StateSync, format_home, generate_keys, read_operator
from ledger.abci.network import Network, Operator, format_network, parse_network
from ledger.abci.rpc import CometAway, CometRpc
from ledger.client import LedgerClient, LedgerReader
from ledger.genesis import write_genesis
from wire.errors import ShellError
from wire.keys import PrivateKey

STATE = Path("/run")
COMETBFT = Path(__file__).resolve().parents[2] / "build" / "go" / "bin" / "cometbft"
NAMES = ("alice", "bob", "carol", "dave")
P2P_PORT, RPC_PORT = 26656, 26657
HTTP_PORT = 8573
PERIOD_S = 60
READY_DEADLINE_S = 60.0
"""Twelve programs start at once on two cores."""
T = TypeVar("T")

_SETTINGS = """\
[ledger]
key = "ledger.key"
genesis = "genesis.cbor"
database = "ledger.db"
accept_software_keys = true
max_accounts_per_minute = 100000

[broker]
host = "127.0.0.1"
port = {mqtt}
authority = "{identity.authority}"
certificate = "{identity.certificate}"
key = "{identity.key}"

[http]
host = "0.0.0.0"
port = {http}

[clearing]
database = "clearing.db"

[clearing.keepers]
{keepers}

[consensus]
socket = "application.sock"
network = "../network.toml"
"""


@dataclass(slots=True)
class Site:
    """One operator: what is its own, and its two programs, which may be away."""

    name: str
    number: int
    key: PrivateKey
    folder: Path
    household: Household
    namespace: Namespace
    broker: Broker
    customer: Identity
    ledger: Child | None = None
    comet: Child | None = None
    remarks: list[str] = field(default_factory=list)

    @property
    def database(self) -> Path:
        return self.folder / "ledger.db"

    @property
    def address(self) -> str:
        """Where other nodes reach this one."""
        return f"10.90.{self.number}.2"

    def start_ledger(self) -> None:
        settings = self.folder / "ledger.toml"
        words: list[str | Path] = [sys.executable, "-m", "ledger", "run", "--config", settings]
        self.ledger = self.household.start(f"{self.name}-ledger", words, namespace=self.namespace)

    def start_comet(self) -> None:
        words: list[str | Path] = [COMETBFT, "start", "--home", self.folder / "comet"]
        self.comet = self.household.start(f"{self.name}-comet", words, namespace=self.namespace)

    def start(self) -> None:
        """Both; CometBFT tries until the ledger listens."""
        self.start_ledger()
        self.start_comet()

    def wait_until_ready(self) -> None:
        """Until the doors are open, and CometBFT has caught up. Raises ShellError."""
        assert self.ledger is not None
        assert self.comet is not None
        self.ledger.wait_for_line("^ledger ready", READY_DEADLINE_S)
        self.comet.wait_for(lambda: self.height() > 0, "a node that has caught up", READY_DEADLINE_S)

    def end(self, how: Callable[[Child], int]) -> None:
        """Both programs, by `Child.kill` or `Child.stop`."""
        for child in (self.comet, self.ledger):
            if child is not None:
                how(child)

    def forget(self) -> None:
        """Everything but its keys, and what they have signed. Both programs have ended."""
        for file in self.folder.glob("ledger.db*"):
            file.unlink()
        for file in (self.folder / "comet" / "data").iterdir():
            if file.is_dir():
                shutil.rmtree(file)

    def height(self) -> int:
        """Of CometBFT's last block; 0 while it is away, or still behind."""
        try:
            at = self.ask("status")["sync_info"]
        except (CometAway, LookupError):
            return 0
        return 0 if at["catching_up"] else int(at["latest_block_height"])

    def ask(self, method: str, **params: str) -> Any:
        """Of its CometBFT. Raises CometAway, LookupError."""

        def ask() -> Any:
            rpc = CometRpc(f"http://127.0.0.1:{RPC_PORT}")
            try:
                return rpc.ask(method, **params)
            finally:
                rpc.close()

        return self.namespace.call(ask)

    def read(self, path: str) -> Any:
        """A page of its ledger. Raises LedgerAway, ShellError, LookupError."""
        reader = LedgerReader(f"http://127.0.0.1:{HTTP_PORT}")
        return self.namespace.call(lambda: reader.get(path))

    def status(self) -> Any:
        """What `airgrant ledger status` says there. Raises ShellError if that is no."""
        words = [sys.executable, "-m", "airgrant", "ledger", "status", "--json"]
        return json.loads(self.namespace.run(words))["network"]

    @contextmanager
    def client(self, timeout_s: float = 20.0) -> Iterator[LedgerClient]:
        """A customer at this operator's broker. Raises ShellError."""
        tls = self.customer.client_context()
        client = LedgerClient("127.0.0.1", self.broker.port, "customer", tls, timeout_s)
        self.namespace.call(client.__enter__)
        try:
            yield client
        finally:
            client.close()


@dataclass(slots=True)
class Sites:
    """All operators, the router between them, and the exchange's key."""

    everybody: tuple[Site, ...]
    newcomer: Site
    network: Network
    exchange: PrivateKey
    router: Namespace

    def __getitem__(self, name: str) -> Site:
        return next(site for site in (*self.everybody, self.newcomer) if site.name == name)

    def others(self, *away: str) -> list[Site]:
        return [site for site in self.everybody if site.name not in away]

    def cut(self, name: str) -> None:
        """Nothing comes or goes between this operator's node and the others."""
        self.router.ip(f"link set {name} down")

    def heal(self, name: str) -> None:
        self.router.ip(f"link set {name} up")

    def start_with_log(self, site: Site) -> None:
        """With the log that the others have, verified from what two of them say of a block that both know."""
        others = [one for one in self.everybody if one is not site][:2]
        height = others[0].height()
        block = others[0].ask("commit", height=str(height))["signed_header"]["commit"]["block_id"]["hash"]
        servers = tuple(f"{one.address}:{RPC_PORT}" for one in others)
        write_home(site, self.network, StateSync(servers, height, block))
        site.start()


@contextmanager
def open_sites(logs: Path, tell: Callable[[str], None] = lambda _: None) -> Iterator[Sites]:
    """Four operators who agree, for the length of a block. Raises ShellError."""
    if not COMETBFT.exists():
        raise ShellError("cometbft", "is not built: run lab/go.sh build cometbft where there is a network")
    with namespaces() as create, tempfile.TemporaryDirectory(prefix="net-", dir=STATE) as place:
        folder, by_name = Path(place), {name: create(name) for name in ("router", *NAMES, "eve")}
        tell("cables between four operators")
        forward(by_name["router"])
        for number, name in enumerate((*NAMES, "eve"), 1):
            _lay_cable(by_name["router"], by_name[name], number)
        with Household(logs) as household:
            sites = _write_sites(folder, household, by_name)
            tell("four brokers, four ledgers, four CometBFTs")
            for site in sites.everybody:
                site.broker.start()
                site.start()
            sites.newcomer.broker.start()
            for site in sites.everybody:
                site.wait_until_ready()
            yield sites


def wait_until_agreed(sites: Sequence[Site], deadline_s: float = READY_DEADLINE_S) -> None:
    """Until every ledger has the same app hash. Raises TimeoutError."""

    def agree() -> bool:
        try:
            return len({site.read("ledger")["app_hash"] for site in sites}) == 1
        except ShellError:  # one of them is not there yet
            return False

    wait_until(agree, f"one app hash at {', '.join(site.name for site in sites)}", deadline_s)


def _lay_cable(router: Namespace, namespace: Namespace, number: int) -> None:
    ours, theirs = (ipaddress.IPv4Interface(f"10.90.{number}.{end}/24") for end in (1, 2))
    plug(
        Port(router, namespace.name, addresses=(ours,)),
        Port(namespace, "wan0", addresses=(theirs,)),
    )
    namespace.ip(f"route add default via {ours.ip}")


def _write_sites(folder: Path, household: Household, spaces: dict[str, Namespace]) -> Sites:
    authority, exchange = Authority.create(folder / "pki"), PrivateKey.generate()
    customer = authority.issue_client("customer", PrivateKey.generate().key)
    keys = {name: PrivateKey.generate() for name in (*NAMES, "eve")}
    keepers = "\n".join(
        f'{key.public} = "http://10.90.{number}.2:{HTTP_PORT}"' for number, key in enumerate(keys.values(), 1)
    )
    sites = []
    for number, (name, key) in enumerate(keys.items(), 1):
        identity = authority.issue_client(f"ledger-{name}", key.key)
        door = broker(
            household,
            spaces[name],
            "127.0.0.1",
            authority=authority,
            ledger_account=f"ledger-{name}",
            folder=folder / f"{name}-broker",
        )
        site = Site(name, number, key, folder / name, household, spaces[name], door, customer)
        _write_site(site, identity, keepers)
        sites.append(site)
    operators = tuple(_read_operator(site, int(site.name in NAMES)) for site in sites)
    text = format_network(Network(operators, exchange.public, int(time.time()), PERIOD_S))
    (folder / "network.toml").write_text(text)
    network = parse_network(tomllib.loads(text), folder / "network.toml")
    for site in sites:
        (site.folder / "genesis.cbor").write_bytes(write_genesis(network.genesis))
        write_home(site, network)
    return Sites(tuple(sites[:-1]), sites[-1], network, exchange, spaces["router"])


def _write_site(site: Site, identity: Identity, keepers: str) -> None:
    site.folder.mkdir()
    (site.folder / "ledger.key").write_bytes(site.key.to_pem())
    settings = _SETTINGS.format(identity=identity, mqtt=MQTT_TLS_PORT, http=HTTP_PORT, keepers=keepers)
    (site.folder / "ledger.toml").write_text(settings)
    for part in ("config", "data"):
        (site.folder / "comet" / part).mkdir(parents=True)
    for file, text in generate_keys().items():
        (site.folder / "comet" / file).write_text(text)


def _read_operator(site: Site, power: int) -> Operator:
    home = site.folder / "comet"
    keys = {str(path.relative_to(home)): path.read_text() for path in home.glob("*/*.json")}
    return read_operator(keys, site.name, site.key.public, f"{site.address}:{P2P_PORT}", power)


def write_home(site: Site, network: Network, state_sync: StateSync | None = None) -> None:
    """CometBFT's settings, as `airgrant ledger join` writes them; its RPC is also there for newcomers."""
    place = Place(
        application=f"unix://{site.folder / 'application.sock'}",
        rpc=f"tcp://0.0.0.0:{RPC_PORT}",
        listen=f"{site.address}:{P2P_PORT}",
        redial="1s",
        one_host=True,
    )
    for file, text in format_home(network, site.name, place, state_sync).items():
        (site.folder / "comet" / file).write_text(text)
