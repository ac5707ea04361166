"""Who shares a ledger, and how our node stands, as the pages and the commands show it. Pure."""

from typing import Any

from pydantic import BaseModel, Field

from ledger.abci.network import Network


class OperatorPage(BaseModel):
    """One of those who share the ledger."""

    name: str
    gateway: str
    power: int = Field(description="its part of the votes; 0: it has none")
    node: str
    address: str
    connected: bool = Field(description="whether our node is connected to its; of our own: that it answers")


class NetworkPage(BaseModel):
    """Who shares this ledger, and how our node stands."""

    chain_id: str
    name: str = Field(description="our own in this network; empty if it does not know us")
    height: int = Field(
        description="of the last block that our node has, whether anything took effect in it or not"
    )
    catching_up: bool
    decides: bool = Field(
        description="whether operators with more than two thirds of the votes are connected"
    )
    empty_block_s: int = Field(
        default=1, description="the most that passes between two blocks when nothing happens"
    )
    operators: list[OperatorPage]


def show_network(network: Network, status: Any, net_info: Any) -> NetworkPage:
    """From what CometBFT says of itself and of its peers."""
    own = str(status["node_info"]["id"])
    there = {own, *(str(peer["node_info"]["id"]) for peer in net_info["peers"])}
    operators = [
        OperatorPage(
            name=one.name,
            gateway=str(one.gateway),
            power=0 if one.validator is None else one.validator.power,
            node=one.node,
            address=one.address,
            connected=one.node in there,
        )
        for one in network.operators
    ]
    votes = sum(one.power for one in operators if one.connected)
    return NetworkPage(
        chain_id=network.chain_id,
        name=next((one.name for one in operators if one.node == own), ""),
        height=int(status["sync_info"]["latest_block_height"]),
        catching_up=bool(status["sync_info"]["catching_up"]),
        decides=3 * votes > 2 * sum(one.power for one in operators),
        empty_block_s=network.empty_block_s,
        operators=operators,
    )
