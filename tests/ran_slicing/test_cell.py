"""The whole cell: >> events, << commands, with a gNB that answers by the book or does not."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ran_slicing.cell import State, end_pause, next_deadline_ns, start, step
from ran_slicing.cell_commands import GrantSlot, Note, RefuseSlot, ReportRatio
from ran_slicing.cell_events import (
    DeadlineReached,
    GnbConnected,
    GnbLost,
    GnbSaid,
    GrantsCounted,
    SliceEnded,
    SliceSold,
    UesListed,
)
from ran_slicing.core_info import Listed, Radio
from ran_slicing.gnb import PING_NS, REPLY_NS, Reconnect, SendText
from ran_slicing.gnb_config import read_gnb_files
from ran_slicing.probe import GIVE_UP_NS
from ran_slicing.settings import CellSettings
from ran_slicing.share import PAUSED, Ratio
from ran_slicing.snssai import Snssai
from tests.ran_slicing.gnb_files import SOUND
from tests.ran_slicing.metrics_examples import report, ue_entry
from wire.errors import ConfigError
from wire.units import Now

A, B = Snssai(1, 0xA600), Snssai(1, 0xA601)
ONE, TWO, THREE = b"grant one", b"grant two", b"grant three"
X, Y = 0x4601, 0x4602
ONE_TIER = SOUND.replace("priority: 7", "priority: 0")
MS = 1_000_000


def settings(**changes):
    return CellSettings(**{"gnb_files": (Path("gnb.yml"),), "slots": ("1-00a600", "1-00a601")} | changes)


@dataclass
class Cell:
    """A cell under test, and a gNB that takes everything unless it is told not to answer."""

    state: State
    now_ns: int = 0
    answers: bool = True
    ratios: dict = field(default_factory=dict)
    subscribed: bool = False
    requests: int = 0

    def __rshift__(self, event):
        """One event; the commands, those to the gNB obeyed."""
        self.state, commands = step(self.state, event, Now(self.now_ns, 0))
        said = list(commands)
        for command in commands:
            if isinstance(command, SendText):
                said += self.obey(json.loads(command.text))
        return [command for command in said if not isinstance(command, SendText)]

    def obey(self, request):
        self.requests += 1
        if not self.answers:
            return []
        if request["cmd"] == "metrics_subscribe":
            self.subscribed = True
        else:
            policies = request["policies"]
            pair = Ratio(policies["min_prb_policy_ratio"], policies["max_prb_policy_ratio"])
            for member in policies["rRMPolicyMemberList"]:
                self.ratios[Snssai(member["sst"], member.get("sd"))] = pair
        return self >> GnbSaid(json.dumps({"cmd": request["cmd"], "timestamp": "t"}).encode())

    def report(self, *ues, ms=100, events=None):
        """Metrics, a period later."""
        self.now_ns += ms * MS
        return self >> GnbSaid(json.dumps(report(*ues, events=events)).encode())


def new_cell(text=ONE_TIER, **changes):
    config, findings = read_gnb_files([("gnb.yml", text)])
    assert findings == ()
    return Cell(start(settings(**changes), config))


@pytest.fixture
def cell():
    made = new_cell()
    made >> GnbConnected()
    return made


def notes(commands):
    return [command.kind for command in commands if isinstance(command, Note)]


def test_slots_that_nobody_bought_are_blocked(cell):
    assert cell.ratios == {A: PAUSED, B: PAUSED}
    assert cell.subscribed


def test_or_get_what_the_operator_allows():
    cell = new_cell(idle_max_prb_policy_ratio=5)
    cell >> GnbConnected()
    assert cell.ratios == {A: Ratio(0, 5), B: Ratio(0, 5)}


def test_a_sale_from_slot_to_share(cell):
    said = cell >> SliceSold(ONE, 2_000_000, 4_000_000)
    assert said[0] == GrantSlot(ONE, A)
    assert cell.ratios[A].min_prb_policy_ratio > 0
    assert cell.ratios[A].max_prb_policy_ratio > cell.ratios[A].min_prb_policy_ratio
    assert said[1:] == [ReportRatio(ONE, cell.ratios[A], 0)]


def test_the_end_of_a_sale_blocks_the_slot_and_frees_it(cell):
    cell >> SliceSold(ONE, 2_000_000)
    cell >> SliceEnded(ONE)
    assert cell.ratios[A] == PAUSED
    cell >> SliceSold(TWO, 2_000_000)
    assert (cell >> SliceSold(THREE, 2_000_000))[0] == GrantSlot(THREE, A)


def test_the_slot_in_which_a_ue_is(cell):
    assert (cell >> SliceSold(ONE, 2_000_000, snssai=B))[0] == GrantSlot(ONE, B)
    (refused,) = cell >> SliceSold(TWO, 2_000_000, snssai=B)
    assert refused == RefuseSlot(TWO, "no_slot: slot 1-00a601 is held by another")


def test_no_slot_and_no_room():
    """A tier is a priority in the gNB's file, which cannot be changed while it runs."""
    cell = new_cell(SOUND)
    cell >> GnbConnected()
    assert (cell >> SliceSold(ONE, 9_000_000, tier=7))[0] == GrantSlot(ONE, A)
    (refused,) = cell >> SliceSold(TWO, 9_000_000)
    assert isinstance(refused, RefuseSlot)
    assert refused.reason.startswith("no_prb: needs ")
    (refused,) = cell >> SliceSold(TWO, 1_000_000, tier=7)
    assert refused == RefuseSlot(TWO, "no_slot: all 1 slots of tier 7 are held")
    assert (cell >> SliceSold(TWO, 1_000_000, snssai=B))[0] == GrantSlot(TWO, B)


