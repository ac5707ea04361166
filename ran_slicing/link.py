"""What one resource block of one slot carries, from what the gNB says of a UE's link.

The MCS in use is believed where data moved in the interval, as the MCS of an idle UE is that of nothing; else the CQI,
which the UE measures all the time; else nothing is known (0). Layers multiply, blocks that had to be sent again are
taken off.
Reference: 3GPP TS 38.214 tables 5.1.3.1-1 to -3 (MCS) and 5.2.2.1-2 to -4 (CQI), release 16.
Units: bits per PRB of one slot.
"""

from enum import Enum
from itertools import chain
from typing import NamedTuple

_RATE_UNIT = 2_048
"""Code rates below are R x 2048, so that 682.5/1024 is a whole number too."""


class McsTable(Enum):
    """`pdsch.mcs_table` of the gNB's file."""

    QAM64 = "qam64"
    QAM256 = "qam256"
    QAM64_LOW_SE = "qam64LowSe"


KNOWN_REPORTS = 10
"""So many words of a link before a floor is weighed by it: one may have met the top of a fade."""
_MEMORY_REPORTS = 30
"""Older words fade: three seconds at the usual period, in which shadows move a little and fast fades many times."""
_COST_UNIT = 1_000_000_000
UNHEARD_BITS = 20
"""What counts for a PRB of a UE that reports a CQI of 0: less than the lowest MCS carries."""


class UsualLink(NamedTuple):
    """What PRBs of a link carry in the mean, counted by what a bit costs: a floor takes more blocks in a fade than it
    saves at its top. `cost` is the mean of 10^9 / bits.
    """

    cost: int = 0
    reports: int = 0

    @property
    def bits_per_prb(self) -> int:
        """0 until enough was heard."""
        return _COST_UNIT // max(1, self.cost) if self.reports >= KNOWN_REPORTS else 0

    def heard(self, bits: int) -> "UsualLink":
        """After one more word of it; 0 says nothing."""
        if bits <= 0:
            return self
        reports = min(self.reports + 1, _MEMORY_REPORTS)
        return UsualLink(self.cost + (_COST_UNIT // bits - self.cost) // reports, reports)


class LinkReport(NamedTuple):
    """Of one UE and one report period. None: the gNB did not say. `layers_ppm` is the mean rank in millionths."""

    mcs: int | None
    cqi: int | None
    ok_blocks: int = 0
    lost_blocks: int = 0
    layers_ppm: int = 1_000_000


def _efficiencies(*groups: tuple[int, tuple[float, ...]]) -> tuple[int, ...]:
    """Bits per resource element x 2048, from (modulation order, code rates x 1024)."""
    return tuple(chain.from_iterable((round(2 * order * rate) for rate in rates) for order, rates in groups))


_QPSK = (120, 157, 193, 251, 308, 379, 449, 526, 602, 679)
_QAM64 = (438, 466, 517, 567, 616, 666, 719, 772, 822, 873, 910, 948)
_QAM16 = (340, 378, 434, 490, 553, 616, 658)

MCS_EFFICIENCY: dict[McsTable, tuple[int, ...]] = {
    McsTable.QAM64: _efficiencies((2, _QPSK), (4, _QAM16), (6, _QAM64)),
    McsTable.QAM256: _efficiencies(
        (2, (120, 193, 308, 449, 602)),
        (4, _QAM16[1:]),
        (6, (466, 517, 567, 616, 666, 719, 772, 822, 873)),
        (8, (682.5, 711, 754, 797, 841, 885, 916.5, 948)),
    ),
    McsTable.QAM64_LOW_SE: _efficiencies(
        (2, (30, 40, 50, 64, 78, 99, *_QPSK[:9])), (4, _QAM16[:6]), (6, _QAM64[:8])
    ),
}
CQI_EFFICIENCY: dict[McsTable, tuple[int, ...]] = {
    McsTable.QAM64: _efficiencies(
        (0, (0,)),
        (2, (78, 120, 193, 308, 449, 602)),
        (4, (378, 490, 616)),
        (6, (466, 567, 666, 772, 873, 948)),
    ),
    McsTable.QAM256: _efficiencies(
        (0, (0,)),
        (2, (78, 193, 449)),
        (4, (378, 490, 616)),
        (6, (466, 567, 666, 772, 873)),
        (8, (711, 797, 885, 948)),
    ),
    McsTable.QAM64_LOW_SE: _efficiencies(
        (0, (0,)), (2, (30, 50, 78, 120, 193, 308, 449, 602)), (4, (378, 490, 616)), (6, (466, 567, 666, 772))
    ),
}


def bits_per_prb(report: LinkReport, table: McsTable, elements_per_prb: int) -> int:
    """What a PRB carries for this UE now, rounded down; 0 if the report tells nothing. One block more than there were
    counts as good, so that a UE which lost its only block is badly served and not unknown.
    """
    blocks = report.ok_blocks + report.lost_blocks
    if blocks and report.mcs is not None:
        index = min(max(report.mcs, 0), len(MCS_EFFICIENCY[table]) - 1)
        bits = MCS_EFFICIENCY[table][index] * elements_per_prb * (report.ok_blocks + 1) // (blocks + 1)
    elif report.cqi is not None:
        index = min(max(report.cqi, 0), len(CQI_EFFICIENCY[table]) - 1)
        bits = CQI_EFFICIENCY[table][index] * elements_per_prb
    else:
        return 0
    return bits * max(report.layers_ppm, 1_000_000) // (_RATE_UNIT * 1_000_000)


UPLINK_ELEMENTS_PER_PRB = 144
"""Resource elements of a PRB and slot of PUSCH that carry data: 168 less two symbols of DM-RS."""


def mean_bits_per_prb(rates_and_bits: list[tuple[int, int]]) -> int:
    """Of several UEs in one slice, from (rate, bits per PRB) of each: their bits over their PRBs. Those of unknown
    efficiency are left out; if none moves data, the worst of them counts.
    """
    known = [(rate_bps, bits) for rate_bps, bits in rates_and_bits if bits > 0]
    moving_bps = sum(rate_bps for rate_bps, _ in known)
    if not moving_bps:
        return min((bits for _, bits in known), default=0)
    scale = 1_000
    return moving_bps * scale // max(1, sum(rate_bps * scale // bits for rate_bps, bits in known))
