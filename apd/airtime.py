"""The airtime budget of a radio: what a promise costs of the air, and whether another fits.

In: what the link layer says of each station, the floors that are promised. Out: how fast a station is thought to be,
the part of the air that its floors take, a weight for drivers that share the air by weights. Decides nothing about
sessions: a station that moves away makes its floors dearer, and throws nobody out.

Rates are believed slowly. A sample counts only where data moved, as an idle station's rate is that of its last
null frame; each sample counts for a quarter; and the budget follows only what has moved by more than a quarter of
itself.
Reference: decision 5 of docs/architecture.md, decision 0019; IEEE 802.11-2020 table 17-18 (receiver sensitivity).
Units: bit/s of IP packets, parts per million of the air, rounded up where they are a cost.
"""

from wire.frozen import dataclass
from wire.ids import MacAddress
from wire.qos import Qos
from wire.units import NS_PER_S, PPM

MEASURE_NS = 5 * NS_PER_S
"""How often stations are measured while somebody is served. A person who walks changes a rate in tens of seconds."""
PHY_EFFICIENCY_PPM = 600_000
"""What is left of the PHY's rate for IP packets after preambles, acknowledgements, back-off and headers, where the
driver estimates nothing itself. 0.55 to 0.7 is usual with aggregation; without it (802.11a/g) 0.6 holds for full-sized
frames.
"""
LEAST_FRAMES = 16
"""A rate is believed if so many frames went that way since the sample before."""
SAMPLE_PART = 4
"""A sample counts for one part in so many: one that is wrong by all moves the estimate by a quarter."""
HELD_PPM = 250_000
"""The budget keeps to a value until the estimate has left it by more than this, so that one slow sample says nothing
and rates that flutter do not ring."""
WITHIN_PPM = 50_000
"""An exceeded budget counts as kept again once this much is free."""
DEFAULT_WEIGHT = 256
"""Of stations in mac80211 that nobody gave one."""
WEIGHTS_OF_ALL = 100 * DEFAULT_WEIGHT
"""The weight of the whole air. One who bought a hundredth weighs as much as one who bought nothing; with all buyers of
a budget of 0.65 active, 35 of those can be active before a buyer falls below its share.
"""
MAX_WEIGHT = 65_535

_OFDM_BPS = (
    (-65, 54_000_000),
    (-66, 48_000_000),
    (-70, 36_000_000),
    (-74, 24_000_000),
    (-77, 18_000_000),
    (-79, 12_000_000),
    (-81, 9_000_000),
)
"""(least signal in dBm, rate) of 20 MHz OFDM, the slowest kind of link that is common: what a signal can carry at
least. Below the last 6 Mbit/s."""
_SLOWEST_BPS = 6_000_000


@dataclass(frozen=True, slots=True)
class StationMeasurement:
    """What the link layer says of one station; counters since it associated. 0 where it does not know.

    `tx` is towards the station. `expected_bps` is the driver's own estimate of what it could send, where it has one.
    Bytes count MAC service data with 802.11 and LLC headers, as mac80211 does; `tx_failed` frames were given up.
    """

    station: MacAddress
    tx_rate_bps: int = 0
    rx_rate_bps: int = 0
    expected_bps: int = 0
    signal_dbm: int = 0
    tx_bytes: int = 0
    tx_frames: int = 0
    rx_bytes: int = 0
    rx_frames: int = 0
    tx_failed: int = 0


@dataclass(frozen=True, slots=True)
class Throughput:
    """What a station could get, or send, if it had the air to itself. Never 0."""

    down_bps: int
    up_bps: int


@dataclass(frozen=True, slots=True)
class StationAir:
    """One station as it is known now. `smoothed` follows it, `held` is what the budget counts with."""

    last: StationMeasurement
    smoothed: Throughput
    held: Throughput
    down_measured: bool = False
    up_measured: bool = False


