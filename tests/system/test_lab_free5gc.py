"""A sold rate reaches a PDU session of a real core: our N5 client, free5GC's PCF and SMF, over real HTTP/2 and PFCP.

What is believed is what these two say: the PCF of its decision, the SMF of the notification and of its session.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from lab.ran.free5gc_core import NAMES, PCF, Core
from ran_slicing.http2 import Http2, RequestFailed
from ran_slicing.http_message import Request, Response
from ran_slicing.n5 import (
    AppSession,
    Rates,
    Refusal,
    Refused,
    read_consent,
    read_creation,
    write_creation,
    write_deletion,
    write_update,
)
from ran_slicing.snssai import Snssai
from tests.lab.ran.cell_journey import Cell
from wire.errors import ShellError

SUPI = "imsi-001010000000001"
ESTABLISHMENT_REQUEST = "2e0101c1ffff91a1"
"""PDU SESSION ESTABLISHMENT REQUEST (TS 24.501 clause 8.3.1): session 1, IPv4, SSC mode 1."""
NOTIFICATION_URI = "http://127.0.1.12:8000/af"

pytestmark = pytest.mark.system


@pytest.fixture
def core(tmp_path: Path, go_program: Callable[[str], Path]) -> Iterator[Core]:
    for name in NAMES:
        go_program(name)
    with Core(tmp_path / "core") as running:
        running.order("register", SUPI)
        yield running


def begin_session(core: Core) -> AppSession:
    """A PDU session at the SMF, and what would be sold of it."""
    assert core.order("session", SUPI, ESTABLISHMENT_REQUEST)["status"] == 201
    established = core.told("session established")
    core.told("asked", lambda fact: fact["path"].endswith("/n1-n2-messages"))  # the UE is told
    rates = Rates(10_000_000, 1_000_000, 20_000_000, 2_000_000)
    return AppSession(IPv4Address(established["ue"]), SUPI, Snssai(1, 1), "internet", rates)


async def ask(*requests: Request) -> list[Response]:
    """Each on a connection of its own."""
    return [await ask_one(request) for request in requests]


async def ask_one(request: Request, tries: int = 50) -> Response:
    """free5GC says farewell to a connection that is idle for a millisecond, also before its first request."""
    client = Http2(*PCF)
    try:
        return await client.ask(request)
    except RequestFailed as failed:
        if failed.may_have_been_done or tries == 1:
            raise
    finally:
        client.close()
    return await ask_one(request, tries - 1)


def decision_of(response: Response) -> Any:
    assert response.status == 200
    return json.loads(response.body)


DECISION = Request(
    "POST",
    f"/npcf-smpolicycontrol/v1/sm-policies/{SUPI}-1/update",
    (("content-type", "application/json"),),
    b'{"repPolicyCtrlReqTriggers":[]}',
)
"""An update that updates nothing is answered with the decision in force (the PCF's GET of it finds none, ever)."""


def test_an_application_session_becomes_a_rule_of_the_pdu_session(
    core: Core, run_async: Callable[[Any], Any]
) -> None:
    sold = begin_session(core)
    before, made, after = run_async(ask(DECISION, write_creation(sold, NOTIFICATION_URI), DECISION))
    assert not decision_of(before).get("pccRules")
    name = read_creation(made)
    assert name == f"{SUPI}-1"
    (rule,) = decision_of(after)["pccRules"].values()
    flows = {flow["flowDirection"]: flow["flowDescription"] for flow in rule["flowInfos"]}
    assert flows == {  # "permit out" both: TS 29.212 clause 5.3.8, of rules
        "DOWNLINK": f"permit out ip from any to {sold.ue}",
        "UPLINK": f"permit out ip from {sold.ue} to any",
    }
    assert rule["refQosData"][0] in decision_of(after)["qosDecs"]
    core.wait_for_line("smf", r"\| 204 \| .* /nsmf-callback/sm-policies/.*/update")
    dearer = replace(sold, rates=replace(sold.rates, floor_down_bps=15_000_000))
    changed, ended, gone, left = run_async(
        ask(write_update(name, dearer), write_deletion(name), write_deletion(name), DECISION)
    )
    assert read_consent(changed) is None
    assert (
        b'"mirBwDl":"10000000 bps"' in changed.body
    )  # consent, and nothing done: release 15 looks for it elsewhere
    assert read_consent(ended) is None
    refused = read_consent(gone)
    assert isinstance(refused, Refused)
    assert refused.refusal is Refusal.UNKNOWN
    assert not decision_of(left).get("pccRules")
    core.wait_for_line("smf", r"(?s)\| 204 \| .*/update.*\| 204 \| .*/update")


def test_nothing_is_sold_to_an_address_without_a_session(core: Core, run_async: Callable[[Any], Any]) -> None:
    sold = replace(begin_session(core), ue=IPv4Address("10.60.9.9"))
    (answer,) = run_async(ask(write_creation(sold, NOTIFICATION_URI)))
    refused = read_creation(answer)
    assert isinstance(refused, Refused)
    assert answer.status >= 400


def test_a_ue_that_is_not_registered_gets_no_session(core: Core) -> None:
    with pytest.raises(ShellError):
        core.order("session", "imsi-001010000000009", "00")


def test_who_bought_inside_eap_gets_its_session_from_this_core_and_its_rate(
    core: Core, tmp_path: Path, go_program: Callable[[str], Path], run_async: Callable[[Any], Any]
) -> None:
    """The whole way: purchase, NAS security, a session by free5GC's SMF, a sold rate at its PCF."""
    with Cell(go_program("radio"), tmp_path / "radio", tmp_path / "n2") as cell:
        cell.register()
        asked = cell.ask_for_session()
        assert core.order("session", SUPI, asked.encoded.hex())["status"] == 201
        transfer = core.told("transfer")
        parts = (bytes.fromhex(transfer[name]) for name in ("GSM_NAS", "N2SmInformation"))
        assert cell.amf.relay(asked, *parts) == (1,)
        address = IPv4Address(cell.radio.take("session")["address"])
    assert str(address) == core.told("session established")["ue"]
    sold = AppSession(address, SUPI, Snssai(1, 1), "internet", Rates(5_000_000, 500_000, 6_000_000, 600_000))
    made, after = run_async(ask(write_creation(sold, NOTIFICATION_URI), DECISION))
    assert read_creation(made) == f"{SUPI}-1"
    assert len(decision_of(after)["pccRules"]) == 1
    core.wait_for_line("smf", r"\| 204 \| .* /nsmf-callback/sm-policies/.*/update")
