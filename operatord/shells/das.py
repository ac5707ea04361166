"""Disconnect-Requests to access points (RFC 5176), and what they answer.

One datagram socket for each box. A request names its session by Acct-Session-Id where it is known and by
Calling-Station-Id, and the box by NAS-Identifier: hostapd matches each of them, and refuses what is not its own. It
carries an Event-Timestamp, which hostapd wants within a window (operatord/hostapd.py), and a Message-Authenticator.
Sent again up to three times, with the same octets, so that a box that has seen it may tell; an answer that is not
signed by the box's secret is dropped. The packets are pyrad's. Decides nothing.
Reference: RFC 5176 clauses 2.3, 3.3 and 3.5; RFC 2869 clause 5.14.
"""

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pyrad import packet as radius

from operatord.commands import Disconnect
from wire.errors import ShellError

WAITS_S = (1.0, 2.0, 4.0)
"""For an answer, before the request is sent again or given up: doubling, as RFC 5080 clause 2.2.1 advises."""
MAX_HEARD = 16
"""Datagrams that may wait to be looked at; a flood of forged ones costs no memory."""
NO_ANSWER = "no answer"
OVERTAKEN = "not sent: the station belongs there by now"
GONE = (503,)
"""Session-Context-Not-Found: there is nobody to throw out, which is what was wanted."""
ERROR_CAUSES = {
    201: "Residual-Session-Context-Removed",
    401: "Unsupported-Attribute",
    402: "Missing-Attribute",
    403: "NAS-Identification-Mismatch",
    404: "Invalid-Request",
    405: "Unsupported-Service",
    406: "Unsupported-Extension",
    407: "Invalid-Attribute-Value",
    501: "Administratively-Prohibited",
    503: "Session-Context-Not-Found",
    504: "Session-Context-Not-Removable",
    506: "Resources-Unavailable",
    508: "Multiple-Session-Selection-Unsupported",
}
_CALLING_STATION_ID, _NAS_IDENTIFIER, _ACCT_SESSION_ID, _EVENT_TIMESTAMP, _ERROR_CAUSE = 31, 32, 44, 55, 101


@dataclass(frozen=True, slots=True)
class BoxDas:
    """Where a box listens for Disconnects, and the secret shared with it."""

    address: str
    port: int
    secret: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """`ended`: the session is no more, ended by this or gone before. `text` says what the box said."""

    ended: bool
    text: str


class Disconnector:
    """Sends Disconnects; `close` it after."""

    def __init__(self, boxes: Mapping[str, BoxDas], waits_s: Sequence[float] = WAITS_S) -> None:
        self._boxes = boxes
        self._waits_s = waits_s
        self._transports: dict[str, asyncio.DatagramTransport] = {}
        self._waiting: dict[tuple[str, int], asyncio.Queue[bytes]] = {}
        self._next_id = secrets.randbelow(256)

    def reach(self, boxes: Mapping[str, BoxDas]) -> None:
        """These too from now on. Whom we knew stays known, as there may be somebody to throw out."""
        for name, box in boxes.items():
            if self._boxes.get(name, box) != box and name in self._transports:
                self._transports.pop(name).close()
        self._boxes = {**self._boxes, **boxes}

    def close(self) -> None:
        for transport in self._transports.values():
            transport.close()
        self._transports.clear()

    async def disconnect(self, order: Disconnect, wanted: Callable[[], bool] = lambda: True) -> Answer:
        """Until the box has answered or three times has not; `wanted` is asked each time. Raises ShellError."""
        box = self._boxes.get(order.box)
        if box is None:
            raise ShellError("RADIUS", f"{order.box}: {order.station} stays, as the box is known no more")
        transport = await self._open(order.box)
        request = make_request(order, box.secret, self._free_id(order.box), int(time.time()))
        octets = request.RequestPacket()
        key = (order.box, request.id)
        heard = self._waiting[key] = asyncio.Queue(MAX_HEARD)
        try:
            for wait_s in self._waits_s:
                if not wanted():
                    return Answer(ended=False, text=OVERTAKEN)
                transport.sendto(octets)
                reply = await _genuine(request, heard, wait_s)
                if reply is not None:
                    return read_answer(reply)
        finally:
            del self._waiting[key]
        return Answer(ended=False, text=NO_ANSWER)

    async def _open(self, name: str) -> asyncio.DatagramTransport:
        """A connected socket for each box, so that the kernel drops what others send; made when it is first needed,
        as there may be no route to the box before.
        """
        box = self._boxes[name]
        if name not in self._transports:
            try:
                transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                    lambda: _Protocol(name, self._waiting), remote_addr=(box.address, box.port)
                )
            except OSError as error:
                raise ShellError("RADIUS", f"{name}: {box.address} port {box.port}: {error}") from error
            if name in self._transports:  # somebody was faster
                transport.close()
            else:
                self._transports[name] = transport
        return self._transports[name]

    def _free_id(self, box: str) -> int:
        """An identifier without a request under way; with 256 of them under way the oldest has waited long enough."""
        for _ in range(256):
            self._next_id = (self._next_id + 1) % 256
            if (box, self._next_id) not in self._waiting:
                break
        else:
            raise ShellError("RADIUS", f"{box}: 256 Disconnects are under way")
        return self._next_id


