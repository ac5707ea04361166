"""What an owner is shown: everything that he asks for, nothing that is secret, ready for JSON."""

import json

from apd.status import describe
from tests.apd.playbook import join, run_session, sells, start_box
from tests.apd.world import CONSUMER, OTHER_STATION, PROVIDER, STRANGER, grant


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
    }
    (session,) = status["sessions"]
    assert (session["grant"], session["phase"]) == (grant_id.hex(), "active")
    assert session["consumer"] == str(CONSUMER.public)
    assert (session["floor_down_bps"], session["ceil_up_bps"]) == (2_000_000, 4_000_000)
    assert status["refused"] == {"not_the_consumer": 1}
    assert status["provider"] == str(PROVIDER.public)


def test_it_is_json_without_a_secret():
    box = sells(start_box())
    run_session(box)
    text = json.dumps(describe(box.state, box.now))
    assert box.state.lobby.secret.hex() not in text
    assert box.challenge().hex() not in text
