"""The rules of the contract, one row for each reason, in the order of their precedence.

A row breaks its rule and, where it can, later ones too: the first rule that is broken has to be named.
`World.run` checks for every rejection that nothing has changed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from ledger.capacity import MAX_BANDS, MAX_PERIODS_AHEAD
from ledger.contract import MAX_VALIDITY_S
from ledger.entries import Account, AccountEnd, account_end_key, account_key
from ledger.pricing import MAX_DISCOUNTED_UNITS
from ledger.rejection import Reason, Rejected
from tests.ledger_world import (
    ALICE,
    BOB,
    CAROL,
    EXCHANGE,
    GENESIS,
    OTHER_BAND,
    PERIOD_S,
    PROVIDER,
    QOS,
    START_S,
    World,
    buy,
    offer,
)
from wire.allocate import Allocate
from wire.auction_terms import AuctionKind, AuctionMark, Ruling
from wire.band import Band
from wire.create import Create
from wire.ids import PublicKey
from wire.keys import PrivateKey
from wire.money_actions import Deposit, Transfer, Withdraw
from wire.post_offer import AuctionShare, PostOffer, Reservation
from wire.ruling import sign_ruling
from wire.transaction import Action, SignedTransaction
from wire.units import U32_MAX, U63_MAX

Setting = Callable[[World], World]
NOW = START_S // PERIOD_S
"""The current period of a world that has not waited."""


@dataclass(frozen=True)
class Row:
    """In a world after `setting`, `action` signed by `key` (or the whole transaction) is rejected for
    `reason`.
    """

    reason: Reason
    key: PrivateKey
    action: Action | Callable[[World], SignedTransaction]
    setting: Setting = lambda world: world
    note: str = ""


def posted(**changes: object) -> Setting:
    def set_up(world: World) -> World:
        world.must(offer(**changes), PROVIDER)
        return world

    return set_up


def licensed(world: World) -> World:
    return World(genesis=replace(GENESIS, licensees=(BOB.public,)))


def has_ended(world: World) -> World:
    draft = world.draft()
    draft.put(account_end_key(PROVIDER.public), AccountEnd(START_S))
    world.merge(draft)
    return world


def bands_outstanding(world: World) -> World:
    for number in range(MAX_BANDS):
        band = Band(1_000_000 + 2_000 * number, 1_001_000 + 2_000 * number, 1_000)
        world.must(offer(band=band), PROVIDER)
        world.must(buy(epoch=number + 1, band=band), ALICE)
    return world


def collided(world: World) -> World:
    """Somebody else holds Carol's key id: nobody can find such a key today, so it is put there."""
    world.state.entries[account_key(CAROL.public.key_id)] = Account(BOB.public.octets, 0)
    return world


def replayed(world: World) -> SignedTransaction:
    signed = world.sign(Transfer(BOB.public, 1), ALICE)
    world.run(signed)
    return signed


def tampered(world: World) -> SignedTransaction:
    """Bob's signature over what Alice is said to have signed."""
    honest, forged = world.sign(Transfer(BOB.public, 1), ALICE), world.sign(Transfer(BOB.public, 1), BOB)
    envelope = replace(honest.envelope, signature=forged.envelope.signature)
    return replace(honest, envelope=envelope)


def auction(**changes: object) -> Setting:
    shares = {ALICE.public: AuctionShare(2, 150), BOB.public: AuctionShare(1, 70)}
    return posted(**{"max_allocations": 3, "consumers": shares, **changes})


def claimed(world: World) -> World:
    auction()(world).must(buy(150, allocations=2), ALICE)
    return world


