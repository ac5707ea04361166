"""The PCF simulator: every limit and trap of the original, asked by hand-made requests rather than by our client."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from bson import Int64

from lab.ran.pcf_simulator import Flow, PcfSimulator, PduSession
from ran_slicing.http_message import Request, Response

COLLECTION = "/npcf-policyauthorization/v1/app-sessions"
UE = PduSession("imsi-001010000000001", 1, "000001", "internet", "10.45.0.2", "2001:db8::1")
JSON = (("content-type", "application/json"), ("user-agent", "AF"))
DEFAULT = Flow(9)


def rule(qos_index: Any) -> dict[str, Any]:
    return {"flow": [], "qos": {"index": qos_index, "gbr": {"uplink": {"value": 3, "unit": 1}}}}


def subscriber(*rules: dict[str, Any]) -> dict[str, Any]:
    return {"slice": [{"sst": 1, "sd": "000001", "session": [{"name": "internet", "pcc_rule": list(rules)}]}]}


def simulator(document: Any = None, **options: Any) -> PcfSimulator:
    documents = {"001010000000001": subscriber(rule(2)) if document is None else document}
    pcf = PcfSimulator(documents.get, **options)
    pcf.sessions.append(UE)
    return pcf


def component(**changes: Any) -> dict[str, Any]:
    filters = ["permit out ip from any to 10.45.0.2", "permit in ip from 10.45.0.2 to any"]
    whole = {
        "medCompN": 1,
        "medType": "VIDEO",
        "marBwDl": "20 Mbps",
        "marBwUl": "10000 Kbps",
        "mirBwDl": "5000000 bps",
        "mirBwUl": "0.5 Mbps",
        "medSubComps": {"1": {"fNum": 1, "fDescs": filters}},
    }
    return {**whole, **changes}


def creation(*components: dict[str, Any], **changes: Any) -> Request:
    media = {str(at): part for at, part in enumerate(components or (component(),), 1)}
    asked = {
        "suppFeat": "0",
        "notifUri": "http://127.0.0.1/n5",
        "ueIpv4": "10.45.0.2",
        "medComponents": media,
    }
    body = {"ascReqData": {name: value for name, value in {**asked, **changes}.items() if value is not None}}
    return Request("POST", COLLECTION, JSON, json.dumps(body).encode())


def patch(name: str, *components: dict[str, Any]) -> Request:
    media = {str(at): part for at, part in enumerate(components, 1)}
    headers = (("content-type", "application/merge-patch+json"), ("user-agent", "AF"))
    return Request(
        "PATCH",
        f"{COLLECTION}/{name}",
        headers,
        json.dumps({"ascReqData": {"medComponents": media}}).encode(),
    )


def title(response: Response | None) -> str:
    assert response is not None
    return f"{response.status} {json.loads(response.body)['title']}"


def status(response: Response | None) -> int:
    assert response is not None
    return response.status


def created(pcf: PcfSimulator, request: Request) -> str:
    response = pcf.answer(request)
    assert response is not None
    assert response.status == 201, response.body
    return (response.header("location") or "").rpartition("/")[2]


def test_a_session_lives() -> None:
    pcf = simulator()
    name = created(pcf, creation())
    assert pcf.flows(UE) == [DEFAULT, Flow(2, 5_000_000, 500_000, 20_000_000, 10_000_000)]
    assert status(pcf.answer(patch(name, component(mirBwDl="6 Mbps")))) == 200
    assert pcf.flows(UE)[1].gbr_down_bps == 6_000_000
    assert status(pcf.answer(Request("POST", f"{COLLECTION}/{name}/delete"))) == 204
    assert pcf.flows(UE) == [DEFAULT]
    assert title(pcf.answer(Request("POST", f"{COLLECTION}/{name}/delete"))) == "404 Not found"
    assert title(pcf.answer(patch(name, component()))) == "404 Not found"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"suppFeat": None}, "400 [imsi-001010000000001:1] No AscReqData->suppFeat"),
        ({"notifUri": None}, "400 [imsi-001010000000001:1] No AscReqData->notifUri"),
        ({"medComponents": None}, "400 [imsi-001010000000001:1] No AscReqData->MediaCompoenent"),
        ({"notifUri": "http://box.lan/"}, "400 [imsi-001010000000001:1] Invalid URI [http://box.lan/]"),
        ({"ueIpv4": None}, "404 Not found"),
        ({"ueIpv4": "10.45.0.9"}, "404 Not found"),
    ],
)
def test_creations_that_are_refused(changes: dict[str, Any], said: str) -> None:
    assert title(simulator().answer(creation(**changes))) == said


def test_the_address_alone_finds_the_session() -> None:
    pcf = simulator()
    created(pcf, creation(ueIpv4=None, ueIpv6="2001:db8::ffff", dnn="other", sliceInfo={"sst": 7}))
    assert len(pcf.flows(UE)) == 2


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({}, "404 [imsi-001010000000001:1] Cannot find SUPI in DB"),
        (
            subscriber(),
            "403 [imsi-001010000000001:1] CHECK WEBUI : No PCC Rule in DB [QoS Index:2] - Please add",
        ),
        (subscriber(rule(1)), "403 [imsi-001010000000001:1] CHECK WEBUI : No PCC Rule in DB [QoS Index:2]"),
        (
            subscriber(rule(Int64(2))),
            "403 [imsi-001010000000001:1] CHECK WEBUI : No PCC Rule in DB [QoS Index:2]",
        ),
        (subscriber(rule(2.0)), "403 [imsi-001010000000001:1] CHECK WEBUI : No PCC Rule in DB [QoS Index:2]"),
    ],
    ids=["no session", "no rule", "another rule", "a rule in 64 bits", "a rule as a double"],
)
def test_what_the_document_does_not_allow(document: Any, said: str) -> None:
    assert title(simulator(document).answer(creation())).startswith(said)


def test_where_the_session_stands_in_the_document() -> None:
    document = subscriber(rule(2))
    other = copy.deepcopy(document["slice"][0])
    for changes in ({"sst": 2}, {"sst": Int64(1)}, {"sd": "000002"}):
        assert title(simulator({"slice": [{**other, **changes}]}).answer(creation())).startswith("404")
        created(simulator({"slice": [{**other, **changes}, other]}), creation())
    created(simulator({"slice": [{**other, "sd": "ffffff"}]}), creation())
    created(
        simulator({"slice": [{**other, "session": [{"name": "Inter", "pcc_rule": [rule(2)]}]}]}), creation()
    )


def test_media_types_and_references() -> None:
    pcf = simulator(subscriber(rule(4)), qos_profiles={"gold": 4})
    assert title(pcf.answer(creation(component(medType="DATA")))).startswith("500 ")
    asked = component(qosReference="gold")
    del asked["medType"]
    created(pcf, creation(asked))
    assert pcf.flows(UE)[1].qos_index == 4
    assert "Unknown qosReference" in title(pcf.answer(creation(component(qosReference="lead"))))


def test_rates_are_added_up_over_filters() -> None:
    pcf = simulator()
    twice = {"1": {"fNum": 1, "fDescs": ["permit out ip from any to a", "permit out udp from any to b"]}}
    created(pcf, creation(component(medSubComps=twice)))
    assert pcf.flows(UE)[1] == Flow(2, 10_000_000, 10_000_000, 40_000_000, 10_000_000)


def test_nothing_said_is_the_maximum_or_what_the_document_says() -> None:
    pcf = simulator()
    created(pcf, creation(component(mirBwDl="0 bps", mirBwUl=None, marBwUl=None)))
    assert pcf.flows(UE)[1] == Flow(2, 20_000_000, 3 * 1_024, 20_000_000, 0)


@pytest.mark.parametrize(
    "asked",
    [
        [component(medSubComps={"1": {"fDescs": ["permit out ip from any to a"] * 9}})],
        [component(medSubComps={"1": {"fDescs": ["permit in ip to any"]}})],
        [component()] * 17,
    ],
    ids=["a ninth filter", "a filter without source", "a seventeenth component"],
)
def test_it_stops(asked: list[dict[str, Any]]) -> None:
    pcf = simulator()
    created(pcf, creation())
    assert pcf.answer(creation(*asked)) is None
    assert (pcf.stops, pcf.app_sessions, pcf.sessions) == (1, 0, [])


def test_a_ninth_rule_in_the_document_stops_it() -> None:
    pcf = simulator(subscriber(*(rule(index) for index in range(9))))
    assert pcf.answer(creation()) is None


@pytest.mark.parametrize(
    "filters",
    [["deny in ip from a to b"], ["permit out ip from any to a"] * 5],
    ids=["no permit", "nine in two"],
)
def test_filters_that_are_refused(filters: list[str]) -> None:
    subs = {"1": {"fDescs": filters}, "2": {"fDescs": filters}}
    assert title(simulator().answer(creation(component(medSubComps=subs)))).endswith("install_flow() failed")


def test_one_rule_of_a_5qi_in_one_session() -> None:
    pcf = simulator()
    created(pcf, creation(component(), component(mirBwDl="7 Mbps")))
    assert [flow.gbr_down_bps for flow in pcf.flows(UE)] == [0, 7_000_000]


def test_the_fifth_flow_is_granted_and_never_made() -> None:
    pcf = simulator()
    for _ in range(5):
        created(pcf, creation())
    assert pcf.app_sessions == 5
    assert len(pcf.flows(UE)) == 4


def test_a_restart_forgets_ues_too() -> None:
    pcf = simulator()
    name = created(pcf, creation())
    pcf.restart()
    assert title(pcf.answer(patch(name, component()))) == "404 Not found"
    assert title(pcf.answer(creation())) == "404 Not found"
    pcf.sessions.append(UE)
    created(pcf, creation())


def test_busy() -> None:
    pcf = simulator()
    pcf.busy = True
    response = pcf.answer(creation())
    assert title(response) == "503 Congestion"
    assert response is not None
    assert response.header("retry-after") == "2"


def test_the_proxy_wants_to_know_who_asks() -> None:
    pcf = simulator(behind_scp=True)
    created(pcf, creation())
    stranger = Request("POST", COLLECTION, JSON[:1], creation().body)
    assert title(pcf.answer(stranger)) == "400 No User-Agent"


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (Request("GET", f"{COLLECTION}/1"), "403 Invalid HTTP method"),
        (Request("GET", "/npcf-policyauthorization/v1/other"), "404 Not found"),
        (Request("POST", "/npcf-policyauthorization/v2/app-sessions"), "400 Not supported version"),
        (Request("POST", "/nother/v1/app-sessions"), "400 Invalid API name"),
        (Request("POST", COLLECTION, JSON, b"{"), "400 cannot parse HTTP message"),
        (Request("POST", COLLECTION, JSON, b"[]"), "400 cannot parse HTTP message"),
        (Request("POST", COLLECTION, (), b"{}"), "400 cannot parse HTTP message"),
        (Request("PATCH", f"{COLLECTION}/1", JSON, b"{}"), "400 [imsi-001010000000001:1] No AscUpdateData"),
    ],
)
def test_other_requests(request_: Request, said: str) -> None:
    pcf = simulator()
    created(pcf, creation())
    assert title(pcf.answer(request_)).startswith(said)
