"""How soon the operator's page is there, how soon it changes, and what that costs whoever waits for RADIUS.

The real operatord with its page in the process of its own, and a real Chromium, with 1,000 and with 10,000 sessions
that are accounted for every minute, after a day on which 1,000 stations at a time bought ten minutes each. *Useful* is
a page that has been painted with all the sessions that it shows. An *update* is from the script's question to the
painted answer. The ledger is away throughout.
"""

from __future__ import annotations

import re
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from playwright.sync_api import Page

from lab.bench.operatord import (
    GOAL_MS,
    LEDGER_ID,
    QOS,
    Office,
    Sizes,
    accounting,
    ask_all,
    grant_ids,
    set_up,
    start_broker,
    start_daemon,
    write_settings,
)
from lab.bench.result import RESULTS, Against, Figure
from lab.chromium import chromium
from lab.percentile import percentile
from lab.processes import Household
from operatord.commands import KeepSession, KeepUse
from operatord.page.board import Row
from operatord.page.history import History
from operatord.page.people import Key, Person, Role, hash_token
from operatord.page.people_store import PeopleStore
from operatord.sessions import Counters, Session
from operatord.shells.store import Store
from operatord.state import Use
from wire.ids import MacAddress

PAINT_GOAL_S, UPDATE_GOAL_MS = 1.0, 200.0
DAY_S, SOLD_S = 86_400, 600
COOKIE = "airgrant"
READY = r"operatord page ready"
WATCH = """() => addEventListener("DOMContentLoaded", () =>
    requestAnimationFrame(() => setTimeout(() => { window.useful = performance.now(); })))"""
MUTATED = """() => { const live = document.getElementById("live"); window.updates = [];
    new MutationObserver(() => window.updates.push(Number(live.dataset.updateMs)))
        .observe(live, { attributeFilter: ["data-update-ms"] }); }"""


@dataclass(frozen=True, slots=True)
class PageSizes:
    """How much is measured."""

    sessions: tuple[int, ...] = (1_000, 10_000)
    sales: int = 144_000
    """Of the day before: ten minutes, 144 times, by 1,000 stations. They are in the page's own file, as operatord
    forgets a grant a quarter of an hour after its end.
    """
    loads: int = 10
    updates: int = 20
    viewers: int = 10
    questions: int = 2_000
    port: int = 28_980


def run(
    progress: Callable[[str], None], sizes: PageSizes = PageSizes(), below: Path = RESULTS
) -> list[Figure]:
    """All figures; files go below a folder that is taken away again."""
    below.mkdir(parents=True, exist_ok=True)
    figures: list[Figure] = []
    for count in sizes.sessions:
        folder = Path(tempfile.mkdtemp(prefix=".page-", dir=below))
        try:
            with Household(folder / "logs") as household:
                progress(f"{count} sessions")
                shop = _open(folder, household, count, sizes)
                figures += _measure(shop, sizes, count, progress)
        finally:
            shutil.rmtree(folder)
    return figures


@dataclass(frozen=True, slots=True)
class _Shop:
    office: Office
    url: str
    token: str


def _open(folder: Path, household: Household, count: int, sizes: PageSizes) -> _Shop:
    ports = Sizes(grants=count, questions=sizes.questions, mqtt_port=sizes.port, http_port=sizes.port + 1)
    office = set_up(folder, ports)
    _seat(office)
    _sell_a_day(office, sizes.sales)
    token = _sign_in(folder / "state" / "people.db")
    start_broker(office, household)
    write_settings(office)
    config = folder / "operatord.toml"
    config.write_text(config.read_text() + f"[page]\nport = {sizes.port + 2}\n")
    start_daemon(office, household)
    shop = _Shop(office, f"http://localhost:{sizes.port + 2}", token)
    child = household.children[-1]
    child.wait_for_line(READY, 30)
    child.wait_for(lambda: f">{count:,}<" in _get(shop, "/sessions").text, "every session on the page", 60)
    child.wait_for(lambda: bool(re.search(": sold [1-9]", _get(shop, "/").text)), "the day that was sold", 60)
    return shop


def _seat(office: Office) -> None:
    """A station on every grant."""
    now_s, bssid = int(time.time()), MacAddress(bytes(6))
    orders: list[KeepUse | KeepSession] = []
    for at, grant in enumerate(grant_ids(office)):
        grant_id, station = bytes.fromhex(grant), MacAddress((0x02_00_00_00_00_00 + at).to_bytes(6, "big"))
        orders.append(KeepUse(Use(grant_id, "roof", bssid, station, now_s - at, now_s, f"{at:016X}")))
        begun = Session("roof", f"{at:016X}", grant_id, station, bssid, now_s, now_s, now_s, 0, Counters())
        orders.append(KeepSession(begun))
    store = Store(office.folder / "state" / "operatord.db")
    store.save(orders)
    store.close()


