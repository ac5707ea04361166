"""The control socket: whoever may open it gets the status, and cannot disturb."""

import asyncio
import json
import socket
import stat

import pytest

from apd.shells.control import ControlSocket, ask_daemon, ask_status
from wire.errors import DecodeError, ShellError

STATUS = {"sessions": [], "text": "ü" * 70_000}


def answer(method, arguments):
    if method == "status":
        return STATUS
    if method == "revoke":
        return {"revoked": arguments}
    raise DecodeError(f"no {method}")


def serve(path, ask):
    """`ask` runs in a thread while the socket is served."""

    async def run():
        control = ControlSocket(path)
        await control.serve(answer)
        try:
            return await asyncio.to_thread(ask)
        finally:
            control.close()

    return run()


def test_it_answers_each_connection_with_one_document(tmp_path, run_async):
    path = tmp_path / "deep" / "apd.sock"
    assert run_async(serve(path, lambda: [ask_status(path), ask_status(path)])) == [STATUS, STATUS]
    assert not path.exists()


def test_only_owner_and_group_may_ask(tmp_path, run_async):
    path = tmp_path / "apd.sock"
    mode = run_async(serve(path, lambda: stat.S_IMODE(path.stat().st_mode)))
    assert mode == 0o660


def test_a_socket_that_a_dead_daemon_left_is_taken_over(tmp_path, run_async):
    path = tmp_path / "apd.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    assert run_async(serve(path, lambda: ask_status(path))) == STATUS


def test_who_hangs_up_without_reading_disturbs_nobody(tmp_path, run_async):
    path = tmp_path / "apd.sock"
    faults = []

    def hang_up_and_ask():
        for _ in range(5):
            with socket.socket(socket.AF_UNIX) as rude:
                rude.connect(str(path))
        return ask_status(path)

    async def run():
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: faults.append(context))
        return await serve(path, hang_up_and_ask)

    assert run_async(run()) == STATUS
    assert not faults


def test_nobody_there(tmp_path):
    with pytest.raises(ShellError, match="is apd running"):
        ask_status(tmp_path / "nothing.sock")


def test_somebody_else_there(tmp_path):
    path = tmp_path / "x.sock"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()

        async def ask():
            asked = asyncio.to_thread(ask_status, path)
            task = asyncio.ensure_future(asked)
            connection, _ = await asyncio.to_thread(other.accept)
            connection.sendall(b"HTTP/1.1 400 Bad Request")
            connection.close()
            await task

        with pytest.raises(ShellError, match="is apd running"):
            asyncio.run(ask())


def test_a_place_where_no_socket_can_be(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ShellError, match="control socket"):
        asyncio.run(ControlSocket(tmp_path / "file" / "apd.sock").serve(answer))


def raw(path, octets):
    """What somebody else's program gets who ends his side after these."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(str(path))
        client.sendall(octets)
        client.shutdown(socket.SHUT_WR)
        return json.loads(b"".join(iter(lambda: client.recv(65_536), b"")))


def test_an_order_has_arguments_and_a_wrong_one_is_said_to_be(tmp_path, run_async):
    path = tmp_path / "apd.sock"
    assert run_async(serve(path, lambda: ask_daemon(path, "revoke", grant="00"))) == {
        "revoked": {"grant": "00"}
    }
    with pytest.raises(DecodeError, match="no sell"):
        run_async(serve(path, lambda: ask_daemon(path, "sell")))


@pytest.mark.parametrize("octets", [b"", b"\n", b'{"method": "status"}', b'{"method": "status"}\n'])
def test_who_says_nothing_gets_the_status(tmp_path, run_async, octets):
    path = tmp_path / "apd.sock"
    assert run_async(serve(path, lambda: raw(path, octets))) == STATUS


@pytest.mark.parametrize(
    "octets", [b"GET / HTTP/1.1\r\n", b"[]\n", b'{"method": 1}\n', b"{" + b"x" * 5_000, b"[" * 900, b"\xff\n"]
)
def test_what_is_no_question_is_answered_with_what_one_is(tmp_path, run_async, octets):
    path = tmp_path / "apd.sock"
    assert "a question is one line" in run_async(serve(path, lambda: raw(path, octets)))["error"]
