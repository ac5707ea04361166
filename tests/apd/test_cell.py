"""Slots follow sessions: raised when sold, in force when gNB and kernel say so, blocked again at the end."""

import json
import subprocess
import sys
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest

from apd.cell import check, hear, last_words, remember_bought
from apd.commands import SignOffer, SubmitTransaction, TellGnb
from apd.events import (
    CountersRead,
    DeadlineReached,
    GnbHeard,
    InstallFailed,
    OfferSigned,
    OfferStateReceived,
)
from apd.promises import Reserved, reserved
from apd.session import EndReason, Phase, Usage
from nas_tunnel.lobby import Joined, Purchase, Refused
from ran_slicing.cell_events import GnbSaid
from ran_slicing.controller import CellFull, Promise, admit
from ran_slicing.core_info import Radio
from ran_slicing.gnb import SendText
from ran_slicing.probe import Probe
from ran_slicing.share import with_headers
from ran_slicing.slots import Slot, new_pool
from ran_slicing.snssai import Snssai
from tests.apd.cell_world import (
    IDLE,
    OTHER_SUPI,
    OTHER_UE,
    RNTI,
    SUPI,
    A,
    B,
    address,
    cell_box,
    stay,
)
from tests.apd.playbook import heard, seconds
from tests.apd.world import PROVIDER, QOS, grant, purchase, signed_grant, signed_state
from tests.ran_slicing.metrics_examples import report, ue_entry
from wire.errors import ShellError
from wire.offer import write_offer

ROOT = Path(__file__).parents[2]


@pytest.fixture
def cell():
    """A UE in slot A, another in slot B."""
    made = cell_box()
    made.stays = [stay(), stay(B, OTHER_UE, OTHER_SUPI)]
    made.look()
    return made


def test_slots_that_nobody_bought_are_blocked(cell):
    assert cell.ratios == {A: IDLE, B: IDLE}


def test_a_grant_raises_the_slot_of_its_ue_and_no_other(cell):
    assert isinstance(cell.join(), Joined)
    assert cell.session().phase is Phase.ACTIVE
    assert cell.ratios[A].min_prb_policy_ratio > 0
    assert cell.ratios[B] == IDLE


def test_without_the_gnbs_word_nobody_is_in(cell):
    cell.answers = False
    assert cell.join() is None
    assert cell.session().phase is Phase.ADMITTED
    cell.answers = True
    cell.connect()
    assert isinstance(cell.told[-1], Joined)
    assert cell.session().phase is Phase.ACTIVE


def test_the_answer_to_what_an_unsold_slot_is_given_is_not_taken_for_the_share(cell):
    """It was under way when the slot was sold."""
    cell.answers = False
    cell.connect()
    del cell.box.ordered[:]
    cell.join()
    reply = json.dumps({"cmd": "rrm_policy_ratio_set", "timestamp": "t"}).encode()
    cell.feed(GnbHeard(GnbSaid(reply)))
    assert cell.session().phase is Phase.ADMITTED
    told = [one.what for one in cell.box.ordered if isinstance(one, TellGnb)]
    asked = [json.loads(one.text) for one in told if isinstance(one, SendText)]
    ratios = [
        one["policies"]["min_prb_policy_ratio"] for one in asked if one["cmd"] == "rrm_policy_ratio_set"
    ]
    assert ratios, "the share is asked for next"
    assert ratios[0] > 0
    cell.feed(GnbHeard(GnbSaid(reply)))
    assert cell.session().phase is Phase.ACTIVE


def test_a_gnb_that_is_away_too_long_is_told_to_who_waits(cell):
    cell.lose()
    cell.ratios = {}
    assert cell.join() is None
    cell.pass_s(9)
    assert isinstance(cell.told[-1], Refused)
    assert cell.told[-1].reason == "shaper_failed"
    assert cell.session().phase is Phase.CLOSED
    assert cell.counters == {}
    assert "install_failed" in cell.noted()
    cell.connect()
    assert cell.ratios[A] == IDLE
    assert isinstance(cell.join(), Joined), "and it may ask again"


def test_a_kernel_that_would_not_count_is_an_end_of_it(cell):
    cell.answers = False
    cell.join()
    grant_id = cell.session().grant_id
    cell.box.state = replace(cell.box.state, cell=replace(cell.box.state.on_cell, counted=frozenset()))
    cell.feed(InstallFailed(grant_id, ShellError("count", "EEXIST")))
    assert cell.told[-1].reason == "shaper_failed"
    cell.answers = True
    cell.connect()
    assert cell.ratios[A] == IDLE


