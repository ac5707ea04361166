"""The carriage over the air: journeys, loss, strangers and floods."""

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.anqp import (
    FRESH_S,
    MAX_ASKED,
    MAX_RESPONSE_BYTES,
    POLL,
    QUERY_LIMIT_NS,
    QUERY_TRIES,
    SCAN_LIMIT_NS,
    Aim,
    Carriage,
    Found,
    Look,
    Query,
    QueryAnswered,
    QueryFailed,
    ScanFailed,
    ScanFinished,
    Step,
    carry,
    fall_silent,
    hear,
    next_due,
    wake,
)
from device.events import Associate, MarketHeard, MessageHeard, OfferHeard, Send, SendFailed
from device.state import Phase
from nas_tunnel.anqp import (
    ANSWER_IDS,
    FIRST_ANSWER_ID,
    NO_OFFER,
    VENDOR,
    AnqpQuery,
    answer_id,
    read_query,
    write_answers,
    write_beacon_element,
    write_element,
)
from nas_tunnel.lobby import Discover, Join, Outcome, Purchase, Refused
from tests.device.air_playbook import JOIN_NS, OVER, QUERY_NS, SCAN_NS, AirWorld
from tests.device.playbook import START
from wire.ids import MacAddress
from wire.units import Now

BSSID = MacAddress(b"\x02\0\0\0\0\x01")
TRANSACTION_ID = bytes(range(32))


