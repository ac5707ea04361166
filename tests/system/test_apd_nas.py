"""`python -m apd run` with [cell.signalling]: a stranger buys inside NAS and gets its slice; and what others try.

The daemon, broker, sockets and the kernel are real, the gNB has no radio, and the ledger is played (lab/box.py). The
AMF is the lab's, the UE's NAS is free5GC's, its buyer the product's.
"""

from __future__ import annotations

import json
import os
import stat
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from apd.signalling_frames import Admitted, Begin, NotAdmitted, SendEap
from lab.cell_site import LOBBY, CellSite, cell_site, slice_of_document, supi, ue_address
from lab.processes import wait_until
from lab.ran.amf import Amf
from lab.ran.gnb_file import slots_of
from lab.ran.n2 import N2, NGAP_PORT
from lab.ran.nas_buyer import NasBuyer
from lab.ran.nas_end import NasEnd, Word
from lab.ran.told import Told
from nas_tunnel import eap_buyer, pco_purchase
from nas_tunnel.cell_offer import read_base64, read_cell_offer
from nas_tunnel.eap import read_eap, write_eap
from nas_tunnel.eap_purchase import OrderContents, OrderKind
from nas_tunnel.lobby import Joined, Outcome, Refused
from nas_tunnel.plmn import Plmn
from tests.system.test_apd_cell import QUICK, notes, raised, wait_for_note
from wire.allocate import Allocate
from wire.errors import ShellError
from wire.grant import write_grant
from wire.keys import PrivateKey
from wire.offer import Offer, read_offer
from wire.transaction import Transaction, sign_transaction

pytestmark = pytest.mark.system

A, B = slots_of(2)
IMPATIENT = f"{QUICK}\npurchase_timeout_s = 2"
IMSI = supi(1).removeprefix("imsi-")
UE = b"a ue"


@pytest.fixture
def site(tmp_path: Path, needs: Callable[..., None]) -> Iterator[CellSite]:
    """A cell where nobody is in a slot, with purchases in NAS."""
    needs("mosquitto", "nft", "ip")
    with cell_site(tmp_path, settings=IMPATIENT) as made:
        start(made)
        yield made


@pytest.fixture
def full_site(tmp_path: Path, needs: Callable[..., None]) -> Iterator[CellSite]:
    """The same with somebody in each slot."""
    needs("mosquitto", "nft", "ip")
    with cell_site(tmp_path, settings=IMPATIENT) as made:
        for number, slot in ((2, A), (3, B)):
            made.house.attach(number, slot)
        start(made)
        yield made


def start(site: CellSite, deadline_s: float = 20.0) -> None:
    config = site.box.config
    config.write_text(f'{config.read_text()}\n[cell.signalling]\nsocket = "nas.sock"\nsib_file = "sib.yml"\n')
    site.box.ledger.accounts.append(site.box.consumer.public)
    process = site.box.start(ready=False)
    process.wait_for_line('"ready"', deadline_s)
    process.wait_for(lambda: bool(site.box.status()["offer"]), "an offer", deadline_s)
    site.box.wait_for_status("enrolled", True, deadline_s)
    wait_for_note(site, "core_connected", deadline_s)
    wait_for_note(site, "gnb_connected", deadline_s)


def end_of_nas(site: CellSite) -> NasEnd:
    return NasEnd(site.box.folder / "nas.sock")


def buyer(site: CellSite, key: PrivateKey | None = None, order: OrderContents | None = None) -> NasBuyer:
    ledger = site.box.ledger
    return NasBuyer(key or site.box.consumer, ledger.key.public, ledger.ledger_id, order)


def exchange(nas: NasEnd, device: NasBuyer, ue: bytes = UE) -> Admitted | NotAdmitted:
    """Without NAS around it: from the first packet to the last."""
    word = nas.begin(ue)
    while isinstance(word, SendEap):
        word = nas.hear(ue, device.hear(word.packet))
    device.hear(word.packet)
    return word


def refused(word: Word) -> str:
    assert isinstance(word, NotAdmitted), word
    return word.reason


def held(site: CellSite) -> int:
    """What the daemon keeps of strangers."""
    return int(site.box.status()["signalling"]["exchanges"])


# ---- With NAS


