"""The lab's buyer against the product's box, without anything between them."""

from __future__ import annotations

from lab.ran.nas_buyer import NasBuyer
from nas_tunnel import eap_box, eap_buyer
from nas_tunnel.eap_purchase import OrderKind
from tests.nas_tunnel.air import AIR_OFFER
from tests.nas_tunnel.eap_world import BOX_SHARE
from tests.wire.examples import CONSUMER, LEDGER, LEDGER_ID
from wire.allocate import Allocate
from wire.ids import PublicKey
from wire.transaction import read_transaction


def meet(ledger: PublicKey = LEDGER.public) -> tuple[NasBuyer, list[eap_box.Command]]:
    """What the box makes of its order."""
    device = NasBuyer(CONSUMER, ledger, LEDGER_ID)
    state, said = eap_box.open_exchange(AIR_OFFER, BOX_SHARE, 17)
    (shop,) = said
    assert isinstance(shop, eap_box.SendPacket)
    _, said = eap_box.step(state, eap_box.PacketReceived(device.hear(shop.packet)))
    return device, said


def test_it_buys_one_unit_of_what_it_is_shown() -> None:
    device, said = meet()
    (order,) = said
    assert isinstance(order, eap_box.ExecuteTransaction)
    assert order.transaction == device.ordered
    action = read_transaction(device.ordered, LEDGER_ID, 2_000).transaction.action
    assert isinstance(action, Allocate)
    assert (action.provider, action.allocations) == (AIR_OFFER.provider, 1)
    assert device.state.order is not None
    assert device.state.order.contents.kind is OrderKind.TRANSACTION


def test_it_buys_nothing_of_a_ledger_that_it_does_not_believe() -> None:
    device, said = meet(CONSUMER.public)
    (failed,) = said
    assert isinstance(failed, eap_box.Failed)
    assert failed.reason == "declined"
    assert not device.heard_any(eap_buyer.KeepOutcome)
