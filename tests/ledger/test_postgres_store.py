"""The ledger in PostgreSQL: what is PostgreSQL's own, above all what is left when the server dies or goes away."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from lab.postgres import Cluster, find_programs, start_cluster
from lab.processes import Household
from ledger.block import BlockRows
from ledger.database import open_snapshot, open_to_read
from ledger.engine import Engine
from ledger.opening import open_ledger, replay
from ledger.postgres_store import PostgresStore, pack_crowds, pack_pairs, pack_triples
from ledger.submission import Executed
from tests.ledger_world import ALICE, BAND, BOB, EXCHANGE, GENESIS, PROVIDER, START_S, offer
from wire.allocate import Allocate
from wire.create import Create
from wire.errors import ShellError
from wire.keys import PrivateKey
from wire.money_actions import Deposit, Transfer
from wire.transaction import Action, SignedTransaction, Transaction, sign_transaction


@pytest.fixture
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A server of the test's own, which may be killed."""
    if find_programs() is None:
        pytest.skip("PostgreSQL is not installed: run lab/set-up.sh")
    with Household(tmp_path_factory.mktemp("mortal")) as household:
        cluster = start_cluster(household)
        yield cluster
        cluster.stop()


class Pen:
    """Signs transactions, each a new one."""

    def __init__(self) -> None:
        self.count = 0

    def sign(self, action: Action, key: PrivateKey) -> SignedTransaction:
        self.count += 1
        transaction = Transaction(action, self.count.to_bytes(8, "big"), START_S + 10_000)
        return sign_transaction(transaction, key, GENESIS.ledger_id)

    def begin(self, engine: Engine) -> None:
        """People, money and an offer."""
        engine.commit([self.sign(Create(key.public), key) for key in (ALICE, BOB, PROVIDER)], START_S)
        deposit, free = Deposit(ALICE.public, 10**12), offer(price_ubc=0, max_allocations=10**6)
        engine.commit([self.sign(deposit, EXCHANGE), self.sign(free, PROVIDER)], START_S)


def test_rows_are_packed_as_copy_wants_them() -> None:
    """Source: PostgreSQL 15 documentation, COPY, binary format."""
    assert pack_pairs([(b"ab", 3)]).hex() == "0002000000026162000000080000000000000003"
    crowd = "000300000008" + "00" * 7 + "0500000008" + "00" * 7 + "03000000026162"
    assert pack_crowds([(5, 3, b"ab")]).hex() == crowd
    packed = pack_triples([(b"a", 1, 2), (b"", 3, 4)]).hex()
    assert packed == (
        "0003" "00000001" "61" "00000008" "0000000000000001" "00000008" "0000000000000002"
        "0003" "00000000" "00000008" "0000000000000003" "00000008" "0000000000000004"
    )  # fmt: skip


def test_one_ledger_writes_to_a_database(postgresql: Cluster, new_database: Callable[[Cluster], str]) -> None:
    address = new_database(postgresql)
    first = PostgresStore(address)
    with pytest.raises(ShellError, match="another ledger writes"):
        PostgresStore(address)
    first.close()
    PostgresStore(address).close()


def test_a_server_that_does_not_flush_is_refused(mortal: Cluster) -> None:
    mortal.run("ALTER SYSTEM SET fsync = off")
    mortal.run("SELECT pg_reload_conf()")
    mortal.child.wait_for_line("received SIGHUP")
    with pytest.raises(ShellError, match="fsync off"):
        open_until_refused(mortal.address)


