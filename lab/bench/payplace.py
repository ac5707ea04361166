"""PayPlace at the size of the thesis: 100,000 merchants with 10,000 consumers each, and at the size of a real operator.

The dense block has 8 GB; it is made while it is read, leaf by leaf, as it would come out of a file, and what that costs
is in the figures. A merchant verifies it in a process of its own, whose memory is measured: the block, the one before
it, the sums over all payees of all its consumers, and their micropayments. The sparse block has as many merchants with
20 consumers each out of a million. Times are seconds of one core (CPU time of one thread), so that what else runs on
the machine is hardly in them. What the thesis has is from its section 6.6.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lab.bench import payplace_channels, payplace_evm, payplace_program
from lab.bench.result import Against, Figure
from ledger.payplace import bls
from ledger.payplace.bisecting import Signed, find_bad
from ledger.payplace.generating import Period, next_leaves
from ledger.payplace.merchant_check import ChannelTerms, ContractView, check_head, judge, read_blocks
from ledger.payplace.payout_block import BlockHead, split_block, write_block_head
from ledger.payplace.payout_row import row_of, write_row
from ledger.payplace.payout_tree import PayoutTree, TreeBuilder
from wire.keys import PrivateKey
from wire.micropayment import Micropayment, write_micropayment

MERCHANTS, CONSUMERS, SPARSE_CONSUMERS, EACH = 100_000, 10_000, 1_000_000, 20
SIGNERS, BAD = 10_000, 10
INSTANCE = bytes(32)
PAID_UBC = 1 << 60
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Size:
    """How many merchants, how many consumers there are, and how many of them each merchant has."""

    merchants: int
    consumers: int
    each: int


DENSE = Size(MERCHANTS, CONSUMERS, CONSUMERS)
SPARSE = Size(MERCHANTS, SPARSE_CONSUMERS, EACH)


def run(progress: Callable[[str], None]) -> list[Figure]:
    """All figures of this side, and those of the contract on an EVM."""
    progress("tree of 100,000 merchants with 10,000 consumers")
    figures = [
        Figure("tree of the dense block, one core", _timed(lambda: tree_of(leaves(DENSE, 2))), "s", 10, "lower",
               Against("thesis, figure 6.7(a)", 100)),
    ]  # fmt: skip
    for name, size in (("dense", DENSE), ("sparse", SPARSE)):
        progress(f"a merchant verifies the {name} block")
        figures += verification_figures(name, size)
    progress("the whole of a merchant's program, over HTTP")
    figures += payplace_program.figures()
    progress("the next sparse block, where one consumer in twenty paid")
    figures.append(Figure("the next sparse block, generated", generation_s(SPARSE), "s", None, "lower"))
    progress("10,000 signatures, 10 of them bad")
    figures += signature_figures(SIGNERS, BAD)
    return figures + payplace_evm.run(progress) + payplace_channels.run(progress)


# ---- Blocks


def leaves(size: Size, ubc: int) -> Iterator[bytes]:
    """Of merchants 0, 1, 2 ...: each is paid `ubc` by each of its consumers, but for the first of them one more."""
    if size.each == size.consumers:
        yield from _dense_leaves(size, ubc)
        return
    channels = np.arange(size.each, dtype=np.int64) * (size.consumers // size.each)
    amounts = np.full(size.each, ubc, np.int64)
    amounts[0] += 1
    for number in range(size.merchants):
        shift = number % (size.consumers // size.each)
        yield write_row(row_of(number.to_bytes(32, "big"), channels + shift, amounts))


def _dense_leaves(size: Size, ubc: int) -> Iterator[bytes]:
    """A row is packed anew for every merchant, as an operator does."""
    channels = np.arange(size.each, dtype=np.int64)
    for number in range(size.merchants):
        amounts = np.full(size.each, ubc + number % 3, np.int64)
        yield write_row(row_of(number.to_bytes(32, "big"), channels, amounts))


def stored_leaves(size: Size, ubc: int) -> Iterator[bytes]:
    """The same octets as `leaves` of a dense block, as they come from a disk: packed before."""
    bodies = [leaf[32:] for leaf in _dense_leaves(Size(3, size.consumers, size.each), ubc)]
    for number in range(size.merchants):
        yield number.to_bytes(32, "big") + bodies[number % 3]


def tree_of(contents: Iterable[bytes]) -> PayoutTree:
    """The tree over leaves that pass by."""
    builder = TreeBuilder()
    for content in contents:
        builder.add(content)
    return builder.finish()


def chunks(head: BlockHead, contents: Iterable[bytes]) -> Iterator[bytes]:
    """A block in pieces of about a megabyte, as a file or a connection gives it."""
    pieces, length = [write_block_head(head)], 0
    for content in contents:
        pieces.append(content)
        length += len(content)
        if length >= _CHUNK:
            yield b"".join(pieces)
            pieces, length = [], 0
    yield b"".join(pieces)


# ---- A merchant


def verification_figures(name: str, size: Size) -> list[Figure]:
    """In a process of its own, so that its memory is nobody else's."""
    arguments = [
        sys.executable,
        "-m",
        "lab.bench.payplace",
        *map(str, (size.merchants, size.consumers, size.each)),
    ]
    measured = json.loads(subprocess.run(arguments, check=True, capture_output=True, text=True).stdout)
    goals = (30, 4.0) if name == "dense" else (None, None)
    thesis = Against("thesis, figure 6.7(b), more than", 7_200) if name == "dense" else None
    octets = Figure(f"{name} block", round(measured["octets"] / 1e6, 1), "MB", None, "lower")
    return [
        Figure(
            f"a merchant verifies the {name} block",
            round(measured["seconds"], 2),
            "s",
            goals[0],
            "lower",
            thesis,
        ),
        Figure(f"its memory at most, {name}", measured["gigabytes"], "GB", goals[1], "lower"),
        *([octets] if name == "sparse" else []),
    ]


