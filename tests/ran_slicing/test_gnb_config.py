"""A gNB's file: what is read from it, and every trap that would be taken in silence."""

import pytest

from ran_slicing.gnb_config import parse_whole, read_gnb_files, refuse_fatal
from ran_slicing.link import McsTable
from ran_slicing.share import CellShape
from ran_slicing.snssai import Snssai
from tests.ran_slicing.gnb_files import BARE, SOUND
from wire.errors import ConfigError

A, B = Snssai(1, 42_496), Snssai(1, 42_497)


def read(text, *, networks=()):
    return read_gnb_files([("gnb.yml", text)], networks)


def fatal(text, **given):
    return [str(finding) for finding in read(text, **given)[1] if finding.fatal]


def notes(text):
    return [str(finding) for finding in read(text)[1] if not finding.fatal]


def changed(old, new, text=SOUND):
    assert old in text
    return text.replace(old, new)


def test_a_sound_file():
    config, findings = read(SOUND)
    assert findings == ()
    assert config.plmn == "00101"
    assert [entry.snssai for entry in config.slices] == [A, B]
    assert config.slices[0].priority == 7
    assert (config.slices[0].keeps_gbr, config.slices[1].keeps_gbr) == (True, False)
    assert (config.slices[1].min_prb_policy_ratio, config.slices[1].max_prb_policy_ratio) == (0, 100)
    assert (config.host, config.port, config.period_ms) == ("127.0.0.1", 8001, 100)
    assert config.mcs_table is McsTable.QAM256
    assert not config.radiates


def test_the_size_of_a_tdd_cell():
    """The gNB's default pattern: six of ten slots, and eight symbols of a seventh."""
    assert read(SOUND)[0].shape == CellShape(51, 2_000 * (6 * 14 + 8) // 140, uplink_slots_per_s=600)
    pattern = (
        "  tdd_ul_dl_cfg:\n    dl_ul_tx_period: 10\n    nof_dl_slots: 7\n    nof_dl_symbols: 0\n  pdsch:"
    )
    assert read(changed("  pdsch:", pattern))[0].shape == CellShape(51, 1_400, uplink_slots_per_s=600)


def test_the_size_of_an_fdd_cell():
    assert read(BARE)[0].shape == CellShape(106, 1_000, uplink_slots_per_s=1_000)


@pytest.mark.parametrize(
    "old_and_new", [("  band: 78\n", ""), ("MHz: 20", "MHz: 21"), ("common_scs: 30", "common_scs: 120")]
)
def test_a_size_that_cannot_be_told(old_and_new):
    config, findings = read(changed(*old_and_new))
    assert config.shape is None
    assert "size cannot be told" in str(findings[0])


def test_two_files_are_one_with_the_later_on_top():
    later = "cell_cfg:\n  pdsch:\n    mcs_table: qam64\nmetrics:\n  periodicity:\n    du_report_period: 50\n"
    config, findings = read_gnb_files([("a.yml", SOUND), ("b.yml", later)])
    assert (config.mcs_table, config.period_ms, findings) == (McsTable.QAM64, 50, ())
    assert len(config.slices) == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (SOUND + "slicing:\n  - sst: 1\n", "slicing: stands at the top"),
        (SOUND + "amf:\n  addr: 1.2.3.4\n", "amf: stands at the top"),
        (changed("              - { sst: 1, sd: 0xa601 }\n", ""), "lacks 1-00a601 for PLMN 00101"),
        (changed('plmn: "00101"', 'plmn: "00199"'), "lacks 1-00a600, 1-00a601"),
        (changed("priority: 7", "ded_prb_policy_ratio: 5"), "dedicated 5 <= minimum 0"),
        (
            changed("min_prb_policy_ratio: 0\n        max_prb_policy_ratio: 1", "min_prb_policy_ratio: 5\n"
                    "        ded_prb_policy_ratio: 5\n        max_prb_policy_ratio: 9"),
            "the first live change sets it to 0",
        ),
        (changed("min_prb_policy_ratio: 0", "min_prb_policy_ratio: 2"), "minimum 2 <= maximum 1"),
        (changed("max_prb_policy_ratio: 1", "max_prb_policy_ratio: 0"), "a maximum of 1..100"),
        (changed("max_prb_policy_ratio: 1", "max_prb_policy_ratio: 101"), "a maximum of 1..100"),
        (changed("priority: 7", "priority: 255"), "255 is outside 0..254"),
        (changed("sd: 42497", "sd: 42496"), "slice 1-00a600 stands in the list twice"),
        (changed("enabled: true", "enabled: false"), "remote_control.enabled: has to be true"),
        (changed("remote_control:\n  enabled: true\n", ""), "remote_control.enabled: has to be true"),
        (changed("  enabled: true", "  enabled: true\n  bind_addr: 0.0.0.0"), "bind it to 127.0.0.1"),
        (changed("  enabled: true", "  enabled: true\n  bind_addr: 192.168.1.5"), "commands the gNB"),
        (changed("  enabled: true", "  enabled: true\n  bind_addr: gnb.example"), "commands the gNB"),
        (changed("  enabled: true", "  enabled: true\n  port: 0"), "0 is not a port"),
        (changed("enable_json: true", "enable_json: false"), "metrics.enable_json: has to be true"),
        (changed("  enable_json: true", "  enable_json: true\n  layers:\n    enable_sched: false"), "enable_sched"),
        (changed("du_report_period: 100", "du_report_period: 0"), "nothing would be reported"),
        (SOUND + "cells:\n  - pci: 1\n  - pci: 2\n", "2 cells in one DU"),
        (SOUND + "cells:\n  - slicing:\n      - sst: 1\n", "slicing stands in a cell of the list"),
        (changed("  pdsch:", "  sib:\n    cmas:\n      message_id: 4370\n  pdsch:"), "4370 belongs to public warning"),
        (changed("  pdsch:", "  sib:\n    cmas:\n      serial_num: 1\n  pdsch:"), "not given, and then: 4370"),
        (changed("  pdsch:", "  sib:\n    etws:\n  pdsch:"), "not given, and then: 4356"),
        (SOUND + "cells:\n  - sib:\n      cmas:\n        message_id: 0x1112\n", "4370 belongs to public warning"),
        (SOUND + "cells:\n  - sib:\n      etws:\n        serial_num: 1\n", "not given, and then: 4356"),
        (changed("  pdsch:", "  sib:\n    etws:\n      message_id: 0x1104\n  pdsch:"), "4356 belongs to public"),
        *(
            (changed("  pdsch:", f"  sib:\n    {kind}:\n      message_id: {number}\n  pdsch:"), f"{number} belongs to")
            for kind in ("cmas", "etws")
            for number in (50, 911, 919, 4352, 6399, 6400)
        ),
        *(
            (changed("  pdsch:", f"  sib:\n    cmas:\n      message_id: {number}\n  pdsch:"), f"{number} may be")
            for number in (0, 4351, 6401, 40959, 45056, 65535)
        ),
        (changed("  pdsch:", "  sib:\n    cmas:\n      message_id: 65536\n  pdsch:"), "65536 is outside"),
        (BARE, "no slice: there is nothing to sell"),
    ],
)  # fmt: skip
def test_what_would_be_taken_in_silence_is_fatal(text, says):
    assert any(says in line for line in fatal(text)), fatal(text)
    with pytest.raises(ConfigError, match=r"gnb\.yml: "):
        refuse_fatal(read(text)[1])


