"""2 Mbit/s for some seconds: by the cheaper of two access points, and by the other when the first does not serve."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from device.choice import PinnedLedger
from device.events import Tell
from device.experience import load_reputation
from device.going import Chose, Funds, Looked, News, Paid, Prefer, Stay, have
from device.library import Over, Way
from device.metered_choice import Manner, Want
from device.purse import load_channel
from device.wallet import Wallet
from tests.device.metered_seller import DEPOSIT_UBC, INCREMENT_UBC, LEDGER, LEDGER_ID, Seller
from tests.device.playbook import BUYER
from tests.device.wpa_world import INTERFACE, WpaWorld, running


@pytest.fixture
def world() -> Iterator[WpaWorld]:
    with running() as made:
        yield made


def test_it_moves_on_to_the_next_access_point_and_loses_one_increment(
    world: WpaWorld, tmp_path: Path
) -> None:
    wallet = Wallet(tmp_path / "w.pem", BUYER, PinnedLedger(LEDGER.public, LEDGER_ID))
    cheap, dear = Seller(world, 1, 60_000, silent=True), Seller(world, 2, 120_000, silent=False)
    with ExitStack() as open_ones:
        for one in (cheap, dear):
            open_ones.enter_context(one.open())
        funds = Funds({one.key.public: DEPOSIT_UBC for one in (cheap, dear)}, {})
        way = Way(INTERFACE, Over.AIR, world.folder)
        stays = have(wallet, way, Want(0, 0, 5), funds)
    assert [(stay.bssid, stay.manner) for stay in stays] == [
        (cheap.bssid, Manner.METERED), (dear.bssid, Manner.METERED),
    ]  # fmt: skip
    assert [stay.reason for stay in stays] == ["not_served", "time_is_up"]
    assert stays[0].paid_ubc == INCREMENT_UBC
    assert stays[1].paid_ubc >= 2 * INCREMENT_UBC
    assert load_channel(wallet.path, cheap.instance, cheap.key.public, DEPOSIT_UBC).lost == 1
    assert dear.book.channels[BUYER.public].paid_ubc == stays[1].paid_ubc


def test_where_nobody_sells_nothing_is_had(world: WpaWorld, tmp_path: Path) -> None:
    wallet = Wallet(tmp_path / "w.pem", BUYER)
    assert have(wallet, Way(INTERFACE, Over.AIR, world.folder), Want(0, 0, 2), Funds({}, {})) == []


def test_what_it_does_is_told_and_no_more_is_paid_than_may_be_in_all(world: WpaWorld, tmp_path: Path) -> None:
    """The first takes an increment and does not serve; what is left does not pay for the second."""
    wallet = Wallet(tmp_path / "w.pem", BUYER, PinnedLedger(LEDGER.public, LEDGER_ID))
    cheap, dear = Seller(world, 1, 60_000, silent=True), Seller(world, 2, 120_000)
    news: list[News] = []
    with ExitStack() as open_ones:
        for one in (cheap, dear):
            open_ones.enter_context(one.open())
        funds = Funds({one.key.public: DEPOSIT_UBC for one in (cheap, dear)}, {})
        want = Want(0, 0, 5, max_price_ubc=5 * INCREMENT_UBC)
        stays = have(wallet, Way(INTERFACE, Over.AIR, world.folder), want, funds, tell=news.append)
    assert [(stay.reason, stay.paid_ubc) for stay in stays] == [("not_served", INCREMENT_UBC)]
    assert [type(one) for one in news] == [Looked, Chose, Paid, Stay, Looked]
    chose = news[1]
    assert isinstance(chose, Chose)
    assert chose.why == "0.005 BC for what is left, the only way"


@pytest.mark.parametrize(
    ("prefer", "manner"), [(Prefer.GRANT, Manner.GRANT), (Prefer.CHEAPEST, Manner.METERED)]
)
def test_a_grant_comes_first_where_it_is_preferred(
    world: WpaWorld, tmp_path: Path, prefer: Prefer, manner: Manner
) -> None:
    path = tmp_path / "w.pem"
    path.write_bytes(BUYER.to_pem())
    wallet = Wallet(path, BUYER, PinnedLedger(LEDGER.public, LEDGER_ID))
    seller = Seller(world, 1, 60_000, price_ubc=900_000)
    with seller.open():
        funds = Funds({seller.key.public: DEPOSIT_UBC}, {})
        stays = have(wallet, Way(INTERFACE, Over.AIR, world.folder), Want(0, 0, 2), funds, prefer=prefer)
    assert [(stay.manner, stay.reason) for stay in stays] == [(manner, "time_is_up")]
    assert stays[0].paid_ubc == (900_000 if manner is Manner.GRANT else 2 * INCREMENT_UBC)


def test_who_cheated_once_is_not_the_cheapest_the_next_time_and_the_screen_says_why(
    world: WpaWorld, tmp_path: Path
) -> None:
    wallet = Wallet(tmp_path / "w.pem", BUYER, PinnedLedger(LEDGER.public, LEDGER_ID))
    cheap, dear = Seller(world, 1, 60_000, silent=True), Seller(world, 2, 120_000)
    with ExitStack() as open_ones:
        for one in (cheap, dear):
            open_ones.enter_context(one.open())
        funds = Funds({one.key.public: DEPOSIT_UBC for one in (cheap, dear)}, {})
        way, news = Way(INTERFACE, Over.AIR, world.folder), list[News]()
        first = have(wallet, way, Want(0, 0, 5, max_price_ubc=5 * INCREMENT_UBC), funds)
        second = have(wallet, way, Want(0, 0, 2), funds, tell=news.append)
    assert [(stay.bssid, stay.reason) for stay in first] == [(cheap.bssid, "not_served")]
    assert [(stay.bssid, stay.reason) for stay in second] == [(dear.bssid, "time_is_up")]
    why = next(one.why for one in news if isinstance(one, Chose))
    assert why == (
        "0.004 BC for what is left, the best of 4 ways; "
        f"{cheap.bssid} asks 0.002 BC, served as promised 16 % (0 of 1 sessions of ours)"
    )
    known = load_reputation(wallet.path).sellers
    assert sorted((one.own_sessions, one.own_completed) for one in known.values()) == [(1, 0), (1, 1)]


def test_a_ledger_that_is_away_is_gone_without(world: WpaWorld, tmp_path: Path) -> None:
    wallet = Wallet(tmp_path / "w.pem", BUYER, PinnedLedger(LEDGER.public, LEDGER_ID))
    seller, told = Seller(world, 1, 60_000), list[str]()
    with seller.open():
        funds = Funds({seller.key.public: DEPOSIT_UBC}, {}, "http://127.0.0.1:1")
        way = Way(INTERFACE, Over.AIR, world.folder)
        stays = have(
            wallet,
            way,
            Want(0, 0, 2),
            funds,
            lambda one: told.append(one.text) if isinstance(one, Tell) else None,
        )
    assert [stay.reason for stay in stays] == ["time_is_up"]
    assert "choosing without what others say: http://127.0.0.1:1" in told[0]
