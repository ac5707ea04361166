"""PayPlace on an EVM, asked in our own formats: keys, leaves, micropayments in, one transaction out.

It only puts arguments into the order of the contract's functions. What is signed for this contract names it by
`instance`; the messages themselves are those of ledger/payplace. Nothing here decides or remembers.
Reference: docs/evm.md.   Units: the token's smallest unit, seconds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from ledger.evm.deployed import Deployed, Outcome, deploy, load_compiled
from ledger.evm.node import Node
from ledger.payplace.bls import PublicKey, SecretKey, Signature
from wire.ids import PublicKey as ConsumerKey
from wire.keys import PrivateKey, load_public_key
from wire.micropayment import Micropayment, instance_of, signed_message
from wire.payplace_registration import Times

COORDINATE = 32
CHAIN_ID = 31337
"""anvil's."""


@dataclass(frozen=True, slots=True)
class MissingRow:
    """A merchant that will not sign: its key, and its leaf under the present root with the way there."""

    key: PublicKey
    leaf: bytes
    index: int
    path: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Source:
    """A consumer's word on what it has paid in all, in one channel."""

    channel: int
    consumer: ConsumerKey
    cumulative: int
    signature: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """What a merchant withdraws by. `key` where it exits."""

    leaf: bytes
    index: int
    leaves: int
    path: Sequence[bytes]
    sources: Sequence[Source]
    key: PublicKey | None = None


def chain_of(contract: bytes, chain_id: int = CHAIN_ID) -> bytes:
    """The 32 octets that stand for the chain in `wire.micropayment.instance_of`."""
    return hashlib.sha256(chain_id.to_bytes(32, "big") + contract).digest()


def sign_source(channel: int, consumer: PrivateKey, instance: bytes, cumulative: int) -> Source:
    """A micropayment as a withdrawal names it."""
    payment = Micropayment(instance, consumer.public, cumulative)
    return Source(channel, consumer.public, cumulative, consumer.sign(signed_message(payment)))


ALL = 2**32 - 1
"""Entries of a leaf."""
MAX_ENTRIES = 5_000
"""Consumers in one leaf, for `keep_back` and `read_blocks`: each can be taken and settled by itself within the gas that
a transaction may have, also where their channels stand alone (docs/evm.md)."""
_MISSING = 2


