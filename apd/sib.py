"""What a gNB is told to broadcast of this box's offer: the lines of its own file, as `apd sib` prints them.

In: the ledger's word on what is sold, and until when the broadcast is to be good. Out: an offer to be signed, and the
lines for `cell_cfg` of srsRAN Project 25.10 and OCUDU 26.04. Both read system information once, when they start, so
that such an offer is good for days, where one in the lobby is good for minutes; what is sold is checked again there.
SIB8 is a channel of public warnings: for shielded or licensed test cells, and never with an identifier of theirs.
Reference: srsRAN Project, du_high_config_cli11_schema.cpp (`cell_cfg.sib`); decision 0021.
"""

import json

from nas_tunnel.cb_data import text_settings
from nas_tunnel.cell_offer import cell_offer, write_cell_offer
from wire.ids import MacAddress, PublicKey
from wire.offer import Offer
from wire.offer_state import OfferState

LIFETIME_S = 86_400
"""A day: whoever restarts the gNB less often says more."""
_SCHEDULE = """\
    si_sched_info:
      - si_period: 16
        sib_mapping: [8]
        si_window_position: 1
"""


def plan_offer(word: OfferState, bssid: MacAddress, expires_s: int) -> Offer:
    """The offer of the ledger's word, good until then."""
    return Offer(
        epoch=word.epoch,
        price_ubc=word.price_ubc,
        allocation_duration_s=word.allocation_duration_s,
        band=word.band,
        qos=word.qos,
        bssid=bssid,
        expires_s=expires_s,
    )


def format_sib(signed: bytes, provider: PublicKey, ledger: PublicKey, ledger_id: bytes) -> str:
    """The lines, for a file of its own that the gNB is given beside its others (`-c`)."""
    content = write_cell_offer(cell_offer(signed, provider, ledger, ledger_id))
    settings = "".join(
        f"      {name}: {json.dumps(value)}\n" for name, value in text_settings(content).items()
    )
    return f"cell_cfg:\n  sib:\n{_SCHEDULE}    cmas:\n{settings}"
