"""The device on a fake air, with a virtual clock: agent, carriage and the radio, driven by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from device.agent import next_deadline, step
from device.anqp import (
    AirEvent,
    Carriage,
    Found,
    Look,
    Query,
    QueryAnswered,
    QueryFailed,
    Remembered,
    Scan,
    ScanFinished,
    carry,
    fall_silent,
    hear,
    next_due,
    wake,
)
from device.anqp import Step as AirStep
from device.choice import PinnedLedger
from device.events import (
    Associate,
    Associated,
    AssociationFailed,
    Command,
    DeadlineReached,
    Disassociate,
    Event,
    Failure,
    MessageHeard,
    Obstacle,
    PurchaseSigned,
    Send,
    SignPurchase,
    Started,
    Tell,
)
from device.fake_access_point import FakeAccessPoint
from device.fake_air import FakeAir, FakeBss
from device.library import AIR_SETTINGS
from device.state import Phase, State
from nas_tunnel.lobby import Refused
from tests.device.playbook import BUYER, START, STATION, WISH
from wire.account_certificate import Purpose, issue, write_anchor
from wire.grant import Grant
from wire.ids import MacAddress
from wire.keys import PrivateKey
from wire.transaction import Transaction, sign_transaction
from wire.units import Now

OVER = frozenset({Phase.JOINED, Phase.ASSOCIATED, Phase.ENDED, Phase.FAILED})
SCAN_NS, QUERY_NS, LOST_NS, JOIN_NS = 3_000_000_000, 5_000_000, 2_000_000_000, 900_000_000
LEDGER, OPERATOR = PrivateKey.from_secret(13), PrivateKey.from_secret(14)
SSID = b"airgrant"


@dataclass
class AirWorld:
    """One device and the cells around it. `asked` is everything that went out over the air."""

    now: Now = START
    air: FakeAir = field(default_factory=FakeAir)
    state: State = State(BUYER.public, STATION, WISH, None, settings=AIR_SETTINGS)
    carriage: Carriage = field(default_factory=Carriage)
    asked: list[Query] = field(default_factory=list)
    scans: int = 0
    remembered: tuple[Found, ...] = ()
    commands: list[Command] = field(default_factory=list)
    inbox: list[tuple[int, AirEvent | Event]] = field(default_factory=list)
    lose: Callable[[bytes], bool] = lambda _: False
    dead_radio: bool = False
    """Joins are ordered, and nothing is heard of them."""

    def add(self, last_octet: int = 1, signal_dbm: int = -50, **terms: object) -> FakeBss:
        shop = FakeAccessPoint(
            BUYER.public,
            lambda: self.now.utc_s,
            ledger=LEDGER,
            bssid=MacAddress(bytes((2, 0, 0, 0, 0, last_octet))),
            ssid=SSID,
            operator=OPERATOR,
        )
        for name, value in terms.items():
            setattr(shop, name, value)
        return self.air.add(shop, signal_dbm)

    def trust(self) -> AirWorld:
        return self.change(pinned=PinnedLedger(LEDGER.public, bytes(32)))

    def change(self, **changes: object) -> AirWorld:
        self.state = replace(self.state, **changes)  # type: ignore[arg-type]  # a test names real fields
        return self

    def feed(self, event: Event) -> None:
        """>> event, << commands, and what follows from them at once."""
        self.state, commands = step(self.state, event, self.now)
        self.commands += commands
        for command in commands:
            match command:
                case Send():
                    self.follow(carry(self.carriage, command, self.now))
                case SignPurchase(allocate, valid_until_s, ledger_id):
                    signed = sign_transaction(
                        Transaction(allocate, bytes(8), valid_until_s), BUYER, ledger_id
                    )
                    self.feed(PurchaseSigned(signed.envelope.encoded, signed.transaction_id))
                case Associate():
                    self.carriage = fall_silent(self.carriage)
                    if not self.dead_radio:
                        self.later(JOIN_NS, self.join(command))
                case Disassociate():
                    self.air.joined = None

    def join(self, order: Associate) -> Event:

        certificate = issue(
            BUYER, Purpose.STATION, not_before_s=order.not_before_s, not_after_s=order.not_after_s, serial=1
        )
        cell = self.air.find(order.network.ssid, order.network.bssid if order.pinned else None)
        verdict = self.air.authenticate(cell, write_anchor(order.network.operator), certificate)
        if verdict == "in" and cell is not None:
            return Associated(cell.shop.bssid)
        obstacle = {"strange": Obstacle.UNKNOWN_AUTHORITY, "absent": Obstacle.NOT_FOUND}
        return AssociationFailed(obstacle.get(verdict, Obstacle.REJECTED), verdict)

    def follow(self, taken: AirStep) -> None:
        self.carriage, todo = taken
        for one in todo:
            match one:
                case Look():
                    self.follow(hear(self.carriage, Remembered(self.remembered), self.now))
                case Scan():
                    self.scans += 1
                    self.later(SCAN_NS, ScanFinished(self.air.found()))
                case Query(bssid, query):
                    self.asked.append(one)
                    response = None if self.lose(query) else self.air.respond(bssid, query)
                    if response is None:
                        self.later(LOST_NS, QueryFailed(bssid, "no response"))
                    else:
                        self.later(QUERY_NS, QueryAnswered(bssid, response))
                case event:
                    self.feed(event)

    def later(self, after_ns: int, event: AirEvent | Event) -> None:
        self.inbox.append((self.now.mono_ns + after_ns, event))

    def run(self, until: frozenset[Phase] = OVER, at_most_s: int = 3_600) -> State:
        """Lets answers arrive and timers go off, in order, until a phase is reached."""
        end_ns = self.now.mono_ns + at_most_s * 1_000_000_000
        while self.state.phase not in until:
            deadline, due = next_deadline(self.state, self.now), next_due(self.carriage)
            arrival = min((at for at, _ in self.inbox), default=None)
            next_ns = min(at for at in (deadline, due, arrival, end_ns) if at is not None)
            self.pass_ns(next_ns - self.now.mono_ns)
            if next_ns == end_ns:
                break
            if arrival == next_ns:
                self.deliver(next(entry for entry in self.inbox if entry[0] == next_ns))
            elif due == next_ns:
                self.follow(wake(self.carriage, self.now))
            else:
                self.feed(DeadlineReached())
        return self.state

    def deliver(self, entry: tuple[int, AirEvent | Event]) -> None:
        self.inbox.remove(entry)
        event = entry[1]
        if isinstance(event, AirEvent):
            self.follow(hear(self.carriage, event, self.now))
        else:
            self.feed(event)

    def buy(self, until: frozenset[Phase] = OVER) -> State:
        self.feed(Started())
        return self.run(until)

    def fail(self) -> Failure:
        """Buys, and expects that it fails."""
        self.buy()
        assert self.state.failure is not None
        return self.state.failure

    def refuse(self, reason: str) -> None:
        """An unsigned refusal of the purchase under way, as anybody in range can send one."""
        assert self.state.chosen is not None
        assert self.state.purchase is not None
        refused = Refused(self.state.purchase.transaction_id, reason, "")
        self.feed(MessageHeard(self.state.chosen.address, refused))

    @property
    def grant(self) -> Grant:
        assert self.state.grant is not None
        return self.state.grant

    @property
    def texts(self) -> list[str]:
        return [command.text for command in self.commands if isinstance(command, Tell)]

    def told(self, kind: type) -> list[Command]:
        return [command for command in self.commands if isinstance(command, kind)]

    def pass_ns(self, ns: int) -> None:
        mono_ns = self.now.mono_ns + max(0, ns)
        passed_ms = mono_ns // 1_000_000 - self.now.mono_ns // 1_000_000
        self.now = Now(mono_ns, self.now.utc_ms + passed_ms)
