"""What the cheat tries, one function each: it really does it, looks at what came of it, and says who stopped it.

Each runs inside the cheat's namespace and returns a finding; none believes an answer where the wire can be asked
instead.
"""

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from lab.air import Station
from lab.counters import ByteCounter, Witness
from lab.demo.lobby_talk import first_of, in_lobby
from lab.result import Attack
from lab.world import WORLD_V4, WORLD_V6
from nas_tunnel.lobby import Announcement, Join, Joined, LobbyMessage, Outcome, Purchase, Refused, read_lobby
from wire.allocate import Allocate
from wire.errors import ShellError
from wire.grant import read_grant
from wire.ids import MacAddress
from wire.join_request import JoinPurpose, JoinRequest, write_join_request
from wire.keys import PrivateKey
from wire.offer import read_offer
from wire.receipt import read_receipt
from wire.transaction import NONCE_SIZE, Transaction, sign_transaction

SEND_FOR_S = 1.0
SETTLE_S = 0.5
"""Longer than any queue between a station and the world."""
_PACE_S = 0.01
LEAST_PUSHED_BYTES = 50_000
"""A few tens of the frames that are sent in that time: fewer mean that nothing was tried."""
_DISCARD_PORT = 9
_LADEN_ADVERTISEMENT = bytes((136, 0)) + bytes(1_000)
"""A neighbour advertisement (RFC 4861 clause 4.4) whose body is anything but one; the kernel fills in the checksum."""


@dataclass(frozen=True, slots=True)
class Cheat:
    """The cheat's means: a station, a key with money, what was overheard of a victim, and an honest witness."""

    station: Station
    key: PrivateKey
    overheard: list[bytes]
    witness: Witness
    nonce: Callable[[], bytes]


def alter_price(cheat: Cheat) -> Attack:
    """Signs a purchase at one micro-bandcoin."""
    with in_lobby(cheat.station.interface) as (talker, announcement):
        answer = talker.ask(Purchase(_purchase(cheat, announcement, price_ubc=1)))
    said = _said(answer, announcement)
    return Attack(
        "alters the price",
        stopped=said == "price_differs",
        by=f"the ledger: {said}",
        tried="a correctly signed purchase for 0.000001 BC",
        evidence="a receipt signed by the ledger",
    )


def replay_purchase(cheat: Cheat) -> Attack:
    """Sends ada's purchase a second time, so that she pays twice."""
    with in_lobby(cheat.station.interface) as (talker, announcement):
        said = _said(talker.ask(first_of(Purchase, cheat.overheard)), announcement)
    return Attack(
        "replays somebody's purchase",
        stopped=said == "replayed",
        by=f"the ledger: {said}",
        tried="ada's transaction as it was on the air, byte by byte",
        evidence="a receipt signed by the ledger",
    )


def replay_join(cheat: Cheat) -> Attack:
    """Sends ada's request to join from his own station."""
    with in_lobby(cheat.station.interface) as (talker, _):
        answer = talker.ask(first_of(Join, cheat.overheard))
    reached = _reaches_world(cheat)
    told = "Joined, which names ada's session" if isinstance(answer, Joined) else _refusal(answer)
    return Attack(
        "replays somebody's request to join",
        stopped=reached == 0,
        by="apd: the signature names the station to let in",
        tried="ada's request as it was on the air, from another station",
        evidence=f"answered {told}; {reached} of his bytes reached the world",
    )


def present_foreign_grant(cheat: Cheat) -> Attack:
    """Presents ada's grant, with a request signed by himself."""
    with in_lobby(cheat.station.interface) as (talker, announcement):
        answer = talker.ask(_join(cheat, announcement, _overheard_grant(cheat)))
    return _refused(
        "presents somebody else's grant", answer, "not_the_consumer", "ada's grant and his own signature"
    )


def alter_grant(cheat: Cheat) -> Attack:
    """Writes his own key into ada's grant."""
    with in_lobby(cheat.station.interface) as (talker, announcement):
        grant = _overheard_grant(cheat)
        consumer = read_grant(grant, announcement.ledger, announcement.ledger_id).consumer
        forged = grant.replace(consumer.octets, cheat.key.public.octets)
        assert forged != grant, "the consumer's key stands in a grant as it is"
        answer = talker.ask(_join(cheat, announcement, forged, claimed=grant))
    return _refused("alters a grant", answer, "grant_invalid", "ada's grant with his own key in it")


def leave_lobby_unpaid(cheat: Cheat) -> Attack:
    """Sends to the world from the lobby, also dressed as what the lobby lets through."""
    reached = _reaches_world(cheat)
    return Attack(
        "sends from the lobby to the world",
        stopped=reached == 0,
        by="the kernel: from an unpaid station only the lobby and neighbour discovery reach the box itself",
        tried=f"UDP over IPv4 and IPv6, and neighbour advertisements with a load, to {WORLD_V4.ip} and {WORLD_V6.ip}",
        evidence=f"{reached} bytes reached the world, counted there",
    )


