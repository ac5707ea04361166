"""What is heard between cells and cores, in every kind of capture; and what was heard, played to our own ends again."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas_tunnel import eap_box, eap_buyer, pco_desk
from nas_tunnel.cell_link import (
    CELL_LINK_TYPES,
    EXPORTED_PDU,
    RAW_IP,
    USER_LINKS,
    CellEar,
    CellHeard,
    CellName,
    Form,
    Heard,
    UeHeard,
    UeName,
)
from nas_tunnel.eap import read_eap
from nas_tunnel.eap_fragments import NOTHING, take_fragment
from nas_tunnel.eap_purchase import Answer, MessageType, read_answer, read_message
from nas_tunnel.eps_nas import PCO, AttachRequest, read_emm, read_esm
from nas_tunnel.link import COOKED, COOKED_2, ETHERNET
from nas_tunnel.nas_5gs import (
    EAP_MESSAGE,
    AuthenticationResult,
    DownlinkTransport,
    UplinkTransport,
    plain,
    read_5gmm,
)
from nas_tunnel.nas_elements import find
from nas_tunnel.pco import Direction, operator_units, read_options
from tests.nas_tunnel.air import AIR_OFFER
from tests.nas_tunnel.cell_air import export, export_named, messages
from tests.nas_tunnel.core_air import NGAP_EXAMPLES, S1AP_EXAMPLES, WARNING, ngap_initial
from tests.nas_tunnel.core_capture import (
    GNB,
    NGAP,
    Association,
    attach_messages,
    cooked,
    eap_messages,
    n2_story,
    s1_story,
    warning_story,
)
from tests.nas_tunnel.eap_world import BOX_SHARE, World
from tests.nas_tunnel.eap_world import OUTCOME as EAP_OUTCOME
from tests.nas_tunnel.nas_examples import LAB
from tests.nas_tunnel.test_order_check import TERMS
from tests.nas_tunnel.test_pco_purchase import PURCHASE
from wire.units import Now


def hear(link_type: int, *frames: bytes) -> list[Heard]:
    ear = CellEar()
    return [heard for frame in frames for heard in ear.hear(link_type, frame)]


def said(heard: list[Heard]) -> list[bytes]:
    return [one.octets for one in heard if isinstance(one, UeHeard)]


@pytest.mark.parametrize(
    ("link_type", "frames"),
    [
        (ETHERNET, n2_story()),
        (ETHERNET, [frame[:12] + bytes.fromhex("81000064") + frame[12:] for frame in n2_story()]),
        (ETHERNET, n2_story(is_ipv6=True, max_chunk_bytes=100)),
        (COOKED, [cooked(frame) for frame in n2_story()]),
        (COOKED_2, [cooked(frame, 2) for frame in n2_story()]),
        (RAW_IP, [frame[14:] for frame in n2_story()]),
        (RAW_IP, [frame[14:] for frame in n2_story(is_ipv6=True)]),
    ],
    ids=["ethernet", "vlan", "ipv6, fragments", "cooked", "cooked 2", "ip", "ipv6"],
)
def test_nas_of_a_ue_over_sctp(link_type: int, frames: list[bytes]) -> None:
    heard = hear(link_type, *frames)
    assert [len(nas) for nas in said(heard)] == [len(nas) for _, nas in eap_messages(World().run())]
    assert {(type(one), one.form) for one in heard} == {(UeHeard, Form.NAS_5GS)}
    assert {one.subject.ran_node for one in heard} <= {GNB, "fd00::3"}
    first, second, *_ = heard
    assert first.subject == UeName(heard[0].subject.ran_node, 1, None)
    assert second.subject == UeName(heard[0].subject.ran_node, 1, 42)


def test_nas_of_lte_over_sctp() -> None:
    heard = hear(ETHERNET, *s1_story())
    assert said(heard) == [nas for _, nas in attach_messages()]
    assert {one.form for one in heard} == {Form.NAS_EPS}
    assert [one.subject.ran_ue_id for one in heard if isinstance(one, UeHeard)] == [1, 1, 2, 2, 3, 3]


def test_warnings_over_sctp() -> None:
    assert hear(ETHERNET, *warning_story()) == [
        CellHeard(CellName(GNB), Form.NGAP, WARNING),
        CellHeard(CellName(GNB), Form.S1AP, WARNING),
    ]


@pytest.mark.parametrize(("link_type", "form"), USER_LINKS.items())
def test_what_srsran_writes(link_type: int, form: Form) -> None:
    nas = b"\x7e\0\x41"
    frames = {
        Form.NAS_5GS: nas,
        Form.NAS_EPS: nas,
        Form.NGAP: NGAP_EXAMPLES["initial ue message"].encoded,
        Form.S1AP: S1AP_EXAMPLES["initial ue message"].encoded,
    }
    (heard,) = hear(link_type, frames[form])
    assert isinstance(heard, UeHeard)
    wanted = {Form.NGAP: Form.NAS_5GS, Form.S1AP: Form.NAS_EPS}.get(form, form)
    assert (heard.form, heard.subject.ran_node) == (wanted, "")
    if form is wanted:
        assert heard == UeHeard(UeName(), form, nas)


def test_other_links_for_private_use() -> None:
    (block,) = messages("nr-sib10")
    ear = CellEar({147: Form.NR_SYSTEM_INFORMATION})
    assert list(ear.hear(147, block)) == [CellHeard(CellName(), Form.NR_SYSTEM_INFORMATION, block)]
    assert list(ear.hear(148, block)) == []


@pytest.mark.parametrize("form", Form)
def test_what_wireshark_exports(form: Form) -> None:
    contents = {
        Form.NGAP: NGAP_EXAMPLES["initial ue message"].encoded,
        Form.S1AP: S1AP_EXAMPLES["initial ue message"].encoded,
    }.get(form, b"\x07\x41")
    (heard,) = hear(EXPORTED_PDU, export_named(form.value, contents))
    if isinstance(heard, CellHeard):
        assert heard == CellHeard(CellName(), form, contents)
    elif form not in (Form.NGAP, Form.S1AP):
        assert heard == UeHeard(UeName(), form, contents)
    else:
        assert heard.subject.ran_ue_id == 1


def test_exported_names_of_others_and_other_tags() -> None:
    (block,) = messages("lte-sib9")
    assert hear(EXPORTED_PDU, export_named("http", b"GET /")) == []
    assert hear(EXPORTED_PDU, export_named("nas-eps_plain", b"\x07\x41")) == [
        UeHeard(UeName(), Form.NAS_EPS, b"\x07\x41")
    ]
    frame = export("lte-sib9", block)
    with_address = bytes.fromhex("001400040a350103") + frame
    assert hear(EXPORTED_PDU, with_address) == hear(EXPORTED_PDU, frame)
    for size in range(len(frame) - len(block)):
        assert hear(EXPORTED_PDU, frame[:size]) == []


@pytest.mark.parametrize(
    ("ports", "node"),
    [
        ((9_487, 38_412), GNB),
        ((38_412, 9_487), "10.53.1.2"),
        ((36_412, 36_412), "10.53.1.2"),
        ((1, 2), "10.53.1.2"),
    ],
)
def test_which_end_is_the_base_station(ports: tuple[int, int], node: str) -> None:
    link = Association(*NGAP)
    packet = link.packet(*link.chunks(ngap_initial(1, b"\x7e"), up=True), up=True)
    packet["SCTP"].sport, packet["SCTP"].dport = ports
    (heard,) = hear(ETHERNET, bytes(packet))
    assert heard.subject.ran_node == node


def test_names_for_people() -> None:
    assert str(UeName("10.0.0.1", 7, 9)) == "ue 7 of 10.0.0.1"
    assert (str(UeName()), str(UeName("", 7))) == ("ue", "ue 7")
    assert (str(CellName()), str(CellName("10.0.0.1"))) == ("cell", "cell 10.0.0.1")


def test_another_protocol_of_sctp_and_a_damaged_pdu_are_passed_over() -> None:
    assert hear(ETHERNET, *Association(46, 3_868).say(b"diameter", up=True)) == []
    assert hear(ETHERNET, *Association(*NGAP).say(ngap_initial(1, b"\x7e")[:-1], up=True)) == []


@given(st.sampled_from([*sorted(CELL_LINK_TYPES), ETHERNET, COOKED]), st.binary(max_size=80))
def test_it_never_raises(link_type: int, frame: bytes) -> None:
    assert all(isinstance(one, UeHeard | CellHeard) for one in hear(link_type, frame))


# ---- Replay


@dataclass
class Replay:
    """A box that is told what was captured. A signature has chance in it, and so the box's is from the capture too."""

    box: eap_box.BoxExchange
    answered: bytes
    said: list[eap_box.Command] = field(default_factory=list)

    def tell(self, event: eap_box.Event) -> None:
        self.box, commands = eap_box.step(self.box, event)
        for command in commands:
            self.said.append(command)
            match command:
                case eap_box.ExecuteTransaction():
                    self.tell(eap_box.Answered(EAP_OUTCOME))
                case eap_box.JudgeGrant():
                    self.tell(eap_box.GrantAccepted())
                case eap_box.SignProof():
                    self.tell(eap_box.ProofSigned(self.captured_proof()))

    def captured_proof(self) -> bytes:
        _, message = take_fragment(NOTHING, read_eap(self.answered).data)
        answer = read_message(message or b"")
        assert isinstance(answer, Answer)
        return read_answer(self.box.secrets.unseal(MessageType.ANSWER, answer.sealed)).proof


