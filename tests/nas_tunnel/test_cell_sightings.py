"""What is told of cells: purchases in EAP and in options, broadcasts, each with its verdict; garbage and bounds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.utils import RawPcapNgReader

from nas_tunnel import cell_sightings, eap_buyer
from nas_tunnel.carriage import CARRIAGES, Form
from nas_tunnel.cb_data import serial_number, write_octets_message
from nas_tunnel.cell_link import EXPORTED_PDU, UeName
from nas_tunnel.cell_offer import NAME_START, cell_offer, write_cell_offer
from nas_tunnel.eap import EapCode, EapPacket, EapType, ours, write_eap, write_expanded_nak
from nas_tunnel.eap_purchase import Closed, Hold, write_message
from nas_tunnel.link import ETHERNET
from nas_tunnel.lobby import Refused, write_lobby
from nas_tunnel.lte_sib import Sib9, Sib12, write_lte_system_information
from nas_tunnel.nr_sib import Sib10, write_nr_system_information
from nas_tunnel.pco_purchase import Ask, Have, Part, Piece, tag_of, write_container
from nas_tunnel.sightings import Frame, Sighting, Witness
from nas_tunnel.warning_sib import WarningSegment
from tests.nas_tunnel.air import OUTCOME
from tests.nas_tunnel.cell_air import CONTENT, OFFER, export, export_named, exported, messages
from tests.nas_tunnel.core_air import ngap_downlink, ngap_uplink, ngap_warning
from tests.nas_tunnel.core_capture import (
    NGAP,
    Association,
    attach_reject,
    attach_request,
    eap_messages,
    extended_options,
    n2_story,
    s1_story,
    warning_story,
)
from tests.nas_tunnel.eap_world import WANTED, World
from tests.nas_tunnel.nas_examples import EXAMPLES
from tests.nas_tunnel.test_pco_purchase import PURCHASE, TAG
from tests.wire.examples import LEDGER, LEDGER_ID, PROVIDER, UTC_S
from wire.keys import PrivateKey
from wire.offer import write_offer
from wire.warning_id import AIRGRANT

CAPTURES = Path(__file__).parent / "captures"
MALLORY = PrivateKey.from_secret(666)
PINNED = LEDGER.public, LEDGER_ID


def see(
    frames: Sequence[bytes], link_type: int = ETHERNET, witness: Witness | None = None, at_s: int = UTC_S
) -> list[Sighting]:
    witness = witness or Witness()
    return [
        sighting
        for number, frame in enumerate(frames, 1)
        for sighting in witness.see(Frame(number, at_s * 10**9, link_type, frame))
    ]


def words(seen: list[Sighting]) -> list[str]:
    return [sighting.what for sighting in seen]


def see_eap(*packets: bytes) -> list[Sighting]:
    return see([export_named("eap", packet) for packet in packets], EXPORTED_PDU)


def see_eps(*nas: bytes, witness: Witness | None = None) -> list[Sighting]:
    return see([export_named("nas-eps", message) for message in nas], EXPORTED_PDU, witness)


# ---- EAP


@pytest.mark.parametrize("max_packet_bytes", [1_500, 244, 40])
def test_the_story_of_a_purchase_in_eap(max_packet_bytes: int) -> None:
    seen = see(n2_story(World(max_packet_bytes=max_packet_bytes), max_chunk_bytes=100))
    assert words(seen) == ["offer", "order", "answer", "proof", "success"]
    assert not any(sighting.wrong for sighting in seen)
    assert {str(sighting.subject) for sighting in seen} == {"ue 1 of 10.53.1.3"}
    offer, order, answer, *_ = seen
    assert (offer.facts["signature"], offer.facts["price_ubc"]) == ("holds", OFFER.price_ubc)
    assert (order.facts["sealed"], answer.facts["signature"]) == (True, "cannot be checked")


@pytest.mark.parametrize(
    ("world", "told"),
    [
        (World(air=None), ["closed", "failure"]),
        (World(decision=eap_buyer.NotWanted("too_dear")), ["offer", "declined", "failure"]),
        (World(verdict=Refused(b"", "sold_out", "")), ["offer", "order", "answer", "failure"]),
        (World(box_key=MALLORY), ["offer", "order", "answer"]),
    ],
    ids=["nothing on sale", "declined", "refused", "a box without the key"],
)
def test_purchases_that_come_to_nothing(world: World, told: list[str]) -> None:
    seen = see(n2_story(world))
    assert words(seen)[: len(told)] == told
    assert "success" not in words(seen)


def test_two_ues_at_once_do_not_mix() -> None:
    link, frames = Association(*NGAP), []
    both = [eap_messages(World(max_packet_bytes=100).run()) for _ in range(2)]
    for pair in zip(*both, strict=True):
        for ran_id, (up, nas) in enumerate(pair, 1):
            write = ngap_uplink if up else ngap_downlink
            frames += link.say(write(ran_id, ran_id, nas), up=up)
    seen = see(frames)
    for ran_id in (1, 2):
        mine = [sighting for sighting in seen if str(sighting.subject).startswith(f"ue {ran_id}")]
        assert words(mine) == ["offer", "order", "answer", "proof", "success"]


def test_packets_that_are_sent_again_are_told_once() -> None:
    packets = [packet for packet in World(max_packet_bytes=100).run().packets for _ in range(2)]
    assert words(see_eap(*packets)) == ["offer", "order", "answer", "proof", "success"]


def test_hold_and_other_methods() -> None:
    shop = World().run().packets[0]
    hold = ours(EapCode.REQUEST, 30, b"\0" + write_message(Hold()))
    closed = ours(EapCode.REQUEST, 31, b"\0" + write_message(Closed("busy", "")))
    seen = see_eap(shop, hold, write_expanded_nak(30), closed, write_eap(EapPacket(EapCode.FAILURE, 32)))
    assert words(seen) == ["offer", "progress", "declined", "closed", "failure"]


def test_eap_of_others_is_passed_over() -> None:
    success, nak = write_eap(EapPacket(EapCode.SUCCESS, 1)), write_expanded_nak(1)
    identity = write_eap(EapPacket(EapCode.RESPONSE, 1, EapType.IDENTITY, b"anonymous@example"))
    assert see_eap(identity, nak, success, b"garbage", b"") == []


def test_eap_of_ours_that_is_garbled() -> None:
    garbled = ours(EapCode.REQUEST, 1, b"\0\x82\x01")
    lost = ours(EapCode.RESPONSE, 1, b"\x40more of what")
    seen = see_eap(garbled, lost)
    assert [(sighting.what, sighting.wrong) for sighting in seen] == [("garbled", True), ("piece", False)]
    assert seen[0].said.startswith("eap: ")


def test_nas_of_others_is_passed_over() -> None:
    messages_of_others = [
        example.encoded for name, example in EXAMPLES.items() if name != "authentication response, largest"
    ]
    assert see([export_named("nas-5gs", nas) for nas in messages_of_others], EXPORTED_PDU) == []
    assert see_eps(*messages_of_others) == []


def test_a_real_capture_of_n2() -> None:
    """NGAP and NAS by free5GC and pycrate over a kernel's SCTP; tests/nas_tunnel/captures/README.md."""
    witness, seen = Witness(), []
    with (CAPTURES / "n2_purchase.pcapng").open("rb") as file:
        reader: Any = RawPcapNgReader(file)  # type: ignore[arg-type]  # its metaclass takes files too
        for number, (octets, about) in enumerate(reader, 1):
            seen += witness.see(Frame(number, UTC_S * 10**9, about.linktype, octets))
    assert [(sighting.frame, sighting.what) for sighting in seen] == [
        (10, "offer"),
        (11, "order"),
        (12, "answer"),
        (13, "proof"),
        (14, "success"),
    ]
    assert {str(sighting.subject) for sighting in seen} == {"ue 1 of 127.0.0.1"}
    assert {sighting.subject.core_ue_id for sighting in seen if isinstance(sighting.subject, UeName)} == {1}
    assert seen[0].facts["signature"] == "holds"


