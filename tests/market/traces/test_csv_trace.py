"""A trace through CSV is the same trace, the pipeline does not see where it came from, and bad lines are named."""

from __future__ import annotations

import random

import numpy as np
import pytest

from market.sdo.game import Plan, game_of
from market.sdo.hourly_price import compare, price_curve
from market.sdo.monthly import UBC
from market.traces.csv_trace import read_usage_csv, write_usage_csv
from market.traces.presets import draw
from wire.errors import DecodeError

HEAD = "user,cycle,hour,used_bytes\n"
SMALL = HEAD + "anna,0,0,5\nanna,1,0,6\nbert,0,0,0\nbert,1,0,7\n"


def test_the_pipeline_is_unchanged_by_the_source() -> None:
    drawn = draw("paper-50MB", 2, users=6, cycles=8)
    read = read_usage_csv(write_usage_csv(drawn.usage), "office.csv")
    assert np.array_equal(read.used_bytes, drawn.usage.used_bytes)
    assert read.users == drawn.usage.users
    plan = Plan(drawn.preset.quota_bytes, drawn.preset.overage_bytes)
    ours, theirs = (game_of(usage, drawn.circumstances, plan) for usage in (drawn.usage, read))
    prices = [2 * UBC, 5 * UBC]
    for synthetic, real in zip(price_curve(ours, prices), price_curve(theirs, prices), strict=True):
        assert (synthetic.schedule, synthetic.choices) == (real.schedule, real.choices)
        assert synthetic.spent_ubc == real.spent_ubc
        assert (synthetic.label, real.label) == ("paper-50MB, seed 2 (synthetic)", "office.csv")
    assert compare(ours, 3 * UBC, 0).refined_ubc == compare(theirs, 3 * UBC, 0).refined_ubc


def test_lines_come_in_any_order() -> None:
    lines = SMALL.splitlines()[1:]
    random.Random(3).shuffle(lines)
    read = read_usage_csv(HEAD + "\r\n".join(lines), "x.csv")
    at = {user: read.used_bytes[:, k, 0].tolist() for k, user in enumerate(read.users)}
    assert at == {"anna": [5, 6], "bert": [0, 7]}
    assert not read.synthetic


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "line 1: the header is not user,cycle,hour,used_bytes"),
        ("user,cycle,hour\n", "line 1: the header"),
        (HEAD, "no line after the header"),
        (HEAD + "anna,0,0,5\n", "one cycle"),
        (HEAD + "anna,0,0\n", "line 2: 3 fields, expected 4"),
        (HEAD + "\n", "line 2: 0 fields"),
        (HEAD + ",0,0,5\n", "line 2: user: 1 to 64"),
        (HEAD + "a\x07,0,0,5\n", "line 2: user: 1 to 64"),
        (HEAD + "a" * 65 + ",0,0,5\n", "line 2: user: 1 to 64"),
        (HEAD + "anna,0,0,-5\n", "line 2: used_bytes: '-5' is not a whole number"),
        (HEAD + "anna,0,0,1e6\n", "line 2: used_bytes: '1e6' is not a whole number"),
        (HEAD + "anna,0,0,²\n", "line 2: used_bytes: '²' is not a whole number"),
        (HEAD + "anna,x,0,5\n", "line 2: cycle: 'x' is not"),
        (HEAD + "anna,0,,5\n", "line 2: hour: '' is not"),
        (HEAD + "anna,0,0,35184372088833\n", "line 2: used_bytes: 35184372088833 is more than"),
        (HEAD + "anna,0,9999999,5\n", "line 2: hour: 9999999 is more than"),
        (SMALL + "bert,1,0,7\n", "line 6: a second line for that user"),
        (SMALL + "bert,1,1,7\n", "5 lines, but 2 users, 2 cycles and 2 hours need 8"),
        (HEAD + '"anna,0,0,5\n', "line 2"),
        (HEAD + "anna,0,0," + "5" * 200_000, "line 2: field larger"),
    ],
)
def test_what_is_not_a_trace(text: str, why: str) -> None:
    with pytest.raises(DecodeError, match=f"^f.csv: {why}" if not why.endswith("need 8") else why) as caught:
        read_usage_csv(text, "f.csv")
    assert len(str(caught.value)) < 300


def test_garbled_text_is_a_trace_or_a_decode_error() -> None:
    chance = random.Random(5)
    read = refused = 0
    for _ in range(1500):
        text = list(SMALL)
        for _ in range(chance.randint(1, 3)):
            text[chance.randrange(len(text))] = chance.choice('0123456789,\n"\r\x00é ab')
        try:
            read_usage_csv("".join(text), "f.csv")
            read += 1
        except DecodeError:
            refused += 1
    assert read
    assert refused