def test_what_was_sold_before_has_its_place_and_the_operator_hears_that_it_is_too_much(cell):
    cell >> SliceSold(ONE, 9_000_000, snssai=A, resumed=True)
    said = cell >> SliceSold(TWO, 9_000_000, snssai=B, resumed=True)
    assert said[0] == GrantSlot(TWO, B)
    assert "cell_overbooked" in notes(said)
    assert notes(cell >> SliceEnded(ONE)) == ["cell_fits_again"]


def test_events_about_grants_that_nobody_has(cell):
    assert (cell >> SliceEnded(ONE)) == []
    cell >> GrantsCounted(((ONE, 5),))
    assert cell.state.counted == {}


def test_a_gnb_that_comes_back_is_told_everything(cell):
    cell >> SliceSold(ONE, 2_000_000)
    wanted = dict(cell.ratios)
    assert notes(cell >> GnbLost("it hung up")) == ["gnb_lost"]
    cell.ratios.clear()
    cell >> SliceSold(TWO, 1_000_000)
    assert cell.ratios == {}
    assert notes(cell >> GnbConnected())[:1] == ["gnb_connected"]
    assert cell.ratios[A] == wanted[A]
    assert cell.ratios[B].min_prb_policy_ratio > 0


def test_slots_of_which_no_metrics_tell_are_told_again_with_each_keepalive(cell):
    """The gNB said yes to the block, and forgot it."""
    cell >> SliceSold(ONE, 2_000_000, snssai=B, rnti=X)
    cell.report(ue_entry(X))
    del cell.ratios[A]
    cell.now_ns = PING_NS - 2 * MS
    cell.report(ue_entry(X), ms=1)
    cell >> DeadlineReached()
    assert A not in cell.ratios
    cell.report(ue_entry(X), ms=1)
    cell >> DeadlineReached()
    assert cell.ratios[A] == PAUSED


def test_a_gnb_that_does_not_answer_is_left():
    cell = new_cell()
    cell.answers = False
    cell >> GnbConnected()
    cell.now_ns = next_deadline_ns(cell.state)
    assert cell.now_ns == REPLY_NS
    said = cell >> DeadlineReached()
    assert Reconnect("no answer to rrm_policy_ratio_set") in said
    assert next_deadline_ns(cell.state) is None


