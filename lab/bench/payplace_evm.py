"""What PayPlace costs on an EVM: gas of whole transactions, calldata included, as a local node counts it (Osaka).

Blocks have a tree of 100,000 merchants, of whom those are registered that a figure needs: a notarisation costs the same
whatever the others are. Gas does not depend on the machine; nothing here is timed.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from lab.bench.result import Against, Figure
from lab.evm_rig import TIMES, Block, Rig, new_rig, secret_key
from ledger.evm.deployed import Deployed, Outcome, deploy, load_compiled
from ledger.evm.node import GAS_CAP, Node, run_node
from ledger.evm.payplace import PayPlace, sign_source
from ledger.evm.settlement_costs import Measured, compare, missing_at_par
from ledger.payplace.bls import PublicKey, SecretKey
from ledger.payplace.payout_tree import PayoutTree
from wire.keys import PrivateKey, load_public_key
from wire.merkle import leaf_hash, merkle_path, merkle_root

TREE_MERCHANTS = 100_000
MISSING = (0, 1, 10, 100, 1_000)
CHANNELS = 10
"""Consumers in the leaf of each merchant."""
GOAL_GAS = 190_000
REFERENCE_GAS = 185_825
"""The same variant, all sign, as measured before this project with other people's code (osaka: 186,425)."""
FREE_S = TIMES.window_s + TIMES.finality_s + 1
UNCAPPED_GAS = 1_000_000_000


def run(progress: Callable[[str], None]) -> list[Figure]:
    """All figures in gas."""
    figures = list[Figure]()
    with run_node() as node:
        progress("single checks on an EVM")
        figures += libraries(node)
        progress("notarisations on an EVM")
        figures += notarisations(node)
    found = list[Missing]()
    with run_node(capped=False) as node:
        for count in MISSING:
            progress(f"{count} missing signers on an EVM")
            found.append(measure_missing(node, count))
    return figures + missing_signers(found) + rollup(found)


def gas(what: str, value: int, goal: int | None = None, against: Against | None = None) -> Figure:
    return Figure(f"EVM: {what}", value, "gas", goal, "lower", against)


# ---- Single checks


def libraries(node: Node) -> list[Figure]:
    """Each as a transaction of its own to a contract that does nothing else: 21,000 and calldata are in it."""
    oracle = deploy(node, load_compiled("Oracle"), node.accounts()[0])
    key, message = SecretKey.generate(bytes(32)), secrets.token_bytes(32)
    consumer, instance = PrivateKey.from_secret(7), secrets.token_bytes(32)
    source = sign_source(0, consumer, instance, 12_345)
    y = load_public_key(consumer.public).public_numbers().y.to_bytes(32, "big")
    octets = consumer.public.octets
    signature = (source.signature[:32], source.signature[32:], y)
    contents = [b"leaf %d" % number for number in range(TREE_MERCHANTS)]
    hashes = [leaf_hash(content) for content in contents]
    path = merkle_path(hashes, 12_345)
    tag = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_"
    calls: Mapping[str, tuple[object, ...]] = {
        "hashToG1": (tag, message),
        "isSigned": (key.public.eip2537, message, key.sign(message).eip2537),
        "isPaid": (instance, octets[0], octets[1:], 12_345, signature),
        "isIn": (merkle_root(hashes), contents[12_345], 12_345, len(contents), path),
    }
    names = {
        "hashToG1": "a message hashed to G1 (RFC 9380), a transaction of its own",
        "isSigned": "a BLS signature verified, likewise",
        "isPaid": "a micropayment verified (P256VERIFY), likewise",
        "isIn": f"a leaf among {TREE_MERCHANTS:,} shown (SHA-256), likewise",
    }
    return [gas(names[name], _view(oracle, name, words)) for name, words in calls.items()]


def _view(oracle: Deployed, name: str, words: tuple[object, ...]) -> int:
    done = oracle.send(oracle.node.accounts()[0], name, *words)
    assert not done.error, (name, done)
    return done.gas


# ---- Notarisations


