"""What ended a service is one error, if it was the world."""

from __future__ import annotations

import asyncio

import pytest

from ledger.running import run_service
from wire.errors import ShellError


async def fail(error: Exception) -> None:
    raise error


async def together(*errors: Exception) -> None:
    async with asyncio.TaskGroup() as tasks:
        for error in errors:
            tasks.create_task(fail(error))


async def nested(error: Exception) -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(together(error))


def test_the_world_s_failure_comes_out_of_its_groups() -> None:
    with pytest.raises(ShellError, match="disk: full"):
        run_service(nested(ShellError("disk", "full")))


def test_a_fault_of_ours_stays_what_it_is() -> None:
    with pytest.raises(ExceptionGroup) as group:
        run_service(together(ShellError("disk", "full"), KeyError("ours")))
    assert {type(error) for error in group.value.exceptions} == {ShellError, KeyError}


def test_a_service_that_ends_by_itself_raises_nothing() -> None:
    run_service(together())
