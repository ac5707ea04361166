"""Who shares a ledger: from what CometBFT says of itself and of its peers."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.abci.comet_home import generate_keys, read_operator
from ledger.abci.network import Network
from ledger.abci.network_page import show_network
from wire.keys import PrivateKey

KEY = PrivateKey.generate().public
OPERATORS = tuple(
    read_operator(generate_keys(), name, PrivateKey.generate().public, f"192.0.2.{number}:26656", power)
    for number, (name, power) in enumerate({"alice": 1, "bob": 1, "carol": 1, "dave": 1, "eve": 0}.items(), 1)
)
NETWORK = Network(OPERATORS, KEY, 1_700_000_000)


def said(own: str, *, catching_up: bool = False) -> dict[str, Any]:
    at = {"latest_block_height": "7", "catching_up": catching_up}
    return {"node_info": {"id": own}, "sync_info": at}


def peers(*numbers: int) -> dict[str, Any]:
    return {"peers": [{"node_info": {"id": OPERATORS[number].node}} for number in numbers]}


@pytest.mark.parametrize(
    ("connected", "decides"), [((1, 2, 3), True), ((1, 2), True), ((1, 4), False), ((), False)]
)
def test_who_is_there_and_whether_they_decide(connected: tuple[int, ...], decides: bool) -> None:
    page = show_network(NETWORK, said(OPERATORS[0].node), peers(*connected))
    assert page.decides is decides
    assert (page.name, page.height, page.catching_up) == ("alice", 7, False)
    there = {number for number, one in enumerate(page.operators) if one.connected}
    assert there == {0, *connected}
    assert [one.power for one in page.operators] == [1, 1, 1, 1, 0]


def test_a_node_that_nobody_knows() -> None:
    page = show_network(NETWORK, said("ff" * 20, catching_up=True), peers(0, 1, 2))
    assert (page.name, page.catching_up, page.decides) == ("", True, True)