def register(amf: Amf, nas: NasEnd, radio: Told, device: NasBuyer, site: CellSite) -> tuple[bytes, Admitted]:
    """The UE on the radio registers: AMF and UE at once, each on its side."""
    subscribers = {site.box.consumer.public: supi(1)}
    with ThreadPoolExecutor(1) as pool:
        there = pool.submit(amf.register_by_purchase, nas, subscribers)
        radio.order("register", IMSI)
        while device.state.phase is not eap_buyer.Phase.PROVED:
            radio.order("eap", device.hear(bytes.fromhex(radio.take("eap")["packet"])).hex())
        radio.order("key", device.keys.emsk.hex())
        device.hear(bytes.fromhex(radio.take("secured")["packet"]))
        ue, word = there.result(60)
    assert isinstance(word, Admitted)
    assert radio.take("registered")["result"] == 1
    assert device.heard_any(eap_buyer.Succeeded)
    return ue, word


def play_a_purchase(site: CellSite, at: str | Path, folder: Path, radio_program: Path) -> None:
    """The whole way over N2 at this address (SCTP) or path: offer, purchase, keys, registration, session, slice."""
    network = ["sctp", f"{at}:{NGAP_PORT}"] if isinstance(at, str) else ["unix", str(at)]
    device = buyer(site)
    with (
        N2(at) as n2,
        Told("radio", [radio_program, *network], folder, 120.0) as radio,
        end_of_nas(site) as nas,
    ):
        amf = Amf(n2)
        assert A in amf.set_up()
        assert not raised(site, A)
        ue, admitted = register(amf, nas, radio, device, site)
        bought = device.last(eap_buyer.KeepGrant)
        assert (admitted.consumer, admitted.grant_id) == (site.box.consumer.public, bought.grant.grant_id)
        assert device.heard_any(eap_buyer.KeepOutcome), "the ledger's receipt"
        assert not raised(site, A), "it has no session yet"
        radio.order("session", str(A.sst), f"{A.sd:06x}", "80")
        asked = amf.await_session()
        amf.grant(asked, ue_address(1), b"\x80")
        assert radio.take("session")["address"] == str(ue_address(1))
        site.house.attach(1, asked.snssai)  # so the core lists it
        assert nas.told(ue) == Joined(bought.grant.grant_id, bought.grant.ends_s)
        assert raised(site, A), "when it says that it is in, the gNB has the share"
    (session,) = site.box.status()["sessions"]
    assert (session["phase"], session["station"]) == ("active", str(ue_address(1)))
    assert "nas_admitted" in notes(site)


def test_a_stranger_buys_inside_nas_registers_and_its_slice_is_raised(
    site: CellSite, tmp_path: Path, go_program: Callable[[str], Path]
) -> None:
    play_a_purchase(site, tmp_path / "n2", tmp_path, go_program("radio"))


def test_a_subscriber_of_the_lobbys_slice_is_in_its_own_at_its_first_registration(
    tmp_path: Path, needs: Callable[..., None], go_program: Callable[[str], Path]
) -> None:
    needs("mosquitto", "nft", "ip")
    go_program("ferretdb")
    with cell_site(tmp_path, settings=IMPATIENT, store=True) as site:
        start(site)
        with end_of_nas(site) as nas:
            assert isinstance(exchange(nas, buyer(site)), Admitted)
            nas.subscriber(UE, supi(1))
            snssai = nas.placed(UE)
            assert snssai == bytes((A.sst,)) + (A.sd or 0).to_bytes(3, "big")
            assert slice_of_document(site, 1) == "000001"
            site.house.attach(1, A)  # it registers, and the core reads its document
            assert isinstance(nas.told(UE), Joined)
            assert raised(site, A)


def test_bought_in_the_lobbys_slice_it_is_moved_and_registers_again(
    tmp_path: Path, needs: Callable[..., None], go_program: Callable[[str], Path]
) -> None:
    needs("mosquitto", "nft", "ip")
    go_program("ferretdb")
    with cell_site(tmp_path, settings=IMPATIENT, store=True) as site:
        site.house.attach(1, LOBBY)
        start(site)
        with end_of_nas(site) as nas:
            device = buyer(site)
            assert isinstance(exchange(nas, device), Admitted)
            nas.subscriber(UE, supi(1))
            told = nas.told(UE)
            assert isinstance(told, Refused)
            assert told.reason == "other_slice"
            assert slice_of_document(site, 1) == "000001"
            site.house.detach(1)
            shown = OrderContents(OrderKind.GRANT, device.last(eap_buyer.KeepGrant).encoded)
            assert isinstance(exchange(nas, buyer(site, order=shown), b"again"), Admitted)
            nas.subscriber(b"again", supi(1))
            site.house.attach(1, A)
            told = nas.told(b"again")
            while isinstance(told, Refused):  # the lists are a second old
                told = nas.told(b"again")
            assert isinstance(told, Joined)
            assert raised(site, A)
        assert len(site.box.ledger.sold) == 1


