"""Device features by name: read which are on, switch some on or off. The shell around one ioctl.

Reference: Linux include/uapi/linux/ethtool.h (ETHTOOL_GSTRINGS, _GFEATURES, _SFEATURES).
"""

import array
import errno
import fcntl
import socket
import struct
from collections.abc import Mapping

from wire.errors import ShellError

_SIOCETHTOOL = 0x8946
_GSTRINGS, _GSSET_INFO, _GFEATURES, _SFEATURES = 0x1B, 0x37, 0x3A, 0x3B
_SS_FEATURES = 4
_STRING_BYTES = 32


def read_features(interface: str) -> dict[str, bool]:
    """Every feature that the device knows, true where it is active; empty where the device has none. ShellError."""
    names = _read_names(interface)
    words = -(-len(names) // 32)
    reply = _ioctl(interface, struct.pack("=II", _GFEATURES, words) + bytes(16 * words))
    active = [struct.unpack_from("=IIII", reply, 8 + 16 * word)[2] for word in range(words)]
    return {name: bool(active[bit // 32] >> bit % 32 & 1) for bit, name in enumerate(names) if name}


def set_features(interface: str, wanted: Mapping[str, bool]) -> None:
    """Switch features; names that the device does not know are ignored. Raises ShellError."""
    names = _read_names(interface)
    words = -(-len(names) // 32)
    masks = [[0, 0] for _ in range(words)]
    for bit, name in enumerate(names):
        if name in wanted:
            masks[bit // 32][0] |= 1 << bit % 32
            masks[bit // 32][1] |= int(wanted[name]) << bit % 32
    if words:
        packed = b"".join(struct.pack("=II", *mask) for mask in masks)
        _ioctl(interface, struct.pack("=II", _SFEATURES, words) + packed)


def _read_names(interface: str) -> list[str]:
    try:
        info = _ioctl(interface, struct.pack("=IIQI", _GSSET_INFO, 0, 1 << _SS_FEATURES, 0))
    except ShellError as error:
        if isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.EOPNOTSUPP:
            return []
        raise
    count = struct.unpack_from("=I", info, 16)[0]
    reply = _ioctl(
        interface, struct.pack("=III", _GSTRINGS, _SS_FEATURES, count) + bytes(_STRING_BYTES * count)
    )
    texts = (reply[12 + _STRING_BYTES * index :][:_STRING_BYTES] for index in range(count))
    return [text.split(b"\0")[0].decode("ascii", "replace") for text in texts]


def _ioctl(interface: str, request: bytes) -> bytes:
    buffer = array.array("B", request)
    pointer = struct.pack("16sP16x", interface.encode(), buffer.buffer_info()[0])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        try:
            fcntl.ioctl(control, _SIOCETHTOOL, pointer)
        except OSError as error:
            raise ShellError(f"ethtool {interface}", str(error)) from error
    return buffer.tobytes()
