"""The fake hostapd's limits. What it has in common with the real one is in tests/system/test_apd_hostapd.py."""

from apd.events import StationAssociated
from apd.hostapd_text import parse_station
from apd.shells.fake_hostapd import FakeHostapd
from tests.apd.world import OTHER_STATION, STATION


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


def test_a_stranger_is_listed_and_not_let_in_and_the_next_after_one_that_is_gone_fails(tmp_path):
    fake = FakeHostapd(tmp_path / "wlan0")
    fake.stations, fake.strangers, fake.fleeting = {STATION: "x"}, [OTHER_STATION], True
    shown = answer(fake, "STA-FIRST")
    assert shown.startswith(f"{OTHER_STATION}\n")
    assert parse_station(shown) is None
    assert answer(fake, f"STA-NEXT {OTHER_STATION}") == "FAIL\n"
    assert parse_station(answer(fake, "STA-FIRST")) == StationAssociated(STATION, None)
    assert answer(fake, f"STA-NEXT {STATION}") == ""


def test_who_was_dropped_is_no_listener(tmp_path):
    fake = FakeHostapd(tmp_path / "wlan0")
    assert [answer(fake, command) for command in ("ATTACH", "ATTACH", "DETACH", "DETACH")] == [
        "OK\n",
        "OK\n",
        "OK\n",
        "FAIL\n",
    ]
    answer(fake, "ATTACH")
    fake.drop_listeners()
    assert answer(fake, "DETACH") == "FAIL\n"
