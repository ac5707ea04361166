"""What ended a service is one error, if it was the world."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json

import pytest

from ledger.running import heed_cancellation, run_command, run_service
from wire.errors import ConfigError, DecodeError, ShellError, VerificationError


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


def test_so_does_what_is_wrong_with_the_settings() -> None:
    with pytest.raises(ConfigError, match=r"ledger\.key"):
        run_service(nested(ConfigError("ledger.key: another")))


def test_a_fault_of_ours_stays_what_it_is() -> None:
    with pytest.raises(ExceptionGroup) as group:
        run_service(together(ShellError("disk", "full"), KeyError("ours")))
    assert {type(error) for error in group.value.exceptions} == {ShellError, KeyError}


def test_a_service_that_ends_by_itself_raises_nothing() -> None:
    run_service(together())


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (None, 0),
        (VerificationError("does not hold"), 1),
        (DecodeError("no key"), 2),
        (ConfigError("file: section.key: reason"), 2),
        (ShellError("disk", "full"), 3),
        (OSError("no such file"), 3),
    ],
)
def test_each_kind_of_error_has_its_status_and_is_said(error: Exception | None, status: int, capsys) -> None:
    def run(_: argparse.Namespace) -> int:
        if error is not None:
            raise error
        return 0

    for with_json in (False, True):
        assert run_command("some", argparse.Namespace(run=run, json=with_json), VerificationError) == status
        said = capsys.readouterr()
        assert said.err == (f"some: {error}\n" if error else "")
        assert said.out == (
            json.dumps({"ok": False, "error": str(error)}) + "\n" if error and with_json else ""
        )


def test_what_means_no_is_the_command_s_choice() -> None:
    def run(_: argparse.Namespace) -> int:
        raise DecodeError("the daemon says no")

    assert run_command("some", argparse.Namespace(run=run), DecodeError) == 1


def test_a_cancellation_that_a_library_swallowed_is_heeded() -> None:
    async def swallows() -> None:
        with contextlib.suppress(
            asyncio.CancelledError
        ):  # as CPython 3.11 does where the answer is there, too
            await asyncio.get_running_loop().create_future()
        heed_cancellation()
        raise AssertionError("it goes on")

    async def service() -> None:
        task = asyncio.create_task(swallows())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        heed_cancellation()  # nobody told this one to end

    asyncio.run(service())
