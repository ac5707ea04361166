"""The description of a network, and the genesis that CometBFT makes of it."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ledger.abci.comet_home import generate_keys, read_operator
from ledger.abci.network import (
    Network,
    app_state,
    chain_id,
    format_comet_genesis,
    format_network,
    parse_network,
    read_app_state,
)
from ledger.genesis import Genesis, write_genesis
from wire.comet_commit import validators_hash
from wire.errors import ConfigError, DecodeError
from wire.keys import PrivateKey

KEY = PrivateKey.generate().public
OPERATORS = tuple(
    read_operator(generate_keys(), name, PrivateKey.generate().public, f"192.0.2.{number}:26656", power)
    for number, (name, power) in enumerate({"alice": 1, "bob": 2, "carol": 1, "dave": 1, "eve": 0}.items(), 1)
)
NETWORK = Network(OPERATORS, KEY, 1_700_000_000, 60, (KEY,), 2)
GENESIS = NETWORK.genesis
FILE = Path("network.toml")


def page() -> dict[str, Any]:
    return tomllib.loads(format_network(NETWORK))


def test_a_description_comes_back() -> None:
    assert parse_network(page(), FILE) == NETWORK


def test_defaults() -> None:
    short = page()
    del short["network"]["empty_block_s"], short["network"]["period_s"], short["network"]["licensees"]
    del short["operators"]["alice"]["power"]
    assert parse_network(short, FILE) == Network(OPERATORS, KEY, 1_700_000_000)


def test_the_ledgers_genesis_follows() -> None:
    gateways = tuple(sorted(one.gateway for one in OPERATORS))
    deciding = validators_hash(NETWORK.validators)
    assert Genesis(gateways, KEY, 1_700_000_000, 60, (KEY,), deciding) == GENESIS
    assert [one.power for one in NETWORK.validators] == [1, 2, 1, 1], "eve has no vote"


def test_the_chain_is_named_after_the_ledger() -> None:
    assert NETWORK.chain_id == chain_id(GENESIS) == GENESIS.ledger_id.hex()[:32]
    assert chain_id(replace(GENESIS, period_s=61)) != chain_id(GENESIS)


@pytest.mark.parametrize("what", ["validator", "power", "node", "address"])
def test_what_operators_compare_covers_who_decides_and_where_they_are(what: str) -> None:
    """Whoever puts the sections together cannot lead one operator to a chain of its own."""
    alice, *others = OPERATORS
    assert alice.validator is not None
    other = {
        "validator": replace(alice, validator=replace(alice.validator, key=bytes(32))),
        "power": replace(alice, validator=replace(alice.validator, power=1_000)),
        "node": replace(alice, node="0" * 40),
        "address": replace(alice, address="192.0.2.99:26656"),
    }[what]
    changed = replace(NETWORK, operators=(other, *others))
    assert changed.id != NETWORK.id
    assert (changed.genesis.ledger_id != GENESIS.ledger_id) == (what in ("validator", "power"))
    assert parse_network(page(), FILE).id == NETWORK.id


def test_the_genesis_of_cometbft_names_the_ledgers() -> None:
    genesis = json.loads(format_comet_genesis(NETWORK))
    assert genesis["chain_id"] == NETWORK.chain_id
    assert genesis["genesis_time"] == "2023-11-14T22:13:20Z"
    assert [one["name"] for one in genesis["validators"]] == ["alice", "bob", "carol", "dave"]
    assert read_app_state(json.dumps(genesis["app_state"], indent=4).encode()) == write_genesis(GENESIS)
    assert read_app_state(app_state(GENESIS)) == write_genesis(GENESIS)


def test_peers_are_all_the_others() -> None:
    peers = NETWORK.peers_of("bob").split(",")
    assert [peer.split("@")[1] for peer in peers] == [f"192.0.2.{number}:26656" for number in (1, 3, 4, 5)]
    assert len(NETWORK.peers_of("a stranger").split(",")) == 5


@pytest.mark.parametrize("data", [b"", b"[]", b'{"ledger": 1}', b'{"ledger": "%"}', b"\xff"])
def test_an_app_state_that_names_no_ledger(data: bytes) -> None:
    with pytest.raises(DecodeError, match="app_state"):
        read_app_state(data)


def alter(path: str, value: Any) -> dict[str, Any]:
    changed = page()
    *steps, last = path.split(".")
    inner = changed
    for step in steps:
        inner = inner[step]
    inner[last] = value
    return changed


@pytest.mark.parametrize(
    ("path", "value", "why"),
    [
        ("network.exchange", "02", "network.exchange"),
        ("network.period_s", 0, "period_s is 0"),
        ("network.licensees", "02", "network.licensees: not a list of accounts"),
        ("network.licensees", 7, "network.licensees: not a list of accounts"),
        ("operators.bob.validator", "%", "operators.bob.validator: is not base64"),
        ("operators.bob.gateway", "02", "operators.bob.gateway"),
        ("network.empty_block_s", -1, "network.empty_block_s"),
        ("network.other", 1, "network.other: there is no such setting"),
        ("operators", {}, "operators: 0 with a vote, outside 1..100"),
        ("operators.alice", 3, "operators.alice"),
        ("operators.Al ice", {}, "operators.Al ice: 'Al ice' is not a name"),
        ("operators.alice.validator", "AAAA", "a key of 3 bytes"),
        ("operators.alice.node", "zz", "operators.alice.node"),
        ("operators.alice.address", "nowhere", "'nowhere' is not HOST:PORT"),
        ("operators.alice.address", "192.0.2.2:26656", "two have the same address"),
        ("operators.alice.power", 0, "operators.alice.power"),
        ("operators.alice.other", 0, "operators.alice.other: there is no such setting"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(path: str, value: Any, why: str) -> None:
    with pytest.raises(ConfigError, match=r"network\.toml") as caught:
        parse_network(alter(path, value), FILE)
    assert why in str(caught.value)


@pytest.mark.parametrize("what", ["validator", "gateway", "node", "address"])
def test_two_with_one_key_are_refused(what: str) -> None:
    twice = replace(OPERATORS[1], **{what: getattr(OPERATORS[0], what)})
    with pytest.raises(ConfigError, match=f"two have the same {what}"):
        parse_network(tomllib.loads(format_network(replace(NETWORK, operators=(OPERATORS[0], twice)))), FILE)