def test_a_worse_link_gets_a_larger_share(cell):
    cell >> SliceSold(ONE, 2_000_000, 2_000_000, rnti=X)
    before = cell.ratios[A].min_prb_policy_ratio
    for _ in range(10):
        cell.report(ue_entry(X, dl_mcs=3, dl_brate=500_000.0, dl_bs=10**6))
    assert cell.ratios[A].min_prb_policy_ratio > before


def test_a_ue_that_nobody_joined_changes_nothing(cell):
    cell >> SliceSold(ONE, 2_000_000, 2_000_000)
    before = cell.ratios[A]
    for _ in range(10):
        cell.report(ue_entry(X, dl_mcs=3, dl_brate=500_000.0, dl_bs=10**6))
    assert cell.ratios[A] == before


def test_bytes_join_a_ue(cell):
    cell >> SliceSold(ONE, 2_000_000, 2_000_000)
    octets = 0
    for _ in range(7):
        for _ in range(10):
            cell.report(ue_entry(X, dl_brate=2_040_000.0), ue_entry(Y, dl_brate=7_000_000.0))
        octets += 250_000
        cell >> GrantsCounted(((ONE, octets),))
    assert cell.state.joined.slot_of == {X: A}
    cell.report(ue_entry(Y), events=[{"slot": 1, "rnti": X, "event_type": "ue_rem"}])
    assert cell.state.joined.slot_of == {}


def a_window(cell, octets, *ues):
    """A second of reports, and what the box sent to the first grant by then."""
    for _ in range(10):
        cell.report(*ues)
    return cell >> GrantsCounted(((ONE, octets),))


def test_a_ue_that_is_not_found_is_served_blindly_and_the_operator_hears_of_it_once(cell):
    """No UE of the metrics fits: one is sent next to nothing, data does not wait for the other."""
    cell >> SliceSold(ONE, 1_000_000, 1_000_000)
    sold = cell.ratios[A].min_prb_policy_ratio
    strangers = ue_entry(X, dl_brate=5_000.0, dl_bs=0), ue_entry(Y, dl_brate=9_000_000.0, dl_bs=0)
    heard = [kind for index in range(20) for kind in notes(a_window(cell, 200_000 * index, *strangers))]
    assert heard == ["ue_unknown_to_gnb"]
    assert cell.state.joined.slot_of == {}
    assert cell.ratios[A].min_prb_policy_ratio > 2 * sold
    assert cell.ratios[A].min_prb_policy_ratio <= cell.state.settings.keep_ratio
    assert cell.state.controller.booked_prb == cell.state.controller.slices[A].admitted_prb
    found = ue_entry(X, dl_brate=1_640_000.0, dl_bs=0)
    for index in range(20, 40):
        a_window(cell, 200_000 * index, found, strangers[1])
    assert cell.state.joined.slot_of == {X: A}
    assert cell.ratios[A].min_prb_policy_ratio <= sold
    assert cell.state.unknown == {}


@pytest.mark.parametrize(("floor_bps", "octets"), [(1_000_000, 10_000), (0, 200_000)])
def test_a_slot_that_does_not_ask_for_its_floor_is_left_as_it_was_sold(cell, floor_bps, octets):
    cell >> SliceSold(ONE, floor_bps)
    sold = cell.ratios[A]
    for index in range(20):
        assert a_window(cell, octets * index, ue_entry(X, dl_brate=9_000_000.0, dl_bs=0)) == []
    assert cell.ratios[A] == sold


def test_windows_of_which_the_gnb_said_nothing_say_nothing(cell):
    cell >> SliceSold(ONE, 1_000_000)
    a_window(cell, 0, ue_entry(X))
    for index in range(1, 20):
        assert (cell >> GrantsCounted(((ONE, 200_000 * index),))) == []
    assert (cell.state.unknown, dict(cell.state.joined.fits)) == ({}, {})


