"""A UE on free5GC's codecs buys inside EAP and gets a session: one story, for SCTP and for a local socket.

The box's end and the buyer's end are the product's state machines; the ledger's answer is the golden one. Between them:
our NAS and our EAP at the AMF, free5GC's NAS and NGAP at the UE and gNB, pycrate's NGAP at the AMF.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, Self

from lab.ran.amf import Amf, SessionAsked
from lab.ran.n2 import N2, NGAP_PORT
from lab.ran.told import Fact, Told
from nas_tunnel import eap_box, eap_buyer
from nas_tunnel.eap import EapCode, read_eap
from nas_tunnel.eap_purchase import SessionKeys
from nas_tunnel.nas_5gsm import read_5gsm
from nas_tunnel.pco import (
    MAX_EXTENDED_PCO_BYTES,
    Direction,
    OperatorUnit,
    operator_units,
    read_options,
    write_operator_unit,
    write_options,
)
from nas_tunnel.plmn import Plmn
from ran_slicing.snssai import Snssai
from tests.nas_tunnel.eap_world import World
from tests.wire.examples import CONSUMER

IMSI = "001010000000001"
SUPI = f"imsi-{IMSI}"
SUBSCRIBERS = {CONSUMER.public: SUPI}
"""Whose keys are whose: the only way from a purchase to a subscriber."""
SLOT = Snssai(1, 1)
PLMN = Plmn("001", "01")
ASKED, ANSWERED = b"which slot did I buy?", b"slot 1-000001 until noon"
ADDRESS = IPv4Address("10.45.0.2")


@dataclass
class OverTheAir(World):
    """The purchase whose packets go through NAS and the radio's N2; what is known at its end."""

    amf: Amf = field(kw_only=True)
    radio: Told = field(kw_only=True)

    def to_buyer(self, packet: bytes) -> None:
        self.packets.append(packet)
        if read_eap(packet).code is EapCode.REQUEST:
            self.amf.ask(packet)
            heard = bytes.fromhex(self.radio.take("eap")["packet"])
            assert heard == packet
            self.tell_buyer(eap_buyer.PacketReceived(heard))

    def to_box(self, packet: bytes) -> None:
        self.packets.append(packet)
        self.radio.order("eap", packet.hex())
        answer = self.amf.await_answer()
        assert answer == packet
        self.tell_box(eap_box.PacketReceived(answer))


@dataclass
class Cell:
    """An AMF and a radio that are connected; as a context manager."""

    program: Path
    folder: Path
    at: str | Path
    amf: Amf = field(init=False)
    radio: Told = field(init=False)
    slices: frozenset[Snssai] = field(init=False)
    _stack: ExitStack = field(default_factory=ExitStack, init=False)

    def __enter__(self) -> Self:
        try:
            self.amf = Amf(self._stack.enter_context(N2(self.at)))
            network = (
                ["sctp", f"{self.at}:{NGAP_PORT}"] if isinstance(self.at, str) else ["unix", str(self.at)]
            )
            radio = Told("radio", [self.program, *network], self.folder, 120.0)
            self.radio = self._stack.enter_context(radio)
            self.slices = self.amf.set_up()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *fault: object) -> None:
        self._stack.close()

    def buy(self, **world: Any) -> OverTheAir:
        """The UE appears, and both state machines talk until neither has a word left."""
        self.radio.order("register", IMSI)
        assert self.amf.await_registration() == SUPI
        purchase = OverTheAir(amf=self.amf, radio=self.radio, **world)
        purchase.run()
        return purchase

    def secure(self, box: SessionKeys, buyer: SessionKeys, success: bytes, supi: str = SUPI) -> Fact:
        """Each end derives its own keys; what the UE told when security began."""
        self.radio.order("key", buyer.emsk.hex())
        self.radio.take("keyed")
        self.amf.secure(box.emsk, success, supi)
        return self.radio.take("secured")

    def register(self) -> None:
        """A purchase, security from its keys, registration."""
        purchase = self.buy()
        (bought,) = [word for word in purchase.box_said if isinstance(word, eap_box.Succeeded)]
        keys = purchase.buyer.keys
        assert keys is not None
        assert keys == bought.keys
        assert not any(isinstance(word, eap_buyer.Succeeded) for word in purchase.buyer_said)
        secured = self.secure(bought.keys, keys, bought.packet, SUBSCRIBERS[bought.peer_id])
        purchase.tell_buyer(eap_buyer.PacketReceived(bytes.fromhex(secured["packet"])))
        assert isinstance(purchase.buyer_said[-1], eap_buyer.Succeeded)
        self.amf.accept()
        assert self.radio.take("registered")["result"] == 1

    def begin_session(self) -> None:
        """The UE asks in its options, and is answered in them."""
        asked = self.ask_for_session()
        assert (asked.snssai, asked.dnn) == (SLOT, "internet")
        assert said(asked.options, Direction.UPLINK) == [ASKED]
        assert self.amf.grant(asked, ADDRESS, answer_options()) == (1,)
        session = self.radio.take("session")
        assert session["address"] == str(ADDRESS)
        assert said(bytes.fromhex(session["options"]), Direction.DOWNLINK) == [ANSWERED]

    def ask_for_session(self) -> SessionAsked:
        """With a question in the operator's unit of the extended options."""
        unit = write_operator_unit(OperatorUnit(0xFF00, PLMN, ASKED))
        options = write_options((unit,), Direction.UPLINK, MAX_EXTENDED_PCO_BYTES)
        self.radio.order("session", str(SLOT.sst), f"{SLOT.sd:06x}", options.hex())
        asked = self.amf.await_session()
        assert read_5gsm(asked.encoded) == asked.message
        return asked


def said(options: bytes, direction: Direction) -> list[bytes]:
    """What the operator's units of these options say."""
    return [unit.contents for unit in operator_units(read_options(options, direction), PLMN)]


def answer_options() -> bytes:
    unit = write_operator_unit(OperatorUnit(0xFF00, PLMN, ANSWERED))
    return write_options((unit,), Direction.DOWNLINK, MAX_EXTENDED_PCO_BYTES)
