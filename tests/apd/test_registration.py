"""The operator's registration, event by event: nothing is shown or sold before the ledger knows whose server it is."""

import hashlib
from dataclasses import replace

import pytest

from apd.commands import AskRegistration, Note, SetBeaconElement, SetElement, SignNetwork, StoreRegistration
from apd.events import BrokerConnected, BrokerLost, DeadlineReached, HostapdConnected, LedgerReplied
from nas_tunnel.anqp import NO_OFFER, VENDOR, read_air_offer
from nas_tunnel.lobby import Announcement, Discover, Purchase, Refused
from tests.apd.air_world import AIR, OPERATOR, PARTNER, SSID, sign_network
from tests.apd.playbook import (
    Box,
    Playbook,
    a,
    heard,
    note,
    registration_of,
    seconds,
    sells,
    settings,
    start_box,
    told,
)
from tests.apd.world import BSSID, LEDGER, LEDGER_ID, PROVIDER, START_S, STRANGER, purchase, reply
from wire.network import read_network
from wire.registration import Registration, read_registration, write_registration

CORRELATION = b"a" + OPERATOR.public.key_id
QUESTION = AskRegistration(CORRELATION, OPERATOR.public)
WORD = registration_of(OPERATOR.public, START_S)
DAY_S = 86_400


def box(registered: bytes = b"") -> Box:
    """It never heard of the operator; hostapd is there."""
    made = start_box(settings(air=AIR), registered=registered)
    made.feed(HostapdConnected(SSID, BSSID))
    return made


def said(word: bytes = WORD) -> LedgerReplied:
    return LedgerReplied(CORRELATION, word)


def refused(reason: str = "unknown_account", subject: bytes = OPERATOR.public.octets) -> LedgerReplied:
    return said(reply(hashlib.sha256(subject).digest(), reason=reason))


def test_it_is_asked_for_stored_and_shown_inside_the_network():
    made = box()
    assert made.last(Note).what == "operator_unregistered"
    made.feed(BrokerConnected())
    assert made.last(AskRegistration) == QUESTION
    assert Playbook(made) >> said() << StoreRegistration(WORD) << a(SignNetwork)
    sign_network(made)
    sells(made)
    sign_network(made)
    network = read_network(read_air_offer(made.state.on_air.elements[VENDOR]).network, PROVIDER.public)
    assert read_registration(network.registration, LEDGER.public, LEDGER_ID).account == network.operator


def test_until_then_nothing_is_shown_or_sold():
    made = box()
    sells(made)
    assert SetElement(VENDOR, NO_OFFER) in made.ordered
    assert not [command for command in made.ordered if isinstance(command, SignNetwork)]
    closed = told(Refused, reason="nothing_on_offer", detail="nobody can join here yet")
    assert Playbook(made) >> heard(Discover()) << closed
    wanted = heard(Purchase(purchase().envelope.encoded))
    assert Playbook(made) >> wanted << closed
    made.feed(said())
    sign_network(made)
    assert Playbook(made) >> heard(Discover()) << told(Announcement)


def test_a_stored_one_does_without_the_ledger():
    made = box(WORD)
    assert made.last(SignNetwork).network.registration == WORD
    assert Playbook(made) >> BrokerConnected() << note("broker_connected")


@pytest.mark.parametrize(
    "stored",
    [
        b"",
        b"damaged",
        registration_of(PARTNER.public, START_S),
        write_registration(Registration(OPERATOR.public, 1, START_S), STRANGER, LEDGER_ID),
        write_registration(Registration(OPERATOR.public, 1, START_S), LEDGER, bytes(32)),
    ],
)
def test_what_is_stored_of_another_operator_or_ledger_is_none(stored):
    made = box(stored)
    assert Playbook(made) >> BrokerConnected() << note("broker_connected") << QUESTION


def test_it_is_renewed_after_a_day_and_the_old_one_serves_meanwhile():
    made = box(registration_of(OPERATOR.public, START_S - DAY_S + 60))
    sign_network(made)
    made.feed(BrokerConnected())
    newer = registration_of(OPERATOR.public, START_S + 60)
    made.pass_time(seconds(59))
    assert QUESTION not in made.feed(DeadlineReached())
    made.pass_time(seconds(1))
    assert QUESTION in made.feed(DeadlineReached())
    assert made.state.on_air.network
    assert Playbook(made) >> said(newer) << StoreRegistration(newer) << a(SignNetwork)
    made.pass_time(seconds(DAY_S - 1))
    assert QUESTION not in made.feed(DeadlineReached())
    made.pass_time(seconds(1))
    assert QUESTION in made.feed(DeadlineReached())


def test_a_clock_that_is_ahead_does_not_make_it_ask_without_end():
    made = box()
    made.feed(BrokerConnected())
    made.feed(said(registration_of(OPERATOR.public, START_S - 30 * DAY_S)))
    assert QUESTION not in made.feed(DeadlineReached())
    made.pass_time(seconds(10))
    assert QUESTION in made.feed(DeadlineReached())


