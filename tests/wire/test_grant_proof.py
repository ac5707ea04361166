"""The proof of one grant: what it proves, that nothing else can be made of it, and how long it is and takes."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.examples import (
    BAND,
    GRANT_VALUE,
    LEDGER,
    LEDGER_ID,
    MESSAGES,
    PROVIDER,
    QOS,
    UTC_S,
)
from tests.wire.proving import Sold, consumer_row, header_of, prove, sign
from tests.wire.test_sizes import BELOW_4G, BIG_BAND, BIG_QOS
from wire.cbor import read_cbor, write_cbor
from wire.errors import DecodeError, VerificationError
from wire.grant import grant_id_of, write_grant
from wire.grant_proof import (
    GrantProof,
    read_grant_proof,
    read_shown_grant,
    verify_grant_proof,
    verify_grant_under,
    write_grant_proof,
)
from wire.ids import PublicKey
from wire.qos import MAX_RATE_BPS, Qos, RateLayer
from wire.sale_leaf import SaleTerms

TERMS = SaleTerms(PROVIDER.public.provider_id, 12, UTC_S, 1_200, BAND, QOS, 2)
BULK = Sold(b"b" * 14, consumer_row(1_003), TERMS)
SHARED = Sold(b"s" * 14, consumer_row(6, 5_000), replace(TERMS, allocations=0), (1, 2, 3, 4, 5, 6))
OWN = Sold(b"o" * 14, consumer_row(1, 9_000), TERMS)
BLOCK = (OWN, BULK, SHARED)


def shown(proof: GrantProof) -> bytes:
    return write_grant_proof(sign(proof, LEDGER, LEDGER_ID))


def verify(data: bytes) -> object:
    return verify_grant_proof(data, LEDGER.public, LEDGER_ID)


@pytest.mark.parametrize("position", [0, 1, 3, 4, 500, 999, 1_000, 1_001, 1_002])
def test_every_consumer_can_prove_his_grant(position: int) -> None:
    grant = verify_grant_proof(shown(prove(BLOCK, 1, position)), LEDGER.public, LEDGER_ID)
    assert grant.consumer == PublicKey(consumer_row(1, position))
    assert grant.grant_id == grant_id_of(BULK.transaction, position)
    assert (grant.provider_id, grant.epoch, grant.starts_s) == (TERMS.provider_id, 12, UTC_S)
    assert (grant.duration_s, grant.band, grant.qos, grant.allocations) == (1_200, BAND, QOS, 2)


def test_shares_that_differ_are_proved_too() -> None:
    for position in range(6):
        grant = verify_grant_proof(shown(prove(BLOCK, 2, position)), LEDGER.public, LEDGER_ID)
        assert grant.allocations == position + 1


def test_a_purchase_for_oneself_is_proved_by_the_sales_alone() -> None:
    proof = prove(BLOCK, 0, 0)
    assert not proof.path
    assert verify_grant_proof(shown(proof), LEDGER.public, LEDGER_ID).consumer == PublicKey(OWN.consumer_keys)


def test_the_proof_says_what_the_signed_grant_says() -> None:
    proof = prove(BLOCK, 1, 7)
    signed = write_grant(proof.grant, LEDGER, LEDGER_ID)
    assert read_shown_grant(signed, LEDGER.public, LEDGER_ID) == proof.grant
    assert read_shown_grant(shown(proof), LEDGER.public, LEDGER_ID) == proof.grant
    for nothing in (b"", b"\xd2", b"\x8a", b"\x00"):
        with pytest.raises(DecodeError):
            read_shown_grant(nothing, LEDGER.public, LEDGER_ID)


def test_only_a_gateway_of_this_ledger_signs_it() -> None:
    proof = prove(BLOCK, 1, 7)
    for key, ledger_id in ((PROVIDER, LEDGER_ID), (LEDGER, bytes(32))):
        with pytest.raises(VerificationError):
            verify(write_grant_proof(sign(proof, key, ledger_id)))
    with pytest.raises(VerificationError, match="signed by key id"):
        verify(write_grant_proof(proof))


def test_where_the_app_hash_is_known_nobody_else_signs() -> None:
    proof = prove(BLOCK, 1, 7)
    assert verify_grant_under(write_grant_proof(proof), header_of(BLOCK).app_hash) == proof.grant
    with pytest.raises(VerificationError, match="another app hash"):
        verify_grant_under(write_grant_proof(proof), header_of(BLOCK, height=4_712).app_hash)


# ---- Forged


FORGED = {
    "another leaf": lambda p: replace(p, position=p.position + 4),
    "another's key in the place": lambda p: replace(p, consumers=consumer_row(4, 7_777)),
    "neighbours exchanged": lambda p: replace(p, consumers=p.consumers[33:] + p.consumers[:33]),
    "another purchase": lambda p: replace(p, transaction=b"x" * 14),
    "more consumers": lambda p: replace(p, count=p.count + 1),
    "another provider": lambda p: replace(p, terms=replace(p.terms, provider_id=bytes(16))),
    "another epoch": lambda p: replace(p, terms=replace(p.terms, epoch=13)),
    "later": lambda p: replace(p, terms=replace(p.terms, starts_s=UTC_S + 1)),
    "longer": lambda p: replace(p, terms=replace(p.terms, duration_s=1_201)),
    "another band": lambda p: replace(p, terms=replace(p.terms, band=BIG_BAND)),
    "faster": lambda p: replace(p, terms=replace(p.terms, qos=replace(QOS, ceil_down_bps=20_000_001))),
    "more units": lambda p: replace(p, terms=replace(p.terms, allocations=3)),
    "the path's steps exchanged": lambda p: replace(p, path=(p.path[1], p.path[0], *p.path[2:])),
    "the path with a foreign step": lambda p: replace(p, path=(bytes(32), *p.path[1:])),
    "the sale's path with a foreign step": lambda p: replace(p, sale_path=(bytes(32), *p.sale_path[1:])),
    "the sale's path cut": lambda p: replace(p, sale_path=p.sale_path[:-1], turns=0),
    "the sale's path longer": lambda p: replace(p, sale_path=(*p.sale_path, bytes(32))),
    "turned elsewhere": lambda p: replace(p, turns=p.turns ^ 1),
    "another block": lambda p: replace(p, height=1),
    "another time": lambda p: replace(p, time_s=UTC_S + 1),
    "another past": lambda p: replace(p, previous=bytes(32)),
    "other items": lambda p: replace(p, items_root=bytes(32)),
    "more items": lambda p: replace(p, item_count=4),
    "another state": lambda p: replace(p, state_root=bytes(32)),
    "another signature": lambda p: replace(p, signature=bytes(64)),
    "another gateway": lambda p: replace(p, key_id=PROVIDER.public.key_id),
}


@pytest.mark.parametrize("what", FORGED)
def test_what_was_forged_does_not_verify(what: str) -> None:
    """As whoever has a genuine proof might try; the writer lets him, the reader does not."""
    genuine = sign(prove(BLOCK, 1, 501), LEDGER, LEDGER_ID)
    forged = write_grant_proof(FORGED[what](genuine))
    with pytest.raises(VerificationError):
        verify(forged)
    with pytest.raises(VerificationError):
        verify_grant_under(forged, bytes(32))


@pytest.mark.parametrize(
    "cut", [lambda p: p.path[:-1], lambda p: p.path[1:], lambda _p: (), lambda p: (*p.path, bytes(32))]
)
def test_a_path_of_another_length_leads_nowhere(cut: object) -> None:
    genuine = sign(prove(BLOCK, 1, 501), LEDGER, LEDGER_ID)
    with pytest.raises(VerificationError, match="merkle path: too"):
        verify(write_grant_proof(replace(genuine, path=cut(genuine))))  # type: ignore[operator]


def test_it_proves_the_grants_of_its_leaf_and_of_nobody_else() -> None:
    """Up to three others' keys stand in it, and their positions say which is whose: no secret, and each true."""
    genuine = sign(prove(BLOCK, 1, 501), LEDGER, LEDGER_ID)
    for position in range(500, 504):
        grant = verify_grant_proof(
            write_grant_proof(replace(genuine, position=position)), LEDGER.public, LEDGER_ID
        )
        assert grant == prove(BLOCK, 1, position).grant


