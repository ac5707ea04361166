"""The nftables table of one shaper, as text for the `nft` program.

Both chains sit on the station interface itself, so they see bridged and routed packets of every protocol
alike. A station that has paid is one element in each map: its packets get the priority that names its HTB
class. A station that has not can reach UDP `lobby_port` of this box over IPv6 link-local, neighbour
discovery, and the key handshake. What it sends is turned into a frame for this box alone that the box will
not route: no bridge carries it on, and the kernel forwards only what was addressed to one host on the link.
What is let out to it comes from the box itself. Frames with a VLAN tag are nobody's: the kernel shows us what
is inside, and other bridges would not.

On a closed interface, whose stations were let in by a key, who has not paid reaches nothing but the key
handshake; another device may have the lobby instead, and then has nothing else.

Loading the text again replaces the rules in one transaction and keeps the elements with their counters.
Reference: nft(8), netdev family, ingress and egress hooks (egress: Linux 5.16); RFC 4861 clauses 4 and 7.1;
RFC 4291 clause 2.5.6 (routers do not forward link-local addresses); RFC 3810 clause 5.
"""

from collections.abc import Sequence
from typing import NamedTuple

from tc_shaper.rtnetlink import MAJORS
from tc_shaper.settings import ShaperSettings
from tc_shaper.tree import LOBBY, Direction
from wire.ids import MacAddress

HOOK_PRIORITY = -300
"""Before any other program's netdev chains (a flowtable's ingress hook is at 0): who has not paid is stopped first."""
SENDERS_S = 10
SENDERS_MOST = 8_192
"""Addresses whose rate in the lobby is remembered at once, and for how long; beyond that the common limit holds."""
LOBBY_TOTAL_FACTOR = 20
"""The common limit is that of twenty stations: it bounds what forged addresses can cost the daemon."""
COUNTERS = ("lobby_in", "lobby_out", "lobby_limited", "unpaid_in", "unpaid_out", "tagged")
"""Named counters: what the lobby carried; what was dropped for a limit, for lack of payment, for its VLAN tag."""
SMALL_GROUP_PER_S, LARGE_GROUP_PER_S = 50, 5
"""Group frames per second of each kind that a bridge may bring to stations from others than this box."""

MAX_BURST_BYTES = 65_535
"""What a device without a tree may send at once to stations that have not paid: fifty answers."""

ETHERNET_BYTES, IPV6_BYTES = 14, 40
MAX_ARP_BYTES = 46
"""28 and the padding to Ethernet's shortest frame."""
MAX_DHCP_BYTES = 576
"""RFC 2131 clause 2: the IP packet that every client takes."""


class Icmpv6Kinds(NamedTuple):
    """Types by nft's names, and the longest that one of them is let be behind the IPv6 header."""

    names: str
    most_bytes: int


SOLICIT = Icmpv6Kinds("nd-neighbor-solicit", 64)
"""24 bytes, and options of 8 (address), 8 (nonce, RFC 7527), 16 (RFC 8505), with 8 to spare."""
NEIGHBOURS = Icmpv6Kinds("nd-neighbor-solicit, nd-neighbor-advert", 64)
FROM_A_STATION = Icmpv6Kinds("nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit", 64)
ROUTER_ADVERT = Icmpv6Kinds("nd-router-advert", 512)
"""Several prefixes, routes, servers and search domains."""
LISTENER_QUERY = Icmpv6Kinds("mld-listener-query", 128)
LISTENER_REPORT = Icmpv6Kinds("mld-listener-report, mld-listener-done, mld2-listener-report", 512)
"""Two dozen groups; both with their hop-by-hop header."""

