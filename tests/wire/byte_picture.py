"""Annotated bytes of a message: `hex  # meaning`, a line for each part. What docs/wire/ shows, and a test holds true.

The picture is cut from the bytes themselves, so it cannot say anything that is not in them; only the names of the
fields come from the tables here.
"""

from __future__ import annotations

from collections.abc import Iterator

import cbor2

HEX_PER_LINE = 18
"""Bytes in one line of a picture."""

_TRANSACTION = {0: "action", 1: "nonce", 2: "valid_until_s"}
_MONEY = _TRANSACTION | {3: "provider", 4: "price_ubc"}
_RECORD = {0: "kind", 1: "sequence", 2: "previous"}
FIELDS: dict[str, dict[int, str]] = {
    "offer": {
        1: "epoch", 2: "price_ubc", 3: "allocation_duration_s", 4: "band", 5: "qos", 6: "bssid", 7: "expires_s",
    },
    "grant": {
        1: "consumer", 2: "provider_id", 3: "grant_id", 4: "epoch", 5: "starts_s", 6: "duration_s", 7: "band",
        8: "qos", 9: "allocations",
    },
    "receipt": {1: "subject", 2: "height", 3: "utc_s", 4: "reason", 5: "detail"},
    "join_request": {1: "purpose (1 join, 2 leave)", 2: "grant_id", 3: "station", 4: "bssid", 5: "challenge"},
    "revocation": {1: "grant_id", 2: "reason"},
    "offer_state": {
        1: "provider", 2: "height", 3: "epoch", 4: "price_ubc", 5: "band", 6: "allocation_duration_s", 7: "qos",
        8: "allocations_left",
    },
    "attestation_result": {
        1: "attestation_key", 2: "key_name", 3: "provider", 4: "endorsement_hash", 5: "enrolled_s",
    },
    "network": {1: "bssid", 2: "ssid", 3: "operator", 4: "expires_s", 5: "registration"},
    "admission": {1: "grant", 2: "station", 3: "bssid", 4: "used_bytes", 5: "expires_s"},
    "grant_price": {1: "grant_id", 2: "payer", 3: "price_ubc"},
    "registration": {1: "account", 2: "height", 3: "utc_s"},
    "create": _TRANSACTION | {3: "account"},
    "deposit": _MONEY,
    "withdraw": _MONEY,
    "transfer": _MONEY,
    "post_offer": _TRANSACTION | {
        4: "price_ubc", 5: "band", 6: "max_allocations", 7: "allocation_duration_s", 8: "qos",
        9: "volume_discount_multiplier_ppm", 10: "reservation_discount_multiplier_ppm",
        11: "reservations: period -> [price_ubc, capacity]", 12: "consumers: key -> [allocations, price_ubc]",
    },
    "allocate": _TRANSACTION | {
        3: "provider", 4: "price_ubc", 5: "band", 6: "epoch", 7: "allocations", 8: "period", 9: "period_to",
        10: "consumers",
    },
    "bid": _TRANSACTION | {3: "provider", 4: "price_ubc", 5: "band", 7: "allocations", 11: "auction"},
    "session_bid": _TRANSACTION | {
        3: "provider", 4: "price_ubc", 5: "band", 7: "allocations", 11: "auction", 12: "slots",
    },
    "session_offer": _TRANSACTION | {
        4: "price_ubc", 5: "band", 6: "max_allocations", 7: "allocation_duration_s", 8: "qos",
        12: "consumers: key -> [allocations, price_ubc, slots]",
        13: "auction: kind, clearing_s, min_price_ubc, forecast", 14: "ruling: house, head, signature",
    },
    "settling_offer": _TRANSACTION | {
        4: "price_ubc", 5: "band", 6: "max_allocations", 7: "allocation_duration_s", 8: "qos",
        12: "consumers: key -> [allocations, price_ubc]", 13: "auction: kind, clearing_s, min_price_ubc",
        14: "ruling: house, head, signature",
    },
    "found_club": _TRANSACTION | {4: "number", 5: "quantum_khz_s", 6: "tokens", 7: "members"},
    "spend_tokens": _TRANSACTION | {3: "founder", 4: "number", 6: "tokens"},
    "lease_quote": {1: "lessee", 2: "band", 3: "price_ubc", 4: "duration_s", 5: "valid_until_s"},
    "usage_bill": {1: "provider_id", 2: "grant_id", 3: "epoch", 4: "used_bytes", 5: "owed_ubc"},
    "time_key": {1: "keeper", 2: "time_s", 3: "key"},
    "auction": {
        1: "provider", 2: "auction: kind, clearing_s, min_price_ubc", 3: "band", 4: "max_allocations",
        5: "allocation_duration_s", 6: "qos", 7: "epoch", 8: "offer_callback", 9: "house",
        11: "threshold", 12: "time_keys",
    },
    "session_auction": {
        1: "provider", 2: "auction: kind, clearing_s, min_price_ubc, forecast", 3: "band", 4: "max_allocations",
        5: "allocation_duration_s", 6: "qos", 7: "epoch", 9: "house", 11: "threshold", 12: "time_keys",
    },
    "sealed_bid": {1: "auction_id", 2: "bid_key", 3: "share_key", 4: "ticket", 5: "shares", 6: "content"},
    "auction_receipt": {
        1: "auction_id", 2: "status", 3: "bid_id", 4: "number", 5: "at_ns", 6: "head", 7: "reason", 8: "detail",
    },
    "outbid_receipt": {
        1: "auction_id", 2: "status", 3: "bid_id", 4: "number", 5: "at_ns", 6: "head", 7: "reason", 8: "detail",
        9: "wins_above_ubc",
    },
    "auction_list": {1: "auctions: [auction, status, number, bids, reason]", 2: "after"},
    "generate_offer": {
        1: "auction", 2: "price_ubc", 3: "consumers: key -> [allocations, price_ubc]", 4: "valid_until_s", 5: "ruling",
        6: "head",
    },
    "boot_record": _RECORD | {3: "utc_ms", 4: "boot_pcrs", 5: "meter_pcr", 6: "software"},
    "usage_report": _RECORD | {3: "from_utc_ms", 4: "to_utc_ms", 5: "rows"},
    "usage_report_short": _RECORD | {3: "from_utc_ms", 4: "to_utc_ms", 5: "rows"},
    "anchor_record": _RECORD | {3: "utc_ms", 4: "counter"},
    "enrolment_request": {
        1: "provider", 2: "software_key", 3: "attestation_public", 4: "endorsement_certificate",
        5: "software_proof",
    },
}  # fmt: skip
ITEMS: dict[str, list[str]] = {
    "evidence": ["key_id", "record", "attest", "signature", "certify", "certify_signature"],
    "grant_proof": [
        "form",
        "position",
        "consumers of the leaf",
        "path",
        "transaction, number of consumers, terms",
        "turns",
        "path of the sale, 1 x 32 bytes",
        "height, previous, time_s, items root, items, state root",
        "key id",
        "signature",
    ],
    "ledger_reply": ["receipt", "grants"],
    "enrolment_request": ["kind (1 request)", "signed request"],
    "enrolment_answer": ["kind (3 answer)", "key_id", "secret"],
    "lobby_announcement": [
        "type 2 Announcement",
        "offer",
        "provider",
        "ledger",
        "ledger_id",
        "challenge",
        "utc_s",
    ],
    "anqp_offer": ["offer", "provider", "ledger", "ledger_id", "network", "utc_s"],
    "anqp_answers": ["lobby datagram"],
    "cell_offer": ["offer", "provider", "ledger_key_id", "ledger_id_start"],
    "eap_shop": ["type 1 Shop", "air offer", "share"],
    "lobby_join": ["type 5 Join", "grant", "join request"],
    "enrolment_reply": ["kind (2 reply)", "challenge or null", "attestation_result", "receipt"],
}
FIELDS |= {"offer_of_use": FIELDS["offer"], "grant_of_use": FIELDS["grant"]}


