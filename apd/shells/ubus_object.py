"""The box's own object on ubus, `airgrant`: the running daemon answers `ubus call airgrant sessions` and LuCI itself.

In: calls, whose answers come from whoever decides (apd/owner.py). Out: replies; a wrong question is an invalid
argument, a method that is not there is said to be missing. It goes on connecting, and says aloud when it cannot. Who
may call, ubusd's lists say, and for LuCI rpcd's; nothing is decided here.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from apd.commands import Note
from apd.owner import within_a_message
from apd.shells.comeback import Comeback
from apd.shells.ubus import Ubus, word
from apd.ubus_message import Attribute, Kind, Message, Status, text, write_signature
from wire.errors import DecodeError

RETRY_S = (0.2, 1.0, 5.0, 30.0)

Ask = Callable[[str, Mapping[str, Any]], dict[str, Any]]


class UbusObject:
    """Published from `start` to `close` under `name`."""

    def __init__(self, path: Path, name: str, methods: Mapping[str, Mapping[str, type]]) -> None:
        self._path, self._name, self._methods = path, name, methods
        self._bus: Ubus | None = None
        self._comeback = Comeback(RETRY_S)
        self._closed = False

    def start(self, ask: Ask, tell: Callable[[Note], None]) -> None:
        """`ask` raises DecodeError at a wrong question."""
        self._ask, self._tell = ask, tell
        self._connect()

    def close(self) -> None:
        self._closed = True
        self._hang_up()

    def _connect(self) -> None:
        self._bus = Ubus(self._publish, self._lose, self._call)
        self._bus.connect(self._path)

    def _publish(self) -> None:
        assert self._bus is not None, "it is ready"
        attributes: dict[int, bytes] = {
            Attribute.OBJECT_PATH: text(self._name),
            Attribute.SIGNATURE: write_signature(self._methods),
        }
        self._bus.request(Kind.ADD_OBJECT, attributes, self._published)

    def _published(self, status: int, _replies: list[Message]) -> None:
        """Another daemon may have it, or a list may forbid it: that is tried again like a bus that is gone."""
        if status != Status.OK:
            self._lose(f"object {self._name}: {word(status)}")
            return
        self._comeback.succeeded()
        self._tell(Note("ubus_published", f"{self._name} answers on {self._path}"))

    def _lose(self, detail: str) -> None:
        self._hang_up()
        if not self._closed:
            self._comeback.lost(self._connect, lambda: self._tell(Note("ubus_lost", detail)))

    def _hang_up(self) -> None:
        self._comeback.stop()
        if self._bus is not None:
            self._bus.close()
            self._bus = None

    def _call(self, message: Message) -> None:
        bus = self._bus
        if bus is None or message.kind != Kind.INVOKE:
            return
        method = message.text(Attribute.METHOD)
        if method not in self._methods:
            bus.reply(message, Status.METHOD_NOT_FOUND)
            return
        try:
            answer = self._ask(method, message.table(Attribute.DATA))
        except DecodeError:
            bus.reply(message, Status.INVALID_ARGUMENT)
            return
        bus.reply(message, Status.OK, within_a_message(answer))