def test_a_share_cannot_be_another() -> None:
    genuine = sign(prove(BLOCK, 2, 1), LEDGER, LEDGER_ID)
    assert genuine.consumers[70:74] == (2).to_bytes(4, "big")
    more = genuine.consumers[:70] + (3).to_bytes(4, "big") + genuine.consumers[74:]
    with pytest.raises(VerificationError):
        verify(write_grant_proof(replace(genuine, consumers=more)))


def test_shares_cannot_be_read_as_keys_nor_keys_as_shares() -> None:
    shared, bulk = prove(BLOCK, 2, 1), prove(BLOCK, 1, 1)
    with pytest.raises(DecodeError, match="consumers has 148 bytes, not 132"):
        replace(shared, terms=TERMS)
    with pytest.raises(DecodeError, match="consumers has 132 bytes, not 148"):
        replace(bulk, terms=replace(TERMS, allocations=0))


def test_nodes_cannot_be_taken_for_leaves() -> None:
    """Two hashes that are a node's content are no consumer's entry, and no leaf begins as a node does."""
    proof = prove(BLOCK, 1, 0)
    with pytest.raises(DecodeError, match="consumers has 64 bytes"):
        replace(proof, consumers=bytes(64), path=proof.path[1:])


# ---- Malformed


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"position": 1_003}, "position is 1003, outside 0..1002"),
        ({"position": 1_002}, "consumers has 132 bytes, not 99"),
        ({"count": 0}, "number of consumers is 0"),
        ({"count": 65_537}, "number of consumers is 65537"),
        ({"turns": 1 << 60}, "turns is"),
        ({"height": -1}, "height is -1"),
        ({"transaction": bytes(16)}, "transaction has 16 bytes, not 14"),
        ({"previous": b""}, "previous has 0 bytes"),
        ({"items_root": b""}, "items root has 0 bytes"),
        ({"state_root": bytes(33)}, "state root has 33 bytes"),
        ({"signature": bytes(64)}, "key id has 0 bytes, not 8"),
        ({"key_id": bytes(8)}, "key id has 8 bytes, not 0"),
    ],
)
def test_what_no_ledger_writes_is_refused(change: dict[str, object], why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        replace(prove(BLOCK, 1, 501), **change)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("path", "value", "why"),
    [
        ((0,), 2, "form 2, and only 1 is known"),
        ((0,), True, "a boolean at byte"),
        ((1,), True, "a boolean at byte"),
        ((3,), bytes(31), "a path of 31 bytes"),
        ((4, 2), b"\x80", "terms"),
        ((6,), bytes(33), "a path of 33 bytes"),
        ((7,), [], "not a consumer"),
        ((9,), None, "not a consumer"),
    ],
)
def test_other_forms_are_refused(path: tuple[int, ...], value: object, why: str) -> None:
    items: Any = read_cbor(shown(prove(BLOCK, 1, 501)))
    place = items
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(DecodeError, match=why):
        read_grant_proof(write_cbor(items))
    with pytest.raises(DecodeError, match="at most 1200"):
        read_grant_proof(bytes(1_201))


