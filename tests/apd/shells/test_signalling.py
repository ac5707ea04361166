"""The socket of the end of NAS: frames in order, connections that are bounded, and the gNB's file."""

from __future__ import annotations

import asyncio
import socket
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Self

import pytest

from apd.address import NasAddress
from apd.events import SignallingHeard
from apd.shells.signalling import MAX_LINKS, MAX_UNSENT_BYTES, SignallingShell
from apd.sib import FIRST_LINE, plan_offer
from apd.signalling_frames import Begin, Gone, SendEap, write_frame
from apd.signalling_settings import SignallingSettings
from apd.signalling_state import (
    FrameHeard,
    LinkLost,
    MakeProof,
    MakeShare,
    ProofMade,
    SendFrame,
    ShareMade,
    SibFailed,
    SibWritten,
    WriteSib,
)
from tests.apd.world import BSSID, PROVIDER, SETTINGS, offer_state
from wire.errors import ShellError
from wire.exchange_proof import Prover, verify_exchange_proof

Run = Callable[[Awaitable[None]], None]


class Served:
    """The shell, and what it reported."""

    def __init__(self, folder: Path) -> None:
        self.path, self.sib = folder / "deep" / "nas.sock", folder / "sib.yml"
        self.shell = SignallingShell(SignallingSettings(self.path, self.sib), PROVIDER, SETTINGS)
        self.facts: list[Any] = []
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        await self.shell.start(self._take)
        return self

    async def __aexit__(self, *fault: object) -> None:
        self.shell.close()

    def _take(self, event: Any) -> None:
        assert isinstance(event, SignallingHeard)
        self.facts.append(event.what)
        self._changed.set()

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_unix_connection(self.path)

    async def until(self, fact: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not fact():
                await self._changed.wait()
                self._changed.clear()


FRAME = write_frame(Gone(b"ue"))


def test_frames_arrive_one_by_one_however_they_were_cut(tmp_path: Path, run_async: Run) -> None:
    async def run() -> None:
        async with Served(tmp_path) as served:
            assert stat.S_IMODE(served.path.stat().st_mode) == 0o660
            _, writer = await served.connect()
            for octet in FRAME:
                writer.write(bytes((octet,)))
                await writer.drain()
            writer.write(FRAME * 3)
            await served.until(lambda: len(served.facts) == 4)
            assert served.facts == [FrameHeard(1, FRAME[2:])] * 4
            writer.close()
            await served.until(lambda: served.facts[-1] == LinkLost(1))
        assert not served.path.exists()

    run_async(run())


def test_what_is_said_arrives_and_what_is_said_to_nobody_does_not(tmp_path: Path, run_async: Run) -> None:
    async def run() -> None:
        async with Served(tmp_path) as served:
            reader, writer = await served.connect()
            writer.write(FRAME)
            await served.until(lambda: bool(served.facts))
            said = write_frame(SendEap(b"ue", bytes(4)))
            assert served.shell.obey(SendFrame(7, said)) == []
            assert served.shell.obey(SendFrame(1, said)) == []
            assert await reader.readexactly(len(said)) == said
            writer.close()

    run_async(run())


def test_a_frame_that_is_too_long_ends_the_connection(tmp_path: Path, run_async: Run) -> None:
    async def run() -> None:
        async with Served(tmp_path) as served:
            reader, writer = await served.connect()
            writer.write(b"\xff\xff")
            assert await reader.read() == b""
            await served.until(lambda: served.facts == [LinkLost(1)])
            writer.close()

    run_async(run())


def test_a_fifth_connection_is_hung_up_and_the_four_are_served(tmp_path: Path, run_async: Run) -> None:
    async def run() -> None:
        async with Served(tmp_path) as served:
            links = [await served.connect() for _ in range(MAX_LINKS)]
            for _, writer in links:
                writer.write(FRAME)
            await served.until(lambda: len(served.facts) == MAX_LINKS)
            reader, fifth = await served.connect()
            assert await reader.read() == b""
            links[0][1].write(FRAME)
            await served.until(lambda: len(served.facts) == MAX_LINKS + 1)
            for _, writer in (*links, (reader, fifth)):
                writer.close()

    run_async(run())


def test_who_takes_nothing_is_hung_up(tmp_path: Path, run_async: Run) -> None:
    async def run() -> None:
        async with Served(tmp_path) as served:
            with socket.socket(socket.AF_UNIX) as deaf:
                deaf.setblocking(False)
                await asyncio.get_running_loop().sock_connect(deaf, str(served.path))
                deaf.send(FRAME)
                await served.until(lambda: bool(served.facts))
                said = write_frame(SendEap(b"ue", bytes(1_500)))
                for _ in range(10 * MAX_UNSENT_BYTES // len(said)):
                    served.shell.obey(SendFrame(1, said))
                await served.until(lambda: served.facts[-1] == LinkLost(1))

    run_async(run())


def test_shares_are_fresh_and_proofs_are_the_providers(tmp_path: Path) -> None:
    shell = Served(tmp_path).shell
    begin = Begin(b"ue", 7)
    made = [shell.obey(MakeShare(1, begin))[0] for _ in range(2)]
    shares = [
        one.what.share for one in made if isinstance(one, SignallingHeard) if isinstance(one.what, ShareMade)
    ]
    assert shares[0].public != shares[1].public
    (event,) = shell.obey(MakeProof(NasAddress(1, b"ue", 3), bytes(32)))
    assert isinstance(event, SignallingHeard)
    assert isinstance(event.what, ProofMade)
    assert event.what.about == NasAddress(1, b"ue", 3)
    verify_exchange_proof(event.what.proof, Prover.BOX, bytes(32), PROVIDER.public)


def test_the_gnbs_file_is_whole_or_as_it_was(tmp_path: Path) -> None:
    served = Served(tmp_path)
    order = WriteSib(plan_offer(offer_state(), BSSID, 1_700_086_400))
    assert served.shell.obey(order) == [SignallingHeard(SibWritten(3))]
    assert served.sib.read_text().startswith(f"{FIRST_LINE}cell_cfg:")
    assert stat.S_IMODE(served.sib.stat().st_mode) == 0o644
    served.sib.write_text(FIRST_LINE)
    assert served.shell.obey(order) == [SignallingHeard(SibWritten(3))], "it is ours"
    assert "cell_cfg:" in served.sib.read_text()
    assert list(tmp_path.iterdir()) == [served.sib], "nothing is left beside it"


@pytest.mark.parametrize("content", ["cell_cfg:\n", "", None], ids=["a gNB's", "empty", "a folder"])
def test_what_somebody_else_wrote_stays(tmp_path: Path, content: str | None) -> None:
    served = Served(tmp_path)
    if content is None:
        served.sib.mkdir()
    else:
        served.sib.write_text(content)
    (event,) = served.shell.obey(WriteSib(plan_offer(offer_state(), BSSID, 1_700_086_400)))
    assert isinstance(event, SignallingHeard)
    assert isinstance(event.what, SibFailed)
    assert "not ours" in str(event.what.error)
    assert content is None or served.sib.read_text() == content
    assert list(tmp_path.iterdir()) == [served.sib]


def test_two_that_serve_do_not_take_each_others_place(tmp_path: Path, run_async: Run) -> None:
    async def run() -> None:
        async with Served(tmp_path) as served:
            with pytest.raises(ShellError, match="another program"):
                await Served(tmp_path).__aenter__()
            _, writer = await served.connect()
            writer.write(FRAME)
            await served.until(lambda: bool(served.facts))
            writer.close()
        assert not served.path.exists()

    run_async(run())


def test_a_socket_that_cannot_be_made_is_said(tmp_path: Path, run_async: Run) -> None:
    (tmp_path / "deep").write_text("a file")

    async def run() -> None:
        with pytest.raises(ShellError, match="signalling socket"):
            await Served(tmp_path).__aenter__()

    run_async(run())
