"""The genesis: its bytes, its id, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.genesis import MAX_PERIOD_S, read_genesis, write_genesis
from tests.ledger_world import ALICE, BOB, CAROL, GENESIS
from wire.cbor import write_cbor
from wire.errors import DecodeError, VerificationError
from wire.ids import PublicKey
from wire.receipt import Receipt, write_receipt


def test_it_survives_its_bytes() -> None:
    licensed = replace(GENESIS, licensees=tuple(sorted([ALICE.public, BOB.public])))
    for genesis in (
        GENESIS,
        licensed,
        replace(GENESIS, licensees=()),
        replace(licensed, validators=bytes(32)),
    ):
        assert read_genesis(write_genesis(genesis)) == genesis


def test_everything_in_it_is_in_its_id() -> None:
    others = [
        replace(GENESIS, gateways=(ALICE.public,)),
        replace(GENESIS, exchange=ALICE.public),
        replace(GENESIS, time_s=1),
        replace(GENESIS, period_s=1),
        replace(GENESIS, licensees=()),
        replace(GENESIS, validators=bytes(32)),
    ]
    assert len({genesis.ledger_id for genesis in (GENESIS, *others)}) == 7


def test_a_gateway_signs_for_the_ledger_and_nobody_else() -> None:
    shared = replace(GENESIS, gateways=(BOB.public, ALICE.public))
    assert read_genesis(write_genesis(shared)).gateways == tuple(sorted((ALICE.public, BOB.public)))
    for gateway in (ALICE, BOB):
        signed = write_receipt(Receipt(bytes(32), 1, 2), gateway, shared.ledger_id)
        assert shared.signer(signed) == gateway.public
    with pytest.raises(VerificationError, match="no gateway of this ledger"):
        shared.signer(write_receipt(Receipt(bytes(32), 1, 2), CAROL, shared.ledger_id))
    with pytest.raises(DecodeError):
        shared.signer(b"noise")


@pytest.mark.parametrize("gateways", [(), (ALICE.public, ALICE.public)])
def test_gateways_are_some_and_different(gateways: tuple[PublicKey, ...]) -> None:
    with pytest.raises(DecodeError, match="gateways"):
        replace(GENESIS, gateways=gateways)


def test_a_genesis_of_before_is_refused_in_words() -> None:
    old = write_cbor([1, ALICE.public.octets, BOB.public.octets, 1, 60, None])
    with pytest.raises(DecodeError, match="form 1, from before a ledger had gateways: make a new one"):
        read_genesis(old)


def test_validators_are_named_by_a_hash() -> None:
    with pytest.raises(DecodeError, match="validators has 31 bytes, not 32"):
        replace(GENESIS, validators=bytes(31))


def test_the_order_of_licensees_does_not_matter() -> None:
    one, other = (
        replace(GENESIS, licensees=keys) for keys in ((ALICE.public, BOB.public), (BOB.public, ALICE.public))
    )
    assert one.ledger_id == other.ledger_id


@pytest.mark.parametrize("period_s", [0, -1, MAX_PERIOD_S + 1])
def test_a_period_has_a_length(period_s: int) -> None:
    with pytest.raises(DecodeError, match="period_s"):
        replace(GENESIS, period_s=period_s)


def test_an_instant_lies_in_a_period() -> None:
    genesis = replace(GENESIS, period_s=60)
    assert [genesis.period_at(at) for at in (0, 59, 60, 61, 3_600)] == [0, 0, 1, 1, 60]


@given(st.binary(max_size=120))
def test_garbage_is_a_decode_error(data: bytes) -> None:
    with pytest.raises(DecodeError):
        read_genesis(data)


def test_cut_or_lengthened_bytes_are_a_decode_error() -> None:
    whole = write_genesis(replace(GENESIS, licensees=(ALICE.public,)))
    for size in range(len(whole)):
        with pytest.raises(DecodeError):
            read_genesis(whole[:size])
    with pytest.raises(DecodeError):
        read_genesis(whole + b"\x00")
