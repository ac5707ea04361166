"""How commands travel: over a UNIX or TCP socket, whole or in pieces; what cannot be reached is said by name."""

import socket
import threading
from contextlib import contextmanager

import pytest

from apd.shells.tpm_transport import open_transport
from wire.errors import ConfigError, ShellError

RESPONSE = bytes.fromhex("80010000000c00000000") + b"ok"


@contextmanager
def tpm_that_answers(listener, *pieces):
    """One client, one command, these pieces in return, then the end of the connection."""

    def serve():
        connection, _ = listener.accept()
        with connection:
            if connection.recv(4_096):
                for piece in pieces:
                    connection.sendall(piece)

    listener.listen()
    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        thread.join(10)
        listener.close()
        assert not thread.is_alive()


def unix_listener(path):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    return listener


def test_a_response_in_pieces_is_put_together(tmp_path):
    with tpm_that_answers(unix_listener(tmp_path / "tpm"), RESPONSE[:3], RESPONSE[3:11], RESPONSE[11:]):
        transport = open_transport(f"swtpm:path={tmp_path}/tpm")
        assert transport.exchange(b"command") == RESPONSE
        assert transport.raw
        transport.close()


def test_a_tcp_port_will_do():
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    with tpm_that_answers(listener, RESPONSE):
        transport = open_transport(f"swtpm:port={listener.getsockname()[1]}")
        assert transport.exchange(b"command") == RESPONSE
        transport.close()


def test_a_tpm_that_goes_away_is_a_shell_error(tmp_path):
    with tpm_that_answers(unix_listener(tmp_path / "tpm"), RESPONSE[:5]):
        transport = open_transport(f"swtpm:path={tmp_path}/tpm")
        with pytest.raises(ShellError, match="closed the connection"):
            transport.exchange(b"command")
        transport.close()


@pytest.mark.parametrize("size", [0, 9, 5_000])
def test_an_absurd_size_is_a_shell_error(tmp_path, size):
    with tpm_that_answers(unix_listener(tmp_path / "tpm"), b"\x80\x01" + size.to_bytes(4, "big") + bytes(4)):
        transport = open_transport(f"swtpm:path={tmp_path}/tpm")
        with pytest.raises(ShellError, match=f"a response of {size} bytes"):
            transport.exchange(b"command")
        transport.close()


def test_a_device_that_does_not_exist_is_said():
    with pytest.raises(ShellError, match=r"device:/dev/no-such-tpm: No such file"):
        open_transport("device:/dev/no-such-tpm")


def test_a_socket_that_does_not_exist_is_said(tmp_path):
    with pytest.raises(ShellError, match="swtpm:path="):
        open_transport(f"swtpm:path={tmp_path}/none")


@pytest.mark.parametrize("tcti", ["swtpm:", "swtpm:host=127.0.0.1", "swtpm:port=x"])
def test_a_text_that_names_no_socket_is_the_operators_fault(tcti):
    with pytest.raises(ConfigError, match="want swtpm:path"):
        open_transport(tcti)


def test_a_device_is_written_and_read_once_per_command(tmp_path):
    """A file stands in for the kernel's device: what matters is that commands are not split."""
    device = tmp_path / "tpmrm0"
    device.touch()
    transport = open_transport(f"device:{device}")
    assert not transport.raw, "the kernel's resource manager keeps users apart"
    assert transport.exchange(b"command") == b""
    assert device.read_bytes() == b"command"
    transport.close()


def test_an_unknown_transport_is_left_to_the_library():
    pytest.importorskip("tpm2_pytss", reason="tpm2-pytss is not installed")
    with pytest.raises(ShellError, match="no-such-tcti"):
        open_transport("no-such-tcti:whatever")
