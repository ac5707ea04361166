"""How a shared ledger stands: it decides when a block comes, whoever is connected."""

from __future__ import annotations

from ledger.abci.network_page import NetworkPage
from ledger.abci.status_cli import LOOKS_PER_S, PATIENCE_S, await_block


def page(height: int, *, decides: bool = True, catching_up: bool = False) -> NetworkPage:
    return NetworkPage(
        chain_id="c", name="alice", height=height, catching_up=catching_up, decides=decides, operators=[]
    )


def watch(first: NetworkPage, *later: NetworkPage) -> tuple[NetworkPage, float]:
    """What was found, and how long that took."""
    pages, waited = iter(later), list[float]()
    found = await_block(first, lambda: next(pages, later[-1]), waited.append)
    return found, sum(waited)


def test_a_network_that_signs_blocks_decides() -> None:
    assert watch(page(7), page(7), page(8)) == (page(8), 2 / LOOKS_PER_S)


def test_one_whose_operators_are_connected_and_sign_nothing_does_not() -> None:
    assert watch(page(7), page(7)) == (page(7, decides=False), PATIENCE_S + 1)


def test_what_is_known_at_once_is_said_at_once() -> None:
    for known in (page(7, decides=False), page(7, catching_up=True)):
        assert watch(known, page(8)) == (known, 0)