# ---- Configuration options


def test_the_story_of_a_purchase_in_options() -> None:
    seen = see(s1_story(), witness=Witness(*PINNED))
    assert words(seen) == ["purchase", "progress", "question", "piece", "question", "answer"]
    assert {sighting.facts["tag"] for sighting in seen} == {TAG.hex()}
    assert {sighting.facts["plmn"] for sighting in seen} == {"00101"}
    purchase, *_, answer = seen
    assert (purchase.facts["price_ubc"], purchase.facts["units"]) == (1_500_000, 1)
    assert answer.facts["signature"] == "holds"
    assert [str(sighting.subject) for sighting in seen[::2]] == [
        "ue 1 of 10.53.1.3",
        "ue 2 of 10.53.1.3",
        "ue 3 of 10.53.1.3",
    ], "each attempt is another UE to the eNB"


def pieces(kind: type[Piece | Part], whole: bytes, size: int) -> list[bytes]:
    tag = tag_of(whole) if kind is Piece else TAG
    return [
        write_container(kind(tag, len(whole), at, whole[at : at + size])) for at in range(0, len(whole), size)
    ]


def test_pieces_in_order_sent_again_and_lost() -> None:
    one, two, three, four = map(attach_request, pieces(Piece, PURCHASE, 50))
    assert words(see_eps(one, two, three, four)) == ["piece", "piece", "piece", "purchase"]
    assert words(see_eps(one, one, two, one, two, three, two, four, one)) == [
        *["piece"] * 7,
        "purchase",
        "piece",
    ]
    assert words(see_eps(one, three, four)) == ["piece"] * 3
    shown = see_eps(one, three)[1]
    assert shown.facts["here_bytes"] == 50
    assert shown.said == f"50 bytes at 100 of 165 of purchase {TAG.hex()}"


