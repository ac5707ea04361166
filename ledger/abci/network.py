"""The description of a network: who shares a ledger. One TOML file, the same for every operator.

    [network]
    ledger = "..."                  the ledger's genesis (genesis.cbor) in base64
    empty_block_s = 1

    [operators.alice]
    validator = "..."               what `airgrant ledger join` printed for alice: her validator's key in base64
    node = "..."                    the id of her node, 40 hexadecimal digits
    address = "192.0.2.1:26656"     where other nodes reach hers
    power = 1

Pure: a mapping as TOML gives it comes in, a description comes out, or ConfigError that names file and key; and from a
description the genesis file of CometBFT, byte for byte the same for everybody, and the chain id, which is the beginning
of the ledger's id. The set of validators is fixed: another one is another chain.
Reference: CometBFT v0.38 spec/core/genesis.md.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ledger.genesis import Genesis, read_genesis, write_genesis
from ledger.section import Section, refuse_unknown
from wire.comet_commit import MAX_VALIDATORS, VALIDATOR_KEY_SIZE, Validator
from wire.errors import ConfigError, DecodeError

MAX_BLOCK_BYTES = 16 * 1024 * 1024
"""Nine bulk purchases for 50,000 consumers in one block; CometBFT's own default is 4 MiB."""
DEFAULT_EMPTY_BLOCK_S = 1
"""A block's time is when the one before was signed, so this is how stale the time of a purchase may be."""
NODE_ID_SIZE = 20
CHAIN_ID_DIGITS = 32

_ADDRESS = re.compile(r"(\[[0-9a-fA-F:]+\]|[^:\s/@,]+):[0-9]{1,5}")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")


@dataclass(frozen=True, slots=True)
class Operator:
    """One of those who share the ledger. `node` is the hexadecimal id of its node, `address` HOST:PORT."""

    name: str
    validator: Validator
    node: str
    address: str


@dataclass(frozen=True, slots=True)
class Network:
    """All of them, and the ledger. `empty_block_s`: the most that passes between two blocks when nothing happens."""

    genesis: Genesis
    operators: tuple[Operator, ...]
    empty_block_s: int = DEFAULT_EMPTY_BLOCK_S

    @property
    def chain_id(self) -> str:
        return chain_id(self.genesis)

    @property
    def validators(self) -> tuple[Validator, ...]:
        return tuple(operator.validator for operator in self.operators)

    def peers_of(self, name: str) -> str:
        """Every other operator's node, as CometBFT lists them."""
        return ",".join(f"{one.node}@{one.address}" for one in self.operators if one.name != name)


def chain_id(genesis: Genesis) -> str:
    """What CometBFT calls the ledger: of the 50 characters that it may have."""
    return genesis.ledger_id.hex()[:CHAIN_ID_DIGITS]


def app_state(genesis: Genesis) -> bytes:
    """The JSON value by which CometBFT's genesis names the ledger's: what it hands to InitChain."""
    return json.dumps({"ledger": base64.b64encode(write_genesis(genesis)).decode()}).encode()


def read_app_state(data: bytes) -> bytes:
    """The ledger's genesis in what CometBFT hands to InitChain, white space as its file has it. Raises DecodeError."""
    try:
        match json.loads(data):
            case {"ledger": str(text)}:
                return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise DecodeError(f"app_state: {error}") from None
    raise DecodeError("app_state: names no ledger")


def parse_network(page: Mapping[str, Any], file: Path) -> Network:
    """From the content of a TOML file. Raises ConfigError."""
    refuse_unknown(page, {"network": {"ledger", "empty_block_s"}, "operators": None}, file)
    top = Section(page.get("network", {}), "network", file)
    operators = tuple(
        _parse_operator(name, values, file) for name, values in page.get("operators", {}).items()
    )
    if not 1 <= len(operators) <= MAX_VALIDATORS:
        raise ConfigError(f"{file}: operators: {len(operators)}, outside 1..{MAX_VALIDATORS}")
    for what in ("validator", "node", "address"):
        if len({getattr(one, what) for one in operators}) != len(operators):
            raise ConfigError(f"{file}: operators: two have the same {what}")
    try:
        genesis = read_genesis(_base64(top, "ledger"))
    except DecodeError as error:
        raise top.error("ledger", str(error)) from error
    return Network(genesis, operators, top.number("empty_block_s", DEFAULT_EMPTY_BLOCK_S) or 1)


def format_operator(operator: Operator) -> str:
    """The section of one operator, for the file that all have."""
    key = base64.b64encode(operator.validator.key).decode()
    return (
        f'[operators.{operator.name}]\nvalidator = "{key}"\nnode = "{operator.node}"\n'
        f'address = "{operator.address}"\npower = {operator.validator.power}\n'
    )


def format_network(network: Network) -> str:
    """The whole file."""
    ledger = base64.b64encode(write_genesis(network.genesis)).decode()
    head = f'[network]\nledger = "{ledger}"\nempty_block_s = {network.empty_block_s}\n'
    return "\n".join((head, *map(format_operator, network.operators)))


def format_comet_genesis(network: Network) -> str:
    """CometBFT's genesis.json, whose bytes every operator has to have alike."""
    time = datetime.fromtimestamp(network.genesis.time_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    validators = [
        {
            "address": one.validator.address.hex().upper(),
            "pub_key": {
                "type": "tendermint/PubKeyEd25519",
                "value": base64.b64encode(one.validator.key).decode(),
            },
            "power": str(one.validator.power),
            "name": one.name,
        }
        for one in network.operators
    ]
    content = {
        "genesis_time": time,
        "chain_id": network.chain_id,
        "initial_height": "1",
        "consensus_params": {
            "block": {"max_bytes": str(MAX_BLOCK_BYTES), "max_gas": "-1"},
            "evidence": {
                "max_age_num_blocks": "100000",
                "max_age_duration": "172800000000000",
                "max_bytes": "1048576",
            },
            "validator": {"pub_key_types": ["ed25519"]},
            "version": {"app": "1"},
            "abci": {"vote_extensions_enable_height": "0"},
        },
        "validators": validators,
        "app_hash": "",
        "app_state": json.loads(app_state(network.genesis)),
    }
    return json.dumps(content, indent=2) + "\n"


def _parse_operator(name: str, values: Any, file: Path) -> Operator:
    if not isinstance(values, dict) or not _NAME.fullmatch(name):
        raise ConfigError(f"{file}: operators.{name}: is not a section with a name of letters and digits")
    section = Section(values, f"operators.{name}", file)
    unknown = sorted(set(values) - {"validator", "node", "address", "power"})
    if unknown:
        raise section.error(unknown[0], "there is no such setting")
    address = section.text("address")
    if not _ADDRESS.fullmatch(address):
        raise section.error("address", f"{address!r} is not HOST:PORT")
    key = _base64(section, "validator")
    if len(key) != VALIDATOR_KEY_SIZE:
        raise section.error("validator", f"is a key of {len(key)} bytes, not {VALIDATOR_KEY_SIZE}")
    try:
        validator = Validator(key, section.number("power", 1))
    except DecodeError as error:
        raise section.error("power", str(error)) from error
    return Operator(name, validator, section.octets("node", NODE_ID_SIZE).hex(), address)


def _base64(section: Section, key: str) -> bytes:
    try:
        return base64.b64decode(section.text(key), validate=True)
    except binascii.Error:
        raise section.error(key, "is not base64") from None