TAGGED = "ether type { 8021q, 8021ad } counter name tagged drop"
MULTICAST6 = "ether daddr & ff:ff:00:00:00:00 == 33:33:00:00:00:00"
BROADCAST = "ether daddr ff:ff:ff:ff:ff:ff"
BETWEEN = "ip6 saddr fe80::/10 ip6 daddr { fe80::/10, ff02::/16 }"
"""Addresses that no router forwards."""
JOINING = "ip6 saddr { fe80::/10, :: } ip6 daddr { fe80::/10, ff02::/16 }"
"""The same, and a station that is only trying an address (RFC 4862 clause 5.4.2)."""
FIRST_HAND = "ip6 hoplimit 255 ip6 nexthdr icmpv6"
"""Not forwarded by any router, and nothing between the IPv6 header and ICMPv6: no fragment, no extension header."""
LISTENING = "ip6 hoplimit 1 ip6 nexthdr 0"
"""RFC 3810 clause 5: not to be forwarded, and led by a hop-by-hop header with the router alert."""
FROM_A_SOCKET = "meta skuid != 4294967295"
"""Sent by a program on this box: what is forwarded has no socket, and this number is nobody's."""
UNROUTED = "meta pkttype set multicast"
"""For the kernel a group frame: it is delivered to this box, and never forwarded (ip6_forward wants PACKET_HOST)."""
ARP = "ether type arp arp htype 1 arp ptype ip arp hlen 6 arp plen 4"
DHCP = "ip daddr 255.255.255.255 udp sport 67 udp dport 68"
EAPOL = "ether type 0x888e"
"""Key handshakes never wait in a session's queue, and come before anything is paid."""
PAE_GROUP = MacAddress.parse("01:80:c2:00:00:03")
"""IEEE 802.1X-2020 clause 11.1.1: a group address that no bridge carries on."""


def plan_ruleset(
    settings: ShaperSettings,
    boxes: Sequence[MacAddress],
    *,
    limits: bool,
    bridge: str = "",
    lobby_box: MacAddress | None = None,
    comment: str = "",
    by_mark: bool = False,
) -> str:
    """The whole table. `boxes` are this box's own addresses on that link: the port's first, then its bridge's.

    `by_mark`: towards the stations the class is written into a packet's mark, not into its priority, which many radio
    drivers write themselves before the packet reaches its queue.

    `bridge` is the name of the bridge that owns the interface, if one does; `lobby_box` the address of
    `settings.lobby_interface`, if there is one.
    """
    chains = {
        "egress": (
            _hook("egress", settings.interface, "drop"),
            _egress(settings, boxes, limits=limits, by_mark=by_mark),
        ),
        "lobby_kinds": ("", _lobby_kinds(settings, boxes[0])),
        "lobby": ("", _lobby(settings, boxes, limits=limits)),
        "ingress": (_hook("ingress", settings.interface, "drop"), _ingress(settings, boxes)),
    }
    if settings.lobby_interface is not None:
        assert lobby_box is not None, "a device has an address"
        chains |= _apart(settings, settings.lobby_interface, lobby_box, limits=limits)
    if bridge:
        chains["unrouted"] = (_hook("ingress", bridge, "accept"), _unrouted(settings))
    return "\n".join(
        [
            f"table netdev {settings.table} {{",
            *([f'  comment "{comment}"'] if comment else []),
            *(f"  counter {name} {{ }}" for name in COUNTERS),
            *(
                f"  map {name} {{ type ether_addr : {kind}; size 65535; flags timeout; counter; }}"
                for name, kind in (("down", "mark" if by_mark else "classid"), ("up", "classid"))
            ),
            *([_SENDERS] if limits else []),
            *(f"  chain {name} {{ {hook} }}" for name, (hook, _) in chains.items()),
            "}",
            *(f"flush chain netdev {settings.table} {name}" for name in chains),
            f"table netdev {settings.table} {{",
            *(line for name, (hook, rules) in chains.items() for line in _chain(name, hook, rules)),
            "}",
            "",
        ]
    )


_SENDERS = (
    f"  set senders {{ type ether_addr; size {SENDERS_MOST}; flags dynamic,timeout; timeout {SENDERS_S}s; }}"
)


def _hook(name: str, device: str, policy: str) -> str:
    return f'type filter hook {name} device "{device}" priority {HOOK_PRIORITY}; policy {policy};'


def _chain(name: str, hook: str, rules: Sequence[str]) -> list[str]:
    return [
        f"  chain {name} {{",
        *([f"    {hook}"] if hook else []),
        *(f"    {rule}" for rule in rules),
        "  }",
    ]


