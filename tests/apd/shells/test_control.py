"""The control socket: whoever may open it gets the status, and cannot disturb."""

import asyncio
import socket
import stat

import pytest

from apd.shells.control import ControlSocket, ask_status
from wire.errors import ShellError

STATUS = {"sessions": [], "text": "ü" * 70_000}


def serve(path, ask):
    """`ask` runs in a thread while the socket is served."""

    async def run():
        control = ControlSocket(path)
        await control.serve(lambda: STATUS)
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
        asyncio.run(ControlSocket(tmp_path / "file" / "apd.sock").serve(dict))
