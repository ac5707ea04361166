"""The device's side of a purchase inside EAP, with a key and a mind: it buys one unit of what it is shown.

In: EAP packets as a modem hands them out. Out: the answers, and what became of it. The exchange itself is
nas_tunnel/eap_buyer.py; here are only the wallet's key, fresh shares and the purchase.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from nas_tunnel import eap_buyer
from nas_tunnel.anqp import AirOffer
from nas_tunnel.eap_purchase import OrderContents, OrderKind, SessionKeys
from wire.allocate import Allocate
from wire.errors import DecodeError
from wire.exchange_proof import Prover, write_exchange_proof
from wire.ids import PublicKey
from wire.keys import PrivateKey
from wire.offer import read_offer
from wire.transaction import Transaction, sign_transaction

Kind = TypeVar("Kind", bound=eap_buyer.Command)
VALID_S = 300


@dataclass
class NasBuyer:
    """One exchange. `order` is shown instead of a purchase, if it is given; `sign` may spoil what is signed."""

    key: PrivateKey
    ledger: PublicKey
    ledger_id: bytes
    order: OrderContents | None = None
    sign: Callable[[bytes], bytes] = lambda transaction: transaction
    prover: PrivateKey | None = None
    """Whose key signs the proof, if not the wallet's."""
    ordered: bytes = b""
    """The transaction or grant that it showed."""
    state: eap_buyer.BuyerExchange = field(default_factory=eap_buyer.await_offer)
    said: list[eap_buyer.Command] = field(default_factory=list)
    _answers: list[bytes] = field(default_factory=list)

    def hear(self, packet: bytes) -> bytes:
        """One packet of the network; the answer, empty if it wants none."""
        self._answers.clear()
        self._tell(eap_buyer.PacketReceived(packet))
        return self._answers[-1] if self._answers else b""

    def last(self, kind: type[Kind]) -> Kind:
        """The last such word."""
        return next(word for word in reversed(self.said) if isinstance(word, kind))

    def heard_any(self, kind: type[eap_buyer.Command]) -> bool:
        return any(isinstance(word, kind) for word in self.said)

    @property
    def keys(self) -> SessionKeys:
        """Known as soon as the proof is out."""
        assert self.state.keys is not None, "there is no proof yet"
        return self.state.keys

    def _tell(self, event: eap_buyer.Event) -> None:
        self.state, commands = eap_buyer.step(self.state, event)
        for command in commands:
            match command:
                case eap_buyer.SendPacket(packet):
                    self._answers.append(packet)
                case eap_buyer.Choose(air):
                    self._tell(self._choose(air))
                case eap_buyer.SignProof(transcript):
                    proof = write_exchange_proof(Prover.BUYER, transcript, self.prover or self.key)
                    self._tell(eap_buyer.ProofSigned(proof))
                case _:
                    self.said.append(command)

    def _choose(self, air: AirOffer) -> eap_buyer.Event:
        """One unit, if the offer is the provider's and of the ledger that is believed."""
        try:
            contents = self.order or self._buy(air)
        except DecodeError as error:
            return eap_buyer.NotWanted(str(error)[:40])
        if (air.ledger, air.ledger_id) != (self.ledger, self.ledger_id):
            return eap_buyer.NotWanted("another ledger's")
        self.ordered, share = contents.encoded, PrivateKey.generate()
        return eap_buyer.Ordered(contents, self.key.public, self.ledger, self.ledger_id, share)

    def _buy(self, air: AirOffer) -> OrderContents:
        offer = read_offer(air.offer, air.provider)
        action = Allocate(air.provider, offer.price_ubc, offer.band, offer.epoch)
        wanted = Transaction(action, os.urandom(8), int(time.time()) + VALID_S)
        signed = sign_transaction(wanted, self.key, self.ledger_id)
        return OrderContents(OrderKind.TRANSACTION, self.sign(signed.envelope.encoded))
