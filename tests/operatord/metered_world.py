"""A device and an operator that pay and are paid in simulated time; either may cheat, vanish or crash at any moment.

Both sides are the real state machines; between them datagrams are late, lost and repeated. What really flowed is known
here alone, so that it can be said who lost what.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address

from device import paying as device
from device.paying import Count, Pay, PayAgain, Paying, Purse, StopPaying, finished, unfinished
from market.metered import MEGABYTE, increment_ubc
from operatord import channels
from operatord.channel import Channels, Rules, Terms
from operatord.commands import Command, Disconnect, Earn, KeepChannel
from operatord.state import Use
from tests.operatord.world import ALICE, BSSIDS, PARTNER, PHONE, PROVIDER
from wire.meter_statement import MeterStatement
from wire.micropayment import Micropayment
from wire.payment import PaymentWord
from wire.qos import Qos
from wire.tariff import Tariff

INSTANCE, TERMS_ID = b"i" * 32, b"terms id"
PERMIT = channels.permit_id_of(INSTANCE, ALICE.public)
RATES = Qos(2_000_000, 4_000_000, 500_000, 4_000_000)
BY_TIME = Tariff(6_000, 0, 10, RATES, IPv4Address("192.0.2.1"))
BY_VOLUME = Tariff(0, 4_000, 60, RATES, IPv4Address("192.0.2.1"))
BY_BOTH = Tariff(600, 4_000, 60, RATES, IPv4Address("192.0.2.1"))
STEP_MS = 250
INTERIM_MS = 60_000
DEPOSIT_UBC = 10**9


def new_book(tariff: Tariff, missed_allowed: int = 1, limit_ubc: int = DEPOSIT_UBC) -> Channels:
    """An operator that has heard of one channel, and sells at two boxes."""
    owners = {"roof": PROVIDER.public, "yard": PARTNER.public}
    places = {(box, BSSIDS[box].octets): Terms(tariff, TERMS_ID, owner) for box, owner in owners.items()}
    book = Channels(INSTANCE, Rules(missed_allowed), places)
    channels.hear_channel(book, ALICE.public, 0, limit_ubc)
    return book


def use(box: str = "roof") -> Use:
    return Use(PERMIT, box, BSSIDS[box], PHONE, 0, 0)


@dataclass(frozen=True, slots=True)
class Plan:
    """Who does what, and when (milliseconds). None: never."""

    tariff: Tariff = BY_TIME
    missed_allowed: int = 1
    rate_bytes_per_s: int = 300_000
    ends_ms: int = 300_000
    stops_paying_ms: int | None = None
    """The device goes on using, and pays no more."""
    understates_ppm: int = 0
    """The device says that it had so much less."""
    crashes_ms: int | None = None
    """The device forgets all that is not on disk, between keeping and sending if it can, and begins anew."""
    restarts_ms: int | None = None
    """The operator forgets all that is not on disk."""
    stops_serving_ms: int | None = None
    """Nothing flows any more, and the operator goes on taking payments."""
    goes_silent_ms: int | None = None
    """Nothing flows, and nobody says a word."""
    asks_for_more_ubc: int = 0
    """The operator's words ask for so much too much."""
    loss_ppm: int = 0
    latency_ms: int = 30
    replays: bool = False
    """Somebody on the way sends every payment that he ever saw again and again."""
    slow_clock_ppm: int = 0
    """The device's clock is so much behind."""


