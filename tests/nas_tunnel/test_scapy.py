"""Scapy's layers against our codecs: what one writes the other reads, and both say the same."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from scapy.layers.dot11 import Dot11, Dot11Action, Dot11Beacon, Dot11Elt, Dot11EltVendorSpecific, RadioTap
from scapy.layers.inet import UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw

from nas_tunnel.anqp import (
    ADVICE_OF_CHARGE,
    VENDOR,
    AnqpQuery,
    answer_id,
    read_answers,
    read_beacon_element,
    read_query,
    write_air_offer,
    write_answers,
)
from nas_tunnel.gas_frame import GasAction, read_gas, read_gas_request
from nas_tunnel.lobby import (
    PORT,
    AskBid,
    AuctionShown,
    Bid,
    BidSaid,
    LobbyMessage,
    Outcome,
    Refused,
    write_lobby,
)
from nas_tunnel.scapy import (
    AirgrantAnswers,
    AirgrantBeacon,
    AirgrantOffer,
    AirgrantPurchase,
    AnqpAdviceOfCharge,
    AnqpElement,
    AnqpQueryList,
    Gas,
    GasComebackResponse,
    GasInitialRequest,
    GasInitialResponse,
    Lobby,
    LobbyAnnouncement,
    LobbyAskBid,
    LobbyAuctionShown,
    LobbyBid,
    LobbyBidSaid,
    LobbyOutcome,
    LobbyPurchase,
    LobbyRefused,
)
from tests.nas_tunnel.air import (
    ADVICE,
    AIR_OFFER,
    BEACON_ELEMENT,
    GOLDEN,
    OFFER,
    OUTCOME,
    REFUSED,
    TRANSACTION_ID,
    story,
)
from tests.nas_tunnel.test_lobby import EXAMPLES as DATAGRAMS
from tests.nas_tunnel.test_lobby import messages

STORY = story()


def rebuilt(packet: Packet) -> bytes:
    """Its bytes from its fields, not from those that it was read from."""
    packet.clear_cache()
    return bytes(packet)


def layers(packet: Packet) -> list[str]:
    return [layer.__name__ for layer in packet.layers()]


# ---- The air


@pytest.mark.parametrize("number", range(len(STORY)))
def test_a_frame_comes_back(number: int) -> None:
    packet = RadioTap(STORY[number])
    assert rebuilt(packet) == STORY[number]
    assert Raw not in packet


def test_an_offer_is_taken_apart() -> None:
    packet = RadioTap(STORY[2])
    assert layers(packet) == ["RadioTap", "Dot11", "Dot11Action", "Gas", "GasInitialResponse"]
    offer, advice = packet[GasInitialResponse].response
    assert (offer.id, advice.id) == (VENDOR, ADVICE_OF_CHARGE)
    content = offer[AirgrantOffer]
    assert (
        content.offer,
        content.provider,
        content.ledger,
        content.ledger_id,
        content.network,
        content.utc_s,
    ) == (
        AIR_OFFER.offer,
        AIR_OFFER.provider.octets,
        AIR_OFFER.ledger.octets,
        AIR_OFFER.ledger_id,
        AIR_OFFER.network,
        AIR_OFFER.utc_s,
    )
    (charge,) = advice[AnqpAdviceOfCharge].charges
    (plan,) = charge.plans
    assert (charge.kind, plan.language, plan.currency) == (2, b"eng", b"XXX")
    assert plan.information in ADVICE


def test_a_purchase_is_taken_apart() -> None:
    purchase, ids = RadioTap(STORY[3])[GasInitialRequest].query
    assert purchase[AirgrantPurchase].transaction == GOLDEN["allocate"]
    assert ids[AnqpQueryList].ids == [VENDOR, ADVICE_OF_CHARGE]


def test_answers_are_taken_apart() -> None:
    answers, emptied = RadioTap(STORY[6])[GasInitialResponse].response
    assert (answers.id, emptied.id, emptied.length) == (answer_id(TRANSACTION_ID), 299, 0)
    outcome, refused = answers[AirgrantAnswers].messages
    assert outcome[LobbyOutcome].transaction_id == TRANSACTION_ID
    assert outcome[LobbyOutcome].grant == GOLDEN["grant"]
    assert (refused[LobbyRefused].reason, refused[LobbyRefused].detail) == (
        b"rate_limit",
        b"one purchase in 2 s",
    )


def test_fragments_are_kept_whole() -> None:
    pieces = [RadioTap(frame) for frame in STORY]
    content = b"".join(
        piece[GasComebackResponse].response for piece in pieces if GasComebackResponse in piece
    )
    (element,) = [AnqpElement(content)]
    assert element[AirgrantAnswers].messages[0][LobbyOutcome].receipt == GOLDEN["receipt"]


def test_a_purchase_made_with_scapy_is_read_by_our_codec() -> None:
    header = Dot11(
        type=0, subtype=13, addr1="02:00:00:00:00:fe", addr2="02:00:00:00:00:01", addr3="02:00:00:00:00:fe"
    )
    query = [
        AnqpElement(id=VENDOR) / AirgrantPurchase(transaction=b"transaction"),
        AnqpElement() / AnqpQueryList(ids=[VENDOR]),
    ]
    frame = header / Dot11Action(category=4) / Gas(dialog_token=7) / GasInitialRequest(query=query)
    request = read_gas(bytes(frame))
    assert (str(request.station), str(request.bssid), request.dialog_token) == (
        "02:00:00:00:00:01",
        "02:00:00:00:00:fe",
        7,
    )
    assert read_query(request.query) == AnqpQuery((VENDOR,), b"transaction")  # type: ignore[union-attr]
    assert read_gas_request(bytes(RadioTap() / frame)) == request


def test_answers_made_with_scapy_are_read_by_our_codec() -> None:
    outcome = Lobby() / LobbyOutcome(
        transaction_id=TRANSACTION_ID, receipt=OUTCOME.receipt, grant=OUTCOME.grant
    )
    refused = Lobby() / LobbyRefused(subject=TRANSACTION_ID, reason=REFUSED.reason, detail=REFUSED.detail)
    made = bytes(AirgrantAnswers(messages=[outcome, refused]))
    assert made == write_answers([OUTCOME, REFUSED])
    assert read_answers(made) == (OUTCOME, REFUSED)


def test_an_offer_made_with_scapy_is_what_our_codec_writes() -> None:
    made = AirgrantOffer(
        offer=AIR_OFFER.offer,
        provider=AIR_OFFER.provider.octets,
        ledger=AIR_OFFER.ledger.octets,
        ledger_id=AIR_OFFER.ledger_id,
        network=AIR_OFFER.network,
        utc_s=AIR_OFFER.utc_s,
    )
    assert bytes(made) == write_air_offer(AIR_OFFER)


def test_the_beacon_element_is_found_among_others() -> None:
    packet = RadioTap(STORY[0])
    element = packet[AirgrantBeacon]
    assert Dot11Beacon in packet
    assert (element.price_ubc, element.duration_s, element.floor_down_kbps) == (
        OFFER.price_ubc,
        OFFER.allocation_duration_s,
        OFFER.qos.floor_down_bps // 1_000,
    )
    made = bytes(AirgrantBeacon(offer_hash=element.offer_hash, price_ubc=5, duration_s=6, floor_down_kbps=7))
    assert read_beacon_element(made).price_ubc == 5
    assert rebuilt(Dot11Elt(BEACON_ELEMENT)) == BEACON_ELEMENT


@pytest.mark.parametrize("element", ["dd050241470401", "dd0402414705", "dd050050f20201"])
def test_an_element_of_another_kind_is_left_to_scapy(element: str) -> None:
    found = Dot11Elt(bytes.fromhex(element))
    assert type(found) is Dot11EltVendorSpecific
    assert rebuilt(found) == bytes.fromhex(element)


def test_a_comeback_request_has_nothing_more() -> None:
    asked = [packet[Gas] for packet in map(RadioTap, STORY) if Gas in packet and packet[Gas].action == 12]
    assert asked
    assert all(not gas.payload for gas in asked)
    assert bytes(Gas(action=GasAction.COMEBACK_REQUEST.value, dialog_token=9)) == b"\x0c\x09"


# ---- The lobby


@pytest.mark.parametrize("name", DATAGRAMS)
def test_a_datagram_comes_back(name: str) -> None:
    encoded = write_lobby(DATAGRAMS[name])
    packet = Lobby(encoded)
    assert rebuilt(packet) == encoded
    packet.head = None
    assert bytes(packet) == encoded, "the number of items is counted"


@given(messages)
@settings(max_examples=60, deadline=None)
def test_any_datagram_comes_back(message: LobbyMessage) -> None:
    encoded = write_lobby(message)
    assert rebuilt(Lobby(encoded)) == encoded


def test_an_announcement_with_and_without_a_network() -> None:
    for name in ("announcement", "announcement with a network"):
        packet = Lobby(write_lobby(DATAGRAMS[name]))[LobbyAnnouncement]
        assert (packet.network or b"") == getattr(DATAGRAMS[name], "network")  # noqa: B009 of one of several kinds


@pytest.mark.parametrize(
    ("source", "destination"), [(40_000, PORT), (PORT, 40_000)], ids=["asked", "answered"]
)
def test_datagrams_are_found_on_their_port(source: int, destination: int) -> None:
    datagram = write_lobby(DATAGRAMS["purchase"])
    frame = bytes(
        Ether() / IPv6(src="fe80::1", dst="fe80::2") / UDP(sport=source, dport=destination) / Raw(datagram)
    )
    packet = Ether(frame)
    assert packet[LobbyPurchase].transaction == b"transaction"


def test_a_datagram_built_from_the_top_goes_to_its_port() -> None:
    packet = IPv6() / UDP() / Lobby() / LobbyPurchase(transaction=b"t")
    assert IPv6(bytes(packet))[UDP].dport == PORT


@pytest.mark.parametrize(
    "datagram", ["8203", "82034b74", "820361", "8203bfff", "8203580174", "82035b7fffffffffffffff", "8604"]
)
def test_what_is_malformed_ends_as_raw(datagram: str) -> None:
    packet = Lobby(bytes.fromhex(datagram))
    assert not packet.payload or isinstance(packet.payload, Raw)


def test_other_elements_stay_raw() -> None:
    for element in ("dddd04000050f201", "0c010100ff", "dddd04000241470a"):
        packet: Any = AnqpElement(bytes.fromhex(element))
        assert isinstance(packet.payload, Raw)
        assert rebuilt(packet).hex() == element


def test_outcomes_and_refusals_are_the_codecs() -> None:
    """The names and the order of the fields are those of the dataclasses."""
    assert [field.name for field in LobbyOutcome.fields_desc] == list(Outcome.__dataclass_fields__)
    assert [field.name for field in LobbyRefused.fields_desc] == list(Refused.__dataclass_fields__)
    for layer, message in (
        (LobbyAuctionShown, AuctionShown),
        (LobbyBid, Bid),
        (LobbyAskBid, AskBid),
        (LobbyBidSaid, BidSaid),
    ):
        assert [field.name for field in layer.fields_desc] == list(message.__dataclass_fields__)
