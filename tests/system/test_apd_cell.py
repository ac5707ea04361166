"""`python -m apd run` beside a gNB and a core: a UE joins, its slice is raised, counted, reported, ended; and traps.

The kernel, the broker and the sockets are real; the gNB has no radio (lab/ran), the core lists whom it is told to.
"""

import json
import subprocess
import sys
from dataclasses import replace
from ipaddress import ip_address

import pytest
import yaml

from device.choice import PinnedLedger, Wish
from device.library import Over, Way, buy, rejoin
from device.wallet import create_wallet
from lab.box import QOS
from lab.cell_site import BOX_ADDRESS, LOBBY, CellSite, cell_site, slice_of_document, ue_address
from lab.processes import wait_until
from lab.ran.gnb_file import slots_of
from ledger.evidence import verify_chain
from nas_tunnel.lobby import Joined, Left, Refused
from wire.grant import write_grant
from wire.meter_record import UsageReport
from wire.warning_id import OWN

pytestmark = pytest.mark.system

QUICK = "report_interval_s = 1\nanchor_interval_s = 3\nsubmit_timeout_s = 1"
PROGRAMS = ("mosquitto", "nft", "ip")
A, B = slots_of(2)


@pytest.fixture
def site(tmp_path, needs):
    """A cell with UE 1 in slot A and UE 2 in slot B, without a store of subscribers."""
    needs(*PROGRAMS)
    with cell_site(tmp_path, settings=QUICK) as made:
        made.house.attach(1, A)
        made.house.attach(2, B)
        made.box.start()
        made.box.wait_until_it_sells()
        wait_for_note(made, "core_connected")
        wait_for_note(made, "gnb_connected")
        yield made


def notes(site: CellSite) -> list[str]:
    lines = [line for line in site.box.process.said.splitlines() if line.startswith("{")]
    return [json.loads(line)["what"] for line in lines]


def wait_for_note(site: CellSite, what: str, deadline_s: float = 15) -> None:
    site.box.process.wait_for(lambda: what in notes(site), f"the note {what}", deadline_s)


def raised(site: CellSite, snssai) -> bool:
    return site.house.slice(snssai).min_prb > 0


def wait_raised(site: CellSite, snssai, *, is_raised: bool = True) -> None:
    what = f"{snssai} raised: {is_raised}"
    site.box.process.wait_for(lambda: raised(site, snssai) is is_raised, what, 15)


def reported_down_bytes(site: CellSite, grant_id: bytes) -> int:
    records = site.box.ledger.records().values()
    rows = [row for record, _ in records if isinstance(record, UsageReport) for row in record.rows]
    return sum(row.down_bytes for row in rows if row.grant_id == grant_id)


def reason(answer) -> str:
    assert isinstance(answer, Refused), answer
    return answer.reason


def test_a_grant_raises_the_slice_and_what_passed_is_reported_and_verified(site):
    grant = site.box.grant()
    assert not raised(site, A)
    assert isinstance(site.join(grant), Joined)
    assert raised(site, A), "when it says that it is in, the gNB has the share"
    assert site.house.slice(B).max_prb == 1, "what it takes to speak to the lobby"
    sent = site.send_down(1, 200)
    assert site.send_down(2, 50) == 0, "it bought nothing"
    assert isinstance(site.leave(grant), Left)
    wait_raised(site, A, is_raised=False)
    assert site.send_down(1, 5) == 0, "the lobby and nothing else from now on"
    assert site.house.slice(A).max_prb == 1, "the lobby and no more until the next"
    wait_until(lambda: reported_down_bytes(site, grant.grant_id) >= sent, "every octet is reported", 15)
    assert reported_down_bytes(site, grant.grant_id) <= sent + 3_000, "the lobby's answers, and no more"
    site.box.wait_for_status("enrolled", True)
    ledger = site.box.ledger
    verdict = verify_chain(ledger.unique_evidence(), ledger.enrolment, {grant.grant_id: grant}.get)
    assert not verdict.failures


