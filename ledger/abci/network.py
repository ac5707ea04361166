"""The description of a network: who shares a ledger. One TOML file, the same for every operator.

    [network]
    exchange = "02..."              the account through which money comes in and goes out
    time_s = 1795326082             when the ledger begins
    period_s = 900                  length of the slots that reservations are sold by
    licensees = ["03..."]           who may post offers; left out: anybody
    empty_block_s = 1

    [operators.alice]
    gateway = "03..."               the key that signs receipts and grants for her customers
    validator = "..."               her validator's key in base64; left out: she has no vote
    power = 1                       her part of the votes
    node = "..."                    the id of her node, 40 hexadecimal digits
    address = "192.0.2.1:26656"     where other nodes reach hers

Each operator's section is what `airgrant ledger join` printed for it. Pure: a mapping as TOML gives it comes in, a
description comes out, or ConfigError that names file and key; and from a description the genesis of the ledger and that
of CometBFT, byte for byte the same for everybody. The chain's id is the beginning of the ledger's. Operators and votes
are fixed, and in the ledger's id: others are another ledger. Nodes and addresses may change; the network's id, which
operators compare before they begin, covers them too.
Reference: CometBFT v0.38 spec/core/genesis.md.
"""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ledger.genesis import Genesis, write_genesis
from ledger.section import Section, refuse_unknown
from wire.comet_commit import MAX_VALIDATORS, VALIDATOR_KEY_SIZE, Validator, validators_hash
from wire.errors import ConfigError, DecodeError
from wire.ids import PublicKey

APP_VERSION = 3
"""Of the rules by which blocks are executed: operators of one network have the same. CometBFT wants it in its genesis,
too: it lets nobody begin with a snapshot of another.
"""
MAX_BLOCK_BYTES = 16 * 1024 * 1024
"""Nine bulk purchases for 50,000 consumers in one block; CometBFT's own default is 4 MiB."""
DEFAULT_EMPTY_BLOCK_S = 1
"""A block's time is when the one before was signed, so this is how stale the time of a purchase may be."""
DEFAULT_PERIOD_S = 900
NODE_ID_SIZE = 20
MAX_PORT = 65_535
CHAIN_ID_DIGITS = 32

_NETWORK_KEYS = {"exchange", "time_s", "period_s", "licensees", "empty_block_s"}
_OPERATOR_KEYS = {"gateway", "validator", "power", "node", "address"}
_ADDRESS = re.compile(r"(\[[0-9a-fA-F:]+\]|[^:\s/@,]+):[0-9]{1,5}")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")


@dataclass(frozen=True, slots=True)
class Operator:
    """One of those who share the ledger. `node` is the hexadecimal id of its node, `address` HOST:PORT."""

    name: str
    gateway: PublicKey
    validator: Validator | None
    node: str
    address: str


def parse_name(text: str) -> str:
    """What an operator may be called: it names a section, a node, and a column in a table. Raises ValueError."""
    if not _NAME.fullmatch(text):
        raise ValueError(f"{text!r} is not a name of at most 31 small letters, digits and dashes")
    return text


def parse_address(text: str) -> str:
    """HOST:PORT. Raises ValueError."""
    if not _ADDRESS.fullmatch(text) or not 1 <= int(text.rpartition(":")[2]) <= MAX_PORT:
        raise ValueError(f"{text!r} is not HOST:PORT")
    return text


