"""What the owner may ask and order, and what is said to a wrong question."""

import pytest

from apd.events import BrokerLost, LedgerReplied, OwnerRevoked
from apd.owner import MAX_SESSIONS, METHODS, answer, within_a_message
from apd.session import EndReason, Phase
from apd.status import describe
from apd.ubus_message import read_table, write_table
from nas_tunnel.lobby import Purchase
from tests.apd.air_world import air_box, metered_box, serve
from tests.apd.playbook import Box, heard, run_session, sells, start_box
from tests.apd.world import grant, purchase, reply
from wire.errors import DecodeError


def ask(box: Box, method: str, **arguments: object) -> dict:
    return answer(box.state, box.now, method, arguments)[0]


def test_everything_that_is_asked_goes_over_the_bus():
    box = metered_box()
    serve(box)
    for method, taken in METHODS.items():
        if not taken:
            told = ask(box, method)
            assert set(read_table(write_table(told))) == {
                name for name, value in told.items() if value is not None
            }


def test_offers_say_the_price_and_how_much_there_is():
    told = ask(metered_box(), "offers")
    assert (told["offer"]["price_ubc"], told["offer"]["floor_down_bps"]) == (250_000, 2_000_000)
    assert (told["tariff"]["per_minute_ubc"], told["tariff"]["interval_s"]) == (30_000, 60)
    assert told["capacity"]["floors_down_bps"]["sold"] == 0
    assert ask(start_box(), "offers")["offer"] is None


def test_sessions_are_those_of_the_status():
    box = sells(start_box())
    run_session(box)
    assert ask(box, "sessions") == {"sessions": describe(box.state, box.now)["sessions"], "left_out": 0}
    assert MAX_SESSIONS * len(write_table({"": ask(box, "sessions")["sessions"][0]})) < 900_000


def test_a_purchase_that_ran_is_an_earning():
    box = sells(start_box())
    assert ask(box, "earnings")["earned_ubc"] == 0
    for nonce, reason in ((1, ""), (1, ""), (2, "insufficient_funds")):
        bought = purchase(nonce)
        box.feed(heard(Purchase(bought.envelope.encoded)))
        box.feed(LedgerReplied(bought.transaction_id, reply(bought.transaction_id, reason=reason)))
    told = ask(box, "earnings")
    assert (told["purchases"], told["earned_ubc"], told["refunds_owed_ubc"]) == (1, 250_000, 0)
    assert told["since_utc_ms"] > 0


def test_health_says_in_words_what_is_wrong():
    box = sells(start_box())
    assert ask(box, "health")["selling"] is True
    box.feed(BrokerLost("gone"))
    told = ask(box, "health")
    assert (told["selling"], told["problems"][0]["what"]) == (False, "ledger_away")
    assert told["problems"][0]["text"].startswith("The ledger is out of reach")
    assert told["problems"][0]["severity"] == "stops"
    assert ask(air_box(), "health")["selling"] is True


def test_the_owner_ends_a_session_for_good():
    box = sells(start_box())
    grant_id = run_session(box)
    told, event = answer(box.state, box.now, "revoke", {"grant": grant_id.hex()})
    assert (told, event) == ({"grant": grant_id.hex(), "had_session": True}, OwnerRevoked(grant_id))
    assert event is not None
    box.feed(event)
    session = box.state.sessions[grant_id]
    assert (session.phase, session.reason) == (Phase.EXPIRING, EndReason.REVOKED)
    assert grant_id in box.state.revoked


def test_a_grant_that_is_not_here_is_revoked_too():
    told, _ = answer(start_box().state, start_box().now, "revoke", {"grant": grant(7).grant_id.hex()})
    assert told["had_session"] is False


@pytest.mark.parametrize(
    ("method", "arguments", "said"),
    [
        ("sell", {}, "'sell' is none of status, sessions"),
        ("revoke", {}, "revoke takes grant"),
        ("revoke", {"grant": 7}, "revoke takes grant"),
        ("revoke", {"grant": "00" * 16, "now": True}, "revoke takes grant"),
        ("revoke", {"grant": "xyz"}, "grant: has to be 32 hexadecimal digits"),
        ("revoke", {"grant": "00" * 15}, "grant: has to be 32 hexadecimal digits"),
        ("health", {"grant": "00"}, "health takes no argument"),
    ],
)
def test_a_wrong_question(method, arguments, said):
    box = start_box()
    with pytest.raises(DecodeError, match=said):
        answer(box.state, box.now, method, arguments)


def test_what_luci_sends_along_is_no_argument():
    assert ask(start_box(), "sessions", ubus_rpc_session="0" * 32) == {"sessions": [], "left_out": 0}


def test_no_answer_on_the_bus_has_more_sessions_than_ubusd_carries():
    many = {"sessions": [{}] * (MAX_SESSIONS + 3), "enrolled": True}
    told = within_a_message(many)
    assert (len(told["sessions"]), told["left_out"], told["enrolled"]) == (MAX_SESSIONS, 3, True)
    assert within_a_message({"sessions": 3}) == {"sessions": 3}, "of `health`"