@pytest.mark.parametrize("number", [40_960, 41_543, 45_055])
def test_an_operators_own_broadcast_is_not_refused(number):
    assert fatal(changed("  pdsch:", f"  sib:\n    cmas:\n      message_id: {number}\n  pdsch:")) == []


def test_the_network_of_a_compose_lab():
    text = changed("  enabled: true", "  enabled: true\n  bind_addr: 10.53.1.3")
    assert fatal(text, networks=["10.53.1.0/24"]) == []
    assert fatal(text, networks=["10.54.0.0/16"]) != []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (changed("du_report_period: 100", "du_report_period: 1000"), "write 100"),
        (changed("  periodicity:\n    du_report_period: 100\n", ""), "1000 ms"),
        (changed("device_driver: zmq", "device_driver: uhd"), "this cell radiates"),
        (SOUND + "ru_ofh:\n  cells:\n", ""),
        (changed("mcs_table: qam256", "mcs_table: qam1024"), "qam64 is assumed"),
        (SOUND[SOUND.index("cell_cfg") :], "give the CU's file too"),
    ],
)
def test_what_deserves_a_look(text, says):
    assert fatal(text) == []
    assert any(says in line for line in notes(text)) or not says


@pytest.mark.parametrize(
    "text",
    [
        "- a list",
        "cell_cfg:\n  slicing: 5\n",
        "cell_cfg:\n  slicing:\n    - 5\n",
        "cell_cfg:\n  slicing:\n    - sd: 5\n",
        "cell_cfg:\n  slicing:\n    - sst: 256\n",
        "cell_cfg:\n  slicing:\n    - sst: 1\n      sched_cfg: 5\n",
        "cell_cfg:\n  slicing:\n    - sst: 1\n      sched_cfg:\n        priority: high\n",
        "cell_cfg:\n  plmn: [1]\n",
        "cell_cfg:\n  common_scs: fast\n",
        "cell_cfg:\n  tdd_ul_dl_cfg:\n    nof_dl_slots: 11\n",
        "metrics:\n  enable_json: maybe\n",
    ],
)
def test_what_cannot_be_read(text):
    with pytest.raises(ConfigError, match=r"gnb\.yml: "):
        read(text)


def test_numbers_as_the_gnb_reads_them():
    assert [parse_whole(text) for text in ("0", "42", "0x2a")] == [0, 42, 42]
    for wrong in ("", "010", "-1", "1.0", "1e3", "0x", None, "9" * 12):
        with pytest.raises(ValueError, match=r"whole number|invalid literal"):
            parse_whole(wrong)
