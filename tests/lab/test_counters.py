"""Kernel texts become numbers; frames become IP bytes."""

import json

import pytest

from lab.counters import Reading, Seen, Witness, parse_net_dev, parse_sets
from lab.namespaces import Namespace

# From a Linux 6.18 namespace, `cat /proc/net/dev` (blanks taken out) after one ping of 84 IP bytes each way.
NET_DEV = """\
Inter-|   Receive                              |  Transmit
 face |bytes packets errs drop fifo frame compressed multicast|bytes packets errs drop fifo colls
    lo:    0       0    0    0    0     0          0         0     0       0    0    0    0     0 0 0
 wlan0:   98       1    0    0    0     0          0         0   196       2    0    0    0     0 0 0
"""


def test_an_interface_is_read_as_ip_bytes():
    assert parse_net_dev(NET_DEV, "wlan0", 7.0) == Reading(7.0, 84, 1, 168, 2)


def test_an_interface_that_is_not_there_has_no_reading():
    assert parse_net_dev(NET_DEV, "wlan", 7.0) is None


def element(address, size, packets):
    return {"elem": {"val": address, "counter": {"packets": packets, "bytes": size}}}


def test_sets_are_joined_by_address():
    sets = [
        {"set": {"name": "from4", "elem": [element("10.77.0.11", 100, 1)]}},
        {"set": {"name": "to4", "elem": [element("10.77.0.11", 900, 2), element("10.79.0.2", 100, 1)]}},
        {"set": {"name": "to6"}},
    ]
    listing = json.dumps({"nftables": [{"metainfo": {}}, *sets]})
    assert parse_sets(listing) == {"10.77.0.11": Seen(100, 1, 900, 2), "10.79.0.2": Seen(0, 0, 100, 1)}


@pytest.mark.parametrize(("port", "drops"), [(None, 0), (7000, 1)])
def test_a_witness_drops_only_what_it_is_asked_to(port, drops):
    rules = Witness(Namespace("world"), port).rules()
    assert rules.count("drop") == drops
    assert rules.count("add @") == 4
