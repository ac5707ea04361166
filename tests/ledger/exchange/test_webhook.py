"""The door over HTTP: what is recorded, what is sent away, and with which status."""

from __future__ import annotations

import asyncio
import json
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from ledger.exchange.braintree import Credentials
from ledger.exchange.payout_request import PayoutRequest, write_payout_request
from ledger.exchange.saleor import Shop, read_jwks
from ledger.exchange.webhook import Door, create_app, read_form
from ledger.http import listen, serve
from tests.exchange_world import World
from wire.errors import DecodeError
from wire.money_actions import Deposit, Transfer

FOLDER = Path(__file__).parent / "vectors"
BRAINTREE = json.loads((FOLDER / "braintree.json").read_text())["notifications"]
SALEOR = json.loads((FOLDER / "saleor.json").read_text())
SHOP = Shop(read_jwks(json.dumps(SALEOR["jwks"]).encode()), frozenset({"BANDCOINS-100"}))
KEYS = Credentials(
    "integration_public_key", "integration_private_key", frozenset({"ogaotkivejpfayqfeaimuktty"})
)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


def door(world: World, credentials: Credentials | None = KEYS, shop: Shop | None = SHOP) -> Door:
    def available(request: PayoutRequest) -> int:
        return world.balance(request.account)

    return Door(world.desk, world.genesis, lambda: world.told.append("woken"), available, credentials, shop)


@contextmanager
def served(app: FastAPI) -> Iterator[httpx.Client]:
    """The real server on loopback."""
    listening, ready = listen("127.0.0.1", 0), threading.Event()
    loops: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def run() -> None:
        stop = asyncio.Event()
        loops.append((asyncio.get_running_loop(), stop))
        task = asyncio.create_task(serve(app, listening))
        ready.set()
        await stop.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    ready.wait()
    port = listening.getsockname()[1]
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            yield client
    finally:
        loop, stop = loops[0]
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        listening.close()


@pytest.fixture
def client(world: World) -> Iterator[httpx.Client]:
    with served(create_app(door(world))) as made:
        yield made


def form(vector: dict[str, str]) -> bytes:
    return urllib.parse.urlencode({name: vector[name] for name in ("bt_signature", "bt_payload")}).encode()


def test_every_notification_is_on_disk_once_it_is_acknowledged(client: httpx.Client, world: World):
    for at in range(2):
        for vector in BRAINTREE:
            answer = client.post("/braintree", content=form(vector))
            assert (answer.status_code, answer.json()) == (
                200,
                {"key": vector["event"]["key"], "new": at == 0},
            )
        for vector in (one for one in SALEOR["webhooks"] if "secret" not in one):
            headers = {"Saleor-Signature": vector["signature"], "Saleor-Event": "anything"}
            assert client.post("/saleor", content=vector["body"], headers=headers).status_code == 200
    keys = [entry.key for entry in world.desk.table.read_after(0)]
    assert {vector["event"]["key"] for vector in BRAINTREE} <= set(keys)
    assert "woken" in world.told
    assert client.get("/health").json()["lines"] == len(keys)


def test_what_nobody_signed_is_counted_and_not_kept(client: httpx.Client, world: World):
    forged = dict(BRAINTREE[0], bt_signature="integration_public_key|" + "0" * 40)
    for path, body in [
        ("/braintree", form(forged)),
        ("/braintree", b"bt_payload=a"),
        ("/braintree", b"\xff"),
        ("/braintree", b"x" * 200_000),
        ("/saleor", SALEOR["webhooks"][0]["body"].encode()),
        ("/saleor", b"x" * 300_000),
        ("/payouts", b"\xd2"),
        ("/payouts", b"x" * 2_000),
    ]:
        answer = client.post(path, content=body)
        assert answer.status_code == 400, path
        assert answer.json()["error"] == "not_accepted"
    assert world.desk.table.read_after(0) == []
    assert sum(client.get("/health").json()["counters"].values()) == 8


def test_braintree_tries_the_address(client: httpx.Client):
    answer = client.get("/braintree", params={"bt_challenge": "20f9f8ed05f77439fe955c977e4c8a53"})
    assert answer.text.startswith("integration_public_key|")
    assert client.get("/braintree", params={"bt_challenge": "<script>"}).status_code == 400


def test_every_error_is_a_word_and_a_sentence(client: httpx.Client):
    for answer, status, word in (
        (client.get("/nothere"), 404, "no_such_page"),
        (client.get("/braintree"), 422, "bad_request"),
        (client.put("/saleor"), 405, "wrong_method"),
        (client.get("/payouts/x"), 422, "bad_request"),
    ):
        assert (answer.status_code, answer.json()["error"]) == (status, word)
        assert set(answer.json()) == {"error", "detail"}
        assert answer.json()["detail"]
    assert "bt_challenge" in client.get("/braintree").json()["detail"]


def test_a_gateway_that_is_not_set_is_not_there(world: World):
    with served(create_app(door(world, None, None))) as client:
        assert client.post("/braintree", content=b"").status_code == 404
        assert client.post("/saleor", content=b"").status_code == 404


def test_a_payout_is_asked_for_and_looked_up(client: httpx.Client, world: World):
    key = world.open_account()
    transfer = world.sign(Transfer(world.exchange.public, 30_000), key)
    request = write_payout_request(transfer, "EUR", "AT61 1904", key, world.genesis.ledger_id)
    refused = client.post("/payouts", content=request)
    assert (refused.status_code, "has 0 BC" in refused.text) == (400, True)
    world.execute(Deposit(key.public, 30_000), world.exchange)
    page = client.post("/payouts", content=request).json()
    assert (page["minor"], page["pays"], page["currency"], page["new"]) == (3, "0.03", "EUR", True)
    assert not client.post("/payouts", content=request).json()["new"]
    looked = client.get(f"/payouts/{page['payout']}")
    assert looked.json()["stage"] == "waits for the transfer"
    assert "AT61" not in looked.text
    assert client.get(f"/payouts/{'0' * 64}").status_code == 404
    assert client.get("/payouts/x").status_code == 422


def test_the_ledger_is_asked_nothing_about_what_nobody_could_pay(world: World):
    def available(_request: PayoutRequest) -> int:
        raise AssertionError("the ledger was asked")

    key = world.open_account()
    transfer = world.sign(Transfer(world.exchange.public, 30_000), key)
    request = write_payout_request(transfer, "USD", "AT61 1904", key, world.genesis.ledger_id)
    with served(create_app(Door(world.desk, world.genesis, lambda: None, available, None, None))) as client:
        answer = client.post("/payouts", content=request)
    assert (answer.status_code, "currency_not_sold" in answer.text) == (400, True)
    assert world.desk.table.read_after(0) == []


def test_a_disk_that_fails_asks_for_it_again(world: World):
    with served(create_app(door(world))) as client:
        world.desk.table._connection.close()
        assert client.post("/braintree", content=form(BRAINTREE[0])).status_code == 503


def test_forms():
    assert read_form(b"a=1&b=%2B+2", "b", "a") == ["+ 2", "1"]
    for body in (b"", b"a=1", b"a=1&a=2&b=3", b"a"):
        with pytest.raises(DecodeError):
            read_form(body, "a", "b")
