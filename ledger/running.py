"""Runs a command to its exit status, and a service of several tasks to its end, with one sentence for what ended it.

Tasks that fail together raise a group; whoever started the service from a command line wants the ShellError inside.
Anything else in the group is our own fault and is raised as it is. For the ledger's and the operator's commands.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Coroutine
from typing import Any

from wire.errors import ConfigError, DecodeError, ShellError

OK, NO, USAGE, WORLD = 0, 1, 2, 3
"""Done; what was asked about does not hold; wrong command line or configuration; disk, broker or network failed."""


def run_command(name: str, arguments: argparse.Namespace, no: type[DecodeError]) -> int:
    """Calls `arguments.run` and gives its status, or that of its error, which is said; `no` is what means NO."""
    try:
        return int(arguments.run(arguments))
    except no as error:
        return _fail(name, arguments, NO, error)
    except (ConfigError, ValueError) as error:
        return _fail(name, arguments, USAGE, error)
    except (ShellError, OSError) as error:
        return _fail(name, arguments, WORLD, error)


def _fail(name: str, arguments: argparse.Namespace, status: int, error: Exception) -> int:
    """In words, and with --json as a value too."""
    if getattr(arguments, "json", False):
        sys.stdout.write(json.dumps({"ok": False, "error": str(error)}) + "\n")
    sys.stderr.write(f"{name}: {error}\n")
    return status


def run_service(service: Coroutine[Any, Any, None]) -> None:
    """Until it ends. Raises the first ShellError or ConfigError of a group that has nothing else in it."""
    try:
        asyncio.run(service)
    except (
        BaseExceptionGroup
    ) as group:  # `except*` would wrap what it raises in a group again (CPython 3.11.2)
        ours, others = group.split((ShellError, ConfigError))
        if ours is None or others is not None:
            raise
        raise _first(ours) from group


def heed_cancellation() -> None:
    """Raises CancelledError in a task that was told to end: `asyncio.wait_for` of CPython 3.11, which aiomqtt awaits,
    may swallow that, and nobody says it twice. To be called after each await of aiomqtt's.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _first(group: BaseExceptionGroup[Any]) -> ShellError | ConfigError:
    """The error itself, out of the groups of nested tasks."""
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    assert isinstance(found, ShellError | ConfigError), f"{found!r}"
    return found