def test_a_ue_for_which_more_is_sent_than_it_gets_is_found_and_keeps_its_slot(cell):
    """50 Mbit/s are sent, a fraction arrives: by the share that it uses it can only be X."""
    cell >> SliceSold(ONE, 1_000_000, 1_000_000)
    badly = {"dl_mcs": 5, "dl_nof_ok": 99, "dl_nof_nok": 0, "dl_bs": 300_000}
    slots_per_s = cell.state.controller.shape.downlink_slots_per_s
    for index in range(8):
        for _ in range(10):
            used_bps = 170.0 * cell.state.controller.slices[A].prb * slots_per_s
            cell.report(ue_entry(X, dl_brate=used_bps, **badly), ue_entry(Y, dl_brate=120_000.0, **badly))
        cell >> GrantsCounted(((ONE, 6_250_000 * index),))
    assert cell.state.joined.slot_of == {X: A}


def test_a_gnb_that_was_away_gives_the_same_rntis_to_others(cell):
    cell >> SliceSold(ONE, 2_000_000, rnti=X)
    for _ in range(11):
        cell.report(ue_entry(X, dl_brate=2_000_000.0, dl_bs=77))
    cell >> GnbLost("it hung up")
    cell >> GnbConnected()
    assert cell.state.joined.slot_of == {}
    share = cell.ratios[A]
    for _ in range(50):
        cell.report(ue_entry(X, dl_brate=9e6, dl_mcs=2, dl_bs=900_000))
    assert cell.ratios[A].min_prb_policy_ratio <= share.min_prb_policy_ratio
    delivery = cell.state.deliveries[ONE]
    assert (delivery.bits, delivery.waiting_bytes) == (2_000_000, 0)


def test_a_floor_of_the_uplink(cell):
    cell >> SliceSold(ONE, 500_000, floor_up_bps=2_000_000, rnti=X)
    more = cell.ratios[A].min_prb_policy_ratio
    for _ in range(10):
        cell.report(ue_entry(X, dl_brate=500_000.0, dl_bs=0, ul_mcs=2, ul_brate=300_000.0, bsr=10**6))
    assert cell.ratios[A].min_prb_policy_ratio > more


def test_a_known_ue_is_weighed_by_its_own_link(cell):
    for _ in range(20):
        cell.report(ue_entry(X, dl_mcs=27, dl_nof_ok=99, dl_nof_nok=0))
    cell >> SliceSold(ONE, 2_000_000, rnti=X)
    cell >> SliceSold(TWO, 2_000_000)
    assert cell.ratios[A].min_prb_policy_ratio * 3 < cell.ratios[B].min_prb_policy_ratio
    assert cell.state.joined.slot_of == {X: A}


def test_a_report_without_a_ue_forgets_nothing_of_its_link(cell):
    for _ in range(20):
        cell.report(ue_entry(X, dl_mcs=27, dl_nof_ok=99, dl_nof_nok=0))
    link, window = cell.state.links[X], cell.state.window[X]
    cell.report()
    assert (cell.state.links[X], cell.state.window[X]) == (link, window)
    for _ in range(31):
        cell.report()
    assert (dict(cell.state.links), dict(cell.state.window)) == ({}, {})


def test_a_ue_that_hears_nothing_half_of_the_time_is_no_good_ue(cell):
    for index in range(20):
        cell.report(ue_entry(X, cqi=12 * (index % 2), dl_nof_ok=0, dl_nof_nok=0), ue_entry(Y, cqi=None))
    assert 0 < cell.state.links[X].bits_per_prb < 50
    assert cell.state.links[Y].bits_per_prb > 0, "it sends blocks"


