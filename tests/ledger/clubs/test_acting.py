"""The rules of clubs, one row for each reason in the order of precedence; and what founding and spending do."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.clubs.acting import act_in_club, club_parties, read_club
from ledger.clubs.entries import Club, club_key
from ledger.contract import Applied
from ledger.entries import Account, account_key, write_entry
from ledger.rejection import Reason, Rejected
from ledger.state import CHANGE_LOOKS, Draft
from market.tokens.quantum import CARRIER, PAPER_TOKENS
from tests.ledger_world import ALICE, BOB, CAROL, PROVIDER, World
from wire.club_actions import MAX_MEMBERS, ClubAction, FoundClub, SpendTokens
from wire.create import Create
from wire.keys import PrivateKey
from wire.units import U63_MAX

THREE = [ALICE, BOB, PROVIDER]


def found(*members: PrivateKey, number: int = 1, tokens: int = 600, quantum_khz_s: int = 18_000) -> FoundClub:
    keys = b"".join(member.public.octets for member in members or THREE)
    return FoundClub(number, quantum_khz_s, tokens, keys)


def spend(tokens: int, number: int = 1, founder: PrivateKey = PROVIDER) -> SpendTokens:
    return SpendTokens(founder.public, number, tokens)


def club_of(world: World, number: int = 1, founder: PrivateKey = PROVIDER) -> Club:
    club = read_club(world.state, founder.public, number)
    assert club is not None
    return club


def founded(world: World) -> World:
    world.must(found(), PROVIDER)
    return world


def broke(world: World) -> World:
    founded(world).must(spend(600), ALICE)
    return world


def with_carol(world: World) -> World:
    founded(world).must(Create(CAROL.public), CAROL)
    return world


def collided(world: World) -> World:
    """The club is another key's with the same key id: nobody can find such a key today, so it is put there."""
    club = club_of(founded(world))
    world.state.entries[club_key(PROVIDER.public.key_id, 1)] = Club(
        BOB.public.octets, club.quantum_khz_s, club.tokens, club.members, club.balances, club.owed
    )
    return world


@dataclass(frozen=True)
class Row:
    """In a world after `setting`, `action` signed by `key` is rejected for `reason`."""

    reason: Reason
    key: PrivateKey
    action: ClubAction
    setting: Callable[[World], World] = lambda world: world
    note: str = ""


ROWS = [
    Row(Reason.UNKNOWN_ACCOUNT, PROVIDER, found(CAROL, tokens=0), founded),
    Row(Reason.AMOUNT_NOT_POSITIVE, PROVIDER, found(ALICE, tokens=0), founded),
    Row(Reason.AMOUNT_NOT_POSITIVE, CAROL, spend(0, number=9), with_carol),
    Row(Reason.AMOUNT_OVERFLOW, PROVIDER, found(ALICE, ALICE, tokens=U63_MAX), founded),
    Row(Reason.CLUB_EXISTS, PROVIDER, found(ALICE), founded),
    Row(Reason.CLUB_TOO_SMALL, PROVIDER, found(ALICE), note="n = 1 divides by zero (T2)"),
    Row(Reason.DUPLICATE_MEMBER, PROVIDER, found(ALICE, BOB, ALICE)),
    Row(Reason.NO_SUCH_CLUB, CAROL, spend(601, number=2), with_carol, "another number"),
    Row(Reason.NO_SUCH_CLUB, ALICE, spend(601, founder=ALICE), founded, "another founder"),
    Row(Reason.NO_SUCH_CLUB, ALICE, spend(601), collided, "another founder with the same key id"),
    Row(Reason.NOT_A_MEMBER, CAROL, spend(601), with_carol),
    Row(Reason.TOO_FEW_TOKENS, PROVIDER, found(tokens=1), note="all of them could come to be owed"),
    Row(Reason.TOO_FEW_TOKENS, ALICE, spend(601), founded),
    Row(Reason.TOO_FEW_TOKENS, ALICE, spend(1), broke, "nothing is left"),
    Row(Reason.TOO_FEW_TOKENS, BOB, spend(U63_MAX), broke),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.reason.text} {row.note}".strip())
def test_a_broken_rule_is_named_and_changes_nothing(row: Row) -> None:
    world = row.setting(World())
    outcome = world.run(world.sign(row.action, row.key))
    assert isinstance(outcome, Rejected), outcome
    assert outcome.reason is row.reason, outcome.detail


def test_every_reason_of_clubs_has_a_row_and_the_rows_are_in_its_order() -> None:
    order = [row.reason for row in ROWS]
    own = {reason for reason in Reason if Reason.CLUB_EXISTS <= reason <= Reason.TOO_FEW_TOKENS}
    assert own | {Reason.UNKNOWN_ACCOUNT, Reason.AMOUNT_NOT_POSITIVE, Reason.AMOUNT_OVERFLOW} == set(order)
    assert order == sorted(order)


