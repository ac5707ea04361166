"""The shell of [cell.signalling]: the socket of the end of NAS, the provider's key, chance, and the gNB's file.

In: orders of apd/signalling.py. Out: frames as they came, and what was made. It decides nothing and reads nothing in
a frame. A connection that sends a longer frame than there is, or does not take what it is sent, is hung up; so is a
fifth one.
"""

import asyncio
import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import assert_never

from apd.events import Event, SignallingHeard
from apd.settings import BoxSettings
from apd.shells.unix_socket import UnixSocket
from apd.sib import FIRST_LINE, format_sib
from apd.signalling_frames import LENGTH_SIZE, MAX_FRAME_BYTES
from apd.signalling_settings import SignallingSettings
from apd.signalling_state import (
    Fact,
    FrameHeard,
    LinkLost,
    MakeProof,
    MakeShare,
    ProofMade,
    SendFrame,
    ShareMade,
    SibFailed,
    SibWritten,
    SignallingState,
    TellOrder,
    WriteSib,
)
from wire.errors import ShellError
from wire.exchange_proof import Prover, write_exchange_proof
from wire.keys import PrivateKey
from wire.offer import Offer, write_offer

MAX_LINKS = 4
"""An AMF, an MME, and each once more while it starts anew."""
MAX_UNSENT_BYTES = 65_536


class SignallingShell:
    """One socket, and one file; either may be missing."""

    def __init__(self, settings: SignallingSettings, key: PrivateKey, box: BoxSettings) -> None:
        self.begins = SignallingState(settings)
        self._settings, self._key, self._box = settings, key, box
        self._links: dict[int, _Link] = {}
        self._next = 1
        self._server: asyncio.Server | None = None
        self._socket: UnixSocket | None = None

    async def start(self, report: Callable[[Event], None]) -> None:
        """From the running loop. Raises ShellError."""
        self._report = report
        path = self._settings.socket
        if path is None:
            return
        loop = asyncio.get_running_loop()
        try:
            self._socket = UnixSocket(path)
            self._server = await loop.create_unix_server(lambda: _Link(self), sock=self._socket.socket)
        except OSError as error:
            raise ShellError("signalling socket", f"{path}: {error}") from error

    def close(self) -> None:
        if self._server is None:
            return
        if self._socket is not None:
            self._socket.remove()
        self._server.close()
        for link in list(self._links.values()):
            link.hang_up()

    def obey(self, order: TellOrder) -> list[Event]:
        """One order; what is known of it at once."""
        match order:
            case SendFrame(link, data):
                if link in self._links:
                    self._links[link].send(data)
                return []
            case MakeShare(link, begin):
                return [SignallingHeard(ShareMade(link, begin, PrivateKey.generate()))]
            case MakeProof(about, transcript):
                proof = write_exchange_proof(Prover.BOX, transcript, self._key)
                return [SignallingHeard(ProofMade(about, proof))]
            case WriteSib(offer):
                return [SignallingHeard(self._write_sib(offer))]
            case _:
                assert_never(order)

    def _write_sib(self, offer: Offer) -> Fact:
        """Whole or not at all, as a gNB may start at this moment; and never in the place of a file that is not ours."""
        path, box = self._settings.sib_file, self._box
        assert path is not None, "nothing is broadcast"
        text = format_sib(write_offer(offer, self._key), box.provider, box.ledger, box.ledger_id)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _refuse_others(path)
            _replace(path, text)
        except OSError as error:
            return SibFailed(ShellError("sib file", f"{path}: {error}"))
        return SibWritten(offer.epoch)

    def admit(self, link: "_Link") -> int | None:
        """The number of a new connection; None if there are enough."""
        if len(self._links) >= MAX_LINKS:
            return None
        number, self._next = self._next, self._next + 1
        self._links[number] = link
        return number

    def heard(self, number: int, data: bytes) -> None:
        self._report(SignallingHeard(FrameHeard(number, data)))

    def lost(self, number: int) -> None:
        if self._links.pop(number, None) is not None:
            self._report(SignallingHeard(LinkLost(number)))


def _refuse_others(path: Path) -> None:
    """Raises OSError if somebody else wrote what stands there."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    begins = b""
    if stat.S_ISREG(mode):
        with path.open("rb") as file:
            begins = file.read(len(FIRST_LINE))
    if begins != FIRST_LINE.encode():
        raise FileExistsError(f"does not begin with {FIRST_LINE.strip()!r}: not ours, and not replaced")


def _replace(path: Path, text: str) -> None:
    """By a file beside it, whose name nobody has."""
    number, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    beside = Path(name)
    try:
        with os.fdopen(number, "w") as file:
            os.fchmod(number, 0o644)  # the gNB reads it, under whatever name it runs
            file.write(text)
            file.flush()
            os.fsync(number)
        beside.replace(path)
    except OSError:
        beside.unlink()
        raise


class _Link(asyncio.Protocol):
    """One connection."""

    def __init__(self, shell: SignallingShell) -> None:
        self._shell = shell
        self._number: int | None = None
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport), "a socket can be written to"
        self._transport = transport
        self._number = self._shell.admit(self)
        if self._number is None:
            transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._number is None:
            return
        self._received += data
        while len(self._received) >= LENGTH_SIZE and not self._transport.is_closing():
            size = int.from_bytes(self._received[:LENGTH_SIZE], "big")
            if size > MAX_FRAME_BYTES:
                self.hang_up()
                return
            end = LENGTH_SIZE + size
            if len(self._received) < end:
                return
            frame, self._received = self._received[LENGTH_SIZE:end], self._received[end:]
            self._shell.heard(self._number, frame)

    def send(self, data: bytes) -> None:
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            self.hang_up()

    def hang_up(self) -> None:
        self._transport.abort()

    def connection_lost(self, _error: Exception | None) -> None:
        if self._number is not None:
            self._shell.lost(self._number)
