"""A local EVM node (anvil): started, asked by JSON-RPC over HTTP, ended.

In: requests, one at a time. Out: results, or ShellError with what the node said. Every transaction makes a block of its
own, at the time that it is told; accounts are the node's own and need no key here. All stays on the loopback.
Tried with anvil 1.7.1 (lab/evm.sh build).
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import select
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wire.errors import ShellError

PROGRAM = (
    Path(__file__).resolve().parents[2] / "build/evm/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil"
)
START_S = 30
REPLY_S = 120
"""A transaction of 16 million gas of pairings takes a second."""
HARDFORK = "osaka"
"""The first with P256VERIFY (EIP-7951); EIP-2537 came with the one before."""
OPTIONS = (
    *("--host", "127.0.0.1", "--port", "0", "--accounts", "30", "--order", "fifo", "--no-mining"),
    *("--base-fee", "0", "--gas-price", "0", "--disable-min-priority-fee", "--disable-block-gas-limit"),
    "--no-request-size-limit",
)
"""Gas is counted and costs nothing; a block is made when we say so."""
GAS_CAP = 16_777_216
"""What a transaction may use at most (EIP-7825). The node enforces it."""


class Node:
    """A conversation with a node on 127.0.0.1. One thread at a time."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=REPLY_S)
        self._requests = 0

    def ask(self, method: str, *params: Any) -> Any:
        """The result of one request. Raises ShellError: the node said no, or said nothing."""
        self._requests += 1
        body = json.dumps({"jsonrpc": "2.0", "id": self._requests, "method": method, "params": params})
        try:
            self._connection.request("POST", "/", body, {"Content-Type": "application/json"})
            page = json.loads(self._connection.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._connection.close()
            raise ShellError("evm node", f"{method}: {error}") from error
        if "error" in page:
            raise ShellError("evm node", f"{method}: {page['error'].get('message', page['error'])}")
        return page["result"]

    def accounts(self) -> list[bytes]:
        """Addresses that may send, with money for gas."""
        return [bytes.fromhex(text[2:]) for text in self.ask("eth_accounts")]

    def now_s(self) -> int:
        """The time of the last block."""
        return int(self.ask("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    def send(
        self, sender: bytes, to: bytes | None, data: bytes, *, at_s: int | None = None, gas: int = GAS_CAP
    ) -> dict[str, Any]:
        """The receipt of a transaction, mined at once in a block of that time (never before the last block's)."""
        fields = {"from": _hex(sender), "data": _hex(data), "gas": hex(gas), "gasPrice": "0x0"}
        if to is not None:
            fields["to"] = _hex(to)
        name = self.ask("eth_sendTransaction", fields)
        self.ask("evm_mine", max(self.now_s(), at_s) if at_s is not None else None)
        receipt = self.ask("eth_getTransactionReceipt", name)
        assert isinstance(receipt, dict)
        return receipt

    def call(self, to: bytes, data: bytes, sender: bytes | None = None) -> bytes:
        """What a call returns, without leaving a trace. Raises ShellError where it reverts."""
        fields = {"to": _hex(to), "data": _hex(data)} | ({"from": _hex(sender)} if sender else {})
        return bytes.fromhex(self.ask("eth_call", fields, "latest")[2:])

    def revert_data(self, receipt: dict[str, Any]) -> bytes:
        """What a transaction that failed gave back: the selector of an error and its arguments, or nothing."""
        trace = self.ask("debug_traceTransaction", receipt["transactionHash"], {"tracer": "callTracer"})
        return bytes.fromhex(trace.get("output", "0x")[2:])

    def snapshot(self) -> str:
        return str(self.ask("evm_snapshot"))

    def revert(self, snapshot: str) -> None:
        """All is as it was at that moment; the snapshot is used up."""
        self.ask("evm_revert", snapshot)

    def close(self) -> None:
        self._connection.close()


def _hex(octets: bytes) -> str:
    return "0x" + octets.hex()


@contextlib.contextmanager
def run_node(program: Path = PROGRAM, start_s: int = 1_800_000_000, *, capped: bool = True) -> Iterator[Node]:
    """A fresh node at that time, for as long as the block lasts. Raises ShellError where there is no program.

    Not `capped`: transactions may be larger than GAS_CAP, to see how large they would be,
    and contracts than EIP-170 allows.
    """
    if not program.exists():
        raise ShellError("evm node", f"{program} is not there: run lab/evm.sh build")
    command = [str(program), "--hardfork", HARDFORK, "--timestamp", str(start_s), *OPTIONS]
    command += ["--enable-tx-gas-limit"] if capped else ["--disable-code-size-limit"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert child.stdout is not None
    drain = threading.Thread(target=_drain, args=(child.stdout.fileno(),), name="evm node's words")
    try:
        node = Node(_wait_for_port(child))
        drain.start()
        try:
            yield node
        finally:
            node.close()
    finally:
        child.kill()
        child.wait()
        if drain.ident is not None:
            drain.join()
        child.stdout.close()


def _drain(descriptor: int) -> None:
    """It writes a line for each request, and would wait for somebody to read them."""
    while os.read(descriptor, 65536):
        pass


def _wait_for_port(child: subprocess.Popen[bytes]) -> int:
    assert child.stdout is not None
    said = b""
    while b"Listening on 127.0.0.1:" not in said:
        ready, _, _ = select.select([child.stdout], [], [], START_S)
        piece = os.read(child.stdout.fileno(), 65536) if ready else b""
        if not piece:
            raise ShellError("evm node", f"did not start: {said.decode(errors='replace')[-500:]}")
        said += piece
    return int(said.split(b"Listening on 127.0.0.1:")[1].split()[0])
