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
from device.keeping import Kept, kept_folder, load_kept
from device.library import (
    AIR_SETTINGS,
    Before,
    Over,
    Progress,
    PurchaseFailed,
    PurchaseInterrupted,
    Session,
    Way,
    buy,
    leave_network,
    rejoin,
)
from device.membership import ANCHOR_BLOB, CERTIFICATE_BLOB, KEY_BLOB
from device.retry import Backoff
from device.supplicant import Supplicant
from device.wallet import Wallet, load_wallet
from nas_tunnel.anqp import VENDOR
from tests.device.playbook import BUYER, WISH
from tests.device.wpa_world import INTERFACE, SSID, WpaWorld, now_s, own_sockets, running, serving
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


# ---- Nothing that was paid for is lost


NEVER_HEARD = replace(QUICK, purchase_valid_s=1, purchase=Backoff(100, 200, 12))


def kept(wallet: Wallet) -> Kept:
    return load_kept(load_wallet(wallet.path), now_s())


def stop_at(words: str, error: BaseException) -> Progress:
    """Raises where the text begins so, as Ctrl-C may, at any time."""
    raised = threading.Event()

    def progress(told: ShowOffer | Tell | PinLedger) -> None:
        if isinstance(told, Tell) and told.text.startswith(words) and not raised.is_set():
            raised.set()
            raise error

    return progress


def test_what_was_bought_is_kept_beside_the_wallet(world: WpaWorld, wallet: Wallet) -> None:
    world.add()
    with buy(wallet, way(world), WISH, settings=QUICK) as session:
        session.leave()
    (held,), purchases = kept(wallet).grants, kept(wallet).purchases
    assert (held.encoded, purchases) == (session.encoded_grant, ())


@pytest.mark.parametrize("fault", ["reject_joins", "strange_server"])
def test_who_was_not_let_in_comes_back_with_what_was_kept(
    world: WpaWorld, wallet: Wallet, fault: str
) -> None:
    cell = world.add()
    setattr(world.fake.air, fault, 1_000)
    with pytest.raises(PurchaseFailed) as caught:
        buy(wallet, way(world), WISH, settings=QUICK)
    (held,) = kept(wallet).grants
    assert held.encoded == caught.value.grant
    setattr(world.fake.air, fault, 0)
    with buy(load_wallet(wallet.path), way(world), WISH, settings=QUICK, before=Before.USE) as session:
        assert (session.encoded_grant, session.price_ubc) == (held.encoded, None)
        session.leave()
    assert len(cell.shop.grants) == 1


def test_what_is_kept_may_be_left_where_it_is(world: WpaWorld, wallet: Wallet) -> None:
    cell = world.add()
    buy(wallet, way(world), WISH, settings=QUICK).close()
    buy(load_wallet(wallet.path), way(world), WISH, settings=QUICK, before=Before.NOTHING).close()
    assert len(cell.shop.grants) == len(kept(wallet).grants) == 2


def test_interrupted_in_the_moment_of_the_grant(world: WpaWorld, wallet: Wallet) -> None:
    cell = world.add()
    with pytest.raises(PurchaseInterrupted, match="comes back with it") as caught:
        buy(wallet, way(world), WISH, stop_at("bought", KeyboardInterrupt()), QUICK)
    (held,) = kept(wallet).grants
    assert held.encoded == caught.value.grant
    assert [held.encoded] == list(cell.shop.grants.values())


def test_interrupted_before_the_answer(world: WpaWorld, wallet: Wallet) -> None:
    """The next run asks with the same bytes, and has what was bought."""
    cell = world.add()
    cell.deaf = 1
    with pytest.raises(PurchaseInterrupted, match="asks for its outcome") as caught:
        buy(wallet, way(world), WISH, stop_at("no answer yet", KeyboardInterrupt()), QUICK)
    assert caught.value.grant == b""
    (purchase,) = kept(wallet).purchases
    assert purchase.transaction_id == caught.value.transaction_id
    with buy(load_wallet(wallet.path), way(world), WISH, settings=QUICK) as session:
        assert session.transaction_id == purchase.transaction_id
        session.leave()
    assert (list(cell.shop.grants), kept(wallet).purchases) == ([purchase.transaction_id], ())


def test_interrupted_before_anything_was_sent(world: WpaWorld, wallet: Wallet) -> None:
    world.add()
    with pytest.raises(KeyboardInterrupt) as caught:
        buy(wallet, way(world), WISH, stop_at("looking for", KeyboardInterrupt()), QUICK)
    assert not isinstance(caught.value, PurchaseInterrupted)
    assert kept(wallet) == Kept()


