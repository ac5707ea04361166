"""The reading side: only what is on disk, by several threads at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.archive import Archive
from ledger.block import item_leaf
from ledger.crowd import CROWD
from ledger.engine import Engine
from ledger.state import read_offer
from ledger.submission import Executed
from tests.ledger.test_opening import live, sign
from tests.ledger_world import ALICE, BOB, CAROL, GENESIS, PROVIDER, buy, offer
from wire.ids import PublicKey
from wire.merkle import verify_path


@pytest.fixture
def house(tmp_path: Path) -> Iterator[tuple[Engine, Archive]]:
    engine = live(tmp_path / "ledger.db")
    archive = Archive(tmp_path / "ledger.db", GENESIS)
    yield engine, archive
    archive.close()
    engine.store.close()


def test_every_item_is_proved_in_its_block(house) -> None:
    _, archive = house
    items = archive.items_after(0, 100)
    assert len(items) > 8
    for item in items:
        index, count, path = archive.prove(item)
        header = archive.header(item.height)
        assert header is not None
        verify_path(header.items_root, item_leaf(item.kind, item.encoded), index, count, path)
        assert archive.time_of(item) == header.time_s


def test_grants_are_found_by_purchase_and_by_id(house) -> None:
    _, archive = house
    purchases = [archive.purchase(item.id) for item in archive.items_after(0, 100, ALICE.public.octets)]
    (pair,) = [purchase for purchase in purchases if purchase is not None and purchase.count == 2]
    grant = pair.grant_of(BOB.public.octets)
    assert grant is not None
    assert archive.grant(grant.grant_id) == grant
    assert archive.grant(bytes(16)) is None
    assert archive.purchase(bytes(32)) is None


def test_records_and_enrolments_are_found_by_key(house) -> None:
    engine, archive = house
    ((key_id, enrolment),) = engine.application.metering.enrolments.items()
    assert enrolment.provider == PROVIDER.public
    assert [sequence for sequence, _ in archive.records_after(key_id, 0, 10)] == [1, 2]
    assert archive.enrolment(key_id) is not None
    assert archive.enrolment(bytes(8)) is None


def test_threads_may_read_together(house) -> None:
    _, archive = house
    found: list[int] = []

    def read() -> None:
        found.extend(len(archive.items_after(0, 100)) for _ in range(50))

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 200
    assert len(set(found)) == 1


def test_a_provider_s_grants_come_in_their_order_from_a_place_on(house) -> None:
    engine, archive = house
    provider, now_s = PROVIDER.public.octets, engine.head.time_s
    everything, end, more = archive.grants_after(provider, (0, 0), 100, 0)
    assert len(everything) >= 3
    assert not more
    assert {grant.provider_id for grant in everything} == {PROVIDER.public.provider_id}
    one_by_one, place, left = [], (0, 0), True
    while left:
        some, place, left = archive.grants_after(provider, place, 1, 0)
        assert len(some) <= 1
        one_by_one += some
    assert (one_by_one, place) == (everything, end), "also from within a purchase for two"
    assert archive.grants_after(provider, end, 100, 0) == ([], end, False)
    assert archive.grants_after(ALICE.public.octets, (0, 0), 100, 0)[0] == [], "a buyer is no provider"
    late_s = max(grant.ends_s for grant in everything)
    lasting, _, _ = archive.grants_after(provider, (0, 0), 100, late_s - 1)
    assert lasting == [grant for grant in everything if grant.ends_s == late_s]
    assert archive.grants_after(provider, (0, 0), 100, late_s)[0] == []
    assert now_s < late_s


def test_who_was_bought_for_in_a_crowd_is_found(house) -> None:
    """Among what it took part in otherwise, in the order of the log, and no more than are asked for."""
    engine, archive = house
    keys = [PublicKey(b"\x03" + number.to_bytes(4, "big") * 8) for number in range(CROWD)]
    now_s = engine.head.time_s
    outcomes = engine.commit([sign(offer(price_ubc=0, max_allocations=10**6), PROVIDER)], now_s)
    standing = read_offer(engine.state, PROVIDER.public)
    assert standing is not None
    epoch = standing.epoch
    crowd = [*keys, CAROL.public]
    purchases = [sign(buy(0, epoch=epoch, consumers=crowd), ALICE) for _ in range(2)]
    purchases.insert(1, sign(buy(0, epoch=epoch, consumers=[CAROL.public]), ALICE))
    outcomes += engine.commit(purchases, now_s)
    assert all(isinstance(outcome, Executed) for outcome in outcomes), outcomes
    found = archive.items_after(0, 100, CAROL.public.octets)
    assert [item.id for item in found][-3:] == [one.transaction_id for one in purchases]
    first = found[-3].number
    assert archive.items_after(first - 1, 1, CAROL.public.octets) == found[-3:-2]
    assert archive.items_after(first, 1, CAROL.public.octets) == found[-2:-1]
    assert archive.items_after(first + 1, 5, CAROL.public.octets) == found[-1:]
    assert archive.items_after(0, 100, keys[17].octets) == [found[-3], found[-1]]
    stranger = b"\x02" + keys[17].octets[1:]
    assert archive.items_after(0, 100, stranger) == [], "the mark is the same, the key is another"


def test_a_proof_is_found_by_the_id_of_the_grant(house) -> None:
    _, archive = house
    for item in archive.items_after(0, 100):
        purchase = archive.purchase(item.id)
        for grant in purchase.grants(9) if purchase else []:
            proof = archive.proof(grant.grant_id)
            assert proof is not None
            assert proof.grant == grant
            assert proof.header == archive.header(item.height)
    assert archive.proof(bytes(16)) is None