# ---- Hostile, and worlds that fail


def test_only_the_owner_and_its_group_reach_the_socket(site: CellSite) -> None:
    assert stat.S_IMODE((site.box.folder / "nas.sock").stat().st_mode) == 0o660


def test_garbage_long_frames_and_strange_packets_leave_it_serving(site: CellSite) -> None:
    with end_of_nas(site) as nas, end_of_nas(site) as other:
        for octets in (b"\x00\x00", b"\x00\x02\xff\xff", b"\x00\x05" + os.urandom(5)):
            other.say_octets(octets)
        assert isinstance(other.begin(UE), SendEap)
        other.say_octets(b"\xff\xff" + bytes(100))
        with pytest.raises(ShellError, match="hung up"):
            other.told(UE)
        assert isinstance(exchange(nas, buyer(site)), Admitted)


def test_a_flood_is_bounded_and_puts_out_nobody_who_has_paid(site: CellSite) -> None:
    with end_of_nas(site) as flood, end_of_nas(site) as nas:
        device = buyer(site)
        word = nas.begin(UE)
        assert isinstance(word, SendEap)
        word = nas.hear(UE, device.hear(word.packet))
        drain = threading.Thread(target=lambda: _swallow(flood), daemon=True)
        drain.start()
        for number in range(2_000):
            flood.say(Begin(number.to_bytes(4, "big"), 1))
        while isinstance(word, SendEap):
            word = nas.hear(UE, device.hear(word.packet))
        assert isinstance(word, Admitted)
        assert 0 < held(site) <= 64
        later = buyer(site, order=OrderContents(OrderKind.GRANT, device.last(eap_buyer.KeepGrant).encoded))
        wait_until(
            lambda: isinstance(exchange(nas, later, os.urandom(4)), Admitted) or _anew(later),
            "who comes after it is served",
            15,
        )
    drain.join(10)
    wait_until(lambda: held(site) == 0, "strangers of a connection that is gone are forgotten", 15)


def _swallow(nas: NasEnd) -> None:
    try:
        while True:
            nas.told(b"nobody")
    except ShellError:
        return


def test_what_was_said_once_is_of_no_use_again(site: CellSite) -> None:
    with end_of_nas(site) as nas:
        said: list[bytes] = []
        device = buyer(site)
        word = nas.begin(UE)
        while isinstance(word, SendEap):
            said.append(device.hear(word.packet))
            word = nas.hear(UE, said[-1])
        assert isinstance(word, Admitted)
        shop = nas.begin(b"another")
        assert isinstance(shop, SendEap)
        copied = replace(read_eap(said[0]), identifier=read_eap(shop.packet).identifier)
        assert refused(nas.hear(b"another", write_eap(copied))) == "malformed", "sealed under another key"
    assert len(site.box.ledger.sold) == 1


def test_the_same_purchase_again_comes_to_the_same_grant(site: CellSite) -> None:
    with end_of_nas(site) as nas:
        first = buyer(site)
        assert isinstance(exchange(nas, first), Admitted)
        order = OrderContents(OrderKind.TRANSACTION, first.ordered)
        again = buyer(site, order=order)
        wait_until(
            lambda: isinstance(exchange(nas, again, os.urandom(4)), Admitted) or _anew(again), "it", 15
        )
        assert again.last(eap_buyer.KeepGrant) == first.last(eap_buyer.KeepGrant)
    assert len(site.box.ledger.sold) == 1


def _anew(device: NasBuyer) -> bool:
    device.state = eap_buyer.await_offer()
    return False


def test_a_signature_that_is_not_the_buyers_buys_nothing(site: CellSite) -> None:
    with end_of_nas(site) as nas:
        device = buyer(site)
        device.sign = lambda transaction: transaction[:-1] + bytes((transaction[-1] ^ 1,))
        assert refused(exchange(nas, device)) == "ledger_unreachable"
        assert device.last(eap_buyer.Failed).charged is eap_buyer.Charged.UNKNOWN
    assert not site.box.ledger.sold