def notarisations(node: Node) -> list[Figure]:
    """The first one, and one after it."""
    rig = new_rig(node)
    registered = _must(rig.add_merchant(1)).gas
    deposited = _must(rig.add_consumer(1_000_000)).gas
    _must(rig.add_merchant(2))
    for _ in range(CHANNELS - 1):
        _must(rig.add_consumer(1_000_000))
    first = _must(rig.notarise(crowd(rig, {1: {0: 1}})))
    steady = _must(rig.notarise(crowd(rig, {1: {0: 2}, 2: dict.fromkeys(range(CHANNELS), 9)})))
    at_s = rig.start_s + rig.periods * TIMES.period_s + FREE_S
    one = _withdraw(rig, 1, {0: 11}, at_s)
    ten = _withdraw(rig, 2, dict.fromkeys(range(CHANNELS), 11), at_s)
    return [
        gas(
            "notarisation, everyone signs",
            steady.gas,
            GOAL_GAS,
            Against("reference measurement", REFERENCE_GAS),
        ),
        gas("notarisation, everyone signs, the operator's first", first.gas, GOAL_GAS),
        gas("a merchant registers, with both signatures", registered),
        gas("a consumer's first deposit with an operator", deposited),
        gas("withdrawal of one consumer's money", one.gas),
        gas(f"withdrawal of {CHANNELS} consumers' money", ten.gas),
    ]


def _withdraw(rig: Rig, number: int, paid: Mapping[int, int], at_s: int) -> Outcome:
    payee = rig.payees[secret_key(number).public.merchant_id]
    return _must(rig.payplace.withdraw(payee, rig.operator, rig.claim(number, paid), at_s=at_s))


def _must(done: Outcome) -> Outcome:
    assert not done.error, done
    return done


def crowd(rig: Rig, payouts: Mapping[int, Mapping[int, int]]) -> Block:
    """As `rig.block`, among so many other merchants that the tree has its full height."""
    few = rig.block(payouts)
    others = [
        hashlib.sha256(b"other %d" % number).digest() for number in range(TREE_MERCHANTS - len(few.leaves))
    ]
    hashes = dict.fromkeys(others, bytes(32)) | {name: leaf_hash(leaf) for name, leaf in few.leaves.items()}
    names = sorted(hashes)
    return Block(PayoutTree(tuple(names), tuple([hashes[name] for name in names])), few.leaves, few.tau_s)


# ---- Missing signers


@dataclass(frozen=True, slots=True)
class Missing:
    """So many newly missing: gas of the ways to deal with them."""

    count: int
    printed: int
    records: int
    marking: int
    naming: int
    settling: int
    transactions: int
    notarising: int
    again: int


def missing_signers(measured: Sequence[Missing]) -> list[Figure]:
    """The curves of the plain form and of what is done instead, each with CHANNELS consumers in a leaf."""
    figures = list[Figure]()
    for found in measured:
        who = f"{found.count:,} newly missing, {CHANNELS} consumers each"
        plain = Against("plain form, as printed", found.printed)
        figures += [
            gas(f"{who}: plain form, as printed (one transaction)", found.printed),
            gas(f"{who}: plain form, records instead of proofs of possession", found.records),
            gas(
                f"{who}: the notarisation alone, in any of the forms below", found.notarising, GOAL_GAS, plain
            ),
            gas(f"{who}: the next notarisation, the same missing", found.again, GOAL_GAS),
        ]
        if found.count:
            marking = f"{who}: marked with their leaves, in {found.transactions} transactions"
            figures += [
                gas(marking, found.marking, None, plain),
                gas(f"{who}: named only, in one transaction", found.naming, GAS_CAP, plain),
                gas(f"{who}: one of them settled afterwards", found.settling),
            ]
    return figures


def rollup(measured: Sequence[Missing]) -> list[Figure]:
    """Figure 6.9 again, with what was measured here and a roll-up at its best (ledger/evm/settlement_costs.py)."""
    ours = per_merchant(measured)
    figures = list[Figure]()
    for exponent in range(3, 10):
        row = compare(ours, 10**exponent, TREE_MERCHANTS, 0)
        what = f"10^{exponent} payments to {row.merchants:,} merchants settled, everyone signs"
        publishing = Against("roll-up that publishes every payment", row.rollup_payments)
        figures.append(gas(what, row.payplace, None, publishing))
        figures.append(
            gas(what, row.payplace, None, Against("roll-up that publishes payouts", row.rollup_payouts))
        )
    row = compare(ours, 10**6, TREE_MERCHANTS, 10)
    what = f"10^6 payments to {row.merchants:,} merchants settled, 1 % newly missing"
    figures.append(
        gas(what, row.payplace, None, Against("roll-up that publishes payouts", row.rollup_payouts))
    )
    for named, how in ((False, "marked with their leaves"), (True, "named only")):
        at_par = missing_at_par(ours, 10**6, TREE_MERCHANTS, named=named)
        what = f"EVM: newly missing, {how}, up to which PayPlace is no dearer than a roll-up of payouts"
        figures.append(Figure(what, at_par, f"of {TREE_MERCHANTS:,}"))
    return figures