def test_at_the_end_the_slot_is_blocked(cell):
    cell.join()
    cell.pass_s(1)
    cell.box.pass_time(seconds(600))
    cell.pass_s(0.1)
    assert cell.session().reason is EndReason.TIME_UP
    assert cell.ratios[A] == IDLE
    assert cell.counters == {}


def test_a_data_cap_that_is_used_up_blocks_the_slot(cell):
    made = grant(qos=replace(QOS, data_cap_bytes=1_000_000))
    assert isinstance(cell.join(made), Joined)
    slot = cell.session(made).slot
    cell.counters[slot] = Usage(900_000, 200_000, 900_000, 200_000)
    cell.feed(CountersRead(dict(cell.counters)))
    assert cell.session(made).reason is EndReason.DATA_CAP_USED
    assert cell.ratios[A] == IDLE


def test_a_gnb_that_restarted_is_told_again_and_the_session_goes_on(cell):
    cell.join()
    before = cell.ratios[A]
    cell.lose()
    cell.connect()
    assert cell.ratios[A].min_prb_policy_ratio == before.min_prb_policy_ratio
    assert cell.session().phase is Phase.ACTIVE


def test_a_restarted_daemon_sells_the_same_slot_before_it_blocks_the_others(cell):
    cell.join()
    stored = cell.session()
    assert stored.place.startswith("1-00a600 imsi-001010000000001 internet")
    again = cell_box(sessions=(stored,), now=cell.box.now)
    assert again.ratios[A].min_prb_policy_ratio > 0
    assert again.ratios[B] == IDLE
    assert again.session().phase is Phase.ACTIVE


def test_a_floor_that_does_not_fit_is_refused_before_it_is_paid(cell):
    big = replace(QOS, floor_down_bps=60_000_000, ceil_down_bps=60_000_000)
    _offer(cell, big)
    cell.told.clear()
    cell.feed(heard(Purchase(purchase(epoch=4).envelope.encoded), address()))
    assert cell.told[-1].reason == "no_capacity"
    assert "resource blocks" in cell.told[-1].detail
    assert not [one for one in cell.box.ordered if isinstance(one, SubmitTransaction)]


def come(cell, **link):
    """The first UE connects anew, and is heard of for two seconds."""
    cell.radios = {}
    cell.pass_s(5.5)
    cell.look()
    cell.pass_s(0.1)
    cell.box.pass_time(seconds(0.1))
    cell.report(ue_entry(RNTI, **link))
    cell.radios = {SUPI: Radio(411, 0, 7, 7)}
    cell.look()
    for _ in range(20):
        cell.box.pass_time(seconds(0.1))
        cell.report(ue_entry(RNTI, **link))


WEAK = {"dl_mcs": 0, "dl_nof_ok": 99, "dl_nof_nok": 0, "dl_brate": 300_000.0, "dl_bs": 400_000}


def test_a_floor_that_does_not_fit_by_the_ues_own_link_is_refused_before_it_is_paid(cell):
    """By the reference it would."""
    come(cell, **WEAK)
    cell.told.clear()
    cell.feed(heard(Purchase(purchase(1).envelope.encoded), address()))
    assert cell.told[-1].reason == "no_capacity"
    assert cell.told[-1].detail.endswith("by this UE's link")
    cell.told.clear()
    cell.feed(heard(Purchase(purchase(2).envelope.encoded), address(OTHER_UE)))
    assert cell.told == [], "relayed: of the other nothing is known"


def test_what_was_bought_here_and_does_not_fit_by_the_ues_own_link_is_owed(cell):
    cell.box.state = remember_bought(cell.box.state, [signed_grant(grant())], cell.box.now)
    come(cell, **WEAK)
    assert cell.join().reason == "no_capacity"
    assert "turned_away" in cell.noted()
    assert cell.session().reason is EndReason.NO_ROOM


def test_a_link_that_shows_too_late_ends_the_session_and_the_rest_is_owed(cell):
    assert isinstance(cell.join(), Joined)
    come(cell, **WEAK)
    assert cell.session().phase is Phase.ACTIVE, "it was only seen to come: nothing was sent to it yet"
    slot = cell.session().slot
    for second in range(1, 4):
        for _ in range(10):
            cell.box.pass_time(seconds(0.1))
            cell.report(ue_entry(RNTI, **WEAK | {"dl_brate": 490_000.0, "dl_bs": 0}))
        cell.counters[slot] = Usage(second * 60_000, 0, second * 60_000, 0)
        cell.feed(CountersRead(dict(cell.counters)))
    cell.report(ue_entry(RNTI, **WEAK))
    cell.feed(DeadlineReached())
    session = cell.session()
    assert (session.phase, session.reason) == (Phase.CLOSED, EndReason.NO_ROOM)
    assert cell.ratios[A] == IDLE
    assert "slot_refused" in cell.noted()
    owed = session.missed(cell.box.now.mono_ns + 10**10).used.down_shortfall_bytes
    assert owed - session.used.down_shortfall_bytes >= 2_000_000 * 10 // 8


