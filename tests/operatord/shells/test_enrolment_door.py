"""The door of enrolment over real TLS, asked as a box asks it: who gets a certificate, and what nobody gets."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import socket
import ssl
import threading
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509

from apd.enrol import ask_for, take_answer
from apd.shells.enrolment_door import ask_door
from operatord.box_authority import pin_of
from operatord.boxes import Standing, ended, invited
from operatord.door_budget import HOST_CONNECTIONS, HOST_QUESTIONS
from operatord.settings import OperatorSettings, parse_settings
from operatord.shells.enrolment_door import EnrolmentDoor
from operatord.shells.enrolment_files import EnrolmentFiles
from tests.operatord.test_settings import TEXT
from wire.errors import ConfigError, ShellError
from wire.invitation import DOOR_PATH, Invitation, write_message
from wire.keys import PrivateKey

PORT = 28_990
WAITS_S = 2.0, 4.0
WITHOUT_BOXES = TEXT.partition("[boxes.roof]")[0]
FAR_S = 4_000_000_000
TOKEN = b"t" * 32
OPERATOR, ACCOUNT, BOX, OTHER = (PrivateKey.generate() for _ in range(4))
ENROLMENT = f'[enrolment]\naddress = "127.0.0.1"\nlisten = "127.0.0.1"\nport = {PORT}\n'


class House:
    """A door that serves, in a thread, and what it told."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "operatord.toml"
        (folder / "ca.pem").write_text(
            "-----BEGIN CERTIFICATE-----\nof the broker\n-----END CERTIFICATE-----\n"
        )
        self.files = EnrolmentFiles(folder / "enrolment")
        self.said: list[str] = []
        self.heard, self.is_away = 0, False
        settings = self.read().enrolment
        assert settings is not None
        self.door = EnrolmentDoor(settings, OPERATOR.public, self.read, self._hear, self.said.append, WAITS_S)
        self.invitation = Invitation("127.0.0.1", PORT, "roof", FAR_S, bytes(32), TOKEN)

    def read(self) -> OperatorSettings:
        page, files = tomllib.loads(WITHOUT_BOXES + ENROLMENT), self.files
        return parse_settings(page, self.file, files.records(), files.damaged())

    def _hear(self) -> None:
        if self.is_away:
            raise ShellError("control socket", "nobody is there")
        self.heard += 1

    def invite(self, name: str = "roof", token: bytes = TOKEN) -> None:
        with self.files.locked():
            self.files.make_secret(name)
            self.files.keep(invited(name, token, FAR_S, address="192.0.2.8", das_port=3799))
            pin = pin_of(self.files.open_door_key(1_790_000_000))
        self.invitation = replace(self.invitation, box=name, pin=pin, token=token)

    def ask(self, box: PrivateKey = BOX, account: PrivateKey = ACCOUNT) -> str:
        """Its certificate, after the box has looked at the answer."""
        answer = ask_door(self.invitation, ask_for(self.invitation, box, account))
        return take_answer(answer, self.invitation, box).file.certificate

    def post(self, body: bytes, path: str = DOOR_PATH) -> int:
        context = ssl._create_unverified_context()
        with contextlib.closing(
            http.client.HTTPSConnection("127.0.0.1", PORT, timeout=10, context=context)
        ) as door:
            door.request("POST", path, body)
            return door.getresponse().status


@pytest.fixture
def house(tmp_path: Path, eventually) -> Iterator[House]:
    house = House(tmp_path)
    house.invite()
    loop, stop = asyncio.new_event_loop(), asyncio.Event()

    async def serve() -> None:
        serving = asyncio.create_task(house.door.serve())
        await stop.wait()
        serving.cancel()
        await asyncio.wait([serving])

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(serve())

    thread = threading.Thread(target=run)
    thread.start()
    try:
        eventually(lambda: answers(house), "the door is open")
        yield house
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)


def answers(house: House) -> bool:
    try:
        return house.post(b"", "/") in {404, 405}
    except OSError:
        return False


def test_a_box_that_was_invited_gets_a_certificate_and_the_same_again(house: House) -> None:
    first = house.ask()
    assert x509.load_pem_x509_certificate(first.encode()).subject.rfc4514_string() == "CN=roof"
    assert house.ask() == first, "its answer may have been lost"
    (record,) = house.files.records()
    assert (record.standing, record.account) == (Standing.ENROLLED, str(ACCOUNT.public))
    assert house.heard == 1, "the second time there was nothing new"
    settings = house.read()
    assert settings.boxes["roof"].provider == ACCOUNT.public, "operatord knows the box by now"
    assert settings.addresses["roof"].address == "192.0.2.8"