PARTS: dict[str, list[tuple[int, str]]] = {
    "anqp_offer": [(3, "OUI"), (1, "type 1: an offer")],
    "anqp_answers": [(3, "OUI"), (1, "type 3: answers")],
    "cell_offer": [(3, "OUI"), (1, "type 5: a cell offer")],
    "beacon_name": [(4, "AG1:"), (43, "base64 of 32 octets")],
    "anqp_purchase": [
        (2, "info id 56797, vendor specific"),
        (2, "length: 169"),
        (3, "OUI"),
        (1, "type 2: a purchase"),
        (165, "transaction"),
        (2, "info id 256, Query List"),
        (2, "length: 4"),
        (2, "the offer: 56797"),
        (2, "it in words: 278"),
    ],
    "pco_purchase": [
        (1, "extension, PPP"),
        (2, "an operator's unit: FF00H"),
        (1, "length: 177"),
        (3, "MCC 001, MNC 01"),
        (1, "version 1, kind 1: a piece"),
        (4, "tag: the beginning of SHA-256 of the purchase"),
        (2, "total: 165"),
        (2, "at: 0"),
        (165, "transaction"),
    ],
    "eap_shop": [
        (2, "Request, identifier 1"),
        (2, "length"),
        (1, "type 254, expanded"),
        (3, "vendor 024147H"),
        (4, "vendor type 1"),
        (1, "flags: the whole message"),
    ],
    "beacon_element": [
        (2, "element 221, vendor specific; length: 37"),
        (3, "OUI"),
        (1, "type 4: a beacon"),
        (1, "version 1"),
        (16, "the beginning of SHA-256 of the offer"),
        (8, "price_ubc: 1500000"),
        (4, "duration_s: 1200"),
        (4, "floor_down_kbps: 5000"),
    ],
}
"""Octets at the front that are no CBOR, by size."""


