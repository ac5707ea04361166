"""What the shell says and remembers, without a kernel; everything it does is in tests/system/test_shaper_kernel.py."""

import pytest

from tc_shaper import kernel
from tc_shaper.kernel import Shaper
from tc_shaper.settings import ShaperSettings
from tc_shaper.tree import FIRST_SLOT, SessionShape
from wire.ids import MacAddress

SETTINGS = ShaperSettings(interface="wlan0", downlink_capacity_bps=50_000_000, uplink_capacity_bps=50_000_000)
SHAPE = SessionShape(FIRST_SLOT, MacAddress.parse("02:00:00:00:00:01"), 1, 1, 1, 1)


def test_a_missing_aqm_is_said_aloud_with_what_is_done_instead():
    assert "no fq_codel or CAKE in this kernel: bounded FIFO of 40 ms per class" in kernel._spoken(
        SETTINGS, "bfifo", True
    )
    assert not any("FIFO" in sentence for sentence in kernel._spoken(SETTINGS, "fq_codel", True))


def test_missing_limits_are_said_aloud():
    assert any("lobby" in sentence for sentence in kernel._spoken(SETTINGS, "fq_codel", False))


def test_cake_says_that_it_treats_interactive_sessions_like_others():
    assert any("CAKE treats all" in sentence for sentence in kernel._spoken(SETTINGS, "cake", True))


def test_a_radio_is_told_from_a_wire_by_its_entry_in_sysfs(tmp_path):
    """Recorded layout: wlan0/phy80211 is a link to ../../ieee80211/phy0, which this folder need not have."""
    for name in ("wlan0", "eth0"):
        (tmp_path / name).mkdir()
    (tmp_path / "wlan0" / "phy80211").symlink_to("../../ieee80211/phy0")
    assert kernel._is_radio("wlan0", tmp_path)
    assert not kernel._is_radio("eth0", tmp_path)
    assert not kernel._is_radio("wlan1", tmp_path)


def test_what_a_radios_driver_may_do_is_said_aloud():
    (isolation,) = kernel._spoken_of_radio("wlan0", by_mark=True)
    assert isolation.startswith("wlan0 is wireless: stations of one BSS are forwarded by the driver")
    assert isolation.endswith("unless hostapd has ap_isolate=1")
    _, priorities = kernel._spoken_of_radio("wlan0", by_mark=False)
    assert priorities.startswith("no cls_fw in this kernel")


def test_how_features_were_survives_in_the_comment_of_the_table():
    before = {"wlan0": {0, 3, 65_635}, "a-name-of-15-ch": {0, 1, 2, 3, 4}}
    note = kernel._format_undo(before)
    assert len(note) < 128
    assert kernel._parse_undo(f'table netdev airgrant {{\n\tcomment "{note}"\n}}') == before
    assert kernel._parse_undo("table netdev airgrant {\n}") == {}


def test_a_change_of_a_session_that_is_not_there_is_our_own_mistake():
    with pytest.raises(AssertionError, match="not in slot 16"):
        Shaper(SETTINGS).change(SHAPE)


def test_closing_before_set_up_is_nothing():
    Shaper(SETTINGS).close()
