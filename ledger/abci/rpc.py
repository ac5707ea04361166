"""Asks a CometBFT: JSON-RPC over one HTTP connection that is kept.

`broadcast` puts transactions before it in their order, without waiting for what becomes of them: that is said on the
other side, where it asks our ledger. Blocking; one caller at a time. Raises CometAway if nobody answers, ShellError for
an answer that is none.
Reference: CometBFT v0.38 rpc/openapi/openapi.yaml.
"""

import base64
import http.client
import json
import urllib.parse
from collections.abc import Sequence
from typing import Any

from wire.errors import ShellError

TIMEOUT_S = 10.0
MAX_ANSWER_BYTES = 16 * 1024 * 1024
BATCH = 500
"""Transactions of one request; `comet_home` raises CometBFT's limit of ten accordingly."""
BATCH_BYTES = 4 * 1024 * 1024
"""Of the transactions of one request, before base64: a bulk purchase of 1.7 MB goes with another one."""

IN_CACHE = "tx already exists in cache"


class CometAway(ShellError):
    """Nobody answers at CometBFT's address."""


class CometRpc:
    """One CometBFT at a URL such as http://127.0.0.1:26657. Connects when first asked, and anew after a failure."""

    def __init__(self, url: str, timeout_s: float = TIMEOUT_S) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme != "http" or not parts.hostname or not parts.port:
            raise ValueError(f"{url!r} is not a CometBFT such as http://127.0.0.1:26657")
        self.url = url
        self._connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout_s)

    def close(self) -> None:
        self._connection.close()

    def ask(self, method: str, **params: str) -> Any:
        """The result of one call, as JSON has it. Raises LookupError with CometBFT's words if it says no."""
        answer = self._post({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        if not isinstance(answer, dict) or not ("result" in answer or "error" in answer):
            raise ShellError(self.url, f"{method}: is no answer of JSON-RPC")
        if "error" in answer:
            raise LookupError(_words(answer["error"]))
        return answer["result"]

    def broadcast(self, transactions: Sequence[bytes]) -> list[str]:
        """For each, in order, why it does not wait for a block: empty if it does, IN_CACHE if it was seen before."""
        said: list[str] = []
        for batch in _batches(transactions):
            calls = [
                {
                    "jsonrpc": "2.0",
                    "id": number,
                    "method": "broadcast_tx_async",
                    "params": {"tx": base64.b64encode(one).decode()},
                }
                for number, one in enumerate(batch)
            ]
            answers = self._post(calls)
            if isinstance(answers, dict):  # a batch of one is answered as if it were none
                answers = [answers]
            if not isinstance(answers, list) or len(answers) != len(calls):
                raise ShellError(self.url, "broadcast: another number of answers than questions")
            said += ["" if "result" in answer else _words(answer.get("error")) for answer in answers]
        return said

    def _post(self, content: Any) -> Any:
        body = json.dumps(content).encode()
        try:
            data = self._exchange(body)
        except (OSError, http.client.HTTPException):
            self._connection.close()  # CometBFT closes one that was idle for ten seconds; asking twice does no harm
            data = self._exchange_anew(body)
        try:
            return json.loads(data)
        except ValueError as error:
            self._connection.close()
            raise ShellError(self.url, f"is no CometBFT: {error}") from error

    def _exchange_anew(self, body: bytes) -> bytes:
        try:
            return self._exchange(body)
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise CometAway(self.url, str(error) or type(error).__name__) from error

    def _exchange(self, body: bytes) -> bytes:
        self._connection.request("POST", "/", body, {"Content-Type": "application/json"})
        return self._connection.getresponse().read(MAX_ANSWER_BYTES)


def _words(error: Any) -> str:
    """CometBFT's: the message says little, the data what happened."""
    if not isinstance(error, dict):
        return "no reason"
    return str(error.get("data") or error.get("message") or "no reason")


def _batches(transactions: Sequence[bytes]) -> list[list[bytes]]:
    batches: list[list[bytes]] = []
    size = 0
    for one in transactions:
        if not batches or len(batches[-1]) >= BATCH or size + len(one) > BATCH_BYTES:
            batches.append([])
            size = 0
        batches[-1].append(one)
        size += len(one)
    return batches
