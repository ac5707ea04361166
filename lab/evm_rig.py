"""A small honest PayPlace on an EVM node: one operator, merchants, consumers, and blocks that everybody signs.

For tests that begin where something is already running, and for measuring. Keys come from numbers, time stands still
until it is told to move. Whoever is to be dishonest is asked for single transactions by `payplace`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ledger.evm.deployed import Outcome
from ledger.evm.node import Node
from ledger.evm.payplace import Claim, MissingRow, PayPlace, deploy_payplace, sign_source
from ledger.payplace.bls import SecretKey, Signature, aggregate_signatures
from ledger.payplace.payout_leaf import PayoutLeaf, write_leaf
from ledger.payplace.payout_tree import PayoutTree, TreeBuilder
from wire.keys import PrivateKey
from wire.payplace_registration import Times

TIMES = Times(period_s=3_600, window_s=600, finality_s=60, challenge_s=7_200)
NO_ROOT = bytes(32)


def secret_key(number: int) -> SecretKey:
    """The BLS key of this number, the same each time."""
    return SecretKey.generate(hashlib.sha256(b"merchant %d" % number).digest())


def commitment_of(instance: bytes, root: bytes, tau_s: int, previous: bytes) -> bytes:
    """What merchants sign."""
    words = (b"airgrant payplace commitment 1", instance, root, tau_s.to_bytes(8, "big"), previous)
    return hashlib.sha256(b"".join(words)).digest()


def voucher_of(instance: bytes, merchant_id: bytes, payout: bytes, tau_s: int) -> bytes:
    """What an operator signs to let a merchant in."""
    words = (b"airgrant payplace voucher 1", instance, merchant_id, payout, tau_s.to_bytes(8, "big"))
    return hashlib.sha256(b"".join(words)).digest()


@dataclass(slots=True)
class Block:
    """What was notarised, or is to be."""

    tree: PayoutTree
    leaves: Mapping[bytes, bytes]
    tau_s: int

    @property
    def count(self) -> int:
        """Of the leaves in the tree; `leaves` may have fewer, if the rest is nobody's that is asked for."""
        return len(self.tree.hashes)

    def row(self, key: SecretKey) -> MissingRow:
        """What shows this merchant's leaf."""
        name = key.public.merchant_id
        place = self.tree.place(name)
        assert place is not None
        return MissingRow(key.public, self.leaves[name], place, self.tree.path(place))


