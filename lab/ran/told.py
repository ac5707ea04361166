"""A child process that takes orders, one per line, and tells facts, one JSON object per line, as a context manager.

Out: facts by their "event", waited for with a deadline. Each fact is taken once, in the order in which it was told.
"""

import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lab.processes import wait_until
from wire.errors import ShellError

Fact = Mapping[str, Any]


@dataclass(slots=True)
class Told:
    """`argv` running while the block runs; what it tells is kept in `folder`, as `name`.json and `name`.errors."""

    name: str
    argv: Sequence[str | Path]
    folder: Path
    deadline_s: float = 20.0
    _process: subprocess.Popen[str] = field(init=False)
    _taken: int = field(default=0, init=False)

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        program = Path(self.argv[0])
        if not program.exists():
            raise ShellError(self.name, f"there is no {program}: run lab/go.sh build {program.name}")
        with self._facts.open("w") as out, self._errors.open("w") as errors:
            self._process = subprocess.Popen(
                [str(word) for word in self.argv], stdin=subprocess.PIPE, stdout=out, stderr=errors, text=True
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdin is not None, "it was started with a pipe"
        self._process.stdin.close()

    def order(self, *words: str) -> None:
        """Hand it one line."""
        assert self._process.stdin is not None, "it was started with a pipe"
        try:
            self._process.stdin.write(" ".join(words) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise self._lost(words[0]) from error

    def take(
        self, name: str, fits: Callable[[Fact], bool] = lambda _: True, deadline_s: float | None = None
    ) -> Fact:
        """The next such fact; those before it are passed over. Raises ShellError at the deadline, and if it ended."""
        found: list[tuple[int, Fact]] = []

        def look() -> bool:
            ended = self._process.poll() is not None
            told = self.told()
            found[:] = [
                (at, fact)
                for at, fact in enumerate(told)
                if at >= self._taken and fact["event"] == name and fits(fact)
            ]
            return bool(found) or ended

        try:
            wait_until(look, name, self.deadline_s if deadline_s is None else deadline_s)
        except TimeoutError as late:
            raise self._lost(name) from late
        if not found:
            raise self._lost(name)
        self._taken = found[0][0] + 1
        return found[0][1]

    def told(self) -> list[Fact]:
        """All that it has said."""
        lines = self._facts.read_text().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def _lost(self, what: str) -> ShellError:
        code = self._process.poll()
        how = "does not tell it" if code is None else f"ended with {code}"
        return ShellError(
            self.name, f"{what}: it {how}; it said {self.told()[-3:]}, {self._errors.read_text()[-300:]}"
        )

    @property
    def _facts(self) -> Path:
        return self.folder / f"{self.name}.json"

    @property
    def _errors(self) -> Path:
        return self.folder / f"{self.name}.errors"
