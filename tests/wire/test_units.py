"""Units: what people write, what is computed with, what people read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.units import (
    U63_MAX,
    Now,
    format_duration,
    format_instant,
    format_money,
    format_rate,
    format_size,
    parse_duration,
    parse_money,
    parse_rate,
    parse_size,
)


@pytest.mark.parametrize(
    ("text", "rate_bps"),
    [
        ("0", 0),
        ("1500000", 1_500_000),
        ("2Mbit/s", 2_000_000),
        ("512k", 512_000),
        ("1.5M", 1_500_000),
        ("1 Gbit/s", 1_000_000_000),
        (" 2 mbps ", 2_000_000),
        ("100bit", 100),
        ("0.001k", 1),
    ],
)
def test_rates(text: str, rate_bps: int) -> None:
    assert parse_rate(text) == rate_bps


@pytest.mark.parametrize(
    "text",
    ["", "fast", "-1", "1e6", "1.5", "0.0001k", "2MB", "2Tbit/s", "1,5M", "0x10", "1 2", "M", "9" * 13],
)
def test_what_is_no_rate(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a rate|finer than one unit"):
        parse_rate(text)


@pytest.mark.parametrize(
    ("text", "size_bytes"), [("4096", 4_096), ("250MB", 250_000_000), ("1g", 10**9), ("1.5 TB", 15 * 10**11)]
)
def test_sizes(text: str, size_bytes: int) -> None:
    assert parse_size(text) == size_bytes


@pytest.mark.parametrize(
    ("text", "duration_s"),
    [("90", 90), ("90s", 90), ("20m", 1_200), ("20 min", 1_200), ("2h", 7_200), ("1D", 86_400)],
)
def test_durations(text: str, duration_s: int) -> None:
    assert parse_duration(text) == duration_s


@pytest.mark.parametrize("text", ["", "soon", "-1", "1.5h", "1w", "9" * 10])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "amount_ubc"), [("1.5", 1_500_000), ("0", 0), ("0.000001", 1), ("12 BC", 12_000_000)]
)
def test_money(text: str, amount_ubc: int) -> None:
    assert parse_money(text) == amount_ubc


@pytest.mark.parametrize("text", ["", "-1", "1.0000001", "1e3", ".5", "1.", "1,5", "9" * 13])
def test_what_is_no_money(text: str) -> None:
    with pytest.raises(ValueError, match="is not an amount"):
        parse_money(text)


@given(st.integers(0, U63_MAX))
def test_money_is_exact(amount_ubc: int) -> None:
    assert parse_money(format_money(amount_ubc)) == amount_ubc


def test_a_debt_has_a_sign() -> None:
    assert format_money(-1_500_000) == "-1.5 BC"


@given(st.text(max_size=20))
def test_whatever_people_write(text: str) -> None:
    """A number or a ValueError."""
    for parse in (parse_rate, parse_size, parse_duration, parse_money):
        try:
            assert parse(text) >= 0
        except ValueError as error:
            message = str(error)
            assert message  # that there is a sentence is what is tried


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (format_rate(999), "999 bit/s"),
        (format_rate(1_500), "1.5 kbit/s"),
        (format_rate(2_000_000), "2 Mbit/s"),
        (format_rate(10**9), "1 Gbit/s"),
        (format_size(4_096), "4.096 kB"),
        (format_size(0), "0 B"),
        (format_instant(1_795_326_082), "2026-11-22 05:41:22 UTC"),
        (format_instant(253_402_300_799), "9999-12-31 23:59:59 UTC"),
        (format_instant(2**63), "9223372036854775808 s after 1970"),
        (format_duration(90), "90 s"),
        (format_duration(120), "2 min"),
        (format_duration(7_200), "2 h"),
        (format_duration(86_400), "1 d"),
        (format_duration(0), "0 s"),
    ],
)
def test_shown(shown: str, text: str) -> None:
    assert shown == text


def test_now_in_whole_seconds() -> None:
    assert Now(0, 1_999).utc_s == 1
