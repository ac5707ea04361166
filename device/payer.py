"""Pays for a metered session while it runs: the loop around device/paying.py. A shell: clock, socket, disk, chance.

A datagram to the address of the tariff for each interval, from the interface that is paid for and from no other; what
has to be signed is signed by the wallet, kept beside it, and then sent. Words that are not signed by the operator are
passed over.
"""

import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from types import TracebackType
from typing import Self

from device import paying
from device.attesting import Attester
from device.counters import Meter
from device.paying import Count, Pay, PayAgain, PayCommand, Paying, StopPaying
from device.purse import Channel, keep_channel
from device.wallet import Wallet
from wire.errors import DecodeError, ShellError
from wire.ids import MacAddress
from wire.meter_statement import SESSION_SIZE, MeterStatement, statement_digest, write_meter_statement
from wire.micropayment import Micropayment, read_micropayment, write_micropayment
from wire.payment import (
    MAX_DATAGRAM_BYTES,
    AttestedStatement,
    Payment,
    PaymentTaken,
    read_datagram,
    read_word,
    write_datagram,
)
from wire.tariff import Tariff, terms_id

IPV4_BYTES, IPV6_BYTES = 28, 48
"""What IP and UDP add to a datagram."""
NOT_SERVED = frozenset({"not_served", "asked_too_much"})


@dataclass(frozen=True, slots=True)
class Ended:
    """Why it was over. `reason` is a fixed word."""

    reason: str
    detail: str


class Payer:
    """One metered session, from association on; closes with the `with` block, which stops paying."""

    def __init__(
        self,
        wallet: Wallet,
        channel: Channel,
        tariff: Tariff,
        bssid: MacAddress,
        meter: Meter,
        interface: str = "",
        attester: Attester | None = None,
    ) -> None:
        """`interface`: payments leave by it alone; empty where the routes decide. Raises ShellError."""
        self._wallet, self._channel, self._tariff, self._meter = wallet, channel, tariff, meter
        self._terms_id = terms_id(tariff, channel.instance, bssid)
        self._attester = attester
        self._payment = self._evidence = b""
        self._own_up_bytes = self._own_down_bytes = 0
        self.wanted = False
        """Whether the application has more to fetch all the time: then the promised rate is held against what comes."""
        self.ended: Ended | None = None
        self._socket = _open(tariff, interface)
        try:
            session = os.urandom(SESSION_SIZE)
            self._paying, commands = paying.start(tariff, session, channel.purse, _now_ms())
            self._obey(commands)
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.stop()
        self._socket.close()

    @property
    def paid_ubc(self) -> int:
        """To this operator, in all."""
        return self._paying.paid_ubc

    @property
    def intervals(self) -> int:
        """Paid in this session."""
        return self._paying.interval + 1

    @property
    def channel(self) -> Channel:
        """As it is kept."""
        return self._channel

    def run(self, seconds: float, while_true: Callable[[], bool] = lambda: True) -> Ended | None:
        """Pays for so long; None if the session goes on, else why it does not. Raises ShellError if the disk fails."""
        end_ms = _now_ms() + int(seconds * 1_000)
        while self.ended is None and _now_ms() < end_ms and while_true():
            self._step(paying.look(self._paying, self._count(), _now_ms()))
            due_ms = paying.next_look_ms(self._paying, _now_ms())
            if due_ms is not None:
                self._listen(min(due_ms, end_ms))
        return self.ended

    def stop(self, reason: str = "left", detail: str = "as it was told to") -> None:
        """Pays no more. What is left stays in the channel."""
        self._paying, commands = paying.stop(replace(self._paying, last=self._count()), reason, detail)
        self._obey(commands)

    def _step(self, step: tuple[Paying, list[PayCommand]]) -> None:
        self._paying, commands = step
        self._obey(commands)

    def _obey(self, commands: list[PayCommand]) -> None:
        for command in commands:
            match command:
                case Pay():
                    self._pay(command)
                case PayAgain():
                    self._send(self._payment)
                    if self._evidence:
                        self._send(self._evidence)
                case StopPaying(reason, detail):
                    self.ended = Ended(reason, detail)
                    lost = self._channel.lost + (reason in NOT_SERVED)
                    self._keep(replace(self._channel, purse=paying.finished(self._paying), lost=lost))

    def _pay(self, order: Pay) -> None:
        key = self._wallet.key
        micropayment = Micropayment(self._channel.instance, key.public, order.cumulative_ubc)
        money = write_micropayment(micropayment, key)
        said = MeterStatement(
            self._paying.session, self._terms_id, order.interval, order.up_bytes, order.down_bytes
        )
        statement = write_meter_statement(said, key)
        self._payment = write_datagram(Payment(money, statement))
        self._keep(replace(self._channel, purse=paying.unfinished(self._paying), micropayment=money))
        self._send(self._payment)
        if self._attester is not None:
            evidence = self._attester.attest(statement_digest(statement))
            self._evidence = write_datagram(AttestedStatement(statement, evidence))
            self._send(self._evidence)

    def _keep(self, channel: Channel) -> None:
        keep_channel(self._wallet.path, channel)
        self._channel = channel

    def _send(self, data: bytes) -> None:
        try:
            self._socket.send(data)
        except OSError:
            return  # no address yet, no route, nobody there: it is sent again
        self._own_up_bytes += len(data) + self._header_bytes

    def _listen(self, due_ms: int) -> None:
        self._socket.settimeout(max(due_ms - _now_ms(), 1) / 1_000)
        try:
            data = self._socket.recv(MAX_DATAGRAM_BYTES + 1)
        except OSError:  # the time is up, or somebody said that nobody is there
            return
        self._own_down_bytes += len(data) + self._header_bytes
        try:
            taken = read_datagram(data)
            if not isinstance(taken, PaymentTaken):
                return
            word = read_word(taken.word, self._channel.operator)
            shown_ubc = self._shown_ubc(taken.micropayment)
        except DecodeError:
            return
        self._step(paying.hear(self._paying, word, shown_ubc, _now_ms()))

    def _shown_ubc(self, micropayment: bytes) -> int:
        """Of our own micropayment: nobody else can make one."""
        if not micropayment:
            return 0
        shown = read_micropayment(micropayment, self._channel.instance)
        return shown.cumulative_ubc if shown.consumer == self._wallet.account else 0

    def _count(self) -> Count:
        counted = self._meter.read()
        return Count(
            counted.up_bytes, counted.down_bytes, self.wanted, self._own_up_bytes, self._own_down_bytes
        )

    @property
    def _header_bytes(self) -> int:
        return IPV4_BYTES if isinstance(self._tariff.address, IPv4Address) else IPV6_BYTES


def _open(tariff: Tariff, interface: str) -> socket.socket:
    family = socket.AF_INET if isinstance(tariff.address, IPv4Address) else socket.AF_INET6
    opened = socket.socket(family, socket.SOCK_DGRAM)
    try:
        if interface:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
        opened.connect((str(tariff.address), tariff.port))
    except OSError as error:
        opened.close()
        raise ShellError(f"paying by {interface or 'any interface'}", error.strerror or str(error)) from None
    return opened


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000
