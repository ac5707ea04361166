"""How many bits a transport block carries, and which modulation and coding a link can bear.

In: a modulation and coding scheme (MCS) and a number of resource blocks, or a signal-to-noise ratio. Out: bits, or an
MCS and the channel quality that a UE would report (CQI). One layer, 64QAM tables.
Reference: 3GPP TS 38.214 clause 5.1.3.2 (sizes), tables 5.1.3.1-1 (MCS), 5.2.2.1-2 (CQI) and 5.1.3.2-1, release 16.
Units: bits per slot, dB.
"""

import math
from functools import cache

ELEMENTS_PER_PRB = 132
"""12 subcarriers x 14 symbols, less two symbols of control and twelve elements of DM-RS."""
MOST_ELEMENTS_PER_PRB = 156
"""TS 38.214 clause 5.1.3.2 step 1."""

MCS: tuple[tuple[int, int], ...] = (
    *((2, rate) for rate in (120, 157, 193, 251, 308, 379, 449, 526, 602, 679)),
    *((4, rate) for rate in (340, 378, 434, 490, 553, 616, 658)),
    *((6, rate) for rate in (438, 466, 517, 567, 616, 666, 719, 772, 822, 873, 910, 948)),
)
"""(modulation order, code rate x 1024) by index 0..28."""

CQI_EFFICIENCY = (
    0.0, 0.1523, 0.2344, 0.3770, 0.6016, 0.8770, 1.1758, 1.4766, 1.9141, 2.4063, 2.7305, 3.3223, 3.9023, 4.5234, 5.1152,
    5.5547,
)  # fmt: skip
"""Bits per resource element by CQI 0..15, as the table prints them."""

_SMALL = (
    24, 32, 40, 48, 56, 64, 72, 80, 88, 96, 104, 112, 120, 128, 136, 144, 152, 160, 168, 176, 184, 192, 208, 224, 240,
    256, 272, 288, 304, 320, 336, 352, 368, 384, 408, 432, 456, 480, 504, 528, 552, 576, 608, 640, 672, 704, 736, 768,
    808, 848, 888, 928, 984, 1032, 1064, 1128, 1160, 1192, 1224, 1256, 1288, 1320, 1352, 1416, 1480, 1544, 1608, 1672,
    1736, 1800, 1864, 1928, 2024, 2088, 2152, 2216, 2280, 2408, 2472, 2536, 2600, 2664, 2728, 2792, 2856, 2976, 3104,
    3240, 3368, 3496, 3624, 3752, 3824,
)  # fmt: skip

SHANNON_SHARE = 0.75
"""Of the Shannon bound, what a real receiver gets: the form of TR 36.942 annex A.2, with a receiver of today."""


def efficiency(mcs: int) -> float:
    """Bits per resource element."""
    order, rate = MCS[mcs]
    return order * rate / 1024


def block_bits(mcs: int, prbs: int, elements_per_prb: int = ELEMENTS_PER_PRB) -> int:
    """The transport block size of one layer; 0 of no resource block."""
    order, rate = MCS[mcs]
    return transport_block_bits(order, rate, prbs, elements_per_prb)


@cache
def transport_block_bits(order: int, rate: float, prbs: int, elements_per_prb: int, layers: int = 1) -> int:
    """TS 38.214 clause 5.1.3.2; `rate` is the code rate x 1024."""
    elements = min(MOST_ELEMENTS_PER_PRB, elements_per_prb) * prbs
    bits = elements * order * layers * rate / 1024
    if bits <= 0:
        return 0
    return _small_block(bits) if bits <= 3824 else _large_block(bits, rate)


def _small_block(bits: float) -> int:
    """Step 3: rounded down to a multiple, then up to an entry of the table."""
    step = 1 << max(3, math.floor(math.log2(bits)) - 6)
    rounded = max(24, step * math.floor(bits / step))
    return next(size for size in _SMALL if size >= rounded)


def _large_block(bits: float, rate: float) -> int:
    """Step 4: rounded to a multiple, then up so that code blocks are of one size."""
    step = 1 << (math.floor(math.log2(bits - 24)) - 5)
    rounded = max(3840, step * math.floor((bits - 24) / step + 0.5))
    if rate <= 256:
        blocks = math.ceil((rounded + 24) / 3816)
    elif rounded > 8424:
        blocks = math.ceil((rounded + 24) / 8424)
    else:
        blocks = 1
    return 8 * blocks * math.ceil((rounded + 24) / (8 * blocks)) - 24


@cache
def block_table(most: int) -> tuple[tuple[int, ...], ...]:
    """Block sizes by MCS and by number of resource blocks, from 0 to `most`."""
    return tuple(tuple(block_bits(mcs, prbs) for prbs in range(most + 1)) for mcs in range(len(MCS)))


def needed_snr_db(bits_per_element: float) -> float:
    """At which signal-to-noise ratio a tenth of the blocks with this efficiency are lost."""
    return 10 * math.log10(2 ** (bits_per_element / SHANNON_SHARE) - 1)


MCS_SNR_DB = tuple(needed_snr_db(efficiency(index)) for index in range(len(MCS)))
CQI_SNR_DB = (-math.inf, *(needed_snr_db(value) for value in CQI_EFFICIENCY[1:]))


def mcs_at(snr_db: float) -> int:
    """The best MCS that the link bears; the lowest if it bears none. Index 17 is no better than 16 and not used."""
    best = 0
    for index, needed in enumerate(MCS_SNR_DB):
        if needed <= snr_db:
            best = index
    return best


def cqi_at(snr_db: float) -> int:
    """The CQI that a UE reports, 0 where it hears next to nothing."""
    return max(index for index, needed in enumerate(CQI_SNR_DB) if needed <= snr_db)
