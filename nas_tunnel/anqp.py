"""ANQP elements: how offers, purchases and answers travel over the air before a station has associated.

    beacon       vendor element 221: a hash of the signed offer and a hint of its price, for whoever scans
    query        Query List (256), and before it a vendor element (56797) with the transaction, if one is bought
    response     vendor element (56797) with the offer, Advice of Charge (278) with its price in words;
                 receipts and grants in one of the elements 281 to 299

Stock hostapd answers with whatever elements it was given, and passes over a vendor element that it does not know; so
the box hears purchases on a monitor interface and puts the answer where the buyer will ask for it. Nothing in GAS is
authenticated: everything inside is signed, each for itself, and whoever needs it verifies it.
The OUI 02-41-47 is locally administered (IEEE 802-2014 clause 8.2): registered by nobody, and so a user of the same
three octets may exist. Each element therefore begins with OUI and type, and what follows has one strict form.
Reference: IEEE 802.11-2020 clauses 9.4.2.25 (vendor element), 9.4.5 (ANQP elements), 9.4.5.2 (Query List). Numbers are
little endian there and in the beacon; the rest is CBOR.
Promise: every reader returns a value or raises DecodeError, whatever the bytes, in time linear in their number.
"""

import hashlib
from collections.abc import Iterator, Sequence

from nas_tunnel.items import ItemReader
from nas_tunnel.lobby import MAX_LOBBY_BYTES, MAX_PURCHASE_BYTES, Outcome, Refused, read_lobby, write_lobby
from wire.cbor import Value, write_cbor
from wire.errors import DecodeError
from wire.frozen import dataclass
from wire.ids import LEDGER_ID_SIZE, PublicKey
from wire.network import MAX_NETWORK_BYTES
from wire.offer import MAX_OFFER_BYTES
from wire.units import U32_MAX, U63_MAX

OUI = bytes.fromhex("024147")
"""41-47 is "AG" in ASCII."""
OFFER, PURCHASE, ANSWERS, BEACON = range(1, 5)
"""The octet after the OUI. A new form of an element is a new type."""

NO_OFFER = OUI + bytes((OFFER,))
"""The element of an access point with nothing on sale: hostapd cannot remove it, and a vendor element has an OUI."""

QUERY_LIST = 256
ADVICE_OF_CHARGE = 278
FIRST_ANSWER_ID, ANSWER_IDS = 281, 19
"""281 to 299: hostapd lets us set them and announces them among its capabilities. It would take 280 too, which the
standard of 2020 gave to Network Authentication Type with Timestamp."""
VENDOR = 56797

MAX_ELEMENT_BYTES = 2_035
"""Payload that hostapd takes through its control socket: 2,037 were taken and 2,040 refused (version 2.10)."""
MAX_QUERY_IDS = 20
"""Elements that hostapd answers to in one query (version 2.10)."""
MAX_QUERY_BYTES = MAX_RESPONSE_BYTES = 65_535
"""The length fields of GAS have two octets (IEEE 802.11-2020 clause 9.6.7.12)."""

_PREFIX_SIZE = len(OUI) + 1
_MAX_ANSWERS = 23
"""As many as an array of one head octet has: refusals are short, and would be more."""
_VENDOR_ELEMENT = 221
_BEACON_VERSION = 1
_HASH_SIZE = 16
_BEACON_SIZE = 2 + _PREFIX_SIZE + 1 + _HASH_SIZE + 8 + 4 + 4


@dataclass(frozen=True, slots=True)
class AirOffer:
    """A signed offer (wire/offer.py), whose key it is, the ledger that knows both, and the signed network
    (wire/network.py) or nothing. `utc_s` is the access point's clock: not signed, a hint for a device without one.
    """

    offer: bytes
    provider: PublicKey
    ledger: PublicKey
    ledger_id: bytes
    network: bytes
    utc_s: int


@dataclass(frozen=True, slots=True)
class AnqpQuery:
    """What a station asks for: ids of elements, and the transaction that it wants relayed, if any."""

    ids: tuple[int, ...]
    purchase: bytes | None


@dataclass(frozen=True, slots=True)
class BeaconOffer:
    """A hint, not signed: the beginning of the signed offer's SHA-256, and what the offer will say. `floor_down_kbps`
    is rounded down.
    """

    offer_hash: bytes
    price_ubc: int
    duration_s: int
    floor_down_kbps: int


# ---- The offer


def write_air_offer(air: AirOffer) -> bytes:
    """The payload of element 56797, as hostapd's `anqp_elem` wants it."""
    items: list[Value] = [
        air.offer,
        air.provider.octets,
        air.ledger.octets,
        air.ledger_id,
        air.network,
        air.utc_s,
    ]
    return _with_prefix(OFFER, write_cbor(items))


