"""Requests and responses: fields as types.proto numbers them, what a real CometBFT sent, and bytes that are neither."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.abci import messages
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
    Request,
    Snapshot,
    TxResult,
    VerifyVoteExtension,
    read_request,
)
from wire.errors import DecodeError
from wire.protobuf import read_fields, write_message, write_number, write_octets

RECORDED = json.loads((Path(__file__).parent / "vectors" / "requests.json").read_text())
TIME = write_number(1, 1_700_000_000) + write_number(2, 999_999_999)
SNAPSHOT = Snapshot(9, 1, 3, bytes(32), b"m")
SNAPSHOT_BYTES = (
    write_number(1, 9)
    + write_number(2, 1)
    + write_number(3, 3)
    + write_octets(4, bytes(32))
    + write_octets(5, b"m")
)

REQUESTS: list[tuple[int, bytes, Request]] = [
    (1, write_octets(1, b"hello"), Echo(b"hello")),
    (2, b"", Flush()),
    (3, write_octets(1, b"0.38.26"), Info()),
    (
        5,
        write_message(1, TIME) + write_octets(2, b"chain") + write_octets(5, b"{}") + write_number(6, 1),
        InitChain("chain", b"{}", 1),
    ),
    (6, write_octets(1, b"key") + write_octets(2, b"/p"), Query(b"/p", b"key")),
    (6, write_octets(2, b"\xff"), Query(b"\xff", b"")),
    (8, write_octets(1, b"tx") + write_number(2, 1), CheckTx(b"tx", True)),
    (8, write_octets(1, b"tx"), CheckTx(b"tx", False)),
    (11, b"", Commit()),
    (12, b"", ListSnapshots()),
    (13, write_message(1, SNAPSHOT_BYTES) + write_octets(2, b"hash"), OfferSnapshot(SNAPSHOT, b"hash")),
    (14, write_number(1, 9) + write_number(2, 1) + write_number(3, 2), LoadSnapshotChunk(9, 1, 2)),
    (15, write_octets(2, b"piece") + write_octets(3, b"node"), ApplySnapshotChunk(0, b"piece", "node")),
    (
        16,
        write_number(1, 500)
        + write_message(2, b"a")
        + write_message(2, b"")
        + write_number(5, 7)
        + write_message(6, TIME),
        PrepareProposal((b"a", b""), 7, 1_700_000_000, 500),
    ),
    (
        17,
        write_message(1, b"a") + write_number(5, 7) + write_message(6, TIME),
        ProcessProposal((b"a",), 7, 1_700_000_000),
    ),
    (18, write_octets(1, bytes(32)), ExtendVote()),
    (19, write_octets(4, b"more"), VerifyVoteExtension(b"more")),
    (
        20,
        write_message(1, b"a") + write_message(1, b"b") + write_number(5, 7) + write_message(6, TIME),
        FinalizeBlock((b"a", b"b"), 7, 1_700_000_000),
    ),
]


@pytest.mark.parametrize(("field", "inner", "wanted"), REQUESTS, ids=lambda one: type(one).__name__)
def test_a_request_is_read(field: int, inner: bytes, wanted: Request) -> None:
    assert read_request(write_message(field, inner)) == wanted


@pytest.mark.parametrize("name", RECORDED["requests"])
def test_what_a_real_cometbft_sent_is_read(name: str) -> None:
    """With votes, hashes and addresses in it, which the ledger passes over."""
    for row in RECORDED["requests"][name]:
        request = read_request(bytes.fromhex(row["hex"]))
        assert type(request).__name__ == name
        for field, value in row["says"].items():
            assert getattr(request, field) == value


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "not one that is known"),
        (write_message(4, b""), r"fields \[4\]"),
        (write_message(2, b"") + write_message(3, b""), r"fields \[2, 3\]"),
        (write_number(2, 1), "is a number"),
        (write_message(20, write_message(6, write_number(1, -5))), "a time of -5 s"),
        (write_message(20, write_number(1, 3)), "field 1 is a number"),
        (write_message(5, write_octets(2, b"\xff")), "not UTF-8"),
        (write_message(13, write_number(1, 3)), "field 1 is a number"),
    ],
)
def test_what_is_no_request_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        read_request(data)


@given(st.sampled_from([field for field, _, _ in REQUESTS]), st.binary(max_size=80))
def test_any_bytes_are_a_request_or_a_decode_error(field: int, inner: bytes) -> None:
    try:
        request = read_request(write_message(field, inner))
    except DecodeError:
        return
    assert isinstance(request, Request)


@pytest.mark.parametrize(
    ("written", "field", "inner"),
    [
        (messages.write_exception("no"), 1, {1: [b"no"]}),
        (messages.write_echo(b"hi"), 2, {1: [b"hi"]}),
        (messages.write_flush(), 3, {}),
        (messages.write_info("n", "v", 1, 7, b"h"), 4, {1: [b"n"], 2: [b"v"], 3: [1], 4: [7], 5: [b"h"]}),
        (messages.write_init_chain(b"h"), 6, {3: [b"h"]}),
        (messages.write_query(2, "no", b"", 3), 7, {1: [2], 3: [b"no"], 9: [3]}),
        (messages.write_check_tx(TxResult(0)), 9, {}),
        (messages.write_check_tx(TxResult(1, "why")), 9, {1: [1], 3: [b"why"]}),
        (messages.write_commit(), 12, {}),
        (messages.write_commit(5), 12, {3: [5]}),
        (messages.write_list_snapshots([SNAPSHOT]), 13, {1: [SNAPSHOT_BYTES]}),
        (messages.write_offer_snapshot(Offered.REJECT_FORMAT), 14, {1: [4]}),
        (messages.write_load_snapshot_chunk(b"piece"), 15, {1: [b"piece"]}),
        (
            messages.write_apply_snapshot_chunk(AppliedChunk.RETRY, 300, "n"),
            16,
            {1: [3], 2: [b"\xac\x02"], 3: [b"n"]},
        ),
        (messages.write_apply_snapshot_chunk(AppliedChunk.REJECT_SNAPSHOT), 16, {1: [5]}),
        (messages.write_prepare_proposal([b"a", b""]), 17, {1: [b"a", b""]}),
        (messages.write_process_proposal(accept=True), 18, {1: [1]}),
        (messages.write_process_proposal(accept=False), 18, {1: [2]}),
        (messages.write_extend_vote(), 19, {}),
        (messages.write_verify_vote_extension(accept=True), 20, {1: [1]}),
        (
            messages.write_finalize_block([TxResult(0), TxResult(1, "why")], b"h"),
            21,
            {2: [b"", write_number(1, 1) + write_octets(3, b"why")], 5: [b"h"]},
        ),
    ],
)
def test_a_response_is_written(written: bytes, field: int, inner: dict[int, list[int | bytes]]) -> None:
    outer = read_fields(written, "response")
    assert list(outer.found) == [field]
    assert outer.inner(field).found == inner
