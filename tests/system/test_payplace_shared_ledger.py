"""A period of PayPlace on the ledger of four operators, with real CometBFT, from registration to withdrawal; a club."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.ledger_net.sites import Sites, open_sites, wait_until_agreed
from ledger.client import LedgerClient
from ledger.payplace.bls import SecretKey, aggregate_signatures
from ledger.payplace.payout_block import NO_ROOT, commitment_of
from ledger.payplace.payout_leaf import PayoutLeaf, leaf_hash_of, write_leaf
from ledger.payplace.registering import voucher_message
from wire.club_actions import FoundClub, SpendTokens
from wire.create import Create
from wire.keys import PrivateKey
from wire.merkle import merkle_path, merkle_root
from wire.micropayment import Micropayment, instance_of, signed_message
from wire.money_actions import Deposit, Transfer
from wire.payplace_deposit import PayplaceDeposit, Split
from wire.payplace_notarisation import LeafProof, Notarise
from wire.payplace_registration import RegisterMerchant, RegisterOperator, Times
from wire.payplace_withdrawal import Claim, Source, WithdrawPayout
from wire.receipt import Receipt, read_receipt
from wire.transaction import Action, Transaction, sign_transaction

pytestmark = [pytest.mark.system, pytest.mark.timeout(400)]

TIMES = Times(period_s=24, window_s=16, finality_s=1, challenge_s=40)
OPERATOR, MERCHANT, CONSUMER = (PrivateKey.from_secret(number) for number in (71, 72, 73))
OPERATOR_BLS, MERCHANT_BLS = SecretKey(71), SecretKey(72)


@dataclass
class Desk:
    """Asks one of the four, in turn, and wants to hear that it is done."""

    sites: Sites
    clients: list[LedgerClient]
    eventually: Callable[..., None]
    asked: int = 0

    @property
    def ledger_id(self) -> bytes:
        return self.sites.network.genesis.ledger_id

    def ask(self, action: Action, key: PrivateKey) -> Receipt:
        """Once all four have the block of what was asked before: else the next one may not know it yet."""
        wait_until_agreed(self.sites.everybody)
        self.asked += 1
        turn = self.asked % len(self.clients)
        client, site = self.clients[turn], self.sites.everybody[turn]
        transaction = Transaction(action, os.urandom(8), int(time.time()) + 600)
        reply = client.submit(sign_transaction(transaction, key, self.ledger_id).envelope.encoded)
        return read_receipt(reply.receipt, site.key.public, self.ledger_id)

    def must(self, action: Action, key: PrivateKey) -> Receipt:
        receipt = self.ask(action, key)
        assert receipt.executed, receipt
        return receipt

    def wait_for_block_of(self, utc_s: int) -> None:
        """A block's time is what its voters saw when they voted for the one before: it comes with blocks."""
        self.eventually(lambda: time.time() >= utc_s, "that second", 60)
        while self.must(Transfer(MERCHANT.public, 1), CONSUMER).utc_s < utc_s:
            pass


def test_a_period_is_settled_and_all_four_agree(
    go_program: Callable[[str], Path], tmp_path: Path, eventually: Callable[..., None]
) -> None:
    go_program("cometbft")
    with open_sites(tmp_path, lambda _: None) as sites:
        with ExitStack() as stack:
            clients = [stack.enter_context(site.client()) for site in sites.everybody]
            desk = Desk(sites, clients, eventually)
            settle(desk)
            share_a_band(desk)
        wait_until_agreed(sites.everybody)
        found = [site.read(f"clubs/{OPERATOR.public}/1") for site in sites.everybody]
        assert found == found[:1] * 4
        assert [member["tokens"] for member in found[0]["members"]] == [79, 110, 109]


def settle(desk: Desk) -> None:
    instance = instance_of(desk.ledger_id, OPERATOR.public.octets)
    for key in (OPERATOR, MERCHANT, CONSUMER):
        desk.must(Create(key.public), key)
    desk.must(Deposit(CONSUMER.public, 1_000), desk.sites.exchange)
    possession = OPERATOR_BLS.prove_possession(instance, OPERATOR.public.octets).eip2537
    start_s = desk.must(RegisterOperator(TIMES, OPERATOR_BLS.public.eip2537, possession), OPERATOR).utc_s
    desk.must(PayplaceDeposit(CONSUMER.public, (Split(OPERATOR.public, 500),)), CONSUMER)
    desk.must(register(instance, start_s), MERCHANT)

    leaves = sorted([
        write_leaf(PayoutLeaf(MERCHANT_BLS.public.merchant_id, {0: 90})),
        write_leaf(PayoutLeaf(OPERATOR_BLS.public.merchant_id, {0: 10})),
    ])  # fmt: skip
    hashes = [leaf_hash_of(leaf) for leaf in leaves]
    tau_s = start_s + TIMES.period_s
    commitment = commitment_of(instance, merkle_root(hashes), tau_s, NO_ROOT)
    alone = OPERATOR_BLS.sign(commitment)
    both = aggregate_signatures([alone, MERCHANT_BLS.sign(commitment)])
    desk.wait_for_block_of(tau_s)
    refused = desk.ask(Notarise(merkle_root(hashes), tau_s, alone.eip2537), OPERATOR)
    assert refused.reason == "bad_aggregate"
    desk.must(Notarise(merkle_root(hashes), tau_s, both.eip2537), OPERATOR)

    mine = next(at for at, leaf in enumerate(leaves) if leaf.startswith(MERCHANT_BLS.public.merchant_id))
    proof = LeafProof(leaves[mine], mine, b"".join(merkle_path(hashes, mine)))
    payment = signed_message(Micropayment(instance, CONSUMER.public, 100))
    claim = Claim(proof, 2, (Source(0, 100, CONSUMER.sign(payment)),))
    withdrawal = WithdrawPayout(OPERATOR.public, claim, at_least_ubc=90)
    assert desk.ask(withdrawal, MERCHANT).reason == "frozen"
    desk.wait_for_block_of(tau_s + TIMES.window_s + TIMES.finality_s + 1)
    desk.must(withdrawal, MERCHANT)
    assert desk.ask(withdrawal, MERCHANT).reason == "nothing_confirmed"


def share_a_band(desk: Desk) -> None:
    """A club of the three, one of whom spends more than it has."""
    keys = b"".join(key.public.octets for key in (OPERATOR, MERCHANT, CONSUMER))
    desk.must(FoundClub(1, 18_000, 100, keys), OPERATOR)
    desk.must(SpendTokens(OPERATOR.public, 1, 21), OPERATOR)
    assert desk.ask(SpendTokens(OPERATOR.public, 1, 112), MERCHANT).reason == "too_few_tokens"
    desk.must(SpendTokens(OPERATOR.public, 1, 1), CONSUMER)


def register(instance: bytes, tau_s: int) -> RegisterMerchant:
    key, payout = MERCHANT_BLS.public, MERCHANT.public.octets
    voucher = OPERATOR_BLS.sign(voucher_message(instance, key.merchant_id, payout, tau_s))
    possession = MERCHANT_BLS.prove_possession(instance, payout)
    return RegisterMerchant(OPERATOR.public, key.eip2537, possession.eip2537, voucher.eip2537, tau_s)
