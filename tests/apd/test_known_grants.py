"""Grants that are known before their holders come: bounded, the ledger's only, and told to the operator."""

from dataclasses import replace

import pytest

from apd import known_grants
from apd.commands import ForgetGrant, PublishGrant, StoreGrant
from apd.events import (
    AdmissionReceived,
    BrokerConnected,
    DeadlineReached,
    LedgerReplied,
    SessionRemoved,
    StationLeft,
)
from apd.session import Phase, Usage
from apd.state import KnownGrant
from tests.apd.air_world import (
    AIR,
    OPERATOR,
    PARTNER,
    TARIFF,
    admission,
    air_box,
    associates,
    bought,
    channel_pass,
    metered_box,
    pass_admission,
    serve,
)
from tests.apd.playbook import Playbook, a, seconds, settings, start_box
from tests.apd.world import (
    CONSUMER,
    LEDGER,
    LEDGER_ID,
    OTHER_STATION,
    QOS,
    START_S,
    STATION,
    STRANGER,
    grant,
    purchase,
    reply,
    signed_grant,
)
from wire.ids import MacAddress
from wire.metered_pass import write_metered_pass


def station(number: int) -> MacAddress:
    return MacAddress(b"\x02\0\0" + number.to_bytes(3, "big"))


def test_an_admission_is_kept_on_disk():
    box = air_box()
    assert Playbook(box) >> admission() << a(StoreGrant, grant_id=grant().grant_id, used_bytes=0)
    assert [known.grant for known in known_grants.grants_of(box.state, CONSUMER.public)] == [grant()]


def test_the_same_word_again_changes_nothing_and_an_older_one_takes_nothing_back():
    box = air_box()
    box.feed(admission(used_bytes=700))
    assert Playbook(box) >> admission(used_bytes=700) >> admission(used_bytes=5)
    assert box.state.on_air.grants[grant().grant_id].used_bytes == 700


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        (admission(key=STRANGER), "admission_invalid"),
        (admission(bssid=OTHER_STATION), "admission_foreign"),
        (admission(expires_s=START_S), "admission_expired"),
        (AdmissionReceived(b""), "admission_invalid"),
    ],
)
def test_a_word_that_is_not_for_now_and_here_is_counted(word, reason):
    box = air_box()
    box.feed(word)
    assert box.state.refused[reason] == 1
    assert not box.state.on_air.grants


def crowd(box, first: int = 10, **changes) -> None:
    """As many grants as can be known, none of which anybody uses."""
    for number in range(first, first + known_grants.MAX_GRANTS):
        box.feed(admission(grant(number, duration_s=9_000, **changes), OTHER_STATION))


def buys(box, made, nonce=1):
    signed = purchase(nonce)
    box.feed(bought(nonce))
    box.feed(LedgerReplied(signed.transaction_id, reply(signed.transaction_id, signed_grant(made))))


def test_what_is_known_is_bounded_and_neither_what_is_used_nor_what_is_new_goes():
    box = air_box()
    running = serve(box, grant(1, duration_s=100))
    left = serve(box, grant(2, duration_s=100), OTHER_STATION)
    box.feed(StationLeft(OTHER_STATION))
    box.feed(SessionRemoved(left, Usage()))
    crowd(box)
    buys(box, grant(3, duration_s=50))
    assert len(box.state.on_air.grants) == known_grants.MAX_GRANTS
    assert {running, left, grant(3, duration_s=50).grant_id} <= box.state.on_air.grants.keys()
    gone = [one.grant_id for one in box.ordered if isinstance(one, ForgetGrant)]
    assert len(gone) == 3


def test_of_others_what_nobody_came_with_goes_first_and_then_what_begins_last():
    box = air_box()
    buys(box, grant(2, starts_s=START_S + 900), 2)
    buys(box, grant(3, starts_s=START_S + 800), 3)
    box.pass_time(seconds(601))
    for number in range(10, 8 + known_grants.MAX_GRANTS):
        box.feed(admission(grant(number, duration_s=9_000), station(number), expires_s=START_S + 900))
    box.feed(admission(grant(4, duration_s=9_000), STATION, expires_s=START_S + 900))
    assert grant(2, starts_s=START_S + 900).grant_id not in box.state.on_air.grants
    assert grant(3, starts_s=START_S + 800).grant_id in box.state.on_air.grants
    box.feed(admission(grant(5, duration_s=9_000), STATION, expires_s=START_S + 900))
    assert grant(3, starts_s=START_S + 800).grant_id not in box.state.on_air.grants


