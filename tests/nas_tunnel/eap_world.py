"""A box and a buyer that talk EAP through a wire that a test may cut, copy or garble."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from nas_tunnel import eap_box, eap_buyer
from nas_tunnel.anqp import AirOffer
from nas_tunnel.eap_purchase import OrderContents, OrderKind
from nas_tunnel.lobby import Outcome, Refused
from tests.nas_tunnel.air import AIR_OFFER, GOLDEN, TRANSACTION_ID
from tests.wire.examples import CONSUMER, LEDGER, LEDGER_ID, PROVIDER
from wire.exchange_proof import Prover, write_exchange_proof
from wire.grant import Grant, grant_id_of, read_grant, write_grant
from wire.keys import PrivateKey
from wire.receipt import Receipt, write_receipt

BOX_SHARE, BUYER_SHARE = PrivateKey.from_secret(1_001), PrivateKey.from_secret(1_002)
THE_GRANT = read_grant(GOLDEN["grant"], LEDGER.public, LEDGER_ID)
RECEIPT = Receipt(TRANSACTION_ID, 4_711, 1_766_000_000)
BOUGHT = replace(THE_GRANT, grant_id=grant_id_of(TRANSACTION_ID))


def outcome(receipt: Receipt = RECEIPT, grant: Grant | None = BOUGHT) -> Outcome:
    """The ledger's word on the golden purchase."""
    encoded = write_grant(grant, LEDGER, LEDGER_ID) if grant else b""
    return Outcome(TRANSACTION_ID, write_receipt(receipt, LEDGER, LEDGER_ID), encoded)


OUTCOME = outcome()
TRANSACTION = OrderContents(OrderKind.TRANSACTION, GOLDEN["allocate"])
GRANT = OrderContents(OrderKind.GRANT, GOLDEN["grant"])
WANTED = eap_buyer.Ordered(TRANSACTION, CONSUMER.public, LEDGER.public, LEDGER_ID, BUYER_SHARE)
SHOWN = eap_buyer.Ordered(GRANT, CONSUMER.public, LEDGER.public, LEDGER_ID, BUYER_SHARE)


@dataclass
class World:
    """Both ends, what decides for them, and all that was said. `wire` may change a packet, or drop it with b""; each
    arrives `copies` times. `judgement` is on a grant that was bought, `verdict` on what was ordered.
    """

    air: AirOffer | None = AIR_OFFER
    decision: eap_buyer.Ordered | eap_buyer.NotWanted = WANTED
    verdict: Outcome | Refused | eap_box.GrantAccepted | None = OUTCOME
    judgement: Refused | eap_box.GrantAccepted | None = eap_box.GrantAccepted()
    unanswered: bytes = b""
    copies: int = 1
    identity: bytes = b""
    max_packet_bytes: int = 1_500
    box_key: PrivateKey = PROVIDER
    buyer_key: PrivateKey = CONSUMER
    wire: Callable[[bytes], bytes] = lambda packet: packet
    packets: list[bytes] = field(default_factory=list)
    box_said: list[Any] = field(default_factory=list)
    buyer_said: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.buyer = eap_buyer.await_offer(max_packet_bytes=self.max_packet_bytes, unanswered=self.unanswered)
        self.opened = eap_box.open_exchange(self.air, BOX_SHARE, 17, self.identity, self.max_packet_bytes)
        self.box = self.opened[0]

    def run(self) -> World:
        """From the first packet until nobody says anything."""
        self.obey_box(self.opened[1])
        return self

    def tell_box(self, event: eap_box.Event) -> None:
        self.box, commands = eap_box.step(self.box, event)
        self.obey_box(commands)

    def tell_buyer(self, event: eap_buyer.Event) -> None:
        self.buyer, commands = eap_buyer.step(self.buyer, event)
        self.obey_buyer(commands)

    def to_buyer(self, packet: bytes) -> None:
        self.packets.append(packet)
        if changed := self.wire(packet):
            for _ in range(self.copies):
                self.tell_buyer(eap_buyer.PacketReceived(changed))

    def to_box(self, packet: bytes) -> None:
        self.packets.append(packet)
        if changed := self.wire(packet):
            for _ in range(self.copies):
                self.tell_box(eap_box.PacketReceived(changed))

    def obey_box(self, commands: list[eap_box.Command]) -> None:
        for command in commands:
            match command:
                case eap_box.SendPacket(packet):
                    self.to_buyer(packet)
                    continue
                case eap_box.ExecuteTransaction() | eap_box.JudgeGrant():
                    self.box_said.append(command)
                    self.decide(command)
                    continue
                case eap_box.SignProof(transcript):
                    proof = write_exchange_proof(Prover.BOX, transcript, self.box_key)
                    self.tell_box(eap_box.ProofSigned(proof))
                    continue
            self.box_said.append(command)
            if isinstance(command, eap_box.Succeeded | eap_box.Failed):
                self.to_buyer(command.packet)

    def decide(self, about: eap_box.ExecuteTransaction | eap_box.JudgeGrant) -> None:
        said = self.verdict
        if isinstance(about, eap_box.JudgeGrant) and not isinstance(said, eap_box.GrantAccepted | Refused):
            said = self.judgement
        if said is not None:
            event = said if isinstance(said, eap_box.GrantAccepted) else eap_box.Answered(said)
            self.tell_box(event)

    def obey_buyer(self, commands: list[eap_buyer.Command]) -> None:
        for command in commands:
            match command:
                case eap_buyer.SendPacket(packet):
                    self.to_box(packet)
                case eap_buyer.Choose():
                    self.buyer_said.append(command)
                    self.tell_buyer(self.decision)
                case eap_buyer.SignProof(transcript):
                    self.tell_buyer(
                        eap_buyer.ProofSigned(write_exchange_proof(Prover.BUYER, transcript, self.buyer_key))
                    )
                case _:
                    self.buyer_said.append(command)
