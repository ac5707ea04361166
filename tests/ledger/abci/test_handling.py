"""What the ledger answers to CometBFT: over a machine that is a list of words."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import pytest

from ledger.abci.handling import RETAIN_BLOCKS, Handler, tx_id
from ledger.abci.messages import (
    AppliedChunk,
    ApplySnapshotChunk,
    CheckTx,
    Commit,
    Echo,
    ExtendVote,
    FinalizeBlock,
    Flush,
    Info,
    InitChain,
    ListSnapshots,
    LoadSnapshotChunk,
    Offered,
    OfferSnapshot,
    PrepareProposal,
    ProcessProposal,
    Query,
    Snapshot,
    VerifyVoteExtension,
)
from ledger.abci.network import Network, Operator, app_state, chain_id, format_comet_genesis
from ledger.genesis import Genesis
from ledger.submission import Executed, Outcome, Refused
from wire.errors import ConfigError, DecodeError
from wire.keys import PrivateKey
from wire.protobuf import Fields, read_fields

KEY = PrivateKey.generate().public
GENESIS = Genesis((KEY,), KEY, 1_700_000_000)
SNAPSHOT = Snapshot(3, 1, 1, bytes(32))


@dataclass
class Done:
    outcomes: Sequence[Outcome]
    app_hash: bytes


@dataclass
class Words:
    """Takes any word once, and none that begins with "no"; its app hash is that of all words."""

    height: int = 0
    words: list[bytes] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    checked: list[bytes] = field(default_factory=list)
    _next: tuple[int, list[bytes]] | None = None

    @property
    def app_hash(self) -> bytes:
        return hashlib.sha256(b" ".join(self.words)).digest()

    def takes(self, word: bytes) -> bool:
        return not word.startswith(b"no") and word not in self.words

    def check(
        self, encoded: bytes, now_s: int, turn: Callable[[], AbstractContextManager[None]]
    ) -> Refused | None:
        self.times.append(now_s)
        self.checked.append(encoded)
        return None if self.takes(encoded) else Refused(encoded, "no_word", "said no", self.height, now_s)

    def prepare(
        self, encoded: Sequence[bytes], time_s: int, max_bytes: int, enough: Callable[[], bool]
    ) -> list[bytes]:
        self.times.append(time_s)
        kept = []
        for word in encoded:
            if self.takes(word):
                kept.append(word)
            if enough():
                break
        return kept

    def process(self, encoded: Sequence[bytes], time_s: int) -> bool:
        self.times.append(time_s)
        return all(map(self.takes, encoded))

    def finalise(self, height: int, time_s: int, encoded: Sequence[bytes]) -> Done:
        self.times.append(time_s)
        assert height == self.height + 1
        outcomes: list[Outcome] = [
            Executed(word, height, time_s)
            if self.takes(word)
            else Refused(word, "no_word", "", height, time_s)
            for word in encoded
        ]
        words = [*self.words, *filter(self.takes, encoded)]
        self._next = height, words
        return Done(outcomes, hashlib.sha256(b" ".join(words)).digest())

    def commit(self) -> None:
        assert self._next is not None
        self.height, self.words = self._next


class Shelf:
    def listed(self) -> Sequence[Snapshot]:
        return [SNAPSHOT]

    def load(self, height: int, form: int, chunk: int) -> bytes:
        return b"piece" if (height, form, chunk) == (3, 1, 0) else b""

    def offer(self, snapshot: Snapshot, app_hash: bytes) -> Offered:
        return Offered.ACCEPT if snapshot == SNAPSHOT and app_hash == bytes(32) else Offered.REJECT

    def apply(self, index: int, chunk: bytes) -> AppliedChunk:
        return AppliedChunk.ACCEPT if (index, chunk) == (0, b"piece") else AppliedChunk.RETRY

    def close(self) -> None:
        pass


@dataclass
class Desk:
    machine: Words = field(default_factory=Words)
    told: list[tuple[bytes, Outcome]] = field(default_factory=list)
    begin_block: Callable[[], Callable[[], bool]] = lambda: lambda: False

    def __post_init__(self) -> None:
        self.handler = Handler(
            self.machine, Shelf(), GENESIS, lambda *one: self.told.append(one), self.begin_block
        )

    def ask(self, request, answer: int) -> Fields:
        outer = read_fields(self.handler.answer(request), "response")
        assert list(outer.found) == [answer]
        return outer.inner(answer)


def test_a_block_takes_effect_and_is_told_once_it_is_kept() -> None:
    desk = Desk()
    done = desk.ask(FinalizeBlock((b"one", b"no"), 1, 1_000), 21)
    results = [read_fields(one, "result") for one in done.every(2)]
    assert [(one.number(1), one.text(3)) for one in results] == [(0, ""), (1, "no_word: ")]
    assert done.octets(5) == hashlib.sha256(b"one").digest()
    assert desk.told == []
    assert desk.machine.words == []
    assert desk.ask(Commit(), 12).found == {}
    assert [name for name, _ in desk.told] == [tx_id(b"one"), tx_id(b"no")]
    assert isinstance(desk.told[0][1], Executed)
    desk.ask(FinalizeBlock((), 2, 1_001), 21)
    desk.ask(Commit(), 12)
    assert len(desk.told) == 2, "nothing is told twice"


def test_cometbft_forgets_what_the_log_has() -> None:
    desk = Desk(Words(height=RETAIN_BLOCKS - 1))
    for forgotten in (0, 1, 2):
        desk.ask(FinalizeBlock((), desk.machine.height + 1, 1_000), 21)
        assert desk.ask(Commit(), 12).number(3) == forgotten


def test_where_the_ledger_is() -> None:
    desk = Desk()
    assert desk.ask(Info(), 4).octets(5) == b"", "before the first block CometBFT wants no hash"
    desk.ask(FinalizeBlock((b"one",), 1, 1_000), 21)
    assert desk.ask(Info(), 4).number(4) == 0, "not kept yet"
    desk.ask(Commit(), 12)
    info = desk.ask(Info(), 4)
    assert (info.number(4), info.octets(5)) == (1, hashlib.sha256(b"one").digest())


def test_the_version_of_the_rules_is_that_of_cometbft_s_genesis() -> None:
    """Else no newcomer could begin with a snapshot: CometBFT compares the two, and nothing else notices."""
    network = Network((Operator("alice", KEY, None, "0" * 40, "192.0.2.1:1"),), KEY, 1_700_000_000)
    genesis = json.loads(format_comet_genesis(network))
    said = Desk().ask(Info(), 4).number(3)
    assert genesis["consensus_params"]["version"]["app"] == str(said)


def test_time_never_goes_back() -> None:
    desk = Desk()
    desk.ask(FinalizeBlock((), 1, 1_000), 21)
    desk.ask(Commit(), 12)
    desk.ask(PrepareProposal((), 2, 990, 100), 17)
    desk.ask(ProcessProposal((), 2, 990), 18)
    desk.ask(CheckTx(b"word", again=False), 9)
    desk.ask(FinalizeBlock((), 2, 999), 21)
    assert desk.machine.times == [1_000] * 5


def test_a_proposal_with_something_that_is_refused_is_rejected() -> None:
    desk = Desk()
    assert desk.ask(ProcessProposal((b"one",), 1, 1_000), 18).number(1) == 1
    assert desk.ask(ProcessProposal((b"one", b"no"), 1, 1_000), 18).number(1) == 2


def test_a_refusal_is_told_with_its_reason() -> None:
    desk = Desk()
    assert desk.ask(CheckTx(b"yes", again=False), 9).number(1) == 0
    said = desk.ask(CheckTx(b"no", again=False), 9)
    assert (said.number(1), said.text(3)) == (1, "no_word: said no")
    assert [name for name, _ in desk.told] == [tx_id(b"no")]


def test_what_waits_is_looked_at_again_only_if_we_would_not_propose_it() -> None:
    desk = Desk()
    for word in (b"one", b"two", b"three"):
        desk.ask(CheckTx(word, again=False), 9)
    desk.machine.words.append(b"one")  # it took effect by another block
    desk.machine.checked.clear()
    assert desk.ask(CheckTx(b"one", again=True), 9).number(1) == 0, "nobody has looked yet"
    assert desk.ask(PrepareProposal((b"one", b"two", b"three"), 1, 1_000, 99), 17).every(1) == [
        b"two",
        b"three",
    ]
    assert desk.ask(CheckTx(b"two", again=True), 9).number(1) == 0
    assert desk.machine.checked == []
    assert desk.ask(CheckTx(b"one", again=True), 9).number(1) == 1
    assert desk.machine.checked == [b"one"]


def test_what_a_full_proposal_left_for_later_is_not_doubted() -> None:
    desk = Desk(begin_block=lambda: lambda: True)
    assert desk.ask(PrepareProposal((b"one", b"no"), 1, 1_000, 99), 17).every(1) == [b"one"]
    desk.ask(CheckTx(b"no", again=True), 9)
    assert desk.machine.checked == []


def test_a_chain_begins_with_the_genesis_of_this_ledger() -> None:
    desk = Desk()
    begin = InitChain(chain_id(GENESIS), app_state(GENESIS), 1)
    assert desk.ask(begin, 6).octets(3) == desk.machine.app_hash
    other = Genesis((KEY,), KEY, 1_700_000_001)
    for wrong in (
        InitChain("other", app_state(GENESIS), 1),
        InitChain(chain_id(GENESIS), app_state(other), 1),
        InitChain(chain_id(GENESIS), app_state(GENESIS), 5),
    ):
        with pytest.raises(ConfigError, match=r"genesis\.json"):
            desk.handler.answer(wrong)
    with pytest.raises(DecodeError, match="app_state"):
        desk.handler.answer(InitChain(chain_id(GENESIS), b"[]", 1))


def test_a_mistake_of_the_machine_is_no_answer() -> None:
    with pytest.raises(AssertionError):
        Desk().handler.answer(FinalizeBlock((), 7, 1_000))


def test_snapshots_come_from_the_shelf() -> None:
    desk = Desk()
    assert len(desk.ask(ListSnapshots(), 13).every(1)) == 1
    assert desk.ask(LoadSnapshotChunk(3, 1, 0), 15).octets(1) == b"piece"
    assert desk.ask(LoadSnapshotChunk(4, 1, 0), 15).octets(1) == b""
    assert desk.ask(OfferSnapshot(SNAPSHOT, bytes(32)), 14).number(1) == Offered.ACCEPT
    assert desk.ask(OfferSnapshot(SNAPSHOT, b"other"), 14).number(1) == Offered.REJECT
    assert desk.ask(ApplySnapshotChunk(0, b"piece", "peer"), 16).number(1) == AppliedChunk.ACCEPT
    again = desk.ask(ApplySnapshotChunk(0, b"wrong", "peer"), 16)
    assert (again.number(1), again.octets(2), again.text(3)) == (AppliedChunk.RETRY, b"\0", "peer")


def test_only_nodes_of_the_network_are_let_in() -> None:
    """As CometBFT asks with `filter_peers` (node/setup.go, createTransport)."""
    desk = Desk()
    desk.handler = Handler(desk.machine, Shelf(), GENESIS, lambda *_: None, nodes=frozenset(["a" * 40]))
    for path, code in (
        (b"/p2p/filter/addr/192.0.2.1:1", 0),
        (b"/p2p/filter/id/" + b"a" * 40, 0),
        (b"/p2p/filter/id/" + b"b" * 40, 1),
        (b"/p2p/filter/id/\xff", 1),
        (b"/p2p/filter/", 1),
    ):
        assert desk.ask(Query(path, b""), 7).number(1) == code
    assert Desk().ask(Query(b"/p2p/filter/id/" + b"b" * 40, b""), 7).number(1) == 0, "nobody said who"


def test_small_talk() -> None:
    desk = Desk()
    assert desk.ask(Echo(b"hi"), 2).octets(1) == b"hi"
    assert desk.ask(Flush(), 3).found == {}
    for path in (b"/x", b"\xff", b"\xff" * 100_000):
        said = desk.ask(Query(path, path), 7)
        assert said.number(1) == 2
        assert len(said.text(3)) < 1_000
    assert desk.ask(ExtendVote(), 19).found == {}
    assert desk.ask(VerifyVoteExtension(b""), 20).number(1) == 1
    assert desk.ask(VerifyVoteExtension(b"more"), 20).number(1) == 2
