"""One netlink socket: many requests in one write, their answers in order, and the kernel's refusal as a typed error.

Only what the shaper needs: batches with one acknowledgement at the end, dumps and echoes. No events, no
retries. A socket is used by one thread.
Reference: Linux include/uapi/linux/netlink.h, RFC 3549.
"""

import errno
import os
import socket
import struct
from collections.abc import Iterator, Sequence

from tc_shaper.attributes import NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, Message
from wire.errors import ShellError

NLMSG_ERROR = 2
NLMSG_DONE = 3

_HEADER = struct.Struct("=IHHII")
_ERRNO = struct.Struct("=i")
_SOL_NETLINK = 270
_NETLINK_CAP_ACK = 10
_SO_SNDBUFFORCE = 32
_SO_RCVBUFFORCE = 33
_BUFFER_BYTES = 16 << 20
_RECEIVE_BYTES = 1 << 18
_REQUESTS_PER_WRITE = 128
"""Answers of one write fit the smallest receive buffer that a kernel gives without privilege (208 KiB)."""
_NLM_F_DUMP_INTR = 0x10
_DUMP_ATTEMPTS = 5
"""Another program may add a device or load rules while we read; half of the old and half of the new help nobody."""
TIMEOUT_S = 10.0
"""The kernel answers a batch before the write returns; ten seconds mean that something is very wrong."""


class RefusedError(Exception):
    """The kernel said no, with an errno, to the request with this index in the batch; `answers` are the others'."""

    def __init__(self, code: int, index: int, answers: list[Message]) -> None:
        super().__init__(f"{os.strerror(code)} ({errno.errorcode.get(code, code)})")
        self.code = code
        self.index = index
        self.answers = answers


class NetlinkSocket:
    """A connected netlink socket of one protocol (0 is rtnetlink, 12 netfilter)."""

    def __init__(self, protocol: int, name: str) -> None:
        self._name = name
        self._sequence = 1
        self._socket = _open(protocol, name)

    def close(self) -> None:
        self._socket.close()

    def batch(self, messages: Sequence[Message], *, atomic: bool = False) -> list[Message]:
        """Run all requests, in writes of bounded size or, if `atomic`, in exactly one; echoed answers come back.

        Of each write only the last request that asks for an acknowledgement gets one, so that no answer overflows the
        socket; a refusal is always told. Raises RefusedError with the index of the first request refused:
        it has then still tried the later ones of the same write (rtnetlink) or undone all of it (a netfilter batch).
        ShellError if the socket fails.
        """
        answers: list[Message] = []
        most = len(messages) if atomic else _REQUESTS_PER_WRITE
        for start in range(0, len(messages), max(most, 1)):
            answers += self._exchange(messages[start : start + most], start)
        return answers

    def dump(self, request: Message) -> list[Message]:
        """All answers to one dump request; read again if something changed meanwhile. RefusedError, ShellError."""
        for _ in range(_DUMP_ATTEMPTS):
            answers = self.batch([request._replace(flags=request.flags | NLM_F_DUMP)])
            if not any(answer.flags & _NLM_F_DUMP_INTR for answer in answers):
                return answers
        raise ShellError(self._name, f"what is there changed {_DUMP_ATTEMPTS} times while it was read")

    def _exchange(self, messages: Sequence[Message], start: int) -> list[Message]:
        first = self._sequence
        self._sequence = (first + len(messages)) & 0x7FFF_FFFF
        last = max(
            index for index, message in enumerate(messages) if message.flags & (NLM_F_ACK | NLM_F_DUMP)
        )
        try:
            self._socket.send(_pack(messages, first, last))
            return self._receive(first, first + last, start)
        except OSError as error:
            raise ShellError(self._name, f"{len(messages)} requests: {error}") from error

    def _receive(self, first: int, last: int, start: int) -> list[Message]:
        answers: list[Message] = []
        refusal: RefusedError | None = None
        while True:
            for sequence, message in _split(self._socket.recv(_RECEIVE_BYTES)):
                # Echoes of nftables elements carry sequence 0 in Linux 6.18; nothing else does here.
                if sequence and not first <= sequence <= last + 1:
                    continue
                if message.kind not in (NLMSG_ERROR, NLMSG_DONE):
                    answers.append(message)
                    continue
                code = -int(_ERRNO.unpack_from(message.body)[0]) if len(message.body) >= 4 else 0
                if code and refusal is None:
                    refusal = RefusedError(code, start + sequence - first, answers)
                if sequence >= last or (code and sequence == first):
                    if refusal is not None:
                        raise refusal
                    return answers


def _pack(messages: Sequence[Message], first: int, last: int) -> bytes:
    parts: list[bytes] = []
    for index, (kind, flags, body) in enumerate(messages):
        asked = flags if index == last else flags & ~NLM_F_ACK
        parts += (_HEADER.pack(len(body) + 16, kind, asked | NLM_F_REQUEST, first + index, 0), body)
        if len(body) & 3:
            parts.append(bytes(-len(body) & 3))
    return b"".join(parts)


def _open(protocol: int, name: str) -> socket.socket:
    try:
        opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
        opened.settimeout(TIMEOUT_S)
        _enlarge(opened)
        opened.setsockopt(_SOL_NETLINK, _NETLINK_CAP_ACK, 1)
        opened.bind((0, 0))
    except OSError as error:
        raise ShellError(name, str(error)) from error
    return opened


def _enlarge(opened: socket.socket) -> None:
    """Root may have large buffers; in a user namespace the ordinary limit has to do, and does."""
    for forced, ordinary in ((_SO_SNDBUFFORCE, socket.SO_SNDBUF), (_SO_RCVBUFFORCE, socket.SO_RCVBUF)):
        try:
            opened.setsockopt(socket.SOL_SOCKET, forced, _BUFFER_BYTES)
        except PermissionError:
            opened.setsockopt(socket.SOL_SOCKET, ordinary, _BUFFER_BYTES)


def _split(data: bytes) -> Iterator[tuple[int, Message]]:
    offset = 0
    while offset + 16 <= len(data):
        length, kind, flags, sequence, _ = _HEADER.unpack_from(data, offset)
        yield sequence, Message(kind, flags, data[offset + 16 : offset + length])
        offset += (length + 3) & ~3