def measure(known: StationAir | None, sample: StationMeasurement, reference_bps: int) -> StationAir:
    """A station after one more sample. Counters that went back began anew: it associated again."""
    unmeasured = assume(sample.signal_dbm, reference_bps)
    if known is None or _began_anew(known.last, sample):
        known = StationAir(StationMeasurement(sample.station), unmeasured, unmeasured)
    last = known.last
    down_bps, up_bps = _sampled_down_bps(last, sample), _sampled_up_bps(last, sample)
    smoothed = Throughput(
        _smooth(known.smoothed.down_bps if known.down_measured else None, down_bps, unmeasured.down_bps),
        _smooth(known.smoothed.up_bps if known.up_measured else None, up_bps, unmeasured.up_bps),
    )
    held = Throughput(
        _hold(known.held.down_bps, smoothed.down_bps), _hold(known.held.up_bps, smoothed.up_bps)
    )
    return StationAir(
        sample, smoothed, held, known.down_measured or bool(down_bps), known.up_measured or bool(up_bps)
    )


def assume(signal_dbm: int, reference_bps: int) -> Throughput:
    """Of a station that was not measured yet: the configured reference, or less if its signal cannot carry that."""
    if not signal_dbm:
        return Throughput(reference_bps, reference_bps)
    phy_bps = next((bps for least_dbm, bps in _OFDM_BPS if signal_dbm >= least_dbm), _SLOWEST_BPS)
    bps = min(reference_bps, phy_bps * PHY_EFFICIENCY_PPM // PPM)
    return Throughput(bps, bps)


def share_ppm(qos: Qos, throughput: Throughput) -> int:
    """The part of the air that these floors take of a station this fast, each direction rounded up."""
    return share_of_floors_ppm(qos.floor_down_bps, qos.floor_up_bps, throughput)


def share_of_floors_ppm(down_bps: int, up_bps: int, throughput: Throughput) -> int:
    """The same for any rates."""
    return -(-down_bps * PPM // throughput.down_bps) + -(-up_bps * PPM // throughput.up_bps)


def fits(budget_ppm: int, sold_ppm: int, more_ppm: int) -> bool:
    """Whether so much more of the air can be promised."""
    return sold_ppm + more_ppm <= budget_ppm


def is_exceeded(budget_ppm: int, sold_ppm: int, *, before: bool) -> bool:
    """Whether more is promised than there is; one that was exceeded has to fall well below to count as kept."""
    return sold_ppm > (budget_ppm - min(WITHIN_PPM, budget_ppm // 2) if before else budget_ppm)


def weigh(sold_ppm: int) -> int:
    """The airtime weight of a station that bought this part of the air."""
    return min(MAX_WEIGHT, max(DEFAULT_WEIGHT, sold_ppm * WEIGHTS_OF_ALL // PPM))


def _began_anew(last: StationMeasurement, sample: StationMeasurement) -> bool:
    return sample.tx_frames < last.tx_frames or sample.rx_frames < last.rx_frames


def _sampled_down_bps(last: StationMeasurement, sample: StationMeasurement) -> int:
    """0 if the sample says nothing."""
    if sample.tx_frames - last.tx_frames < LEAST_FRAMES:
        return 0
    return sample.expected_bps or sample.tx_rate_bps * PHY_EFFICIENCY_PPM // PPM


def _sampled_up_bps(last: StationMeasurement, sample: StationMeasurement) -> int:
    """No driver estimates what a station could send."""
    if sample.rx_frames - last.rx_frames < LEAST_FRAMES:
        return 0
    return sample.rx_rate_bps * PHY_EFFICIENCY_PPM // PPM


def _smooth(known_bps: int | None, sampled_bps: int, unmeasured_bps: int) -> int:
    """The first sample begins from what was assumed of the station: it is one sample like any other."""
    before_bps = unmeasured_bps if known_bps is None else known_bps
    if not sampled_bps:
        return before_bps
    return max(1, before_bps + (sampled_bps - before_bps) // SAMPLE_PART)


def _hold(held_bps: int, smoothed_bps: int) -> int:
    """The value that the budget counts with."""
    return smoothed_bps if abs(smoothed_bps - held_bps) * PPM > held_bps * HELD_PPM else held_bps
