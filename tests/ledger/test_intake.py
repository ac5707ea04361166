"""The ledger's door: topics, payloads, and that nothing but a DecodeError comes of garbage."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apd.shells.software_key import SoftwareKey
from lab.meter_chain import MeterChain
from ledger.intake import (
    KINDS,
    PriceQuery,
    ProofQuery,
    Query,
    RegistrationQuery,
    is_for_others,
    read_address,
    read_query,
    read_request,
    write_query,
)
from ledger.submission import Record
from tests.ledger_world import ALICE, BOB, GENESIS, World
from wire.cbor import Value, write_cbor
from wire.errors import DecodeError
from wire.grant_price import write_price_question
from wire.keys import PrivateKey
from wire.money_actions import Transfer
from wire.registration import write_registration_question
from wire.transaction import SignedTransaction

ME = str(ALICE.public)


def test_answers_go_below_the_sender_s_own_topic() -> None:
    address = read_address(f"airgrant/v1/up/{ME}/transaction", None, b"c")
    assert (address.identity, address.kind, address.correlation) == (ME, "transaction", b"c")
    assert address.reply_topic == f"airgrant/v1/down/{ME}/reply"
    own = f"airgrant/v1/down/{ME}/elsewhere"
    assert read_address(f"airgrant/v1/up/{ME}/query", own, None).reply_topic == own


@pytest.mark.parametrize(
    ("topic", "response_topic", "correlation"),
    [
        ("airgrant/v1/up/x/nonsense", None, None),
        ("airgrant/v1/up/x/transaction/more", None, None),
        ("airgrant/v1/up//transaction", None, None),
        ("airgrant/v1/down/x/transaction", None, None),
        ("airgrant/v1/up/x/transaction", "airgrant/v1/down/y/reply", None),
        ("airgrant/v1/up/x/transaction", "airgrant/v1/offer/x", None),
        ("airgrant/v1/up/x/transaction", "airgrant/v1/down/x/#", None),
        ("airgrant/v1/up/x/transaction", "airgrant/v1/down/x/+", None),
        ("airgrant/v1/up/x/transaction", "airgrant/v1/down/x/" + 232 * "a", None),
        ("airgrant/v1/up/x/transaction", None, bytes(65)),
    ],
)
def test_other_addresses_are_refused(
    topic: str, response_topic: str | None, correlation: bytes | None
) -> None:
    with pytest.raises(DecodeError):
        read_address(topic, response_topic, correlation)


def test_each_kind_is_read_as_what_it_is() -> None:
    signed = World().sign(Transfer(BOB.public, 1), ALICE)
    request = read_request("transaction", signed.envelope.encoded, GENESIS.ledger_id)
    assert isinstance(request, SignedTransaction)
    assert request.transaction_id == signed.transaction_id
    evidence = MeterChain(SoftwareKey(PrivateKey.generate()), 1).boot()
    assert read_request("report", evidence, GENESIS.ledger_id) == Record(evidence)
    query = Query(bytes(32), BOB.public.octets)
    assert read_request("query", write_query(query), GENESIS.ledger_id) == query
    assert read_query(write_query(Query(bytes(32)))) == Query(bytes(32))
    wanted = ProofQuery(bytes(32), BOB.public.octets)
    assert read_query(write_query(wanted)) == wanted
    consumer = BOB.public.octets
    others: list[list[Value]] = [[bytes(32), b"", 1], [bytes(31), consumer, 1], [bytes(32), consumer, 2]]
    for other in others:
        with pytest.raises(DecodeError, match=r"nor \[transaction id, consumer key, 1\]"):
            read_query(write_cbor(other))
    with pytest.raises(DecodeError, match="a boolean"):
        read_query(write_cbor([bytes(32), consumer, True]))
    assert read_query(write_price_question(bytes(range(16)))) == PriceQuery(bytes(range(16)))
    question = write_registration_question(BOB.public)
    assert len(question) == len(write_query(Query(bytes(32))))
    assert read_query(question) == RegistrationQuery(BOB.public)


@given(st.sampled_from(KINDS), st.binary(max_size=300))
def test_garbage_is_a_decode_error(kind: str, payload: bytes) -> None:
    with pytest.raises(DecodeError):
        read_request(kind, payload, GENESIS.ledger_id)


@given(st.data())
def test_bent_transactions_are_a_decode_error_or_another_id(data: st.DataObject) -> None:
    signed = World().sign(Transfer(BOB.public, 1), ALICE)
    encoded = bytearray(signed.envelope.encoded)
    at = data.draw(st.integers(0, len(encoded) - 1))
    encoded[at] ^= data.draw(st.integers(1, 255))
    try:
        request = read_request("transaction", bytes(encoded), GENESIS.ledger_id)
    except DecodeError:
        return
    assert isinstance(request, SignedTransaction)
    bent_signature = at >= len(encoded) - 64
    assert (request.transaction_id == signed.transaction_id) == bent_signature


def test_what_is_for_others_is_passed_over() -> None:
    assert is_for_others(f"airgrant/v1/up/{ME}/grant")
    assert not is_for_others(f"airgrant/v1/up/{ME}/transaction")
    assert not is_for_others(f"airgrant/v1/up/{ME}/grants")
    assert not is_for_others("airgrant/v1/down/x/grant")
