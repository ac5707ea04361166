"""One test for each fault of the printed contract that costs money (B1 to B6): the form that is printed
fails, ours holds.

Also what its public reference code allowed: a negative transfer, an offer in another's name, no withdrawal of
an exact balance. Reference: the error register of the Bandcoin paper, rows B1 to B6.
"""

from __future__ import annotations

import pytest

from ledger.contract import apply_batch
from ledger.rejection import Reason
from market import proportional_share, vickrey
from tests.ledger_world import (
    ALICE,
    BOB,
    EXCHANGE,
    PERIOD_S,
    PROVIDER,
    START_S,
    World,
    buy,
    offer,
)
from wire.errors import DecodeError
from wire.money_actions import Transfer, Withdraw
from wire.post_offer import AuctionShare, PostOffer, Reservation
from wire.units import PPM

NOW = START_S // PERIOD_S


def test_b1_a_discount_of_zero_gives_goods_away() -> None:
    def printed_total(price: int, units: int, volume_discount: float = 0) -> float:
        """'The nth item beyond the first is charged price x volume_discount^n', with a discount left at 0."""
        return price + sum(price * volume_discount**n for n in range(1, units))

    assert printed_total(10, 5) == 10, "five units for the price of one"
    with pytest.raises(DecodeError, match="volume_discount_multiplier_ppm is 0"):
        offer(volume_discount_multiplier_ppm=0)
    world = World()
    world.must(offer(price_ubc=10), PROVIDER)  # a discount that nobody mentions is no discount
    assert world.do(buy(10, allocations=5), ALICE) is Reason.PRICE_DIFFERS
    world.must(buy(50, allocations=5), ALICE)


