"""The world and its operator see each other in both address families, and nothing is left of them."""

from __future__ import annotations

import pytest

from lab.namespaces import NETNS_FOLDER, namespaces
from lab.traffic import ping_once
from lab.world import OPERATOR_WORLD_V4, OPERATOR_WORLD_V6, WORLD_V4, WORLD_V6, lay_world
from wire.errors import ShellError

pytestmark = pytest.mark.system


def test_operator_and_world_reach_each_other(needs) -> None:
    needs("ip")
    with namespaces() as make:
        operator, world = make("world-operator"), make("world-far")
        lay_world(operator, world)
        for address in (WORLD_V4, WORLD_V6):
            assert ping_once(operator, str(address.ip)) > 0
        for address in (OPERATOR_WORLD_V4, OPERATOR_WORLD_V6):
            assert ping_once(world, str(address.ip)) > 0
        assert operator.run(["cat", "/proc/sys/net/ipv4/ip_forward"]).strip() == "1"
        assert f"via {OPERATOR_WORLD_V4.ip} " in world.run(["ip", "route", "show", "default"])


def test_namespaces_are_gone_however_far_it_came(needs) -> None:
    needs("ip")

    def fail_in_the_middle() -> None:
        with namespaces() as make:
            make("world-half")
            make("world-half")  # the name is taken

    with pytest.raises(ShellError, match="world-half"):
        fail_in_the_middle()
    assert not (NETNS_FOLDER / "world-half").exists()