def test_what_is_spent_goes_to_the_others_in_equal_parts_and_the_rest_is_owed() -> None:
    world = founded(World())
    assert club_of(world) == Club(
        PROVIDER.public.octets, 18_000, 600, found().member_keys, (600, 600, 600), (0, 0, 0)
    )
    for member, tokens, balances, owed in (
        (ALICE, 101, (499, 650, 650), (1, 0, 0)),
        (BOB, 3, (500, 647, 651), (1, 1, 0)),
        (ALICE, 1, (499, 648, 652), (0, 1, 0)),
        (PROVIDER, 652, (825, 974, 0), (0, 1, 0)),
        (BOB, 973, (1_312, 1, 487), (0, 0, 0)),
    ):
        world.must(spend(tokens), member)
        club = club_of(world)
        assert (club.balances, club.owed) == (balances, owed)
        assert sum(club.balances) + sum(club.owed) == 1_800


def test_two_members_and_the_papers_tokens() -> None:
    """Fig. 4: their balances mirror each other."""
    world = World()
    world.must(found(ALICE, BOB, tokens=PAPER_TOKENS // 2, quantum_khz_s=CARRIER.khz_s), PROVIDER)
    world.must(spend(CARRIER.charge(540_000, 10_000)), ALICE)
    assert club_of(world).balances == (600, 1_200)
    world.must(spend(CARRIER.charge(540_000, 10_000)), BOB)
    assert club_of(world).balances == (900, 900)


def test_clubs_of_one_founder_and_members_of_several() -> None:
    world = founded(World())
    world.must(found(ALICE, BOB, number=255, tokens=7), PROVIDER)
    world.must(found(ALICE, BOB, number=255, tokens=9), ALICE)
    world.must(spend(7, number=255), BOB)
    assert club_of(world, 255).balances == (14, 0)
    assert club_of(world, 255, ALICE).balances == (9, 9)
    assert club_of(world).balances == (600,) * 3


def test_a_founder_need_not_be_a_member_and_money_has_nothing_to_do_with_it() -> None:
    world = World()
    balances = [world.balance(key) for key in (ALICE, BOB, PROVIDER)]
    world.must(found(ALICE, BOB), PROVIDER)
    assert world.do(spend(1), PROVIDER) is Reason.NOT_A_MEMBER
    world.must(spend(600), ALICE)
    assert [world.balance(key) for key in (ALICE, BOB, PROVIDER)] == balances


def test_the_largest_club_and_the_largest_stock() -> None:
    world = World()
    members = [PrivateKey.from_secret(1_000 + number) for number in range(MAX_MEMBERS)]
    for member in members:
        world.state.entries[account_key(member.public.key_id)] = Account(member.public.octets, 0)
    most = U63_MAX // MAX_MEMBERS
    assert world.do(found(*members, tokens=most + 1), PROVIDER) is Reason.AMOUNT_OVERFLOW
    world.must(found(*members, tokens=most), PROVIDER)
    for member in members[:5]:
        world.must(spend(most), member)
    club = club_of(world)
    assert sum(club.balances) + sum(club.owed) == most * MAX_MEMBERS
    assert len(write_entry(club)) < 2_900


def test_a_spending_looks_at_one_club_and_writes_one() -> None:
    world = founded(World())
    draft = Draft(world.state)
    outcome = world.run(world.sign(spend(5), ALICE))
    assert isinstance(outcome, Applied)
    assert set(outcome.changes) == {club_key(PROVIDER.public.key_id, 1)}
    assert act_in_club(draft, ALICE.public, spend(5)) is None
    assert draft.tally.looks == 1 + CHANGE_LOOKS


@settings(deadline=None, max_examples=30)
@given(count=st.integers(2, 8), tokens=st.integers(7, 60), seed=st.integers(0, 10_000))
def test_no_row_of_spendings_makes_or_loses_a_token(count: int, tokens: int, seed: int) -> None:
    world, chance = World(), random.Random(seed)
    members = [PrivateKey.from_secret(1_000 + number) for number in range(count)]
    for member in members:
        world.state.entries[account_key(member.public.key_id)] = Account(member.public.octets, 0)
    world.must(found(*members, tokens=tokens), PROVIDER)
    for _ in range(12):
        spender, spent = chance.randrange(count), chance.randrange(1, 2 * tokens)
        club = club_of(world)
        before, owed = club.balances, sum(club.owed)
        rejected = world.do(spend(spent), members[spender])
        club = club_of(world)
        after = club.balances
        assert (rejected is Reason.TOO_FEW_TOKENS) == (spent > before[spender])
        assert sum(after) + sum(club.owed) == count * tokens
        assert min(after) >= 0
        assert max(after) > 0
        assert 0 <= min(club.owed) <= max(club.owed) < count - 1 or not any(club.owed)
        if rejected is None:
            got = [
                now - then for k, (now, then) in enumerate(zip(after, before, strict=True)) if k != spender
            ]
            assert before[spender] - after[spender] == spent
            assert sum(got) + sum(club.owed) - owed == spent
            assert max(got) == min(got)


def test_whom_it_concerns() -> None:
    assert club_parties(found(ALICE, BOB)) == ()
    assert club_parties(spend(1)) == (PROVIDER.public,)
