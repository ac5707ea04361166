"""The lab's AMF against a UE and gNB on free5GC's codecs, through a local socket; tests/guest has it over SCTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nas_tunnel import eap_box
from nas_tunnel.eap import EapCode, read_eap
from ran_slicing.snssai import Snssai
from tests.lab.ran.cell_journey import Cell
from tests.nas_tunnel.air import REFUSED
from wire.errors import DecodeError, ShellError
from wire.keys import PrivateKey


@pytest.fixture
def cell(tmp_path: Path, go_program: Callable[[str], Path]) -> Iterator[Cell]:
    with Cell(go_program("radio"), tmp_path, tmp_path / "n2") as running:
        yield running


def test_a_ue_buys_inside_eap_is_registered_and_gets_a_session(cell: Cell) -> None:
    assert cell.slices == {Snssai(1, 0xFF), Snssai(1, 1), Snssai(1, 2)}
    cell.register()
    cell.begin_session()


def test_who_does_not_buy_is_not_let_in(cell: Cell) -> None:
    purchase = cell.buy(verdict=REFUSED)
    (failed,) = [word for word in purchase.box_said if isinstance(word, eap_box.Failed)]
    assert failed.reason == "rate_limit"
    cell.amf.reject(failed.packet)
    rejected = cell.radio.take("rejected")
    assert rejected["cause"] == 22, "congestion: come again later"
    assert bytes.fromhex(rejected["packet"]) == failed.packet
    assert read_eap(failed.packet).code is EapCode.FAILURE
    cell.radio.order("session", "1", "000001", "80")
    assert cell.radio.take("failed")["why"] == "not registered"


def test_a_network_that_has_another_key_is_left(cell: Cell) -> None:
    purchase = cell.buy()
    (bought,) = [word for word in purchase.box_said if isinstance(word, eap_box.Succeeded)]
    assert purchase.buyer.keys is not None
    other = type(bought.keys)(bought.keys.msk, bytes(64), bought.keys.session_id)
    with pytest.raises(ShellError, match="hung up"):
        cell.secure(other, purchase.buyer.keys, bought.packet)
    assert cell.radio.take("failed")["why"] == "the MAC is wrong"


def test_a_name_that_did_not_pay_is_not_served(cell: Cell) -> None:
    purchase = cell.buy()
    (bought,) = [word for word in purchase.box_said if isinstance(word, eap_box.Succeeded)]
    assert purchase.buyer.keys is not None
    with pytest.raises(
        DecodeError, match="the key of imsi-001010000000002 paid, and imsi-001010000000001 registers"
    ):
        cell.secure(bought.keys, purchase.buyer.keys, bought.packet, "imsi-001010000000002")
    rejected = cell.radio.take("rejected")
    assert "cause" not in rejected, "AUTHENTICATION REJECT"
    assert read_eap(bytes.fromhex(rejected["packet"])).code is EapCode.FAILURE
    assert cell.amf._context is None


def test_who_has_not_the_key_is_refused_for_good(cell: Cell) -> None:
    purchase = cell.buy(buyer_key=PrivateKey.from_secret(9))
    (failed,) = [word for word in purchase.box_said if isinstance(word, eap_box.Failed)]
    assert failed.reason == "not_the_consumer"
    cell.amf.reject_proof(failed.packet)
    assert "cause" not in cell.radio.take("rejected")


def test_the_amf_opens_no_message_of_another_key(cell: Cell) -> None:
    cell.register()
    context = cell.amf._context
    assert context is not None
    context.integrity_key = PrivateKey.from_secret(1).public.octets[:16]
    with pytest.raises(DecodeError, match="the MAC is wrong"):
        cell.ask_for_session()
