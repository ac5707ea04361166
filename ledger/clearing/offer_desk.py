"""The provider's desk: answers a clearing house that asks, by HTTP, for the offer that settles an auction.

POST of a GenerateOffer, the signed offer back (both CBOR). Keeps nothing: what it may sign stands in the
question, signed by the provider itself. Reference: Bandcoin 5.4, table 2.
"""

import asyncio
import time
from collections.abc import Callable

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from ledger.clearing.provider import Wrong, answer
from ledger.http import add_error_pages
from wire.errors import DecodeError
from wire.generate_offer import MAX_GENERATE_OFFER_BYTES
from wire.ids import PublicKey
from wire.keys import PrivateKey

CBOR = "application/cbor"


def create_desk(
    provider: PrivateKey, house: PublicKey, ledger_id: bytes, tell: Callable[[str], None]
) -> FastAPI:
    """The application; `tell` gets a sentence for each question."""
    app = FastAPI(title="Airgrant provider", version="1")
    add_error_pages(app)

    @app.post("/offer")
    async def generate_offer(request: Request) -> Response:
        """GenerateOffer."""
        question = b""
        async for chunk in request.stream():
            question += chunk
            if len(question) > MAX_GENERATE_OFFER_BYTES:
                return _refuse(413, "too_large", f"at most {MAX_GENERATE_OFFER_BYTES} bytes")
        try:
            said = await asyncio.to_thread(answer, question, house, provider, ledger_id, int(time.time()))
        except DecodeError as error:
            return _refuse(422, "unreadable", str(error))
        if isinstance(said, Wrong):
            tell(f"refused: {said.detail}")
            return _refuse(409, "not_agreed", said.detail)
        tell("signed the offer of an auction")
        return Response(said, media_type=CBOR)

    return app


def _refuse(status: int, error: str, detail: str) -> JSONResponse:
    return JSONResponse({"error": error, "detail": detail}, status)
