"""The shapes of the HTTP answers, from state and log."""

from __future__ import annotations

import base64

from apd.shells.software_key import SoftwareKey
from lab.meter_chain import MeterChain
from ledger.block import Item, ItemKind
from ledger.buying import Sale
from ledger.entries import Account, StandingOffer
from ledger.genesis import read_genesis
from ledger.granting import write_sale
from ledger.pages import (
    MAX_SHOWN_BYTES,
    is_transaction,
    show_account,
    show_attestation,
    show_grant,
    show_ledger,
    show_offer,
    show_record,
    show_transaction,
)
from tests.ledger_world import (
    ALICE,
    BAND,
    BOB,
    EXCHANGE,
    GENESIS,
    LEDGER,
    PROVIDER,
    QOS,
    START_S,
    World,
    buy,
    offer,
)
from wire.attestation_result import AttestationResult
from wire.block_header import Header, write_signed_header
from wire.create import Create
from wire.grant import Grant
from wire.keys import PrivateKey
from wire.money_actions import Transfer
from wire.payplace_shift import FinishShift
from wire.transaction import Action

HEAD = Header(3, bytes(32), START_S, bytes(32), 1, b"\x07" * 32, bytes(32))
SALE = Sale(ALICE.public, PROVIDER.public, 1, START_S, 10, BAND, QOS, 200, 2)


def item(action: Action, result: bytes = b"") -> Item:
    signed = World().sign(action, ALICE)
    return Item(
        5, 3, ItemKind.TRANSACTION, signed.transaction_id, START_S + 100, signed.envelope.encoded, result
    )


def test_the_ledger_shows_its_genesis_and_signed_head() -> None:
    signed = write_signed_header(HEAD, LEDGER, GENESIS.ledger_id)
    page = show_ledger(GENESIS, LEDGER.public, HEAD, signed, 10, 3)
    assert read_genesis(base64.b64decode(page.genesis)) == GENESIS
    assert (page.height, page.app_hash, page.exchange) == (3, HEAD.app_hash.hex(), str(EXCHANGE.public))
    assert (page.deposited_ubc, page.withdrawn_ubc, page.licensees) == (10, 3, None)
    assert base64.b64decode(page.head) == signed


def test_transactions_name_their_action_and_sides() -> None:
    pages = [
        show_transaction(item(action, result), GENESIS.ledger_id, whole=False)
        for action, result in (
            (Create(ALICE.public), b""),
            (Transfer(BOB.public, 7), b""),
            (offer(), b""),
            (buy(200, allocations=2), write_sale(SALE)),
            (FinishShift(PROVIDER.public, BOB.public), b""),
        )
    ]
    assert [page.action for page in pages] == ["create", "transfer", "offer", "allocate", "finish_shift"]
    assert [page.price_ubc for page in pages] == [None, 7, 100, 200, None]
    assert [page.provider for page in pages] == [
        str(ALICE.public),
        str(BOB.public),
        None,
        str(PROVIDER.public),
        None,
    ]
    assert (pages[3].charged_ubc, pages[3].consumers, pages[3].duration_s) == (200, 1, 10)
    assert all(page.transaction is None for page in pages)


def test_a_transaction_shows_its_bytes_unless_they_are_many() -> None:
    small = item(Transfer(BOB.public, 7))
    page = show_transaction(small, GENESIS.ledger_id, whole=True)
    assert page.transaction is not None
    assert base64.b64decode(page.transaction) == small.encoded
    keys = b"".join(b"\x02" + number.to_bytes(32, "big") for number in range(MAX_SHOWN_BYTES // 33 + 1))
    large = item(buy(1, consumer_keys=keys), write_sale(SALE))
    page = show_transaction(large, GENESIS.ledger_id, whole=True)
    assert (page.transaction, page.consumers) == (None, len(keys) // 33)


def test_the_rest() -> None:
    assert show_account(Account(ALICE.public.octets, 5), 3).model_dump() == {
        "account": str(ALICE.public), "balance_ubc": 5, "height": 3,
    }  # fmt: skip
    standing = StandingOffer(3, 100, BAND, 10, 600, QOS, 900_000, 1_000_000, cleared=True)
    shown = show_offer(PROVIDER.public.octets, standing, 4, 3)
    assert (shown.allocations_left, shown.qos.latency_class, shown.cleared) == (4, "best_effort", True)
    grant = Grant(ALICE.public, PROVIDER.public.provider_id, bytes(16), 1, START_S, 10, BAND, QOS)
    page = show_grant(grant, b"signed")
    assert (page.grant_id, page.ends_s, page.grant) == (grant.grant_id.hex(), START_S + 10, "c2lnbmVk")
    key = SoftwareKey(PrivateKey.generate())
    evidence = Item(1, 2, ItemKind.EVIDENCE, bytes(32), 0, MeterChain(key, 1).boot(), b"")
    assert not is_transaction(evidence)
    assert base64.b64decode(show_record(1, evidence).evidence) == evidence.encoded
    result = AttestationResult(key.public_key, b"", PROVIDER.public, b"", START_S)
    vouched = show_attestation(result, b"x", 0)
    assert (vouched.in_tpm, vouched.retired_s) == (False, None)
    assert show_attestation(result, b"x", START_S).retired_s == START_S
