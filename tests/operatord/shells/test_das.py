"""Disconnect-Requests: the packets against an independent opinion, and every kind of answer."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Callable

import pytest
from pyrad import packet as radius

from operatord.commands import Disconnect
from operatord.shells import das
from operatord.shells.das import Answer, BoxDas, Disconnector, make_request, parse_reply, read_answer
from tests.operatord.world import NOW_S, PHONE, grant
from wire.errors import ShellError

SECRET = b"6f1d1f6ad1c5c7d1"
ORDER = Disconnect("roof", grant().permit_id, PHONE, "5F3C2A", "its grant has ended")

RADCLIENT = bytes.fromhex(
    "28da004d25d983ff0121ef4bce95ce5ea32e72ca50122b537fdb98b094542523cf25025cd1742006"
    "726f6f661f1330322d30302d30302d30302d30312d30302c0835463343324137066b49d200"
)
"""The same request as radclient of FreeRADIUS 3.2.1 sends it, seen on the wire:

    printf 'Message-Authenticator = 0x00\\nNAS-Identifier = roof\\nCalling-Station-Id = 02-00-00-00-01-00\\n
    Acct-Session-Id = 5F3C2A\\nEvent-Timestamp = 1800000000\\n' |
    radclient -r 1 127.0.0.1:3799 disconnect 6f1d1f6ad1c5c7d1
