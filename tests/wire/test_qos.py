"""The qos: rates that make sense, defaults that are left out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.examples import QOS, qoses
from wire.cbor import write_cbor
from wire.errors import DecodeError
from wire.fields import FieldReader
from wire.qos import MAX_RATE_BPS, LatencyClass, Qos, RateLayer, read_qos, write_qos
from wire.units import U63_MAX
from wire.usage_terms import UsageTerms


def read(items: object) -> Qos:
    return read_qos(FieldReader(write_cbor({1: items}), "x"), 1)  # type: ignore[dict-item]  # that is what is tried


@given(qoses)
def test_read_back(qos: Qos) -> None:
    assert read(write_qos(qos)) == qos


@pytest.mark.parametrize(
    ("qos", "items"),
    [
        (Qos(1, 2, 3, 4), [1, 2, 3, 4]),
        (Qos(1, 2, 3, 4, 5), [1, 2, 3, 4, 5]),
        (Qos(1, 2, 3, 4, 0, LatencyClass.INTERACTIVE), [1, 2, 3, 4, 0, 1]),
        (Qos(1, 2, 3, 4, 0, LatencyClass.BEST_EFFORT, RateLayer.ETHERNET), [1, 2, 3, 4, 0, 0, 1]),
        (Qos(1, 2, 3, 4, usage=UsageTerms(0, 6, 7, 8)), [1, 2, 3, 4, 0, 0, 0, 0, 6, 7, 8]),
        (Qos(1, 2, 3, 4, 6, usage=UsageTerms(5, 6, 7, 8)), [1, 2, 3, 4, 6, 0, 0, 5, 6, 7, 8]),
    ],
)
def test_trailing_defaults_are_left_out(qos: Qos, items: list[int]) -> None:
    assert write_qos(qos) == items
    assert read(items) == qos


@pytest.mark.parametrize(
    ("items", "why"),
    [
        ([1, 2, 3, 4, 0], "ends in a default"),
        ([1, 2, 3, 4, 5, 0], "ends in a default"),
        ([1, 2, 3, 4, 5, 1, 0], "ends in a default"),
        ([1, 2, 3], "array of 4 to 11"),
        ([1, 2, 3, 4, 5, 1, 1, 1], "8 items, not 4 to 7 or 11"),
        ([1, 2, 3, 4, 5, 1, 1, 1, 1, 1], "10 items, not 4 to 7 or 11"),
        ([1, 2, 3, 4, 5, 1, 1, 1, 1, 1, 1, 1], "array of 4 to 11"),
        ([1, 2, 3, 4, 0, 0, 0, 1, 1, 1, 0], "ends in a default"),
        ([1, 2, 3, 4, 0, 0, 0, 1, 0, 1, 1], "step_bytes is 0"),
        ([1, 2, 3, 4, 9, 0, 0, 9, 1, 1, 1], "9 bytes are included, and the data cap is 9: nothing could"),
        ([1, 2, 3, True], "not an integer"),
        ([1, 2, 3, -4], "not an integer within"),
        ([2, 1, 3, 4], "floor 2 and ceiling 1 bit/s down"),
        ([1, 2, 4, 3], "floor 4 and ceiling 3 bit/s up"),
        ([0, 0, 1, 1], "floor 0 and ceiling 0 bit/s down"),
        ([1, MAX_RATE_BPS + 1, 1, 1], "down make no range"),
        ([1, 2, 3, 4, 5, 2], "2 is not a valid LatencyClass"),
        ([1, 2, 3, 4, 5, 1, 2], "2 is not a valid RateLayer"),
        ("1234", "not an array"),
    ],
)
def test_refused(items: object, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        read(items)


def test_units_multiply_all_but_the_kinds() -> None:
    assert Qos(1, 2, 3, 4, 5, LatencyClass.INTERACTIVE, RateLayer.ETHERNET).times(3) == Qos(
        3, 6, 9, 12, 15, LatencyClass.INTERACTIVE, RateLayer.ETHERNET
    )
    of_use = Qos(1, 2, 3, 4, 10, usage=UsageTerms(5, 6, 7, 8))
    assert of_use.times(3) == Qos(3, 6, 9, 12, 30, usage=UsageTerms(15, 6, 7, 24))


@given(st.integers(-1, 2**32))
def test_units_beyond_every_limit_are_refused(units: int) -> None:
    """A qos or a DecodeError."""
    try:
        total = QOS.times(units)
    except DecodeError:
        assert units < 1 or units * QOS.ceil_down_bps > MAX_RATE_BPS or units * QOS.data_cap_bytes > U63_MAX
        return
    assert total.floor_up_bps == units * QOS.floor_up_bps


def test_a_cap_fits_a_database() -> None:
    with pytest.raises(DecodeError, match="data cap"):
        Qos(1, 1, 1, 1, U63_MAX + 1)
    with pytest.raises(DecodeError, match="data cap"):
        Qos(1, 1, 1, 1, -1)
