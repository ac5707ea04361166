"""What an owner is shown."""

from __future__ import annotations

import json

from operatord.accounting import take_accounting
from operatord.authorising import authorise
from operatord.sessions import Counters, Status
from operatord.status import describe
from tests.operatord.test_channels import joined, pay
from tests.operatord.world import ALICE, NOW_S, SECRET, grant, record, request, state


def test_uses_are_shown_without_any_secret() -> None:
    permit = grant()
    made = state([permit])
    authorise(made, request(), NOW_S)
    take_accounting(made, record(permit, Status.START, counters=Counters(1_050, 0, 1, 0)), NOW_S)
    page = describe(made, {"accepted": 1}, NOW_S + 7, connected=True)
    assert (page["grants"], page["in_use"], page["open_sessions"], page["boxes"]) == (
        1,
        1,
        1,
        ["far", "inn", "roof", "yard"],
    )
    (use,) = page["uses"]
    assert (use["account"], use["session_id"], use["heard_s_ago"], use["used_bytes"]) == (
        str(ALICE.public),
        "5F00",
        7,
        1_000,
    )
    assert SECRET.hex() not in json.dumps(page)


def test_who_pays_as_he_goes_is_counted_where_anybody_may() -> None:
    made = state()
    assert "channels" not in describe(made, {}, NOW_S, connected=True)
    made.metered = joined()
    pay(made.metered, 1_000)
    page = describe(made, {}, NOW_S, connected=True)
    assert (page["channels"], page["metered_sessions"], page["paid_ubc"], page["unpaid_ubc"]) == (
        1,
        1,
        1_000,
        0,
    )
