"""A ledger for the tests of one file, with a provider and a buyer of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.ledger_house import LedgerHouse, ledger_house
from wire.keys import PrivateKey

PORT = 28_883


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LedgerHouse]:
    """A broker and the ledger's service. A file whose house is of another kind has a fixture of this name itself."""
    with ledger_house(tmp_path_factory.mktemp("house"), PORT, "accept_software_keys = true") as running:
        yield running


@pytest.fixture
def provider(house: LedgerHouse) -> PrivateKey:
    return house.new_provider()


@pytest.fixture
def buyer(house: LedgerHouse) -> PrivateKey:
    return house.new_buyer()
