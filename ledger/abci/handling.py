"""What the ledger answers to CometBFT: a request in, the bytes of a response out.

Decides nothing of its own about transactions: the machine does. Here is the order of things: time never goes back,
the chain is the one that this ledger's genesis names, outcomes are told once their block is on disk. A mistake of the
machine is no answer: it goes up, and ends the program, as an operator whose state differs must not vote.

Pure but for the machine behind it. Reference: CometBFT v0.38 spec/abci/abci++_methods.md.
"""

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from ledger.abci.machine import Machine, SnapshotShelf
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
    OfferSnapshot,
    PrepareProposal,
    ProcessProposal,
    Query,
    Request,
    TxResult,
    VerifyVoteExtension,
    write_apply_snapshot_chunk,
    write_check_tx,
    write_commit,
    write_echo,
    write_extend_vote,
    write_finalize_block,
    write_flush,
    write_info,
    write_init_chain,
    write_list_snapshots,
    write_load_snapshot_chunk,
    write_offer_snapshot,
    write_prepare_proposal,
    write_process_proposal,
    write_query,
    write_verify_vote_extension,
)
from ledger.abci.network import APP_VERSION, chain_id, read_app_state
from ledger.genesis import Genesis, write_genesis
from ledger.submission import Executed, Outcome, Refused
from wire.errors import ConfigError

NAME = "airgrant"
REFUSED = 1
UNKNOWN_PATH = 2
PEER_FILTER = b"/p2p/filter/"
"""CometBFT's question, with `filter_peers`, whether a node may connect: addr/HOST:PORT, then id/ID."""
SHOWN_BYTES = 100
"""Of a question that somebody asked CometBFT, in our answer."""

RETAIN_BLOCKS = 200_000
"""CometBFT forgets older ones: at 4 kB for an empty block each second it would keep 340 MB a day for ever, and what
took effect is in the log. Twice as long as it takes evidence of a validator that signed two blocks of one height.
"""

ORDERING = (InitChain, PrepareProposal, ProcessProposal, FinalizeBlock, Commit)
"""The requests that consensus waits for."""

READING = (ListSnapshots, LoadSnapshotChunk)
"""The requests that need nothing but the log, which the machine does not change: nobody waits for them."""

CHECKING = (CheckTx,)
"""The requests that take turns before the machine by themselves."""

Turn = Callable[[], AbstractContextManager[None]]

Tell = Callable[[bytes, Outcome], None]
"""Takes `tx_id` and what became of it."""