def test_an_answer_in_parts() -> None:
    refused = write_lobby(Refused(bytes(32), "sold_out", "come back at noon"))
    downlink = [attach_reject(part) for part in pieces(Part, refused, 30)]
    seen = see_eps(*downlink)
    assert words(seen) == ["piece", "piece", "refused"]
    assert seen[-1].facts["reason"] == "sold_out"


def test_pieces_of_two_purchases_are_wrong() -> None:
    forged = write_container(Piece(TAG, len(PURCHASE), 0, bytes(len(PURCHASE))))
    (seen,) = see_eps(attach_request(forged))
    assert (seen.what, seen.wrong) == ("garbled", True)
    assert "not what its tag says" in seen.said
    nonsense = b"nonsense"
    (seen,) = see_eps(attach_request(pieces(Piece, nonsense, 99)[0]))
    assert (seen.what, seen.wrong) == ("garbled", True)
    (seen,) = see_eps(attach_reject(pieces(Part, nonsense, 99)[0]))
    assert (seen.what, seen.wrong) == ("garbled", True)


def test_the_other_containers() -> None:
    question, progress = see_eps(
        attach_request(write_container(Ask(TAG, 7))), attach_reject(write_container(Have(TAG, 9)))
    )
    assert (question.facts["at"], progress.facts["at"]) == (7, 9)


def test_options_of_5g_under_the_null_cipher() -> None:
    nas = extended_options(write_container(Piece(TAG, len(PURCHASE), 0, PURCHASE)))
    (seen,) = see([export_named("nas-5gs", nas)], EXPORTED_PDU)
    assert (seen.what, seen.facts["tag"]) == ("purchase", TAG.hex())
    ciphered = nas[:7] + bytes(octet ^ 0xA5 for octet in nas[7:])
    assert see([export_named("nas-5gs", ciphered)], EXPORTED_PDU) == []


def test_options_of_lte_under_the_null_cipher() -> None:
    nas = attach_request(write_container(Ask(TAG, 7)))
    for header in (b"\x17", b"\x27"):
        assert words(see_eps(header + bytes(5) + nas)) == ["question"]
    assert see_eps(b"\x27" + bytes(5) + bytes(octet ^ 0xA5 for octet in nas)) == []


def test_units_of_other_operators_are_passed_over() -> None:
    assert see_eps(attach_request(b"hello"), attach_request(b"\x15" + bytes(9)), attach_request(b"")) == []


# ---- Broadcasts


@pytest.mark.parametrize("name", CARRIAGES)
def test_what_goes_round_is_told_once(name: str) -> None:
    seen = see(exported(name) * 3, EXPORTED_PDU)
    wanted = "beacon" if CARRIAGES[name].form is Form.NAME else "offer"
    assert words(seen) == [wanted]
    (sighting,) = seen
    assert (sighting.facts["price_ubc"], str(sighting.subject)) == (OFFER.price_ubc, "cell")
    if wanted == "offer":
        assert (sighting.facts["signature"], sighting.facts["ledger_key_id"]) == (
            "holds",
            LEDGER.public.key_id.hex(),
        )
        assert sighting.frame == len(messages(name)), "when its last segment is there"


def test_whose_ledger_an_offer_hints_at() -> None:
    (ours_,) = see(warning_story()[:1], witness=Witness(*PINNED))
    assert ours_.said.endswith("of the pinned ledger")
    (other,) = see(warning_story()[:1], witness=Witness(MALLORY.public, LEDGER_ID))
    assert other.facts["ledger_matches"] is False


def test_warnings_on_their_way_to_a_cell() -> None:
    seen = see(warning_story())
    assert words(seen) == ["offer", "offer"]
    assert {str(sighting.subject) for sighting in seen} == {"cell 10.53.1.3"}


def warned(content: bytes, identifier: int = AIRGRANT, serial: int | None = None) -> list[Sighting]:
    message = write_octets_message(content)
    pdu = ngap_warning(identifier, serial_number(content) if serial is None else serial, message)
    return see(Association(*NGAP).say(pdu, up=False))