def test_one_report_from_the_top_of_a_fade_is_not_believed(cell):
    cell.report(ue_entry(X, dl_mcs=27, dl_nof_ok=99, dl_nof_nok=0))
    cell >> SliceSold(ONE, 2_000_000, rnti=X)
    cell >> SliceSold(TWO, 2_000_000)
    assert cell.ratios[A] == cell.ratios[B]


def listed(cell, since_ns, supi, number, slices=(A,)):
    """The core's list has one subscriber, with a session in slot A."""
    stays = frozenset((supi, snssai) for snssai in slices)
    cell >> UesListed(Listed({supi: Radio(411, 0, number, number)}, since_ns, cell.now_ns), stays)


def came(cell, rnti, supi="imsi-1", number=7, slices=(A,)):
    """A UE that connects: new in the metrics, and then in the core's list."""
    cell.report()
    began_ns = cell.now_ns
    cell >> UesListed(Listed({}, 0, began_ns), frozenset())
    cell.report(ms=6_000)
    cell.report(ue_entry(rnti))
    listed(cell, began_ns + 5_500 * MS, supi, number, slices)
    cell.report(ue_entry(rnti))


def test_who_was_seen_to_come_is_found_before_anything_is_sent_and_weighed_by_the_link(cell):
    came(cell, X)
    for _ in range(20):
        cell.report(ue_entry(X, dl_mcs=0, dl_nof_ok=99, dl_nof_nok=0))
    assert 0 < cell.state.usual_bits("imsi-1") < 50
    refused = cell >> SliceSold(ONE, 4_000_000, supi="imsi-1")
    assert [type(said) for said in refused] == [RefuseSlot]
    refused = cell >> SliceSold(ONE, 4_000_000, supi="imsi-1", reserved=True)
    assert [type(said) for said in refused] == [RefuseSlot]
    assert (cell >> SliceSold(ONE, 100_000, supi="imsi-1"))[0] == GrantSlot(ONE, A)
    assert cell.state.joined.slot_of == {X: A}
    assert cell.state.trials == frozenset()


def test_a_buyer_who_is_still_in_the_lobby_is_weighed_by_its_link_and_not_measured_in_the_slot(cell):
    """What it downloads there would say of the slot that a PRB carries anything."""
    came(cell, X, slices=())
    lobby = ue_entry(X, dl_brate=9_000_000.0, dl_bs=400_000)
    for _ in range(12):
        cell.report(lobby)
    cell >> SliceSold(ONE, 1_000_000, 1_250_000, A, supi="imsi-1")
    sold = cell.ratios[A]
    said = [command for _ in range(30) for command in cell.report(lobby)]
    assert said == []
    assert cell.state.joined.slot_of == {}
    assert cell.ratios[A] == sold
    listed(cell, cell.now_ns - 5_000 * MS, "imsi-1", 8)
    cell.report(ue_entry(Y), events=[{"slot": 1, "rnti": X, "event_type": "ue_rem"}])
    assert X not in cell.state.joined.slot_of


def test_who_comes_again_with_another_rnti_is_found_again(cell):
    came(cell, X)
    cell >> SliceSold(ONE, 1_000_000, supi="imsi-1")
    cell.report(ue_entry(Y), events=[{"slot": 1, "rnti": X, "event_type": "ue_rem"}])
    assert cell.state.joined.slot_of == {}
    listed(cell, cell.now_ns - 1_000 * MS, "imsi-1", 8)
    cell.report(ue_entry(Y))
    assert cell.state.joined.slot_of == {Y: A}


def test_who_was_found_by_coming_and_gets_other_bytes_is_lost_for_good(cell):
    came(cell, X)
    cell >> SliceSold(ONE, 1_000_000, supi="imsi-1")
    for index in range(12):
        a_window(cell, 200_000 * index, ue_entry(X, dl_brate=9_000_000.0, dl_bs=0))
    assert cell.state.joined.slot_of == {}
    assert cell.state.arrived.rnti_of == {}


