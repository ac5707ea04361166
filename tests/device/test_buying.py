"""Buying: at most once, whatever is lost; every rejection named; and no grant but the one that was bought."""

from dataclasses import replace

import pytest

from device.buying import LOOK_AGAIN
from device.choice import Wish
from device.events import (
    Failure,
    ForgetPurchase,
    KeepGrant,
    LeaveWanted,
    SendFailed,
    SignPurchase,
    Source,
    Started,
)
from device.fake_access_point import sell_as
from device.state import HeldGrant, Phase
from nas_tunnel.lobby import Join, Outcome, Purchase, Refused
from tests.device.air_playbook import AirWorld
from tests.device.playbook import BUYER, WISH, World
from wire.ids import MacAddress
from wire.keys import PrivateKey
from wire.receipt import Receipt, write_receipt

MALLORY = PrivateKey.from_secret(666)


def buying() -> World:
    """A world whose device has sent a purchase that was lost."""
    world = World()
    world.add(lose={Purchase: 99})
    world.feed(Started())
    world.run(frozenset({Phase.BUYING}))
    return world


def test_what_is_bought_is_what_was_announced() -> None:
    world = World()
    fake = world.add()
    world.change(wish=Wish(3_000_000, 0))
    world.buy()
    (order,) = world.told(SignPurchase)
    assert isinstance(order, SignPurchase)
    assert order.ledger_id == fake.ledger_id
    allocate = order.allocate
    assert (allocate.provider, allocate.epoch, allocate.allocations, allocate.price_ubc) == (
        fake.provider.public, 1, 2, 2_000_000,
    )  # fmt: skip
    assert allocate.period is None
    assert allocate.consumers == []


def test_a_lost_answer_costs_nothing() -> None:
    """The ledger executed it; the second copy of the same bytes is answered `replayed`, with the grant of the first."""
    world = World()
    fake = world.add()
    lost: list[bytes] = []

    def lose_first_outcome(data: bytes) -> bool:
        if data[1] == 4 and not lost:
            lost.append(data)
            return True
        return False

    world.lose = lose_first_outcome
    assert world.buy().phase is Phase.JOINED
    purchases = [send.message for send in world.sent if isinstance(send.message, Purchase)]
    assert len(purchases) == 2
    assert len(set(purchases)) == 1
    assert len(fake.grants) == 1


def test_no_answer_at_all_is_said_as_it_is() -> None:
    world = buying()
    failure = world.fail_later()
    assert (failure.reason, failure.source) == ("outcome_unknown", Source.NETWORK)
    assert world.purchase.transaction_id.hex() in failure.detail
    assert "`airgrant buy` asks for its outcome" in failure.detail
    assert world.now.utc_s <= world.purchase.valid_until_s + world.state.settings.purchase.longest_ms // 1_000


def test_the_user_who_has_enough_hears_what_may_be_charged() -> None:
    world = buying()
    world.feed(LeaveWanted())
    assert world.state.phase is Phase.ENDED
    assert world.purchase.transaction_id.hex() in world.texts[-1]


@pytest.mark.parametrize(
    "reason",
    [
        "insufficient_funds",
        "unknown_issuer",
        "bad_signature",
        "sold_out",
        "validity_too_long",
        "rate_too_high",
    ],
)
def test_a_rejection_by_the_ledger_is_final_and_reaches_the_user(reason: str) -> None:
    world = World()
    world.add(reject=[(reason, "because of this")])
    failure = world.fail()
    assert failure == Failure(reason, "because of this", Source.LEDGER)
    assert world.count(Purchase) == 1
    assert world.count(Join) == 0


def test_expired_is_certain() -> None:
    """The ledger says so only of what never ran: a copy that came in time is `replayed`, with its grant."""
    world = World()
    world.add(reject=[("expired", "it is later")])
    failure = world.fail()
    assert failure.reason == "expired"
    assert "nothing was charged" in failure.detail
    assert "ask" not in failure.detail


def test_an_epoch_that_moved_is_looked_up_anew() -> None:
    world = World()
    fake = world.add()
    world.feed(Started())
    world.feed(world.inbox.pop()[1])  # the announcement of epoch 1
    fake.epoch, fake.price_ubc = 2, 800_000
    assert world.run().phase is Phase.JOINED
    assert world.grant.epoch == 2
    assert world.told(SignPurchase)[-1].allocate.price_ubc == 800_000
    assert world.state.rejection == Failure("epoch_moved", "the epoch is 2", Source.LEDGER)


