"""The flood program sends what it says; its rate is held in tests/system/test_lab_traffic.py."""

import socket
import sys

from lab.flood import main
from lab.processes import Household
from lab.traffic import HERE


def test_datagrams_of_the_asked_size_arrive(tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear, Household(tmp_path) as home:
        ear.bind(("127.0.0.1", 0))
        ear.settimeout(10)
        arguments = ["127.0.0.1", str(ear.getsockname()[1]), "1000000", "300"]
        home.start("flood", [sys.executable, HERE / "flood.py", *arguments])
        assert [len(ear.recv(2000)) for _ in range(5)] == [300] * 5


def test_wrong_arguments_show_the_usage(capsys):
    assert main([]) == 2
    assert "ADDRESS PORT BITS_PER_SECOND" in capsys.readouterr().err
