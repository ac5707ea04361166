"""How another process of our own code is started: the words of its command line.

Owns where such a process finds modules: exactly where this one does, and never in the present folder, which may be one
that a stranger sent. `python -m` alone would look there first. Starts nothing.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

_BEGIN = (
    "import sys; name, sys.path[:] = sys.argv[1], sys.argv[2:]; "
    "import runpy; runpy.run_module(name, run_name='__main__', alter_sys=True)"
)


def module_words(module: str, places: Sequence[str] | None = None) -> list[str]:
    """The command line of `module`, with our places of modules (default: sys.path). Empty and relative ones name a
    folder that a child may not be in, or that nobody meant.
    """
    named = sys.path if places is None else places
    return [sys.executable, "-P", "-c", _BEGIN, module, *(one for one in named if Path(one).is_absolute())]
