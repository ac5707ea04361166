"""On the air, event by event: offers and answers as ANQP elements, purchases heard."""

import time
from dataclasses import replace

from apd import air, core, lobby
from apd.commands import (
    PublishGrant,
    SetBeaconElement,
    SetElement,
    SignNetwork,
    SignOffer,
    StoreGrant,
    SubmitTransaction,
)
from apd.events import (
    BEACON,
    BrokerLost,
    DeadlineReached,
    HostapdConnected,
    HostapdLost,
    HostapdRefused,
    LedgerReplied,
    MonitorCounted,
    MonitorListens,
    MonitorLost,
    NetworkSigned,
    OfferSigned,
    OfferStateReceived,
    PurchaseHeard,
    SessionRemoved,
    StationLeft,
)
from apd.promises import NOTHING, reserved
from apd.session import Usage
from nas_tunnel.advice_of_charge import read_advice_of_charge
from nas_tunnel.anqp import (
    ADVICE_OF_CHARGE,
    MAX_ELEMENT_BYTES,
    NO_OFFER,
    VENDOR,
    answer_id,
    offer_hash,
    read_air_offer,
    read_answers,
    read_beacon_element,
)
from nas_tunnel.lobby import Announcement, Discover, Outcome, Refused
from tests.apd.air_world import (
    AIR,
    OPERATOR,
    SSID,
    TARIFF,
    air_box,
    associates,
    bought,
    metered_box,
    serve_metered,
    sign_network,
)
from tests.apd.playbook import (
    Box,
    Playbook,
    a,
    heard,
    join,
    note,
    seconds,
    sells,
    settings,
    start_box,
    told,
)
from tests.apd.world import (
    BSSID,
    LEDGER,
    LEDGER_ID,
    PROVIDER,
    QOS,
    START_S,
    STATION,
    create,
    grant,
    purchase,
    reply,
    signed_grant,
    signed_state,
)
from wire.grant import grant_id_of
from wire.ids import MacAddress
from wire.network import read_network
from wire.offer import read_offer, write_offer


def station(number: int) -> MacAddress:
    return MacAddress(b"\x02\0\0" + number.to_bytes(3, "big"))


def element(box: Box, info_id: int) -> bytes:
    """What hostapd answers with now."""
    return box.state.on_air.elements[info_id]


def answers(box: Box, transaction_id: bytes) -> tuple[Outcome | Refused, ...]:
    return read_answers(box.state.on_air.elements.get(answer_id(transaction_id), b""))


def sign_offer(box: Box) -> OfferSigned:
    offer = box.last(SignOffer).offer
    return OfferSigned(write_offer(offer, PROVIDER), offer.expires_s)