@dataclass(frozen=True, slots=True)
class Network:
    """All of them, and the ledger. `empty_block_s`: the most that passes between two blocks when nothing happens."""

    operators: tuple[Operator, ...]
    exchange: PublicKey
    time_s: int
    period_s: int = DEFAULT_PERIOD_S
    licensees: tuple[PublicKey, ...] | None = None
    empty_block_s: int = DEFAULT_EMPTY_BLOCK_S

    @property
    def genesis(self) -> Genesis:
        """Of the ledger. Raises DecodeError for one that cannot be."""
        gateways = tuple(sorted(one.gateway for one in self.operators))
        deciding = validators_hash(self.validators) if self.validators else b""
        return Genesis(gateways, self.exchange, self.time_s, self.period_s, self.licensees, deciding)

    @property
    def id(self) -> bytes:
        """32 octets that cover all of the description, nodes and addresses too: what operators compare."""
        return hashlib.sha256(format_network(self).encode()).digest()

    @property
    def chain_id(self) -> str:
        return chain_id(self.genesis)

    @property
    def validators(self) -> tuple[Validator, ...]:
        return tuple(one.validator for one in self.operators if one.validator is not None)

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
    refuse_unknown(page, {"network": _NETWORK_KEYS, "operators": None}, file)
    top = Section(page.get("network", {}), "network", file)
    operators = tuple(
        _parse_operator(name, values, file) for name, values in page.get("operators", {}).items()
    )
    for what in ("gateway", "node", "address", "validator"):
        known = [value for one in operators if (value := getattr(one, what)) is not None]
        if len(set(known)) != len(known):
            raise ConfigError(f"{file}: operators: two have the same {what}")
    network = Network(
        operators=operators,
        exchange=top.account("exchange"),
        time_s=top.number("time_s", 0),
        period_s=top.number("period_s", DEFAULT_PERIOD_S),
        licensees=_parse_licensees(top),
        empty_block_s=top.number("empty_block_s", DEFAULT_EMPTY_BLOCK_S) or 1,
    )
    if not 1 <= len(network.validators) <= MAX_VALIDATORS:
        raise ConfigError(
            f"{file}: operators: {len(network.validators)} with a vote, outside 1..{MAX_VALIDATORS}"
        )
    _check_genesis(network, file)
    return network


def format_operator(operator: Operator) -> str:
    """The section of one operator, for the file that all have."""
    lines = [f"[operators.{operator.name}]", f'gateway = "{operator.gateway}"']
    if operator.validator is not None:
        key = base64.b64encode(operator.validator.key).decode()
        lines += [f'validator = "{key}"', f"power = {operator.validator.power}"]
    return "\n".join([*lines, f'node = "{operator.node}"', f'address = "{operator.address}"', ""])


def format_network(network: Network) -> str:
    """The whole file."""
    lines = [
        "[network]",
        f'exchange = "{network.exchange}"',
        f"time_s = {network.time_s}",
        f"period_s = {network.period_s}",
        f"empty_block_s = {network.empty_block_s}",
    ]
    if network.licensees is not None:
        accounts = ", ".join(f'"{one}"' for one in network.licensees)
        lines.append(f"licensees = [{accounts}]")
    return "\n".join(["\n".join([*lines, ""]), *map(format_operator, network.operators)])


def format_comet_genesis(network: Network) -> str:
    """CometBFT's genesis.json, whose bytes every operator has to have alike."""
    time = datetime.fromtimestamp(network.time_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
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
        if one.validator is not None
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
            "version": {"app": str(APP_VERSION)},
            "abci": {"vote_extensions_enable_height": "0"},
        },
        "validators": validators,
        "app_hash": "",
        "app_state": json.loads(app_state(network.genesis)),
    }
    return json.dumps(content, indent=2) + "\n"


def _check_genesis(network: Network, file: Path) -> Genesis:
    try:
        return network.genesis
    except DecodeError as error:
        raise ConfigError(f"{file}: network: {error}") from error


def _parse_licensees(top: Section) -> tuple[PublicKey, ...] | None:
    if "licensees" not in top.values:
        return None
    values = top.values["licensees"]
    try:
        return tuple(sorted({PublicKey.parse(one) for one in values}))
    except (TypeError, ValueError, AttributeError) as error:
        raise top.error("licensees", f"not a list of accounts: {error}") from None


def _parse_operator(name: str, values: Any, file: Path) -> Operator:
    if not isinstance(values, dict):
        raise ConfigError(f"{file}: operators.{name}: is not a section")
    section = Section(values, f"operators.{name}", file)
    try:
        parse_name(name)
    except ValueError as error:
        raise ConfigError(f"{file}: operators.{name}: {error}") from None
    unknown = sorted(set(values) - _OPERATOR_KEYS)
    if unknown:
        raise section.error(unknown[0], "there is no such setting")
    try:
        address = parse_address(section.text("address"))
    except ValueError as error:
        raise section.error("address", str(error)) from None
    validator = _parse_validator(section) if "validator" in values else None
    node = section.octets("node", NODE_ID_SIZE).hex()
    return Operator(name, section.account("gateway"), validator, node, address)


def _parse_validator(section: Section) -> Validator:
    try:
        key = base64.b64decode(section.text("validator"), validate=True)
    except binascii.Error:
        raise section.error("validator", "is not base64") from None
    if len(key) != VALIDATOR_KEY_SIZE:
        raise section.error("validator", f"is a key of {len(key)} bytes, not {VALIDATOR_KEY_SIZE}")
    try:
        return Validator(key, section.number("power", 1))
    except DecodeError as error:
        raise section.error("power", str(error)) from error
