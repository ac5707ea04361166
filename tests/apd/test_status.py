"""What an owner is shown: everything that he asks for, nothing that is secret, ready for JSON."""

import json
from dataclasses import replace

from apd.airtime import StationMeasurement
from apd.auction_state import SoldShare
from apd.events import StationsMeasured
from apd.refund import Refund
from apd.session import Usage
from apd.shortfall import Demanded, Watch
from apd.status import describe
from tests.apd.air_world import air_box, metered_box, serve, serve_metered
from tests.apd.auction_world import FIRST_S, UNIT, auction_box
from tests.apd.playbook import join, run_session, sells, start_box
from tests.apd.world import CONSUMER, OTHER_STATION, PROVIDER, STATION, STRANGER, grant, signed_grant
from wire.units import NS_PER_S

OWED = Refund(grant(9), signed_grant(grant(9)), 15_000_000, 7_500_000)


def test_a_box_that_has_just_begun():
    box = start_box(enrolled=False)
    status = describe(box.state, box.now)
    assert (status["ledger_connected"], status["enrolled"], status["attested"]) == (False, False, False)
    assert (status["offer"], status["sessions"], status["refused"]) == (None, [], {})
    assert status["disk_failing"] is False
    assert status["records"] == {"made": 1, "unsigned": 1, "unacknowledged": 0}


def test_a_box_that_sells_and_serves():
    box = sells(start_box())
    grant_id = run_session(box)
    box.feed(join(box, grant(2), OTHER_STATION, STRANGER))
    status = describe(box.state, box.now)
    assert status["offer"] == {
        "epoch": 3,
        "price_ubc": 250_000,
        "allocation_duration_s": 600,
        "allocations_left": 5,
        "floor_down_bps": 2_000_000,
        "ceil_down_bps": 8_000_000,
        "floor_up_bps": 1_000_000,
        "ceil_up_bps": 4_000_000,
    }
    assert status["earnings"]["earned_ubc"] == 0
    (session,) = status["sessions"]
    assert (session["grant"], session["phase"], session["metered"]) == (grant_id.hex(), "active", False)
    assert session["consumer"] == str(CONSUMER.public)
    assert (session["floor_down_bps"], session["ceil_up_bps"]) == (2_000_000, 4_000_000)
    assert status["refused"] == {"not_the_consumer": 1}
    assert status["provider"] == str(PROVIDER.public)


def test_what_was_missing_and_what_is_owed_for_it():
    box = start_box(owed=(OWED,))
    grant_id = run_session(box)
    session = box.state.sessions[grant_id]
    watch = Watch(0, demanded_down=Demanded(5 * NS_PER_S, 1_250_000))
    used = Usage(down_shortfall_bytes=7, up_shortfall_bytes=8)
    box.state = box.state.with_session(replace(session, watch=watch, used=used))
    status = describe(box.state, box.now)
    (session,) = status["sessions"]
    assert (session["down_shortfall_bytes"], session["up_shortfall_bytes"]) == (7, 8)
    assert (session["demanded_down_bps"], session["demanded_up_bps"]) == (2_000_000, None)
    (owed,) = status["refunds"]
    assert (owed["grant"], owed["amount_ubc"], owed["transaction"]) == (OWED.grant_id.hex(), None, "")
    assert "airtime" not in status


def test_who_pays_as_it_goes():
    box = metered_box()
    grant_id = serve_metered(box)
    (session,) = describe(box.state, box.now)["sessions"]
    assert (session["grant"], session["metered"]) == (grant_id.hex(), True)


def test_the_air_that_is_sold():
    box = air_box()
    serve(box)
    box.feed(StationsMeasured((StationMeasurement(STATION, signal_dbm=-50),)))
    airtime = describe(box.state, box.now)["airtime"]
    assert (airtime["budget_ppm"], airtime["sold_ppm"], airtime["exceeded"]) == (650_000, 150_000, False)
    (station,) = airtime["stations"]
    assert (station["down_bps"], station["measured"], station["signal_dbm"]) == (20_000_000, False, -50)


def test_it_is_json_without_a_secret():
    box = sells(start_box())
    run_session(box)
    text = json.dumps(describe(box.state, box.now))
    assert box.state.lobby.secret.hex() not in text
    assert box.challenge().hex() not in text


def test_a_box_that_holds_auctions():
    box = auction_box()
    assert describe(start_box().state, box.now).keys() - describe(box.state, box.now).keys() == set()
    status = describe(box.state, box.now)["auction"]
    assert (status["phase"], status["clearing_s"], status["sold"]) == ("idle", FIRST_S, [])
    share = SoldShare(CONSUMER.public, FIRST_S + 20, UNIT.times(2), 2)
    auctions = replace(box.state.on_auction, sold={b"a": (share,)}, forecast=(4, 6), last="void: no_bids")
    status = describe(replace(box.state, auctions=auctions), box.now)["auction"]
    assert (status["forecast"], status["last"]) == ([4, 6], "void: no_bids")
    assert [(one["ends_s"], one["floor_down_bps"]) for one in status["sold"]] == [(FIRST_S + 20, 2_000_000)]
    assert (status["sold"][0]["units"], status["sold_before"]) == (2, 0)
    assert json.dumps(status)
