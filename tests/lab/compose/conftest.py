"""A store of subscribers for the tests of one file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab.ran.subscriber_store import SubscriberStore
from ran_slicing.store_address import StoreAddress


@pytest.fixture(scope="module")
def store(
    go_program: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StoreAddress]:
    go_program("ferretdb")
    with SubscriberStore(tmp_path_factory.mktemp("store")) as running:
        yield running.address
