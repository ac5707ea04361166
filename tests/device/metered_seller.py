"""An access point on a fake air that sells by a tariff, with an operator's real books behind it, on loopback."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import IPv4Address

from operatord import channels
from operatord.cashier import Cashier
from operatord.channel import Channels, Rules, Terms
from operatord.state import Use
from tests.device.playbook import BUYER
from tests.device.wpa_world import WpaWorld
from wire.ids import MacAddress
from wire.keys import PrivateKey
from wire.micropayment import instance_of
from wire.network import Network
from wire.qos import Qos
from wire.tariff import Tariff, terms_id

LEDGER, LEDGER_ID = PrivateKey.from_secret(41), b"l" * 32
QOS = Qos(0, 5_000_000, 0, 5_000_000)
DEPOSIT_UBC = 1_000_000
INCREMENT_UBC = 1_000
STATION = MacAddress.parse("02:00:00:00:00:77")


class Seller:
    """An access point on the air, and the operator behind it, who lets its station in when it is asked to."""

    def __init__(
        self,
        world: WpaWorld,
        last_octet: int,
        per_minute_ubc: int,
        *,
        silent: bool = False,
        price_ubc: int = 10**9,
        per_megabyte_ubc: int = 0,
        heard: Callable[[], None] = lambda: None,
    ) -> None:
        self.heard = heard
        self.key, self.silent = PrivateKey.generate(), silent
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(0.05)
        port = self.socket.getsockname()[1]
        self.tariff = Tariff(per_minute_ubc, per_megabyte_ubc, 1, QOS, IPv4Address("127.0.0.1"), port)
        self.instance = instance_of(LEDGER_ID, self.key.public.octets)
        self.bssid = MacAddress(bytes((2, 0, 0, 0, 0, last_octet)))
        world.add(
            last_octet,
            ledger=LEDGER,
            ledger_id=LEDGER_ID,
            operator=self.key,
            price_ubc=price_ubc,
            qos=QOS,
            alter_network=self._with_tariff,
            grants={b"its channel": b"lets it in"},
        )
        terms = Terms(self.tariff, terms_id(self.tariff, self.instance, self.bssid), self.key.public)
        self.book = Channels(self.instance, Rules(), {("box", self.bssid.octets): terms})
        channels.hear_channel(self.book, BUYER.public, 0, DEPOSIT_UBC)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve)

    def _with_tariff(self, network: Network) -> Network:
        return replace(network, tariff=self.tariff)

    def _serve(self) -> None:
        cashier, permit = Cashier(self.book, self.key), channels.permit_id_of(self.instance, BUYER.public)
        while not self._over.is_set():
            try:
                data, address = self.socket.recvfrom(2_000)
            except TimeoutError:
                continue
            now_ms = time.monotonic_ns() // 1_000_000
            if BUYER.public not in self.book.sessions:  # as RADIUS would have told
                channels.begin(self.book, Use(permit, "box", self.bssid, STATION, 0, 0), 0, now_ms)
            answered = cashier.take(data, now_ms)
            self.heard()
            if not self.silent:
                self.socket.sendto(answered.datagram, address)

    @contextmanager
    def open(self) -> Iterator[Seller]:
        self._thread.start()
        try:
            yield self
        finally:
            self._over.set()
            self._thread.join()
            self.socket.close()