def test_a_captured_purchase_in_eap_is_played_to_a_box() -> None:
    """With the box's own share and the buyer's packets as they were captured, it says the same octets, orders the same
    of its ledger and comes to the same key.
    """
    world = World()
    heard = said(hear(ETHERNET, *n2_story(world)))
    asked, order, answered, proved, success = [packet for nas in heard if (packet := eap_of(nas)) is not None]
    box, (send,) = eap_box.open_exchange(AIR_OFFER, BOX_SHARE, read_eap(asked).identifier - 1)
    replay = Replay(box, answered)
    for packet in (order, proved):
        replay.tell(eap_box.PacketReceived(packet))
    packets = [one.packet for one in (send, *replay.said) if isinstance(one, eap_box.SendPacket)]
    assert packets == [asked, answered]
    assert eap_box.ExecuteTransaction(PURCHASE) in replay.said
    (bought,) = [one for one in replay.said if isinstance(one, eap_box.Succeeded)]
    (succeeded,) = [one for one in world.buyer_said if isinstance(one, eap_buyer.Succeeded)]
    assert (bought.packet, bought.keys) == (success, succeeded.keys)


def eap_of(nas: bytes) -> bytes | None:
    message = read_5gmm(plain(nas))
    assert not isinstance(message, AuthenticationResult | UplinkTransport | DownlinkTransport)
    return find(message.elements, EAP_MESSAGE)


def test_a_captured_purchase_in_options_is_played_to_a_desk() -> None:
    desk, executed, replies = pco_desk.Desk(terms=TERMS), [], 0
    for nas in said(hear(ETHERNET, *s1_story())):
        message = read_emm(nas)
        if not isinstance(message, AttachRequest):
            continue
        options = find(read_esm(message.esm).elements, PCO) or b""
        for unit in operator_units(read_options(options, Direction.UPLINK), LAB):
            desk, commands = pco_desk.hear(desk, b"replayed", unit.contents, Now(0, 0))
            executed += [one for one in commands if isinstance(one, pco_desk.Execute)]
            replies += sum(isinstance(one, pco_desk.Reply) for one in commands)
    assert [one.transaction for one in executed] == [PURCHASE]
    assert replies == 3
