"""What `airgrant merchant watch` takes for one block, all of it: pages of the ledger and of the operator over HTTP, the
block and the one before it, their check, the micropayments, the disk, the signature.

Ledger, operator and merchant are three HTTP parties in this process, each with the code that it runs by itself; only
the ledger's state is put there and not played, as a thousand registrations are nobody's question here. Processor time
is that of all three together; so is the time that passes, on a machine with nothing else to do. Requests are counted
where they arrive.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from fastapi import FastAPI, Request, Response

from lab.bench.result import Figure
from lab.serving import served
from ledger.client import LedgerReader
from ledger.genesis import Genesis
from ledger.payplace import bls
from ledger.payplace.entries import (
    Channel,
    PayMerchant,
    PayOperator,
    channel_key,
    merchant_key,
    operator_key,
)
from ledger.payplace.pages import add_payplace_pages
from ledger.payplace.payout_block import NO_ROOT, BlockHead
from ledger.payplace.payout_row import row_of, write_row
from ledger.payplace.payout_tree import TreeBuilder
from ledger.state import State
from operatord.payplace.http import create_app
from operatord.payplace.income import Earning
from operatord.payplace.ledger_chain import LedgerChain
from operatord.payplace.merchant import Merchant, Signed
from operatord.payplace.merchant_files import MerchantFiles
from operatord.payplace.office import HttpOffice
from operatord.payplace.settling import Settler
from operatord.payplace.steps import Rules
from operatord.payplace.store import PayoutStore
from wire.ids import PublicKey
from wire.keys import PrivateKey
from wire.micropayment import Micropayment, instance_of, write_micropayment

MERCHANTS = CONSUMERS = 1_000
PAID_UBC = 1 << 40
START_S, PERIOD_S, WINDOW_S = 1_800_000_000, 3_600, 600
NOW_S = START_S + 2 * PERIOD_S + 10
"""In the second window."""
OPERATOR, OPERATOR_BLS = PrivateKey.from_secret(500), bls.SecretKey(501)
OWNER, MERCHANT_BLS = PrivateKey.from_secret(502), bls.SecretKey(503)


@dataclass(frozen=True, slots=True)
class Looked:
    """Seconds of all three parties together, seconds that passed, and requests to the ledger and to the operator."""

    processor_s: float
    passed_s: float
    ledger_requests: int
    operator_requests: int


def figures() -> list[Figure]:
    """At a thousand merchants with a thousand consumers each."""
    looked = look(MERCHANTS, CONSUMERS)
    name = f"a merchant's program, {MERCHANTS:,} x {CONSUMERS:,}, ledger and operator over HTTP"
    return [
        Figure(f"{name}: processor time of all three", looked.processor_s, "s", None, "lower"),
        Figure("the same, time that passes", looked.passed_s, "s", None, "lower"),
        Figure("pages of the ledger that it reads for that", looked.ledger_requests, "pages", None, "lower"),
    ]


def look(merchants: int, consumers: int) -> Looked:
    """One merchant looks at the second block with nothing of the first on its disk, and signs."""
    with TemporaryDirectory() as folder, ExitStack() as stack:
        stage = stack.enter_context(_stage(Path(folder), merchants, consumers))
        began_cpu, began = time.process_time(), time.perf_counter()
        signed = stage.merchant.watch()
        took_cpu, took = time.process_time() - began_cpu, time.perf_counter() - began
        assert isinstance(signed, Signed), f"not signed: {signed}"
        assert stage.store.signature(MERCHANT_BLS.public.merchant_id), "it has arrived"
        asked = stage.asked
        return Looked(round(took_cpu, 2), round(took, 2), asked["ledger"], asked["operator"])


# ---- The three parties


@dataclass(slots=True)
class _Stage:
    """All three, served; `asked` counts requests by who was asked."""

    store: PayoutStore
    merchant: Merchant
    asked: Counter[str]


@dataclass(slots=True)
class _Shown:
    """A ledger's state, as its pages look at it."""

    state: State
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(slots=True)
class _Income:
    """Micropayments of all consumers; nothing is earned meanwhile. An `Income`."""

    signed: dict[PublicKey, bytes]

    def earnings_since(self, _seq: int, _limit: int) -> list[Earning]:
        return []

    def micropayment_of(self, consumer: PublicKey) -> bytes | None:
        return self.signed.get(consumer)

    def has_earned(self, _payee: PublicKey) -> bool:
        return False

    def overdrawn(self) -> list[PublicKey]:
        return []