@dataclass(slots=True)
class Rig:
    """`operator` has key number 0 and the first account; merchant n has key n and account 1 + n."""

    node: Node
    payplace: PayPlace
    accounts: Sequence[bytes]
    keys: dict[bytes, SecretKey] = field(default_factory=dict)
    payees: dict[bytes, bytes] = field(default_factory=dict)
    consumers: list[PrivateKey] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    periods: int = 0
    start_s: int = 0

    @property
    def operator(self) -> bytes:
        return self.accounts[0]

    @property
    def instance(self) -> bytes:
        return self.payplace.instance(self.operator)

    @property
    def last_root(self) -> bytes:
        return self.blocks[-1].tree.root if self.blocks else NO_ROOT

    @property
    def window_s(self) -> int:
        """When the next commitment window opens."""
        return self.start_s + (self.periods + 1) * TIMES.period_s

    def begin(self) -> Outcome:
        """The operator registers."""
        key = secret_key(0)
        done = self.payplace.register_operator(self.operator, TIMES, key)
        self.start_s = self.node.now_s()
        self._know(key, self.operator)
        return done

    def add_merchant(self, number: int, sender: bytes | None = None) -> Outcome:
        """Vouched for by the operator, now."""
        key, payee, now_s = secret_key(number), sender or self.accounts[1 + number], self.node.now_s()
        voucher = secret_key(0).sign(voucher_of(self.instance, key.public.merchant_id, payee, now_s))
        proof = key.prove_possession(self.instance, payee)
        words = (self.operator, key.public, proof, secret_key(0).public, voucher, now_s)
        done = self.payplace.register_merchant(payee, *words)
        if not done.error:
            self._know(key, payee)
        return done

    def _know(self, key: SecretKey, payee: bytes) -> None:
        self.keys[key.public.merchant_id] = key
        self.payees[key.public.merchant_id] = payee

    def add_consumer(self, deposit: int) -> Outcome:
        """Gets the next channel number."""
        consumer = PrivateKey.from_secret(1_000 + len(self.consumers))
        self.consumers.append(consumer)
        self.payplace.token.send(self.operator, "mint", self.operator, deposit)
        return self.payplace.deposit(self.operator, consumer.public, [(self.operator, deposit)])

    def block(self, payouts: Mapping[int, Mapping[int, int]], tau_s: int | None = None) -> Block:
        """Pays merchant numbers what is said per channel; everybody else has an empty leaf."""
        owed = {secret_key(number).public.merchant_id: amounts for number, amounts in payouts.items()}
        builder, leaves = TreeBuilder(), dict[bytes, bytes]()
        for name in sorted(self.keys):
            leaves[name] = write_leaf(PayoutLeaf(name, owed.get(name, {})))
            builder.add(leaves[name])
        return Block(builder.finish(), leaves, self.window_s if tau_s is None else tau_s)

    def sign(self, block: Block, missing: Iterable[int] = ()) -> Signature:
        """By everybody but these, over the block after the last one."""
        said = commitment_of(self.instance, block.tree.root, block.tau_s, self.last_root)
        gone = {secret_key(number).public.merchant_id for number in missing}
        return aggregate_signatures(key.sign(said) for name, key in self.keys.items() if name not in gone)

    def mark_missing(self, missing: Iterable[int], at_s: int | None = None) -> Outcome:
        """In the next window, by their leaves in the last block (B and W: an empty leaf does, by whatever path)."""
        last = self.blocks[-1]
        rows = [last.row(secret_key(number)) for number in missing]
        return self.payplace.mark_missing(self.operator, last.count, rows, at_s=at_s or self.window_s)

    def mark_absent(self, absent: Iterable[int], at_s: int | None = None) -> Outcome:
        """The same by their keys only."""
        keys = [secret_key(number).public for number in absent]
        return self.payplace.mark_absent(self.operator, keys, at_s=at_s or self.window_s)

    def notarise(self, block: Block, missing: Iterable[int] = (), returning: Iterable[int] = ()) -> Outcome:
        """In the next window, without those who were marked as missing; `returning` were, and sign."""
        signature = self.sign(block, missing)
        back = [(key.public, self.leaf_set_aside(key)) for key in map(secret_key, returning)]
        done = self.payplace.notarise(
            self.operator, block.tree.root, block.tau_s, signature, back, at_s=block.tau_s + 1
        )
        if not done.error:
            self.blocks.append(block)
            self.periods += 1
        return done

    def leaf_set_aside(self, key: SecretKey) -> bytes:
        """The leaf whose hash the contract holds for a missing merchant; b"" while it holds none."""
        (record,) = self.payplace.contract.call("merchantOf", self.operator, key.public.merchant_id)
        if record[5] == bytes(32):
            return b""
        for block in reversed(self.blocks):
            leaf = block.leaves.get(key.public.merchant_id)
            if leaf and hashlib.sha256(b"\x00" + leaf).digest() == record[5]:
                return leaf
        return key.public.merchant_id + bytes(4)

    def claim(
        self, number: int, paid: Mapping[int, int], *, leave: bool = False, block: Block | None = None
    ) -> Claim:
        """Of a merchant's leaf in a block (the last), with micropayments of what each channel's consumer has paid."""
        block, key = block or self.blocks[-1], secret_key(number)
        row = block.row(key)
        sources = [
            sign_source(channel, self.consumers[channel], self.instance, paid[channel])
            for channel in sorted(paid)
        ]
        return Claim(row.leaf, row.index, block.count, row.path, sources, key.public if leave else None)

    def balance(self, account: bytes) -> int:
        """Of the token."""
        (amount,) = self.payplace.token.call("balanceOf", account)
        return int(amount)


def new_rig(node: Node) -> Rig:
    """A deployed contract, an operator that is registered, nothing else."""
    accounts = node.accounts()
    rig = Rig(node, deploy_payplace(node, accounts[0]), accounts)
    assert not rig.begin().error
    return rig
