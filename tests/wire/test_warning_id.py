"""Public warning is never impersonated: every identifier, and every way by which one could be written."""

from __future__ import annotations

import pytest

from nas_tunnel import lte_sib, nr_sib
from nas_tunnel.carriage import CARRIAGES
from nas_tunnel.segments import plan_broadcast
from nas_tunnel.warning_sib import WarningNotice, WarningSegment
from wire.errors import ConfigError
from wire.warning_id import AIRGRANT, PUBLIC_WARNING, own_identifier


def test_every_identifier() -> None:
    refused = []
    for value in range(0x10000):
        try:
            assert own_identifier(value) == value
        except ConfigError:
            refused.append(value)
    assert refused == list(range(4_352, 6_400))
    assert len(PUBLIC_WARNING) == len(refused)


def test_ours_belongs_to_the_operator() -> None:
    """TS 23.041 clause 9.4.1.2.2: a telephone drops these unless they come from its home network."""
    assert 0xA000 <= AIRGRANT <= 0xAFFF


@pytest.mark.parametrize("value", [-1, 65_536, 10**9])
def test_out_of_range(value: int) -> None:
    with pytest.raises(ConfigError, match=r"^apd.toml: cell.message_identifier: .* is outside 0..65535"):
        own_identifier(value, "apd.toml: cell.message_identifier")


def test_the_refusal_says_where_and_why() -> None:
    with pytest.raises(ConfigError) as refused:
        own_identifier(4_370, "apd.toml: cell.message_identifier")
    assert str(refused.value) == (
        "apd.toml: cell.message_identifier: 4370 belongs to public warning (4352 to 6399, 3GPP TS 23.041 clause "
        "9.4.1.2.2) and is never used; 41543 is ours by default"
    )


@pytest.mark.parametrize("value", [4_352, 4_356, 4_370, 4_399, 5_000, 6_399])
def test_no_block_is_written_with_one(value: int) -> None:
    segment, notice = WarningSegment(value, 1, True, 0, b"wake up"), WarningNotice(value, 1, b"\0\0")
    for lte in (lte_sib.Sib10(notice), lte_sib.Sib11(segment), lte_sib.Sib12(segment)):
        for write in (lte_sib.write_lte_sib, lambda sib: lte_sib.write_lte_system_information([sib])):
            with pytest.raises(ConfigError, match="belongs to public warning"):
                write(lte)
    for nr in (nr_sib.Sib6(notice), nr_sib.Sib7(segment), nr_sib.Sib8(segment)):
        for write_nr in (nr_sib.write_nr_sib, lambda sib: nr_sib.write_nr_system_information([sib])):
            with pytest.raises(ConfigError, match="belongs to public warning"):
                write_nr(nr)


@pytest.mark.parametrize("value", [4_352, 4_370, 6_399])
def test_no_broadcast_is_planned_with_one(value: int) -> None:
    with pytest.raises(ConfigError, match="belongs to public warning"):
        plan_broadcast(b"offer", CARRIAGES["nr-sib8"], value)