class TestOffer:
    def test_the_offer_is_shown_with_how_to_join(self):
        box = air_box()
        shown = read_air_offer(element(box, VENDOR))
        offer = read_offer(shown.offer, PROVIDER.public)
        network = read_network(shown.network, PROVIDER.public)
        assert (offer.epoch, offer.bssid, shown.ledger, shown.ledger_id) == (
            3, BSSID, LEDGER.public, LEDGER_ID,
        )  # fmt: skip
        assert (network.ssid, network.bssid, network.operator) == (SSID, BSSID, OPERATOR.public)
        assert network.expires_s == offer.expires_s
        beacon = read_beacon_element(box.state.on_air.beacon)
        assert (beacon.offer_hash, beacon.price_ubc, beacon.duration_s) == (
            offer_hash(shown.offer), 250_000, 600,
        )  # fmt: skip
        assert beacon.floor_down_kbps == 2_000
        (charge,) = read_advice_of_charge(element(box, ADVICE_OF_CHARGE))
        assert "0.25 BC" in charge.plans[0].information

    def test_hostapd_that_was_started_anew_is_told_everything_again(self):
        box = air_box()
        before = box.state.on_air.elements
        assert (
            Playbook(box)
            >> HostapdLost("no answer")
            << note("hostapd_lost")
            >> HostapdConnected(SSID, BSSID)
            << note("hostapd_connected")
            << a(SignNetwork)
        )
        del box.ordered[:-1]
        sign_network(box)
        again = {c.info_id: c.payload for c in box.ordered if isinstance(c, SetElement)}
        assert list(again) == list(before)
        assert read_air_offer(again[VENDOR]).offer == read_air_offer(before[VENDOR]).offer
        assert [type(c) for c in box.ordered].count(SetBeaconElement) == 1

    def test_what_does_not_change_is_not_set_again(self):
        box = air_box()
        network = box.state.on_air.network
        box.ordered.clear()
        box.feed(OfferStateReceived(signed_state(allocations_left=4)))
        box.feed(NetworkSigned(network))
        box.feed(OfferSigned(box.state.lobby.offer, box.state.lobby.offer_expires_s))
        box.feed(DeadlineReached())
        assert not box.ordered

    def test_before_there_is_an_offer_the_element_of_an_earlier_run_is_emptied(self):
        box = start_box(settings(air=AIR))
        box.feed(HostapdConnected(SSID, BSSID))
        sign_network(box)
        assert SetElement(VENDOR, NO_OFFER) in box.ordered

    def test_an_element_that_hostapd_refused_is_tried_again_later_each_time(self):
        box, subject = air_box(), purchase().transaction_id
        box.feed(bought())
        box.feed(LedgerReplied(subject, reply(subject, signed_grant(grant()))))
        shown, element_id = box.last(SetElement), answer_id(subject)
        assert (
            Playbook(box)
            >> HostapdRefused("SET anqp_elem: FAIL", element_id)
            << note("hostapd_refused")
            >> seconds(1)
            >> DeadlineReached()
            << shown
            >> HostapdRefused("SET anqp_elem: FAIL", element_id)
            << note("hostapd_refused")
            >> seconds(1)
            >> DeadlineReached()
            >> seconds(1)
            >> DeadlineReached()
            << shown
            >> seconds(28)
            >> DeadlineReached()
            << SetElement(element_id, b"")
        )

    def test_so_is_the_element_of_the_beacon_and_at_once_by_another_hostapd(self):
        box = air_box()
        shown = box.last(SetBeaconElement)
        assert (
            Playbook(box)
            >> HostapdRefused("UPDATE_BEACON: FAIL", BEACON)
            << note("hostapd_refused")
            >> seconds(1)
            >> DeadlineReached()
            << shown
        )
        box.feed(HostapdRefused("UPDATE_BEACON: FAIL", BEACON))
        box.feed(HostapdConnected(SSID, BSSID))
        box.ordered = [one for one in box.ordered if isinstance(one, SignNetwork)]
        sign_network(box)
        assert box.last(SetBeaconElement) == shown

    def test_another_bssid_is_told(self):
        box = start_box(settings(air=AIR))
        assert (
            Playbook(box)
            >> HostapdConnected(SSID, STATION)
            << note("hostapd_connected")
            << note("bssid_differs")
            << a(SignNetwork)
        )

    def test_the_announcement_carries_the_network_and_a_plain_join_is_refused(self):
        box = air_box()
        network = box.state.on_air.network
        assert Playbook(box) >> heard(Discover()) << told(Announcement, network=network)
        assert Playbook(box) >> join(box) << told(Refused, reason="join_by_eap")

    def test_what_hostapd_and_the_monitor_say_is_told(self):
        box = air_box()
        assert (
            Playbook(box)
            >> HostapdRefused("SET anqp_elem 56797")
            << note("hostapd_refused")
            >> MonitorLost("it is down")
            << note("monitor_lost")
            >> MonitorListens()
            << note("monitor_listens")
            >> MonitorCounted(3, 2)
        )
        assert (box.state.refused["air_garbage"], box.state.refused["air_dropped"]) == (3, 2)


