"""CometBFT's home folder; that a real CometBFT takes it, tests/system/test_lab_ledger.py shows."""

from __future__ import annotations

import hashlib
import json
import tomllib

from ledger.abci.comet_home import (
    GENESIS,
    NODE_KEY,
    PRIVATE,
    SETTINGS,
    VALIDATOR_KEY,
    Place,
    StateSync,
    format_home,
    generate_keys,
    read_operator,
)
from ledger.abci.network import Network, format_comet_genesis
from wire.keys import PrivateKey

KEY = PrivateKey.generate().public
KEYS = generate_keys()
ALICE = read_operator(KEYS, "alice", PrivateKey.generate().public, "192.0.2.1:26656", 3)
BOB = read_operator(generate_keys(), "bob", PrivateKey.generate().public, "192.0.2.2:26656")
NETWORK = Network((ALICE, BOB), KEY, 1_700_000_000, empty_block_s=5)


def test_keys_are_new_each_time_and_name_their_owner() -> None:
    assert set(KEYS) == set(PRIVATE)
    assert generate_keys() != KEYS
    validator = json.loads(KEYS[VALIDATOR_KEY])
    assert ALICE.validator is not None
    assert read_operator(KEYS, "alice", KEY, "192.0.2.1:26656", 0).validator is None
    assert validator["address"] == ALICE.validator.address.hex().upper()
    assert (ALICE.validator.power, ALICE.name, ALICE.address) == (3, "alice", "192.0.2.1:26656")
    assert len(ALICE.node) == 40
    assert ALICE.node not in (BOB.node, ALICE.validator.address.hex())
    assert hashlib.sha256(ALICE.validator.key).hexdigest().startswith(ALICE.validator.address.hex())
    assert json.loads(KEYS[NODE_KEY])["priv_key"]["type"] == "tendermint/PrivKeyEd25519"


def test_settings_follow_from_the_network() -> None:
    place = Place("unix:///a.sock", "tcp://127.0.0.1:1", "0.0.0.0:2", pause_ms=50)
    files = format_home(NETWORK, "alice", place)
    assert files[GENESIS] == format_comet_genesis(NETWORK)
    settings = tomllib.loads(files[SETTINGS])
    assert settings["proxy_app"] == "unix:///a.sock"
    assert settings["rpc"]["laddr"] == "tcp://127.0.0.1:1"
    assert settings["p2p"]["laddr"] == "tcp://0.0.0.0:2"
    assert settings["p2p"]["external_address"] == "192.0.2.1:26656"
    assert settings["p2p"]["persistent_peers"] == f"{BOB.node}@192.0.2.2:26656"
    assert settings["p2p"]["unconditional_peer_ids"] == BOB.node
    assert settings["p2p"]["allow_duplicate_ip"] is False
    assert settings["filter_peers"] is True
    assert settings["consensus"]["timeout_commit"] == "50ms"
    assert settings["consensus"]["create_empty_blocks_interval"] == "5s"
    assert settings["statesync"]["enable"] is False


def test_a_newcomer_that_begins_with_a_state_and_is_no_validator() -> None:
    sync = StateSync(("192.0.2.1:26657", "192.0.2.2:26657"), 7, "AB" * 32)
    settings = tomllib.loads(format_home(NETWORK, "eve", Place("unix:///a.sock"), sync)[SETTINGS])
    assert settings["p2p"]["external_address"] == ""
    assert settings["p2p"]["persistent_peers"].count("@") == 2
    assert settings["statesync"]["enable"] is True
    assert settings["statesync"]["rpc_servers"] == "192.0.2.1:26657,192.0.2.2:26657"
    assert (settings["statesync"]["trust_height"], settings["statesync"]["trust_hash"]) == (7, "AB" * 32)