def make_request(order: Disconnect, secret: bytes, identifier: int, now_s: int) -> radius.CoAPacket:
    """The Disconnect-Request, not yet signed: `RequestPacket` does that."""
    request = radius.CoAPacket(code=radius.DisconnectRequest, id=identifier, secret=secret)
    request.add_message_authenticator()
    request[_NAS_IDENTIFIER] = [order.box.encode()]
    request[_CALLING_STATION_ID] = [str(order.station).upper().replace(":", "-").encode()]
    if order.session_id:
        request[_ACCT_SESSION_ID] = [order.session_id.encode()]
    request[_EVENT_TIMESTAMP] = [now_s.to_bytes(4, "big")]
    return request


def parse_reply(request: radius.CoAPacket, octets: bytes) -> radius.CoAPacket | None:
    """The answer to this request; None for anything that the box did not sign."""
    try:
        reply = request.CreateReply(packet=octets)
    except radius.PacketError:
        return None
    known = reply.code in (radius.DisconnectACK, radius.DisconnectNAK)
    return reply if known and request.VerifyReply(reply, octets) else None


def read_answer(reply: radius.CoAPacket) -> Answer:
    """What a genuine reply says."""
    if reply.code == radius.DisconnectACK:
        return Answer(ended=True, text="Disconnect-ACK")
    values = reply.get(_ERROR_CAUSE, [])
    cause = int.from_bytes(values[0], "big") if values else 0
    return Answer(cause in GONE, f"Disconnect-NAK: {ERROR_CAUSES.get(cause, f'Error-Cause {cause}')}")


async def _genuine(
    request: radius.CoAPacket, heard: asyncio.Queue[bytes], wait_s: float
) -> radius.CoAPacket | None:
    """The box's own answer; None if there is none within the time."""
    try:
        async with asyncio.timeout(wait_s):
            while (reply := parse_reply(request, await heard.get())) is None:
                pass  # somebody else's
            return reply
    except TimeoutError:
        return None


class _Protocol(asyncio.DatagramProtocol):
    def __init__(self, box: str, waiting: Mapping[tuple[str, int], asyncio.Queue[bytes]]) -> None:
        self._box = box
        self._waiting = waiting

    def datagram_received(self, data: bytes, addr: object) -> None:  # noqa: ARG002 connected
        heard = self._waiting.get((self._box, data[1])) if len(data) >= 20 else None
        if heard is not None and not heard.full():
            heard.put_nowait(data)

    def error_received(self, exc: Exception) -> None:
        """The box's host says that nobody listens there: the request is sent again, as if it were lost."""
