"""Grants on demand: from the log alone, the same whenever they are asked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.buying import Sale
from ledger.granting import Purchase, make_purchase, read_purchase, read_sale, write_sale
from tests.ledger_world import ALICE, BAND, BOB, CAROL, GENESIS, PROVIDER, QOS, START_S, World, buy, offer
from wire.errors import DecodeError
from wire.grant import grant_id_of
from wire.merkle import merkle_root
from wire.money_actions import Transfer
from wire.post_offer import AuctionShare
from wire.sale_leaf import SaleLeaf, consumer_leaves, sale_leaf, write_terms

SALE = Sale(ALICE.public, PROVIDER.public, 3, START_S, 600, BAND, QOS, 100, 2)


def bought(world: World, *arguments: object, **changes: object) -> tuple[bytes, Purchase]:
    """What the log keeps of a purchase, and the purchase."""
    signed = world.sign(buy(*arguments, **changes), ALICE)  # type: ignore[arg-type]
    applied = world.run(signed)
    sale = applied.sale  # type: ignore[union-attr]
    assert sale is not None
    purchase = read_purchase(signed.envelope.encoded, write_sale(sale), GENESIS.ledger_id)
    known = signed.transaction_id
    assert read_purchase(signed.envelope.encoded, write_sale(sale), GENESIS.ledger_id, known) == purchase
    assert purchase == make_purchase(signed.transaction_id, signed.transaction.action, sale)  # type: ignore[arg-type]
    return signed.transaction_id, purchase


def test_a_sale_survives_its_bytes() -> None:
    assert read_sale(write_sale(SALE)) == SALE


def test_a_single_purchase_is_the_buyer_s_own() -> None:
    world = World()
    world.must(offer(), PROVIDER)
    transaction_id, purchase = bought(world, 200, allocations=2)
    (grant,) = purchase.grants(16)
    assert grant.consumer == ALICE.public
    assert (grant.grant_id, grant.provider_id) == (grant_id_of(transaction_id), PROVIDER.public.provider_id)
    assert (grant.epoch, grant.starts_s, grant.duration_s, grant.allocations) == (1, START_S, 10, 2)
    assert purchase.count == 1


def test_each_consumer_of_a_bulk_purchase_has_his_own_grant() -> None:
    world = World()
    world.must(offer(), PROVIDER)
    _, purchase = bought(world, 300, consumers=[BOB.public, CAROL.public, ALICE.public])
    grants = purchase.grants(3)
    assert [grant.consumer for grant in grants] == [BOB.public, CAROL.public, ALICE.public]
    assert len({grant.grant_id for grant in grants}) == 3
    assert [grant.position for grant in grants] == [0, 1, 2]
    assert purchase.grant_of(CAROL.public.octets) == grants[1]
    assert purchase.grant_of(PROVIDER.public.octets) is None
    assert purchase.grants(2) == [], "more than a reply carries: each fetches its own"


def test_shares_of_an_auction_differ() -> None:
    world = World()
    shares = {BOB.public: AuctionShare(2, 10), CAROL.public: AuctionShare(3, 20)}
    world.must(offer(consumers=shares), PROVIDER)
    _, purchase = bought(world, 30, consumers=[CAROL.public, BOB.public])
    assert [grant.allocations for grant in purchase.grants(2)] == [3, 2]


def test_each_grant_cost_the_part_of_its_units() -> None:
    """Rounded down: what the parts leave over nobody was charged for."""
    world = World()
    world.must(offer(volume_discount_multiplier_ppm=950_000), PROVIDER)
    _, purchase = bought(world, 100 + 95 + 90, consumers=[BOB.public, CAROL.public, ALICE.public])
    assert [purchase.price_at(at).price_ubc for at in range(3)] == [95, 95, 95]
    assert {purchase.price_at(at).payer for at in range(3)} == {ALICE.public}
    assert [purchase.price_at(at).grant_id for at in range(3)] == [one.grant_id for one in purchase.grants(3)]


def test_in_an_auction_too() -> None:
    world = World()
    shares = {BOB.public: AuctionShare(2, 10), CAROL.public: AuctionShare(3, 21)}
    world.must(offer(consumers=shares), PROVIDER)
    _, purchase = bought(world, 50, consumers=[CAROL.public, BOB.public])
    assert [purchase.price_at(at).price_ubc for at in range(2)] == [18, 12]


def test_a_consumer_is_found_where_a_key_begins_and_nowhere_else() -> None:
    """Octets of two neighbours that look like a key are nobody's."""
    one, two = b"\x02" + b"\x02" * 32, b"\x02" + b"\x03" * 32
    straddling = (one + two)[20:53]
    assert straddling[0] == 2
    purchase = Purchase(bytes(32), two + one + two[:32] + b"\x04" + straddling, SALE)
    assert purchase.position_of(straddling) == 3
    assert purchase.position_of(one) == 1
    assert Purchase(bytes(32), one + two, SALE).position_of(straddling) is None
    assert purchase.position_of(PROVIDER.public.octets) is None


def test_its_leaf_says_what_its_grants_say() -> None:
    """Against the words of wire.sale_leaf; the root of the consumers may be known before."""
    world = World()
    shares = {BOB.public: AuctionShare(2, 10), CAROL.public: AuctionShare(3, 21)}
    world.must(offer(consumers=shares), PROVIDER)
    transaction_id, cleared = bought(world, 50, consumers=[CAROL.public, BOB.public])
    assert cleared.terms.allocations == 0
    root = merkle_root(consumer_leaves(CAROL.public.octets + BOB.public.octets, (3, 2)))
    leaf = sale_leaf(transaction_id[:14], 2, root, write_terms(cleared.terms))
    assert cleared.leaf() == cleared.leaf(root) == SaleLeaf(leaf, 2)
    (grant, _) = cleared.grants(2)
    assert (grant.provider_id, grant.epoch, grant.starts_s, grant.duration_s, grant.band, grant.qos) == (
        *(cleared.terms.provider_id, cleared.terms.epoch, cleared.terms.starts_s),
        *(cleared.terms.duration_s, cleared.terms.band, cleared.terms.qos),
    )
    alike = Purchase(transaction_id, ALICE.public.octets, SALE)
    assert alike.terms.allocations == SALE.allocations
    assert alike.leaf().consumers == 1


def test_what_bought_nothing_is_no_purchase() -> None:
    transfer = World().sign(Transfer(BOB.public, 1), ALICE).envelope.encoded
    assert read_purchase(transfer, b"", GENESIS.ledger_id) is None
    with pytest.raises(DecodeError, match="no allocate"):
        read_purchase(transfer, write_sale(SALE), GENESIS.ledger_id)


@given(st.integers(0, 200), st.integers(1, 255))
def test_a_bent_sale_is_a_decode_error_or_another_sale(at: int, by: int) -> None:
    encoded = bytearray(write_sale(SALE))
    encoded[at % len(encoded)] ^= by
    try:
        assert read_sale(bytes(encoded)) != SALE
    except DecodeError:
        return


@given(st.binary(max_size=100))
def test_garbage_is_no_sale(data: bytes) -> None:
    with pytest.raises(DecodeError):
        read_sale(data)
