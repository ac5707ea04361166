"""What a command found, on the terminal: lines and tables for a person, or the same page as JSON for a program."""

import json
import sys
from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

PIPE_COLUMNS = 1_000
"""Where nobody sees an edge, no line is broken."""


def show(page: object, make_lines: Callable[[], Sequence[Any]], *, as_json: bool) -> None:
    """`make_lines` gives what rich prints, and is asked only where a person reads. Nothing is cut, as what is cut
    cannot be typed again: in a table it goes on below, and a line is the terminal's to wrap.
    """
    if as_json:
        sys.stdout.write(json.dumps(page, indent=2) + "\n")
        return
    console = Console()
    if not console.is_terminal:
        console.width = PIPE_COLUMNS
    for line in make_lines():
        if isinstance(line, Table):
            for column in line.columns:
                column.overflow = "fold"
        console.print(line, soft_wrap=isinstance(line, str))