def settling(clearing_s: int, **changes: object) -> PostOffer:
    """The offer that settles an auction which Alice won."""
    mark = AuctionMark(AuctionKind.VICKREY, clearing_s, 10)
    shares = {ALICE.public: AuctionShare(1, 20)}
    unsigned = offer(**{"max_allocations": 3, "consumers": shares, "auction": mark, **changes})
    named = replace(unsigned, ruling=Ruling(BOB.public, bytes(32), bytes(64)))
    auction_id = named.auction_id(PROVIDER.public)
    ruling = sign_ruling(BOB, GENESIS.ledger_id, auction_id, bytes(32), named.price_ubc, named.consumers)
    return replace(named, ruling=ruling)


SLOT_S = 20


def session(
    shares: dict[PublicKey, AuctionShare], forecast: tuple[int, ...] = (3, 3, 6), **changes: object
) -> PostOffer:
    """The offer that settles a session auction of slots of 20 s, cleared a slot before the world begins; 10 ubc is the
    least for a unit in a slot.
    """
    mark = AuctionMark(AuctionKind.SESSION, START_S - SLOT_S, 10, forecast)
    return settling(
        START_S,
        **{
            "max_allocations": 6,
            "allocation_duration_s": SLOT_S,
            "auction": mark,
            "consumers": shares,
            **changes,
        },
    )


def settled(world: World, *offers: PostOffer) -> World:
    for one in offers:
        world.must(one, PROVIDER)
    return world


def bid(auction_id: bytes) -> Allocate:
    return buy(30, epoch=0, auction=auction_id)


def claim(sold: PostOffer, price_ubc: int, **changes: object) -> Allocate:
    """A bid in the auction that an offer settles."""
    return buy(price_ubc, epoch=0, auction=sold.auction_id(PROVIDER.public), **changes)


BOTH = session({ALICE.public: AuctionShare(2, 40, 2), BOB.public: AuctionShare(1, 30, 3)})
AHEAD = {NOW + 1: Reservation(80, 5), NOW + 2: Reservation(90, 5)}
TOO_FAST = replace(QOS, ceil_down_bps=600_000_000_000)

