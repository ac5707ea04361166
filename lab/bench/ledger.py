"""How many allocations the ledger makes durable in a second: 50,000 in one transaction, and one by one.

*bulk*: from the bytes of one signed transaction for 50,000 consumers to its block on disk, every grant and every
consumer in an index. *replay*: twenty of those, applied again from the genesis. *proof*: the grant of one of the
50,000, shown without the others and verified as the box does. *single*: from the bytes of one signed transaction for
one consumer to the signed receipt and grant, many transactions under way, as the service does it: signatures in
processes of their own, and everything that has arrived in one block. *latency*: one alone, the ledger idle before it.
Beside them: a plain SQLite table with one row per allocation and no signature, and one flush to disk for each
transaction. All run in turns with ours. Bandcoin's figures are those of its paper.

The same once more in PostgreSQL, where it is installed: the lab's own cluster, with the package's settings. Files lie
below build/bench, on the disk of the project; the cluster's below /tmp.
Reference: Bandcoin 6.2 (10,000 to 13,000 allocations/s in bulk, 0.5 to 1 one by one).
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from lab.bench import clearing, ledger_net
from lab.bench.result import RESULTS, Against, Figure
from lab.percentile import percentile
from lab.postgres import find_programs, start_cluster
from lab.processes import Household
from ledger.answering import Answers
from ledger.archive import Archive
from ledger.engine import Engine
from ledger.genesis import Genesis
from ledger.opening import open_ledger, replay
from ledger.ordering import Alone
from ledger.store import Place
from ledger.submission import Executed, Outcome, Submission
from ledger.verifying import Verifiers
from wire.allocate import MAX_CONSUMERS, Allocate
from wire.band import Band
from wire.create import Create
from wire.grant import grant_id_of
from wire.grant_proof import verify_grant_proof
from wire.keys import PrivateKey
from wire.money_actions import Deposit
from wire.post_offer import PostOffer
from wire.qos import Qos
from wire.transaction import Action, Transaction, read_transaction, sign_transaction

BULK_GOAL, SINGLE_GOAL, LATENCY_GOAL_MS = 300_000, 5_000, 20
REPLAY_GOAL_S, PROOF_GOAL_BYTES, PROOF_GOAL_MS = 10, 1_000, 1
SEED_BULK, SEED_SINGLE = 13_000, 1
TOGETHER = 250
"""Transactions that share a flush: what arrives at the service during one commit at this rate."""
IDLE_S = 0.01
"""Before a transaction that comes alone."""
BUYERS = 50
PRICE_UBC = 100
BAND = Band(5_170_000, 5_250_000, 80_000)
QOS = Qos(20_000_000, 100_000_000, 5_000_000, 20_000_000)


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured: rounds of which the median counts, consumers and transactions in each; one by one."""

    rounds: int = 7
    consumers: int = MAX_CONSUMERS
    transactions: int = 5_000
    alone: int = 300
    bulks: int = 20
    """Purchases that are replayed: a million allocations."""
    clearing: clearing.Sizes = clearing.Sizes()
    network: ledger_net.Sizes | None = ledger_net.Sizes()
    """None: four operators are left out."""


def run(progress: Callable[[str], None], sizes: Sizes = Sizes(), below: Path = RESULTS) -> list[Figure]:
    """All figures; files go below a folder that is taken away again."""
    below.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=".ledger-", dir=below))
    try:
        with Shop(folder) as shop:
            found = (
                _measure_bulk(shop, sizes, progress)
                + _measure_single(shop, sizes, progress)
                + _measure_latency(shop, sizes, progress)
                + _measure_log(shop, progress)
            )
        found += _measure_bulk_log(folder, sizes, progress)
        found += clearing.measure(folder, progress, sizes.clearing)
        found += _measure_postgresql(folder, sizes, progress)
        return found if sizes.network is None else found + ledger_net.measure(progress, sizes.network)
    finally:
        shutil.rmtree(folder)


