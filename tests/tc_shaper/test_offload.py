"""Offloads that bypass the shaper, in the form in which nft 1.0 lists what OpenWrt's fw4 makes."""

import pytest

from tc_shaper.offload import Flowtable, parse_flowtables, refuse_offload
from wire.errors import ConfigError

LISTING = """\
table inet fw4 {
	flowtable ft {
		hook ingress priority filter
		devices = { "lan1", "wlan0-1", eth0 }
		flags offload
		counter
	}
}
table ip nat {
}
table inet soft {
	flowtable f {
		hook ingress priority filter + 10
		devices = { wlan1 }
	}
	flowtable empty {
		hook ingress priority filter
	}
}
"""


def test_every_flowtable_is_found_with_its_devices_and_kind():
    assert parse_flowtables(LISTING) == [
        Flowtable("inet fw4", "ft", ("lan1", "wlan0-1", "eth0"), hardware=True),
        Flowtable("inet soft", "f", ("wlan1",), hardware=False),
        Flowtable("inet soft", "empty", (), hardware=False),
    ]


@pytest.mark.parametrize("text", ["", "table netdev airgrant {\n}\n"])
def test_no_flowtable_is_no_finding(text):
    assert parse_flowtables(text) == []


@pytest.mark.parametrize(
    ("interface", "words"),
    [
        ("eth0", "eth0: hardware flow offload .flowtable ft in table inet fw4.*flow_offloading=0"),
        ("wlan1", "wlan1: software flow offload .*nft delete flowtable inet soft f"),
    ],
)
def test_a_flowtable_over_our_interface_is_refused_with_what_to_do(interface, words):
    with pytest.raises(ConfigError, match=words):
        refuse_offload([interface], parse_flowtables(LISTING), {})


def test_flowtables_over_other_interfaces_are_their_own_affair():
    refuse_offload(["wlan0"], parse_flowtables(LISTING), {"wlan0": {"hw-tc-offload": False}})


def test_traffic_control_in_the_network_chip_is_refused_with_what_to_do():
    with pytest.raises(ConfigError, match="ethtool -K wlan0 hw-tc-offload off"):
        refuse_offload(["wlan0"], [], {"wlan0": {"hw-tc-offload": True}})
