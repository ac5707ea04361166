"""Public warning is never impersonated: every identifier, and every way by which one could be written."""

from __future__ import annotations

from typing import Any

import pytest

from nas_tunnel import lte_sib, nr_sib
from nas_tunnel.carriage import CARRIAGES
from nas_tunnel.cb_data import text_settings
from nas_tunnel.segments import plan_broadcast
from nas_tunnel.warning_sib import WarningNotice, WarningSegment
from wire.errors import ConfigError
from wire.warning_id import AIRGRANT, OWN, is_public_warning, own_identifier

REFUSED = [50, 911, 919, 4_351, 4_352, 4_356, 4_370, 4_399, 5_000, 6_399, 6_400, 40_959, 45_056, 65_535]


def test_every_identifier() -> None:
    """Whatever is not an operator's own is refused, known or not: phones of other nations listen to more."""
    accepted, known = [], []
    for value in range(0x10000):
        try:
            assert own_identifier(value) == value
            accepted.append(value)
        except ConfigError as error:
            known += [value] if "belongs to public warning" in str(error) else []
    assert accepted == list(range(0xA000, 0xB000)) == list(OWN)
    assert known == [value for value in range(0x10000) if is_public_warning(value)]


def test_what_is_known_to_be_public_warning() -> None:
    """TS 23.041 clause 9.4.1.2.2, EU-Info behind it, and three national channels."""
    known = [value for value in range(0x10000) if is_public_warning(value)]
    assert known == [50, 911, 919, *range(4_352, 6_401)]
    assert not any(map(is_public_warning, OWN))


@pytest.mark.parametrize("value", [True, 41_543.0, 4_370.5, "41543", None])
def test_no_whole_number(value: Any) -> None:
    with pytest.raises(ConfigError, match=r"message_identifier: .* is no whole number"):
        own_identifier(value)


def test_ours_belongs_to_the_operator() -> None:
    """TS 23.041 clause 9.4.1.2.2: a telephone drops these unless they come from its home network."""
    assert AIRGRANT in OWN


@pytest.mark.parametrize("value", [-1, 65_536, 10**9])
def test_out_of_range(value: int) -> None:
    with pytest.raises(ConfigError, match=r"^apd.toml: cell.message_identifier: .* is outside 0..65535"):
        own_identifier(value, "apd.toml: cell.message_identifier")


def test_the_refusal_says_where_and_why() -> None:
    with pytest.raises(ConfigError) as refused:
        own_identifier(4_370, "apd.toml: cell.message_identifier")
    assert str(refused.value) == (
        "apd.toml: cell.message_identifier: 4370 belongs to public warning and is never used; an operator's own are "
        "40960 to 45055 (3GPP TS 23.041 clause 9.4.1.2.2), 41543 is ours by default"
    )


@pytest.mark.parametrize("value", REFUSED)
def test_no_block_is_written_with_one(value: int) -> None:
    segment, notice = WarningSegment(value, 1, True, 0, b"wake up"), WarningNotice(value, 1, b"\0\0")
    for lte in (lte_sib.Sib10(notice), lte_sib.Sib11(segment), lte_sib.Sib12(segment)):
        for write in (lte_sib.write_lte_sib, lambda sib: lte_sib.write_lte_system_information([sib])):
            with pytest.raises(ConfigError, match="public warning and is never used"):
                write(lte)
    for nr in (nr_sib.Sib6(notice), nr_sib.Sib7(segment), nr_sib.Sib8(segment)):
        for write_nr in (nr_sib.write_nr_sib, lambda sib: nr_sib.write_nr_system_information([sib])):
            with pytest.raises(ConfigError, match="public warning and is never used"):
                write_nr(nr)


@pytest.mark.parametrize("value", REFUSED)
def test_no_broadcast_is_planned_with_one(value: int) -> None:
    with pytest.raises(ConfigError, match="public warning and is never used"):
        plan_broadcast(b"offer", CARRIAGES["nr-sib8"], value)
    with pytest.raises(ConfigError, match="public warning and is never used"):
        text_settings(b"offer", value)