@pytest.mark.parametrize("reason", sorted(LOOK_AGAIN))
def test_an_offer_that_was_rejected_is_not_bought_again(reason: str) -> None:
    world = World()
    cheap = world.add("cheap", price_ubc=500_000, reject=[(reason, "no")])
    dear = world.aps["dear"] = sell_as(cheap, price_ubc=900_000)
    assert world.buy().phase is Phase.JOINED
    assert (len(cheap.grants), len(dear.grants)) == (0, 1)


def test_with_no_other_offer_the_rejection_is_what_the_user_hears() -> None:
    world = World()
    world.add(reject=[("price_differs", "there is a volume discount")])
    failure = world.fail()
    assert (failure.reason, failure.source) == ("price_differs", Source.LEDGER)


def test_not_more_purchases_than_the_settings_say() -> None:
    world = World()
    first = world.add("0", reject=[("epoch_moved", "")])
    for number in range(1, 6):
        world.aps[str(number)] = sell_as(first, reject=[("epoch_moved", "")])
    assert world.fail().reason == "epoch_moved"
    assert len({send.message for send in world.sent if isinstance(send.message, Purchase)}) == 3


# ---- Asked for in a later run


def later(world: World, **changes: object) -> World:
    """Another run with the same wallet, which has the purchase that nobody answered."""
    fresh = World(now=world.now, aps=world.aps).change(
        pinned=world.pinned, unanswered=(world.purchase,), **changes
    )
    for fake in fresh.aps.values():
        fake.utc_s = lambda: fresh.now.utc_s
    return fresh


def unheard() -> World:
    """A purchase that the ledger executed, and whose outcome was lost until the device gave up."""
    world = World(lose=lambda data: data[1] == 4)
    world.add()
    assert world.fail().reason == "outcome_unknown"
    return world


def test_what_was_bought_before_is_found_with_the_same_bytes() -> None:
    first = unheard()
    fake = first.aps["ap"]
    fake.epoch, fake.price_ubc = 2, 3_000_000  # what is sold now is of no matter
    world = later(first, wish=replace(WISH, max_price_ubc=1))
    assert world.buy().phase is Phase.JOINED
    assert world.count(Purchase) == 1
    assert world.told(SignPurchase) == []
    assert len(fake.grants) == 1
    assert world.state.unanswered == ()
    (kept,) = world.told(KeepGrant)
    assert (kept.encoded, kept.transaction_id) == (world.state.grant_bytes, first.purchase.transaction_id)


def test_what_was_not_bought_before_is_forgotten_and_bought_anew() -> None:
    first = buying()
    first.fail_later()
    fake = first.aps["ap"]
    fake.lose, fake.reject = {}, [("expired", "it is later")]
    world = later(first)
    assert world.buy().phase is Phase.JOINED
    assert world.told(ForgetPurchase) == [ForgetPurchase(first.purchase.transaction_id)]
    assert world.purchase.transaction_id != first.purchase.transaction_id
    assert any("nothing was charged for the purchase before" in text for text in world.texts)


def test_nothing_else_is_bought_while_the_outcome_is_unknown() -> None:
    first = buying()
    first.fail_later()
    dear = first.aps["dear"] = sell_as(first.aps["ap"])
    world = later(first)
    failure = world.fail()
    assert failure.reason == "outcome_unknown"
    assert first.purchase.transaction_id.hex() in failure.detail
    assert (world.told(SignPurchase), world.told(ForgetPurchase), dear.grants) == ([], [], {})


def test_nothing_else_is_bought_where_the_provider_is_not() -> None:
    first = buying()
    first.fail_later()
    first.aps = {"other": sell_as(first.aps["ap"])}
    world = later(first)
    world.feed(Started())
    world.feed(SendFailed("no carrier"))
    failure = world.fail_later()
    assert (failure.reason, failure.source) == ("no_access_point", Source.NETWORK)
    assert "(sending failed: no carrier)" in failure.detail
    assert first.purchase.transaction_id.hex() in failure.detail
    assert "--new" in failure.detail
    assert (world.told(SignPurchase), list(world.state.dropped)) == ([], ["other_provider"])


# ---- Paid for before


