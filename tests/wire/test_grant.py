"""The grant: what it binds, what it is called, and how much it can promise."""

from dataclasses import replace

import pytest

from tests.wire.examples import (
    GRANT_VALUE,
    LEDGER,
    LEDGER_ID,
    MESSAGES,
    PROVIDER,
    QOS,
    UTC_S,
    resign_payload,
)
from wire.allocate import MAX_CONSUMERS
from wire.cose import read_envelope
from wire.errors import DecodeError, VerificationError
from wire.grant import grant_id_of, parse_grant, read_grant, write_grant
from wire.ids import GRANT_ID_SIZE
from wire.qos import MAX_RATE_BPS, Qos
from wire.units import U32_MAX, U63_MAX

GRANT = MESSAGES["grant"]


def test_only_the_ledger_signs_it_and_for_itself() -> None:
    assert read_grant(GRANT.golden, LEDGER.public, LEDGER_ID) == GRANT_VALUE
    with pytest.raises(VerificationError):
        read_grant(GRANT.golden, LEDGER.public, bytes(32))
    with pytest.raises(VerificationError):
        read_grant(GRANT.golden, PROVIDER.public, LEDGER_ID)


def test_parsed_where_somebody_else_verifies() -> None:
    assert parse_grant(read_envelope(GRANT.golden)) == GRANT_VALUE


def test_it_names_the_provider_by_a_hash_of_its_key() -> None:
    assert GRANT_VALUE.provider_id == PROVIDER.public.provider_id
    assert len(GRANT_VALUE.provider_id) == 16


def test_when_it_ends() -> None:
    assert GRANT_VALUE.ends_s == UTC_S + 1_200


def test_its_id_says_of_which_purchase_and_for_which_of_its_consumers() -> None:
    transaction_id = bytes(range(32))
    ids = {grant_id_of(transaction_id, position) for position in range(MAX_CONSUMERS)}
    assert len(ids) == MAX_CONSUMERS
    assert {len(one) for one in ids} == {GRANT_ID_SIZE}
    last = replace(GRANT_VALUE, grant_id=grant_id_of(transaction_id, MAX_CONSUMERS - 1))
    assert (last.transaction, last.position) == (transaction_id[:14], MAX_CONSUMERS - 1)
    assert grant_id_of(transaction_id) == transaction_id[:14] + bytes(2)


def test_units_multiply() -> None:
    total = replace(GRANT_VALUE, allocations=3).total_qos
    assert (total.floor_down_bps, total.data_cap_bytes) == (15_000_000, 6_000_000_000)
    assert total.latency_class is QOS.latency_class


def test_one_unit_is_left_out() -> None:
    one = write_grant(GRANT_VALUE, LEDGER, LEDGER_ID)
    two = write_grant(replace(GRANT_VALUE, allocations=2), LEDGER, LEDGER_ID)
    assert len(two) == len(one) + 2
    assert read_grant(two, LEDGER.public, LEDGER_ID).allocations == 2


def test_no_grant_is_read_whose_total_cannot_be_had() -> None:
    """A grant that was read has a `total_qos`: nobody downstream needs to expect an error."""
    huge = replace(GRANT_VALUE, qos=Qos(1, MAX_RATE_BPS, 1, 1), allocations=2)
    with pytest.raises(DecodeError, match="2 units are too many"):
        GRANT.read(write_grant(huge, LEDGER, LEDGER_ID))
    capped = replace(GRANT_VALUE, qos=replace(QOS, data_cap_bytes=U63_MAX), allocations=2)
    with pytest.raises(DecodeError, match="data cap"):
        GRANT.read(write_grant(capped, LEDGER, LEDGER_ID))


@pytest.mark.parametrize(
    ("label", "value", "why"),
    [
        (1, bytes(33), "not a compressed P-256 public key"),
        (1, bytes(32), "consumer has 32 bytes, not 33"),
        (2, bytes(15), "provider_id has 15 bytes, not 16"),
        (3, bytes(32), "grant_id has 32 bytes, not 16"),
        (4, 0, "epoch is 0"),
        (5, U63_MAX, "starts_s is"),
        (6, 0, "duration_s is 0"),
        (6, U32_MAX + 1, "duration_s is"),
        (9, 1, "allocations is 1, outside 2"),
        (9, 0, "allocations is 0, outside 2"),
    ],
)
def test_refused(label: int, value: object, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        GRANT.read(resign_payload(GRANT, {label: value}))
