"""The first word at the broker: does it take this box's certificate, and has the account of its owner been opened?

One connection, asked and answered in seconds, and gone before the daemon comes with the same name. Where the ledger
does not know the account it is opened by a transaction that the account's own key signs. Decides nothing else.
"""

import os
import queue
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from wire.create import Create
from wire.errors import DecodeError, ShellError
from wire.ids import PublicKey
from wire.keys import PrivateKey
from wire.ledger_reply import read_ledger_reply
from wire.receipt import read_receipt
from wire.registration import read_registration, write_registration_question
from wire.transaction import NONCE_SIZE, Transaction, sign_transaction

ANSWER_WAIT_S = 15.0
VALID_S = 300
_CORRELATION_SIZE = 8
_ALREADY = "account_exists"


def open_account(
    host: str, port: int, name: str, files: tuple[Path, Path, Path], account: PrivateKey, ledger: PublicKey,
    ledger_id: bytes,
) -> bool:  # fmt: skip
    """Whether the account was opened now; False: the ledger knew it. `files`: authority, certificate, key.

    Raises ShellError: the broker does not take us, the ledger does not answer or says no.
    """
    where = f"broker {host}:{port}"
    with _connected(where, host, port, name, files) as asking:
        if _is_known(
            asking("query", write_registration_question(account.public)), account.public, ledger, ledger_id
        ):
            return False
        transaction = Transaction(Create(account.public), os.urandom(NONCE_SIZE), int(time.time()) + VALID_S)
        signed = sign_transaction(transaction, account, ledger_id).envelope.encoded
        reply = read_ledger_reply(asking("transaction", signed))
        receipt = read_receipt(reply.receipt, ledger, ledger_id)
        if not receipt.executed and receipt.reason != _ALREADY:
            raise ShellError("ledger", f"does not open the account: {receipt.reason} {receipt.detail}")
        return receipt.executed


def _is_known(answer: bytes, account: PublicKey, ledger: PublicKey, ledger_id: bytes) -> bool:
    """By the ledger's signed word; its no is a receipt."""
    try:
        return read_registration(answer, ledger, ledger_id).account == account
    except DecodeError:
        receipt = read_receipt(read_ledger_reply(answer).receipt, ledger, ledger_id)
    if receipt.reason != "unknown_account":
        raise ShellError("ledger", f"{receipt.reason} {receipt.detail}")
    return False


@contextmanager
def _connected(where: str, host: str, port: int, name: str, files: tuple[Path, Path, Path]) -> Iterator[Any]:
    """A function that asks one thing of the ledger: (kind, octets) -> octets."""
    authority, certificate, key = files
    heard: queue.SimpleQueue[tuple[str, bytes, bytes]] = queue.SimpleQueue()
    reply_topic = f"airgrant/v1/down/{name}/reply"
    client = _new_client(name)

    def connected(client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any = None) -> None:
        if getattr(reason, "is_failure", reason != 0):
            heard.put(("refused", b"", str(reason).encode()))
        else:
            client.subscribe(reply_topic, qos=1)

    def message(_client: Any, _data: Any, message: Any) -> None:
        heard.put(("reply", getattr(message.properties, "CorrelationData", b""), message.payload))

    client.on_connect = connected
    client.on_subscribe = lambda *_: heard.put(("ready", b"", b""))
    client.on_message = message

    def ask(kind: str, octets: bytes) -> bytes:
        properties: Any = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.ResponseTopic, correlation = reply_topic, os.urandom(_CORRELATION_SIZE)
        properties.CorrelationData = correlation
        client.publish(f"airgrant/v1/up/{name}/{kind}", octets, qos=1, properties=properties)
        return _await(heard, where, "reply", correlation, "the ledger did not answer in time")

    try:
        context = ssl.create_default_context(cafile=str(authority))
        context.load_cert_chain(certificate, key)
        client.tls_set_context(context)
        client.connect(host, port)
    except (OSError, ValueError) as error:
        raise ShellError(where, str(error)) from error
    client.loop_start()
    try:
        _await(heard, where, "ready", b"", "does not take this box's certificate")
        yield ask
    finally:
        client.disconnect()
        client.loop_stop()


def _await(heard: Any, where: str, wanted: str, correlation: bytes, else_say: str) -> bytes:
    deadline = time.monotonic() + ANSWER_WAIT_S
    while (left_s := deadline - time.monotonic()) > 0:
        try:
            kind, about, octets = heard.get(timeout=left_s)
        except queue.Empty:
            break
        if kind == "refused":
            raise ShellError(where, f"refused: {octets.decode()}")
        if (kind, about) == (wanted, correlation):
            return bytes(octets)
    raise ShellError(where, else_say)


def _new_client(name: str) -> Any:
    """Of paho 2, or of paho 1.6; under the name that the daemon will have."""
    arguments: dict[str, Any] = {"client_id": f"apd-{name[:20]}", "protocol": paho.MQTTv5}
    if hasattr(paho, "CallbackAPIVersion"):
        arguments["callback_api_version"] = paho.CallbackAPIVersion.VERSION2
    return paho.Client(**arguments)
