"""A page with a guard before it, and browsers with keys that come to it; time passes when a test says so."""

import asyncio
from pathlib import Path
from typing import Annotated, Any

import httpx
from fastapi import Depends, FastAPI
from fastapi.responses import HTMLResponse, JSONResponse
from httpx import Response

from operatord.page.guard import Guard, Person, Role
from operatord.page.login import login_routes
from operatord.page.origin import parse_origin
from operatord.page.people import LINK_S, hash_token
from operatord.page.people_store import PeopleStore
from operatord.page.rendering import render
from tests.operatord.page.authenticator import ORIGIN, Authenticator

NOW_S = 1_800_000_000
NAVIGATION = {"Sec-Fetch-Mode": "navigate", "Accept": "text/html"}
"""What a browser says when somebody opens a page."""


class Door:
    """The page: everybody who is logged in sees it, and an operator revokes."""

    def __init__(self, folder: Path, origin: str = ORIGIN) -> None:
        self.file = folder / "people.db"
        self.store = PeopleStore(self.file)
        self.now_s = NOW_S
        self.said: list[str] = []
        self.revoked: list[str] = []
        self.guard = Guard(self.store, parse_origin(origin), render, self.said.append, lambda: self.now_s)
        self.app = FastAPI()
        self._add_pages()
        self.guard.install(self.app)
        self.app.include_router(login_routes(self.guard))

    def _add_pages(self) -> None:
        guard = self.guard

        @self.app.get("/")
        def show(person: Annotated[Person, Depends(guard.require(Role.VIEWER))]) -> HTMLResponse:
            return HTMLResponse(f"<title>Overview</title>for {person.name}")

        @self.app.get("/live")
        def live(person: Annotated[Person, Depends(guard.require(Role.VIEWER))]) -> JSONResponse:
            return JSONResponse({"sessions": 1})

        @self.app.post("/revoke")
        def revoke(
            person: Annotated[Person, Depends(guard.require(Role.OPERATOR))],
            fields: Annotated[dict[str, str], Depends(guard.check_form)],
        ) -> HTMLResponse:
            self.revoked.append(fields["grant"])
            return HTMLResponse("revoked")

    def add(self, name: str, role: Role) -> str:
        """Somebody new; the token of his link."""
        assert self.store.add(Person(name, role), name.encode().ljust(16, b"."), self.now_s)
        return self.link(name)

    def link(self, name: str, token: str = "") -> str:
        token = token or f"link-{name}"
        assert self.store.put_link(name, hash_token(token), self.now_s + LINK_S)
        return token

    def browser(self, address: str = "192.0.2.1", origin: str = ORIGIN) -> "Browser":
        return Browser(self.app, origin, address)


class Browser:
    """Cookies of its own. Whatever it sends names its origin, as browsers do."""

    def __init__(self, app: FastAPI, origin: str, address: str) -> None:
        transport = httpx.ASGITransport(app=app, client=(address, 40_000))
        self.client = httpx.AsyncClient(transport=transport, base_url=origin)
        self._origin = {"Origin": origin}

    def ask(self, method: str, path: str, **more: Any) -> Response:
        """As it stands, with nothing that a browser adds but cookies."""
        return asyncio.run(self.client.request(method, path, **more))

    def open(self, path: str) -> Response:
        return self.ask("GET", path, headers=NAVIGATION)

    def fetch(self, path: str) -> Response:
        return self.ask("GET", path, headers={"Sec-Fetch-Mode": "cors"})

    def post(self, path: str, values: Any, **headers: str) -> Response:
        return self.ask("POST", path, json=values, headers=self._origin | headers)

    def send_form(self, path: str, fields: dict[str, str], **headers: str) -> Response:
        return self.ask("POST", path, data=fields, headers=NAVIGATION | self._origin | headers)

    def token(self) -> str:
        """Of the forms that this browser is given now."""
        page = self.open("/keys").text
        return page.partition('name="form_token" value="')[2].partition('"')[0]

    def register(self, key: Authenticator, link: str) -> Response:
        asked = self.post("/register/options", {"link": link})
        if asked.is_error:
            return asked
        return self.post("/register", {"link": link, "answer": key.make(asked.json())})

    def log_in(self, key: Authenticator, place: str = "/") -> Response:
        asked = self.post("/login/options", {})
        if asked.is_error:
            return asked
        return self.post("/login", {"answer": key.sign(asked.json()), "next": place})


def enter(
    door: Door, name: str = "anna", role: Role = Role.OPERATOR, number: int = 1
) -> tuple[Browser, Authenticator]:
    """Somebody who has registered a key and is logged in."""
    browser, key = door.browser(f"192.0.2.{number}"), Authenticator(number)
    assert browser.register(key, door.add(name, role)).status_code == 200
    assert browser.log_in(key).status_code == 200
    return browser, key
