"""The ledger's HTTP pages for real: what they show, what they prove, what they refuse."""

from __future__ import annotations

import base64
import json
import time
import urllib.request
from typing import Any

import pytest

from ledger.block import item_leaf
from ledger.entries import Account, account_key, read_entry
from tests.ledger_house import PRICE_UBC, LedgerHouse, purchase, sixty_seconds
from wire.block_header import read_signed_header
from wire.create import Create
from wire.errors import ShellError
from wire.keys import PrivateKey
from wire.merkle import verify_path
from wire.money_actions import Transfer
from wire.post_offer import Reservation
from wire.state_proof import read_proof, verify_proof

pytestmark = pytest.mark.system


# ---- What the ledger shows


def test_a_provider_s_grants_are_listed_and_followed(house, provider, buyer) -> None:
    def ask(**query: str | int) -> dict[str, Any]:
        return house.reader.get("grants", provider=str(provider.public), **query)

    assert ask() == {"grants": [], "after": None, "reached": ask()["reached"]}
    with house.client(buyer) as client:
        bought = [
            house.grant(client.submit(house.sign(purchase(provider), buyer)).grants[0]) for _ in range(3)
        ]
    pages = list(house.reader.pages("grants", "grants", 2, provider=str(provider.public)))
    assert [house.grant(base64.b64decode(page["grant"])) for page in pages] == bought
    reached = str(ask()["reached"])
    assert ask(after=reached)["grants"] == []
    with house.client(buyer) as client:
        house.submit(client, purchase(provider), buyer)
    assert len(ask(after=reached)["grants"]) == 1, "and only what is new"
    with pytest.raises(ShellError, match="bad_request"):
        ask(after="yesterday")


def test_the_head_the_accounts_and_the_log_can_be_proved(house, provider, buyer) -> None:
    with house.client(buyer) as client:
        subject = house.receipt(client.submit(house.sign(purchase(provider), buyer))).subject
    page = house.reader.get(f"proofs/accounts/{buyer.public}")
    header = read_signed_header(base64.b64decode(page["header"]), house.key.public, house.ledger_id)
    key, entry = account_key(buyer.public.key_id), base64.b64decode(page["entry"])
    verify_proof(header.state_root, key, entry, read_proof(base64.b64decode(page["proof"])))
    assert read_entry(key, entry) == Account(buyer.public.octets, 1_000 - PRICE_UBC)

    with pytest.raises(LookupError, match="no attestation key"):
        house.reader.get(f"proofs/chains/{bytes(8).hex()}")

    page = house.reader.get(f"proofs/transactions/{subject.hex()}")
    header = read_signed_header(base64.b64decode(page["header"]), house.key.public, house.ledger_id)
    leaf = item_leaf(1, base64.b64decode(page["transaction"]["transaction"]))
    path = [bytes.fromhex(step) for step in page["path"]]
    verify_path(header.items_root, leaf, page["index"], page["item_count"], path)


def test_a_stranger_s_absence_can_be_proved(house) -> None:
    stranger = PrivateKey.generate().public
    page = house.reader.get(f"proofs/accounts/{stranger}")
    header = read_signed_header(base64.b64decode(page["header"]), house.key.public, house.ledger_id)
    assert page["entry"] is None
    proof = read_proof(base64.b64decode(page["proof"]))
    verify_proof(header.state_root, account_key(stranger.key_id), None, proof)
    with pytest.raises(LookupError, match="unknown_account"):
        house.reader.get(f"accounts/{stranger}")


def test_the_status_page_shows_what_is_sold_and_what_came_last(house, provider, buyer) -> None:
    with house.client(buyer) as client:
        house.submit(client, purchase(provider), buyer)
    page = page_of(house, "/")
    assert "serving, on one machine" in page
    assert str(provider.public)[:12] in page
    assert "allocate" in page
    assert f'<a href="/v1/accounts/{buyer.public}">' in page


def test_prometheus_is_told_of_the_chain(house) -> None:
    with urllib.request.urlopen(house.reader.url + "/metrics", timeout=10) as answer:
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        page = answer.read().decode()
    height = int(house.reader.get("ledger")["height"])
    (shown,) = (line for line in page.splitlines() if line.startswith("airgrant_ledger_height "))
    assert 0 <= int(shown.split()[1]) <= height


def page_of(house: LedgerHouse, path: str) -> str:
    with urllib.request.urlopen(house.reader.url + path, timeout=10) as answer:
        assert answer.headers["content-type"].startswith("text/html")
        return str(answer.read().decode())


def test_lists_come_in_pages(house, provider, buyer) -> None:
    with house.client(buyer) as client:
        list(client.submit_all([house.sign(Transfer(provider.public, 1), buyer) for _ in range(5)]))
    one_by_one = [
        page["id"]
        for page in house.reader.pages("transactions", "transactions", 1, account=str(buyer.public))
    ]
    assert len(one_by_one) == len(set(one_by_one)) == 7
    providers = [page["provider"] for page in house.reader.pages("offers", "offers", 1)]
    assert str(provider.public) in providers
    assert len(providers) == len(set(providers))


def test_reservations_are_shown(house, buyer) -> None:
    provider = PrivateKey.generate()
    period = int(time.time()) // 60 + 5
    with house.client(provider) as client:
        house.submit(client, Create(provider.public), provider)
        house.submit(client, sixty_seconds(reservations={period: Reservation(70, 4)}), provider)
    (shown,) = house.reader.get(f"offers/{provider.public}")["reservations"]
    assert (shown["period"], shown["price_ubc"], shown["capacity"]) == (period, 70, 4)


def test_the_interface_describes_itself(house) -> None:
    import urllib.request

    with urllib.request.urlopen(f"{house.reader.url}/openapi.json") as answer:
        page = json.load(answer)
    assert {"/v1/ledger", "/v1/offers", "/v1/proofs/accounts/{key}", "/v1/records/{key_id}"} <= set(
        page["paths"]
    )


@pytest.mark.parametrize(
    "path",
    [
        "accounts/zz",
        "transactions/00",
        "transactions?limit=0",
        "transactions?after=-1",
        "records/xyz",
        "offers/02",
        f"grants?provider=02{'0' * 64}&limit=201",
    ],
)
def test_a_wrong_request_is_refused_with_a_sentence(house, path: str) -> None:
    page, code = refusal(f"{house.reader.url}/v1/{path}")
    assert (code, page["error"]) == (422, "bad_request")
    assert page["detail"]


def test_a_page_that_is_not_there_is_refused_with_a_sentence(house) -> None:
    page, code = refusal(f"{house.reader.url}/v1/nothere")
    assert (code, page) == (404, {"error": "no_such_page", "detail": "there is no /v1/nothere"})


def refusal(url: str) -> tuple[dict[str, str], int]:
    import urllib.error
    import urllib.request

    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(url)
    page = json.loads(refused.value.read())
    refused.value.close()
    return page, refused.value.code
