"""Fuzzing every reader of `nas_tunnel`: `python -m tests.nas_tunnel.fuzz [SECONDS] [SEED]`.

The promise that is tried: whatever the bytes, a reader returns a value or raises DecodeError, and never another
exception; and what has only one form is written as it was read. A witness of captures never raises at all. Input is
cut, garbled and spliced from what we send.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from lab.gas_writer import RADIOTAP as RADIOTAP_HEADER
from nas_tunnel.advice_of_charge import read_advice_of_charge
from nas_tunnel.anqp import (
    find_beacon_element,
    read_air_offer,
    read_answers,
    read_beacon_element,
    read_elements,
    read_query,
    write_air_offer,
    write_answers,
    write_offer_query,
    write_purchase_query,
)
from nas_tunnel.gas_frame import read_gas, read_gas_request
from nas_tunnel.link import RADIOTAP
from nas_tunnel.lobby import AskAuction, AskBid, AuctionShown, Bid, BidSaid, read_lobby, write_lobby
from nas_tunnel.sightings import LINK_TYPES, Frame, Witness
from tests.fuzzing import GoOn, Trial, keep_trying, main
from tests.nas_tunnel.air import (
    ADVICE,
    AIR_OFFER,
    ANSWERS_RESPONSE,
    BEACON_ELEMENT,
    GOLDEN,
    OUTCOME,
    REFUSED,
    story,
)
from tests.nas_tunnel.fuzz_cell import CELL_READERS, CELL_SAMPLES
from tests.nas_tunnel.fuzz_core import CORE_READERS, CORE_SAMPLES
from tests.nas_tunnel.fuzz_nas import NAS_READERS, NAS_SAMPLES
from tests.wire.examples import BIDDING, MESSAGES, UTC_S
from tests.wire.fuzz import mutate
from wire.errors import DecodeError

STORY = story()
_AUCTION_ID = bytes(range(32))
OF_AUCTIONS = (
    AskAuction(),
    AuctionShown(MESSAGES["session_auction"].golden, UTC_S),
    Bid(_AUCTION_ID, MESSAGES["sealed_bid"].golden),
    AskBid(_AUCTION_ID, BIDDING.public),
    BidSaid(MESSAGES["outbid_receipt"].golden),
)
READERS: dict[str, tuple[Callable[[bytes], Any], Callable[[Any], bytes] | None]] = {
    "lobby": (read_lobby, write_lobby),
    "air offer": (read_air_offer, write_air_offer),
    "answers": (read_answers, write_answers),
    "advice of charge": (read_advice_of_charge, None),
    "query": (read_query, None),
    "elements": (read_elements, None),
    "beacon": (read_beacon_element, None),
    "beacon among others": (find_beacon_element, None),
    "gas request": (read_gas_request, None),
    "gas without radiotap": (read_gas, None),
    "gas behind radiotap": (partial(read_gas, start=len(RADIOTAP_HEADER)), None),
    **CELL_READERS,
    **NAS_READERS,
    **CORE_READERS,
}
"""Name -> (reader, writer where a value has one form)."""
SAMPLES = [
    *STORY,
    *(frame[8:] for frame in STORY),
    write_lobby(OUTCOME),
    write_lobby(REFUSED),
    *(write_lobby(said) for said in OF_AUCTIONS),
    write_air_offer(AIR_OFFER),
    write_answers([OUTCOME, REFUSED]),
    write_offer_query(),
    write_purchase_query(GOLDEN["allocate"]),
    ADVICE,
    ANSWERS_RESPONSE,
    BEACON_ELEMENT,
    *CELL_SAMPLES,
    *NAS_SAMPLES,
    *CORE_SAMPLES,
]


def check(name: str, data: bytes) -> bool:
    """Keeps the promise for one input; whether it was a value. Raises AssertionError, or what leaked."""
    read, write = READERS[name]
    try:
        value = read(data)
    except DecodeError:
        return False
    if write is not None:
        assert write(value) == data, f"{name}: {value} has two forms"
    return True


def run(seed: int, go_on: GoOn) -> tuple[int, int]:
    """(inputs, of which values); raises at the first broken promise, with the input in hexadecimal digits."""
    witness = Witness()

    def draw(chance: random.Random, number: int) -> Trial:
        data = mutate(chance.choice(SAMPLES), chance.choice(SAMPLES), chance)
        link_type = RADIOTAP if chance.random() < 0.4 else chance.choice(list(LINK_TYPES))

        def attempt() -> int:
            values = sum([check(name, data) for name in READERS])
            witness.see(Frame(number, UTC_S * 10**9, link_type, data))
            return values

        return Trial(f"bytes.fromhex('{data.hex()}')", attempt)

    return keep_trying(seed, go_on, draw)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], run))
