"""What a command found, on the terminal: lines and tables for a person, or the same page as JSON for a program."""

import json
import sys
from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Console


def show(page: object, make_lines: Callable[[], Sequence[Any]], *, as_json: bool) -> None:
    """`make_lines` gives what rich prints, and is asked only where a person reads."""
    if as_json:
        sys.stdout.write(json.dumps(page, indent=2) + "\n")
        return
    console = Console()
    for line in make_lines():
        console.print(line)
