"""N5: what is written keeps TS 29.514's schema whatever is sold, and what each answer of a PCF means."""

from __future__ import annotations

import json
import re
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ran_slicing.http_message import Request, Response
from ran_slicing.n5 import (
    AUDIO,
    MAX_RATE_BPS,
    VIDEO,
    AppSession,
    Quality,
    Rates,
    Refusal,
    Refused,
    read_consent,
    read_creation,
    read_update,
    write_creation,
    write_deletion,
    write_update,
)
from ran_slicing.snssai import NO_SD, Snssai

SCHEMA = json.loads((Path(__file__).parent / "vectors/ts29514.schema.json").read_text())
NOTIFY = "http://127.0.0.1:18574/n5"
RATES = Rates(5_000_000, 0, 20_000_000, 10_000_000)
SESSION = AppSession(IPv4Address("10.45.0.2"), "imsi-001010000000001", Snssai(1, 1), "internet", RATES)
NAMES = st.from_regex(r"[a-z0-9][a-z0-9.\-]{0,30}", fullmatch=True)
RATE = st.integers(0, MAX_RATE_BPS)
SESSIONS = st.builds(
    AppSession,
    ue=st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)),
    supi=st.from_regex(r"imsi-[0-9]{5,15}", fullmatch=True),
    snssai=st.builds(Snssai, st.integers(0, 255), st.none() | st.integers(0, NO_SD)),
    dnn=NAMES,
    rates=st.tuples(RATE, RATE, RATE, RATE).map(
        lambda rates: Rates(min(rates[:2]), min(rates[2:]), max(rates[:2]), max(rates[2:]))
    ),
    quality=st.sampled_from([VIDEO, AUDIO]) | st.builds(Quality, st.just(4), reference=NAMES),
)


def check(request: Request, schema: str) -> dict[str, Any]:
    """The body, which is as the schema of that name says."""
    body: dict[str, Any] = json.loads(request.body)
    rules = {"$ref": f"#/$defs/{schema}", **SCHEMA}
    jsonschema.Draft202012Validator(rules).validate(body)
    return body


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    wrong = write_creation(SESSION, NOTIFY)
    both = json.loads(wrong.body)
    both["ascReqData"]["ueIpv6"] = "fd00::1"
    with pytest.raises(jsonschema.ValidationError):
        check(Request("POST", wrong.path, (), json.dumps(both).encode()), "AppSessionContext")


def test_a_creation() -> None:
    request = write_creation(SESSION, NOTIFY)
    assert (request.method, request.path) == ("POST", "/npcf-policyauthorization/v1/app-sessions")
    assert request.header("content-type") == "application/json"
    assert check(request, "AppSessionContext") == {
        "ascReqData": {
            "notifUri": NOTIFY,
            "suppFeat": "0",
            "ueIpv4": "10.45.0.2",
            "supi": "imsi-001010000000001",
            "dnn": "internet",
            "sliceInfo": {"sst": 1, "sd": "000001"},
            "medComponents": {
                "1": {
                    "medCompN": 1,
                    "medType": "VIDEO",
                    "fStatus": "ENABLED",
                    "marBwDl": "20000000 bps",
                    "marBwUl": "10000000 bps",
                    "mirBwDl": "5000000 bps",
                    "mirBwUl": "1000 bps",
                    "medSubComps": {
                        "1": {
                            "fNum": 1,
                            "fDescs": [
                                "permit out ip from any to 10.45.0.2",
                                "permit in ip from 10.45.0.2 to any",
                            ],
                            "fStatus": "ENABLED",
                        }
                    },
                }
            },
        }
    }


@given(session=SESSIONS)
def test_every_request_keeps_the_schema(session: AppSession) -> None:
    created = check(write_creation(session, NOTIFY), "AppSessionContext")["ascReqData"]
    updated = check(write_update("7", session), "AppSessionContextUpdateDataPatch")["ascReqData"]
    assert updated["medComponents"] == created["medComponents"]
    (component,) = created["medComponents"].values()
    rates = [
        int(component[name].removesuffix(" bps")) for name in ("mirBwDl", "marBwDl", "mirBwUl", "marBwUl")
    ]
    assert 1_000 <= rates[0] <= rates[1] <= MAX_RATE_BPS
    assert 1_000 <= rates[2] <= rates[3] <= MAX_RATE_BPS
    (sub_component,) = component["medSubComps"].values()
    ways = [re.match(r"permit (in|out) ip from .+ to .+", filter_) for filter_ in sub_component["fDescs"]]
    assert [way and way[1] for way in ways] == ["out", "in"]  # rates are added up over filters: one each


def test_an_ipv6_ue_is_its_prefix() -> None:
    session = AppSession(
        IPv6Address("2001:db8:cafe:1::7"),
        SESSION.supi,
        Snssai(1),
        "internet",
        RATES,
        Quality(82, reference="gold"),
    )
    body = check(write_creation(session, NOTIFY), "AppSessionContext")["ascReqData"]
    assert body["ueIpv6"] == "2001:db8:cafe:1::7"
    assert body["sliceInfo"] == {"sst": 1}
    assert body["suppFeat"] == "10000"
    (component,) = body["medComponents"].values()
    assert component["qosReference"] == "gold"
    assert "medType" not in component
    assert component["medSubComps"]["1"]["fDescs"] == [
        "permit out ip from any to 2001:db8:cafe:1::/64",
        "permit in ip from 2001:db8:cafe:1::/64 to any",
    ]