class Handler:
    """The answers of one operator's ledger. `tell` hears of each transaction that took effect or was refused.

    `begin_block` is asked when a block of ours begins to be made, and gives what says when it has enough. CometBFT may
    forget blocks older than `retain_blocks`. Of other nodes, those of these ids may connect; None: any.
    """

    def __init__(
        self,
        machine: Machine,
        shelf: SnapshotShelf,
        genesis: Genesis,
        tell: Tell,
        begin_block: Callable[[], Callable[[], bool]] = lambda: lambda: False,
        retain_blocks: int = RETAIN_BLOCKS,
        nodes: frozenset[str] | None = None,
    ) -> None:
        self._machine = machine
        self._shelf = shelf
        self._genesis = genesis
        self._tell = tell
        self._begin_block = begin_block
        self._retain_blocks = retain_blocks
        self._nodes = nodes
        self._time_s = 0
        self._decided: list[tuple[bytes, Outcome]] = []
        self._doubted: set[bytes] = set()

    def answer(self, request: Request, turn: Turn = nullcontext) -> bytes:
        """A Response. Raises ConfigError for another ledger's chain, DecodeError, ShellError if the disk fails.

        A CheckTx takes its turns by itself; for anything else the caller has it.
        """
        match request:
            case CheckTx():
                return self._check(request, turn)
            case Flush():
                return write_flush()
            case Info() | Query() | Echo() | ExtendVote() | VerifyVoteExtension():
                return self._answer_plainly(request)
            case InitChain() | PrepareProposal() | ProcessProposal() | FinalizeBlock() | Commit():
                return self._order(request)
            case ListSnapshots() | LoadSnapshotChunk() | OfferSnapshot() | ApplySnapshotChunk():
                return self._answer_snapshot(request)

    def _order(
        self, request: InitChain | PrepareProposal | ProcessProposal | FinalizeBlock | Commit
    ) -> bytes:
        match request:
            case PrepareProposal():
                return self._prepare(request)
            case ProcessProposal(encoded, _height, time_s):
                accept = self._machine.process(encoded, self._not_back(time_s))
                return write_process_proposal(accept=accept)
            case FinalizeBlock():
                return self._finalise(request)
            case Commit():
                return self._commit()
            case InitChain():
                return self._begin(request)

    def _answer_plainly(self, request: Info | Query | Echo | ExtendVote | VerifyVoteExtension) -> bytes:
        machine = self._machine
        match request:
            case Info():
                app_hash = machine.app_hash if machine.height else b""
                return write_info(NAME, "1", APP_VERSION, machine.height, app_hash)
            case Query(path, _data) if path.startswith(PEER_FILTER):
                code = 0 if self._lets_in(path) else REFUSED
                return write_query(code, "" if code == 0 else "not in this network", b"", machine.height)
            case Query(path, _data):
                asked = f"{path[:SHOWN_BYTES]!r}: ask the ledger's own pages"
                return write_query(UNKNOWN_PATH, asked, b"", machine.height)
            case Echo(message):
                return write_echo(message)
            case ExtendVote():
                return write_extend_vote()
            case VerifyVoteExtension(extension):
                return write_verify_vote_extension(accept=not extension)

    def _lets_in(self, path: bytes) -> bool:
        """CometBFT asks twice about a node that connects: by its address, which says nothing, and by its id."""
        what, _, who = path.removeprefix(PEER_FILTER).decode(errors="replace").partition("/")
        return what == "addr" or self._nodes is None or who in self._nodes

    def _check(self, request: CheckTx, turn: Turn) -> bytes:
        """Whatever waits is asked about again after each block. Only what we would not propose is worth the look."""
        name = tx_id(request.encoded)
        if request.again and name not in self._doubted:
            return write_check_tx(TxResult(0))
        self._doubted.discard(name)
        refused = self._machine.check(request.encoded, self._time_s, turn)
        if refused is None:
            return write_check_tx(TxResult(0))
        self._tell(name, refused)
        return write_check_tx(_result(refused))

    def _prepare(self, request: PrepareProposal) -> bytes:
        """What came before the last that we take and is not taken itself, was looked at and is doubted."""
        kept = self._machine.prepare(
            request.encoded, self._not_back(request.time_s), request.max_bytes, self._begin_block()
        )
        taken, looked_at = set(kept), request.encoded
        if kept and kept[-1] in looked_at:
            looked_at = looked_at[: looked_at.index(kept[-1])]
        self._doubted = {tx_id(one) for one in looked_at if one not in taken}
        return write_prepare_proposal(kept)

    def _finalise(self, request: FinalizeBlock) -> bytes:
        self._time_s = self._not_back(request.time_s)
        done = self._machine.finalise(request.height, self._time_s, request.encoded)
        self._decided = list(zip(map(tx_id, request.encoded), done.outcomes, strict=True))
        return write_finalize_block([_result(outcome) for outcome in done.outcomes], done.app_hash)

    def _commit(self) -> bytes:
        self._machine.commit()
        decided, self._decided = self._decided, []
        for name, outcome in decided:
            self._tell(name, outcome)
        return write_commit(max(0, self._machine.height - self._retain_blocks))

    def _begin(self, request: InitChain) -> bytes:
        ledger = read_app_state(request.app_state)
        if request.chain_id != chain_id(self._genesis) or ledger != write_genesis(self._genesis):
            raise ConfigError(f"CometBFT's genesis.json: chain {request.chain_id!r} is not of this ledger")
        if request.initial_height not in (0, 1):
            raise ConfigError(f"CometBFT's genesis.json: initial_height {request.initial_height}, not 1")
        return write_init_chain(self._machine.app_hash)

    def _answer_snapshot(
        self, request: ListSnapshots | LoadSnapshotChunk | OfferSnapshot | ApplySnapshotChunk
    ) -> bytes:
        match request:
            case ListSnapshots():
                return write_list_snapshots(self._shelf.listed())
            case LoadSnapshotChunk(height, form, chunk):
                return write_load_snapshot_chunk(self._shelf.load(height, form, chunk))
            case OfferSnapshot(snapshot, app_hash):
                return write_offer_snapshot(self._shelf.offer(snapshot, app_hash))
            case ApplySnapshotChunk(index, chunk, sender):
                applied = self._shelf.apply(index, chunk)
                if applied is AppliedChunk.RETRY:
                    return write_apply_snapshot_chunk(applied, index, sender)
                return write_apply_snapshot_chunk(applied)

    def _not_back(self, time_s: int) -> int:
        return max(time_s, self._time_s)


def tx_id(encoded: bytes) -> bytes:
    """What CometBFT calls a transaction by: SHA-256 of its bytes."""
    return hashlib.sha256(encoded).digest()


def _result(outcome: Outcome) -> TxResult:
    match outcome:
        case Executed():
            return TxResult(0)
        case Refused(reason=reason, detail=detail):
            return TxResult(REFUSED, f"{reason}: {detail}")