@contextmanager
def _stage(folder: Path, merchants: int, consumers: int) -> Iterator[_Stage]:
    genesis = Genesis((OPERATOR.public,), OPERATOR.public, START_S, PERIOD_S)
    instance = instance_of(genesis.ledger_id, OPERATOR.public.octets)
    keys = [PrivateKey.from_secret(10_000 + number) for number in range(consumers)]
    paid = {key.public: write_micropayment(Micropayment(instance, key.public, PAID_UBC), key) for key in keys}
    others = [number.to_bytes(32, "big") for number in range(merchants - 2)]
    ids = sorted([*others, OPERATOR_BLS.public.merchant_id, MERCHANT_BLS.public.merchant_id])
    store = PayoutStore(folder / "operator")
    try:
        first = _write_block(
            store, BlockHead(instance, 1, NOW_S - PERIOD_S, NO_ROOT, merchants, NO_ROOT), ids, consumers
        )
        second = _write_block(
            store, BlockHead(instance, 2, NOW_S - 5, first.root, merchants, NO_ROOT), ids, consumers
        )
        store.announce(second, OPERATOR_BLS.sign(second.commitment).compressed, {})
        state = _state(genesis, ids, [key.public for key in keys], first)
        asked = Counter[str]()
        with ExitStack() as stack:
            pages = FastAPI()
            add_payplace_pages(pages, _Shown(state), lambda: NOW_S)
            ledger_url = stack.enter_context(_served(pages, "ledger", asked))
            reader = LedgerReader(ledger_url)
            settler = Settler(
                store,
                _chain(reader, genesis, OPERATOR),
                OPERATOR_BLS,
                _Income(paid),
                Rules(0, 300),
                lambda _: None,
            )
            office_url = stack.enter_context(_served(create_app(settler, lambda _: None), "operator", asked))
            merchant = Merchant(
                MerchantFiles(folder / "merchant"),
                _chain(reader, genesis, OWNER),
                HttpOffice(office_url),
                MERCHANT_BLS,
            )
            yield _Stage(store, merchant, asked)
    finally:
        store.close()


def _chain(reader: LedgerReader, genesis: Genesis, key: PrivateKey) -> LedgerChain:
    def connect() -> None:
        raise AssertionError("nobody submits anything here")

    return LedgerChain(reader, connect, genesis, OPERATOR.public, key)  # type: ignore[arg-type]


def _write_block(store: PayoutStore, head: BlockHead, ids: list[bytes], consumers: int) -> BlockHead:
    """Every merchant is owed the block's number of ubc by every consumer."""
    builder = TreeBuilder()
    channels, amounts = np.arange(consumers, dtype=np.int64), np.full(consumers, head.period, np.int64)

    def make() -> Iterator[bytes]:
        for one in ids:
            leaf = write_row(row_of(one, channels, amounts))
            builder.add(leaf)
            yield leaf

    def complete() -> BlockHead:
        root = builder.finish().root
        return BlockHead(head.instance, head.period, head.tau_s, head.previous_root, head.leaves, root)

    return store.write_block(make, complete)


def _state(genesis: Genesis, ids: list[bytes], consumers: list[PublicKey], first: BlockHead) -> State:
    """After the first block's notarisation."""
    state, of = State(genesis), OPERATOR.public.key_id
    bls_key = OPERATOR_BLS.public.eip2537
    keys = {one.public.merchant_id: one.public.eip2537 for one in (OPERATOR_BLS, MERCHANT_BLS)}
    state.merge({
        operator_key(of): PayOperator(
            OPERATOR.public.octets, bls_key, START_S, PERIOD_S, WINDOW_S, 30, 7_200, bls_key, bls_key,
            len(consumers), 1, 1, first.tau_s, first.root,
        ),
        **{merchant_key(of, one): PayMerchant(keys.get(one, b""), OWNER.public.octets, 0) for one in ids},
        **{channel_key(of, number): Channel(one.octets, PAID_UBC) for number, one in enumerate(consumers)},
    }, (), NOW_S)  # fmt: skip
    return state


def _served(app: FastAPI, name: str, asked: Counter[str]) -> AbstractContextManager[str]:
    """Its URL until the end of the block; requests are counted under its name."""

    @app.middleware("http")
    async def count(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
        asked[name] += 1
        return await go_on(request)

    return served(app)