class Shop:
    """A ledger on disk with one provider and a few buyers."""

    def __init__(self, folder: Path, place: Place | None = None) -> None:
        self.folder = folder
        self.place = folder / "ledger.db" if place is None else place
        self.ledger, self.exchange, self.provider = (PrivateKey.generate() for _ in range(3))
        self.buyers = [PrivateKey.generate() for _ in range(BUYERS)]
        self.now_s = int(time.time())
        self.genesis = Genesis((self.ledger.public,), self.exchange.public, self.now_s)
        self.engine: Engine = open_ledger(self.place, self.genesis)
        self.archive = Archive(self.place, self.genesis)
        self.answers = Answers(self.archive, self.ledger, self.genesis)
        self.plain = sqlite3.connect(folder / "plain.db", isolation_level=None)
        self.plain.executescript(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
            "CREATE TABLE allocations (consumer BLOB, provider BLOB, price INTEGER, epoch INTEGER);"
        )

    def __enter__(self) -> Self:
        people = (self.provider, *self.buyers)
        self.commit([self.sign(Create(key.public), key) for key in people])
        self.commit([self.sign(Deposit(key.public, 10**15), self.exchange) for key in self.buyers])
        self.commit([self.sign(PostOffer(PRICE_UBC, BAND, 2**32 - 1, 600, QOS), self.provider)])
        return self

    def __exit__(self, *_: object) -> None:
        self.plain.close()
        self.archive.close()
        self.engine.store.close()

    def sign(self, action: Action, key: PrivateKey) -> bytes:
        transaction = Transaction(action, os.urandom(8), self.now_s + 3_600)
        return sign_transaction(transaction, key, self.engine.ledger_id).envelope.encoded

    def sign_purchases(self, count: int) -> list[bytes]:
        action = Allocate(self.provider.public, PRICE_UBC, BAND, 1)
        return [self.sign(action, self.buyers[at % BUYERS]) for at in range(count)]

    def sign_bulk(self, consumers: int) -> tuple[bytes, list[bytes]]:
        """One purchase for so many, and their keys."""
        keys = b"".join(b"\x02" + os.urandom(32) for _ in range(consumers))
        action = Allocate(self.provider.public, PRICE_UBC * consumers, BAND, 1, consumer_keys=keys)
        return self.sign(action, self.buyers[0]), action.consumers

    def commit(self, encoded: Sequence[bytes]) -> list[bytes]:
        """Transactions that arrived together: read, executed, on disk; the signed answers."""
        signed = [read_transaction(one, self.engine.ledger_id) for one in encoded]
        outcomes = self.engine.commit(signed, self.now_s)
        assert all(isinstance(outcome, Executed) for outcome in outcomes), outcomes[:1]
        return [self.answers.to_outcome(outcome) for outcome in outcomes]

    async def serve(self, encoded: Sequence[bytes], verifiers: Verifiers) -> int:
        """The same as a stream: while a block is on its way to disk, signatures of what comes next are verified, and
        answers to the one before are signed. Whatever has passed by then is in the next block.
        """
        passed: asyncio.Queue[list[Submission]] = asyncio.Queue(maxsize=4)
        decided: asyncio.Queue[list[Outcome]] = asyncio.Queue(maxsize=4)

        async def take_in() -> None:
            for at in range(0, len(encoded), TOGETHER):
                signed = [read_transaction(one, self.engine.ledger_id) for one in encoded[at : at + TOGETHER]]
                await passed.put(await verifiers.vouch(signed, self.engine.state))
            await passed.put([])

        async def commit() -> None:
            going_on = True
            while going_on and (submissions := await passed.get()):
                while going_on and len(submissions) < Alone.at_once and not passed.empty():
                    more = passed.get_nowait()
                    going_on, submissions = bool(more), submissions + more
                await decided.put(await asyncio.to_thread(self.engine.commit, submissions, self.now_s))
            await decided.put([])

        answered = 0
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(take_in())
            tasks.create_task(commit())
            while outcomes := await decided.get():
                assert all(isinstance(outcome, Executed) for outcome in outcomes), outcomes[:1]
                drafts = [self.answers.draft_outcome(outcome) for outcome in outcomes]
                messages = [message for draft in drafts for message in draft.messages]
                signatures = iter(await verifiers.sign(messages))
                answered += len([draft.join(signatures) for draft in drafts])
        return answered

    def commit_plain(self, consumers: Sequence[bytes]) -> None:
        """The same allocations as rows, durable, without signatures or rules."""
        provider = self.provider.public.octets
        self.plain.execute("BEGIN")
        rows = ((consumer, provider, PRICE_UBC, 1) for consumer in consumers)
        self.plain.executemany("INSERT INTO allocations VALUES (?, ?, ?, ?)", rows)
        self.plain.execute("COMMIT")


