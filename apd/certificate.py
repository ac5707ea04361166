"""The common name in an X.509 certificate, and nothing else of it: a megabyte less on the box than a library for it.

In: DER. Out: the name, or DecodeError. It verifies nothing; TLS does.
Reference: RFC 5280 clause 4.1; ITU-T X.690 clause 8.1 (tag, length, contents), definite lengths only (clause 10.1).
"""

from wire.errors import DecodeError

_COMMON_NAME = b"\x55\x04\x03"
"""2.5.4.3 (RFC 5280 appendix A)."""
_VERSION = 0xA0
_SUBJECT = 4
"""Its place after the version: serial number, signature, issuer, validity, subject."""


def read_common_name(der: bytes) -> str:
    """Of the certificate's subject; the last one, if there are several."""
    try:
        ((_, certificate),) = _read_items(der)
        (_, to_be_signed), *_ = _read_items(certificate)
        fields = [content for tag, content in _read_items(to_be_signed) if tag != _VERSION]
        names = [
            value.decode()
            for _, relative_name in _read_items(fields[_SUBJECT])
            for _, attribute in _read_items(relative_name)
            for (_, kind), (_, value) in [_read_items(attribute)]
            if kind == _COMMON_NAME
        ]
        return names[-1]
    except (ValueError, IndexError) as error:
        raise DecodeError(f"certificate: no common name in its subject ({error})") from error


def _read_items(der: bytes) -> list[tuple[int, bytes]]:
    """(tag, contents) of values that follow each other."""
    items: list[tuple[int, bytes]] = []
    at = 0
    while at < len(der):
        tag, size, start = der[at], der[at + 1], at + 2
        if size & 0x80:
            start += size & 0x7F
            size = int.from_bytes(der[at + 2 : start], "big")
        at = start + size
        if at > len(der):
            raise DecodeError(f"a value of {size} bytes where {len(der) - start} are left")
        items.append((tag, der[start:at]))
    return items
