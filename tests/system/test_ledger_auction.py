"""`airgrant ledger auction` against a real ledger with a clearing house in it, and a provider's desk beside it.

The ledger's process is killed between the bids and the clearing.
"""

from __future__ import annotations

import base64
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ledger import cli
from tests.ledger_house import LedgerHouse, ledger_house
from tests.ledger_world import BAND, QOS
from wire.auction import Auction, read_auction, write_auction
from wire.auction_bid import make_bid
from wire.auction_list import read_auction_list
from wire.auction_receipt import AuctionReceipt, Status, read_auction_receipt
from wire.auction_request import (
    AnswerQuestion,
    AskQuestion,
    AskTimeKey,
    AuctionRequest,
    CreateAuction,
    GetBid,
    ListAuctions,
    PlaceBid,
    write_auction_request,
)
from wire.auction_terms import GUARD_S, AuctionKind, AuctionMark, AuctionTerms
from wire.errors import DecodeError
from wire.generate_offer import derive_nonce, offer_of, read_generate_offer
from wire.keys import PrivateKey
from wire.post_offer import PostOffer
from wire.transaction import Transaction, sign_transaction

pytestmark = pytest.mark.system

TERMS = [
    "--units", "1", "--minimum", "0.00001", "--in", "8s", "--for", "1m", "--down", "2M-10M", "--up", "1M-5M",
    "--band", "5150000-5170000/20000",
]  # fmt: skip


