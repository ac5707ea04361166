"""Databases for the tests of the ledger's stores: one PostgreSQL of our own, where it is installed."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab.postgres import Cluster, find_programs, start_cluster
from lab.processes import Household
from ledger.store import Place


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A server that runs; nobody may kill it."""
    if find_programs() is None:
        pytest.skip("PostgreSQL is not installed: run lab/set-up.sh")
    with Household(tmp_path_factory.mktemp("postgresql")) as household:
        cluster = start_cluster(household)
        yield cluster
        cluster.stop()


@pytest.fixture(scope="session")
def new_database() -> Callable[[Cluster], str]:
    """Makes an empty database and gives its address."""
    numbers = itertools.count(1)

    def make(cluster: Cluster) -> str:
        name = f"ledger_{next(numbers)}"
        cluster.run(f"CREATE DATABASE {name}")
        return cluster.address.replace("///postgres?", f"///{name}?")

    return make


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def either_database(request: pytest.FixtureRequest) -> Cluster | None:
    """Each in turn; None: a file of its own."""
    if request.param == "sqlite":
        return None
    cluster: Cluster = request.getfixturevalue("postgresql")
    return cluster


@pytest.fixture
def place(either_database: Cluster | None, new_database: Callable[[Cluster], str], tmp_path: Path) -> Place:
    """Where a ledger can be and nothing is yet, in each kind of database in turn."""
    return tmp_path / "ledger.db" if either_database is None else new_database(either_database)


@pytest.fixture
def run_sql(either_database: Cluster | None) -> Callable[[Place, str], None]:
    """Somebody else with access to the database, and no scruples."""

    def run(place: Place, statement: str) -> None:
        if isinstance(place, str):
            assert either_database is not None, "the address came from it"
            either_database.run(statement, place)
            return
        with sqlite3.connect(place) as other:
            other.execute(statement)
        other.close()

    return run
