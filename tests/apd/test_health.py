"""What is wrong with a box: each ailment by itself, the worst first, and nothing said of a box that is well."""

from typing import Any

import pytest

from apd.health import MANY_RECORDS, Severity, judge
from apd.status import describe
from tests.apd.air_world import air_box
from tests.apd.playbook import run_session, sells, start_box

WELL: dict[str, Any] = {
    "ledger_connected": True,
    "enrolled": True,
    "attested": True,
    "disk_failing": False,
    "offer": {"epoch": 3, "price_ubc": 1, "allocation_duration_s": 60, "allocations_left": 5},
    "records": {"made": 90, "unsigned": MANY_RECORDS, "unacknowledged": MANY_RECORDS},
    "refunds": [{"refused": ""}],
    "air": {"hostapd_connected": True},
    "airtime": {"exceeded": False},
}


def test_a_box_that_is_well_has_nothing():
    assert judge(WELL) == ()


@pytest.mark.parametrize(
    ("changed", "what", "severity"),
    [
        ({"disk_failing": True}, "disk_failing", Severity.STOPS),
        ({"ledger_connected": False, "enrolled": False, "offer": None}, "ledger_away", Severity.STOPS),
        ({"enrolled": False, "offer": None}, "not_enrolled", Severity.STOPS),
        ({"offer": None}, "no_offer", Severity.STOPS),
        ({"offer": {"allocations_left": 0}}, "sold_out", Severity.WATCH),
        ({"air": {"hostapd_connected": False}}, "hostapd_away", Severity.STOPS),
        ({"airtime": {"exceeded": True}}, "airtime_exceeded", Severity.STOPS),
        ({"attested": False}, "unattested", Severity.WATCH),
        (
            {"records": {"unsigned": MANY_RECORDS + 1, "unacknowledged": 0}},
            "records_unsigned",
            Severity.WATCH,
        ),
        (
            {"records": {"unsigned": 0, "unacknowledged": MANY_RECORDS + 1}},
            "records_unacknowledged",
            Severity.WATCH,
        ),
        ({"refunds": [{"refused": "insufficient_funds"}]}, "refunds_refused", Severity.WATCH),
    ],
)
def test_each_ailment_alone(changed, what, severity):
    (found,) = judge(WELL | changed)
    assert (found.what, found.severity) == (what, severity)
    assert found.text.endswith((".", "?"))


def test_sold_out_is_how_auctions_are():
    assert judge(WELL | {"offer": {"allocations_left": 0}, "auction": {"phase": "open"}}) == ()


def test_records_that_wait_for_a_ledger_that_is_away_are_no_second_ailment():
    away = {"ledger_connected": False, "records": {"unsigned": 0, "unacknowledged": 99}}
    assert [one.what for one in judge(WELL | away)] == ["ledger_away"]


def test_the_worst_comes_first():
    found = judge(WELL | {"attested": False, "disk_failing": True})
    assert [one.what for one in found] == ["disk_failing", "unattested"]


def test_boxes_as_they_are():
    box = sells(start_box())
    run_session(box)
    assert [one.what for one in judge(describe(box.state, box.now))] == ["unattested"]
    began = start_box(enrolled=False)
    assert "ledger_away" in [one.what for one in judge(describe(began.state, began.now))]
    on_air = air_box()
    assert all(one.text for one in judge(describe(on_air.state, on_air.now)))