def _egress(
    settings: ShaperSettings, boxes: Sequence[MacAddress], *, limits: bool, by_mark: bool
) -> list[str]:
    """Towards the stations. To one that has not paid the box speaks, and nobody else."""
    ours = f"ether saddr {_one_of(boxes)}"
    carrier = "mark" if by_mark else "priority"
    major = MAJORS[Direction.DOWN]
    class_of_lobby = f"0x{major << 16 | LOBBY:x}" if by_mark else f"{major:x}:{LOBBY:x}"
    lobby = f"meta {carrier} set {class_of_lobby} counter name lobby_out accept"
    solicit, router = _icmpv6_sent(SOLICIT), _icmpv6_sent(ROUTER_ADVERT)
    to_strangers = [] if settings.closed else _to_strangers(settings, ours, lobby)
    groups_only = f"{MULTICAST6} " if settings.closed else ""
    return [
        TAGGED,
        f"{ours} {EAPOL} {lobby}",
        f"meta {carrier} set ether daddr map @down accept",
        *to_strangers,
        f"{ours} {groups_only}{BETWEEN} {FIRST_HAND} {router} {lobby}",
        # The box seeks a station for a packet of its own, whose source may be any of its addresses.
        f"{ours} {MULTICAST6} ip6 daddr ff02::/16 {FIRST_HAND} {solicit} {lobby}",
        f"{ours} {BROADCAST} {ARP} {_frame(MAX_ARP_BYTES)} {lobby}",
        f"{ours} {BROADCAST} {DHCP} {lobby}",
        *_bridged_groups(lobby, limits=limits),
        "counter name unpaid_out",
    ]


def _to_strangers(settings: ShaperSettings, ours: str, accept: str) -> list[str]:
    """What this box itself says to one station that has not paid: the lobby's answers, and where it is."""
    return [
        f"{ours} {FROM_A_SOCKET} {BETWEEN} ip6 nexthdr udp udp sport {settings.lobby_port} {accept}",
        f"{ours} {BETWEEN} {FIRST_HAND} {_icmpv6_sent(NEIGHBOURS)} {accept}",
    ]


def _bridged_groups(lobby: str, *, limits: bool) -> list[str]:
    """What others on a bridge send to groups, without which a paid station is not found.

    A group cannot leave out who did not pay, so what it hears is short, never forwarded and rare: at most
    7 to 47 kbit/s of each kind, 125 together. Where the kernel has no limits the lobby's class bounds it all the
    same.
    """

    def rarely(per_s: int) -> str:
        return f"limit rate {per_s}/second burst {per_s} packets {lobby}" if limits else lobby

    group = f"{MULTICAST6} ip6 saddr {{ fe80::/10, :: }} ip6 daddr ff02::/16"
    neighbours, router, query = (_icmpv6_sent(kinds) for kinds in (NEIGHBOURS, ROUTER_ADVERT, LISTENER_QUERY))
    return [
        f"{group} {FIRST_HAND} {neighbours} {rarely(SMALL_GROUP_PER_S)}",
        f"{group} {FIRST_HAND} {router} {rarely(LARGE_GROUP_PER_S)}",
        f"{group} {LISTENING} {query} {rarely(LARGE_GROUP_PER_S)}",
        f"{BROADCAST} {ARP} {_frame(MAX_ARP_BYTES)} {rarely(SMALL_GROUP_PER_S)}",
        f"{BROADCAST} {DHCP} {_frame(MAX_DHCP_BYTES)} {rarely(LARGE_GROUP_PER_S)}",
    ]


def _icmpv6_sent(kinds: Icmpv6Kinds) -> str:
    return f"{_frame(IPV6_BYTES + kinds.most_bytes)} icmpv6 type {{ {kinds.names} }}"


def _icmpv6_received(kinds: Icmpv6Kinds) -> str:
    return f"meta length <= {IPV6_BYTES + kinds.most_bytes} icmpv6 type {{ {kinds.names} }}"


def _frame(packet_bytes: int) -> str:
    """At the egress hook a frame's length counts its header; what trails behind the packet counts as well."""
    return f"meta length <= {ETHERNET_BYTES + packet_bytes}"