def holding(bought: World, **changes: object) -> World:
    held = HeldGrant(bought.grant, bought.state.grant_bytes)
    world = World(now=bought.now, aps=bought.aps).trust(bought.aps["ap"])
    return world.change(held=(held,), **changes)


def sold() -> World:
    world = World()
    world.add()
    world.buy()
    return world


def test_a_grant_that_is_held_is_used_instead_of_buying() -> None:
    first = sold()
    first.aps["ap"].price_ubc = 9_000_000
    world = holding(first, wish=replace(WISH, max_price_ubc=1))
    assert world.buy().phase is Phase.JOINED
    assert world.grant == first.grant
    assert (world.told(SignPurchase), world.state.allocate) == ([], None)


@pytest.mark.parametrize(
    ("wish", "passed_s"),
    [(Wish(3_000_000, 0), 0), (Wish(0, 600_000), 0), (Wish(0, 0, min_duration_s=601), 0), (WISH, 600)],
)
def test_a_grant_that_does_not_serve_is_not_used(wish: Wish, passed_s: int) -> None:
    first = sold()
    first.aps["ap"].duration_s = 1_200
    first.pass_ns(passed_s * 1_000_000_000)
    world = holding(first, wish=wish)
    world.buy()
    assert len(world.told(SignPurchase)) == 1


def test_a_grant_of_another_provider_is_not_used() -> None:
    first = sold()
    first.aps["ap"] = sell_as(first.aps["ap"])
    world = holding(first)
    world.buy()
    assert len(world.told(SignPurchase)) == 1


# ---- Kept


def test_a_grant_is_kept_before_anything_else() -> None:
    world = World()
    world.add(alter_grant=lambda grant: replace(grant, epoch=9))
    world.feed(Started())
    world.run(frozenset({Phase.BUYING}))
    world.commands.clear()
    world.run()
    assert isinstance(world.commands[0], KeepGrant)
    assert world.failure.reason == "grant_differs"
    assert world.state.grant_bytes == world.commands[0].encoded


def test_a_signed_rejection_is_no_purchase_to_ask_for() -> None:
    world = World()
    world.add(reject=[("insufficient_funds", "0 BC")])
    world.fail()
    assert world.told(ForgetPurchase) == [ForgetPurchase(world.purchase.transaction_id)]


# ---- What is not believed


def test_an_outcome_that_the_ledger_did_not_sign_is_dropped() -> None:
    world = buying()
    transaction_id = world.purchase.transaction_id
    receipt = Receipt(transaction_id, 1, 0, "insufficient_funds", "")
    world.hear(Outcome(transaction_id, write_receipt(receipt, MALLORY, bytes(32)), b""))
    assert world.state.phase is Phase.BUYING
    assert world.state.dropped["bad_outcome"] == 1


def test_a_receipt_of_another_ledger_is_dropped() -> None:
    world = buying()
    fake, transaction_id = world.aps["ap"], world.purchase.transaction_id
    receipt = Receipt(transaction_id, 1, 0, "insufficient_funds", "")
    world.hear(Outcome(transaction_id, write_receipt(receipt, fake.ledger, b"\1" * 32), b""))
    assert world.state.dropped["bad_outcome"] == 1


def test_a_receipt_of_another_transaction_is_dropped() -> None:
    world = buying()
    fake, transaction_id = world.aps["ap"], world.purchase.transaction_id
    receipt = Receipt(b"\1" * 32, 1, 0, "insufficient_funds", "")
    world.hear(Outcome(transaction_id, write_receipt(receipt, fake.ledger, fake.ledger_id), b""))
    world.hear(Outcome(b"\1" * 32, write_receipt(receipt, fake.ledger, fake.ledger_id), b""))
    assert world.state.phase is Phase.BUYING
    assert world.state.dropped == {"foreign_receipt": 1, "foreign_outcome": 1}


def test_executed_without_a_grant_asks_again() -> None:
    world = buying()
    fake, transaction_id = world.aps["ap"], world.purchase.transaction_id
    receipt = write_receipt(Receipt(transaction_id, 1, 0), fake.ledger, fake.ledger_id)
    world.hear(Outcome(transaction_id, receipt, b""))
    assert world.state.phase is Phase.BUYING
    fake.lose = {}
    assert world.run().phase is Phase.JOINED


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"consumer": MALLORY.public}, "consumer"),
        ({"provider_id": bytes(16)}, "provider"),
        ({"grant_id": bytes(16)}, "transaction"),
        ({"epoch": 9}, "epoch: 9 instead of 1"),
        ({"duration_s": 1}, "duration_s: 1 instead of 600"),
        ({"allocations": 7}, "allocations: 7 instead of 1"),
    ],
)
def test_a_grant_for_something_else_is_not_joined_with(change: dict[str, object], said: str) -> None:
    world = World()
    world.add(alter_grant=lambda grant: replace(grant, **change))
    failure = world.fail()
    assert (failure.reason, failure.source) == ("grant_differs", Source.LEDGER)
    assert said in failure.detail
    assert world.count(Join) == 0