def _measure_bulk(shop: Shop, sizes: Sizes, progress: Callable[[str], None]) -> list[Figure]:
    progress(f"bulk, {sizes.consumers:,} consumers in one transaction")
    ours, plain = [], []
    for _ in range(sizes.rounds):
        encoded, consumers = shop.sign_bulk(sizes.consumers)
        ours.append(sizes.consumers / _seconds(lambda: shop.commit([encoded])))  # noqa: B023 called at once
        plain.append(sizes.consumers / _seconds(lambda: shop.commit_plain(consumers)))  # noqa: B023 called at once
    rate = round(statistics.median(ours))
    rows = round(statistics.median(plain))
    what = f"bulk allocation of {sizes.consumers:,} consumers, durable"
    seed = Against("Bandcoin's paper, as published", SEED_BULK)
    bare = Against("plain SQLite, one row per allocation, unsigned, no rules, no index", rows)
    return [
        Figure(what, rate, "allocations/s", BULK_GOAL, against=seed),
        Figure(f"{what}, beside bare rows", rate, "allocations/s", against=bare),
    ]


def _measure_single(shop: Shop, sizes: Sizes, progress: Callable[[str], None]) -> list[Figure]:
    progress(f"single, {TOGETHER} signed transactions under way")
    together, alone = [], []
    with Streaming(shop) as streaming:
        for _ in range(sizes.rounds):
            encoded = shop.sign_purchases(sizes.transactions)
            together.append(sizes.transactions / _seconds(lambda: streaming.serve(encoded)))  # noqa: B023 called at once
            few = shop.sign_purchases(max(1, sizes.transactions // 10))
            alone.append(len(few) / _seconds(lambda: _commit_all(shop, few, 1)))  # noqa: B023 called at once
    rate = round(statistics.median(together))
    what = "single signed transactions, durable, pipelined, each with its signed receipt and grant"
    seed = Against("Bandcoin's paper, as published", SEED_SINGLE)
    flush = Against(
        "the same in one process, a flush to disk for each transaction", round(statistics.median(alone))
    )
    return [
        Figure(what, rate, "transactions/s", SINGLE_GOAL, against=seed),
        Figure(f"{what}, beside a flush for each", rate, "transactions/s", against=flush),
    ]


def _measure_latency(shop: Shop, sizes: Sizes, progress: Callable[[str], None]) -> list[Figure]:
    progress("one transaction alone")
    took_ms = []
    for encoded in shop.sign_purchases(sizes.alone):
        time.sleep(IDLE_S)
        took_ms.append(1_000 * _seconds(lambda: shop.commit([encoded])))  # noqa: B023 called at once
    what = "one signed transaction alone, from its bytes to its signed receipt and grant, durable"
    return [
        Figure(f"{what}, p50", round(percentile(took_ms, 0.50), 2), "ms", better="lower"),
        Figure(f"{what}, p95", round(percentile(took_ms, 0.95), 2), "ms", LATENCY_GOAL_MS, better="lower"),
    ]


def _measure_bulk_log(folder: Path, sizes: Sizes, progress: Callable[[str], None]) -> list[Figure]:
    """A log of bulk purchases: applied again, and one grant out of it proved."""
    progress(f"{sizes.bulks * sizes.consumers:,} allocations in bulk, applied again")
    folder = folder / "bulk"
    folder.mkdir()
    with Shop(folder) as shop:
        for _ in range(sizes.bulks):
            encoded, _ = shop.sign_bulk(sizes.consumers)
            shop.commit([encoded])
        head = shop.engine.head
        replayed_s = _seconds(lambda: _must_equal(replay(shop.engine.store), head))
        what = (
            f"replay of {sizes.bulks * sizes.consumers:,} allocations in bulk, every signature and app hash"
        )
        found = [Figure(what, round(replayed_s, 4), "s", REPLAY_GOAL_S, better="lower")]
        return found + _measure_proof(shop, sizes, progress)


def _measure_proof(shop: Shop, sizes: Sizes, progress: Callable[[str], None]) -> list[Figure]:
    """In a block of its own, as all bulk purchases here, and beside as many small purchases as wait for one."""
    progress(f"the proof of one in {sizes.consumers:,}")
    bulk, _ = shop.sign_bulk(sizes.consumers)
    shop.commit([*shop.sign_purchases(TOGETHER), bulk])
    grant_id = grant_id_of(read_transaction(bulk, shop.engine.ledger_id).transaction_id, sizes.consumers // 3)
    first_ms = 1_000 * _seconds(lambda: shop.answers.prove(grant_id))
    proof = shop.answers.prove(grant_id)
    assert proof is not None, "the ledger sold it"
    ledger_id, key = shop.engine.ledger_id, shop.ledger.public
    took_ms = [1_000 * _seconds(lambda: verify_grant_proof(proof, key, ledger_id)) for _ in range(200)]
    again_ms = [1_000 * _seconds(lambda: shop.answers.prove(grant_id)) for _ in range(200)]
    what = (
        f"proof of one consumer in a bulk of {sizes.consumers:,}, its block shared with {TOGETHER} purchases"
    )
    whole = Against("the purchase itself", len(bulk))
    return [
        Figure(what, len(proof), "bytes", PROOF_GOAL_BYTES, "lower", whole),
        Figure(f"{what}: verified, p95", round(percentile(took_ms, 0.95), 3), "ms", PROOF_GOAL_MS, "lower"),
        Figure(f"{what}: made, the first of a block", round(first_ms, 1), "ms", better="lower"),
        Figure(
            f"{what}: made, each further one", round(statistics.median(again_ms), 3), "ms", better="lower"
        ),
    ]


def _measure_postgresql(folder: Path, sizes: Sizes, progress: Callable[[str], None]) -> list[Figure]:
    """The same figures, without goals: they are SQLite's. Nothing where it is not installed."""
    if find_programs() is None:
        progress("PostgreSQL is not installed: lab/set-up.sh")
        return []
    folder = folder / "postgresql"
    with Household(folder) as household:
        cluster = start_cluster(household)
        try:
            with Shop(folder, cluster.address) as shop:
                found = _measure_bulk(shop, sizes, progress)[:1]
                found += _measure_single(shop, sizes, progress)[:1]
                found += _measure_latency(shop, sizes, progress)
        finally:
            cluster.stop()
    return [replace(figure, what=f"PostgreSQL: {figure.what}", goal=None) for figure in found]


class Streaming:
    """The processes that verify, for as long as something is measured."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._runner = asyncio.Runner()
        self._verifiers = Verifiers(print, shop.ledger)

    def __enter__(self) -> Self:
        self._runner.run(self._verifiers.start())
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.run(self._verifiers.close())
        self._runner.close()

    def serve(self, encoded: Sequence[bytes]) -> None:
        answered = self._runner.run(self._shop.serve(encoded, self._verifiers))
        assert answered == len(encoded), f"{answered} answers of {len(encoded)}"


def _measure_log(shop: Shop, progress: Callable[[str], None]) -> list[Figure]:
    progress("the log, applied again from the genesis")
    head = shop.engine.head
    items = shop.engine.application.next_number - 1
    replayed_s = _seconds(lambda: _must_equal(replay(shop.engine.store), head))
    opened_s = _seconds(lambda: _open_and_close(shop))
    return [
        Figure(
            "replay of the log, signatures and app hash of every block",
            round(items / replayed_s),
            "transactions/s",
        ),
        Figure(
            f"opening and verifying a ledger of {items:,} transactions",
            round(opened_s, 3),
            "s",
            better="lower",
        ),
    ]


def _commit_all(shop: Shop, encoded: Sequence[bytes], together: int) -> None:
    for at in range(0, len(encoded), together):
        shop.commit(encoded[at : at + together])


def _open_and_close(shop: Shop) -> None:
    open_ledger(shop.place, shop.genesis).store.close()


def _must_equal(one: object, other: object) -> None:
    assert one == other, f"{one} is not {other}"


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