def go_on_after_time(served_bytes: int, later_bytes: int) -> Attack:
    """Goes on sending after his session's end; the counts are the witness's, until the end and from then on."""
    return Attack(
        "goes on after his time",
        stopped=served_bytes > 0 and later_bytes == 0,
        by="apd: the session ended on time and its class went with it",
        tried="the same stream, uninterrupted",
        evidence=f"{served_bytes} bytes reached the world while he had paid, {later_bytes} after that",
    )


def borrow_mac(borrower: Cheat, victim: Station) -> Attack:
    """Takes a paying station's MAC address."""
    borrower.station.borrow_mac(victim.mac)
    reached = _reaches_world(borrower)
    return Attack(
        "borrows a paying station's MAC address",
        stopped=reached == 0,
        by="an open network cannot; link keys from EAP-TLS do",
        tried=f"eve's station as {victim.mac}, while mallory pays",
        evidence=f"{reached} of her bytes reached the world, on his bill and within his rate",
        stoppable=False,
    )


def _purchase(cheat: Cheat, announcement: Announcement, price_ubc: int) -> bytes:
    offer = read_offer(announcement.offer, announcement.provider)
    action = Allocate(announcement.provider, price_ubc, offer.band, offer.epoch)
    transaction = Transaction(action, cheat.nonce(), announcement.utc_s + 60)
    assert len(transaction.nonce) == NONCE_SIZE
    return sign_transaction(transaction, cheat.key, announcement.ledger_id).envelope.encoded


def _join(cheat: Cheat, announcement: Announcement, grant: bytes, claimed: bytes = b"") -> Join:
    """A request for a grant, signed by the cheat, as well-formed as can be."""
    known = read_grant(claimed or grant, announcement.ledger, announcement.ledger_id)
    if claimed:
        known = replace(known, consumer=cheat.key.public)
    offer = read_offer(announcement.offer, announcement.provider)
    request = JoinRequest(
        purpose=JoinPurpose.JOIN,
        grant_id=known.grant_id,
        station=MacAddress.parse(cheat.station.mac),
        bssid=offer.bssid,
        challenge=announcement.challenge,
    )
    return Join(grant, write_join_request(request, cheat.key))


def _overheard_grant(cheat: Cheat) -> bytes:
    message = read_lobby(first_of(Join, cheat.overheard))
    assert isinstance(message, Join)
    return message.grant


def _refused(name: str, answer: LobbyMessage, reason: str, tried: str) -> Attack:
    said = _refusal(answer)
    return Attack(
        name, stopped=said == reason, by=f"apd: {said}", tried=tried, evidence="the access point's answer"
    )


def _refusal(answer: LobbyMessage) -> str:
    return answer.reason if isinstance(answer, Refused) else f"let in: {type(answer).__name__}"


def _said(answer: LobbyMessage, announcement: Announcement) -> str:
    """What the ledger, or the access point before it, said to a purchase."""
    if isinstance(answer, Outcome):
        receipt = read_receipt(answer.receipt, announcement.ledger, announcement.ledger_id)
        return receipt.reason or "executed"
    return _refusal(answer)


def _reaches_world(cheat: Cheat) -> int:
    """Sends to the world in every way for a while; how many bytes of it the witness saw."""
    cheat.station.pin_box()
    before, pushed_before = _from(cheat), _pushed(cheat)
    destinations = [
        (socket.AF_INET, socket.SOCK_DGRAM, 0, (str(WORLD_V4.ip), _DISCARD_PORT), bytes(1_000)),
        (socket.AF_INET6, socket.SOCK_DGRAM, 0, (str(WORLD_V6.ip), _DISCARD_PORT), bytes(1_000)),
        (
            socket.AF_INET6,
            socket.SOCK_RAW,
            socket.IPPROTO_ICMPV6,
            (str(WORLD_V6.ip), 0),
            _LADEN_ADVERTISEMENT,
        ),
    ]
    for family, kind, protocol, to, data in destinations:
        with socket.socket(family, kind, protocol) as sender:
            if kind is socket.SOCK_RAW:
                sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 255)
            ends = time.monotonic() + SEND_FOR_S / len(destinations)
            while time.monotonic() < ends:
                sender.sendto(data, to)
                time.sleep(_PACE_S)
    time.sleep(SETTLE_S)
    if _pushed(cheat) - pushed_before < LEAST_PUSHED_BYTES:
        raise ShellError("attack", f"{cheat.station.name} sent nothing: that proves nothing")
    return _from(cheat) - before


def _pushed(cheat: Cheat) -> int:
    """What left the cheat's own interface."""
    with ByteCounter(cheat.station.namespace, cheat.station.interface) as counter:
        return counter.read().tx_ip_bytes


def _from(cheat: Cheat) -> int:
    seen, station = cheat.witness.read(), cheat.station
    return sum(seen[str(own.ip)].from_bytes for own in (station.v4, station.v6) if str(own.ip) in seen)