def test_an_outcome_that_nobody_heard_is_found_by_the_next_run(world: WpaWorld, wallet: Wallet) -> None:
    cell = world.add()
    hide = world.fake.air.cells[cell.shop.bssid]
    hide.alter_response = lambda query, response: response if VENDOR in query.ids else b""
    with pytest.raises(PurchaseFailed, match="outcome_unknown") as caught:
        buy(wallet, way(world), WISH, settings=NEVER_HEARD)
    assert caught.value.transaction_id in cell.shop.grants
    hide.alter_response = lambda _, response: response
    cell.shop.price_ubc, cell.shop.epoch = 9_000_000, 2
    with buy(load_wallet(wallet.path), way(world), WISH, settings=QUICK) as session:
        assert (session.transaction_id, session.price_ubc) == (caught.value.transaction_id, 1_000_000)
        session.leave()
    assert len(cell.shop.grants) == 1


def test_a_ledger_that_was_pinned_since_the_wallet_was_loaded(world: WpaWorld, wallet: Wallet) -> None:
    cell = world.add()
    buy(wallet, way(world), WISH, settings=QUICK).close()
    assert wallet.pinned is None
    with buy(wallet, way(world), WISH, settings=QUICK, before=Before.USE) as session:
        assert session.price_ubc is None
    assert len(cell.shop.grants) == 1


def test_nothing_is_sent_that_could_not_be_kept(world: WpaWorld, wallet: Wallet) -> None:
    cell = world.add()
    kept_folder(wallet.path).write_text("no folder")
    with pytest.raises(ShellError, match=r"w\.kept"):
        buy(wallet, way(world), WISH, settings=QUICK)
    assert (cell.shop.heard, cell.shop.grants) == ([], {})


def test_a_disk_that_fails_in_the_moment_of_the_grant(world: WpaWorld, wallet: Wallet) -> None:
    cell = world.add()
    told: list[str] = []

    def fail_the_disk(said: ShowOffer | Tell | PinLedger) -> None:
        told.append(str(said))
        folder = kept_folder(wallet.path)
        if isinstance(said, Tell) and said.text.startswith("buying"):
            folder.rename(folder.with_suffix(".away"))
            folder.write_text("no folder")

    with buy(wallet, way(world), WISH, fail_the_disk, QUICK) as session:
        assert session.encoded_grant in cell.shop.grants.values()
        session.leave()
    assert any("the grant could not be kept" in text for text in told)


def test_an_interface_that_goes_away_after_the_payment(world: WpaWorld, wallet: Wallet) -> None:
    world.add()
    error = ShellError("receiving on wlan0", "Network is down")
    with pytest.raises(PurchaseFailed, match=r"Network is down.*comes back with it") as caught:
        buy(wallet, way(world), WISH, stop_at("joining", error), QUICK)
    failure = caught.value.failure
    assert (failure.reason, failure.source) == ("shell_error", Source.MACHINE)
    assert [held.encoded for held in kept(wallet).grants] == [caught.value.grant]


def test_an_interface_that_goes_away_while_the_outcome_is_open(world: WpaWorld, wallet: Wallet) -> None:
    world.add().deaf = 1
    error = ShellError("receiving on wlan0", "Network is down")
    with pytest.raises(PurchaseFailed, match="Network is down") as caught:
        buy(wallet, way(world), WISH, stop_at("no answer yet", error), QUICK)
    assert caught.value.failure.reason == "outcome_unknown"
    assert [one.transaction_id for one in kept(wallet).purchases] == [caught.value.transaction_id]


def test_wpa_supplicant_that_refuses_a_setting_between_two_looks(world: WpaWorld, wallet: Wallet) -> None:
    """The status says that we are in, of which no event was heard; to unpin fails: an obstacle, not an exception."""
    world.add()
    with buy(wallet, way(world), WISH, settings=QUICK) as session:
        world.fake.fail = {"SET_NETWORK": "FAIL\n"}
        assert session.wait(20)
        assert session.ended


def test_a_session_is_what_it_says(world: WpaWorld, wallet: Wallet) -> None:
    world.add()
    session = buy(wallet, way(world), WISH, settings=QUICK)
    assert isinstance(session, Session)
    assert session.price_ubc == 1_000_000
    assert session.transaction_id is not None
    session.leave()
    session.close()
