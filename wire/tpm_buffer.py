"""Reading and writing the TPM's own byte form: big-endian integers and buffers with a 16-bit length (TPM2B).

In: bytes of a TPM or of somebody who says so. Out: integers and bytes, or DecodeError, and never any other exception.
Nothing here knows a structure; those are in `tpm_attest`, `tpm_public` and the TPM shell of the daemon.
Reference: TPM 2.0 Library part 2, clauses 10.4 (sized buffers) and 4.5 (big-endian, no padding).
"""

from wire.errors import DecodeError


class TpmReader:
    """Takes values from the front of a buffer; `finish` refuses what is left. Every method raises DecodeError only."""

    def __init__(self, data: bytes, structure: str) -> None:
        self._data = data
        self._at = 0
        self._structure = structure

    def error(self, text: str) -> DecodeError:
        return DecodeError(f"{self._structure}: {text}")

    def octets(self, count: int, name: str) -> bytes:
        end = self._at + count
        if end > len(self._data):
            raise self.error(f"ends inside {name}, {count} bytes at byte {self._at} of {len(self._data)}")
        value = self._data[self._at : end]
        self._at = end
        return value

    def u8(self, name: str) -> int:
        return self.octets(1, name)[0]

    def u16(self, name: str) -> int:
        return int.from_bytes(self.octets(2, name), "big")

    def u32(self, name: str) -> int:
        return int.from_bytes(self.octets(4, name), "big")

    def u64(self, name: str) -> int:
        return int.from_bytes(self.octets(8, name), "big")

    def sized(self, name: str, maximum: int) -> bytes:
        """A TPM2B of at most `maximum` bytes, without its length."""
        size = self.u16(f"the length of {name}")
        if size > maximum:
            raise self.error(f"{name} has {size} bytes, at most {maximum} are accepted")
        return self.octets(size, name)

    def rest(self) -> bytes:
        return self.octets(len(self._data) - self._at, "the rest")

    def finish(self) -> None:
        if self._at != len(self._data):
            raise self.error(f"{len(self._data) - self._at} bytes after its end at byte {self._at}")


def write_u16(value: int) -> bytes:
    """2 bytes."""
    return value.to_bytes(2, "big")


def write_u32(value: int) -> bytes:
    """4 bytes."""
    return value.to_bytes(4, "big")


def write_u64(value: int) -> bytes:
    """8 bytes."""
    return value.to_bytes(8, "big")


def write_sized(data: bytes) -> bytes:
    """A TPM2B: 16-bit length, then the bytes."""
    return write_u16(len(data)) + data
