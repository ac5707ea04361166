"""A fake access point with a ledger behind it, for tests of the paying side: one offer, signatures, faults to order.

`answer` is the protocol; `serve` puts it on a socket. It keeps no capacity, shapes nothing, believes in every balance.
tests/system holds it against the real daemon, so that what passes here passes there.
"""

import hashlib
import select
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from nas_tunnel.lobby import (
    GROUP,
    MAX_LOBBY_BYTES,
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
    read_lobby,
    write_lobby,
)
from wire.allocate import Allocate
from wire.band import Band
from wire.errors import DecodeError
from wire.grant import Grant, grant_id_of, read_grant, write_grant
from wire.ids import MacAddress, PublicKey, Station
from wire.join_request import JoinPurpose, read_join_request
from wire.keys import PrivateKey
from wire.network import Network, write_network
from wire.offer import Offer, write_offer
from wire.qos import Qos
from wire.receipt import Receipt, write_receipt
from wire.registration import Registration, write_registration
from wire.transaction import SignedTransaction, read_transaction

BAND = Band(2_402_000, 2_482_000, 20_000)
QOS = Qos(2_000_000, 20_000_000, 500_000, 5_000_000)


@dataclass(slots=True)
class FakeAccessPoint:
    """Knows the one buyer's key, as a ledger would. Every fault is a field; every answered message is in `heard`."""

    buyer: PublicKey
    utc_s: Callable[[], int]
    provider: PrivateKey = field(default_factory=PrivateKey.generate)
    ledger: PrivateKey = field(default_factory=PrivateKey.generate)
    ledger_id: bytes = bytes(32)
    bssid: MacAddress = MacAddress(b"\x02\0\0\0\0\x01")  # frozen
    price_ubc: int = 1_000_000
    duration_s: int = 600
    qos: Qos = QOS
    band: Band = BAND
    epoch: int = 1
    offer_lifetime_s: int = 60
    lose: dict[type, int] = field(default_factory=dict)
    """So many messages of a type are lost on the way to us."""
    reject: list[tuple[str, str]] = field(default_factory=list)
    """The ledger's next rejections: (reason, detail)."""
    refuse: list[tuple[type, str, str]] = field(default_factory=list)
    """Our next refusals: (type of message, reason, detail)."""
    alter_grant: Callable[[Grant], Grant] = staticmethod(lambda grant: grant)
    ssid: bytes = b""
    """Where buyers join by Wi-Fi; empty: by a Join in the lobby."""
    operator: PrivateKey = field(default_factory=PrivateKey.generate)
    """Whose key issued the certificate of the RADIUS server, as the signed network says."""
    alter_network: Callable[[Network], Network] = staticmethod(lambda network: network)
    alter_registration: Callable[[Registration], Registration | None] = staticmethod(lambda word: word)
    """What the ledger says of whom the network names as its operator; None: nothing."""
    babble: bytes = b""
    """What `serve` sends before every answer."""
    challenge_number: int = 0
    heard: list[LobbyMessage] = field(default_factory=list)
    grants: dict[bytes, bytes] = field(default_factory=dict)
    joined: dict[bytes, Station] = field(default_factory=dict)

    @property
    def challenge(self) -> bytes:
        return hashlib.sha256(b"challenge %d" % self.challenge_number).digest()[:16]

    def answer(self, data: bytes) -> bytes | None:
        """The answer to one datagram, if any."""
        try:
            message = read_lobby(data)
        except DecodeError:
            return None
        self.heard.append(message)
        if self.lose.get(type(message), 0) > 0:
            self.lose[type(message)] -= 1
            return None
        if self.refuse and isinstance(message, self.refuse[0][0]):
            _, reason, detail = self.refuse.pop(0)
            return write_lobby(Refused(b"", reason, detail))
        match message:
            case Discover():
                return write_lobby(self.announcement())
            case Purchase(transaction):
                return write_lobby(self._sell(read_transaction(transaction, self.ledger_id)))
            case Join(grant, request):
                return write_lobby(self._admit(grant, request))
            case Leave(grant_id, request):
                return write_lobby(self._release(grant_id, request))
            case _:
                return None

    def announcement(self) -> Announcement:
        """What a Discover is answered with."""
        now_s = self.utc_s()
        expires_s = now_s + self.offer_lifetime_s
        offer = Offer(self.epoch, self.price_ubc, self.duration_s, self.band, self.qos, self.bssid, expires_s)
        return Announcement(
            offer=write_offer(offer, self.provider),
            provider=self.provider.public,
            ledger=self.ledger.public,
            ledger_id=self.ledger_id,
            challenge=self.challenge,
            utc_s=now_s,
            network=self._write_network(expires_s) if self.ssid else b"",
        )

    def _write_network(self, expires_s: int) -> bytes:
        network = self.alter_network(Network(self.bssid, self.ssid, self.operator.public, expires_s))
        word = self.alter_registration(Registration(network.operator, 1, self.utc_s()))
        if word is not None and not network.registration:
            network = replace(network, registration=write_registration(word, self.ledger, self.ledger_id))
        return write_network(network, self.provider)

    def _sell(self, signed: SignedTransaction) -> Outcome:
        """As the ledger does: once; the second time `replayed`, with the first grant."""
        signed.verify(self.buyer)
        action, transaction_id = signed.transaction.action, signed.transaction_id
        assert isinstance(action, Allocate)
        if transaction_id in self.grants:
            return self._outcome(transaction_id, "replayed", "ran before", self.grants[transaction_id])
        if self.reject:
            return self._outcome(transaction_id, *self.reject.pop(0), b"")
        if action.epoch != self.epoch:
            return self._outcome(transaction_id, "epoch_moved", f"the epoch is {self.epoch}", b"")
        if action.price_ubc != self.price_ubc * action.allocations:
            return self._outcome(transaction_id, "price_differs", f"{self.price_ubc} each", b"")
        grant = Grant(
            consumer=self.buyer,
            provider_id=self.provider.public.provider_id,
            grant_id=grant_id_of(transaction_id),
            epoch=self.epoch,
            starts_s=self.utc_s(),
            duration_s=self.duration_s,
            band=self.band,
            qos=self.qos,
            allocations=action.allocations,
        )
        encoded = write_grant(self.alter_grant(grant), self.ledger, self.ledger_id)
        self.grants[transaction_id] = encoded
        return self._outcome(transaction_id, "", "", encoded)

    def _outcome(self, transaction_id: bytes, reason: str, detail: str, grant: bytes) -> Outcome:
        receipt = Receipt(transaction_id, 1, self.utc_s(), reason, detail)
        return Outcome(transaction_id, write_receipt(receipt, self.ledger, self.ledger_id), grant)

    def _admit(self, encoded: bytes, request: bytes) -> Joined | Refused:
        grant = read_grant(encoded, self.ledger.public, self.ledger_id)
        asked = read_join_request(request, grant.consumer)
        if asked.challenge != self.challenge:
            return Refused(grant.grant_id, "challenge_stale", "discover again and sign the new challenge")
        if (asked.purpose, asked.grant_id, asked.bssid) != (JoinPurpose.JOIN, grant.grant_id, self.bssid):
            return Refused(grant.grant_id, "request_invalid", "the request is for something else")
        self.joined[grant.grant_id] = asked.station
        return Joined(grant.grant_id, grant.ends_s)

    def _release(self, grant_id: bytes, request: bytes) -> Left | Refused:
        if grant_id not in self.joined:
            return Refused(grant_id, "no_such_session", "")
        if read_join_request(request, self.buyer).challenge != self.challenge:
            return Refused(grant_id, "challenge_stale", "discover again and sign the new challenge")
        del self.joined[grant_id]
        return Left(grant_id)


def sell_as(fake: FakeAccessPoint, **changes: object) -> FakeAccessPoint:
    """A neighbour of the same ledger with another provider and other terms."""
    fresh = replace(
        fake, provider=PrivateKey.generate(), heard=[], grants={}, joined={}, reject=[], refuse=[], lose={}
    )
    for name, value in changes.items():
        setattr(fresh, name, value)
    return fresh


def serve(fake: FakeAccessPoint, interface: str, stop: socket.socket) -> None:
    """Answers in the lobby of an interface until `stop` becomes readable."""
    index = socket.if_nametoindex(interface)
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as lobby:
        lobby.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        lobby.bind(("::", PORT))
        membership = struct.pack("=16si", socket.inet_pton(socket.AF_INET6, GROUP), index)
        lobby.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, membership)
        while stop not in select.select([lobby, stop], [], [])[0]:
            data, sender = lobby.recvfrom(MAX_LOBBY_BYTES + 1)
            answer = fake.answer(data)
            if fake.babble:
                lobby.sendto(fake.babble, sender)
            if answer is not None:
                lobby.sendto(answer, sender)
