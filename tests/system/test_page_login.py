"""Logging in with a real browser and its own virtual authenticator: two sides of WebAuthn that are not ours.

The page is the product's guard, routes, templates, script and headers before a small application (tests/operatord/page/
door.py); Chromium makes keys and signs (WebAuthn Level 3, clause 11), py_webauthn verifies.
"""

from __future__ import annotations

import os
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from fastapi import FastAPI, Request
from fastapi.staticfiles import StaticFiles

from ledger.http import listen
from operatord.page.pages import HEADERS
from operatord.page.people import Role
from operatord.page.refusals import Reason
from operatord.page.rendering import FOLDER
from tests.browser import chromium
from tests.operatord.page.door import Door

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, Route

pytestmark = pytest.mark.system
PLATFORM = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}
KNOWN = ("status of 40", "missing at least one of the default algorithm identifiers: ES256 and RS256")
"""What Chromium's console says that is meant: a refusal is a status, and there is one curve (decision 0052)."""
SHOTS = os.environ.get("AIRGRANT_SHOTS")
"""A folder for pictures of the pages, for a person to look at."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    """Served on a free port of this host's loopback."""
    listening = listen("localhost", 0)
    served = Door(tmp_path, f"http://localhost:{listening.getsockname()[1]}")
    _dress(served.app)
    server = uvicorn.Server(
        uvicorn.Config(served.app, log_level="warning", lifespan="off", timeout_graceful_shutdown=2)
    )
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    yield served
    server.should_exit = True
    thread.join(10)
    listening.close()
    served.store.close()


def _dress(app: FastAPI) -> None:
    """The headers and files of the product's page."""
    app.mount("/static", StaticFiles(directory=FOLDER / "static"))

    @app.middleware("http")
    async def add_headers(request: Request, go_on: Callable[[Request], Any]) -> Any:
        response = await go_on(request)
        response.headers.update(HEADERS)
        return response


class Visitor:
    """One browser with cookies and keys of its own; whatever its console complains of is a fault."""

    def __init__(self, browser: Browser, door: Door) -> None:
        self.origin = door.guard.origin.text
        self.context: BrowserContext = browser.new_context(viewport={"width": 900, "height": 620})
        self.context.set_default_timeout(10_000)
        self.page: Page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", lambda told: self._hear(told.type, told.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.keys: CDPSession = self.context.new_cdp_session(self.page)
        self.keys.send("WebAuthn.enable")
        self.key = self.plug_in()

    def _hear(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"} and not any(known in text for known in KNOWN):
            self.complaints.append(text)

    def plug_in(self) -> str:
        """A new key, and no other one."""
        found = self.keys.send("WebAuthn.addVirtualAuthenticator", {"options": PLATFORM})
        self.key = str(found["authenticatorId"])
        return self.key

    def pull_out(self) -> None:
        self.keys.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": self.key})

    def credential(self) -> dict[str, Any]:
        found = self.keys.send("WebAuthn.getCredentials", {"authenticatorId": self.key})
        (one,) = found["credentials"]
        return dict(one)

    def put_credential(self, credential: dict[str, Any]) -> None:
        """In place of what this key holds."""
        self.keys.send("WebAuthn.clearCredentials", {"authenticatorId": self.key})
        told = {"authenticatorId": self.key, "credential": credential}
        self.keys.send("WebAuthn.addCredential", told)

    def open(self, path: str) -> None:
        self.page.goto(self.origin + path)

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name).click()

    def register(self, link: str) -> None:
        self.open(f"/register#{link}")
        self.press("Register a key")
        self.page.get_by_role("link", name="Log in with it").wait_for()

    def log_in(self) -> None:
        self.context.clear_cookies()
        self.open("/login?next=/keys")
        self.press("Log in with your key")
        self.page.wait_for_url(f"{self.origin}/keys")

    def is_refused(self, words: str) -> bool:
        """At a login."""
        self.context.clear_cookies()
        self.open("/login")
        self.press("Log in with your key")
        notice = self.page.get_by_role("alert")
        notice.wait_for()
        return notice.inner_text() == words and self.page.url.endswith("/login")

    def shoot(self, name: str) -> None:
        """In light and dark."""
        if SHOTS:
            self.page.emulate_media(color_scheme="dark")
            self.page.screenshot(path=f"{SHOTS}/{name}-dark.png", full_page=True)
            self.page.emulate_media(color_scheme="light")
            self.page.screenshot(path=f"{SHOTS}/{name}-light.png", full_page=True)


@pytest.fixture
def arrive(browser: Browser, door: Door) -> Iterator[Callable[[], Visitor]]:
    """Visitors, who leave when the test ends and had nothing to complain of."""
    came: list[Visitor] = []

    def one() -> Visitor:
        came.append(Visitor(browser, door))
        return came[-1]

    yield one
    complaints = [complaint for visitor in came for complaint in visitor.complaints]
    for visitor in came:
        visitor.context.close()
    assert complaints == []


def _answer(html: str, route: Route) -> None:
    route.fulfill(body=html, content_type="text/html")


def enter(door: Door, visitor: Visitor, name: str = "anna", role: Role = Role.OPERATOR) -> None:
    visitor.register(door.add(name, role))
    visitor.log_in()


