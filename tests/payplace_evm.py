"""The Solidity twin behind the same calls as the Python contract (tests/payplace_contract.py), on a local node.

Account n is the node's n-th; consumer n has the same key as there, and signs its shifts. Instances differ between the
two chains, and with them everything that is signed; merchants, leaves and roots do not.
Accounts that are `stopping` take their leaves by pieces, and rest between them for as long as they like.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace

from ledger.evm import payplace as evm
from ledger.evm.deployed import Outcome
from ledger.evm.node import Node
from ledger.payplace.bls import EIP2537_KEY_SIZE, PublicKey
from ledger.payplace.entries import Channel, PayMerchant, PayOperator, PendingShift, Status
from ledger.payplace.payout_leaf import read_leaf
from tests.ledger_world import GENESIS
from tests.payplace_contract import ACCOUNT_UBC
from wire.ids import PublicKey as ConsumerKey
from wire.keys import PrivateKey
from wire.payplace_notarisation import LeafProof
from wire.payplace_registration import Times
from wire.payplace_withdrawal import Claim

_STATUS = {1: Status.SIGNING, 2: Status.MISSING, 3: Status.EXITED}
_PATH_STEP = 32


@dataclass
class Stopping:
    """Who takes, and is pushed out, by as many entries as chance says. `parts`: how often a rest was left."""

    accounts: Collection[int]
    chance: random.Random
    parts: int = 0


@dataclass
class EvmContract:
    """A fresh contract; every account has as much of the token as a ledger's account has there."""

    node: Node
    accounts: int
    now_s: int = GENESIS.time_s
    stopping: Stopping | None = None
    _addresses: list[bytes] = field(init=False)
    _payplace: evm.PayPlace = field(init=False)
    _keys: dict[int, PublicKey] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._addresses = self.node.accounts()[: self.accounts]
        self._payplace = evm.deploy_payplace(self.node, self._addresses[0])
        for address in self._addresses:
            self._payplace.token.send(address, "mint", address, ACCOUNT_UBC)

    def account(self, number: int) -> bytes:
        return self._addresses[number]

    def consumer(self, number: int) -> PrivateKey:
        return PrivateKey.from_secret(1_000 + number)

    def instance(self, operator: int) -> bytes:
        return self._payplace.instance(self.account(operator))

    # ---- Actions

    def register_operator(self, operator: int, times: Times, key: bytes, possession: bytes) -> str:
        numbers = (times.period_s, times.window_s, times.finality_s, times.challenge_s)
        reason = self._send(operator, "registerOperator", *numbers, key, possession)
        if reason == "":
            self._keys[operator] = PublicKey.of_eip2537(key)
        return reason

    def deposit(self, payer: int, consumer: int, splits: Sequence[tuple[int, int]]) -> str:
        parts = [(self.account(operator), amount_ubc) for operator, amount_ubc in splits]
        public = self.consumer(consumer).public
        payer_address = self.account(payer)
        return self._try(lambda: self._payplace.deposit(payer_address, public, parts, at_s=self.now_s))

    def register_merchant(
        self, account: int, operator: int, key: bytes, possession: bytes, voucher: bytes, tau_s: int
    ) -> str:
        vouching = self._keys[operator].eip2537 if operator in self._keys else bytes(256)
        words = (self.account(operator), key, possession, vouching, voucher, tau_s)
        return self._send(account, "registerMerchant", *words)

    def mark_missing(self, operator: int, leaves: int, rows: Sequence[tuple[bytes, LeafProof]]) -> str:
        keys = b"".join(key.ljust(EIP2537_KEY_SIZE, b"\0") for key, _ in rows)
        told = [(row.leaf, row.index, _steps(row.path)) for _, row in rows]
        return self._send(operator, "markMissing", leaves, keys, told)

    def notarise(
        self,
        operator: int,
        root: bytes,
        tau_s: int,
        signature: bytes,
        returning: Sequence[tuple[bytes, bytes]],
    ) -> str:
        if not returning:
            return self._send(operator, "notarise", root, tau_s, signature)
        keys, leaves = b"".join(key for key, _ in returning), [leaf for _, leaf in returning]
        return self._send(operator, "notariseReturning", root, tau_s, signature, keys, leaves)

    def withdraw(
        self,
        account: int,
        operator: int,
        key: bytes,
        claim: Claim,
        *,
        at_least_ubc: int = 0,
        leaving: bool = False,
    ) -> str:
        merchant, (claim, most) = claim.proof.leaf[:32], self._piece(operator, account, claim)
        words = (self.account(operator), self._claim(operator, claim, key), at_least_ubc, most, leaving)
        reason = self._send(account, "withdrawPayout", *words)
        self._count(operator, merchant, reason)
        return reason

    def would_pay(self, account: int, operator: int, key: bytes, claim: Claim) -> int | str:
        before, begun = self.balance(account), self.node.snapshot()
        reason = self.withdraw(account, operator, key, claim)
        paid = self.balance(account) - before
        self.node.revert(begun)
        return reason or paid

    def force_exit(self, operator: int, key: bytes, claim: Claim) -> str:
        merchant = claim.proof.leaf[:32]
        claim, most = self._piece(operator, None, claim)
        reason = self._send(operator, "forceExit", self._claim(operator, claim, key), most)
        self._count(operator, merchant, reason)
        return reason

    def _piece(self, operator: int, account: int | None, claim: Claim) -> tuple[Claim, int]:
        """How many entries this account (None: the merchant's) takes of what is left, and the claim for these."""
        if self.stopping is None:
            return claim, evm.ALL
        record = self.merchant(operator, claim.proof.leaf[:32])
        if account is None and record is not None:
            account = self._addresses.index(record.payout)
        if account not in self.stopping.accounts:
            return claim, evm.ALL
        first = self.entries_paid(operator, claim.proof.leaf[:32])
        most = self.stopping.chance.choice((1, 1, 2, evm.ALL))
        channels = sorted(read_leaf(claim.proof.leaf).amounts)[first : first + most]
        sources = [source for source in claim.sources if source.channel in channels]
        return replace(claim, sources=tuple(sources)), most

    def _count(self, operator: int, merchant: bytes, reason: str) -> None:
        if self.stopping is not None and reason == "":
            self.stopping.parts += self.entries_paid(operator, merchant) > 0

    def shift(self, consumer: int, source: int, target: int, amount_ubc: int) -> str:
        splits = self.account(source), self.account(target)
        number = self._number(source, consumer)
        key = self.consumer(consumer)
        words = (self.account(0), splits, number, amount_ubc, key)
        return self._try(lambda: self._payplace.shift(*words, at_s=self.now_s))

    def challenge(self, operator: int, consumer: int, cumulative_ubc: int, signature: bytes) -> str:
        public, number = self.consumer(consumer).public, self._number(operator, consumer)
        source = evm.Source(number, public, cumulative_ubc, signature)
        words = (self.account(0), self.account(operator), source)
        return self._try(lambda: self._payplace.challenge_shift(*words, at_s=self.now_s))

    def finish_shift(self, operator: int, consumer: int) -> str:
        number = self._number(operator, consumer)
        words = (self.account(0), self.account(operator), number)
        return self._try(lambda: self._payplace.finish_shift(*words, at_s=self.now_s))

    def _send(self, sender: int, function: str, *values: object) -> str:
        contract = self._payplace.contract
        return self._try(lambda: contract.send(self.account(sender), function, *values, at_s=self.now_s))

    def _try(self, action: Callable[[], Outcome]) -> str:
        """A refusal leaves no block behind, as on the ledger: the next one may be of an earlier second."""
        begun = self.node.snapshot()
        done = action()
        assert not done.error.startswith("reverted"), done
        if done.error:
            self.node.revert(begun)
        return done.error

    def _claim(self, operator: int, claim: Claim, key: bytes) -> tuple[object, ...]:
        sources = []
        for source in claim.sources:
            consumer = self._consumer_of(operator, source.channel)
            words = evm.curve_signature(consumer, source.signature)
            sources.append((source.channel, source.cumulative_ubc, words))
        proof = claim.proof
        return (proof.leaf, proof.index, claim.leaves, _steps(proof.path), sources, key)

    def _consumer_of(self, operator: int, number: int) -> ConsumerKey:
        """Of this channel; of consumer 0 if there is no such channel."""
        for consumer in range(self.accounts):
            if self.channel_number(operator, consumer) == number:
                return self.consumer(consumer).public
        return self.consumer(0).public

    def _number(self, operator: int, consumer: int) -> int:
        """One that does not exist if the consumer has none."""
        found = self.channel_number(operator, consumer)
        return (1 << 32) - 1 if found is None else found

    # ---- State

    @property
    def max_entries(self) -> int:
        return evm.MAX_ENTRIES

    def entries_paid(self, operator: int, merchant_id: bytes) -> int:
        return self._payplace.entries_paid(self.account(operator), merchant_id)

    def operator(self, operator: int) -> PayOperator:
        times, root, _, signers = self._payplace.contract.call("operatorOf", self.account(operator))
        start_s, period_s, window_s, finality_s, challenge_s, channels, height, window = times
        own = self._keys[operator].eip2537
        apka = signers if any(signers) else b""
        return PayOperator(
            self.account(operator), own, start_s, period_s, window_s, finality_s, challenge_s, b"", apka,
            channels, height, window, 0, root,
        )  # fmt: skip

    def merchant(self, operator: int, merchant_id: bytes) -> PayMerchant | None:
        (found,) = self._payplace.contract.call("merchantOf", self.account(operator), merchant_id)
        payout, joined, withdrew, since, status, leaf = found
        if status == 0:
            return None
        held = leaf if status == 2 else b""
        return PayMerchant(b"", payout, joined, withdrew, _STATUS[status], since, held)

    def channel(self, operator: int, number: int) -> Channel:
        (found,) = self._payplace.contract.call("channelOf", self.account(operator), number)
        x, prefix, shifting, _, deposited, withdrawn, paid, target, amount, final_s, reserved = found
        start_s = self.operator(operator).start_s
        shift = PendingShift(target, amount, start_s + final_s) if shifting else None
        kept = tuple([(word >> 128, word & (1 << 128) - 1) for word in reserved if word])
        return Channel(bytes([prefix]) + x, deposited, withdrawn, paid, kept, shift)

    def channel_number(self, operator: int, consumer: int) -> int | None:
        octets = self.consumer(consumer).public.octets
        (found,) = self._payplace.contract.call("numberOf", self.account(operator), octets[0], octets[1:])
        return found - 1 if found else None

    def balance(self, account: int) -> int:
        (found,) = self._payplace.token.call("balanceOf", self.account(account))
        return int(found)

    def total(self) -> int:
        """All of the token that there is: with accounts and with the contract, whose channels say the same."""
        (held,) = self._payplace.token.call("balanceOf", self._payplace.contract.address)
        channels = [
            self.channel(operator, number)
            for operator in self._keys
            for number in range(self.operator(operator).channels)
        ]
        assert held == sum(one.deposited_ubc - one.withdrawn_ubc for one in channels)
        return int(held) + sum(self.balance(number) for number in range(self.accounts))