ROWS = [
    Row(Reason.EXPIRED, CAROL, lambda world: world.sign(Transfer(BOB.public, 0), CAROL, valid_s=-1)),
    Row(
        Reason.VALIDITY_TOO_LONG,
        CAROL,
        lambda world: world.sign(Transfer(BOB.public, 0), CAROL, valid_s=MAX_VALIDITY_S + 1),
    ),
    Row(Reason.UNKNOWN_ISSUER, CAROL, Transfer(BOB.public, 0)),
    Row(Reason.UNKNOWN_ISSUER, CAROL, Create(BOB.public), note="create signed by a key without account"),
    Row(Reason.BAD_SIGNATURE, ALICE, tampered),
    Row(Reason.BAD_SIGNATURE, CAROL, Transfer(BOB.public, 0), collided, note="same key id, another key"),
    Row(Reason.REPLAYED, ALICE, replayed),
    Row(Reason.NOT_YOUR_ACCOUNT, ALICE, Create(CAROL.public)),
    Row(Reason.ACCOUNT_EXISTS, ALICE, Create(ALICE.public)),
    Row(Reason.KEY_ID_TAKEN, CAROL, Create(CAROL.public), collided),
    Row(Reason.NOT_THE_EXCHANGE, ALICE, Deposit(CAROL.public, 0)),
    Row(
        Reason.NOT_THE_EXCHANGE, ALICE, Withdraw(ALICE.public, 0), note="nobody withdraws his own money alone"
    ),
    Row(Reason.UNKNOWN_ACCOUNT, EXCHANGE, Deposit(CAROL.public, 0)),
    Row(Reason.UNKNOWN_ACCOUNT, EXCHANGE, Withdraw(CAROL.public, 0)),
    Row(Reason.UNKNOWN_ACCOUNT, ALICE, Transfer(CAROL.public, 0)),
    Row(Reason.AMOUNT_NOT_POSITIVE, EXCHANGE, Deposit(ALICE.public, 0)),
    Row(Reason.AMOUNT_NOT_POSITIVE, EXCHANGE, Withdraw(ALICE.public, 0)),
    Row(Reason.AMOUNT_NOT_POSITIVE, ALICE, Transfer(BOB.public, 0)),
    Row(Reason.AMOUNT_OVERFLOW, EXCHANGE, Deposit(ALICE.public, U63_MAX), note="more than 2^63 - 1 in all"),
    Row(Reason.NOT_LICENSED, PROVIDER, offer(allocation_duration_s=U32_MAX), licensed),
    Row(Reason.ACCOUNT_ENDED, PROVIDER, offer(allocation_duration_s=U32_MAX), has_ended),
    Row(Reason.DURATION_TOO_LONG, PROVIDER, offer(allocation_duration_s=MAX_PERIODS_AHEAD * PERIOD_S + 1)),
    Row(
        Reason.DURATION_TOO_LONG,
        PROVIDER,
        session(
            {ALICE.public: AuctionShare(9, 99, 3)},
            allocation_duration_s=MAX_PERIODS_AHEAD * PERIOD_S // 3 + 1,
        ),
        note="slots together",
    ),
    Row(Reason.TOO_MANY_BANDS, PROVIDER, offer(band=OTHER_BAND), bands_outstanding),
    Row(
        Reason.SHARES_EXCEED_OFFER,
        PROVIDER,
        offer(
            max_allocations=1,
            consumers={ALICE.public: AuctionShare(2, 10)},
            reservations={NOW: Reservation(1, 1)},
        ),
    ),
    *(
        Row(
            Reason.SHARES_EXCEED_OFFER, PROVIDER, session(shares, forecast), note=f"slot {slot} of {forecast}"
        )
        for slot, forecast, shares in (
            (1, (3, 6), {ALICE.public: AuctionShare(3, 90, 1), BOB.public: AuctionShare(1, 9, 2)}),
            (2, (6, 3), {ALICE.public: AuctionShare(3, 90, 2), BOB.public: AuctionShare(1, 9, 2)}),
            (3, (6, 6, 0), {ALICE.public: AuctionShare(1, 90, 3), BOB.public: AuctionShare(5, 9, 1)}),
            (2, (6, 2), {ALICE.public: AuctionShare(3, 90, 9)}),
        )
    ),
    Row(Reason.AUCTION_OPEN, PROVIDER, settling(START_S + 1, reservations={NOW: Reservation(1, 1)})),
    Row(
        Reason.AUCTION_SETTLED,
        PROVIDER,
        settling(START_S, max_allocations=4),
        lambda world: settled(world, settling(START_S), offer()),
        note="nor another of the same time, whatever was posted since",
    ),
    Row(Reason.NOT_CLEARED, PROVIDER, replace(settling(START_S), ruling=None), note="no house signed"),
    Row(
        Reason.NOT_CLEARED,
        PROVIDER,
        replace(settling(START_S), consumers={ALICE.public: AuctionShare(1, 21)}),
        note="the house found another price",
    ),
    Row(
        Reason.NOT_CLEARED,
        PROVIDER,
        settling(START_S, consumers={ALICE.public: AuctionShare(1, 9)}),
        note="below the minimum, whoever signed",
    ),
    Row(
        Reason.NOT_CLEARED,
        PROVIDER,
        settling(START_S, consumers={ALICE.public: AuctionShare(1, 20), BOB.public: AuctionShare(1, 21)}),
        note="different prices in a Vickrey auction, whoever signed",
    ),
    *(
        Row(Reason.NOT_CLEARED, PROVIDER, action, note=note)
        for note, action in (
            ("a session without slots", session({ALICE.public: AuctionShare(1, 90)})),
            ("a session longer than the forecast", session({ALICE.public: AuctionShare(1, 90, 4)})),
            ("a unit and slot below the minimum", session({ALICE.public: AuctionShare(2, 59, 3)})),
            ("slots of no session", settling(START_S, consumers={ALICE.public: AuctionShare(1, 20, 1)})),
        )
    ),
    Row(Reason.UNKNOWN_PROVIDER, ALICE, buy(provider=CAROL.public)),
    Row(Reason.NO_OFFER, ALICE, buy(epoch=7)),
    Row(Reason.AUCTION_DIFFERS, ALICE, bid(bytes(32)), posted(max_allocations=0)),
    Row(
        Reason.AUCTION_DIFFERS,
        ALICE,
        bid(settling(START_S, qos=replace(QOS, floor_up_bps=7)).auction_id(PROVIDER.public)),
        lambda world: settled(world, settling(START_S)),
        note="the same, but for a worse qos",
    ),
    Row(Reason.EPOCH_MOVED, ALICE, buy(epoch=2, band=OTHER_BAND), posted(max_allocations=0)),
    Row(Reason.SELLING_IS_OFF, ALICE, buy(band=OTHER_BAND), posted(max_allocations=0)),
    Row(Reason.BAND_DIFFERS, ALICE, buy(band=OTHER_BAND, consumers=[BOB.public, BOB.public]), posted()),
    Row(
        Reason.DUPLICATE_CONSUMER, ALICE, buy(0, allocations=99, consumers=[BOB.public, BOB.public]), posted()
    ),
    Row(Reason.NOT_A_WINNER, CAROL, buy(0), lambda world: with_carol(auction()(world))),
    Row(Reason.NOT_A_WINNER, ALICE, buy(150, consumers=[ALICE.public, CAROL.public]), auction()),
    Row(
        Reason.NOT_A_WINNER,
        ALICE,
        buy(150, period=NOW + 1, period_to=NOW + 1),
        auction(),
        note="won on the spot",
    ),
    Row(
        Reason.NOT_A_WINNER,
        ALICE,
        claim(BOTH, 999, allocations=9, consumers=[ALICE.public, BOB.public]),
        lambda world: settled(world, BOTH),
        note="slots that end at different times, in one purchase",
    ),
    Row(
        Reason.NOT_A_WINNER,
        ALICE,
        claim(BOTH, 999, allocations=9),
        lambda world: settled(world, BOTH).wait(SLOT_S),
        note="whose slots are over",
    ),
    Row(Reason.ALREADY_ALLOCATED, ALICE, buy(0, allocations=9), claimed),
    Row(Reason.SHARE_TOO_SMALL, ALICE, buy(0, allocations=3), auction(qos=TOO_FAST)),
    Row(
        Reason.SHARE_TOO_SMALL,
        ALICE,
        claim(BOTH, 0, allocations=3, slots=2),
        lambda world: settled(world, BOTH),
        note="a session of fewer units",
    ),
    Row(
        Reason.SHARE_TOO_SMALL,
        ALICE,
        claim(BOTH, 0, allocations=2, slots=3),
        lambda world: settled(world, BOTH),
        note="a session of fewer slots",
    ),
    *(
        Row(
            Reason.SHARE_TOO_LARGE,
            ALICE,
            claim(BOTH, 0, allocations=units, slots=slots),
            lambda world: settled(world, BOTH),
            note=f"a session of more than {units} units in {slots} slots",
        )
        for units, slots in ((1, 2), (2, 1), (1, 1), (1, 0), (2, 0))
    ),
    Row(Reason.PERIOD_NOT_AHEAD, PROVIDER, offer(reservations={NOW: Reservation(80, 5)})),
    Row(Reason.PERIOD_NOT_AHEAD, ALICE, buy(0, period=NOW, period_to=NOW + 1), posted(reservations=AHEAD)),
    Row(
        Reason.PERIOD_TOO_FAR, PROVIDER, offer(reservations={NOW + MAX_PERIODS_AHEAD + 1: Reservation(80, 5)})
    ),
    Row(
        Reason.PERIOD_TOO_FAR,
        ALICE,
        buy(0, period=NOW + 1, period_to=NOW + MAX_PERIODS_AHEAD + 1),
        posted(reservations=AHEAD),
    ),
    Row(
        Reason.NOT_ON_OFFER,
        ALICE,
        buy(0, period=NOW + 1, period_to=NOW + 3, allocations=U32_MAX),
        posted(reservations=AHEAD),
        note="two of three periods",
    ),
    Row(
        Reason.TOO_MANY_UNITS,
        ALICE,
        buy(0, allocations=MAX_DISCOUNTED_UNITS + 1),
        posted(volume_discount_multiplier_ppm=999_999, qos=TOO_FAST),
    ),
    Row(
        Reason.TOO_MANY_UNITS,
        ALICE,
        buy(0, allocations=MAX_DISCOUNTED_UNITS // 2 + 1, period=NOW + 1, period_to=NOW + 2),
        posted(volume_discount_multiplier_ppm=999_999, reservations=AHEAD),
        note="units of all periods count",
    ),
    Row(
        Reason.RATE_TOO_HIGH,
        ALICE,
        buy(0, allocations=11),
        posted(qos=replace(QOS, ceil_up_bps=100_000_000_000)),
    ),
    Row(Reason.SOLD_OUT, ALICE, buy(0, allocations=11), posted()),
    Row(
        Reason.SOLD_OUT,
        ALICE,
        buy(0, allocations=6, period=NOW + 1, period_to=NOW + 1),
        posted(reservations=AHEAD),
        note="capacity of the reservation",
    ),
    Row(Reason.PRICE_DIFFERS, CAROL, buy(99), lambda world: with_carol(posted()(world))),
    Row(Reason.PRICE_DIFFERS, CAROL, buy(101), lambda world: with_carol(posted()(world)), note="nor more"),
    Row(Reason.PRICE_DIFFERS, ALICE, buy(149, allocations=2), auction(), note="above the bid"),
    Row(
        Reason.PRICE_DIFFERS,
        ALICE,
        buy(80, period=NOW + 1, period_to=NOW + 1),
        posted(reservations=AHEAD, reservation_discount_multiplier_ppm=500_000),
    ),
    Row(Reason.INSUFFICIENT_FUNDS, CAROL, buy(100), lambda world: with_carol(posted()(world))),
    Row(
        Reason.INSUFFICIENT_FUNDS,
        CAROL,
        buy(80, period=NOW + 1, period_to=NOW + 1),
        lambda world: with_carol(posted(reservations=AHEAD)(world)),
    ),
    Row(Reason.INSUFFICIENT_FUNDS, ALICE, Transfer(BOB.public, 10_001)),
    Row(Reason.INSUFFICIENT_FUNDS, ALICE, Transfer(ALICE.public, 10_001), note="not even to himself"),
    Row(Reason.INSUFFICIENT_FUNDS, EXCHANGE, Withdraw(ALICE.public, 10_001)),
]


def with_carol(world: World) -> World:
    """Carol has an account and no money."""
    world.must(Create(CAROL.public), CAROL)
    return world


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.reason.text} {row.note}".strip())
def test_a_broken_rule_is_named_and_changes_nothing(row: Row) -> None:
    world = row.setting(World())
    signed = row.action(world) if callable(row.action) else world.sign(row.action, row.key)
    outcome = world.run(signed)
    assert isinstance(outcome, Rejected), outcome
    assert outcome.reason is row.reason, outcome.detail


def test_every_reason_has_a_row_and_the_rows_are_in_its_order() -> None:
    assert {row.reason for row in ROWS} == {
        reason for reason in Reason if reason < Reason.NO_SUCH_OPERATOR or reason == Reason.INSUFFICIENT_FUNDS
    }  # those of PayPlace: tests/ledger/payplace/test_acting.py, of clubs: tests/ledger/clubs/test_acting.py
    order = [row.reason for row in ROWS]
    assert order == sorted(order)
