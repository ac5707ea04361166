"""A fake wpa_supplicant, for tests of the paying side: the control socket's protocol and limits, over a fake air.

`reply` is the protocol; `serve` puts it on a real Unix datagram socket, with events to whoever attached. Replies have
room for 4,096 bytes, as the real ones. It keeps the last two GAS responses, knows the settings that we use, and
refuses others. tests/system holds it against the real program, as far as that runs without a radio.
"""

import contextlib
import select
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from device.anqp import Found
from device.fake_air import FakeAir, FakeBss
from device.membership import ANCHOR_BLOB, CERTIFICATE_BLOB, KEY_BLOB
from device.wpa import REPLY_BYTES
from wire.ids import MacAddress

SETTINGS = frozenset({
    "ssid", "id_str", "proto", "key_mgmt", "ieee80211w", "eap", "identity", "ca_cert", "client_cert", "private_key",
    "phase1", "bssid",
})  # fmt: skip
"""Names that SET_NETWORK takes here."""
_BLOBS = {"ca_cert": ANCHOR_BLOB, "client_cert": CERTIFICATE_BLOB, "private_key": KEY_BLOB}


@dataclass(slots=True)
class FakeNetwork:
    """A network block."""

    settings: dict[str, str] = field(default_factory=dict)
    enabled: bool = False