@dataclass(slots=True)
class World:
    """One run. Afterwards: what was paid, had, and lost."""

    plan: Plan
    chance: random.Random
    book: Channels = field(init=False)
    paying: Paying | None = None
    now_ms: int = 0
    kept: Purse = Purse(limit_ubc=DEPOSIT_UBC)
    """The device's disk."""
    disk: dict[str, object] = field(default_factory=dict)
    had_bytes: int = 0
    had_ms: int = 0
    session_bytes: int = 0
    told_bytes: int = 0
    """What the box has told the operator of that."""
    served: bool = True
    out: bool = False
    """The station was disconnected."""
    left: bool = False
    reasons: list[str] = field(default_factory=list)
    earned_ubc: int = 0
    mail: list[tuple[int, Callable[[], None]]] = field(default_factory=list)
    last_pay: Pay | None = None
    seen: list[tuple[Micropayment, MeterStatement]] = field(default_factory=list)
    sessions: int = 0
    to_crash: bool = False

    def __post_init__(self) -> None:
        self.book = new_book(self.plan.tariff, self.plan.missed_allowed)

    # ---- The run

    def run(self) -> World:
        self.enter()
        next_interim = INTERIM_MS
        while self.now_ms < self.plan.ends_ms:
            self.now_ms += STEP_MS
            self._flow()
            self._deliver()
            if self.now_ms >= next_interim and not self.out and not self.left:
                next_interim += INTERIM_MS
                self.told_bytes = self.had_bytes
                self._order(channels.count(self.book, PERMIT, self.had_bytes, self.now_ms))
            if self.now_ms == self.plan.restarts_ms:
                self._restart_operator()
            if self.now_ms == self.plan.crashes_ms:
                self.to_crash = True
            if self.plan.replays and self.seen and self.chance.random() < 0.5:
                self._hear_payment(*self.chance.choice(self.seen))
            self._order(channels.pass_time(self.book, self.now_ms))
            self._look()
        return self

    def enter(self, box: str = "roof") -> None:
        """Associates at a box; the device begins to pay."""
        assert channels.refuse(self.book, PERMIT, box, BSSIDS[box].octets) == ""
        self.out = False
        self._order(channels.begin(self.book, use(box), self.told_bytes, self.now_ms))
        self._order(
            channels.count(self.book, PERMIT, self.had_bytes, self.now_ms)
        )  # of the session before, late
        self._order(channels.count_from(self.book, PERMIT, self.had_bytes))
        self._start_device()

    def _start_device(self) -> None:
        self.sessions += 1
        self.session_bytes = 0
        name = self.sessions.to_bytes(16, "big")
        self.paying, commands = device.start(self.plan.tariff, name, self.kept, self._device_ms())
        self._obey(commands)

    def _device_ms(self) -> int:
        return self.now_ms - self.now_ms * self.plan.slow_clock_ppm // 1_000_000

    # ---- What really happens

    def _flow(self) -> None:
        """While the station is in, and is served."""
        plan = self.plan
        ends = [moment for moment in (plan.stops_serving_ms, plan.goes_silent_ms) if moment is not None]
        self.served = all(self.now_ms <= moment for moment in ends)
        if self.out or self.left or not self.served:
            return
        grown = plan.rate_bytes_per_s * STEP_MS // 1_000
        self.had_bytes += grown
        self.session_bytes += grown
        self.had_ms += STEP_MS

    @property
    def had_ubc(self) -> int:
        """The price of what really was had, to the moment."""
        tariff = self.plan.tariff
        return (
            tariff.per_minute_ubc * self.had_ms // 60_000
            + tariff.per_megabyte_ubc * self.had_bytes // MEGABYTE
        )

    @property
    def operator_lost_ubc(self) -> int:
        return self.had_ubc - self.book.channels[ALICE.public].paid_ubc

    @property
    def device_lost_ubc(self) -> int:
        return self.kept.paid_ubc - self.had_ubc

    @property
    def increment_ubc(self) -> int:
        return increment_ubc(self.plan.tariff)

    # ---- The device

    def _count(self) -> Count:
        said = self.session_bytes - self.session_bytes * self.plan.understates_ppm // 1_000_000
        asked = 0 if self.served else self.now_ms  # somebody keeps trying: 1 kB/s
        return Count(said // 10 + asked, said - said // 10)

    def _look(self) -> None:
        if self.paying is None or self.left:
            return
        plan = self.plan
        if plan.stops_paying_ms is not None and self.now_ms >= plan.stops_paying_ms:
            return
        self.paying, commands = device.look(self.paying, self._count(), self._device_ms())
        self._obey(commands)

    def _obey(self, commands: list[device.PayCommand]) -> None:
        for command in commands:
            match command:
                case Pay():
                    assert self.paying is not None
                    assert command.cumulative_ubc >= self.kept.paid_ubc, "a device never takes money back"
                    self.kept = unfinished(self.paying)
                    if self.to_crash:  # between keeping and sending
                        self.to_crash = False
                        self.enter()
                        return
                    self.last_pay = command
                    self._send_payment(command)
                case PayAgain():
                    assert self.last_pay is not None
                    self._send_payment(self.last_pay)
                case StopPaying(reason):
                    self.reasons.append(reason)
                    self.leave()

    def leave(self) -> None:
        """The device has stopped paying, and goes."""
        assert self.paying is not None
        if not self.left:
            self.left = True
            self.kept = finished(self.paying)
            if not self.out:
                self._order(channels.count(self.book, PERMIT, self.had_bytes, self.now_ms))
                self._order(channels.end(self.book, ALICE.public, self.now_ms))

    def _send_payment(self, pay: Pay) -> None:
        assert self.paying is not None
        said = MeterStatement(self.paying.session, TERMS_ID, pay.interval, pay.up_bytes, pay.down_bytes)
        paid = Micropayment(INSTANCE, ALICE.public, pay.cumulative_ubc)
        self.seen.append((paid, said))
        self._post(lambda: self._hear_payment(paid, said))

    # ---- The operator

    def _hear_payment(self, paid: Micropayment, said: MeterStatement) -> None:
        plan = self.plan
        if plan.goes_silent_ms is not None and self.now_ms > plan.goes_silent_ms:
            return
        money = b"money %d" % paid.cumulative_ubc
        before_ubc = self.book.channels[ALICE.public].paid_ubc
        taken, commands = channels.take_payment(self.book, paid, money, said, b"said", self.now_ms)
        assert self.book.channels[ALICE.public].paid_ubc >= before_ubc, "a channel never goes back"
        self._order(commands)
        word = replace(taken.word, due_ubc=taken.word.due_ubc + plan.asks_for_more_ubc)
        shown = self.book.channels[ALICE.public].paid_ubc if taken.shown else 0
        self._post(lambda: self._hear_word(word, shown))

    def _hear_word(self, word: PaymentWord, shown_ubc: int) -> None:
        if self.paying is not None and not self.left:
            self.paying, commands = device.hear(self.paying, word, shown_ubc, self._device_ms())
            self._obey(commands)

    def _order(self, commands: list[Command]) -> None:
        for command in commands:
            match command:
                case Disconnect(why=why):
                    self.out = True
                    self.reasons.append(why)
                case Earn(amount_ubc=amount_ubc):
                    self.earned_ubc += amount_ubc
                case KeepChannel(channel):
                    assert channel.paid_ubc <= channel.limit_ubc
                    assert channel.used_ubc <= channel.paid_ubc or not channel.used_ubc
                    assert channel.earned_ubc <= channel.paid_ubc

    def _restart_operator(self) -> None:
        """What was kept is all that is known; nothing else was said to anybody before it was kept."""
        kept = list(self.book.channels.values()), list(self.book.sessions.values())
        self.book = new_book(self.plan.tariff, self.plan.missed_allowed)
        channels.restore(self.book, *kept, self.now_ms)

    # ---- The way between them

    def _post(self, arrive: Callable[[], None]) -> None:
        if self.chance.randrange(1_000_000) < self.plan.loss_ppm:
            return
        self.mail.append((self.now_ms + self.plan.latency_ms, arrive))
        if self.plan.loss_ppm and self.chance.random() < 0.1:
            self.mail.append((self.now_ms + self.chance.randrange(5_000), arrive))

    def _deliver(self) -> None:
        ready = [one for one in self.mail if one[0] <= self.now_ms]
        self.mail = [one for one in self.mail if one[0] > self.now_ms]
        for _, arrive in ready:
            if not (self.out and self.left):
                arrive()


def play(plan: Plan, seed: int = 1) -> World:
    return World(plan, random.Random(seed)).run()
