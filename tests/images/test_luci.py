"""The owner's page in LuCI, in a real browser: what it shows, that it ends a session, and what a reader may not do.

LuCI itself is no package of Debian's: its modules are a stand-in (tests/images/luci/luci.js), and JSON-RPC is answered
as uhttpd-mod-ubus answers it, by the lists of our own package and by the daemon's own answers as they cross the bus.
"""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from apd.events import BrokerLost
from apd.owner import METHODS, answer
from apd.session import EndReason, Usage
from apd.ubus_message import read_table, write_table
from tests.apd.air_world import metered_box, serve, serve_metered
from tests.apd.playbook import Box
from tests.apd.world import OTHER_STATION, grant
from tests.browser import chromium
from wire.errors import DecodeError

ROOT = Path(__file__).resolve().parents[2]
APP = ROOT / "images/openwrt/luci-app-airgrant"
HTDOCS = APP / "htdocs"
STAND_IN = ROOT / "tests/images/luci"
VIEW = HTDOCS / "luci-static/resources/view/airgrant/overview.js"
LISTS = APP / "root/usr/share/rpcd/acl.d/luci-app-airgrant.json"
MENU = APP / "root/usr/share/luci/menu.d/luci-app-airgrant.json"
BASE_LISTS = ROOT / "images/openwrt/airgrant-apd/files/usr/share/rpcd/acl.d/airgrant.json"


class Router:
    """A box, and the web server before it. `writable` is what the one who logged in may."""

    def __init__(self, box: Box) -> None:
        self.box = box
        self.writable = True
        self.there = True
        self.called: list[str] = []
        self.url = ""
        self._lock = threading.Lock()
        (self._lists,) = json.loads(LISTS.read_text()).values()

    def page(self) -> bytes:
        env = {"sessionid": "0" * 32, "view": "airgrant/overview", "writable": self.writable, "poll_ms": 20}
        return (STAND_IN / "page.html").read_text().replace("/*ENV*/", json.dumps(env)).encode()

    def call(self, question: dict[str, Any]) -> dict[str, Any]:
        _, name, method, arguments = question["params"]
        reply: dict[str, Any] = {"jsonrpc": "2.0", "id": question["id"]}
        if not self._may(name, method):
            return reply | {"error": {"code": -32002, "message": "Access denied"}}
        if not self.there:
            return reply | {"error": {"code": -32000, "message": "Object not found"}}
        with self._lock:
            self.called.append(method)
            return reply | {"result": self._ask(method, arguments)}

    def _may(self, name: str, method: str) -> bool:
        grants = [self._lists["read"], *([self._lists["write"]] if self.writable else [])]
        return any(method in grant["ubus"].get(name, []) for grant in grants)

    def _ask(self, method: str, arguments: dict[str, Any]) -> list[Any]:
        """As the daemon does, and as it comes over the bus."""
        try:
            told, event = answer(self.box.state, self.box.now, method, read_table(write_table(arguments)))
        except DecodeError:
            return [2]
        if event is not None:
            self.box.feed(event)
        return [0, read_table(write_table(told))]