@pytest.mark.parametrize(("what", "why"), [("json", "not_invited"), ("secret", "a fault")])
def test_a_box_of_which_something_is_damaged_is_not_let_in_and_another_is(
    house: House, what: str, why: str
) -> None:
    house.ask()
    whole = house.read()
    (house.files.folder / "box" / f"roof.{what}").write_text("{")
    with pytest.raises((ConfigError, ShellError), match=why):
        house.ask()
    settings = house.read()
    assert ("roof" in whole.boxes, "roof" in settings.boxes, "roof" in settings.addresses) == (
        True,
        False,
        False,
    )
    assert [one.name for one in settings.damaged] == ["roof"]
    house.invite("yard", bytes(range(1, 33)))
    account = PrivateKey.generate()
    assert house.ask(OTHER, account)
    assert house.read().boxes["yard"].provider == account.public


def test_nobody_else_gets_one(house: House) -> None:
    house.ask()
    with pytest.raises(ConfigError, match="used"):
        house.ask(OTHER)
    with house.files.locked():
        house.files.keep(ended(house.files.records()[0], 1))
    with pytest.raises(ConfigError, match="not_invited"):
        house.ask()
    assert [line for line in house.said if "not_invited" in line]


def test_the_box_says_nothing_to_another_door(house: House) -> None:
    house.invitation = replace(house.invitation, pin=bytes(32))
    with pytest.raises(ShellError, match="another key"):
        house.ask()
    assert house.files.records()[0].standing is Standing.INVITED


def test_what_is_no_question_is_refused(house: House) -> None:
    assert house.post(b"{}") == 400
    assert house.post(b"x" * 20_000) == 400
    question = ask_for(house.invitation, BOX, ACCOUNT)
    assert house.post(write_message(replace(question, request="x"))) == 400


def test_whoever_asks_too_often_waits(house: House) -> None:
    statuses = [house.post(b"{}") for _ in range(2 * HOST_QUESTIONS + 1)]
    assert 429 in statuses, "also if a minute began meanwhile"


def test_a_fault_of_ours_is_no_no(house: House) -> None:
    """And nothing is half done: the next time it works."""
    key = house.files.folder / "boxes.key"
    kept = key.read_bytes()
    key.write_text("x")
    with pytest.raises(ShellError, match="operator"):
        house.ask()
    assert house.files.records()[0].standing is Standing.INVITED
    key.write_bytes(kept)
    house.ask()


def silent() -> socket.socket:
    """A stranger of another host, who says nothing."""
    return socket.create_connection(("127.0.0.1", PORT), timeout=8, source_address=("127.0.0.9", 0))


def is_closed(stranger: socket.socket) -> bool:
    """By the door, within the stranger's eight seconds."""
    with stranger:
        try:
            return stranger.recv(1) == b""
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False


def test_whoever_is_silent_takes_nobody_s_place(house: House) -> None:
    """A thousand silent ones took every descriptor of the machine's operator once."""
    with contextlib.ExitStack() as strangers:
        held = [strangers.enter_context(silent()) for _ in range(HOST_CONNECTIONS)]
        assert all(is_closed(silent()) for _ in range(200)), "there is no room for more of him"
        assert [line for line in house.said if "127.0.0.9" in line], "and the log says so"
        assert len(house.said) <= 2, "once a minute"
        house.ask()
        assert all(is_closed(one) for one in held), "their time is over"
        assert not is_closed_now(strangers.enter_context(silent())), "and their places are free again"


def is_closed_now(stranger: socket.socket) -> bool:
    """At once, without a handshake."""
    stranger.settimeout(0.5)
    try:
        return stranger.recv(1) == b""
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False


def test_whoever_ends_the_handshake_and_is_silent_then_has_no_longer(house: House) -> None:
    context = ssl._create_unverified_context()
    with context.wrap_socket(silent()) as stranger:
        stranger.sendall(b"POST / HTTP/1.1\r\n")
        with contextlib.suppress(ConnectionResetError, ssl.SSLEOFError):
            assert stranger.recv(1) == b""
    assert house.ask()


def test_a_daemon_that_was_away_is_told_with_the_next_question(house: House) -> None:
    house.is_away = True
    house.ask()
    assert [line for line in house.said if "does not know of it yet" in line]
    house.is_away = False
    house.ask()
    assert house.heard == 1