def _ingress(settings: ShaperSettings, boxes: Sequence[MacAddress]) -> list[str]:
    """From the stations. A forwarded packet leaves the chain and waits in the intermediate device's own tree."""
    return [
        TAGGED,
        f"{EAPOL} ether daddr {_one_of([*boxes, PAE_GROUP])} accept",
        f'meta priority set ether saddr map @up fwd to "{settings.ifb}"',
        *([] if settings.closed else ["meta protocol ip6 goto lobby"]),
        "counter name unpaid_in",
    ]


def _apart(
    settings: ShaperSettings, device: str, box: MacAddress, *, limits: bool
) -> dict[str, tuple[str, list[str]]]:
    """The chains of a device that has a lobby and nothing else: nobody pays there, nothing is forwarded.

    It has no tree, so the lobby's rate holds here by a limit, where the kernel has them.
    """
    ours, accept = f"ether saddr {box}", "counter name lobby_out accept"
    limited = f"limit rate over {settings.lobby_bps // 8} bytes/second burst {MAX_BURST_BYTES} bytes"
    egress = [
        TAGGED,
        f"{ours} {EAPOL} {accept}",
        *([f"{limited} counter name lobby_limited drop"] if limits else []),
        *_to_strangers(settings, ours, accept),
        "counter name unpaid_out",
    ]
    ingress = [
        TAGGED,
        f"{EAPOL} ether daddr {_one_of([box, PAE_GROUP])} accept",
        "meta protocol ip6 goto apart",
        "counter name unpaid_in",
    ]
    return {
        "apart_kinds": ("", _lobby_kinds(settings, box)),
        "apart": ("", _lobby(settings, [box], limits=limits, kinds="apart_kinds")),
        "apart_egress": (_hook("egress", device, "drop"), egress),
        "apart_ingress": (_hook("ingress", device, "drop"), ingress),
    }


def _lobby(
    settings: ShaperSettings, boxes: Sequence[MacAddress], *, limits: bool, kinds: str = "lobby_kinds"
) -> list[str]:
    each, total = settings.lobby_packets_per_s, settings.lobby_packets_per_s * LOBBY_TOTAL_FACTOR
    limited = "counter name lobby_limited drop"
    limit_rules = [
        f"update @senders {{ ether saddr limit rate over {each}/second burst {each} packets }} {limited}",
        f"limit rate over {total}/second burst {total} packets {limited}",
    ]
    return [
        *(limit_rules if limits else []),
        f"ether daddr {_one_of(boxes)} goto {kinds}",
        f"{MULTICAST6} goto {kinds}",
        "counter name unpaid_in",
        "drop",
    ]


def _lobby_kinds(settings: ShaperSettings, box: MacAddress) -> list[str]:
    """Router advertisements are not among them: a station does not tell this box where the world is.

    The kernel routes only what came for one host of the link; even link-local packets, back to where they
    came from.
    """
    to_the_box = f"ether daddr set {box} {UNROUTED} counter name lobby_in accept"
    return [
        f"{BETWEEN} ip6 nexthdr udp udp dport {settings.lobby_port} {to_the_box}",
        f"{JOINING} {FIRST_HAND} {_icmpv6_received(FROM_A_STATION)} {to_the_box}",
        f"{JOINING} ip6 daddr ff02::/16 {LISTENING} {_icmpv6_received(LISTENER_REPORT)} {to_the_box}",
        "counter name unpaid_in",
        "drop",
    ]


def _unrouted(settings: ShaperSettings) -> list[str]:
    """At the bridge itself, which takes a frame with its own address for its own again: say it once more."""
    return [
        f"ip6 daddr fe80::/10 icmpv6 type {{ {FROM_A_STATION.names} }} {UNROUTED}",
        f"ip6 daddr fe80::/10 udp dport {settings.lobby_port} {UNROUTED}",
    ]


def _one_of(addresses: Sequence[MacAddress]) -> str:
    return f"{{ {', '.join(sorted({str(address) for address in addresses}))} }}"
