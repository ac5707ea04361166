"""The actions of clubs on the wire beside what holds for every message: codes, limits, and lists of members."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.wire.examples import CONSUMER, LEDGER_ID, MESSAGES, OPERATOR, PROVIDER, resign_payload
from wire.club_actions import (
    MAX_CLUB_NUMBER,
    MAX_MEMBERS,
    ClubCode,
    FoundClub,
    SpendTokens,
    write_club_action,
)
from wire.errors import DecodeError
from wire.payplace_actions import PayplaceCode
from wire.transaction import read_transaction
from wire.units import U32_MAX, U63_MAX

TWO = PROVIDER.public.octets + CONSUMER.public.octets


def test_each_has_its_code_after_payplaces() -> None:
    found, spend = FoundClub(0, 1, 0, TWO), SpendTokens(OPERATOR.public, 0, 0)
    assert [write_club_action(action)[0] for action in (found, spend)] == list(ClubCode)
    assert (
        [int(code) for code in ClubCode]
        == [27, 28]
        == [int(max(PayplaceCode)) + 1, int(max(PayplaceCode)) + 2]
    )


def test_members_are_keys_in_the_order_of_the_list() -> None:
    assert FoundClub(1, 1, 1, TWO).members == [PROVIDER.public, CONSUMER.public]
    assert (
        FoundClub(MAX_CLUB_NUMBER, U32_MAX, U63_MAX, TWO[:33] * MAX_MEMBERS).members == [PROVIDER.public] * 64
    )


REFUSED: list[Callable[[], object]] = [
    lambda: FoundClub(-1, 1, 1, TWO),
    lambda: FoundClub(MAX_CLUB_NUMBER + 1, 1, 1, TWO),
    lambda: FoundClub(1, 0, 1, TWO),
    lambda: FoundClub(1, U32_MAX + 1, 1, TWO),
    lambda: FoundClub(1, 1, -1, TWO),
    lambda: FoundClub(1, 1, U63_MAX + 1, TWO),
    lambda: FoundClub(1, 1, 1, b""),
    lambda: FoundClub(1, 1, 1, TWO[:-1]),
    lambda: FoundClub(1, 1, 1, b"\x04" + TWO[1:]),
    lambda: FoundClub(1, 1, 1, TWO[:33] * (MAX_MEMBERS + 1)),
    lambda: SpendTokens(OPERATOR.public, MAX_CLUB_NUMBER + 1, 1),
    lambda: SpendTokens(OPERATOR.public, 1, -1),
    lambda: SpendTokens(OPERATOR.public, 1, U63_MAX + 1),
]


@pytest.mark.parametrize("make", REFUSED)
def test_what_is_out_of_bounds_is_refused_where_it_is_made(make: Callable[[], object]) -> None:
    with pytest.raises(DecodeError):
        make()


@pytest.mark.parametrize(
    ("name", "changes", "why"),
    [
        ("found_club", {7: b""}, "are not 1 to 64 public keys"),
        ("found_club", {7: TWO + b"\x02"}, "are not 1 to 64 public keys"),
        ("found_club", {7: TWO * 33}, "at most 2112 are accepted"),
        ("found_club", {7: bytes(33)}, "not a compressed public key"),
        ("found_club", {4: 256}, "number is 256"),
        ("found_club", {5: 0}, "quantum_khz_s is 0"),
        ("spend_tokens", {3: bytes(33)}, "founder"),
        ("spend_tokens", {4: 256}, "number is 256"),
        ("spend_tokens", {5: 1}, "unknown and critical"),
        ("spend_tokens", {0: 29}, "action is none of"),
    ],
)
def test_what_is_read_is_held_to_the_same(name: str, changes: dict[int, object], why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        read_transaction(resign_payload(MESSAGES[name], changes), LEDGER_ID)
