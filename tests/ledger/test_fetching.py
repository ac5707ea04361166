"""Gathering a chain from pages, and what becomes of pages that are not what they should be.

From a real ledger's pages: tests/system/test_ledger_cli.py.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from ledger import cli, report_cli
from ledger.block import Item
from ledger.bundle import verify_bundle
from ledger.client import LedgerReader
from ledger.fetching import fetch_bundle, fetch_genesis, fetch_key_ids, fetch_repayments, read_base64
from ledger.pages import show_attestation, show_grant, show_ledger, show_record, to_base64
from ledger.repayment import Repayment
from tests.ledger.test_bundle import GRANT, KEY, bundle
from tests.ledger.test_repayment import transfer
from tests.ledger_world import ALICE, CAROL, GENESIS, LEDGER, PROVIDER, START_S
from wire.attestation_result import AttestationResult
from wire.block_header import Header
from wire.errors import ShellError
from wire.grant import read_grant
from wire.refund import refund_nonce

KEY_ID = KEY.public_key.key_id.hex()
WHOLE = bundle()


def good_pages() -> dict[str, Any]:
    """What a ledger shows of the chain of test_bundle.py; the first page of records is not the last."""
    end = WHOLE.end
    head = Header(7, bytes(32), START_S, bytes(32), 0, bytes(32), bytes(32))
    result = AttestationResult(KEY.public_key, b"", PROVIDER.public, b"", START_S)
    attestation = show_attestation(result, WHOLE.attestation_result, 0).model_dump()
    records = [
        show_record(at, Item(at, 7, 2, bytes(32), 0, encoded, b"")).model_dump()
        for at, encoded in enumerate(WHOLE.records, 1)
    ]
    grants = [(read_grant(one, LEDGER.public, GENESIS.ledger_id), one) for one in WHOLE.grants]
    proof = {"entry": to_base64(end.entry), "proof": to_base64(end.proof), "header": to_base64(end.header)}
    return {
        "/v1/ledger": show_ledger(GENESIS, LEDGER.public, head, end.header, 0, 0).model_dump(),
        "/v1/attestations": {"attestations": [attestation], "after": None},
        f"/v1/attestations/{KEY_ID}": attestation,
        f"/v1/proofs/chains/{KEY_ID}": {"key_id": KEY_ID, "key": "", **proof},
        f"/v1/records/{KEY_ID}": {"records": records[:2], "after": 2},
        f"/v1/records/{KEY_ID}?after=2": {"records": records[2:], "after": None},
        **{f"/v1/grants/{g.grant_id.hex()}": show_grant(g, one).model_dump() for g, one in grants},
    }


@pytest.fixture
def shown() -> Iterator[tuple[LedgerReader, dict[str, Any]]]:
    """A reader and the pages that it finds, which a test may bend: a real HTTP server that is no ledger."""
    pages = good_pages()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = pages.get(self.path)
            body = json.dumps(page if page is not None else {"error": "none", "detail": "not here"}).encode()
            self.send_response(200 if page is not None else 404)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield LedgerReader(f"http://127.0.0.1:{server.server_port}"), pages
        server.shutdown()
        thread.join()


def test_the_whole_chain_is_gathered_and_verifies(shown: tuple[LedgerReader, dict[str, Any]]) -> None:
    reader, _ = shown
    told: list[str] = []
    assert fetch_key_ids(reader) == [KEY_ID]
    fetched = fetch_bundle(reader, fetch_genesis(reader), KEY_ID, told.append)
    assert fetched == WHOLE
    assert verify_bundle(fetched).ok
    assert f"{KEY_ID}: 3 records" in told


def test_what_was_paid_back_is_asked_for_only_where_something_was_missing(
    shown: tuple[LedgerReader, dict[str, Any]],
) -> None:
    reader, pages = shown
    audit = verify_bundle(WHOLE)
    assert fetch_repayments(reader, audit, lambda _text: None) == (), (
        "no page of transactions is there to be asked"
    )
    usage = {GRANT.grant_id: replace(audit.usage[GRANT.grant_id], down_shortfall_bytes=22_500_000)}
    pages[f"/v1/transactions?account={PROVIDER.public}"] = {
        "transactions": [transfer(60_000).model_dump(), transfer(40_000).model_dump()],
        "after": None,
    }
    pages[f"/v1/grants/{GRANT.grant_id.hex()}"] |= {"price_ubc": 1_000_000}
    found = fetch_repayments(reader, replace(audit, usage=usage), lambda _text: None)
    assert found == (Repayment(GRANT.grant_id, 100_000, 100_000),)


def test_what_a_partner_sold_is_paid_back_by_the_partner(shown: tuple[LedgerReader, dict[str, Any]]) -> None:
    """Its transfer is found at the buyer's account, as the box's provider took no part in it."""
    reader, pages = shown
    audit = verify_bundle(WHOLE)
    sold = replace(GRANT, provider_id=ALICE.public.provider_id)
    pages[f"/v1/grants/{sold.grant_id.hex()}"] = show_grant(sold, b"").model_dump() | {
        "price_ubc": 1_000_000, "payer": str(CAROL.public),
    }  # fmt: skip
    paid = transfer(100_000, nonce=refund_nonce(sold.grant_id), key=ALICE, to=CAROL.public).model_dump()
    pages[f"/v1/transactions?account={CAROL.public}"] = {"transactions": [paid], "after": None}
    short = replace(audit.usage[GRANT.grant_id], down_shortfall_bytes=22_500_000)
    audit = replace(audit, usage={sold.grant_id: short}, grants={sold.grant_id: sold})
    (repayment,) = fetch_repayments(reader, audit, lambda _text: None)
    assert (repayment.owed_ubc, repayment.paid_ubc) == (100_000, 100_000)


def test_a_grant_that_is_not_there_is_left_out(shown: tuple[LedgerReader, dict[str, Any]]) -> None:
    reader, pages = shown
    for path in [path for path in pages if path.startswith("/v1/grants/")]:
        del pages[path]
    assert fetch_bundle(reader, GENESIS, KEY_ID, lambda _text: None).grants == ()


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("/v1/ledger", {}),
        ("/v1/ledger", []),
        ("/v1/ledger", "text"),
        ("/v1/attestations", {"attestations": [{}], "after": None}),
        ("/v1/attestations", {"attestations": []}),
        (f"/v1/attestations/{KEY_ID}", {"key_id": KEY_ID}),
        (f"/v1/proofs/chains/{KEY_ID}", {"entry": None}),
        (f"/v1/records/{KEY_ID}", {"records": [{"sequence": 1}], "after": None}),
        (
            f"/v1/records/{KEY_ID}",
            {"records": [{"sequence": 1, "height": 1, "evidence": "!"}], "after": None},
        ),
        (
            f"/v1/records/{KEY_ID}",
            {
                "records": [{"sequence": 1, "height": 1, "evidence": "\u00e9\u00e9\u00e9\u00e9"}],
                "after": None,
            },
        ),
    ],
)
def test_a_page_that_is_none_is_the_world_s_failure(
    shown: tuple[LedgerReader, dict[str, Any]], path: str, page: Any, capsys
) -> None:
    """Status 3 and the address: neither a traceback nor a verdict about a box."""
    reader, pages = shown
    pages[path] = page
    assert report_cli.report(["verify", "--ledger", reader.url]) == 3
    assert reader.url in capsys.readouterr().err


@pytest.mark.parametrize(
    ("path", "page", "command"),
    [
        (
            "/v1/offers",
            {"offers": [{"provider": "x"}], "after": None},
            lambda url: cli.offer(["--ledger", url]),
        ),
        ("/v1/offers", {}, lambda url: cli.offer(["--ledger", url, "--json"])),
        (f"/v1/accounts/{ALICE.public}", {}, lambda url: cli.account([str(ALICE.public), "--ledger", url])),
    ],
)
def test_the_same_for_offers_and_accounts(
    shown: tuple[LedgerReader, dict[str, Any]], path: str, page: Any, command: Any, capsys
) -> None:
    reader, pages = shown
    pages[path] = page
    assert command(reader.url) == 3
    assert reader.url in capsys.readouterr().err


def test_base64_that_is_none_names_the_address() -> None:
    assert read_base64("AA==", "http://x") == b"\0"
    with pytest.raises(ShellError, match="http://x"):
        read_base64("A", "http://x")
