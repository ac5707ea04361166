"""ABCI 2.0 on a socket: requests as values, responses as bytes.

In: one message of CometBFT, without its length. Out: what it asks, or DecodeError; and for each answer the bytes of a
Response, without their length. Fields that this ledger does not use (votes, misbehaviour, gas, events) are passed over
when reading and left out when writing. Times are whole seconds, rounded down: the ledger knows no shorter ones.
Reference: CometBFT v0.38 proto/tendermint/abci/types.proto, spec/abci.   Units: seconds (UTC), octets.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from wire.errors import DecodeError
from wire.protobuf import Fields, read_fields, write_message, write_number, write_octets, write_varint


@dataclass(frozen=True, slots=True)
class Echo:
    """Is anybody there?"""

    message: bytes


@dataclass(frozen=True, slots=True)
class Flush:
    """What was answered so far is to be sent now."""


@dataclass(frozen=True, slots=True)
class Info:
    """Where the application is, asked after each connection."""


@dataclass(frozen=True, slots=True)
class InitChain:
    """A chain without blocks begins. `app_state` is the JSON value of that name in its genesis file."""

    chain_id: str
    app_state: bytes
    initial_height: int


@dataclass(frozen=True, slots=True)
class Query:
    """CometBFT's own question to a state; ours is asked over HTTP. Any stranger's bytes: neither need be UTF-8."""

    path: bytes
    data: bytes


@dataclass(frozen=True, slots=True)
class CheckTx:
    """May this wait for a block? `again`: it waits already, and a block has been made since."""

    encoded: bytes
    again: bool


@dataclass(frozen=True, slots=True)
class PrepareProposal:
    """What should our block of at most `max_bytes` of transactions hold?"""

    encoded: tuple[bytes, ...]
    height: int
    time_s: int
    max_bytes: int


@dataclass(frozen=True, slots=True)
class ProcessProposal:
    """May another's block be?"""

    encoded: tuple[bytes, ...]
    height: int
    time_s: int


@dataclass(frozen=True, slots=True)
class FinalizeBlock:
    """This block is decided."""

    encoded: tuple[bytes, ...]
    height: int
    time_s: int


@dataclass(frozen=True, slots=True)
class Commit:
    """The block that was finalised is to be kept."""


@dataclass(frozen=True, slots=True)
class ExtendVote:
    """What to add to our vote: nothing."""


@dataclass(frozen=True, slots=True)
class VerifyVoteExtension:
    """What another added to its vote."""

    extension: bytes


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`chunks` pieces that together are the state after block `height`; `hash` names it, `metadata` is its maker's."""

    height: int
    format: int
    chunks: int
    hash: bytes
    metadata: bytes = b""


@dataclass(frozen=True, slots=True)
class ListSnapshots:
    """Which snapshots can be had here?"""


@dataclass(frozen=True, slots=True)
class OfferSnapshot:
    """A peer has this; `app_hash` is what the network signed for that height."""

    snapshot: Snapshot
    app_hash: bytes


@dataclass(frozen=True, slots=True)
class LoadSnapshotChunk:
    """A peer wants this piece."""

    height: int
    format: int
    chunk: int


@dataclass(frozen=True, slots=True)
class ApplySnapshotChunk:
    """The next piece of the snapshot that was accepted, from node `sender`."""

    index: int
    chunk: bytes
    sender: str


Request = (
    Echo
    | Flush
    | Info
    | InitChain
    | Query
    | CheckTx
    | PrepareProposal
    | ProcessProposal
    | FinalizeBlock
    | Commit
    | ExtendVote
    | VerifyVoteExtension
    | ListSnapshots
    | OfferSnapshot
    | LoadSnapshotChunk
    | ApplySnapshotChunk
)


class Offered(IntEnum):
    """ResponseOfferSnapshot.Result."""

    ACCEPT = 1
    ABORT = 2
    REJECT = 3
    REJECT_FORMAT = 4


class AppliedChunk(IntEnum):
    """ResponseApplySnapshotChunk.Result."""

    ACCEPT = 1
    ABORT = 2
    RETRY = 3
    REJECT_SNAPSHOT = 5


@dataclass(frozen=True, slots=True)
class TxResult:
    """What became of one transaction. `code` 0: it took effect. Only the code is agreed upon; `log` is for people."""

    code: int
    log: str = ""


def read_request(data: bytes) -> Request:
    """Raises DecodeError."""
    outer = read_fields(data, "abci request")
    known = [field for field in outer.found if field in _READERS]
    if len(known) != 1:
        raise DecodeError(f"abci request: fields {sorted(outer.found)}, not one that is known")
    return _READERS[known[0]](outer.inner(known[0]))


def write_exception(error: str) -> bytes:
    """To what is no request: CometBFT ends when it gets this."""
    return write_message(1, write_octets(1, error.encode()))


def write_echo(message: bytes) -> bytes:
    return write_message(2, write_octets(1, message))


def write_flush() -> bytes:
    return write_message(3, b"")


