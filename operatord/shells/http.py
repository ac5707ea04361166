"""The door for FreeRADIUS: HTTP on loopback, JSON in the form of rlm_rest.

POST /v1/authorise answers 200 with the attributes of the Access-Accept, or 401 with a Reply-Message that names the
reason; POST /v1/accounting 204 once the record is on disk; GET /v1/status what an owner wants to know. Anything that
cannot be read is 400, counted, and to FreeRADIUS the same as no. Decides nothing: `Desk` does.
"""

import json
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from operatord.accounting import read_accounting
from operatord.authorising import Accepted, Decision
from operatord.request import AuthoriseRequest, read_authorise_request
from operatord.sessions import AccountingRecord, BoxRestarted
from wire.errors import DecodeError

MAX_BODY_BYTES = 64 * 1024
"""A RADIUS packet has 4,096 octets; as JSON a few times that."""


class Desk(Protocol):
    """Whoever decides."""

    async def authorise(self, request: AuthoriseRequest) -> Decision: ...

    async def account(self, record: AccountingRecord | BoxRestarted) -> None: ...

    def status(self) -> dict[str, Any]: ...

    def count(self, kind: str) -> None: ...


def create_app(desk: Desk) -> FastAPI:
    """The application in front of one desk."""
    app = FastAPI(title="Airgrant operator", version="1", docs_url=None, redoc_url=None, openapi_url=None)

    @app.post("/v1/authorise")
    async def authorise(request: Request) -> Response:
        """May this key join here?"""
        return await _answer(desk, request, lambda page: _authorise(desk, page))

    @app.post("/v1/accounting")
    async def account(request: Request) -> Response:
        """What an access point tells of a session."""
        return await _answer(desk, request, lambda page: _account(desk, page))

    @app.get("/v1/status")
    async def status() -> Response:
        """Permits, uses, sessions and counters."""
        return JSONResponse(desk.status())

    return app


async def _answer(desk: Desk, request: Request, handle: Callable[[object], Awaitable[Response]]) -> Response:
    try:
        body = await request.body()
        return await handle(_parse(body))
    except DecodeError as error:
        desk.count(f"{request.url.path.rpartition('/')[2]}: {type(error).__name__}")
        return JSONResponse({"reply:Reply-Message": f"bad_request: {error}"}, 400)


def _parse(body: bytes) -> object:
    if len(body) > MAX_BODY_BYTES:
        raise DecodeError(f"{len(body)} bytes, at most {MAX_BODY_BYTES} are accepted")
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise DecodeError(f"no JSON: {error}") from None


async def _authorise(desk: Desk, page: object) -> Response:
    decision = await desk.authorise(read_authorise_request(page))
    if isinstance(decision, Accepted):
        return JSONResponse({f"reply:{name}": value for name, value in decision.attributes.items()})
    return JSONResponse({"reply:Reply-Message": f"{decision.reason}: {decision.detail}"}, 401)


async def _account(desk: Desk, page: object) -> Response:
    record = read_accounting(page, int(time.time()))
    await desk.account(record)
    return Response(status_code=204)
