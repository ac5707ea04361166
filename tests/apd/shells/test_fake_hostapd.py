"""The fake hostapd's limits. What it has in common with the real one is in tests/system/test_apd_hostapd.py."""

from apd.shells.fake_hostapd import FakeHostapd
from tests.apd.world import STATION


def answer(fake: FakeHostapd, command: str) -> str:
    return fake._answer(command, "somebody")


def test_it_knows_no_station_that_was_not_let_in(tmp_path):
    fake = FakeHostapd(tmp_path / "wlan0")
    assert answer(fake, f"STA {STATION}") == "FAIL\n"
    assert answer(fake, f"STA-NEXT {STATION}") == "FAIL\n"
    assert answer(fake, "STA-FIRST") == ""


def test_it_refuses_what_is_no_element_and_no_command(tmp_path):
    fake = FakeHostapd(tmp_path / "wlan0")
    for command in (
        "SET anqp_elem zz",
        "SET anqp_elem 280:0",
        "SET vendor_elements x",
        "SET x y",
    ):
        assert answer(fake, command) == "FAIL\n"
    assert answer(fake, "DEAUTHENTICATE") == "FAIL\n"
    assert answer(fake, "NONSENSE") == "UNKNOWN COMMAND\n"
