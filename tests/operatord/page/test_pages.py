"""The operator's page in a real browser, over a real operatord, ledger and broker: shown, renewed, and revoked from."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, expect

from lab.chromium import CHROMIUM, chromium
from ledger.http import listen
from ledger.toml_file import read_toml
from operatord.page.books import LedgerWord
from operatord.page.guard import Guard
from operatord.page.history import History
from operatord.page.ledger_look import LedgerLook
from operatord.page.origin import parse_origin
from operatord.page.pages import PLACES, create_page
from operatord.page.people import Role
from operatord.page.people_store import PeopleStore
from operatord.page.recorded import Short
from operatord.page.rendering import render
from operatord.page.views import Known
from operatord.settings import parse_settings
from tests.operatord.page.browsing import FAULTS, tab
from tests.operatord.page.page_house import BOXES, COOKIE, PageHouse, page_house, sign_in
from tests.operatord.page.page_house import station as name_of_station
from tests.operatord.page.test_board import answer, followed, row
from wire.errors import ShellError
from wire.grant import Grant

pytestmark = pytest.mark.system
PORT = 28_700
PLAYED: dict[str, Grant] = {}
WAIT_MS = 10_000


def station(number: int) -> str:
    return name_of_station(number).replace("-", ":")


@pytest.fixture(autouse=True)
def _programs(needs) -> None:
    needs("mosquitto", str(CHROMIUM))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def open_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageHouse]:
    """Everything was played and verified."""
    with page_house(tmp_path_factory.mktemp("house"), PORT) as house:
        PLAYED.update(house.play(house.daemon.wait_for))
        house.open_page()
        token = house.sign_in("vera", Role.VIEWER)
        house.daemon.wait_for(
            lambda: "usage report" in house.get("/reports", token).text, "a first look at the ledger", 20
        )
        yield house


@pytest.fixture
def viewer(open_house: PageHouse) -> str:
    return open_house.sign_in("vera", Role.VIEWER)


@pytest.fixture
def operator(open_house: PageHouse) -> str:
    return open_house.sign_in("otto", Role.OPERATOR)


# ---- What is shown


def test_everything_is_there_without_a_script(open_house, browser, viewer) -> None:
    with tab(browser, open_house.url, viewer, java_script_enabled=False) as page:
        page.goto(open_house.url)
        boxes = page.get_by_role("group", name="Boxes")
        expect(boxes.get_by_role("row", name=re.compile("^inn"))).to_contain_text("no meter is enrolled")
        expect(boxes.get_by_role("row", name=re.compile("^roof"))).to_contain_text("software key")
        expect(boxes.get_by_role("row", name=re.compile("^yard"))).to_contain_text(
            "1 record of the last 24 h in dispute"
        )
        expect(page.locator(".map")).to_contain_text("5.25 MB delivered")
        expect(page.locator(".map")).to_contain_text("450 kB missing")
        expect(page.locator(".map")).to_contain_text("90.1 MB disputed, not counted")
        page.get_by_role("link", name="Sessions", exact=True).click()
        for number, box in enumerate(BOXES):
            expect(page.get_by_role("row", name=re.compile(station(number)))).to_contain_text(box)
        page.get_by_label("At").select_option("roof")
        page.get_by_role("button", name="Show").click()
        expect(page.locator("#sessions tr")).to_have_count(1)
        page.get_by_role("link", name="Money").click()
        expect(page.locator(".tiles")).to_contain_text("0.0003 BC")
        expect(page.get_by_role("row", name=re.compile("^yard 02|^yard 03"))).to_contain_text("0.00001 BC")
        expect(page.get_by_role("group", name="Refunds")).to_contain_text("450 kB")
        page.get_by_role("link", name="Reports").click()
        expect(page.get_by_role("group", name="Records that do not hold", exact=True)).to_contain_text(
            "genuine, but what it claims cannot be so"
        )
        assert "http-equiv" in open_house.get("/", viewer).text


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1_280, 360])
def test_everybody_can_read_it(open_house, browser, operator, scheme, width) -> None:
    options = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}}
    with tab(browser, open_house.url, operator, **options) as page:
        for place in (*PLACES, f"/revoke?grant={PLAYED['inn'].grant_id.hex()}"):
            page.goto(open_house.url + place)
            assert page.evaluate(FAULTS) == [], place


def test_faults_are_seen(open_house, browser, viewer) -> None:
    """The check above can fail."""
    with tab(browser, open_house.url, viewer) as page:
        page.goto(open_house.url)
        page.evaluate(
            """() => { const style = document.styleSheets[0];
            document.querySelector("h1").outerHTML = '<h3 class="soft">x</h3><input><table><th>a</th></table>';
            style.insertRule(".soft { color: #999 !important }", style.cssRules.length); }"""
        )
        found = " ".join(page.evaluate(FAULTS))
    for fault in ("contrast", "one h1", "skips a level", "no label", "without scope", "without caption"):
        assert fault in found


def test_by_keyboard_alone(open_house, browser, viewer) -> None:
    with tab(browser, open_house.url, viewer) as page:
        page.goto(open_house.url)
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("main")).to_be_focused()
        page.keyboard.press("Tab")
        width = "getComputedStyle(document.activeElement).outlineWidth"
        assert page.evaluate(width) == "3px"


# ---- What is renewed


def test_a_row_changes_and_the_others_are_left(open_house, browser, viewer) -> None:
    with tab(browser, open_house.url, viewer) as page:
        page.goto(f"{open_house.url}/sessions")
        page.evaluate(
            "() => { for (const row of document.querySelectorAll('#sessions tr')) { row.mine = true; } }"
        )
        row = page.get_by_role("row", name=re.compile(station(0)))
        expect(row).to_contain_text("5 MB")
        open_house.account(
            PLAYED["roof"], "roof", 0, **{"Acct-Output-Octets": 7_000_000, "Acct-Session-Time": 20}
        )
        expect(row).to_contain_text("7 MB", timeout=WAIT_MS)
        marks = "() => [...document.querySelectorAll('#sessions tr')].map((row) => Boolean(row.mine))"
        assert sorted(page.evaluate(marks)) == [False, True, True]
        assert float(page.evaluate("document.getElementById('live').dataset.updateMs")) < 1_000


def test_who_comes_and_goes_is_seen_without_loading_again(open_house, browser, viewer, eventually) -> None:
    buyer, grant = open_house.sell(eventually, "inn")
    with tab(browser, open_house.url, viewer) as page:
        page.goto(f"{open_house.url}/sessions")
        page.evaluate("() => { window.mine = true; }")
        assert open_house.join(buyer, "inn", 7) == 200
        row = page.get_by_role("row", name=re.compile(station(7)))
        expect(row).to_be_visible(timeout=WAIT_MS)
        open_house.account(grant, "inn", 7, **{"Acct-Status-Type": 2, "Acct-Session-Time": 30})
        expect(row).to_have_count(0, timeout=WAIT_MS)
        assert page.evaluate("window.mine")
        page.get_by_role("button", name="Pause updates").click()
        expect(page.locator("#state")).to_have_text("Updates are paused.")


def test_whoever_is_logged_out_is_told_so(open_house, browser, eventually) -> None:
    token = open_house.sign_in("gone", Role.VIEWER)
    context = browser.new_context()
    context.add_cookies([{"name": COOKIE, "value": token, "url": open_house.url}])
    page = context.new_page()
    page.goto(open_house.url)
    context.clear_cookies()
    expect(page.locator("#state").get_by_role("link", name="Log in")).to_be_visible(timeout=WAIT_MS)
    context.close()


class StillSight:
    """A page's sight that moves as a test says: sessions by the time at which they came."""

    def __init__(self, *came: int) -> None:
        self.board = followed(*(row(f"{at:032x}", accepted_s=at) for at in came))

    def known(self) -> Known:
        return Known({"roof": "0b"}, self.board, LedgerWord(), 1_000)

    async def revoke(self, grant: str, reason: str) -> str:
        raise ShellError("operatord", f"is not there: {grant}, {reason}")

    def change(self, *came: int, gone: Iterable[int] = ()) -> None:
        ended = [{"grant": f"{at:032x}", "gone": True} for at in gone]
        self.board.take(answer(*ended, *(row(f"{at:032x}", accepted_s=at) for at in came)))


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """The URL of an application, on a thread of its own: this one's event loop is the browser's."""
    listening = listen("127.0.0.1", 0)
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="warning", lifespan="off", timeout_graceful_shutdown=2)
    )
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    try:
        yield f"http://localhost:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listening.close()


