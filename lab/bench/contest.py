"""One message written and read by two libraries: how long each takes, once both are seen to write the same bytes.

The other library is pycrate, which is general and generated from the standards. What the messages are stands with those
who know them: `cellular_codecs` (broadcasts) and `cellular_nas`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lab.bench.result import Against, Figure
from lab.bench.timing import rates

GOAL_US = 50.0
"""For a message, encoded or decoded, on the machine at hand."""


@dataclass(frozen=True, slots=True)
class Contest:
    """One message: ours and theirs, both ways. `encode` gives bytes, `decode` takes those."""

    name: str
    encode: Callable[[], bytes]
    decode: Callable[[bytes], object]
    encode_theirs: Callable[[], bytes]
    decode_theirs: Callable[[bytes], object]


def codec_figures(rows: Sequence[Contest], rounds: int = 11) -> list[Figure]:
    """Microseconds per message of each contest; asserts first that both sides write the same bytes."""
    functions: dict[str, Callable[[], object]] = {}
    for row in rows:
        message = row.encode()
        assert message == row.encode_theirs(), f"{row.name}: {message.hex()} is not what pycrate writes"
        functions |= _both_ways(row, message)
    seen_us = {name: 1e6 / rate for name, rate in rates(functions, rounds).items()}
    return [
        Figure(what, seen_us[what], "us", GOAL_US, "lower", Against("pycrate", seen_us[f"{what}, theirs"]))
        for row in rows
        for what in (f"{row.name}: encoded", f"{row.name}: decoded")
    ]


def _both_ways(row: Contest, message: bytes) -> dict[str, Callable[[], object]]:
    return {
        f"{row.name}: encoded": row.encode,
        f"{row.name}: encoded, theirs": row.encode_theirs,
        f"{row.name}: decoded": lambda: row.decode(message),
        f"{row.name}: decoded, theirs": lambda: row.decode_theirs(message),
    }