def test_without_an_answer_it_is_asked_again():
    made = box()
    made.feed(BrokerConnected())
    made.pass_time(seconds(29))
    assert QUESTION not in made.feed(DeadlineReached())
    made.pass_time(seconds(1))
    assert QUESTION in made.feed(DeadlineReached())
    made.feed(BrokerLost("gone"))
    made.pass_time(seconds(100))
    assert QUESTION not in made.feed(DeadlineReached())
    assert QUESTION in made.feed(BrokerConnected())


def test_an_operator_without_an_account_is_told_once_and_asked_for_until_it_has_one():
    made = box()
    made.feed(BrokerConnected())
    assert Playbook(made) >> refused() << note("operator_unregistered") >> refused()
    made.pass_time(seconds(10))
    assert QUESTION in made.feed(DeadlineReached())
    assert Playbook(made) >> refused("busy") << note("operator_unregistered")
    assert Playbook(made) >> said() << StoreRegistration(WORD) << a(SignNetwork)


def test_a_word_that_the_ledger_takes_back_is_shown_no_more():
    """Of a ledger that was put back to before the operator had an account, say."""
    made = box(WORD)
    sign_network(made)
    made.feed(BrokerConnected())
    sells(made)
    sign_network(made)
    assert made.state.on_air.elements[VENDOR] != NO_OFFER
    assert (
        Playbook(made)
        >> refused()
        << StoreRegistration(b"")
        << note("operator_unregistered")
        << SetElement(VENDOR, NO_OFFER)
        << a(SetElement)
        << SetBeaconElement(b"")
        >> heard(Discover())
        << told(Refused, reason="nothing_on_offer")
        >> heard(Purchase(purchase().envelope.encoded))
        << told(Refused, reason="nothing_on_offer")
        >> refused()
    )
    made.pass_time(seconds(10))
    assert QUESTION in made.feed(DeadlineReached())
    assert Playbook(made) >> said() << StoreRegistration(WORD) << a(SignNetwork)
    sign_network(made)
    assert made.state.on_air.elements[VENDOR] != NO_OFFER


def test_a_network_that_was_being_signed_meanwhile_is_not_shown_either():
    made = box(WORD)
    made.feed(BrokerConnected())
    sells(made)
    made.feed(refused())
    sign_network(made)
    assert made.state.on_air.network == b""
    assert made.state.on_air.elements[VENDOR] == NO_OFFER


def test_an_older_refusal_takes_nothing_back():
    """Whoever kept one from before the operator was registered can send it again."""
    made = box(registration_of(OPERATOR.public, START_S + 1))
    assert Playbook(made) >> refused()
    assert made.state.on_air.registration
    assert made.state.refused["reply_unexpected"] == 1


def test_another_reason_takes_nothing_back():
    made = box(WORD)
    assert Playbook(made) >> refused("too_busy") << note("operator_unregistered")
    assert made.state.on_air.registration == WORD


def test_a_word_that_is_older_than_the_refusal_is_none():
    made = box(WORD)
    made.feed(refused())
    assert Playbook(made) >> said(registration_of(OPERATOR.public, START_S - 1))
    assert not made.state.on_air.registration


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (said(registration_of(PARTNER.public, START_S)), "reply_unexpected"),
        (refused(subject=PARTNER.public.octets), "reply_unexpected"),
        (refused(reason="", subject=OPERATOR.public.octets), "reply_unexpected"),
    ],
)
def test_what_is_said_of_others_is_counted(answer, why):
    made = box()
    assert Playbook(made) >> answer
    assert made.state.refused[why] == 1


def test_what_the_ledger_did_not_sign_is_told():
    made = box()
    forged = write_registration(Registration(OPERATOR.public, 1, START_S), STRANGER, LEDGER_ID)
    assert Playbook(made) >> said(forged) << note("registration_invalid")
    assert made.state.refused["reply_invalid"] == 1


def test_an_older_word_does_not_replace_a_newer_one():
    made = box(WORD)
    assert Playbook(made) >> said(registration_of(OPERATOR.public, START_S - 1))
    assert made.state.on_air.registration == WORD


def test_a_provider_that_operates_its_own_server_needs_none():
    own = replace(AIR, operator=PROVIDER.public)
    made = start_box(settings(air=own), registered=registration_of(PROVIDER.public, START_S))
    assert (
        Playbook(made)
        >> HostapdConnected(SSID, BSSID)
        << note("hostapd_connected")
        << a(SignNetwork)
        >> BrokerConnected()
        << note("broker_connected")
        >> said(registration_of(PROVIDER.public, START_S))
    )
    assert made.last(SignNetwork).network.registration == b""