class TestPurchase:
    def test_it_goes_to_the_ledger_and_the_outcome_into_its_element(self):
        box, paid = air_box(), signed_grant(grant())
        subject = purchase().transaction_id
        assert (
            Playbook(box)
            >> bought()
            << a(SubmitTransaction, correlation=subject)
            >> LedgerReplied(subject, reply(subject, paid))
            << StoreGrant(grant().grant_id, paid, 0, bought=True)
            << PublishGrant(paid)
            << a(SetElement, info_id=answer_id(subject))
        )
        (outcome,) = answers(box, subject)
        assert isinstance(outcome, Outcome)
        assert (outcome.transaction_id, outcome.grant) == (subject, paid)

    def test_a_refusal_is_answered_there_too(self):
        box = air_box()
        box.feed(BrokerLost("gone"))
        box.feed(bought())
        (refused,) = answers(box, purchase().transaction_id)
        assert isinstance(refused, Refused)
        assert refused.reason == "ledger_unreachable"

    def test_a_new_account_can_be_made_on_the_air(self):
        box = air_box()
        made = create()
        assert (
            Playbook(box)
            >> PurchaseHeard(STATION, made.envelope.encoded)
            << a(SubmitTransaction, correlation=made.transaction_id)
        )

    def test_what_is_no_transaction_is_counted_and_has_no_element(self):
        box = air_box()
        assert Playbook(box) >> PurchaseHeard(STATION, b"noise")
        assert box.state.refused["transaction_invalid"] == 1

    def test_the_same_octets_within_a_second_are_one_purchase(self):
        box = air_box()
        heard_once = bought()
        box.feed(heard_once)
        assert Playbook(box) >> heard_once >> PurchaseHeard(station(9), heard_once.transaction)
        assert box.state.refused["air_repeated"] == 2

    def test_an_answered_purchase_that_is_repeated_only_stands_longer_and_not_for_ever(self):
        box, subject = air_box(), purchase().transaction_id
        box.feed(bought())
        box.feed(LedgerReplied(subject, reply(subject, signed_grant(grant()))))
        for _ in range(5):
            assert Playbook(box) >> seconds(20) >> bought()
            assert answers(box, subject)
        box.pass_time(seconds(19))
        box.feed(bought())
        box.pass_time(seconds(2))
        box.feed(DeadlineReached())
        assert box.last(SetElement) == SetElement(answer_id(subject), b"")

    def test_an_answer_is_taken_off_the_air_after_half_a_minute(self):
        box, subject = air_box(), purchase().transaction_id
        box.feed(bought())
        box.feed(LedgerReplied(subject, reply(subject, signed_grant(grant()))))
        assert (
            Playbook(box)
            >> seconds(29)
            >> DeadlineReached()
            >> seconds(1)
            >> DeadlineReached()
            << SetElement(answer_id(subject), b"")
        )


class TestRates:
    def test_a_station_buys_once_a_second_and_five_times_at_once(self):
        box = air_box()
        for nonce in range(8):
            box.feed(bought(nonce))
        assert (box.state.on_air.purchases, box.state.refused["air_limited"]) == (5, 3)
        box.pass_time(seconds(1))
        box.feed(bought(9))
        assert box.state.on_air.purchases == 6

    def test_all_stations_together_buy_twenty_times_a_second(self):
        box = air_box()
        for number in range(100):
            box.feed(bought(number, station(number)))
        assert box.state.on_air.purchases == air.ALL_PURCHASES_BURST
        box.pass_time(seconds(1))
        for number in range(100, 200):
            box.feed(bought(number, station(number)))
        assert box.state.on_air.purchases == air.ALL_PURCHASES_BURST + 20

    def test_a_flood_of_strangers_fills_nothing_without_bound(self):
        box = air_box()
        box.feed(BrokerLost("gone"))
        for number in range(1_200):
            box.pass_time(seconds(0.05))
            box.feed(bought(number, station(number)))
        on_air = box.state.on_air
        assert len(on_air.heard) == air.MAX_HEARD
        assert len(on_air.busy_until_ns) <= air.MAX_STATIONS
        assert len(on_air.answers) <= 30 * 20
        assert on_air.purchases == 1_200

    def test_junk_uses_up_nothing_that_buyers_share(self):
        """Neither everybody's rate nor that of the station in whose name it comes."""
        box = air_box()
        other_epoch = purchase(1, epoch=9).envelope.encoded
        foreign = purchase(2, provider=LEDGER.public).envelope.encoded
        for number in range(500):
            for octets in (other_epoch, foreign):
                box.feed(PurchaseHeard(STATION, octets[:-4] + number.to_bytes(4, "big")))
            box.feed(PurchaseHeard(STATION, number.to_bytes(300, "big")))
        assert box.state.refused["transaction_invalid"] == 500
        assert box.state.refused["air_limited"] == 1_000 - air.HOPELESS_BURST
        assert not box.state.on_air.purchases
        assert Playbook(box) >> bought() << a(SubmitTransaction)

    def test_an_honest_latecomer_hears_that_the_offer_has_moved(self):
        box = air_box()
        late = purchase(1, epoch=2)
        box.feed(PurchaseHeard(STATION, late.envelope.encoded))
        (refused,) = answers(box, late.transaction_id)
        assert isinstance(refused, Refused)
        assert refused.reason == "epoch_moved"

    def test_a_late_question_is_answered_by_the_ledger_and_what_it_bought_elsewhere_keeps_no_room_here(self):
        """It was bought through another access point of the provider, which keeps the room for it."""
        box = air_box()
        made = purchase(1, epoch=2)
        box.pass_time(seconds(301 + lobby.LATE_S))
        assert (
            Playbook(box)
            >> PurchaseHeard(STATION, made.envelope.encoded)
            << a(SubmitTransaction, correlation=made.transaction_id)
        )
        granted = grant(grant_id=grant_id_of(made.transaction_id), starts_s=START_S + 100)
        encoded = signed_grant(granted)
        box.feed(LedgerReplied(made.transaction_id, reply(made.transaction_id, encoded, reason="replayed")))
        (outcome,) = answers(box, made.transaction_id)
        assert isinstance(outcome, Outcome)
        assert outcome.grant == encoded
        assert not box.state.on_air.grants[granted.grant_id].bought
        assert reserved(box.state, box.now) == NOTHING

    def test_late_questions_share_the_rate_of_purchases(self):
        box = air_box()
        box.pass_time(seconds(400))
        for number in range(100):
            box.feed(PurchaseHeard(station(number), purchase(number + 1, epoch=2).envelope.encoded))
        assert len(box.state.lobby.pending) == air.ALL_PURCHASES_BURST
        assert box.state.refused["air_limited"] == 100 - air.ALL_PURCHASES_BURST

    def test_a_hostile_frame_takes_less_than_a_tenth_of_a_millisecond(self):
        """The best of many, as the machine has other things to do."""
        box = air_box()
        frames = [
            purchase(1, epoch=9).envelope.encoded,
            purchase(2, provider=LEDGER.public).envelope.encoded,
            bytes(300),
            bytes((0xD2, 0x84)) + bytes(300),
        ]
        for octets in frames:
            taken = []
            for number in range(300):
                heard = PurchaseHeard(STATION, octets[:-4] + number.to_bytes(4, "big"))
                began = time.perf_counter_ns()
                core.step(box.state, heard, box.now)
                taken.append(time.perf_counter_ns() - began)
                box.feed(heard)
            assert min(taken) < 100_000, f"{min(taken)} ns"

    def test_refusals_never_put_a_grant_off_the_air(self):
        box, subject = air_box(), purchase().transaction_id
        box.feed(bought())
        box.feed(LedgerReplied(subject, reply(subject, signed_grant(grant()))))
        for number in range(400):
            box.pass_time(seconds(0.05))
            box.feed(bought(1_000 + number, station(number)))
        assert box.state.refused["no_airtime"] > 300, "so many were refused"
        assert any(getattr(answer, "grant", b"") for answer in answers(box, subject))
        assert all(len(payload) <= MAX_ELEMENT_BYTES for payload in box.state.on_air.elements.values())