def later(now: Now, ns: int) -> Now:
    return Now(now.mono_ns + ns, now.utc_ms + ns // 1_000_000)


# ---- Journeys


def test_a_device_with_nothing_but_a_key_buys_before_it_associates() -> None:
    world = AirWorld()
    cell = world.add()
    state = world.buy()
    assert (state.phase, state.bssid) == (Phase.ASSOCIATED, BSSID)
    assert len(cell.shop.grants) == 1
    asked = [read_query(query.query) for query in world.asked]
    assert [(query.ids[0], query.purchase is not None) for query in asked[:2]] == [
        (VENDOR, False),
        (VENDOR, True),
    ]
    assert {query.ids[0] for query in asked[2:]} == {answer_id(next(iter(cell.shop.grants)))}


def test_the_journey_waits_for_nothing_but_the_radio() -> None:
    """A scan, three queries, the first pause before an answer is asked for, and the joining."""
    world = AirWorld()
    world.add()
    world.buy()
    passed_ns = world.now.mono_ns - START.mono_ns
    assert passed_ns == SCAN_NS + 3 * QUERY_NS + POLL.first_ms * 1_000_000 + JOIN_NS


def test_nobody_is_asked_while_the_radio_joins() -> None:
    world = AirWorld()
    world.add()
    world.buy(frozenset({Phase.ASSOCIATING}))
    asked = len(world.asked)
    world.run()
    assert len(world.asked) == asked
    assert next_due(world.carriage) is None


@pytest.mark.parametrize("seed", range(40))
def test_a_lossy_air_costs_time_and_no_money(seed: int) -> None:
    chance = random.Random(seed)
    world = AirWorld(lose=lambda _: chance.randrange(100) < 30)
    cell = world.add()
    state = world.buy()
    assert len(cell.shop.grants) <= 1
    assert len({query.purchase for query in cell.queries if query.purchase}) <= 1
    assert state.phase is Phase.ASSOCIATED


def test_a_box_that_did_not_hear_is_told_again() -> None:
    """hostapd answers each purchase query whether the box heard it or not."""
    world = AirWorld()
    cell = world.add()
    cell.deaf = 2
    assert world.buy().phase is Phase.ASSOCIATED
    assert len([query for query in cell.queries if query.purchase]) == 3
    assert len(cell.shop.grants) == 1


def test_a_box_that_never_hears_leaves_the_outcome_unknown() -> None:
    world = AirWorld()
    world.add().deaf = 1_000
    failure = world.fail()
    assert failure.reason == "outcome_unknown"
    assert "`airgrant buy` asks for its outcome" in failure.detail


def test_after_a_signed_rejection_the_market_is_looked_at_again() -> None:
    world = AirWorld()
    cell = world.add()
    cell.shop.reject = [("price_differs", "2 each")]
    cell.shop.epoch = 1
    other = world.add(2, price_ubc=2_000_000, epoch=7)
    assert world.buy().phase is Phase.ASSOCIATED
    assert (len(cell.shop.grants), len(other.shop.grants)) == (0, 1)
    assert world.scans == 2


def test_the_loudest_of_equal_offers_is_bought() -> None:
    world = AirWorld()
    world.add(1, signal_dbm=-80)
    loud = world.add(2, signal_dbm=-40)
    world.add(3, signal_dbm=-60)
    world.buy()
    assert len(loud.shop.grants) == 1


def test_the_cheaper_of_two_is_bought_however_quiet() -> None:
    world = AirWorld()
    world.add(1, signal_dbm=-30)
    cheap = world.add(2, signal_dbm=-85, price_ubc=999_999)
    world.buy()
    assert len(cheap.shop.grants) == 1


def test_several_access_points_of_one_provider_are_one_network() -> None:
    world = AirWorld()
    near = world.add(1, signal_dbm=-40)
    far = world.add(2, signal_dbm=-70, provider=near.shop.provider, operator=near.shop.operator)
    state = world.buy()
    assert len(near.shop.grants) + len(far.shop.grants) == 1
    order = next(command for command in world.commands if isinstance(command, Associate))
    assert order.network.ssid == b"airgrant"
    assert state.bssid == near.shop.bssid


def test_an_empty_street_is_given_up_after_three_scans() -> None:
    world = AirWorld()
    assert world.fail().reason == "no_access_point"
    assert world.scans == 3
    assert world.now.mono_ns - START.mono_ns == 3 * SCAN_NS + 2_000_000_000


def test_who_shows_no_beacon_element_is_not_asked() -> None:
    world = AirWorld()
    cell = world.add()
    cell.shows_beacon_element = False
    assert world.fail().reason == "no_access_point"
    assert cell.queries == []


def test_what_was_heard_just_now_needs_no_scan() -> None:
    world = AirWorld()
    cell = world.add()
    world.remembered = (replace(cell.found(), age_s=FRESH_S),)
    assert world.buy().phase is Phase.ASSOCIATED
    assert world.scans == 0


@pytest.mark.parametrize("why", ["old", "no element", "nothing"])
def test_what_was_heard_long_ago_or_does_not_sell_is_no_reason_not_to_scan(why: str) -> None:
    world = AirWorld()
    cell = world.add()
    cell.shows_beacon_element = why != "no element"
    world.remembered = () if why == "nothing" else (replace(cell.found(), age_s=FRESH_S + (why == "old")),)
    cell.shows_beacon_element = True
    assert world.buy().phase is Phase.ASSOCIATED
    assert world.scans == 1


def test_who_was_heard_minutes_ago_is_not_asked() -> None:
    world = AirWorld()
    gone = replace(world.add(1).found(), age_s=100)
    carriage, _ = hear(Carriage(scanning=True), ScanFinished((gone, world.add(2).found())), START)
    assert carriage.asked is not None
    assert (carriage.asked.bssid, carriage.queue) == (MacAddress(b"\x02\0\0\0\0\x02"), ())


def test_the_second_time_there_is_a_scan() -> None:
    world = AirWorld()
    cell = world.add()
    world.remembered = (cell.found(),)
    cell.shop.reject = [("price_differs", "2 each")]
    other = world.add(2, price_ubc=2_000_000)
    assert world.buy().phase is Phase.ASSOCIATED
    assert (world.scans, len(other.shop.grants)) == (1, 1)


# ---- Strangers


def test_the_answer_of_another_basic_service_set_is_not_bought_from() -> None:
    """A replayed offer: signed, fresh, and for somebody else's radio."""
    world = AirWorld()
    real, thief = world.add(1), world.add(2, signal_dbm=-20)
    stolen = real.respond(world_query()) or b""
    thief.alter_response = lambda query, response: stolen if VENDOR in query.ids else response
    world.buy()
    assert world.state.dropped["foreign_bssid"] == 1
    assert thief.shop.grants == {}
    assert len(real.shop.grants) == 1


def world_query() -> bytes:
    return write_element(256, VENDOR.to_bytes(2, "little"))


def test_a_stale_offer_is_dropped() -> None:
    world = AirWorld()
    world.add(offer_lifetime_s=-1)
    assert world.fail().reason == "nothing_suitable"
    assert world.state.dropped["offer_expired"] == 1


def test_an_offer_that_does_not_say_how_to_join_is_not_bought() -> None:
    world = AirWorld()
    world.add(ssid=b"")
    failure = world.fail()
    assert "no_network" in failure.detail


def test_an_unsigned_refusal_buys_nothing_else() -> None:
    world = AirWorld()
    cell, other = world.add(), world.add(2, price_ubc=2_000_000)
    cell.shop.refuse = [(Purchase, "sold_out", "nothing left")] * 99

    def forge(query: AnqpQuery, response: bytes) -> bytes:
        transaction_id = world.state.purchase.transaction_id if world.state.purchase else bytes(32)
        refusal = write_answers([Refused(transaction_id, "sold_out", "nothing left")])
        return write_element(query.ids[0], refusal) if query.ids[0] != VENDOR else response

    cell.alter_response = forge
    failure = world.fail()
    assert failure.reason == "outcome_unknown"
    assert "last heard: sold_out: nothing left" in failure.detail
    assert (cell.shop.grants, other.shop.grants) == ({}, {})
    assert len({query.purchase for query in cell.queries if query.purchase}) == 1


def test_a_forged_refusal_does_not_hide_the_grant() -> None:
    """Somebody answers our question for the outcome first, a few times; then the box is heard."""
    world = AirWorld()
    cell = world.add()
    lies = 3

    def forge(query: AnqpQuery, response: bytes) -> bytes:
        nonlocal lies
        if query.ids[0] == VENDOR or lies == 0 or world.state.purchase is None:
            return response
        lies -= 1
        refusal = write_answers([Refused(world.state.purchase.transaction_id, "sold_out", "nothing left")])
        return write_element(query.ids[0], refusal)

    cell.alter_response = forge
    assert world.buy().phase is Phase.ASSOCIATED
    assert lies == 0
    assert len(cell.shop.grants) == 1


def test_a_refusal_for_another_buyer_is_none_of_ours() -> None:
    world = AirWorld()
    cell = world.add()
    cell.answers = {
        info_id: [Refused(bytes(32), "sold_out", ""), Refused(b"", "sold_out", "")]
        for info_id in range(FIRST_ANSWER_ID, FIRST_ANSWER_ID + ANSWER_IDS)
    }
    assert world.buy().phase is Phase.ASSOCIATED


def test_a_false_outcome_before_the_true_one_costs_nothing() -> None:
    world = AirWorld()
    cell = world.add()
    lies = 3

    def lie(query: AnqpQuery, response: bytes) -> bytes:
        nonlocal lies
        if query.ids[0] == VENDOR or lies == 0 or world.state.purchase is None:
            return response
        lies -= 1
        false = Outcome(world.state.purchase.transaction_id, b"no receipt", b"no grant")
        return write_element(query.ids[0], write_answers([false]))

    cell.alter_response = lie
    assert world.buy().phase is Phase.ASSOCIATED
    assert world.state.dropped["bad_outcome"] == 3
    assert len(cell.shop.grants) == 1


@given(
    noise=st.one_of(
        st.binary(max_size=200),
        st.binary(max_size=60).map(lambda payload: write_element(VENDOR, b"\x02AG\x01" + payload)),
        st.binary(max_size=60).map(lambda payload: write_element(281, b"\x02AG\x03" + payload)),
        st.integers(0, 9_000).map(lambda size: write_element(VENDOR, bytes(size))),
    ),
    aims=st.sets(st.sampled_from(["offer", "purchase", "answer"]), min_size=1),
)
@settings(max_examples=80, deadline=None)
def test_hostile_answers_never_end_in_a_second_purchase(noise: bytes, aims: set[str]) -> None:
    world = AirWorld()
    cell = world.add()

    def spoil(query: AnqpQuery, response: bytes) -> bytes:
        aim = "purchase" if query.purchase else "offer" if VENDOR in query.ids else "answer"
        return noise if aim in aims else response

    cell.alter_response = spoil
    state = world.buy()
    assert state.phase in OVER
    assert len({query.purchase for query in cell.queries if query.purchase}) <= 1
    assert len(cell.shop.grants) <= 1
    if "offer" in aims:
        assert cell.shop.grants == {}


@given(st.lists(st.binary(max_size=40), max_size=30))
@settings(max_examples=60)
def test_any_beacon_may_stand_among_the_good_ones(beacons: list[bytes]) -> None:
    world = AirWorld()
    cell = world.add()
    found = [Found(MacAddress(bytes((6, 0, 0, 0, 0, at))), -40, one) for at, one in enumerate(beacons)]
    carriage = Carriage(scanning=True)
    carriage, _ = hear(carriage, ScanFinished((*found, cell.found())), world.now)
    asked = {one.bssid for one in (carriage.asked, *carriage.queue) if one is not None}
    assert BSSID in asked


def test_a_flood_of_offers_costs_so_many_queries() -> None:
    element = write_beacon_element(b"x", 1, 60, 1_000)
    flood = [
        Found(MacAddress(b"\x06\0\0\0" + number.to_bytes(2, "big")), -20 - number % 60, element)
        for number in range(5_000)
    ]
    carriage, todo = hear(Carriage(scanning=True), ScanFinished(tuple(flood)), START)
    assert isinstance(todo[0], Query)
    assert 1 + len(carriage.queue) == MAX_ASKED
    assert carriage.asked is not None
    assert carriage.asked.signal_dbm == -20


def test_a_flood_of_sellers_fills_no_memory() -> None:
    """Real ones, even: 200 cells with an offer each, of which the loudest are asked."""
    world = AirWorld()
    for number in range(1, 200):
        world.add(number, signal_dbm=-30 - number % 50)
    assert world.buy().phase is Phase.ASSOCIATED
    assert len(world.state.candidates) == MAX_ASKED


# ---- One by one


def test_a_question_that_is_under_way_is_not_asked_again() -> None:
    carriage, todo = carry(Carriage(), Send(Discover(), None), START)
    assert todo == [Look()]
    assert carry(carriage, Send(Discover(), None), START) == (carriage, [])
    carriage, _ = buying()
    again, todo = carry(carriage, Send(Purchase(b"t"), str(BSSID), TRANSACTION_ID), START)
    assert todo == []
    assert again.queue == ()


def buying() -> Step:
    return carry(Carriage(), Send(Purchase(b"t"), str(BSSID), TRANSACTION_ID), START)


def test_another_s_scan_is_not_ours() -> None:
    assert hear(Carriage(), ScanFinished(()), START) == (Carriage(), [])


def test_an_empty_street_is_told_at_once() -> None:
    assert hear(Carriage(scanning=True), ScanFinished(()), START) == (Carriage(), [MarketHeard()])


def test_a_scan_that_fails_is_told() -> None:
    carriage, todo = hear(Carriage(scanning=True), ScanFailed("FAIL-BUSY"), START)
    assert todo == [SendFailed("scanning failed: FAIL-BUSY")]
    assert not carriage.scanning


def test_a_lobby_request_does_not_travel_over_the_air() -> None:
    _, todo = carry(Carriage(), Send(Join(b"g", b"r"), str(BSSID)), START)
    assert isinstance(todo[0], SendFailed)


@pytest.mark.parametrize("event", [QueryAnswered(BSSID, b""), QueryFailed(BSSID, "x")])
def test_what_was_not_asked_for_is_dropped(event) -> None:
    carriage, todo = hear(Carriage(), event, START)
    assert (todo, carriage.dropped) == ([], {"unasked": 1})
    other = MacAddress(b"\x02\0\0\0\0\x02")
    carriage, _ = buying()
    carriage, todo = hear(carriage, replace(event, bssid=other), START)
    assert (todo, carriage.dropped) == ([], {"unasked": 1})


def test_a_lost_query_is_asked_again_and_then_told() -> None:
    carriage, todo = buying()
    for _ in range(QUERY_TRIES - 1):
        carriage, todo = hear(carriage, QueryFailed(BSSID, "timeout"), START)
        assert [type(one) for one in todo] == [Query]
    carriage, todo = hear(carriage, QueryFailed(BSSID, "timeout"), START)
    assert todo == [SendFailed(f"{BSSID} does not answer: timeout")]


def test_silence_of_wpa_supplicant_is_a_failure_too() -> None:
    carriage, _ = buying()
    assert next_due(carriage) == START.mono_ns + POLL.first_ms * 1_000_000
    late = later(START, QUERY_LIMIT_NS)
    carriage, todo = wake(carriage, late)
    assert [type(one) for one in todo] == [Query]
    carriage, _ = carry(Carriage(), Send(Discover(), None), START)
    assert next_due(carriage) == START.mono_ns + SCAN_LIMIT_NS
    carriage, todo = wake(carriage, later(START, SCAN_LIMIT_NS))
    assert todo == [SendFailed("scanning failed: wpa_supplicant says nothing")]


def test_a_response_that_is_too_long_is_not_read() -> None:
    carriage, _ = buying()
    carriage, todo = hear(carriage, QueryAnswered(BSSID, bytes(MAX_RESPONSE_BYTES + 1)), START)
    assert carriage.dropped == {"query_failed": 1}
    assert [type(one) for one in todo] == [Query]


def test_the_answer_is_asked_for_with_patience_that_ends() -> None:
    carriage, _ = buying()
    now, asked = START, 0
    empty = write_element(answer_id(TRANSACTION_ID), b"")
    carriage, _ = hear(carriage, QueryAnswered(BSSID, empty), now)
    waits = []
    while (due := next_due(carriage)) is not None:
        waits.append((due - now.mono_ns) // 1_000_000)
        now = later(now, due - now.mono_ns)
        carriage, todo = wake(carriage, now)
        if todo:
            asked += 1
            assert isinstance(todo[0], Query)
            assert read_query(todo[0].query).ids == (answer_id(TRANSACTION_ID),)
            carriage, _ = hear(carriage, QueryAnswered(BSSID, empty), now)
    assert waits[:4] == [30, 60, 120, 240]
    assert asked == POLL.tries - 1
    assert 5 < sum(waits) / 1_000 < 10


def test_what_is_signed_comes_before_what_is_not() -> None:
    carriage, _ = buying()
    carriage, _ = hear(carriage, QueryAnswered(BSSID, b""), START)
    carriage, _ = wake(carriage, later(START, 30_000_000))
    assert carriage.asked is not None
    assert carriage.asked.aim is Aim.ANSWER
    outcome = Outcome(TRANSACTION_ID, b"receipt", b"")
    refused = Refused(TRANSACTION_ID, "busy", "")
    messages: list[Outcome | Refused] = [refused, outcome, Refused(bytes(32), "x", "")]
    response = write_element(answer_id(TRANSACTION_ID), write_answers(messages))
    _, todo = hear(carriage, QueryAnswered(BSSID, response), START)
    assert todo == [MessageHeard(str(BSSID), outcome), MessageHeard(str(BSSID), refused)]


def test_an_answer_without_an_offer_is_counted() -> None:
    world = AirWorld()
    world.add().alter_response = lambda _query, _response: b""
    assert world.fail().reason == "no_access_point"
    assert world.carriage.dropped == {"no_offer": world.scans}


def test_an_access_point_with_nothing_on_sale_says_so() -> None:
    world = AirWorld()
    world.add().alter_response = lambda _query, _response: write_element(VENDOR, NO_OFFER)
    failure = world.fail()
    assert failure.reason == "nothing_suitable"
    assert "nothing_on_offer: this access point has no current offer" in failure.detail
    assert (world.scans, world.carriage.dropped) == (1, {})


def test_falling_silent() -> None:
    carriage, _ = buying()
    carriage, _ = hear(carriage, QueryAnswered(BSSID, b""), START)
    assert next_due(carriage) is not None
    assert next_due(fall_silent(carriage)) is None


def test_an_offer_becomes_an_announcement() -> None:
    world = AirWorld()
    cell = world.add(signal_dbm=-61)
    carriage, _ = hear(Carriage(scanning=True), ScanFinished(world.air.found()), START)
    response = cell.respond(world_query())
    assert response is not None
    _, todo = hear(carriage, QueryAnswered(BSSID, response), START)
    heard, market = todo
    assert isinstance(heard, OfferHeard)
    assert (heard.bssid, heard.signal_dbm) == (BSSID, -61)
    assert heard.announcement.offer
    assert heard.announcement.network
    assert market == MarketHeard()