def _sell_a_day(office: Office, count: int) -> None:
    """Evenly, up to now."""
    now_s, provider_id = int(time.time()), office.provider.public.provider_id.hex()
    begins_s = (now_s - DAY_S + DAY_S * at // count for at in range(count))
    history = History(office.folder / "state" / "page.db", LEDGER_ID)
    history.keep_sold(
        Row(
            secrets.token_hex(16), "", provider_id, at_s, at_s + SOLD_S, QOS.floor_down_bps, QOS.floor_up_bps,
            QOS.data_cap_bytes, as_one_goes=False,
        )
        for at_s in begins_s
    )  # fmt: skip
    history.close()


def _sign_in(file: Path) -> str:
    """As logging in would leave it; how that goes is measured nowhere."""
    store, now_s = PeopleStore(file), int(time.time())
    token, link = secrets.token_urlsafe(32), secrets.token_bytes(32)
    key = Key(secrets.token_bytes(16), "bench", b"", 0, now_s)
    store.add(Person("bench", Role.OPERATOR), secrets.token_bytes(16), now_s)
    store.put_link("bench", link, now_s + 60)
    store.register(link, key, now_s)
    store.begin_session(hash_token(token), key, 0, now_s, 0)
    store.close()
    return token


def _measure(shop: _Shop, sizes: PageSizes, count: int, progress: Callable[[str], None]) -> list[Figure]:
    is_goal = count == sizes.sessions[0]
    with accounting(shop.office):
        progress(f"{count} sessions: looking")
        overview_s, paint_s, plain_s, update_ms, update_bytes = _look(shop, sizes)
        progress(f"{count} sessions: questions of RADIUS, nobody looks")
        alone_ms = ask_all(shop.office)
        with _viewers(shop, sizes.viewers):
            progress(f"{count} sessions: questions of RADIUS, {sizes.viewers} look")
            watched_ms = ask_all(shop.office)
    told, plain = f"{count:,} sessions", Against("a page without a row, p50", percentile(plain_s, 0.5))
    paint_goal_s, update_goal_ms = (PAINT_GOAL_S, UPDATE_GOAL_MS) if is_goal else (None, None)
    return [
        Figure(f"first useful paint, {told}, p50", percentile(paint_s, 0.5), "s", paint_goal_s, "lower", plain),
        Figure(f"first useful paint, {told}, p95", percentile(paint_s, 0.95), "s", None, "lower"),
        Figure(f"overview after a day, {told}, p50", percentile(overview_s, 0.5), "s", paint_goal_s, "lower", plain),
        Figure(f"update, {told}, p50", percentile(update_ms, 0.5), "ms", update_goal_ms, "lower"),
        Figure(f"update, {told}, p95", percentile(update_ms, 0.95), "ms", None, "lower"),
        Figure(f"octets of an update, {told}, p50", percentile(update_bytes, 0.5), "octets", None, "lower"),
        Figure(f"authorise, {told}, nobody looks, p99", percentile(alone_ms, 0.99), "ms", GOAL_MS, "lower"),
        Figure(f"authorise, {told}, {sizes.viewers} look, p99", percentile(watched_ms, 0.99), "ms", GOAL_MS, "lower"),
    ]  # fmt: skip


def _look(shop: _Shop, sizes: PageSizes) -> tuple[list[float], ...]:
    """(seconds until the overview is useful, the same of sessions and of a page without rows, milliseconds of updates,
    octets of each answer)
    """
    with chromium() as browser:
        context = browser.new_context()
        context.add_cookies([{"name": COOKIE, "value": shop.token, "url": shop.url}])
        page = context.new_page()
        page.add_init_script(f"({WATCH})()")
        plain_s = [_load(page, shop, "/money") for _ in range(sizes.loads)]
        overview_s = [_load(page, shop, "/") for _ in range(sizes.loads)]
        paint_s = [_load(page, shop, "/sessions") for _ in range(sizes.loads)]
        octets: list[float] = []
        page.on(
            "requestfinished",
            lambda asked: (
                octets.append(asked.sizes()["responseBodySize"]) if "/changes" in asked.url else None
            ),
        )
        page.evaluate(MUTATED)
        page.wait_for_function(f"() => window.updates.length >= {sizes.updates}", timeout=120_000)
        found: list[float] = page.evaluate("window.updates")
        context.close()
    return overview_s, paint_s, plain_s, found, octets


def _load(page: Page, shop: _Shop, place: str) -> float:
    page.goto(f"{shop.url}{place}", wait_until="commit")
    page.wait_for_function("() => window.useful", timeout=60_000)
    return float(page.evaluate("window.useful")) / 1_000


@contextmanager
def _viewers(shop: _Shop, count: int) -> Iterator[None]:
    """So many pages that ask every second, as the script does."""
    stop = threading.Event()

    def look() -> None:
        with httpx.Client(cookies={COOKIE: shop.token}, timeout=10) as client:
            version, epoch, order = 0, "none", ""
            while not stop.wait(1.0):
                query = f"place=/sessions&epoch={epoch}&since={version}&order={order}"
                answer = client.get(
                    f"{shop.url}/changes?{query}", headers={"Accept": "application/json"}
                ).json()
                if "reload" in answer:
                    text = client.get(f"{shop.url}/sessions").text
                    order = text.partition('data-order="')[2].partition('"')[0]
                    epoch = text.partition('data-epoch="')[2].partition('"')[0]
                    version = int(text.partition('data-version="')[2].partition('"')[0])
                else:
                    version, order = int(answer["version"]), str(answer["order"])

    threads = [threading.Thread(target=look) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _get(shop: _Shop, path: str) -> httpx.Response:
    return httpx.get(
        shop.url + path, cookies={COOKIE: shop.token}, headers={"Accept": "text/html"}, timeout=30
    )
