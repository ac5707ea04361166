"""What CometBFT finds in its home folder: an operator's keys, the genesis, its settings.

Pure: keys and a description of the network come in, the files come out by their names. Of its some hundred settings
those stand here that are not CometBFT's defaults, each with its reason.
Reference: CometBFT v0.38 docs/core/configuration.md.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.abci.network import Network, Operator, format_comet_genesis
from wire.comet_commit import ADDRESS_SIZE, Validator
from wire.ids import PublicKey

VALIDATOR_KEY = "config/priv_validator_key.json"
NODE_KEY = "config/node_key.json"
VALIDATOR_STATE = "data/priv_validator_state.json"
GENESIS = "config/genesis.json"
SETTINGS = "config/config.toml"
PRIVATE = (VALIDATOR_KEY, NODE_KEY, VALIDATOR_STATE)
"""Made once: keys, and what the key has signed already, without which it might sign two blocks of one height."""

_SETTINGS = """\
# Written by `airgrant ledger join`, which writes it anew: put your own settings elsewhere.
proxy_app = "{application}"
moniker = "{name}"
# The ledger is asked about each node that connects, and lets nobody in who is not in the description of the network.
filter_peers = true
db_backend = "goleveldb"
abci = "socket"
log_level = "{log_level}"

[rpc]
laddr = "{rpc}"
# A bulk purchase for 50,000 consumers has 1.7 MB, and a third more in base64.
max_body_bytes = 16777216
# Transactions that arrived together are handed over together.
max_request_batch_size = 1000

[p2p]
laddr = "tcp://{listen}"
external_address = "{address}"
persistent_peers = "{peers}"
persistent_peers_max_dial_period = "{redial}"
# Only those in the description of the network are asked for, and they may have private addresses.
pex = false
addr_book_strict = false
# Whoever else knocks takes nobody's place.
unconditional_peer_ids = "{nodes}"
allow_duplicate_ip = {one_host}
# Blocks of some MB are to reach the others within the time of a round.
send_rate = 104857600
recv_rate = 104857600
max_packet_msg_payload_size = 65536
flush_throttle_timeout = "5ms"

[mempool]
size = 50000
max_txs_bytes = 268435456
max_tx_bytes = 4194304
cache_size = 100000

[statesync]
enable = {state_sync}
rpc_servers = "{state_sync_servers}"
trust_height = {trust_height}
trust_hash = "{trust_hash}"
trust_period = "168h0m0s"
discovery_time = "5s"
chunk_request_timeout = "10s"
chunk_fetchers = "4"

[consensus]
timeout_propose = "2s"
timeout_propose_delta = "500ms"
timeout_prevote = "500ms"
timeout_prevote_delta = "250ms"
timeout_precommit = "500ms"
timeout_precommit_delta = "250ms"
# What is sent while a block is made waits so long for the next, and shares it.
timeout_commit = "{pause_ms}ms"
# A block at once when something is to be decided; else one from time to time, as a block's time is when the one before
# was signed.
create_empty_blocks = false
create_empty_blocks_interval = "{empty_block_s}s"
peer_gossip_sleep_duration = "10ms"
peer_query_maj23_sleep_duration = "500ms"

[storage]
discard_abci_responses = true

[tx_index]
# Outcomes are in the ledger's own store.
indexer = "null"

[instrumentation]
prometheus = false
"""


@dataclass(frozen=True, slots=True)
class StateSync:
    """Where a newcomer begins: `servers` are the RPC addresses of two others, who say what `height` was; `hash` is of
    that block, from somebody who is trusted.
    """

    servers: tuple[str, ...]
    height: int
    hash: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where one operator's CometBFT is reached, by whom, and what it reaches. Addresses as CometBFT writes them.

    `one_host`: several nodes come from one address: one machine, or several behind one translated address.
    """

    application: str
    rpc: str = "tcp://127.0.0.1:26657"
    listen: str = "0.0.0.0:26656"
    pause_ms: int = 100
    log_level: str = "info"
    redial: str = "10s"
    one_host: bool = False


def generate_keys() -> dict[str, str]:
    """The files of a new operator's two keys, and that nothing was signed yet."""
    validator, node = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    return {
        VALIDATOR_KEY: _format(
            {
                "address": _address(_public(validator)).hex().upper(),
                "pub_key": {"type": "tendermint/PubKeyEd25519", "value": _base64(_public(validator))},
                "priv_key": _private(validator),
            }
        ),
        NODE_KEY: _format({"priv_key": _private(node)}),
        VALIDATOR_STATE: _format({"height": "0", "round": 0, "step": 0}),
    }


def read_operator(
    keys: Mapping[str, str], name: str, gateway: PublicKey, address: str, power: int = 1
) -> Operator:
    """Who the keys are of; without a vote if `power` is 0. Raises ValueError, KeyError for files that are none."""
    key = base64.b64decode(json.loads(keys[VALIDATOR_KEY])["pub_key"]["value"], validate=True)
    node = base64.b64decode(json.loads(keys[NODE_KEY])["priv_key"]["value"], validate=True)[32:]
    validator = Validator(key, power) if power else None
    return Operator(name, gateway, validator, _address(node).hex(), address)


def format_home(
    network: Network, name: str, place: Place, state_sync: StateSync | None = None
) -> dict[str, str]:
    """The files that follow from the network, for the operator of this name."""
    own = next((one.address for one in network.operators if one.name == name), "")
    settings = _SETTINGS.format(
        application=place.application,
        name=name,
        rpc=place.rpc,
        listen=place.listen,
        address=own,
        peers=network.peers_of(name),
        redial=place.redial,
        nodes=",".join(sorted(one.node for one in network.operators if one.name != name)),
        one_host="true" if place.one_host else "false",
        state_sync="false" if state_sync is None else "true",
        state_sync_servers="" if state_sync is None else ",".join(state_sync.servers),
        trust_height=0 if state_sync is None else state_sync.height,
        trust_hash="" if state_sync is None else state_sync.hash,
        pause_ms=place.pause_ms,
        empty_block_s=network.empty_block_s,
        log_level=place.log_level,
    )
    return {GENESIS: format_comet_genesis(network), SETTINGS: settings}


def _private(key: Ed25519PrivateKey) -> dict[str, str]:
    return {
        "type": "tendermint/PrivKeyEd25519",
        "value": _base64(key.private_bytes_raw() + _public(key)),
    }


def _public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def _address(public: bytes) -> bytes:
    return hashlib.sha256(public).digest()[:ADDRESS_SIZE]


def _base64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def _format(value: object) -> str:
    return json.dumps(value, indent=2) + "\n"
