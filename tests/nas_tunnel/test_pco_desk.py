"""The cell's desk: purchases over many attempts, with loss; strangers who lie; how much is kept."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas_tunnel.eps_nas import (
    ESM_CONTAINER,
    PCO,
    AttachReject,
    AttachRequest,
    PdnConnectivityReject,
    PdnConnectivityRequest,
    read_emm,
    read_esm,
    write_emm,
    write_esm,
)
from nas_tunnel.lobby import MAX_PURCHASE_BYTES, Refused, read_lobby, write_lobby
from nas_tunnel.nas_elements import Element, find
from nas_tunnel.pco import (
    Direction,
    OperatorUnit,
    operator_units,
    read_options,
    write_operator_unit,
    write_options,
)
from nas_tunnel.pco_desk import (
    FORGET_NS,
    MAX_EXECUTES,
    MAX_STRANGERS,
    Desk,
    Execute,
    Reply,
    answer,
    forget,
    hear,
)
from nas_tunnel.pco_purchase import (
    TAG_SIZE,
    UNIT,
    Ask,
    Have,
    Part,
    Piece,
    Sale,
    begin,
    next_container,
    read_container,
    tag_of,
    write_container,
)
from nas_tunnel.pco_purchase import hear as buyer_hears
from tests.nas_tunnel.air import GOLDEN, OUTCOME, REFUSED
from tests.nas_tunnel.nas_examples import CAPABILITY, IMSI, LAB
from tests.nas_tunnel.test_order_check import TERMS
from tests.nas_tunnel.test_pco_purchase import ALLOCATE, BUYER, MINE, PURCHASE, TAG
from tests.wire.examples import LEDGER_ID
from wire.allocate import Allocate
from wire.keys import PrivateKey
from wire.transaction import sign_transaction
from wire.units import NS_PER_S, Now

WHO = b"guti"
FOR_MANY = [PrivateKey.from_secret(number).public.octets for number in range(100, 129)]


def bought_for(others: int) -> bytes:
    """A purchase that is 33 octets longer for each of these consumers."""
    action = ALLOCATE.action
    assert isinstance(action, Allocate)
    units = max(1, others)
    action = replace(
        action, consumer_keys=b"".join(FOR_MANY[:others]), price_ubc=units * TERMS.price_ubc, allocations=1
    )
    return sign_transaction(replace(ALLOCATE, action=action), BUYER, LEDGER_ID).envelope.encoded


def altered(nonce: int = 0, **fields: Any) -> bytes:
    action = ALLOCATE.action
    assert isinstance(action, Allocate)
    transaction = replace(ALLOCATE, action=replace(action, **fields), nonce=nonce.to_bytes(8, "big"))
    return sign_transaction(transaction, BUYER, LEDGER_ID).envelope.encoded


LONG = bought_for(13)
MAX_OTHERS = next(others for others in range(29, 0, -1) if len(bought_for(others)) <= MAX_PURCHASE_BYTES)
SHOP = Desk(terms=TERMS)


def at(seconds: float) -> Now:
    """A moment so long after a beginning, when the golden purchase is valid."""
    return Now(int(seconds * NS_PER_S), ALLOCATE.valid_until_s * 1_000)


def attempts(
    sale: Sale, lost: Callable[[], bool], limit: int, seconds: Iterator[float]
) -> tuple[Sale, Desk, int, int]:
    """Attach attempts until the buyer has its answer; the ledger answers between two of them."""
    desk, executed, count = SHOP, 0, 0
    while sale.answer is None and count < limit:
        count += 1
        now = at(next(seconds))
        sale, container = next_container(sale)
        if lost():
            continue
        desk, said = hear(forget(desk, now.mono_ns), WHO, container, now)
        for command in said:
            if isinstance(command, Execute):
                executed += 1
                desk = answer(desk, WHO, command.tag, OUTCOME)
            elif not lost():
                sale = buyer_hears(sale, command.container)
    return sale, desk, count, executed


def begun() -> Sale:
    sale = begin(PURCHASE, LEDGER_ID, LAB, MINE)
    assert isinstance(sale, Sale)
    return sale


@pytest.mark.parametrize("wait_s", [10, 725], ids=["T3411", "T3402"])
def test_attempts_as_they_come(wait_s: int) -> None:
    """The purchase in one, its answer of two parts in more; where the ledger is quick, the first reject has the answer
    already. After cause 19 the next attempt may come after 12 minutes only (TS 24.301 clause 5.5.1.2.6).
    """
    sale, desk, count, executed = attempts(begun(), lambda: False, 10, itertools.count(0, wait_s))
    assert sale.answer == OUTCOME
    assert (count, executed) == (3, 1)
    assert desk.counters[WHO, TAG].answer


@given(st.integers(0, 2**32), st.integers(0, MAX_OTHERS), st.integers(0, 60))
@settings(max_examples=60)
def test_with_loss(seed: int, others: int, percent: int) -> None:
    """Each way a container may be lost: in the end the answer is there, and was asked for once."""
    chance = random.Random(seed)
    purchase = bought_for(others)
    sale = Sale(purchase, tag_of(purchase))
    sale, _desk, _count, executed = attempts(
        sale, lambda: chance.random() * 100 < percent, 2_000, itertools.count(0, 10)
    )
    assert sale.answer == OUTCOME
    assert executed == 1


def test_through_nas() -> None:
    """The whole way: container, operator unit, options, session management, ATTACH REQUEST, and back in a reject."""
    sale, desk, count = begun(), SHOP, 0
    while sale.answer is None:
        count += 1
        sale, container = next_container(sale)
        unit = write_operator_unit(OperatorUnit(UNIT, LAB, container))
        options = write_options((unit,), Direction.UPLINK)
        esm = write_esm(PdnConnectivityRequest(count, 1, 1, (Element(PCO, options),)))
        attach = read_emm(write_emm(AttachRequest(7, 1, IMSI, CAPABILITY, esm)))
        assert isinstance(attach, AttachRequest)
        heard = find(read_esm(attach.esm).elements, PCO)
        assert heard is not None
        (operators,) = operator_units(read_options(heard, Direction.UPLINK), LAB)
        desk, said = hear(desk, attach.mobile_identity, operators.contents, at(count))
        for command in said:
            if isinstance(command, Execute):
                desk = answer(desk, command.stranger, command.tag, OUTCOME)
                continue
            unit = write_operator_unit(OperatorUnit(UNIT, LAB, command.container))
            down = write_options((unit,), Direction.DOWNLINK)
            inner = write_esm(PdnConnectivityReject(count, 29, (Element(PCO, down),)))
            reject = read_emm(write_emm(AttachReject(19, (Element(ESM_CONTAINER, inner),))))
            container_down = find(reject.elements, ESM_CONTAINER)
            assert container_down is not None
            options_down = find(read_esm(container_down).elements, PCO)
            assert options_down is not None
            (back,) = operator_units(read_options(options_down, Direction.DOWNLINK), LAB)
            sale = buyer_hears(sale, back.contents)
    assert sale.answer == OUTCOME
    assert count == 3


def piece(start: int, size: int = 235, source: bytes = LONG) -> bytes:
    return write_container(Piece(tag_of(LONG), len(LONG), start, source[start : start + size]))


def whole(purchase: bytes = PURCHASE) -> bytes:
    return write_container(Piece(tag_of(purchase), len(purchase), 0, purchase))


def replies(said: Iterable[object]) -> list[object]:
    return [read_container(command.container) for command in said if isinstance(command, Reply)]


def executed(said: Iterable[object]) -> list[object]:
    return [command for command in said if isinstance(command, Execute)]


def refusal(said: Iterable[object]) -> Refused:
    (part,) = replies(said)
    assert isinstance(part, Part)
    told = read_lobby(part.contents)
    assert isinstance(told, Refused)
    return told


# ---- Pieces


def test_pieces_out_of_order_and_doubled() -> None:
    tag, desk, size = tag_of(LONG), SHOP, len(LONG)
    assert 470 < size < 705
    for start, had in ((235, 0), (0, 235), (0, 235), (470, 235), (235, 470)):
        desk, said = hear(desk, WHO, piece(start), at(0))
        assert replies(said) == [Have(tag, had)]
    desk, said = hear(desk, WHO, piece(470), at(0))
    assert said[0] == Execute(WHO, tag, LONG)
    desk, said = hear(desk, WHO, piece(0), at(0))
    assert replies(said) == [Have(tag, size)], "no answer yet, and not relayed again"
    assert not executed(said)


def test_a_purchase_that_is_not_what_its_tag_said() -> None:
    """All of the tag counts."""
    desk, _ = hear(SHOP, WHO, piece(0), at(0))
    desk, _ = hear(desk, WHO, piece(235), at(0))
    desk, said = hear(desk, WHO, piece(470, source=bytes(len(LONG))), at(0))
    assert replies(said) == [Have(tag_of(LONG), 0)]
    assert not executed(said)
    for start in (0, 235):
        desk, _ = hear(desk, WHO, piece(start), at(0))
    _desk, said = hear(desk, WHO, piece(470), at(0))
    assert executed(said), "the honest one begins again"


@pytest.mark.parametrize("octet", range(TAG_SIZE))
def test_every_octet_of_a_tag(octet: int) -> None:
    tag = bytearray(TAG)
    tag[octet] ^= 1
    _desk, said = hear(SHOP, WHO, write_container(Piece(bytes(tag), len(PURCHASE), 0, PURCHASE)), at(0))
    assert replies(said) == [Have(bytes(tag), 0)]
    assert not executed(said)


def test_strangers_do_not_meet() -> None:
    """The same tag from two strangers is two purchases: nobody can spoil another's without its identity."""
    desk, _ = hear(SHOP, b"liar", piece(0, source=bytes(600)), at(0))
    for start in (0, 235):
        desk, _ = hear(desk, WHO, piece(start), at(0))
    desk, said = hear(desk, WHO, piece(470), at(0))
    assert executed(said)
    assert desk.counters[b"liar", tag_of(LONG)].received == bytes(235)


