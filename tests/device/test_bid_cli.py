"""`airgrant bid` without a network: help, usage, exit status, the bids that are kept. With one: the lab of auctions."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from device.bid_cli import (
    RECEIPT_KEPT_S,
    bid,
    forget_bid,
    keep_bid,
    keep_receipt,
    load_bids,
    place_bid,
)
from device.bidding import MakeBid
from device.console import USAGE, WORLD
from device.keeping import kept_folder, load_kept
from device.wallet import Wallet, create_wallet
from tests.device.bidding_world import CLEARING_S, LEDGER_ID, PINNED, PROVIDER, SLOT_S, auction
from wire.auction import write_auction
from wire.auction_terms import AuctionMark
from wire.sealed_bid import read_sealed_bid

WORDS = ["--interface", "lo", "--down", "3M", "--for", "3m", "--worth", "0.09"]


@pytest.fixture
def wallet(tmp_path: Path) -> Wallet:
    return create_wallet(tmp_path / "w.pem", PINNED)


def _wanted(clearing_s: int = CLEARING_S) -> MakeBid:
    made = auction()
    mark = AuctionMark(made.terms.mark.kind, clearing_s, 1_000, (6, 6, 6, 6))
    made = replace(auction(clearing_s), terms=replace(made.terms, mark=mark))
    return MakeBid(made, write_auction(made, PROVIDER, LEDGER_ID), 90_000, 3, 2)


def test_help_says_how_much_to_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert bid(["--help"]) == 0
    text = capsys.readouterr().out
    assert "examples:\n  airgrant bid " in text
    assert "in one auction, with one account, there is nothing to gain by saying less" in " ".join(
        text.split()
    )
    assert "--over" not in text
    assert "--control" not in text
    assert "--cell" not in text, "a box behind a cell holds no auctions"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--over", "air"], "bids travel in the lobby alone"),
        (["--for", "0"], "no time at all"),
        (["--worth", "much"], "is not an amount"),
    ],
)
def test_what_is_wrong_with_a_word_is_said(
    more: list[str], said: str, wallet: Wallet, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bid(["--wallet", str(wallet.path), *WORDS, *more]) == USAGE
    assert said in " ".join(capsys.readouterr().err.split())


def test_without_a_pinned_ledger_nothing_is_sealed_to_anybody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = create_wallet(tmp_path / "free.pem").path
    assert bid(["--wallet", str(path), *WORDS, "--json"]) == USAGE
    assert "no ledger is pinned" in json.loads(capsys.readouterr().out)["detail"]


def test_an_interface_that_is_not_there(wallet: Wallet, capsys: pytest.CaptureFixture[str]) -> None:
    words = [*WORDS, "--interface", "nosuch0", "--json"]
    assert bid(["--wallet", str(wallet.path), *words]) == WORLD
    assert "interface nosuch0" in json.loads(capsys.readouterr().out)["detail"]


def test_a_bid_is_kept_until_it_is_forgotten(wallet: Wallet) -> None:
    placed = place_bid(_wanted(), wallet)
    path = keep_bid(wallet, placed)
    assert path.stat().st_mode & 0o077 == 0
    assert load_bids(wallet, CLEARING_S) == (placed,)
    assert load_kept(wallet, CLEARING_S).unreadable == (), "`airgrant grants` does not stumble over it"
    forget_bid(wallet, placed.transaction_id)
    forget_bid(wallet, placed.transaction_id)
    assert load_bids(wallet, CLEARING_S) == ()


def test_every_bid_has_a_name_of_its_own(wallet: Wallet) -> None:
    one, other = (place_bid(_wanted(), wallet) for _ in range(2))
    assert one.bid_id != other.bid_id
    assert one.transaction_id != other.transaction_id
    assert read_sealed_bid(one.sealed, LEDGER_ID).bid_key == one.bid_id


def test_of_several_bids_all_that_are_not_over_are_asked_for(wallet: Wallet) -> None:
    for clearing_s in (CLEARING_S, CLEARING_S + SLOT_S):
        keep_bid(wallet, place_bid(_wanted(clearing_s), wallet))
    found = load_bids(wallet, CLEARING_S)
    assert [one.auction.terms.mark.clearing_s - CLEARING_S for one in found] == [SLOT_S, 0]
    assert [one.worth_ubc for one in found] == [90_000, 90_000]
    longest, other = found
    assert load_bids(wallet, other.ends_s) == (longest,)
    assert load_bids(wallet, longest.ends_s) == ()
    assert len(list(kept_folder(wallet.path).glob("*.bid"))) == 2
    load_bids(wallet, longest.ends_s + 25 * 3_600)
    assert list(kept_folder(wallet.path).glob("*.bid")) == []


def test_the_houses_word_is_kept_for_a_month(wallet: Wallet) -> None:
    path = keep_receipt(wallet, bytes(32), b"signed")
    assert path.read_bytes() == b"signed"
    assert path.stat().st_mode & 0o077 == 0
    written_s = int(path.stat().st_mtime)
    load_bids(wallet, written_s + RECEIPT_KEPT_S - 10)
    assert load_kept(wallet, written_s).unreadable == ()
    assert path.exists()
    load_bids(wallet, written_s + RECEIPT_KEPT_S + 10)
    assert not path.exists()


def test_what_is_damaged_or_somebody_elses_is_passed_over(wallet: Wallet, tmp_path: Path) -> None:
    other = create_wallet(tmp_path / "other.pem", PINNED)
    path = keep_bid(wallet, place_bid(_wanted(), other))
    assert load_bids(wallet, CLEARING_S) == ()
    path.write_bytes(b'{"auction": 1}')
    assert load_bids(wallet, CLEARING_S) == ()
    path.write_bytes(b"\xff")
    assert load_bids(wallet, CLEARING_S) == ()
