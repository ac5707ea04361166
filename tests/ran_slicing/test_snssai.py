"""S-NSSAIs: one value per slice, however it is written."""

import pytest

from ran_slicing.snssai import NO_SD, Snssai, format_sd, format_snssai, parse_sd, parse_snssai


@pytest.mark.parametrize(
    ("text", "snssai"),
    [
        ("1", Snssai(1)),
        ("1-000001", Snssai(1, 1)),
        ("255-FFFFFE", Snssai(255, 0xFFFFFE)),
        (" 2-00000a ", Snssai(2, 10)),
        ("1-ffffff", Snssai(1)),
    ],
)
def test_what_people_write(text, snssai):
    assert parse_snssai(text) == snssai
    assert parse_snssai(format_snssai(snssai)) == snssai


@pytest.mark.parametrize("text", ["", "x", "1-1", "1-0000001", "256", "1-00000g", "-1", "1-", "01-2"])
def test_what_is_none(text):
    with pytest.raises(ValueError, match=r"S-NSSAI|sst"):
        parse_snssai(text)


def test_no_differentiator_has_one_form():
    assert Snssai(1, NO_SD) == Snssai(1) == Snssai(1, None)
    assert hash(Snssai(1, NO_SD)) == hash(Snssai(1))
    assert format_sd(None) == "ffffff"


@pytest.mark.parametrize(("sst", "sd"), [(-1, 0), (256, 0), (1, -1), (1, 0x1000000)])
def test_ranges(sst, sd):
    with pytest.raises(ValueError, match="outside"):
        Snssai(sst, sd)


def test_a_differentiator_has_six_digits():
    assert parse_sd("00000A") == 10
    with pytest.raises(ValueError, match="six hexadecimal digits"):
        parse_sd("0xA")