@dataclass(slots=True)
class FakeSupplicant:
    """One interface. Everything that was asked is in `heard`; what is not said of events waits in `events`."""

    air: FakeAir
    networks: dict[int, FakeNetwork] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    heard: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    current: int | None = None
    bssid: MacAddress | None = None
    silent: bool = False
    """Takes requests and answers none."""
    fail: dict[str, str] = field(default_factory=dict)
    """The next reply to a command, by its first word."""
    found: tuple[Found, ...] = ()
    """By the last scan."""
    responses: list[tuple[MacAddress, int, bytes]] = field(default_factory=list)
    token: int = 0

    def reply(self, command: str) -> str:
        """To one request; cut to what a reply has room for."""
        self.heard.append(command)
        word, _, rest = command.partition(" ")
        if word in self.fail:
            return self.fail.pop(word)
        handler = _COMMANDS.get(word)
        if handler is None:
            return "UNKNOWN COMMAND\n"
        return handler(self, rest)[: REPLY_BYTES - 1]

    def say(self, text: str) -> None:
        self.events.append(f"<3>{text}")

    # ---- Looking around

    def scan(self, _rest: str) -> str:
        self.found = self.air.found()
        self.say("CTRL-EVENT-SCAN-STARTED ")
        self.say("CTRL-EVENT-SCAN-RESULTS ")
        return "OK\n"

    def bss(self, rest: str) -> str:
        which, _, mask = rest.partition(" MASK=")
        found = self.found
        word, _, text = which.partition("-")
        number = 0 if word == "FIRST" else int(text) + (word == "NEXT")
        if not 0 <= number < len(found):
            return ""
        one = found[number]
        if int(mask, 16) == 0x400:
            line = f"ie={one.elements.hex()}\n"
            return line if len(line) < REPLY_BYTES else ""
        return f"id={number}\nbssid={one.bssid}\nlevel={one.signal_dbm}\nage={one.age_s}\n"

    def gas_request(self, rest: str) -> str:
        address, protocol, query = rest.split(" ")
        bssid = MacAddress.parse(address)
        if protocol != "00" or bssid not in self.air.cells:
            return "FAIL\n"
        self.token = (self.token + 1) % 256
        response = self.air.respond(bssid, bytes.fromhex(query), protected=bssid == self.bssid)
        size = -1 if response is None else len(response)
        self.say(f"GAS-RESPONSE-INFO addr={bssid} dialog_token={self.token} status_code=0 resp_len={size}")
        if response is not None:
            self.responses = [*self.responses[-1:], (bssid, self.token, response)]
        return "OK\n"

    def gas_response_get(self, rest: str) -> str:
        address, token, *part = rest.split(" ")
        for bssid, number, response in self.responses:
            if (str(bssid), str(number)) == (address, token):
                at, length = (int(text) for text in part[0].split(",")) if part else (0, len(response))
                if length * 2 + 1 > REPLY_BYTES:
                    return "FAIL-Too long response\n"
                if at + length > len(response):
                    return "FAIL-Invalid range\n"
                return response[at : at + length].hex()
        return "FAIL-Unknown response id\n"

    # ---- Networks

    def add_network(self, _rest: str) -> str:
        number = max(self.networks, default=-1) + 1
        self.networks[number] = FakeNetwork()
        return f"{number}\n"

    def set_network(self, rest: str) -> str:
        number, name, value = rest.split(" ", 2)
        network = self._network(number)
        if network is None or name not in SETTINGS:
            return "FAIL\n"
        network.settings[name] = value
        return "OK\n"

    def get_network(self, rest: str) -> str:
        number, name = rest.split(" ")
        network = self._network(number)
        return "FAIL\n" if network is None else network.settings.get(name, "FAIL\n")

    def list_networks(self, rest: str) -> str:
        after = int(rest.removeprefix("LAST_ID=")) if rest else -1
        lines = ["network id / ssid / bssid / flags"]
        for number, network in sorted(self.networks.items()):
            flags = "[CURRENT]" if number == self.current else "" if network.enabled else "[DISABLED]"
            line = f"{number}\t{_escape(network.settings.get('ssid', ''))}\tany\t{flags}"
            if number > after and sum(map(len, lines)) + len(lines) + len(line) < REPLY_BYTES - 1:
                lines.append(line)
        return "\n".join(lines) + "\n"

    def set(self, rest: str) -> str:
        kind, _, blob = rest.partition(" ")
        name, space, digits = blob.partition(" ")
        if kind != "blob" or not space or len(digits) % 2:
            return "FAIL\n"
        self.blobs[name] = bytes.fromhex(digits)
        return "OK\n"

    def select_network(self, rest: str) -> str:
        chosen = self._network(rest)
        if chosen is None:
            return "FAIL\n"
        for network in self.networks.values():
            network.enabled = network is chosen
        self.current = int(rest)
        self._join(chosen)
        return "OK\n"

    def enable_network(self, rest: str) -> str:
        network = self._network(rest)
        if network is None:
            return "FAIL\n"
        network.enabled = True
        return "OK\n"

    def remove_network(self, rest: str) -> str:
        if self.networks.pop(int(rest), None) is None:
            return "FAIL\n"
        if self.current == int(rest):
            self.lose_link(3)
            self.current = None
        return "OK\n"

    def disconnect(self, _rest: str) -> str:
        self.lose_link(3)
        return "OK\n"

    def reconnect(self, _rest: str) -> str:
        if self.current is not None and self.bssid is None:
            self.associate()
        return "OK\n"

    def status(self, _rest: str) -> str:
        state = "COMPLETED" if self.bssid else "DISCONNECTED"
        return (
            f"bssid={self.bssid}\nid={self.current}\nwpa_state={state}\n"
            if self.bssid
            else f"wpa_state={state}\n"
        )

    def _network(self, number: str) -> FakeNetwork | None:
        return self.networks.get(int(number))

    # ---- The radio

    def _join(self, network: FakeNetwork) -> None:
        blobs = {name: self._blob(network, name) for name in _BLOBS}
        if None in blobs.values() or not blobs["private_key"]:
            self.say("CTRL-REQ-PASSPHRASE-0:Private key passphrase needed for SSID airgrant")
            return
        cell = self._find(network)
        match self.air.authenticate(cell, blobs["ca_cert"] or b"", blobs["client_cert"] or b""):
            case "in":
                self.associate()
            case "absent":
                self.say("CTRL-EVENT-NETWORK-NOT-FOUND ")
            case "strange":
                self.say(
                    "CTRL-EVENT-EAP-TLS-CERT-ERROR reason=1 depth=0 subject='/CN=mallory' "
                    "err='unable to get local issuer certificate'"
                )
                self._fail_eap()
            case _:
                self._fail_eap()

    def associate(self) -> None:
        """At the loudest of the current network, now, as after a roam."""
        assert self.current is not None
        cell = self._find(self.networks[self.current])
        assert cell is not None
        self.bssid = cell.shop.bssid
        self.say(
            f"CTRL-EVENT-CONNECTED - Connection to {self.bssid} completed [id={self.current} id_str=airgrant/]"
        )

    def _find(self, network: FakeNetwork) -> FakeBss | None:
        pinned = network.settings.get("bssid", "any")
        bssid = None if pinned == "any" else MacAddress.parse(pinned)
        return self.air.find(bytes.fromhex(network.settings["ssid"]), bssid)

    def lose_link(self, reason: int) -> None:
        if self.bssid is not None:
            self.say(f"CTRL-EVENT-DISCONNECTED bssid={self.bssid} reason={reason} locally_generated=1")
        self.bssid = None

    def _fail_eap(self) -> None:
        self.say("CTRL-EVENT-EAP-FAILURE EAP authentication failed")
        self.say("CTRL-EVENT-DISCONNECTED bssid=02:00:00:00:00:01 reason=23")
        self.say(
            f'CTRL-EVENT-SSID-TEMP-DISABLED id={self.current} ssid="x" auth_failures=1 duration=10 reason=AUTH_FAILED'
        )

    def _blob(self, network: FakeNetwork, name: str) -> bytes | None:
        found = network.settings.get(name, "")
        return self.blobs.get(found.removeprefix('"blob://').removesuffix('"'))