def test_rows_stand_in_order_on_whichever_page_they_come(browser, tmp_path) -> None:
    sight, store, now_s = StillSight(*range(1, 8)), PeopleStore(tmp_path / "people.db"), int(time.time())
    guard = Guard(store, parse_origin(f"http://localhost:{PORT}"), render, lambda _: None, lambda: now_s)
    token = sign_in(store, "vera", Role.VIEWER)

    def shows(page: Page, *came: int) -> None:
        ids = [f"s{at:032x}" for at in came]
        script = "(ids) => [...document.querySelectorAll('#sessions tr')].map((row) => row.id).join() === ids.join()"
        page.wait_for_function(script, arg=ids, timeout=WAIT_MS)

    with (
        serving(create_page(sight, guard, max_rows=3)) as url,
        tab(browser, url, token) as first,
        tab(browser, url, token) as second,
    ):
        first.goto(f"{url}/sessions")
        second.goto(f"{url}/sessions?page=2")
        for page in (first, second):
            page.evaluate("() => { window.mine = true; }")
        shows(first, 7, 6, 5)
        shows(second, 4, 3, 2)
        sight.change(gone=[7, 5])  # who moves up comes below, and page 2 has what was page 3's
        shows(first, 6, 4, 3)
        shows(second, 2, 1)
        sight.change(9, 8, 6)  # a row that was heard of again stays below those that came
        shows(first, 9, 8, 6)
        shows(second, 4, 3, 2)
        for page in (first, second):
            assert page.evaluate("window.mine"), "it was not loaded again"
    store.close()


