"""NAS security of a UE's context at the AMF: keys from what EAP exported, 128-NEA2 and 128-NIA2, and the counts.

In: plain messages to protect, protected ones to open. Out: the other; a wrong MAC or count raises. For the lab: our box
has no NAS of its own.
Reference: 3GPP TS 33.501 annexes A.6 to A.8, B.2.1.1 (K_AUSF from the EMSK), D.2, D.3; TS 24.501 clause 9.1.
"""

from dataclasses import dataclass
from enum import IntEnum

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.constant_time import bytes_eq
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from wire.errors import DecodeError

ALGORITHMS = 0x22
"""128-NEA2 and 128-NIA2, as a SECURITY MODE COMMAND names them."""
SERVING_NETWORK = b"5G:mnc001.mcc001.3gppnetwork.org"

_EPD, _HEADER_SIZE = 0x7E, 7
_3GPP_ACCESS = 1
_UPLINK, _DOWNLINK = 0, 1


class Header(IntEnum):
    """Security header types (TS 24.501 table 9.3.1)."""

    INTEGRITY = 1
    CIPHERED = 2
    NEW_INTEGRITY = 3
    NEW_CIPHERED = 4


@dataclass(slots=True)
class NasContext:
    """Of one UE, since its SECURITY MODE COMMAND. The counts are those of the next message each way."""

    ciphering_key: bytes
    integrity_key: bytes
    uplink_count: int = 0
    downlink_count: int = 0

    def protect(self, plain: bytes, header: Header) -> bytes:
        """A downlink message. The first, which begins security, is not ciphered."""
        ciphered = header in (Header.CIPHERED, Header.NEW_CIPHERED)
        payload = self._cipher(plain, self.downlink_count, _DOWNLINK) if ciphered else plain
        covered = bytes((self.downlink_count & 0xFF,)) + payload
        mac = self._mac(covered, self.downlink_count, _DOWNLINK)
        self.downlink_count += 1
        return bytes((_EPD, header)) + mac + covered

    def open(self, protected: bytes) -> bytes:
        """The plain message of an uplink one, which must be the next. Raises DecodeError."""
        if len(protected) <= _HEADER_SIZE or protected[0] != _EPD:
            raise DecodeError("nas: not a protected message")
        if protected[1] not in (Header.CIPHERED, Header.NEW_CIPHERED):
            raise DecodeError(f"nas: security header {protected[1]}, where everything is ciphered")
        if protected[6] != self.uplink_count & 0xFF:
            raise DecodeError(f"nas: sequence number {protected[6]}, not {self.uplink_count & 0xFF}")
        if not bytes_eq(self._mac(protected[6:], self.uplink_count, _UPLINK), protected[2:6]):
            raise DecodeError("nas: the MAC is wrong")
        plain = self._cipher(protected[_HEADER_SIZE:], self.uplink_count, _UPLINK)
        self.uplink_count += 1
        return plain

    def _cipher(self, octets: bytes, count: int, direction: int) -> bytes:
        engine = Cipher(AES(self.ciphering_key), CTR(_block(count, direction) + bytes(8))).encryptor()
        return engine.update(octets) + engine.finalize()

    def _mac(self, octets: bytes, count: int, direction: int) -> bytes:
        engine = CMAC(AES(self.integrity_key))
        engine.update(_block(count, direction) + octets)
        return engine.finalize()[:4]


def _block(count: int, direction: int) -> bytes:
    return count.to_bytes(4, "big") + bytes((_3GPP_ACCESS << 3 | direction << 2, 0, 0, 0))


def derive_context(emsk: bytes, imsi: str) -> NasContext:
    """From the EMSK of EAP, 64 octets."""
    if len(emsk) != 64:
        raise ValueError(f"an EMSK of {len(emsk)} octets")
    seaf = _kdf(emsk[:32], 0x6C, SERVING_NETWORK)
    amf = _kdf(seaf, 0x6D, imsi.encode(), bytes(2))
    ciphering, integrity = (
        _kdf(amf, 0x69, bytes((kind,)), bytes((algorithm,)))[16:]
        for kind, algorithm in ((1, ALGORITHMS >> 4), (2, ALGORITHMS & 0x0F))
    )
    return NasContext(ciphering, integrity)


def _kdf(key: bytes, code: int, *parameters: bytes) -> bytes:
    """TS 33.220 annex B.2."""
    engine = HMAC(key, SHA256())
    engine.update(bytes((code,)))
    for parameter in parameters:
        engine.update(parameter + len(parameter).to_bytes(2, "big"))
    return engine.finalize()
