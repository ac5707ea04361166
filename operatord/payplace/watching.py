"""When a merchant looks at its operator again: after a while, or soon if the operator had no room for it in a window.

Owns nothing: looking, saying, waiting and chance are given. Ends only with one of them.
"""

from collections.abc import Callable
from typing import Any

from wire.errors import ShellError

POLL_S, SOON_S = 10.0, 1.0


class BusyError(ShellError):
    """The operator has no room for us now: to be asked again soon."""


def watch_for_ever(
    look: Callable[[], dict[str, Any]],
    say: Callable[[dict[str, Any]], object],
    pause: Callable[[float], object],
    draw: Callable[[], float],
) -> None:
    """`look` gives a page of what it found. What is as before, or was done again, is not said. `pause` takes seconds;
    `draw` gives a number from 0 to below 1, so that those who were sent away together do not come back together.
    """
    said: dict[str, Any] = {}
    while True:
        rest_s = POLL_S
        try:
            found = look()
        except ShellError as error:
            found = {"ok": False, "trouble": str(error)}
            if isinstance(error, BusyError):
                rest_s = SOON_S * (1 + draw())
        if found != said and "again" not in found:
            say(found)
        said = found
        pause(rest_s)
