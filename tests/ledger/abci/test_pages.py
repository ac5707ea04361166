"""What a shared ledger shows of its network: from what CometBFT says, and when it says nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from ledger.abci.comet_home import generate_keys, read_operator
from ledger.abci.network import Network
from ledger.abci.pages import Shared, add_network_pages, show_network
from ledger.http import NotFoundError
from wire.keys import PrivateKey

KEY = PrivateKey.generate().public
OPERATORS = tuple(
    read_operator(generate_keys(), name, PrivateKey.generate().public, f"192.0.2.{number}:26656", power)
    for number, (name, power) in enumerate({"alice": 1, "bob": 1, "carol": 1, "dave": 1, "eve": 0}.items(), 1)
)
NETWORK = Network(OPERATORS, KEY, 1_700_000_000)


def said(own: str, *, catching_up: bool = False) -> dict[str, Any]:
    at = {"latest_block_height": "7", "catching_up": catching_up}
    return {"node_info": {"id": own}, "sync_info": at}


def peers(*numbers: int) -> dict[str, Any]:
    return {"peers": [{"node_info": {"id": OPERATORS[number].node}} for number in numbers]}


@pytest.mark.parametrize(
    ("connected", "decides"), [((1, 2, 3), True), ((1, 2), True), ((1, 4), False), ((), False)]
)
def test_who_is_there_and_whether_they_decide(connected: tuple[int, ...], decides: bool) -> None:
    page = show_network(NETWORK, said(OPERATORS[0].node), peers(*connected))
    assert page.decides is decides
    assert (page.name, page.height, page.catching_up) == ("alice", 7, False)
    there = {number for number, one in enumerate(page.operators) if one.connected}
    assert there == {0, *connected}
    assert [one.power for one in page.operators] == [1, 1, 1, 1, 0]


def test_a_node_that_nobody_knows() -> None:
    page = show_network(NETWORK, said("ff" * 20, catching_up=True), peers(0, 1, 2))
    assert (page.name, page.catching_up, page.decides) == ("", True, True)


def ask(shared: Shared | None, path: str) -> httpx.Response:
    app = FastAPI()
    add_network_pages(app, shared)

    async def get() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://ledger") as client:
            return await client.get(path)

    return asyncio.run(get())


@pytest.mark.parametrize("path", ["/v1/network", "/v1/proofs/signed_block?height=3"])
def test_a_ledger_of_one_operator_says_so(path: str) -> None:
    with pytest.raises(NotFoundError, match="this machine alone"):
        ask(None, path)


@pytest.mark.parametrize("path", ["/v1/network", "/v1/proofs/signed_block?height=3"])
def test_a_cometbft_that_is_away(path: str, free_port) -> None:
    answer = ask(Shared(NETWORK, f"http://127.0.0.1:{free_port()}"), path)
    assert answer.status_code == 503
    assert answer.json()["error"] == "comet_away"
