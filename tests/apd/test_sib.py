"""The lines that a gNB broadcasts: read back as it would, they are the signed offer; and the file follows it."""

from pathlib import Path

import yaml

from apd.events import DeadlineReached, OfferStateReceived, SignallingHeard
from apd.sib import LIFETIME_S, format_sib, plan_offer
from apd.signalling_settings import SignallingSettings
from apd.signalling_state import SibFailed
from nas_tunnel.cb_data import read_message, write_text_message
from nas_tunnel.cell_offer import read_cell_offer
from tests.apd.nas_world import nas_box
from tests.apd.playbook import seconds
from tests.apd.world import BSSID, LEDGER, LEDGER_ID, PROVIDER, offer_state, signed_state
from wire.errors import ShellError
from wire.offer import read_offer, write_offer
from wire.warning_id import OWN


def test_a_gnbs_file_with_the_offer_in_it():
    offer = plan_offer(offer_state(), BSSID, 1_700_086_400)
    signed = write_offer(offer, PROVIDER)
    document = yaml.safe_load(format_sib(signed, PROVIDER.public, LEDGER.public, LEDGER_ID))
    sib = document["cell_cfg"]["sib"]
    assert sib["si_sched_info"] == [{"si_period": 16, "sib_mapping": [8], "si_window_position": 1}]
    cmas = sib["cmas"]
    assert cmas["message_id"] in OWN
    assert cmas["data_coding_scheme"] == 0xF
    heard = read_cell_offer(_broadcast(cmas))
    assert heard.offer == signed
    assert heard.is_of(LEDGER.public, LEDGER_ID)
    assert read_offer(heard.offer, PROVIDER.public) == offer


def _broadcast(cmas):
    """As srsRAN sends the text, and a listener puts it together."""
    import base64

    text = cmas["warning_message"]
    content = base64.b64decode(text + "=" * (-len(text) % 4))
    return read_message(write_text_message(content), cmas["serial_num"])


def test_the_file_follows_the_offer_and_no_purchase():
    nas = nas_box()
    nas.feed(DeadlineReached())
    assert [offer.epoch for offer in nas.sibs] == [3]
    nas.feed(OfferStateReceived(signed_state(height=20, allocations_left=1)))
    assert len(nas.sibs) == 1, "a purchase is no reason to start a gNB again"
    nas.feed(OfferStateReceived(signed_state(height=21, epoch=4)))
    assert [offer.epoch for offer in nas.sibs] == [3, 4]
    assert "sib_written" in nas.noted()


def test_the_file_is_written_anew_long_before_its_offer_expires():
    nas = nas_box()
    nas.feed(DeadlineReached())
    first = nas.sibs[0].expires_s
    nas.box.pass_time(seconds(LIFETIME_S / 2))
    nas.feed(DeadlineReached())
    assert nas.sibs[1].expires_s == first + LIFETIME_S // 2
    assert nas.box.now.utc_s + LIFETIME_S == nas.sibs[1].expires_s


def test_a_disk_that_refuses_is_asked_again_after_a_minute():
    nas = nas_box()
    nas.feed(DeadlineReached())
    nas.feed(SignallingHeard(SibFailed(ShellError("sib file", "full"))))
    assert "sib_failed" in nas.noted()
    assert len(nas.sibs) == 1
    nas.box.pass_time(seconds(60))
    nas.feed(DeadlineReached())
    assert len(nas.sibs) == 2


def test_without_a_file_nothing_is_written():
    nas = nas_box(SignallingSettings(socket=Path("nas.sock")))
    nas.feed(DeadlineReached())
    assert nas.sibs == []
