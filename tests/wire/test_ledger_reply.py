"""The ledger's reply: a receipt and grants, side by side."""

import pytest

from tests.wire.examples import MESSAGES
from wire.cbor import write_cbor
from wire.errors import DecodeError
from wire.ledger_reply import MAX_GRANTS, LedgerReply, read_ledger_reply, write_ledger_reply

REPLY = MESSAGES["ledger_reply"]


def test_receipt_and_grant_are_carried_unchanged() -> None:
    reply = read_ledger_reply(REPLY.golden)
    assert MESSAGES["receipt"].read(reply.receipt) == MESSAGES["receipt"].example
    assert MESSAGES["grant"].read(reply.grants[0]) == MESSAGES["grant"].example


def test_a_rejection_has_no_grant() -> None:
    assert read_ledger_reply(write_ledger_reply(LedgerReply(b"receipt"))) == LedgerReply(b"receipt", ())


@pytest.mark.parametrize(
    "items",
    [
        [],
        [b"r"],
        [b"r", b"g"],
        [b"r", [], 0],
        ["r", []],
        [b"r", ["g"]],
        [b"r", [[b"g"]]],
        [bytes(401), []],
        [b"r", [bytes(293)]],
        [b"r", [b"g"] * (MAX_GRANTS + 1)],
        {0: b"r", 1: []},
    ],
)
def test_refused(items: object) -> None:
    with pytest.raises(DecodeError, match="not a receipt and a list of grants"):
        read_ledger_reply(write_cbor(items))  # type: ignore[arg-type]  # that is what is tried
