"""What a device knows of sellers, whose word counts for it, and what it says of that."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.reputation import (
    MAX_SELLERS,
    MAX_TOLD_AGE_S,
    MAX_TRUSTED,
    Reputation,
    Seller,
    Told,
    explain,
    hear,
    note_stay,
    publishers_for,
    read_reputation,
    score_of,
    write_reputation,
)
from market.reliability import UNKNOWN
from wire.errors import DecodeError
from wire.ids import PublicKey
from wire.keys import PrivateKey
from wire.usage_totals import UsageTotals

NOW_S = 1_800_000_000
SELLER, OPERATOR, HOLDER, CHOSEN, STRANGER = (PrivateKey.from_secret(n).public for n in range(31, 36))
KNOWN = Reputation(trusted=(CHOSEN,))


def told(publisher: PublicKey, sessions: int, completed: int, known: Reputation = KNOWN) -> Reputation:
    return hear(known, SELLER, publisher, UsageTotals(NOW_S, sessions, completed, 0, 0), NOW_S)


def ppm(known: Reputation, now_s: int = NOW_S) -> int:
    return score_of(known, SELLER, OPERATOR, [HOLDER], now_s).ppm


@pytest.mark.parametrize(
    ("publisher", "score"),
    [
        (CHOSEN, 954_545),
        (HOLDER, 954_545),
        (OPERATOR, 833_333),
        (SELLER, 833_333),
        (STRANGER, 500_000),
    ],
)
def test_whose_praise_is_worth_how_much(publisher: PublicKey, score: int) -> None:
    """Chosen, with a deposit of ours, its operator, itself, anybody."""
    assert ppm(told(publisher, 1_000, 1_000)) == score


def test_an_operator_with_a_deposit_of_ours_still_earns_by_its_own_sellers() -> None:
    assert score_of(told(OPERATOR, 100, 100), SELLER, OPERATOR, [OPERATOR], NOW_S).ppm == 833_333
    assert score_of(told(OPERATOR, 100, 100), SELLER, HOLDER, [OPERATOR], NOW_S).ppm == 954_545


def test_one_s_own_sessions_count_most() -> None:
    known = note_stay(KNOWN, SELLER, NOW_S, served=False)
    assert ppm(known) == 166_666
    assert ppm(note_stay(known, SELLER, NOW_S, served=True)) == 500_000
    assert ppm(told(CHOSEN, 10, 10, known)) == 11 * 10**6 // 16


def test_what_was_told_long_ago_is_not_believed() -> None:
    known = told(CHOSEN, 10, 0)
    assert ppm(known) < 500_000
    assert ppm(known, NOW_S + MAX_TOLD_AGE_S) < 500_000
    assert ppm(known, NOW_S + MAX_TOLD_AGE_S + 1) == 500_000


def test_what_is_known_is_explained() -> None:
    known = told(CHOSEN, 60, 57, note_stay(KNOWN, SELLER, NOW_S, served=True))
    made = score_of(known, SELLER, OPERATOR, [], NOW_S)
    assert explain(made) == "served as promised 92 % (1 of 1 sessions of ours, 57 of 60 told by 1)"
    assert explain(UNKNOWN) == "served as promised 50 % (nothing is known of it)"


def test_few_are_asked_and_the_seller_s_own_operator_among_them() -> None:
    many = [PrivateKey.from_secret(n).public for n in range(40, 60)]
    asked = publishers_for(Reputation(trusted=(CHOSEN,)), [*many, CHOSEN], OPERATOR)
    assert asked[:2] == [OPERATOR, CHOSEN]
    assert len(asked) == MAX_TRUSTED + 1
    assert publishers_for(Reputation(), [], None) == []


def test_the_seller_that_was_not_met_for_longest_is_forgotten() -> None:
    sellers = {PublicKey(b"\x02" + n.to_bytes(32, "big")): Seller(at_s=n + 1) for n in range(MAX_SELLERS)}
    known = note_stay(Reputation(sellers), SELLER, NOW_S, served=True)
    assert len(known.sellers) == MAX_SELLERS
    assert SELLER in known.sellers
    assert min(one.at_s for one in known.sellers.values()) == 2


COUNTS = st.integers(0, 2**40).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))


@given(COUNTS, COUNTS, st.integers(0, 2**40))
def test_it_comes_back_from_the_disk_as_it_was(
    own: tuple[int, int], other: tuple[int, int], at_s: int
) -> None:
    seller = Seller(*own, at_s, {CHOSEN: Told(*other, at_s)})
    known = Reputation({SELLER: seller, HOLDER: Seller()}, (CHOSEN, STRANGER))
    assert read_reputation(write_reputation(known)) == known


@pytest.mark.parametrize(
    "data",
    [
        b"", b"[]", b"{}", b"\xff", b'{"sellers": {"x": {}}, "trusted": []}', b'{"sellers": {}, "trusted": [1]}',
        b"[" * 5_000,
    ],
)  # fmt: skip
def test_what_is_damaged_is_refused(data: bytes) -> None:
    with pytest.raises(DecodeError, match="reputation"):
        read_reputation(data)


@given(
    st.dictionaries(
        st.sampled_from(["own", "at_s", "told"]), st.none() | st.integers() | st.lists(st.integers())
    )
)
def test_a_damaged_seller_is_refused(page: dict[str, object]) -> None:
    data = json.dumps({"sellers": {str(SELLER): page}, "trusted": []}).encode()
    with pytest.raises(DecodeError, match="reputation"):
        read_reputation(data)