def read_air_offer(payload: bytes) -> AirOffer:
    """From the payload of element 56797; signatures inside are not checked. Raises DecodeError, for NO_OFFER too."""
    if payload == NO_OFFER:
        raise DecodeError("air offer: nothing is on sale")
    items = ItemReader(_without_prefix(OFFER, payload, "air offer"), "air offer")
    air = AirOffer(
        offer=items.octets("offer", 1, MAX_OFFER_BYTES),
        provider=items.public_key("provider"),
        ledger=items.public_key("ledger"),
        ledger_id=items.octets("ledger_id", LEDGER_ID_SIZE, LEDGER_ID_SIZE),
        network=items.octets("network", 0, MAX_NETWORK_BYTES),
        utc_s=items.integer("utc_s"),
    )
    items.finish()
    return air


# ---- Answers


def answer_id(transaction_id: bytes) -> int:
    """The element, 281 to 299, in which the answer to this transaction will stand; several buyers share one."""
    return FIRST_ANSWER_ID + int.from_bytes(transaction_id[:8], "big") % ANSWER_IDS


def is_answer_id(info_id: int) -> bool:
    """Whether answers to purchases stand in this element."""
    return FIRST_ANSWER_ID <= info_id < FIRST_ANSWER_ID + ANSWER_IDS


def fits(messages: Sequence[Outcome | Refused]) -> int:
    """How many of these, from the front, one element holds: four Outcomes of the usual size, two of the largest."""
    room = MAX_ELEMENT_BYTES - _PREFIX_SIZE - 1
    for count, message in enumerate(messages[:_MAX_ANSWERS]):
        room -= len(write_cbor(write_lobby(message)))
        if room < 0:
            return count
    return min(len(messages), _MAX_ANSWERS)


def write_answers(messages: Sequence[Outcome | Refused]) -> bytes:
    """The payload of an element 281 to 299; empty if there is none, as an element once set cannot be taken back. More
    than `fits` are the caller's mistake.
    """
    if not messages:
        return b""
    assert len(messages) <= _MAX_ANSWERS, f"{len(messages)} answers in one element"
    return _with_prefix(ANSWERS, write_cbor([write_lobby(message) for message in messages]))


def read_answers(payload: bytes) -> tuple[Outcome | Refused, ...]:
    """From the payload of an element 281 to 299; signatures inside are not checked. Raises DecodeError."""
    if not payload:
        return ()
    items = ItemReader(_without_prefix(ANSWERS, payload, "answers"), "answers")
    messages: list[Outcome | Refused] = []
    while (items.more() and len(messages) < _MAX_ANSWERS) or not messages:
        message = read_lobby(items.octets("message", 1, MAX_LOBBY_BYTES))
        if not isinstance(message, (Outcome, Refused)):
            raise items.error(f"{type(message).__name__} is no answer")
        messages.append(message)
    items.finish()
    return tuple(messages)


# ---- Queries and responses


OFFER_IDS = (VENDOR, ADVICE_OF_CHARGE)
"""The offer, and it in words. In this order: Wireshark 4.0 reads three octets past a vendor element whose OUI it does
not know, and calls the frame malformed where none follow."""


def write_offer_query(ids: Sequence[int] = OFFER_IDS) -> bytes:
    """A query for these elements, 1 to MAX_QUERY_IDS."""
    assert 1 <= len(ids) <= MAX_QUERY_IDS, f"a query for {len(ids)} elements"
    return write_element(QUERY_LIST, b"".join(info_id.to_bytes(2, "little") for info_id in ids))


def write_purchase_query(transaction: bytes) -> bytes:
    """The transaction, which the box hears, and after it a query for the offer, which hostapd answers."""
    assert 1 <= len(transaction) <= MAX_PURCHASE_BYTES, f"a purchase of {len(transaction)} bytes"
    return write_element(VENDOR, _with_prefix(PURCHASE, transaction)) + write_offer_query()


def read_query(data: bytes) -> AnqpQuery:
    """What is asked for; elements that are neither a query list nor ours are passed over. Raises DecodeError."""
    ids: list[int] = []
    purchase: bytes | None = None
    for info_id, payload in iterate_elements(data):
        if info_id == QUERY_LIST:
            if len(payload) % 2:
                raise DecodeError(f"anqp: a query list of {len(payload)} bytes, which is odd")
            ids += (int.from_bytes(payload[at : at + 2], "little") for at in range(0, len(payload), 2))
        elif info_id == VENDOR and payload[:_PREFIX_SIZE] == OUI + bytes((PURCHASE,)):
            if purchase is not None:
                raise DecodeError("anqp: two purchases in one query")
            purchase = _without_prefix(PURCHASE, payload, "purchase")
            if not 1 <= len(purchase) <= MAX_PURCHASE_BYTES:
                raise DecodeError(f"anqp: a purchase of {len(purchase)} bytes, not 1 to {MAX_PURCHASE_BYTES}")
    return AnqpQuery(tuple(ids), purchase)