@pytest.fixture
def house(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[LedgerHouse]:
    settings = '[clearing]\ndatabase = "clearing.db"'
    with ledger_house(tmp_path / "house", free_port(), settings) as running:
        yield running


@pytest.fixture
def auction(house: LedgerHouse, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """`auction("bid", ...)` runs the command and gives its page; `status=1` is what it should come to."""

    def run(*arguments: object, status: int = 0) -> Any:
        words = [*map(str, arguments), "--json", "--ledger", house.reader.url]
        assert cli.ledger(["auction", *words]) == status, capsys.readouterr()
        return json.loads(capsys.readouterr().out)

    return run


def sells_nothing() -> PostOffer:
    """What a provider posts before it opens an auction."""
    return PostOffer(1, BAND, 0, 60, QOS)


def saved(folder: Path, key: PrivateKey, name: str) -> Path:
    file = folder / f"{name}.key"
    file.write_bytes(key.to_pem())
    return file


def balance(house: LedgerHouse, key: PrivateKey) -> int:
    return int(house.reader.get(f"accounts/{key.public}")["balance_ubc"])


def test_an_auction_from_the_command_line_with_a_ledger_that_falls_over(
    house: LedgerHouse, auction: Callable[..., Any], tmp_path: Path, free_port, eventually
) -> None:
    provider, buyers = house.new_provider(sells_nothing()), [house.new_buyer() for _ in range(3)]
    port = free_port()
    desk = house.household.start(
        "desk",
        [
            sys.executable, "-c", "import sys; from ledger.cli import ledger; sys.exit(ledger(sys.argv[1:]))",
            "auction", "serve", "--key", str(saved(tmp_path, provider, "roof")), "--listen", f"127.0.0.1:{port}",
            "--ledger", house.reader.url,
        ],
    )  # fmt: skip
    desk.wait_for_line("offer desk ready")
    callback = f"http://127.0.0.1:{port}/offer"
    created = auction("create", "--key", tmp_path / "roof.key", "--callback", callback, *TERMS)
    names, transactions, receipts = [], [], []
    for number, price in enumerate(("0.0003", "0.0005", "0.0004")):
        key = saved(tmp_path, buyers[number], f"buyer{number}")
        placed = auction("bid", created["auction_id"], price, "--key", key)
        names.append(placed["bid_id"])
        transactions.append(placed["transaction"])
        receipts.append(Path(placed["receipt"]))
    shown = auction("show", created["auction_id"])
    assert [bid["price_ubc"] for bid in shown["bids"]] == [None, None, None]

    assert house.service is not None
    house.service.process.kill()
    house.service.process.wait()
    house.start_ledger()
    assert [auction("status", created["auction_id"], name)["status"] for name in names] == ["pending"] * 3

    eventually(lambda: auction("show", created["auction_id"])["status"] == "inactive", "it is settled", 30)
    assert auction("status", created["auction_id"], names[1])["status"] == "executed"
    assert auction("status", created["auction_id"], names[0], status=1)["status"] == "cancelled"
    assert [balance(house, key) for key in buyers] == [1_000, 1_000 - 400, 1_000]
    grant = house.reader.get(f"grants/{transactions[1]}/{buyers[1].public}")
    assert house.grant(base64.b64decode(grant["grant"])).consumer == buyers[1].public
    executed = house.reader.get(f"transactions/{transactions[1]}")
    assert (executed["charged_ubc"], executed["epoch"]) == (400, 2)
    _verify(house, auction, receipts)
    (listed,) = [one for one in auction("list") if one["auction_id"] == created["auction_id"]]
    assert (listed["bid_count"], listed["clearing_s"] - listed["bids_until_s"]) == (3, GUARD_S)
    assert [bid["paid_ubc"] for bid in auction("show", created["auction_id"])["bids"]] == [0, 400, 0]
    assert "signed the offer of an auction" in desk.said


def _verify(house: LedgerHouse, auction: Callable[..., Any], receipts: list[Path]) -> None:
    """Against the ledger's own log everything holds; its pages cannot say what bidders had; receipts fit."""
    kept = [word for file in receipts for word in ("--receipt", file)]
    database = house.folder / "ledger.db"
    verified = auction("verify", "--ledger-log", database, *kept)
    (found,) = verified["auctions"]
    assert (verified["ok"], found["winners"], found["paid_ubc"], found["wrong"], found["unchecked"]) == (
        True, 1, 400, "", "",
    )  # fmt: skip
    assert [one["wrong"] for one in verified["receipts"]] == [""] * 3
    asked = auction("verify", status=1)
    assert (asked["ok"], asked["auctions"][0]["wrong"]) == (False, "")
    assert asked["auctions"][0]["unchecked"].startswith("what bidders had as of block")
    receipts[0].write_bytes(receipts[0].read_bytes()[:-1] + b"?")
    receipts[1].with_name(f"{receipts[1].name}.bid").write_bytes(b"another")
    said = str(auction("verify", "--ledger-log", database, "--receipt", receipts[1], status=1)["receipts"])
    assert "another bid than the one that was sent" in said
    assert "no receipt of this house" in str(auction("verify", *kept, status=1)["receipts"])


def test_a_bid_over_mqtt(house: LedgerHouse) -> None:
    """A box that relays needs no HTTP."""
    provider, buyer = house.new_provider(sells_nothing()), house.new_buyer()
    mark = AuctionMark(AuctionKind.PROPSHARE, int(time.time()) + 600, 10)
    terms = AuctionTerms(provider.public, mark, BAND, 5, 60, QOS)
    auction = Auction(terms, 2, "http://127.0.0.1:1/offer", house.key.public)
    with house.client(buyer) as client:

        def ask(request: AuctionRequest) -> AuctionReceipt:
            answer = client.ask("auction", write_auction_request(request))
            return read_auction_receipt(answer, house.key.public, house.ledger_id)

        created = ask(CreateAuction(write_auction(auction, provider, house.ledger_id)))
        assert created.status is Status.ACTIVE
        bid = make_bid(auction, 500, buyer, house.ledger_id, bytes(8))
        assert ask(PlaceBid(auction.auction_id, bid)).status is Status.PENDING
        assert ask(GetBid(auction.auction_id, buyer.public)).status is Status.PENDING
        assert ask(PlaceBid(bytes(32), bid)).reason == "unknown_auction"
        assert ask(PlaceBid(auction.auction_id, bytes(2_000))).reason == "unreadable"
        said = client.ask("auction", write_auction_request(ListAuctions(provider=provider.public)))
        (listed,) = read_auction_list(said, house.key.public, house.ledger_id).auctions
        assert (read_auction(listed.auction, house.ledger_id), listed.bids) == (auction, 1)


def test_a_session_auction_of_a_box_that_nobody_can_call(
    house: LedgerHouse, auction: Callable[..., Any], tmp_path: Path, eventually
) -> None:
    """A box opens it and answers by MQTT alone; bids come by the command line."""
    provider, buyers = house.new_provider(sells_nothing()), [house.new_buyer() for _ in range(3)]
    clearing_s, asked = int(time.time()) + 12, list[bytes]()
    with house.client(provider) as client:

        def ask(request: AuctionRequest) -> bytes:
            return client.ask("auction", write_auction_request(request))

        def said(answer: bytes) -> AuctionReceipt:
            return read_auction_receipt(answer, house.key.public, house.ledger_id)

        mark = AuctionMark(AuctionKind.SESSION, clearing_s, 10, (6, 6, 9))
        keys = (ask(AskTimeKey(clearing_s)),)
        terms = AuctionTerms(provider.public, mark, BAND, 10, 60, QOS)
        held = Auction(terms, 2, "", house.key.public, 1, keys)
        created = said(ask(CreateAuction(write_auction(held, provider, house.ledger_id))))
        assert (created.status, created.auction_id) == (Status.ACTIVE, held.auction_id)
        name = created.auction_id.hex()
        files = [saved(tmp_path, key, f"session{number}") for number, key in enumerate(buyers)]
        refused = auction("bid", name, "0.0009", "--key", files[0], "--units", 7, "--slots", 1, status=1)
        assert refused["error"].startswith("over_capacity: slot 1 has 6 units"), (
            "it is sealed: better said before"
        )
        bids = [
            auction("bid", name, price, "--key", file, "--units", units, "--slots", slots)["bid_id"]
            for file, price, units, slots in zip(
                files, ("0.0009", "0.0005", "0.0004"), (3, 2, 3), (3, 1, 1), strict=True
            )
        ]

        def has_question() -> bool:
            answer = ask(AskQuestion(created.auction_id))
            try:
                read_generate_offer(answer, house.key.public, house.ledger_id)
            except DecodeError:
                assert said(answer).status is Status.ACTIVE
                return False
            asked.append(answer)
            return True

        eventually(has_question, "there is a question", 30)
        transaction = Transaction(
            offer_of(held, read_generate_offer(asked[0], house.key.public, house.ledger_id)),
            derive_nonce(asked[0]),
            held.settle_by_s,
        )
        offered = sign_transaction(transaction, provider, house.ledger_id).envelope.encoded
        assert said(ask(AnswerQuestion(created.auction_id, offered))).reason == ""
        eventually(lambda: auction("show", name)["status"] == "inactive", "it is settled", 30)
    assert [balance(house, key) for key in (*buyers, provider)] == [600, 600, 1_000, 800]
    assert [auction("status", name, bid)["detail"] for bid in bids[:2]] == ["for 0.0004 BC"] * 2
    lost = auction("status", name, bids[2], status=1)
    assert (lost["status"], lost["reason"], lost["wins_above_ubc"]) == ("cancelled", "outbid", 500)
    shown = auction("show", name)
    assert (shown["kind"], shown["forecast"]) == ("session", [6, 6, 9])
    assert [(bid["wants"], bid["units"], bid["slots"]) for bid in shown["bids"]] == [
        ([3, 3], 3, 3), ([2, 1], 2, 1), ([3, 1], 0, 0),
    ]  # fmt: skip
    verified = auction("verify", "--ledger-log", house.folder / "ledger.db")
    assert (verified["ok"], verified["auctions"][0]["winners"]) == (True, 2)


def test_what_the_command_refuses(
    house: LedgerHouse, auction: Callable[..., Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    provider, buyer = house.new_provider(sells_nothing()), house.new_buyer()
    key = saved(tmp_path, provider, "roof")
    seller = saved(tmp_path, house.new_provider(), "seller")
    callback = ["--callback", "http://127.0.0.1:1/offer"]
    assert "still_selling" in auction("create", "--key", seller, *callback, *TERMS, status=1)["error"]
    assert "not_agreed" not in str(auction("list"))
    capsys.readouterr()
    assert (
        cli.ledger(["auction", "--ledger", house.reader.url, "--json"]) == 0
    )  # of `list`, which needs no name
    assert json.loads(capsys.readouterr().out) == auction("list")
    assert "unknown_auction" in auction("show", bytes(32).hex(), status=1)["error"]
    created = auction("create", "--key", key, "--callback", "http://127.0.0.1:1/offer", *TERMS)
    for words in (["list"], ["show", created["auction_id"]]):
        assert cli.ledger(["auction", *words, "--ledger", house.reader.url]) == 0
        said = capsys.readouterr().out
        assert created["auction_id"] in said  # whole, as it is typed again
        assert "bids until" in said
        assert "active" in said
    rich = auction("bid", created["auction_id"], "1", "--key", saved(tmp_path, buyer, "alice"))
    assert rich["status"] == "pending", "what it is worth nobody knows before the clearing"
    stranger = saved(tmp_path, PrivateKey.generate(), "stranger")
    assert (
        "unknown_issuer" in auction("bid", created["auction_id"], "1", "--key", stranger, status=1)["error"]
    )
    assert auction("status", created["auction_id"], buyer.public, status=1)["status"] == "unknown"
    assert (
        "no http or https URL"
        in auction("create", "--key", key, "--callback", "x", *TERMS, status=1)["error"]
    )
    for words, status in ((["bid", "x", "1", "--key", str(key)], 2), (["--help"], 0), (["nonsense"], 2)):
        assert cli.ledger(["auction", *words]) == status
    capsys.readouterr()
