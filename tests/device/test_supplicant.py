"""Whole purchases over a control socket, a fake air behind it: the loop, the socket, blobs, and what is left behind."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_der_private_key

from device.events import Associate, AssociationFailed, Obstacle, PinLedger, ShowOffer, Source, Tell
from device.fake_wpa import FakeNetwork
from device.library import AIR_SETTINGS, Over, PurchaseFailed, Session, Way, buy, leave_network, rejoin
from device.membership import ANCHOR_BLOB, CERTIFICATE_BLOB, KEY_BLOB
from device.retry import Backoff
from device.supplicant import Supplicant
from device.wallet import Wallet, load_wallet
from tests.device.playbook import BUYER, WISH
from tests.device.wpa_world import INTERFACE, SSID, WpaWorld, own_sockets, running, serving
from wire.errors import ShellError
from wire.ids import MacAddress
from wire.keys import PrivateKey
from wire.network import Network

QUICK = replace(
    AIR_SETTINGS,
    discover=Backoff(200, 200, 2),
    associate=Backoff(20, 40, 4),
    attempt_ms=500,
    absence_ms=300,
)


@pytest.fixture
def world() -> Iterator[WpaWorld]:
    with running() as world:
        yield world
    assert own_sockets() == set()


@pytest.fixture
def wallet(tmp_path: Path) -> Wallet:
    path = tmp_path / "w.pem"
    path.write_bytes(BUYER.to_pem())
    path.chmod(0o600)
    return load_wallet(path)


def way(world: WpaWorld, over: Over = Over.AIR) -> Way:
    return Way(INTERFACE, over, world.folder)


def test_a_purchase_over_the_air(world: WpaWorld, wallet: Wallet) -> None:
    cell = world.add()
    said: list[ShowOffer | Tell | PinLedger] = []
    with buy(wallet, way(world), WISH, said.append, QUICK) as session:
        assert session.encoded_grant in cell.shop.grants.values()
        assert session.network is not None
        assert (session.network.ssid, session.bssid) == (SSID, cell.shop.bssid)
        assert world.fake.air.joined == BUYER.public
        assert not session.ended
        session.leave()
        assert session.ended
    assert world.fake.networks == {}
    assert any(isinstance(one, ShowOffer) for one in said)
    texts = [one.text for one in said if isinstance(one, Tell)]
    assert texts[-2:] == [f"joined at {cell.shop.bssid}", "left"]


def test_wpa_supplicant_never_sees_the_wallet_s_key(world: WpaWorld, wallet: Wallet) -> None:
    world.add()
    with buy(wallet, way(world), WISH, settings=QUICK) as session:
        blobs = dict(world.fake.blobs)
        secret = wallet.key.key.private_numbers().private_value.to_bytes(32, "big").hex()
        assert not any(secret in command for command in world.fake.heard)
        certificate = x509.load_der_x509_certificate(blobs[CERTIFICATE_BLOB])
        key = load_der_private_key(blobs[KEY_BLOB], None)
        assert certificate.public_key() == key.public_key()
        wallet.key.key.public_key()
        certificate.verify_directly_issued_by(account_certificate(BUYER))
        starts, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        assert starts.timestamp() < session.grant.starts_s - 3_600
        assert session.grant.ends_s < ends.timestamp() <= session.grant.ends_s + 3_600
        session.leave()
    assert world.fake.blobs[KEY_BLOB] == b""


def account_certificate(account: PrivateKey) -> x509.Certificate:
    from wire.account_certificate import write_anchor

    return x509.load_der_x509_certificate(write_anchor(account.public))


def test_the_only_anchor_is_the_operator_s(world: WpaWorld, wallet: Wallet) -> None:
    cell = world.add()
    with buy(wallet, way(world), WISH, settings=QUICK) as session:
        anchor = x509.load_der_x509_certificate(world.fake.blobs[ANCHOR_BLOB])
        assert anchor.public_key() == cell.shop.operator.key.public_key()
        (network,) = world.fake.networks.values()
        assert network.settings["ca_cert"] == f'"blob://{ANCHOR_BLOB}"'
        assert network.settings["identity"] == '"anonymous@airgrant"'
        session.leave()


def test_what_was_there_before_is_put_back(world: WpaWorld, wallet: Wallet) -> None:
    world.add()
    world.fake.networks = {0: FakeNetwork(enabled=True), 1: FakeNetwork(), 4: FakeNetwork(enabled=True)}
    with buy(wallet, way(world), WISH, settings=QUICK) as session:
        assert [n for n, network in world.fake.networks.items() if network.enabled] == [5]
        session.leave()
    assert {n: network.enabled for n, network in world.fake.networks.items()} == {
        0: True,
        1: False,
        4: True,
    }


def test_a_session_outlives_its_process_and_another_may_end_it(world: WpaWorld, wallet: Wallet) -> None:
    world.add()
    world.fake.networks = {0: FakeNetwork(enabled=True)}
    buy(wallet, way(world), WISH, settings=QUICK).close()
    assert [network.enabled for network in world.fake.networks.values()] == [False, True]
    assert leave_network(way(world))
    assert {n: network.enabled for n, network in world.fake.networks.items()} == {0: True}
    assert not leave_network(way(world))


def test_buying_anew_takes_the_place_of_the_old_network(world: WpaWorld, wallet: Wallet) -> None:
    world.add()
    world.fake.networks = {0: FakeNetwork(enabled=True)}
    buy(wallet, way(world), WISH, settings=QUICK).close()
    with buy(load_wallet(wallet.path), way(world), WISH, settings=QUICK) as session:
        assert len(world.fake.networks) == 2
        session.leave()
    assert {n: network.enabled for n, network in world.fake.networks.items()} == {0: True}


def test_a_grant_that_was_paid_for_lets_in_again(world: WpaWorld, wallet: Wallet) -> None:
    cell = world.add()
    with buy(wallet, way(world), WISH, settings=QUICK) as session:
        grant = session.encoded_grant
        session.leave()
    with rejoin(load_wallet(wallet.path), way(world), grant, settings=QUICK) as again:
        assert again.price_ubc is None
        again.leave()
    assert len(cell.shop.grants) == 1


def test_roaming_goes_on_and_being_left_ends(world: WpaWorld, wallet: Wallet) -> None:
    near = world.add(1)
    with buy(wallet, way(world), WISH, settings=QUICK) as session:
        (network,) = world.fake.networks.values()
        assert network.settings["bssid"] == "any"
        far = world.add(2, signal_dbm=-20, provider=near.shop.provider, operator=near.shop.operator)
        world.fake.lose_link(2)
        world.fake.associate()
        session.wait(0.5)
        assert (session.ended, session.bssid) == (False, far.shop.bssid)
        world.fake.lose_link(2)
        assert session.wait(10)
    assert world.fake.networks == {}


def test_who_is_in_already_goes_out_to_buy_and_comes_in_again(world: WpaWorld, wallet: Wallet) -> None:
    """As a monitor interface hears nothing of what an associated station asks under the protection of its link."""
    cell = world.add()
    buy(wallet, way(world), WISH, settings=QUICK).close()
    buy(load_wallet(wallet.path), way(world), WISH, settings=QUICK).close()
    assert (len(cell.shop.grants), len(world.fake.networks)) == (2, 1)
    assert world.fake.bssid == cell.shop.bssid


def test_who_went_out_to_buy_and_did_not_comes_in_again(world: WpaWorld, wallet: Wallet) -> None:
    cell = world.add()
    buy(wallet, way(world), WISH, settings=QUICK).close()
    cell.shop.reject = [("insufficient_funds", "")]
    with pytest.raises(PurchaseFailed):
        buy(load_wallet(wallet.path), way(world), WISH, settings=QUICK)
    assert world.fake.bssid == cell.shop.bssid


def test_the_other_attempts_are_not_pinned(world: WpaWorld, wallet: Wallet) -> None:
    world.add()
    world.fake.air.reject_joins = 1
    buy(wallet, way(world), WISH, settings=QUICK).close()
    pins = [command.split(" ")[-1] for command in world.fake.heard if " bssid " in command]
    assert pins == ["02:00:00:00:00:01", "any", "any"]


@pytest.mark.parametrize(
    ("fault", "reason", "source", "said"),
    [
        ("reject_joins", "rejected", Source.OPERATOR, "the operator's server said no"),
        ("strange_server", "unknown_authority", Source.DEVICE, "is not of the operator"),
    ],
)
def test_why_it_was_not_let_in(
    world: WpaWorld, wallet: Wallet, fault: str, reason: str, source: Source, said: str
) -> None:
    world.add()
    setattr(world.fake.air, fault, 1_000)
    with pytest.raises(PurchaseFailed) as caught:
        buy(wallet, way(world), WISH, settings=QUICK)
    failure = caught.value.failure
    assert (failure.reason, failure.source) == (reason, source)
    assert said in failure.detail
    assert caught.value.grant
    assert world.fake.networks == {}


def test_a_network_that_went_away(world: WpaWorld, wallet: Wallet) -> None:
    cell = world.add()

    def vanish(_query, response: bytes) -> bytes:
        if cell.shop.grants:
            cell.shop.ssid = b"other"
        return response

    cell.alter_response = vanish
    with pytest.raises(PurchaseFailed) as caught:
        buy(wallet, way(world), WISH, settings=QUICK)
    assert caught.value.failure.reason == "no_answer"
    assert "not in range" in caught.value.failure.detail


def test_a_key_that_wpa_supplicant_cannot_use(world: WpaWorld) -> None:
    world.fake.fail = {"ADD_NETWORK": "FAIL\n"}
    network = Network(MacAddress(b"\x02\0\0\0\0\x01"), SSID, BUYER.public, 2**40)
    with Supplicant(world.path) as supplicant:
        (failed,) = supplicant.associate(Associate(network, 0, 2**62, pinned=True), BUYER)
    assert isinstance(failed, AssociationFailed)
    assert failed.obstacle is Obstacle.NO_SUPPLICANT
    assert "ADD_NETWORK: FAIL" in failed.detail


def test_a_network_that_is_half_made_is_removed(world: WpaWorld) -> None:
    world.fake.fail = {"SET_NETWORK": "FAIL\n"}
    network = Network(MacAddress(b"\x02\0\0\0\0\x01"), SSID, BUYER.public, 2**40)
    with Supplicant(world.path) as supplicant:
        (failed,) = supplicant.associate(Associate(network, 0, 60, pinned=True), BUYER)
    assert isinstance(failed, AssociationFailed)
    assert world.fake.networks == {}


def test_nobody_sells_on_the_air(world: WpaWorld, wallet: Wallet) -> None:
    with pytest.raises(PurchaseFailed) as caught:
        buy(wallet, way(world), WISH, settings=QUICK)
    assert (caught.value.failure.reason, caught.value.failure.source) == ("no_access_point", Source.NETWORK)


def test_a_driver_that_does_not_scan_is_told(world: WpaWorld, wallet: Wallet) -> None:
    world.fake.fail = {"SCAN": "FAIL-BUSY\n"}
    world.add()
    with buy(wallet, way(world), WISH, settings=QUICK) as session:  # the second scan succeeds
        session.leave()
    world.fake.found = ()
    world.fake.fail = {"SCAN": "FAIL\n"}
    with pytest.raises(PurchaseFailed) as caught:
        buy(
            load_wallet(wallet.path),
            way(world),
            WISH,
            settings=replace(QUICK, discover=Backoff(200, 200, 1)),
        )
    assert "scanning failed: SCAN: FAIL" in caught.value.failure.detail


def test_no_wpa_supplicant_is_told_before_anything_is_bought(tmp_path: Path, wallet: Wallet) -> None:
    with pytest.raises(ShellError, match="no control socket there"):
        buy(wallet, Way(INTERFACE, Over.AIR, tmp_path), WISH)


def test_auto_takes_the_air_where_there_is_one(world: WpaWorld, wallet: Wallet) -> None:
    cell = world.add()
    with buy(wallet, way(world, Over.AUTO), WISH, settings=QUICK) as session:
        assert session.network is not None
        session.leave()
    assert len(cell.shop.grants) == 1


def test_auto_asks_in_the_lobby_where_nobody_sells_on_the_air(world: WpaWorld, wallet: Wallet) -> None:
    said: list[ShowOffer | Tell | PinLedger] = []
    with pytest.raises(PurchaseFailed):
        buy(wallet, way(world, Over.AUTO), WISH, said.append, QUICK)
    texts = [one.text for one in said if isinstance(one, Tell)]
    assert "nobody sells on the air; asking in the lobby" in texts


def test_auto_without_wpa_supplicant_says_why_it_asks_in_the_lobby(tmp_path: Path, wallet: Wallet) -> None:
    said: list[ShowOffer | Tell | PinLedger] = []
    with pytest.raises(PurchaseFailed):
        buy(wallet, Way(INTERFACE, Over.AUTO, tmp_path), WISH, said.append, QUICK)
    assert any(isinstance(one, Tell) and "no control socket" in one.text for one in said)


def test_a_purchase_survives_a_wpa_supplicant_that_is_started_anew(tmp_path: Path, wallet: Wallet) -> None:
    world = WpaWorld(tmp_path)
    cell = world.add()
    cell.deaf = 1  # the purchase has to be sent again, to the new one
    told: list[str] = []
    restarted = threading.Event()
    with ExitStack() as first, ExitStack() as second:
        first.enter_context(serving(world))

        def restart(said: ShowOffer | Tell | PinLedger) -> None:
            told.append(str(said))
            if isinstance(said, Tell) and said.text.startswith("no answer yet") and not restarted.is_set():
                restarted.set()
                first.close()
                world.fake.bssid = world.fake.current = None
                second.enter_context(serving(world))

        with buy(wallet, way(world), WISH, restart, QUICK) as session:
            assert restarted.is_set()
            assert len(cell.shop.grants) == 1
            session.leave()
    assert own_sockets() == set()


def test_what_was_dropped_on_the_way_is_counted(world: WpaWorld, wallet: Wallet) -> None:
    world.add(1)
    world.add(2, offer_lifetime_s=-9)
    world.add(3).alter_response = lambda _query, _response: b"\0"
    with buy(wallet, way(world), WISH, settings=QUICK) as session:
        assert session.dropped == {"offer_expired": 1, "garbled_offer": 1}
        session.leave()


def test_a_loss_of_which_nothing_was_heard_is_noticed(world: WpaWorld, wallet: Wallet) -> None:
    world.add()
    with buy(wallet, way(world), WISH, settings=QUICK) as session:
        world.fake.bssid = None
        assert session.wait(20)


def test_wpa_supplicant_that_ends_ends_the_session(tmp_path: Path, wallet: Wallet) -> None:
    world = WpaWorld(tmp_path)
    world.add()
    with serving(world):
        session = buy(wallet, way(world), WISH, settings=QUICK)
        world.fake.say("CTRL-EVENT-TERMINATING ")
        assert session.wait(10)
    session.close()
    assert own_sockets() == set()


def test_an_interrupted_purchase_puts_the_networks_back(world: WpaWorld, wallet: Wallet) -> None:
    world.add()
    world.fake.networks = {0: FakeNetwork(enabled=True)}
    world.fake.air.reject_joins = 1_000
    raised = threading.Event()

    def interrupt(told: ShowOffer | Tell | PinLedger) -> None:
        if isinstance(told, Tell) and told.text.startswith("not let in") and not raised.is_set():
            raised.set()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        buy(wallet, way(world), WISH, interrupt, QUICK)
    assert {n: network.enabled for n, network in world.fake.networks.items()} == {0: True}


def test_a_session_is_what_it_says(world: WpaWorld, wallet: Wallet) -> None:
    world.add()
    session = buy(wallet, way(world), WISH, settings=QUICK)
    assert isinstance(session, Session)
    assert session.price_ubc == 1_000_000
    assert session.transaction_id is not None
    session.leave()
    session.close()
