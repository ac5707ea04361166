"""The nftables table of one shaper, as text for the `nft` program.

Both chains sit on the station interface itself, so they see bridged and routed packets of every protocol alike.
A station that has paid is one element in each map: its packets get the priority that names its HTB class. A station
that has not can reach UDP `lobby_port` of this box over IPv6 link-local, neighbour discovery, and the key handshake.
What it sends to a group address is turned into a frame for this box alone, so that no bridge carries it on.

Loading the text again replaces the rules in one transaction and keeps the elements with their counters.
Reference: nft(8), netdev family, ingress and egress hooks (egress: Linux 5.16).
"""

from collections.abc import Sequence

from tc_shaper.rtnetlink import MAJOR
from tc_shaper.settings import ShaperSettings
from tc_shaper.tree import LOBBY
from wire.ids import MacAddress

HOOK_PRIORITY = -300
"""Before any other program's netdev chains (a flowtable's ingress hook is at 0): who has not paid is stopped first."""
SENDERS_S = 10
SENDERS_MOST = 8_192
"""Addresses whose rate in the lobby is remembered at once, and for how long; beyond that the common limit holds."""
LOBBY_TOTAL_FACTOR = 20
"""The common limit is that of twenty stations: it bounds what forged addresses can cost the daemon."""
COUNTERS = ("lobby_in", "lobby_out", "lobby_limited", "unpaid_in", "unpaid_out")
"""Named counters: what the lobby carried, and what was dropped because of a limit or because nobody paid for it."""
MULTICAST6 = "ether daddr & ff:ff:00:00:00:00 == 33:33:00:00:00:00"
EAPOL = "ether type 0x888e"
"""Key handshakes never wait in a session's queue, and come before anything is paid."""
PAE_GROUP = MacAddress.parse("01:80:c2:00:00:03")
"""IEEE 802.1X-2020 clause 11.1.1: a group address that no bridge carries on."""


def plan_ruleset(
    settings: ShaperSettings, boxes: Sequence[MacAddress], *, limits: bool, comment: str = ""
) -> str:
    """The whole table. `boxes` are this box's own addresses on that link: the port's first, then its bridge's."""
    return "\n".join(
        [
            f"table netdev {settings.table} {{",
            *([f'  comment "{comment}"'] if comment else []),
            *(f"  counter {name} {{ }}" for name in COUNTERS),
            *(
                f"  map {name} {{ type ether_addr : classid; size 65535; counter; }}"
                for name in ("down", "up")
            ),
            *([_SENDERS] if limits else []),
            "  chain lobby_kinds { }",
            "  chain lobby { }",
            f"  chain egress {{ {_hook('egress', settings)} }}",
            f"  chain ingress {{ {_hook('ingress', settings)} }}",
            "}",
            *(
                f"flush chain netdev {settings.table} {name}"
                for name in ("egress", "ingress", "lobby", "lobby_kinds")
            ),
            f"table netdev {settings.table} {{",
            *_chain("egress", _hook("egress", settings), _egress(settings, boxes)),
            *_chain("lobby_kinds", "", _lobby_kinds(settings, boxes[0])),
            *_chain("lobby", "", _lobby(settings, boxes, limits=limits)),
            *_chain("ingress", _hook("ingress", settings), _ingress(settings, boxes)),
            "}",
            "",
        ]
    )


_SENDERS = (
    f"  set senders {{ type ether_addr; size {SENDERS_MOST}; flags dynamic,timeout; timeout {SENDERS_S}s; }}"
)


def _hook(name: str, settings: ShaperSettings) -> str:
    return f'type filter hook {name} device "{settings.interface}" priority {HOOK_PRIORITY}; policy drop;'


def _chain(name: str, hook: str, rules: Sequence[str]) -> list[str]:
    return [
        f"  chain {name} {{",
        *([f"    {hook}"] if hook else []),
        *(f"    {rule}" for rule in rules),
        "  }",
    ]


def _egress(settings: ShaperSettings, boxes: Sequence[MacAddress]) -> list[str]:
    """Towards the stations. Groups hear only what a paid station needs to be reached at all."""
    ours = f"ether saddr {_one_of(boxes)}"
    between = "ip6 saddr fe80::/10 ip6 daddr { fe80::/10, ff02::/16 }"
    neighbours = "nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert"
    lobby = f"meta priority set {MAJOR:x}:{LOBBY:x} counter name lobby_out accept"
    return [
        f"{ours} {EAPOL} {lobby}",
        "meta priority set ether daddr map @down accept",
        f"{ours} {between} udp sport {settings.lobby_port} {lobby}",
        f"{ours} icmpv6 type {{ {neighbours} }} {lobby}",
        f"{MULTICAST6} icmpv6 type {{ {neighbours}, mld-listener-query }} {lobby}",
        f"ether daddr ff:ff:ff:ff:ff:ff ether type arp {lobby}",
        f"ether daddr ff:ff:ff:ff:ff:ff udp sport 67 udp dport 68 {lobby}",
        "counter name unpaid_out",
    ]


def _ingress(settings: ShaperSettings, boxes: Sequence[MacAddress]) -> list[str]:
    """From the stations. A forwarded packet leaves the chain and waits in the intermediate device's own tree."""
    return [
        f"{EAPOL} ether daddr {_one_of([*boxes, PAE_GROUP])} accept",
        f'meta priority set ether saddr map @up fwd to "{settings.ifb}"',
        "meta protocol ip6 goto lobby",
        "counter name unpaid_in",
    ]


def _lobby(settings: ShaperSettings, boxes: Sequence[MacAddress], *, limits: bool) -> list[str]:
    each, total = settings.lobby_packets_per_s, settings.lobby_packets_per_s * LOBBY_TOTAL_FACTOR
    limited = "counter name lobby_limited drop"
    limit_rules = [
        f"update @senders {{ ether saddr limit rate over {each}/second burst {each} packets }} {limited}",
        f"limit rate over {total}/second burst {total} packets {limited}",
    ]
    return [
        *(limit_rules if limits else []),
        f"ether daddr {_one_of(boxes)} goto lobby_kinds",
        f"{MULTICAST6} goto lobby_kinds",
        "counter name unpaid_in",
        "drop",
    ]


def _lobby_kinds(settings: ShaperSettings, box: MacAddress) -> list[str]:
    """Router advertisements are not among them: a station does not tell this box where the world is."""
    to_the_box = f"ether daddr set {box} counter name lobby_in accept"
    return [
        f"ip6 saddr fe80::/10 ip6 daddr {{ fe80::/10, ff02::/16 }} udp dport {settings.lobby_port} {to_the_box}",
        f"ip6 hoplimit 255 icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit }} {to_the_box}",
        "ip6 hoplimit 1 icmpv6 type { mld-listener-report, mld-listener-done, mld2-listener-report } "
        + to_the_box,
        "counter name unpaid_in",
        "drop",
    ]


def _one_of(addresses: Sequence[MacAddress]) -> str:
    return f"{{ {', '.join(sorted({str(address) for address in addresses}))} }}"
