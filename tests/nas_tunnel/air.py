"""What Airgrant sends over the air, as a capture: the golden messages in every carriage, in the order of a purchase."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from lab.gas_writer import write_gas_frame
from nas_tunnel.advice_of_charge import charge_of, write_advice_of_charge
from nas_tunnel.anqp import (
    ADVICE_OF_CHARGE,
    VENDOR,
    AirOffer,
    answer_id,
    write_air_offer,
    write_answers,
    write_beacon_element,
    write_element,
    write_offer_query,
    write_purchase_query,
)
from nas_tunnel.gas_frame import (
    GasComebackRequest,
    GasComebackResponse,
    GasRequest,
    GasResponse,
)
from nas_tunnel.lobby import Outcome, Refused
from tests.wire.examples import BSSID, LEDGER, LEDGER_ID, MESSAGES, PROVIDER, STATION, UTC_S
from wire.transaction import read_transaction

RADIOTAP_LINK = 127
GOLDEN = {name: message.golden for name, message in MESSAGES.items()}
TRANSACTION_ID = read_transaction(GOLDEN["allocate"], LEDGER_ID).transaction_id
AIR_OFFER = AirOffer(GOLDEN["offer"], PROVIDER.public, LEDGER.public, LEDGER_ID, GOLDEN["network"], UTC_S)
OUTCOME = Outcome(TRANSACTION_ID, GOLDEN["receipt"], GOLDEN["grant"])
REFUSED = Refused(TRANSACTION_ID, "rate_limit", "one purchase in 2 s")
OFFER = MESSAGES["offer"].example
BEACON_ELEMENT = write_beacon_element(
    GOLDEN["offer"], OFFER.price_ubc, OFFER.allocation_duration_s, OFFER.qos.floor_down_bps
)
ADVICE = write_advice_of_charge([charge_of(OFFER)])

OFFER_RESPONSE = write_element(VENDOR, write_air_offer(AIR_OFFER))
ADVICE_RESPONSE = write_element(ADVICE_OF_CHARGE, ADVICE)
ANSWERS_RESPONSE = write_element(answer_id(TRANSACTION_ID), write_answers([OUTCOME, REFUSED]))
EMPTIED_RESPONSE = write_element(299, b"")


def beacon(*elements: bytes) -> bytes:
    """A radiotap frame with a beacon of network `airgrant` and these elements after its own."""
    header = b"\x80\0\0\0" + b"\xff" * 6 + BSSID.octets * 2 + bytes(2)
    fixed = struct.pack("<QHH", 0, 100, 0x0411)
    own = b"\0\x08airgrant" + bytes.fromhex("010882848b960c121824") + bytes.fromhex("030101")
    return bytes.fromhex("0000080000000000") + header + fixed + own + b"".join(elements)


def request(query: bytes, dialog_token: int) -> bytes:
    return write_gas_frame(GasRequest(STATION, BSSID, dialog_token, query))


def response(content: bytes, dialog_token: int) -> bytes:
    return write_gas_frame(GasResponse(STATION, BSSID, dialog_token, 0, 0, content))


def fragmented(content: bytes, dialog_token: int, size: int) -> list[bytes]:
    """As hostapd sends what is longer than its limit: come back, and then piece by piece."""
    frames = [write_gas_frame(GasResponse(STATION, BSSID, dialog_token, 0, 1, b""))]
    pieces = [content[at : at + size] for at in range(0, len(content), size)]
    for number, piece in enumerate(pieces):
        more = number + 1 < len(pieces)
        frames.append(write_gas_frame(GasComebackRequest(STATION, BSSID, dialog_token)))
        frames.append(
            write_gas_frame(GasComebackResponse(STATION, BSSID, dialog_token, 0, number, more, 0, piece))
        )
    return frames


def story() -> list[bytes]:
    """Beacon, offer asked for and given, bought, answered: once in one frame, once in pieces."""
    return [
        beacon(BEACON_ELEMENT),
        request(write_offer_query(), 1),
        response(OFFER_RESPONSE + ADVICE_RESPONSE, 1),
        request(write_purchase_query(GOLDEN["allocate"]), 2),
        response(OFFER_RESPONSE + ADVICE_RESPONSE, 2),
        request(write_offer_query((answer_id(TRANSACTION_ID), 299)), 3),
        response(ANSWERS_RESPONSE + EMPTIED_RESPONSE, 3),
        request(write_offer_query((answer_id(TRANSACTION_ID),)), 4),
        *fragmented(ANSWERS_RESPONSE, 4, 300),
    ]


def write_pcap(frames: Sequence[bytes], link_type: int = RADIOTAP_LINK, start_s: int = UTC_S) -> bytes:
    """A classic capture file, a frame every 10 ms."""
    header = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, link_type)
    records = (
        struct.pack("<IIII", start_s + number // 100, number % 100 * 10_000, len(frame), len(frame)) + frame
        for number, frame in enumerate(frames)
    )
    return header + b"".join(records)
