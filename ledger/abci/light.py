"""A signed block out of what CometBFT says of it: the JSON of its RPC method `commit`, as a value.

Pure. Verifies nothing: that is the reader's part, on the box or at home. Raises DecodeError for anything else.
Reference: CometBFT v0.38 rpc/openapi/openapi.yaml, CommitResponse.   Units: nanoseconds (UTC).
"""

import base64
import re
from datetime import UTC, datetime
from typing import Any

from wire.comet_commit import ABSENT, COMMIT, NIL, BlockId, CometHeader, Precommit, SignedBlock
from wire.errors import DecodeError

_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z")


def read_commit(answer: Any) -> SignedBlock:
    """From the result of `commit`. Raises DecodeError."""
    try:
        signed = answer["signed_header"]
        header, commit = _read_header(signed["header"]), signed["commit"]
        if int(commit["height"]) != header.height:
            raise DecodeError("commit: of another height than its header")
        parts = commit["block_id"]["parts"]
        precommits = tuple(_read_precommit(one) for one in commit["signatures"])
        return SignedBlock(
            header, int(commit["round"]), int(parts["total"]), bytes.fromhex(parts["hash"]), precommits
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise DecodeError(f"commit: {type(error).__name__}: {error}") from None


def read_time_ns(text: str) -> int:
    """RFC 3339 as Go writes it, with up to nine digits of a second. Raises DecodeError."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise DecodeError(f"commit: {text!r} is no time")
    try:
        moment = datetime.strptime(match[1], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        raise DecodeError(f"commit: {text!r} is no time") from None
    seconds = (moment - datetime(1970, 1, 1, tzinfo=UTC)).days * 86_400 + moment.hour * 3_600
    seconds += moment.minute * 60 + moment.second
    return seconds * 1_000_000_000 + int((match[2] or "").ljust(9, "0"))


def _read_header(header: Any) -> CometHeader:
    last = header["last_block_id"]
    return CometHeader(
        block_version=int(header["version"]["block"]),
        app_version=int(header["version"].get("app", 0)),
        chain_id=header["chain_id"],
        height=int(header["height"]),
        time_ns=read_time_ns(header["time"]),
        last_block=BlockId(
            bytes.fromhex(last["hash"]), int(last["parts"]["total"]), bytes.fromhex(last["parts"]["hash"])
        ),
        last_commit_hash=bytes.fromhex(header["last_commit_hash"]),
        data_hash=bytes.fromhex(header["data_hash"]),
        validators_hash=bytes.fromhex(header["validators_hash"]),
        next_validators_hash=bytes.fromhex(header["next_validators_hash"]),
        consensus_hash=bytes.fromhex(header["consensus_hash"]),
        app_hash=bytes.fromhex(header["app_hash"]),
        last_results_hash=bytes.fromhex(header["last_results_hash"]),
        evidence_hash=bytes.fromhex(header["evidence_hash"]),
        proposer_address=bytes.fromhex(header["proposer_address"]),
    )


def _read_precommit(signature: Any) -> Precommit:
    flag = int(signature["block_id_flag"])
    if flag == ABSENT:
        return Precommit(ABSENT, 0, b"")
    if flag not in (COMMIT, NIL):
        raise DecodeError(f"commit: a precommit of kind {flag}")
    octets = base64.b64decode(signature["signature"], validate=True)
    return Precommit(flag, read_time_ns(signature["timestamp"]), octets)
