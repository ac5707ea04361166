"""The rules as text: what must stand in them. That they do it is tested on the kernel (tests/system)."""

from dataclasses import replace

from tc_shaper.ruleset import COUNTERS, plan_ruleset
from tc_shaper.settings import ShaperSettings
from wire.ids import MacAddress

SETTINGS = ShaperSettings(
    interface="wlan0",
    downlink_capacity_bps=1_000_000,
    uplink_capacity_bps=1_000_000,
    lobby_port=4_000,
    table="shop",
)
PORT, BRIDGE = MacAddress.parse("02:00:00:00:00:01"), MacAddress.parse("02:00:00:00:00:02")


def chain(text, name):
    """The rules of a chain, from its last mention."""
    return text.rsplit(f"chain {name} {{\n", 1)[1].split("\n  }")[0].splitlines()


def test_key_handshakes_then_paid_stations_come_first_and_everybody_else_last_in_both_directions():
    text = plan_ruleset(SETTINGS, [PORT], limits=True)
    for name, counter in (("egress", "unpaid_out"), ("ingress", "unpaid_in")):
        hook, tags, keys, first, *_, last = (line.strip() for line in chain(text, name))
        assert hook == f'type filter hook {name} device "wlan0" priority -300; policy drop;'
        assert tags == "ether type { 8021q, 8021ad } counter name tagged drop"
        assert "ether type 0x888e" in keys
        assert first.startswith("meta priority set ether")
        assert last == f"counter name {counter}"


def test_where_a_driver_writes_priorities_a_mark_names_the_class_towards_the_stations():
    text = plan_ruleset(SETTINGS, [PORT], limits=True, by_mark=True)
    assert "map down { type ether_addr : mark;" in text
    assert "map up { type ether_addr : classid;" in text
    rules = chain(text, "egress")
    assert "meta mark set ether daddr map @down accept" in rules[3]
    assert not [rule for rule in rules if "meta priority" in rule]
    assert [rule for rule in rules if "meta mark set 0x41470002 counter name lobby_out accept" in rule]


def test_whatever_an_unpaid_station_may_send_becomes_a_frame_for_this_box_alone():
    for rule in chain(plan_ruleset(SETTINGS, [PORT, BRIDGE], limits=True), "lobby_kinds"):
        assert "accept" not in rule or rule.endswith(
            f"ether daddr set {PORT} meta pkttype set multicast counter name lobby_in accept"
        )


def test_no_rule_lets_icmpv6_or_udp_pass_without_a_scope_that_no_router_forwards():
    text = plan_ruleset(SETTINGS, [PORT], limits=True)
    rules = [
        rule
        for name in ("egress", "lobby_kinds")
        for rule in chain(text, name)
        if "icmpv6 type" in rule or " udp " in rule
    ]
    assert len(rules) == 12
    for rule in rules:
        assert "ff02::/16" in rule or "ip daddr 255.255.255.255" in rule
        if "icmpv6 type" in rule:
            assert "ip6 hoplimit" in rule
            assert "meta length <=" in rule


def test_a_bridge_is_told_again_what_not_to_route():
    assert "chain unrouted" not in plan_ruleset(SETTINGS, [PORT], limits=True)
    text = plan_ruleset(SETTINGS, [PORT, BRIDGE], limits=True, bridge="br0")
    hook, *rules = (line.strip() for line in chain(text, "unrouted"))
    assert hook == 'type filter hook ingress device "br0" priority -300; policy accept;'
    assert all(rule.endswith("meta pkttype set multicast") for rule in rules)


def test_a_station_does_not_advertise_itself_as_a_router():
    text = plan_ruleset(SETTINGS, [PORT], limits=True)
    assert not any("nd-router-advert" in rule for rule in chain(text, "lobby_kinds"))


def test_a_bridge_speaks_for_itself_with_its_own_address():
    assert f"ether saddr {{ {PORT}, {BRIDGE} }}" in plan_ruleset(SETTINGS, [PORT, BRIDGE], limits=True)


def test_without_limits_no_limit_is_mentioned():
    text = plan_ruleset(SETTINGS, [PORT], limits=False)
    assert "limit rate" not in text
    assert "senders" not in text
    assert "limit rate over 100/second" in plan_ruleset(SETTINGS, [PORT], limits=True)


def test_settings_reach_the_rules():
    text = plan_ruleset(SETTINGS, [PORT], limits=True, comment="undo wlan0=0")
    assert text.startswith('table netdev shop {\n  comment "undo wlan0=0"')
    assert "udp dport 4000" in text
    assert "udp sport 4000" in text
    assert 'fwd to "airgrant0"' in text
    assert all(f"counter {name} {{ }}" in text for name in COUNTERS)


CLOSED = replace(SETTINGS, closed=True)
APART = replace(CLOSED, lobby_interface="lobby0")
LOBBY_BOX = MacAddress.parse("02:00:00:00:00:03")


def test_a_closed_interface_has_nothing_for_who_has_not_paid():
    text = plan_ruleset(CLOSED, [PORT], limits=True)
    assert "goto lobby" not in "".join(chain(text, "ingress"))
    egress = chain(text, "egress")
    assert not [rule for rule in egress if "udp sport 4000" in rule]
    groups = (
        "33:33:00:00:00:00",
        "ff:ff:ff:ff:ff:ff",
        "@down",
        "0x888e",
        "tagged drop",
        "policy",
        "unpaid_out",
    )
    assert not [rule for rule in egress if not any(group in rule for group in groups)], (
        "all else is for groups"
    )


def test_a_lobby_apart_has_the_lobby_and_nothing_else():
    text = plan_ruleset(APART, [PORT], limits=True, lobby_box=LOBBY_BOX)
    hook, *rules = (line.strip() for line in chain(text, "apart_egress"))
    assert hook == 'type filter hook egress device "lobby0" priority -300; policy drop;'
    assert "@down" not in "".join(rules)
    assert f"limit rate over {SETTINGS.lobby_bps // 8} bytes/second" in "".join(rules)
    hook, *rules = (line.strip() for line in chain(text, "apart_ingress"))
    assert hook == 'type filter hook ingress device "lobby0" priority -300; policy drop;'
    assert "fwd to" not in "".join(rules)
    assert all(
        "accept" not in rule or f"ether daddr set {LOBBY_BOX} meta pkttype set multicast" in rule
        for rule in chain(text, "apart_kinds")
    )
    assert "lobby0" not in plan_ruleset(CLOSED, [PORT], limits=True)
    assert "limit rate" not in plan_ruleset(APART, [PORT], limits=False, lobby_box=LOBBY_BOX)
