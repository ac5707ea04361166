"""Three honest operators and one who is not, on four real CometBFTs: what he says has no effect, and stops only him."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
import time
import tomllib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lab.processes import Child, Household, wait_until
from ledger.abci.comet_home import Place, format_home, generate_keys, read_operator
from ledger.abci.handling import Handler
from ledger.abci.messages import AppliedChunk, Offered, Snapshot
from ledger.abci.network import Network, format_network, parse_network
from ledger.abci.rpc import CometAway, CometRpc
from ledger.abci.server import AbciServer
from ledger.submission import Executed, Outcome, Refused
from wire.keys import PrivateKey

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

NAMES = ("alice", "bob", "carol", "mallory")
P2P, RPC = 27_700, 27_800
DEADLINE_S = 40.0
RETAINED = 5
"""Blocks that each CometBFT keeps."""
FORBIDDEN = b"no: this is against the rules"


@dataclass
class Done:
    outcomes: Sequence[Outcome]
    app_hash: bytes


@dataclass
class Honest:
    """Takes any word that does not begin with "no"; its app hash is that of all words."""

    height: int = 0
    words: list[bytes] = field(default_factory=list)
    rejected: int = 0
    finalised: list[bytes] = field(default_factory=list)

    @property
    def app_hash(self) -> bytes:
        return hashlib.sha256(b" ".join(self.words)).digest()

    def check(
        self, encoded: bytes, now_s: int, turn: Callable[[], AbstractContextManager[None]]
    ) -> Refused | None:
        return Refused(encoded, "no", "", self.height, now_s) if encoded.startswith(b"no") else None

    def prepare(
        self, encoded: Sequence[bytes], time_s: int, max_bytes: int, enough: Callable[[], bool]
    ) -> list[bytes]:
        return list(encoded)

    def process(self, encoded: Sequence[bytes], time_s: int) -> bool:
        good = not any(one.startswith(b"no") for one in encoded)
        self.rejected += not good
        return good

    def finalise(self, height: int, time_s: int, encoded: Sequence[bytes]) -> Done:
        self.finalised = list(encoded)
        words = [*self.words, *encoded]
        return Done(
            [Executed(one, height, time_s) for one in encoded], hashlib.sha256(b" ".join(words)).digest()
        )

    def commit(self) -> None:
        self.height += 1
        self.words += self.finalised


class LiesAboutState(Honest):
    """Agrees to every block, and says that it leads elsewhere."""

    def finalise(self, height: int, time_s: int, encoded: Sequence[bytes]) -> Done:
        done = super().finalise(height, time_s, encoded)
        return Done(done.outcomes, bytes(32)) if self.words else done


class ProposesForbidden(Honest):
    """Puts into each block of its own what nobody may, and finds nothing wrong with it."""

    def prepare(
        self, encoded: Sequence[bytes], time_s: int, max_bytes: int, enough: Callable[[], bool]
    ) -> list[bytes]:
        return [*encoded, FORBIDDEN]

    def process(self, encoded: Sequence[bytes], time_s: int) -> bool:
        return True


class NoShelf:
    def listed(self) -> Sequence[Snapshot]:
        return []

    def load(self, height: int, form: int, chunk: int) -> bytes:
        return b""

    def offer(self, snapshot: Snapshot, app_hash: bytes) -> Offered:
        return Offered.REJECT

    def apply(self, index: int, chunk: bytes) -> AppliedChunk:
        return AppliedChunk.ABORT

    def close(self) -> None:
        pass


@dataclass
class Table:
    """Four operators at one table, mallory last."""

    machines: list[Honest]
    children: list[Child]

    @property
    def honest(self) -> list[Honest]:
        return self.machines[:-1]

    async def say(self, word: bytes) -> None:
        """Through alice, until every honest one has it."""

        def send() -> None:
            with rpc(0) as alice:
                assert alice.broadcast([word]) == [""]

        await asyncio.to_thread(send)
        await until(lambda: all(word in one.words for one in self.honest), f"{word!r} at everybody")


@contextmanager
def rpc(number: int) -> Iterator[CometRpc]:
    one = CometRpc(f"http://127.0.0.1:{RPC + number}")
    try:
        yield one
    finally:
        one.close()


async def until(fact: Callable[[], bool], what: str) -> None:
    await asyncio.to_thread(wait_until, fact, what, DEADLINE_S)


@asynccontextmanager
async def sit_down(folder: Path, cometbft: Path, mallory: Honest):
    network, keys = describe(folder)
    machines = [Honest(), Honest(), Honest(), mallory]
    async with AsyncExitStack() as stack:
        tasks = []
        for name, machine in zip(NAMES, machines, strict=True):
            handler = Handler(
                machine, NoShelf(), network.genesis, lambda _name, _outcome: None, retain_blocks=RETAINED
            )
            server = AbciServer(f"unix://{folder / name}.sock", handler)
            tasks.append(asyncio.create_task(server.run()))
        household = stack.enter_context(Household(folder / "logs"))
        children = [start(household, folder, cometbft, network, keys, number) for number in range(4)]
        await until(lambda: all(answers(number) for number in range(4)), "four nodes")
        yield Table(machines, children)
        await asyncio.to_thread(household.stop)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def describe(folder: Path) -> tuple[Network, list[dict[str, str]]]:
    keys = [generate_keys() for _ in NAMES]
    exchange = PrivateKey.generate().public
    operators = tuple(
        read_operator(one, name, PrivateKey.generate().public, f"127.0.0.1:{P2P + number}")
        for number, (name, one) in enumerate(zip(NAMES, keys, strict=True))
    )
    text = format_network(Network(operators, exchange, int(time.time())))
    return parse_network(tomllib.loads(text), folder / "network.toml"), keys


def start(
    household: Household,
    folder: Path,
    cometbft: Path,
    network: Network,
    keys: list[dict[str, str]],
    number: int,
) -> Child:
    name, home = NAMES[number], folder / f"{NAMES[number]}-comet"
    place = Place(
        application=f"unix://{folder / name}.sock",
        rpc=f"tcp://127.0.0.1:{RPC + number}",
        listen=f"127.0.0.1:{P2P + number}",
        one_host=True,
    )
    for part in ("config", "data"):
        (home / part).mkdir(parents=True)
    for file, text in (keys[number] | format_home(network, name, place)).items():
        (home / file).write_text(text)
    return household.start(name, [cometbft, "start", "--home", home])


def answers(number: int) -> bool:
    with rpc(number) as one:
        try:
            return int(one.ask("status")["sync_info"]["latest_block_height"]) > 1
        except CometAway:
            return False


def play(folder: Path, cometbft: Path, mallory: Honest, story: Callable[[Table], Awaitable[None]]) -> None:
    async def run() -> None:
        async with sit_down(folder, cometbft, mallory) as table:
            await story(table)

    asyncio.run(run())


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A socket's path may have 107 bytes."""
    with tempfile.TemporaryDirectory(dir="/run") as folder:
        yield Path(folder)


