"""Keepers whose clocks are compared: right, fast, slow, away, and unknown to the house."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from ledger.clearing.keeper_clocks import MAX_APART_NS, KeeperClocks
from tests.clearing_world import HOUSE, KEEPERS, PROPSHARE, ClearingWorld
from wire.auction import Auction
from wire.ids import PublicKey

WORLD = ClearingWorld()
NOWHERE = "http://127.0.0.1:1"


class Clock(BaseHTTPRequestHandler):
    """A keeper whose clock is `server.ahead_ns` ahead; None: it says no time."""

    def do_GET(self) -> None:
        self.server.asked += 1  # type: ignore[attr-defined]
        ahead_ns = self.server.ahead_ns  # type: ignore[attr-defined]
        page = {} if ahead_ns is None else {"utc_ns": time.time_ns() + ahead_ns}
        body = json.dumps(page).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def clock() -> Iterator[HTTPServer]:
    server = HTTPServer(("127.0.0.1", 0), Clock)
    server.ahead_ns, server.asked = 0, 0  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def check(keepers: dict[PublicKey, str], auction: Auction | None = None) -> str | None:
    refusal = KeeperClocks(keepers).check(auction or WORLD.auction(), HOUSE.public)
    return refusal.reason if refusal else None


def url(server: HTTPServer) -> str:
    return f"http://127.0.0.1:{server.server_address[1]}"


def test_keepers_that_are_right(clock: HTTPServer) -> None:
    clocks = KeeperClocks({key.public: url(clock) for key in KEEPERS})
    assert clocks.check(WORLD.auction(), HOUSE.public) is None
    assert clocks.check(WORLD.auction(), HOUSE.public) is None
    assert clock.asked == 3, "each is asked once, and remembered"  # type: ignore[attr-defined]


@pytest.mark.parametrize("ahead_ns", [MAX_APART_NS + 10**7, -MAX_APART_NS - 10**7, 3_600 * 10**9])
def test_a_clock_that_is_off_is_refused(clock: HTTPServer, ahead_ns: int) -> None:
    clock.ahead_ns = ahead_ns  # type: ignore[attr-defined]
    assert check({key.public: url(clock) for key in KEEPERS}) == "keeper_clock"


def test_one_of_three_may_be_away_and_two_may_not(clock: HTTPServer) -> None:
    """Two of the three open a bid."""
    first, second, third = (key.public for key in KEEPERS)
    assert check({first: url(clock), second: url(clock), third: NOWHERE}) is None
    assert check({first: url(clock), second: NOWHERE, third: NOWHERE}) == "keepers_away"
    clock.ahead_ns = None  # type: ignore[attr-defined]
    assert check({first: url(clock), second: url(clock), third: url(clock)}) == "keepers_away"


def test_keepers_that_the_house_could_never_ask(clock: HTTPServer) -> None:
    first, second, third = (key.public for key in KEEPERS)
    assert check({first: url(clock)}) == "unknown_keepers"
    assert check({first: url(clock), second: url(clock)}) is None
    assert check({third: url(clock)}) == "unknown_keepers"


def test_open_bids_need_no_keeper() -> None:
    assert check({}, WORLD.auction(PROPSHARE)) is None
