"""Asking what others say: believed if it is proved, and never waited for."""

from __future__ import annotations

import base64
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from device.asking_around import ALL_S, MAX_ANSWER_BYTES, ONE_S, Asked, ask_around
from device.choice import PinnedLedger
from device.reputation import MAX_TOLD_AGE_S, Reputation, Told
from tests.wire.examples import LEDGER, OPERATOR, PROVIDER
from tests.wire.test_usage_totals import ENTRY, LEDGER_ID, TREE, head_over
from wire.errors import ConfigError
from wire.state_proof import write_proof
from wire.usage_totals import totals_key

SELLER, PUBLISHER = PROVIDER.public, OPERATOR.public
PINNED = PinnedLedger(LEDGER.public, LEDGER_ID)
HEAD_S = 1_234


def page(entry: bytes | None = ENTRY) -> bytes:
    proof = write_proof(TREE.prove(totals_key(SELLER, PUBLISHER)))
    texts = [
        None if one is None else base64.b64encode(one).decode() for one in (entry, proof, head_over(TREE))
    ]
    return json.dumps(dict(zip(("entry", "proof", "header"), texts, strict=True))).encode()


def answer(content: bytes, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nserver: x\r\n\r\n".encode() + content


@contextmanager
def serving(content: bytes, *, drips: bool = False) -> Iterator[str]:
    """Somebody who answers every question with these octets: at once, or one every 50 ms."""
    over, listening = threading.Event(), socket.create_server(("127.0.0.1", 0))
    listening.settimeout(0.05)

    def serve() -> None:
        while not over.is_set():
            try:
                opened, _ = listening.accept()
            except TimeoutError:
                continue
            with opened:
                opened.recv(4_096)
                try:
                    for octet in content if drips else ():
                        opened.sendall(bytes([octet]))
                        if over.wait(0.05):
                            break
                    opened.sendall(b"" if drips else content)
                except OSError:
                    continue

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        over.set()
        thread.join()
        listening.close()


def ask(url: str, now_s: int = HEAD_S, count: int = 1) -> Asked:
    return ask_around(url, PINNED, [(SELLER, PUBLISHER)] * count, Reputation(), now_s)


def test_what_is_proved_is_known() -> None:
    with serving(answer(page())) as url:
        asked = ask(url)
    assert asked.trouble == ""
    assert asked.known.sellers[SELLER].told == {PUBLISHER: Told(10, 9, HEAD_S)}


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        (answer(page(None)), "something else lies"),
        (answer(page(ENTRY[:-1] + b"\x01")), "something else lies"),
        (answer(b"{}"), "no proof"),
        (answer(b'{"entry": null, "proof": "x", "header": ""}'), "no proof"),
        (answer(b"[" * 20_000), "no proof"),
        (answer(page(), "404 Not Found"), "answers"),
        (b"SSH-2.0-x\r\n", "answers"),
        (answer(bytes(MAX_ANSWER_BYTES)), "more than"),
        (b"", "answers"),
    ],
)
def test_what_is_not_proved_is_not(octets: bytes, why: str) -> None:
    with serving(octets) as url:
        asked = ask(url)
    assert asked.known == Reputation()
    assert why in asked.trouble


def test_an_old_proof_is_replayed_in_vain() -> None:
    with serving(answer(page())) as url:
        assert ask(url, HEAD_S + MAX_TOLD_AGE_S).known != Reputation()
        asked = ask(url, HEAD_S + MAX_TOLD_AGE_S + 1)
    assert asked.known == Reputation()
    assert "a proof of" in asked.trouble


def test_nobody_who_drips_is_waited_for() -> None:
    with serving(answer(page()), drips=True) as url:
        began = time.monotonic()
        asked = ask(url, count=50)
    assert "timed out" in asked.trouble
    assert ONE_S <= time.monotonic() - began < ALL_S


def test_without_a_network_it_goes_without() -> None:
    with serving(b"") as url:
        pass
    assert ask(url) == Asked(Reputation(), ask(url).trouble)
    assert "refused" in ask(url).trouble


@pytest.mark.parametrize("url", ["", "ledger", "ftp://ledger", "http://[", "http://:0", "http://ledger:0"])
def test_what_is_no_ledger_is_said(url: str) -> None:
    with pytest.raises(ConfigError, match="is not a ledger"):
        ask(url)
