"""The socket itself, against the kernel that runs this test; looking at devices needs no privilege."""

import socket

import pytest

from tc_shaper import rtnetlink
from tc_shaper.attributes import Message
from tc_shaper.netlink import NetlinkSocket, RefusedError
from wire.errors import ShellError

LOOPBACK = socket.if_nametoindex("lo")


@pytest.fixture
def route():
    opened = NetlinkSocket(rtnetlink.ROUTE_PROTOCOL, "rtnetlink")
    yield opened
    opened.close()


def test_answers_come_in_the_order_of_the_requests(route):
    answers = route.batch([rtnetlink.get_link(LOOPBACK)] * 300)
    assert len(answers) == 300
    assert rtnetlink.read_link(answers[299]).address == bytes(6)


def test_a_refusal_names_the_request_and_the_next_batch_is_not_disturbed_by_it(route):
    wanted, absent = rtnetlink.get_link(LOOPBACK), rtnetlink.get_link(2**30)
    with pytest.raises(RefusedError, match="ENODEV") as caught:
        route.batch([wanted, wanted, absent, wanted])
    assert caught.value.index == 2
    assert len(caught.value.answers) == 3
    assert len(route.batch([wanted])) == 1


def test_a_dump_ends_with_its_last_answer(route):
    kinds = {message.kind for message in route.dump(Message(rtnetlink.RTM_GETLINK, 0, bytes(16)))}
    assert kinds == {rtnetlink.RTM_NEWLINK}


def test_a_protocol_that_the_kernel_lacks_is_a_shell_error():
    with pytest.raises(ShellError, match="nothing"):
        NetlinkSocket(31, "nothing")