def test_a_person_registers_by_the_link_logs_in_and_out(door: Door, arrive: Callable[[], Visitor]):
    anna = arrive()
    anna.open("/live")
    anna.page.wait_for_url("**/login?next=/live")
    link = door.add("anna", Role.OPERATOR)
    anna.open(f"/register#{link}")
    anna.shoot("register")
    anna.press("Register a key")
    anna.page.get_by_role("link", name="Log in with it").wait_for()
    anna.shoot("registered")
    assert anna.page.url.endswith("/register"), "the used link is not left in the address"
    anna.page.get_by_role("link", name="Log in with it").click()
    anna.shoot("login")
    anna.log_in()
    anna.pull_out()
    anna.plug_in()
    anna.register(door.link("anna", "again"))
    anna.open("/keys")
    anna.shoot("keys")
    assert anna.page.locator("tbody tr").count() == 2
    anna.page.set_viewport_size({"width": 390, "height": 700})
    anna.shoot("keys-narrow")
    wide = anna.page.evaluate("() => document.documentElement.scrollWidth")
    assert wide <= 390, "nothing is cut off on a phone"
    cookie = next(one for one in anna.context.cookies() if one.get("name") == "airgrant")
    assert (cookie.get("httpOnly"), cookie.get("sameSite"), cookie.get("expires")) == (True, "Strict", -1)
    anna.press("Log out")
    anna.page.wait_for_url("**/login")
    anna.open("/keys")
    assert "/login?next=/keys" in anna.page.url
    deeds = [line.partition(": ")[2].partition(" key ")[0] for line in door.said]
    assert deeds == ["registered", "logged in with", "registered", "logged out"]


def test_the_link_is_over_after_one_key(door: Door, arrive: Callable[[], Visitor]):
    first, second = arrive(), arrive()
    link = door.add("anna", Role.OPERATOR)
    first.register(link)
    second.open(f"/register#{link}")
    second.press("Register a key")
    second.page.get_by_text(Reason.LINK_OVER.words).wait_for()
    second.shoot("link-over")
    second.open("/register")
    second.press("Register a key")
    second.page.get_by_text("This address lacks its end.").wait_for()


def test_whose_key_is_not_good_is_told_so(door: Door, arrive: Callable[[], Visitor]):
    """One visitor for all of them, as each takes a second to come."""
    anna = arrive()
    enter(door, anna)
    own, private = anna.credential(), generate_private_key(SECP256R1())
    octets = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    other = {"privateKey": b64encode(octets).decode()}
    anna.log_in()

    anna.put_credential(own)  # as a copy that was made before the last login
    assert anna.is_refused(Reason.STALE_COUNTER.words)
    anna.shoot("stale-counter")
    assert "of anna: it counts" in door.said[-1]

    anna.put_credential(own | other | {"credentialId": b64encode(b"another key, 16o").decode()})
    assert anna.is_refused("This key is not known here.")
    anna.shoot("unknown-key")

    anna.put_credential(own | other | {"signCount": 100})  # her key's name, somebody else's signature
    assert anna.is_refused(Reason.WRONG_ANSWER.words)

    anna.put_credential(own | {"signCount": 100})
    anna.keys.send("WebAuthn.setUserVerified", {"authenticatorId": anna.key, "isUserVerified": False})
    words = "Nothing was signed: it was cancelled, took too long, or this device has no key for this page."
    assert anna.is_refused(words)
    anna.keys.send("WebAuthn.setUserVerified", {"authenticatorId": anna.key, "isUserVerified": True})

    anna.log_in()  # nothing of this kept her out
    door.store.remove("anna")
    anna.open("/keys")
    assert "/login" in anna.page.url
    assert anna.is_refused("This key is not known here.")


def test_an_answer_is_not_taken_twice(door: Door, arrive: Callable[[], Visitor]):
    anna = arrive()
    anna.register(door.add("anna", Role.OPERATOR))
    with anna.page.expect_request(
        lambda request: request.method == "POST" and request.url.endswith("/login")
    ) as sent:
        anna.log_in()
    repeat = (
        "async (body) => (await fetch('/login', {method: 'POST', body,"
        " headers: {'Content-Type': 'application/json'}})).json()"
    )
    assert anna.page.evaluate(repeat, sent.value.post_data)["error"] == "too_old"
    # And with a new challenge in this browser, the old answer is to another one.
    anna.page.evaluate("async () => (await fetch('/login/options', {method: 'POST'})).json()")
    assert anna.page.evaluate(repeat, sent.value.post_data)["error"] == "wrong_answer"


def test_a_form_of_another_page_does_nothing(door: Door, arrive: Callable[[], Visitor]):
    """From another host the cookie is not even sent; from the same host, at another port, the origin tells."""
    anna = arrive()
    enter(door, anna)
    token = anna.page.locator("form.who input[name=form_token]").get_attribute("value")
    elsewhere = f"http://localhost:{int(anna.origin.rpartition(':')[2]) % 65_535 + 1}/"
    for page, status in (("http://elsewhere.example/", 401), (elsewhere, 403)):
        html = (
            f'<form method="post" action="{anna.origin}/revoke"><input name="grant" value="0f">'
            f'<input name="form_token" value="{token}"><button>Win</button></form>'
        )
        anna.page.route(page, partial(_answer, html))
        anna.page.goto(page)
        with anna.page.expect_response("**/revoke") as answered:
            anna.press("Win")
        assert answered.value.status == status
        anna.shoot(f"foreign-form-{status}")
    assert door.revoked == []
    anna.open("/keys")  # and she is still logged in
    assert anna.page.locator("tbody tr").count() == 1


def test_a_viewer_cannot_revoke_even_by_a_form_with_his_token(door: Door, arrive: Callable[[], Visitor]):
    anna = arrive()
    enter(door, anna, role=Role.VIEWER)
    anna.page.evaluate("() => { document.querySelector('form.who').action = '/revoke'; }")
    with anna.page.expect_response("**/revoke") as answered:
        anna.press("Log out")
    assert answered.value.status == 403
    anna.page.get_by_text(Reason.ROLE.words).wait_for()
    anna.shoot("role")
    assert door.revoked == []
    assert door.said[-1].endswith("role: anna is viewer, not operator")