def test_who_has_a_copy_of_a_grant_and_not_its_key_is_refused(site: CellSite) -> None:
    ledger = site.box.ledger
    shown = OrderContents(OrderKind.GRANT, write_grant(site.box.grant(), ledger.key, ledger.ledger_id))
    with end_of_nas(site) as nas:
        device = buyer(site, order=shown)
        device.prover = PrivateKey.generate()
        assert refused(exchange(nas, device)) == "not_the_consumer"


def test_without_room_nobody_pays(full_site: CellSite) -> None:
    with end_of_nas(full_site) as nas:
        device = buyer(full_site)
        assert refused(exchange(nas, device)) == "no_capacity"
        assert device.last(eap_buyer.Failed).charged is eap_buyer.Charged.UNKNOWN, "nobody signed that no"
    assert not full_site.box.ledger.sold


def test_a_ledger_that_is_away_is_said_and_the_purchase_is_had_when_it_is_back(site: CellSite) -> None:
    with end_of_nas(site) as nas:
        site.box.ledger.answers = False
        device = buyer(site)
        assert refused(exchange(nas, device)) == "ledger_unreachable"
        assert device.last(eap_buyer.Failed).unanswered == device.ordered
        site.box.ledger.answers = True
        again = buyer(site, order=OrderContents(OrderKind.TRANSACTION, device.ordered))
        assert isinstance(exchange(nas, again, b"later"), Admitted)
        assert again.heard_any(eap_buyer.KeepGrant)


def test_killed_in_the_middle_no_purchase_is_lost(site: CellSite) -> None:
    device = buyer(site)
    with end_of_nas(site) as nas:
        site.box.ledger.answers = False
        word = nas.begin(UE)
        assert isinstance(word, SendEap)
        word = nas.hear(UE, device.hear(word.packet))
        assert isinstance(word, SendEap), "it is asked to wait"
        site.box.process.kill()
    site.box.ledger.answers = True
    site.box.start()
    site.box.wait_until_it_sells()
    wait_for_note(site, "core_connected")
    wait_for_note(site, "gnb_connected")
    with end_of_nas(site) as nas:
        again = buyer(site, order=OrderContents(OrderKind.TRANSACTION, device.ordered))
        assert isinstance(exchange(nas, again), Admitted)
    assert len(site.box.ledger.sold) == 1


def test_a_purchase_in_options_is_answered_at_the_next_attempts(site: CellSite) -> None:
    plmn, key, ledger = Plmn("001", "01"), site.box.consumer, site.box.ledger
    offer = broadcast_offer(site)
    action = Allocate(site.box.provider.public, offer.price_ubc, offer.band, offer.epoch)
    wanted = Transaction(action, os.urandom(8), offer.expires_s)
    signed = sign_transaction(
        replace(wanted, valid_until_s=site.box.grant().starts_s + 300), key, ledger.ledger_id
    )
    pseudonym = pco_purchase.Pseudonym(key.public, plmn)
    sale = pco_purchase.begin(signed.envelope.encoded, ledger.ledger_id, plmn, pseudonym)
    assert isinstance(sale, pco_purchase.Sale)
    with end_of_nas(site) as nas:

        def attempt() -> bool:
            nonlocal sale
            assert isinstance(sale, pco_purchase.Sale)
            sale, container = pco_purchase.next_container(sale)
            sale = pco_purchase.hear(sale, nas.options(b"tmsi", container))
            return sale.answer is not None

        wait_until(attempt, "the answer", 15)
    assert isinstance(sale.answer, Outcome)
    assert sale.answer.grant == ledger.sold[signed.transaction_id]


# ---- What is broadcast


def broadcast_offer(site: CellSite) -> Offer:
    cmas = yaml.safe_load((site.box.folder / "sib.yml").read_text())["cell_cfg"]["sib"]["cmas"]
    heard = read_cell_offer(read_base64(cmas["warning_message"].encode(), "sib"))
    assert heard.provider == site.box.provider.public
    return read_offer(heard.offer, heard.provider)


def test_an_offer_that_changes_reaches_the_gnbs_file(site: CellSite) -> None:
    assert broadcast_offer(site).epoch == 1
    site.box.sell(epoch=2, height=2)
    wait_until(lambda: broadcast_offer(site).epoch == 2, "the new offer in the gNB's file", 15)
    written = [json.loads(line) for line in site.box.process.said.splitlines() if "sib_written" in line]
    assert len(written) == 2
