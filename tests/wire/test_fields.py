"""Labelled fields: taken one by one, limits named, nothing unknown left over."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.cbor import Key, Value, write_cbor
from wire.errors import DecodeError
from wire.fields import MAX_SHOWN_CHARACTERS, FieldReader, cut_text, format_value
from wire.units import U63_MAX


def reader(fields: dict[Key, Value]) -> FieldReader:
    return FieldReader(write_cbor(fields), "thing")


@pytest.mark.parametrize("payload", [b"", b"\x80", b"\x01", b"\xf6", b"\xa1"])
def test_the_payload_is_a_map(payload: bytes) -> None:
    with pytest.raises(DecodeError):
        FieldReader(payload, "thing")


def test_taken_and_finished() -> None:
    fields = reader({1: 7, 2: b"ab", 3: "text", 4: [1, 2], 5: None})
    assert 1 in fields
    assert (fields.integer(1, "a"), fields.octets(2, "b", 2), fields.text(3, "c")) == (7, b"ab", "text")
    assert (fields.integers(4, "d", 2, 2), fields.value(5, "e")) == ([1, 2], None)
    assert 1 not in fields
    fields.finish()


def test_taken_twice_is_missing() -> None:
    fields = reader({1: 7})
    fields.integer(1, "a")
    with pytest.raises(DecodeError, match=r"thing: a .field 1. is missing"):
        fields.integer(1, "a")


@pytest.mark.parametrize(("value", "fits"), [(0, True), (U63_MAX, True), (U63_MAX + 1, False), (-1, False)])
def test_integers_fit_a_database_unless_said_otherwise(value: int, fits: bool) -> None:
    if fits:
        assert reader({1: value}).integer(1, "a") == value
    else:
        with pytest.raises(DecodeError, match=f"thing: a is {value}, outside 0..{U63_MAX}"):
            reader({1: value}).integer(1, "a")


@pytest.mark.parametrize("value", [True, False, "1", b"1", None, [], {}])
def test_what_is_no_integer(value: Value) -> None:
    with pytest.raises(DecodeError, match="a is not an integer"):
        reader({1: value}).integer(1, "a")
    with pytest.raises(DecodeError, match="a has an item that is not an integer"):
        reader({1: [value]}).integers(1, "a", 0, 9)


def test_octets() -> None:
    with pytest.raises(DecodeError, match="a has 2 bytes, not 3"):
        reader({1: b"xx"}).octets(1, "a", 3)
    with pytest.raises(DecodeError, match="a has 1025 bytes, at most 1024"):
        reader({1: bytes(1_025)}).octets(1, "a")
    with pytest.raises(DecodeError, match="a is not a byte string"):
        reader({1: "xx"}).octets(1, "a")


def test_texts() -> None:
    assert reader({1: "x" * 200}).text(1, "a") == "x" * 200
    for wrong in ("x" * 201, b"x", 1, None):
        with pytest.raises(DecodeError, match="a is not a text of at most 200"):
            reader({1: wrong}).text(1, "a")


@pytest.mark.parametrize("label", [0, 1, 24, 2**64 - 1, "x", b"x"])
def test_what_is_left_over_is_critical(label: Key) -> None:
    with pytest.raises(DecodeError, match="unknown and critical"):
        reader({label: 1}).finish()


@pytest.mark.parametrize("label", [-1, -24, -(2**64)])
def test_unless_its_label_is_negative(label: int) -> None:
    fields = reader({label: 1})
    fields.finish()
    assert label in fields


@given(st.text(max_size=50), st.integers(0, 60))
def test_a_text_is_cut_between_characters(text: str, limit: int) -> None:
    cut = cut_text(text, limit)
    encodable = text.encode(errors="replace").decode()
    assert len(cut.encode()) <= limit
    assert encodable.startswith(cut)
    if cut != encodable:
        assert len(encodable[: len(cut) + 1].encode()) > limit


def test_what_has_no_utf8_is_replaced() -> None:
    assert cut_text("a\ud800b", 9) == "a?b"


@given(
    st.one_of(
        st.binary(max_size=99), st.text(max_size=99), st.integers(), st.lists(st.integers(), max_size=50)
    )
)
def test_a_value_in_an_error_is_short_and_printable(value: object) -> None:
    shown = format_value(value)
    assert len(shown) <= MAX_SHOWN_CHARACTERS + 3
    assert shown.isprintable()
