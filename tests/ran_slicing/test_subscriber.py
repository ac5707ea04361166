"""The rule in a subscriber's document: what is changed, what never is, and where Open5GS would not see it."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from ran_slicing.bson import Document, Int64
from ran_slicing.snssai import Snssai
from ran_slicing.subscriber import (
    MAX_RULES,
    NoRule,
    Priority,
    RuleInPlace,
    SubscriberChange,
    WantedRule,
    plan_rule,
    subscriber_query,
)

SUPI = "imsi-001010000000001"
WANTED = WantedRule(SUPI, Snssai(1, 1), "internet", 2)
OPERATORS_RULE: Document = {"_id": "kept", "flow": [{"direction": 1}], "qos": {"index": 1, "arp": {}}}
OURS = {
    "flow": [],
    "qos": {
        "index": 2,
        "arp": {"priority_level": 8, "pre_emption_capability": 1, "pre_emption_vulnerability": 1},
    },
    "airgrant": 1,
}


def session(name: str = "internet", *rules: Any) -> Document:
    return {"name": name, "type": 3, "pcc_rule": list(rules)}


def slice_(sst: Any = 1, sd: str | None = "000001", *sessions: Document) -> Document:
    return {"sst": sst, **({} if sd is None else {"sd": sd}), "session": list(sessions or (session(),))}


def document(*slices: Document) -> Document:
    return {"imsi": "001010000000001", "slice": list(slices or (slice_(),)), "unknown": {"kept": True}}


def change(query: Document, rules: list[Any], path: str = "slice.0.session.0") -> SubscriberChange:
    at = f"{path}.pcc_rule"
    return SubscriberChange(SUPI, {"imsi": "001010000000001", **query}, {"$set": {at: rules}})


def test_a_rule_is_added_without_flows() -> None:
    assert plan_rule(document(), WANTED) == change(
        {
            "slice.0.sst": 1,
            "slice.0.session.0.name": "internet",
            "slice.0.session.0.pcc_rule": [],
        },
        [OURS],
    )


def test_a_session_that_never_had_rules_gets_an_array() -> None:
    bare = document(slice_(1, "000001", {"name": "internet"}))
    planned = plan_rule(bare, WANTED)
    assert isinstance(planned, SubscriberChange)
    assert planned.query["slice.0.session.0.pcc_rule"] == {"$exists": False}
    assert planned.update == {"$set": {"slice.0.session.0.pcc_rule": [OURS]}}


def test_rules_of_others_stay_as_they_are_and_where_they_are() -> None:
    before = document(slice_(1, "000001", session("internet", OPERATORS_RULE)))
    kept = copy.deepcopy(before)
    planned = plan_rule(before, WANTED)
    assert isinstance(planned, SubscriberChange)
    assert planned.query["slice.0.session.0.pcc_rule"] == [OPERATORS_RULE]
    assert planned.update == {"$set": {"slice.0.session.0.pcc_rule": [OPERATORS_RULE, OURS]}}
    assert before == kept


def test_priority_in_the_words_of_open5gs() -> None:
    wanted = WantedRule(
        SUPI, Snssai(1, 1), "internet", 2, Priority(3, may_preempt=True, may_be_preempted=True)
    )
    planned = plan_rule(document(), wanted)
    assert isinstance(planned, SubscriberChange)
    update: Any = planned.update
    (rule,) = update["$set"]["slice.0.session.0.pcc_rule"]
    assert rule["qos"]["arp"] == {
        "priority_level": 3,
        "pre_emption_capability": 2,
        "pre_emption_vulnerability": 2,
    }
    with pytest.raises(ValueError, match="level: 16 is outside"):
        Priority(16)


@pytest.mark.parametrize(("rule", "ours"), [(OURS, True), ({**OURS, "airgrant": 0}, False)])
def test_a_rule_in_place(rule: Document, ours: bool) -> None:
    assert plan_rule(document(slice_(1, "000001", session("internet", rule))), WANTED) == RuleInPlace(ours)


@pytest.mark.parametrize("index", [Int64(2), 2.0, True, "2"])
def test_a_5qi_that_the_core_does_not_read_is_none(index: Any) -> None:
    unread = {**OURS, "qos": {"index": index}}
    planned = plan_rule(document(slice_(1, "000001", session("internet", unread))), WANTED)
    assert isinstance(planned, SubscriberChange)


def test_a_ninth_rule_would_stop_the_pcf() -> None:
    rules = [{"qos": {"index": index}} for index in range(60, 60 + MAX_RULES)]
    planned = plan_rule(document(slice_(1, "000001", session("internet", *rules))), WANTED)
    assert planned == NoRule(f"session internet has {MAX_RULES} rules already, of at most {MAX_RULES}")


@pytest.mark.parametrize(
    ("slices", "path"),
    [
        ([slice_(2), slice_()], "slice.1.session.0"),
        ([slice_(1, "000002"), slice_()], "slice.1.session.0"),
        ([slice_(1, "ffffff")], "slice.0.session.0"),
        ([slice_(1, None)], "slice.0.session.0"),
        ([slice_(1, "nonsense")], "slice.0.session.0"),
        ([slice_(1, "000001", session("ims"), session("INTERNET"))], "slice.0.session.1"),
        ([slice_(1, "000001", session("inter"), session())], "slice.0.session.0"),
        ([slice_(Int64(1)), slice_()], "slice.1.session.0"),
    ],
    ids=["sst", "sd", "no sd", "sd absent", "sd unread", "any case", "a name that begins it", "a wide sst"],
)
def test_the_session_that_open5gs_finds(slices: list[Document], path: str) -> None:
    planned = plan_rule(document(*slices), WANTED)
    assert isinstance(planned, SubscriberChange)
    assert list(planned.update["$set"]) == [f"{path}.pcc_rule"]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "why"),
    [
        ({"imsi": "001010000000001"}, "no session internet in slice 1-000001"),
        (document(slice_(2)), "no session internet in slice 1-000001"),
        (document(slice_(1, "000001", session("ims"))), "no session internet"),
        (document(slice_(Int64(1))), "an sst that is not a 32-bit integer, which the core passes over"),
        (document(slice_(1, "000001", {"name": "internet", "pcc_rule": "?"})), "pcc_rule is not an array"),
        (document("?", {"sst": 1, "session": "?"}), "no session internet"),  # type: ignore[arg-type]
    ],
)
def test_no_place_for_a_rule(found: Document, why: str) -> None:
    planned = plan_rule(found, WANTED)
    assert isinstance(planned, NoRule)
    assert why in planned.reason


@pytest.mark.parametrize(
    "supi", ["001010000000001", "imsi-", "imsi-12x45", "nai-user@realm", "imsi-1234567890123456"]
)
def test_no_imsi(supi: str) -> None:
    with pytest.raises(ValueError, match="is not imsi- and"):
        subscriber_query(supi)
