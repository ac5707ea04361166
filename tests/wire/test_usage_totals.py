"""What is proved of a publisher's word: as the ledger writes it, and nothing that was altered on the way."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.entries import write_entry
from ledger.payplace.entries import UsageSummary, summary_key
from ledger.state_tree import StateTree
from tests.wire.examples import CONSUMER as BUYER
from tests.wire.examples import LEDGER, OPERATOR, PROVIDER
from wire.block_header import Header, write_signed_header
from wire.errors import DecodeError, VerificationError
from wire.ids import PublicKey
from wire.state_proof import write_proof
from wire.units import U63_MAX
from wire.usage_totals import (
    MAX_ENTRY_BYTES,
    NOTHING,
    UsageTotals,
    read_proved_totals,
    read_usage_totals,
    totals_key,
    write_usage_totals,
)

LEDGER_ID = bytes(31) + b"\x07"
ENTRY = write_usage_totals(UsageTotals(1_000, 10, 9, 600, 5_000_000))
NUMBERS = st.integers(0, U63_MAX)


def head_over(tree: StateTree) -> bytes:
    header = Header(7, bytes(32), 1_234, bytes(32), 1, tree.root, bytes(32))
    return write_signed_header(header, LEDGER, LEDGER_ID)


def state_with(key: bytes, entry: bytes) -> StateTree:
    tree = StateTree()
    tree.commit(tree.plan([(key, entry), (b"a" + bytes(8), b"somebody")]))
    return tree


TREE = state_with(totals_key(PROVIDER.public, OPERATOR.public), ENTRY)


def read(entry: bytes | None, publisher: PublicKey = OPERATOR.public, tree: StateTree = TREE) -> UsageTotals:
    proof = write_proof(tree.prove(totals_key(PROVIDER.public, publisher)))
    totals, time_s = read_proved_totals(
        PROVIDER.public, publisher, entry, proof, head_over(tree), LEDGER.public, LEDGER_ID
    )
    assert time_s == 1_234
    return totals


@given(NUMBERS, NUMBERS, NUMBERS, NUMBERS, NUMBERS)
def test_it_is_the_ledger_s_entry(until: int, one: int, two: int, seconds: int, octets: int) -> None:
    summary = UsageSummary(until, max(one, two), min(one, two), seconds, octets)
    totals = UsageTotals(until, max(one, two), min(one, two), seconds, octets)
    assert write_usage_totals(totals) == write_entry(summary)
    assert read_usage_totals(write_entry(summary)) == totals
    assert len(write_entry(summary)) <= MAX_ENTRY_BYTES
    key = summary_key(PROVIDER.public.key_id, OPERATOR.public.key_id)
    assert key == totals_key(PROVIDER.public, OPERATOR.public)


def test_what_is_there_and_what_is_not_is_proved() -> None:
    assert read(ENTRY) == UsageTotals(1_000, 10, 9, 600, 5_000_000)
    assert read(None, BUYER.public) == NOTHING


def test_nobody_on_the_way_alters_hides_or_adds_a_word() -> None:
    better = write_usage_totals(replace(read_usage_totals(ENTRY), completed=10))
    for entry, publisher in ((better, OPERATOR.public), (None, OPERATOR.public), (ENTRY, BUYER.public)):
        with pytest.raises(VerificationError, match="something else"):
            read(entry, publisher)
    other = state_with(totals_key(PROVIDER.public, OPERATOR.public), better)
    proof = write_proof(other.prove(totals_key(PROVIDER.public, OPERATOR.public)))
    with pytest.raises(VerificationError, match="app hash"):
        read_proved_totals(
            PROVIDER.public, OPERATOR.public, better, proof, head_over(TREE), LEDGER.public, LEDGER_ID
        )
    with pytest.raises(VerificationError):
        read_proved_totals(
            PROVIDER.public, OPERATOR.public, ENTRY, proof, head_over(TREE), BUYER.public, LEDGER_ID
        )


@pytest.mark.parametrize("data", [b"", b"\x80", bytes(MAX_ENTRY_BYTES + 1), b"\x85\x01\x02\x03\x04\x05"])
def test_no_totals(data: bytes) -> None:
    with pytest.raises(DecodeError):
        read_usage_totals(data)
