"""The routes of the operator's page: four pages, what changed of them, one action.

Everything is rendered here and works without a script; the script only asks /changes and puts in place what it gets:
rows of sessions that changed or came, each with the one above it, and parts whose digest is another. A part is made at
most once a second, whoever asks.
Nothing is loaded from elsewhere, and no script or style stands in the page. Decides nothing.
"""

import hashlib
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Annotated, Any, Protocol

from fastapi import Depends, FastAPI, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles

from ledger.reports.words import STANDINGS
from operatord.page.board import Board, Row
from operatord.page.guard import Guard, Person, Role
from operatord.page.login import login_routes
from operatord.page.rendering import FOLDER, render, render_part
from operatord.page.views import (
    Known,
    clock_time,
    tell_boxes,
    tell_counts,
    tell_map,
    tell_money,
    tell_money_tiles,
    tell_notices,
    tell_offers,
    tell_record,
    tell_refunds,
    tell_session,
    tell_tiles,
)
from wire.errors import DecodeError, ShellError

MAX_ROWS = 1_000
"""Sessions of one page; the others are on the next, or at one box."""
MAX_ORDERS = 200
"""Which rows stood on a page, of as many pages as browsers have had last; who has an older one loads it again."""
PART_S = 1.0
MAX_REASON = 200
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # `no-referrer` would take the Origin from our own forms
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
HSTS = {"Strict-Transport-Security": "max-age=31536000"}
NO_STORE, REVALIDATE = {"Cache-Control": "no-store"}, {"Cache-Control": "no-cache"}
GrantId = Annotated[str, Query(pattern="^[0-9a-f]{32}$")]
BoxName = Annotated[str, Query(pattern="^[A-Za-z0-9._-]{0,66}$")]


class Sight(Protocol):
    """What the page shows, as of now (operatord/page/sight.py)."""

    board: Board

    def known(self) -> Known: ...

    async def revoke(self, grant: str, reason: str) -> str:
        """Raises ShellError, DecodeError."""


