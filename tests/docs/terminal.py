"""A terminal at which the words of a page are typed: bash in a namespace, whose folder, functions and variables stay.

Run it only inside the lab's sandbox, in namespaces of its own: pages name ports and interfaces of a whole machine.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from lab.namespaces import Namespace
from lab.processes import Child, Household
from tests.docs.markdown import block, logical_lines
from tests.docs.stories import LEFT_OUT

COMMANDS = Path(sys.executable).parent
"""Where `airgrant`, `apd` and `operatord` are, as after `source .venv/bin/activate`."""

USERS_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games"
"""What Debian gives an ordinary user, who types most of what pages have: not root's, with /usr/sbin."""

ROOTS = ("apd",)
"""Programs that a page's reader starts as root."""

DEADLINE_S = 60.0


@dataclass(frozen=True)
class Terminal:
    """Type words into it, or a page's block."""

    namespace: Namespace
    folder: Path
    household: Household
    name: str

    def follow(self, page: str, name: str, values: dict[str, str] | None = None, status: int = 0) -> str:
        """Type a block of a page as it stands, but for what a reader fills in; what it says."""
        return self.type(filled(page, name, values or {}), status)

    def type(self, text: str, status: int = 0) -> str:
        """What it says. The first command that fails ends it, with the status that is asked for or as an error."""
        state = self.folder / f".{self.name}.state"
        state.touch()
        names = " ".join(sorted({"HOME", *re.findall(r"(?:^|[;&\s])([A-Za-z_]\w*)=", text)}))
        script = (
            f"set -eu -o pipefail\n. {state}\n{text}\n"
            f'{{ cat {state}; declare -f; declare -p {names} || true; echo "cd $PWD"; }} 2>/dev/null > {state}.new\n'
            f"mv {state}.new {state}\n"
        )
        done = subprocess.run(
            self.namespace.argv(["bash", "--norc", "-c", script]),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=DEADLINE_S,
            cwd=self.folder,
            env={**os.environ, "PATH": f"{COMMANDS}:{USERS_PATH}", "COLUMNS": "160"},
            check=False,
        )
        assert done.returncode == status, f"{self.name}: status {done.returncode} of\n{text}\n{done.stdout}"
        return done.stdout

    def leave_running(self, page: str, name: str, values: dict[str, str] | None = None) -> list[Child]:
        """Each line of a block, in a terminal of its own: what serves until it is told to end."""
        started: list[Child] = []
        for line in logical_lines(filled(page, name, values or {})):
            words = ["bash", "--norc", "-c", f". {self.folder / f'.{self.name}.state'}; exec {line}"]
            path = os.environ["PATH"] if line.startswith(ROOTS) else USERS_PATH
            environment = {"PATH": f"{COMMANDS}:{path}"}
            label = "-".join(line.split()[:3]).replace("/", "-")
            started.append(
                self.household.start(
                    label, words, namespace=self.namespace, environment=environment, folder=self.folder
                )
            )
        return started


def filled(page: str, name: str, values: dict[str, str]) -> str:
    """A block with what its reader fills in; each of these has to be there."""
    text = typed_here(name, block(page, name))
    for placeholder, value in values.items():
        assert placeholder in text, f"{page}: the block {name} has no {placeholder!r}"
        text = text.replace(placeholder, value)
    return text


def typed_here(name: str, text: str) -> str:
    """A block's text without the lines that `LEFT_OUT` says are not typed."""
    left_out = [begins for block_name, begins in LEFT_OUT if block_name == name]
    lines = [line for line in text.split("\n") if not any(line.strip().startswith(one) for one in left_out)]
    return "\n".join(lines)
