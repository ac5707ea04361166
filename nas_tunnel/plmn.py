"""A mobile network's name: country code of three digits and network code of two or three.

In text "00101" or "001010", in octets the digits in nibbles, as elements of NAS have them. 001 is for tests.
Reference: 3GPP TS 23.003 clause 2.2; TS 24.008 clause 10.5.1.3, octets 2 to 4.
"""

import re
from dataclasses import dataclass

from wire.errors import DecodeError

PLMN_SIZE = 3
_NO_DIGIT = 0xF


@dataclass(frozen=True, slots=True, order=True)
class Plmn:
    """`mcc` of three digits, `mnc` of two or three. Raises ValueError."""

    mcc: str
    mnc: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[0-9]{3}", self.mcc) or not re.fullmatch(r"[0-9]{2,3}", self.mnc):
            raise ValueError(f"{self.mcc!r} and {self.mnc!r} are not 3 and 2 or 3 digits")

    def __str__(self) -> str:
        return self.mcc + self.mnc

    @classmethod
    def parse(cls, text: str) -> "Plmn":
        """From five or six digits. Raises ValueError."""
        return cls(text[:3], text[3:])


def write_plmn(plmn: Plmn) -> bytes:
    c1, c2, c3 = (int(digit) for digit in plmn.mcc)
    n1, n2, *rest = (int(digit) for digit in plmn.mnc)
    n3 = rest[0] if rest else _NO_DIGIT
    return bytes((c2 << 4 | c1, n3 << 4 | c3, n2 << 4 | n1))


def read_plmn(data: bytes) -> Plmn:
    """From exactly three octets. Raises DecodeError."""
    if len(data) != PLMN_SIZE:
        raise DecodeError(f"plmn: {len(data)} bytes, not {PLMN_SIZE}")
    digits = [nibble for octet in data for nibble in (octet & 0xF, octet >> 4)]
    c1, c2, c3, n3, n1, n2 = digits
    network = (n1, n2) if n3 == _NO_DIGIT else (n1, n2, n3)
    if max(c1, c2, c3, *network) > 9:
        raise DecodeError(f"plmn: {data.hex()} has a nibble that is no digit")
    return Plmn(f"{c1}{c2}{c3}", "".join(map(str, network)))
