"""A network's name in digits and nibbles."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas_tunnel.plmn import Plmn, read_plmn, write_plmn
from wire.errors import DecodeError


@pytest.mark.parametrize(("text", "octets"), [("00101", "00f110"), ("310410", "130014"), ("26201", "62f210")])
def test_digits_in_nibbles(text: str, octets: str) -> None:
    """TS 24.008 figure 10.5.3: by hand."""
    plmn = Plmn.parse(text)
    assert write_plmn(plmn).hex() == octets
    assert read_plmn(bytes.fromhex(octets)) == plmn
    assert str(plmn) == text


@given(st.binary(min_size=3, max_size=3))
def test_one_form(data: bytes) -> None:
    try:
        plmn = read_plmn(data)
    except DecodeError:
        assert any(nibble > "9" for nibble in data.hex())
        return
    assert write_plmn(plmn) == data


@pytest.mark.parametrize("octets", ["00f1", "00f11000", "0af110", "f0f110", "00f1f0"])
def test_what_is_no_name(octets: str) -> None:
    with pytest.raises(DecodeError, match="plmn"):
        read_plmn(bytes.fromhex(octets))


@pytest.mark.parametrize("text", ["0010", "0010101", "0010a", "", "٠٠١٠١"])
def test_what_is_no_text_of_one(text: str) -> None:
    with pytest.raises(ValueError, match="are not 3 and 2 or 3 digits"):
        Plmn.parse(text)
