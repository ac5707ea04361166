"""Containers by hand and garbled; what a buyer does not say in clear; pieces and parts where much is lost."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas_tunnel.lobby import Discover, write_lobby
from nas_tunnel.pco_purchase import (
    MAX_CONTENTS_BYTES,
    Ask,
    Container,
    Have,
    NotSent,
    Part,
    Piece,
    Pseudonym,
    Sale,
    ask_again,
    begin,
    hear,
    next_container,
    read_container,
    tag_of,
    write_container,
)
from nas_tunnel.plmn import Plmn
from tests.nas_tunnel.air import GOLDEN, OUTCOME, REFUSED
from tests.nas_tunnel.nas_examples import LAB
from tests.wire.examples import CONSUMER, LEDGER_ID, PROVIDER
from wire.allocate import Allocate
from wire.errors import DecodeError
from wire.ids import PublicKey
from wire.keys import PrivateKey
from wire.transaction import Transaction, read_transaction, sign_transaction

PURCHASE = GOLDEN["allocate"]
TAG = tag_of(PURCHASE)
ALLOCATE = read_transaction(PURCHASE, LEDGER_ID).transaction
BUYER = next(
    key
    for key in (CONSUMER, PROVIDER, PrivateKey.from_secret(3), PrivateKey.from_secret(4))
    if key.public.key_id == read_transaction(PURCHASE, LEDGER_ID).issuer_key_id
)
MINE = Pseudonym(BUYER.public, LAB)
tags = st.binary(min_size=4, max_size=4)


def parts(most: int) -> st.SearchStrategy[tuple[int, int, bytes]]:
    return st.integers(1, most).flatmap(
        lambda total: st.integers(0, total - 1).flatmap(
            lambda at: st.tuples(
                st.just(total),
                st.just(at),
                st.binary(min_size=1, max_size=min(MAX_CONTENTS_BYTES, total - at)),
            )
        )
    )


containers: st.SearchStrategy[Container] = st.one_of(
    st.builds(lambda tag, rest: Piece(tag, *rest), tags, parts(1_195)),
    st.builds(lambda tag, rest: Part(tag, *rest), tags, parts(1_200)),
    st.builds(Ask, tags, st.integers(0, 65_535)),
    st.builds(Have, tags, st.integers(0, 65_535)),
)


@pytest.mark.parametrize(
    ("encoded", "container"),
    [
        ("11a1a2a3a4" + "00ed00a5" + "ffee", Piece(b"\xa1\xa2\xa3\xa4", 237, 0xA5, b"\xff\xee")),
        ("12a1a2a3a4" + "00eb", Ask(b"\xa1\xa2\xa3\xa4", 235)),
        ("13a1a2a3a4" + "0000", Have(b"\xa1\xa2\xa3\xa4", 0)),
        ("14a1a2a3a4" + "00020001" + "ee", Part(b"\xa1\xa2\xa3\xa4", 2, 1, b"\xee")),
    ],
)
def test_by_hand(encoded: str, container: Container) -> None:
    assert write_container(container) == bytes.fromhex(encoded)
    assert read_container(bytes.fromhex(encoded)) == container


@given(containers)
def test_what_was_written_is_read(container: Container) -> None:
    encoded = write_container(container)
    assert len(encoded) <= 244
    assert read_container(encoded) == container


@given(st.binary(max_size=260))
def test_one_form(data: bytes) -> None:
    for head in (data, b"\x11" + data[1:], b"\x13" + data[1:]):
        with contextlib.suppress(DecodeError):
            assert write_container(read_container(head)) == head


@pytest.mark.parametrize(
    ("encoded", "why"),
    [
        ("", "0 bytes, not 7 to 244"),
        ("11a1a2a3a400", "6 bytes"),
        ("11" + "00" * 244, "245 bytes"),
        ("22a1a2a3a40000", "begins with 22"),
        ("15a1a2a3a40000", "begins with 15"),
        ("12a1a2a3a4000000", "1 bytes too many"),
        ("11a1a2a3a400010000", "0 bytes at 0 of 1"),
        ("11a1a2a3a400010001ff", "1 bytes at 1 of 1"),
        ("11a1a2a3a404ac0000ff", "of 1196, which may be 1 to 1195"),
        ("11a1a2a3a400000000ff", "1 bytes at 0 of 0"),
    ],
)
def test_refusals(encoded: str, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        read_container(bytes.fromhex(encoded))


# ---- What is not said in clear


def test_an_account_for_this_network_only() -> None:
    assert begin(PURCHASE, LEDGER_ID, LAB, MINE) == Sale(PURCHASE, TAG)


def signed(consumers: bytes) -> bytes:
    assert isinstance(ALLOCATE.action, Allocate)
    action = replace(ALLOCATE.action, consumer_keys=consumers)
    return sign_transaction(Transaction(action, bytes(8), 1), BUYER, LEDGER_ID).envelope.encoded


@pytest.mark.parametrize(
    ("purchase", "plmn", "account", "reason"),
    [
        (PURCHASE, Plmn("001", "02"), BUYER.public, "other_network"),
        (PURCHASE, LAB, PrivateKey.from_secret(8).public, "other_account"),
        (GOLDEN["transfer"], LAB, None, "not_a_purchase"),
        (signed(PROVIDER.public.octets), LAB, BUYER.public, "names_others"),
        (bytes(1_196), LAB, BUYER.public, "too_long"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_sent(purchase: bytes, plmn: Plmn, account: PublicKey | None, reason: str) -> None:
    if account is None:
        key_id = read_transaction(purchase, LEDGER_ID).issuer_key_id
        account = next(key.public for key in (CONSUMER, PROVIDER, BUYER) if key.public.key_id == key_id)
    refused = begin(purchase, LEDGER_ID, plmn, Pseudonym(account, LAB))
    assert isinstance(refused, NotSent)
    assert refused.reason == reason


def test_a_buyer_for_itself_by_name() -> None:
    assert isinstance(begin(signed(BUYER.public.octets), LEDGER_ID, LAB, MINE), Sale)


def test_what_is_no_transaction() -> None:
    with pytest.raises(DecodeError):
        begin(b"garbage", LEDGER_ID, LAB, MINE)


# ---- Pieces and parts

LONG = bytes(n % 249 for n in range(600))


def test_pieces_go_round_where_nothing_is_heard() -> None:
    sale = Sale(LONG, TAG)
    starts = []
    for _ in range(5):
        sale, container = next_container(sale)
        piece = read_container(container)
        assert isinstance(piece, Piece)
        starts.append(piece.at)
    assert starts == [0, 235, 470, 0, 235]


def test_pieces_follow_what_the_cell_has() -> None:
    sale, _ = next_container(Sale(LONG, TAG))
    sale = hear(sale, write_container(Have(TAG, 235)))
    for at in (235, 470, 235):
        sale, container = next_container(sale)
        piece = read_container(container)
        assert isinstance(piece, Piece)
        assert piece.at == at
    sale = hear(sale, write_container(Have(TAG, 600)))
    assert read_container(next_container(sale)[1]) == Ask(TAG, 0)
    sale = hear(sale, write_container(Have(TAG, 0)))
    assert isinstance(read_container(next_container(sale)[1]), Piece), "the cell has forgotten"


def answer_parts(answer: bytes, tag: bytes = TAG) -> list[bytes]:
    return [
        write_container(Part(tag, len(answer), at, answer[at : at + MAX_CONTENTS_BYTES]))
        for at in range(0, len(answer), MAX_CONTENTS_BYTES)
    ]


def test_an_answer_in_two_parts() -> None:
    first, second = answer_parts(write_lobby(OUTCOME))
    sale = hear(Sale(PURCHASE, TAG), first)
    assert sale.answer is None
    assert read_container(next_container(sale)[1]) == Ask(TAG, 235)
    assert hear(sale, second).answer == OUTCOME
    out_of_order = hear(Sale(PURCHASE, TAG), second)
    assert out_of_order.received == b""
    assert hear(hear(out_of_order, first), second).answer == OUTCOME


def test_parts_of_two_answers_begin_again() -> None:
    first, second = answer_parts(write_lobby(OUTCOME))
    sale = hear(hear(Sale(PURCHASE, TAG), first[:9] + b"\xff" * 235), second)
    assert sale.answer is None
    assert sale.received == b""
    shorter = answer_parts(write_lobby(OUTCOME)[:-1])[0]
    assert hear(hear(Sale(PURCHASE, TAG), first), shorter).total == len(write_lobby(OUTCOME)) - 1


def test_an_answer_that_the_ledger_did_not_sign_is_asked_for_again() -> None:
    first, second = answer_parts(write_lobby(OUTCOME))
    sale = ask_again(hear(hear(Sale(PURCHASE, TAG), first), second))
    assert read_container(next_container(sale)[1]) == Ask(TAG, 0)


def test_a_refusal_settles_nothing() -> None:
    """Anybody may say no, and the purchase may have run: the same one is asked for until the ledger's word is here."""
    (part,) = answer_parts(write_lobby(REFUSED))
    sale = hear(Sale(PURCHASE, TAG), part)
    assert (sale.answer, sale.refused, sale.total, sale.received) == (None, REFUSED, None, b"")
    for _ in range(3):
        sale, container = next_container(sale)
        assert read_container(container) == Ask(TAG, 0)
        sale = hear(sale, part)
    for part in answer_parts(write_lobby(OUTCOME)):
        sale = hear(sale, part)
    assert (sale.answer, sale.refused) == (OUTCOME, REFUSED)


def test_a_whole_answer_that_is_none_begins_again() -> None:
    """Also where its first part was right: the next question is for all of it."""
    discover = write_lobby(Discover())
    for said in (discover, b"\xff" * 300):
        sale = Sale(PURCHASE, TAG)
        for part in answer_parts(said):
            sale = hear(sale, part)
        assert (sale.answer, sale.refused, sale.received) == (None, None, b"")
        assert read_container(next_container(sale)[1]) == Ask(TAG, 0)


@pytest.mark.parametrize(
    ("container", "why"),
    [
        (Have(b"\0\0\0\0", 1), "tag of another purchase"),
        (Ask(TAG, 0), "Ask comes from a buyer"),
        (Piece(TAG, 1, 0, b"x"), "Piece comes from a buyer"),
    ],
)
def test_what_no_cell_says(container: Container, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        hear(Sale(PURCHASE, TAG), write_container(container))