PARTS: dict[str, Callable[[Known], dict[str, Any]]] = {
    "notices": lambda known: {"notices": tell_notices(known)},
    "tiles": lambda known: {"tiles": tell_tiles(known)},
    "boxes": lambda known: {"boxes": tell_boxes(known), "asked": bool(known.ledger.answered_s)},
    "map": lambda known: {"rows": tell_map(known), "clock_time": clock_time},
    "money": lambda known: {
        "tiles": tell_money_tiles(known),
        "accounts": tell_money(known),
        "asked": bool(known.ledger.answered_s),
    },
    "offers": lambda known: {"offers": tell_offers(known), "asked": bool(known.ledger.answered_s)},
    "refunds": lambda known: {"refunds": tell_refunds(known)},
    "verdicts": lambda known: {
        "counts": tell_counts(known),
        "complaints": known.ledger.complaints,
        "verified": clock_time(known.ledger.verified_s) if known.ledger.verified_s else "",
    },
    "disagreements": lambda known: {
        "disagreements": known.ledger.disagreements,
        "judged": known.ledger.judged,
        "names": known.names(),
        "verified": bool(known.ledger.verified_s),
    },
    "disputed": lambda known: {
        "records": [tell_record(known, one) for one in known.disputed],
        "any": bool(known.latest),
    },
    "latest": lambda known: {"records": [tell_record(known, one) for one in known.latest]},
}
"""From what is known to the values of each part's template."""
PLACES: dict[str, tuple[str, tuple[str, ...]]] = {
    "/": ("overview.html", ("notices", "tiles", "boxes", "map")),
    "/sessions": ("sessions.html", ("notices",)),
    "/money": ("money.html", ("notices", "money", "offers", "refunds")),
    "/reports": ("reports.html", ("notices", "verdicts", "disagreements", "disputed", "latest")),
}


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a page, and a name for exactly this content."""

    html: str
    digest: str


class Press:
    """Makes parts and rows, and remembers them for whoever asks next."""

    def __init__(self, sight: Sight, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._sight, self._monotonic = sight, monotonic
        self._parts: dict[str, tuple[float, Part]] = {}
        self._rows: dict[tuple[str, bool], tuple[object, str]] = {}
        self._orders: dict[str, tuple[str, ...]] = {}

    def part(self, name: str) -> Part:
        now = self._monotonic()
        made, part = self._parts.get(name, (-PART_S, None))
        if part is None or now - made >= PART_S:
            html = render_part(name, **PARTS[name](self._sight.known()))
            part = Part(html, hashlib.sha256(html.encode()).hexdigest()[:12])
            self._parts[name] = now, part
        return part

    def keep_order(self, grants: tuple[str, ...]) -> str:
        """The name by which a browser asks for what is other than these rows."""
        name = hashlib.sha256(" ".join(grants).encode()).hexdigest()[:16]
        self._orders.pop(name, None)
        self._orders[name] = grants
        if len(self._orders) > MAX_ORDERS:
            del self._orders[next(iter(self._orders))]
        return name

    def order(self, name: str) -> tuple[str, ...] | None:
        return self._orders.get(name)

    def rows(self, known: Known, grants: Iterable[str], *, may_revoke: bool) -> list[str]:
        """Rows of the table of sessions; of one that did not change the same text."""
        found = []
        for grant in grants:
            view = tell_session(known, known.board.rows[grant])
            before, html = self._rows.get((grant, may_revoke), (None, ""))
            if view != before:
                html = render_part("session", one=view, may_revoke=may_revoke)
                self._rows[grant, may_revoke] = view, html
            found.append(html)
        if len(self._rows) > 2 * len(known.board.rows) + MAX_ROWS:
            self._rows = {key: row for key, row in self._rows.items() if key[0] in known.board.rows}
        return found


def create_page(sight: Sight, guard: Guard, *, is_secure: bool = False, max_rows: int = MAX_ROWS) -> FastAPI:
    """The application in front of one sight; `is_secure`: browsers come by TLS."""
    app = FastAPI(title="Airgrant operator's page", docs_url=None, redoc_url=None, openapi_url=None)
    always = HEADERS | (HSTS if is_secure else {})

    @app.middleware("http")
    async def add_headers(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await go_on(request)
        is_static = request.url.path.startswith("/static/")
        response.headers.update(always | (REVALIDATE if is_static else NO_STORE))
        return response

    app.mount("/static", StaticFiles(directory=FOLDER / "static"), name="static")
    guard.install(app)
    app.include_router(login_routes(guard))
    press = Press(sight)
    _add_pages(app, sight, guard, press, max_rows)
    _add_changes(app, sight, guard, press, max_rows)
    _add_revoking(app, sight, guard)
    return app


def _add_pages(app: FastAPI, sight: Sight, guard: Guard, press: Press, max_rows: int) -> None:
    viewer = guard.require(Role.VIEWER)

    def show(request: Request, person: Person, place: str, **values: Any) -> HTMLResponse:
        template, names = PLACES[place]
        known = sight.known()
        page = render(
            template, place=place, person=person, token=guard.form_token(request), as_of=clock_time(known.now_s),
            parts={name: press.part(name) for name in names}, standings=STANDINGS.values(),
            **{"epoch": sight.board.epoch, "version": sight.board.version, "query": "", "order": "", **values},
        )  # fmt: skip
        return HTMLResponse(page)

    @app.get("/")
    async def overview(request: Request, person: Annotated[Person, Depends(viewer)]) -> Response:
        return show(request, person, "/")

    @app.get("/money")
    async def money(request: Request, person: Annotated[Person, Depends(viewer)]) -> Response:
        return show(request, person, "/money")

    @app.get("/reports")
    async def reports(request: Request, person: Annotated[Person, Depends(viewer)]) -> Response:
        return show(request, person, "/reports")

    @app.get("/sessions")
    async def sessions(
        request: Request,
        person: Annotated[Person, Depends(viewer)],
        box: BoxName = "",
        page: Annotated[int, Query(ge=1, le=1_000)] = 1,
    ) -> Response:
        known, may_revoke = sight.known(), person.role >= Role.OPERATOR
        found = known.board.sessions(box)
        shown = _shown(found, page, max_rows)
        return show(
            request, person, "/sessions", rows=press.rows(known, shown, may_revoke=may_revoke),
            box=box, boxes=sorted(known.boxes), page=page, pages=max(1, ceil(len(found) / max_rows)),
            count=len(found), may_revoke=may_revoke, query=f"box={box}&page={page}", order=press.keep_order(shown),
        )  # fmt: skip


def _shown(found: Sequence[Row], page: int, max_rows: int) -> tuple[str, ...]:
    """The grants of one page, the latest to come first."""
    return tuple(row.grant for row in found[(page - 1) * max_rows : page * max_rows])


def _add_changes(app: FastAPI, sight: Sight, guard: Guard, press: Press, max_rows: int) -> None:
    @app.get("/changes")
    async def changes(
        person: Annotated[Person, Depends(guard.require(Role.VIEWER))],
        place: str,
        epoch: str,
        since: Annotated[int, Query(ge=0)],
        seen: Annotated[list[str], Query()] = [],  # noqa: B006 FastAPI copies it
        box: BoxName = "",
        page: Annotated[int, Query(ge=1, le=1_000)] = 1,
        order: str = "",
    ) -> Response:
        """What is other than what this browser has; it says what that is."""
        board, known = sight.board, sight.known()
        if place not in PLACES:
            return JSONResponse({"reload": True})
        answer: dict[str, Any] = {"version": board.version, "as_of": clock_time(known.now_s)}
        parts = {name: press.part(name) for name in PLACES[place][1]}
        answer["parts"] = {
            name: [part.digest, part.html] for name, part in parts.items() if part.digest not in seen
        }
        if place == "/sessions":
            newer = board.since(since) if epoch == board.epoch else None
            before = press.order(order)
            if newer is None or before is None:
                return JSONResponse({"reload": True})
            found = known.board.sessions(box)
            shown, may_revoke = _shown(found, page, max_rows), person.role >= Role.OPERATOR
            answer |= _changed_rows(known, press, newer, before, shown, may_revoke=may_revoke)
            answer |= {"count": len(found), "order": press.keep_order(shown)}
        return JSONResponse(answer)


def _changed_rows(
    known: Known,
    press: Press,
    newer: Iterable[str],
    before: Sequence[str],
    shown: Sequence[str],
    *,
    may_revoke: bool,
) -> dict[str, Any]:
    """`rows` of this page that changed or that the browser has not: grant, HTML and the grant above it, from above to
    below, so that whoever puts each in its place has them all in order. `gone` are here no more.
    """
    there, wanted = set(shown), set(newer) | (set(shown) - set(before))
    above = dict(zip(shown, ("", *shown), strict=False))
    here = [grant for grant in shown if grant in wanted]
    html = press.rows(known, here, may_revoke=may_revoke)
    return {
        "rows": [(grant, text, above[grant]) for grant, text in zip(here, html, strict=True)],
        "gone": [grant for grant in before if grant not in there],
    }


def _add_revoking(app: FastAPI, sight: Sight, guard: Guard) -> None:
    operator = guard.require(Role.OPERATOR)

    def ask_first(request: Request, person: Person, grant: str, wrong: str, status: int) -> HTMLResponse:
        known = sight.known()
        row = known.board.rows.get(grant)
        page = render(
            "revoke.html", place="/sessions", person=person, token=guard.form_token(request), grant=grant,
            session=None if row is None else tell_session(known, row), wrong=wrong,
        )  # fmt: skip
        return HTMLResponse(page, status if row is not None or wrong else 404)

    @app.get("/revoke")
    async def confirm(
        request: Request, person: Annotated[Person, Depends(operator)], grant: GrantId
    ) -> Response:
        """Nothing happens yet."""
        return ask_first(request, person, grant, "", 200)

    @app.post("/revoke")
    async def revoke(
        request: Request,
        person: Annotated[Person, Depends(operator)],
        fields: Annotated[Mapping[str, str], Depends(guard.check_form)],
    ) -> Response:
        grant, reason = fields.get("grant", ""), fields.get("reason", "").strip()[:MAX_REASON]
        try:
            revoked = await sight.revoke(grant, f"{reason or 'no reason given'} ({person.name})")
        except (ShellError, DecodeError) as error:
            return ask_first(request, person, grant, f"It was not revoked: {error}", 409)
        guard.note(request, person, f"revoked grant {revoked}: {reason or 'no reason given'}")
        return RedirectResponse("/sessions", 303)