def handler(router: Router) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/":
                self._say(router.page(), "text/html")
            elif self.path == "/luci.js":
                self._say((STAND_IN / "luci.js").read_bytes(), "text/javascript")
            elif self.path == "/" + str(VIEW.relative_to(HTDOCS)):
                self._say(VIEW.read_bytes(), "text/javascript")
            else:
                self.send_error(404)

        def do_POST(self) -> None:
            question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._say(json.dumps(router.call(question)).encode(), "application/json")

        def _say(self, body: bytes, kind: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            with contextlib.suppress(ConnectionError):  # the page was closed while it asked
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing on the terminal."""

    return Handler


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as running:
        yield running


@pytest.fixture
def router() -> Iterator[Router]:
    made = Router(served_box())
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(made))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    made.url = f"http://127.0.0.1:{server.server_port}/"
    yield made
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def page(browser: Any, router: Router) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1000, "height": 900})
    opened = context.new_page()
    faults: list[str] = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.goto(router.url)
    opened.wait_for_selector("#airgrant-health .alert-message")
    yield opened
    context.close()
    assert not faults, "an error in the page"


def served_box() -> Box:
    """Two sessions, one of which missed some of what was promised."""
    box = metered_box()
    grant_id = serve(box)
    serve_metered(box, station=OTHER_STATION)
    session = box.state.sessions[grant_id]
    used = Usage(down_bytes=123_456_789, up_bytes=9_876, down_shortfall_bytes=1_500)
    box.state = box.state.with_session(replace(session, used=used))
    return box


def text(page: Any, region: str) -> str:
    return re.sub(r"\s+", " ", page.inner_text(f"#airgrant-{region}"))


def test_it_shows_what_is_sold_to_whom_and_for_how_much(page: Any) -> None:
    assert "This access point is selling." in text(page, "health")
    offer = text(page, "offer")
    for fact in ("0.25 BC for 10 min", "2 Mbit/s down, 1 Mbit/s up", "Units left 5", "0.03 BC a minute"):
        assert fact in offer
    assert "0.00 BC" in text(page, "earnings")
    (row,) = [
        one for one in page.locator("#airgrant-sessions tr").all() if str(OTHER_STATION) in one.inner_text()
    ]
    assert "served, pays as it goes" in row.inner_text()
    assert "123 MB down, 9.88 kB up" in text(page, "sessions")
    assert "1.5 kB" in text(page, "sessions")
    assert page.locator(".cbi-page-actions").count() == 0, "there is nothing to save"


def test_a_session_is_ended_after_a_question(page: Any, router: Router) -> None:
    grant_id = grant().grant_id
    button = page.locator(f'button[data-grant="{grant_id.hex()}"]')
    button.click()
    assert page.evaluate("document.activeElement.textContent") == "Keep it", "Enter ends nothing by mistake"
    page.locator(".modal").get_by_text("End the session", exact=True).click()
    page.wait_for_function("!document.body.classList.contains('modal-overlay-active')")
    assert router.box.state.sessions[grant_id].reason is EndReason.REVOKED
    assert router.called.count("revoke") == 1
    page.wait_for_selector(f'tr[data-grant="{grant_id.hex()}"]:has-text("ending")')
    assert button.count() == 0


def test_who_keeps_it_ends_nothing(page: Any, router: Router) -> None:
    page.locator("button[data-grant]").first.click()
    page.locator(".modal").get_by_text("Keep it").click()
    assert "revoke" not in router.called


def test_a_reader_is_offered_no_end_and_could_not_order_it(browser: Any, router: Router) -> None:
    router.writable = False
    opened = browser.new_page()
    opened.goto(router.url)
    opened.wait_for_selector("#airgrant-sessions td")
    assert opened.locator("button").count() == 0
    question = {"id": 1, "params": ["0" * 32, "airgrant", "revoke", {"grant": grant().grant_id.hex()}]}
    assert router.call(question)["error"]["message"] == "Access denied"
    opened.close()


def test_what_changes_is_shown_and_what_is_wrong_is_said(page: Any, router: Router) -> None:
    router.box.feed(BrokerLost("gone"))
    page.wait_for_selector('li[data-what="ledger_away"]')
    assert "This access point is not selling now." in text(page, "health")
    assert "The ledger is out of reach" in text(page, "health")
    router.there = False
    page.wait_for_selector("text=The daemon does not answer.")
    assert "Unknown." in text(page, "sessions")
    router.there = True
    page.wait_for_selector("#airgrant-sessions td")


def test_an_order_that_fails_is_said(page: Any, router: Router) -> None:
    page.locator("button[data-grant]").first.click()
    router.writable = False
    page.locator(".modal").get_by_text("End the session", exact=True).click()
    page.wait_for_selector("text=The session was not ended: RPC call to airgrant/revoke failed")


def test_the_focus_stays_where_it_is_while_numbers_change(page: Any, router: Router) -> None:
    grant_id = grant().grant_id
    page.locator(f'button[data-grant="{grant_id.hex()}"]').focus()
    session = router.box.state.sessions[grant_id]
    router.box.state = router.box.state.with_session(replace(session, used=Usage(down_bytes=987_000_000)))
    page.wait_for_selector("text=987 MB down")
    assert page.evaluate("document.activeElement.dataset.grant") == grant_id.hex()


def test_tables_and_regions_have_names(page: Any) -> None:
    tree = page.locator("body").aria_snapshot()
    for words in (
        'region "Health"',
        'region "Sessions"',
        'columnheader "Station"',
        'rowheader "Price of a unit"',
    ):
        assert words in tree
    assert 'button "End the session of 02:00:00:00:77:01"' in tree


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone(browser: Any, router: Router, scheme: str, tmp_path: Path) -> None:
    opened = browser.new_page(viewport={"width": 390, "height": 800}, color_scheme=scheme)
    opened.goto(router.url)
    opened.wait_for_selector("#airgrant-sessions td")
    assert opened.evaluate("document.documentElement.scrollWidth") <= 390
    opened.screenshot(path=tmp_path / "phone.png", full_page=True)
    opened.close()


def test_lists_and_menu_name_what_there_is() -> None:
    """Every method can be asked by somebody; only `revoke` needs the right to write."""
    granted: dict[str, set[str]] = {"read": set(), "write": set()}
    for lists in (LISTS, BASE_LISTS):
        ((name, rights),) = json.loads(lists.read_text()).items()
        assert name == lists.stem
        for right, methods in granted.items():
            methods |= set(rights[right]["ubus"]["airgrant"])
    assert granted == {"read": set(METHODS) - {"revoke"}, "write": {"revoke"}}
    ((_, entry),) = json.loads(MENU.read_text()).items()
    assert entry["depends"]["acl"] == [LISTS.stem]
    assert (HTDOCS / f"luci-static/resources/view/{entry['action']['path']}.js").exists()
    declared = set(re.findall(r"declare\('(\w+)'", VIEW.read_text()))
    assert declared == {"health", "offers", "sessions", "earnings", "revoke"}


def test_the_template_of_translations_has_every_sentence() -> None:
    template = (APP / "po/templates/airgrant.pot").read_text()
    known = {json.loads(f'"{word}"') for word in re.findall(r'^msgid "(.+)"$', template, re.MULTILINE)}
    said = {word.replace("\\'", "'") for word in re.findall(r"_\('((?:[^'\\]|\\.)+)'\)", VIEW.read_text())}
    menu = {entry["title"] for entry in json.loads(MENU.read_text()).values()}
    assert known == said | menu
