"""A cell whose end of NAS hands strangers on: UEs with the product's own buyer, on a wire that a test may watch."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from apd.commands import FindSubscriber, SignOffer, SubmitTransaction, TellSignalling
from apd.events import LedgerReplied, OfferSigned, SignallingHeard, SubscriberFailed
from apd.signalling_frames import (
    LENGTH_SIZE,
    Admitted,
    Begin,
    EapHeard,
    NotAdmitted,
    OptionsHeard,
    SendEap,
    SendOptions,
    Told,
    read_frame,
    write_frame,
)
from apd.signalling_settings import SignallingSettings
from apd.signalling_state import (
    FrameHeard,
    MakeProof,
    MakeShare,
    ProofMade,
    SendFrame,
    ShareMade,
    SibWritten,
    SignallingState,
    WriteSib,
)
from nas_tunnel import eap_buyer
from nas_tunnel.eap_purchase import OrderContents, OrderKind
from nas_tunnel.lobby import LobbyMessage, read_lobby
from tests.apd.cell_world import CellBox, cell_box
from tests.apd.world import BAND, CONSUMER, LEDGER, LEDGER_ID, PROVIDER, grant, reply, signed_grant
from wire.allocate import Allocate
from wire.errors import ShellError
from wire.exchange_proof import Prover, write_exchange_proof
from wire.grant import Grant, grant_id_of
from wire.keys import PrivateKey
from wire.offer import write_offer
from wire.transaction import SignedTransaction, Transaction, sign_transaction

LINK = 1
SETTINGS = SignallingSettings(Path("nas.sock"), Path("sib.yml"))


@dataclass
class NasBox(CellBox):
    """The same cell with an end of NAS. What went to the ledger stays in `submitted` until a test has it answered."""

    frames: list[Any] = field(default_factory=list)
    """What the end of NAS was told and nobody took yet."""
    submitted: list[SubmitTransaction] = field(default_factory=list)
    sibs: list[Any] = field(default_factory=list)
    shares: int = 5_000
    store_fails: bool = False

    def _obey(self, command: Any) -> list[Any]:
        match command:
            case TellSignalling(SendFrame(_, data)):
                assert int.from_bytes(data[:LENGTH_SIZE], "big") == len(data) - LENGTH_SIZE
                self.frames.append(read_frame(data[LENGTH_SIZE:]))
            case TellSignalling(MakeShare(link, begin)):
                self.shares += 1
                return [SignallingHeard(ShareMade(link, begin, PrivateKey.from_secret(self.shares)))]
            case TellSignalling(MakeProof(about, transcript)):
                proof = write_exchange_proof(Prover.BOX, transcript, PROVIDER)
                return [SignallingHeard(ProofMade(about, proof))]
            case TellSignalling(WriteSib(offer)):
                self.sibs.append(offer)
                return [SignallingHeard(SibWritten(offer.epoch))]
            case SignOffer(offer):
                return [OfferSigned(write_offer(offer, PROVIDER), offer.expires_s)]
            case FindSubscriber(supi) if self.store_fails:
                return [SubscriberFailed(supi, ShellError("mongodb", "refused"))]
            case SubmitTransaction():
                self.submitted.append(command)
        return super()._obey(command)

    def tell(self, frame: Any, link: int = LINK) -> None:
        """The end of NAS says this."""
        self.feed(SignallingHeard(FrameHeard(link, write_frame(frame)[LENGTH_SIZE:])))

    def take(self, kind: type[Any], ue: bytes) -> list[Any]:
        """The frames of this type for this UE, once."""
        taken = [frame for frame in self.frames if isinstance(frame, kind) and frame.ue == ue]
        self.frames = [frame for frame in self.frames if frame not in taken]
        return taken

    def words(self, ue: bytes) -> list[LobbyMessage]:
        """What it was told of its session."""
        return [read_lobby(frame.message) for frame in self.take(Told, ue)]

    def ledger_answers(self, made: Grant | None = None, reason: str = "") -> bytes:
        """To the purchase that came first; its id."""
        order = self.submitted.pop(0)
        grants = () if reason else (signed_grant(made or bought(order.correlation)),)
        self.feed(LedgerReplied(order.correlation, reply(order.correlation, *grants, reason=reason)))
        return order.correlation


def bought(transaction_id: bytes, **changes: Any) -> Grant:
    """The grant of that purchase."""
    return replace(grant(), grant_id=grant_id_of(transaction_id), **changes)


def nas_box(settings: SignallingSettings = SETTINGS, **changes: Any) -> NasBox:
    made = cell_box(**changes)
    made.box.state = replace(made.box.state, signalling=SignallingState(settings))
    return NasBox(**{name: getattr(made, name) for name in CellBox.__dataclass_fields__})


def allocate(
    nonce: int = 1, key: PrivateKey = CONSUMER, valid_s: int = 300, **changes: Any
) -> SignedTransaction:
    """A purchase of one unit of what is on offer."""
    action = Allocate(PROVIDER.public, 250_000, BAND, epoch=3)
    until_s = grant().starts_s + valid_s
    return sign_transaction(
        Transaction(replace(action, **changes), nonce.to_bytes(8, "big"), until_s), key, LEDGER_ID
    )


@dataclass
class Ue:
    """One UE with the product's buyer, which orders `order`, or nothing if that is empty."""

    nas: NasBox
    name: bytes = b"ue 1"
    order: bytes = field(default_factory=lambda: allocate().envelope.encoded)
    kind: OrderKind = OrderKind.TRANSACTION
    key: PrivateKey = CONSUMER
    prover: PrivateKey | None = None
    """Who signs its proof, if not the key."""
    told: list[Any] = field(default_factory=list)
    packets: list[bytes] = field(default_factory=list)
    """What it was sent."""
    sent: list[bytes] = field(default_factory=list)
    """What it said."""
    buyer: eap_buyer.BuyerExchange = field(default_factory=eap_buyer.await_offer)
    end: Admitted | NotAdmitted | None = None
    link: int = LINK

    def register(self) -> Ue:
        """From nothing until nobody has a word left."""
        self.buyer, self.end = eap_buyer.await_offer(), None
        self.nas.tell(Begin(self.name, 7), self.link)
        return self.run()

    def run(self) -> Ue:
        while taken := self.nas.take(SendEap, self.name):
            for frame in taken:
                self.packets.append(frame.packet)
                self.hear(eap_buyer.PacketReceived(frame.packet))
        for end in (*self.nas.take(Admitted, self.name), *self.nas.take(NotAdmitted, self.name)):
            self.end = end
            self.hear(eap_buyer.PacketReceived(end.packet))
        return self

    def hear(self, event: eap_buyer.Event) -> None:
        self.buyer, commands = eap_buyer.step(self.buyer, event)
        for command in commands:
            match command:
                case eap_buyer.SendPacket(packet):
                    self.sent.append(packet)
                    self.nas.tell(EapHeard(self.name, packet), self.link)
                case eap_buyer.Choose():
                    share = PrivateKey.from_secret(9_000 + len(self.packets))
                    contents = OrderContents(self.kind, self.order)
                    wanted = eap_buyer.Ordered(contents, self.key.public, LEDGER.public, LEDGER_ID, share)
                    self.hear(wanted if self.order else eap_buyer.NotWanted("nothing"))
                case eap_buyer.SignProof(transcript):
                    signed = write_exchange_proof(Prover.BUYER, transcript, self.prover or self.key)
                    self.hear(eap_buyer.ProofSigned(signed))
                case _:
                    self.told.append(command)

    def said(self, kind: type) -> Any:
        """The last such word of its buyer."""
        return next(word for word in reversed(self.told) if isinstance(word, kind))

    @property
    def refused(self) -> str:
        """Why it was not let in."""
        assert isinstance(self.end, NotAdmitted), self.end
        return self.end.reason

    def options(self, container: bytes) -> bytes | None:
        """What an attach attempt with this container is answered."""
        self.nas.tell(OptionsHeard(self.name, container), self.link)
        replies = self.nas.take(SendOptions, self.name)
        return replies[-1].container if replies else None
