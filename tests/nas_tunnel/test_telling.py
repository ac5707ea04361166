"""Messages in words: what is the same on every carriage. tests/nas_tunnel/test_sightings.py has the verdicts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nas_tunnel.anqp import BeaconOffer, offer_hash
from nas_tunnel.lobby import AskAuction, AskBid, AuctionShown, Bid, BidSaid, Discover, LobbyMessage, Refused
from nas_tunnel.telling import Teller, remember, short, tell_beacon, tell_garbled
from tests.nas_tunnel.air import AIR_OFFER, GOLDEN, OFFER, TRANSACTION_ID
from tests.nas_tunnel.cell_air import CELL_OFFER
from tests.wire.examples import CONSUMER, LEDGER, LEDGER_ID, MESSAGES, UTC_S
from wire.errors import DecodeError
from wire.keys import PrivateKey

NOW_NS = UTC_S * 10**9
MALLORY = PrivateKey.from_secret(666)


def test_an_offer_says_the_same_on_wifi_and_in_a_cell() -> None:
    air, cell = Teller().offer(NOW_NS, AIR_OFFER), Teller().cell_offer(NOW_NS, CELL_OFFER)
    assert cell.said == air.said.removesuffix("; join 'airgrant'")
    assert {key: cell.facts[key] for key in cell.facts.keys() & air.facts.keys()}.items() <= air.facts.items()
    assert cell.facts["offer_hash"] == offer_hash(GOLDEN["offer"]).hex()


def test_a_cell_offer_expires_and_may_be_forged() -> None:
    late = Teller().cell_offer((OFFER.expires_s + 9) * 10**9, CELL_OFFER)
    assert (late.facts["expired"], late.wrong) == (True, False)
    assert "expired 9 s ago" in late.said
    forged = Teller().cell_offer(NOW_NS, replace(CELL_OFFER, provider=MALLORY.public))
    assert (forged.facts["signature"], forged.wrong) == ("does not hold", True)
    with pytest.raises(DecodeError):
        Teller().cell_offer(NOW_NS, replace(CELL_OFFER, offer=b"nonsense"))


@pytest.mark.parametrize(("ledger", "matches"), [(LEDGER, True), (MALLORY, False)], ids=["it", "another"])
def test_hints_are_held_against_a_pinned_ledger(ledger: PrivateKey, matches: bool) -> None:
    told = Teller(ledger.public, LEDGER_ID).cell_offer(NOW_NS, CELL_OFFER)
    assert (told.facts["ledger_matches"], told.wrong) == (matches, False)
    assert "ledger_matches" not in Teller(ledger.public).cell_offer(NOW_NS, CELL_OFFER).facts


def test_hints_name_no_ledger() -> None:
    """They are too short to be one: what is known of the ledger stays what it was."""
    teller = Teller()
    teller.cell_offer(NOW_NS, CELL_OFFER)
    assert "transaction" not in teller.purchase(NOW_NS, GOLDEN["allocate"]).facts
    teller.offer(NOW_NS, AIR_OFFER)
    teller.cell_offer(NOW_NS, CELL_OFFER)
    assert teller.purchase(NOW_NS, GOLDEN["allocate"]).facts["transaction"] == TRANSACTION_ID.hex()


def test_lines_without_a_verdict() -> None:
    assert Teller().lobby(NOW_NS, Discover()).what == "discover"
    refused = Teller().lobby(NOW_NS, Refused(b"\xab\xcd\xef\x01\x02", "sold_out", ""))
    assert (refused.what, refused.said) == ("refused", "sold_out (abcdef01…)")
    beacon = tell_beacon(BeaconOffer(bytes(16), 1_500_000, 1_200, 5_000))
    assert beacon.said.endswith("5 Mbit/s down; a hint, not signed")
    garbled = tell_garbled("name", DecodeError("no name"))
    assert (garbled.what, garbled.said, garbled.wrong) == ("garbled", "name: no name", True)
    assert short(bytes(33)) == "00000000…"


def test_an_auction_is_told_with_its_forecast_and_only_to_who_knows_the_ledger() -> None:
    encoded, auction = MESSAGES["session_auction"].golden, MESSAGES["session_auction"].example
    shown = AuctionShown(encoded, UTC_S)
    told = Teller(LEDGER.public, LEDGER_ID).lobby(NOW_NS, shown)
    assert told.said == f"{short(auction.auction_id)}, cleared in 600 s"
    assert (told.facts["forecast"], told.facts["min_price_ubc"]) == ([3, 3, 6, 30], 1_000)
    teller = Teller()
    assert teller.lobby(NOW_NS, shown).said == "398 bytes, its signature cannot be checked"
    teller.offer(NOW_NS, AIR_OFFER)
    assert teller.lobby(NOW_NS, shown) == told
    forged = Teller(LEDGER.public, bytes(32)).lobby(NOW_NS, shown)
    assert (forged.said, forged.wrong) == ("its signature does not hold", True)
    with pytest.raises(DecodeError):
        Teller(LEDGER.public, LEDGER_ID).lobby(NOW_NS, AuctionShown(b"nonsense", UTC_S))


def test_what_is_said_of_bids_has_no_price_in_it() -> None:
    auction_id = MESSAGES["session_auction"].example.auction_id
    lines: list[LobbyMessage] = [
        AskAuction(),
        Bid(auction_id, b"sealed"),
        AskBid(auction_id, CONSUMER.public),
        BidSaid(b"receipt"),
    ]
    told = [Teller().lobby(NOW_NS, line) for line in lines]
    assert [one.what for one in told] == ["ask auction", "bid", "ask bid", "bid said"]
    assert told[1].facts == {"auction": auction_id.hex()}
    assert told[2].facts["bid"] == str(CONSUMER.public)


def test_memory_keeps_what_came_last() -> None:
    memory: dict[str, int] = {}
    for name in "abcbd":
        remember(memory, name, len(memory), 3)
    assert list(memory) == ["c", "b", "d"]
