"""Deposits from a ledger's pages, and from the disk."""

from __future__ import annotations

import json
import stat
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from device.deposits import fetch_deposits, keep_deposits, load_deposits
from wire.errors import ConfigError, ShellError
from wire.keys import PrivateKey

ME, OPERATOR, OTHER = (PrivateKey.from_secret(number).public for number in (1, 2, 3))
NUMBER = f"/v1/payplace/{OPERATOR}/consumers/{ME}"
CHANNEL = f"/v1/payplace/{OPERATOR}/channels/7"


@contextmanager
def ledger(pages: Mapping[str, object]) -> Iterator[str]:
    """Shows these pages, and nothing else."""

    class Shown(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = pages.get(self.path, {"error": "not_found", "detail": "no such page"})
            content = page if isinstance(page, bytes) else json.dumps(page).encode()
            self.send_response(200 if self.path in pages else 404)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Shown) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def test_what_the_ledger_says_less_what_leaves() -> None:
    channel = {"consumer": str(ME), "number": 7, "deposited_ubc": 900, "shifting_ubc": 200}
    with ledger({NUMBER: {"number": 7}, CHANNEL: channel}) as url:
        assert fetch_deposits(f"{url}/", ME, [OPERATOR, OTHER]) == {OPERATOR: 700, OTHER: 0}


@pytest.mark.parametrize(
    "page",
    [
        b"no json",
        b"[]",
        {},
        {"consumer": str(OTHER), "deposited_ubc": 900, "shifting_ubc": 0},
        {"consumer": str(ME), "deposited_ubc": 900, "shifting_ubc": 901},
        {"consumer": str(ME), "deposited_ubc": "900", "shifting_ubc": 0},
    ],
)
def test_what_is_no_page_is_not_believed(page: object) -> None:
    with ledger({NUMBER: {"number": 7}, CHANNEL: page}) as url, pytest.raises(ShellError):
        fetch_deposits(url, ME, [OPERATOR])


def test_a_ledger_that_is_not_there() -> None:
    with pytest.raises(ShellError):
        fetch_deposits("http://127.0.0.1:1", ME, [OPERATOR])
    with pytest.raises(ConfigError, match="not a ledger"):
        fetch_deposits("ftp://example", ME, [OPERATOR])


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    wallet = tmp_path / "w.pem"
    assert load_deposits(wallet) == {}
    keep_deposits(wallet, {OPERATOR: 5, OTHER: 0})
    assert load_deposits(wallet) == {OPERATOR: 5, OTHER: 0}
    (path,) = (tmp_path / "w.kept").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for damaged in ("{", "[]", '{"beef": 1}', f'{{"{OPERATOR}": -1}}', f'{{"{OPERATOR}": true}}'):
        path.write_text(damaged)
        with pytest.raises(ConfigError, match=r"deposits\.json"):
            load_deposits(wallet)
