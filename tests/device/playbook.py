"""The device's machine with a virtual clock, fake access points and a lossy link: a value that tests drive and read."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from device.agent import next_deadline, step
from device.choice import PinnedLedger, Wish
from device.events import (
    Command,
    DatagramReceived,
    DeadlineReached,
    Event,
    Failure,
    PurchaseSigned,
    RequestSigned,
    Send,
    SignPurchase,
    SignRequest,
    Started,
    Tell,
)
from device.fake_access_point import FakeAccessPoint
from device.state import Phase, Signed, State
from nas_tunnel.lobby import LobbyMessage, write_lobby
from wire.grant import Grant
from wire.ids import MacAddress
from wire.join_request import JoinRequest, write_join_request
from wire.keys import PrivateKey
from wire.transaction import Transaction, sign_transaction
from wire.units import Now

STATION = MacAddress(b"\x02\0\0\0\0\x77")
BUYER = PrivateKey.from_secret(7)
WISH = Wish(floor_down_bps=2_000_000, floor_up_bps=500_000)
START = Now(mono_ns=5_000_000_000, utc_ms=1_700_000_000_000)
C = TypeVar("C")
LATENCY_NS = 1_000_000
OVER = frozenset({Phase.JOINED, Phase.ENDED, Phase.FAILED})


@dataclass
class World:
    """One device and the access points around it. `sent` and `commands` are everything that came out of the machine."""

    now: Now = START
    aps: dict[str, FakeAccessPoint] = field(default_factory=dict)
    state: State = State(BUYER.public, STATION, WISH, None)
    sent: list[Send] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    inbox: list[tuple[int, DatagramReceived]] = field(default_factory=list)
    lose: Callable[[bytes], bool] = lambda _: False

    def add(self, address: str = "ap", **terms: object) -> FakeAccessPoint:
        fake = FakeAccessPoint(BUYER.public, lambda: self.now.utc_s)
        for name, value in terms.items():
            setattr(fake, name, value)
        self.aps[address] = fake
        return fake

    def trust(self, fake: FakeAccessPoint) -> World:
        self.change(pinned=PinnedLedger(fake.ledger.public, fake.ledger_id))
        return self

    def change(self, **changes: object) -> World:
        self.state = replace(self.state, **changes)  # type: ignore[arg-type]  # a test names real fields
        return self

    def feed(self, event: Event) -> list[Command]:
        """>> event, << commands; what is to be signed is signed, what is to be sent goes to the access points."""
        self.state, commands = step(self.state, event, self.now)
        self.commands += commands
        for command in commands:
            match command:
                case Send():
                    self._carry(command)
                case SignPurchase(allocate, valid_until_s, ledger_id):
                    signed = sign_transaction(
                        Transaction(allocate, bytes(8), valid_until_s), BUYER, ledger_id
                    )
                    commands = commands + self.feed(
                        PurchaseSigned(signed.envelope.encoded, signed.transaction_id)
                    )
                case SignRequest(purpose, grant_id, station, bssid, challenge):
                    request = JoinRequest(purpose, grant_id, station, bssid, challenge)
                    commands = commands + self.feed(RequestSigned(write_join_request(request, BUYER)))
        return commands

    def hear(self, message: LobbyMessage, address: str = "ap") -> list[Command]:
        return self.feed(DatagramReceived(address, write_lobby(message)))

    def run(self, until: frozenset[Phase] = OVER, at_most_s: int = 3_600) -> State:
        """Lets datagrams arrive and timers go off, in order, until a phase is reached."""
        end_ns = self.now.mono_ns + at_most_s * 1_000_000_000
        while self.state.phase not in until:
            deadline = next_deadline(self.state, self.now)
            arrival = min((at for at, _ in self.inbox), default=None)
            due = min(at for at in (deadline, arrival, end_ns) if at is not None)
            self.pass_ns(due - self.now.mono_ns)
            if due == end_ns:
                break
            if arrival == due:
                event = next(event for at, event in self.inbox if at == due)
                self.inbox.remove((due, event))
                self.feed(event)
            else:
                self.feed(DeadlineReached())
        return self.state

    def buy(self) -> State:
        self.feed(Started())
        return self.run()

    def fail(self) -> Failure:
        """Buys, and expects that it fails."""
        self.buy()
        return self.failure

    def fail_later(self) -> Failure:
        """Goes on, and expects that it fails."""
        self.run()
        return self.failure

    @property
    def failure(self) -> Failure:
        assert self.state.failure is not None
        return self.state.failure

    @property
    def grant(self) -> Grant:
        assert self.state.grant is not None
        return self.state.grant

    @property
    def purchase(self) -> Signed:
        assert self.state.purchase is not None
        return self.state.purchase

    @property
    def pinned(self) -> PinnedLedger:
        assert self.state.pinned is not None
        return self.state.pinned

    @property
    def texts(self) -> list[str]:
        return [command.text for command in self.commands if isinstance(command, Tell)]

    def pass_ns(self, ns: int) -> None:
        ns = max(0, ns)
        mono_ns = self.now.mono_ns + ns
        passed_ms = mono_ns // 1_000_000 - self.now.mono_ns // 1_000_000
        self.now = Now(mono_ns, self.now.utc_ms + passed_ms)

    def count(self, kind: type) -> int:
        return sum(isinstance(send.message, kind) for send in self.sent)

    def told(self, kind: type[C]) -> list[C]:
        return [command for command in self.commands if isinstance(command, kind)]

    def _carry(self, send: Send) -> None:
        self.sent.append(send)
        data = write_lobby(send.message)
        for address, fake in self.aps.items():
            if send.address not in (None, address) or self.lose(data):
                continue
            answer = fake.answer(data)
            if answer is not None and not self.lose(answer):
                self.inbox.append((self.now.mono_ns + LATENCY_NS, DatagramReceived(address, answer)))


def lossy(seed: int, loss_percent: int) -> Callable[[bytes], bool]:
    chance = random.Random(seed)
    return lambda _: chance.randrange(100) < loss_percent
