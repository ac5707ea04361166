"""What a capture tells: each message with its verdict, pieces put together, bounded memory, and a real capture."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Raw
from scapy.utils import RawPcapNgReader

from lab.gas_writer import write_gas_frame
from nas_tunnel.anqp import (
    NO_OFFER,
    VENDOR,
    write_air_offer,
    write_answers,
    write_beacon_element,
    write_element,
)
from nas_tunnel.gas_frame import GasComebackResponse
from nas_tunnel.link import BARE_80211, ETHERNET, LINK_TYPES, RADIOTAP
from nas_tunnel.lobby import (
    PORT,
    Announcement,
    Discover,
    Join,
    Joined,
    Leave,
    Left,
    LobbyMessage,
    Outcome,
    Purchase,
    Refused,
    write_lobby,
)
from nas_tunnel.sightings import MAX_BEACONS, MAX_DIALOGS, MAX_RESPONSE_BYTES, Frame, Sighting, Witness
from tests.nas_tunnel.air import (
    AIR_OFFER,
    ANSWERS_RESPONSE,
    BEACON_ELEMENT,
    GOLDEN,
    OFFER,
    TRANSACTION_ID,
    beacon,
    fragmented,
    request,
    response,
    story,
)
from tests.wire.examples import (
    BSSID,
    CONSUMER,
    GRANT_VALUE,
    LEDGER,
    LEDGER_ID,
    MESSAGES,
    PROVIDER,
    STATION,
    UTC_S,
)
from wire.ids import MacAddress
from wire.keys import PrivateKey
from wire.network import write_network
from wire.offer import write_offer
from wire.receipt import Receipt, write_receipt
from wire.transaction import Transaction, sign_transaction

CAPTURES = Path(__file__).parent / "captures"
MALLORY = PrivateKey.from_secret(666)
OTHER_LEDGER = PrivateKey.from_secret(77)


def see(witness: Witness, *frames: bytes, link_type: int = RADIOTAP, at_s: int = UTC_S) -> list[Sighting]:
    return [
        sighting
        for number, frame in enumerate(frames, 1)
        for sighting in witness.see(Frame(number, at_s * 10**9, link_type, frame))
    ]


def datagram(message: LobbyMessage, *, answer: bool = False) -> bytes:
    source, target = (BSSID, STATION) if answer else (STATION, BSSID)
    sport, dport = (PORT, 40_000) if answer else (40_000, PORT)
    header = (
        Ether(src=str(source), dst=str(target))
        / IPv6(src="fe80::1", dst="fe80::2")
        / UDP(sport=sport, dport=dport)
    )
    return bytes(header / Raw(write_lobby(message)))


def lobby(witness: Witness, message: LobbyMessage, at_s: int = UTC_S) -> Sighting:
    (sighting,) = see(witness, datagram(message), link_type=ETHERNET, at_s=at_s)
    return sighting


def offered(**changes: object) -> bytes:
    return response(write_element(VENDOR, write_air_offer(replace(AIR_OFFER, **changes))), 1)  # type: ignore[arg-type]


# ---- A purchase over the air


def test_the_story_of_a_purchase() -> None:
    seen = see(Witness(), *story())
    assert [(sighting.frame, sighting.what, sighting.wrong) for sighting in seen] == [
        (1, "beacon", False),
        (2, "question", False),
        (3, "offer", False),
        (3, "advice", False),
        (4, "purchase", False),
        (5, "offer", False),
        (5, "advice", False),
        (6, "question", False),
        (7, "answer", True),  # the example's receipt is for another transaction
        (7, "refused", False),
        (8, "question", False),
        (13, "answer", True),
        (13, "refused", False),
    ]
    assert {sighting.subject for sighting in seen} == {STATION, BSSID}


def test_a_beacon_is_told_once_until_it_changes() -> None:
    other = write_beacon_element(b"another offer", 1, 2, 3_000)
    seen = see(
        Witness(), beacon(BEACON_ELEMENT), beacon(BEACON_ELEMENT), beacon(other), beacon(), beacon(other)
    )
    assert [sighting.frame for sighting in seen] == [1, 3]
    assert seen[0].facts["price_ubc"] == OFFER.price_ubc
    assert (seen[1].subject, seen[1].facts["floor_down_bps"]) == (BSSID, 3_000)


def test_an_offer_with_its_verdict() -> None:
    (seen,) = see(Witness(), offered())
    assert not seen.wrong
    assert "the signature holds; join 'airgrant'" in seen.said
    assert seen.facts["signature"] == seen.facts["network_signature"] == "holds"
    assert (seen.facts["provider"], seen.facts["price_ubc"], seen.facts["expired"]) == (
        str(PROVIDER.public),
        1_500_000,
        False,
    )


def test_an_offer_is_expired_at_the_time_of_its_frame() -> None:
    fresh, stale = (see(Witness(), offered(), at_s=OFFER.expires_s + late_s)[0] for late_s in (-1, 9))
    assert (fresh.facts["expired"], stale.facts["expired"]) == (False, True)
    assert "expired 9 s ago" in stale.said
    assert not stale.wrong


@pytest.mark.parametrize(
    "forged",
    [
        {"offer": write_offer(OFFER, MALLORY)},
        {"provider": MALLORY.public},
        {"network": write_network(MESSAGES["network"].example, MALLORY)},
    ],
    ids=["another's offer", "another provider", "another's network"],
)
def test_a_forged_offer_is_wrong(forged: dict[str, object]) -> None:
    (seen,) = see(Witness(), offered(**forged))
    assert seen.wrong
    assert "does not hold" in seen.said


def test_a_shop_that_is_closed() -> None:
    (seen,) = see(Witness(), response(write_element(VENDOR, NO_OFFER) + write_element(278, b""), 1))
    assert (seen.what, seen.wrong) == ("closed", False)


def test_a_garbled_offer_is_wrong_and_says_why() -> None:
    (seen,) = see(Witness(), response(write_element(VENDOR, b"\x02AG\x01\x80"), 1))
    assert (seen.what, seen.wrong, seen.said) == ("garbled", True, "response: air offer: offer is missing")
    (seen,) = see(Witness(), offered(offer=b"nonsense"))
    assert (seen.what, seen.wrong) == ("garbled", True)


def test_a_purchase_by_its_transaction_id() -> None:
    witness = Witness()
    bought = story()[3]
    (unknown,) = see(witness, bought)
    assert "transaction" not in unknown.facts, "without the ledger's id there is none"
    see(witness, offered())
    (known,) = see(witness, bought)
    assert known.facts["transaction"] == TRANSACTION_ID.hex()
    assert (known.facts["units"], known.facts["price_ubc"], known.facts["provider"]) == (
        1,
        1_500_000,
        str(PROVIDER.public),
    )
    assert known.facts["issuer_key_id"] == CONSUMER.public.key_id.hex()
    (pinned,) = see(Witness(ledger_id=LEDGER_ID), bought)
    assert pinned.facts["transaction"] == TRANSACTION_ID.hex()


def test_a_purchase_whose_time_is_over_or_that_is_none() -> None:
    (late,) = see(Witness(), story()[3], at_s=UTC_S + 60)
    assert late.facts["expired"]
    transfer = sign_transaction(
        Transaction(MESSAGES["transfer"].example.action, bytes(8), UTC_S), CONSUMER, LEDGER_ID
    ).envelope.encoded
    seen = lobby(Witness(), Purchase(transfer))
    assert seen.said.startswith("transfer, which is no purchase")
    assert lobby(Witness(), Purchase(b"nonsense")).what == "garbled"


# ---- Answers


EXECUTED = write_receipt(Receipt(TRANSACTION_ID, 4_711, UTC_S), LEDGER, LEDGER_ID)
REJECTED = write_receipt(Receipt(TRANSACTION_ID, 4_712, UTC_S, "sold_out", "none left"), LEDGER, LEDGER_ID)


def test_an_answer_of_the_pinned_ledger() -> None:
    witness = Witness(LEDGER.public, LEDGER_ID)
    seen = lobby(witness, Outcome(TRANSACTION_ID, EXECUTED, GOLDEN["grant"]))
    assert (seen.facts["executed"], seen.facts["signature"], seen.facts["ledger"]) == (
        True,
        "holds",
        "pinned",
    )
    assert (seen.facts["consumer"], seen.facts["ends_s"]) == (str(CONSUMER.public), GRANT_VALUE.ends_s)
    assert seen.said.startswith("executed in block 4711")
    rejected = lobby(witness, Outcome(TRANSACTION_ID, REJECTED, b""))
    assert (rejected.facts["executed"], rejected.facts["reason"], rejected.wrong) == (
        False,
        "sold_out",
        False,
    )
    assert rejected.said.startswith("sold_out: none left")


def test_an_answer_of_the_ledger_that_the_offer_named() -> None:
    witness = Witness()
    outcome = Outcome(TRANSACTION_ID, EXECUTED, GOLDEN["grant"])
    unknown = lobby(witness, outcome)
    assert (unknown.facts["signature"], unknown.wrong) == ("cannot be checked", False)
    see(witness, offered())
    named = lobby(witness, outcome)
    assert (named.facts["signature"], named.facts["ledger"]) == ("holds", "named by the offer")


@pytest.mark.parametrize(
    "witness",
    [Witness(OTHER_LEDGER.public, LEDGER_ID), Witness(LEDGER.public, bytes(32))],
    ids=["another key", "another ledger of the same key"],
)
def test_an_answer_that_the_pinned_ledger_did_not_sign(witness: Witness) -> None:
    see(witness, offered())  # whatever it names
    seen = lobby(witness, Outcome(TRANSACTION_ID, EXECUTED, b""))
    assert (seen.wrong, seen.facts["signature"]) == (True, "does not hold")


def test_a_grant_that_nobody_granted() -> None:
    forged = bytearray(GOLDEN["grant"])
    forged[-1] ^= 1
    seen = lobby(Witness(LEDGER.public, LEDGER_ID), Outcome(TRANSACTION_ID, EXECUTED, bytes(forged)))
    assert (seen.wrong, seen.facts["signature"]) == (True, "does not hold")


def test_a_receipt_for_another_transaction() -> None:
    seen = lobby(Witness(LEDGER.public, LEDGER_ID), Outcome(bytes(32), EXECUTED, b""))
    assert seen.wrong
    assert "the receipt is for another transaction" in seen.said


# ---- The lobby


def test_a_conversation_in_the_lobby() -> None:
    witness = Witness()
    announcement = Announcement(
        AIR_OFFER.offer, AIR_OFFER.provider, AIR_OFFER.ledger, AIR_OFFER.ledger_id, bytes(16), UTC_S
    )
    grant_id = GRANT_VALUE.grant_id
    asked: list[LobbyMessage] = [
        Discover(),
        Purchase(GOLDEN["allocate"]),
        Join(GOLDEN["grant"], GOLDEN["join_request"]),
        Leave(grant_id, GOLDEN["join_request"]),
    ]
    answered: list[LobbyMessage] = [
        announcement,
        Outcome(TRANSACTION_ID, EXECUTED, GOLDEN["grant"]),
        Joined(grant_id, GRANT_VALUE.ends_s),
        Left(grant_id),
        Refused(b"", "no_capacity", ""),
    ]
    frames = [datagram(message) for message in asked] + [
        datagram(message, answer=True) for message in answered
    ]
    seen = see(witness, *frames, link_type=ETHERNET)
    assert [sighting.what for sighting in seen] == [
        "discover", "purchase", "join", "leave", "offer", "answer", "joined", "left", "refused",
    ]  # fmt: skip
    assert {sighting.subject for sighting in seen} == {STATION}
    assert not any(sighting.wrong for sighting in seen)
    assert seen[2].facts["named_station"] == str(STATION)


def test_a_join_request_that_the_consumer_did_not_sign() -> None:
    forged = bytearray(GOLDEN["join_request"])
    forged[-1] ^= 1
    seen = lobby(Witness(), Join(GOLDEN["grant"], bytes(forged)))
    assert (seen.wrong, seen.facts["signature"]) == (True, "does not hold")


def test_a_datagram_that_is_none_of_ours_is_garbled() -> None:
    frame = Ether() / IPv6(src="fe80::1", dst="fe80::2") / UDP(sport=1, dport=PORT) / Raw(b"hello")
    (seen,) = see(Witness(), bytes(frame), link_type=ETHERNET)
    assert (seen.what, seen.wrong) == ("garbled", True)


# ---- Pieces, and bounds


def test_pieces_are_put_together() -> None:
    witness = Witness(LEDGER.public, LEDGER_ID)
    outcome = write_element(290, write_answers([Outcome(TRANSACTION_ID, EXECUTED, GOLDEN["grant"])]))
    pieces = fragmented(outcome, 9, 100)
    seen = see(witness, *pieces)
    assert [(sighting.frame, sighting.what) for sighting in seen] == [(len(pieces), "answer")]
    assert see(witness, *pieces[:-1]) == []
    assert see(Witness(), *pieces[3:]) == [], "the beginning is missing"


def test_two_stations_in_turns() -> None:
    one, two = fragmented(ANSWERS_RESPONSE, 1, 300), fragmented(ANSWERS_RESPONSE, 2, 300)
    both = [frame for pair in zip(one, two, strict=True) for frame in pair]
    assert len(see(Witness(), *both)) == 2 * len(see(Witness(), *one))


def test_dialogs_that_never_end_cost_a_bounded_memory() -> None:
    witness = Witness()
    for number in range(3 * MAX_DIALOGS):
        station = MacAddress(b"\x02\0\0" + number.to_bytes(3, "big"))
        piece = GasComebackResponse(station, BSSID, 1, 0, 0, True, 0, bytes(2_000))
        assert see(witness, write_gas_frame(piece)) == []
    assert len(witness._pieces) == MAX_DIALOGS
    last = GasComebackResponse(STATION, BSSID, 1, 0, 0, True, 0, ANSWERS_RESPONSE[:100])
    rest = GasComebackResponse(STATION, BSSID, 1, 0, 1, False, 0, ANSWERS_RESPONSE[100:])
    assert see(witness, write_gas_frame(last), write_gas_frame(rest)) != []


def test_a_dialog_without_end_costs_a_bounded_memory_and_time() -> None:
    """Fragments have numbers up to 127; whoever sends on, sends some of them again."""
    witness, sizes, began = Witness(), [], time.process_time()
    for number in range(20_000):
        fragment = 1 + (number - 1) % 127 if number else 0
        piece = GasComebackResponse(STATION, BSSID, 1, 0, fragment, True, 0, bytes(2_000))
        assert see(witness, write_gas_frame(piece)) == []
        sizes.append(sum(len(pieces.octets) for pieces in witness._pieces.values()))
    assert 60_000 < max(sizes) < MAX_RESPONSE_BYTES
    assert time.process_time() - began < 10, (
        "it took minutes when it copied all that there was for each piece"
    )


def test_a_response_longer_than_any_is_none() -> None:
    pieces = fragmented(ANSWERS_RESPONSE + bytes(MAX_RESPONSE_BYTES), 9, 2_000)
    assert see(Witness(), *pieces) == []


def test_a_piece_that_was_sent_again_is_one_piece() -> None:
    pieces = fragmented(ANSWERS_RESPONSE, 9, 100)
    twice = [piece for piece in pieces for _ in range(2)]
    whole = see(Witness(), *pieces)
    assert (
        [sighting.said for sighting in see(Witness(), *twice)] == [sighting.said for sighting in whole] != []
    )


def test_a_piece_that_is_missing_makes_no_response_of_the_others() -> None:
    pieces = fragmented(ANSWERS_RESPONSE, 9, 100)
    for at in range(2, len(pieces), 2):
        assert see(Witness(), *pieces[:at], *pieces[at + 1 :]) == []


def test_beacons_of_everybody_cost_a_bounded_memory() -> None:
    witness = Witness()
    frame = bytearray(beacon(BEACON_ELEMENT)[8:])
    for number in range(MAX_BEACONS + 10):
        frame[16:22] = b"\x02\0\0" + number.to_bytes(3, "big")
        assert len(see(witness, bytes(frame), link_type=BARE_80211)) == 1
    assert len(witness._beacons) == MAX_BEACONS


def test_what_others_ask_and_say_is_passed_over() -> None:
    venue = write_element(256, b"\x02\x01")
    assert (
        see(Witness(), request(venue, 1), response(write_element(258, b"a hall"), 1), response(b"\0", 1))
        == []
    )
    assert see(Witness(), request(b"\0\1", 1))[0].what == "garbled"


@given(st.lists(st.tuples(st.sampled_from(sorted(LINK_TYPES)), st.integers(0, 12), st.data()), max_size=3))
def test_garbled_frames_never_raise(choices: list[tuple[int, int, st.DataObject]]) -> None:
    witness = Witness()
    frames = story()
    for link_type, number, data in choices:
        frame = bytearray(frames[number])
        for _ in range(data.draw(st.integers(0, 4))):
            frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
        see(witness, bytes(frame), link_type=link_type)


# ---- A real capture


def see_capture(name: str) -> list[Sighting]:
    """tests/nas_tunnel/captures/README.md says how they were made."""
    witness = Witness(LEDGER.public, LEDGER_ID)
    seen: list[Sighting] = []
    with (CAPTURES / name).open("rb") as file:
        reader: Any = RawPcapNgReader(file)  # type: ignore[arg-type]  # its metaclass takes files too
        for number, (octets, about) in enumerate(reader, 1):
            utc_ns = ((about.tshigh << 32) + about.tslow) * 10**9 // about.tsresol
            seen += witness.see(Frame(number, utc_ns, about.linktype, octets))
    return seen


def test_a_capture_of_the_lobby_on_an_open_network() -> None:
    seen = see_capture("lobby_purchase.pcapng")
    assert [(sighting.what, sighting.wrong) for sighting in seen] == [
        (what, False)
        for what in (
            "discover", "offer", "purchase", "answer", "purchase", "answer", "join", "joined", "leave", "left",
        )
    ]  # fmt: skip
    assert {str(sighting.subject) for sighting in seen} == {"02:00:00:00:01:00"}
    assert [sighting.facts.get("executed") for sighting in seen if sighting.what == "answer"] == [False, True]
    assert seen[1].facts["network_signature"] == seen[6].facts["signature"] == "holds"


def test_a_capture_of_stock_hostapd_and_wpa_supplicant() -> None:
    seen = see_capture("gas_purchase.pcapng")
    assert not any(sighting.wrong for sighting in seen)
    assert [sighting.what for sighting in seen if sighting.what != "advice"] == [
        "beacon", "question", "offer", "purchase", "offer", "question", "question", "answer", "purchase", "offer",
        "question", "answer", "answer", "answer", "answer", "refused", "question",
    ]  # fmt: skip
    bought = [sighting.facts["transaction"] for sighting in seen if sighting.what == "purchase"]
    answered = [sighting.facts["transaction"] for sighting in seen if sighting.what == "answer"]
    assert answered[:2] == bought, "each purchase has its answer"
    assert all(sighting.facts.get("signature", "holds") == "holds" for sighting in seen)