# ---- What is done


def test_a_viewer_revokes_nothing(open_house, viewer) -> None:
    grant = PLAYED["roof"].grant_id.hex()
    assert "/revoke?" not in open_house.get("/sessions", viewer).text
    assert open_house.get(f"/revoke?grant={grant}", viewer).status_code == 403


def test_a_form_of_somebody_else_does_nothing(open_house, operator) -> None:
    grant = PLAYED["roof"].grant_id.hex()
    for origin, form_token in (("http://evil.example", ""), ("", ""), ("", "00" * 32)):
        answer = httpx.post(
            f"{open_house.url}/revoke", data={"grant": grant, "form_token": form_token},
            cookies={COOKIE: operator}, headers={"Origin": origin or open_house.url}, timeout=10,
        )  # fmt: skip
        assert answer.status_code == 403
    assert open_house.revoked() == 0


def test_a_grant_is_revoked_once_somebody_said_so_twice(open_house, browser, operator, eventually) -> None:
    buyer, grant = open_house.sell(eventually, "inn")
    assert open_house.join(buyer, "inn", 9) == 200
    with tab(browser, open_house.url, operator) as page:
        page.goto(f"{open_house.url}/sessions")
        row = page.get_by_role("row", name=re.compile(station(9)))
        row.get_by_role("link", name=re.compile("Revoke")).click()
        expect(page.locator("dl.facts")).to_contain_text(grant.grant_id.hex())
        page.get_by_role("link", name="Leave it as it is").click()
        assert open_house.revoked() == 0
        row.get_by_role("link", name=re.compile("Revoke")).click()
        page.get_by_label("Reason").fill("the <b>antenna</b> came down")
        page.get_by_role("button", name="Revoke this grant").click()
        page.wait_for_url("**/sessions")
    assert open_house.revoked() == 1
    assert open_house.join(buyer, "inn", 9) == 401
    said = open_house.daemon.said
    assert re.search(rf"otto \(operator\) from 127\.0\.0\.1: revoked grant {grant.grant_id.hex()}", said)


def test_what_is_not_known_is_not_revoked(open_house, operator) -> None:
    answer = open_house.get(f"/revoke?grant={'00' * 16}", operator)
    assert (answer.status_code, "not known here" in answer.text) == (404, True)
    assert open_house.get("/revoke?grant=junk", operator).status_code == 422


# ---- Who may not


@pytest.mark.parametrize("place", [*PLACES, "/changes?place=/&epoch=a&since=0", "/revoke?grant=" + "00" * 16])
def test_nobody_sees_anything_without_logging_in(open_house, place) -> None:
    answer = open_house.get(place)
    assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/login")
    fetched = open_house.get(place, Accept="application/json")
    assert fetched.status_code == 401
    assert "roof" not in fetched.text


def test_nothing_is_loaded_from_elsewhere_or_kept(open_house, viewer) -> None:
    for path, kept in (("/", "no-store"), ("/static/page.js", "no-cache"), ("/login", "no-store")):
        headers = open_house.get(path, viewer).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert (headers["x-content-type-options"], headers["cache-control"]) == ("nosniff", kept)


def test_what_changed_is_small_and_an_old_page_is_loaded_again(open_house, viewer) -> None:
    def ask(**query: str) -> dict[str, object]:
        place = "&".join(f"{name}={value}" for name, value in query.items())
        answer = open_house.get(f"/changes?{place}", viewer, Accept="application/json")
        return dict(answer.json())

    text = open_house.get("/sessions", viewer).text
    epoch, version, order, seen = (
        re.findall(rf'data-{name}="(\w+)"', text)[0] for name in ("epoch", "version", "order", "digest")
    )
    same = ask(place="/sessions", epoch=epoch, since=version, order=order, seen=seen)
    assert (same["rows"], same["gone"], same["parts"]) == ([], [], {})
    assert ask(place="/sessions", epoch="other", since=version) == {"reload": True}
    assert ask(place="/sessions", epoch=epoch, since="999999", order=order) == {"reload": True}
    assert ask(place="/sessions", epoch=epoch, since=version, order="other") == {"reload": True}
    assert ask(place="/nowhere", epoch=epoch, since="0") == {"reload": True}


