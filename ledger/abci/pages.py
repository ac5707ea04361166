"""What a shared ledger shows over HTTP beside its other pages: who shares it, and the blocks that they signed.

Asks the CometBFT beside us for each answer; a page without an answer from there is a 503. Changes nothing. An error is
{"error": word, "detail": sentence}, as on the other pages.
"""

import base64
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from ledger.abci.light import read_commit
from ledger.abci.network import Network
from ledger.abci.network_page import NetworkPage, show_network
from ledger.abci.rpc import CometAway, CometRpc
from ledger.http import NotFoundError
from wire.comet_commit import write_signed_block
from wire.errors import DecodeError


class SignedBlockPage(BaseModel):
    """A block that operators signed, whose header has the app hash of the block before it."""

    height: int
    app_hash: str
    signed_block: str = Field(description="base64 of wire/comet_commit.py's form")


@dataclass(frozen=True, slots=True)
class Shared:
    """What the pages are made from: who shares the ledger, and where its CometBFT is asked."""

    network: Network
    url: str

    def ask(self, method: str, **params: str) -> Any:
        """Raises CometAway, ShellError, LookupError."""
        rpc = CometRpc(self.url)
        try:
            return rpc.ask(method, **params)
        finally:
            rpc.close()


def add_network_pages(app: FastAPI, shared: Shared | None) -> None:
    """To the pages of a ledger; None: it is shared with nobody, which they say."""

    @app.exception_handler(CometAway)
    async def say_away(_request: Request, error: CometAway) -> JSONResponse:
        return JSONResponse({"error": "comet_away", "detail": str(error)}, 503)

    @app.get("/v1/network")
    def get_network() -> NetworkPage:
        """Who shares this ledger, and whether they are there."""
        known = _must_be_shared(shared)
        return show_network(known.network, known.ask("status"), known.ask("net_info"))

    @app.get("/v1/proofs/signed_block")
    def get_signed_block(height: Annotated[int, Query(ge=0)]) -> SignedBlockPage:
        """The signatures of the operators under the app hash as of a block."""
        try:
            block = read_commit(_must_be_shared(shared).ask("commit", height=str(height + 1)))
        except (LookupError, DecodeError) as error:
            raise NotFoundError("no_signatures", f"block {height}: {error}") from error
        encoded = base64.b64encode(write_signed_block(block)).decode()
        return SignedBlockPage(height=height, app_hash=block.header.app_hash.hex(), signed_block=encoded)


def _must_be_shared(shared: Shared | None) -> Shared:
    if shared is None:
        raise NotFoundError("not_shared", "blocks are made on this machine alone")
    return shared