def test_who_says_that_a_block_leads_elsewhere_is_stopped_by_his_own_cometbft(
    short_path: Path, go_program: Callable[[str], Path]
) -> None:
    async def story(table: Table) -> None:
        await table.say(b"first")
        await table.say(b"second")
        for number in range(6):
            await table.say(b"word %d" % number)
        assert len({one.app_hash for one in table.honest}) == 1
        stopped = table.children[-1]
        await until(lambda: "wrong Block.Header.AppHash" in stopped.said, "mallory's own CometBFT saying so")
        assert b"word 5" not in table.machines[-1].words

    play(short_path, go_program("cometbft"), LiesAboutState(), story)


def test_who_proposes_what_nobody_may_is_outvoted(
    short_path: Path, go_program: Callable[[str], Path]
) -> None:
    async def story(table: Table) -> None:
        for number in range(8):
            await table.say(b"word %d" % number)
        assert all(one.rejected for one in table.honest), "mallory had a turn"
        assert all(FORBIDDEN not in one.words for one in table.machines)
        assert len({one.app_hash for one in table.machines[:-1]}) == 1
        with rpc(0) as alice:
            at = alice.ask("status")["sync_info"]
        kept = int(at["latest_block_height"]) - int(at["earliest_block_height"])
        assert RETAINED <= kept <= RETAINED + 1

    play(short_path, go_program("cometbft"), ProposesForbidden(), story)