class TestPayingAsOneGoes:
    def test_the_network_says_for_how_much_on_the_air_and_in_the_lobby(self):
        box = metered_box()
        network = box.state.on_air.network
        assert read_network(network, PROVIDER.public).tariff == TARIFF
        assert read_air_offer(element(box, VENDOR)).network == network
        assert Playbook(box) >> heard(Discover()) << told(Announcement, network=network)

    def test_without_a_tariff_nothing_is_said(self):
        assert air_box().last(SignNetwork).network.tariff is None

    def test_while_there_is_no_room_for_one_more_it_is_not_offered(self):
        box = metered_box(shaper_downlink_capacity_bps=QOS.floor_down_bps * 3 // 2)
        assert box.last(SignNetwork).network.tariff == TARIFF
        grant_id = serve_metered(box)
        box.feed(HostapdConnected(SSID, BSSID, (associates(),)))
        assert box.last(SignNetwork).network.tariff is None
        box.feed(StationLeft(STATION))
        box.feed(SessionRemoved(grant_id, Usage()))
        box.feed(HostapdConnected(SSID, BSSID))
        assert box.last(SignNetwork).network.tariff == TARIFF


def test_where_there_is_no_anqp_only_the_beacon_tells_that_there_is_an_offer():
    """hostapd by ubus: what no element can show is not tried, and the beacon's stays between two offers."""
    box = start_box(settings(air=replace(AIR, hostapd_socket=None, hostapd_ubus="phy0-ap0")))
    box.feed(HostapdConnected(SSID, BSSID))
    sign_network(box)
    sells(box)
    sign_network(box)
    assert isinstance(box.last(SetBeaconElement), SetBeaconElement)
    assert read_beacon_element(box.last(SetBeaconElement).element).price_ubc == 250_000
    assert not [command for command in box.ordered if isinstance(command, SetElement)]
    shown = box.state.on_air.beacon
    box.feed(OfferStateReceived(signed_state(epoch=4, price_ubc=300_000, height=99)))
    assert box.state.on_air.beacon == shown