def write_info(name: str, version: str, app_version: int, height: int, app_hash: bytes) -> bytes:
    """`height` and `app_hash` are those of the last block that was kept."""
    words = write_octets(1, name.encode()) + write_octets(2, version.encode()) + write_number(3, app_version)
    return write_message(4, words + write_number(4, height) + write_octets(5, app_hash))


def write_init_chain(app_hash: bytes) -> bytes:
    """Validators and consensus parameters stay those of the genesis file."""
    return write_message(6, write_octets(3, app_hash))


def write_query(code: int, log: str, value: bytes, height: int) -> bytes:
    words = write_number(1, code) + write_octets(3, log.encode())
    return write_message(7, words + write_octets(7, value) + write_number(9, height))


def write_check_tx(result: TxResult) -> bytes:
    return write_message(9, _write_result(result))


def write_commit(retain_height: int = 0) -> bytes:
    """`retain_height`: blocks below it may be forgotten; 0: none."""
    return write_message(12, write_number(3, retain_height))


def write_list_snapshots(snapshots: Sequence[Snapshot]) -> bytes:
    return write_message(13, b"".join(write_message(1, _write_snapshot(one)) for one in snapshots))


def write_offer_snapshot(result: Offered) -> bytes:
    return write_message(14, write_number(1, result))


def write_load_snapshot_chunk(chunk: bytes) -> bytes:
    return write_message(15, write_octets(1, chunk))


def write_apply_snapshot_chunk(result: AppliedChunk, refetch: int | None = None, liar: str = "") -> bytes:
    """`refetch`: this piece is to be fetched again; `liar`: the node from which nothing more is to be taken."""
    again = b"" if refetch is None else write_message(2, write_varint(refetch))
    return write_message(16, write_number(1, result) + again + write_octets(3, liar.encode()))


def write_prepare_proposal(encoded: Sequence[bytes]) -> bytes:
    return write_message(17, b"".join(write_message(1, one) for one in encoded))


def write_process_proposal(*, accept: bool) -> bytes:
    return write_message(18, write_number(1, 1 if accept else 2))


def write_extend_vote() -> bytes:
    return write_message(19, b"")


def write_verify_vote_extension(*, accept: bool) -> bytes:
    return write_message(20, write_number(1, 1 if accept else 2))


def write_finalize_block(results: Sequence[TxResult], app_hash: bytes) -> bytes:
    words = b"".join(write_message(2, _write_result(one)) for one in results)
    return write_message(21, words + write_octets(5, app_hash))


def _write_result(result: TxResult) -> bytes:
    return write_number(1, result.code) + write_octets(3, result.log.encode())


def _write_snapshot(snapshot: Snapshot) -> bytes:
    words = write_number(1, snapshot.height) + write_number(2, snapshot.format)
    words += write_number(3, snapshot.chunks) + write_octets(4, snapshot.hash)
    return words + write_octets(5, snapshot.metadata)


def _read_snapshot(fields: Fields) -> Snapshot:
    return Snapshot(
        height=fields.number(1),
        format=fields.number(2),
        chunks=fields.number(3),
        hash=fields.octets(4),
        metadata=fields.octets(5),
    )


def _read_time_s(fields: Fields) -> int:
    """google.protobuf.Timestamp, rounded down. Raises DecodeError for what lies before 1970."""
    time_s = fields.signed(1)
    if time_s < 0:
        raise DecodeError(f"{fields.name}: a time of {time_s} s")
    return time_s


def _read_prepare(fields: Fields) -> PrepareProposal:
    time_s, max_bytes = _read_time_s(fields.inner(6)), fields.signed(1)
    return PrepareProposal(tuple(fields.every(2)), fields.signed(5), time_s, max_bytes)


def _read_process(fields: Fields) -> ProcessProposal:
    return ProcessProposal(tuple(fields.every(1)), fields.signed(5), _read_time_s(fields.inner(6)))


def _read_finalize(fields: Fields) -> FinalizeBlock:
    return FinalizeBlock(tuple(fields.every(1)), fields.signed(5), _read_time_s(fields.inner(6)))


_READERS: dict[int, Callable[[Fields], Request]] = {
    1: lambda fields: Echo(fields.octets(1)),
    2: lambda _: Flush(),
    3: lambda _: Info(),
    5: lambda fields: InitChain(fields.text(2), fields.octets(5), fields.signed(6)),
    6: lambda fields: Query(fields.octets(2), fields.octets(1)),
    8: lambda fields: CheckTx(fields.octets(1), fields.number(2) == 1),
    11: lambda _: Commit(),
    12: lambda _: ListSnapshots(),
    13: lambda fields: OfferSnapshot(_read_snapshot(fields.inner(1)), fields.octets(2)),
    14: lambda fields: LoadSnapshotChunk(fields.number(1), fields.number(2), fields.number(3)),
    15: lambda fields: ApplySnapshotChunk(fields.number(1), fields.octets(2), fields.text(3)),
    16: _read_prepare,
    17: _read_process,
    18: lambda _: ExtendVote(),
    19: lambda fields: VerifyVoteExtension(fields.octets(4)),
    20: _read_finalize,
}
"""By the number in Request.value. 4, 7, 9 and 10 were those of ABCI 1."""
