"""The device on the air: the loop's hands on wpa_supplicant. A shell: socket, clock, keys; it decides nothing.

Queries go out and answers come in by device/anqp.py; our network is added, selected and removed as
device/membership.py says. wpa_supplicant never sees the wallet's key: that key signs a certificate for a key that was
made for this network alone, and is overwritten when it is left.
"""

import contextlib
import secrets
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from device.anqp import (
    MAX_RESPONSE_BYTES,
    AirEvent,
    Carriage,
    Look,
    Query,
    QueryAnswered,
    QueryFailed,
    Remembered,
    Scan,
    ScanFailed,
    ScanFinished,
    carry,
    fall_silent,
    hear,
    next_due,
    wake,
)
from device.anqp import Step as AirStep
from device.events import Associate, Associated, AssociationFailed, Event, Obstacle, Send, SendFailed
from device.membership import (
    ANCHOR_BLOB,
    CERTIFICATE_BLOB,
    KEY_BLOB,
    Membership,
    parse_before,
    plan_network,
)
from device.membership import hear as hear_membership
from device.udp import read_clock
from device.wpa import WpaControl
from device.wpa_text import GasResponse, ScanAborted, ScanResults, WpaEvent, parse_status
from nas_tunnel.lobby import Purchase
from wire.account_certificate import Purpose, issue, write_anchor
from wire.errors import DecodeError, ShellError
from wire.keys import PrivateKey
from wire.units import NS_PER_S

LOOK_NS = 5 * NS_PER_S
"""How soon it is noticed, at a quiet time, that wpa_supplicant has ended without a word, or that an event was lost."""
UNHEARD_NS = 30 * NS_PER_S
"""Whoever did not listen for so long listens anew: wpa_supplicant drops listeners whose queue is full."""
ANY = "any"
"""No BSSID pinned."""
_SERIAL_BITS = 128
_LAST_S = 253_402_300_799
"""The end of the year 9999, after which no certificate can say anything (RFC 5280 clause 4.1.2.5)."""
_OVERWRITTEN = b""