"""


def attributes(octets: bytes) -> dict[int, bytes]:
    found, rest = {}, octets[20:]
    while rest:
        found[rest[0]], rest = rest[2 : rest[1]], rest[rest[1] :]
    return found


def test_the_request_is_what_radclient_sends() -> None:
    ours = make_request(ORDER, SECRET, RADCLIENT[1], NOW_S).RequestPacket()
    assert attributes(ours) == attributes(RADCLIENT)
    assert (ours[0], len(ours)) == (40, len(RADCLIENT))


@pytest.mark.parametrize("octets", [RADCLIENT, make_request(ORDER, SECRET, 7, NOW_S).RequestPacket()])
def test_both_authenticators_hold(octets: bytes) -> None:
    """RFC 5176 clause 2.3 and RFC 5176 clause 3.5, computed here by hand."""
    digest = hashlib.md5(octets[:4] + bytes(16) + octets[20:] + SECRET, usedforsecurity=False).digest()
    assert octets[4:20] == digest
    message = attributes(octets)[80]
    unsigned = octets[:4] + bytes(16) + octets[20:].replace(message, bytes(16))
    assert message == hmac.digest(SECRET, unsigned, hashlib.md5)


def reply(request: radius.CoAPacket, code: int, cause: int = 0, secret: bytes = SECRET) -> bytes:
    answer = radius.CoAPacket(code=code, id=request.id, secret=secret, authenticator=request.authenticator)
    answer.add_message_authenticator()
    if cause:
        answer[101] = [cause.to_bytes(4, "big")]
    return answer.ReplyPacket()


def sent() -> radius.CoAPacket:
    request = make_request(ORDER, SECRET, 7, NOW_S)
    request.RequestPacket()
    return request


@pytest.mark.parametrize(
    ("code", "cause", "answer"),
    [
        (41, 0, Answer(ended=True, text="Disconnect-ACK")),
        (42, 503, Answer(ended=True, text="Disconnect-NAK: Session-Context-Not-Found")),
        (42, 508, Answer(ended=False, text="Disconnect-NAK: Multiple-Session-Selection-Unsupported")),
        (42, 999, Answer(ended=False, text="Disconnect-NAK: Error-Cause 999")),
        (42, 0, Answer(ended=False, text="Disconnect-NAK: Error-Cause 0")),
    ],
)
def test_answers_are_read(code: int, cause: int, answer: Answer) -> None:
    request = sent()
    heard = parse_reply(request, reply(request, code, cause))
    assert heard is not None
    assert read_answer(heard) == answer


def test_what_the_box_did_not_sign_is_no_answer() -> None:
    request = sent()
    good = reply(request, 41)
    forged = [
        reply(request, 41, secret=b"another secret"),
        good[:4] + bytes(16) + good[20:],
        good[:-1] + bytes([good[-1] ^ 1]),
        bytes([2]) + good[1:],
        good[:1] + bytes([8]) + good[2:],
        good[:19], b"", bytes(20), bytes(4_096),
    ]  # fmt: skip
    assert [parse_reply(request, octets) for octets in forged] == [None] * len(forged)
    assert parse_reply(request, good) is not None


# ---- Over a socket


class FakeDas(asyncio.DatagramProtocol):
    """A box that answers the n-th datagram with what `answers[n]` makes of it."""

    def __init__(self, *answers: Callable[[radius.CoAPacket], list[bytes]]) -> None:
        self.answers = list(answers)
        self.heard: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.heard.append(data)
        request = radius.CoAPacket(packet=data, secret=SECRET)
        assert request.VerifyCoARequest()
        for octets in self.answers.pop(0)(request) if self.answers else []:
            self.transport.sendto(octets, addr)  # type: ignore[attr-defined]


def story(
    fake: FakeDas, waits_s: tuple[float, ...] = (0.2, 0.4), wanted: Callable[[], bool] = lambda: True
) -> Answer:
    async def run() -> Answer:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: fake, local_addr=("127.0.0.1", 0))
        port = transport.get_extra_info("sockname")[1]
        disconnector = Disconnector({"roof": BoxDas("127.0.0.1", port, SECRET)}, waits_s)
        try:
            return await disconnector.disconnect(ORDER, wanted)
        finally:
            disconnector.close()
            transport.close()

    return asyncio.run(run())


def test_a_box_that_agrees(run_async) -> None:
    fake = FakeDas(lambda request: [reply(request, 41)])
    assert story(fake) == Answer(ended=True, text="Disconnect-ACK")
    assert len(fake.heard) == 1


def test_a_lost_request_is_sent_again_octet_by_octet() -> None:
    fake = FakeDas(lambda _: [], lambda request: [reply(request, 42, 503)])
    assert story(fake).ended
    assert fake.heard[0] == fake.heard[1]


def test_a_forged_answer_does_not_keep_the_true_one_out() -> None:
    fake = FakeDas(lambda request: [reply(request, 41, secret=b"x"), bytes(30), reply(request, 42, 508)])
    assert story(fake).text == "Disconnect-NAK: Multiple-Session-Selection-Unsupported"
    assert len(fake.heard) == 1


def test_a_box_that_is_silent_is_given_up() -> None:
    fake = FakeDas()
    assert story(fake) == Answer(ended=False, text=das.NO_ANSWER)
    assert len(fake.heard) == 2


def test_a_port_where_nobody_listens_is_silence(free_port) -> None:
    import socket

    async def run() -> Answer:
        boxes = {"roof": BoxDas("127.0.0.1", free_port(socket.SOCK_DGRAM), SECRET)}
        disconnector = Disconnector(boxes, (0.05, 0.05))
        try:
            return await disconnector.disconnect(ORDER)
        finally:
            disconnector.close()

    assert asyncio.run(run()) == Answer(ended=False, text=das.NO_ANSWER)


def test_a_box_without_a_route_is_told_when_it_is_needed_and_holds_up_nobody() -> None:
    """The kernel refuses the broadcast address as it refuses one without a route."""

    async def run() -> None:
        disconnector = Disconnector({"roof": BoxDas("255.255.255.255", 3799, SECRET)}, (0.01,))
        with pytest.raises(ShellError, match=r"roof: 255\.255\.255\.255 port 3799"):
            await disconnector.disconnect(ORDER)
        disconnector.close()

    asyncio.run(run())


def test_an_order_that_was_overtaken_is_not_sent_again() -> None:
    """The station is back where it was, while the first request was lost."""
    fake = FakeDas()
    wanted = iter([True, False])
    assert story(fake, wanted=lambda: next(wanted)) == Answer(ended=False, text=das.OVERTAKEN)
    assert len(fake.heard) == 1


def test_a_box_that_is_gone_is_no_fault_of_ours() -> None:
    async def run() -> None:
        disconnector = Disconnector({})
        with pytest.raises(ShellError, match="known no more"):
            await disconnector.disconnect(ORDER)

    asyncio.run(run())
