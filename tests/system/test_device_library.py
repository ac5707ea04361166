"""The device on a real cable, inside the sandbox: library and command against the fake access point."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from device.agent_files import load_book
from device.agent_settings import read_agent_settings
from device.choice import Wish
from device.cli import buy as buy_command
from device.connect_cli import connect as connect_command
from device.events import ShowOffer, Source, Tell
from device.fake_access_point import FakeAccessPoint, serve
from device.going import Funds, have
from device.keeping import load_kept
from device.library import Over, PurchaseFailed, Way, buy, rejoin
from device.metered_choice import Want
from device.offers_cli import offers as offers_command
from device.user_agent import run
from device.wallet import Wallet, create_wallet, load_wallet
from nas_tunnel.lobby import Discover, Join, Leave, Purchase
from tests.cable import cable_between
from tests.device.wpa_world import WpaWorld, serving
from wire.errors import ConfigError

pytestmark = pytest.mark.system

WISH = Wish(floor_down_bps=2_000_000, floor_up_bps=500_000)
INTERFACE, OTHER_END = "devsta0", "devap0"


@pytest.fixture(scope="module")
def cable() -> Iterator[None]:
    with cable_between(INTERFACE, OTHER_END):
        yield


@dataclass
class Shop:
    wallet: Wallet
    fake: FakeAccessPoint


@pytest.fixture
def shop(cable: None, tmp_path: Path) -> Iterator[Shop]:
    wallet = create_wallet(tmp_path / "wallet.pem")
    fake = FakeAccessPoint(wallet.account, lambda: int(time.time()))
    stop, stopped = socket.socketpair()
    server = threading.Thread(target=serve, args=(fake, OTHER_END, stopped))
    server.start()
    yield Shop(wallet, fake)
    stop.close()
    server.join(timeout=10)
    stopped.close()
    assert not server.is_alive()


def test_bought_joined_and_left(shop: Shop) -> None:
    seen: list[object] = []
    with buy(shop.wallet, INTERFACE, WISH, seen.append) as session:
        assert session.price_ubc == shop.fake.price_ubc
        assert session.ends_s == session.grant.ends_s
        assert shop.fake.joined == {session.grant.grant_id: session.station}
        assert session.wait(0.05) is False
        session.leave()
        assert session.ended
        session.leave()
    assert shop.fake.joined == {}
    assert [type(message) for message in shop.fake.heard] == [Discover, Purchase, Join, Leave]
    assert {ShowOffer, Tell} <= {type(event) for event in seen}


def test_the_ledger_is_pinned_on_first_use(shop: Shop) -> None:
    buy(shop.wallet, INTERFACE, WISH).close()
    pinned = load_wallet(shop.wallet.path).pinned
    assert pinned is not None
    assert (pinned.key, pinned.ledger_id) == (shop.fake.ledger.public, shop.fake.ledger_id)


def test_coming_back_with_a_grant_costs_nothing(shop: Shop) -> None:
    with buy(shop.wallet, INTERFACE, WISH) as first:
        grant = first.encoded_grant
    with rejoin(load_wallet(shop.wallet.path), INTERFACE, grant) as second:
        assert second.grant == first.grant
        assert second.price_ubc is None
    assert len(shop.fake.grants) == 1


def test_coming_back_needs_a_pinned_ledger(shop: Shop) -> None:
    with pytest.raises(ConfigError, match="no ledger is pinned"):
        rejoin(shop.wallet, INTERFACE, b"")


def test_a_lost_datagram_is_sent_again(shop: Shop) -> None:
    shop.fake.lose = {Discover: 1, Join: 1}
    buy(shop.wallet, INTERFACE, WISH).close()
    assert len(shop.fake.grants) == 1


def test_a_rejection_is_an_exception_that_names_the_rule(shop: Shop) -> None:
    shop.fake.reject = [("insufficient_funds", "0 BC, and 1 BC is wanted")]
    with pytest.raises(PurchaseFailed, match="insufficient_funds: 0 BC") as caught:
        buy(shop.wallet, INTERFACE, WISH)
    assert caught.value.failure.source is Source.LEDGER
    assert caught.value.grant == b""


def test_a_grant_that_was_paid_for_comes_with_the_exception(shop: Shop) -> None:
    shop.fake.refuse = [(Join, "grant_used", "")]
    with pytest.raises(PurchaseFailed, match="grant_used") as caught:
        buy(shop.wallet, INTERFACE, WISH)
    assert caught.value.grant in shop.fake.grants.values()


def test_a_purchase_that_was_refused_in_the_lobby_is_asked_for_first(shop: Shop) -> None:
    """The refusal is not signed; the same bytes, sent again, are what can tell, and no others are."""
    shop.fake.refuse = [(Purchase, "no_capacity", "the air is full")]
    with pytest.raises(PurchaseFailed, match=r"no_capacity.*finds that out") as caught:
        buy(shop.wallet, INTERFACE, WISH)
    (purchase,) = load_kept(load_wallet(shop.wallet.path), int(time.time())).purchases
    assert purchase.transaction_id == caught.value.transaction_id
    with buy(load_wallet(shop.wallet.path), INTERFACE, WISH) as session:
        assert session.transaction_id == purchase.transaction_id
    assert len({message for message in shop.fake.heard if isinstance(message, Purchase)}) == 1
    assert len(shop.fake.grants) == 1


def test_what_may_have_been_charged_is_told_as_such(shop: Shop) -> None:
    shop.fake.refuse = [(Purchase, "no_capacity", "the air is full")]
    want = Want(2_000_000, 500_000, 5, max_price_ubc=2 * shop.fake.price_ubc)
    (stay,) = have(shop.wallet, Way(INTERFACE, Over.LOBBY), want, Funds({}, {}))
    assert (stay.paid_ubc, stay.unknown_ubc, stay.reason) == (0, shop.fake.price_ubc, "no_capacity")
    shop.fake.reject = [("insufficient_funds", "")] * 2
    (stay,) = have(load_wallet(shop.wallet.path), Way(INTERFACE, Over.LOBBY), want, Funds({}, {}))
    assert (stay.paid_ubc, stay.unknown_ubc) == (0, 0), "the ledger signed that nothing was charged"


def test_an_agent_keeps_a_purchase_without_an_answer_reserved_and_pays_once(shop: Shop) -> None:
    text = '[budget]\ncycle = "1.5"\n[applications.video]\nrate = "2M"\ntime = "2s"\nminute = "300"\n'
    settings, way = read_agent_settings(text, Path("agent.toml")), Way(INTERFACE, Over.LOBBY)
    video, path = settings.applications["video"], shop.wallet.path
    shop.fake.refuse = [(Purchase, "no_capacity", "the air is full")]
    first = run(shop.wallet, way, settings, video, 2, Funds({}, {}))
    assert [stay.unknown_ubc for stay in first.stays] == [shop.fake.price_ubc]
    assert [one.most_ubc for one in load_book(path).book.open] == [shop.fake.price_ubc]
    second = run(load_wallet(path), way, settings, video, 2, Funds({}, {}))
    assert second.decided is not None
    assert second.decided.decision.why.endswith("over_envelope"), "what is reserved pays for no other"
    buy(load_wallet(path), way, WISH).close()  # asks what became of it
    third = run(load_wallet(path), way, settings, video, 2, Funds({}, {}))
    assert [(stay.paid_ubc, stay.reason) for stay in third.stays] == [(0, "time_is_up")]
    assert [one.paid_ubc for one in load_book(path).book.settled] == [shop.fake.price_ubc, 0]
    assert len(shop.fake.grants) == 1


def test_the_command_comes_back_with_what_was_paid_for(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.fake.refuse = [(Join, "grant_used", "")]
    argv = ["--wallet", str(shop.wallet.path), "--interface", INTERFACE, "--json"]
    assert buy_command(argv) == 1
    assert bytes.fromhex(json.loads(capsys.readouterr().out)["encoded_grant"]) in shop.fake.grants.values()
    assert buy_command(argv) == 0
    assert json.loads(capsys.readouterr().out)["charged_ubc"] is None
    assert len(shop.fake.grants) == 1


def test_what_is_on_sale_in_the_lobby(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert offers_command(["--interface", INTERFACE, "--over", "lobby", "--json"]) == 0
    (offer,) = json.loads(capsys.readouterr().out)["offers"]
    assert (offer["suitable"], offer["price_ubc"], offer["network"]) == (True, 1_000_000, None)
    assert shop.fake.grants == {}
    shop.fake.refuse = [(Discover, "sold_out", "later")] * 3
    assert offers_command(["--interface", INTERFACE, "--json"]) == 1
    (offer,) = json.loads(capsys.readouterr().out)["offers"]
    assert (offer["suitable"], offer["reason"]) == (False, "sold_out")


def test_who_bought_in_the_lobby_joins_the_paid_network_by_wpa_supplicant(shop: Shop, tmp_path: Path) -> None:
    shop.fake.ssid = b"airgrant"
    world = WpaWorld(tmp_path)
    world.fake.air.add(shop.fake)
    with serving(world, INTERFACE):
        way = Way(INTERFACE, Over.LOBBY, tmp_path)
        with buy(shop.wallet, way, WISH) as session:
            assert session.network is not None
            assert shop.fake.joined == {}
            assert world.fake.air.joined == shop.wallet.account
            session.leave()
        assert world.fake.networks == {}


def test_without_wpa_supplicant_the_grant_is_kept(shop: Shop, tmp_path: Path) -> None:
    shop.fake.ssid = b"airgrant"
    with pytest.raises(PurchaseFailed) as caught:
        buy(shop.wallet, Way(INTERFACE, Over.LOBBY, tmp_path), WISH)
    assert (caught.value.failure.reason, caught.value.failure.source) == ("no_supplicant", Source.MACHINE)
    assert caught.value.grant in shop.fake.grants.values()


def test_garbage_from_the_lobby_changes_nothing(shop: Shop) -> None:
    """Before every answer something that is none, and longer than any datagram of the lobby."""
    shop.fake.babble = b"\xff" * 1_400
    buy(shop.wallet, INTERFACE, WISH).close()
    assert len(shop.fake.grants) == 1


def test_the_command_for_scripts(shop: Shop, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    kept = tmp_path / "grant"
    argv = [
        "--wallet",
        str(shop.wallet.path),
        "--interface",
        INTERFACE,
        "--down",
        "2M",
        "--json",
        "--save",
        str(kept),
    ]
    assert buy_command(argv) == 0
    captured = capsys.readouterr()
    answer = json.loads(captured.out)
    assert answer["ok"] is True
    assert answer["charged_ubc"] == 1_000_000
    assert answer["offers"][0]["suitable"] is True
    assert captured.err == ""
    assert kept.read_bytes() in shop.fake.grants.values()


def test_the_command_for_people(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["--wallet", str(shop.wallet.path), "--interface", INTERFACE, "--down", "2M", "--up", "500k"]
    assert buy_command(argv) == 0
    captured = capsys.readouterr()
    for said in ("bought", "1 BC", "2 Mbit/s", "500 kbit/s", "10 min", "until", "charged"):
        assert said in captured.out
    assert f"trusting the ledger {shop.fake.ledger.public}" in captured.err


@pytest.mark.parametrize(
    ("argv", "status", "reason"),
    [(["--max-price", "0.5"], 1, "nothing_suitable"), (["--at-least", "1d"], 1, "nothing_suitable")],
)
def test_the_answer_is_no(
    shop: Shop, capsys: pytest.CaptureFixture[str], argv: list[str], status: int, reason: str
) -> None:
    common = ["--wallet", str(shop.wallet.path), "--interface", INTERFACE, "--json"]
    assert buy_command([*common, *argv]) == status
    assert json.loads(capsys.readouterr().out)["reason"] == reason


def test_nobody_there_is_the_worlds_fault(
    cable: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wallet = create_wallet(tmp_path / "w.pem")
    assert buy_command(["--wallet", str(wallet.path), "--interface", INTERFACE, "--json"]) == 3
    answer = json.loads(capsys.readouterr().out)
    assert (answer["reason"], answer["source"]) == ("no_access_point", "network")
    assert "Is the interface up" in answer["detail"]


def test_connect_in_the_lobby(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    """A cable: a grant is bought and joined with, for as long as is wanted, and left."""
    words = ["2M/500k for 2s", "--wallet", str(shop.wallet.path), "--interface", INTERFACE, "--json"]
    assert connect_command(words) == 0
    receipt = json.loads(capsys.readouterr().out)
    assert [(one["manner"], one["reason"]) for one in receipt["stays"]] == [("grant", "time_is_up")]
    assert receipt["paid_ubc"] == shop.fake.price_ubc
    assert shop.fake.joined == {}, "it has left"
    assert connect_command([*words, "--over", "lobby"]) == 0
    assert json.loads(capsys.readouterr().out)["paid_ubc"] == 0, "it comes back with what was paid for"
