"""The operator of the compose lab in which apd sells: certificates, a broker, the ledger, two accounts and an offer.

Out: a folder with all that the other containers need, apd.toml and the buyer's wallet among it. Everything is made anew
each time, and lives as long as the block: a lab is no place for money. What apd is told of the cell stands below, and
is read by apd's own reader in the tests.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from device.choice import PinnedLedger
from device.wallet import create_wallet
from lab.broker import MQTT_TLS_PORT, Broker
from lab.certificates import Authority, Identity
from lab.compose.subscribers import LOBBY, SLOT_1, SLOT_2
from lab.ledger_process import format_ledger_section, start_ledger, wait_for_ledger, write_private
from lab.processes import Household
from ledger.client import LedgerClient
from ledger.genesis import Genesis
from wire.band import Band
from wire.create import Create
from wire.errors import ShellError
from wire.keys import PrivateKey
from wire.money_actions import Deposit
from wire.post_offer import PostOffer
from wire.qos import Qos
from wire.receipt import read_receipt
from wire.transaction import NONCE_SIZE, Action, Transaction, sign_transaction

ADDRESS = "10.53.1.60"
PERIOD_S = 60
FLOOR_BPS = 2_000_000
OFFER = PostOffer(
    price_ubc=20_000,
    band=Band(from_frequency_khz=1_832_500, to_frequency_khz=1_852_500, bandwidth_khz=20_000),
    max_allocations=10,
    allocation_duration_s=600,
    qos=Qos(floor_down_bps=FLOOR_BPS, ceil_down_bps=8_000_000, floor_up_bps=200_000, ceil_up_bps=1_000_000),
)
"""The cell of srsran/gnb.yaml: 20 MHz of band 3."""
DEPOSIT_UBC = 10 * OFFER.price_ubc
APD = """\
# Written by lab.compose: the daemon beside the UPF, on whose device UEs come out.
[box]
bssid = "02:00:00:00:00:01"

[cell]
gnb_files = ["{gnb}", "{remote}"]
slots = ["{slots[0]}", "{slots[1]}"]
remote_networks = ["10.53.1.0/24"]

[cell.core]
pcf_host = "10.53.1.17"
smf_host = "10.53.1.13"
amf_host = "10.53.1.12"
store_uri = "mongodb://10.53.1.30/open5gs"
notification_uri = "http://10.53.1.20:18574/n5"
look_s = 1

[cell.user_plane]
interface = "ogstun"
lobby_slice = "{lobby}"

{ledger}
[meter]
software_key_file = "meter.pem"
accept_unattested = true

[files]
provider_key_file = "provider.pem"
store = "apd.sqlite"
control_socket = "apd.sock"
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the shop's parts are; by default as the compose files say."""

    folder: Path
    address: str = ADDRESS
    port: int = MQTT_TLS_PORT
    gnb: Path = Path("/etc/airgrant/gnb.yaml")
    remote: Path = Path("/etc/airgrant-apd/remote.yaml")

    @property
    def apd(self) -> Path:
        return self.folder / "apd.toml"

    @property
    def wallet(self) -> Path:
        return self.folder / "buyer.pem"


@contextmanager
def open_shop(place: Place) -> Iterator[Household]:
    """Broker and ledger for the length of a block; inside it everything can be bought. Raises ShellError."""
    folder = place.folder
    folder.mkdir(parents=True, exist_ok=True)
    keys = {name: PrivateKey.generate() for name in ("ledger", "exchange", "provider", "meter")}
    genesis = Genesis((keys["ledger"].public,), keys["exchange"].public, int(time.time()), PERIOD_S)
    pinned = PinnedLedger(keys["ledger"].public, genesis.ledger_id)
    authority = Authority.create(folder / "pki")
    server = authority.issue_server("broker", [place.address])
    identities = {
        name: authority.issue_client(name, keys[name].key) for name in ("ledger", "exchange", "provider")
    }
    with Household(folder / "logs") as household:
        Broker(household, None, place.address, "ledger", server, folder / "broker", place.port).start()
        wait_for_ledger(
            start_ledger(
                household,
                None,
                folder,
                place.address,
                genesis,
                keys["ledger"],
                identities["ledger"],
                None,
                place.port,
            )
        )
        place.wallet.unlink(missing_ok=True)
        buyer = create_wallet(place.wallet, pinned)
        _submit(
            place,
            identities["exchange"],
            pinned,
            [
                (Create(buyer.account), buyer.key),
                (Deposit(buyer.account, DEPOSIT_UBC), keys["exchange"]),
                (Create(keys["provider"].public), keys["provider"]),
                (OFFER, keys["provider"]),
            ],
        )
        for name in ("provider", "meter"):
            write_private(folder / f"{name}.pem", keys[name].to_pem())
        place.apd.write_text(format_apd(place, identities["provider"], pinned))
        yield household


def format_apd(place: Place, identity: Identity, pinned: PinnedLedger) -> str:
    """The text of apd.toml."""
    return APD.format(
        gnb=place.gnb,
        remote=place.remote,
        slots=(SLOT_1, SLOT_2),
        lobby=LOBBY,
        ledger=format_ledger_section(place.address, identity, pinned.key, pinned.ledger_id, place.port),
    )


def _submit(
    place: Place, identity: Identity, pinned: PinnedLedger, actions: list[tuple[Action, PrivateKey]]
) -> None:
    until_s = int(time.time()) + PERIOD_S
    with LedgerClient(place.address, place.port, "exchange", identity.client_context()) as client:
        for action, key in actions:
            signed = sign_transaction(
                Transaction(action, os.urandom(NONCE_SIZE), until_s), key, pinned.ledger_id
            )
            receipt = read_receipt(
                client.submit(signed.envelope.encoded).receipt, pinned.key, pinned.ledger_id
            )
            if not receipt.executed:
                raise ShellError("ledger", f"{type(action).__name__}: {receipt.reason}")