def verify_as_merchant(size: Size) -> dict[str, float]:
    """Everything that a merchant does, once; making of keys, roots and micropayments not counted."""
    old_root, new_root = tree_of(leaves(size, 1)).root, tree_of(leaves(size, 2)).root
    old = BlockHead(INSTANCE, 1, 100, bytes(32), size.merchants, old_root)
    new = BlockHead(INSTANCE, 2, 200, old_root, size.merchants, new_root)
    me = (0).to_bytes(32, "big")
    mine = range(0, size.consumers, size.consumers // size.each)
    keys = {channel: PrivateKey.from_secret(channel + 1) for channel in mine}
    paid = {
        channel: write_micropayment(Micropayment(INSTANCE, key.public, PAID_UBC), key)
        for channel, key in keys.items()
    }
    terms = {channel: ChannelTerms(key.public, PAID_UBC, 0) for channel, key in keys.items()}
    dense = size.each == size.consumers
    blocks = {ubc: stored_leaves(size, ubc) if dense else list(leaves(size, ubc)) for ubc in (1, 2)}
    octets = 0 if dense else sum(map(len, blocks[2]))
    started = time.process_time()
    view = ContractView(INSTANCE, old_root, 2, 190, 300, size.consumers)
    check_head(new, view, 210)
    new_leaves, old_leaves = (
        split_block(chunks(head, blocks[ubc]), size.consumers) for head, ubc in ((new, 2), (old, 1))
    )
    next(new_leaves)
    next(old_leaves)
    reading = read_blocks(new, new_leaves, old_leaves, view, me)
    judge(reading, terms, paid, None)
    seconds = time.process_time() - started
    gigabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return {"seconds": round(seconds, 4), "gigabytes": round(gigabytes, 3), "octets": octets}


# ---- The operator


def generation_s(size: Size) -> float:
    """One merchant in twenty has new income, from one consumer; the others' leaves are as they were."""
    before = list(leaves(size, 1))
    registered = [content[:32] for content in before]
    income = {merchant: {5: 1_000} for merchant in registered[::20]}
    period = Period(registered, income)
    return _timed(lambda: tree_of(next_leaves(before, period, size.consumers)))


def signature_figures(signers: int, bad: int) -> list[Figure]:
    """Signatures as they come, 48 octets; keys as they are kept, parsed."""
    message, other = bytes(32), bytes([1]) * 32
    secrets = [bls.SecretKey(number + 2) for number in range(signers)]
    wrong = set(range(signers // (2 * bad), signers, signers // bad)[:bad])
    octets = [
        secret.sign(other if place in wrong else message).compressed for place, secret in enumerate(secrets)
    ]
    parsed = list[bls.Signature]()
    reading_s = _timed(lambda: parsed.extend(map(bls.Signature.of_compressed, octets)))
    signed = [(secret.public, signature) for secret, signature in zip(secrets, parsed, strict=True)]
    found = find_bad(message, signed)
    assert set(found.bad) == wrong, "found the bad ones"
    finding_s = _timed(lambda: find_bad(message, signed))
    good = [pair for place, pair in enumerate(signed) if place not in wrong][:50]
    linear_s = _timed(lambda: verify_each(message, good)) * signers / len(good)
    return [
        Figure(f"{signers:,} signatures read, and {bad} bad ones found", round(reading_s + finding_s, 2), "s", 2,
               "lower", Against("each verified alone", round(reading_s + linear_s, 1))),
        Figure("sums checked for that", found.checks, "checks", None, "lower", Against("each alone", signers)),
    ]  # fmt: skip


def verify_each(message: bytes, signed: Sequence[Signed]) -> None:
    """Each signature alone, as the thesis does when the sum fails."""
    for key, signature in signed:
        bls.verify(key, message, signature)


def _timed(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return round(time.process_time() - started, 2)


if __name__ == "__main__":
    print(json.dumps(verify_as_merchant(Size(*map(int, sys.argv[1:4])))))
