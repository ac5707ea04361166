"""The band of an offer or grant: three integers in kHz.

Reference: Bandcoin 5.1.2, from_frequency, to_frequency and bandwidth.
"""

from wire.cbor import Value
from wire.errors import DecodeError
from wire.fields import FieldReader
from wire.frozen import dataclass

MAX_KHZ = 300_000_000
"""300 GHz, where radio regulation ends (ITU Radio Regulations 1.5 says 3,000 GHz; no access network is above this)."""


@dataclass(frozen=True, slots=True)
class Band:
    """Between two frequencies, and how much of it is used."""

    from_frequency_khz: int
    to_frequency_khz: int
    bandwidth_khz: int

    def __post_init__(self) -> None:
        if not 0 < self.from_frequency_khz < self.to_frequency_khz <= MAX_KHZ:
            raise DecodeError(f"band: {self.from_frequency_khz}..{self.to_frequency_khz} kHz is not a band")
        if not 0 < self.bandwidth_khz <= self.to_frequency_khz - self.from_frequency_khz:
            raise DecodeError(f"band: bandwidth {self.bandwidth_khz} kHz is not within the band")


def write_band(band: Band) -> Value:
    return [band.from_frequency_khz, band.to_frequency_khz, band.bandwidth_khz]


def read_band(fields: FieldReader, label: int) -> Band:
    return Band(*fields.integers(label, "band", 3, 3))
