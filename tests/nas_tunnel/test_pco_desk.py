"""The cell's desk: purchases over many attempts, with loss; strangers who lie; how much is kept."""

from __future__ import annotations

import random
from collections.abc import Callable

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
from nas_tunnel.nas_elements import Element, find
from nas_tunnel.pco import (
    Direction,
    OperatorUnit,
    operator_units,
    read_options,
    write_operator_unit,
    write_options,
)
from nas_tunnel.pco_desk import FORGET_NS, MAX_STRANGERS, Desk, Execute, Reply, answer, forget, hear
from nas_tunnel.pco_purchase import (
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
from tests.nas_tunnel.air import OUTCOME, REFUSED
from tests.nas_tunnel.nas_examples import CAPABILITY, IMSI, LAB
from tests.nas_tunnel.test_pco_purchase import MINE, PURCHASE, TAG
from tests.wire.examples import LEDGER_ID

WHO = b"guti"
LONG = bytes(n % 249 for n in range(600))


def attempts(sale: Sale, lost: Callable[[], bool], limit: int) -> tuple[Sale, Desk, int, int]:
    """Attach attempts until the buyer has its answer; the ledger answers between two of them."""
    desk, executed, count = Desk(), 0, 0
    while sale.answer is None and count < limit:
        count += 1
        sale, container = next_container(sale)
        if lost():
            continue
        desk, said = hear(desk, WHO, container, count)
        for command in said:
            if isinstance(command, Execute):
                executed += 1
                desk = answer(desk, WHO, command.tag, OUTCOME)
            elif not lost():
                sale = buyer_hears(sale, command.container)
    return sale, desk, count, executed


def test_three_attempts() -> None:
    """The purchase in one, its answer of two parts in two more; in the first reject there is no answer yet."""
    sale = begin(PURCHASE, LEDGER_ID, LAB, MINE)
    assert isinstance(sale, Sale)
    sale, _desk, count, executed = attempts(sale, lambda: False, 10)
    assert sale.answer == OUTCOME
    assert (count, executed) == (3, 1)


@given(st.integers(0, 2**32), st.integers(1, 1_195), st.integers(0, 60))
@settings(max_examples=60)
def test_with_loss(seed: int, size: int, percent: int) -> None:
    """Each way a container may be lost: in the end the answer is there, and the transaction was relayed once."""
    chance = random.Random(seed)
    purchase = bytes(n % 251 for n in range(size))
    sale = Sale(purchase, tag_of(purchase))
    sale, _desk, _count, executed = attempts(sale, lambda: chance.random() * 100 < percent, 2_000)
    assert sale.answer == OUTCOME
    assert executed == 1


def test_through_nas() -> None:
    """The whole way: container, operator unit, options, session management, ATTACH REQUEST, and back in a reject."""
    sale = begin(PURCHASE, LEDGER_ID, LAB, MINE)
    assert isinstance(sale, Sale)
    desk, count = Desk(), 0
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
        desk, said = hear(desk, attach.mobile_identity, operators.contents, count)
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


def piece(at: int, size: int = 235, source: bytes = LONG) -> bytes:
    return write_container(Piece(tag_of(LONG), len(LONG), at, source[at : at + size]))


def replies(said: list[object]) -> list[object]:
    return [read_container(command.container) for command in said if isinstance(command, Reply)]


def test_pieces_out_of_order_and_doubled() -> None:
    tag, desk = tag_of(LONG), Desk()
    for at, had in ((235, 0), (0, 235), (0, 235), (470, 235), (235, 470)):
        desk, said = hear(desk, WHO, piece(at), 0)
        assert replies(list(said)) == [Have(tag, had)]
    desk, said = hear(desk, WHO, piece(470), 0)
    assert said[0] == Execute(WHO, tag, LONG)
    desk, said = hear(desk, WHO, piece(0), 0)
    assert replies(list(said)) == [Have(tag, 600)], "no answer yet, and not relayed again"
    assert not any(isinstance(command, Execute) for command in said)


def test_a_purchase_that_is_not_what_its_tag_said() -> None:
    desk, _ = hear(Desk(), WHO, piece(0), 0)
    desk, _ = hear(desk, WHO, piece(235), 0)
    desk, said = hear(desk, WHO, piece(470, source=bytes(600)), 0)
    assert replies(list(said)) == [Have(tag_of(LONG), 0)]
    assert not any(isinstance(command, Execute) for command in said)
    for at in (0, 235):
        desk, _ = hear(desk, WHO, piece(at), 0)
    _desk, said = hear(desk, WHO, piece(470), 0)
    assert isinstance(said[0], Execute), "the honest one begins again"


def test_strangers_do_not_meet() -> None:
    """The same tag from two strangers is two purchases: nobody can spoil another's without its identity."""
    desk, _ = hear(Desk(), b"liar", piece(0, source=bytes(600)), 0)
    for at in (0, 235):
        desk, _ = hear(desk, WHO, piece(at), 0)
    desk, said = hear(desk, WHO, piece(470), 0)
    assert isinstance(said[0], Execute)
    assert desk.counters[b"liar"].received == bytes(235)


def test_an_answer_is_handed_out_again_until_it_is_forgotten() -> None:
    desk, _ = hear(Desk(), WHO, write_container(Piece(TAG, len(PURCHASE), 0, PURCHASE)), 0)
    desk = answer(desk, WHO, TAG, REFUSED)
    for container in (Ask(TAG, 0), Ask(TAG, 9_999), Piece(TAG, len(PURCHASE), 0, PURCHASE)):
        desk, said = hear(desk, WHO, write_container(container), FORGET_NS - 1)
        (part,) = replies(list(said))
        assert isinstance(part, Part)
        assert part.at == 0
    assert forget(desk, 2 * FORGET_NS - 2) is desk
    desk = forget(desk, 2 * FORGET_NS - 1)
    assert desk.counters == {}
    assert replies(list(hear(desk, WHO, write_container(Ask(TAG, 0)), 0)[1])) == [Have(TAG, 0)]


def test_an_answer_for_nobody() -> None:
    desk, _ = hear(Desk(), WHO, piece(0), 0)
    assert answer(desk, b"other", tag_of(LONG), OUTCOME) is desk
    assert answer(desk, WHO, TAG, OUTCOME) is desk


def test_who_came_last_stays() -> None:
    desk = Desk()
    for number in range(MAX_STRANGERS + 50):
        desk, _ = hear(desk, number.to_bytes(2, "big"), piece(0), number)
    assert len(desk.counters) == MAX_STRANGERS
    assert next(iter(desk.counters)) == (50).to_bytes(2, "big")
    desk, _ = hear(desk, (50).to_bytes(2, "big"), piece(235), 1_000)
    desk, _ = hear(desk, b"new", piece(0), 1_001)
    assert (51).to_bytes(2, "big") not in desk.counters
    assert (50).to_bytes(2, "big") in desk.counters


@pytest.mark.parametrize(
    "data", [b"", b"garbage", write_container(Have(TAG, 1)), write_container(Part(TAG, 1, 0, b"x"))]
)
def test_what_no_buyer_says(data: bytes) -> None:
    assert hear(Desk(), WHO, data, 0) == (Desk(dropped=1), [])
