"""How TPM commands travel: one command out, one response back, over the kernel's device or a software TPM's socket.

    device:/dev/tpmrm0            the kernel's resource manager: the way on a box
    swtpm:path=/run/swtpm.sock    a software TPM's UNIX socket: lab and tests
    swtpm:host=127.0.0.1,port=2321
    anything else                 handed to tpm2-pytss (tabrmd, mssim, cmd ...), which is imported only then

Raises ShellError when the TPM cannot be reached or goes away, ConfigError when the text names no transport.
"""

import os
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from apd.shells.tpm_commands import MAX_RESPONSE_BYTES, RESPONSE_HEADER_BYTES
from wire.errors import ConfigError, ShellError
from wire.frozen import dataclass

TIMEOUT_S = 30
"""A hardware TPM may take seconds for a primary key; the kernel itself gives up after about a minute."""


@dataclass(frozen=True, slots=True)
class Transport:
    """An open way to one TPM. `raw`: nobody in between keeps other users' handles apart, so stale ones are ours to
    flush.
    """

    exchange: Callable[[bytes], bytes]
    close: Callable[[], None]
    raw: bool


def open_transport(tcti: str) -> Transport:
    """Connects. Raises ConfigError, ShellError."""
    kind, _, rest = tcti.partition(":")
    try:
        if kind == "device":
            return _open_device(rest or "/dev/tpmrm0")
        if kind == "swtpm":
            return _open_socket(tcti, dict(part.partition("=")[::2] for part in rest.split(",")))
    except OSError as error:
        raise ShellError("tpm", f"{tcti}: {error.strerror or error}") from error
    return _open_with_library(tcti)


def _open_device(path: str) -> Transport:
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)

    def exchange(command: bytes) -> bytes:
        os.write(descriptor, command)
        return os.read(descriptor, MAX_RESPONSE_BYTES)

    return Transport(_saying(path, exchange), lambda: os.close(descriptor), raw="tpmrm" not in path)


def _open_socket(tcti: str, where: dict[str, str]) -> Transport:
    if "path" in where:
        connection = socket.socket(socket.AF_UNIX)
        address: str | tuple[str, int] = where["path"]
    elif where.get("port", "").isdigit():
        connection = socket.socket(socket.AF_INET)
        address = (where.get("host", "127.0.0.1"), int(where["port"]))
    else:
        raise ConfigError(f"tcti {tcti!r}: want swtpm:path=SOCKET or swtpm:host=ADDRESS,port=NUMBER")
    connection.settimeout(TIMEOUT_S)
    try:
        connection.connect(address)
    except OSError:
        connection.close()
        raise

    def exchange(command: bytes) -> bytes:
        connection.sendall(command)
        header = _receive(connection, RESPONSE_HEADER_BYTES)
        size = int.from_bytes(header[2:6], "big")
        if not RESPONSE_HEADER_BYTES <= size <= MAX_RESPONSE_BYTES:
            raise ShellError("tpm", f"{tcti}: a response of {size} bytes")
        return header + _receive(connection, size - RESPONSE_HEADER_BYTES)

    return Transport(_saying(tcti, exchange), connection.close, raw=True)


def _receive(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            raise ConnectionResetError("the TPM closed the connection")
        data += part
    return data


def _saying(where: str, exchange: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """The same exchange, with an operating system's error told as ours."""

    def told(command: bytes) -> bytes:
        try:
            return exchange(command)
        except OSError as error:
            raise ShellError("tpm", f"{where}: {error.strerror or error}") from error

    return told


def _open_with_library(tcti: str) -> Transport:
    try:
        from tpm2_pytss import TCTILdr, TSS2_Exception
    except ImportError as error:
        raise ConfigError(
            f"tcti {tcti!r}: neither device: nor swtpm:, and tpm2-pytss cannot be loaded: {error}"
        ) from error
    name, _, rest = tcti.partition(":")
    try:
        library: Any = TCTILdr(name, rest or None)
    except TSS2_Exception as error:
        raise ShellError("tpm", f"{tcti}: {error}") from error

    def exchange(command: bytes) -> bytes:
        try:
            library.transmit(command)
            return bytes(library.receive())
        except TSS2_Exception as error:
            raise ShellError("tpm", f"{tcti}: {error}") from error

    def close() -> None:
        with suppress(TSS2_Exception):
            library.close()

    return Transport(exchange, close, raw=name in ("mssim", "cmd", "swtpm", "device"))
