"""The world behind the operator of every lab: one namespace at the end of a cable, routed in both address families.

    operator ---- world
    10.79.0.1     10.79.0.2
    fd79::1       fd79::2

What hangs on the operator's other side is `air.py`'s, or `wifi/air.py`'s.
"""

import ipaddress

from lab.namespaces import Namespace, Port, plug

OPERATOR_WORLD_V4 = ipaddress.IPv4Interface("10.79.0.1/24")
OPERATOR_WORLD_V6 = ipaddress.IPv6Interface("fd79::1/64")
WORLD_V4 = ipaddress.IPv4Interface("10.79.0.2/24")
WORLD_V6 = ipaddress.IPv6Interface("fd79::2/64")


def lay_world(operator: Namespace, world: Namespace) -> None:
    """The cable between them, and the way back: the operator forwards, and the world sends all through it."""
    plug(
        Port(operator, "world0", addresses=(OPERATOR_WORLD_V4, OPERATOR_WORLD_V6)),
        Port(world, "wan0", addresses=(WORLD_V4, WORLD_V6)),
    )
    forward(operator)
    world.ip(f"route add default via {OPERATOR_WORLD_V4.ip}", f"route add ::/0 via {OPERATOR_WORLD_V6.ip}")


def forward(namespace: Namespace) -> None:
    """A router of both address families."""
    namespace.set_kernel("ipv4/ip_forward", 1)
    namespace.set_kernel("ipv6/conf/all/forwarding", 1)
