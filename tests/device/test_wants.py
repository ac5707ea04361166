"""A rate and a time in words."""

import pytest

from device.metered_choice import Want
from device.wants import parse_want


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("2M for 20m", Want(2_000_000, 0, 1_200)),
        ("2Mbit/s for 20m", None),
        ("2M/500k for 1h", Want(2_000_000, 500_000, 3_600)),
        (" 1.5M / 64k  for 90 s ", Want(1_500_000, 64_000, 90)),
        ("0 for 5", Want(0, 0, 5)),
    ],
)
def test_a_rate_and_a_time(text: str, want: Want | None) -> None:
    if want is None:
        with pytest.raises(ValueError, match="not a rate"):
            parse_want(text)
    else:
        assert parse_want(text) == want


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "such as 2M for 20m"),
        ("2M", "such as 2M for 20m"),
        ("2M 20m", "such as 2M for 20m"),
        ("fast for 20m", "'fast' is not a rate"),
        ("2M/slow for 20m", "'slow' is not a rate"),
        ("1/2/3 for 20m", "such as 2M for 20m"),
        ("2M for ever", "'ever' is not a duration"),
        ("2M for 0m", "over before it begins"),
    ],
)
def test_what_is_none(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_want(text)
