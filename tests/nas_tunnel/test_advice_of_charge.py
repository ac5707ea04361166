"""Advice of Charge: vectors both ways, every truncation, garbled bytes, and XML that a parser takes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas_tunnel.advice_of_charge import (
    MAX_ADVICE_BYTES,
    Charge,
    ChargeType,
    Plan,
    charge_of,
    format_offer,
    read_advice_of_charge,
    write_advice_of_charge,
)
from tests.wire.examples import MESSAGES
from wire.errors import DecodeError
from wire.qos import Qos, RateLayer
from wire.usage_terms import UsageTerms

OFFER = MESSAGES["offer"].example
VECTORS = json.loads((Path(__file__).parent / "vectors" / "advice_of_charge.json").read_text())
DOLLAR = Plan("eng", "USD", "<Plan/>")
EXAMPLES: dict[str, tuple[Charge, ...]] = {
    "nothing": (),
    "one": (Charge(ChargeType.TIME, "", (DOLLAR,)),),
    "two": (
        Charge(ChargeType.TIME_AND_VOLUME, "example.org", (DOLLAR, Plan("fra", "CAD", "à"))),
        Charge(ChargeType.UNLIMITED, "", ()),
    ),
}
EVERY = pytest.mark.parametrize("name", EXAMPLES)

codes = st.text(st.characters(min_codepoint=65, max_codepoint=122), min_size=3, max_size=3)
words = st.text(st.characters(codec="utf-8"), max_size=40)
charges = st.lists(
    st.builds(
        Charge,
        st.sampled_from(ChargeType),
        words,
        st.lists(st.builds(Plan, codes, codes, words), max_size=3).map(tuple),
    ),
    max_size=2,
).map(tuple)


def golden(name: str) -> bytes:
    return bytes.fromhex(VECTORS["payloads"][name])


@EVERY
def test_vector(name: str) -> None:
    assert write_advice_of_charge(EXAMPLES[name]) == golden(name)
    assert read_advice_of_charge(golden(name)) == EXAMPLES[name]


def test_every_vector_is_an_example_and_says_where_it_comes_from() -> None:
    assert set(EXAMPLES) == set(VECTORS["payloads"])
    assert VECTORS["provenance"]


@EVERY
def test_a_truncation_is_refused_or_ends_after_a_charge(name: str) -> None:
    for size in range(1, len(golden(name))):
        try:
            shorter = read_advice_of_charge(golden(name)[:size])
        except DecodeError:
            continue
        assert shorter == EXAMPLES[name][: len(shorter)] != EXAMPLES[name]


@given(charges)
def test_charges_come_back(values: tuple[Charge, ...]) -> None:
    assert read_advice_of_charge(write_advice_of_charge(values)) == values


def test_an_offer_in_words() -> None:
    assert format_offer(OFFER) == (
        "1.5 BC (bandcoin) for 20 min: at least 5 Mbit/s down and 1 Mbit/s up, at most 20 Mbit/s and 5 Mbit/s, "
        "2 GB in all"
    )
    plain = replace(OFFER, qos=Qos(1_000, 2_000, 0, 500, rate_layer=RateLayer.ETHERNET))
    assert format_offer(plain) == (
        "1.5 BC (bandcoin) for 20 min: at least 1 kbit/s down and 0 bit/s up, at most 2 kbit/s and 500 bit/s, "
        "counted as Ethernet frames"
    )
    of_use = replace(OFFER, qos=Qos(1_000, 2_000, 0, 500, usage=UsageTerms(2 * 10**9, 10**6, 500, 200_000)))
    assert format_offer(of_use).endswith(", beyond 2 GB 0.0005 BC for each begun 1 MB, at most 0.2 BC more")
    assert charge_of(of_use).kind is ChargeType.TIME_AND_VOLUME


def test_the_plan_of_an_offer_is_xml_that_says_so() -> None:
    charge = charge_of(OFFER)
    (plan,) = charge.plans
    assert (charge.kind, plan.language, plan.currency) == (ChargeType.TIME_AND_VOLUME, "eng", "XXX")
    root = ET.fromstring(plan.information.encode())
    namespace = "{http://www.wi-fi.org/specifications/hotspot2dot0/v1.0/aocpi}"
    assert root.tag == f"{namespace}Plan"
    assert [(child.tag, child.text) for child in root] == [(f"{namespace}Description", format_offer(OFFER))]
    assert charge_of(replace(OFFER, qos=Qos(1, 2, 0, 1))).kind is ChargeType.TIME


@given(MESSAGES["offer"].values)
def test_every_offer_fits(offer: object) -> None:
    payload = write_advice_of_charge([charge_of(offer)])  # type: ignore[arg-type]
    assert len(payload) <= 640
    ET.fromstring(charge_of(offer).plans[0].information.encode())  # type: ignore[arg-type]
    assert read_advice_of_charge(payload) == (charge_of(offer),)  # type: ignore[arg-type]


def test_what_does_not_fit_is_our_mistake() -> None:
    with pytest.raises(AssertionError, match="an advice of charge of"):
        write_advice_of_charge([Charge(ChargeType.TIME, "", (replace(DOLLAR, information="x" * 2_035),))])
    with pytest.raises(AssertionError, match="a realm of 256 bytes"):
        write_advice_of_charge([Charge(ChargeType.TIME, "r" * 256, ())])
    with pytest.raises(AssertionError, match="language and currency are b'engUS'"):
        write_advice_of_charge([Charge(ChargeType.TIME, "", (replace(DOLLAR, currency="US"),))])


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b"\0", "the charge at byte 0 does not fit into 1 bytes"),
        (b"\x05\0abcd", "the charge at byte 0 does not fit into 6 bytes"),
        (b"\x02\0\0\0", "a charge of 2 bytes ends inside its realm"),
        (b"\x03\0\0\0\x01", "a charge of 3 bytes ends inside its realm"),
        (b"\x03\0\x04\0\0", "type 4 is reserved"),
        (b"\x04\0\0\0\x01\xff", "a text is not UTF-8"),
        (b"\x04\0\0\0\0\x01", "the plan at byte 0 does not fit into 1 bytes"),
        (b"\x0a\0\0\0\0\x05\0engUS", "a plan of 5 bytes ends inside language or currency"),
        (b"\x0b\0\0\0\0\x06\0en\xffUSD", "language and currency 656eff555344 are not letters"),
        (bytes(MAX_ADVICE_BYTES + 1), "2036 bytes, at most 2035"),
    ],
)
def test_refused(payload: bytes, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        read_advice_of_charge(payload)


@given(st.binary(max_size=120), st.sampled_from(sorted(EXAMPLES)), st.integers(0, 40))
def test_garbage_is_a_value_or_a_decode_error(data: bytes, name: str, at: int) -> None:
    for garbled in (data, golden(name)[:at] + data, data + golden(name)[at:]):
        try:
            charges = read_advice_of_charge(garbled)
        except DecodeError:
            continue
        assert all(isinstance(charge, Charge) for charge in charges)