def read_elements(response: bytes) -> dict[int, bytes]:
    """Payloads by id: of vendor elements ours only (Hotspot 2.0 has more under the same id), of several with one id the
    first. Raises DecodeError.
    """
    elements: dict[int, bytes] = {}
    for info_id, payload in iterate_elements(response):
        if info_id != VENDOR or payload[: len(OUI)] == OUI:
            elements.setdefault(info_id, payload)
    return elements


def write_element(info_id: int, payload: bytes) -> bytes:
    """An ANQP element: id, length, payload."""
    return info_id.to_bytes(2, "little") + len(payload).to_bytes(2, "little") + payload


def iterate_elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(id, payload) of ANQP elements that follow one another and fill `data`. Raises DecodeError."""
    at, end = 0, len(data)
    if end > MAX_QUERY_BYTES:
        raise DecodeError(f"anqp: {end} bytes, at most {MAX_QUERY_BYTES} are accepted")
    while at < end:
        start = at + 4
        after = start + int.from_bytes(data[at + 2 : start], "little")
        if start > end or after > end:
            raise DecodeError(f"anqp: the element at byte {at} does not fit into {end} bytes")
        yield int.from_bytes(data[at : at + 2], "little"), data[start:after]
        at = after


# ---- The beacon


def offer_hash(offer: bytes) -> bytes:
    """The 16 octets by which a beacon names a signed offer: when they change, ask again."""
    return hashlib.sha256(offer).digest()[:_HASH_SIZE]


def write_beacon_element(offer: bytes, price_ubc: int, duration_s: int, floor_down_bps: int) -> bytes:
    """The whole vendor element, header included, as hostapd's `vendor_elements` wants it."""
    return (
        bytes((_VENDOR_ELEMENT, _BEACON_SIZE - 2, *OUI, BEACON, _BEACON_VERSION))
        + offer_hash(offer)
        + price_ubc.to_bytes(8, "little")
        + duration_s.to_bytes(4, "little")
        + min(floor_down_bps // 1_000, U32_MAX).to_bytes(4, "little")
    )


def read_beacon_element(element: bytes) -> BeaconOffer:
    """From the whole vendor element. Raises DecodeError."""
    head = bytes((_VENDOR_ELEMENT, _BEACON_SIZE - 2, *OUI, BEACON, _BEACON_VERSION))
    if len(element) != _BEACON_SIZE or not element.startswith(head):
        raise DecodeError(f"beacon: not {_BEACON_SIZE} bytes that begin with {head.hex()}")
    at = len(head) + _HASH_SIZE
    price_ubc = int.from_bytes(element[at : at + 8], "little")
    if price_ubc > U63_MAX:
        raise DecodeError(f"beacon: price_ubc is {price_ubc}, above {U63_MAX}")
    return BeaconOffer(
        offer_hash=element[len(head) : at],
        price_ubc=price_ubc,
        duration_s=int.from_bytes(element[at + 8 : at + 12], "little"),
        floor_down_kbps=int.from_bytes(element[at + 12 :], "little"),
    )


def find_beacon_element(elements: bytes) -> BeaconOffer | None:
    """Ours among the elements of a beacon or probe response, or None. Raises DecodeError."""
    at, end = 0, len(elements)
    while at < end:
        if at + 2 > end or at + 2 + elements[at + 1] > end:
            raise DecodeError(f"beacon: the element at byte {at} does not fit into {end} bytes")
        after = at + 2 + elements[at + 1]
        if elements[at] == _VENDOR_ELEMENT and elements[at + 2 : at + 6] == OUI + bytes((BEACON,)):
            return read_beacon_element(elements[at:after])
        at = after
    return None


# ---- OUI and type


def _with_prefix(kind: int, content: bytes) -> bytes:
    payload = OUI + bytes((kind,)) + content
    assert len(payload) <= MAX_ELEMENT_BYTES, f"an element of {len(payload)} bytes"
    return payload


def _without_prefix(kind: int, payload: bytes, name: str) -> bytes:
    if len(payload) > MAX_ELEMENT_BYTES:
        raise DecodeError(f"{name}: {len(payload)} bytes, at most {MAX_ELEMENT_BYTES} are accepted")
    prefix = OUI + bytes((kind,))
    if not payload.startswith(prefix):
        raise DecodeError(
            f"{name}: begins with {payload[:_PREFIX_SIZE].hex() or 'nothing'}, not {prefix.hex()}"
        )
    return payload[_PREFIX_SIZE:]
