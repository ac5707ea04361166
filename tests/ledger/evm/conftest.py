"""A node for the tests of the Solidity twin: one per module, back at its beginning before each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.evm_rig import Rig, new_rig
from ledger.evm.deployed import Deployed, deploy, load_compiled
from ledger.evm.node import Node, run_node


@pytest.fixture(scope="module")
def running_node(evm_contracts: None) -> Iterator[Node]:
    with run_node() as node:
        yield node


@pytest.fixture
def node(running_node: Node) -> Iterator[Node]:
    """What a test does to it is undone."""
    before = running_node.snapshot()
    yield running_node
    running_node.revert(before)


@pytest.fixture
def oracle(node: Node) -> Deployed:
    """The contract that gives each library a name."""
    return deploy(node, load_compiled("Oracle"), node.accounts()[0])


@pytest.fixture
def rig(node: Node) -> Rig:
    """A PayPlace with an operator."""
    return new_rig(node)