def jump(box, hours: int) -> None:
    box.now = replace(box.now, utc_ms=box.now.utc_ms + hours * 3_600_000)


def test_a_jump_of_the_wall_clock_forgets_nothing():
    box = air_box()
    served = serve(box)
    box.feed(admission(grant(2), OTHER_STATION))
    jump(box, 1)
    box.feed(DeadlineReached())
    buys(box, grant(3), 7)
    jump(box, -1)
    assert box.state.on_air.grants.keys() == {served, grant(2).grant_id, grant(3).grant_id}
    assert not [one for one in box.ordered if isinstance(one, ForgetGrant)]
    box.feed(StationLeft(STATION))
    box.feed(SessionRemoved(served, Usage()))
    box.feed(associates())
    assert box.state.sessions[served].phase is Phase.ADMITTED


def test_what_is_over_is_forgotten():
    box = air_box()
    box.feed(admission())
    box.pass_time(seconds(601))
    box.feed(DeadlineReached())
    assert not box.state.on_air.grants
    assert ForgetGrant(grant().grant_id) in box.ordered


def test_the_operator_hears_of_it_again_when_the_broker_is_back():
    box = air_box()
    box.feed(admission())
    box.ordered.clear()
    box.feed(BrokerConnected())
    assert box.last(PublishGrant).grant == box.state.on_air.grants[grant().grant_id].encoded


def test_after_a_restart_it_is_still_known_with_what_was_used_elsewhere():
    stored = [
        KnownGrant(grant(), signed_grant(grant()), 700, STATION, bought=True),
        KnownGrant(grant(2), signed_grant(grant(2), key=STRANGER)),
    ]
    box = start_box(settings(air=AIR), known_grants=stored)
    assert list(box.state.on_air.grants.values()) == stored[:1]


def test_after_a_restart_what_is_over_or_another_ledgers_is_forgotten_on_disk_too():
    over, foreign = grant(1, starts_s=START_S - 900), grant(2)
    stored = [KnownGrant(over, signed_grant(over)), KnownGrant(foreign, signed_grant(foreign, key=STRANGER))]
    box = start_box(settings(air=AIR), known_grants=stored)
    forgotten = {one.grant_id for one in box.ordered if isinstance(one, ForgetGrant)}
    assert forgotten == {over.grant_id, foreign.grant_id}
    assert not box.state.on_air.grants


def test_a_purchase_that_is_answered_twice_takes_back_nothing():
    box, subject = air_box(), purchase().transaction_id
    for used_bytes in (0, 700):
        box.feed(bought())
        box.feed(LedgerReplied(subject, reply(subject, signed_grant(grant()))))
        box.feed(admission(used_bytes=used_bytes))
        box.pass_time(seconds(200))
        box.feed(DeadlineReached())
    box.feed(bought())
    box.feed(LedgerReplied(subject, reply(subject, signed_grant(grant()))))
    assert box.state.on_air.grants[grant().grant_id].used_bytes == 0, "the word of the second came too late"
    box.feed(admission(used_bytes=700, expires_s=START_S + 1_000))
    box.pass_time(seconds(30))
    box.feed(DeadlineReached())
    box.feed(bought())
    box.feed(LedgerReplied(subject, reply(subject, signed_grant(grant()))))
    assert box.state.on_air.grants[grant().grant_id].used_bytes == 700


def test_what_was_bought_elsewhere_or_is_over_is_not_kept():
    box, subject = air_box(), purchase().transaction_id
    box.feed(bought())
    foreign = signed_grant(grant(1, provider_id=PARTNER.public.provider_id))
    over = signed_grant(grant(2, starts_s=START_S - 900))
    forged = signed_grant(grant(3), key=STRANGER)
    box.feed(LedgerReplied(subject, reply(subject, foreign, over, forged)))
    assert not box.state.on_air.grants
    assert not [one for one in box.ordered if isinstance(one, PublishGrant)]