class Supplicant:
    """One interface of wpa_supplicant; closes with the `with` block, and leaves the network as it is."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._control = WpaControl(path)
        self._carriage = Carriage()
        self._membership: Membership | None = None
        self._stood_aside = False
        self._look_ns = read_clock().mono_ns + LOOK_NS

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        if self._stood_aside:
            with contextlib.suppress(ShellError):
                self._control.reconnect()
        self._control.close()

    def fileno(self) -> int:
        return self._control.fileno()

    @property
    def dropped(self) -> dict[str, int]:
        """What came over the air and was not taken, by reason."""
        return dict(self._carriage.dropped)

    @property
    def due_ns(self) -> int:
        """When `wake` wants to be called, in monotonic nanoseconds."""
        carriage_ns = next_due(self._carriage)
        return self._look_ns if carriage_ns is None else min(self._look_ns, carriage_ns)

    # ---- What the loop calls

    def send(self, command: Send) -> list[Event]:
        """Carries a message over the air."""
        if isinstance(command.message, Purchase) and not self._stood_aside:
            self._stand_aside(command.address)
        return self._follow(carry(self._carriage, command, read_clock()))

    def receive(self) -> list[Event]:
        """What the waiting events mean."""
        answers: list[Event] = []
        try:
            for event in self._control.receive():
                answers += self._take(event)
        except ShellError as error:
            answers += self._lose_touch(error)
        return answers

    def wake(self) -> list[Event]:
        """`due_ns` has come."""
        now = read_clock()
        answers = self._follow(wake(self._carriage, now))
        if now.mono_ns >= self._look_ns:
            answers += self._look_at_status(anew=now.mono_ns >= self._look_ns + UNHEARD_NS)
            self._look_ns = now.mono_ns + LOOK_NS
        return answers

    def associate(self, order: Associate, account: PrivateKey) -> list[Event]:
        """Joins, or tries again to join, with a certificate of this account."""
        self._carriage = fall_silent(self._carriage)
        try:
            if self._membership is None:
                self._membership = Membership(self._add_network(order, account))
            self._pin(self._membership.network_id, str(order.network.bssid) if order.pinned else ANY)
            self._control.select_network(self._membership.network_id)
            self._stood_aside = False
        except (ShellError, DecodeError) as error:
            return [AssociationFailed(Obstacle.NO_SUPPLICANT, str(error))]
        return []

    def disassociate(self) -> None:
        """Removes every network of ours and puts back what was enabled before. Raises ShellError."""
        self._membership = None
        restore(self._control)

    def _stand_aside(self, address: str | None) -> None:
        """Who is associated asks under the link's protection, which the box cannot hear through: it goes out first."""
        with contextlib.suppress(ShellError):  # then the query will say so
            status = self._control.status()
            if (status.get("bssid"), status.get("wpa_state")) == (address, "COMPLETED"):
                self._control.disconnect()
                self._stood_aside = True

    # ---- Orders of the pure parts

    def _follow(self, step: AirStep) -> list[Event]:
        self._carriage, todo = step
        answers: list[Event] = []
        heard: AirEvent | None
        while todo:
            match todo.pop(0):
                case Look():
                    heard = self._look()
                case Scan():
                    heard = self._scan()
                case Query() as order:
                    heard = self._query(order)
                case answer:
                    answers.append(answer)
                    continue
            if heard is not None:
                self._carriage, more = hear(self._carriage, heard, read_clock())
                todo += more
        return answers

    def _look(self) -> AirEvent:
        try:
            return Remembered(self._control.list_bss())
        except ShellError as error:
            return ScanFailed(error.detail)

    def _scan(self) -> AirEvent | None:
        try:
            self._control.scan()
        except ShellError as error:
            return ScanFailed(error.detail)
        return None

    def _query(self, order: Query) -> AirEvent | None:
        try:
            self._control.query(order.bssid, order.query)
        except ShellError as error:
            return QueryFailed(order.bssid, error.detail)
        return None

    def _take(self, event: WpaEvent) -> list[Event]:
        heard: AirEvent
        match event:
            case ScanResults():
                if not self._carriage.scanning:
                    return []
                heard = ScanFinished(self._control.list_bss())
            case ScanAborted(detail):
                heard = ScanFailed(detail)
            case GasResponse():
                heard = self._fetch(event)
            case _:
                return self._hear_of_network(event)
        return self._follow(hear(self._carriage, heard, read_clock()))

    def _fetch(self, response: GasResponse) -> AirEvent:
        if not 0 <= response.size <= MAX_RESPONSE_BYTES:
            problem = f"{response.size} bytes" if response.size > 0 else "no response"
            return QueryFailed(response.bssid, f"{problem}, status {response.status}")
        try:
            data = self._control.fetch(response.bssid, response.dialog_token, response.size)
        except (ShellError, DecodeError) as error:
            return QueryFailed(response.bssid, str(error))
        return QueryAnswered(response.bssid, data)

    def _hear_of_network(self, event: WpaEvent) -> list[Event]:
        if self._membership is None:
            return []
        self._membership, events = hear_membership(self._membership, event)
        if any(isinstance(event, Associated) for event in events):
            self._pin(self._membership.network_id, ANY)
        return list(events)

    def _pin(self, network_id: int, bssid: str) -> None:
        self._control.set_network(network_id, "bssid", bssid)

    def _lose_touch(self, error: ShellError) -> list[Event]:
        """wpa_supplicant has ended, or hangs. One that was started anew serves as well, but has no network of ours."""
        with contextlib.suppress(ShellError):
            control = WpaControl(self._path)
            self._control.close()
            self._control = control
        if self._membership is None:
            return [SendFailed(str(error))]
        self._membership = None
        return [AssociationFailed(Obstacle.NO_SUPPLICANT, str(error))]

    def _look_at_status(self, *, anew: bool) -> list[Event]:
        try:
            if anew:
                self._control.attach_again()
            status = self._control.status()
            seen = parse_status(status) if self._membership is not None else None
            return self._hear_of_network(seen) if seen is not None else []
        except ShellError as error:
            return self._lose_touch(error)

    # ---- The network

    def _add_network(self, order: Associate, account: PrivateKey) -> int:
        control = self._control
        restore(control)
        enabled = tuple(known.network_id for known in control.list_networks() if known.enabled)
        key = PrivateKey.generate()
        certificate = issue(
            account,
            Purpose.STATION,
            key.public,
            not_before_s=min(max(0, order.not_before_s), _LAST_S),
            not_after_s=min(order.not_after_s, _LAST_S),
            serial=1 + secrets.randbits(_SERIAL_BITS),
        )
        control.set_blob(ANCHOR_BLOB, write_anchor(order.network.operator))
        control.set_blob(CERTIFICATE_BLOB, certificate)
        control.set_blob(KEY_BLOB, _write_key(key))
        number = control.add_network()
        try:
            for name, value in plan_network(order.network, enabled):
                control.set_network(number, name, value)
        except BaseException:
            control.remove_network(number)
            raise
        return number


def restore(control: WpaControl) -> bool:
    """Removes the networks that we, or one of us before, added; says whether there was any. Raises ShellError."""
    found = False
    for known in control.list_networks():
        before = parse_before(control.get_network(known.network_id, "id_str"))
        if before is None:
            continue
        found = True
        control.remove_network(known.network_id)
        control.set_blob(KEY_BLOB, _OVERWRITTEN)
        there = {one.network_id for one in control.list_networks()}
        for number in there.intersection(before):
            control.enable_network(number)
    return found


def _write_key(key: PrivateKey) -> bytes:
    """As a blob has to be: DER (RFC 5208)."""
    return key.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