# ---- The ledger, and the end


@contextmanager
def between(url: str, port: int) -> Iterator[dict[str, Any]]:
    """Somebody between page and ledger, who changes answers by path as `says` has it."""
    says: dict[str, Callable[[Any], Any]] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = httpx.get(url + self.path, timeout=10)
            page = answer.json()
            for part, change in says.items():
                if part in self.path and answer.status_code == 200:
                    page = change(page)
            body = json.dumps(page).encode()
            self.send_response(answer.status_code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            if "date" in answer.headers:
                self.send_header("Date", answer.headers["date"])
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield says
        server.shutdown()
        thread.join()


def test_who_proves_nothing_changes_nothing(open_house, tmp_path) -> None:
    config, port = open_house.operator.config, PORT + 9
    settings = parse_settings(read_toml(config), config)
    settings = replace(settings, ledger=replace(settings.ledger, url=f"http://127.0.0.1:{port}"))
    settings = replace(settings, state=tmp_path)
    shutil.copy(open_house.operator.folder / "state" / "operatord.db", tmp_path / "operatord.db")
    boxes = {name: box.provider for name, box in settings.boxes.items()}
    history = History(tmp_path / "page.db", settings.ledger.ledger_id)
    real_s = PLAYED["roof"].starts_s
    times = [real_s + 100]
    look = LedgerLook(settings, history, lambda: times[-1])

    def sold_dearly(page: Any) -> Any:
        for one in page["transactions"]:
            one["charged_ubc"] = 10**9
        return page

    def bend(page: Any) -> Any:
        proof = page["proof"]
        return {**page, "proof": ("B" if proof[0] == "A" else "A") + proof[1:]}

    with between(parse_settings(read_toml(config), config).ledger.url, port) as says:
        says |= {"/transactions": sold_dearly, "/proofs/chains": bend}
        refused = look.look([], boxes)
        assert refused.away
        assert "does not prove what it says" in refused.failed
        assert refused.providers == {}
        says.clear()
        honest = look.look([], boxes, clock_right=True)
        assert (honest.away, len(honest.providers)) == ("", 3)
        assert all(one.books.earned_ubc < 10**6 for one in honest.providers.values()), (
            "not of what was refused"
        )
        assert history.latest(9)

        times.append(real_s + 10 * 365 * 86_400)
        assert look.look([], boxes, clock_right=True).away == ""
        assert history.latest(9), "its clock is ahead of the ledger's: nothing is forgotten"

        old = history.latest(1)[0]
        owed = Short(PLAYED["roof"].grant_id.hex(), 10**9, 0)
        history.keep_record(replace(old, key_id="kj", sequence=1, short=(owed,), to_s=1), times[-1])
        for number in range(150):
            grant = number.to_bytes(16, "big").hex()
            one = replace(
                old, key_id="kk", sequence=number + 2, short=(Short(grant, 5, 2),), to_s=old.to_s + 60
            )
            history.keep_record(one, times[-1])
        told = look.look([], boxes)
        assert (len(told.refunds), told.unpriced) == (100, 150)
        assert owed.grant_id not in {one.grant_id for one in told.refunds}
        assert told.open_ubc > honest.open_ubc, "what is not listed is owed all the same"
    history.close()


def test_a_ledger_that_is_away_leaves_what_was_known(open_house, tmp_path) -> None:
    config = open_house.operator.config
    settings = parse_settings(read_toml(config), config)
    boxes = {name: box.provider for name, box in settings.boxes.items()}
    history = History(tmp_path / "page.db", settings.ledger.ledger_id)
    look = LedgerLook(settings, history, lambda: PLAYED["roof"].starts_s + 100)
    known = look.look([], boxes)
    assert (known.away, len(known.providers), len(known.meters)) == ("", 3, 2)
    assert look.look([], boxes).providers[settings.boxes["roof"].provider.provider_id.hex()].books.sales == 1
    service = open_house.operator.ledger.service
    assert service is not None
    service.process.terminate()
    service.process.wait(10)
    away = look.look([], boxes)
    assert "refused" in away.away
    assert (away.providers, away.answered_s) == (known.providers, known.answered_s)
    history.close()


def test_the_page_ends_with_its_operatord(open_house, eventually) -> None:
    assert open_house.get("/login").status_code == 200
    os.kill(open_house.daemon.process.pid, signal.SIGKILL)
    open_house.daemon.process.wait(10)

    def is_gone() -> bool:
        try:
            open_house.get("/login")
        except httpx.TransportError:
            return True
        return False

    eventually(is_gone, "the page without its operatord", 15)
