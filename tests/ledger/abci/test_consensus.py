"""Between the service and CometBFT: what was seen before is looked at in its turn, and told of as the log has it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from ledger.abci.consensus import Consensus
from ledger.abci.rpc import IN_CACHE
from ledger.abci.snapshots import LogSnapshots
from ledger.application import Application
from ledger.database import open_to_read
from ledger.opening import open_application
from ledger.settings import ConsensusSettings
from ledger.submission import Outcome, Refused, Submission, write_submission
from tests.ledger_world import ALICE, GENESIS, START_S
from wire.create import Create
from wire.transaction import Transaction, sign_transaction


class SeenBefore(BaseHTTPRequestHandler):
    """A CometBFT to which nothing is new."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        said = json.dumps([{"id": one["id"], "error": {"data": IN_CACHE}} for one in asked]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: object) -> None:
        """To nobody."""


@pytest.fixture
def comet() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), SeenBefore)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def application(tmp_path: Path) -> Iterator[Application]:
    opened = open_application(tmp_path / "ledger.db", GENESIS)
    yield opened
    opened.store.close()


def test_what_was_seen_before_is_looked_at_in_its_turn(
    tmp_path: Path, comet: str, application: Application
) -> None:
    """Not while consensus has it: both would read what only one at a time may."""
    late = sign_transaction(Transaction(Create(ALICE.public), bytes(8), START_S), ALICE, GENESIS.ledger_id)
    submissions: list[Submission] = [late]
    application.finalise(1, START_S, [write_submission(late)])
    application.commit()

    async def story() -> Sequence[Outcome | None]:
        settings = ConsensusSettings(tmp_path / "a.sock", comet, tmp_path)
        shelf = LogSnapshots(application, open_to_read(tmp_path / "ledger.db"), lambda _: None)
        consensus = Consensus(application, shelf, settings, lambda _: None)
        running = asyncio.create_task(consensus.run())
        with consensus._server._turns.turn(urgent=True):
            asking = asyncio.create_task(consensus.order(submissions))
            done, _ = await asyncio.wait([asking], timeout=0.3)
            assert not done, "a block is being made"
        found = await asking
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return found

    (outcome,) = asyncio.run(story())
    assert isinstance(outcome, Refused)
    assert (outcome.reason, outcome.subject) == ("replayed", late.transaction_id)
