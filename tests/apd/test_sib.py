"""The lines that a gNB broadcasts: read back as it would, they are the signed offer."""

import yaml

from apd.sib import format_sib, plan_offer
from nas_tunnel.cb_data import read_message, write_text_message
from nas_tunnel.cell_offer import read_cell_offer
from tests.apd.world import BSSID, LEDGER, LEDGER_ID, PROVIDER, offer_state
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