def test_b2_an_edited_offer_moves_time() -> None:
    def printed_ahead(epoch_of_reservation: int, offers_posted: int) -> int:
        """Periods in advance, when 'each new offer results in a new epoch' and epochs also number time."""
        return epoch_of_reservation - offers_posted

    assert printed_ahead(8, 5) == 3
    assert printed_ahead(8, 8) == 0, "three edits later the reserved time is now, and no time has passed"

    world = World()
    half = {"reservation_discount_multiplier_ppm": PPM // 2, "reservations": {NOW + 3: Reservation(80, 5)}}
    world.must(offer(**half), PROVIDER)
    for _ in range(3):
        world.must(offer(**half), PROVIDER)
    world.must(buy(80 // 2**3, epoch=4, period=NOW + 3, period_to=NOW + 3), ALICE)
    world.wait(2 * PERIOD_S)  # time passes by itself: now it is one period ahead
    world.must(buy(80 // 2, epoch=4, period=NOW + 3, period_to=NOW + 3), ALICE)


def test_b3_posting_again_sells_the_same_air_twice() -> None:
    class PrintedOffer:
        """'Whenever an offer is posted, the allocations left in the state is reset to max_allocations.'"""

        def __init__(self) -> None:
            self.left, self.sold = 0, 0

        def post(self, max_allocations: int) -> None:
            self.left = max_allocations

        def sell(self, units: int) -> None:
            assert units <= self.left
            self.left, self.sold = self.left - units, self.sold + units

    printed = PrintedOffer()
    for _ in range(2):
        printed.post(10)
        printed.sell(10)
    assert printed.sold == 20, "twenty units of a band for ten, at one time"

    world = World()
    world.must(offer(), PROVIDER)
    world.must(buy(1_000, allocations=10), ALICE)
    world.must(offer(), PROVIDER)
    assert world.do(buy(epoch=2), BOB) is Reason.SOLD_OUT
    world.wait(9)
    assert world.do(buy(epoch=2), BOB) is Reason.SOLD_OUT
    world.wait(1)  # the ten seconds are over
    world.must(buy(epoch=2), BOB)


def test_b3_reservations_sold_are_netted_from_the_spot() -> None:
    class PrintedOffer:
        """'If the epoch becomes the current epoch the spot capacity becomes the units available for sale.'"""

        def __init__(self, max_allocations: int, capacity: int) -> None:
            self.max_allocations, self.capacity, self.promised = max_allocations, capacity, 0

        def reserve(self, units: int) -> None:
            assert units <= self.capacity
            self.capacity, self.promised = self.capacity - units, self.promised + units

        def sell_when_the_epoch_is_current(self) -> None:
            self.promised += self.max_allocations

    printed = PrintedOffer(10, 8)
    printed.reserve(8)
    printed.sell_when_the_epoch_is_current()
    assert printed.promised == 18, "eighteen units promised of ten"

    world = World()
    world.must(offer(reservations={NOW + 1: Reservation(100, 8)}), PROVIDER)
    world.must(buy(800, allocations=8, period=NOW + 1, period_to=NOW + 1), ALICE)
    world.must(offer(), PROVIDER)  # posting again does not forget them
    world.wait(PERIOD_S)
    assert world.do(buy(300, epoch=2, allocations=3), BOB) is Reason.SOLD_OUT
    world.must(buy(200, epoch=2, allocations=2), BOB)
    world.wait(PERIOD_S)
    world.must(buy(1_000, epoch=2, allocations=10), BOB)


def test_b4_the_refund_of_a_vickrey_auction_for_several_units() -> None:
    def printed_payments(bids: list[int], units: int) -> list[int]:
        """The winning bid, less 'a refund with the amount of the winning bid - second highest bid'."""
        ranked = sorted(bids, reverse=True)
        return [bid - (bid - ranked[1]) for bid in ranked[:units]]

    def ours(bids: list[int], units: int) -> list[int]:
        listed = [vickrey.Bid(bytes([at]), price, at) for at, price in enumerate(bids)]
        clearing = vickrey.clear(listed, units, min_price_ubc=0)
        return [clearing.price_ubc] * len(clearing.winners)

    assert printed_payments([10, 9, 1], 2) == [9, 9], "the second winner pays his own bid"
    with pytest.raises(IndexError):
        printed_payments([10], 1)
    assert ours([10, 9, 1], 2) == [1, 1]
    assert ours([10], 1) == [0]


def test_b5_rounding_down_drops_units_and_whole_auctions() -> None:
    def printed_units(bids: list[int], max_allocations: int) -> list[int]:
        """bid_price x max_allocations / bid_sum, in whole units."""
        return [bid * max_allocations // sum(bids) for bid in bids]

    def ours(bids: list[int], units: int) -> list[int]:
        listed = [proportional_share.Bid(bytes([at]), amount, at) for at, amount in enumerate(bids)]
        shares = {share.bid: share.units for share in proportional_share.clear(listed, units)}
        return [shares.get(bid, 0) for bid in listed]

    assert printed_units([10, 10, 10], 2) == [0, 0, 0], "nobody wins"
    assert sum(ours([10, 10, 10], 2)) == 2
    assert sum(printed_units([50, 30, 20], 7)) == 6
    assert sum(ours([50, 30, 20], 7)) == 7


class PrintedHouse:
    """Balances under the printed clearing: offer, allocate at the bid, refund, as three transactions."""

    def __init__(self, bidder: int, provider: int = 0) -> None:
        self.bidder, self.provider = bidder, provider

    def allocate(self, bid: int) -> None:
        self.bidder, self.provider = self.bidder - bid, self.provider + bid

    def withdraw_all(self) -> None:
        self.provider = 0

    def refund(self, amount: int) -> None:
        assert self.provider >= amount, "a balance cannot go below 0"
        self.provider, self.bidder = self.provider - amount, self.bidder + amount


def test_b6_a_refund_can_fail() -> None:
    printed = PrintedHouse(bidder=1_000)
    printed.allocate(400)
    printed.withdraw_all()
    with pytest.raises(AssertionError):
        printed.refund(400 - 150)
    assert printed.bidder == 600, "paid 400 for what cleared at 150"

    world = World()
    bid = world.sign(buy(400, epoch=1), ALICE)  # signed before the offer exists; 400 is the most
    settlement = world.sign(
        offer(max_allocations=1, consumers={ALICE.public: AuctionShare(1, 150)}), PROVIDER
    )
    draft = world.draft()
    outcome = apply_batch(draft, [settlement, bid], world.now_s)
    assert isinstance(outcome, list)
    for signed, applied in zip([settlement, bid], outcome, strict=True):
        draft.absorb(applied.changes, [signed.transaction_id])
    world.merge(draft)
    assert world.balance(ALICE) == 10_000 - 150
    assert world.balance(PROVIDER) == 150


def test_b6_a_batch_happens_whole_or_not_at_all() -> None:
    world = World()
    world.must(offer(), PROVIDER)
    before = world.picture()
    settlement = world.sign(offer(consumers={ALICE.public: AuctionShare(1, 150)}), PROVIDER)
    too_low = world.sign(buy(149, epoch=2), ALICE)
    outcome = apply_batch(world.draft(), [settlement, too_low], world.now_s)
    assert isinstance(outcome, tuple)
    index, rejected = outcome
    assert (index, rejected.reason) == (1, Reason.PRICE_DIFFERS)
    assert world.picture() == before
    world.must(buy(), ALICE)  # the old offer stands


def test_a_negative_transfer_does_not_steal() -> None:
    def reference_transfer(balances: dict[str, int], source: str, target: str, amount: int) -> None:
        if balances[source] >= amount:
            balances[source] -= amount
            balances[target] += amount

    balances = {"thief": 0, "victim": 100}
    reference_transfer(balances, "thief", "victim", -100)
    assert balances == {"thief": 100, "victim": 0}

    with pytest.raises(DecodeError, match="price_ubc is -100"):
        Transfer(BOB.public, -100)


def test_an_offer_is_its_issuer_s_own() -> None:
    """The action has no field for an account: there is nothing to point at somebody else's."""
    assert not any(name in ("provider", "account", "issuer") for name in PostOffer.__dataclass_fields__)
    world = World()
    world.must(offer(), PROVIDER)
    world.must(offer(price_ubc=1), ALICE)
    assert world.do(buy(1), BOB) is Reason.PRICE_DIFFERS


def test_an_exact_balance_can_be_withdrawn() -> None:
    world = World()
    world.must(Withdraw(ALICE.public, 10_000), EXCHANGE)
    assert world.balance(ALICE) == 0
