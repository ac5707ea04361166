"""A fake of the bank's side (ledger/exchange/bank.py): pays once for an idempotency key, and can fail in every way.

`plan` says what it does with the next questions: "pay", "refuse", "pending", "lose" (pays, and its answer is lost),
"break" (HTTP 500, nothing paid), "babble" (an answer that means nothing). Past the end of the plan it pays.
"""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from ledger.exchange.bank import sign_question


class FakeBank:
    """On a port of loopback. A context manager. `paid` has every payment that was really made, by key."""

    def __init__(self, secret: bytes) -> None:
        self.secret = secret
        self.plan: list[str] = []
        self.paid: dict[str, dict[str, Any]] = {}
        self.refused: dict[str, str] = {}
        self.asked: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/pay"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, question: dict[str, Any]) -> tuple[int, object]:
        """HTTP status and JSON; what was paid or refused once stays so."""
        key = str(question["idempotency_key"])
        self.asked.append(key)
        deed = self.plan.pop(0) if self.plan else "pay"
        if deed == "break":
            return 500, {"error": "try later"}
        if key in self.refused or (deed == "refuse" and key not in self.paid):
            self.refused.setdefault(key, "no such destination")
            return 422, {"status": "refused", "reason": self.refused[key]}
        if deed == "pending":
            return 202, {"status": "pending"}
        first = self.paid.setdefault(key, question)
        assert first == question, "the same key with another question"
        if deed == "lose":
            return 504, {}
        return (
            (200, ["?"])
            if deed == "babble"
            else (200, {"status": "paid", "reference": f"wire-{len(self.paid)}"})
        )

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        bank = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                signature = self.headers["Airgrant-Signature"]
                moment = int(signature.partition(",")[0].removeprefix("t="))
                page: object
                if signature != sign_question(body, bank.secret, moment):
                    status, page = 401, {"error": "not signed by the exchange"}
                else:
                    status, page = bank.answer(json.loads(body))
                answer = json.dumps(page).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler
