"""Bits as the unaligned packed encoding rules lay them out: as much of them as broadcast system information needs.

What a writer is given must fit its field, which is our own mistake otherwise. A reader takes the one shortest form of a
length, passes over additions of later releases, and refuses everything else with the bit at which it stands.
Reference: ITU-T X.691, clauses 11.2 (open types), 11.5 (numbers), 11.6 (small numbers), 11.9 (lengths), 19 (sequences),
23 (choices).
"""

from wire.errors import DecodeError

MAX_LENGTH = 0x3FFF
"""The longest octet string that has a length in one piece (X.691 clause 11.9.3.7); a broadcast is far shorter."""
SMALL_NUMBERS = 64
"""Numbers below this have a short form (X.691 clause 11.6.1); no list of additions of ours is that long."""


class BitWriter:
    """Appends fields; `finish` gives the octets."""

    __slots__ = ("_size_bits", "_value")

    def __init__(self) -> None:
        self._value = 0
        self._size_bits = 0

    def bits(self, value: int, width: int) -> None:
        """A number, bit string or run of flags of a fixed width."""
        assert 0 <= value < 1 << width, f"{value} in {width} bits"
        self._value = self._value << width | value
        self._size_bits += width

    def octets(self, data: bytes) -> None:
        """Octets whose number the reader knows."""
        width = 8 * len(data)
        self._value = self._value << width | int.from_bytes(data, "big")
        self._size_bits += width

    def octet_string(self, data: bytes) -> None:
        """A length and the octets; an open type looks the same."""
        size = len(data)
        assert size <= MAX_LENGTH, f"{size} octets in one piece"
        if size < 0x80:
            self.bits(size, 8)
        else:
            self.bits(0x8000 | size, 16)
        self.octets(data)

    def added_choice(self, index: int, content: bytes) -> None:
        """An alternative that a later release added to a choice: its number among those, and its content as an open
        type (clauses 11.6 and 23.8).
        """
        assert 0 <= index < SMALL_NUMBERS, f"alternative {index} has no small number"
        self.bits(0b1_0_000000 | index, 8)
        self.octet_string(content)

    def finish(self) -> bytes:
        """Everything, with zero bits up to a whole octet."""
        padding = -self._size_bits % 8
        return (self._value << padding).to_bytes((self._size_bits + padding) // 8, "big")


class BitReader:
    """Takes fields from the front; `finish` refuses what is left. Every method raises DecodeError only."""

    __slots__ = ("_left_bits", "_message", "_size_bits", "_value")

    def __init__(self, data: bytes, message: str) -> None:
        self._message = message
        self._value = int.from_bytes(data, "big")
        self._left_bits = self._size_bits = 8 * len(data)

    def error(self, text: str) -> DecodeError:
        return DecodeError(f"{self._message}: {text}, at bit {self._size_bits - self._left_bits}")

    def bits(self, width: int) -> int:
        left_bits = self._left_bits - width
        if left_bits < 0:
            raise self.error(f"ends where {width} bits should follow")
        self._left_bits = left_bits
        return self._value >> left_bits & ((1 << width) - 1)

    def octets(self, size: int) -> bytes:
        return self.bits(8 * size).to_bytes(size, "big")

    def octet_string(self) -> bytes:
        """Octets behind their length, which also is an open type."""
        size = self.bits(8)
        if size & 0x80:
            size = (size & 0x7F) << 8 | self.bits(8)
            if not 0x80 <= size <= MAX_LENGTH:
                raise self.error("a length that is not in its shortest form")
        return self.octets(size)

    def added_choice(self) -> tuple[int, bytes] | None:
        """Which alternative it is of those that later releases added to a choice, and its content; None where one of
        the first release follows, by its number.
        """
        if not self.bits(1):
            return None
        if self.bits(1):
            raise self.error(f"an alternative numbered past {SMALL_NUMBERS}")
        return self.bits(6), self.octet_string()

    def pass_additions(self) -> None:
        """What a later release added to a sequence: a bitmap, and each addition as an open type."""
        if self.bits(1):
            raise self.error(f"more than {SMALL_NUMBERS} additions")
        present = self.bits(self.bits(6) + 1).bit_count()
        if not present:
            raise self.error("additions are announced and none is there")
        for _ in range(present):
            self.octet_string()

    def finish(self) -> None:
        """The end of an open type or of a block alone: zero bits up to the octet and not one octet more."""
        if self._left_bits >= 8:
            raise self.error(f"{self._left_bits} bits more than there should be")
        self.finish_padded()

    def finish_padded(self) -> None:
        """The end of a message on a channel whose blocks have fixed sizes: zero bits as long as it pleases (3GPP TS
        36.331 and 38.331, clause 8.5).
        """
        if self.bits(self._left_bits):
            raise self.error("padding that is not zero")