def test_what_was_used_elsewhere_counts_against_the_data_cap():
    box = air_box()
    made = grant(qos=replace(QOS, data_cap_bytes=1_000_000))
    serve(box, made, used_bytes=400_000)
    session = box.state.sessions[made.grant_id]
    assert session.data_left_bytes == 600_000
    box.feed(admission(made, used_bytes=900_000))
    assert box.state.sessions[made.grant_id].data_left_bytes == 100_000


def encoded_pass(made, signer=OPERATOR):
    return write_metered_pass(made, signer, LEDGER_ID)


def test_a_pass_of_the_operator_is_kept_as_a_grant_is_and_told_to_nobody():
    box = metered_box()
    made = channel_pass()
    assert Playbook(box) >> pass_admission() << a(StoreGrant, grant_id=made.grant_id)
    known = box.state.on_air.grants[made.grant_id]
    assert (known.grant, known.metered, known.bought, known.station) == (made, True, False, STATION)
    box.ordered.clear()
    box.feed(BrokerConnected())
    assert not [one for one in box.ordered if isinstance(one, PublishGrant)]


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        (pass_admission(channel_pass(operator=PARTNER), signer=PARTNER), "admission_invalid"),
        (pass_admission(channel_pass(operator=LEDGER), signer=LEDGER), "admission_invalid"),
        (pass_admission(ledger_id=bytes(32)), "admission_invalid"),
        (pass_admission(bssid=OTHER_STATION), "admission_foreign"),
        (pass_admission(channel_pass(starts_s=START_S - 600)), "admission_expired"),
        (admission(channel_pass()), ""),
    ],
    ids=["another operator", "the ledger", "another ledger", "another box", "over", "sold by the ledger"],
)
def test_no_other_pass_is_taken(word, reason):
    """But what the ledger itself signed is a grant, whatever is in it, and opens nothing of another provider."""
    box = metered_box()
    box.feed(word)
    if reason:
        assert box.state.refused[reason] == 1
        assert not box.state.on_air.grants
    else:
        assert not box.state.on_air.grants[channel_pass().grant_id].metered
        box.feed(associates())
        assert not box.state.sessions


def test_a_box_without_a_tariff_takes_no_pass():
    box = air_box()
    box.feed(pass_admission())
    assert box.state.refused["admission_invalid"] == 1
    assert not box.state.on_air.grants


def test_a_renewed_pass_lasts_longer_and_an_earlier_one_that_is_replayed_shortens_nothing():
    box = metered_box()
    early, late = pass_admission(), pass_admission(channel_pass(duration_s=9_000))
    for word in (early, late, early):
        box.feed(word)
    (known,) = box.state.on_air.grants.values()
    assert known.grant.duration_s == 9_000
    assert box.last(StoreGrant).grant == known.encoded
    assert known.ends_ns - box.now.mono_ns == 9_000 * 1_000_000_000


def test_a_pass_does_not_take_the_place_of_a_grant_of_its_name():
    box = metered_box()
    box.feed(admission())
    box.feed(pass_admission(channel_pass(grant_id=grant().grant_id, duration_s=9_000)))
    assert box.state.refused["admission_invalid"] == 1
    assert box.state.on_air.grants[grant().grant_id].grant == grant()


def test_after_a_restart_a_pass_is_known_unless_the_operator_is_another_or_there_is_no_tariff():
    stored = [KnownGrant(channel_pass(), encoded_pass(channel_pass()), 0, STATION)]
    of_other = [KnownGrant(channel_pass(), encoded_pass(channel_pass(operator=PARTNER), PARTNER))]
    box = start_box(settings(air=AIR, tariff=TARIFF), known_grants=stored)
    assert [one.metered for one in box.state.on_air.grants.values()] == [True]
    for found, tariff in ((stored, None), (of_other, TARIFF)):
        box = start_box(settings(air=AIR, tariff=tariff), known_grants=found)
        assert not box.state.on_air.grants
        assert ForgetGrant(channel_pass().grant_id) in box.ordered