def draw(name: str, data: bytes) -> str:
    """The picture of a message, ready for a fenced block."""
    if name in PARTS:
        front, size = _draw_parts(PARTS[name], data), sum(size for size, _ in PARTS[name])
        rest = _draw_items(name, data[size:]) if name in ITEMS else iter(())
        return "\n".join([*front, *rest])
    if name in ITEMS:
        return "\n".join(_draw_items(name, data))
    if data[:1] == b"\xd2":
        return "\n".join(_draw_envelope(name, data, 0))
    return "\n".join(_draw_map(name, data, 0))


def read_picture(picture: str) -> bytes:
    """The bytes that a picture shows."""
    return bytes.fromhex("".join(line.split("#")[0] for line in picture.splitlines()))


def _draw_parts(parts: list[tuple[int, str]], data: bytes) -> Iterator[str]:
    at = 0
    for size, meaning in parts:
        yield from _lines(data[at : at + size], meaning, 0)
        at += size


def _draw_envelope(name: str, data: bytes, depth: int) -> Iterator[str]:
    protected, payload, signature = (cbor2.loads(data).value[index] for index in (0, 2, 3))
    yield _line(b"\xd2\x84", "COSE_Sign1: tag 18, array of 4", depth)
    yield _line(_head(data, 2), f"protected header, {len(protected)} bytes", depth + 1)
    yield _line(protected[:1], "map of 2", depth + 2)
    yield _line(protected[1:3], "1 algorithm: -9, ESP256", depth + 2)
    yield from _lines(protected[3:], "4 key id", depth + 2)
    at = 2 + len(_head(data, 2)) + len(protected)
    yield _line(data[at : at + 1], "unprotected header: empty", depth + 1)
    head = _head(data, at + 1)
    yield _line(head, f"payload, {len(payload)} bytes", depth + 1)
    yield from _draw_map(name, payload, depth + 2)
    at += 1 + len(head) + len(payload)
    yield from _lines(data[at:], f"signature, {len(signature)} bytes: r || s", depth + 1)


def _draw_map(name: str, data: bytes, depth: int) -> Iterator[str]:
    fields = cbor2.loads(data)
    head = _head(data, 0)
    yield _line(head, f"map of {len(fields)}", depth)
    at = len(head)
    for label, value in fields.items():
        size = len(cbor2.dumps(label)) + len(cbor2.dumps(value, canonical=True))
        yield from _lines(data[at : at + size], f"{label} {FIELDS[name][label]}{_short(value)}", depth + 1)
        at += size


def _draw_items(name: str, data: bytes) -> Iterator[str]:
    items = cbor2.loads(data)
    yield _line(_head(data, 0), f"array of {len(items)}", 0)
    at = len(_head(data, 0))
    for title, item in zip(ITEMS[name], items, strict=True):
        size = len(cbor2.dumps(item, canonical=True))
        if name == "enrolment_request" and isinstance(item, bytes):
            yield _line(_head(data, at), f"{title}, {len(item)} bytes", 1)
            yield from _draw_envelope(name, item, 2)
        else:
            yield from _lines(data[at : at + size], f"{title}{_short(item)}", 1)
        at += size


def _head(data: bytes, at: int) -> bytes:
    extra = {24: 1, 25: 2, 26: 4, 27: 8}.get(data[at] & 31, 0)
    return data[at : at + 1 + extra]


def _short(value: object) -> str:
    if isinstance(value, bytes):
        return f", {len(value)} bytes" if value else ": empty"
    if isinstance(value, str):
        return f': "{value}"'
    text = f": {value}"
    return text if len(text) <= 60 and "b'" not in text else ""


def _lines(data: bytes, meaning: str, depth: int) -> Iterator[str]:
    for at in range(0, len(data), HEX_PER_LINE):
        yield _line(data[at : at + HEX_PER_LINE], meaning if at == 0 else "", depth)


def _line(data: bytes, meaning: str, depth: int) -> str:
    left = f"{'  ' * depth}{data.hex(' ')}"
    return f"{left:<64}# {meaning}".rstrip() if meaning else left
