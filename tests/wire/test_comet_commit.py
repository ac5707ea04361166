"""Blocks that a real CometBFT signed, recorded (tests/wire/vectors/comet_commits.json), and forgeries of them."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from ledger.abci.light import read_commit
from wire.cbor import read_cbor, write_cbor
from wire.comet_commit import (
    ABSENT,
    COMMIT,
    NIL,
    CometHeader,
    Precommit,
    SignedBlock,
    Validator,
    in_order,
    read_signed_block,
    validators_hash,
    verify_signed_block,
    write_signed_block,
)
from wire.errors import DecodeError, VerificationError

FILE = json.loads((Path(__file__).parent / "vectors" / "comet_commits.json").read_text())
CHAIN = FILE["chain_id"]
TRUSTED = tuple(Validator(bytes.fromhex(one["key"]), one["power"]) for one in FILE["validators"])
BLOCKS = [read_commit(one) for one in FILE["commits"]]
BLOCK = BLOCKS[-1]
EVERY = pytest.mark.parametrize("at", range(len(BLOCKS)))


def refuses(
    block: SignedBlock, why: str, chain: str = CHAIN, trusted: tuple[Validator, ...] = TRUSTED
) -> None:
    with pytest.raises(VerificationError, match=why):
        verify_signed_block(block, chain, trusted)


def with_precommit(block: SignedBlock, at: int, precommit: Precommit) -> SignedBlock:
    precommits = list(block.precommits)
    precommits[at] = precommit
    return replace(block, precommits=tuple(precommits))


def present(block: SignedBlock) -> int:
    return next(at for at, one in enumerate(block.precommits) if one.flag == COMMIT)


@EVERY
def test_the_hash_of_a_header_is_the_one_that_cometbft_gave_it(at: int) -> None:
    wanted = FILE["commits"][at]["signed_header"]["commit"]["block_id"]["hash"]
    assert BLOCKS[at].header.hash == bytes.fromhex(wanted)
    assert BLOCKS[at].header.validators_hash == validators_hash(TRUSTED)


@EVERY
def test_a_recorded_block_holds_and_fits_its_size(at: int) -> None:
    header = verify_signed_block(BLOCKS[at], CHAIN, TRUSTED)
    said = FILE["commits"][at]["signed_header"]["header"]["app_hash"]
    assert header.app_hash == bytes.fromhex(said)
    encoded = write_signed_block(BLOCKS[at])
    assert len(encoded) < 800
    assert read_signed_block(encoded) == BLOCKS[at]


def test_the_order_in_which_validators_are_named_does_not_matter() -> None:
    verify_signed_block(BLOCK, CHAIN, TRUSTED[::-1])
    assert in_order(TRUSTED) == in_order(TRUSTED[::-1])
    heavy = Validator(TRUSTED[0].key, 7)
    assert in_order([*TRUSTED[1:], heavy])[0] == heavy


def test_three_of_four_suffice_and_two_do_not() -> None:
    three = BLOCK
    assert [one.flag for one in three.precommits].count(COMMIT) == 3
    two = with_precommit(three, present(three), Precommit(ABSENT, 0, b""))
    refuses(two, "2 of 4 votes, more than two thirds are needed")
    nil = with_precommit(three, present(three), replace(three.precommits[present(three)], flag=NIL))
    refuses(nil, "2 of 4 votes")


@pytest.mark.parametrize("field", [one.name for one in fields(CometHeader)])
def test_a_header_with_anything_else_in_it_is_not_what_was_signed(field: str) -> None:
    value: Any = getattr(BLOCK.header, field)
    if isinstance(value, bytes):
        value = bytes([value[0] ^ 1]) + value[1:]
    elif isinstance(value, int):
        value += 1
    elif isinstance(value, str):
        value += "x"
    else:
        value = replace(value, parts=value.parts + 1)
    why = {"chain_id": "of chain", "validators_hash": "other validators"}.get(field, "0 of 4 votes")
    refuses(replace(BLOCK, header=replace(BLOCK.header, **{field: value})), why)


@pytest.mark.parametrize(
    "change", [{"round": BLOCK.round + 1}, {"parts": BLOCK.parts + 1}, {"parts_hash": bytes(32)}]
)
def test_a_commit_for_another_round_or_other_parts_is_refused(change: dict[str, Any]) -> None:
    refuses(replace(BLOCK, **change), "0 of 4 votes")


def test_a_signature_or_a_time_that_was_changed_is_refused() -> None:
    at = present(BLOCK)
    good = BLOCK.precommits[at]
    refuses(with_precommit(BLOCK, at, replace(good, time_ns=good.time_ns + 1)), "2 of 4 votes")
    refuses(with_precommit(BLOCK, at, replace(good, signature=good.signature[:-1] + b"\0")), "2 of 4 votes")
    refuses(with_precommit(BLOCK, at, replace(good, signature=b"")), "2 of 4 votes")


def test_one_validators_signature_does_not_count_for_another() -> None:
    at = present(BLOCK)
    absent = next(number for number, one in enumerate(BLOCK.precommits) if one.flag == ABSENT)
    without = with_precommit(BLOCK, at, Precommit(ABSENT, 0, b""))
    refuses(with_precommit(without, absent, BLOCK.precommits[at]), "2 of 4 votes")


def test_a_vote_that_does_not_verify_is_not_counted_and_spoils_no_other() -> None:
    """The fourth validator signs as CometBFT takes it and we do not: three are enough."""
    absent = next(number for number, one in enumerate(BLOCK.precommits) if one.flag == ABSENT)
    odd = replace(BLOCK.precommits[present(BLOCK)], signature=bytes(64))
    assert verify_signed_block(with_precommit(BLOCK, absent, odd), CHAIN, TRUSTED) == BLOCK.header


def test_another_chain_and_other_validators_are_refused() -> None:
    refuses(BLOCK, "of chain", chain="another")
    strangers = tuple(
        Validator(Ed25519PrivateKey.generate().public_key().public_bytes_raw(), 1) for _ in range(4)
    )
    refuses(BLOCK, "other validators", trusted=strangers)
    refuses(BLOCK, "other validators", trusted=(*TRUSTED[:3], replace(TRUSTED[3], power=2)))
    refuses(replace(BLOCK, precommits=BLOCK.precommits[:3]), "3 precommits of 4 validators")


@given(st.integers(0, len(write_signed_block(BLOCK)) - 1), st.integers(1, 255))
def test_no_changed_byte_survives(at: int, flip: int) -> None:
    """What was absent is the one thing that nobody signs: it changes nothing that is proven."""
    garbled = bytearray(write_signed_block(BLOCK))
    garbled[at] ^= flip
    try:
        header = verify_signed_block(read_signed_block(bytes(garbled)), CHAIN, TRUSTED)
    except DecodeError:
        return
    assert header == BLOCK.header


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        bytes(17_000),
        write_cbor([2, [], []]),
        write_cbor([1, [], [0, 1, bytes(32), []]]),
        write_signed_block(replace(BLOCK, parts_hash=b"short")),
        write_signed_block(replace(BLOCK, header=replace(BLOCK.header, height=-1))),
        write_signed_block(replace(BLOCK, header=replace(BLOCK.header, app_hash=bytes(33)))),
        write_signed_block(replace(BLOCK, header=replace(BLOCK.header, chain_id="x" * 51))),
        write_signed_block(replace(BLOCK, precommits=(Precommit(4, 0, b""),))),
        write_signed_block(replace(BLOCK, precommits=BLOCK.precommits * 26)),
    ],
)
def test_what_is_no_signed_block_is_refused(wrong: bytes) -> None:
    with pytest.raises(DecodeError):
        read_signed_block(wrong)


def test_validators_that_cannot_be() -> None:
    for key, power in ((bytes(31), 1), (bytes(32), 0), (bytes(32), 2**62)):
        with pytest.raises(DecodeError, match="validator"):
            Validator(key, power)


def test_a_set_of_one_hundred_fits() -> None:
    full = replace(BLOCK, precommits=tuple(Precommit(COMMIT, 2**62, bytes(64)) for _ in range(100)))
    assert isinstance(read_cbor(write_signed_block(full)), list)
    assert read_signed_block(write_signed_block(full)) == full
