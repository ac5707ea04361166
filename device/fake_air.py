"""A fake radio neighbourhood, for tests of the paying side: beacons, ANQP, and EAP-TLS decided without TLS.

Each basic service set has a shop (device/fake_access_point.py) behind it, and answers queries as stock hostapd does,
with the real codecs; what the box would hear on its monitor interface reaches the shop. Faults are fields. The guest
tests hold it against hostapd, wpa_supplicant and FreeRADIUS, so that what passes here passes there.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography import x509

from device.anqp import Found
from device.fake_access_point import FakeAccessPoint
from nas_tunnel.anqp import (
    VENDOR,
    AirOffer,
    AnqpQuery,
    answer_id,
    fits,
    read_query,
    write_air_offer,
    write_answers,
    write_beacon_element,
    write_element,
)
from nas_tunnel.lobby import Outcome, Purchase, Refused, read_lobby, write_lobby
from wire.account_certificate import parse_account
from wire.errors import DecodeError
from wire.ids import MacAddress, PublicKey


@dataclass(slots=True)
class FakeBss:
    """One basic service set: its shop, and how it is heard."""

    shop: FakeAccessPoint
    signal_dbm: int = -50
    shows_beacon_element: bool = True
    padding: bytes = b""
    """Elements of others in the same beacon."""
    queries: list[AnqpQuery] = field(default_factory=list)
    answers: dict[int, list[Outcome | Refused]] = field(default_factory=dict)
    lose: int = 0
    """So many queries are lost."""
    deaf: int = 0
    """So many purchases are answered by hostapd, but not heard by the box."""
    alter_response: Callable[[AnqpQuery, bytes], bytes] = staticmethod(lambda _, response: response)

    def found(self) -> Found:
        """As a scan finds it."""
        shop, ssid = self.shop, self.shop.ssid
        element = write_beacon_element(
            shop.announcement().offer, shop.price_ubc, shop.duration_s, shop.qos.floor_down_bps
        )
        ours = element if self.shows_beacon_element else b""
        return Found(shop.bssid, self.signal_dbm, bytes((0, len(ssid))) + ssid + self.padding + ours)

    def respond(self, data: bytes, *, protected: bool = False) -> bytes | None:
        """To one ANQP query; None if it is lost. A protected one is of a station that is associated here: hostapd
        reads it, and no monitor interface can.
        """
        if self.lose > 0:
            self.lose -= 1
            return None
        query = read_query(data)
        self.queries.append(query)
        response = b"".join(
            write_element(info_id, payload)
            for info_id in query.ids
            if (payload := self._payload(info_id)) is not None
        )
        if query.purchase is not None and not protected:
            self._sell(query.purchase)
        return self.alter_response(query, response)

    def _payload(self, info_id: int) -> bytes | None:
        if info_id == VENDOR:
            said = self.shop.announcement()
            offer = AirOffer(said.offer, said.provider, said.ledger, said.ledger_id, said.network, said.utc_s)
            return write_air_offer(offer)
        held = self.answers.get(info_id)
        return None if held is None else write_answers(held[: fits(held)])

    def _sell(self, transaction: bytes) -> None:
        if self.deaf > 0:
            self.deaf -= 1
            return
        answer = self.shop.answer(write_lobby(Purchase(transaction)))
        message = read_lobby(answer) if answer is not None else None
        match message:
            case Outcome(transaction_id=subject) | Refused(subject=subject):
                self.answers.setdefault(answer_id(subject), []).insert(0, message)
            case _:
                return


@dataclass(slots=True)
class FakeAir:
    """All that is in range. The operator's server admits whoever's certificate belongs to a grant of the shop."""

    cells: dict[MacAddress, FakeBss] = field(default_factory=dict)
    reject_joins: int = 0
    """The operator's server says no so many times."""
    strange_server: int = 0
    """So many times a server of somebody else answers."""
    joined: PublicKey | None = None

    def add(self, shop: FakeAccessPoint, signal_dbm: int = -50) -> FakeBss:
        cell = FakeBss(shop, signal_dbm)
        self.cells[shop.bssid] = cell
        return cell

    def found(self) -> tuple[Found, ...]:
        return tuple(cell.found() for cell in self.cells.values())

    def respond(self, bssid: MacAddress, query: bytes, *, protected: bool = False) -> bytes | None:
        """None if nobody answers."""
        cell = self.cells.get(bssid)
        return cell.respond(query, protected=protected) if cell else None

    def find(self, ssid: bytes, bssid: MacAddress | None = None) -> FakeBss | None:
        """The loudest of a network, as wpa_supplicant chooses, or the one that it is pinned to."""
        cells = [
            cell
            for cell in self.cells.values()
            if cell.shop.ssid == ssid and bssid in (None, cell.shop.bssid)
        ]
        return max(cells, key=lambda cell: cell.signal_dbm, default=None)

    def authenticate(self, cell: FakeBss | None, anchor: bytes, certificate: bytes) -> str:
        """EAP-TLS in one word: `in`, `absent`, `strange` server, `rejected`."""
        if cell is None:
            return "absent"
        trusted = _issuer(anchor)
        if self.strange_server > 0 or trusted != cell.shop.operator.public:
            self.strange_server = max(0, self.strange_server - 1)
            return "strange"
        if self.reject_joins > 0:
            self.reject_joins -= 1
            return "rejected"
        account = _issuer(certificate)
        if account != cell.shop.buyer or not cell.shop.grants:
            return "rejected"
        self.joined = account
        return "in"


def _issuer(certificate: bytes) -> PublicKey | None:
    try:
        loaded = x509.load_der_x509_certificate(certificate)
        names = {name.rfc4514_attribute_name: str(name.value) for name in loaded.issuer}
        return parse_account(f"/UID={names.get('UID')}/CN={names.get('CN')}")
    except (ValueError, DecodeError):
        return None