def _steps(path: bytes) -> list[bytes]:
    return [path[at : at + _PATH_STEP] for at in range(0, len(path), _PATH_STEP)]


@dataclass
class PartingContract(EvmContract):
    """The same where whoever may withdraw takes one entry of its leaf at a time."""

    parts: int = 0

    def withdraw(
        self,
        account: int,
        operator: int,
        key: bytes,
        claim: Claim,
        *,
        at_least_ubc: int = 0,
        leaving: bool = False,
    ) -> str:
        begun = self.node.snapshot()
        words = (account, operator, key)
        reason = super().withdraw(*words, claim, at_least_ubc=at_least_ubc, leaving=leaving)
        if reason != "":
            return reason
        channels = sorted(read_leaf(claim.proof.leaf).amounts)
        if len(channels) < 2:
            return ""
        self.node.revert(begun)
        for channel in channels:
            part = replace(claim, sources=tuple([one for one in claim.sources if one.channel == channel]))
            told = (self.account(operator), self._claim(operator, part, key), 0, 1, leaving)
            assert self._send(account, "withdrawPayout", *told) == "", "a part of what is paid at once"
            self.parts += 1
        return ""


@dataclass
class NamingContract(EvmContract):
    """The same where missing merchants are named by their keys only, and settled by whoever has to wait for it."""

    _rows: dict[tuple[int, bytes], tuple[int, LeafProof]] = field(default_factory=dict)
    settled: int = 0

    def mark_missing(self, operator: int, leaves: int, rows: Sequence[tuple[bytes, LeafProof]]) -> str:
        """What could not be marked is not named either, so that nothing is named of which nobody has the leaf."""
        begun = self.node.snapshot()
        reason = super().mark_missing(operator, leaves, rows)
        self.node.revert(begun)
        reason = reason or self._send(operator, "markAbsent", b"".join(key for key, _ in rows))
        if reason == "":
            self._rows |= {(operator, row.leaf[:32]): (leaves, row) for _, row in rows}
        return reason

    def notarise(
        self,
        operator: int,
        root: bytes,
        tau_s: int,
        signature: bytes,
        returning: Sequence[tuple[bytes, bytes]],
    ) -> str:
        known = [(key, self._leaf_if_settled(operator, leaf)) for key, leaf in returning]
        return super().notarise(operator, root, tau_s, signature, known)

    def _leaf_if_settled(self, operator: int, leaf: bytes) -> bytes:
        record = self.merchant(operator, leaf[:32])
        unsettled = record is not None and record.status == Status.MISSING and record.leaf == bytes(32)
        return b"" if unsettled else leaf

    def withdraw(
        self,
        account: int,
        operator: int,
        key: bytes,
        claim: Claim,
        *,
        at_least_ubc: int = 0,
        leaving: bool = False,
    ) -> str:
        withdraw, words = super().withdraw, (account, operator, key, claim)
        return self._settling(operator, lambda: withdraw(*words, at_least_ubc=at_least_ubc, leaving=leaving))

    def force_exit(self, operator: int, key: bytes, claim: Claim) -> str:
        force_exit = super().force_exit
        return self._settling(operator, lambda: force_exit(operator, key, claim))

    def _settling(self, operator: int, action: Callable[[], str]) -> str:
        reason = action()
        if reason != "SETTLE_FIRST":
            return reason
        for (owner, _), (leaves, row) in self._rows.items():
            if owner == operator:
                told = (row.leaf, row.index, _steps(row.path))
                done = self._send(0, "settleAbsent", self.account(operator), leaves, told, evm.ALL)
                self.settled += done == ""
        return action()