def test_a_passing_difficulty_of_the_access_point_is_waited_out() -> None:
    world = World()
    world.add(refuse=[(Purchase, "ledger_unreachable", "no broker"), (Purchase, "busy", "")])
    assert world.buy().phase is Phase.JOINED
    assert world.count(Purchase) == 3


def test_a_lasting_difficulty_is_named_in_the_end() -> None:
    world = World()
    world.add(refuse=[(Purchase, "ledger_unreachable", "no broker")] * 99)
    failure = world.fail()
    assert failure.reason == "outcome_unknown"
    assert "ledger_unreachable: no broker" in failure.detail


def test_a_refusal_by_the_access_point_ends_the_attempt_and_buys_nothing_else() -> None:
    """It is not signed: what it refused might run all the same, so another purchase could charge twice."""
    world = World()
    cheap = world.add("cheap", price_ubc=500_000, refuse=[(Purchase, "no_capacity", "the air is full")])
    dear = world.aps["dear"] = sell_as(cheap, price_ubc=900_000)
    failure = world.fail()
    assert (failure.reason, failure.source) == ("no_capacity", Source.ACCESS_POINT)
    assert "the air is full" in failure.detail
    assert f"lapses at {world.purchase.valid_until_s}" in failure.detail
    assert len(dear.grants) == 0


def heard_on_the_air(reason: str) -> AirWorld:
    """Buying on the air; the box does not hear, and somebody sends a refusal that names the transaction."""
    world = AirWorld()
    world.add().deaf = 1
    world.buy(frozenset({Phase.BUYING}))
    world.refuse(reason)
    return world


@pytest.mark.parametrize("reason", ["sold_out", "no_capacity", "epoch_moved", "invented"])
def test_on_the_air_a_refusal_ends_nothing(reason: str) -> None:
    """Nobody signs it, and who stops asking never hears of the grant that the ledger may have charged."""
    world = heard_on_the_air(reason)
    assert world.state.phase is Phase.BUYING
    assert any("waiting for the ledger's word" in text for text in world.texts)
    assert world.run().phase is Phase.ASSOCIATED


def test_on_the_air_a_refusal_is_told_once() -> None:
    world = heard_on_the_air("sold_out")
    world.refuse("sold_out")
    assert len([text for text in world.texts if "waiting for the ledger's word" in text]) == 1


def test_on_the_air_the_purchase_s_own_validity_ends_the_waiting() -> None:
    world = AirWorld()
    world.add().deaf = 1_000
    world.buy(frozenset({Phase.BUYING}))
    world.refuse("sold_out")
    world.run()
    failure, purchase = world.state.failure, world.state.purchase
    assert failure is not None
    assert purchase is not None
    assert (failure.reason, failure.source) == ("outcome_unknown", Source.NETWORK)
    assert purchase.transaction_id.hex() in failure.detail
    assert "sold_out" in failure.detail
    assert purchase.valid_until_s <= world.now.utc_s <= purchase.valid_until_s + 5
    assert world.told(ForgetPurchase) == []


def test_a_refusal_by_a_stranger_is_dropped() -> None:
    world = buying()
    world.hear(Refused(b"", "no_capacity", ""), address="mallory")
    world.hear(Refused(b"\1" * 32, "no_capacity", ""))
    assert world.state.phase is Phase.BUYING
    assert world.state.dropped == {"foreign_refusal": 2}


def test_a_neighbour_cannot_take_part_in_the_purchase() -> None:
    """An announcement in the middle of buying changes nothing."""
    world = buying()
    other = sell_as(world.aps["ap"], price_ubc=1, bssid=MacAddress(b"\x02\0\0\0\0\x09"))
    before = world.state.chosen
    world.hear(other.announcement(), address="other")
    assert world.state.chosen == before
    assert world.state.consumer == BUYER.public