def test_whoever_flushes_the_gate_is_told_and_it_stands_again(site):
    """As some other program does with `nft flush ruleset`; seen when the next one comes or goes."""
    grant = site.box.grant()
    assert isinstance(site.join(grant), Joined)
    assert site.send_down(2, 5) == 0, "it bought nothing"
    site.box.namespace.run(["nft", "delete", "table", "inet", "airgrant_cell_gate"])
    assert site.send_down(2, 5) > 0
    assert isinstance(site.leave(grant), Left)
    wait_for_note(site, "confine_failed")
    wait_until(lambda: site.send_down(2, 5) == 0, "the gate stands again", 15)
    assert site.send_down(1, 5) == 0, "nor has the one that left anything but the lobby"


def test_a_device_behind_a_modem_buys_and_leaves(site, tmp_path):
    """It asks the box at its address, names its own, and its slice is raised."""
    wallet = new_wallet(site, tmp_path)
    way = Way("wlan0", Over.LOBBY, cell=ip_address(BOX_ADDRESS))
    with site.box.station.call(lambda: buy(wallet, way, Wish(QOS.floor_down_bps, 0))) as session:
        assert session.station == ue_address(1)
        assert raised(site, A)
        assert session.price_ubc == 1_000
        site.box.station.call(session.leave)
    wait_raised(site, A, is_raised=False)


def test_a_device_comes_back_with_what_it_paid_for(site, tmp_path):
    wallet = new_wallet(site, tmp_path)
    ledger = site.box.ledger
    grant = write_grant(replace(site.box.grant(), consumer=wallet.account), ledger.key, ledger.ledger_id)
    way = Way("wlan0", Over.LOBBY, cell=ip_address(BOX_ADDRESS))
    with site.box.station.call(lambda: rejoin(wallet, way, grant)) as session:
        assert session.price_ubc is None
        assert raised(site, A)


def new_wallet(site: CellSite, folder):
    """Of a buyer whom the ledger knows."""
    ledger = site.box.ledger
    wallet = create_wallet(folder / "wallet.pem", PinnedLedger(ledger.key.public, ledger.ledger_id))
    ledger.accounts.append(wallet.account)
    return wallet


def test_what_a_gnbs_file_has_to_say_to_broadcast_the_offer(site):
    words = [sys.executable, "-m", "apd", "sib", str(site.box.config)]
    said = subprocess.run(words, capture_output=True, text=True, timeout=30, check=True).stdout
    cmas = yaml.safe_load(said)["cell_cfg"]["sib"]["cmas"]
    assert cmas["message_id"] in OWN
    assert 200 < len(cmas["warning_message"]) < 400


def test_a_gnb_that_restarts_in_mid_session_is_told_again(site):
    assert isinstance(site.join(site.box.grant()), Joined)
    site.house.run(site.house.gnb.restart(0.5))
    assert not raised(site, A), "it has forgotten"
    wait_raised(site, A)
    assert site.box.status()["sessions"][0]["phase"] == "active"


def test_killed_and_started_again_it_serves_the_same_slot_and_counts_on(site):
    grant = site.box.grant()
    assert isinstance(site.join(grant), Joined)
    sent = site.send_down(1, 20)
    site.box.process.kill()
    assert raised(site, A), "the gNB keeps what it was told"
    sent += site.send_down(1, 20)
    site.box.start()
    wait_for_note(site, "gnb_connected")
    assert raised(site, A)
    assert isinstance(site.join(grant), Joined)
    assert site.house.slice(B).max_prb == 1, "what it takes to speak to the lobby"
    assert isinstance(site.leave(grant), Left)
    wait_until(lambda: reported_down_bytes(site, grant.grant_id) >= sent, "every octet is reported", 15)


