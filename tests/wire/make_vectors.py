"""Writes tests/wire/vectors/messages.json and the byte pictures of docs/wire/: `python -m tests.wire.make_vectors`.

Run it after a message changed on purpose, and read the difference: it is what every peer in the field will notice.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import cbor2

from nas_tunnel.anqp import (
    AirOffer,
    write_air_offer,
    write_answers,
    write_beacon_element,
    write_purchase_query,
)
from nas_tunnel.cell_offer import cell_offer, write_beacon_name, write_cell_offer
from nas_tunnel.eap import EapCode, ours
from nas_tunnel.eap_fragments import split_message
from nas_tunnel.eap_purchase import Shop, write_message
from nas_tunnel.lobby import Announcement, Join, Refused, write_lobby
from nas_tunnel.pco import Direction, OperatorUnit, write_operator_unit, write_options
from nas_tunnel.pco_purchase import UNIT, Piece, tag_of, write_container
from nas_tunnel.plmn import Plmn
from tests.wire.byte_picture import draw
from tests.wire.examples import ENVELOPES, EXCHANGE, LEDGER, LEDGER_ID, MESSAGES, PROVIDER, UTC_S, Message

ROOT = Path(__file__).resolve().parents[2]
VECTORS = ROOT / "tests" / "wire" / "vectors" / "messages.json"
PAGES = ROOT / "docs" / "wire"
PROVENANCE = (
    "Own examples (tests/wire/examples.py): P-256 keys with the secrets 1 provider, 2 consumer, 3 ledger, 4 exchange, "
    "5 attestation key, 6 operator; signatures by RFC 6979, so that the bytes are the same in every run. `diagnostic` "
    "is what cbor2 reads in them (in the payload, where the message is an envelope), not what our reader does."
)
SIZES = re.compile(r"(<!-- sizes -->\n).*", re.DOTALL)
BLOCK = re.compile(r"(<!-- bytes: (\w+) -->\n```\n).*?(\n```\n)", re.DOTALL)


def diagnostic(message: Message) -> str:
    """What an independent library sees."""
    data = message.golden
    return repr(cbor2.loads(cbor2.loads(data).value[2]) if message.name in ENVELOPES else cbor2.loads(data))


def vectors() -> dict[str, object]:
    """The content of the file."""
    return {
        "provenance": PROVENANCE,
        "messages": {
            name: {
                "size": len(message.golden),
                "hex": message.golden.hex(),
                "diagnostic": diagnostic(message),
            }
            for name, message in MESSAGES.items()
        },
    }


def shown() -> dict[str, bytes]:
    """Everything that the pages may show: the messages, and how some of them are carried."""
    golden = {name: message.golden for name, message in MESSAGES.items()}
    announcement = Announcement(
        golden["offer"], PROVIDER.public, LEDGER.public, LEDGER_ID, bytes(range(16)), UTC_S
    )
    golden["lobby_announcement"] = write_lobby(announcement)
    golden["lobby_join"] = write_lobby(Join(golden["grant"], golden["join_request"]))
    air = AirOffer(golden["offer"], PROVIDER.public, LEDGER.public, LEDGER_ID, golden["network"], UTC_S)
    golden["anqp_offer"] = write_air_offer(air)
    golden["anqp_purchase"] = write_purchase_query(golden["allocate"])
    golden["anqp_answers"] = write_answers([Refused(bytes(range(32)), "rate_limit", "one purchase in 2 s")])
    offer = MESSAGES["offer"].example
    golden["beacon_element"] = write_beacon_element(
        golden["offer"], offer.price_ubc, offer.allocation_duration_s, offer.qos.floor_down_bps
    )
    golden["cell_offer"] = write_cell_offer(
        cell_offer(golden["offer"], PROVIDER.public, LEDGER.public, LEDGER_ID)
    )
    golden["beacon_name"] = write_beacon_name(
        golden["offer"], offer.price_ubc, offer.allocation_duration_s, offer.qos.floor_down_bps
    )
    unit = write_operator_unit(
        OperatorUnit(
            UNIT,
            Plmn("001", "01"),
            write_container(
                Piece(tag_of(golden["allocate"]), len(golden["allocate"]), 0, golden["allocate"])
            ),
        )
    )
    golden["pco_purchase"] = write_options((unit,), Direction.UPLINK)
    shop = write_message(Shop(air, EXCHANGE.public))
    golden["eap_shop"] = ours(EapCode.REQUEST, 1, split_message(shop)[0])
    return golden


def refresh(page: str) -> str:
    """A page with its byte pictures and its table of sizes made anew."""
    golden = shown()
    page = BLOCK.sub(lambda found: found[1] + draw(found[2], golden[found[2]]) + found[3], page)
    return SIZES.sub(lambda found: found[1] + size_table(), page)


def size_table() -> str:
    """Each example's bytes and the limit of its reader."""
    rows = [
        f"| {name.replace('_', ' ')} | {len(message.golden)} | {message.max_bytes:,} |"
        for name, message in MESSAGES.items()
    ]
    return "\n".join(["| message | example, bytes | at most, bytes |", "|---|---|---|", *rows, ""])


def main() -> None:
    VECTORS.parent.mkdir(exist_ok=True)
    VECTORS.write_text(json.dumps(vectors(), indent=1) + "\n")
    for path in sorted(PAGES.glob("*.md")):
        path.write_text(refresh(path.read_text()))


if __name__ == "__main__":
    main()
