"""The radio's shell where there is no radio; tests/guest has virtual ones."""

from pathlib import Path

import pytest

from apd.shells.nl80211 import Nl80211, add_monitor, set_airtime_weight
from lab.namespaces import create, delete
from wire.errors import ShellError
from wire.ids import MacAddress

pytestmark = pytest.mark.system

STATION = MacAddress.parse("02:00:00:00:01:00")
HAS_80211 = Path("/sys/class/ieee80211").exists()


@pytest.fixture
def box(needs):
    needs("ip")
    made = create("radio-box")
    made.ip("link add mon0 type veth peer name mon1")
    yield made
    delete(made)


def test_an_interface_that_is_there_is_set_up_whatever_it_is(box):
    box.call(lambda: add_monitor("nothing", "mon0"))
    assert ",UP" in box.run(["ip", "link", "show", "mon0"])


def test_a_kernel_without_80211_is_told_and_one_with_it_answers():
    if HAS_80211:
        Nl80211().close()
        return
    with pytest.raises(ShellError, match="this kernel has no 802"):
        Nl80211()


def test_no_radio_no_monitor_and_no_weight(box):
    def ask() -> None:
        with pytest.raises(ShellError, match="nl80211"):
            add_monitor("nothing", "mon9")
        with pytest.raises(ShellError, match="nl80211"):
            set_airtime_weight("nothing", STATION, 256)

    box.call(ask)