# ---- What goes to the ledger


@pytest.mark.parametrize(
    ("purchase", "reason"),
    [
        (b"garbage", "transaction_invalid"),
        (GOLDEN["transfer"], "not_relayed"),
        (altered(epoch=TERMS.epoch + 1), "epoch_moved"),
        (altered(price_ubc=TERMS.price_ubc - 1), "price_differs"),
        (altered(provider=BUYER.public), "foreign_provider"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_purchase_here_is_refused_and_not_relayed(purchase: bytes, reason: str) -> None:
    _desk, said = hear(SHOP, WHO, whole(purchase), at(0))
    assert refusal(said).reason == reason
    assert not executed(said)


def test_nothing_on_offer() -> None:
    """A desk that was told of no offer sells nothing; when there is one, the same stranger is served."""
    desk, said = hear(Desk(), WHO, whole(), at(0))
    assert refusal(said).reason == "nothing_on_offer"
    assert not executed(said)
    _desk, said = hear(replace(desk, terms=TERMS), WHO, whole(), at(0))
    assert executed(said)


def test_a_stranger_has_one_purchase_carried_in_a_while() -> None:
    """However many different ones it sends."""
    desk, count = SHOP, 0
    for number in range(1_000):
        desk, said = hear(desk, WHO, whole(altered(nonce=number)), at(number / 100))
        count += len(executed(said))
    assert count == 1
    _desk, said = hear(desk, WHO, whole(altered(nonce=1_000)), at(10))
    assert executed(said)


def test_all_strangers_together_have_so_many() -> None:
    """Names cost a liar nothing. Who has to wait is served when it asks again."""
    desk, count = SHOP, 0
    for number in range(100):
        desk, said = hear(desk, number.to_bytes(2, "big"), whole(), at(number / 100))
        count += len(executed(said))
        assert replies(said) == [Have(TAG, len(PURCHASE))]
    assert count == MAX_EXECUTES
    last = (99).to_bytes(2, "big")
    for moment, carried in ((9.99, 0), (10, 1)):
        desk, said = hear(desk, last, write_container(Ask(TAG, 0)), at(moment))
        assert len(executed(said)) == carried


def test_a_lost_command_is_repeated_for_who_asks() -> None:
    """The ledger runs it once; also when the offer has moved meanwhile, as the purchase may have run before that."""
    desk, said = hear(SHOP, WHO, whole(), at(0))
    assert executed(said)
    desk = replace(desk, terms=replace(TERMS, epoch=TERMS.epoch + 1))
    carried = []
    for moment in range(1, 41):
        desk, said = hear(desk, WHO, write_container(Ask(TAG, 0)) if moment % 2 else whole(), at(moment))
        carried += [moment] if executed(said) else []
        assert replies(said) == [Have(TAG, len(PURCHASE))]
    assert carried == [10, 20, 30, 40]
    _desk, said = hear(replace(desk, terms=None), b"another", whole(), at(50))
    assert not executed(said)


# ---- Answers


def test_what_the_ledger_signed_is_handed_out_again_until_it_is_forgotten() -> None:
    desk, _ = hear(SHOP, WHO, whole(), at(0))
    desk = answer(desk, WHO, TAG, OUTCOME)
    late = FORGET_NS / NS_PER_S - 1
    for container in (Ask(TAG, 0), Ask(TAG, 9_999), Ask(TAG, 235), Piece(TAG, len(PURCHASE), 0, PURCHASE)):
        desk, said = hear(desk, WHO, write_container(container), at(late))
        (part,) = replies(said)
        assert isinstance(part, Part)
        assert part.at == (235 if container == Ask(TAG, 235) else 0)
        assert not executed(said)
    assert answer(desk, WHO, TAG, REFUSED) is desk, "a refusal takes no place of it"
    assert forget(desk, int(2 * late * NS_PER_S)) is desk
    desk = forget(desk, int(late * NS_PER_S) + FORGET_NS)
    assert desk.counters == {}
    assert replies(hear(desk, WHO, write_container(Ask(TAG, 0)), at(0))[1]) == [Have(TAG, 0)]


def test_every_word_counts_as_hearing() -> None:
    """Each kind of it keeps a stranger: pieces, whole or not, and questions."""
    for begins, later in ((piece(0), piece(0)), (whole(), whole()), (whole(), write_container(Ask(TAG, 0)))):
        desk, _ = hear(SHOP, WHO, begins, at(0))
        desk, _ = hear(desk, WHO, later, at(800))
        assert forget(desk, at(1_600).mono_ns) is desk
        assert not forget(desk, at(1_700).mono_ns).counters


def test_a_refusal_is_handed_out_once() -> None:
    """As what it speaks of may have passed: the next word has the purchase carried again."""
    desk, _ = hear(SHOP, WHO, whole(), at(0))
    for minute in range(1, 5):
        desk = answer(desk, WHO, TAG, Refused(b"", "ledger_unreachable", ""))
        desk, said = hear(desk, WHO, write_container(Ask(TAG, 0)), at(60 * minute))
        assert refusal(said).reason == "ledger_unreachable"
        assert not executed(said)
        desk, said = hear(desk, WHO, write_container(Ask(TAG, 0)), at(60 * minute + 1))
        assert executed(said)
    desk = answer(desk, WHO, TAG, REFUSED)
    desk = answer(desk, WHO, TAG, OUTCOME)
    _desk, said = hear(desk, WHO, write_container(Ask(TAG, 0)), at(400))
    assert isinstance(replies(said)[0], Part), "the ledger's word takes its place"


def test_a_refusal_of_two_parts() -> None:
    told = Refused(bytes(32), "r" * 60, "d" * 150)
    encoded = write_lobby(told)
    assert 235 < len(encoded) <= 470
    desk, _ = hear(SHOP, WHO, whole(), at(0))
    desk = answer(desk, WHO, TAG, told)
    heard = b""
    for start in (0, 0, 235):
        desk, said = hear(desk, WHO, write_container(Ask(TAG, start)), at(20))
        (part,) = replies(said)
        assert isinstance(part, Part)
        heard = heard[:start] + part.contents
        assert not executed(said)
    assert heard == encoded
    assert executed(hear(desk, WHO, write_container(Ask(TAG, 0)), at(20))[1])


def test_an_answer_for_nobody() -> None:
    desk, _ = hear(SHOP, WHO, piece(0), at(0))
    assert answer(desk, b"other", tag_of(LONG), OUTCOME) is desk
    assert answer(desk, WHO, TAG, OUTCOME) is desk


def test_who_came_last_stays() -> None:
    desk = SHOP
    for number in range(MAX_STRANGERS + 50):
        desk, _ = hear(desk, number.to_bytes(2, "big"), piece(0), at(number))
    assert len(desk.counters) == MAX_STRANGERS
    assert next(iter(desk.counters))[0] == (50).to_bytes(2, "big")
    desk, _ = hear(desk, (50).to_bytes(2, "big"), piece(235), at(1_000))
    desk, _ = hear(desk, b"new", piece(0), at(1_001))
    strangers = {who for who, _ in desk.counters}
    assert (51).to_bytes(2, "big") not in strangers
    assert (50).to_bytes(2, "big") in strangers


def test_strangers_put_out_nobody_who_has_paid() -> None:
    """Nor whose purchase may have run, while there is anybody else."""
    desk, _ = hear(SHOP, WHO, whole(), at(0))
    desk = answer(desk, WHO, TAG, OUTCOME)
    desk, _ = hear(desk, b"relayed", whole(), at(0))
    moved = altered(epoch=TERMS.epoch + 1)
    desk, _ = hear(desk, b"refused", whole(moved), at(0))
    desk, _ = hear(desk, b"begins", piece(0), at(0))
    for number in range(MAX_STRANGERS):
        desk, _ = hear(desk, number.to_bytes(2, "big"), write_container(Piece(b"abcd", 165, 0, b"x")), at(1))
        assert len(desk.counters) <= MAX_STRANGERS
    strangers = {who for who, _ in desk.counters}
    assert {WHO, b"relayed", b"refused"} <= strangers
    assert b"begins" not in strangers
    for number in range(MAX_STRANGERS - 1):
        desk, _ = hear(desk, number.to_bytes(2, "big"), whole(), at(10 * number))
    assert (WHO, TAG) in desk.counters, "a grant stays longest"
    assert (b"refused", tag_of(moved)) not in desk.counters


def test_whoever_says_anothers_name_takes_no_answer_away() -> None:
    """A temporary identity is said in clear beside the purchase."""
    desk, _ = hear(SHOP, WHO, whole(), at(0))
    for lie in (Piece(b"abcd", 165, 0, b"x"), Piece(TAG, 165, 0, b"x"), Piece(TAG, 1, 0, b"x")):
        desk, _ = hear(desk, WHO, write_container(lie), at(1))
    desk = answer(desk, WHO, TAG, OUTCOME)
    for lie in (Piece(b"abcd", 165, 0, b"x"), Piece(TAG, 165, 0, b"x")):
        desk, _ = hear(desk, WHO, write_container(lie), at(2))
    (part,) = replies(hear(desk, WHO, write_container(Ask(TAG, 0)), at(3))[1])
    assert isinstance(part, Part)


def test_of_a_strangers_other_purchases_those_stay_that_may_have_run() -> None:
    desk, _ = hear(SHOP, WHO, whole(), at(0))
    others = [altered(nonce=number) for number in range(1, 20)]
    for other in others:
        desk, said = hear(desk, WHO, whole(other), at(1))
        assert not executed(said), "one in ten seconds, whatever it is"
    assert [tag for _, tag in desk.counters] == [TAG, tag_of(others[-1])]


def test_what_may_have_run_is_asked_about_whatever_others_do() -> None:
    desk, _ = hear(SHOP, WHO, whole(), at(0))
    for number in range(MAX_EXECUTES):
        desk, _ = hear(desk, number.to_bytes(2, "big"), whole(), at(10))
    assert not executed(hear(desk, b"new", whole(), at(10))[1])
    assert executed(hear(desk, WHO, write_container(Ask(TAG, 0)), at(10))[1])


@pytest.mark.parametrize(
    "data", [b"", b"garbage", write_container(Have(TAG, 1)), write_container(Part(TAG, 1, 0, b"x"))]
)
def test_what_no_buyer_says(data: bytes) -> None:
    assert hear(Desk(), WHO, data, at(0)) == (Desk(dropped=1), [])