def test_a_grant_that_cannot_be_is_not_read_out_of_a_signed_block() -> None:
    """The ledger sells no such thing; if it did, whoever reads it would not fall over it."""
    no_key = Sold(b"k" * 14, bytes(33), TERMS)
    huge = Sold(b"h" * 14, consumer_row(1), replace(TERMS, qos=Qos(1, MAX_RATE_BPS, 1, 1)))
    none = Sold(b"n" * 14, consumer_row(1), replace(TERMS, allocations=0), (0,))
    for sold, why in ((no_key, "not a compressed"), (huge, "make no range"), (none, "allocations is 0")):
        with pytest.raises(DecodeError, match=why):
            verify(shown(prove([sold], 0, 0)))


@given(st.binary(max_size=200))
def test_garbage_is_a_decode_error(data: bytes) -> None:
    with pytest.raises(DecodeError):
        verify(data)


def test_the_example_is_the_grant_of_its_neighbour() -> None:
    """The golden vector: the example grant, proved."""
    assert verify(MESSAGES["grant_proof"].golden) == replace(GRANT_VALUE, grant_id=bytes([*range(14), 0, 5]))


# ---- How long


def bulk_of_50_000(terms: SaleTerms, shares: bool = False) -> Sold:
    keys = b"".join(b"\x02" + os.urandom(32) for _ in range(50_000))
    return Sold(os.urandom(14), keys, terms, tuple(range(1, 50_001)) if shares else ())


def test_one_of_50_000_is_proved_in_less_than_1_000_bytes_and_1_ms() -> None:
    """Beside a thousand purchases in the same block, with rates and cap below 4.29 Gbit/s and GB. The time is that of
    this machine, and has room for one ten times slower.
    """
    terms = replace(
        TERMS, epoch=0xFFFF, duration_s=0xFFFF, band=BIG_BAND, qos=replace(BELOW_4G, rate_layer=RateLayer.IP)
    )
    small = [Sold(at.to_bytes(14, "big"), consumer_row(1, at), TERMS) for at in range(1_000)]
    data = shown(prove([*small, bulk_of_50_000(terms)], 1_000, 12_345))
    assert len(data) < 1_000
    took_s = []
    for _ in range(20):
        begun_s = time.perf_counter()
        verify(data)
        took_s.append(time.perf_counter() - begun_s)
    assert min(took_s) < 0.001


def test_the_longest_that_is_likely_is_read() -> None:
    """Unequal shares, the largest numbers, and seven more like it in the block."""
    terms = replace(TERMS, qos=BIG_QOS, allocations=0)
    likes = [
        Sold(bytes([at]) * 14, consumer_row(50_000, at * 50_000), terms, (1,) * 50_000) for at in range(2)
    ]
    block = [*likes, *(replace(likes[0], transaction=bytes([at]) * 14) for at in range(2, 8))]
    assert len(shown(prove(block, 0, 49_999))) <= 1_100
