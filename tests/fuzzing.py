"""The loop of every fuzzer: inputs by chance from a seed, until somebody says enough; the first broken promise ends it.

What an input is, and what is promised of it, each fuzzer says itself: `tests/wire/fuzz.py`, `tests/nas_tunnel/fuzz.py`.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import NamedTuple

GoOn = Callable[[int], bool]
"""Whether to go on after so many inputs."""


class Trial(NamedTuple):
    """One input: how to show it in an error, and what tries it; that gives how many values it was."""

    shown: str
    attempt: Callable[[], int]


def keep_trying(seed: int, go_on: GoOn, draw: Callable[[random.Random, int], Trial]) -> tuple[int, int]:
    """(inputs, of which values); raises at the first broken promise, with the input. `draw` is told its number."""
    chance = random.Random(seed)
    inputs = values = 0
    while go_on(inputs):
        trial = draw(chance, inputs)
        try:
            values += trial.attempt()
        except Exception as error:
            error.add_note(f"seed {seed}, input {inputs}: {trial.shown}")
            raise
        inputs += 1
    return inputs, values


def main(argv: list[str], run: Callable[[int, GoOn], tuple[int, int]]) -> int:
    """[SECONDS] [SEED], the seed by chance and printed, so that a run can be repeated."""
    seconds = float(argv[0]) if argv else 10.0
    seed = int(argv[1]) if len(argv) > 1 else random.SystemRandom().randrange(2**32)
    end = time.monotonic() + seconds
    inputs, values = run(seed, lambda _: time.monotonic() < end)
    print(f"seed {seed}: {inputs} inputs, {values} times a value, no promise broken")
    return 0