class PayPlace:
    """The contract and its token on a node. Each method is one transaction of `sender`, an address."""

    def __init__(self, contract: Deployed, token: Deployed) -> None:
        self.contract, self.token = contract, token

    def instance(self, operator: bytes) -> bytes:
        """The 32 octets that name contract and operator in everything that is signed."""
        return instance_of(chain_of(self.contract.address), operator)

    def register_operator(
        self, sender: bytes, times: Times, key: SecretKey, *, at_s: int | None = None
    ) -> Outcome:
        """With the proof that it has the key."""
        proof = key.prove_possession(self.instance(sender), sender)
        numbers = (times.period_s, times.window_s, times.finality_s, times.challenge_s)
        return self._send(sender, "registerOperator", *numbers, key.public.eip2537, proof.eip2537, at_s=at_s)

    def deposit(
        self,
        sender: bytes,
        consumer: ConsumerKey,
        splits: Sequence[tuple[bytes, int]],
        *,
        at_s: int | None = None,
    ) -> Outcome:
        """(operator, amount) each."""
        prefix, x = consumer.octets[0], consumer.octets[1:]
        return self._send(sender, "payplaceDeposit", prefix, x, splits, at_s=at_s)

    def register_merchant(
        self,
        sender: bytes,
        operator: bytes,
        key: PublicKey,
        possession: Signature,
        operator_key: PublicKey,
        voucher: Signature,
        tau_s: int,
        *,
        at_s: int | None = None,
    ) -> Outcome:
        """The sender becomes the payee."""
        words = (key.eip2537, possession.eip2537, operator_key.eip2537, voucher.eip2537)
        return self._send(sender, "registerMerchant", operator, *words, tau_s, at_s=at_s)

    def mark_missing(
        self, sender: bytes, leaves: int, rows: Sequence[MissingRow], *, at_s: int | None = None
    ) -> Outcome:
        """`leaves`: of the block under the present root."""
        keys = b"".join(row.key.eip2537 for row in rows)
        told = [(row.leaf, row.index, list(row.path)) for row in rows]
        return self._send(sender, "markMissing", leaves, keys, told, at_s=at_s)

    def mark_absent(self, sender: bytes, keys: Sequence[PublicKey], *, at_s: int | None = None) -> Outcome:
        """By their keys only; what they had is brought later, by `settle`, or never if they sign again first."""
        return self._send(sender, "markAbsent", b"".join(key.eip2537 for key in keys), at_s=at_s)

    def settle(
        self,
        sender: bytes,
        operator: bytes,
        leaves: int,
        row: MissingRow,
        *,
        most: int = ALL,
        at_s: int | None = None,
    ) -> Outcome:
        """By anybody who has the block that the absent merchant signed last; `leaves` is how many that has. At most
        `most` entries of its leaf at once, in their order: a large leaf takes several transactions.
        """
        told = (row.leaf, row.index, list(row.path))
        return self._send(sender, "settleAbsent", operator, leaves, told, most, at_s=at_s)

    def notarise(
        self,
        sender: bytes,
        root: bytes,
        tau_s: int,
        signature: Signature,
        returning: Sequence[tuple[PublicKey, bytes]] = (),
        *,
        at_s: int | None = None,
    ) -> Outcome:
        """`returning`: keys that sign again, each with the leaf for which funds were set aside (b"": not yet)."""
        if not returning:
            return self._send(sender, "notarise", root, tau_s, signature.eip2537, at_s=at_s)
        keys = b"".join(key.eip2537 for key, _ in returning)
        leaves = [leaf for _, leaf in returning]
        return self._send(
            sender, "notariseReturning", root, tau_s, signature.eip2537, keys, leaves, at_s=at_s
        )

    def withdraw(
        self,
        sender: bytes,
        operator: bytes,
        claim: Claim,
        *,
        at_least: int = 0,
        most: int = ALL,
        leave: bool = False,
        at_s: int | None = None,
    ) -> Outcome:
        """All that is confirmed, or nothing if `at_least` is not there; with `leave` it exits.

        At most `most` entries of its leaf at once, in their order, with the sources of these.
        """
        words = (operator, _claim(claim), at_least, most, leave)
        return self._send(sender, "withdrawPayout", *words, at_s=at_s)

    def entries_paid(self, operator: bytes, merchant_id: bytes) -> int:
        """`ContractView.parts`: of the leaf that it last answered for so many of the first entries are paid.

        0: none, or all, which `withdrew` says.
        """
        (merchant,) = self.contract.call("merchantOf", operator, merchant_id)
        (part,) = self.contract.call("partOf", operator, merchant_id)
        times, *_ = self.contract.call("operatorOf", operator)
        _, _, _, since, status, _ = merchant
        height, paid, _ = part
        return int(paid) if height == (since if status == _MISSING else times[6]) else 0

    def force_exit(self, sender: bytes, claim: Claim, *, most: int = ALL, at_s: int | None = None) -> Outcome:
        """An operator pays a merchant out, in parts if it likes, and removes it with the last."""
        return self._send(sender, "forceExit", _claim(claim), most, at_s=at_s)

    def shift(
        self, sender: bytes, splits: tuple[bytes, bytes], channel: int, amount: int, consumer: PrivateKey,
        *, at_s: int | None = None,
    ) -> Outcome:  # fmt: skip
        """`splits`: from which operator to which; signed by the consumer, sent by anybody."""
        (message,) = self.contract.call("shiftMessage", *splits, channel, amount)
        words = (*splits, channel, amount, curve_signature(consumer.public, consumer.sign(message)))
        return self._send(sender, "shift", *words, at_s=at_s)

    def challenge_shift(
        self, sender: bytes, operator: bytes, source: Source, *, at_s: int | None = None
    ) -> Outcome:
        """Shows that the money which is to be shifted is spent."""
        words = (
            operator,
            source.channel,
            source.cumulative,
            curve_signature(source.consumer, source.signature),
        )
        return self._send(sender, "challengeShift", *words, at_s=at_s)

    def finish_shift(
        self, sender: bytes, operator: bytes, channel: int, *, at_s: int | None = None
    ) -> Outcome:
        """After the time for challenges."""
        return self._send(sender, "finishShift", operator, channel, at_s=at_s)

    def _send(self, sender: bytes, function: str, *values: object, at_s: int | None) -> Outcome:
        return self.contract.send(sender, function, *values, at_s=at_s)


def deploy_payplace(node: Node, sender: bytes) -> PayPlace:
    """A fresh contract over a fresh token of tests. Raises ShellError."""
    token = deploy(node, load_compiled("TestToken"), sender)
    return PayPlace(deploy(node, load_compiled("PayPlace"), sender, token.address), token)


def _claim(claim: Claim) -> tuple[object, ...]:
    sources = [
        (source.channel, source.cumulative, curve_signature(source.consumer, source.signature))
        for source in claim.sources
    ]
    key = claim.key.eip2537 if claim.key else b""
    return (claim.leaf, claim.index, claim.leaves, list(claim.path), sources, key)


def curve_signature(key: ConsumerKey, signature: bytes) -> tuple[bytes, bytes, bytes]:
    """r, s, and the key's second coordinate, of which the contract keeps the parity only."""
    y = load_public_key(key).public_numbers().y
    return signature[:COORDINATE], signature[COORDINATE:], y.to_bytes(COORDINATE, "big")
