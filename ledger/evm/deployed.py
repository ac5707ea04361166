"""A contract that stands on a node: calls and transactions by the name of the function, errors by theirs.

In: a contract's page as lab/evm.sh wrote it (ABI, selectors, code). It decides nothing and keeps nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ledger.evm.abi import Type, Value, decode, encode, tuple_of
from ledger.evm.node import GAS_CAP, Node
from wire.errors import ShellError

FOLDER = Path(__file__).resolve().parents[2] / "build/evm"


@dataclass(frozen=True, slots=True)
class Function:
    """What a function is called by, takes and gives."""

    selector: bytes
    inputs: Type
    outputs: Type


@dataclass(frozen=True, slots=True)
class Compiled:
    """A contract as compiled: code that deploys it, its functions, and the names of its errors by selector."""

    code: bytes
    runtime_bytes: int
    functions: Mapping[str, Function]
    constructor: Type
    errors: Mapping[bytes, str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A transaction that was mined: what it cost as a whole, and the error's name where it was reverted (else "")."""

    gas: int
    error: str
    logs: tuple[Mapping[str, Any], ...] = ()


def load_compiled(name: str, folder: Path = FOLDER) -> Compiled:
    """Reads `folder/NAME.json`. Raises ShellError if it is not there."""
    path = folder / f"{name}.json"
    try:
        page = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ShellError("evm", f"{path} is not there: run lab/evm.sh build") from error
    functions, constructor = dict[str, Function](), tuple_of([])
    for entry in page["abi"]:
        if entry["type"] == "constructor":
            constructor = tuple_of(entry["inputs"])
        elif entry["type"] == "function":
            selector = bytes.fromhex(page["selectors"][_signature(entry)])
            functions[entry["name"]] = Function(
                selector, tuple_of(entry["inputs"]), tuple_of(entry["outputs"])
            )
    errors = {bytes.fromhex(selector): name for selector, name in page["errors"].items()}
    return Compiled(bytes.fromhex(page["code"]), page["runtimeBytes"], functions, constructor, errors)


def _signature(entry: Mapping[str, Any]) -> str:
    return f"{entry['name']}({','.join(map(_canonical, entry['inputs']))})"


def _canonical(entry: Mapping[str, Any]) -> str:
    name = str(entry["type"])
    if not name.startswith("tuple"):
        return name
    return f"({','.join(map(_canonical, entry['components']))}){name.removeprefix('tuple')}"


class Deployed:
    """One contract at one address."""

    def __init__(self, node: Node, compiled: Compiled, address: bytes) -> None:
        self.node, self.compiled, self.address = node, compiled, address

    def call(self, function: str, *values: Value) -> list[Value]:
        """What a function returns, without leaving a trace. Raises ShellError where it reverts."""
        found = self.compiled.functions[function]
        result = decode(found.outputs, self.node.call(self.address, self.data(function, *values)))
        assert isinstance(result, list)
        return result

    def send(
        self, sender: bytes, function: str, *values: Value, at_s: int | None = None, gas: int = GAS_CAP
    ) -> Outcome:
        """Mined at once, whatever becomes of it."""
        data = self.data(function, *values)
        return self._outcome(self.node.send(sender, self.address, data, at_s=at_s, gas=gas))

    def data(self, function: str, *values: Value) -> bytes:
        """The calldata of such a transaction."""
        found = self.compiled.functions[function]
        return found.selector + encode(found.inputs, values)

    def _outcome(self, receipt: Mapping[str, Any]) -> Outcome:
        gas = int(receipt["gasUsed"], 16)
        if int(receipt["status"], 16):
            return Outcome(gas, "", tuple(receipt["logs"]))
        selector = self.node.revert_data(dict(receipt))[:4]
        return Outcome(gas, self.compiled.errors.get(selector, f"reverted {selector.hex()}"))


def deploy(node: Node, compiled: Compiled, sender: bytes, *values: Value) -> Deployed:
    """A new one. Raises ShellError if its constructor reverts."""
    receipt = node.send(sender, None, compiled.code + encode(compiled.constructor, values))
    if not int(receipt["status"], 16):
        raise ShellError("evm", "the contract was not deployed: its constructor reverted")
    return Deployed(node, compiled, bytes.fromhex(receipt["contractAddress"][2:]))