def open_until_refused(address: str) -> None:
    """New connections have the new settings some instants after the server read them."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        PostgresStore(address).close()


def test_passwords_are_shown_to_nobody() -> None:
    for address in (
        "postgresql://ledger:geheim@127.0.0.1:1/bandcoin",
        "postgresql://ledger@127.0.0.1:1/bandcoin?password=geheim",
        "postgresql://geheim:geheim@[/bandcoin",
    ):
        with pytest.raises(ShellError) as caught:
            PostgresStore(address)
        assert "geheim" not in str(caught.value)


def test_every_commit_waits_for_the_disk(postgresql: Cluster, new_database: Callable[[Cluster], str]) -> None:
    store = PostgresStore(new_database(postgresql))
    assert store._db.execute("SHOW synchronous_commit").fetchone() == ("on",)
    assert store._db.execute("SHOW fsync").fetchone() == ("on",)
    store.close()


def test_a_connection_that_was_cut_is_made_again(
    postgresql: Cluster, new_database: Callable[[Cluster], str]
) -> None:
    """The block that hit it fails whole, and can be committed afterwards."""
    pen, address = Pen(), new_database(postgresql)
    engine = open_ledger(address, GENESIS)
    pen.begin(engine)
    application = engine.application
    before = engine.head
    application.adopt(application.form(START_S, [pen.sign(Transfer(BOB.public, 1), ALICE)]))
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'airgrant ledger'"
    postgresql.run(cut, address)
    with pytest.raises(ShellError):
        application.commit()
    assert (engine.head, application.tree.root) == (before, before.state_root)
    application.commit()
    assert engine.head.height == before.height + 1
    assert replay(engine.store) == engine.head
    engine.store.close()


def test_a_snapshot_whose_connection_was_cut_is_not_another_one(
    postgresql: Cluster, new_database: Callable[[Cluster], str]
) -> None:
    """It would go on as of another moment."""
    address = new_database(postgresql)
    engine = open_ledger(address, GENESIS)
    engine.store.close()
    held = open_snapshot(address)
    assert held.genesis() is not None
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'airgrant ledger'"
    postgresql.run(cut, address)
    with pytest.raises(ShellError):
        held.genesis()
    with pytest.raises(ShellError, match="begin again"):
        held.genesis()
    held.close()


def test_a_commit_of_which_the_answer_was_lost_is_found_and_not_done_twice(
    postgresql: Cluster, new_database: Callable[[Cluster], str]
) -> None:
    store = PostgresStore(new_database(postgresql))
    store.write_genesis(b"genesis", BlockRows(0, b"header 0"))
    rows = BlockRows(1, b"header 1", state=[(b"k", b"one")])
    store.write_block(rows)
    store.write_block(rows)  # as after an answer that never came
    with pytest.raises(ShellError):
        store.write_block(BlockRows(1, b"another block"))
    assert list(store.headers()) == [b"header 0", b"header 1"]
    store.close()


@pytest.mark.timeout(180)
def test_a_server_killed_in_mid_commit_loses_nothing_that_was_acknowledged(mortal: Cluster) -> None:
    """Four times SIGKILL to every process of PostgreSQL, at a random instant under load."""
    pen, chance = Pen(), random.Random(11)
    engine = open_ledger(mortal.address, GENESIS)
    pen.begin(engine)
    acknowledged: set[bytes] = set()
    for life in range(4):
        killer = threading.Timer(chance.uniform(0.05, 0.4), mortal.kill)
        killer.start()
        with pytest.raises(ShellError):
            work(engine, pen, chance, acknowledged)
        killer.join()
        head, root = engine.head, engine.application.tree.root
        assert root == head.state_root
        engine.store.close()
        mortal.start_again()
        engine = open_ledger(mortal.address, GENESIS)
        assert engine.head.height in (head.height, head.height + 1), f"life {life}"
        assert acknowledged <= {item.id for item in engine.store.items()}, f"life {life}"
        assert replay(engine.store) == engine.head
    engine.store.close()
    assert len(acknowledged) > 50


def work(engine: Engine, pen: Pen, chance: random.Random, acknowledged: set[bytes]) -> None:
    """Until the server dies."""
    while True:
        acknowledged.update(one_block(engine, pen, chance))


def one_block(engine: Engine, pen: Pen, chance: random.Random) -> list[bytes]:
    """Ids of what was acknowledged."""
    block = [
        pen.sign(Transfer(BOB.public, chance.randrange(1, 9)), ALICE) for _ in range(chance.randrange(1, 9))
    ]
    if chance.randrange(2):
        keys = b"".join(b"\x02" + chance.randbytes(32) for _ in range(2_000))
        block.append(pen.sign(Allocate(PROVIDER.public, 0, BAND, 1, consumer_keys=keys), ALICE))
    return [one.subject for one in engine.commit(block, START_S) if isinstance(one, Executed)]


def test_a_server_that_is_not_there_is_the_world_s_fault() -> None:
    with pytest.raises(ShellError, match=r"127\.0\.0\.1"):
        open_to_read("postgresql://ledger@127.0.0.1:1/bandcoin")


@pytest.mark.parametrize("blocks", [0, 1])
def test_a_database_that_fell_back_to_an_older_copy_is_refused(
    postgresql: Cluster, new_database: Callable[[Cluster], str], blocks: int
) -> None:
    """As after a failover to a standby that was behind: the next block would leave a hole before it."""
    address = new_database(postgresql)
    pen, name = Pen(), address.split("///")[1].split("?")[0]
    engine = open_ledger(address, GENESIS)
    pen.begin(engine)
    engine.store.close()
    postgresql.run(f"CREATE DATABASE {name}_copy TEMPLATE {name}")
    engine = open_ledger(address, GENESIS)
    for _ in range(blocks):
        engine.commit([pen.sign(Transfer(BOB.public, 1), ALICE)], START_S)
    postgresql.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
    postgresql.run(f"ALTER DATABASE {name} RENAME TO {name}_gone")
    postgresql.run(f"ALTER DATABASE {name}_copy RENAME TO {name}")
    purchase = pen.sign(Transfer(BOB.public, 2), ALICE)
    with pytest.raises(ShellError, match=r"terminating|closed|lost"):
        engine.commit([purchase], START_S)
    if blocks == 0:  # the same log is the same log
        (outcome,) = engine.commit([purchase], START_S)
        assert isinstance(outcome, Executed)
    else:
        for _ in range(2):
            with pytest.raises(ShellError, match="is at block 2 now and was at block 3"):
                engine.commit([purchase], START_S)
            with pytest.raises(ShellError, match="an older copy"):
                engine.store.write_height(4)
    engine.store.close()


def test_a_database_that_is_empty_when_it_comes_back_is_refused(
    postgresql: Cluster, new_database: Callable[[Cluster], str]
) -> None:
    """Also by a ledger that has not written since it was opened."""
    address, empty = new_database(postgresql), new_database(postgresql)
    names = [one.split("///")[1].split("?")[0] for one in (address, empty)]
    engine = open_ledger(address, GENESIS)
    Pen().begin(engine)
    engine.store.close()
    PostgresStore(empty).close()
    store = PostgresStore(address)
    postgresql.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{names[0]}'")
    postgresql.run(f"ALTER DATABASE {names[0]} RENAME TO {names[0]}_gone")
    postgresql.run(f"ALTER DATABASE {names[1]} RENAME TO {names[0]}")
    with pytest.raises(ShellError, match=r"terminating|closed|lost"):
        store.height()
    with pytest.raises(ShellError, match="is at block 0 now and was at block 2"):
        store.height()
    store.close()