def test_update_and_deletion() -> None:
    update = write_update("7", SESSION)
    assert (update.method, update.path) == ("PATCH", "/npcf-policyauthorization/v1/app-sessions/7")
    assert update.header("content-type") == "application/merge-patch+json"
    deletion = write_deletion("7")
    assert (deletion.method, deletion.path, deletion.body) == (
        "POST",
        "/npcf-policyauthorization/v1/app-sessions/7/delete",
        b"",
    )


@pytest.mark.parametrize(
    ("rates", "why"),
    [
        ((2, 0, 1, 0), "down: a floor of 2"),
        ((0, 2, 0, 1), "up: a floor of 2"),
        ((0, -1, 0, 0), "up: a floor of -1"),
    ],
)
def test_no_such_rates(rates: tuple[int, int, int, int], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Rates(*rates)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"qos_index": 2}, "a media type or a reference, and not both"),
        ({"qos_index": 2, "media_type": "VIDEO", "reference": "gold"}, "and not both"),
        ({"qos_index": 1, "media_type": "VIDEO"}, "media type VIDEO with 5QI 1"),
        ({"qos_index": 5, "media_type": "CONTROL"}, "Open5GS guarantees AUDIO"),
        ({"qos_index": 9, "reference": "gold"}, "5QI 9 guarantees no rate"),
    ],
)
def test_no_such_quality(arguments: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Quality(**arguments)


def answer(status: int, body: bytes = b"", **headers: str) -> Response:
    return Response(status, tuple((name.replace("_", "-"), value) for name, value in headers.items()), body)


def problem(status: int, title: str, **headers: str) -> Response:
    return answer(
        status, json.dumps({"title": title, "status": status, "cause": "CAUSE"}).encode(), **headers
    )


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.13:7777/npcf-policyauthorization/v1/app-sessions/7a-b",
        "/npcf-policyauthorization/v1/app-sessions/7a-b",
        "https://pcf.5gc/root/npcf-policyauthorization/v1/app-sessions/7a-b/",
    ],
)
def test_the_name_of_a_new_session(location: str) -> None:
    assert read_creation(answer(201, location=location)) == "7a-b"


@pytest.mark.parametrize("location", ["", "http://127.0.0.13/app-sessions/", "/app-sessions/7/../8", "/x/7"])
def test_a_new_session_without_a_name(location: str) -> None:
    refused = read_creation(answer(201, location=location))
    assert isinstance(refused, Refused)
    assert refused.refusal is Refusal.UNREADABLE


@pytest.mark.parametrize(
    ("response", "refused"),
    [
        (
            problem(403, "[imsi-1:1] CHECK WEBUI : No PCC Rule in DB [QoS Index:2] - Please add"),
            Refused(
                Refusal.NO_RULE,
                403,
                "[imsi-1:1] CHECK WEBUI : No PCC Rule in DB [QoS Index:2] - Please add; CAUSE",
            ),
        ),
        (problem(403, "no"), Refused(Refusal.FORBIDDEN, 403, "no; CAUSE")),
        (problem(404, "Not found"), Refused(Refusal.UNKNOWN, 404, "Not found; CAUSE")),
        (problem(503, "later", retry_after="7"), Refused(Refusal.BUSY, 503, "later; CAUSE", 7)),
        (answer(429, retry_after="Wed, 21 Oct 2026 07:28:00 GMT"), Refused(Refusal.BUSY, 429, "", None)),
        (answer(400, b"not json"), Refused(Refusal.WRONG, 400, "")),
        (answer(415, b"[1]"), Refused(Refusal.WRONG, 415, "")),
        (answer(500, b"[" * 100_000), Refused(Refusal.SERVER, 500, "")),
        (answer(307, location="http://10.0.0.9/x"), Refused(Refusal.ELSEWHERE, 307, "http://10.0.0.9/x")),
        (answer(206), Refused(Refusal.UNREADABLE, 206, "")),
    ],
)
def test_a_refusal(response: Response, refused: Refused) -> None:
    assert read_creation(response) == refused
    assert read_consent(response) == refused


def test_consent() -> None:
    assert read_consent(answer(200, b"{}")) is None
    assert read_consent(answer(204)) is None


def test_an_update_that_was_done() -> None:
    update = write_update("7", SESSION)
    for response in (
        answer(204),
        answer(200),
        answer(200, b"[]"),
        answer(200, b"{}"),
        answer(200, update.body),
    ):
        assert read_update(response, SESSION) is None
    assert read_update(answer(200, b'{"ascReqData": {"medComponents": {"1": {}}}}'), SESSION) is None
    assert read_update(answer(200, b'{"ascReqData": {"medComponents": {"1": []}}}'), SESSION) is None
    assert read_update(answer(404), SESSION) == Refused(Refusal.UNKNOWN, 404, "")


def test_an_update_that_was_consented_to_and_not_done() -> None:
    before = write_update("7", SESSION).body.replace(b"5000000 bps", b"4000000 bps")
    assert read_update(answer(200, before), SESSION) == Refused(Refusal.UNCHANGED, 200, "")


@pytest.mark.parametrize(
    ("told", "same"),
    [
        ("5 Mbps", True),
        ("0.005 Gbps", True),
        ("5000.0 Kbps", True),
        ("4.999999 Mbps", False),
        ("much", True),
        ("5", True),
    ],
)
def test_a_rate_in_other_words(told: str, same: bool) -> None:
    body = write_update("7", SESSION).body.replace(b"5000000 bps", told.encode())
    assert (read_update(answer(200, body), SESSION) is None) == same
