"""What a shared ledger shows of its network: from what CometBFT says, and when it says nothing."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from fastapi import FastAPI

from ledger.abci.network import Network
from ledger.abci.pages import Shared, add_network_pages
from ledger.http import NotFoundError
from wire.keys import PrivateKey

NETWORK = Network((), PrivateKey.generate().public, 1_700_000_000)


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
