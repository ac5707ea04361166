"""Slots written into a gNB's file: what was there stays, what is added is exactly what was meant."""

import pytest

from ran_slicing.gnb_config import read_gnb_files
from ran_slicing.plan_config import SlotPlan, plan_gnb_file
from ran_slicing.snssai import Snssai
from tests.ran_slicing.gnb_files import BARE, SOUND
from wire.errors import ConfigError

TWO = SlotPlan(2)


def plan(text, wanted=TWO):
    return plan_gnb_file(text, "gnb.yml", wanted)


def test_a_bare_file_becomes_a_sound_one():
    config, findings = read_gnb_files([("gnb.yml", plan(BARE))])
    assert findings == ()
    assert [entry.snssai for entry in config.slices] == [Snssai(1, 0xA600), Snssai(1, 0xA601)]
    assert all(entry.keeps_gbr and entry.max_prb_policy_ratio == 1 for entry in config.slices)
    assert config.period_ms == 100


def test_what_was_there_stays():
    planned = plan(BARE).splitlines()
    missing = [line for line in BARE.splitlines() if line not in planned]
    assert missing == []


def test_planning_twice_changes_nothing():
    assert plan(plan(BARE)) == plan(BARE)
    assert plan(SOUND) == plan(plan(SOUND))


def test_more_slots_are_added_to_those_that_are_there():
    more = plan(plan(BARE), SlotPlan(4))
    assert len(read_gnb_files([("gnb.yml", more)])[0].slices) == 4
    tier = plan(more, SlotPlan(2, first_sd=0xB000, priority=9))
    config, findings = read_gnb_files([("gnb.yml", tier)])
    assert findings == ()
    assert [entry.priority for entry in config.slices] == [0, 0, 0, 0, 9, 9]


def test_only_the_lists_of_the_cells_own_plmn_grow():
    config = plan(SOUND, SlotPlan(3))
    other = config[config.index('"00102"') :]
    assert other[: other.index("cell_cfg")].count("sst") == 1
    assert read_gnb_files([("gnb.yml", config)])[1] == ()


def test_several_tracking_areas():
    area = BARE[BARE.index("      - tac: 7") : BARE.index("  inactivity_timer")]
    two_areas = BARE.replace(area, area + area.replace("tac: 7", "tac: 8"))
    assert plan(two_areas).count("sd: 42496") == 3


def test_switches_are_turned_where_they_stand():
    text = BARE + "remote_control:\n  enabled: false   # for now\nmetrics:\n  enable_json: false\n"
    planned = plan(text)
    assert "  enabled: true   # for now\n" in planned
    assert "  enable_json: true\n" in planned
    assert "du_report_period: 100" in planned


def test_an_address_is_the_owners_choice():
    assert "bind_addr: 10.53.1.3" in plan(BARE + "remote_control:\n  bind_addr: 10.53.1.3\n")


@pytest.mark.parametrize(
    "text",
    [
        BARE.replace("  pdsch:", "  slicing: []\n  pdsch:"),
        BARE.replace("tai_slice_support_list:\n              - sst: 1\n", "tai_slice_support_list: [{sst: 1}]\n"),
        BARE + "metrics: {enable_json: false}\n",
    ],
)  # fmt: skip
def test_a_layout_that_cannot_be_edited_safely_is_left_alone(text):
    with pytest.raises(ConfigError, match="add by hand:\ncell_cfg:\n  slicing:\n    - sst: 1"):
        plan(text)


def test_a_file_of_a_du_has_no_amf():
    du = BARE[BARE.index("ru_sdr") :]
    assert plan(du).count("sd: 42496") == 1


@pytest.mark.parametrize("text", ["", "a: 1", "- 1", "cell_cfg:\n"])
def test_what_is_no_gnbs_file(text):
    with pytest.raises(ConfigError, match=r"gnb\.yml: "):
        plan(text)


@pytest.mark.parametrize(
    "wrong",
    [
        {"count": 0},
        {"count": 65},
        {"count": 2, "sst": 256},
        {"count": 2, "first_sd": 0xFFFFFE},
        {"count": 1, "priority": 255},
    ],
)
def test_a_plan_that_no_cell_can_have(wrong):
    with pytest.raises(ConfigError):
        SlotPlan(**wrong)
