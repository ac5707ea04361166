"""Runs a service of several tasks to its end, and says in one error what ended it.

Tasks that fail together raise a group; whoever started the service from a command line wants the ShellError inside,
for a sentence and a status. Anything else in the group is our own fault and is raised as it is.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

from wire.errors import ShellError


def run_service(service: Coroutine[Any, Any, None]) -> None:
    """Until it ends. Raises the first ShellError of a group that has nothing else in it."""
    try:
        asyncio.run(service)
    except (
        BaseExceptionGroup
    ) as group:  # `except*` would wrap what it raises in a group again (CPython 3.11.2)
        ours, others = group.split(ShellError)
        if ours is None or others is not None:
            raise
        raise _first(ours) from group


def _first(group: BaseExceptionGroup[ShellError]) -> ShellError:
    """The error itself, out of the groups of nested tasks."""
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    assert isinstance(found, ShellError), f"{found!r}"
    return found
