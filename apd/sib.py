"""What a gNB is told to broadcast of this box's offer: the lines of its own file.

In: the ledger's word on what is sold, and until when the broadcast is to be good. Out: an offer to be signed, and the
lines for `cell_cfg` of srsRAN Project 25.10 and OCUDU 26.04. `apd sib` prints them once; with `sib_file` of
[cell.signalling] the daemon has the file written when the offer changes, and in good time before it expires. Both gNBs
read system information once, when they start, so that such an offer is good for days, where one in the lobby is good
for minutes; what is sold is checked again there.
SIB8 is a channel of public warnings: for shielded or licensed test cells, and never with an identifier of theirs.
Reference: srsRAN Project, du_high_config_cli11_schema.cpp (`cell_cfg.sib`); decision 0021.
"""

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from nas_tunnel.cb_data import text_settings
from nas_tunnel.cell_offer import cell_offer, write_cell_offer
from wire.ids import MacAddress, PublicKey
from wire.offer import Offer
from wire.offer_state import OfferState
from wire.units import NS_PER_S, Now

if TYPE_CHECKING:  # the command does without
    from apd.commands import Command
    from apd.state import State

LIFETIME_S = 86_400
"""A day: whoever restarts the gNB less often says more."""
FIRST_LINE = "# Airgrant writes this file: what the cell broadcasts of its offer\n"
"""By it the daemon knows a file that it may replace."""
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
    return f"{FIRST_LINE}cell_cfg:\n  sib:\n{_SCHEDULE}    cmas:\n{settings}"


# ---- The file, kept by the daemon


def settle(state: "State", now: Now) -> "tuple[State, list[Command]]":
    """After each event: the file has the terms of the present offer, and half of its life at least before it."""
    from apd.commands import TellSignalling
    from apd.signalling_state import Broadcast, WriteSib

    here, word = state.on_signalling, state.lobby.offer_state
    if here.settings.sib_file is None or word is None or not _is_due(state, now):
        return state, []
    expires_s = now.utc_s + LIFETIME_S
    broadcast = Broadcast(_terms(word), now.utc_s + LIFETIME_S // 2)
    state = replace(state, signalling=replace(here, broadcast=broadcast, broadcast_due_ns=None))
    return state, [TellSignalling(WriteSib(plan_offer(word, state.settings.bssid, expires_s)))]


def deadlines_ns(state: "State", now: Now) -> list[int]:
    """When it is due by itself."""
    here = state.on_signalling
    due = [] if here.broadcast_due_ns is None else [here.broadcast_due_ns]
    if here.broadcast is not None:
        due.append(now.mono_ns + max(1, here.broadcast.renew_s - now.utc_s) * NS_PER_S)
    return due


def _is_due(state: "State", now: Now) -> bool:
    here, word = state.on_signalling, state.lobby.offer_state
    assert word is not None, "else there is nothing to write"
    if here.broadcast_due_ns is not None and here.broadcast_due_ns <= now.mono_ns:
        return True
    known = here.broadcast
    return known is None or known.terms != _terms(word) or known.renew_s <= now.utc_s


def _terms(word: OfferState) -> OfferState:
    """Without what changes with each purchase: a gNB is restarted for none of them."""
    return replace(word, height=0, allocations_left=0)