@pytest.mark.parametrize("reserved", [False, True])
def test_sold_by_the_reference_and_weighed_when_the_ue_is_known(cell, reserved):
    """The floor of a UE at the edge of the cell would cost more than there is: said once, as soon as it is known."""
    assert (cell >> SliceSold(ONE, 4_000_000, supi="imsi-1", reserved=reserved))[0] == GrantSlot(ONE, A)
    came(cell, X)
    weak = ue_entry(X, dl_mcs=0, dl_nof_ok=99, dl_nof_nok=0, dl_brate=500_000.0, dl_bs=0)
    said = [command for _ in range(20) for command in cell.report(weak)]
    assert not [one for one in said if isinstance(one, RefuseSlot)], "nothing was sent to it yet"
    said = [command for index in range(2) for command in a_window(cell, 60_000 * index, weak)]
    said += cell.report(weak)
    (refused,) = [one for one in said if isinstance(one, RefuseSlot)]
    assert refused.grant_id == ONE
    assert refused.reason.endswith("are free, now that its link is known")
    assert cell.ratios[A] == PAUSED
    assert cell.state.pool.slot_of(ONE) is None


def test_what_was_in_force_before_is_not_weighed_anew(cell):
    cell >> SliceSold(ONE, 4_000_000, supi="imsi-1", resumed=True)
    came(cell, X)
    weak = ue_entry(X, dl_mcs=0, dl_nof_ok=99, dl_nof_nok=0)
    assert not [one for _ in range(20) for one in cell.report(weak) if isinstance(one, RefuseSlot)]
    assert cell.state.joined.slot_of == {X: A}


def alike(cell, served, ms=100):
    """Two UEs that are sent the same; whose slot is paused gets nothing, while data waits."""
    ues = []
    for rnti, slot in ((X, B), (Y, A)):
        runs = cell.ratios[slot] != PAUSED
        served[rnti] = served.get(rnti, 0) + runs
        ues.append(
            ue_entry(
                rnti,
                dl_brate=1_250_000.0 * runs,
                dl_nof_ok=60 * runs,
                dl_nof_nok=6 * runs,
                dl_bs=400_000,
                dl_mcs=12,
            )
        )
    return cell.report(*ues, ms=ms)