def test_a_source_address_that_is_not_the_named_one_is_refused(site):
    refused = site.join(site.box.grant(), 2, named=ue_address(1))
    assert reason(refused) == "address_differs"
    assert not raised(site, A)


def test_without_a_store_that_answers_nobody_is_moved(site):
    site.house.attach(3, LOBBY)
    answer = site.join(site.box.grant(), 3)
    if reason(answer) == "ue_unknown":  # it came between two looks at the core's lists
        answer = site.join(site.box.grant(), 3)
    assert reason(answer) == "core_unreachable"


def test_a_ue_that_the_core_does_not_know_is_refused(site):
    assert reason(site.join(site.box.grant(), 3)) == "ue_unknown"


def test_a_ue_that_has_just_gone_is_served_until_the_next_look_and_no_longer(site):
    """The core's lists are a second old."""
    site.house.detach(1)
    if isinstance(site.join(site.box.grant(), 1), Joined):
        wait_raised(site, A, is_raised=False)


def test_a_ue_that_leaves_the_core_loses_its_slot(site):
    assert isinstance(site.join(site.box.grant()), Joined)
    site.house.detach(1)
    wait_raised(site, A, is_raised=False)
    assert site.box.status()["sessions"][0]["reason"] == "station_left"


def test_the_share_holds_when_the_core_has_no_flow_and_the_operator_is_told(site):
    """No store of subscribers answers, so that no rule can be had."""
    assert isinstance(site.join(site.box.grant()), Joined)
    wait_for_note(site, "no_guaranteed_flow")
    assert raised(site, A)


def test_a_full_cell_refuses_who_comes_with_an_old_grant(site):
    large = replace(QOS, floor_down_bps=60_000_000, ceil_down_bps=60_000_000)
    assert isinstance(site.join(site.box.grant(), 1), Joined)
    assert reason(site.join(site.box.grant(2, qos=large), 2)) == "no_capacity"
    assert site.house.slice(B).max_prb == 1, "what it takes to speak to the lobby"
    assert raised(site, A)


def guaranteed(site: CellSite, session) -> list[tuple[int, int]]:
    """Of each flow that the SMF would set up."""
    return [(flow.gbr_down_bps, flow.gbr_up_bps) for flow in site.house.pcf.flows(session)]


@pytest.fixture
def stored_site(tmp_path, needs, go_program):
    """The same with a store of subscribers, who are all in the lobby's slice."""
    needs(*PROGRAMS)
    go_program("ferretdb")
    with cell_site(tmp_path, settings=QUICK, store=True) as made:
        for number in (1, 2):
            made.house.attach(number, LOBBY)
        made.box.start()
        made.box.wait_until_it_sells()
        wait_for_note(made, "core_connected")
        wait_for_note(made, "gnb_connected")
        yield made


def test_from_the_lobbys_slice_into_a_slot_with_a_flow_and_home_again(stored_site):
    site, grant = stored_site, stored_site.box.grant()
    refused = site.join(grant)
    assert reason(refused) == "other_slice"
    assert "register again" in refused.detail
    assert slice_of_document(site, 1) == "000001"
    site.house.attach(1, A)  # it registered again
    answer = site.join(grant)
    while isinstance(answer, Refused) and answer.reason == "other_slice":  # the lists are a second old
        answer = site.join(grant)
    assert isinstance(answer, Joined)
    assert raised(site, A)
    session = next(one for one in site.house.pcf.sessions if one.ipv4 == str(ue_address(1)))
    wait_until(
        lambda: any(flow.gbr_down_bps == QOS.floor_down_bps for flow in site.house.pcf.flows(session)),
        "a flow",
        15,
    )
    assert isinstance(site.leave(grant), Left)
    wait_raised(site, A, is_raised=False)
    wait_until(lambda: slice_of_document(site, 1) == "0000bb", "the way home", 15)
    wait_until(lambda: site.house.pcf.app_sessions == 0, "the end of the flow", 15)
