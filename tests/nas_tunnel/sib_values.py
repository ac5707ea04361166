"""Blocks of system information for tests: strategies for any of them, and examples that have vectors."""

from __future__ import annotations

from hypothesis import strategies as st

from nas_tunnel import lte_sib, nr_sib
from nas_tunnel.warning_sib import WarningNotice, WarningSegment
from wire.warning_id import AIRGRANT, OWN

u16 = st.integers(0, 0xFFFF)
own_ids = st.sampled_from(OWN)
schemes = st.none() | st.integers(0, 255)


def segments(max_octets: int) -> st.SearchStrategy[WarningSegment]:
    return st.builds(
        WarningSegment,
        own_ids,
        u16,
        st.booleans(),
        st.integers(0, 63),
        st.binary(max_size=max_octets),
        schemes,
    )


notices = st.builds(WarningNotice, own_ids, u16, st.binary(min_size=2, max_size=2))
names = st.none() | st.binary(min_size=1, max_size=48)
lte_sibs = st.one_of(
    st.builds(lte_sib.Sib9, names),
    st.builds(lte_sib.Sib10, notices),
    st.builds(lte_sib.Sib11, segments(267)),
    st.builds(lte_sib.Sib12, segments(263)),
)
few_names = st.lists(names, max_size=7).map(tuple)
nr_sibs = st.one_of(
    st.builds(nr_sib.Sib6, notices),
    st.builds(nr_sib.Sib7, segments(362)),
    st.builds(nr_sib.Sib8, segments(361)),
    st.builds(nr_sib.Sib10, few_names),
)

FIRST = WarningSegment(
    AIRGRANT, 0xC123, is_last=False, number=0, octets=bytes(range(127)), data_coding_scheme=0x44
)
LONG = WarningSegment(AIRGRANT, 0xFFFF, is_last=False, number=62, octets=bytes(range(128)))
LAST = WarningSegment(OWN[0], 0, is_last=True, number=63, octets=b"")
NOTICE = WarningNotice(OWN[-1], 0x1234, b"\x05\x80")

LTE_EXAMPLES: dict[str, lte_sib.LteSib] = {
    "sib9": lte_sib.Sib9(b"Airgrant"),
    "sib9 of 48 octets": lte_sib.Sib9(bytes(range(48))),
    "sib9 without a name": lte_sib.Sib9(None),
    "sib10": lte_sib.Sib10(NOTICE),
    "sib11, first": lte_sib.Sib11(FIRST),
    "sib11, last": lte_sib.Sib11(LAST),
    "sib12, first": lte_sib.Sib12(FIRST),
    "sib12, long": lte_sib.Sib12(LONG),
    "sib12, last": lte_sib.Sib12(LAST),
    "sib12, largest": lte_sib.Sib12(WarningSegment(AIRGRANT, 1, True, 0, bytes(263), 0x44)),
}
NR_EXAMPLES: dict[str, nr_sib.NrSib] = {
    "sib6": nr_sib.Sib6(NOTICE),
    "sib7, first": nr_sib.Sib7(FIRST),
    "sib7, long": nr_sib.Sib7(LONG),
    "sib8, first": nr_sib.Sib8(FIRST),
    "sib8, long": nr_sib.Sib8(LONG),
    "sib8, last": nr_sib.Sib8(LAST),
    "sib8, largest": nr_sib.Sib8(WarningSegment(AIRGRANT, 1, True, 0, bytes(361), 0x44)),
    "sib10": nr_sib.Sib10((b"Airgrant", None, bytes(range(48)))),
    "sib10 without names": nr_sib.Sib10(()),
}