def test_a_forged_offer_is_wrong() -> None:
    forged = cell_offer(write_offer(OFFER, MALLORY), PROVIDER.public, LEDGER.public, LEDGER_ID)
    (seen,) = warned(write_cell_offer(forged))
    assert (seen.what, seen.wrong) == ("offer", True)
    (garbled,) = warned(CONTENT[:-1])
    assert (garbled.what, garbled.wrong) == ("garbled", True)


def test_broadcasts_of_others_are_passed_over() -> None:
    assert warned(CONTENT, serial=1) == []
    assert warned(CONTENT, identifier=0x1112) == [], "a real warning is never ours"
    (block,) = messages("lte-sib12")
    assert see([export("lte-sib12", renamed(block, AIRGRANT, 0xA248))], EXPORTED_PDU) != []
    assert see([export("lte-sib12", renamed(block, AIRGRANT, 0x1112))], EXPORTED_PDU) == []


def renamed(block: bytes, old: int, new: int) -> bytes:
    """The block with another message identifier, which stands at any bit, and which our writer may refuse."""
    bits = f"{int.from_bytes(block, 'big'):0{8 * len(block)}b}"
    assert bits.count(f"{old:016b}") == 1
    return int(bits.replace(f"{old:016b}", f"{new:016b}"), 2).to_bytes(len(block), "big")


def test_names_of_others_and_garbled_names() -> None:
    others = write_nr_system_information([Sib10((b"Coffee", None, b"AG2:x"))])
    assert see([export("nr-sib10", others)], EXPORTED_PDU) == []
    garbled = write_lte_system_information([Sib9(NAME_START + b"not base64!")])
    seen = see([export("lte-sib9", garbled)] * 2, EXPORTED_PDU)
    assert [(sighting.what, sighting.wrong) for sighting in seen] == [("garbled", True)]
    assert see([export("lte-sib9", b"\xff" * 20), export("nr-sib10", b"")], EXPORTED_PDU) == []


# ---- Bounds


def test_memory_is_bounded() -> None:
    witness = Witness()
    cells = witness._cells
    link = Association(*NGAP)
    shop = World(max_packet_bytes=100).run().packets[0]
    (_, nas), *_ = [one for one in eap_messages(World(max_packet_bytes=100).run()) if one[0] is False]
    assert shop in nas
    for ran_id in range(cell_sightings.MAX_EXCHANGES + 20):
        see(link.say(ngap_downlink(ran_id, ran_id, nas), up=False), witness=witness)
    assert len(cells._exchanges) == cell_sightings.MAX_EXCHANGES
    for number in range(cell_sightings.MAX_PURCHASES + 20):
        piece = write_container(Piece(number.to_bytes(4, "big"), 1_000, 0, bytes(200)))
        see_eps(attach_request(piece), witness=witness)
    assert len(cells._wholes) == cell_sightings.MAX_PURCHASES
    for identifier in range(AIRGRANT, AIRGRANT + cell_sightings.MAX_LISTENERS + 9):
        block = write_lte_system_information([Sib12(WarningSegment(identifier, 1, False, 0, b"x"))])
        see([export("lte-sib12", block)], EXPORTED_PDU, witness)
    assert len(cells._listeners) == cell_sightings.MAX_LISTENERS
    for number in range(cell_sightings.MAX_BROADCASTS + 9):
        block = write_lte_system_information([Sib9(NAME_START + str(number).encode())])
        see([export("lte-sib9", block)], EXPORTED_PDU, witness)
    assert len(cells._broadcasts) == cell_sightings.MAX_BROADCASTS


SAID = [*n2_story(World(max_packet_bytes=244)), *s1_story(), *warning_story()]


@given(st.sampled_from(SAID), st.data())
def test_a_bit_that_flips(frame: bytes, data: st.DataObject) -> None:
    garbled = bytearray(frame)
    bit = data.draw(st.integers(0, 8 * len(garbled) - 1))
    garbled[bit // 8] ^= 0x80 >> bit % 8
    see([bytes(garbled)])


def test_everything_cut_short() -> None:
    for frame in (SAID[1], SAID[-1], SAID[-2]):
        for size in range(len(frame)):
            assert all(sighting.wrong is False for sighting in see([frame[:size]]))


def test_a_sold_grant_is_never_shown() -> None:
    """What is sealed stays so: neither account nor transaction nor grant is anywhere in what is told."""
    seen = see(n2_story())
    text = repr(seen)
    assert str(WANTED.consumer) not in text
    assert PURCHASE.hex() not in text
    assert OUTCOME.grant.hex() not in text