def test_a_good_link_that_shows_later_changes_nothing(cell):
    assert isinstance(cell.join(), Joined)
    come(cell, dl_mcs=20, dl_nof_ok=99, dl_nof_nok=0, dl_brate=2_000_000.0, dl_bs=0)
    assert cell.session().phase is Phase.ACTIVE
    assert cell.box.state.on_cell.ran.joined.slot_of == {RNTI: A}


def _offer(cell, qos):
    cell.feed(OfferStateReceived(signed_state(height=11, epoch=4, qos=qos)))
    offer = cell.box.last(SignOffer).offer
    cell.feed(OfferSigned(write_offer(offer, PROVIDER), offer.expires_s))


def test_two_buyers_do_not_buy_the_last_slot_before_either_has_joined(cell):
    cell.join()
    cell.told.clear()
    cell.feed(heard(Purchase(purchase(1).envelope.encoded), address(OTHER_UE)))
    assert cell.told == [], "relayed: it is in the slot that is free"
    cell.feed(heard(Purchase(purchase(2).envelope.encoded), address(OTHER_UE)))
    assert cell.told[-1].reason == "no_capacity"


def test_a_slot_in_which_somebodys_ue_still_is_is_not_for_sale_to_others(cell):
    cell.join()
    cell.told.clear()
    cell.feed(heard(Purchase(purchase(1).envelope.encoded), address(ip_address("10.45.0.9"))))
    assert cell.told[-1].reason == "no_capacity"
    cell.stays.pop()
    cell.look()
    cell.told.clear()
    cell.feed(heard(Purchase(purchase(1).envelope.encoded), address(ip_address("10.45.0.9"))))
    assert cell.told == [], "it has left"


@pytest.mark.parametrize("floor_bps", [100_000, 800_000, 1_000_000, 1_400_000])
def test_what_is_bought_and_has_not_joined_fits_to_the_last_resource_block(floor_bps):
    """Each floor is rounded up to whole blocks by itself."""
    slots = tuple(f"1-00a6{number:02x}" for number in range(2))
    state = cell_box(sell_ratio=20, slots=slots).box.state
    many = new_pool(Slot(Snssai(1, 0xA600 + number)) for number in range(32))
    state = replace(state, cell=replace(state.on_cell, ran=state.on_cell.ran._replace(pool=many)))
    qos, bought = replace(QOS, floor_down_bps=floor_bps, floor_up_bps=0), 0
    while check(state, qos, Reserved(bought * floor_bps, 0, bought, (qos,) * bought)) is None:
        bought += 1
    loop, held = state.on_cell.ran.controller, 0
    while not isinstance(
        more := admit(loop, Promise(many.free[held], with_headers(floor_bps, 20_000)), 0), CellFull
    ):
        loop, held = more, held + 1
    assert bought == held > 0


def test_what_was_bought_here_is_let_in_though_links_have_become_worse_and_who_comes_late_is_owed(cell):
    kept, late = grant(), grant(2)
    cell.box.state = remember_bought(cell.box.state, [signed_grant(kept), signed_grant(late)], cell.box.now)
    assert reserved(cell.box.state, cell.box.now).sessions == 2
    full = replace(cell.box.state.on_cell.ran.controller.settings, sell_ratio=1)
    loop = cell.box.state.on_cell.ran.controller._replace(settings=full)
    here = cell.box.state.on_cell
    cell.box.state = replace(cell.box.state, cell=replace(here, ran=here.ran._replace(controller=loop)))
    assert isinstance(cell.join(kept), Joined)
    cell.pass_s(61)
    assert reserved(cell.box.state, cell.box.now).sessions == 0
    assert cell.join(late, OTHER_UE).reason == "no_capacity"
    assert "turned_away" in cell.noted()
    away = cell.session(late)
    assert away.reason is EndReason.NO_ROOM
    assert away.missed(cell.box.now.mono_ns + 10**10).used.down_shortfall_bytes >= 2_000_000 * 10 // 8


def test_a_grant_that_was_not_bought_here_is_owed_nothing(cell):
    large = replace(QOS, floor_down_bps=40_000_000, ceil_down_bps=40_000_000)
    assert cell.join(grant(2, qos=large)).reason == "no_capacity"
    assert "turned_away" not in cell.noted()