def _escape(digits: str) -> str:
    return "".join(chr(octet) if 32 <= octet < 127 else f"\\x{octet:02x}" for octet in bytes.fromhex(digits))


_COMMANDS = {
    "PING": lambda _fake, _rest: "PONG\n",
    "SCAN": FakeSupplicant.scan,
    "BSS": FakeSupplicant.bss,
    "GAS_REQUEST": FakeSupplicant.gas_request,
    "GAS_RESPONSE_GET": FakeSupplicant.gas_response_get,
    "ADD_NETWORK": FakeSupplicant.add_network,
    "SET_NETWORK": FakeSupplicant.set_network,
    "GET_NETWORK": FakeSupplicant.get_network,
    "LIST_NETWORKS": FakeSupplicant.list_networks,
    "SET": FakeSupplicant.set,
    "SELECT_NETWORK": FakeSupplicant.select_network,
    "ENABLE_NETWORK": FakeSupplicant.enable_network,
    "REMOVE_NETWORK": FakeSupplicant.remove_network,
    "DISCONNECT": FakeSupplicant.disconnect,
    "RECONNECT": FakeSupplicant.reconnect,
    "STATUS": FakeSupplicant.status,
}


def serve(
    fake: FakeSupplicant, path: Path, stop: socket.socket, bound: Callable[[], None] = lambda: None
) -> None:
    """Answers on a control socket until `stop` becomes readable; says `bound` when something can connect."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as control:
        control.bind(str(path))
        bound()
        attached: list[str] = []
        while stop not in select.select([control, stop], [], [], 0.02)[0]:
            _answer(fake, control, attached)
            while fake.events:
                event = fake.events.pop(0).encode()
                for client in attached:
                    _send(control, event, client)
    path.unlink()


def _answer(fake: FakeSupplicant, control: socket.socket, attached: list[str]) -> None:
    try:
        data, client = control.recvfrom(REPLY_BYTES * 2, socket.MSG_DONTWAIT)
    except BlockingIOError:
        return
    match data.decode():
        case "ATTACH":
            attached.append(client)
            answer = "OK\n"
        case "DETACH" if client in attached:
            attached.remove(client)
            answer = "OK\n"
        case "DETACH":
            answer = "FAIL\n"
        case command:
            answer = fake.reply(command)
    if not fake.silent:
        _send(control, answer.encode(), client)


def _send(control: socket.socket, data: bytes, client: str) -> None:
    with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):  # gone already
        control.sendto(data, client)
