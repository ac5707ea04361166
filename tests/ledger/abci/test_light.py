"""The JSON of CometBFT's `commit`; what is proven by it stands in tests/wire/test_comet_commit.py."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from ledger.abci.light import read_commit, read_time_ns
from wire.errors import DecodeError

FILE = json.loads((Path(__file__).parents[2] / "wire" / "vectors" / "comet_commits.json").read_text())


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1970-01-01T00:00:01Z", 1_000_000_000),
        ("2026-11-22T05:21:57.5Z", 1_795_324_917_500_000_000),
        ("2026-11-22T05:21:57.326784781Z", 1_795_324_917_326_784_781),
    ],
)
def test_times(text: str, wanted: int) -> None:
    assert read_time_ns(text) == wanted


@pytest.mark.parametrize("text", ["", "2026-11-22", "2026-13-22T05:21:57Z", "2026-11-22T05:21:57+01:00"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(DecodeError, match="is no time"):
        read_time_ns(text)


def broken(path: tuple[Any, ...], value: Any) -> Any:
    answer = copy.deepcopy(FILE["commits"][0])
    inner = answer
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return answer


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        {},
        {"signed_header": None},
        broken(("signed_header", "header", "app_hash"), "xyz"),
        broken(("signed_header", "header", "app_hash"), None),
        broken(("signed_header", "header", "time"), 5),
        broken(("signed_header", "commit", "height"), "77"),
        broken(("signed_header", "commit", "signatures", 0, "block_id_flag"), 9),
        broken(("signed_header", "commit", "signatures", 0, "signature"), "%"),
        broken(("signed_header", "commit", "signatures"), 3),
    ],
)
def test_what_is_no_commit_is_refused(answer: Any) -> None:
    with pytest.raises(DecodeError, match="commit"):
        read_commit(answer)