def test_a_floor_of_the_uplink_is_in_the_share(cell):
    """The dearer direction decides: 1.5 Mbit/s up need more blocks than 2 Mbit/s down, of the reference."""
    cell.join(grant(2, qos=replace(QOS, floor_up_bps=0)), OTHER_UE)
    cell.join(grant(1, qos=replace(QOS, floor_up_bps=1_500_000)))
    assert cell.box.state.on_cell.ran.controller.slices[A].promise.floor_up_bps == 1_530_000
    assert cell.ratios[A].min_prb_policy_ratio > cell.ratios[B].min_prb_policy_ratio


def test_a_floor_of_the_uplink_that_does_not_fit_or_is_not_known_is_refused_before_it_is_paid(cell):
    up = replace(QOS, floor_up_bps=19_000_000, ceil_up_bps=19_000_000)
    _offer(cell, up)
    cell.told.clear()
    cell.feed(heard(Purchase(purchase(epoch=4).envelope.encoded), address()))
    assert cell.told[-1].reason == "no_capacity"
    assert "resource blocks" in cell.told[-1].detail
    unknown = cell_box(prbs=51, downlink_slots_per_s=1_400).box.state
    refused = check(unknown, QOS)
    assert refused is not None
    assert "uplink" in refused.detail
    assert check(unknown, replace(QOS, floor_up_bps=0)) is None


def test_a_join_for_which_the_cell_has_no_room_costs_nothing_more(cell):
    """It was bought elsewhere, or long ago."""
    large = replace(QOS, floor_down_bps=40_000_000, ceil_down_bps=40_000_000)
    refused = cell.join(grant(2, qos=large))
    assert isinstance(refused, Refused)
    assert refused.reason == "no_capacity"
    assert cell.ratios[A] == IDLE
    assert isinstance(cell.join(), Joined)


def test_what_waited_and_did_not_come_is_a_shortfall(cell):
    """The kernel hands the user plane 2.1 Mbit/s; from the tenth second on the gNB sends 1.85 of the 2.0 promised."""
    cell.join()
    slot = cell.session().slot
    for tenth in range(1, 301):
        cell.box.pass_time(seconds(0.1))
        if tenth % 10 == 0:
            cell.counters[slot] = Usage(tenth * 26_250, 1_000, tenth * 26_250, 1_000)
            cell.feed(CountersRead(dict(cell.counters)))
        keeps_up = tenth <= 100
        rate_bps = (2_100_000 if keeps_up else 1_850_000) * 1.02
        cell.report(ue_entry(RNTI, dl_brate=rate_bps, dl_bs=0 if keeps_up else 400_000))
        cell.feed(DeadlineReached())
    used = cell.session().used
    assert used.down_bytes == 300 * 26_250
    missed_s = used.down_shortfall_bytes * 8 / 150_000
    assert 14 <= missed_s <= 20.1, "whole intervals, in which data waited at both ends"
    assert used.up_shortfall_bytes == 0


def test_a_ue_that_nobody_found_in_the_metrics_is_not_judged(cell):
    cell.join()
    cell.pass_s(12)
    assert cell.session().used.down_shortfall_bytes == 0


def test_garbage_from_the_gnb_is_told_once(cell):
    cell.feed(GnbHeard(GnbSaid(b"\xff")))
    cell.feed(GnbHeard(GnbSaid(b"{}[")))
    cell.feed(GnbHeard(GnbSaid(json.dumps(report()).encode())))
    assert cell.noted().count("gnb_garbage") == 1


def test_a_box_without_a_cell_loads_nothing_of_it():
    lines = "import sys, apd.config, apd.daemon, apd.core; import apd.shells.store, tc_shaper.kernel"
    tell = "print([name for name in sys.modules if name.startswith(('ran_slicing', 'apd.cell', 'apd.shells.cell'))])"
    command = [sys.executable, "-c", f"{lines}; {tell}"]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_daemon_that_ends_tells_the_gnb_that_no_slot_is_paused(cell):
    assert isinstance(cell.join(), Joined)
    assert last_words(cell.box.state, cell.box.now) == []
    here = cell.box.state.on_cell
    pause = Probe(A, cell.box.now.mono_ns, {})
    paused = replace(cell.box.state, cell=replace(here, ran=here.ran._replace(pause=pause)))
    paused = hear(paused, GnbSaid(b"{}"), cell.box.now)[0]
    (said,) = last_words(paused, cell.box.now)
    assert isinstance(said, TellGnb)
    assert isinstance(said.what, SendText)
    assert json.loads(said.what.text)["policies"]["min_prb_policy_ratio"] > 0