def per_merchant(measured: Sequence[Missing]) -> Measured:
    """What each further missing one costs, from 1 to the most that were measured, and the first above that."""
    (one,) = (found for found in measured if found.count == 1)
    most = measured[-1]
    marked = (most.marking - one.marking) // (most.count - 1)
    named = (most.naming - one.naming) // (most.count - 1)
    return Measured(most.notarising, marked, named, one.marking - marked, one.naming - named)


ROWS_AT_ONCE = 50
"""Rows of one marking transaction, which then stays below the cap."""


def measure_missing(node: Node, count: int) -> Missing:
    """A fresh contract for each; consumers are shared, as they are among access points of one place."""
    before = node.snapshot()
    rig = _crowded(node, count)
    missing = range(1, count + 1)
    ready = node.snapshot()
    printed = _plain(rig, missing, possession=True)
    node.revert(ready)
    ready = node.snapshot()
    records = _plain(rig, missing, possession=False)
    node.revert(ready)
    ready = node.snapshot()
    naming, settling = _name_and_settle(rig, missing)
    node.revert(ready)
    marked = [_must(rig.mark_missing(part)).gas for part in _parts(missing)]
    assert max(marked, default=0) < GAS_CAP
    notarised = _must(rig.notarise(crowd(rig, _payouts(count, 2)), missing=missing)).gas
    again = _must(rig.notarise(crowd(rig, _payouts(count, 3)), missing=missing)).gas
    node.revert(before)
    return Missing(count, printed, records, sum(marked), naming, settling, len(marked), notarised, again)


def _name_and_settle(rig: Rig, missing: range) -> tuple[int, int]:
    """Gas of naming all in one transaction, and of settling one of them (the last of ten, or the only one)."""
    if not missing:
        return 0, 0
    naming = _must(rig.payplace.mark_absent(rig.operator, _keys(missing), at_s=rig.window_s)).gas
    last = rig.blocks[-1]
    settled = [
        _must(rig.payplace.settle(rig.operator, rig.operator, last.count, last.row(secret_key(number))))
        for number in missing[:10]
    ]
    return naming, settled[-1].gas


def _keys(numbers: range) -> list[PublicKey]:
    return [secret_key(number).public for number in numbers]


def _crowded(node: Node, count: int) -> Rig:
    rig = new_rig(node)
    accounts = node.accounts()
    rig.payplace = PayPlace(
        deploy(node, load_compiled("PlainForm"), accounts[0], rig.payplace.token.address), rig.payplace.token
    )
    rig.keys.clear()
    _must(rig.begin())
    for number in range(1, count + 1):
        _must(rig.add_merchant(number, accounts[1]))
    for _ in range(CHANNELS):
        _must(rig.add_consumer(1_000_000_000))
    _must(rig.notarise(crowd(rig, {})))
    _must(rig.notarise(crowd(rig, _payouts(count, 1))))
    return rig


def _payouts(count: int, amount: int) -> dict[int, dict[int, int]]:
    return {number: dict.fromkeys(range(CHANNELS), amount) for number in range(1, count + 1)}


def _parts(missing: range) -> Iterable[range]:
    return [missing[start : start + ROWS_AT_ONCE] for start in range(0, len(missing), ROWS_AT_ONCE)]


def _plain(rig: Rig, missing: range, *, possession: bool) -> int:
    last, following = rig.blocks[-1], crowd(rig, _payouts(len(missing), 2))
    payout = rig.node.accounts()[1]
    rows, new_rows = [], []
    for number in missing:
        key = secret_key(number)
        old, new = last.row(key), following.row(key)
        proof = key.prove_possession(rig.instance, payout).eip2537 if possession else b""
        rows.append((old.leaf, old.index, list(old.path)))
        new_rows.append((new.leaf, new.index, list(new.path), proof, payout))
    keys = b"".join(secret_key(number).public.eip2537 for number in missing)
    signature = rig.sign(following, missing).eip2537
    block = (following.tree.root, following.tau_s, following.count, signature)
    words = (block, last.count, keys, rows, new_rows)
    at_s = following.tau_s + 1
    return _must(
        rig.payplace.contract.send(rig.operator, "notarisePlain", *words, at_s=at_s, gas=UNCAPPED_GAS)
    ).gas