def play_alike(cell, windows, ms=100):
    """As many seconds, and what the box sent by then; how often each UE was served."""
    served: dict[int, int] = {}
    for index in range(windows):
        for _ in range(1_000 // ms):
            alike(cell, served, ms)
        octets = 156_250 * index
        cell >> GrantsCounted(((ONE, octets), (TWO, octets)))
    return served


def test_two_that_look_alike_are_told_apart_by_a_short_pause_of_each(cell):
    cell >> SliceSold(ONE, 1_000_000, 1_250_000, snssai=A, rnti=None)
    cell >> SliceSold(TWO, 1_000_000, 1_250_000, snssai=B)
    served = play_alike(cell, 4)
    assert cell.state.joined.slot_of == {X: B, Y: A}
    assert sorted(40 - count for count in served.values()) in ([0, 1], [1, 1])
    assert cell.ratios[A].min_prb_policy_ratio > 0
    assert cell.state.pause is None


def test_reports_too_far_apart_pause_nobody(cell):
    cell >> SliceSold(ONE, 1_000_000, 1_250_000, snssai=A)
    cell >> SliceSold(TWO, 1_000_000, 1_250_000, snssai=B)
    assert set(play_alike(cell, 8, ms=500).values()) == {16}


def test_a_pause_that_shows_nothing_is_not_repeated_soon(cell):
    """The UE of the slot is not at this gNB: nobody stops."""
    cell >> SliceSold(ONE, 1_000_000, 1_250_000, snssai=A)
    paused = 0
    for index in range(60):
        for _ in range(10):
            cell.report(ue_entry(X, dl_brate=9_000_000.0, dl_bs=400_000), ue_entry(Y, dl_brate=8_000_000.0))
            paused += cell.ratios[A] == PAUSED
        cell >> GrantsCounted(((ONE, 156_250 * index),))
    assert paused == 3, "in a minute"
    assert cell.state.joined.slot_of == {}


def test_metrics_that_stop_in_the_midst_of_a_pause_do_not_make_it_longer(cell):
    cell >> SliceSold(ONE, 1_000_000, 1_250_000, snssai=A)
    cell >> SliceSold(TWO, 1_000_000, 1_250_000, snssai=B)
    served: dict[int, int] = {}
    octets = 0
    while cell.state.pause is None:
        alike(cell, served)
        if cell.now_ns % (1_000 * MS) == 0:
            cell >> GrantsCounted(((ONE, octets), (TWO, octets)))
            octets += 156_250
    assert PAUSED in cell.ratios.values()
    began_ns, cell.now_ns = cell.now_ns, next_deadline_ns(cell.state)
    assert cell.now_ns - began_ns == GIVE_UP_NS
    cell >> DeadlineReached()
    assert cell.state.pause is None
    assert PAUSED not in cell.ratios.values()


def test_a_gnb_that_goes_in_the_midst_of_a_pause(cell):
    cell >> SliceSold(ONE, 1_000_000, 1_250_000, snssai=A)
    cell >> SliceSold(TWO, 1_000_000, 1_250_000, snssai=B)
    served: dict[int, int] = {}
    octets = 0
    while cell.state.pause is None:
        alike(cell, served)
        if cell.now_ns % (1_000 * MS) == 0:
            cell >> GrantsCounted(((ONE, octets), (TWO, octets)))
            octets += 156_250
    cell >> GnbLost("it hung up")
    cell >> GnbConnected()
    assert cell.state.pause is None
    assert PAUSED not in cell.ratios.values()
    cell >> SliceEnded(ONE)
    cell >> SliceEnded(TWO)
    assert set(cell.ratios.values()) == {PAUSED}


def test_an_overbooked_cell_is_news_once(cell):
    cell >> SliceSold(ONE, 5_000_000, snssai=A, resumed=True, rnti=X)
    worse, better = ue_entry(X, dl_mcs=5, dl_brate=5e6), ue_entry(X, dl_mcs=7, dl_brate=5e6)
    heard = [kind for index in range(40) for kind in notes(cell.report(worse if index % 8 < 4 else better))]
    assert heard == ["cell_overbooked"]


def test_an_uplink_of_unknown_size_is_not_sold():
    config, _ = read_gnb_files([("gnb.yml", ONE_TIER)])
    cell = Cell(start(settings(prbs=24, downlink_slots_per_s=500), config))
    cell >> GnbConnected()
    (refused,) = cell >> SliceSold(ONE, 500_000, floor_up_bps=1_000)
    assert refused == RefuseSlot(ONE, "no_uplink: how much uplink the cell has is not known")
    assert (cell >> SliceSold(ONE, 500_000))[0] == GrantSlot(ONE, A)


def test_what_was_delivered(cell):
    cell >> SliceSold(ONE, 2_000_000, rnti=X)
    for _ in range(11):
        cell.report(ue_entry(X, dl_brate=2_000_000.0, dl_bs=77))
    delivery = cell.state.deliveries[ONE]
    assert (delivery.bits, delivery.waiting_bytes) == (2_000_000, 77)
    cell >> SliceEnded(ONE)
    assert cell.state.deliveries == {}


def test_success_for_what_did_not_happen_is_found_and_told_again(cell):
    """The gNB said yes to a share; its metrics say that a UE with data waiting gets next to nothing of it."""
    cell >> SliceSold(ONE, 2_000_000, 2_000_000, rnti=X)
    starved = ue_entry(X, dl_mcs=27, dl_brate=100_000.0, dl_bs=10**6)
    requests = cell.requests
    heard = [kind for _ in range(40) for kind in notes(cell.report(starved))]
    assert heard.count("slice_not_applied") == 1
    assert cell.requests - requests >= 2


def test_garbage_is_counted_and_told_once(cell):
    assert notes(cell >> GnbSaid(b"{")) == ["gnb_garbage"]
    assert notes(cell >> GnbSaid(b'{"cells":[5],"timestamp":"t"}')) == []
    assert cell.state.garbage == 2
    assert (cell >> GnbSaid(b'{"timestamp":"t","rlc_metrics":{}}')) == []


def test_a_refusal_is_told(cell):
    cell.answers = False
    cell >> SliceSold(ONE, 2_000_000)
    said = cell >> GnbSaid(
        b'{"cmd":"rrm_policy_ratio_set","error":"failed to be applied by the DU","timestamp":"t"}'
    )
    assert Note("gnb_refused", "rrm_policy_ratio_set: failed to be applied by the DU") in said


@pytest.mark.parametrize(
    ("changes", "text", "says"),
    [
        ({"slots": ("1-00a600", "9")}, SOUND, "cell.slots: the gNB's file has no slice 9"),
        ({}, SOUND.replace("  band: 78\n", ""), "cell.prbs: "),
    ],
)
def test_a_cell_that_cannot_be_sold(changes, text, says):
    config, _ = read_gnb_files([("gnb.yml", text)])
    with pytest.raises(ConfigError, match=says):
        start(settings(**changes), config)


def test_a_size_from_the_daemons_own_file():
    config, _ = read_gnb_files([("gnb.yml", SOUND.replace("  band: 78\n", ""))])
    made = start(settings(prbs=24, downlink_slots_per_s=500), config)
    assert made.controller.shape.prbs == 24


def paused_cell(cell):
    """Two that look alike; a slot is to be paused, and the gNB does not answer to that."""
    cell >> SliceSold(ONE, 1_000_000, 1_250_000, snssai=A)
    cell >> SliceSold(TWO, 1_000_000, 1_250_000, snssai=B)
    served: dict[int, int] = {}
    octets = 0
    while cell.state.pause is None:
        if cell.now_ns % (1_000 * MS) == 0:
            cell >> GrantsCounted(((ONE, octets), (TWO, octets)))
            octets += 156_250
            cell.answers = not cell.state.asking
        alike(cell, served)
    return cell.state.pause.snssai


def test_a_pause_to_which_the_gnb_does_not_answer_is_taken_back_without_waiting(cell):
    snssai = paused_cell(cell)
    waiting = cell.state.session.waiting
    assert (waiting.slices, waiting.ratio) == ((snssai,), PAUSED)
    cell.now_ns = next_deadline_ns(cell.state)
    assert cell.now_ns == waiting.sent_ns + GIVE_UP_NS
    requests = cell.requests
    cell >> DeadlineReached()
    assert cell.requests == requests + 1, "it is told at once"
    assert cell.state.session.overtaken == waiting
    asked = cell.state.session.waiting
    assert asked.slices == (snssai,)
    assert asked.ratio.min_prb_policy_ratio > 0
    reply = GnbSaid(json.dumps({"cmd": "rrm_policy_ratio_set", "timestamp": "t"}).encode())
    cell >> reply
    assert cell.state.session.waiting == asked, "that was the answer to the pause"
    cell >> reply
    assert cell.state.session.told[snssai] == asked.ratio


def test_a_daemon_that_ends_in_a_pause_leaves_no_slot_blocked(cell):
    snssai = paused_cell(cell)
    state, commands = end_pause(cell.state, cell.now_ns)
    (said,) = [json.loads(one.text) for one in commands if isinstance(one, SendText)]
    assert said["policies"]["min_prb_policy_ratio"] > 0
    assert [Snssai(one["sst"], one["sd"]) for one in said["policies"]["rRMPolicyMemberList"]] == [snssai]
    assert end_pause(state, cell.now_ns)[1] == []
