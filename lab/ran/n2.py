"""N2's association at the AMF: the kernel's SCTP, or a local socket that keeps messages apart as SCTP does.

Out: one message of NGAP at a time, each way. It reads nothing in them.
Reference: 3GPP TS 38.412 clause 7 (payload protocol identifier 60), RFC 6458 clause 5.3.4 (SCTP_SNDINFO).
"""

import socket
import struct
from pathlib import Path
from types import TracebackType
from typing import Self

from wire.errors import ShellError

NGAP_PORT = 38_412
MAX_MESSAGE_BYTES = 1 << 16
DEADLINE_S = 120.0
"""An emulated guest may take long for what is a millisecond elsewhere."""

_NGAP_PROTOCOL = 60
_SCTP_SNDINFO = 2
_SEND_INFO = struct.Struct("=HH4sIi")


def has_sctp() -> bool:
    """Whether this kernel speaks SCTP; asking loads its module where there is one."""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP).close()
    except OSError:
        return False
    return True


class N2:
    """Listens at an IPv4 address for SCTP, or at a path, and serves one gNB."""

    def __init__(self, at: str | Path) -> None:
        self._sctp = isinstance(at, str)
        family, kind, protocol = (
            (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP)
            if self._sctp
            else (socket.AF_UNIX, socket.SOCK_SEQPACKET, 0)
        )
        self._ear = socket.socket(family, kind, protocol)
        self._gnb: socket.socket | None = None
        self._ear.settimeout(DEADLINE_S)
        self._ear.bind((at, NGAP_PORT) if isinstance(at, str) else str(at))
        self._ear.listen(1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ear.close()
        if self._gnb is not None:
            self._gnb.close()

    def receive(self) -> bytes:
        """The next message. Raises ShellError at the end of the association or the deadline."""
        try:
            if self._gnb is None:
                self._gnb, _ = self._ear.accept()
                self._gnb.settimeout(DEADLINE_S)
            message = self._gnb.recv(MAX_MESSAGE_BYTES)
        except TimeoutError as late:
            raise ShellError("n2", f"nothing came within {DEADLINE_S:g} s") from late
        if not message:
            raise ShellError("n2", "the gNB hung up")
        return message

    def send(self, message: bytes) -> None:
        assert self._gnb is not None, "there is no gNB yet"
        info = _SEND_INFO.pack(0, 0, _NGAP_PROTOCOL.to_bytes(4, "big"), 0, 0)
        extra = [(socket.IPPROTO_SCTP, _SCTP_SNDINFO, info)] if self._sctp else []
        self._gnb.sendmsg([message], extra)
