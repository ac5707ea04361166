"""What auctions sold is kept for who won it, once, until it is over."""

import pytest

from apd.auction_state import FOLLOWS, OF_AUCTIONS, OF_BIDS, AuctionPhase, AuctionState, SoldShare, is_of
from apd.session import Phase as SessionPhase
from apd.session import Session
from tests.apd.world import CONSUMER, OTHER_CONSUMER, QOS, START_S, STATION, grant
from wire.grant import Grant

ENDS_S = START_S + 600
TWO = QOS.times(2)


def share(ends_s: int = ENDS_S, units: int = 1) -> SoldShare:
    return SoldShare(CONSUMER.public, ends_s, QOS.times(units), units)


def session(made: Grant) -> Session:
    return Session(made, b"", made.total_qos, STATION, 16, SessionPhase.ACTIVE, 0, 0)


def test_every_phase_ends_and_can_be_reached():
    assert set(FOLLOWS) == set(AuctionPhase)
    assert all(
        AuctionPhase.IDLE in after for before, after in FOLLOWS.items() if before is not AuctionPhase.IDLE
    )
    assert set.union(*map(set, FOLLOWS.values())) == set(AuctionPhase)


@pytest.mark.parametrize("phase", AuctionPhase)
def test_an_auction_is_shown_while_it_takes_bids(phase):
    assert AuctionState(phase=phase, encoded=b"signed").shown == (
        b"signed" if phase is AuctionPhase.OPEN else b""
    )


@pytest.mark.parametrize("correlation", [b"", b"b", b"b" + bytes(7), b"a" + bytes(8), bytes(32)])
def test_a_reply_is_whose_question_it_answers(correlation):
    assert not is_of(OF_BIDS, correlation)
    assert is_of(OF_AUCTIONS, correlation) == (correlation == b"a" + bytes(8))


def test_what_is_sold_is_kept_until_it_is_over():
    state = AuctionState(sold={b"a": (share(),), b"b": (share(ENDS_S + 60, units=2),)})
    assert state.waiting((), ENDS_S - 1) == [QOS, TWO]
    assert state.waiting((), ENDS_S) == [TWO]
    assert state.shares(ENDS_S + 60) == []


def test_it_is_not_kept_from_who_won_it():
    state = AuctionState(sold={b"a": (share(),), b"b": (share(units=2),)})
    assert state.waiting((), START_S, mine=grant()) == [TWO]
    assert state.waiting([session(grant())], START_S) == [TWO]
    double = grant(2, allocations=2)
    assert double.total_qos == TWO
    assert state.waiting([session(grant())], START_S, mine=double) == []


def test_two_shares_that_are_alike_are_two():
    state = AuctionState(sold={b"a": (share(),), b"b": (share(),)})
    assert state.waiting([session(grant(1))], START_S) == [QOS]
    assert state.waiting([session(grant(1))], START_S, mine=grant(2)) == []
    assert state.waiting([session(grant(number)) for number in (1, 2, 3)], START_S) == []


def test_a_winner_is_known_by_its_grant():
    state = AuctionState(sold={b"a": (share(),)})
    others = [grant(consumer=OTHER_CONSUMER.public), grant(duration_s=601), grant(allocations=2)]
    assert state.without_winners([grant(), *others]) == others
