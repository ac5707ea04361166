"""The sender of the shaper's benchmark, on the loopback device."""

import socket

import pytest

from lab.bench.blast import blast, main, open_sender, send


def listen():
    ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    ear.settimeout(0.5)
    return ear


def test_each_datagram_arrives_by_itself_however_many_are_sent_at_once():
    with listen() as ear, open_sender(200) as sender:
        ear.bind(("127.0.0.1", 0))
        assert send(sender, "127.0.0.1", 200, 50, ear.getsockname()[1]) == 50
        assert [len(ear.recv(2_048)) for _ in range(50)] == [200] * 50
        with pytest.raises(TimeoutError):
            ear.recv(2_048)


def test_each_address_gets_its_own_rate():
    """A second's tenth at 2 and at 8 Mbit/s of 1,000-byte packets; a machine that pauses sends fewer, never more."""
    sent = blast({"127.0.0.1": 2_000_000, "127.0.0.2": 8_000_000}, 972, 0.2)
    assert 10 <= sent["127.0.0.1"] <= 50
    assert 2 <= sent["127.0.0.2"] / sent["127.0.0.1"] <= 6


def test_without_an_address_it_says_how_it_is_used(capsys):
    assert main(["1", "1000"]) == 2
    assert "ADDRESS=BITS_PER_SECOND" in capsys.readouterr().err
